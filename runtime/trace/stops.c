/* What a stop of the host's is for the guest. */
#include <linux/ptrace.h>
#include <string.h>

#include "runtime/sig/signal.h"
#include "runtime/trace/tracer.h"

#define STATUS(sig, event) (0x7f | (sig) << 8 | (event) << 16)

/* Options that mean to the host what they mean to the guest; exec must be seen always. */
uint64_t tracer_host_options(uint64_t guest)
{
    return (guest & (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                     PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) |
           PTRACE_O_TRACEEXEC;
}

void tracer_set_options(Tracee *x, uint64_t guest)
{
    x->options = guest;
    x->has_options = !host_ptrace(PTRACE_SETOPTIONS, x->pid, 0, tracer_host_options(guest));
}

static bool hide(Tracee *x, int sig)
{
    x->view = VIEW_RUNS;
    host_ptrace(PTRACE_CONT, x->pid, 0, (uint64_t)sig);
    return false;
}

static bool show(Tracee *x, TraceView view, bool signal_stop)
{
    x->view = view;
    x->signal_stop = signal_stop;
    return true;
}

/* It goes on to its next point, and is shown there as `status`. */
static bool want(Tracee *x, int status)
{
    x->wanted = status;
    tracee_set_word(x, trace.want, 1);
    tracee_set_word(x, cpu.interrupt, 1);
    return hide(x, 0);
}

/* ---- programs and threads that are coming up ------------------------------------------------- */

/* A new program is at its first (host) instruction: it will stop when the guest's is about to
 * start. */
static bool at_exec(Process *p, Tracee *x, int *status, bool told)
{
    uint64_t from = (uint64_t)x->pid;
    if (told) {
        host_ptrace(PTRACE_GETEVENTMSG, x->pid, 0, (uintptr_t)&from);
        if (from != (uint64_t)x->pid) {
            tracer_drop(p, (int)from);
        }
    }
    x->exec_from = from;
    x->thread = 0;
    x->by_message = false;
    x->foreign = !proc_is_xemu(x->pid);
    bool by_signal = !(x->options & PTRACE_O_TRACEEXEC);
    if (x->foreign) {
        if (!by_signal || !told) {
            return show(x, VIEW_HOST, !told);
        }
        *status = STATUS(SIGTRAP, 0);
        return x->seized ? hide(x, 0) : show(x, VIEW_HOST, false);
    }
    uint32_t how = 1 | (by_signal && !x->seized ? 2 : 0) | x->mode << 8;
    tracee_write(x, guest_addr((const void *)(uintptr_t)&trace_at_start), &how, sizeof how);
    return hide(x, 0);
}

/* No guest thread yet, or no more. */
static bool without_thread(Process *p, Tracee *x, const struct user_regs_struct *regs, int *status)
{
    int sig = *status >> 8 & 0xff, event = *status >> 16;
    if (x->foreign || (event && event != PTRACE_EVENT_STOP)) {
        return show(x, VIEW_HOST, !event);
    }
    if (!event && sig == SIGTRAP && !regs->fs_base) {
        return at_exec(p, x, status, false);
    }
    if (event || sig == SIGSTOP) {
        /* Attached to while it starts: the program's start is the first point. */
        uint32_t how = 1;
        x->wanted = *status;
        tracee_write(x, guest_addr((const void *)(uintptr_t)&trace_at_start), &how, sizeof how);
        return hide(x, 0);
    }
    return hide(x, sig);
}

/* ---- stops that the tracee makes ------------------------------------------------------------- */

static bool at_point(Tracee *x, int *status)
{
    TraceState s;
    if (tracee_get(x, &s, trace)) {
        return show(x, VIEW_HOST, true);
    }
    x->by_message = false;
    switch ((TraceKind)s.kind) {
    case TRACE_SIGNAL: *status = STATUS(s.info.si_signo, 0); return show(x, VIEW_POINT, true);
    case TRACE_ENTRY:
    case TRACE_EXIT:
        *status = STATUS(SIGTRAP | (x->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0), 0);
        x->by_message = true;
        x->message =
            s.kind == TRACE_ENTRY ? PTRACE_EVENTMSG_SYSCALL_ENTRY : PTRACE_EVENTMSG_SYSCALL_EXIT;
        return show(x, VIEW_POINT, false);
    case TRACE_EXEC:
        x->by_message = true;
        x->message = x->exec_from;
        if (x->wanted && !(x->options & PTRACE_O_TRACEEXEC)) {
            *status = x->wanted;
            x->wanted = 0;
            return show(x, VIEW_POINT, false);
        }
        if (!(x->options & PTRACE_O_TRACEEXEC)) {
            tracee_set_word(x, trace.answered, 1);
            return hide(x, 0);
        }
        *status = STATUS(SIGTRAP, PTRACE_EVENT_EXEC);
        return show(x, VIEW_POINT, false);
    case TRACE_BORN:
        *status = x->seized ? STATUS(SIGTRAP, PTRACE_EVENT_STOP) : STATUS(SIGSTOP, 0);
        return show(x, VIEW_POINT, !x->seized);
    case TRACE_WANTED:
        if (!x->wanted) {
            tracee_set_word(x, trace.answered, 1);
            return hide(x, 0);
        }
        *status = x->wanted;
        x->wanted = 0;
        return show(x, VIEW_POINT, false);
    case TRACE_SECCOMP:
        if (!(x->options & PTRACE_O_TRACESECCOMP)) {
            return hide(x, 0); /* as without a tracer */
        }
        *status = STATUS(SIGTRAP, PTRACE_EVENT_SECCOMP);
        x->by_message = true;
        x->message = s.message;
        return show(x, VIEW_POINT, false);
    }
    return show(x, VIEW_HOST, true);
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A tracee that this process doesn't know yet: it called TRACEME, or its parent is traced and it
 * with it. The latter has its parent's options. */
static Tracee *meet(Process *p, int pid, int sig, int event, const struct user_regs_struct *regs,
                    bool *born)
{
    const Tracee *other = p->tracer->first;
    Tracee *x = tracer_add(p, pid);
    if (!x) {
        return NULL;
    }
    uint32_t newborn = 1;
    x->seized = event == PTRACE_EVENT_STOP;
    x->foreign = !proc_is_xemu(pid);
    if (tracee_find_thread(x, regs)) {
        tracee_get(x, &newborn, trace.newborn);
    }
    if (newborn && (event == PTRACE_EVENT_STOP || (sig == SIGSTOP && !event))) {
        x->thread = 0; /* perhaps its parent's still */
        x->options = other ? other->options : 0;
        *born = true;
    }
    return x;
}

static bool signal_stop(Tracee *x, int *status, const siginfo_t *info,
                        struct user_regs_struct *regs)
{
    int sig = *status >> 8 & 0xff;
    TraceState s;
    if (sig == SIGTRAP && info->si_code == TRACE_COOKIE) {
        x->thread = guest_addr(info->si_ptr);
        return at_point(x, status);
    }
    if (tracee_get(x, &s, trace)) {
        return show(x, VIEW_HOST, true);
    }
    if (s.dying == (uint32_t)sig) {
        return hide(x, sig);
    }
    tracee_set_word(x, trace.on, 1);
    if ((SIGNALS_SYNC & SIGNAL_BIT(sig)) && info->si_code > 0) {
        return hide(x, sig); /* xemu's to handle: the guest's own follows */
    }
    if (tracee_in_call(regs) && !s.entered && !s.stopped) {
        tracee_set(x, trace.info, info);
        return show(x, VIEW_CALL, true);
    }
    tracee_hold(x, info);
    tracee_end_call(x, regs);
    return hide(x, 0);
}

static bool is_cloning(const Tracee *x)
{
    uint32_t cloning = 1;
    return x->foreign || tracee_get(x, &cloning, trace.cloning) || cloning;
}

static bool examine(Process *p, int pid, int *status)
{
    int sig = *status >> 8 & 0xff, event = *status >> 16;
    siginfo_t info = {.si_signo = 0};
    struct user_regs_struct regs;
    long r = host_ptrace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info);
    if (r == -ESRCH || tracee_host_regs(pid, &regs)) {
        return true; /* stopped, but not for this thread as its tracer */
    }
    bool group = r == -EINVAL || event == PTRACE_EVENT_STOP, born = false;
    Tracee *x = tracer_find(p, pid);
    if (!x && !(x = meet(p, pid, sig, event, &regs, &born))) {
        return true;
    }
    if (!x->has_options) {
        tracer_set_options(x, x->options);
    }
    x->view = VIEW_HOST;
    bool cookie = !r && !event && sig == SIGTRAP && info.si_code == TRACE_COOKIE, shown;
    if (born) {
        shown = hide(x, 0); /* trace_born() follows */
    } else if (event == PTRACE_EVENT_EXEC) {
        shown = at_exec(p, x, status, true);
    } else if (!cookie && !tracee_find_thread(x, &regs)) {
        shown = without_thread(p, x, &regs, status);
    } else if (group) {
        uint32_t stopped = 0;
        tracee_get(x, &stopped, trace.stopped);
        tracee_set_word(x, trace.on, 1);
        shown = stopped                 ? show(x, VIEW_POINT, false)
                : tracee_in_call(&regs) ? show(x, VIEW_CALL, false)
                                        : want(x, *status);
    } else if (event && event <= PTRACE_EVENT_VFORK_DONE && event != PTRACE_EVENT_EXEC &&
               !is_cloning(x)) {
        shown = hide(x, 0); /* xemu's own */
    } else if (event) {
        x->by_message = false;
        shown = show(x, VIEW_HOST, false);
    } else {
        shown = signal_stop(x, status, &info, &regs);
    }
    x->status = *status;
    return shown;
}

bool tracer_examine(Process *p, int pid, int *status)
{
    lock_take(&p->tracer->lock);
    bool shown = examine(p, pid, status);
    lock_release(&p->tracer->lock);
    return shown;
}
