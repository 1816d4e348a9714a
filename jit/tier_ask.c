/* tier_ask.c - hot code: what the thread does next is traced, a region made along it, and the
 * optimizer asked for it; or a stored region takes its place.
 */
#ifdef XEMU_LLVM
#include "jit/tier_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "jit/keep.h"
#include "jit/settle.h"

enum { FOLLOWED = 8 };

/* A small part of what made code hot: where that is soon, little else but traces would be run. */
static uint32_t trace_length(const JitThread *t)
{
    const Jit *j = t->jit;
    return j->options.stress ? t->stress % TRACE_STEPS : tier_heat(j) / (TIER_HOT / TRACE_STEPS);
}

static bool is_traced(const struct Tier *tier, const Block *entry)
{
    enum { ENOUGH = 8 };
    static const uint64_t RECENT = 300000000;
    const Trace *tr = &tier->trace;
    uint32_t times = 0;
    if (tr->mode != entry->mode || patience_used_ns() - tier->traced_ns > RECENT) {
        return false;
    }
    for (uint32_t i = 0; i < tr->n && times < ENOUGH; i++) {
        times += tr->steps[i].pc == entry->pc;
    }
    return times == ENOUGH;
}

/* The region at entry; NULL: there's none. */
static Region *collect(JitThread *t, struct Tier *tier, const Block *entry)
{
    uopcache_refresh(&tier->kept, t->jit);
    Region *r = calloc(1, sizeof *r);
    keep_enter(t, entry->pc);
    if (r) {
        *r = (Region){.t = t,
                      .mode = entry->mode,
                      .known_only = true,
                      .trace = &tier->trace,
                      .kept = &tier->kept,
                      .max_blocks = PROMOTED_BLOCKS,
                      .max_insns = PROMOTED_INSNS};
        if (!region_collect(r, entry->pc)) {
            region_free(r);
            r = NULL;
        }
    }
    return r;
}

/* The same of what the thread does next, as ask() has it. Most that isn't worth a region shows that
 * soon, or has shown it when something else was traced. */
static Region *along_trace(JitThread *t, struct Tier *tier, const Block *entry, CpuExit *left)
{
    enum { PARTS = 4 };
    bool hurry = tier->patience.on;
    Region *r = hurry && is_traced(tier, entry) ? collect(t, tier, entry) : NULL;
    bool plain = r && region_is_left_soon(r);
    for (uint32_t i = hurry ? 1 : PARTS; i <= PARTS && !plain; i *= PARTS) {
        region_free(r);
        uopcache_refresh(&tier->kept, t->jit);
        tier->trace.n = i > 1 && hurry ? tier->trace.n : 0;
        *left = trace_record(t, &tier->trace, &tier->kept, trace_length(t) * i / PARTS);
        tier->traced_ns = patience_used_ns();
        r = collect(t, tier, entry);
        plain = *left != CPU_EXIT_NONE || (r && region_is_left_soon(r));
    }
    return r;
}

/* left: the thread may go on meanwhile, and what comes back in the region is asked for as well;
 * what jit_run() returns then. NULL: neither. */
static bool ask(JitThread *t, struct Tier *tier, Block *entry, CpuExit *left)
{
    Jit *j = t->jit;
    bool follow = left != NULL;
    keep_enter(t, entry->pc);
    PatienceAnswer may =
        client_has_room(tier->client) ? patience_lets(&tier->patience, t) : PATIENCE_NO;
    if (may == PATIENCE_NO || (may == PATIENCE_BROKE && entry->wanted) || !jit_can_translate(t)) {
        return false;
    }
    settle_nothing_stored(t);
    uint64_t drops = __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE);
    Region *r = follow ? along_trace(t, tier, entry, left) : collect(t, tier, entry);
    bool asked = false;
    Block *more[FOLLOWED];
    uint32_t nmore = 0;
    if (r) {
        LiftRegion lr = region_lift(r);
        Pending p = {.entry = entry,
                     .mode = entry->mode,
                     .relocatable = lr.relocatable,
                     .generation = t->generation,
                     .insns = r->insns};
        bool whole = true;
        for (uint32_t i = 0; i < r->nblocks; i++) {
            const UopBlock *ub = r->blocks[i].ub;
            p.blocks[p.n] = region_block(r, ub->pc);
            p.pcs[p.n] = ub->pc;
            p.lens[p.n] = ub->guest_len;
            whole &= p.blocks[p.n++] != NULL;
        }
        /* What was translated anew since isn't what the region was made of. */
        pthread_mutex_lock(&j->lock);
        for (uint32_t i = 0; i < p.n && whole && j->ndrops != drops; i++) {
            whole = !jit_is_stale(j, p.blocks[i], drops);
        }
        pthread_mutex_unlock(&j->lock);
        bool worth_it = j->options.hot == 1 ||
                        ((follow || r->visits || !tier->trace.n) && region_is_worth_it(r));
        bool asks = whole && worth_it && may == PATIENCE_YES;
        int slot = asks ? client_ask(tier->client, &lr) : -EAGAIN;
        entry->wanted = whole && worth_it;
        if (slot >= 0) {
            tier->pending[slot] = p;
            patience_asked(&tier->patience, r->insns);
            entry->no_promotion = true;
            asked = true;
            t->stats.promotions++;
        } else if (slot == -E2BIG || !worth_it) {
            entry->no_promotion = true;
            settle_block(t, entry);
        }
        /* Where calls of the region come back to is as hot. */
        for (uint32_t i = 0; i < r->nblocks && follow && (asked || !worth_it); i++) {
            const UopBlock *ub = r->blocks[i].ub;
            const Uop *last = &ub->uops[ub->count - 1];
            GuestAddr back = ub->pc + ub->guest_len;
            Block *b = last->op == UOP_EXIT && last->sub == UOP_EXIT_CALL &&
                               !region_has(r, back, r->blocks[i].context)
                           ? region_known(t, back, entry->mode)
                           : NULL;
            if (b && !b->tier2 && !b->no_promotion && nmore < FOLLOWED) {
                more[nmore++] = b;
            }
        }
    }
    region_free(r);
    for (uint32_t i = 0; i < nmore; i++) {
        more[i]->heat = UINT8_MAX;
        if (!ask(t, tier, more[i], NULL)) {
            break;
        }
    }
    return asked;
}

static uint64_t thread_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Traces, and regions made of them, are the guest's time, whatever comes of them. */
bool tier_ask(JitThread *t, struct Tier *tier, Block *entry, CpuExit *left)
{
    enum { PART = 40 };
    static const uint64_t ADVANCE = 5000000;
    if (tier->patience.on && tier->asking_ns > patience_used_ns() / PART + ADVANCE) {
        return false;
    }
    uint64_t start = thread_ns();
    bool asked = ask(t, tier, entry, left);
    tier->asking_ns += thread_ns() - start;
    return asked;
}

/* ---- stored regions -------------------------------------------------------------------------- */

/* There is a region for code of tier 1: that an earlier run stored without knowing of it, or that
 * is hot now and has a region made ahead of time. It takes its place. */
static Block *use_stored(JitThread *t, Block *old)
{
    Jit *j = t->jit;
    Block *b = keep_find_region(t, old);
    if (!b || b == old) {
        return NULL;
    }
    pthread_mutex_lock(&j->lock);
    bool ok = t->generation == j->generation && jit_may_link(j) && t->generation == j->generation &&
              !b->dead && !old->dead;
    if (ok) {
        blockmap_remove(&j->blocks, old);
        jit_redirect(j, old, b);
    }
    pthread_mutex_unlock(&j->lock);
    return ok ? b : NULL;
}

/* The same, and for where the region leads: no counter tells of where its calls come back to. */
bool tier_use_stored(JitThread *t, Block *old)
{
    enum { MOST = 64 };
    Block *regions[MOST];
    unsigned n = 0;
    regions[0] = use_stored(t, old);
    n = regions[0] != NULL;
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < regions[i]->nlinks && n < MOST; k++) {
            const Link *l = &regions[i]->links[k];
            Block *back = l->kind != LINK_CACHE ? region_known(t, l->target, old->mode) : NULL;
            Block *b = back && !back->tier2 && !back->heat ? use_stored(t, back) : NULL;
            if (b) {
                regions[n++] = b;
            }
        }
    }
    return n != 0;
}
#else
/* An empty file isn't C. */
typedef int TierWithoutLlvm;
#endif
