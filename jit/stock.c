/* stock.c - taking blocks out of stock (stock.h). */
#include "jit/stock.h"
#include "jit/template/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts ----------------------------------------------------------------------------------- */

static bool fits_module(const KeepModule *m, const StockInfo *i)
{
    return i->format == STOCK_FORMAT && i->flags == keep_flags(m) && i->low < i->high &&
           i->low >= m->info.start - m->info.base && i->high <= m->info.end - m->info.base &&
           i->ncells && (!m->info.fixed || i->base == m->info.base);
}

/* Under the lock: asks for the module's parts. */
static void ask(Jit *j, KeepModule *m)
{
    unsigned n = j->host.kept_parts(j->host.ctx, m->info.file, true);

    m->stock_asked = true;
    for (unsigned i = 0; i < n; i++) {
        StockPart *s = calloc(1, sizeof *s);
        if (!s)
            return;
        s->module = m;
        s->part = JIT_PART_WHOLE + i;
        if (j->host.kept_info(j->host.ctx, m->info.file, s->part, (uint8_t *)&s->info) &&
            fits_module(m, &s->info)) {
            s->next = m->stock;
            m->stock = s;
        } else {
            free(s);
        }
    }
}

static void clear_shelf(Jit *j)
{
    for (unsigned i = 0; j->shelf && i < STOCK_SHELF; i++) {
        free(j->shelf->slots[i].bytes);
        free(j->shelf->slots[i].records);
    }
    free(j->shelf);
    j->shelf = NULL;
}

void stock_free(Jit *j, KeepModule *m)
{
    clear_shelf(j); /* which may name its parts */
    for (StockPart *s; (s = m->stock);) {
        m->stock = s->next;
        free(s->first);
        free(s);
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

typedef struct Reader {
    const uint8_t *p, *end;
    bool failed;
} Reader;

static uint64_t get_long(Reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->p == r->end)
            break;
        uint8_t byte = *r->p++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    r->failed = true;
    return 0;
}

static inline uint64_t get(Reader *r)
{
    return r->p != r->end && *r->p < 0x80 ? *r->p++ : get_long(r);
}

static inline uint32_t get_up_to(Reader *r, uint32_t most)
{
    uint64_t v = get(r);

    r->failed = r->failed || v > most;
    return r->failed ? 0 : (uint32_t)v;
}

static int64_t get_signed(Reader *r)
{
    uint64_t v = get(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static uint32_t frame_size(const Jit *j, const StockPart *s, unsigned n)
{
    return j->host.kept_size(j->host.ctx, s->module->info.file, s->part, n);
}

static bool frame(Jit *j, const StockPart *s, unsigned n, void *to, uint32_t size)
{
    return j->host.kept_frame(j->host.ctx, s->module->info.file, s->part, n, to, size);
}

static bool open_part(Jit *j, StockPart *s)
{
    uint32_t size = s->info.ncells * (uint32_t)sizeof *s->first;

    if (s->info.ncells > STOCK_MOST_CELL || frame_size(j, s, 0) != size)
        return false;
    s->first = malloc(size);
    return s->first && frame(j, s, 0, s->first, size);
}

enum { MOST_CODE = CODEBUF_CHUNK / 4 - 64, PIECES = 5 };

/* Finds the records of the cell that is in c->bytes; false: damaged, or no memory. */
static bool list_records(StockCell *c, uint32_t size, uint32_t first)
{
    uint32_t sizes[PIECES - 1], ends[PIECES], at = sizeof sizes;

    if (size < sizeof sizes)
        return false;
    memcpy(sizes, c->bytes, sizeof sizes);
    for (unsigned i = 0; i < PIECES - 1; i++) {
        if (sizes[i] > size - at)
            return false;
        ends[i] = at += sizes[i];
    }
    ends[PIECES - 1] = size;
    uint32_t most = sizes[0] / 7 + 1; /* of seven numbers each */
    if (most > c->records_room) {
        free(c->records);
        c->records_room = 0;
        c->records = malloc((most + most / 4) * sizeof *c->records);
        if (!c->records)
            return false;
        c->records_room = most + most / 4;
    }
    Reader r = {c->bytes + sizeof sizes, c->bytes + ends[0], false};
    StockRecord k = {first, 0, ends[0], ends[1], ends[2], ends[3]};
    for (c->n = 0; r.p != r.end; c->n++) {
        k.pc += 4 * (uint32_t)get_signed(&r);
        uint32_t hot = get_up_to(&r, MOST_CODE), cold = get_up_to(&r, MOST_CODE),
                 rest = get_up_to(&r, MOST_CODE), faults = get_up_to(&r, UINT16_MAX);
        k.head = (uint32_t)(r.p - c->bytes);
        if (r.failed || rest > ends[1] - k.rest || faults > ends[2] - k.faults ||
            hot > ends[3] - k.hot || cold > size - k.cold || c->n + 1 >= most ||
            (c->n && k.pc < c->records[c->n - 1].pc))
            return false;
        c->records[c->n] = k;
        if (get_up_to(&r, 127) & 4)
            (void)get(&r);
        k = (StockRecord){k.pc + 4 * get_up_to(&r, INT16_MAX / 4),
                          0,
                          k.rest + rest,
                          k.faults + faults,
                          k.hot + hot,
                          k.cold + cold};
    }
    c->records[c->n] = k;
    return !r.failed;
}

/* The cell, good until the next call; NULL: damaged, or no memory. */
static const StockCell *read_cell(Jit *j, const StockPart *s, uint32_t cell)
{
    if (!j->shelf && !(j->shelf = calloc(1, sizeof *j->shelf)))
        return NULL;
    StockCell *c = &j->shelf->slots[(cell + s->part * 17) % STOCK_SHELF];
    if (c->part == s && c->cell == cell)
        return c;
    uint32_t size = frame_size(j, s, STOCK_CELLS + cell);
    if (!size || size > STOCK_MOST_CELL)
        return NULL;
    c->part = NULL;
    if (size > c->room) {
        free(c->bytes);
        c->room = 0;
        c->bytes = malloc(size + size / 4);
        if (!c->bytes)
            return NULL;
        c->room = size + size / 4;
    }
    if (!frame(j, s, STOCK_CELLS + cell, c->bytes, size) || !list_records(c, size, s->first[cell]))
        return NULL;
    c->part = s;
    c->cell = cell;
    return c;
}

typedef struct Found {
    const uint8_t *rest, *faults, *hot, *cold; /* of the cold part all but 8 bytes */
    uint32_t rest_len, faults_len, hot_len, cold_len;
    uint32_t place, guest_len;
} Found;

/* The block at the file offset with the tag, good for the variant; false: it isn't in the cell. */
static bool find_in(const StockCell *c, uint32_t pc, uint8_t tag, unsigned variant, Found *f)
{
    uint32_t lo = 0, hi = c->n;

    while (lo < hi) { /* the first that isn't before it */
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->records[mid].pc < pc)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (const StockRecord *k = &c->records[lo]; k < &c->records[c->n] && k->pc == pc; k++) {
        Reader r = {c->bytes + k->head, c->bytes + c->records[0].rest, false};
        uint32_t place = get_up_to(&r, 127), its_tag = place & 4 ? get_up_to(&r, 255) : 0;
        if (its_tag == tag && place >> 3 & 1u << variant) {
            *f = (Found){.rest = c->bytes + k->rest,
                         .faults = c->bytes + k->faults,
                         .hot = c->bytes + k->hot,
                         .cold = c->bytes + k->cold,
                         .rest_len = k[1].rest - k->rest,
                         .faults_len = k[1].faults - k->faults,
                         .hot_len = k[1].hot - k->hot,
                         .cold_len = k[1].cold - k->cold,
                         .place = place,
                         .guest_len = 4 * get_up_to(&r, INT16_MAX / 4)};
            return true;
        }
    }
    return false;
}

/* Under the lock. */
static bool find(Jit *j, KeepModule *m, GuestAddr pc, uint32_t mode, Found *f, uint64_t *moved)
{
    uint64_t offset = (pc & ~(UINT64_C(0xff) << 56)) - m->info.base;

    if (!m->stock_asked)
        ask(j, m);
    for (StockPart *s = m->stock; s; s = s->next) {
        if (s->spent || offset < s->info.low || offset >= s->info.high ||
            (mode & ~(uint32_t)STOCK_VARIED) != s->info.mode)
            continue;
        if (!s->first && !open_part(j, s)) {
            s->spent = true;
            continue;
        }
        uint32_t lo = 0, hi = s->info.ncells;
        while (lo < hi) { /* the first that begins behind it */
            uint32_t mid = lo + (hi - lo) / 2;
            if (s->first[mid] <= offset)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (!lo)
            continue;
        const StockCell *cell = read_cell(j, s, lo - 1);
        s->spent = !cell;
        *moved = m->info.base - s->info.base;
        if (cell && find_in(cell, (uint32_t)offset, (uint8_t)(pc >> 56), stock_variant(mode), f))
            return true;
    }
    return false;
}

bool stock_known(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t *guest_len)
{
    Jit *j = t->jit;
    uint64_t moved;
    Found f;

    pthread_mutex_lock(&j->lock);
    bool found = t->module && find(j, t->module, pc, mode, &f, &moved);
    if (found)
        *guest_len = f.guest_len;
    pthread_mutex_unlock(&j->lock);
    return found;
}

/* ---- taking one ------------------------------------------------------------------------------ */

typedef struct Taking {
    Jit *j;
    Block *b;
    Reader r;
    uint8_t *hot, *cold, *stubs; /* writable */
    uint32_t hot_len, cold_len;
    uint32_t hot_at, cold_at; /* arena offsets */
    uint64_t moved;
} Taking;

static void take_links(Taking *k)
{
    GuestAddr behind = (k->b->pc & k->j->frontend->pc_mask) + k->b->guest_len;
    uint32_t stub_place = k->cold_len - k->b->nlinks * TEMPLATE_STUB_SIZE;

    for (uint32_t i = 0; i < k->b->nlinks; i++, stub_place += TEMPLATE_STUB_SIZE) {
        Link *l = &k->b->links[i];
        uint32_t kind = get_up_to(&k->r, 31), part = kind & 4 ? k->cold_len : k->hot_len;
        *l = (Link){.from = k->b, .kind = kind & 3};
        k->r.failed = k->r.failed || l->kind > LINK_CACHE;
        if (kind & 8)
            l->target = behind + (uint64_t)get_signed(&k->r);
        if (kind & 16)
            l->target |= (uint64_t)get_up_to(&k->r, 255) << 56;
        uint32_t site = part - get_up_to(&k->r, part);
        uint32_t stub = stub_place - (uint32_t)get_signed(&k->r);
        if (k->r.failed || site < (kind & 4 ? 12 : 4) || stub < 8 || stub >= k->cold_len) {
            k->r.failed = true;
            return;
        }
        l->site = site + (kind & 4 ? k->cold_at : k->hot_at);
        l->stub = stub + k->cold_at;
        uint32_t to = l->stub - l->site;
        memcpy((kind & 4 ? k->cold : k->hot) + site - 4, &to, 4);
        if (k->cold_len - stub >= TEMPLATE_STUB_SIZE)
            template_fold_stub(k->cold + stub, i, stub);
        if (l->kind == LINK_CACHE) {
            uint32_t cache = stub + (uint32_t)get_signed(&k->r);
            k->r.failed = cache < 8 || cache > k->cold_len - 8;
            l->cache = cache + k->cold_at;
        }
    }
}

/* The place in the block that has `bytes` bytes, of `at` in what was stored; NULL: it hasn't. */
static uint8_t *place_of(const Taking *k, uint64_t at, uint32_t bytes, uint32_t *arena)
{
    bool cold = at >= k->hot_len;
    uint64_t off = cold ? at - k->hot_len + 8 : at;

    if (off + bytes > (cold ? k->cold_len : k->hot_len))
        return NULL;
    *arena = (uint32_t)off + (cold ? k->cold_at : k->hot_at);
    return (cold ? k->cold : k->hot) + off;
}

static void take_relocs(Taking *k, uint32_t *relocs)
{
    uint64_t at = 0, value;

    for (uint32_t i = 0; i < k->b->nrelocs && !k->r.failed; i++) {
        at += get_up_to(&k->r, CODEBUF_CHUNK);
        uint8_t *p = place_of(k, at, 8, &relocs[i]);
        if (!p) {
            k->r.failed = true;
            return;
        }
        memcpy(&value, p, 8);
        value += k->moved;
        memcpy(p, &value, 8);
    }
}

static void move(Taking *k, uint32_t at)
{
    uint32_t arena, v;
    uint8_t *p = place_of(k, at, 4, &arena);

    if (!p) {
        k->r.failed = true;
        return;
    }
    memcpy(&v, p, 4);
    const uint8_t *base = v & STOCK_STUB ? k->stubs : at < k->hot_len ? k->cold : k->hot;
    v = (uint32_t)(base + (int32_t)((v & ~(uint32_t)STOCK_STUB) - 1) - (p + 4));
    memcpy(p, &v, 4);
}

/* All displacements that aren't 0, but those that are listed; and what else is. */
static void take_moves(Taking *k, const uint8_t *code, uint32_t len)
{
    bool more = k->r.p != k->r.end;
    uint64_t listed = more ? get(&k->r) : 0;
    uint32_t at = (uint32_t)(listed >> 1), v;

    for (uint32_t i = 0; (i < len || more) && !k->r.failed;) {
        i = template_displacement(code, i, len);
        bool is_move = i < len;
        while (more && at <= i && !k->r.failed) {
            if (listed & 1)
                move(k, at);
            else
                is_move = is_move && at != i;
            more = k->r.p != k->r.end;
            listed = more ? get(&k->r) : 0;
            at += (uint32_t)(listed >> 1);
        }
        if (i == len)
            break;
        memcpy(&v, code + i, 4);
        if (v && is_move)
            move(k, i);
        i += 4;
    }
    k->r.failed = k->r.failed || more;
}

/* The block's record in memory of the thread's own, and where its code is in that. */
static bool fetch(JitThread *t, const Block *b, Found *f, uint64_t *moved)
{
    Jit *j = t->jit;

    pthread_mutex_lock(&j->lock);
    KeepModule *m = t->module;
    bool good = m && !m->closed && find(j, m, b->pc, b->mode, f, moved);
    if (good) {
        uint32_t all = f->rest_len + f->faults_len + f->hot_len + f->cold_len;
        if (all > t->stock_size) {
            free(t->stock_room);
            t->stock_size = 0;
            t->stock_room = malloc((all + 4095) & ~4095u);
            t->stock_size = t->stock_room ? (all + 4095) & ~4095u : 0;
        }
        good = t->stock_room != NULL;
        if (good) {
            f->rest = memcpy(t->stock_room, f->rest, f->rest_len);
            f->faults = memcpy(t->stock_room + f->rest_len, f->faults, f->faults_len);
            f->hot = memcpy(t->stock_room + f->rest_len + f->faults_len, f->hot, f->hot_len);
            f->cold = memcpy(t->stock_room + all - f->cold_len, f->cold, f->cold_len);
        }
    }
    pthread_mutex_unlock(&j->lock);
    return good;
}

int stock_take(JitThread *t, Block *b)
{
    enum { LINE = 64 };
    Found f;
    uint64_t moved;

    if (!fetch(t, b, &f, &moved))
        return -ENOENT;
    Taking k = {.j = t->jit,
                .b = b,
                .r = {f.rest, f.faults, false},
                .moved = moved,
                .hot_len = f.hot_len,
                .cold_len = f.cold_len + 8};
    b->guest_len = f.guest_len;
    b->ninsns = b->guest_len >> t->jit->frontend->insn_shift;
    b->nlinks = get_up_to(&k.r, UINT16_MAX);
    b->nrelocs = get_up_to(&k.r, UINT16_MAX);
    b->faultmap_len = f.faults_len;
    size_t size = sizeof(Link) * b->nlinks + sizeof *b->relocs * b->nrelocs + b->faultmap_len;
    bool sound = !k.r.failed && k.cold_len >= 8 + b->nlinks * TEMPLATE_STUB_SIZE;
    b->links = sound ? jit_meta_alloc(t, size) : NULL;
    if (!b->links) {
        b->nlinks = b->nrelocs = 0;
        return -ENOENT;
    }
    uint32_t *relocs = (uint32_t *)(b->links + b->nlinks);
    uint8_t *faults = (uint8_t *)(relocs + b->nrelocs);
    b->relocs = relocs;
    b->faultmap = faults;
    CodeChunk *hot = t->hot, *cold = t->cold;
    uint32_t at = hot->next + ((f.place & 3) * 16 - hot->next % LINE + LINE) % LINE;
    b->arena = hot->rx;
    b->code = (uintptr_t)hot->rx + at;
    b->host_len = f.hot_len;
    b->cold = (uintptr_t)cold->rx + cold->next;
    b->cold_len = k.cold_len;
    k.stubs = hot->rx + hot->rw_delta + hot->start;
    k.hot_at = at;
    k.cold_at = cold->next;
    k.hot = hot->rx + hot->rw_delta + at;
    k.cold = cold->rx + cold->rw_delta + cold->next;
    memcpy(k.hot, f.hot, f.hot_len);
    memcpy(k.cold, &b, sizeof b);
    memcpy(k.cold + 8, f.cold, f.cold_len);
    take_links(&k);
    take_relocs(&k, relocs);
    take_moves(&k, f.hot, f.hot_len + f.cold_len);
    if (k.r.failed) {
        b->nlinks = b->nrelocs = 0;
        return -ENOENT;
    }
    memcpy(faults, f.faults, b->faultmap_len);
    hot->next = at;
    codebuf_commit(&t->jit->code, hot, f.hot_len, b);
    codebuf_commit(&t->jit->code, cold, b->cold_len, b);
    return 0;
}
