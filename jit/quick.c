/* quick.c - which blocks are quick ones, and their replacement (quick.h). */
#include "jit/quick.h"

#include "jit/dump.h"
#include "jit/keep.h"
#include "jit/template/template.h"
#include "jit/tier.h"

/* In a program of so much code the whole of it, which gets larger by quick blocks, is what the
 * host's caches have too little room for. */
enum { MOST_QUICK = 32768 };

bool quick_wanted(const JitThread *t, GuestAddr pc)
{
    const Jit *j = t->jit;
    const JitOptions *o = &j->options;
    return o->quick && !jit_any_critical(j) &&
           (__atomic_load_n(&j->blocks.count, __ATOMIC_RELAXED) < MOST_QUICK ||
            o->quick == JIT_QUICK_ONLY) &&
           !t->module && (o->tiers & JIT_TIER_TEMPLATE) && o->hot != 1 && !o->stress &&
           j->frontend->shapes && !o->one_insn_per_block && !o->count_blocks && !o->count_insns &&
           !(o->dump && jit_dump_wanted(o, pc)); /* dumps show what blocks end up as */
}

void jit_redirect(Jit *j, Block *old, Block *fresh)
{
    keep_incoming(j, old);
    old->replaced_by = fresh;
    for (Link *l = old->incoming, *next; l; l = next) {
        next = l->next_in;
        __atomic_store_n(&l->to, fresh, __ATOMIC_RELAXED);
        l->next_in = fresh->incoming;
        fresh->incoming = l;
        template_link(j, l, fresh);
    }
    old->incoming = NULL;
    jit_forget_block(j, old);
}

int jit_replace_block(Jit *j, Block *old, Block *fresh)
{
    int err = blockmap_replace(&j->blocks, old, fresh);
    if (!err) {
        (void)tier_anchor(j, fresh);
        jit_redirect(j, old, fresh);
    }
    return err;
}

/* Under the lock: exits that were taken are linked at once. */
static void link_as(Jit *j, Block *b, const Block *old)
{
    for (uint32_t i = 0; i < b->nlinks; i++) {
        Link *l = &b->links[i];
        for (uint32_t k = 0; k < old->nlinks && l->kind != LINK_CACHE && !l->to; k++) {
            Block *to = old->links[k].to;
            if (to && !to->dead && to->pc == l->target && to->mode == b->mode) {
                jit_link(j, l, to);
            }
        }
    }
}

/* Under the lock: b takes old's place, or, if that is NULL, one that nothing has. False: it can't.
 */
static bool put(JitThread *t, Block *b, Block *old)
{
    Jit *j = t->jit;
    if (!old) {
        return !blockmap_find(&j->blocks, b->pc, b->mode) && blockmap_insert(&j->blocks, b) == 0;
    }
    return jit_may_link(j) && t->generation == j->generation && !old->dead &&
           jit_replace_block(j, old, b) == 0;
}

/* An optimized block in place of old, or, if that is NULL, of code that was part of a quick block
 * and has none of its own. NULL: it can't be. */
static Block *make(JitThread *t, GuestAddr pc, uint32_t mode, Block *old)
{
    Jit *j = t->jit;
    uint64_t drops = __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE);
    keep_enter(t, pc);
    Block *b = jit_new_block(t, pc, mode, false);
    if (!b) {
        return NULL;
    }
    pthread_mutex_lock(&j->lock);
    bool ok = t->generation == j->generation && !jit_is_stale(j, b, drops) && put(t, b, old);
    t->stats.worn_blocks += ok;
    if (ok && old) {
        j->dead_bytes += old->host_len + old->cold_len;
        link_as(j, b, old);
    } else if (ok) {
        (void)tier_anchor(j, b);
    }
    pthread_mutex_unlock(&j->lock);
    return ok ? b : NULL;
}

bool quick_went_on(const Block *b)
{
    bool on = b->nlinks < 2;
    for (uint32_t i = 1; i < b->nlinks && !on; i++) {
        on = __atomic_load_n(&b->links[i].to, __ATOMIC_RELAXED) != NULL;
    }
    return on;
}

/* Where the guest code of `old` goes on behind what has taken its place: optimized blocks mostly
 * end with their first branch. */
static void make_rest(JitThread *t, const Block *old, const Block *b)
{
    uint64_t generation = t->generation;
    GuestAddr end = old->pc + old->guest_len;
    while (b && b->pc + b->guest_len < end && generation == t->generation) {
        GuestAddr next = b->pc + b->guest_len;
        const Block *there = blockmap_find(&t->jit->blocks, next, old->mode);
        b = there ? there : make(t, next, old->mode, NULL);
    }
}

static void wear(JitThread *t, Block *old)
{
    enum { FOLLOWED = 12 };
    Jit *j = t->jit;
    Block *todo[FOLLOWED] = {old};
    uint64_t generation = t->generation;
    /* A child that has just forked would have to copy all code for that. */
    if (j->options.quick == JIT_QUICK_ONLY || !codebuf_may_append(&j->code)) {
        return;
    }
    /* What it leads to is as hot, and better off behind it. */
    for (unsigned n = 1, at = 0; at < n && generation == t->generation; at++) {
        old = todo[at];
        if (__atomic_load_n(&old->dead, __ATOMIC_ACQUIRE)) {
            continue;
        }
        if (old->quick) {
            const Block *b = make(t, old->pc, old->mode, old);
            if (!b) {
                continue;
            }
            if (quick_went_on(old)) {
                make_rest(t, old, b);
            }
        }
        for (uint32_t i = old->nlinks; i-- > 0 && n < FOLLOWED;) {
            Block *to = __atomic_load_n(&old->links[i].to, __ATOMIC_RELAXED);
            if (to && to->quick) {
                todo[n++] = to;
            }
        }
    }
}

void quick_hot(JitThread *t, GuestAddr pc)
{
    Block *b = blockmap_find(&t->jit->blocks, pc, t->cpu->mode);
    t->cpu->quick_left = (int32_t)t->jit->options.quick;
    if (b) {
        wear(t, b);
    }
}

void quick_met(JitThread *t, GuestAddr pc)
{
    Block *b = t->jit->options.quick ? blockmap_find(&t->jit->blocks, pc, t->cpu->mode) : NULL;
    if (b && b->quick) {
        wear(t, b);
    }
}
