/* signal.h - guest signals on top of host signals.
 *
 * The host's mask of blocked signals is the guest's, and the host's disposition is default or
 * ignore where the guest's is: so what is pending, who is woken, what stops, continues or ends a
 * process is the host kernel's own decision. Exceptions are the synchronous numbers (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGTRAP): xemu always handles those and never blocks them.
 *
 * The life of an asynchronous signal that the guest handles:
 *
 *   1. The host handler runs wherever the thread was. It notes the siginfo in thread->queued_info,
 * sets cpu->interrupt and returns with all asynchronous signals blocked: at most one is ever noted
 * per thread, the rest stays in the kernel. A thread that was about to enter a system call is moved
 * to its restart exit (host_rewind); one that was blocked in a call gets EINTR, or, by SA_RESTART,
 * stands at the instruction again and is moved likewise.
 *   2. Translated code leaves at its next poll, a system call when it returns; thread_loop() calls
 * signal_deliver().
 *   3. That pushes the guest's frame and sets both masks to the handler's.
 *
 * A fault of guest code is made precise by jit_handle_fault() and comes back as CPU_EXIT_FAULT.
 */
#ifndef XEMU_RUNTIME_SIG_SIGNAL_H
#define XEMU_RUNTIME_SIG_SIGNAL_H

#include "runtime/process.h"

#define SIGNAL_BIT(n) ((uint64_t)1 << ((n)-1))
/* Signals whose host handler is always xemu's. */
#define SIGNALS_SYNC                                                                               \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGILL) |          \
     SIGNAL_BIT(SIGTRAP))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* struct sigaction of the host kernel. */
typedef struct HostSigAction {
    uintptr_t handler; /* a function, SIG_DFL or SIG_IGN */
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
} HostSigAction;

/* Installs the handlers of the synchronous signals and takes over what the parent left ignored.
 * Once per program. */
void signal_init(Process *p, Thread *t);

/* The handlers of the synchronous signals. */
void signal_install_sync(void);

/* Delivers what is due; called by thread_loop() whenever cpu->interrupt was set, and after masks
 * changed. */
void signal_deliver(Thread *t);
/* A synchronous signal of the thread itself: delivered at once, even if blocked or ignored (then
 * the process ends by it). */
void signal_force(Thread *t, int number, int code, GuestAddr address);
void signal_force_info(Thread *t, const siginfo_t *info, uint64_t syndrome);
/* The exits of translated code. */
void signal_fault(Thread *t);
void signal_trap(Thread *t);

/* The guest's mask becomes `mask`, and the host's with it. */
void signal_set_mask(Thread *t, uint64_t mask);
/* The host's mask for a guest's. */
static inline uint64_t signal_host_mask(uint64_t mask)
{
    return mask & ~(SIGNALS_SYNC | SIGNALS_UNBLOCKABLE);
}
/* sigaltstack as the kernel does it; 0 or -errno. */
long signal_set_altstack(Thread *t, const stack_t *alt);
void signal_get_altstack(const Thread *t, stack_t *alt);

/* The host's disposition of `number` follows the guest's action. 0 or -errno. */
long signal_host_action(const SigAction *action, int number);

/* Ends the process as the signal's default action does. info: where it came from, NULL: from the
 * process itself. */
_Noreturn void signal_die(Process *p, int number, const siginfo_t *info);
/* The limit on core files has changed: core.h. */
void signal_core_limit(Process *p);

#endif
