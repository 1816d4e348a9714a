/* proc_view.h - what a process of /proc is, seen from here: this one, another xemu's, or a program
 * of the host.
 *
 * Of another xemu the tables are read from its memory: it is the same executable, so process_first
 * is where it is here.
 */
#ifndef XEMU_RUNTIME_SYS_PROC_VIEW_H
#define XEMU_RUNTIME_SYS_PROC_VIEW_H

#include "runtime/process.h"

/* A path below /proc/PID, /proc/self or /proc/thread-self, perhaps through task/TID. */
typedef struct ProcPath {
    int pid;
    bool own;
    int tid;          /* of the thread, if the path names one, else pid */
    const char *name; /* the rest: "maps", "fd/3"; points into the path */
} ProcPath;
bool proc_path_parse(const char *path, ProcPath *out);

/* A relative path that leads into /proc from dirfd, as an absolute one in buf; the path itself
 * otherwise. Only for names that mean something here. */
const char *proc_path_at(int dirfd, const char *path, char buf[PATH_MAX]);

/* Does the process run this very executable? */
bool proc_is_xemu(int pid);

typedef struct ProcView {
    const Process *here; /* NULL: another process's */
    int pid;
    MapRange *ranges; /* its mappings, in order */
    size_t count;
    uint64_t bytes;
    uint64_t handled,
        ignored; /* synchronous signals (SIGNALS_SYNC), which the host can't tell of */
    uint32_t seccomp, filters;
    struct rlimit as_limit, data_limit; /* which the host doesn't enforce */
    GuestAddr code_start, code_end, brk_start, stack_low, stack_shown; /* of its Mem */
} ProcView;

/* false if it isn't an xemu's, or can't be read. proc_view_end() afterwards. */
bool proc_view(Process *p, int pid, ProcView *v);
void proc_view_end(ProcView *v);
/* How far a process's stack has been used, `low` being its mapping's end and `shown` the address it
 * reaches in any case: below that a kernel's wouldn't have grown yet. 0: nobody can tell. */
GuestAddr proc_stack_used(int pid, GuestAddr low, GuestAddr shown);
/* The registers of a thread of it, as they are when the thread is in a system call. */
bool proc_view_registers(const ProcView *v, int tid, Cpu *cpu);
/* The guest program of another xemu: what its /proc/PID/exe leads to. Its length or -errno. */
long proc_exe(int pid, char buf[PATH_MAX]);

/* The same, a name that leads to the file wherever it is. */
long proc_exe_file(int pid, char buf[PATH_MAX]);

#endif
