/* unroll.c - small loops of one block twice over: the poll of Cpu.interrupt, the fence and the jump
 * back, which every way round has, are there once for two.
 *
 *     a: ... if (c) goto a           a:  ... if (!c) goto out
 *                             ->     a': ... if (c) poll, goto a
 *     out:                           out:
 *
 * A copy is a block of the region as any other, behind all that lift_find() finds: only the jump of
 * a block to its own beginning leads there. Each copy has the loop's whole condition, so nothing is
 * to be known of how often it goes round. What a loop waits for in memory is still read anew every
 * second time.
 */
#include "lift/build.h"

#include <stdlib.h>
#include <string.h>

/* In longer ones a poll isn't noticed. */
enum { MAX_UNROLLED_INSNS = 16, MAX_UNROLLED_UOPS = 80 };

static bool is_small_loop(const UopBlock *ub)
{
    unsigned insns = 0, jumps = 0;
    for (uint32_t i = 0; i < ub->count; i++) {
        const Uop *u = &ub->uops[i];
        insns += u->op == UOP_INSN;
        jumps += uop_is_direct_jump(u) && u->imm64 == ub->pc;
    }
    return jumps == 1 && insns <= MAX_UNROLLED_INSNS && ub->count <= MAX_UNROLLED_UOPS;
}

bool unroll_loops(Lift *l)
{
    const LiftRegion *r = l->r;
    l->first_copy = r->nblocks;
    if (r->precise) { /* each access has its table for faults */
        return true;
    }
    LiftBlock *blocks = malloc(r->nblocks * 2 * sizeof *blocks);
    l->next_copy = calloc(r->nblocks * 2, sizeof *l->next_copy);
    if (!blocks || !l->next_copy) {
        free(blocks);
        return false;
    }
    memcpy(blocks, r->blocks, r->nblocks * sizeof *blocks);
    l->unrolled = *r;
    l->unrolled.blocks = l->copies = blocks;
    for (uint32_t i = 0; i < r->nblocks; i++) {
        if (is_small_loop(blocks[i].ub)) {
            uint32_t k = l->unrolled.nblocks++;
            blocks[k] = blocks[i];
            l->next_copy[i] = k + 1;
            l->next_copy[k] = i + 1;
        }
    }
    l->r = &l->unrolled;
    return true;
}

int lift_next(const Lift *l, uint32_t index, GuestAddr pc)
{
    const LiftBlock *b = &l->r->blocks[index];
    if (l->next_copy && l->next_copy[index] && pc == b->ub->pc) {
        return (int)l->next_copy[index] - 1;
    }
    return lift_find(l->r, pc, b->context);
}
