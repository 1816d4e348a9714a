/* quick.c - which blocks are quick ones, and their replacement (quick.h). */
#include "jit/quick.h"

#include "jit/dump.h"
#include "jit/keep.h"
#include "jit/template/template.h"
#include "jit/tier.h"

bool quick_wanted(const JitThread *t, GuestAddr pc) {
    const Jit *j = t->jit;
    const JitOptions *o = &j->options;
    return o->quick && o->tiers & JIT_TIER_TEMPLATE && j->frontend->shape && !o->one_insn_per_block && !o->count_blocks &&
           !(o->dump && jit_dump_wanted(o, pc)); /* dumps show what blocks end up as */
}

int jit_replace_block(Jit *j, Block *old, Block *fresh) {
    old->replaced_by = fresh;
    blockmap_remove(&j->blocks, old);
    int err = blockmap_insert(&j->blocks, fresh);
    if (err || (err = tier_anchor(j, fresh)) != 0) {
        return err;
    }
    for (Link *l = old->incoming, *next; l; l = next) {
        next = l->next_in;
        l->to = fresh;
        l->next_in = fresh->incoming;
        fresh->incoming = l;
        template_link(j, l, fresh);
    }
    old->incoming = NULL;
    jit_forget_block(j, old);
    return 0;
}

void quick_worn(JitThread *t, GuestAddr pc) {
    Jit *j = t->jit;
    uint32_t mode = t->cpu->mode;
    t->cpu->quick_left = (int32_t)j->options.quick;
    /* A child that has just forked would have to copy all code for that. */
    if (j->options.quick == JIT_QUICK_ONLY || !codebuf_may_append(&j->code)) {
        return;
    }
    Block *old = blockmap_find(&j->blocks, pc, mode);
    if (!old || !old->quick) {
        return;
    }
    keep_enter(t, pc);
    Block *b = jit_new_block(t, pc, mode, false);
    if (!b) {
        return;
    }
    pthread_mutex_lock(&j->lock);
    if (t->generation == j->generation && jit_may_link(j) && t->generation == j->generation && blockmap_find(&j->blocks, pc, mode) == old &&
        jit_replace_block(j, old, b) == 0) {
        t->stats.worn_blocks++;
        j->dead_bytes += old->host_len + old->cold_len;
    }
    pthread_mutex_unlock(&j->lock);
}
