/* wait4 and waitid: what the host reports of tracees goes through tracer_examine(). */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "runtime/sys/sys.h"
#include "runtime/trace/tracer.h"

static void ended(Process *p, int pid)
{
    if (p->tracer->first) {
        lock_take(&p->tracer->lock);
        tracer_drop(p, pid);
        lock_release(&p->tracer->lock);
    }
}

/* The host's wait. One for children of all kinds doesn't see xemu's own. */
static long host_wait(Thread *t, bool all, long number, uint64_t a, uint64_t b, uint64_t c,
                      uint64_t d, uint64_t e)
{
    if (all) {
        jit_hide_children(t->process->jit, true);
    }
    long r = host_call(&t->cpu, number, a, b, c, d, e);
    if (all) {
        jit_hide_children(t->process->jit, false);
    }
    return r;
}

long sys_wait4(Thread *t, const uint64_t a[6])
{
    struct rusage usage;
    for (;;) {
        int status = 0;
        long r = host_wait(t, a[2] & (__WALL | __WCLONE), SYS_wait4, a[0], (uintptr_t)&status, a[2],
                           a[3] ? (uintptr_t)&usage : 0, 0);
        if (r <= 0) {
            return r;
        }
        if (WIFSTOPPED(status)) {
            if (!tracer_examine(t->process, (int)r, &status)) {
                continue;
            }
        } else if (!WIFCONTINUED(status)) {
            ended(t->process, (int)r);
        }
        if ((a[3] && guest_write(a[3], &usage, sizeof usage)) ||
            (a[1] && guest_write(a[1], &status, sizeof status))) {
            return -EFAULT;
        }
        return r;
    }
}

/* The fields of siginfo that waitid fills in. */
static int give_info(GuestAddr to, const siginfo_t *info)
{
    siginfo_t out;
    memset(&out, 0, sizeof out);
    out.si_signo = info->si_signo;
    out.si_code = info->si_code;
    out.si_pid = info->si_pid;
    out.si_uid = info->si_uid;
    out.si_status = info->si_status;
    enum { WRITTEN = 28 }; /* up to si_status */
    return guest_write(to, &out, WRITTEN);
}

long sys_waitid(Thread *t, const uint64_t a[6])
{
    struct rusage usage;
    for (;;) {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        long r = host_wait(t, a[3] & (__WALL | __WCLONE), SYS_waitid, a[0], a[1], (uintptr_t)&info,
                           a[3], a[4] ? (uintptr_t)&usage : 0);
        if (r < 0) {
            /* The kernel writes what it hasn't found, too. */
            return r != -HOST_ERESTART && a[2] && give_info(a[2], &info) ? -EFAULT : r;
        }
        if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
            int status = 0x7f | info.si_status << 8;
            if (!tracer_examine(t->process, info.si_pid, &status)) {
                if (a[3] & WNOWAIT) {
                    host_raw4(SYS_wait4, info.si_pid, 0, WNOHANG | __WALL | WUNTRACED, 0);
                }
                continue;
            }
            info.si_status = status >> 8;
        } else if (info.si_pid && !(a[3] & WNOWAIT) && info.si_code != CLD_CONTINUED) {
            ended(t->process, info.si_pid);
        }
        if (info.si_pid && a[4] && guest_write(a[4], &usage, sizeof usage)) {
            return -EFAULT;
        }
        return a[2] ? give_info(a[2], &info) : 0;
    }
}
