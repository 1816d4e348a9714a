#include "runtime/sys/sys.h"

#include "runtime/sig/signal.h"
#include "runtime/strace/strace.h"
#include "runtime/sys/filter.h"
#include "runtime/sys/tagged.h"

static const SysEntry table[SYS_TABLE_SIZE] = {
#define PASS(number, name) .host = SYS_##name
#define SAME(number, name) .host = number
#define NONE(number, name) .host = -1
#define FN(number, name)   .host = -1, .handler = sys_##name
#define SYSCALL(number, text, how, types)                                                          \
    [number] = {.name = #text, .args = types, how(number, text)},
#include "runtime/sys/syscalls.def"
#undef SYSCALL
#undef FN
#undef NONE
#undef SAME
#undef PASS
};

const SysEntry *sys_entry(uint64_t number)
{
    return number < SYS_TABLE_SIZE && table[number].name ? &table[number] : NULL;
}

static long run(Thread *t, const SysEntry *entry, const uint64_t args[6])
{
    if (!entry) {
        return -ENOSYS;
    }
    if (entry->host >= 0) {
        return host_syscall(&t->cpu, entry->host, args);
    }
    return entry->handler ? entry->handler(t, args) : -ENOSYS;
}

/* A call of a thread with filters: true if it is made, perhaps as another one. */
static bool filtered(Thread *t, uint64_t *number, const SysEntry **entry, uint64_t args[6], long *r)
{
    if (!seccomp_entry(t, number, args, r)) {
        return false;
    }
    *entry = sys_entry(*number);
    return true;
}

/* The result of a call of a thread that is traced. */
static void traced_result(Thread *t, long r)
{
    const Abi *abi = t->process->abi;
    if (t->trace.override) {
        t->trace.override = 0;
        t->trace.restart = 0;
    } else if (t->trace.restart) {
        /* Decided when signals have been delivered (signal_deliver). */
        abi->set_result(&t->cpu, (uint64_t) - (int64_t)t->trace.restart);
        jit_interrupt(&t->cpu);
    } else if (r == -HOST_ERESTART) {
        t->cpu.pc -= abi->syscall_len; /* it hasn't been made yet */
        return;
    } else if (r != SYS_REGISTERS_SET) {
        abi->set_result(&t->cpu, (uint64_t)r);
    }
    trace_exit(t);
}

void sys_call(Thread *t)
{
    const Abi *abi = t->process->abi;
    uint64_t args[6];
    uint64_t number = abi->syscall_args(&t->cpu, args);
    if (t->trace.on && !trace_entry(t, &number, args)) {
        trace_exit(t);
        return;
    }
    const SysEntry *entry = sys_entry(number);
    bool trace = t->process->options->strace;
    if (trace) {
        strace_enter(t, number, entry, args);
    }
    long r = 0;
    /* (another thread may set it for all) */
    if (!__atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE) || filtered(t, &number, &entry, args, &r)) {
        r = t->tagged && entry ? tagged_call(t, entry, args, run) : run(t, entry, args);
    }
    if (t->trace.on) {
        traced_result(t, r);
    } else if (r == -HOST_ERESTART) {
        t->cpu.pc -= abi->syscall_len;
    } else if (r != SYS_REGISTERS_SET) {
        abi->set_result(&t->cpu, (uint64_t)r);
    }
    if (trace) {
        strace_leave(t, entry, args, r);
    }
}
