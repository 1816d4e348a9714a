/* keep_find.c - the blocks of segments' placed cells: made when they are looked up, when exits of
 * theirs are taken, and found for faults. */
#include "jit/keep.h"

#include <stdlib.h>

#include "jit/template/template.h"
#include "jit/tier.h"

static GuestAddr link_target(const KeepSegment *s, const KeepBlock *b, const KeepLink *l)
{
    GuestAddr from = s->module->info.base + b->pc;

    if ((l->flags & KEEP_KIND) == LINK_CACHE && !(l->flags & KEEP_LINKED))
        return 0;
    return (from + (uint64_t)(int64_t)l->target) | (uint64_t)l->tag << 56;
}

static void fill_in(const KeepSegment *s, uint32_t cell, uint32_t i, Block *b)
{
    const KeepPlaced *p = &s->placed[cell];
    const KeepBlock *k = &p->blocks[i];

    b->pc = (s->module->info.base + k->pc) | (uint64_t)k->tag << 56;
    b->mode = k->mode | s->mode;
    b->guest_len = k->guest_len;
    b->code = keep_address(s, s->cells[cell].hot + k->hot);
    b->host_len = k->host_len;
    b->cold = keep_address(s, s->cells[cell].cold + k->cold);
    b->cold_len = k->cold_len;
    b->tier2 = k->tier2;
    b->faultmap = p->faults + p->faults_at[i];
    b->faultmap_len = k->faults_len;
}

/* Under the lock: the block's memory, with its exits (those linked have no `to` yet) and anchors.
 * NULL: out of memory. */
static Block *new_block(Jit *j, const KeepSegment *s, uint32_t cell, uint32_t i)
{
    const KeepPlaced *p = &s->placed[cell];
    const KeepBlock *k = &p->blocks[i];
    Block *b = keep_alloc(j, sizeof *b * (k->nanchors + (size_t)1) + k->nlinks * sizeof(Link));

    if (!b)
        return NULL;
    b->arena = j->code.rx;
    fill_in(s, cell, i, b);
    b->ninsns = (uint32_t)k->guest_len >> j->frontend->insn_shift;
    b->anchors = b + 1;
    b->nanchors = k->nanchors;
    b->links = (Link *)(b + 1 + k->nanchors);
    b->nlinks = k->nlinks - (uint32_t)k->nanchors;
    uint32_t hot = (uint32_t)(b->code - (uintptr_t)j->code.rx),
             cold = (uint32_t)(b->cold - (uintptr_t)j->code.rx);
    for (uint32_t n = 0; n < k->nlinks; n++) {
        const KeepLink *from = &p->links[p->links_at[i] + n];
        if (n >= b->nlinks) {
            b->anchors[n - b->nlinks] = (Block){.pc = link_target(s, k, from),
                                                .mode = b->mode,
                                                .guest_len = from->site,
                                                .region = b};
            b->ninsns += (uint32_t)from->site >> j->frontend->insn_shift;
            continue;
        }
        b->links[n] = (Link){
            .from = b,
            .target = link_target(s, k, from),
            .site = from->site + (from->flags & KEEP_COLD_SITE ? cold : hot),
            .stub = from->stub + cold,
            .cache = from->cache + cold,
            .kind = from->flags & KEEP_KIND,
        };
    }
    return b;
}

/* Under the lock: the block, now in the table. There may be another of the same pc already, in
 * another segment or translated meanwhile: the table has room for both, and finds the first. NULL:
 * out of memory. */
static Block *make(Jit *j, const KeepSegment *s, uint32_t cell, uint32_t i)
{
    Block *b = new_block(j, s, cell, i);

    if (!b || blockmap_insert(&j->blocks, b) != 0)
        return NULL;
    (void)tier_anchor(j, b);
    s->placed[cell].made[i] = b;
    j->ended.kept_found++;
    return b;
}

static Block *block_of(Jit *j, const KeepSegment *s, uint32_t cell, uint32_t i)
{
    Block *b = s->placed[cell].made[i];
    return b ? b : make(j, s, cell, i);
}

/* Links between blocks that are live become known to those they lead to. */
static void connect(Jit *j, const KeepSegment *s, uint32_t cell, uint32_t i, Block *b)
{
    const KeepPlaced *p = &s->placed[cell];

    for (uint32_t n = 0; n < b->nlinks; n++) {
        Link *l = &b->links[n];
        const KeepLink *from = &p->links[p->links_at[i] + n];
        if (!(from->flags & KEEP_LINKED) || l->to)
            continue;
        Block *to = block_of(j, s, from->cell, from->n);
        if (to) {
            l->to = to;
            l->next_in = to->incoming;
            to->incoming = l;
        }
    }
}

void keep_make_all(Jit *j, KeepSegment *s)
{
    for (uint32_t c = 0; s->opened && c < s->info.ncells; c++) {
        for (uint32_t i = 0; s->placed[c].placed && i < s->cells[c].nblocks; i++)
            (void)block_of(j, s, c, i);
    }
    for (uint32_t c = 0; s->opened && c < s->info.ncells; c++) {
        for (uint32_t i = 0; s->placed[c].placed && i < s->cells[c].nblocks; i++) {
            Block *b = block_of(j, s, c, i);
            if (b && !b->dead)
                connect(j, s, c, i, b);
        }
    }
}

bool keep_known(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t *guest_len)
{
    Jit *j = t->jit;
    KeepModule *m = t->module;
    const KeepIndex *x = NULL;

    pthread_mutex_lock(&j->lock);
    if (m && !m->asked)
        keep_ask(j, m);
    for (KeepSegment *s = m ? m->segments : NULL; s && !x; s = s->next)
        x = keep_is_ahead(s) ? NULL : keep_search(j, s, pc, mode);
    if (x)
        *guest_len = x->guest_len;
    pthread_mutex_unlock(&j->lock);
    return x != NULL;
}

/* Under the lock: what is stored for the pc, in the arena; a region rather than a block of tier 1.
 * NULL: nothing. */
static const KeepIndex *look_up(Jit *j, KeepModule *m, GuestAddr pc, uint32_t mode, bool may_place,
                                bool ahead, KeepSegment **of)
{
    const KeepIndex *best = NULL;

    for (KeepSegment *s = m->segments; s && !(best && best->tier2); s = s->next) {
        bool may = (may_place || s->opened) && (ahead || !keep_is_ahead(s));
        const KeepIndex *x = may ? keep_search(j, s, pc, mode) : NULL;
        if (x && (!best || x->tier2) &&
            (s->placed[keep_cell(x)].placed || (may_place && keep_place(j, s, keep_cell(x))))) {
            best = x;
            *of = s;
        }
    }
    return best;
}

Block *keep_find(JitThread *t, GuestAddr pc, uint32_t mode, bool may_place)
{
    Jit *j = t->jit;
    KeepModule *m = t->module;
    KeepSegment *s;
    Block *b = NULL;

    if (!m || (m->asked && !m->segments) || j->options.count_insns)
        return NULL;
    pthread_mutex_lock(&j->lock);
    if (t->generation == j->generation && !m->closed) {
        if (!m->asked && may_place)
            keep_ask(j, m);
        b = blockmap_find(&j->blocks, pc, mode); /* another thread may have been quicker */
        const KeepIndex *x = b ? NULL : look_up(j, m, pc, mode, may_place, false, &s);
        if (x)
            b = block_of(j, s, keep_cell(x), keep_nth(x));
    }
    pthread_mutex_unlock(&j->lock);
    return b && !b->dead ? b : NULL;
}

Block *keep_find_region(JitThread *t, const Block *of)
{
    Jit *j = t->jit;
    KeepModule *m = t->module;
    KeepSegment *s;
    Block *b = NULL;

    pthread_mutex_lock(&j->lock);
    bool can = m && t->generation == j->generation && !m->closed;
    if (can)
        keep_ask_ahead(j, m);
    const KeepIndex *x = can ? look_up(j, m, of->pc, of->mode, true, true, &s) : NULL;
    if (x && x->tier2)
        b = block_of(j, s, keep_cell(x), keep_nth(x));
    pthread_mutex_unlock(&j->lock);
    return b && !b->dead ? b : NULL;
}

/* ---- by host address ------------------------------------------------------------------------- */

/* The placed cell at a window offset; UINT32_MAX: none. */
static uint32_t cell_at(const KeepSegment *s, uint32_t at)
{
    bool cold = at % KEEP_PAIR >= CODEBUF_CHUNK;
    uint32_t lo = 0, hi = s->info.ncells;

    while (lo < hi) { /* the first that begins behind it */
        uint32_t mid = lo + (hi - lo) / 2;
        if ((cold ? s->cells[mid].cold : s->cells[mid].hot) <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo)
        return UINT32_MAX;
    const KeepCell *c = &s->cells[lo - 1];
    bool inside = cold ? at - c->cold < c->cold_len : at - c->hot < c->hot_len;
    return inside && __atomic_load_n(&s->placed[lo - 1].placed, __ATOMIC_ACQUIRE) ? lo - 1
                                                                                  : UINT32_MAX;
}

static const KeepSegment *segment_at(const CodeBuf *cb, uintptr_t pc, uint32_t *at)
{
    const CodeChunk *c = codebuf_chunk_at(cb, pc);
    const KeepSegment *s = c ? __atomic_load_n(&c->segment, __ATOMIC_ACQUIRE) : NULL;
    if (s)
        *at = (uint32_t)(pc - (uintptr_t)c->rx) - c->start + c->window;
    return s;
}

/* Does an exit of the block lead to block n of cell `to`? */
static bool leads_to(const KeepPlaced *p, uint32_t i, uint32_t to, uint32_t n)
{
    const KeepLink *l = &p->links[p->links_at[i]],
                   *end = l + p->blocks[i].nlinks - p->blocks[i].nanchors;

    while (l < end && !(l->flags & KEEP_LINKED && l->cell == to && l->n == n))
        l++;
    return l < end;
}

void keep_incoming(Jit *j, const Block *to)
{
    uint32_t at = 0, n = 0;
    const KeepSegment *s = to->code ? segment_at(&j->code, to->code, &at) : NULL;
    uint32_t cell = s ? cell_at(s, at) : UINT32_MAX;

    if (cell == UINT32_MAX)
        return;
    while (n < s->cells[cell].nblocks && s->placed[cell].made[n] != to)
        n++;
    for (uint32_t c = 0; n < s->cells[cell].nblocks && c < s->info.ncells; c++) {
        for (uint32_t i = 0; s->placed[c].placed && i < s->cells[c].nblocks; i++) {
            Block *b = leads_to(&s->placed[c], i, cell, n) ? block_of(j, s, c, i) : NULL;
            if (b && !b->dead)
                connect(j, s, c, i, b);
        }
    }
}

Link *keep_link(Jit *j, uintptr_t cold, uint64_t mark, unsigned n, GuestAddr *target)
{
    uint32_t i = (uint32_t)(mark >> 1), at = 0;
    Link *l = NULL;

    pthread_mutex_lock(&j->lock);
    const KeepSegment *s = segment_at(&j->code, cold, &at);
    bool live = s != NULL;
    for (const Retired *r = j->retired; r && !s; r = r->next)
        s = segment_at(&r->code, cold, &at);
    uint32_t cell = s ? cell_at(s, at) : UINT32_MAX;
    if (cell == UINT32_MAX || i >= s->cells[cell].nblocks)
        abort();
    const KeepPlaced *p = &s->placed[cell];
    if (live) {
        /* Where nothing may be linked, no block is needed: a child of fork takes such exits by the
         * hundred. */
        Block *b = p->made[i] ? p->made[i] : jit_may_link(j) ? make(j, s, cell, i) : NULL;
        l = b ? &b->links[n] : NULL;
    }
    *target = l ? l->target : link_target(s, &p->blocks[i], &p->links[p->links_at[i] + n]);
    pthread_mutex_unlock(&j->lock);
    return l;
}

static bool covers(const KeepSegment *s, uint32_t cell, uint32_t i, uint32_t at)
{
    const KeepBlock *k = &s->placed[cell].blocks[i];
    return at - s->cells[cell].hot - k->hot < k->host_len ||
           at - s->cells[cell].cold - k->cold < k->cold_len;
}

bool keep_fault_block(const CodeChunk *c, uintptr_t host_pc, Block *b)
{
    KeepSegment *s = __atomic_load_n(&c->segment, __ATOMIC_ACQUIRE);

    if (!s)
        return false;
    uint32_t at = (uint32_t)(host_pc - (uintptr_t)c->rx) - c->start + c->window,
             cell = cell_at(s, at);
    uint32_t *recent = &s->recent[(at >> 6) % 64]; /* where the last fault around here was */
    for (uint32_t n = 0; cell != UINT32_MAX && n <= s->cells[cell].nblocks; n++) {
        uint32_t i = n ? n - 1 : *recent;
        if (i < s->cells[cell].nblocks && covers(s, cell, i, at)) {
            *recent = i;
            *b = (Block){.arena = c->rx};
            fill_in(s, cell, i, b);
            return true;
        }
    }
    return false;
}
