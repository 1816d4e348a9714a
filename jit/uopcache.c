/* uopcache.c - see uopcache.h. */
#include "jit/uopcache.h"

#include <stdlib.h>

#include "jit/keep.h"

static size_t place(const JitThread *t, GuestAddr pc)
{
    return (pc >> t->jit->frontend->insn_shift) % UOPCACHE_PLACES;
}

void uopcache_clear(UopCache *c)
{
    for (unsigned i = 0; i < UOPCACHE_PLACES && c->n; i++) {
        if (c->by_pc[i]) {
            uop_block_free(c->by_pc[i]);
            free(c->by_pc[i]);
            c->by_pc[i] = NULL;
        }
    }
    c->n = 0;
}

void uopcache_refresh(UopCache *c, const Jit *j)
{
    enum { FULL = UOPCACHE_PLACES / 2 };
    uint64_t drops = __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE);
    bool guarded = jit_any_guarded(j);
    if (c->drops != drops || c->guarded != guarded || c->n > FULL) {
        uopcache_clear(c);
    }
    c->drops = drops;
    c->guarded = guarded;
}

UopBlock *uopcache_find(const UopCache *c, const JitThread *t, GuestAddr pc, uint32_t mode)
{
    UopBlock *ub = c->by_pc[place(t, pc)];
    return ub && ub->pc == pc && ub->mode == mode && ub->relocatable == keep_relocatable(t) ? ub
                                                                                            : NULL;
}

bool uopcache_put(UopCache *c, const JitThread *t, UopBlock *ub)
{
    const Jit *j = t->jit;
    UopBlock **at = &c->by_pc[place(t, ub->pc)];
    if (*at || ub->is_critical || !ub->guest_len || j->options.dump ||
        j->options.one_insn_per_block || c->guarded != jit_any_guarded(j) ||
        c->drops != __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE)) {
        return false;
    }
    *at = ub;
    c->n++;
    return true;
}
