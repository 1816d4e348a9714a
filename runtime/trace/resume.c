/* Sending a tracee on. */
#include <linux/ptrace.h>
#include <string.h>

#include "runtime/sig/signal.h"
#include "runtime/trace/tracer.h"

static bool stops_by_default(const Tracee *x, int sig)
{
    const uint64_t stopping =
        SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);
    Process *process;
    SigTable *table;
    SigAction action;
    if (!sig || !(SIGNAL_BIT(sig) & stopping)) {
        return false;
    }
    return sig == SIGSTOP ||
           (!tracee_get(x, &process, process) &&
            !tracee_read(x, &table, guest_addr(process) + offsetof(Process, sig), sizeof table) &&
            !tracee_read(x, &action, guest_addr(&table->action[sig]), sizeof action) &&
            !action.handler);
}

/* `sig` instead of the one that was shown: what it will be told to come from. */
static void set_injected(const Tracee *x, int sig)
{
    siginfo_t info;
    if (sig && !tracee_get(x, &info, trace.info) && info.si_signo != sig) {
        memset(&info, 0, sizeof info);
        info.si_signo = sig;
        info.si_pid = (pid_t)host_raw0(SYS_getpid);
        info.si_uid = (uid_t)host_raw0(SYS_getuid);
        tracee_set(x, trace.info, &info);
    }
    tracee_set_word(x, trace.inject, (uint32_t)sig);
}

/* A call that it is blocked in goes on by itself, unless something else has to come first. Returns
 * the signal for the host. */
static int leave_call(const Tracee *x, TraceMode mode, int sig)
{
    uint32_t override = 0;
    struct user_regs_struct regs;
    tracee_get(x, &override, trace.override);
    if (!override && mode == TRACE_RUN && (!sig || stops_by_default(x, sig))) {
        return sig;
    }
    if (tracee_host_regs(x->pid, &regs)) {
        return 0;
    }
    tracee_end_call(x, &regs);
    if (sig && x->signal_stop) {
        set_injected(x, sig);
        tracee_set_word(x, trace.deferred, 1);
    }
    if (mode != TRACE_RUN || sig || override) {
        tracee_set_word(x, cpu.interrupt, 1);
    }
    return 0;
}

long tracer_resume(Process *p, Tracee *x, long request, TraceMode mode, int sig)
{
    int host_sig = sig;
    bool detach = request == PTRACE_DETACH;
    if (!x->foreign && x->thread) {
        tracee_set_word(x, trace.mode, mode);
        tracee_set_word(x, trace.answered, 1);
        if (detach) {
            tracee_set_word(x, trace.on, 0);
            tracee_set_word(x, trace.want, 0);
            tracee_set_word(x, trace.entered, 0);
            TraceDebug none = {.changed = 1};
            tracee_set(x, trace.debug, &none);
        }
        if (x->view == VIEW_CALL) {
            host_sig = leave_call(x, mode, sig);
        } else if (x->view == VIEW_POINT) {
            bool by_host = x->signal_stop && stops_by_default(x, sig);
            host_sig = by_host ? sig : 0;
            if (x->signal_stop) {
                set_injected(x, by_host ? 0 : sig);
            } else if (sig) {
                host_raw2(SYS_tkill, x->pid, sig);
            }
        }
    }
    x->mode = mode;
    x->view = VIEW_RUNS;
    long r = host_ptrace(request, x->pid, 0, (uint64_t)host_sig);
    if (detach) {
        tracer_drop(p, x->pid);
    }
    return r;
}
