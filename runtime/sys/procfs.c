/* The files are made when they are opened, in memory. What the kernel itself can be told
 * (procfs_publish) it shows to all. */
#include "runtime/sys/procfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/sys/path.h"

void procfs_publish(Process *p)
{
    const StackInfo *s = &p->stack;
    uint64_t brk = (uint64_t)host_raw1(SYS_brk, 0);
    struct prctl_mm_map map = {
        /* The code and data bounds are for display only; xemu's own are as good as any. */
        .start_code = 0x10000,
        .end_code = 0x20000,
        .start_data = 0x10000,
        .end_data = 0x10000,
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

/* A growing text, written to a memory file. */
typedef struct Text {
    int fd;
    size_t at;
    char buf[8192];
} Text;

static void flush(Text *x)
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

static char *room(Text *x, size_t n)
{
    if (sizeof x->buf - x->at < n) {
        flush(x);
    }
    return x->buf + x->at;
}

static void make_cpuinfo(Thread *t, Text *x)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i < n; i++) {
        char *to = room(x, 1024);
        x->at += (size_t)t->process->abi->cpuinfo(to, 1024, (unsigned)i);
    }
}

/* ---- maps ---------------------------------------------------------------------------------- */

typedef struct HostLine {
    uint64_t start, end, offset;
    char shared;
    const char *rest; /* "dev inode   path" */
} HostLine;

static bool hex(const char **at, uint64_t *v, char stop)
{
    *v = 0;
    for (; **at != stop; (*at)++) {
        int c = **at, digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                     : -1;
        if (digit < 0) {
            return false;
        }
        *v = *v << 4 | (unsigned)digit;
    }
    (*at)++;
    return true;
}

/* "start-end rwxp offset dev inode   path" */
static bool parse_line(const char *line, HostLine *h)
{
    if (!hex(&line, &h->start, '-') || !hex(&line, &h->end, ' ') || strlen(line) < 5) {
        return false;
    }
    h->shared = line[3];
    line += 5;
    if (!hex(&line, &h->offset, ' ')) {
        return false;
    }
    h->rest = line;
    return true;
}

/* The parts of a host mapping that are the guest's, with the guest's protection. */
static void put_mapping(Mem *mem, Text *x, const HostLine *h)
{
    bool has_file = strncmp(h->rest, "00:00 0", 7);
    MapRange r;
    for (GuestAddr at = h->start; map_next(&mem->map, at, &r) && r.start < h->end; at = r.end) {
        GuestAddr from = r.start > h->start ? r.start : h->start,
                  to = r.end < h->end ? r.end : h->end;
        const char *name = r.flags & MAP_FLAG_STACK  ? "[stack]"
                           : r.flags & MAP_FLAG_VDSO ? "[vdso]"
                           : r.flags & MAP_FLAG_HEAP ? "[heap]"
                                                     : NULL;
        char *to_buf = room(x, PATH_MAX + 256);
        int n =
            snprintf(to_buf, PATH_MAX + 256, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " ",
                     from, to, r.prot & PROT_READ ? 'r' : '-', r.prot & PROT_WRITE ? 'w' : '-',
                     r.prot & PROT_EXEC ? 'x' : '-', h->shared,
                     has_file ? h->offset + (from - h->start) : 0);
        if (name && !has_file) {
            int width = 73 - n;
            n += snprintf(to_buf + n, (size_t)(PATH_MAX + 256 - n), "%-*s%s\n", width, "00:00 0",
                          name);
        } else {
            n += snprintf(to_buf + n, (size_t)(PATH_MAX + 256 - n), "%s\n", h->rest);
        }
        x->at += (size_t)n;
    }
}

static void make_maps(Thread *t, Text *x)
{
    Mem *mem = t->process->mem;
    char buf[PATH_MAX + 512];
    size_t have = 0;
    long fd = host_raw3(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    lock_take(&mem->lock);
    for (;;) {
        long n = host_raw3(SYS_read, fd, buf + have, sizeof buf - 1 - have);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        char *line = buf, *end;
        while ((end = memchr(line, '\n', have - (size_t)(line - buf)))) {
            HostLine h;
            *end = 0;
            if (parse_line(line, &h)) {
                put_mapping(mem, x, &h);
            }
            line = end + 1;
        }
        have -= (size_t)(line - buf);
        memmove(buf, line, have);
    }
    lock_release(&mem->lock);
    host_raw1(SYS_close, fd);
}

/* ---- opening ------------------------------------------------------------------------------- */

static long make_file(Thread *t, const char *name, int flags, void (*fill)(Thread *t, Text *x))
{
    Text x = {.at = 0};
    if ((flags & O_ACCMODE) != O_RDONLY) {
        return -EACCES;
    }
    long fd = host_raw2(SYS_memfd_create, name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0) {
        return fd;
    }
    x.fd = (int)fd;
    fill(t, &x);
    flush(&x);
    host_raw3(SYS_lseek, fd, 0, SEEK_SET);
    return fd;
}

long procfs_open(Thread *t, const char *path, int flags)
{
    if (strncmp(path, "/proc/", 6) || (flags & O_PATH)) {
        return PROCFS_NOT_OURS;
    }
    if (!strcmp(path, "/proc/cpuinfo")) {
        return make_file(t, "cpuinfo", flags, make_cpuinfo);
    }
    const char *own = path_own_proc(path);
    if (own && !strcmp(own, "maps")) {
        return make_file(t, "maps", flags, make_maps);
    }
    return PROCFS_NOT_OURS;
}
