/* Files: paths that may lie below the prefix or in /proc, open flags, struct stat. */
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/sys/convert.h"
#include "runtime/sys/own_fd.h"
#include "runtime/sys/path.h"
#include "runtime/sys/proc_view.h"
#include "runtime/sys/procfs.h"
#include "runtime/sys/sys.h"

/* ---- memory of other processes, by /proc/PID/mem --------------------------------------------- */

/* A file that a debugger writes breakpoints through. */
static void note_mem_file(Process *p, const char *path, long fd)
{
    char *end;
    unsigned long pid = strtoul(path + 6, &end, 10);
    if (!strncmp(end, "/task/", 6)) {
        pid = strtoul(end + 6, &end, 10);
    }
    if (fd >= 0 && pid && !strcmp(end, "/mem")) {
        unsigned most = sizeof p->mem_files / sizeof p->mem_files[0];
        p->mem_files[p->nmem_files++ % most] = (struct MemFile){(int)fd, (int)pid};
    }
}

/* n bytes were written to fd at `at`. */
static void wrote_mem_file(Process *p, int fd, uint64_t at, long n)
{
    for (unsigned i = 0; n > 0 && i < sizeof p->mem_files / sizeof p->mem_files[0]; i++) {
        if (p->mem_files[i].pid && p->mem_files[i].fd == fd) {
            tracer_wrote(p, p->mem_files[i].pid, at, (uint64_t)n);
        }
    }
}

long sys_write(Thread *t, const uint64_t a[6])
{
    if (!t->process->nmem_files) {
        return host_syscall(&t->cpu, SYS_write, a);
    }
    uint64_t at = (uint64_t)host_raw3(SYS_lseek, a[0], 0, SEEK_CUR);
    long r = host_syscall(&t->cpu, SYS_write, a);
    wrote_mem_file(t->process, (int)a[0], at, r);
    return r;
}

long sys_pwrite64(Thread *t, const uint64_t a[6])
{
    long r = host_syscall(&t->cpu, SYS_pwrite64, a);
    if (t->process->nmem_files) {
        wrote_mem_file(t->process, (int)a[0], a[3], r);
    }
    return r;
}

/* ---- reading: files of /proc may have to be made again --------------------------------------- */

static long read_from(Thread *t, long nr, const uint64_t a[6], uint64_t fd, uint64_t at)
{
    long r = t->process->nsnapshots ? procfs_read(t, (int)fd, at) : 0;
    return r ? r : host_syscall(&t->cpu, nr, a);
}

long sys_read(Thread *t, const uint64_t a[6])
{
    return read_from(t, SYS_read, a, a[0], PROCFS_HERE);
}

long sys_readv(Thread *t, const uint64_t a[6])
{
    return read_from(t, SYS_readv, a, a[0], PROCFS_HERE);
}

long sys_pread64(Thread *t, const uint64_t a[6])
{
    return read_from(t, SYS_pread64, a, a[0], a[3]);
}

long sys_preadv(Thread *t, const uint64_t a[6])
{
    return read_from(t, SYS_preadv, a, a[0], a[3]);
}

long sys_preadv2(Thread *t, const uint64_t a[6])
{
    return read_from(t, SYS_preadv2, a, a[0], a[3]); /* -1 is here */
}

long sys_sendfile(Thread *t, const uint64_t a[6])
{
    uint64_t at = PROCFS_HERE;
    if (t->process->nsnapshots && a[2] && guest_read_u64(a[2], &at)) {
        at = 1; /* the host will say so */
    }
    return read_from(t, SYS_sendfile, a, a[1], at);
}

/* A second descriptor of one. */
static long duplicated(Thread *t, uint64_t old, long fd)
{
    if (t->process->nsnapshots && fd >= 0) {
        procfs_dup(t->process, (int)old, (int)fd);
    }
    return fd;
}

long sys_dup(Thread *t, const uint64_t a[6])
{
    return duplicated(t, a[0], host_syscall(&t->cpu, SYS_dup, a));
}

long sys_process_vm_writev(Thread *t, const uint64_t a[6])
{
    long r = host_syscall(&t->cpu, SYS_process_vm_writev, a);
    struct iovec v;
    for (uint64_t i = 0; r > 0 && t->process->tracer->first && i < a[4]; i++) {
        if (guest_read(&v, a[3] + i * sizeof v, sizeof v)) {
            break;
        }
        tracer_wrote(t->process, (int)a[0], guest_addr(v.iov_base), v.iov_len);
    }
    return r;
}

/* ---------------------------------------------------------------------------------------------- */

long sys_openat(Thread *t, const uint64_t a[6])
{
    PathRoom room;
    const char *path;
    uint64_t flags = convert_open_flags_to_host(a[2]);
    if (path_arg(t->process, a[1], !(flags & O_NOFOLLOW), &room, &path)) {
        return host_call(&t->cpu, SYS_openat, a[0], a[1], flags, a[3]);
    }
    char joined[PATH_MAX];
    const char *full = proc_path_at((int)a[0], path, joined);
    long r = procfs_open(t, full, (int)flags);
    if (r != PROCFS_NOT_OURS) {
        return r;
    }
    r = host_call(&t->cpu, SYS_openat, a[0], (uintptr_t)path, flags, a[3]);
    if (!strncmp(full, "/proc/", 6) && (flags & O_ACCMODE) != O_RDONLY) {
        note_mem_file(t->process, full, r);
    }
    return r;
}

long sys_openat2(Thread *t, const uint64_t a[6])
{
    PathRoom room;
    const char *path;
    struct open_how how;
    if (a[3] < sizeof how || a[3] > MEM_PAGE) {
        return a[3] > MEM_PAGE ? -E2BIG : -EINVAL;
    }
    long r = guest_read(&how, a[2], sizeof how);
    /* Later kernels may know a longer structure: what this one doesn't know has to be zero. */
    for (uint64_t i = sizeof how; !r && i < a[3]; i++) {
        uint8_t byte;
        r = guest_read(&byte, a[2] + i, 1);
        r = !r && byte ? -E2BIG : r;
    }
    if (r) {
        return r;
    }
    how.flags = convert_open_flags_to_host(how.flags);
    if (how.resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)) {
        return host_call(&t->cpu, SYS_openat2, a[0], a[1], (uintptr_t)&how, sizeof how);
    }
    if (path_arg(t->process, a[1], !(how.flags & O_NOFOLLOW), &room, &path)) {
        return host_call(&t->cpu, SYS_openat2, a[0], a[1], (uintptr_t)&how, sizeof how);
    }
    r = procfs_open(t, path, (int)how.flags);
    return r != PROCFS_NOT_OURS ? r
                                : host_call(&t->cpu, SYS_openat2, a[0], (uintptr_t)path,
                                            (uintptr_t)&how, sizeof how);
}

long sys_open_by_handle_at(Thread *t, const uint64_t a[6])
{
    return host_call(&t->cpu, SYS_open_by_handle_at, a[0], a[1], convert_open_flags_to_host(a[2]));
}

long sys_name_to_handle_at(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_name_to_handle_at, a, 1, a[4] & AT_SYMLINK_FOLLOW);
}

long sys_fanotify_init(Thread *t, const uint64_t a[6])
{
    return host_call(&t->cpu, SYS_fanotify_init, a[0], convert_open_flags_to_host(a[1]));
}

long sys_pipe2(Thread *t, const uint64_t a[6])
{
    return host_call(&t->cpu, SYS_pipe2, a[0], convert_open_flags_to_host(a[1]));
}

long sys_mq_open(Thread *t, const uint64_t a[6])
{
    return host_call(&t->cpu, SYS_mq_open, a[0], convert_open_flags_to_host(a[1]), a[2], a[3]);
}

long sys_mq_getsetattr(Thread *t, const uint64_t a[6])
{
    /* mq_flags knows O_NONBLOCK only, which is the same. */
    return host_call(&t->cpu, SYS_mq_getsetattr, a[0], a[1], a[2]);
}

/* Descriptors of xemu's own aren't listed in /proc/PID/fd. */
static long hide_own(const Process *p, int dir, GuestAddr entries, long n)
{
    struct {
        uint64_t ino, off;
        uint16_t size;
        uint8_t type;
        char name[13];
    } e;
    char link[48], folder[64];
    long kept = 0;
    for (long at = 0; at < n; at += e.size) {
        memset(&e, 0, sizeof e);
        /* (a short last entry: its name ends within it) */
        if (guest_read(&e, entries + (uint64_t)at,
                       n - at < (long)sizeof e ? (size_t)(n - at) : sizeof e)) {
            return -EFAULT;
        }
        char *end;
        long fd = strtol(e.name, &end, 10);
        bool own = end != e.name && *end == 0 && own_fd_is(p, (int)fd);
        if (own) {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            long length = host_raw4(SYS_readlinkat, AT_FDCWD, link, folder, sizeof folder - 1);
            folder[length > 0 ? length : 0] = 0;
            const char *last = strrchr(folder, '/');
            own = !strncmp(folder, "/proc/", 6) && last &&
                  (!strcmp(last, "/fd") || !strcmp(last, "/fdinfo"));
        }
        if (!own) {
            if (kept != at) {
                uint8_t copy[300];
                if (e.size > sizeof copy || guest_read(copy, entries + (uint64_t)at, e.size) ||
                    guest_write(entries + (uint64_t)kept, copy, e.size)) {
                    return -EFAULT;
                }
            }
            kept += e.size;
        }
    }
    return kept;
}

long sys_getdents64(Thread *t, const uint64_t a[6])
{
    const Process *p = t->process;
    long r, all;
    do {
        r = all = host_syscall(&t->cpu, SYS_getdents64, a);
        if (r > 0 && own_fd_any(p)) {
            r = hide_own(p, (int)a[0], a[1], r);
        }
    } while (r == 0 && all > 0); /* nothing but those: what comes next */
    return r;
}

long sys_ioctl(Thread *t, const uint64_t a[6])
{
    /* Numbers and structures are the same on both sides but for what tells of system calls. */
    switch ((uint32_t)a[1]) {
    case (uint32_t)SECCOMP_IOCTL_NOTIF_RECV:
    case (uint32_t)SECCOMP_IOCTL_NOTIF_SEND: return seccomp_ioctl(t, a);
    default: return host_syscall(&t->cpu, SYS_ioctl, a);
    }
}

long sys_fcntl(Thread *t, const uint64_t a[6])
{
    long r;
    switch ((uint32_t)a[1]) {
    case F_SETFL:
        return host_call(&t->cpu, SYS_fcntl, a[0], a[1], convert_open_flags_to_host(a[2]));
    case F_GETFL:
        r = host_call(&t->cpu, SYS_fcntl, a[0], a[1], a[2]);
        return r < 0 ? r : (long)convert_open_flags_to_guest((uint64_t)r);
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return duplicated(t, a[0], host_call(&t->cpu, SYS_fcntl, a[0], a[1], a[2]));
    default: return host_call(&t->cpu, SYS_fcntl, a[0], a[1], a[2]);
    }
}

static long give_stat(long r, const struct stat *st, GuestAddr to)
{
    if (r) {
        return r;
    }
    GuestStat guest;
    convert_stat(&guest, st);
    return guest_write(to, &guest, sizeof guest);
}

long sys_fstat(Thread *t, const uint64_t a[6])
{
    struct stat st;
    return give_stat(host_call(&t->cpu, SYS_fstat, a[0], (uintptr_t)&st), &st, a[1]);
}

long sys_newfstatat(Thread *t, const uint64_t a[6])
{
    struct stat st;
    PathRoom room;
    const char *path;
    /* (With AT_EMPTY_PATH the path may be NULL, in Linux 6.11.) */
    if (path_arg(t->process, a[1], !(a[3] & AT_SYMLINK_NOFOLLOW), &room, &path)) {
        path = guest_ptr(a[1]);
    }
    long r = host_call(&t->cpu, SYS_newfstatat, a[0], (uintptr_t)path, (uintptr_t)&st, a[3]);
    return give_stat(r, &st, a[2]);
}

long sys_statx(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_statx, a, 1, !(a[2] & AT_SYMLINK_NOFOLLOW));
}

long sys_statfs(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_statfs, a, 0, true);
}

long sys_faccessat(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_faccessat, a, 1, true);
}

long sys_faccessat2(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_faccessat2, a, 1, !(a[3] & AT_SYMLINK_NOFOLLOW));
}

long sys_utimensat(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_utimensat, a, 1, !(a[3] & AT_SYMLINK_NOFOLLOW));
}

long sys_chdir(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_chdir, a, 0, true);
}

long sys_inotify_add_watch(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_inotify_add_watch, a, 1, true);
}

long sys_readlinkat(Thread *t, const uint64_t a[6])
{
    PathRoom room;
    const char *path;
    if (path_arg(t->process, a[1], false, &room, &path)) {
        return host_syscall(&t->cpu, SYS_readlinkat, a);
    }
    ProcPath pp;
    char joined[PATH_MAX], exe[PATH_MAX];
    if (proc_path_parse(proc_path_at((int)a[0], path, joined), &pp) && !strcmp(pp.name, "exe")) {
        long length =
            pp.own ? snprintf(exe, sizeof exe, "%s", t->process->exe) : proc_exe(pp.pid, exe);
        if (length > 0 && (int)a[3] <= 0) {
            return -EINVAL;
        }
        if (length > 0) {
            size_t n = (size_t)length < a[3] ? (size_t)length : a[3];
            return guest_write(a[2], exe, n) ? -EFAULT : (long)n;
        }
    }
    return host_call(&t->cpu, SYS_readlinkat, a[0], (uintptr_t)path, a[2], a[3]);
}

/* Executing a program of the guest's means executing xemu, which the guest's rules can't know of:
 * one more rule. */
long sys_landlock_restrict_self(Thread *t, const uint64_t a[6])
{
    static const uint64_t accesses[] = {LANDLOCK_ACCESS_FS_EXECUTE, LANDLOCK_ACCESS_FS_READ_FILE};
    long fd = t->process->exe_fd;
    process_save(t->process, false); /* the cache's folder is out of reach then */
    if (fd < 0) {
        fd = host_raw3(SYS_openat, AT_FDCWD, "/proc/self/exe", O_PATH | O_CLOEXEC);
    }
    for (unsigned i = 0; fd >= 0 && i < sizeof accesses / sizeof accesses[0]; i++) {
        /* (refused if the rules don't restrict that access) */
        struct landlock_path_beneath_attr rule = {.allowed_access = accesses[i],
                                                  .parent_fd = (int)fd};
        host_raw4(SYS_landlock_add_rule, a[0], LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    if (fd >= 0 && fd != t->process->exe_fd) {
        host_raw1(SYS_close, fd);
    }
    return host_call(&t->cpu, SYS_landlock_restrict_self, a[0], a[1]);
}

/* xemu starts itself again for every program that the guest executes: it has to be found after the
 * root has changed, and where /proc isn't what it was. */
static long keeping_exe(Thread *t, long number, const uint64_t a[6])
{
    own_fd_keep_exe(t->process);
    return host_syscall(&t->cpu, number, a);
}

long sys_chroot(Thread *t, const uint64_t a[6])
{
    own_fd_keep_program(t->process);
    long r = keeping_exe(t, SYS_chroot, a);
    if (!r) {
        t->process->prefix[0] = 0; /* the new root is the guest's own */
    }
    return r;
}

long sys_pivot_root(Thread *t, const uint64_t a[6])
{
    own_fd_keep_program(t->process);
    return keeping_exe(t, SYS_pivot_root, a);
}

/* The source may be /proc/self/exe: container runtimes protect themselves by a mount of it. */
long sys_mount(Thread *t, const uint64_t a[6])
{
    own_fd_keep_exe(t->process);
    return (a[3] & MS_BIND) && a[0] ? path_call(t, SYS_mount, a, 0, true)
                                    : host_syscall(&t->cpu, SYS_mount, a);
}

long sys_umount2(Thread *t, const uint64_t a[6])
{
    return keeping_exe(t, SYS_umount2, a);
}

long sys_move_mount(Thread *t, const uint64_t a[6])
{
    return keeping_exe(t, SYS_move_mount, a);
}
