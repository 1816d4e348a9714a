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
/* Exits lead to the blocks that there are. */
void jit_ahead_link(Cpu *cpu);

#endif
