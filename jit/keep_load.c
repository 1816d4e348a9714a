/* keep_load.c - segments: what is stored of a module, read and placed into the arena cell by cell
 * (keep.h). */
#include "jit/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/ownmem.h"
#include "jit/template/template.h"

/* ---- memory ---------------------------------------------------------------------------------- */

static void *map_memory(size_t size)
{
    void *p = mmap(ownmem_hint(size), size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void keep_free_segment(KeepSegment *s)
{
    for (uint32_t i = 0; s->index && !s->shared && i < s->info.nindex; i++)
        free(s->index[i]);
    free(s->memory);
    if (s->copy)
        munmap((void *)(uintptr_t)s->copy, s->copy_size);
    free(s);
}

/* Where frames are decompressed to: kept, since fresh memory costs as much as what is done with it.
 */
static bool have_room(Jit *j, size_t size)
{
    enum { LEAST = 128 << 10 };

    if (size <= j->keep_room_size)
        return true;
    size = size < LEAST ? (size + 4095) & ~(size_t)4095 : (size + LEAST - 1) & ~(size_t)(LEAST - 1);
    if (j->keep_room)
        munmap(j->keep_room, j->keep_room_size);
    j->keep_room = map_memory(size);
    j->keep_room_size = j->keep_room ? size : 0;
    return j->keep_room != NULL;
}

void *keep_alloc_later(Jit *j, size_t size)
{
    size_t bytes = (sizeof(MetaSlab) + size + 4095) & ~(size_t)4095;
    MetaSlab *s =
        mmap(ownmem_hint(bytes), bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED)
        return NULL;
    s->size = s->used = bytes - sizeof *s;
    s->next = j->slabs;
    j->slabs = s;
    return s->bytes;
}

void *keep_alloc(Jit *j, size_t size)
{
    enum { SLAB = 64 << 10 };
    MetaSlab *s = j->keep_slab;

    size = (size + 15) & ~(size_t)15;
    if (!s || s->size - s->used < size) {
        size_t bytes = sizeof *s + size > SLAB ? (sizeof *s + size + 4095) & ~(size_t)4095 : SLAB;
        s = map_memory(bytes);
        if (!s)
            return NULL;
        s->size = bytes - sizeof *s;
        s->next = j->slabs;
        j->slabs = s;
        j->keep_slab = s;
    }
    void *p = s->bytes + s->used;
    s->used += size;
    return p;
}

/* ---- what is stored -------------------------------------------------------------------------- */

bool keep_frame(Jit *j, const KeepModule *m, unsigned part, unsigned n, void *to, size_t size)
{
    return j->host.kept_size(j->host.ctx, m->info.file, part, n) == size &&
           (!size || j->host.kept_frame(j->host.ctx, m->info.file, part, n, to, (uint32_t)size));
}

bool keep_fits_module(const KeepModule *m, const KeepInfo *i)
{
    return i->format == KEEP_FORMAT && (i->flags & KEEP_OF_MODULE) == keep_flags(m) &&
           i->low < i->high && i->low >= m->info.start - m->info.base &&
           i->high <= m->info.end - m->info.base && i->nblocks && i->npairs &&
           i->npairs <= KEEP_MOST_PAIRS && i->ncells && i->ncells <= KEEP_MOST_CELLS &&
           i->nindex == (i->nblocks + (uint64_t)KEEP_INDEX_BLOCKS - 1) / KEEP_INDEX_BLOCKS &&
           i->nindex <= UINT16_MAX && (!m->info.fixed || i->base == m->info.base);
}

static KeepSegment *add_segment(Jit *j, KeepModule *m, unsigned part)
{
    KeepSegment *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->module = m;
    s->part = part;
    if (!j->host.kept_info(j->host.ctx, m->info.file, part, (uint8_t *)&s->info) ||
        !keep_fits_module(m, &s->info)) {
        s->info.nindex = 0;
        keep_free_segment(s);
        return NULL;
    }
    s->next = m->segments;
    m->segments = s;
    return s;
}

void keep_ask(Jit *j, KeepModule *m)
{
    unsigned n = j->host.kept_parts(j->host.ctx, m->info.file, false);
    KeepGroup g;

    m->asked = true;
    for (unsigned i = 0; i < n;) {
        i = keep_group(j, m, i, &g);
        KeepSegment *s = keep_attach(j, m, &g);
        if (s) {
            s->next = m->segments;
            m->segments = s;
            if (j->all_count)
                keep_count_segment(j, s);
        }
        for (unsigned k = 0; k < g.n; k++) {
            if (!s || !(s->covers >> k & 1))
                (void)add_segment(j, m, g.parts[k]);
        }
    }
}

void keep_ask_ahead(Jit *j, KeepModule *m)
{
    unsigned n = m->ahead_asked ? 0 : j->host.kept_parts(j->host.ctx, m->info.file, true);

    m->ahead_asked = true;
    for (unsigned i = 0; i < n; i++) {
        KeepSegment *s = add_segment(j, m, JIT_PART_WHOLE + i);
        if (s && s->info.flags & KEEP_THREADS && (s = add_segment(j, m, s->part)))
            s->mode = CPU_MODE_THREADS;
    }
}

/* Cells in order, each within one pair. */
bool keep_sound_cells(const KeepInfo *info, const KeepCell *cells)
{
    const KeepCell *last = NULL;

    for (uint32_t i = 0; i < info->ncells; i++) {
        const KeepCell *c = &cells[i];
        uint32_t hot = c->hot % KEEP_PAIR, cold = c->cold % KEEP_PAIR;
        if (c->hot / KEEP_PAIR >= info->npairs || c->cold / KEEP_PAIR != c->hot / KEEP_PAIR ||
            hot >= CODEBUF_CHUNK || c->hot_len > CODEBUF_CHUNK - hot || cold < CODEBUF_CHUNK ||
            c->cold_len > KEEP_PAIR - cold || !c->nblocks || c->nblocks > KEEP_CELL_BLOCKS ||
            c->nlinks > c->nblocks * (uint32_t)UINT16_MAX ||
            c->faults_len > c->nblocks * (uint32_t)UINT16_MAX ||
            c->nrelocs > (c->hot_len + c->cold_len) / 8 ||
            (last && (c->hot < last->hot + last->hot_len || c->cold < last->cold + last->cold_len)))
            return false;
        last = c;
    }
    return true;
}

/* What is needed to find anything. */
static bool open_segment(Jit *j, KeepSegment *s)
{
    size_t head = s->info.ncells * sizeof *s->cells + s->info.nindex * sizeof *s->first;
    size_t size = head + s->info.npairs * sizeof *s->pairs + s->info.nindex * sizeof *s->index +
                  s->info.ncells * sizeof *s->placed;

    s->opened = true;
    s->memory = calloc(1, size);
    if (!s->memory || !keep_frame(j, s->module, s->part, KEEP_HEAD, s->memory, head))
        return false;
    s->cells = s->memory;
    s->first = (uint64_t *)(void *)(s->cells + s->info.ncells);
    s->pairs = (uint8_t **)(void *)(s->first + s->info.nindex);
    s->placed = (KeepPlaced *)(void *)(s->pairs + s->info.npairs);
    s->index = (KeepIndex **)(void *)(s->placed + s->info.ncells);
    return keep_sound_cells(&s->info, s->cells);
}

static uint32_t index_count(const KeepSegment *s, uint32_t k)
{
    uint32_t left = s->info.nblocks - k * KEEP_INDEX_BLOCKS;
    return left < KEEP_INDEX_BLOCKS ? left : KEEP_INDEX_BLOCKS;
}

bool keep_sound_index(const KeepInfo *info, const KeepCell *cells, const KeepIndex *index,
                      uint32_t n)
{
    bool good = true;

    for (uint32_t i = 0; good && i < n; i++)
        good = keep_cell(&index[i]) < info->ncells &&
               keep_nth(&index[i]) < cells[keep_cell(&index[i])].nblocks;
    return good;
}

static KeepIndex *load_index(Jit *j, KeepSegment *s, uint32_t k)
{
    uint32_t n = index_count(s, k);
    KeepIndex *index = malloc(n * sizeof *index);
    bool good = index && have_room(j, n * sizeof *index) &&
                keep_frame(j, s->module, s->part, KEEP_INDEX + k, j->keep_room, n * sizeof *index);
    if (good)
        columns_get(index, j->keep_room, n, sizeof *index, KEEP_INDEX_DIFFERENCES);

    if (!good || !keep_sound_index(&s->info, s->cells, index, n)) {
        free(index);
        return NULL;
    }
    return s->index[k] = index;
}

const KeepIndex *keep_search(Jit *j, KeepSegment *s, GuestAddr pc, uint32_t mode)
{
    uint64_t offset = (pc & ~(UINT64_C(0xff) << 56)) - s->module->info.base;

    if (s->spent || s->damaged || offset < s->info.low || offset >= s->info.high ||
        offset > UINT32_MAX || mode > UINT16_MAX || (mode & s->mode) != s->mode)
        return NULL;
    mode ^= s->mode;
    if (!s->opened && !open_segment(j, s)) {
        s->spent = true;
        return NULL;
    }
    uint64_t want = keep_key((uint32_t)offset, mode, (uint8_t)(pc >> 56));
    uint32_t lo = 0, hi = s->info.nindex;
    while (lo < hi) { /* the first frame that begins behind it */
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->first[mid] <= want)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo)
        return NULL;
    uint32_t k = lo - 1;
    const KeepIndex *index = s->index[k] ? s->index[k] : load_index(j, s, k);
    if (!index) {
        s->damaged = true;
        return NULL;
    }
    for (lo = 0, hi = index_count(s, k); lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (keep_index_key(&index[mid]) < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    const KeepIndex *x = &index[lo];
    return lo < index_count(s, k) && keep_index_key(x) == want ? x : NULL;
}

/* ---- placing it ------------------------------------------------------------------------------ */

static uint32_t arena_offset(const Jit *j, const KeepSegment *s, uint32_t at)
{
    return (uint32_t)(keep_address(s, at) - (uintptr_t)j->code.rx);
}

/* Code that is stored may take three quarters of the arena, the rest is for what is new. */
bool keep_has_room(const Jit *j, uint64_t chunks)
{
    return j->code.used + chunks * CODEBUF_CHUNK <= j->code.size / 4 * 3;
}

/* Under the lock. */
static bool have_pair(Jit *j, KeepSegment *s, uint32_t pair)
{
    CodeChunk *both[2];

    if (s->pairs[pair])
        return true;
    if (!keep_has_room(j, 2) || !codebuf_chunks(&j->code, 2, false, both))
        return false;
    template_stubs(j, both[0], s->module->info.base);
    s->pairs[pair] = both[0]->rx + both[0]->start;
    for (uint32_t i = 0; i < 2; i++) {
        both[i]->window = pair * KEEP_PAIR + i * CODEBUF_CHUNK;
        both[i]->filled = i ? 0 : 1;
        __atomic_store_n(&both[i]->segment, s, __ATOMIC_RELEASE);
    }
    return true;
}

/* Copies a cell's hot or cold code to where it belongs. */
static void put_code(Jit *j, const KeepSegment *s, uint32_t at, const uint8_t *code, uint32_t len)
{
    enum { PAGE = 4096 };
    uint8_t *rx = (uint8_t *)keep_address(s, at),
            *first = (uint8_t *)((uintptr_t)rx & ~(uintptr_t)(PAGE - 1));
    size_t pages = (size_t)(rx + len - first + PAGE - 1) & ~(size_t)(PAGE - 1);
    CodeChunk *c = j->code.chunks[(rx - j->code.rx) / CODEBUF_CHUNK];

    if (!len)
        return;
    (void)madvise(first + j->code.rw_delta, pages, MADV_POPULATE_WRITE);
    memcpy(rx + j->code.rw_delta, code, len);
    for (uint32_t p = (uint32_t)(first - c->rx - c->start) / PAGE, n = (uint32_t)(pages / PAGE);
         n--; p++)
        c->filled |= UINT64_C(1) << p;
    uint32_t end = (uint32_t)(rx + len - c->rx);
    c->next = end > c->next ? end : c->next;
}

bool keep_sound_reloc(const KeepCell *c, uint32_t at)
{
    uint32_t hot = at - c->hot, cold = at - c->cold;

    return (hot < c->hot_len && c->hot_len - hot >= 8) ||
           (cold < c->cold_len && c->cold_len - cold >= 8);
}

/* What depends on where the guest's file is. */
static bool relocate(Jit *j, const KeepSegment *s, const KeepCell *c, const uint32_t *relocs)
{
    uint64_t delta = s->module->info.base - s->info.base;

    for (uint32_t i = 0; delta && i < c->nrelocs; i++) {
        uint64_t value;
        if (!keep_sound_reloc(c, relocs[i]))
            return false;
        uint8_t *p = (uint8_t *)keep_address(s, relocs[i]) + j->code.rw_delta;
        memcpy(&value, p, 8);
        value += delta;
        memcpy(p, &value, 8);
    }
    return true;
}

/* Room for the tables of a cell. */
static bool have_tables(Jit *j, const KeepCell *c, KeepPlaced *p)
{
    size_t nblocks = c->nblocks;
    uint8_t *m = keep_alloc(j, nblocks * (sizeof *p->blocks + sizeof *p->made +
                                          sizeof *p->links_at + sizeof *p->faults_at) +
                                   c->nlinks * sizeof *p->links + c->faults_len);

    if (!m)
        return false;
    p->made = (Block **)(void *)m;
    p->blocks = (KeepBlock *)(void *)(p->made + nblocks);
    p->links = (KeepLink *)(void *)(p->blocks + nblocks);
    p->links_at = (uint32_t *)(void *)(p->links + c->nlinks);
    p->faults_at = p->links_at + nblocks;
    p->faults = (const uint8_t *)(p->faults_at + nblocks);
    return true;
}

static void point(Jit *j, const KeepSegment *s, uint32_t cell, uint32_t block, uint32_t link)
{
    const KeepPlaced *p = &s->placed[cell];
    const KeepBlock *b = &p->blocks[block];
    KeepLink *l = &p->links[p->links_at[block] + link];
    const KeepCell *from = &s->cells[cell], *to = &s->cells[l->cell];

    if (template_point(j, arena_offset(j, s, keep_site(from, b, l)),
                       arena_offset(j, s, to->hot + s->placed[l->cell].blocks[l->n].hot)))
        l->flags |= KEEP_LINKED;
}

/* The cell's far exits: to where they lead, or, if that isn't placed yet, to wait for it. */
static void link_out(Jit *j, KeepSegment *s, uint32_t cell)
{
    const KeepPlaced *p = &s->placed[cell];

    for (uint32_t i = 0; i < s->cells[cell].nblocks; i++) {
        for (uint32_t n = 0; n < p->blocks[i].nlinks; n++) {
            const KeepLink *l = &p->links[p->links_at[i] + n];
            if (!(l->flags & KEEP_FAR))
                continue;
            KeepPlaced *to = &s->placed[l->cell];
            KeepWaiting *w;
            if (to->placed && !(to->made[l->n] && to->made[l->n]->dead)) {
                point(j, s, cell, i, n);
            } else if (!to->placed && !to->spent && (w = keep_alloc(j, sizeof *w))) {
                *w = (KeepWaiting){to->waiting, cell, (uint16_t)i, (uint16_t)n};
                to->waiting = w;
            }
        }
    }
}

/* Exits that waited for the cell. Where a block was made of theirs, the dispatcher links them. */
static void link_in(Jit *j, KeepSegment *s, uint32_t cell)
{
    KeepPlaced *p = &s->placed[cell];

    for (const KeepWaiting *w = codebuf_may_patch(&j->code) ? p->waiting : NULL; w; w = w->next) {
        if (!s->placed[w->cell].made[w->block])
            point(j, s, w->cell, w->block, w->link);
    }
    p->waiting = NULL;
}

static void count_cell(Jit *j, const KeepSegment *s, uint32_t cell)
{
    const KeepPlaced *p = &s->placed[cell];
    const KeepCell *c = &s->cells[cell];

    for (uint32_t i = 0; i < c->nblocks; i++) {
        const KeepBlock *b = &p->blocks[i];
        for (uint32_t n = 0; n + b->nanchors < b->nlinks; n++) {
            const KeepLink *l = &p->links[p->links_at[i] + n];
            if (l->flags & KEEP_ASKS) {
                TemplatePoll at = {arena_offset(j, s, keep_site(c, b, l)),
                                   arena_offset(j, s, c->cold + b->cold + l->stub),
                                   l->flags & KEEP_KIND};
                (void)template_set_poll(j, at, true);
            }
        }
    }
}

void keep_count_segment(Jit *j, const KeepSegment *s)
{
    /* spent: the tables of what is placed may have gone with the arena (keep_emptied()). */
    for (uint32_t c = 0; s->opened && !s->spent && c < s->info.ncells; c++) {
        if (s->placed[c].placed)
            count_cell(j, s, c);
    }
}

void keep_count_all(Jit *j)
{
    for (const KeepModule *m = j->modules; m; m = m->next) {
        for (const KeepSegment *s = m->segments; s; s = s->next)
            keep_count_segment(j, s);
    }
}

size_t keep_cell_size(const KeepCell *c)
{
    return c->nblocks * sizeof(KeepBlock) + c->nlinks * sizeof(KeepLink) + c->nrelocs * (size_t)4 +
           c->faults_len + c->hot_len + c->cold_len;
}

static bool place_cell(Jit *j, KeepSegment *s, uint32_t cell, uint8_t *room, size_t size)
{
    const KeepCell *c = &s->cells[cell];
    KeepPlaced *p = &s->placed[cell];

    if (!keep_frame(j, s->module, s->part, KEEP_INDEX + s->info.nindex + cell, room, size))
        return false;
    if (!have_tables(j, c, p) || !keep_unpack(&s->info, s->cells, cell, room, p))
        return false;
    KeepRest rest = keep_rest(c, room);
    put_code(j, s, c->hot, rest.hot, c->hot_len);
    put_code(j, s, c->cold, rest.cold, c->cold_len);
    return relocate(j, s, c, (const uint32_t *)(const void *)rest.relocs);
}

bool keep_place(Jit *j, KeepSegment *s, uint32_t cell)
{
    const KeepCell *c = &s->cells[cell];
    KeepPlaced *p = &s->placed[cell];

    if (p->placed || p->spent)
        return p->placed;
    if (!codebuf_may_append(&j->code)) {
        uint64_t generation = j->generation;
        if (jit_own_code(j) != 0 || generation != j->generation)
            return false;
    }
    size_t size = keep_cell_size(c);
    bool good = have_room(j, size) && have_pair(j, s, c->hot / KEEP_PAIR) &&
                place_cell(j, s, cell, j->keep_room, size);
    if (good) {
        link_out(j, s, cell);
        __atomic_store_n(&p->placed, true, __ATOMIC_RELEASE);
        link_in(j, s, cell);
        j->ended.kept_blocks += c->nblocks;
        if (j->all_count)
            count_cell(j, s, cell);
    }
    p->spent = !good;
    return good;
}
