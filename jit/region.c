/* region.c - regions: what is compiled together for tier 2.
 *
 * A region begins at a block. It takes in what has just run from there on, in callees as well
 * (region_trace.c), then what its direct exits lead to, as long as it is small enough, and small
 * callees as a whole. The blocks of a callee are there once for each call (a context, lift/lift.h).
 * It has one entry; all other ways in are blocks of their own.
 */
#ifdef XEMU_LLVM
#include "jit/region.h"

#include <stdlib.h>

#include "jit/dump.h"
#include "jit/keep.h"
#include "jit/quick.h"

enum {
    CALLEE_BLOCKS = 8,
    CALLEE_INSNS = 60,
    MAX_DEPTH = 2,
    OWN_BLOCKS = 40,
    OWN_BYTES = 2048,
    SHORT_INSNS = 24,
    SOME_VISITS = 3,  /* in a trace: enough to tell how long they are */
    MANY_VISITS = 32, /* enough to tell that what didn't run is rare */
    SHORT_VISIT = 60, /* instructions */
};

/* ---- blocks ---------------------------------------------------------------------------------- */

Block *region_known(JitThread *t, GuestAddr pc, uint32_t mode)
{
    Block *b = blockmap_find(&t->jit->blocks, pc, mode);
    return b ? b : keep_find(t, pc, mode, false);
}

Block *region_block(const Region *r, GuestAddr pc)
{
    Block *b = region_known(r->t, pc, r->mode);
    for (uint32_t i = 0; i < r->nquick && !b; i++) {
        bool within = pc - r->quick[i]->pc < r->quick[i]->guest_len;
        b = within ? r->quick[i] : NULL;
    }
    return b;
}

/* Has what is at pc been translated? */
static bool is_known(Region *r, GuestAddr pc)
{
    Block *b = region_block(r, pc);
    if (b && b->quick && b->pc == pc && r->nquick < REGION_BLOCKS && quick_went_on(b)) {
        r->quick[r->nquick++] = b;
    }
    return b;
}

static UopBlock *uops_at(Region *r, GuestAddr pc)
{
    for (uint32_t i = 0; i < r->nowned; i++) {
        if (r->owned[i]->pc == pc) {
            return r->owned[i];
        }
    }
    if (r->nowned == REGION_BLOCKS || (r->known_only && !is_known(r, pc))) {
        return NULL;
    }
    UopBlock *ub = r->kept ? uopcache_find(r->kept, r->t, pc, r->mode) : NULL;
    r->borrowed[r->nowned] = ub != NULL;
    if (!ub) {
        jit_build_uops(r->t, pc, r->mode, JIT_MAX_INSNS);
        if (r->t->uops.guest_len == 0 || r->t->uops.error || r->t->uops.is_critical) {
            return NULL;
        }
        ub = jit_copy_uops(&r->t->uops);
        r->borrowed[r->nowned] = ub && r->kept && uopcache_put(r->kept, r->t, ub);
    }
    if (ub) {
        r->owned[r->nowned++] = ub;
    }
    return ub;
}

bool region_has(const Region *r, GuestAddr pc, unsigned context)
{
    for (uint32_t i = 0; i < r->nblocks; i++) {
        if (r->blocks[i].ub->pc == pc && r->blocks[i].context == context) {
            return true;
        }
    }
    return false;
}

void region_add(Region *r, GuestAddr pc, unsigned context)
{
    if (r->nblocks >= r->max_blocks || region_has(r, pc, context)) {
        return;
    }
    if (r->choice && !context && r->nblocks &&
        !r->choice->wants(r->choice->ctx, r->blocks[0].ub->pc, pc)) {
        return;
    }
    UopBlock *ub = uops_at(r, pc);
    if (ub && r->insns + ub->ninsns <= r->max_insns) {
        r->blocks[r->nblocks++] = (LiftBlock){.ub = ub, .context = (uint16_t)context};
        r->insns += ub->ninsns;
    }
}

/* ---- callees --------------------------------------------------------------------------------- */

bool region_returns(const struct Region *r, GuestAddr pc, unsigned context)
{
    for (uint32_t c = 1; c < r->ncontexts; c++) {
        if (r->contexts[c].parent == context && r->contexts[c].return_pc == pc) {
            return true;
        }
    }
    return false;
}

static unsigned depth(const Region *r, unsigned context)
{
    unsigned n = 0;
    for (; context; context = r->contexts[context].parent) {
        n++;
    }
    return n;
}

/* The blocks of a small function without calls and indirect jumps; 0 if it isn't one. */
static unsigned callee_blocks(Region *r, GuestAddr entry, GuestAddr pcs[CALLEE_BLOCKS])
{
    unsigned n = 1, insns = 0;
    bool returns = false;
    pcs[0] = entry;
    for (unsigned i = 0; i < n; i++) {
        const UopBlock *ub = uops_at(r, pcs[i]);
        if (!ub) {
            if (i == 0) {
                return 0;
            }
            pcs[i] = pcs[--n]; /* a way that isn't taken */
            i--;
            continue;
        }
        insns += ub->ninsns;
        for (uint32_t k = 0; k < ub->count; k++) {
            const Uop *u = &ub->uops[k];
            bool jump = uop_is_direct_jump(u);
            returns |= u->op == UOP_EXIT && u->sub == UOP_EXIT_RET;
            if (u->op == UOP_EXIT &&
                (u->sub == UOP_EXIT_CALL || u->sub == UOP_EXIT_SYSCALL ||
                 u->sub == UOP_EXIT_DISPATCH || (u->sub == UOP_EXIT_JUMP && u->a != VAL_NONE))) {
                return 0;
            }
            bool seen = !jump;
            for (unsigned m = 0; jump && m < n; m++) {
                seen |= pcs[m] == u->imm64;
            }
            if (!seen) {
                if (n == CALLEE_BLOCKS) {
                    return 0;
                }
                pcs[n++] = u->imm64;
            }
        }
    }
    return returns && insns <= CALLEE_INSNS ? n : 0;
}

/* Two blocks may end in the same call, or a call lead to several functions: one of them is in. */
static bool takes_context(const Region *r, unsigned parent, GuestAddr return_pc)
{
    return r->ncontexts < REGION_CONTEXTS && !region_returns(r, return_pc, parent);
}

unsigned region_add_context(Region *r, unsigned parent, GuestAddr return_pc)
{
    if (!takes_context(r, parent, return_pc)) {
        return 0;
    }
    r->contexts[r->ncontexts] = (LiftContext){.parent = (uint16_t)parent, .return_pc = return_pc};
    return r->ncontexts++;
}

static void add_call(Region *r, GuestAddr target, unsigned context, GuestAddr return_pc)
{
    GuestAddr pcs[CALLEE_BLOCKS];
    if (!takes_context(r, context, return_pc) || depth(r, context) >= MAX_DEPTH) {
        return;
    }
    unsigned n = callee_blocks(r, target, pcs);
    if (!n || r->nblocks + n + 1 > r->max_blocks) {
        return;
    }
    unsigned c = region_add_context(r, context, return_pc);
    for (unsigned i = 0; i < n; i++) {
        region_add(r, pcs[i], c);
    }
    region_add(r, return_pc, context);
}

/* Does the function at `target` lead to the region's entry without leaving for others? Then the
 * region is part of it, and its call a call of itself. */
bool region_is_own_function(Region *r, GuestAddr target)
{
    GuestAddr entry = r->blocks[0].ub->pc, pcs[OWN_BLOCKS] = {target};
    if (target > entry || entry - target > OWN_BYTES) {
        return false;
    }
    for (unsigned i = 0, n = 1; i < n; i++) {
        const UopBlock *ub = pcs[i] == entry ? NULL : uops_at(r, pcs[i]);
        if (pcs[i] == entry) {
            return true;
        }
        for (uint32_t k = 0; ub && k < ub->count; k++) {
            const Uop *u = &ub->uops[k];
            bool exit = u->op == UOP_EXIT_IF || (u->op == UOP_EXIT && u->a == VAL_NONE);
            GuestAddr to = u->sub == UOP_EXIT_CALL ? ub->pc + ub->guest_len : u->imm64;
            bool seen = !exit || (u->sub != UOP_EXIT_CALL && u->sub != UOP_EXIT_JUMP);
            for (unsigned m = 0; m < n && !seen; m++) {
                seen = pcs[m] == to;
            }
            if (!seen && n < OWN_BLOCKS) {
                pcs[n++] = to;
            }
        }
    }
    return false;
}

/* ---- growing --------------------------------------------------------------------------------- */

static void grow(Region *r, const LiftBlock *b)
{
    const UopBlock *ub = b->ub;
    if (r->traced >> b->context & 1 || r->visits >= MANY_VISITS) {
        return; /* what didn't run is rare */
    }
    for (uint32_t k = 0; k < ub->count; k++) {
        const Uop *u = &ub->uops[k];
        if (uop_is_direct_jump(u)) {
            region_add(r, u->imm64, b->context);
        } else if (u->op == UOP_EXIT && u->a == VAL_NONE && u->sub == UOP_EXIT_CALL) {
            if (!b->context && region_is_own_function(r, u->imm64)) {
                r->recursive = true;
                region_add(r, u->imm64, 0);
                region_add(r, ub->pc + ub->guest_len, 0);
            } else {
                add_call(r, u->imm64, b->context, ub->pc + ub->guest_len);
            }
        }
    }
}

bool region_collect(Region *r, GuestAddr entry)
{
    r->ncontexts = 1;
    region_add(r, entry, 0);
    if (r->nblocks && r->trace && r->trace->mode == r->mode) {
        region_follow(r, r->trace);
    }
    for (uint32_t i = 0; i < r->nblocks; i++) {
        LiftBlock b = r->blocks[i];
        grow(r, &b);
    }
    return r->nblocks != 0;
}

void region_free(Region *r)
{
    for (uint32_t i = 0; r && i < r->nowned; i++) {
        if (!r->borrowed[i]) {
            uop_block_free(r->owned[i]);
            free(r->owned[i]);
        }
    }
    free(r);
}

/* ---- is it worth it? ------------------------------------------------------------------------- */

enum { NEW, OPEN, DONE };

/* Is a block that is OPEN reached from block i? */
static bool closes(const Region *r, uint32_t i, uint8_t state[REGION_BLOCKS])
{
    const UopBlock *ub = r->blocks[i].ub;
    state[i] = OPEN;
    for (uint32_t k = 0; k < ub->count; k++) {
        const Uop *u = &ub->uops[k];
        if (!uop_is_direct_jump(u)) {
            continue;
        }
        for (uint32_t to = 0; to < r->nblocks; to++) {
            bool there =
                r->blocks[to].ub->pc == u->imm64 && r->blocks[to].context == r->blocks[i].context;
            if (there && (state[to] == OPEN || (state[to] == NEW && closes(r, to, state)))) {
                return true;
            }
        }
    }
    state[i] = DONE;
    return false;
}

/* Is it more than a few instructions in a row? */
static bool is_much(const Region *r)
{
    uint8_t state[REGION_BLOCKS] = {NEW};
    return r->insns >= SHORT_INSNS || r->ncontexts > 1 || closes(r, 0, state);
}

static bool is_left_soon(const Region *r, uint32_t visits)
{
    return r->visits >= visits && r->visited / r->visits < SHORT_VISIT;
}

bool region_is_left_soon(const Region *r)
{
    enum { PLAIN = 8 };
    return is_left_soon(r, PLAIN);
}

/* A few instructions between calls and returns, without a loop or a callee among them, are as good
 * in tier 1: what crosses such a region's edges is most of what it does. So is what is left again
 * soon, whatever the region has. */
bool region_is_worth_it(const Region *r)
{
    bool calls = false;
    if (is_left_soon(r, SOME_VISITS)) {
        return false;
    }
    for (uint32_t i = 0; i < r->nblocks; i++) {
        const UopBlock *ub = r->blocks[i].ub;
        const Uop *last = &ub->uops[ub->count - 1];
        calls |= last->op == UOP_EXIT && (last->sub == UOP_EXIT_CALL || last->sub == UOP_EXIT_RET);
    }
    return !calls || r->recursive || is_much(r);
}

Region *region_ahead(JitThread *t, GuestAddr pc, uint32_t mode, const JitAheadChoice *choice)
{
    keep_enter(t, pc);
    Region *r = t->module && jit_can_translate(t) ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        return NULL;
    }
    *r = (Region){.t = t,
                  .mode = mode,
                  .choice = choice,
                  .max_blocks = PROMOTED_BLOCKS,
                  .max_insns = PROMOTED_INSNS};
    if (!region_collect(r, pc) || !is_much(r)) {
        region_free(r);
        return NULL;
    }
    return r;
}

/* ---- for lift/ ------------------------------------------------------------------------------- */

static bool is_spoilt(const JitOptions *o, GuestAddr pc)
{
    return o->spoil && (uint32_t)((pc >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % o->spoil == 0;
}

LiftRegion region_lift(const Region *r)
{
    const Jit *j = r->t->jit;
    bool dump = j->options.dump && jit_dump_wanted(&j->options, r->blocks[0].ub->pc);
    return (LiftRegion){.frontend = j->frontend,
                        .mode = r->mode,
                        .precise = r->mode & CPU_MODE_PRECISE,
                        .picky =
                            (r->known_only || r->choice) && !j->options.hot && !j->options.stress,
                        .spoilt = is_spoilt(&j->options, r->blocks[0].ub->pc),
                        .relocatable = (r->known_only || r->choice) && keep_relocatable(r->t),
                        .blocks = r->blocks,
                        .nblocks = r->nblocks,
                        .contexts = r->contexts,
                        .ncontexts = r->ncontexts,
                        .dump = dump ? j->options.log : NULL,
                        .dump_ir = j->options.dump & JIT_DUMP_IR,
                        .dump_ir_opt = j->options.dump & JIT_DUMP_IR_OPT,
                        .dump_asm = j->options.dump & JIT_DUMP_ASM};
}
#endif
