/* keep_shared.c - segments as processes share them (cache/shared.c, keep_copy.h): all of some parts
 * decompressed, in its place and linked, so that using it is mapping a file.
 *
 * What is mapped stays as it is in the file. So code whose exits have to be patched is copied, some
 * pages at a time (codebuf_patchable()), and what depends on where the guest's file is, too, if
 * that is elsewhere than it was when the copy was made. Of each pair the first page is the
 * process's own at once: the stubs are in it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/keep_copy.h"
#include "jit/ownmem.h"
#include "jit/template/template.h"

static void *take(uint8_t *bytes, uint64_t *at, uint64_t n, size_t size)
{
    void *p = bytes + *at;

    *at = (*at + n * size + 7) & ~UINT64_C(7);
    return p;
}

KeepTables keep_tables(uint8_t *bytes, const KeepInfo *i, uint64_t nlinks, uint64_t nrelocs,
                       uint64_t faults_len)
{
    KeepTables t;
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
    t.size = (at + KEEP_COPY_PAGE - 1) & ~(uint64_t)(KEEP_COPY_PAGE - 1);
    return t;
}

void keep_half_ends(const KeepInfo *info, const KeepCell *cells, uint32_t *ends)
{
    for (uint32_t i = 0; i < info->ncells; i++) {
        const KeepCell *c = &cells[i];
        ends[c->hot / CODEBUF_CHUNK] = c->hot % CODEBUF_CHUNK + c->hot_len;
        ends[c->cold / CODEBUF_CHUNK] = c->cold % CODEBUF_CHUNK + c->cold_len;
    }
}

unsigned keep_group(Jit *j, const KeepModule *m, unsigned first, KeepGroup *g)
{
    unsigned end =
        first + (j->host.kept_group ? j->host.kept_group(j->host.ctx, m->info.file, first) : 1);
    uint32_t npairs = 0, ncells = 0;

    g->n = 0;
    for (unsigned part = first; part < end && g->n < KEEP_MOST_PARTS; part++) {
        KeepInfo *i = &g->infos[g->n];
        if (!j->host.kept_info(j->host.ctx, m->info.file, part, (uint8_t *)i) ||
            !keep_fits_module(m, i))
            continue;
        npairs += i->npairs;
        ncells += i->ncells;
        if (g->n &&
            (npairs > KEEP_MOST_PAIRS || ncells > KEEP_MOST_CELLS || i->flags != g->infos[0].flags))
            return part;
        g->parts[g->n++] = part;
    }
    return end;
}

/* ---- using one ------------------------------------------------------------------------------- */

/* The tables of what was mapped; false: it isn't what it should be. */
static bool take_apart(KeepSegment *s, KeepTables *t)
{
    const KeepCopy *c = (const void *)s->copy;

    if (s->copy_size < sizeof *c || !keep_fits_module(s->module, &c->info) ||
        c->nlinks > UINT32_MAX || c->room_relocs > UINT32_MAX || c->nrelocs > c->room_relocs ||
        c->faults_len > UINT32_MAX)
        return false;
    s->info = c->info;
    *t = keep_tables((uint8_t *)(uintptr_t)s->copy, &c->info, c->nlinks, c->room_relocs,
                     c->faults_len);
    return c->window == t->size && s->copy_size == t->size + (uint64_t)c->info.npairs * KEEP_PAIR &&
           keep_sound_cells(&c->info, t->cells);
}

/* What a process has for itself of the segment's tables. */
static bool set_up(Jit *j, KeepSegment *s, const KeepTables *t)
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
static void put_half(const KeepSegment *s, const KeepTables *t, uint32_t half, uint32_t end,
                     CodeChunk *c, int fd, uint64_t at)
{
    uint32_t pages = (end + KEEP_COPY_PAGE - 1) / KEEP_COPY_PAGE,
             stubs = half % 2 == 0 ? c->next - c->start : 0, first = stubs ? 1 : 0;
    const uint8_t *code = s->copy + t->size + (size_t)half * CODEBUF_CHUNK;
    uint64_t from =
        at + t->size + (uint64_t)half * CODEBUF_CHUNK + first * (uint64_t)KEEP_COPY_PAGE;

    if (!end)
        return;
    bool copied = pages > first && codebuf_share(c, first, pages - first, fd, from) != 0;
    uint32_t to = copied ? end : end < first * KEEP_COPY_PAGE ? end : first * KEEP_COPY_PAGE;
    if (copied)
        (void)madvise(c->rx + c->rw_delta + c->start, (size_t)pages * KEEP_COPY_PAGE,
                      MADV_POPULATE_WRITE);
    if (to > stubs)
        memcpy(c->rx + c->rw_delta + c->start + stubs, code + stubs, to - stubs);
    for (uint32_t p = 0; p < (to + KEEP_COPY_PAGE - 1) / KEEP_COPY_PAGE; p++)
        c->filled |= UINT64_C(1) << p;
    c->next = c->start + end;
}

static bool move(Jit *j, const KeepSegment *s, const KeepTables *t)
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

static bool place(Jit *j, KeepSegment *s, const KeepTables *t, int fd, uint64_t at)
{
    uint32_t halves = 2 * s->info.npairs;
    CodeChunk **chunks = malloc(halves * sizeof(CodeChunk *));
    uint32_t *ends = calloc(halves, sizeof *ends);
    bool good = chunks && ends && keep_has_room(j, halves) &&
                codebuf_chunks(&j->code, halves, false, chunks);

    if (good)
        keep_half_ends(&s->info, s->cells, ends);
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

KeepSegment *keep_attach(Jit *j, KeepModule *m, const KeepGroup *g)
{
    uint64_t at = 0, size = 0, covers = 0;
    uint32_t blocks = 0;
    KeepTables t;
    int fd = -1;

    for (unsigned k = 0; k < g->n; k++)
        blocks += g->infos[k].nblocks;
    if (j->host.shared && codebuf_may_append(&j->code) && blocks >= KEEP_COPY_LEAST)
        fd = j->host.shared(j->host.ctx, m->info.file, g->parts, g->n, keep_copy_format(m), &at,
                            &size, &covers);
    KeepSegment *s = fd < 0 ? NULL : calloc(1, sizeof *s);

    if (s) {
        void *copy = size ? mmap(ownmem_hint(size), size, PROT_READ, MAP_PRIVATE, fd, (off_t)at)
                          : MAP_FAILED;
        s->module = m;
        s->part = g->parts[0];
        s->covers = covers;
        s->opened = s->shared = true;
        s->copy = copy == MAP_FAILED ? NULL : copy;
        s->copy_size = size;
        if (!s->copy || !take_apart(s, &t) || !set_up(j, s, &t) || !place(j, s, &t, fd, at)) {
            keep_free_segment(s); /* chunks that were taken stay unused */
            s = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return s;
}
