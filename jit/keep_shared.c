/* keep_shared.c - segments as processes share them (cache/shared.c): all cells decompressed, in
 * their places and linked, so that using one is mapping a file.
 *
 * What is mapped stays as it is in the file. So code whose exits have to be patched is copied, some
 * pages at a time (codebuf_patchable()), and what depends on where the guest's file is, too, if
 * that is elsewhere than it was when the copy was made. Of each pair the first page is the
 * process's own at once: the stubs are in it.
 *
 *     Copy
 *     KeepCell[ncells]; uint64_t[nindex]; KeepIndex[nblocks]
 *     KeepBlock[nblocks]; uint32_t links_at[nblocks], faults_at[nblocks]
 *     KeepLink[nlinks]; uint32_t relocs[nrelocs]; fault maps           by cell
 *     zeros up to a page
 *     the window (keep.h); zeros where there's no code
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/keep.h"
#include "jit/ownmem.h"
#include "jit/template/template.h"

enum { FORMAT = 1, PAGE = CODEBUF_PAGE, PAIR_PAGES = KEEP_PAIR / PAGE };

typedef struct Copy {
    KeepInfo info;
    uint64_t nlinks, room_relocs, faults_len;
    uint64_t nrelocs; /* at most room_relocs */
    uint64_t window;  /* where it is in the copy */
} Copy;

/* Where tables are, in a copy's bytes or in those that one is made in. */
typedef struct Tables {
    Copy *copy;
    KeepCell *cells;
    uint64_t *first;
    KeepIndex *index;
    KeepBlock *blocks;
    uint32_t *links_at, *faults_at;
    KeepLink *links;
    uint32_t *relocs;
    uint8_t *faults;
    uint64_t size; /* of all */
} Tables;

static void *take(uint8_t *bytes, uint64_t *at, uint64_t n, size_t size)
{
    void *p = bytes + *at;

    *at = (*at + n * size + 7) & ~UINT64_C(7);
    return p;
}

/* bytes NULL: for the size. */
static Tables tables_in(uint8_t *bytes, const KeepInfo *i, uint64_t nlinks, uint64_t nrelocs,
                        uint64_t faults_len)
{
    Tables t;
    uint64_t at = 0;

    t.copy = take(bytes, &at, 1, sizeof *t.copy);
    t.cells = take(bytes, &at, i->ncells, sizeof *t.cells);
    t.first = take(bytes, &at, i->nindex, sizeof *t.first);
    t.index = take(bytes, &at, i->nblocks, sizeof *t.index);
    t.blocks = take(bytes, &at, i->nblocks, sizeof *t.blocks);
    t.links_at = take(bytes, &at, i->nblocks, sizeof *t.links_at);
    t.faults_at = take(bytes, &at, i->nblocks, sizeof *t.faults_at);
    t.links = take(bytes, &at, nlinks, sizeof *t.links);
    t.relocs = take(bytes, &at, nrelocs, sizeof *t.relocs);
    t.faults = take(bytes, &at, faults_len, 1);
    t.size = (at + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    return t;
}

/* Where the code of each half of the pairs ends. */
static void half_ends(const KeepInfo *info, const KeepCell *cells, uint32_t *ends)
{
    for (uint32_t i = 0; i < info->ncells; i++) {
        const KeepCell *c = &cells[i];
        ends[c->hot / CODEBUF_CHUNK] = c->hot % CODEBUF_CHUNK + c->hot_len;
        ends[c->cold / CODEBUF_CHUNK] = c->cold % CODEBUF_CHUNK + c->cold_len;
    }
}

/* ---- making a copy --------------------------------------------------------------------------- */

typedef struct Making {
    Jit *j;
    const KeepSegment *s;
    KeepInfo info;
    Tables t;
    uint8_t *window, *room;
    uint32_t *first_of; /* by cell: its first block */
    uint64_t *links_of; /* by cell: its first link */
} Making;

static void *map_fresh(uint64_t size)
{
    void *p = mmap(ownmem_hint(size), size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static bool make_index(Making *m)
{
    const KeepInfo *i = &m->info;

    for (uint32_t k = 0; k < i->nindex; k++) {
        uint32_t n = i->nblocks - k * KEEP_INDEX_BLOCKS;
        n = n < KEEP_INDEX_BLOCKS ? n : KEEP_INDEX_BLOCKS;
        KeepIndex *x = m->t.index + (size_t)k * KEEP_INDEX_BLOCKS;
        if (!keep_frame(m->j, m->s, KEEP_INDEX + k, m->room, n * sizeof *x))
            return false;
        columns_get(x, m->room, n, sizeof *x, KEEP_INDEX_DIFFERENCES);
        if (!keep_sound_index(i, m->t.cells, x, n))
            return false;
    }
    return true;
}

static bool make_cell(Making *m, uint32_t cell, uint32_t *block, uint64_t *link, uint64_t *reloc,
                      uint64_t *fault)
{
    Tables *t = &m->t;
    const KeepCell *c = &t->cells[cell];
    uint32_t *relocs = t->relocs + *reloc;
    KeepPlaced to = {.blocks = t->blocks + *block,
                     .links_at = t->links_at + *block,
                     .faults_at = t->faults_at + *block,
                     .links = t->links + *link,
                     .faults = t->faults + *fault};

    if (!keep_frame(m->j, m->s, KEEP_INDEX + m->info.nindex + cell, m->room, keep_cell_size(c)) ||
        !keep_unpack(&m->info, t->cells, cell, m->room, &to))
        return false;
    KeepRest rest = keep_rest(c, m->room);
    m->first_of[cell] = *block;
    m->links_of[cell] = *link;
    memcpy(relocs, rest.relocs, c->nrelocs * sizeof *relocs);
    memcpy(m->window + c->hot, rest.hot, c->hot_len);
    memcpy(m->window + c->cold, rest.cold, c->cold_len);
    for (uint32_t i = 0; i < c->nrelocs; i++) {
        if (!keep_sound_reloc(c, relocs[i]))
            return false;
    }
    *block += c->nblocks;
    *link += c->nlinks;
    *reloc += c->nrelocs;
    *fault += c->faults_len;
    return true;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

/* An inline cache names a guest address: of a file that may lie anywhere it's empty, so that its
 * page can be shared. */
static void empty_cache(const Making *m, const KeepCell *c, const KeepBlock *b, KeepLink *l)
{
    const uint64_t none = JIT_NO_PC;
    uint32_t cold = c->cold + b->cold, site = keep_site(c, b, l);

    put32(m->window + site - 4, cold + l->stub - site);
    memcpy(m->window + cold + l->cache, &none, sizeof none);
    l->flags &= (uint8_t)~KEEP_LINKED;
    Tables *t = (Tables *)(uintptr_t)&m->t;
    for (uint64_t i = 0; i < t->copy->nrelocs; i++) {
        if (t->relocs[i] == cold + l->cache) {
            t->relocs[i] = t->relocs[--t->copy->nrelocs];
            break;
        }
    }
}

/* Exits to other cells lead there. */
static void make_links(Making *m)
{
    Tables *t = &m->t;

    for (uint32_t cell = 0; cell < m->info.ncells; cell++) {
        const KeepCell *c = &t->cells[cell];
        for (uint32_t i = 0; i < c->nblocks; i++) {
            const KeepBlock *b = &t->blocks[m->first_of[cell] + i];
            for (uint32_t n = 0; n + b->nanchors < b->nlinks; n++) {
                KeepLink *l = &t->links[m->links_of[cell] + t->links_at[m->first_of[cell] + i] + n];
                bool far = l->flags & KEEP_FAR, cache = !(m->info.flags & KEEP_FIXED) &&
                                                        l->flags & KEEP_LINKED &&
                                                        (l->flags & KEEP_KIND) == LINK_CACHE;
                if (cache)
                    empty_cache(m, c, b, l);
                if (!far)
                    continue;
                uint32_t site = keep_site(c, b, l),
                         to = t->cells[l->cell].hot + t->blocks[m->first_of[l->cell] + l->n].hot;
                put32(m->window + site - 4, to - site);
                l->flags |= KEEP_LINKED;
            }
        }
    }
}

static bool make(Making *m)
{
    const KeepInfo *i = &m->info;
    uint64_t link = 0, reloc = 0, fault = 0;
    uint32_t block = 0;

    for (uint32_t c = 0; c < i->ncells; c++) {
        if (m->t.cells[c].nblocks > i->nblocks - block ||
            !make_cell(m, c, &block, &link, &reloc, &fault))
            return false;
    }
    if (block != i->nblocks || !make_index(m))
        return false;
    make_links(m);
    return true;
}

static void hand_over(const Making *m)
{
    uint32_t halves = 2 * m->info.npairs, n = 0;
    uint32_t *ends = calloc(halves, sizeof *ends);
    JitFrame *pieces = calloc(1 + 2 * (size_t)halves, sizeof *pieces);
    const KeepModule *of = m->s->module;

    if (ends && pieces) {
        half_ends(&m->info, m->t.cells, ends);
        pieces[n++] = (JitFrame){m->t.copy, (uint32_t)m->t.size};
        for (uint32_t k = 0; k < halves; k++) {
            uint32_t len = (ends[k] + PAGE - 1) / PAGE * PAGE;
            pieces[n++] = (JitFrame){m->window + (size_t)k * CODEBUF_CHUNK, len};
            pieces[n++] = (JitFrame){NULL, CODEBUF_CHUNK - len};
        }
        m->j->host.share(m->j->host.ctx, of->info.file, m->s->part, FORMAT, pieces, n);
    }
    free(ends);
    free(pieces);
}

/* Cells say how large the tables are. */
static bool begin(Making *m)
{
    const KeepInfo *i = &m->info;
    size_t head = i->ncells * sizeof(KeepCell) + i->nindex * sizeof(uint64_t), most = head;
    uint64_t nlinks = 0, nrelocs = 0, faults_len = 0;
    uint8_t *bytes = malloc(head);
    const KeepCell *cells = (const void *)bytes;
    bool good =
        bytes && keep_frame(m->j, m->s, KEEP_HEAD, bytes, head) && keep_sound_cells(i, cells);

    for (uint32_t c = 0; good && c < i->ncells; c++) {
        nlinks += cells[c].nlinks;
        nrelocs += cells[c].nrelocs;
        faults_len += cells[c].faults_len;
        most = keep_cell_size(&cells[c]) > most ? keep_cell_size(&cells[c]) : most;
    }
    uint64_t size = tables_in(NULL, i, nlinks, nrelocs, faults_len).size;
    most =
        most > KEEP_INDEX_BLOCKS * sizeof(KeepIndex) ? most : KEEP_INDEX_BLOCKS * sizeof(KeepIndex);
    uint8_t *tables = good && size <= UINT32_MAX ? map_fresh(size) : NULL;
    m->window = tables ? map_fresh((uint64_t)i->npairs * KEEP_PAIR) : NULL;
    m->room = malloc(most);
    m->first_of = malloc(i->ncells * sizeof *m->first_of);
    m->links_of = malloc(i->ncells * sizeof *m->links_of);
    if (tables) {
        m->t = tables_in(tables, i, nlinks, nrelocs, faults_len);
        *m->t.copy = (Copy){*i, nlinks, nrelocs, faults_len, nrelocs, size};
        memcpy(m->t.cells, cells, i->ncells * sizeof *cells);
        memcpy(m->t.first, cells + i->ncells, i->nindex * sizeof(uint64_t));
    }
    free(bytes);
    return m->window && m->room && m->first_of && m->links_of;
}

static void share(Jit *j, const KeepSegment *s)
{
    Making m = {.j = j, .s = s, .info = s->info};

    if (begin(&m) && make(&m))
        hand_over(&m);
    if (m.window)
        munmap(m.window, (size_t)m.info.npairs * KEEP_PAIR);
    if (m.t.copy)
        munmap(m.t.copy, m.t.size);
    free(m.room);
    free(m.first_of);
    free(m.links_of);
}

/* A copy of what is hardly used costs more than it spares; so does mapping one of a few blocks. */
enum { LEAST_BLOCKS = 64 };
static bool worth_sharing(const Jit *j, const KeepSegment *s)
{
    uint32_t placed = 0;

    if (j->keep_is_child || !j->host.share || !s->opened || s->shared || s->damaged ||
        s->copy_tried || s->info.nblocks < LEAST_BLOCKS || keep_is_ahead(s))
        return false;
    for (uint32_t c = 0; s->placed && c < s->info.ncells; c++)
        placed += s->placed[c].placed;
    return placed && 2 * placed >= s->info.ncells;
}

bool keep_may_share(const Jit *j)
{
    for (const KeepModule *m = j->modules; m; m = m->next) {
        for (const KeepSegment *s = m->segments; s; s = s->next) {
            if (worth_sharing(j, s))
                return true;
        }
    }
    return false;
}

/* Decompressed, about. */
static uint64_t size_of(const KeepSegment *s)
{
    uint64_t size = s->info.nblocks * sizeof(KeepIndex);

    for (uint32_t c = 0; c < s->info.ncells; c++)
        size += keep_cell_size(&s->cells[c]);
    return size;
}

void jit_share(Jit *j)
{
    pthread_mutex_lock(&j->lock);
    uint64_t room = keep_may_share(j) ? j->host.share_room(j->host.ctx) : 0;
    for (KeepModule *m = j->modules; m; m = m->next) {
        for (KeepSegment *s = m->segments; s; s = s->next) {
            if (room && worth_sharing(j, s) && size_of(s) <= room) {
                s->copy_tried = true;
                share(j, s);
            }
        }
    }
    pthread_mutex_unlock(&j->lock);
}

/* ---- using one ------------------------------------------------------------------------------- */

/* The tables of what was mapped; false: it isn't what it should be. */
static bool take_apart(const KeepSegment *s, Tables *t)
{
    const Copy *c = (const void *)s->copy;

    if (s->copy_size < sizeof *c || memcmp(&c->info, &s->info, sizeof c->info) ||
        c->nlinks > UINT32_MAX || c->room_relocs > UINT32_MAX || c->nrelocs > c->room_relocs ||
        c->faults_len > UINT32_MAX)
        return false;
    *t = tables_in((uint8_t *)(uintptr_t)s->copy, &c->info, c->nlinks, c->room_relocs,
                   c->faults_len);
    return c->window == t->size && s->copy_size == t->size + (uint64_t)c->info.npairs * KEEP_PAIR &&
           keep_sound_cells(&c->info, t->cells);
}

/* What a process has for itself of the segment's tables. */
static bool set_up(Jit *j, KeepSegment *s, const Tables *t)
{
    const KeepInfo *i = &s->info;
    uint32_t block = 0, fault = 0;
    uint64_t link = 0;
    uint8_t *memory = calloc(1, i->npairs * sizeof *s->pairs + i->nindex * sizeof *s->index +
                                    i->ncells * sizeof *s->placed);
    Block **made = keep_alloc_later(j, i->nblocks * sizeof *made);

    s->memory = memory;
    if (!memory || !made)
        return false;
    s->cells = t->cells;
    s->first = t->first;
    s->pairs = (uint8_t **)(void *)memory;
    s->placed = (KeepPlaced *)(void *)(s->pairs + i->npairs);
    s->index = (KeepIndex **)(void *)(s->placed + i->ncells);
    for (uint32_t k = 0; k < i->nindex; k++)
        s->index[k] = t->index + (size_t)k * KEEP_INDEX_BLOCKS;
    for (uint32_t c = 0; c < i->ncells; c++) {
        s->placed[c] = (KeepPlaced){.blocks = t->blocks + block,
                                    .made = made + block,
                                    .links_at = t->links_at + block,
                                    .faults_at = t->faults_at + block,
                                    .links = t->links + link,
                                    .faults = t->faults + fault};
        block += t->cells[c].nblocks;
        link += t->cells[c].nlinks;
        fault += t->cells[c].faults_len;
        if (block > i->nblocks || link > t->copy->nlinks || fault > t->copy->faults_len)
            return false;
    }
    return true;
}

/* The half's code into its chunk: mapped, or if that isn't allowed copied. */
static void put_half(const KeepSegment *s, const Tables *t, uint32_t half, uint32_t end,
                     CodeChunk *c, int fd, uint64_t at)
{
    uint32_t pages = (end + PAGE - 1) / PAGE, stubs = half % 2 == 0 ? c->next - c->start : 0,
             first = stubs ? 1 : 0;
    const uint8_t *code = s->copy + t->size + (size_t)half * CODEBUF_CHUNK;
    uint64_t from = at + t->size + (uint64_t)half * CODEBUF_CHUNK + first * (uint64_t)PAGE;

    if (!end)
        return;
    bool copied = pages > first && codebuf_share(c, first, pages - first, fd, from) != 0;
    uint32_t to = copied ? end : end < first * PAGE ? end : first * PAGE;
    if (copied)
        (void)madvise(c->rx + c->rw_delta + c->start, (size_t)pages * PAGE, MADV_POPULATE_WRITE);
    if (to > stubs)
        memcpy(c->rx + c->rw_delta + c->start + stubs, code + stubs, to - stubs);
    for (uint32_t p = 0; p < (to + PAGE - 1) / PAGE; p++)
        c->filled |= UINT64_C(1) << p;
    c->next = c->start + end;
}

static bool move(Jit *j, const KeepSegment *s, const Tables *t)
{
    uint64_t delta = s->module->info.base - s->info.base, value;
    uint32_t window = s->info.npairs * KEEP_PAIR, arena = (uint32_t)(s->pairs[0] - j->code.rx);

    for (uint64_t i = 0; delta && i < t->copy->nrelocs; i++) {
        uint32_t at = t->relocs[i];
        if (at > window - 8 || !codebuf_patchable(&j->code, arena + at, 8))
            return false;
        uint8_t *p = s->pairs[0] + at + j->code.rw_delta;
        memcpy(&value, p, 8);
        value += delta;
        memcpy(p, &value, 8);
    }
    return true;
}

static bool place(Jit *j, KeepSegment *s, const Tables *t, int fd, uint64_t at)
{
    uint32_t halves = 2 * s->info.npairs;
    CodeChunk **chunks = malloc(halves * sizeof(CodeChunk *));
    uint32_t *ends = calloc(halves, sizeof *ends);
    bool good = chunks && ends && keep_has_room(j, halves) &&
                codebuf_chunks(&j->code, halves, false, chunks);

    if (good)
        half_ends(&s->info, s->cells, ends);
    for (uint32_t k = 0; good && k < halves; k++) {
        CodeChunk *c = chunks[k];
        c->window = k * CODEBUF_CHUNK;
        c->filled = 0;
        if (k % 2 == 0) {
            template_stubs(j, c, s->module->info.base);
            s->pairs[k / 2] = c->rx + c->start;
        }
        put_half(s, t, k, ends[k], c, fd, at);
    }
    good = good && move(j, s, t);
    for (uint32_t c = 0; good && c < s->info.ncells; c++) {
        s->placed[c].placed = true;
        j->ended.kept_blocks += s->cells[c].nblocks;
    }
    for (uint32_t k = 0; good && k < halves; k++)
        __atomic_store_n(&chunks[k]->segment, s, __ATOMIC_RELEASE);
    free(chunks);
    free(ends);
    return good;
}

bool keep_attach(Jit *j, KeepSegment *s)
{
    uint64_t at = 0, size = 0;
    Tables t;
    int fd = j->host.shared && codebuf_may_append(&j->code) && s->info.nblocks >= LEAST_BLOCKS &&
                     !keep_is_ahead(s)
                 ? j->host.shared(j->host.ctx, s->module->info.file, s->part, FORMAT, &at, &size)
                 : -1;

    if (fd < 0)
        return false;
    void *copy =
        size ? mmap(ownmem_hint(size), size, PROT_READ, MAP_PRIVATE, fd, (off_t)at) : MAP_FAILED;
    s->copy = copy == MAP_FAILED ? NULL : copy;
    s->copy_size = size;
    s->shared = s->copy && take_apart(s, &t) && set_up(j, s, &t) && place(j, s, &t, fd, at);
    close(fd);
    if (!s->shared) { /* chunks that were taken stay unused */
        free(s->memory);
        s->memory = NULL;
        s->cells = NULL;
        s->first = NULL;
        s->pairs = NULL;
        s->placed = NULL;
        s->index = NULL;
        if (s->copy)
            munmap(copy, size);
        s->copy = NULL;
    }
    return s->shared;
}
