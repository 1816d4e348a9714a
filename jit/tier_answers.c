/* tier_answers.c - what the optimizer answers: regions take the place of tier 1's code, blocks that
 * have none are settled, and a death is looked for.
 */
#ifdef XEMU_LLVM
#include "jit/tier_parts.h"

#include <errno.h>

#include "jit/keep.h"
#include "jit/settle.h"

enum { MAX_DEATHS = 3 };

/* Is the guest code of b still as it was? A block that was replaced by a region lives on in that.
 */
static bool is_alive(const Block *b)
{
    while (b->replaced_by) {
        b = b->replaced_by;
    }
    return !__atomic_load_n(&b->dead, __ATOMIC_ACQUIRE);
}

/* Under Tier.lock. */
static void install(JitThread *t, Pending *p, const CodeObject *o)
{
    Jit *j = t->jit;
    Block *old = p->entry;
    if (p->generation != t->generation) {
        return;
    }
    keep_enter(t, p->pcs[0]);
    if (!jit_have_chunks(t) || p->generation != t->generation) {
        return;
    }
    Block *b = jit_meta_alloc(t, sizeof *b + sizeof(Block) * p->n);
    if (!b) {
        return;
    }
    *b = (Block){.pc = p->pcs[0],
                 .mode = p->mode,
                 .guest_len = p->lens[0],
                 .ninsns = p->insns,
                 .tier2 = true,
                 .bound = !p->relocatable,
                 .anchors = b + 1,
                 .nanchors = p->n - 1};
    for (uint32_t i = 1; i < p->n; i++) {
        b->anchors[i - 1] =
            (Block){.pc = p->pcs[i], .mode = b->mode, .guest_len = p->lens[i], .region = b};
    }
    if (tier_place(t, o, b) != 0) {
        return;
    }
    pthread_mutex_lock(&j->lock);
    bool ok = p->generation == j->generation && jit_may_link(j) && p->generation == j->generation;
    for (uint32_t i = 0; i < p->n && ok; i++) {
        ok = is_alive(p->blocks[i]);
    }
    ok = ok && blockmap_find(&j->blocks, b->pc, b->mode) == old;
    if (ok) {
        (void)jit_replace_block(j, old, b); /* if there is no memory it is translated again */
    }
    pthread_mutex_unlock(&j->lock);
    if (ok) {
        jit_placed(j, b);
        tier_count_region(t, o, p->n, p->insns);
    }
}

static void refused(JitThread *t, const Pending *p)
{
    t->stats.regions_refused++;
    if (p->entry && p->generation == t->generation) {
        settle_block(t, p->entry);
    }
}

void tier_take_answers(JitThread *t, struct Tier *tier)
{
    CodeObject o;
    int err;
    for (int slot; (slot = client_take(tier->client, &o, &err)) >= 0;) {
        Pending *p = &tier->pending[slot];
        if (!err) {
            tier_count_compiled(t, &o);
            tier_print_dump(t->jit, &o);
            if (p->entry && tier_is_good(&o, p->insns)) {
                install(t, p, &o);
            } else {
                refused(t, p);
            }
            code_object_free(&o);
        } else {
            refused(t, p);
        }
        p->entry = NULL;
    }
}

/* Looks whether the optimizer has died. What it was at then may have killed it: it gets few more
 * chances. */
bool tier_look_for_death(const JitThread *t, struct Tier *tier)
{
    uint32_t at_work;
    if (!client_lost(tier->client, &at_work)) {
        return false;
    }
    tier->lost++;
    for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
        Block *b = tier->pending[i].entry;
        if (b && tier->pending[i].generation == t->generation) {
            b->deaths += at_work >> i & 1;
            b->no_promotion = b->deaths >= MAX_DEATHS;
        }
        tier->pending[i].entry = NULL;
    }
    return true;
}

/* Forced tier 2: the thread waits for its region. The guest's threads can't run LLVM themselves
 * (they have no C library's thread), and a child of fork would meet what another thread of its
 * parent had locked. */
int tier_compile_there(JitThread *t, const LiftRegion *r, CodeObject *o)
{
    struct Tier *tier = t->jit->tier;
    pthread_mutex_lock(&tier->lock);
    int err = -EAGAIN, slot = client_ask(tier->client, r);
    while (slot >= 0 && client_take(tier->client, o, &err) < 0) {
        if (tier_look_for_death(t, tier)) {
            err = -EAGAIN;
            break;
        }
        client_wait(tier->client);
    }
    pthread_mutex_unlock(&tier->lock);
    return err;
}

/* Installs answers; is any still to come? */
static bool is_waiting(JitThread *t, struct Tier *tier)
{
    bool waiting = false;
    tier_take_answers(t, tier);
    (void)tier_look_for_death(t, tier);
    for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
        waiting |= tier->pending[i].entry != NULL;
    }
    return waiting;
}

/* For tests: what is asked for is in place when the thread goes on. */
void tier_wait(JitThread *t, struct Tier *tier)
{
    while (is_waiting(t, tier)) {
        client_wait(tier->client);
    }
}

/* What is lost now has to be asked for by another run. */
void tier_await(JitThread *t)
{
    static const uint64_t least = 20000000, most = 500000000;
    enum { PART = 50 };
    Jit *j = t->jit;
    struct Tier *tier = j->tier;
    if (!tier || j->parents_tier || !tier->patience.on || !tier->patience.asked || !j->host.saves ||
        pthread_mutex_trylock(&tier->lock) != 0) {
        return;
    }
    uint64_t wait = patience_used_ns() / PART;
    wait = wait < least ? least : wait > most ? most : wait;
    for (uint64_t end = client_now() + wait; is_waiting(t, tier) && client_now() < end;) {
        client_wait(tier->client);
    }
    pthread_mutex_unlock(&tier->lock);
}
#else
/* An empty file isn't C. */
typedef int TierWithoutLlvm;
#endif
