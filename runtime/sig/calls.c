/* The system calls of signals. */
#include <string.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/sys.h"

/* From now on what a handler of memory faults is shown has to be right: the mode of all threads. */
static void catch_faults(Thread *t)
{
    SigTable *table = t->process->sig;
    if (__atomic_exchange_n(&table->catches_faults, 1, __ATOMIC_SEQ_CST)) {
        return;
    }
    lock_take(&t->process->threads_lock);
    for (Thread *x = t->process->threads; x; x = x->next) {
        jit_interrupt(&x->cpu); /* signal_deliver() changes the mode */
    }
    lock_release(&t->process->threads_lock);
}

long sys_rt_sigaction(Thread *t, const uint64_t a[6])
{
    uint64_t number = (uint32_t)a[0];
    SigAction set, old;
    if (a[3] != sizeof(uint64_t)) {
        return -EINVAL;
    }
    if (a[1] && guest_read(&set, a[1], sizeof set)) {
        return -EFAULT;
    }
    if (number < 1 || number > SIGNALS) {
        return -EINVAL;
    }
    if (a[1] && (SIGNAL_BIT(number) & SIGNALS_UNBLOCKABLE)) {
        return -EINVAL;
    }
    SigTable *table = t->process->sig;
    lock_take(&table->lock);
    old = table->action[number];
    if (old.handler == 0 && !(SIGNALS_SYNC & SIGNAL_BIT(number))) {
        /* Ignored by inheritance: only the host knows. */
        HostSigAction host;
        if (!host_raw4(SYS_rt_sigaction, number, 0, &host, sizeof(uint64_t)) &&
            host.handler == (uintptr_t)SIG_IGN) {
            old.handler = host.handler;
        }
    }
    long r = 0;
    if (a[1]) {
        set.mask &= ~SIGNALS_UNBLOCKABLE;
        r = signal_host_action(&set, (int)number);
        if (!r) {
            table->action[number] = set;
        }
    }
    lock_release(&table->lock);
    if (!r && a[1] && (number == SIGSEGV || number == SIGBUS) &&
        set.handler > (GuestAddr)(uintptr_t)SIG_IGN) {
        catch_faults(t);
    }
    return r ? r : a[2] ? guest_write(a[2], &old, sizeof old) : 0;
}

long sys_rt_sigprocmask(Thread *t, const uint64_t a[6])
{
    uint64_t set, mask = t->mask;
    if (a[3] != sizeof set) {
        return -EINVAL;
    }
    if (a[1]) {
        if (guest_read_u64(a[1], &set)) {
            return -EFAULT;
        }
        switch ((int)a[0]) {
        case SIG_BLOCK: mask |= set; break;
        case SIG_UNBLOCK: mask &= ~set; break;
        case SIG_SETMASK: mask = set; break;
        default: return -EINVAL;
        }
    }
    uint64_t old = t->mask;
    if (a[1]) {
        /* A signal that is noted but not delivered yet was not blocked when it came; it is
         * delivered before the mask changes. */
        if (t->queued) {
            return -HOST_ERESTART;
        }
        signal_set_mask(t, mask);
    }
    return a[2] ? guest_write(a[2], &old, sizeof old) : 0;
}

long sys_rt_sigpending(Thread *t, const uint64_t a[6])
{
    uint64_t pending = 0;
    if (a[1] > sizeof pending) {
        return -EINVAL;
    }
    long r = host_call(&t->cpu, SYS_rt_sigpending, (uintptr_t)&pending, sizeof pending);
    pending |= t->held;
    return r ? r : guest_write(a[0], &pending, a[1]);
}

long sys_rt_sigsuspend(Thread *t, const uint64_t a[6])
{
    uint64_t mask, host;
    if (a[1] != sizeof mask) {
        return -EINVAL;
    }
    if (guest_read_u64(a[0], &mask)) {
        return -EFAULT;
    }
    t->wait_mask = mask & ~SIGNALS_UNBLOCKABLE;
    t->waiting = true;
    if (t->held & ~t->wait_mask) {
        /* One of the synchronous numbers, which only xemu knows of. */
        jit_interrupt(&t->cpu);
        return -EINTR;
    }
    host = signal_host_mask(mask);
    long r = host_call(&t->cpu, SYS_rt_sigsuspend, (uintptr_t)&host, sizeof host);
    if (!t->queued) {
        t->waiting = false;
    }
    return r;
}

long sys_rt_sigtimedwait(Thread *t, const uint64_t a[6])
{
    uint64_t set;
    if (a[3] != sizeof set) {
        return -EINVAL;
    }
    if (guest_read_u64(a[0], &set)) {
        return -EFAULT;
    }
    for (int n = 1; n <= SIGNALS; n++) {
        if (t->held & set & SIGNAL_BIT(n)) {
            t->held &= ~SIGNAL_BIT(n);
            int err = a[1] ? guest_write(a[1], &t->held_info[n], sizeof(siginfo_t)) : 0;
            return err ? err : n;
        }
    }
    return host_syscall(&t->cpu, SYS_rt_sigtimedwait, a);
}

long sys_signalfd4(Thread *t, const uint64_t a[6])
{
    return host_syscall(&t->cpu, SYS_signalfd4, a);
}

long sys_sigaltstack(Thread *t, const uint64_t a[6])
{
    stack_t set, old;
    if (a[0] && guest_read(&set, a[0], sizeof set)) {
        return -EFAULT;
    }
    signal_get_altstack(t, &old);
    long r = a[0] ? signal_set_altstack(t, &set) : 0;
    return r || !a[1] ? r : guest_write(a[1], &old, sizeof old);
}

long sys_rt_sigreturn(Thread *t, const uint64_t a[6])
{
    uint64_t mask;
    (void)a;
    if (t->process->abi->pop_frame(t, &mask)) {
        signal_force(t, SIGSEGV, SI_KERNEL, t->process->abi->stack_pointer(&t->cpu));
        return SYS_REGISTERS_SET;
    }
    if (t->queued) {
        /* Its host mask stays closed until it has been delivered, which comes next. */
        t->mask = mask & ~SIGNALS_UNBLOCKABLE;
    } else {
        signal_set_mask(t, mask);
    }
    return SYS_REGISTERS_SET;
}
