/* The files are made when they are opened, in memory. What the kernel itself can be told
 * (procfs_publish) it shows to all. */
#include "runtime/sys/procfs.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/sys/procfs_text.h"

void procfs_publish(Process *p)
{
    const StackInfo *s = &p->stack;
    uint64_t brk = (uint64_t)host_raw1(SYS_brk, 0);
    struct prctl_mm_map map = {
        /* For display only. */
        .start_code = p->mem->code_start,
        .end_code = p->mem->code_end,
        .start_data = p->mem->data_start,
        .end_data = p->mem->data_end,
        .start_brk = brk, /* the C library's heap goes on from here */
        .brk = brk,
        .start_stack = s->sp,
        .arg_start = s->arg_start,
        .arg_end = s->arg_end,
        .env_start = s->env_start,
        .env_end = s->env_end,
        .auxv = guest_ptr(s->auxv),
        .auxv_size = s->auxv_size,
        .exe_fd = (uint32_t)-1,
    };
    host_raw5(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
    const char *path = guest_ptr(s->env_end); /* execfn follows the environment */
    const char *slash = strrchr(path, '/');
    host_raw2(SYS_prctl, PR_SET_NAME, slash ? slash + 1 : path);
}

/* ---- texts ----------------------------------------------------------------------------------- */

void text_flush(Text *x)
{
    for (size_t done = 0; done < x->at;) {
        long n = host_raw3(SYS_write, x->fd, x->buf + done, x->at - done);
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    x->at = 0;
}

char *text_room(Text *x, size_t n)
{
    if (sizeof x->buf - x->at < n) {
        text_flush(x);
    }
    return x->buf + x->at;
}

void text_print(Text *x, const char *format, ...)
{
    enum { MOST = PATH_MAX + 512 };
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text_room(x, MOST), MOST, format, ap);
    va_end(ap);
    x->at += n < MOST ? (size_t)n : MOST - 1;
}

bool lines_open(Lines *l, const char *path)
{
    l->have = l->done = 0;
    l->fd = (int)host_raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    return l->fd >= 0;
}

char *lines_next(Lines *l)
{
    for (;;) {
        char *line = l->buf + l->done, *end = memchr(line, '\n', l->have - l->done);
        if (end) {
            *end = 0;
            l->done = (size_t)(end + 1 - l->buf);
            return line;
        }
        l->have -= l->done;
        memmove(l->buf, line, l->have);
        l->done = 0;
        long n = l->have < sizeof l->buf
                     ? host_raw3(SYS_read, l->fd, l->buf + l->have, sizeof l->buf - l->have)
                     : 0;
        if (n <= 0) {
            return NULL;
        }
        l->have += (size_t)n;
    }
}

void lines_close(Lines *l)
{
    host_raw1(SYS_close, l->fd);
}

/* ---- files of the machine -------------------------------------------------------------------- */

static void make_cpuinfo(Thread *t, Text *x)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i < n; i++) {
        char *to = text_room(x, 1024);
        x->at += (size_t)t->process->abi->cpuinfo(to, 1024, (unsigned)i);
    }
}

static void make_arch(Thread *t, Text *x)
{
    text_print(x, "%s\n", t->process->abi->machine);
}

/* ---- opening --------------------------------------------------------------------------------- */

static long begin(Text *x, const char *name, int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY) {
        return -EACCES;
    }
    x->at = 0;
    x->fd = (int)host_raw2(SYS_memfd_create, name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    return x->fd;
}

/* The guest gets a descriptor that can only be read, as F_GETFL and mmap tell: one of a process is
 * passed to others and checked there. Without /proc there's no way to open the file again. */
static long finish(Text *x, int flags)
{
    enum { KEPT = O_CLOEXEC | O_NONBLOCK | O_NOATIME | O_DIRECTORY };
    char path[32];
    text_flush(x);
    host_raw2(SYS_fchmod, x->fd, 0444);
    host_raw3(SYS_lseek, x->fd, 0, SEEK_SET);
    snprintf(path, sizeof path, "/proc/self/fd/%d", x->fd);
    long r = host_raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | (flags & KEPT));
    if (r < 0 && !(flags & O_DIRECTORY)) {
        return x->fd;
    }
    host_raw1(SYS_close, x->fd);
    return r;
}

static const struct {
    const char *path;
    void (*fill)(Thread *t, Text *x);
} machine_files[] = {{"/proc/cpuinfo", make_cpuinfo}, {"/proc/sys/kernel/arch", make_arch}};

static const struct {
    const char *name;
    void (*fill)(Text *x, const ProcView *v, const char *path);
} process_files[] = {
    {"maps", procfs_maps},     {"smaps", procfs_smaps},     {"smaps_rollup", procfs_smaps_rollup},
    {"stat", procfs_stat},     {"statm", procfs_statm},     {"status", procfs_status},
    {"limits", procfs_limits}, {"syscall", procfs_syscall},
};

/* ---- snapshots ------------------------------------------------------------------------------- */

static uint64_t inode_of(int fd)
{
    struct stat st;
    return host_raw2(SYS_fstat, fd, &st) ? 0 : st.st_ino;
}

static uint64_t version_of(const Process *p)
{
    return __atomic_load_n(&p->mem->map.version, __ATOMIC_ACQUIRE);
}

/* The path as it goes on to mean this process, in a child too. */
static void note(Thread *t, const char *path, long fd)
{
    Process *p = t->process;
    struct Snapshot s = {.fd = (int)fd, .inode = inode_of((int)fd), .version = version_of(p)};
    int pid = (int)host_raw0(SYS_getpid), n;
    if (!strncmp(path, "/proc/self/", 11)) {
        n = snprintf(s.path, sizeof s.path, "/proc/%d/%s", pid, path + 11);
    } else if (!strncmp(path, "/proc/thread-self/", 18)) {
        n = snprintf(s.path, sizeof s.path, "/proc/%d/task/%d/%s", pid, t->tid, path + 18);
    } else {
        n = snprintf(s.path, sizeof s.path, "%s", path);
    }
    if (n < (int)sizeof s.path && s.inode) {
        lock_take(&p->snapshots_lock);
        p->snapshots[p->nsnapshots++ % (sizeof p->snapshots / sizeof s)] = s;
        lock_release(&p->snapshots_lock);
    }
}

void procfs_dup(Process *p, int old, int fd)
{
    unsigned most = sizeof p->snapshots / sizeof p->snapshots[0];
    lock_take(&p->snapshots_lock);
    for (unsigned i = 0; i < most; i++) {
        if (p->snapshots[i].inode && p->snapshots[i].fd == old) {
            struct Snapshot *copy = &p->snapshots[p->nsnapshots++ % most];
            *copy = p->snapshots[i];
            copy->fd = fd;
            break;
        }
    }
    lock_release(&p->snapshots_lock);
}

/* ---- what the files are ---------------------------------------------------------------------- */

static bool fill_machine(Thread *t, Text *x, const char *path)
{
    for (unsigned i = 0; i < sizeof machine_files / sizeof machine_files[0]; i++) {
        if (!strcmp(path, machine_files[i].path)) {
            machine_files[i].fill(t, x);
            return true;
        }
    }
    return false;
}

/* A file of a process: made anew if that is an xemu and the host lets this one read the file. */
static bool fill_process(Thread *t, Text *x, const char *path)
{
    ProcPath pp;
    ProcView v;
    unsigned i = 0, n = sizeof process_files / sizeof process_files[0];
    if (!proc_path_parse(path, &pp)) {
        return false;
    }
    while (i < n && strcmp(pp.name, process_files[i].name)) {
        i++;
    }
    if (i == n) {
        return false;
    }
    long r = host_raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    host_raw1(SYS_close, r);
    if (r < 0 || !proc_view(t->process, pp.pid, &v)) {
        return false;
    }
    process_files[i].fill(x, &v, path);
    proc_view_end(&v);
    return true;
}

static bool is_known(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    for (unsigned i = 0; i < sizeof process_files / sizeof process_files[0]; i++) {
        if (!strcmp(name, process_files[i].name)) {
            return true;
        }
    }
    return !strcmp(name, "cpuinfo") || !strcmp(name, "arch");
}

long procfs_open(Thread *t, const char *path, int flags)
{
    Text x;
    if (strncmp(path, "/proc/", 6) || (flags & O_PATH) || !is_known(path)) {
        return PROCFS_NOT_OURS;
    }
    long r = begin(&x, strrchr(path, '/') + 1, flags);
    if (r == -EACCES) {
        return PROCFS_NOT_OURS; /* the kernel has the same to say */
    }
    if (r < 0) {
        return r;
    }
    if (!fill_machine(t, &x, path) && !fill_process(t, &x, path)) {
        host_raw1(SYS_close, x.fd);
        return PROCFS_NOT_OURS;
    }
    r = finish(&x, flags);
    if (r >= 0) {
        note(t, path, r);
    }
    return r;
}

/* The file's new text. False: it stays as it is. */
static bool renew(Thread *t, const struct Snapshot *s)
{
    Text x = {.at = 0};
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
    host_raw2(SYS_fchmod, s->fd, 0644);
    x.fd = (int)host_raw3(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    host_raw2(SYS_fchmod, s->fd, 0444);
    if (x.fd < 0) {
        return false;
    }
    bool made = fill_machine(t, &x, s->path) || fill_process(t, &x, s->path);
    if (made) {
        text_flush(&x);
        host_raw2(SYS_ftruncate, x.fd, host_raw3(SYS_lseek, x.fd, 0, SEEK_CUR));
    }
    host_raw1(SYS_close, x.fd);
    return made;
}

long procfs_read(Thread *t, int fd, uint64_t at)
{
    Process *p = t->process;
    struct Snapshot s;
    bool found = false;
    lock_take(&p->snapshots_lock);
    for (unsigned i = 0; i < sizeof p->snapshots / sizeof s && !found; i++) {
        struct Snapshot *mine = &p->snapshots[i];
        if (!mine->inode || mine->fd != fd) {
            continue;
        }
        if (inode_of(fd) != mine->inode) {
            mine->inode = 0; /* it was closed */
        } else if (at == 0 || (at == PROCFS_HERE && host_raw3(SYS_lseek, fd, 0, SEEK_CUR) == 0)) {
            found = mine->read || mine->version != version_of(p) ||
                    !strcmp(strrchr(mine->path, '/'), "/syscall"); /* it shows this very call */
            mine->read = true;
            mine->version = version_of(p);
            s = *mine;
        }
    }
    lock_release(&p->snapshots_lock);
    if (!found || renew(t, &s)) {
        return 0;
    }
    return host_raw4(SYS_faccessat, AT_FDCWD, s.path, F_OK, 0) == -ENOENT ? -ESRCH : 0;
}
