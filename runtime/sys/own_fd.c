/* The guest can't close what xemu keeps open, nor put something else there: a daemon that closes
 * "all" descriptors in a chroot without /proc could not execute anything afterwards. To the guest
 * these numbers are closed already. */
#include "runtime/sys/own_fd.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "runtime/sys/procfs.h"
#include "runtime/sys/sys.h"

int own_fd_high(int fd)
{
    struct rlimit limit;
    long most = getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > 1 << 20 ? 1 << 20
                                                                             : (long)limit.rlim_cur;
    for (long at = most - 64; at > 64; at /= 2) {
        long high = host_raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, at);
        if (high >= 0) {
            host_raw1(SYS_close, fd);
            return (int)high;
        }
    }
    return fd;
}

/* By the name that it was started by, if that leads to a program of this machine: for the kernel it
 * may be the guest's program that was (binfmt_misc). */
static long open_by_name(void)
{
    Elf64_Ehdr h;
    long fd = host_raw3(SYS_openat, AT_FDCWD, getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
    bool own = fd >= 0 && host_raw4(SYS_pread64, fd, &h, sizeof h, 0) == sizeof h &&
               !memcmp(h.e_ident, ELFMAG, SELFMAG) && h.e_machine == EM_X86_64;
    if (fd >= 0 && !own) {
        host_raw1(SYS_close, fd);
    }
    return own ? fd : -ENOENT;
}

void own_fd_keep_exe(Process *p)
{
    if (p->exe_fd < 0) {
        long fd = host_raw3(SYS_openat, AT_FDCWD, "/proc/self/exe", O_PATH | O_CLOEXEC);
        if (fd < 0) {
            fd = open_by_name();
        }
        if (fd >= 0) {
            p->exe_fd = own_fd_high((int)fd);
        }
    }
}

void own_fd_keep_program(Process *p)
{
    if (p->program_fd < 0) {
        long fd = host_raw3(SYS_openat, AT_FDCWD, p->exe, O_PATH | O_CLOEXEC);
        p->program_fd = fd < 0 ? -1 : own_fd_high((int)fd);
    }
}

/* The descriptors that are xemu's; -1 where there is none. */
static const size_t noted[] = {offsetof(Process, exe_fd),     offsetof(Process, prefix_fd),
                               offsetof(Process, program_fd), offsetof(Process, log_fd),
                               offsetof(Process, report_fd),  offsetof(Process, count_fd)};
enum { OWN = sizeof noted / sizeof *noted };

static int *own_place(const Process *p, unsigned i)
{
    return (int *)((uintptr_t)p + noted[i]);
}

/* Where the process notes descriptor fd, if that is one of xemu's. */
static int *own_at(Process *p, int fd)
{
    for (unsigned i = 0; fd >= 0 && i < OWN; i++) {
        if (*own_place(p, i) == fd) {
            return own_place(p, i);
        }
    }
    return NULL;
}

/* The lowest of them from `from` on, -1: none. */
static int64_t next_own(const Process *p, uint64_t from)
{
    int64_t next = -1;
    for (unsigned i = 0; i < OWN; i++) {
        int fd = *own_place(p, i);
        if (fd >= 0 && (uint64_t)fd >= from && (next < 0 || fd < next)) {
            next = fd;
        }
    }
    return next;
}

bool own_fd_is(const Process *p, int fd)
{
    return fd >= 0 && next_own(p, (uint64_t)fd) == fd;
}

bool own_fd_any(const Process *p)
{
    return next_own(p, 0) >= 0;
}

long sys_close(Thread *t, const uint64_t a[6])
{
    return own_fd_is(t->process, (int)a[0]) ? -EBADF : host_syscall(&t->cpu, SYS_close, a);
}

long sys_dup3(Thread *t, const uint64_t a[6])
{
    Process *p = t->process;
    if (own_fd_is(p, (int)a[0])) {
        return -EBADF;
    }
    int *own = own_at(p, (int)a[1]);
    if (own) {
        long moved = host_raw3(SYS_fcntl, *own, F_DUPFD_CLOEXEC, 64);
        *own = moved < 0 ? -1 : (int)moved;
    }
    long r = host_syscall(&t->cpu, SYS_dup3, a);
    if (r >= 0 && p->nsnapshots) {
        procfs_dup(p, (int)a[0], (int)r);
    }
    return r;
}

long sys_close_range(Thread *t, const uint64_t a[6])
{
    uint64_t first = (uint32_t)a[0], last = (uint32_t)a[1];
    int64_t own = next_own(t->process, first);
    if (first > last || own < 0 || (uint64_t)own > last || (a[2] & CLOSE_RANGE_CLOEXEC)) {
        return host_syscall(&t->cpu, SYS_close_range, a);
    }
    long r = 0;
    while (!r && first <= last) {
        uint64_t stop = own >= 0 && (uint64_t)own <= last ? (uint64_t)own : last + 1;
        if (first < stop) {
            r = host_raw3(SYS_close_range, first, stop - 1, a[2]);
        }
        first = stop + 1;
        own = next_own(t->process, first);
    }
    return r;
}
