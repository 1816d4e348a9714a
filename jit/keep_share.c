/* keep_share.c - making shared copies (keep_copy.h) of what was read of stored parts, from the
 * parts alone, never from live code.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/keep_copy.h"
#include "jit/ownmem.h"
#include "jit/template/template.h"

enum { PAGE = KEEP_COPY_PAGE };

typedef struct Making {
    Jit *j;
    const KeepModule *m;
    const KeepGroup *g;
    KeepInfo info;
    KeepTables t;
    uint8_t *window, *room;
    uint32_t *first_of; /* by cell: its first block */
    uint64_t *links_of; /* by cell: its first link */
    /* So many of each are there already. */
    uint32_t ncells, npairs, nblocks;
    uint64_t nlinks, nrelocs, nfaults;
} Making;

static void *map_fresh(uint64_t size)
{
    void *p = mmap(ownmem_hint(size), size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

/* ---- one part -------------------------------------------------------------------------------- */

/* What depends on where the guest's file is, as if the part had been made where the first one was.
 */
static bool take_relocs(Making *m, const KeepCell *c, const uint32_t *relocs, uint64_t delta)
{
    uint32_t window = m->npairs * KEEP_PAIR;

    for (uint32_t i = 0; i < c->nrelocs; i++) {
        uint64_t value;
        if (!keep_sound_reloc(c, relocs[i]))
            return false;
        uint8_t *at = m->window + window + relocs[i];
        memcpy(&value, at, sizeof value);
        value += delta;
        memcpy(at, &value, sizeof value);
        m->t.relocs[m->nrelocs++] = window + relocs[i];
    }
    return true;
}

static bool make_cell(Making *m, unsigned k, const KeepCell *cells, uint32_t cell)
{
    const KeepInfo *i = &m->g->infos[k];
    const KeepCell *c = &cells[cell];
    KeepTables *t = &m->t;
    uint8_t *window = m->window + (size_t)m->npairs * KEEP_PAIR;
    KeepPlaced to = {.blocks = t->blocks + m->nblocks,
                     .links_at = t->links_at + m->nblocks,
                     .faults_at = t->faults_at + m->nblocks,
                     .links = t->links + m->nlinks,
                     .faults = t->faults + m->nfaults};

    if (c->nblocks > m->info.nblocks - m->nblocks ||
        !keep_frame(m->j, m->m, m->g->parts[k], KEEP_INDEX + i->nindex + cell, m->room,
                    keep_cell_size(c)) ||
        !keep_unpack(i, cells, cell, m->room, &to))
        return false;
    KeepRest rest = keep_rest(c, m->room);
    memcpy(window + c->hot, rest.hot, c->hot_len);
    memcpy(window + c->cold, rest.cold, c->cold_len);
    if (!take_relocs(m, c, (const uint32_t *)(const void *)rest.relocs, m->info.base - i->base))
        return false;
    for (uint32_t n = 0; n < c->nlinks; n++)
        to.links[n].cell += to.links[n].flags & (KEEP_LINKED | KEEP_FAR) ? m->ncells : 0;
    m->first_of[m->ncells + cell] = m->nblocks;
    m->links_of[m->ncells + cell] = m->nlinks;
    m->nblocks += c->nblocks;
    m->nlinks += c->nlinks;
    m->nfaults += c->faults_len;
    return true;
}

static bool read_index(Making *m, unsigned k, const KeepCell *cells, KeepIndex *to)
{
    const KeepInfo *i = &m->g->infos[k];

    for (uint32_t f = 0; f < i->nindex; f++, to += KEEP_INDEX_BLOCKS) {
        uint32_t n = i->nblocks - f * KEEP_INDEX_BLOCKS;
        n = n < KEEP_INDEX_BLOCKS ? n : KEEP_INDEX_BLOCKS;
        if (!keep_frame(m->j, m->m, m->g->parts[k], KEEP_INDEX + f, m->room, n * sizeof *to))
            return false;
        columns_get(to, m->room, n, sizeof *to, KEEP_INDEX_DIFFERENCES);
        if (!keep_sound_index(i, cells, to, n))
            return false;
        for (uint32_t x = 0; x < n; x++)
            to[x].where += m->ncells << 19;
    }
    return true;
}

/* Is a, of the later part, to stand before b? Of two of the same key the one to be used does: a
 * region, else what was made last, since it took the other's place. */
static bool is_before(const KeepIndex *a, const KeepIndex *b)
{
    uint64_t ka = keep_index_key(a), kb = keep_index_key(b);

    return ka < kb || (ka == kb && a->tier2 >= b->tier2);
}

/* The part's index among those of the parts before it. Both are sorted. */
static bool join_index(Making *m, unsigned k, const KeepCell *cells)
{
    uint32_t n = m->g->infos[k].nblocks, had = m->nblocks, at = had + n;
    KeepIndex *all = m->t.index, *fresh = malloc((n + (size_t)1) * sizeof *fresh);
    bool good = fresh && n <= m->info.nblocks - had && read_index(m, k, cells, fresh);

    while (good && n) { /* from the end, in place */
        bool mine = !had || !is_before(&fresh[n - 1], &all[had - 1]);
        all[--at] = mine ? fresh[--n] : all[--had];
    }
    free(fresh);
    return good;
}

static bool make_part(Making *m, unsigned k)
{
    const KeepInfo *i = &m->g->infos[k];
    const KeepCell *cells = m->t.cells + m->ncells;
    KeepCell *local = malloc(i->ncells * sizeof *local);
    bool good = local != NULL;
    uint32_t blocks = m->nblocks;

    if (good)
        memcpy(local, cells, i->ncells * sizeof *local);
    good = good && join_index(m, k, local);
    for (uint32_t c = 0; good && c < i->ncells; c++)
        good = make_cell(m, k, local, c);
    good = good && m->nblocks - blocks == i->nblocks;
    for (uint32_t c = 0; c < i->ncells; c++) {
        m->t.cells[m->ncells + c].hot += m->npairs * KEEP_PAIR;
        m->t.cells[m->ncells + c].cold += m->npairs * KEEP_PAIR;
    }
    m->ncells += i->ncells;
    m->npairs += i->npairs;
    free(local);
    return good;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* An inline cache names a guest address: of a file that may lie anywhere it's empty, so that its
 * page can be shared. */
static void empty_cache(Making *m, const KeepCell *c, const KeepBlock *b, KeepLink *l)
{
    const uint64_t none = JIT_NO_PC;
    uint32_t cold = c->cold + b->cold, site = keep_site(c, b, l);
    KeepTables *t = &m->t;

    put32(m->window + site - 4, cold + l->stub - site);
    memcpy(m->window + cold + l->cache, &none, sizeof none);
    l->flags &= (uint8_t)~KEEP_LINKED;
    for (uint64_t i = 0; i < t->copy->nrelocs; i++) {
        if (t->relocs[i] == cold + l->cache) {
            t->relocs[i] = t->relocs[--t->copy->nrelocs];
            break;
        }
    }
}

/* What is to be used of the key; NULL: there's nothing. */
static const KeepIndex *search(const Making *m, uint64_t key)
{
    uint32_t lo = 0, hi = m->info.nblocks;

    while (lo < hi) { /* the first that isn't before it */
        uint32_t mid = lo + (hi - lo) / 2;
        if (keep_index_key(&m->t.index[mid]) < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->info.nblocks && keep_index_key(&m->t.index[lo]) == key ? &m->t.index[lo] : NULL;
}

/* A direct exit to what another part has, or wasn't taken where it was saved: false if there's
 * nothing. */
static bool find_target(const Making *m, const KeepBlock *b, KeepLink *l)
{
    int64_t to = b->pc + (int64_t)l->target;
    const KeepIndex *x =
        to < 0 || to > UINT32_MAX ? NULL : search(m, keep_key((uint32_t)to, b->mode, l->tag));

    if (x) {
        l->cell = (uint16_t)keep_cell(x);
        l->n = (uint16_t)keep_nth(x);
    }
    return x != NULL;
}

static void make_link(Making *m, const KeepCell *c, const KeepBlock *b, KeepLink *l)
{
    const KeepTables *t = &m->t;
    bool linked = l->flags & KEEP_LINKED;

    if ((l->flags & KEEP_KIND) == LINK_CACHE) {
        if (linked && !(m->info.flags & KEEP_FIXED))
            empty_cache(m, c, b, l);
    } else if (!linked && (l->flags & KEEP_FAR || find_target(m, b, l))) {
        uint32_t site = keep_site(c, b, l),
                 to = t->cells[l->cell].hot + t->blocks[m->first_of[l->cell] + l->n].hot;
        template_point_at(m->window + site, to - site, false);
        l->flags |= KEEP_LINKED;
    }
}

static void make_links(Making *m)
{
    for (uint32_t cell = 0; cell < m->info.ncells; cell++) {
        const KeepCell *c = &m->t.cells[cell];
        for (uint32_t i = m->first_of[cell]; i < m->first_of[cell] + c->nblocks; i++) {
            const KeepBlock *b = &m->t.blocks[i];
            KeepLink *l = &m->t.links[m->links_of[cell] + m->t.links_at[i]];
            for (uint32_t n = 0; n + b->nanchors < b->nlinks; n++)
                make_link(m, c, b, &l[n]);
        }
    }
}

/* ---- the copy -------------------------------------------------------------------------------- */

static bool make(Making *m)
{
    const KeepInfo *i = &m->info;
    bool good = true;

    for (unsigned k = 0; good && k < m->g->n; k++)
        good = make_part(m, k);
    if (!good || m->nblocks != i->nblocks || m->nrelocs != m->t.copy->nrelocs)
        return false;
    for (uint32_t k = 0; k < i->nindex; k++)
        m->t.first[k] = keep_index_key(&m->t.index[(size_t)k * KEEP_INDEX_BLOCKS]);
    make_links(m);
    return keep_sound_cells(i, m->t.cells);
}

static void hand_over(const Making *m)
{
    uint32_t halves = 2 * m->info.npairs, n = 0;
    uint32_t *ends = calloc(halves, sizeof *ends);
    JitFrame *pieces = calloc(1 + 2 * (size_t)halves, sizeof *pieces);

    if (ends && pieces) {
        keep_half_ends(&m->info, m->t.cells, ends);
        pieces[n++] = (JitFrame){m->t.copy, (uint32_t)m->t.size};
        for (uint32_t k = 0; k < halves; k++) {
            uint32_t len = (ends[k] + PAGE - 1) / PAGE * PAGE;
            pieces[n++] = (JitFrame){m->window + (size_t)k * CODEBUF_CHUNK, len};
            pieces[n++] = (JitFrame){NULL, CODEBUF_CHUNK - len};
        }
        m->j->host.share(m->j->host.ctx, m->m->info.file, m->g->parts, m->g->n,
                         keep_copy_format(m->m), pieces, n);
    }
    free(ends);
    free(pieces);
}

/* What is needed of all parts together, by their infos. */
static void add_up(KeepInfo *all, const KeepGroup *g)
{
    *all = g->infos[0];
    for (unsigned k = 1; k < g->n; k++) {
        const KeepInfo *i = &g->infos[k];
        all->low = i->low < all->low ? i->low : all->low;
        all->high = i->high > all->high ? i->high : all->high;
        all->nblocks += i->nblocks;
        all->npairs += i->npairs;
        all->ncells += i->ncells;
    }
    all->nindex = (all->nblocks + KEEP_INDEX_BLOCKS - 1) / KEEP_INDEX_BLOCKS;
}

/* All parts' cells; NULL: damaged, or no memory. */
static KeepCell *read_cells(Making *m)
{
    KeepCell *cells = malloc(m->info.ncells * sizeof *cells + m->info.nindex * sizeof(uint64_t) +
                             m->g->n * sizeof(uint64_t)),
             *to = cells;

    for (unsigned k = 0; cells && k < m->g->n; k++) {
        const KeepInfo *i = &m->g->infos[k];
        if (!keep_frame(m->j, m->m, m->g->parts[k], KEEP_HEAD, to,
                        i->ncells * sizeof *to + i->nindex * sizeof(uint64_t)) ||
            !keep_sound_cells(i, to)) {
            free(cells);
            return NULL;
        }
        to += i->ncells; /* the keys behind them are overwritten */
    }
    return cells;
}

/* Cells say how large the tables are. */
static bool begin(Making *m)
{
    KeepInfo *i = &m->info;
    uint64_t nlinks = 0, nrelocs = 0, faults_len = 0;
    size_t most = KEEP_INDEX_BLOCKS * sizeof(KeepIndex);

    add_up(i, m->g);
    KeepCell *cells = read_cells(m);
    for (uint32_t c = 0; cells && c < i->ncells; c++) {
        nlinks += cells[c].nlinks;
        nrelocs += cells[c].nrelocs;
        faults_len += cells[c].faults_len;
        most = keep_cell_size(&cells[c]) > most ? keep_cell_size(&cells[c]) : most;
    }
    uint64_t size = keep_tables(NULL, i, nlinks, nrelocs, faults_len).size;
    uint8_t *tables = cells && size <= UINT32_MAX ? map_fresh(size) : NULL;
    m->window = tables ? map_fresh((uint64_t)i->npairs * KEEP_PAIR) : NULL;
    m->room = malloc(most);
    m->first_of = malloc(i->ncells * sizeof *m->first_of);
    m->links_of = malloc(i->ncells * sizeof *m->links_of);
    if (tables) {
        m->t = keep_tables(tables, i, nlinks, nrelocs, faults_len);
        *m->t.copy = (KeepCopy){*i, nlinks, nrelocs, faults_len, nrelocs, size};
        memcpy(m->t.cells, cells, i->ncells * sizeof *cells);
    }
    free(cells);
    return m->window && m->room && m->first_of && m->links_of;
}

static void share(Jit *j, const KeepModule *module, const KeepGroup *g)
{
    Making m = {.j = j, .m = module, .g = g};

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

/* ---- whether --------------------------------------------------------------------------------- */

/* What the process has of a group's parts. */
typedef struct Use {
    bool has_copy;
    unsigned others;        /* parts that are not in it */
    uint32_t blocks;        /* of the others */
    uint32_t cells, placed; /* of the others */
    uint64_t size;          /* of what is known: decompressed, about */
    bool damaged;
} Use;

static uint64_t size_of(const KeepSegment *s)
{
    uint64_t size = s->info.nblocks * sizeof(KeepIndex);

    for (uint32_t c = 0; s->cells && c < s->info.ncells; c++)
        size += keep_cell_size(&s->cells[c]);
    return size;
}

static Use use_of(const KeepModule *m, const KeepGroup *g)
{
    Use u = {0};

    for (const KeepSegment *s = m->segments; s; s = s->next) {
        unsigned k = 0;
        while (k < g->n && g->parts[k] != s->part)
            k++;
        if (k == g->n || keep_is_ahead(s))
            continue;
        u.size += size_of(s);
        u.damaged |= s->damaged;
        if (s->shared) {
            u.has_copy = true;
            continue;
        }
        u.others++;
        u.blocks += s->info.nblocks;
        u.cells += s->info.ncells;
        for (uint32_t c = 0; s->opened && s->placed && c < s->info.ncells; c++)
            u.placed += s->placed[c].placed;
    }
    return u;
}

/* A copy of what is hardly used costs more than it spares; so does making one anew for a few
 * blocks. */
static bool is_worth_it(const Use *u, const KeepGroup *g)
{
    uint32_t blocks = 0;

    for (unsigned k = 0; k < g->n; k++)
        blocks += g->infos[k].nblocks;
    return !u->damaged && u->placed && 2 * u->placed >= u->cells && blocks >= KEEP_COPY_LEAST &&
           (!u->has_copy || u->others >= KEEP_COPY_REST || u->blocks >= KEEP_COPY_LEAST);
}

/* Quickly: is any of the module's parts in no copy? */
static bool has_others(const KeepModule *m)
{
    const KeepSegment *s = m->segments;

    while (s && (s->shared || keep_is_ahead(s)))
        s = s->next;
    return s != NULL;
}

/* Calls fn for the groups of all modules that want a copy, until it says that that's enough. */
static bool each_wanted(Jit *j, bool (*fn)(Jit *, KeepModule *, const KeepGroup *, const Use *))
{
    KeepGroup g;

    for (KeepModule *m = j->host.share && !j->keep_is_child ? j->modules : NULL; m; m = m->next) {
        unsigned n = !m->copy_tried && has_others(m)
                         ? j->host.kept_parts(j->host.ctx, m->info.file, false)
                         : 0;
        for (unsigned i = 0; i < n;) {
            i = keep_group(j, m, i, &g);
            Use u = use_of(m, &g);
            if (is_worth_it(&u, &g) && fn(j, m, &g, &u))
                return true;
        }
    }
    return false;
}

static bool is_wanted(Jit *j, KeepModule *m, const KeepGroup *g, const Use *u)
{
    (void)j, (void)m, (void)g, (void)u;
    return true;
}

bool keep_may_share(Jit *j)
{
    return each_wanted(j, is_wanted);
}

static bool share_if_fits(Jit *j, KeepModule *m, const KeepGroup *g, const Use *u)
{
    uint64_t room = j->host.share_room(j->host.ctx);

    m->copy_tried = true;
    if (u->size <= room)
        share(j, m, g);
    return !room;
}

void jit_share(Jit *j)
{
    pthread_mutex_lock(&j->lock);
    (void)each_wanted(j, share_if_fits);
    pthread_mutex_unlock(&j->lock);
}
