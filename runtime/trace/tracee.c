/* The side of the process that is traced. */
#include <string.h>

#include "runtime/sig/signal.h"
#include "runtime/trace/trace.h"

volatile uint32_t trace_at_start __attribute__((used));

enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };

static void drop_code(Process *p)
{
    TraceCode *c = p->trace_code;
    if (!c->all && atomic_load(&c->head) == atomic_load(&c->tail)) {
        return;
    }
    lock_take(&c->lock);
    if (c->all) {
        c->all = 0;
        atomic_store(&c->tail, atomic_load(&c->head));
        jit_invalidate(p->jit, 0, MEM_TASK_SIZE);
    }
    while (atomic_load(&c->tail) != atomic_load(&c->head)) {
        uint32_t at = atomic_load(&c->tail) % TRACE_RANGES;
        jit_invalidate(p->jit, c->range[at].start, c->range[at].len);
        atomic_fetch_add(&c->tail, 1);
    }
    lock_release(&c->lock);
}

/* Takes over the debug registers. */
static void update_watch(Thread *t)
{
    if (!t->trace.debug.changed) {
        return;
    }
    t->trace.debug.changed = 0;
    t->watch.is_hit = false;
    t->process->abi->watches(&t->trace.debug, &t->watch);
    t->cpu.watch = t->watch.n ? &t->watch : NULL;
}

/* Returns when the tracer says so; false if there is none. */
static bool trace_stop(Thread *t, TraceKind kind)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGTRAP;
    info.si_code = TRACE_COOKIE;
    info.si_ptr = t;
    t->trace.kind = kind;
    t->trace.inject = 0;
    t->trace.answered = 0;
    t->trace.stopped = 1;
    host_raw4(SYS_rt_tgsigqueueinfo, host_raw0(SYS_getpid), t->tid, SIGTRAP, &info);
    t->trace.stopped = 0;
    drop_code(t->process);
    update_watch(t);
    return t->trace.answered;
}

void trace_nobody(Thread *t)
{
    t->trace.on = 0;
    t->trace.mode = TRACE_RUN;
    t->trace.entered = 0;
    t->trace.answered = 0;
    t->cpu.watch = NULL;
}

int trace_signal(Thread *t, siginfo_t *info)
{
    t->trace.info = *info;
    if (!trace_stop(t, TRACE_SIGNAL)) {
        return info->si_signo;
    }
    *info = t->trace.info;
    return (int)t->trace.inject;
}

void trace_exec(Thread *t)
{
    uint32_t how = trace_at_start;
    t->trace.on = 1;
    t->trace.mode = how >> 8;
    t->trace.nr = (int32_t)t->process->abi->nr_execve;
    memset(t->trace.args, 0, sizeof t->trace.args);
    bool by_signal = how & 2, exit_due = t->trace.mode != TRACE_RUN;
    if (!by_signal) {
        trace_stop(t, TRACE_EXEC);
    }
    t->trace.entered = exit_due;
    trace_exit(t);
    if (by_signal && t->trace.on) {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        info.si_signo = SIGTRAP;
        info.si_code = SI_USER;
        info.si_pid = (pid_t)host_raw0(SYS_getpid);
        info.si_uid = (uid_t)host_raw0(SYS_getuid);
        t->trace.info = info;
        if (trace_stop(t, TRACE_SIGNAL) && t->trace.inject) {
            t->trace.deferred = 1;
            jit_interrupt(&t->cpu);
        }
    }
}

void trace_born(Thread *t)
{
    t->trace.newborn = 0;
    t->trace.on = 1;
    t->trace.nr = -1;
    if (trace_stop(t, TRACE_BORN) && t->trace.inject) {
        t->trace.deferred = 1;
        jit_interrupt(&t->cpu);
    }
}

bool trace_entry(Thread *t, uint64_t *number, uint64_t args[6])
{
    TraceState *s = &t->trace;
    s->nr = (int32_t)*number;
    memcpy(s->args, args, sizeof s->args);
    if ((s->mode == TRACE_RUN || s->mode == TRACE_STEP) || s->entered) {
        return true;
    }
    bool skip = s->mode == TRACE_SYSEMU || s->mode == TRACE_SYSEMU_STEP;
    s->entered = !skip;
    if (!trace_stop(t, TRACE_ENTRY)) {
        return true;
    }
    t->process->abi->syscall_args(&t->cpu, args);
    memcpy(s->args, args, sizeof s->args);
    *number = (uint64_t)(int64_t)s->nr;
    return !skip && s->nr != -1;
}

void trace_exit(Thread *t)
{
    TraceState *s = &t->trace;
    bool report = s->entered && (s->mode == TRACE_SYSCALL || s->mode == TRACE_SYSEMU);
    s->entered = 0;
    if (report) {
        trace_stop(t, TRACE_EXIT);
    }
    s->nr = -1;
}

bool trace_seccomp(Thread *t, uint32_t data, uint64_t *number, uint64_t args[6])
{
    TraceState *s = &t->trace;
    s->nr = (int32_t)*number;
    memcpy(s->args, args, sizeof s->args);
    s->message = data;
    if (!trace_stop(t, TRACE_SECCOMP)) {
        return false;
    }
    s->entered |= s->mode == TRACE_SYSCALL; /* its exit is reported */
    t->process->abi->syscall_args(&t->cpu, args);
    memcpy(s->args, args, sizeof s->args);
    *number = (uint64_t)(int64_t)s->nr;
    return true;
}

/* arch/arm64/kernel/signal.c, do_signal(): the pc is behind the instruction, the result the
 * internal error. */
void trace_restart(Thread *t, const uint64_t *handler_flags)
{
    TraceState *s = &t->trace;
    const Abi *abi = t->process->abi;
    uint32_t how = s->restart;
    s->restart = 0;
    bool again = how == ERESTARTNOINTR ||
                 (how == ERESTARTSYS && (!handler_flags || (*handler_flags & SA_RESTART))) ||
                 (!handler_flags && how);
    if (again) {
        t->cpu.pc -= abi->syscall_len;
        abi->restart_call(&t->cpu, s->args[0], how == ERESTART_RESTARTBLOCK);
    } else if (how) {
        abi->set_result(&t->cpu, (uint64_t)-EINTR);
    }
}

void trace_poll(Thread *t)
{
    if (t->trace.want) {
        t->trace.want = 0;
        t->trace.on = 1;
        trace_stop(t, TRACE_WANTED);
    }
    drop_code(t->process);
    update_watch(t);
}

void trace_stepped(Thread *t)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGTRAP;
    info.si_code = TRAP_TRACE;
    info.si_addr = guest_ptr(t->cpu.pc & t->process->frontend->pc_mask);
    t->trace.info = info;
    if (trace_stop(t, TRACE_SIGNAL) && t->trace.inject) {
        t->trace.deferred = 1;
        jit_interrupt(&t->cpu);
    }
}
