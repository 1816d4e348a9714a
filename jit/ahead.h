/* ahead.h - translating without running: what `xemu --aot` uses of tier 1.
 *
 * The blocks go where those of a run would (keep.h) and jit_save() hands them out. One thread,
 * which runs nothing.
 */
#ifndef XEMU_JIT_AHEAD_H
#define XEMU_JIT_AHEAD_H

#include "jit/jit.h"

typedef struct JitAhead {
    uint32_t guest_len;
    bool kept;               /* an earlier run's, in the cache: then there is no code here */
    const void *code, *cold; /* where it lies */
    uint32_t code_len, cold_len;
} JitAhead;

/* The block at (pc, mode), unless there is one, also in the cache if not `anew`; `next` is told
 * where its known exits lead. 0; -EEXIST: it has been translated already; -ENOENT: no code of a
 * file; -ENOMEM. */
int jit_ahead(Cpu *cpu, GuestAddr pc, uint32_t mode, bool anew, JitAhead *out,
              void (*next)(void *ctx, GuestAddr pc), void *ctx);
/* Is it in the cache? */
bool jit_ahead_is_known(Cpu *cpu, GuestAddr pc, uint32_t mode);
/* Exits lead to the blocks that there are. */
void jit_ahead_link(Cpu *cpu);

/* ---- regions (ahead_regions.c) --------------------------------------------------------------- */

typedef enum JitAheadKind {
    JIT_AHEAD_JUMP,     /* execution goes on there */
    JIT_AHEAD_CALL,     /* calls it */
    JIT_AHEAD_BACK,     /* a call comes back there */
    JIT_AHEAD_INDIRECT, /* somewhere; the address is none */
} JitAheadKind;
typedef void JitAheadExit(void *ctx, JitAheadKind kind, GuestAddr to);

/* Tells the exits of the block at pc. Its length; 0: there's no code. */
uint32_t jit_ahead_exits(Cpu *cpu, GuestAddr pc, uint32_t mode, JitAheadExit *fn, void *ctx);

/* Which blocks a region that begins at `entry` may have. */
typedef struct JitAheadChoice {
    bool (*wants)(void *ctx, GuestAddr entry, GuestAddr pc);
    void *ctx;
} JitAheadChoice;

/* The region that begins at pc: tells the exits that leave it. Its instructions; 0: it wouldn't be
 * worth compiling. */
uint32_t jit_ahead_region(Cpu *cpu, GuestAddr pc, uint32_t mode, const JitAheadChoice *choice,
                          JitAheadExit *fn, void *ctx);

/* Has that region the same code in the other mode? */
bool jit_ahead_is_same(Cpu *cpu, GuestAddr pc, uint32_t mode, uint32_t other,
                       const JitAheadChoice *choice);
bool jit_same_uops(const UopBlock *a, const UopBlock *b);

typedef struct JitAheadWork {
    const GuestAddr *pcs;
    const uint32_t *insns; /* as jit_ahead_region() said */
    uint32_t n, mode;
    bool threads_too; /* all have the same code with CPU_MODE_THREADS; said of all that is saved */
    JitAheadChoice choice;
    bool (*another)(void *ctx); /* may one more optimizer be started? */
    void *ctx;
} JitAheadWork;
typedef struct JitAheadMade {
    uint64_t regions, refused, insns, host_bytes;
} JitAheadMade;
/* Compiles regions and puts them into the arena in that order, for jit_save(). The jit has tier 2,
 * and makes nothing else. 0 or -errno. */
int jit_ahead_compile(Cpu *cpu, const JitAheadWork *work, JitAheadMade *out);
/* Is that region in the cache, learned or made ahead of time? */
bool jit_ahead_has_region(Cpu *cpu, GuestAddr pc, uint32_t mode);
/* Are regions of the module at pc in the cache that were made ahead of time? */
bool jit_ahead_has_regions(Cpu *cpu, GuestAddr pc);

#endif
