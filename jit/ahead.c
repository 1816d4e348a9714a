/* ahead.c - see ahead.h. */
#include "jit/ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/stock.h"

static void tell_exits(const JitThread *t, const Block *b, void (*next)(void *ctx, GuestAddr pc),
                       void *ctx)
{
    for (uint32_t i = 0; i < b->nlinks; i++) {
        if (b->links[i].kind != LINK_CACHE) {
            next(ctx, b->links[i].target);
        }
    }
    /* What the dispatcher goes on at. */
    const Uop *last = &t->uops.uops[t->uops.count - 1];
    if (last->op == UOP_EXIT && last->a == VAL_NONE &&
        (last->sub == UOP_EXIT_SYSCALL || last->sub == UOP_EXIT_DISPATCH)) {
        next(ctx, last->imm64);
    }
}

/* Where a chunk's next code goes, to be able to go back there. */
typedef struct Place {
    uint32_t hot, cold, hot_count, cold_count;
} Place;

static Place place_now(const JitThread *t)
{
    return (Place){t->hot->next, t->cold->next, t->hot->count, t->cold->count};
}

static void go_back(JitThread *t, const Place *p)
{
    t->hot->next = p->hot;
    t->cold->next = p->cold;
    t->hot->count = p->hot_count;
    t->cold->count = p->cold_count;
}

/* Room for the same block twice, and both behind each other as stock_add() wants them. */
static bool have_room(JitThread *t)
{
    if (t->hot && (t->hot->end - t->hot->next < CODEBUF_CHUNK / 2 ||
                   t->cold->end - t->cold->next < CODEBUF_CHUNK / 2)) {
        keep_leave_pair(t);
    }
    return jit_have_chunks(t);
}

static Block *again(JitThread *t, const Block *first)
{
    t->hot->next = (t->hot->next & ~63u) + 64 + (uint32_t)(first->code & 63);
    t->cold->next = (t->cold->next & ~63u) + 64 + (uint32_t)(first->cold & 63);
    for (uint32_t n = 0;
         !stock_apart(t->hot->next - (uint32_t)(first->code - (uintptr_t)t->hot->rx),
                      t->cold->next - (uint32_t)(first->cold - (uintptr_t)t->hot->rx));
         n++) {
        t->hot->next += 64;
        t->cold->next += n % 2 ? 64 : 0;
    }
    return jit_new_block(t, first->pc, first->mode, false);
}

/* ---- variants -------------------------------------------------------------------------------- */

bool jit_same_uops(const UopBlock *a, const UopBlock *b)
{
    return a->guest_len == b->guest_len && a->count == b->count && a->npool == b->npool &&
           !memcmp(a->uops, b->uops, a->count * sizeof *a->uops) &&
           (!a->npool || !memcmp(a->pool, b->pool, a->npool * sizeof *a->pool));
}

/* Of `wanted`, those whose code is that of the block just built, which is in t->uops; as bits. */
static unsigned same_variants(JitThread *t, const Block *b, unsigned wanted)
{
    unsigned same = 1u << stock_variant(b->mode);
    UopBlock *built = (wanted & ~same) ? jit_copy_uops(&t->uops) : NULL;
    for (unsigned v = 0; built && v < STOCK_VARIANTS; v++) {
        if (wanted & ~same & 1u << v) {
            jit_build_uops(t, b->pc, stock_mode(b->mode, v), b->ninsns ? b->ninsns : 1);
            same |= !t->uops.error && jit_same_uops(&t->uops, built) ? 1u << v : 0;
        }
    }
    if (built) {
        uop_block_free(built);
        free(built);
    }
    return same;
}

static int keep_in_stock(JitThread *t, const Block *first, unsigned variants)
{
    KeepModule *m = t->module;
    if (!m->maker && !(m->maker = stock_maker())) {
        return -ENOMEM;
    }
    GuestAddr pc = first->pc & t->jit->frontend->pc_mask;
    if ((first->bound && !m->info.fixed) || pc + first->guest_len > m->info.end ||
        pc - m->info.base > UINT32_MAX - first->guest_len) {
        return -EINVAL;
    }
    const Block *second = again(t, first);
    return second ? stock_add(t->jit, m->maker, first, second, variants) : -ENOMEM;
}

/* The block's other codes; `left`: the variants that no record is good for. */
static int keep_others(JitThread *t, const Block *of, unsigned left)
{
    int err = 0;
    for (unsigned v = 0; v < STOCK_VARIANTS && !err; v++) {
        if (!(left & 1u << v)) {
            continue;
        }
        if (!have_room(t)) {
            return -ENOMEM;
        }
        Place before = place_now(t);
        const Block *b = jit_new_block(t, of->pc, stock_mode(of->mode, v), false);
        unsigned same = b ? same_variants(t, b, left) : 0;
        err = b ? keep_in_stock(t, b, same) : -ENOMEM;
        go_back(t, &before);
        left &= ~same;
    }
    return err == -EINVAL ? 0 : err;
}

static bool is_known(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t *guest_len)
{
    return keep_known(t, pc, mode, guest_len) || stock_known(t, pc, mode, guest_len);
}

bool jit_ahead_is_known(Cpu *cpu, GuestAddr pc, uint32_t mode)
{
    JitThread *t = cpu->jit;
    uint32_t len;
    keep_enter(t, pc);
    return t->module && is_known(t, pc, mode, &len);
}

int jit_ahead(Cpu *cpu, GuestAddr pc, uint32_t mode, bool anew, JitAhead *out,
              void (*next)(void *ctx, GuestAddr pc), void *ctx)
{
    JitThread *t = cpu->jit;
    Jit *j = t->jit;
    *out = (JitAhead){.kept = false};
    j->making = true;
    if (blockmap_find(&j->blocks, pc, mode)) {
        return -EEXIST;
    }
    keep_enter(t, pc);
    if (!t->module) {
        return -ENOENT;
    }
    bool known = is_known(t, pc, mode, &out->guest_len);
    if (known && !anew) {
        out->kept = true;
        return 0;
    }
    if (!have_room(t)) {
        return -ENOMEM;
    }
    Place before = place_now(t);
    Block *b = jit_new_block(t, pc, mode, false);
    if (!b) {
        return -ENOMEM;
    }
    Place behind = place_now(t);
    tell_exits(t, b, next, ctx);
    unsigned variants = known ? 0 : same_variants(t, b, STOCK_ALL);
    int err = known ? 0 : keep_in_stock(t, b, variants);
    out->guest_len = b->guest_len;
    out->code = (const void *)b->code;
    out->code_len = b->host_len;
    out->cold = (const void *)b->cold;
    out->cold_len = b->cold_len;
    if (err && err != -EINVAL) {
        return err;
    }
    go_back(t, anew ? &behind : &before); /* it stays to be looked at, or not */
    if (!known && !err) {
        err = keep_others(t, b, STOCK_ALL & ~variants);
        if (err) {
            return err;
        }
    }
    pthread_mutex_lock(&j->lock);
    int full = blockmap_insert(&j->blocks, b);
    pthread_mutex_unlock(&j->lock);
    return full ? full : anew ? 0 : err;
}

/* What is kept of the thread's module, learned and made ahead of time. The jit is locked. */
static KeepSegment *all_kept(JitThread *t)
{
    KeepModule *m = t->module;
    if (!m) {
        return NULL;
    }
    if (!m->asked) {
        keep_ask(t->jit, m);
    }
    keep_ask_ahead(t->jit, m);
    return m->segments;
}

bool jit_ahead_has_region(Cpu *cpu, GuestAddr pc, uint32_t mode)
{
    JitThread *t = cpu->jit;
    bool has = false;
    keep_enter(t, pc);
    pthread_mutex_lock(&t->jit->lock);
    for (KeepSegment *s = all_kept(t); s; s = s->next) {
        const KeepIndex *x = keep_search(t->jit, s, pc, mode);
        has |= x && x->tier2;
    }
    pthread_mutex_unlock(&t->jit->lock);
    return has;
}

bool jit_ahead_has_regions(Cpu *cpu, GuestAddr pc)
{
    JitThread *t = cpu->jit;
    bool has = false;
    keep_enter(t, pc);
    pthread_mutex_lock(&t->jit->lock);
    for (const KeepSegment *s = all_kept(t); s; s = s->next) {
        has |= keep_is_ahead(s);
    }
    pthread_mutex_unlock(&t->jit->lock);
    return has;
}

static void link_block(Block *b, void *ctx)
{
    Jit *j = ctx;
    for (uint32_t i = 0; i < b->nlinks; i++) {
        Link *l = &b->links[i];
        Block *to =
            l->kind == LINK_CACHE || l->to ? NULL : blockmap_find(&j->blocks, l->target, b->mode);
        if (to) {
            jit_link(j, l, to);
        }
    }
}

void jit_ahead_link(Cpu *cpu)
{
    Jit *j = ((JitThread *)cpu->jit)->jit;
    pthread_mutex_lock(&j->lock);
    blockmap_each(&j->blocks, link_block, j);
    pthread_mutex_unlock(&j->lock);
}
