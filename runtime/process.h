/* process.h - a guest process and its threads.
 *
 * struct Process is what the threads of a process share, struct Thread what one guest thread has;
 * nothing of the guest is global but thread_current, which signal handlers need. Cpu.process and
 * Cpu.runtime point back from what translated code sees.
 *
 *     Thread ──cpu──▶ Cpu (registers, interrupt flag)
 *        └──process─▶ Process ──mem──▶ Mem     (shared with the child of a vfork too)
 *                              ├─sig──▶ SigTable
 *                              └─jit──▶ Jit
 */
#ifndef XEMU_RUNTIME_PROCESS_H
#define XEMU_RUNTIME_PROCESS_H

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>

#include "frontend/frontend.h"
#include "jit/jit.h"
#include "runtime/abi/abi.h"
#include "runtime/host/lock.h"
#include "runtime/load/stack.h"
#include "runtime/mem/mem.h"
#include "runtime/options.h"
#include "runtime/trace/trace.h"

enum { SIGNALS = 64 };

/* The code arena lies behind the image at 0x78000000 and the heap that follows that at a random
 * distance: within reach of direct calls into the image, and out of the guest's two low gigabytes.
 */
#define PROCESS_ARENA ((void *)0xd8000000)

/* struct sigaction of the generic 64-bit ABI, as rt_sigaction reads and writes it. */
typedef struct SigAction {
    GuestAddr handler;
    uint64_t flags;
    GuestAddr restorer;
    uint64_t mask;
} SigAction;

typedef struct SigTable {
    Lock lock;
    uint32_t catches_faults; /* there is or was a handler for memory faults: CPU_MODE_PRECISE */
    SigAction action[SIGNALS + 1];
} SigTable;

typedef struct Thread Thread;

/* Threads that ended. */
typedef struct ThreadPool {
    Lock lock;
    Thread *first;
    unsigned count;
    _Atomic unsigned
        others; /* host threads and processes beside the first that run in this memory */
} ThreadPool;

typedef struct Process {
    const Options *options;
    const Frontend *frontend;
    const Abi *abi;
    Mem *mem;
    SigTable *sig;
    Jit *jit;
    struct Prof *prof; /* prof/prof.h; NULL: nobody asked for it */
    Lock threads_lock;
    Thread *threads; /* all guest threads of this process */
    unsigned nthreads;
    ThreadPool *pool; /* shared like the memory */
    StackInfo stack;
    uint64_t personality;
    /* Limits that must not bind xemu itself are the guest's only. */
    struct rlimit stack_limit, as_limit, data_limit;
    int exe_fd; /* xemu's own executable, opened before the guest changes its root; -1: by
                   /proc/self/exe */
    /* It adopts orphans (pid 1, or a subreaper); one above it does; its children will be in another
     * namespace of processes. */
    bool reaps, reaped, new_namespace;
    int prefix_fd;  /* the -L folder, -1: none */
    int log_fd;     /* what options->log writes to; -1: to descriptor 2 */
    int report_fd;  /* standard error as it was at the start, for --stats; -1: not asked for */
    int count_fd;   /* the file of --count; -1: none */
    int program_fd; /* the guest's program, where `exe` doesn't lead to it; -1: it does */
    char prefix[PATH_MAX]; /* "" : none; absolute, without a slash at its end */
    char exe[PATH_MAX];    /* the guest program: what /proc/self/exe says */
    Tracer *tracer;        /* what this process traces */
    TraceCode *trace_code; /* what a tracer of this process has written; shared like the memory */
    struct MemFile {       /* /proc/PID/mem of others, open for writing */
        int fd, pid;
    } mem_files[8];
    unsigned nmem_files;
    Lock snapshots_lock;
    struct Snapshot { /* a file that procfs_open() has made, to be made again when it is read from
                         its beginning */
        int fd;
        bool read;        /* it was since it was made */
        uint64_t inode;   /* of the memory file; 0: none */
        uint64_t version; /* of the mappings */
        char path[64];
    } snapshots[16];
    unsigned nsnapshots; /* ever */
    Lock urings_lock;
    struct Uring *urings; /* the guest's io_uring descriptors */
    bool vforked;         /* the child of a vfork that still runs in its parent's memory */
} Process;

struct Thread {
    Cpu cpu; /* first: Cpu pointers and Thread pointers are the same address */
    Process *process;
    Thread *next, *prev;
    int tid;

    /* -- signals (sig/) -- */
    uint64_t mask;      /* blocked by the guest; bit n - 1 is signal n */
    uint64_t wait_mask; /* in force instead of mask while sigsuspend, ppoll ... wait */
    bool waiting;
    volatile bool queued; /* queued_info waits for delivery; all asynchronous signals are blocked
                             for the host meanwhile */
    siginfo_t queued_info;
    uint64_t held; /* signals of synchronous numbers sent while blocked: the host can't hold them */
    volatile bool faulted; /* fault_info tells of the CPU_EXIT_FAULT */
    siginfo_t fault_info;
    uint64_t fault_error; /* x86 page fault error code: bit 1 write, bit 4 fetch */
    GuestAddr alt_sp;
    uint64_t alt_size;
    uint32_t alt_flags; /* SS_DISABLE, SS_AUTODISARM */

    TraceState trace;
    CpuWatch watch;              /* what trace.debug says; cpu.watch points to it */
    const struct Filter *filter; /* of seccomp; the latest */
    uint32_t seccomp;            /* SECCOMP_MODE_* */
    bool tagged;                 /* pointers in its system calls may have tags (sys/tagged.h) */
    volatile bool park, parked;  /* it has to stand still, for a core file; it does */

    /* -- threads -- */
    jmp_buf leave;                /* back to the thread's start, to end it */
    struct HostStack *host_stack; /* NULL for the first thread */
    int exit_status;

    siginfo_t held_info[SIGNALS + 1]; /* of `held`; at the end: what is written at each fork lies in
                                         one page with the end of cpu */
};

/* The thread that runs on this host thread. */
extern __thread Thread *thread_current;
/* The process of the program that xemu was started with: where another xemu finds it
 * (sys/proc_view.h). */
extern Process *process_first;

static inline Thread *cpu_thread(Cpu *cpu)
{
    return (Thread *)(void *)cpu;
}

/* The tiers that a program runs in (JIT_TIER_*). */
uint32_t process_tiers(const Options *options);

/* Loads and starts a program; returns only if that fails, with the exit status (126, 127) after one
 * line on standard error. */
int process_run(const Options *options, const char *path, char *const *argv, char *const *envp);

/* Runs a guest thread until it ends (through thread->leave or the end of the process). */
void thread_loop(Thread *t);
/* A Thread of p with its Cpu, not yet in p's list; NULL if out of memory. What a thread is made of
 * (its part of the jit above all) is kept when it ends, in `pool`, and used again. */
Thread *thread_alloc(Process *p, ThreadPool *pool);
void thread_dispose(Thread *t, ThreadPool *pool);
void process_add_thread(Process *p, Thread *t);
void process_remove_thread(Process *p, Thread *t);
/* Is there one host thread in this memory? */
static inline bool process_is_alone(const Process *p)
{
    return !p->vforked && !atomic_load(&p->pool->others);
}
/* Prints the counters if asked for, then ends the whole process. */
_Noreturn void process_exit(Process *p, int status);
/* What a process does at its end but ending: counters, logs. */
void process_finish(Process *p);
/* Writes out what was learned, for later runs and for perf: before the end, and before another
 * program takes over. waits: for others that are writing, else what they are at is left to them. */
void process_save(Process *p, bool waits);

#endif
