/* internal.h - struct Jit and struct JitThread, for the files of jit/ only. */
#ifndef XEMU_JIT_INTERNAL_H
#define XEMU_JIT_INTERNAL_H

#include <pthread.h>

#include "jit/blockmap.h"
#include "jit/codebuf.h"
#include "jit/jit.h"

/* Memory for blocks, links and fault maps: slabs that are freed together with a generation. */
typedef struct MetaSlab {
    struct MetaSlab *next;  /* Jit.slabs */
    struct MetaSlab *spare; /* Jit.spare_slabs */
    size_t used, size;
    uint8_t *maps; /* [maps_left], a piece of `bytes`: for fault maps that are written in place */
    size_t maps_left;
    _Alignas(16) uint8_t bytes[];
} MetaSlab;

/* What was dropped and may still be run by some thread: freed when every thread has passed a
 * dispatch since. An arena, or the micro-ops of a block. */
typedef struct Retired {
    struct Retired *next;
    uint64_t epoch;
    UopBlock *uops;
    CodeBuf code;
    MetaSlab *slabs;
} Retired;

/* What JitHost.fetch said of a page of code. */
typedef struct FetchedPage {
    const uint8_t *bytes; /* NULL: nothing */
    GuestAddr pc;
    size_t len;
    uint8_t guarded; /* 0: not asked yet; 1: no; 2: yes */
} FetchedPage;
#define JIT_FETCHED_PAGES 64u

typedef struct JitThread {
    Jit *jit;
    Cpu *cpu;
    struct JitThread *next, **prev; /* Jit.threads */
    uint64_t generation;            /* of the arena its chunks and slab are from */
    CodeChunk *hot, *cold;
    CodeChunk *plain_hot,
        *plain_cold;           /* those for code of no module, while hot and cold are a module's */
    struct KeepModule *module; /* of hot and cold; NULL: none */
    struct KeepModule *passed; /* the last one that was of no use: keep_enter() */
    struct KeepPair *pair;
    MetaSlab *slab;
    uint8_t *stock_room; /* stock.c: the block that is being taken */
    uint32_t stock_size;
    bool can_translate;                     /* uops and what the emitter needs are there */
    UopBlock uops;                          /* being translated */
    struct WatchCache *watch_cache;         /* watch.c; NULL: never used */
    FetchedPage fetched[JIT_FETCHED_PAGES]; /* by page number; good while JitHost.map_version is
                                               fetched_version */
    uint64_t fetched_version;
    JitStats stats;
    /* A fault in C code that works on guest memory for this thread comes back here (see
     * jit_handle_fault). */
    void *fault_jmp[5];
    bool in_guest_c;
    uint32_t stress,
        stress_drops; /* stress.h: the last random number, how often code was dropped */
    uint32_t sampled,
        calm; /* tier.c: the last random number; how rare samples are, as a power of two */
    bool sampling, counting; /* samples.h: it has been started; somebody is at the ring (atomic) */
    void *samples;           /* the ring; NULL: none */
    void *tpl;               /* the template emitter's own, per thread: in tpl_room */
    _Alignas(16) uint8_t tpl_room[64];
} JitThread;

#define JIT_MAX_INSNS    128 /* in a block */
#define JIT_RECENT_DROPS 64
#define JIT_OUTSIDE      UINT64_MAX
/* No branch goes there (no canonical address, no tag that a guest keeps, not aligned): the pc of
 * empty entries of the tables of targets. All bytes alike. */
#define JIT_NO_PC UINT64_C(0xa5a5a5a5a5a5a5a5)

struct Jit {
    const Frontend *frontend;
    JitOptions options;
    JitHost host;
    uint64_t features;              /* JIT_HOST_* */
    uint64_t start_ticks, start_ns; /* two clocks at the start, if translations are timed:
                                       JitStats.translate_ns of threads is in ticks */
    pthread_mutex_t lock;           /* everything below; look-ups in `blocks` go without */
    BlockMap blocks;
    CodeBuf code;
    uint64_t generation; /* counts emptyings of the arena */
    uint64_t epoch;
    JitThread *threads;
    uint32_t nthreads;
    MetaSlab *slabs; /* of this generation */
    uint32_t nslabs;
    CodeChunk *spare; /* chunks of this generation that threads left behind, and slabs */
    MetaSlab *spare_slabs;
    Retired *retired;
    uint64_t dead_bytes; /* of blocks dropped in this generation */
    /* The last ranges invalidated, number n in place n % JIT_RECENT_DROPS: what was translated of
     * bytes read before isn't put into the table. */
    struct {
        GuestAddr start;
        uint64_t len;
    } drops[JIT_RECENT_DROPS];
    uint64_t ndrops;                /* written under the lock (atomic) */
    uint32_t put_off;               /* links that weren't made because the code is shared */
    uint32_t forks;                 /* fork.c */
    UopBlock poor;                  /* for threads without memory of their own to translate in, */
    pthread_mutex_t poor_lock;      /* one at a time; taken before `lock` */
    struct KeepModule *modules;     /* keep.h */
    GuestAddr calm_start, calm_end; /* no module is here: keep_invalidate() */
    MetaSlab *keep_slab;            /* for blocks of segments; of this generation */
    uint8_t *keep_room;             /* under the lock: what is read of segments */
    size_t keep_room_size;
    bool keep_is_child;       /* of fork, of which segments were read by its parent */
    struct StockShelf *shelf; /* under the lock */
    bool making;              /* ahead.c: nothing is run */
    uint32_t making_regions;  /* ahead_regions.c: the same for tier 2; flags of the part */
    JitStats ended;           /* sums of threads that ended */
    void *tpl;                /* the template emitter's own, shared */
    uint32_t stressed;        /* threads that draw random numbers (stress.h) */
    uint32_t stress_regions;  /* counted by stress_compiles(); a forked child goes on */
    struct Tier *tier;        /* promotion to tier 2 (tier.c); NULL: none */
    bool parents_tier;        /* a parent's still: tier_own() */
    bool all_count;           /* settle.h: the polls of what earlier runs stored, too */
};

/* Does the guest have pages whose indirect branches have to land somewhere (Arm's BTI)? */
static inline bool jit_any_guarded(const Jit *j)
{
    return j->host.any_guarded && j->host.any_guarded(j->host.ctx);
}

static inline JitThread *jit_thread(const Cpu *cpu)
{
    return cpu->jit;
}

static inline bool jit_any_critical(const Jit *j)
{
    return j->host.any_critical && __atomic_load_n(j->host.any_critical, __ATOMIC_ACQUIRE);
}

/* Before work that may enter the kernel: a thread in a critical section begins it again. (Newer
 * kernels don't look for critical sections when a thread is preempted in a system call.) */
static inline void jit_interrupt_critical(JitThread *t)
{
    if (jit_any_critical(t->jit)) {
        t->cpu->critical_host->interrupt(t->cpu);
    }
}

/* Zeroed memory that lives as long as the thread's generation of code; NULL when out of memory.
 * 16-byte aligned. */
bool jit_meta_more(JitThread *t, size_t size); /* makes room for so much */
/* Room for so much, or less: what is used has to be allocated next. What isn't must stay zero. */
static inline void *jit_meta_room(JitThread *t, size_t size)
{
    const MetaSlab *s = t->slab;
    if (__builtin_expect(!s || s->size - s->used < size, 0) && !jit_meta_more(t, size)) {
        return NULL;
    }
    return t->slab->bytes + t->slab->used;
}
static inline void *jit_meta_alloc(JitThread *t, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    void *p = jit_meta_room(t, size);
    if (__builtin_expect(p != NULL, 1)) {
        t->slab->used += size;
    }
    return p;
}
/* Room for a fault map of `need` bytes or less (JIT_MAPS at most) at t->slab->maps; false: none. */
enum { JIT_MAPS = 8192 };
static inline bool jit_have_maps(JitThread *t, size_t need)
{
    if (__builtin_expect(t->slab && t->slab->maps_left >= need, 1)) {
        return true;
    }
    uint8_t *p = jit_meta_alloc(t, JIT_MAPS);
    if (p) {
        t->slab->maps = p;
        t->slab->maps_left = JIT_MAPS;
    }
    return p != NULL;
}
/* The block for (pc, mode), translated if need be; NULL: the arena is full (it was emptied: look
 * again) or out of memory. */
Block *jit_block(JitThread *t, GuestAddr pc, uint32_t mode);
/* The block that the host pc is in, be it of an arena that was emptied while a thread still ran in
 * it; NULL if none. Of one that was stored by an earlier run only what a fault needs, in *room.
 * Async-signal-safe. */
Block *jit_block_of_code(const Jit *j, uintptr_t host_pc, Block *room);
/* Under the lock. The code becomes this process's own, if it is shared with others since a fork: as
 * a copy, or it is dropped and the arena begun anew. 0 or -errno. */
int jit_own_code(Jit *j);
/* Under the lock: may exits of existing code be patched? (May empty the arena: then not.) */
bool jit_may_link(Jit *j);
/* Under the lock: every translation is dropped and a fresh arena begun. Threads that run old code
 * leave it at their next poll. 0 or -errno. */
int jit_empty_arena(Jit *j);
/* Under the lock: every translation is dropped; if there is no memory for a fresh arena, the old
 * one goes on being filled. */
void jit_forget_code(Jit *j);
/* Without the lock: frees what no thread runs any more (Jit.epoch). */
void jit_free_retired(Jit *j);
/* Under the lock: no thread finds b's code any more by an indirect branch or a return. */
void jit_forget_block(Jit *j, const Block *b);
/* Under the lock: was guest code of b invalidated since ndrops was `drops`? More than are
 * remembered count as one of it. */
bool jit_is_stale(const Jit *j, const Block *b, uint64_t drops);
/* Translates, but puts nothing into the table; NULL as above. quick: a quick block (quick.h), if
 * that can be. */
Block *jit_new_block(JitThread *t, GuestAddr pc, uint32_t mode, bool quick);
/* Under the lock: everything that led to `old`, which is in the table, leads to `fresh`. 0 or
 * -ENOMEM: nothing has changed. */
int jit_replace_block(Jit *j, Block *old, Block *fresh);
/* The same if the table has fresh, and old no longer. */
void jit_redirect(Jit *j, Block *old, Block *fresh);
/* Under the lock: the exit, which isn't linked, leads to `to` from now on. */
void jit_link(Jit *j, Link *link, Block *to);
/* Makes what translating needs, if the thread hasn't got it; false: no memory. */
bool jit_can_translate(JitThread *t);
/* The micro-ops of the block at pc, optimized, in t->uops (after jit_can_translate()). */
void jit_build_uops(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t max_insns);
/* The same of as many instructions at the thread's pc as there is memory for; false: not of one. */
bool jit_build_some(JitThread *t);
/* Runs the micro-ops of a block by the interpreter. */
CpuExit jit_run_interp(JitThread *t, const Block *b);
/* The same of the block that was built last, of what is at the thread's pc. */
CpuExit jit_run_built(JitThread *t);
void jit_watch_end(JitThread *t);
/* A copy without the builder's own tables, freed by uop_block_free and free; NULL: out of memory.
 */
UopBlock *jit_copy_uops(const UopBlock *from);
/* Without the lock: chunks with room for a block, in an arena of this process's own (a child of
 * fork may get a new generation by it); false when the arena is full. */
bool jit_have_chunks(JitThread *t);
/* Around what uses blocks outside of jit_run(): the thread is of the present generation, whose
 * memory stays. */
void jit_enter(JitThread *t);
void jit_leave(JitThread *t);
/* In a child of fork: the block at pc wasn't translated. */
void jit_fork_wish(const Jit *j, GuestAddr pc, uint32_t mode);
/* Tells JitHost.placed of a block's code. */
void jit_placed(const Jit *j, const Block *b);
/* Empties the caches of host addresses a thread keeps (indirect targets, return stack). */
void jit_forget_targets(Cpu *cpu);

#endif
