/* jit.h - runs guest code: what the runtime calls.
 *
 * One struct Jit per process (code arena, block table, shared by the threads), one struct JitThread
 * per guest thread (in Cpu.jit).
 *
 *     struct Jit *jit; jit_create(&jit, &frontend_aarch64, &options, &host);
 *     jit_thread_start(jit, cpu);
 *     for (;;) switch (jit_run(cpu)) { case CPU_EXIT_SYSCALL: ... }
 */
#ifndef XEMU_JIT_JIT_H
#define XEMU_JIT_JIT_H

#include "frontend/frontend.h"

typedef struct Jit Jit;

enum {
    JIT_TIER_INTERP = 1,
    JIT_TIER_TEMPLATE = 2,
    JIT_TIER_LLVM = 4,
    JIT_TIERS_NATIVE = 6
}; /* a set; LLVM without TEMPLATE: from the first execution */
enum {
    JIT_DUMP_UOP = 1,
    JIT_DUMP_UOP_OPT = 2,
    JIT_DUMP_HOST = 4,
    JIT_DUMP_IN_ASM = 8,
    JIT_DUMP_EXEC = 16,
    JIT_DUMP_CPU = 32,
    JIT_DUMP_IR = 64,
    JIT_DUMP_IR_OPT = 128,
    JIT_DUMP_ASM = 256
};

enum { JIT_QUICK_ONLY = INT32_MAX };
#define JIT_CODE_COUNTS (UINT64_C(1) << 63) /* it counts executions, for tier 2 to follow */

typedef struct JitOptions {
    uint32_t tiers; /* JIT_TIER_* */
    uint32_t hot;   /* executions of an edge until its target is promoted to tier 2; 0: default */
    uint32_t spoil; /* for tests: one region of so many (by its address) kills the optimizer;
                       0: none */
    uint64_t optimizer_memory; /* bytes that the optimizer may allocate; 0: default */
    uint32_t quick; /* quick.h: executions of quick blocks for one that is replaced; JIT_QUICK_ONLY:
                       none is; 0: there are none */
    uint32_t stress; /* stress.h: a seed; odd ones have CPU_MODE_PRECISE from the beginning; 0: no
                        stress */
    const struct ReadySnippets
        *ready;    /* quick.h: snippets that were made when xemu was built; NULL: none */
    uint32_t dump; /* JIT_DUMP_*, to `log` */
    FILE *log;     /* where dumps go; never NULL when dump != 0 */
    GuestAddr dump_from, dump_to; /* only blocks that start in [from, to) are dumped; 0, 0: all */
    bool time_translation;        /* fill in translate_ns and the times by sampling */
    bool count_blocks;            /* emit execution counters at block heads and side exits */
    bool count_insns; /* every block is entered by the dispatcher, which counts its instructions
                         (JitStats.insns_run): no links, no regions, nothing that runs have learned
                       */
    bool one_insn_per_block;
    uint64_t host_features_off; /* JIT_HOST_* bits not to be used, for tests (XEMU_HOST_FEATURES) */
    size_t arena_size;          /* bytes of code space; 0: default */
    void *arena_hint; /* where the arena should lie (runtime keeps the guest off it); NULL: anywhere
                       */
} JitOptions;

/* ---- translations that outlive the process (keep.h) ------------------------------------------ */
/* One place of a guest file in memory, where the file's bytes are what is executed. */
typedef struct JitModule {
    void *file;           /* the runtime's name of it */
    uint64_t serial;      /* tells mappings apart: another time may be another */
    GuestAddr start, end; /* [start, end) is of the file, executable, and hasn't been changed */
    GuestAddr base;       /* where the file's first byte would be */
    bool guarded;         /* its pages are guarded */
    bool fixed;           /* it is always there: addresses needn't be told apart */
} JitModule;

/* What is stored of a module: opaque bytes in frames. */
typedef struct JitFrame {
    const void *data;
    uint32_t size;
} JitFrame;
enum { JIT_PART_INFO = 48, JIT_PART_WHOLE = 1 << 16 };
typedef struct JitPart {
    uint8_t info[JIT_PART_INFO];
    uint32_t blocks, guest_bytes;
    uint32_t worth; /* what making it anew would cost, in blocks of tier 1 */
    bool whole;     /* what was made ahead of time: it has no list of blocks */
    uint32_t nframes;
    JitFrame *frames;
} JitPart;

/* A piece of host code that has been made. */
typedef struct JitPiece {
    GuestAddr pc;
    const void *code;
    uint32_t len;
    unsigned tier; /* 1 or 2 */
} JitPiece;

/* What the jit needs of the runtime. */
typedef struct JitHost {
    /* Executable guest bytes at pc (FetchFn of frontend.h); ctx as below. May be called by any
     * thread. */
    FetchFn fetch;
    void *ctx;
    /* Counts changes of what fetch would answer, before and after each (atomic); NULL: fetch is
     * asked each time. */
    const uint64_t *map_version;
    /* GuardedFn of frontend.h, and whether there is any guarded page (when the first one appears,
     * all translations have to go); both may be NULL. */
    GuardedFn guarded;
    bool (*any_guarded)(void *ctx);
    /* The critical section that pc is in, or else the next one behind it (cpu.h); false: there is
     * none. *any_critical: there may be some, somewhere. Both may be NULL. */
    bool (*critical)(void *ctx, GuestAddr pc, CriticalSection *out);
    const bool *any_critical;
    /* All NULL: nothing is kept. The module at an address, false if there is none. What is stored
     * of a file: the number of parts (that runs have learned, numbered from 0; or, `whole`, that
     * were made ahead of time, from JIT_PART_WHOLE), and for each its info (false: not to be used),
     * a frame's size (0: none) and bytes (false: damaged). Called with the jit's lock held but for
     * `module`. */
    bool (*module)(void *ctx, GuestAddr pc, JitModule *out);
    unsigned (*kept_parts)(void *ctx, void *file, bool whole);
    bool (*kept_info)(void *ctx, void *file, unsigned part, uint8_t info[JIT_PART_INFO]);
    uint32_t (*kept_size)(void *ctx, void *file, unsigned part, unsigned frame);
    bool (*kept_frame)(void *ctx, void *file, unsigned part, unsigned frame, void *to,
                       uint32_t size);
    /* What was noted of earlier runs of the same command: jit_note(); 0: nothing. May be NULL. */
    uint64_t (*noted)(void *ctx);
    bool saves; /* what is translated now, later runs will find */
    /* What parts that runs have learned are when they are put together, shared by processes: how
     * many, from `first` on, that can be made of; a descriptor that some of those are mapped of,
     * from *at on *size bytes (-errno: there is none of this format), to be closed by the caller;
     * and making * one, of pieces without data for zeros, which may have so many bytes without
     * these. *of: a bit for each of the n parts that it is of. */
    unsigned (*kept_group)(void *ctx, void *file, unsigned first);
    int (*shared)(void *ctx, void *file, const unsigned *parts, unsigned n, uint32_t format,
                  uint64_t *at, uint64_t *size, uint64_t *of);
    uint64_t (*share_room)(void *ctx);
    void (*share)(void *ctx, void *file, const unsigned *parts, unsigned n, uint32_t format,
                  const JitFrame *pieces, unsigned npieces);
    /* xemu's own executable as a descriptor, for where /proc/self/exe can't be reached; -1: none.
     */
    const int *exe_fd;
    /* A guest above this process adopts orphans (it is pid 1, or a subreaper); children would be in
     * another namespace of processes. Both may change. */
    const bool *reaped, *new_namespace;
    /* Each piece of code, before it is run; from any thread. NULL: nobody asks. Code of earlier
     * runs isn't told. */
    void (*placed)(void *placed_ctx, const JitPiece *piece);
    void *placed_ctx;
} JitHost;

/* 0 or -errno. */
uint64_t jit_features(const Jit *jit); /* what code depends on: JIT_HOST_* and JIT_CODE_COUNTS */
int jit_create(Jit **jit, const Frontend *frontend, const JitOptions *options, const JitHost *host);
void jit_destroy(Jit *jit);
/* Prepares cpu (frontend, reset state, ibtc, jit fields). 0 or -errno. */
int jit_thread_start(Jit *jit, Cpu *cpu);
void jit_thread_end(Cpu *cpu);

/* Runs cpu from cpu->pc until something needs the runtime; the register file and pc are complete on
 * return. Re-entrant: a signal handler's frame never calls it. */
CpuExit jit_run(Cpu *cpu);
/* Executes exactly one guest instruction (or the exit it makes), precisely: CPU_EXIT_INTERRUPT when
 * done normally. */
CpuExit jit_step(Cpu *cpu);

/* The same as jit_run() while cpu->watch is set: CPU_EXIT_FAULT with is_hit set when a watched
 * address is about to be used. */
CpuExit jit_run_watched(Cpu *cpu);

/* Asks a running thread to leave at its next poll; async-signal-safe; from any thread. */
static inline void jit_interrupt(Cpu *cpu)
{
    __atomic_store_n((uint32_t *)&cpu->interrupt, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n((int32_t *)&cpu->polls_left, -1, __ATOMIC_RELAXED);
}

/* The guest code in [start, start + len) may have changed or gone: no thread runs old translations
 * of it once it has passed its next poll; the calling thread not at all. Cheap if nothing was
 * translated there. Thread-safe. Not async-signal-safe. */
void jit_invalidate(Jit *jit, GuestAddr start, uint64_t len);

/* Calls fn for what was translated of each module since the last time and isn't less than `least`
 * blocks. Other threads may go on. Returns the number of calls. */
typedef void (*JitSaveFn)(void *ctx, void *file, const JitPart *part);
unsigned jit_save(Jit *jit, uint32_t least, JitSaveFn fn, void *ctx);
/* What later runs of the same command are to know of this one (patience.h), in place of what was
 * noted before; 0: that stays. */
uint64_t jit_note(const Jit *jit);
/* Before the last jit_save(): waits for what the optimizer is at, for a small part of the time that
 * the process has run. The thread doesn't run guest code any more; others may. */
void jit_await_optimizer(Cpu *cpu);
/* Makes shared copies of what was read of stored parts and has none. */
void jit_share(Jit *jit);
/* False: neither has anything to do, as in most children of fork. */
bool jit_may_save(Jit *jit);
/* The frames of a stored part that list its blocks; false: it isn't one. */
bool jit_part_index(const uint8_t info[JIT_PART_INFO], uint32_t nframes, unsigned *first,
                    unsigned *n);
/* Tells what runs have learned in a stored part with that info and those frames, one behind the
 * other: where in the file, and whether tier 2 made it. */
void jit_part_spots(const uint8_t info[JIT_PART_INFO], const void *index, uint32_t size,
                    void (*fn)(void *ctx, uint64_t offset, uint32_t mode, bool hot), void *ctx);
/* What those blocks of `part` are worth that aren't in a stored part with that info and those
 * frames, one behind the other, nor in those that it was asked for before: *known, a bit per block
 * of part (zero at first), is kept up. */
uint32_t jit_part_unknown(const JitPart *part, const uint8_t info[JIT_PART_INFO], const void *index,
                          uint32_t size, uint8_t *known);

/* Before fork, without locks: translates what earlier children met untranslated. */
void jit_fork_learn(Cpu *cpu);
/* Before fork, holding the jit's locks from there on (alone: there is no other thread that could):
 * 0 or -errno (then don't fork, but call jit_fork_parent). After it in the parent, and in the
 * child, where other threads' state is dropped. The code that exists is shared until one of them
 * has to change it. */
int jit_fork_prepare(Jit *jit, bool alone);
void jit_fork_parent(Jit *jit, bool alone, bool forked);
void jit_fork_child(Jit *jit, Cpu *cpu, bool alone);
/* Around exec in a process of one thread, and (the first) before its end: the parent needn't spare
 * the shared code any longer. failed: there was no exec, all is translated anew. */
void jit_exec_prepare(Jit *jit);
void jit_exec_failed(Jit *jit);
/* on: the thread is about to wait for children of any kind (__WALL, __WCLONE) and must meet none of
 * the jit's own, until it calls again with false. */
void jit_hide_children(Jit *jit, bool on);
/* Before the process ends or executes another program: the optimizer ends as well. If the process
 * goes on after all, another is started. */
void jit_close_optimizer(Jit *jit);

/* Called by the runtime's handler of a synchronous host signal (SIGSEGV, SIGBUS, SIGFPE, SIGILL
 * ...) of this thread; ucontext: the handler's third argument (ucontext_t *). If the fault is in
 * translated code or in a C routine working on guest memory for it: makes the register file and
 * cpu->pc precise, changes the ucontext so that returning from the handler makes jit_run return
 * CPU_EXIT_FAULT, and returns true. `*guest_pc` the faulting instruction. False: not guest code's
 * fault (xemu's own bug). */
bool jit_handle_fault(Cpu *cpu, void *ucontext, GuestAddr *guest_pc);
/* The same for SIGFPE: an exception that the host's floating point raises in flush-to-zero mode
 * (fpenv.h). True: the instruction is run again, or has been done. */
bool jit_handle_fp(Cpu *cpu, void *ucontext);
/* Is this host pc in translated code (for deciding whether an asynchronous signal must wait for the
 * next poll)? Async-signal-safe. */
bool jit_is_code(const Jit *jit, uintptr_t host_pc);

/* Host address range that the guest must not map over (arena); n = 0, 1 ...; false when there are
 * no more. */
bool jit_own_range(const Jit *jit, unsigned n, uintptr_t *start, size_t *len);

/* ---- counters -------------------------------------------------------------------------------- */
typedef struct JitStats {
#define JIT_STAT(name, text) uint64_t name;
#include "jit/stats.def"
#undef JIT_STAT
} JitStats;
void jit_stats(const Jit *jit, JitStats *out);
/* With JitOptions.count_insns: a line for each block that wasn't made ahead of time: guest pc,
 * executions, instructions. */
void jit_print_counts(const Jit *jit, FILE *to);

#endif
