/* settle.c - see settle.h. */
#include "jit/settle.h"

#include "jit/keep.h"
#include "jit/template/template.h"

static bool is_settled(const Block *b)
{
    return __atomic_load_n(&b->settled, __ATOMIC_RELAXED) || b->tier2;
}

/* Under the lock. */
static void set_poll(Jit *j, const Link *l, bool counts)
{
    TemplatePoll at = {l->site, l->stub, l->kind};
    if (!l->from->tier2 && !l->from->quick && l->from->arena == j->code.rx) {
        j->ended.settled += template_set_poll(j, at, counts) && !counts;
    }
}

/* Under the lock: may code be changed? */
static bool may_patch(JitThread *t)
{
    Jit *j = t->jit;
    return t->generation == j->generation && jit_may_link(j) && t->generation == j->generation;
}

void settle_link(Jit *j, const Link *l, const Block *to)
{
    if (l->kind == LINK_JUMP && (!to || is_settled(to))) {
        set_poll(j, l, !to);
    }
}

void settle_block(JitThread *t, Block *b)
{
    Jit *j = t->jit;
    pthread_mutex_lock(&j->lock);
    if (!b->settled && !b->dead && !b->quick && may_patch(t)) {
        __atomic_store_n(&b->settled, true, __ATOMIC_RELAXED);
        keep_incoming(j, b);
        for (const Link *l = b->incoming; l; l = l->next_in) {
            settle_link(j, l, b);
        }
    }
    pthread_mutex_unlock(&j->lock);
}

bool settle_wants(JitThread *t, GuestAddr pc)
{
    enum { TIMES = 4 };
    const Block *b = blockmap_find(&t->jit->blocks, pc, t->cpu->mode);
    return b && is_settled(b) && (t->sampled >> 8) % TIMES == 0;
}

void settle_exit(JitThread *t, const Link *l)
{
    Jit *j = t->jit;
    pthread_mutex_lock(&j->lock);
    if (l && may_patch(t)) {
        set_poll(j, l, false);
    }
    pthread_mutex_unlock(&j->lock);
}

void settle_nothing_stored(JitThread *t)
{
    Jit *j = t->jit;
    pthread_mutex_lock(&j->lock);
    if (!j->all_count && may_patch(t)) {
        j->all_count = true;
        keep_count_all(j);
    }
    pthread_mutex_unlock(&j->lock);
}
