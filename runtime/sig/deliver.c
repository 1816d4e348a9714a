/* Delivery: which signal, on which stack, with which masks; default actions of those that the host
 * doesn't carry out itself. */
#include <string.h>
#include <sys/mman.h>

#include "runtime/core/core.h"
#include "runtime/sig/signal.h"
#include "runtime/strace/strace.h"
#include "runtime/thread/rseq.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
enum { GUEST_SA_RESTORER = 0x04000000 };

void signal_set_mask(Thread *t, uint64_t mask)
{
    t->mask = mask & ~SIGNALS_UNBLOCKABLE;
    uint64_t host = signal_host_mask(t->mask);
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &host, 0, sizeof host);
    if (t->held & ~t->mask) {
        jit_interrupt(&t->cpu);
    }
}

_Noreturn void signal_die(Process *p, int number, const siginfo_t *info)
{
    process_finish(p);
    if (thread_current) {
        thread_current->trace.dying = (uint32_t)number;
        siginfo_t own;
        memset(&own, 0, sizeof own);
        own.si_signo = number;
        own.si_code = SI_KERNEL;
        core_die(thread_current, info ? info : &own);
    }
    HostSigAction act = {.handler = (uintptr_t)SIG_DFL};
    host_raw4(SYS_rt_sigaction, number, &act, 0, sizeof(uint64_t));
    uint64_t mask = ~SIGNAL_BIT(number);
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
    host_raw3(SYS_tgkill, host_raw0(SYS_getpid), host_raw0(SYS_gettid), number);
    for (;;) {
        host_raw1(SYS_exit_group, 128 + number);
    }
}

/* ---- alternate stack (kernel/signal.c do_sigaltstack, include/linux/sched/signal.h) ---------- */

static bool on_alt_stack(const Thread *t, GuestAddr sp)
{
    return !(t->alt_flags & SS_AUTODISARM) && t->alt_size && sp > t->alt_sp &&
           sp - t->alt_sp <= t->alt_size;
}

long signal_set_altstack(Thread *t, const stack_t *alt)
{
    uint32_t flags = (uint32_t)alt->ss_flags, mode = flags & ~(uint32_t)SS_AUTODISARM;
    if (on_alt_stack(t, t->process->abi->stack_pointer(&t->cpu))) {
        return -EPERM;
    }
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
        return -EINVAL;
    }
    if (t->alt_sp == guest_addr(alt->ss_sp) && t->alt_size == alt->ss_size &&
        t->alt_flags == flags) {
        return 0; /* no change, of whatever size */
    }
    if (mode == SS_DISABLE) {
        t->alt_sp = 0;
        t->alt_size = 0;
    } else {
        if (alt->ss_size < t->process->abi->min_sigstack) {
            return -ENOMEM;
        }
        t->alt_sp = guest_addr(alt->ss_sp);
        t->alt_size = alt->ss_size;
    }
    t->alt_flags = flags;
    return 0;
}

void signal_get_altstack(const Thread *t, stack_t *alt)
{
    GuestAddr sp = t->process->abi->stack_pointer(&t->cpu);
    memset(alt, 0, sizeof *alt);
    alt->ss_sp = guest_ptr(t->alt_sp);
    alt->ss_size = t->alt_size;
    alt->ss_flags = (int)((!t->alt_size          ? SS_DISABLE
                           : on_alt_stack(t, sp) ? SS_ONSTACK
                                                 : 0) |
                          (t->alt_flags & SS_AUTODISARM));
}

/* ---- delivery -------------------------------------------------------------------------------- */

static bool ignored_by_default(int number)
{
    return SIGNAL_BIT(number) &
           (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT));
}

/* Enters the guest's handler. saved: the mask that its return restores. */
static void enter(Thread *t, const siginfo_t *info, const SigAction *action, uint64_t saved,
                  uint64_t syndrome, bool is_fault)
{
    const Abi *abi = t->process->abi;
    int number = info->si_signo;
    rseq_interrupted(t);
    if (t->trace.restart) {
        trace_restart(t, &action->flags);
    }
    t->trace.handler = 1;
    GuestAddr sp = abi->stack_pointer(&t->cpu);
    bool switch_stack = (action->flags & SA_ONSTACK) && t->alt_size && !on_alt_stack(t, sp);
    AbiSignal signal = {
        .number = number,
        .info = info,
        .handler = action->handler,
        .restorer = action->flags & GUEST_SA_RESTORER ? action->restorer : 0,
        .flags = action->flags,
        .saved_mask = saved,
        .stack = switch_stack ? t->alt_sp + t->alt_size : sp,
        .is_fault = is_fault,
        .fault_address = guest_addr(info->si_addr),
        .syndrome = syndrome,
    };
    /* A frame that would overflow the alternate stack it stands on is as bad as one that can't be
     * written. */
    bool overflow =
        !switch_stack && on_alt_stack(t, sp) && !on_alt_stack(t, sp - abi->min_sigstack);
    if (overflow || abi->push_frame(t, &signal)) {
        if (number == SIGSEGV) {
            signal_die(t->process, SIGSEGV, NULL);
        }
        signal_force(t, SIGSEGV, SI_KERNEL, 0);
        return;
    }
    if (t->alt_flags & SS_AUTODISARM) {
        t->alt_sp = t->alt_size = 0;
        t->alt_flags = SS_DISABLE;
    }
    uint64_t during = t->waiting ? t->wait_mask : t->mask;
    t->waiting = false;
    signal_set_mask(t,
                    during | action->mask | (action->flags & SA_NODEFER ? 0 : SIGNAL_BIT(number)));
}

static SigAction take_action(Process *p, int number)
{
    lock_take(&p->sig->lock);
    SigAction action = p->sig->action[number];
    if ((action.flags & SA_RESETHAND) && action.handler > 1) {
        p->sig->action[number].handler = (GuestAddr)(uintptr_t)SIG_DFL;
        p->sig->action[number].flags &= ~(uint64_t)SA_SIGINFO;
        signal_host_action(&p->sig->action[number], number);
    }
    lock_release(&p->sig->lock);
    return action;
}

/* One signal that is not blocked. False if nothing came of it (ignored). asked: a tracer has agreed
 * already. */
static bool deliver_one(Thread *t, siginfo_t *info, bool asked)
{
    int number = info->si_signo;
    if (t->trace.on && !asked && !(number = trace_signal(t, info))) {
        return false;
    }
    SigAction action = take_action(t->process, number);
    if (t->process->options->strace) {
        strace_signal(t, info);
    }
    if (action.handler == (GuestAddr)(uintptr_t)SIG_IGN) {
        return false;
    }
    if (action.handler == (GuestAddr)(uintptr_t)SIG_DFL) {
        if (ignored_by_default(number)) {
            return false;
        }
        signal_die(t->process, number, info);
    }
    enter(t, info, &action, t->mask, 0, false);
    return true;
}

/* What the tracer has left to do. True if a handler was entered. */
static bool poll_tracer(Thread *t)
{
    if (t->trace.entered && (t->queued || t->held || t->trace.want)) {
        /* The call hasn't been made yet and is made again afterwards: to the tracer, a restarted
         * one. */
        if (!t->trace.restart) {
            enum { ERESTARTNOINTR = 513 };
            t->trace.restart = ERESTARTNOINTR;
            t->cpu.pc += t->process->abi->syscall_len;
            t->process->abi->set_result(&t->cpu, (uint64_t)-ERESTARTNOINTR);
        }
        trace_exit(t);
    }
    trace_poll(t);
    if (!t->trace.deferred) {
        return false;
    }
    t->trace.deferred = 0;
    siginfo_t info = t->trace.info;
    return info.si_signo && deliver_one(t, &info, true);
}

void signal_deliver(Thread *t)
{
    bool entered = false;
    if (__atomic_load_n(&t->process->sig->catches_faults, __ATOMIC_RELAXED)) {
        t->cpu.mode |= CPU_MODE_PRECISE;
    }
    if (t->park) {
        core_park_here(t);
    }
    if (rseq_is_bad(t)) {
        signal_force(t, SIGSEGV, SI_KERNEL, 0);
    }
    if (t->trace.on || t->trace.want) {
        t->cpu.mode |= CPU_MODE_PRECISE; /* a tracer sees every fault */
        entered = poll_tracer(t);
    }
    if (t->queued) {
        siginfo_t info = t->queued_info;
        t->queued = false;
        entered = deliver_one(t, &info, false);
        if (!entered) {
            t->waiting = false;
            signal_set_mask(t, t->mask);
        }
    }
    for (int n = 1; n <= SIGNALS && t->held; n++) {
        uint64_t blocked = t->waiting ? t->wait_mask : t->mask;
        if (t->held & ~blocked & SIGNAL_BIT(n)) {
            siginfo_t info = t->held_info[n];
            t->held &= ~SIGNAL_BIT(n);
            entered |= deliver_one(t, &info, false);
        }
    }
    t->waiting = false;
    if (t->trace.restart) {
        trace_restart(t, NULL);
    }
}

/* force_sig_info_to_task(): a blocked or ignored synchronous signal kills. */
void signal_force_info(Thread *t, const siginfo_t *info, uint64_t syndrome)
{
    Process *p = t->process;
    int number = info->si_signo;
    if (t->trace.on) {
        siginfo_t shown = *info;
        int instead = trace_signal(t, &shown);
        if (instead != number) {
            if (instead) {
                deliver_one(t, &shown, true);
            }
            return;
        }
    }
    if (p->options->strace) {
        strace_signal(t, info);
    }
    SigAction action = take_action(p, number);
    if (action.handler <= 1 || (t->mask & SIGNAL_BIT(number))) {
        signal_die(p, number, info);
    }
    enter(t, info, &action, t->mask, syndrome, SIGNALS_SYNC & SIGNAL_BIT(number));
}

void signal_force(Thread *t, int number, int code, GuestAddr address)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = number;
    info.si_code = code;
    info.si_addr = guest_ptr(address);
    signal_force_info(t, &info, 0);
}

void signal_fault(Thread *t)
{
    enum { HARDWARE_BREAKPOINT = 4 }; /* TRAP_HWBKPT */
    if (t->cpu.watch && t->watch.is_hit) {
        t->watch.is_hit = false;
        signal_force(t, SIGTRAP, HARDWARE_BREAKPOINT, t->watch.hit);
        return;
    }
    siginfo_t info = t->fault_info;
    if (rseq_fault(t, guest_addr(info.si_addr))) {
        t->faulted = false;
        return;
    }
    bool mapped = info.si_code != SEGV_MAPERR;
    t->faulted = false;
    uint64_t syndrome = 0;
    if (info.si_code == SI_KERNEL && t->process->frontend->tagged_addresses &&
        !(t->cpu.mode & CPU_MODE_TAGGED)) {
        t->cpu.mode |= CPU_MODE_TAGGED; /* the instruction is tried again, without the tag */
        return;
    }
    if (info.si_code == SI_KERNEL) {
        /* x86 tells nothing of an address that isn't canonical, and makes it SIGBUS when the base
         * register is rsp or rbp; the guest's kernel calls it unmapped. */
        info.si_signo = SIGSEGV;
        info.si_code = SEGV_MAPERR;
        mapped = false;
    }
    MapRange range;
    if (info.si_signo == SIGSEGV && info.si_code == SEGV_ACCERR &&
        !mem_lookup(t->process->mem, guest_addr(info.si_addr), &range)) {
        /* Something of xemu's, or the reserve below the stack: nothing that the guest has. */
        info.si_code = SEGV_MAPERR;
        mapped = false;
    }
    if (info.si_signo == SIGSEGV || info.si_signo == SIGBUS) {
        syndrome = t->process->abi->fault_syndrome(t->fault_error, mapped);
    }
    signal_force_info(t, &info, syndrome);
}

void signal_trap(Thread *t)
{
    Cpu *cpu = &t->cpu;
    GuestAddr pc = cpu->pc & t->process->frontend->pc_mask;
    MapRange range;
    switch ((UopTrap)cpu->exit_trap) {
    case UOP_TRAP_UNDEFINED:
    case UOP_TRAP_BRANCH_TARGET: signal_force(t, SIGILL, ILL_ILLOPC, pc); break;
    case UOP_TRAP_PAC: signal_force(t, SIGILL, ILL_ILLOPN, pc); break;
    case UOP_TRAP_BREAKPOINT: signal_force(t, SIGTRAP, TRAP_BRKPT, pc); break;
    case UOP_TRAP_ALIGNMENT: {
        uint8_t insn[16];
        GuestAddr at = pc; /* of the branch target that isn't aligned */
        if (!(pc & ((1u << t->process->frontend->insn_shift) - 1)) &&
            !guest_read(insn, pc, t->process->abi->syscall_len)) {
            at = t->process->abi->access_address(cpu, insn);
        }
        signal_force(t, SIGBUS, BUS_ADRALN, at);
        break;
    }
    case UOP_TRAP_FETCH:
        if ((pc & ((1u << t->process->frontend->insn_shift) - 1)) != 0) {
            signal_force(t, SIGBUS, BUS_ADRALN, pc);
        } else if (!mem_lookup(t->process->mem, pc, &range)) {
            signal_force(t, SIGSEGV, SEGV_MAPERR, pc);
        } else if (!(range.prot & PROT_EXEC)) {
            signal_force(t, SIGSEGV, SEGV_ACCERR, pc);
        } else {
            signal_force(t, SIGBUS, BUS_ADRERR, pc); /* mapped, but behind the end of its file */
        }
        break;
    }
}
