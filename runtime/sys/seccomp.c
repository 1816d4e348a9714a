/* seccomp(2) and prctl(PR_SET_SECCOMP) (kernel/seccomp.c). */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/filter.h"
#include "runtime/sys/sys.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum {
    SYS_SECCOMP_CODE = 1, /* si_code of SIGSYS */
    MAX_ERRNO = 4095,
    /* ENOSYS as a supervisor's answer: the plain one is what the host says when the call is to go
       on. */
    ANSWERED_ENOSYS = 4094,
    CHAIN_MOST = 32768, /* instructions, MAX_INSNS_PER_PATH */
};

/* ---- a call ---------------------------------------------------------------------------------- */

static uint32_t ask(const Thread *t, const struct seccomp_data *data)
{
    uint32_t answer = SECCOMP_RET_ALLOW;
    for (const Filter *f = t->filter; f; f = f->earlier) {
        uint32_t r = filter_run(f->insn, data);
        if ((int32_t)(r & SECCOMP_RET_ACTION_FULL) < (int32_t)(answer & SECCOMP_RET_ACTION_FULL)) {
            answer = r;
        }
    }
    return answer;
}

static void trap(Thread *t, uint64_t number, uint16_t data)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGSYS;
    info.si_code = SYS_SECCOMP_CODE;
    info.si_errno = data;
    info.si_call_addr = guest_ptr(t->cpu.pc & t->process->frontend->pc_mask);
    info.si_syscall = (int)number;
    info.si_arch = t->process->abi->audit_arch;
    signal_force_info(t, &info, 0);
}

/* The thread ends; with the last one the process, by that signal. */
static void end(Thread *t, bool whole, int sig)
{
    Process *p = t->process;
    if (!whole) {
        lock_take(&p->threads_lock);
        whole = p->nthreads == 1;
        lock_release(&p->threads_lock);
    }
    if (whole) {
        signal_die(p, sig, NULL);
    }
    t->exit_status = sig;
    longjmp(t->leave, 1);
}

/* To the supervisor, by way of the host. True if the call is to be made after all. */
static bool notify(Thread *t, uint64_t number, const uint64_t args[6], long *result)
{
    long r = host_syscall(&t->cpu, (long)(FILTER_NOTIFY | number), args);
    if (r == -ENOSYS) {
        return true;
    }
    *result = r == -ANSWERED_ENOSYS ? -ENOSYS : r;
    return false;
}

static bool strict(Thread *t, uint64_t number)
{
    /* read, write, exit, rt_sigreturn of the generic table */
    if (number == 63 || number == 64 || number == 93 || number == 139) {
        return true;
    }
    end(t, false, SIGKILL);
    return false;
}

static bool decide(Thread *t, uint64_t *number, uint64_t args[6], long *result, bool again)
{
    struct seccomp_data data = {
        .nr = (int)*number,
        .arch = t->process->abi->audit_arch,
        .instruction_pointer = t->cpu.pc & t->process->frontend->pc_mask,
    };
    memcpy(data.args, args, sizeof data.args);
    uint32_t answer = ask(t, &data);
    uint16_t low = answer & SECCOMP_RET_DATA;
    switch (answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG: return true;
    case SECCOMP_RET_ERRNO: *result = -(long)(low < MAX_ERRNO ? low : MAX_ERRNO); return false;
    case SECCOMP_RET_TRAP:
        trap(t, *number, low);
        *result = SYS_REGISTERS_SET;
        return false;
    case SECCOMP_RET_TRACE:
        if (again) {
            return true;
        }
        if (!t->trace.on || !trace_seccomp(t, low, number, args)) {
            *result = -ENOSYS;
            return false;
        }
        if ((int)*number == -1) {
            *result = SYS_REGISTERS_SET; /* as the tracer left them */
            return false;
        }
        return decide(t, number, args, result, true);
    case SECCOMP_RET_USER_NOTIF: {
        bool listens = false;
        for (const Filter *f = t->filter; f; f = f->earlier) {
            listens |= f->notifies;
        }
        *result = -ENOSYS;
        return listens && *number < FILTER_NOTIFY && notify(t, *number, args, result);
    }
    case SECCOMP_RET_KILL_THREAD: end(t, false, SIGSYS); return false;
    default: end(t, true, SIGSYS); return false;
    }
}

bool seccomp_entry(Thread *t, uint64_t *number, uint64_t args[6], long *result)
{
    /* A kernel's vDSO makes no calls for what it knows itself. */
    GuestAddr pc = t->cpu.pc & t->process->frontend->pc_mask;
    const Mem *mem = t->process->mem;
    if (pc >= mem->vdso && pc < mem->vdso_end && *number != 139) {
        return true;
    }
    return t->seccomp == SECCOMP_MODE_STRICT ? strict(t, *number)
                                             : decide(t, number, args, result, false);
}

/* ---- setting --------------------------------------------------------------------------------- */

static long set_strict(Thread *t)
{
    if (t->seccomp == SECCOMP_MODE_FILTER) {
        return -EINVAL;
    }
    t->seccomp = SECCOMP_MODE_STRICT;
    return 0;
}

static bool may_filter(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {{0}};
    return host_raw5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
           (!host_raw2(SYS_capget, &head, caps) && (caps[0].effective & 1u << CAP_SYS_ADMIN));
}

static bool descends(const Filter *f, const Filter *from)
{
    while (f && f != from) {
        f = f->earlier;
    }
    return f == from;
}

/* All threads get the caller's filters. The id of one that has others, 0 if all went well. */
static long synchronize(Thread *t, const Filter *fresh)
{
    Process *p = t->process;
    long other = 0;
    lock_take(&p->threads_lock);
    for (const Thread *o = p->threads; o && !other; o = o->next) {
        if (o != t && (o->seccomp == SECCOMP_MODE_STRICT || !descends(t->filter, o->filter))) {
            other = o->tid;
        }
    }
    for (Thread *o = p->threads; o && !other; o = o->next) {
        __atomic_store_n(&o->filter, fresh, __ATOMIC_RELEASE);
        __atomic_store_n(&o->seccomp, SECCOMP_MODE_FILTER, __ATOMIC_RELEASE);
    }
    lock_release(&p->threads_lock);
    return other;
}

/* The host tells a supervisor of calls from FILTER_NOTIFY on. */
static long host_listener(uint64_t flags)
{
    struct sock_filter insn[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_NOTIFY, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 2 * FILTER_NOTIFY, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof insn / sizeof insn[0], insn};
    return host_raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static Filter *read_filter(GuestAddr program, long *error)
{
    struct {
        uint16_t len;
        uint64_t insn;
    } prog;
    Filter *f = NULL;
    if (guest_read(&prog, program, sizeof prog)) {
        *error = -EFAULT;
    } else if (prog.len == 0 || prog.len > BPF_MAXINSNS) {
        *error = -EINVAL;
    } else if (!(f = malloc(sizeof *f + prog.len * sizeof f->insn[0]))) {
        *error = -ENOMEM;
    } else {
        *f = (Filter){.count = prog.len};
        *error = guest_read(f->insn, prog.insn, prog.len * sizeof f->insn[0]);
        *error = *error ? *error : filter_check(f->insn, prog.len);
    }
    if (*error) {
        free(f);
        return NULL;
    }
    return f;
}

static long set_filter(Thread *t, uint64_t flags, GuestAddr program)
{
    const uint64_t known = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                           SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER |
                           SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    bool all = flags & SECCOMP_FILTER_FLAG_TSYNC,
         listener = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
    long error = 0, fd = 0;
    if ((flags & ~known) || (all && listener && !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH)) ||
        ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) && !listener) ||
        t->seccomp == SECCOMP_MODE_STRICT) {
        return -EINVAL;
    }
    Filter *f = read_filter(program, &error);
    if (!f) {
        return error;
    }
    if (!may_filter()) {
        free(f);
        return -EACCES;
    }
    f->earlier = t->filter;
    f->depth = f->count + (t->filter ? t->filter->depth + 4 : 0);
    f->notifies = listener;
    if (f->depth > CHAIN_MOST) {
        free(f);
        return -ENOMEM;
    }
    if (listener && (fd = host_listener(flags)) < 0) {
        free(f);
        return fd;
    }
    if (all) {
        long other = synchronize(t, f);
        if (other) {
            free(f);
            return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : other;
        }
    } else {
        t->filter = f;
        t->seccomp = SECCOMP_MODE_FILTER;
    }
    return fd;
}

static long action_available(uint64_t flags, GuestAddr at)
{
    uint32_t action;
    if (flags) {
        return -EINVAL;
    }
    if (guest_read_u32(at, &action)) {
        return -EFAULT;
    }
    switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_USER_NOTIF:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW: return 0;
    default: return -EOPNOTSUPP;
    }
}

long sys_seccomp(Thread *t, const uint64_t a[6])
{
    switch ((uint32_t)a[0]) {
    case SECCOMP_SET_MODE_STRICT: return a[1] || a[2] ? -EINVAL : set_strict(t);
    case SECCOMP_SET_MODE_FILTER: return set_filter(t, (uint32_t)a[1], a[2]);
    case SECCOMP_GET_ACTION_AVAIL: return action_available((uint32_t)a[1], a[2]);
    case SECCOMP_GET_NOTIF_SIZES: return host_syscall(&t->cpu, SYS_seccomp, a);
    default: return -EINVAL;
    }
}

long sys_prctl_seccomp(Thread *t, uint64_t mode, GuestAddr program)
{
    return mode == SECCOMP_MODE_STRICT   ? set_strict(t)
           : mode == SECCOMP_MODE_FILTER ? set_filter(t, 0, program)
                                         : -EINVAL;
}

/* ---- the supervisor's side ------------------------------------------------------------------- */

long seccomp_ioctl(Thread *t, const uint64_t a[6])
{
    struct seccomp_notif_resp answer;
    long r;
    if ((uint32_t)a[1] == (uint32_t)SECCOMP_IOCTL_NOTIF_SEND) {
        if (guest_read(&answer, a[2], sizeof answer)) {
            return -EFAULT;
        }
        answer.error = answer.error == -ENOSYS ? -ANSWERED_ENOSYS : answer.error;
        return host_call(&t->cpu, SYS_ioctl, a[0], a[1], (uintptr_t)&answer);
    }
    r = host_syscall(&t->cpu, SYS_ioctl, a);
    if (r == 0) {
        struct seccomp_notif n;
        if (guest_read(&n, a[2], sizeof n)) {
            return -EFAULT;
        }
        if ((n.data.nr & ~(FILTER_NOTIFY - 1)) == FILTER_NOTIFY) {
            n.data.nr &= FILTER_NOTIFY - 1;
            n.data.arch = t->process->abi->audit_arch;
            r = guest_write(a[2], &n, sizeof n);
        }
    }
    return r;
}

/* ---- over exec ------------------------------------------------------------------------------- */

int seccomp_save(const Thread *t)
{
    if (t->seccomp != SECCOMP_MODE_FILTER) {
        return -1;
    }
    long fd = host_raw2(SYS_memfd_create, "filters", 0);
    const Filter *done = NULL;
    /* From the earliest: it becomes the first of the new chain. */
    while (fd >= 0 && done != t->filter) {
        const Filter *f = t->filter;
        while (f->earlier != done) {
            f = f->earlier;
        }
        uint16_t head[2] = {f->count, f->notifies};
        host_raw3(SYS_write, fd, head, sizeof head);
        host_raw3(SYS_write, fd, f->insn, f->count * sizeof f->insn[0]);
        done = f;
    }
    return (int)fd;
}

void seccomp_load(Thread *t, int fd)
{
    uint16_t head[2];
    long at = 0;
    while (host_raw4(SYS_pread64, fd, head, sizeof head, at) == sizeof head) {
        size_t bytes = head[0] * sizeof(struct sock_filter);
        Filter *f = malloc(sizeof *f + bytes);
        if (!f ||
            host_raw4(SYS_pread64, fd, f->insn, bytes, at + (long)sizeof head) != (long)bytes ||
            filter_check(f->insn, head[0])) {
            fprintf(stderr,
                    "xemu: the filters of system calls are lost; not going on without them\n");
            process_exit(t->process, 126);
        }
        f->earlier = t->filter;
        f->count = head[0];
        f->notifies = head[1];
        f->depth = f->count + (t->filter ? t->filter->depth + 4 : 0);
        t->filter = f;
        t->seccomp = SECCOMP_MODE_FILTER;
        at += (long)(sizeof head + bytes);
    }
    host_raw1(SYS_close, fd);
}
