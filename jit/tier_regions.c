/* tier_regions.c - regions that are compiled while their thread waits or ahead of time, and where
 * code of regions is placed.
 */
#ifdef XEMU_LLVM
#include "jit/tier_parts.h"

#include <errno.h>
#include <fenv.h>
#include <stdlib.h>

#include "jit/keep.h"
#include "jit/template/template.h"

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

/* LLVM computes with floats, under its own rounding mode, and the guest's exceptions aren't its
 * business. */
static int compile_here(const LiftRegion *r, CodeObject *o)
{
    fenv_t guest;
    pthread_mutex_lock(&compiling);
    fegetenv(&guest);
    fesetenv(FE_DFL_ENV);
    int err = lift_compile(r, o);
    fesetenv(&guest);
    pthread_mutex_unlock(&compiling);
    return err;
}

static int make_anchors(JitThread *t, Block *b, const LiftBlock *blocks, uint32_t n)
{
    b->anchors = n > 1 ? jit_meta_alloc(t, sizeof(Block) * (n - 1)) : NULL;
    if (n > 1 && !b->anchors) {
        return -ENOMEM;
    }
    b->nanchors = n - 1;
    for (uint32_t i = 1; i < n; i++) {
        b->anchors[i - 1] = (Block){.pc = blocks[i].ub->pc,
                                    .mode = b->mode,
                                    .guest_len = blocks[i].ub->guest_len,
                                    .region = b};
    }
    return 0;
}

int tier_place(JitThread *t, const CodeObject *o, Block *b)
{
    int err = template_place(t, o, b);
    if (err == -ENOSPC) { /* in a chunk of its own */
        keep_leave_pair(t);
        err = jit_have_chunks(t) ? template_place(t, o, b) : -ENOSPC;
    }
    return err;
}

void tier_print_dump(const Jit *j, const CodeObject *o)
{
    if (o->dump_len) {
        fwrite(o->dump, 1, o->dump_len, j->options.log);
    }
}

/* Whatever becomes of it. */
void tier_count_compiled(JitThread *t, const CodeObject *o)
{
    t->stats.lift_ns += o->lift_ns;
    t->stats.passes_ns += o->passes_ns;
    t->stats.codegen_ns += o->codegen_ns;
}

void tier_count_region(JitThread *t, const CodeObject *o, uint32_t blocks, uint32_t insns)
{
    t->stats.regions++;
    t->stats.region_blocks += blocks;
    t->stats.region_insns += insns;
    t->stats.region_bytes += o->len;
    t->stats.lift_fallbacks += o->fallbacks;
}

/* A region that mostly calls C is better off in tier 1. */
bool tier_is_good(const CodeObject *o, uint32_t insns)
{
    return o->fallbacks * 16 <= insns;
}

/* ---- forced tier 2 --------------------------------------------------------------------------- */

int tier_translate(JitThread *t, Block *b)
{
    Jit *j = t->jit;
    Region *r = calloc(1, sizeof *r);
    CodeObject o = {0};
    if (!r) {
        return -ENOMEM;
    }
    *r = (Region){.t = t, .mode = b->mode, .max_blocks = 5, .max_insns = 60};
    int err = region_collect(r, b->pc) ? 0 : -EOPNOTSUPP;
    if (!err) {
        LiftRegion lr = region_lift(r);
        err = tier_own(j) ? tier_compile_there(t, &lr, &o) : compile_here(&lr, &o);
        tier_print_dump(j, &o);
    }
    if (!err) {
        tier_count_compiled(t, &o);
    }
    b->tier2 = true;
    b->guest_len = err ? 1 : r->blocks[0].ub->guest_len;
    b->ninsns = r->insns;
    err = err ? err : make_anchors(t, b, r->blocks, r->nblocks);
    err = err ? err : tier_place(t, &o, b);
    if (!err) {
        tier_count_region(t, &o, r->nblocks, r->insns);
    } else {
        t->stats.regions_refused++;
        b->tier2 = false;
        b->nanchors = 0;
    }
    code_object_free(&o);
    region_free(r);
    return err;
}

int tier_anchor(Jit *j, Block *b)
{
    for (uint32_t i = 0; i < b->nanchors; i++) {
        int err = blockmap_anchor(&j->blocks, &b->anchors[i]);
        if (err) {
            b->nanchors = i;
            return err;
        }
    }
    return 0;
}

/* ---- ahead of time --------------------------------------------------------------------------- */

int tier_region_compile(const struct Region *r, CodeObject *o)
{
    LiftRegion lr = region_lift(r);
    int err = compile_here(&lr, o);
    if (!err && !tier_is_good(o, r->insns)) {
        code_object_free(o);
        err = -EOPNOTSUPP;
    }
    return err;
}

const Block *tier_region_place(struct Region *r, const CodeObject *o)
{
    JitThread *t = r->t;
    Block *b = jit_have_chunks(t) ? jit_meta_alloc(t, sizeof *b) : NULL;
    if (!b) {
        return NULL;
    }
    *b = (Block){.pc = r->blocks[0].ub->pc,
                 .mode = r->mode,
                 .guest_len = r->blocks[0].ub->guest_len,
                 .ninsns = r->insns,
                 .tier2 = true,
                 .bound = !keep_relocatable(t)};
    if (make_anchors(t, b, r->blocks, r->nblocks) || tier_place(t, o, b)) {
        return NULL;
    }
    pthread_mutex_lock(&t->jit->lock);
    int err = blockmap_insert(&t->jit->blocks, b);
    pthread_mutex_unlock(&t->jit->lock);
    return err ? NULL : b;
}
#else
/* An empty file isn't C. */
typedef int TierWithoutLlvm;
#endif
