/* The host's signal handlers, and the dispositions that follow the guest's. Everything here but
 * signal_init() and signal_host_action() runs in handlers: no locks, no memory, no C library. */
#include <string.h>
#include <ucontext.h>

#include "runtime/core/core.h"
#include "runtime/sig/signal.h"

void signal_host_restorer(void);

enum {
    HOST_SA_RESTORER = 0x04000000,
    /* Flags of the guest's action that the host's gets too. */
    HOST_SA_KEPT = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESTART,
};

static long host_sigaction(int number, const HostSigAction *set, HostSigAction *old)
{
    return host_raw4(SYS_rt_sigaction, number, set, old, sizeof(uint64_t));
}

/* Leaves the handler with all asynchronous signals blocked until the noted one is delivered. */
static void note(Thread *t, const siginfo_t *info, ucontext_t *uc)
{
    t->queued_info = *info;
    t->queued = true;
    uint64_t all = signal_host_mask(~(uint64_t)0);
    memcpy(&uc->uc_sigmask, &all, sizeof all);
    jit_interrupt(&t->cpu);
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    if (host_rewind(&pc)) {
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
    }
}

static void on_async(int number, siginfo_t *info, void *context)
{
    (void)number;
    Thread *t = thread_current;
    if (t) {
        note(t, info, context);
    }
}

/* Signals that were sent under a synchronous number: the host never blocks those, so the guest's
 * mask is applied here. */
static void on_sent(Thread *t, int number, siginfo_t *info, ucontext_t *uc)
{
    uint64_t bit = SIGNAL_BIT(number);
    if ((t->waiting ? t->wait_mask : t->mask) & bit || t->queued) {
        if (!(t->held & bit)) {
            t->held |= bit;
            t->held_info[number] = *info;
        }
        jit_interrupt(&t->cpu); /* delivered, or found blocked, at the next poll */
        return;
    }
    note(t, info, uc);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    Thread *t = thread_current;
    ucontext_t *uc = context;
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    GuestAddr guest_pc;
    if (info->si_code <= 0 || !t) {
        if (t && number == SIGTRAP && info->si_code == TRACE_COOKIE) {
            trace_nobody(t);
        } else if (t && number == SIGTRAP && info->si_code == CORE_PARK_CODE) {
            core_park(t, pc);
        } else if (t) {
            on_sent(t, number, info, uc);
        }
        return;
    }
    if ((number == SIGSEGV || number == SIGBUS) && host_fixup(&pc)) {
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
        return;
    }
    if (number == SIGFPE && jit_handle_fp(&t->cpu, uc)) {
        return;
    }
    if (jit_handle_fault(&t->cpu, uc, &guest_pc)) {
        t->fault_info = *info;
        t->fault_error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
        t->faulted = true;
        return;
    }
    /* xemu's own fault: the default action, at the same instruction again. */
    HostSigAction act = {.handler = (uintptr_t)SIG_DFL};
    host_sigaction(number, &act, NULL);
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), uint64_t flags)
{
    HostSigAction act = {
        .handler = (uintptr_t)handler,
        .flags = SA_SIGINFO | HOST_SA_RESTORER | flags,
        .restorer = signal_host_restorer,
        .mask = signal_host_mask(~(uint64_t)0),
    };
    host_sigaction(number, &act, NULL);
}

static bool is_sync(int number)
{
    return SIGNALS_SYNC & SIGNAL_BIT(number);
}

long signal_host_action(const SigAction *action, int number)
{
    if (is_sync(number)) {
        return 0;
    }
    GuestAddr how = action->handler;
    bool core = how == (GuestAddr)(uintptr_t)SIG_DFL && (CORE_SIGNALS & SIGNAL_BIT(number)) &&
                core_wanted();
    if (!core && (how == (GuestAddr)(uintptr_t)SIG_DFL || how == (GuestAddr)(uintptr_t)SIG_IGN)) {
        HostSigAction act = {
            .handler = how,
            .flags = HOST_SA_RESTORER | (action->flags & HOST_SA_KEPT),
            .restorer = signal_host_restorer,
        };
        return host_sigaction(number, &act, NULL);
    }
    install(number, on_async, action->flags & HOST_SA_KEPT);
    return 0;
}

static const int sync_numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

void signal_install_sync(void)
{
    for (unsigned i = 0; i < sizeof sync_numbers / sizeof sync_numbers[0]; i++) {
        install(sync_numbers[i], on_fault, 0);
    }
}

void signal_core_limit(Process *p)
{
    lock_take(&p->sig->lock);
    for (int n = 1; n <= SIGNALS; n++) {
        HostSigAction now;
        bool handled = p->sig->action[n].handler > 1;
        if ((CORE_SIGNALS & ~SIGNALS_SYNC & SIGNAL_BIT(n)) && !handled &&
            !host_sigaction(n, NULL, &now) && now.handler != (uintptr_t)SIG_IGN) {
            signal_host_action(&p->sig->action[n], n);
        }
    }
    lock_release(&p->sig->lock);
}

void signal_init(Process *p, Thread *t)
{
    for (unsigned i = 0; i < sizeof sync_numbers / sizeof sync_numbers[0]; i++) {
        HostSigAction old;
        int n = sync_numbers[i];
        if (!host_sigaction(n, NULL, &old) && old.handler == (uintptr_t)SIG_IGN) {
            p->sig->action[n].handler = old.handler;
        }
    }
    signal_install_sync();
    signal_core_limit(p);
    /* The other dispositions that a program inherits (ignored or default) stay as they are; the
     * table is filled on demand (rt_sigaction), their mask is the guest's. */
    host_raw4(SYS_rt_sigprocmask, SIG_BLOCK, 0, &t->mask, sizeof t->mask);
    uint64_t host = signal_host_mask(t->mask);
    if (host != t->mask) {
        host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &host, 0, sizeof host);
    }
}
