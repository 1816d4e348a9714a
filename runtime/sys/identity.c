/* What a process is told of the machine and of itself: uname, personality, limits, prctl. */
#include <linux/prctl.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/proc_view.h"
#include "runtime/sys/sys.h"
#include "runtime/sys/tagged.h"

long sys_uname(Thread *t, const uint64_t a[6])
{
    struct utsname name;
    long r = host_call(&t->cpu, SYS_uname, (uintptr_t)&name);
    if (r) {
        return r;
    }
    memset(name.machine, 0, sizeof name.machine);
    strcpy(name.machine, t->process->abi->machine);
    return guest_write(a[0], &name, sizeof name);
}

long sys_personality(Thread *t, const uint64_t a[6])
{
    Process *p = t->process;
    uint64_t old = p->personality;
    if (((uint32_t)a[0] & PER_MASK) == PER_LINUX32 && (uint32_t)a[0] != 0xffffffff) {
        return -EINVAL; /* without AArch32 (arch/arm64/kernel/sys.c) */
    }
    if ((uint32_t)a[0] != 0xffffffff) {
        /* READ_IMPLIES_EXEC would make memory executable for the host. */
        long r = host_call(&t->cpu, SYS_personality, (uint32_t)a[0] & ~(uint32_t)READ_IMPLIES_EXEC);
        if (r < 0) {
            return r;
        }
        p->personality = (uint32_t)a[0];
    }
    return (long)old;
}

/* The stack's limit is kept by xemu: the host would apply it to xemu's own stack, and the guest's
 * was made by its value. */
static long stack_limit(Process *p, const struct rlimit *set, struct rlimit *old)
{
    if (old) {
        *old = p->stack_limit;
    }
    if (set) {
        long r = host_raw4(SYS_prlimit64, 0, RLIMIT_STACK, set, 0);
        if (r) {
            return r;
        }
        p->stack_limit = *set;
        GuestAddr low = p->mem->stack_low;
        GuestAddr used = proc_stack_used(getpid(), low, p->mem->stack_shown);
        mem_size_stack(p->mem, set->rlim_cur, used ? used : low);
    }
    return 0;
}

/* Another process may have set a lower one for this, with the host. */
static void lift_host_limit(int resource, const struct rlimit *set)
{
    struct rlimit host;
    if (!getrlimit(resource, &host) && host.rlim_cur < set->rlim_cur) {
        host.rlim_max = host.rlim_max < set->rlim_max ? set->rlim_max : host.rlim_max;
        host.rlim_cur = set->rlim_cur;
        (void)setrlimit(resource, &host);
    }
}

/* RLIMIT_AS and RLIMIT_DATA would bind xemu's own memory too: the guest's map is held to them
 * instead (kernel/sys.c, do_prlimit). */
static long space_limit(int resource, struct rlimit *have, uint64_t *most, const struct rlimit *set,
                        struct rlimit *old)
{
    struct rlimit host;
    if (!getrlimit(resource, &host)) {
        have->rlim_cur = host.rlim_cur < have->rlim_cur ? host.rlim_cur : have->rlim_cur;
        have->rlim_max = host.rlim_max < have->rlim_max ? host.rlim_max : have->rlim_max;
    }
    *old = *have;
    if (!set) {
        return 0;
    }
    if (set->rlim_cur > set->rlim_max) {
        return -EINVAL;
    }
    if (set->rlim_max > have->rlim_max && geteuid() != 0) {
        return -EPERM;
    }
    *have = *set;
    *most = set->rlim_cur;
    lift_host_limit(resource, set);
    return 0;
}

static long limit(Thread *t, uint64_t pid, uint64_t resource, GuestAddr new_limit,
                  GuestAddr old_limit)
{
    Process *p = t->process;
    struct rlimit set, old;
    if (new_limit && guest_read(&set, new_limit, sizeof set)) {
        return -EFAULT;
    }
    long r;
    bool own = (int)pid == 0 || (int)pid == host_raw0(SYS_getpid);
    if (own && (uint32_t)resource == RLIMIT_STACK) {
        r = stack_limit(t->process, new_limit ? &set : NULL, &old);
    } else if (own && (uint32_t)resource == RLIMIT_AS) {
        r = space_limit(RLIMIT_AS, &p->as_limit, &p->mem->most, new_limit ? &set : NULL, &old);
    } else if (own && (uint32_t)resource == RLIMIT_DATA) {
        r = space_limit(RLIMIT_DATA, &p->data_limit, &p->mem->most_data, new_limit ? &set : NULL,
                        &old);
    } else {
        r = host_call(&t->cpu, SYS_prlimit64, pid, resource, new_limit ? (uintptr_t)&set : 0,
                      (uintptr_t)&old);
    }
    if (!r && own && new_limit && (uint32_t)resource == RLIMIT_CORE) {
        signal_core_limit(t->process);
    }
    return !r && old_limit ? guest_write(old_limit, &old, sizeof old) : r;
}

long sys_getrlimit(Thread *t, const uint64_t a[6])
{
    return a[1] ? limit(t, 0, a[0], 0, a[1]) : host_syscall(&t->cpu, SYS_getrlimit, a);
}

long sys_setrlimit(Thread *t, const uint64_t a[6])
{
    return a[1] ? limit(t, 0, a[0], a[1], 0) : host_syscall(&t->cpu, SYS_setrlimit, a);
}

long sys_prlimit64(Thread *t, const uint64_t a[6])
{
    return limit(t, a[0], a[1], a[2], a[3]);
}

/* Guest-specific numbers of uapi linux/prctl.h. */
#ifndef PR_PAC_SET_ENABLED_KEYS
#define PR_PAC_SET_ENABLED_KEYS 60
#define PR_PAC_GET_ENABLED_KEYS 61
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

static long get_auxv(const Process *p, const uint64_t a[6])
{
    if (a[3] || a[4]) {
        return -EINVAL;
    }
    uint64_t n = a[2] < p->stack.auxv_size ? a[2] : p->stack.auxv_size;
    uint8_t words[512];
    int err = guest_read(words, p->stack.auxv, n);
    err = err ? err : guest_write(a[1], words, n);
    return err ? err : (long)p->stack.auxv_size;
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

/* kernel/sys.c, prctl_set_mdwe(): set once, never taken back. */
static long set_mdwe(Process *p, const uint64_t a[6])
{
    enum { REFUSE_EXEC_GAIN = 1, NO_INHERIT = 2 };
    if (a[2] || a[3] || a[4] || (a[1] & ~(uint64_t)(REFUSE_EXEC_GAIN | NO_INHERIT)) ||
        a[1] == NO_INHERIT) {
        return -EINVAL;
    }
    if (p->mem->no_exec_gain && p->mem->no_exec_gain != a[1]) {
        return -EPERM;
    }
    p->mem->no_exec_gain = (uint32_t)a[1];
    return 0;
}

long sys_prctl(Thread *t, const uint64_t a[6])
{
    long r;
    switch ((int)a[0]) {
    case PR_PAC_RESET_KEYS:
    case PR_PAC_SET_ENABLED_KEYS:
    case PR_PAC_GET_ENABLED_KEYS: r = t->process->abi->pointer_auth(&t->cpu, a); return r;
    case PR_SET_TAGGED_ADDR_CTRL: return tagged_prctl_set(t, a);
    case PR_GET_TAGGED_ADDR_CTRL: return tagged_prctl_get(t, a);
    case PR_SET_MDWE: return set_mdwe(t->process, a);
    case PR_GET_MDWE:
        return a[1] || a[2] || a[3] || a[4] ? -EINVAL : (long)t->process->mem->no_exec_gain;
    case PR_GET_AUXV: return get_auxv(t->process, a);
    case PR_SET_SECCOMP: return sys_prctl_seccomp(t, a[1], a[2]);
    case PR_GET_SECCOMP: return (long)t->seccomp;
    /* Of other architectures only, or of extensions that this machine hasn't. */
    case PR_SET_TSC:
    case PR_GET_TSC:
    case PR_SET_FPEMU:
    case PR_GET_FPEMU:
    case PR_SET_FPEXC:
    case PR_GET_FPEXC:
    case PR_SET_ENDIAN:
    case PR_GET_ENDIAN:
    case PR_SET_UNALIGN:
    case PR_GET_UNALIGN:
    case PR_SVE_SET_VL:
    case PR_SET_SYSCALL_USER_DISPATCH: /* (it would be xemu's calls) */
    case PR_SVE_GET_VL: return -EINVAL;
    default:
        r = host_syscall(&t->cpu, SYS_prctl, a);
        if (r == 0 && (int)a[0] == PR_SET_CHILD_SUBREAPER) {
            t->process->reaps = a[1] || t->tid == 1;
        }
        return r;
    }
}

/* Whoever starts a process for xemu itself looks at new_namespace. */
long sys_unshare(Thread *t, const uint64_t a[6])
{
    long r = host_syscall(&t->cpu, SYS_unshare, a);
    t->process->new_namespace |= r == 0 && (a[0] & CLONE_NEWPID);
    return r;
}

long sys_setns(Thread *t, const uint64_t a[6])
{
    long r = host_syscall(&t->cpu, SYS_setns, a);
    t->process->new_namespace |= r == 0 && (!a[1] || (a[1] & CLONE_NEWPID));
    return r;
}
