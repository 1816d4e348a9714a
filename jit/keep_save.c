/* keep_save.c - what was translated of a module as a segment (keep.h): copies of its blocks in
 * which exits within a cell are linked and all others lead to their stubs. */
#include "jit/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/ownmem.h"
#include "jit/stock.h"
#include "jit/template/template.h"
#include "jit/tier.h"

typedef struct KeepSave {
    Jit *j;
    const KeepModule *m;
    uint32_t npairs, nblocks, nlinks, nfaults, nrelocs, ncells, guest_bytes;
    uint32_t *window_of; /* by chunk of the arena: window offset + 1; 0: none of ours */
    uint8_t *window;     /* the copy */
    Block **blocks;      /* in the order of the code: Block.kept_index is the index + 1 */
    KeepCell *cells;
    uint32_t *cell_of; /* by block */
    uint32_t *first;   /* by cell: its first block */
    KeepIndex *index;  /* by key */
    KeepBlock *out;
    KeepLink *links;
    uint8_t *faults;
    uint32_t *relocs;
} Save;

/* ---- which blocks ---------------------------------------------------------------------------- */

static bool can_save(const Save *s, const Block *b)
{
    const JitModule *m = &s->m->info;
    GuestAddr pc = b->pc & s->j->frontend->pc_mask;

    for (uint32_t i = 0; i < b->nanchors; i++) {
        const Block *a = &b->anchors[i];
        if (a->pc < m->start || a->pc + a->guest_len > m->end || a->guest_len > UINT16_MAX)
            return false;
    }
    return !b->dead && pc >= m->start && pc + b->guest_len <= m->end &&
           pc - m->base <= UINT32_MAX && b->mode <= UINT16_MAX && b->guest_len <= INT16_MAX &&
           b->host_len <= UINT16_MAX && b->cold_len <= UINT16_MAX &&
           b->faultmap_len <= UINT16_MAX && b->nlinks + b->nanchors <= UINT16_MAX &&
           (!b->bound || m->fixed);
}

static uint32_t window_offset(const Save *s, uint32_t arena_offset)
{
    return s->window_of[arena_offset / CODEBUF_CHUNK] - 1 + arena_offset % CODEBUF_CHUNK;
}

/* By key: a radix sort, eight bits at a time, of the digits that differ. */
static bool sort_index(Save *s)
{
    KeepIndex *from = s->index, *to = malloc(s->nblocks * sizeof *to);
    uint64_t any = 0, all = ~UINT64_C(0);

    if (!to)
        return false;
    for (uint32_t i = 0; i < s->nblocks; i++) {
        any |= keep_index_key(&from[i]);
        all &= keep_index_key(&from[i]);
    }
    for (unsigned shift = 0; shift < 56; shift += 8) {
        uint32_t at[257] = {0};
        if (!((any ^ all) >> shift & 255))
            continue;
        for (uint32_t i = 0; i < s->nblocks; i++)
            at[(keep_index_key(&from[i]) >> shift & 255) + 1]++;
        for (unsigned k = 0; k < 256; k++)
            at[k + 1] += at[k];
        for (uint32_t i = 0; i < s->nblocks; i++)
            to[at[keep_index_key(&from[i]) >> shift & 255]++] = from[i];
        KeepIndex *swap = from;
        from = to;
        to = swap;
    }
    s->index = from;
    free(to);
    return true;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static uint32_t hot_of(const Save *s, const Block *b)
{
    return window_offset(s, (uint32_t)(b->code - (uintptr_t)s->j->code.rx));
}

static uint32_t cold_of(const Save *s, const Block *b)
{
    return window_offset(s, (uint32_t)(b->cold - (uintptr_t)s->j->code.rx));
}

/* Blocks come in the order of their code, of the hot as of the cold. */
static bool cut_cells(Save *s)
{
    KeepCell *c = NULL;
    uint32_t most = s->j->making_regions ? KEEP_SMALL_CELL : KEEP_CELL;

    for (uint32_t i = 0; i < s->nblocks; i++) {
        const Block *b = s->blocks[i];
        uint32_t hot = hot_of(s, b), cold = cold_of(s, b);
        if (!c || c->hot / KEEP_PAIR != hot / KEEP_PAIR || c->nblocks == KEEP_CELL_BLOCKS ||
            c->hot_len + c->cold_len + b->host_len + b->cold_len > most) {
            if (s->ncells == KEEP_MOST_CELLS)
                return false;
            c = &s->cells[s->ncells];
            s->first[s->ncells++] = i;
            *c = (KeepCell){.hot = hot, .cold = cold};
        }
        s->cell_of[i] = s->ncells - 1;
        c->hot_len = hot + b->host_len - c->hot;
        c->cold_len = cold + b->cold_len - c->cold;
        c->nblocks++;
    }
    return true;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, 8);
}

/* The exit as it is in the copy: linked if it leads to a block of the same cell. */
static void save_link(Save *s, uint32_t cell, const Block *b, const Link *l)
{
    KeepLink *k = &s->links[s->nlinks++];
    const Block *to = l->to && l->to->kept_index ? l->to : NULL;
    GuestAddr mask = s->j->frontend->pc_mask;
    uint32_t site = window_offset(s, l->site), stub = window_offset(s, l->stub), hot = hot_of(s, b),
             cold = cold_of(s, b);
    uint32_t to_cell = to ? s->cell_of[to->kept_index - 1] : 0;
    bool in_cold = site - cold <= b->cold_len, near = to && to_cell == cell,
         far = to && !near && l->kind != LINK_CACHE,
         asks = !b->tier2 &&
                template_poll_asks(codebuf_rw(&s->j->code, (uintptr_t)s->j->code.rx) + l->site,
                                   l->stub - l->site, l->kind);

    *k = (KeepLink){.site = (uint16_t)(site - (in_cold ? cold : hot)),
                    .stub = (uint16_t)(stub - cold),
                    .flags = (uint8_t)(l->kind | (near ? KEEP_LINKED : 0) | (far ? KEEP_FAR : 0) |
                                       (in_cold ? KEEP_COLD_SITE : 0) | (asks ? KEEP_ASKS : 0))};
    if (near || far) {
        k->cell = (uint16_t)to_cell;
        k->n = (uint16_t)(to->kept_index - 1 - s->first[to_cell]);
    }
    if (l->kind != LINK_CACHE || near) {
        k->target = (int32_t)(uint32_t)((l->target & mask) - (b->pc & mask));
        k->tag = (uint8_t)(l->target >> 56);
    }
    if (l->kind == LINK_CACHE) {
        uint32_t cache = window_offset(s, l->cache);
        k->cache = (uint16_t)(cache - cold);
        put64(s->window + cache, near ? l->target : JIT_NO_PC);
        if (near && !s->m->info.fixed)
            s->relocs[s->nrelocs++] = cache;
    }
}

static void save_block(Save *s, uint32_t cell, uint32_t i)
{
    const Block *b = s->blocks[i];
    KeepCell *c = &s->cells[cell];
    GuestAddr pc = b->pc & s->j->frontend->pc_mask;
    uint32_t hot = hot_of(s, b), cold = cold_of(s, b), links = s->nlinks, relocs = s->nrelocs;

    s->out[i] = (KeepBlock){.pc = (uint32_t)(pc - s->m->info.base),
                            .mode = (uint16_t)b->mode,
                            .guest_len = (uint16_t)b->guest_len,
                            .hot = hot - c->hot,
                            .cold = cold - c->cold,
                            .host_len = (uint16_t)b->host_len,
                            .cold_len = (uint16_t)b->cold_len,
                            .faults_len = (uint16_t)b->faultmap_len,
                            .nlinks = (uint16_t)(b->nlinks + b->nanchors),
                            .nanchors = (uint16_t)b->nanchors,
                            .tag = (uint8_t)(b->pc >> 56),
                            .tier2 = b->tier2};
    s->index[i] = (KeepIndex){.pc = s->out[i].pc,
                              .mode = s->out[i].mode,
                              .guest_len = s->out[i].guest_len & INT16_MAX,
                              .tier2 = b->tier2,
                              .where = keep_where(cell, i - s->first[cell], s->out[i].tag)};
    memcpy(s->window + hot, codebuf_rw(&s->j->code, b->code), b->host_len);
    memcpy(s->window + cold, codebuf_rw(&s->j->code, b->cold), b->cold_len);
    for (uint32_t n = 0; n < b->nlinks; n++)
        save_link(s, cell, b, &b->links[n]);
    for (uint32_t n = 0; n < b->nanchors; n++)
        s->links[s->nlinks++] = (KeepLink){.target = (int32_t)(uint32_t)(b->anchors[n].pc - pc),
                                           .site = (uint16_t)b->anchors[n].guest_len};
    memcpy(s->faults + s->nfaults, b->faultmap, b->faultmap_len);
    s->nfaults += b->faultmap_len;
    for (uint32_t n = 0; n < b->nrelocs; n++)
        s->relocs[s->nrelocs++] = window_offset(s, b->relocs[n]);
    s->guest_bytes += b->guest_len;
    c->nlinks += s->nlinks - links;
    c->faults_len += b->faultmap_len;
    c->nrelocs += s->nrelocs - relocs;
}

/* ---- the segment ----------------------------------------------------------------------------- */

static bool collect(Save *s)
{
    uint32_t links = 0, faults = 0, relocs = 0, most = 0;

    for (const KeepPair *p = s->m->pairs; p; p = p->next)
        most += __atomic_load_n(&p->hot->count, __ATOMIC_ACQUIRE);
    s->blocks = malloc((most + 1) * sizeof *s->blocks);
    if (!s->blocks)
        return false;
    for (const KeepPair *p = s->m->pairs; p; p = p->next) {
        uint32_t count = __atomic_load_n(&p->hot->count, __ATOMIC_ACQUIRE);
        for (uint32_t i = 0; i < count && s->nblocks < most; i++) {
            Block *b = p->hot->pieces[i].block;
            if (can_save(s, b)) {
                s->blocks[s->nblocks++] = b;
                links += b->nlinks + b->nanchors;
                faults += b->faultmap_len;
                relocs += b->nrelocs + b->nlinks;
            }
        }
    }
    s->cells = malloc((s->nblocks + 1) * sizeof *s->cells);
    s->cell_of = malloc((s->nblocks + 1) * sizeof *s->cell_of);
    s->first = malloc((s->nblocks + 1) * sizeof *s->first);
    s->index = malloc((s->nblocks + 1) * sizeof *s->index);
    s->out = malloc((s->nblocks + 1) * sizeof *s->out);
    s->links = malloc((links + 1) * sizeof *s->links);
    s->faults = malloc(faults + 1);
    s->relocs = malloc((relocs + 1) * sizeof *s->relocs);
    return s->cells && s->cell_of && s->first && s->index && s->out && s->links && s->faults &&
           s->relocs;
}

/* Under the lock. Lays out the window. */
static void place_pairs(Save *s)
{
    uint32_t n = 0;

    for (const KeepPair *p = s->m->pairs; p; p = p->next, n++) {
        s->window_of[p->hot->start / CODEBUF_CHUNK] = n * KEEP_PAIR + 1;
        s->window_of[p->cold->start / CODEBUF_CHUNK] = n * KEEP_PAIR + CODEBUF_CHUNK + 1;
    }
}

static uint8_t *append(uint8_t *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

static uint8_t *append_columns(uint8_t *to, const void *records, uint32_t n, unsigned size,
                               uint32_t differences)
{
    columns_put(to, records, n, size, differences);
    return to + (size_t)n * size;
}

/* A frame for each cell, one behind the other in `bytes`. The tables and the copy of the code are
 * as they're stored afterwards. */
static void cell_frames(const Save *s, JitFrame *frames, uint8_t *bytes)
{
    KeepLink *links = s->links;
    const uint32_t *relocs = s->relocs;
    const uint8_t *faults = s->faults;

    for (uint32_t i = 0; i < s->ncells; i++) {
        const KeepCell *c = &s->cells[i];
        KeepBlock *blocks = &s->out[s->first[i]];
        keep_pack(c, blocks, links, s->window + c->hot, s->window + c->cold);
        uint8_t *at =
            append_columns(bytes, blocks, c->nblocks, sizeof *blocks, KEEP_BLOCK_DIFFERENCES);
        at = append_columns(at, links, c->nlinks, sizeof *links, KEEP_LINK_DIFFERENCES);
        at = append(at, relocs, c->nrelocs * sizeof *relocs);
        at = append(at, faults, c->faults_len);
        at = append(at, s->window + c->hot, c->hot_len);
        at = append(at, s->window + c->cold, c->cold_len);
        links += c->nlinks;
        relocs += c->nrelocs;
        faults += c->faults_len;
        frames[i] = (JitFrame){bytes, (uint32_t)(at - bytes)};
        bytes = at;
    }
}

/* Regions are few, and each took milliseconds to make. */
static uint32_t worth_of(const KeepIndex *x)
{
    enum { REGION = 64 };
    return x->tier2 ? REGION : 1;
}

static uint32_t worth(const KeepIndex *index, uint32_t n)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += worth_of(&index[i]);
    return sum;
}

static void call(Save *s, JitSaveFn fn, void *ctx)
{
    uint32_t nindex = (s->nblocks + KEEP_INDEX_BLOCKS - 1) / KEEP_INDEX_BLOCKS,
             nframes = KEEP_INDEX + nindex + s->ncells;
    size_t head = s->ncells * sizeof *s->cells + nindex * sizeof(uint64_t);
    size_t size = head + s->nblocks * (sizeof *s->out + sizeof *s->index) +
                  s->nlinks * sizeof *s->links + s->nrelocs * sizeof *s->relocs + s->nfaults;
    const JitModule *m = &s->m->info;
    KeepInfo info = {.format = KEEP_FORMAT,
                     .flags = keep_flags(s->m) | s->j->making_regions,
                     .base = m->base,
                     .low = s->index[0].pc,
                     .nblocks = s->nblocks,
                     .npairs = s->npairs,
                     .ncells = s->ncells,
                     .nindex = nindex};

    for (uint32_t i = 0; i < s->ncells; i++)
        size += s->cells[i].hot_len + s->cells[i].cold_len;
    JitFrame *frames = calloc(nframes, sizeof *frames);
    uint8_t *bytes = malloc(size);
    JitPart part = {.blocks = s->nblocks,
                    .worth = worth(s->index, s->nblocks),
                    .guest_bytes = s->guest_bytes,
                    .whole = s->j->making_regions != 0,
                    .nframes = nframes,
                    .frames = frames};
    if (frames && bytes) {
        for (uint32_t i = 0; i < s->nblocks; i++) {
            uint64_t end = (uint64_t)s->index[i].pc + s->index[i].guest_len;
            info.high = end > info.high ? end : info.high;
        }
        memcpy(part.info, &info, sizeof info);
        frames[KEEP_HEAD] = (JitFrame){bytes, (uint32_t)head};
        uint8_t *first = append(bytes, s->cells, s->ncells * sizeof *s->cells);
        uint8_t *index = bytes + head;
        for (uint32_t k = 0; k < nindex; k++) {
            const KeepIndex *x = &s->index[k * KEEP_INDEX_BLOCKS];
            uint32_t n = s->nblocks - k * KEEP_INDEX_BLOCKS;
            uint64_t key = keep_index_key(x);
            n = n < KEEP_INDEX_BLOCKS ? n : KEEP_INDEX_BLOCKS;
            first = append(first, &key, sizeof key);
            frames[KEEP_INDEX + k] = (JitFrame){index, n * (uint32_t)sizeof *x};
            index = append_columns(index, x, n, sizeof *x, KEEP_INDEX_DIFFERENCES);
        }
        cell_frames(s, frames + KEEP_INDEX + nindex, index);
        fn(ctx, m->file, &part);
    }
    free(frames);
    free(bytes);
}

/* Under the lock. What was saved isn't again: the pairs are let go of. */
static bool prepare(Save *s, KeepModule *m, uint32_t least)
{
    for (const KeepPair *p = m->pairs; p; p = p->next)
        s->npairs++;
    if (!s->npairs || s->npairs > KEEP_MOST_PAIRS || !collect(s) || !s->nblocks ||
        s->nblocks < least)
        return false;
    void *window = mmap(ownmem_hint((size_t)s->npairs * KEEP_PAIR), (size_t)s->npairs * KEEP_PAIR,
                        PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    s->window = window == MAP_FAILED ? NULL : window;
    s->window_of = calloc(s->j->code.size / CODEBUF_CHUNK, sizeof *s->window_of);
    if (!s->window || !s->window_of)
        return false;
    place_pairs(s);
    if (!cut_cells(s))
        return false;
    for (uint32_t i = 0; i < s->nblocks; i++)
        s->blocks[i]->kept_index = i + 1;
    for (uint32_t i = 0; i < s->nblocks; i++)
        save_block(s, s->cell_of[i], i);
    for (uint32_t i = 0; i < s->nblocks; i++)
        s->blocks[i]->kept_index = 0;
    if (!sort_index(s))
        return false;
    for (KeepPair *p; (p = m->pairs);) {
        m->pairs = p->next;
        p->next = m->saved;
        m->saved = p;
    }
    m->idle = NULL;
    return true;
}

void keep_free_save(Save *s)
{
    if (!s)
        return;
    if (s->window)
        munmap(s->window, (size_t)s->npairs * KEEP_PAIR);
    free(s->cells);
    free(s->cell_of);
    free(s->first);
    free(s->index);
    free(s->window_of);
    free(s->blocks);
    free(s->out);
    free(s->links);
    free(s->faults);
    free(s->relocs);
    free(s);
}

/* Under the lock; NULL: less than `least`, or no memory. */
static Save *save_module(Jit *j, KeepModule *m, uint32_t least)
{
    Save *s = m->pairs ? calloc(1, sizeof *s) : NULL;

    if (!s)
        return NULL;
    s->j = j;
    s->m = m;
    if (!prepare(s, m, least)) {
        keep_free_save(s);
        return NULL;
    }
    return s;
}

void keep_stash(Jit *j, KeepModule *m)
{
    if (!m->closed && !m->stash)
        m->stash = save_module(j, m, 1);
}

bool jit_may_save(Jit *j)
{
    const KeepModule *m = j->modules;

    while (m && !m->pairs && !m->stash)
        m = m->next;
    return m != NULL || keep_may_share(j) || tier_may_note(j);
}

unsigned jit_save(Jit *j, uint32_t least, JitSaveFn fn, void *ctx)
{
    unsigned calls = 0;

    for (KeepModule *m = j->modules; m; m = m->next) {
        if (j->making) {
            calls += m->maker ? stock_save(m, fn, ctx) : 0;
            continue;
        }
        pthread_mutex_lock(&j->lock);
        Save *s = m->closed ? m->stash : save_module(j, m, least);
        m->stash = NULL;
        pthread_mutex_unlock(&j->lock);
        if (s) {
            call(s, fn, ctx);
            calls++;
        }
        keep_free_save(s);
    }
    return calls;
}

bool jit_part_index(const uint8_t info[JIT_PART_INFO], uint32_t nframes, unsigned *first,
                    unsigned *n)
{
    KeepInfo i;

    memcpy(&i, info, sizeof i);
    *first = KEEP_INDEX;
    *n = i.nindex;
    return i.format == KEEP_FORMAT && i.nindex < nframes;
}

/* An index's frames, one behind the other, as a table; NULL: no memory. */
static KeepIndex *read_index(const uint8_t *frames, uint32_t n)
{
    KeepIndex *index = malloc((n + (size_t)1) * sizeof *index);

    for (uint32_t at = 0; index && at < n; at += KEEP_INDEX_BLOCKS) {
        uint32_t some = n - at < KEEP_INDEX_BLOCKS ? n - at : KEEP_INDEX_BLOCKS;
        columns_get(index + at, frames + at * sizeof *index, some, sizeof *index,
                    KEEP_INDEX_DIFFERENCES);
    }
    return index;
}

void jit_part_spots(const uint8_t info[JIT_PART_INFO], const void *index, uint32_t size,
                    void (*fn)(void *ctx, uint64_t offset, uint32_t mode, bool hot), void *ctx)
{
    KeepInfo i;
    uint32_t n = size / (uint32_t)sizeof(KeepIndex);

    memcpy(&i, info, sizeof i);
    KeepIndex *x = i.format == KEEP_FORMAT && !(i.flags & KEEP_AHEAD) ? read_index(index, n) : NULL;
    for (uint32_t k = 0; x && k < n; k++)
        fn(ctx, x[k].pc, x[k].mode, x[k].tier2);
    free(x);
}

uint32_t jit_part_unknown(const JitPart *part, const uint8_t info[JIT_PART_INFO], const void *index,
                          uint32_t size, uint8_t *known)
{
    KeepInfo mine, theirs;
    uint32_t n = size / (uint32_t)sizeof(KeepIndex), unknown = 0;
    KeepIndex *a = read_index(part->frames[KEEP_INDEX].data, part->blocks),
              *b = read_index(index, n);

    memcpy(&mine, part->info, sizeof mine);
    memcpy(&theirs, info, sizeof theirs);
    bool comparable = mine.format == theirs.format && mine.flags == theirs.flags &&
                      (!(mine.flags & KEEP_FIXED) || mine.base == theirs.base);
    for (uint32_t i = 0, k = 0; a && b && i < part->blocks; i++) {
        uint64_t key = keep_index_key(&a[i]);
        while (comparable && k < n && keep_index_key(&b[k]) < key)
            k++;
        if (comparable && k < n && keep_index_key(&b[k]) == key && b[k].tier2 >= a[i].tier2)
            known[i / 8] |= (uint8_t)(1 << i % 8);
        unknown += known[i / 8] >> i % 8 & 1 ? 0 : worth_of(&a[i]);
    }
    unknown = a && b ? unknown : part->worth;
    free(a);
    free(b);
    return unknown;
}
