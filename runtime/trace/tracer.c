/* A tracer's records, and what it reads and writes in its tracees. */
#include "runtime/trace/tracer.h"

#include <linux/ptrace.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/sig/signal.h"

enum { HOST_GETREGS = 12, HOST_SETREGS = 13 };

/* ---- records --------------------------------------------------------------------------------- */

Tracee *tracer_find(Process *p, int pid)
{
    Tracee *x = p->tracer->first;
    while (x && x->pid != pid) {
        x = x->next;
    }
    return x;
}

Tracee *tracer_add(Process *p, int pid)
{
    Tracee *x = tracer_find(p, pid);
    if (x) {
        return x;
    }
    x = calloc(1, sizeof *x);
    if (x) {
        x->pid = pid;
        x->next = p->tracer->first;
        p->tracer->first = x;
    }
    return x;
}

void tracer_drop(Process *p, int pid)
{
    for (Tracee **at = &p->tracer->first; *at; at = &(*at)->next) {
        if ((*at)->pid == pid) {
            Tracee *x = *at;
            *at = x->next;
            free(x);
            return;
        }
    }
}

void tracer_forget(Process *p)
{
    if (p->tracer->first || atomic_load(&p->tracer->lock.state)) {
        lock_reset(&p->tracer->lock);
        p->tracer->first = NULL;
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static long transfer(long nr, int pid, void *here, GuestAddr there, size_t n)
{
    struct iovec local = {here, n}, remote = {guest_ptr(there), n};
    return host_raw6(nr, (uint64_t)pid, (uintptr_t)&local, 1, (uintptr_t)&remote, 1, 0);
}

long tracee_read(const Tracee *x, void *to, GuestAddr from, size_t n)
{
    if (transfer(SYS_process_vm_readv, x->pid, to, from, n) == (long)n) {
        return 0;
    }
    for (size_t at = 0; at < n; at += 8) {
        uint64_t word;
        long r = host_ptrace(PTRACE_PEEKDATA, x->pid, from + at, (uintptr_t)&word);
        if (r < 0) {
            return r;
        }
        memcpy((char *)to + at, &word, n - at < 8 ? n - at : 8);
    }
    return 0;
}

long tracee_write(const Tracee *x, GuestAddr to, const void *from, size_t n)
{
    if (transfer(SYS_process_vm_writev, x->pid, (void *)(uintptr_t)from, to, n) == (long)n) {
        return 0;
    }
    for (size_t at = 0; at < n; at += 8) {
        uint64_t word;
        long r = host_ptrace(PTRACE_PEEKDATA, x->pid, to + at, (uintptr_t)&word);
        if (r < 0) {
            return r;
        }
        memcpy(&word, (const char *)from + at, n - at < 8 ? n - at : 8);
        r = host_ptrace(PTRACE_POKEDATA, x->pid, to + at, word);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

long tracee_set_u32(const Tracee *x, size_t offset, uint32_t v)
{
    return tracee_write(x, x->thread + offset, &v, sizeof v);
}

void tracee_wrote(const Tracee *x, GuestAddr start, uint64_t len)
{
    Process *process;
    TraceCode *code;
    uint32_t place[2], one = 1;
    if (!x->thread || tracee_get(x, &process, process)) {
        return;
    }
    GuestAddr at = guest_addr(process) + offsetof(Process, trace_code);
    if (tracee_read(x, &code, at, sizeof code)) {
        return;
    }
    at = guest_addr(code);
    _Static_assert(offsetof(TraceCode, tail) == offsetof(TraceCode, head) + 4, "read together");
    if (tracee_read(x, place, at + offsetof(TraceCode, head), sizeof place)) {
        return;
    }
    if (place[0] - place[1] >= TRACE_RANGES) {
        tracee_write(x, at + offsetof(TraceCode, all), &one, sizeof one);
    } else {
        uint64_t range[2] = {start, len};
        tracee_write(x, at + offsetof(TraceCode, range) + place[0] % TRACE_RANGES * sizeof range,
                     range, sizeof range);
        place[0]++;
        tracee_write(x, at + offsetof(TraceCode, head), place, sizeof place[0]);
    }
    tracee_set_word(x, cpu.interrupt, 1);
}

void tracer_wrote(Process *p, int pid, uint64_t start, uint64_t len)
{
    lock_take(&p->tracer->lock);
    Tracee *x = tracer_find(p, pid);
    if (x) {
        tracee_wrote(x, start, len);
    }
    lock_release(&p->tracer->lock);
}

/* ---- where it stands ------------------------------------------------------------------------- */

long tracee_host_regs(int pid, struct user_regs_struct *regs)
{
    return host_ptrace(HOST_GETREGS, pid, 0, (uintptr_t)regs);
}

long tracee_set_host_regs(int pid, const struct user_regs_struct *regs)
{
    return host_ptrace(HOST_SETREGS, pid, 0, (uintptr_t)regs);
}

bool tracee_find_thread(Tracee *x, const struct user_regs_struct *regs)
{
    Thread *thread = NULL;
    uint64_t here;
    __asm__("movq %%fs:0, %0" : "=r"(here));
    GuestAddr at = regs->fs_base + (guest_addr(&thread_current) - here);
    Cpu *back;
    if (x->thread) {
        return true; /* a vfork child shares the parent's thread-local storage: what was found first
                        stays */
    }
    if (x->foreign || !regs->fs_base || tracee_read(x, &thread, at, sizeof thread) || !thread) {
        return false;
    }
    /* Cpu.runtime points back at it. */
    x->thread = guest_addr(thread);
    if (tracee_get(x, &back, cpu.runtime) || guest_addr(back) != x->thread) {
        x->thread = 0;
        return false;
    }
    return true;
}

bool tracee_in_call(const struct user_regs_struct *regs)
{
    return host_in_syscall((uintptr_t)regs->rip);
}

void tracee_end_call(const Tracee *x, struct user_regs_struct *regs)
{
    uintptr_t pc = (uintptr_t)regs->rip;
    if (host_rewind(&pc)) { /* not entered yet */
        regs->rip = pc;
        regs->orig_rax = (uint64_t)-1;
        tracee_set_host_regs(x->pid, regs);
        return;
    }
    long r = (long)regs->rax;
    if (tracee_in_call(regs) && (long)regs->orig_rax >= 0 &&
        (r == -512 || r == -513 || r == -514 || r == -516)) {
        tracee_set_word(x, trace.restart, (uint32_t)-r);
        regs->orig_rax = (uint64_t)-1;
        tracee_set_host_regs(x->pid, regs);
    }
}

/* As note() of sig/handler.c does in the process itself: the signal is queued and all others wait.
 * What can't be blocked, or comes while one is queued, is held. */
void tracee_hold(const Tracee *x, const siginfo_t *info)
{
    int number = info->si_signo;
    bool queued = true;
    tracee_get(x, &queued, queued);
    if (number != SIGSTOP && !queued) {
        uint64_t all = signal_host_mask(~(uint64_t)0);
        bool yes = true;
        tracee_set(x, queued_info, info);
        tracee_set(x, queued, &yes);
        host_ptrace(PTRACE_SETSIGMASK, x->pid, sizeof all, (uintptr_t)&all);
    } else {
        uint64_t held = 0;
        tracee_write(x, x->thread + offsetof(Thread, held_info) + (size_t)number * sizeof *info,
                     info, sizeof *info);
        tracee_get(x, &held, held);
        held |= SIGNAL_BIT(number);
        tracee_set(x, held, &held);
    }
    tracee_set_word(x, cpu.interrupt, 1);
}
