#include "runtime/sys/proc_view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/filter.h"

enum { RANGES_MOST = 1 << 17 };

/* ---- paths ----------------------------------------------------------------------------------- */

static const char *number(const char *at, long *n)
{
    char *end;
    *n = strtol(at, &end, 10);
    return end != at && *n > 0 && at[0] >= '0' && at[0] <= '9' ? end : NULL;
}

bool proc_path_parse(const char *path, ProcPath *out)
{
    long n;
    if (strncmp(path, "/proc/", 6)) {
        return false;
    }
    const char *at = path + 6, *end;
    int pid = (int)host_raw0(SYS_getpid);
    *out = (ProcPath){.pid = pid, .own = true, .tid = pid};
    if (!strncmp(at, "self/", 5)) {
        at += 5;
    } else if (!strncmp(at, "thread-self/", 12)) {
        out->name = at + 12;
        out->tid = (int)host_raw0(SYS_gettid);
        return true;
    } else if ((end = number(at, &n)) && *end == '/') {
        out->own = (int)n == out->pid;
        out->pid = out->tid = (int)n;
        at = end + 1;
    } else {
        return false;
    }
    if (!strncmp(at, "task/", 5) && (end = number(at + 5, &n)) && *end == '/') {
        out->tid = (int)n;
        at = end + 1;
    }
    out->name = at;
    return true;
}

static bool means_something(const char *name)
{
    static const char *const names[] = {"maps",  "smaps",   "smaps_rollup", "stat",
                                        "statm", "status",  "limits",       "syscall",
                                        "exe",   "cpuinfo", "mem"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(name, names[i])) {
            return true;
        }
    }
    return false;
}

const char *proc_path_at(int dirfd, const char *path, char buf[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    char link[48];
    if (path[0] == '/' || !means_something(slash ? slash + 1 : path)) {
        return path;
    }
    if (dirfd == AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/cwd");
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
    }
    long n = host_raw4(SYS_readlinkat, AT_FDCWD, link, buf, PATH_MAX - 1);
    if (n < 5 || strncmp(buf, "/proc", 5) || (n > 5 && buf[5] != '/')) {
        return path;
    }
    snprintf(buf + n, (size_t)(PATH_MAX - n), "/%s", path);
    return buf;
}

/* ---- other processes ------------------------------------------------------------------------- */

bool proc_is_xemu(int pid)
{
    char path[32];
    struct stat own, other;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return !stat("/proc/self/exe", &own) && !stat(path, &other) && own.st_dev == other.st_dev &&
           own.st_ino == other.st_ino;
}

static bool peek(int pid, void *to, const void *from, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)from, n};
    return host_raw6(SYS_process_vm_readv, (uint64_t)pid, (uintptr_t)&local, 1, (uintptr_t)&remote,
                     1, 0) == (long)n;
}

static bool read_process(int pid, Process *p)
{
    const Process *there;
    return proc_is_xemu(pid) && peek(pid, &there, &process_first, sizeof there) && there &&
           peek(pid, p, there, sizeof *p);
}

static long exe_of(int pid, bool file, char buf[PATH_MAX])
{
    Process *p = malloc(sizeof *p);
    long r = -EACCES;
    if (p && read_process(pid, p)) {
        p->exe[PATH_MAX - 1] = 0;
        r = file && p->program_fd >= 0
                ? snprintf(buf, PATH_MAX, "/proc/%d/fd/%d", pid, p->program_fd)
                : snprintf(buf, PATH_MAX, "%s", p->exe);
    }
    free(p);
    return r;
}

long proc_exe(int pid, char buf[PATH_MAX])
{
    return exe_of(pid, false, buf);
}

long proc_exe_file(int pid, char buf[PATH_MAX])
{
    return exe_of(pid, true, buf);
}

static void note_signals(ProcView *v, const SigTable *table)
{
    for (int n = 1; n <= SIGNALS; n++) {
        if (SIGNALS_SYNC & SIGNAL_BIT(n)) {
            v->handled |= table->action[n].handler > 1 ? SIGNAL_BIT(n) : 0;
            v->ignored |= table->action[n].handler == 1 ? SIGNAL_BIT(n) : 0;
        }
    }
}

static bool add(ProcView *v, size_t *room, MapRange r)
{
    if (v->count == *room) {
        size_t more = *room ? 2 * *room : 256;
        MapRange *ranges = more <= RANGES_MOST ? realloc(v->ranges, more * sizeof *ranges) : NULL;
        if (!ranges) {
            return false;
        }
        v->ranges = ranges;
        *room = more;
    }
    v->ranges[v->count++] = r;
    v->bytes += r.end - r.start;
    return true;
}

static void note_mem(ProcView *v, const Mem *mem)
{
    v->code_start = mem->code_start;
    v->code_end = mem->code_end;
    v->brk_start = mem->brk_start;
    v->stack_low = mem->stack_low;
    v->stack_shown = mem->stack_shown;
}

static bool view_own(Process *p, ProcView *v)
{
    size_t room = 0;
    MapRange r;
    bool ok = true;
    lock_take(&p->mem->lock);
    for (GuestAddr at = 0; ok && map_next(&p->mem->map, at, &r); at = r.end) {
        ok = add(v, &room, r);
    }
    note_mem(v, p->mem);
    lock_release(&p->mem->lock);
    note_signals(v, p->sig);
    v->as_limit = p->as_limit;
    v->data_limit = p->data_limit;
    const Thread *t = thread_current;
    v->seccomp = t ? t->seccomp : 0;
    for (const Filter *f = t ? t->filter : NULL; f; f = f->earlier) {
        v->filters++;
    }
    return ok;
}

GuestAddr proc_stack_used(int pid, GuestAddr low, GuestAddr shown)
{
    enum { BATCH = 512 };
    uint64_t entries[BATCH], taken = UINT64_C(3) << 62; /* present, swapped */
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
    long fd = host_raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    GuestAddr at = low;
    bool found = fd < 0;
    while (!found && at < shown) {
        long n = host_raw4(SYS_pread64, fd, entries, sizeof entries, at / MEM_PAGE * 8) / 8;
        for (long i = 0; i < n && !(found = entries[i] & taken); i++) {
            at += MEM_PAGE;
        }
        if (n <= 0) {
            break;
        }
    }
    host_raw1(SYS_close, fd);
    return fd < 0 || (!found && at < shown) ? 0 : at < shown ? at : shown;
}

/* Shows the stack as a kernel's. */
static void cut_stack(ProcView *v)
{
    for (size_t i = 0; i < v->count; i++) {
        MapRange *r = &v->ranges[i];
        if (r->start == v->stack_low && r->end > v->stack_shown && (r->flags & MAP_FLAG_STACK)) {
            GuestAddr used = proc_stack_used(v->pid, v->stack_low, v->stack_shown);
            GuestAddr low = used ? used : v->stack_shown;
            v->bytes -= low - r->start;
            r->start = low;
        }
    }
}

typedef struct Remote {
    int pid;
    ProcView *v;
    size_t room;
} Remote;

static bool peek_remote(void *ctx, void *to, const void *from, size_t n)
{
    return peek(((Remote *)ctx)->pid, to, from, n);
}

static bool add_remote(void *ctx, const MapRange *r)
{
    Remote *x = ctx;
    return add(x->v, &x->room, *r);
}

static bool view_other(int pid, ProcView *v)
{
    Process *p = malloc(sizeof *p);
    Mem *mem = malloc(sizeof *mem);
    SigTable *table = malloc(sizeof *table);
    Remote remote = {pid, v, 0};
    bool ok = p && mem && table && read_process(pid, p) && peek(pid, mem, p->mem, sizeof *mem) &&
              peek(pid, table, p->sig, sizeof *table);
    if (ok) {
        note_signals(v, table);
        note_mem(v, mem);
        v->as_limit = p->as_limit;
        v->data_limit = p->data_limit;
        /* It may change meanwhile: then once more. */
        for (int tries = 0; tries < 3 && !map_walk(&mem->map, peek_remote, add_remote, &remote);
             tries++) {
            v->count = 0;
            v->bytes = 0;
            ok = peek(pid, mem, p->mem, sizeof *mem);
        }
    }
    free(p);
    free(mem);
    free(table);
    return ok && v->count;
}

bool proc_view(Process *p, int pid, ProcView *v)
{
    bool own = pid == (int)host_raw0(SYS_getpid);
    *v = (ProcView){.here = own ? p : NULL, .pid = pid};
    bool ok = own ? view_own(p, v) : view_other(pid, v);
    if (!ok) {
        proc_view_end(v);
    } else if (v->stack_shown) {
        cut_stack(v);
    }
    return ok;
}

static bool other_registers(int pid, int tid, Cpu *cpu)
{
    enum { MOST = 1 << 16 };
    Process *p = malloc(sizeof *p);
    bool found = false;
    if (p && read_process(pid, p)) {
        Thread *at = p->threads;
        for (int i = 0; at && !found && i < MOST; i++) {
            int id;
            found = peek(pid, &id, &at->tid, sizeof id) && id == tid &&
                    peek(pid, cpu, &at->cpu, sizeof *cpu);
            at = found || peek(pid, &at, &at->next, sizeof at) ? at : NULL;
        }
    }
    free(p);
    return found;
}

bool proc_view_registers(const ProcView *v, int tid, Cpu *cpu)
{
    if (!v->here) {
        return other_registers(v->pid, tid, cpu);
    }
    Process *p = thread_current->process;
    bool found = false;
    lock_take(&p->threads_lock);
    for (const Thread *t = p->threads; t && !found; t = t->next) {
        found = t->tid == tid;
        if (found) {
            *cpu = t->cpu;
        }
    }
    lock_release(&p->threads_lock);
    return found;
}

void proc_view_end(ProcView *v)
{
    free(v->ranges);
    v->ranges = NULL;
}
