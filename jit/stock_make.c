/* stock_make.c - putting blocks in stock (stock.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/stock.h"
#include "jit/template/template.h"

enum { CELL = 8 << 10 };

typedef struct Record {
    uint32_t pc; /* file offset */
    uint8_t tag, variants;
    uint32_t at; /* in StockMaker.bytes: head, rest, fault map, hot and cold code */
    uint32_t head_len, rest_len, faults_len, hot_len, cold_len;
    uint32_t guest_len;
} Record;

struct StockMaker {
    Record *records;
    uint32_t n, room;
    uint8_t *bytes;
    size_t used, bytes_room;
    uint32_t mode;
};

StockMaker *stock_maker(void)
{
    return calloc(1, sizeof(StockMaker));
}

void stock_maker_free(StockMaker *m)
{
    if (!m)
        return;
    free(m->records);
    free(m->bytes);
    free(m);
}

/* ---- records --------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_signed(uint8_t *p, int64_t v)
{
    return put(p, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static uint32_t offset_in(const Jit *j, uintptr_t part, uint32_t arena_offset)
{
    return arena_offset - (uint32_t)(part - (uintptr_t)j->code.rx);
}

/* Of exit n, where its stub would be if nothing but stubs followed. */
static uint32_t stub_place(const Block *b, uint32_t n)
{
    return b->cold_len - (b->nlinks - n) * TEMPLATE_STUB_SIZE;
}

static uint8_t *put_links(const Jit *j, const Block *b, uint8_t *p)
{
    GuestAddr mask = j->frontend->pc_mask, behind = (b->pc & mask) + b->guest_len;

    for (uint32_t k = 0; k < b->nlinks; k++) {
        const Link *l = &b->links[k];
        uint32_t site = offset_in(j, b->code, l->site), cold_site = offset_in(j, b->cold, l->site);
        bool in_cold = cold_site <= b->cold_len, target = l->kind != LINK_CACHE;
        unsigned tag = target ? (unsigned)(l->target >> 56) : 0;
        uint32_t at = offset_in(j, b->cold, l->stub);
        p = put(p, l->kind | (in_cold ? 4u : 0) | (target ? 8u : 0) | (tag ? 16u : 0));
        if (target)
            p = put_signed(p, (int64_t)((l->target & mask) - behind));
        if (tag)
            p = put(p, tag);
        p = put(p, in_cold ? b->cold_len - cold_site : b->host_len - site);
        p = put_signed(p, (int64_t)stub_place(b, k) - at);
        if (l->kind == LINK_CACHE)
            p = put_signed(p, (int64_t)offset_in(j, b->cold, l->cache) - at);
    }
    return p;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint8_t *put_relocs(const Jit *j, const Block *b, uint8_t *p)
{
    uint32_t at[512], last = 0;

    for (uint32_t k = 0; k < b->nrelocs; k++) {
        uint32_t hot = offset_in(j, b->code, b->relocs[k]);
        at[k] = hot < b->host_len ? hot : offset_in(j, b->cold, b->relocs[k]) - 8 + b->host_len;
    }
    qsort(at, b->nrelocs, sizeof *at, by_number);
    for (uint32_t k = 0; k < b->nrelocs; k++) {
        p = put(p, at[k] - last);
        last = at[k];
    }
    return p;
}

/* The displacements in one part of the block; `a` is where it stood first, `b` the second time.
 * What it holds becomes the offset in what it leads to, as stock_move() has it. */
typedef struct Moves {
    uint32_t n, at[4096]; /* in the code as it is stored: without the mark */
} Moves;

static bool find_moves(Moves *m, uint8_t *bytes, const uint8_t *again, uint32_t from, uint32_t len,
                       uint32_t at, int32_t stub_moved, int32_t other_moved, int64_t to_stub,
                       int64_t to_other)
{
    for (uint32_t i = from; i < len; i++) {
        int32_t v, w;
        if (bytes[i] == again[i])
            continue;
        if (len - i < 4 || m->n == sizeof m->at / sizeof *m->at)
            return false;
        memcpy(&v, bytes + i, 4);
        memcpy(&w, again + i, 4);
        bool stub = w - v == stub_moved;
        if (!stub && w - v != other_moved)
            return false;
        v = (int32_t)(v + i + 4 + (stub ? to_stub : to_other));
        if (v < 0 || v >= STOCK_STUB - 1)
            return false;
        uint32_t place = stock_place((uint32_t)v, stub);
        memcpy(bytes + i, &place, 4);
        m->at[m->n++] = at + i - from;
        i += 3;
    }
    return true;
}

/* Displacements of exits lead to their stubs: they become 0, which is no move. */
static bool take_exits_out(const Jit *j, const Block *b, uint8_t *code)
{
    for (uint32_t k = 0; k < b->nlinks; k++) {
        const Link *l = &b->links[k];
        uint32_t site = offset_in(j, b->cold, l->site);
        bool in_cold = site <= b->cold_len;
        uint8_t *p = code + (in_cold ? site + b->host_len : offset_in(j, b->code, l->site)) - 4;
        int32_t v;
        memcpy(&v, p, 4);
        if (v != (int32_t)(l->stub - l->site))
            return false;
        memset(p, 0, 4);
        uint32_t stub = offset_in(j, b->cold, l->stub);
        if (b->cold_len - stub >= TEMPLATE_STUB_SIZE)
            template_fold_stub(code + b->host_len + stub, k, stub);
    }
    return true;
}

/* Displacements are found where calls and jumps seem to be, if they aren't 0; what is otherwise is
 * listed. */
static uint8_t *put_moves(const Moves *m, const uint8_t *code, uint32_t len, uint8_t *p,
                          uint32_t *listed)
{
    uint32_t last = 0, k = 0;

    *listed = 0;
    for (uint32_t i = 0, v; i < len || k < m->n;) {
        i = template_displacement(code, i, len);
        for (; k < m->n && m->at[k] < i; k++, ++*listed) {
            p = put(p, (uint64_t)(m->at[k] - last) << 1 | 1);
            last = m->at[k];
        }
        if (i == len)
            break;
        bool is_move = k < m->n && m->at[k] == i;
        memcpy(&v, code + i, 4);
        if (v && !is_move) {
            p = put(p, (uint64_t)(i - last) << 1);
            last = i;
            ++*listed;
        }
        k += is_move;
        i += 4;
    }
    return p;
}

static bool same_shape(const Block *a, const Block *b)
{
    return a->guest_len == b->guest_len && a->host_len == b->host_len &&
           a->cold_len == b->cold_len && a->nlinks == b->nlinks && a->nrelocs == b->nrelocs &&
           a->faultmap_len == b->faultmap_len;
}

static bool make_room(StockMaker *m, size_t size)
{
    if (m->n == m->room) {
        uint32_t room = m->room ? 2 * m->room : 1024;
        Record *records = realloc(m->records, room * sizeof *records);
        if (!records)
            return false;
        m->records = records;
        m->room = room;
    }
    if (m->used + size > m->bytes_room) {
        size_t room = 2 * (m->used + size);
        uint8_t *bytes = realloc(m->bytes, room);
        if (!bytes)
            return false;
        m->bytes = bytes;
        m->bytes_room = room;
    }
    return true;
}

/* What the displacements in the copy at `code` are. */
static bool find_all(const Jit *j, const Block *a, const Block *b, uint8_t *code, Moves *moves)
{
    int32_t hot = (int32_t)(b->code - a->code), cold = (int32_t)(b->cold - a->cold);
    uintptr_t stubs = a->code - (a->code - (uintptr_t)j->code.rx) %
                                    CODEBUF_CHUNK; /* a module's chunk begins with them */
    uint8_t *cold_code = code + a->host_len, *again = malloc(a->host_len + a->cold_len);
    bool good = again != NULL;

    moves->n = 0;
    if (good) {
        memcpy(again, codebuf_rw(&j->code, b->code), a->host_len);
        memcpy(again + a->host_len, codebuf_rw(&j->code, b->cold), a->cold_len);
    }
    good = good && take_exits_out(j, a, code) && take_exits_out(j, b, again) &&
           find_moves(moves, code, again, 0, a->host_len, 0, -hot, cold - hot,
                      (int64_t)(a->code - stubs), (int64_t)(a->code - a->cold)) &&
           find_moves(moves, cold_code, again + a->host_len, 8, a->cold_len, a->host_len, -cold,
                      hot - cold, (int64_t)(a->cold - stubs), (int64_t)(a->cold - a->code));
    free(again);
    return good;
}

int stock_add(const Jit *j, StockMaker *m, const Block *a, const Block *b, unsigned variants)
{
    static Moves moves; /* one thread makes */
    uint32_t code_len = a->host_len + a->cold_len, listed;
    size_t most = 64 + a->nlinks * (size_t)40 + a->nrelocs * (size_t)5 + a->faultmap_len +
                  code_len + 2 * sizeof moves.at;

    if (!same_shape(a, b) || a->nrelocs > 512 || a->cold_len < 8 + a->nlinks * TEMPLATE_STUB_SIZE)
        return -EINVAL;
    if (!make_room(m, most + code_len))
        return -ENOMEM;
    uint8_t *code = m->bytes + m->used;
    memcpy(code, codebuf_rw(&j->code, a->code), a->host_len);
    memcpy(code + a->host_len, codebuf_rw(&j->code, a->cold), a->cold_len);
    if (!find_all(j, a, b, code, &moves))
        return -EINVAL;
    memmove(code + a->host_len, code + a->host_len + 8, a->cold_len - 8);
    code_len -= 8;
    uint8_t *head = code + code_len, *p = head;
    unsigned tag = (unsigned)(a->pc >> 56);
    p = put(p, (a->code & 63) / 16 | (tag ? 4u : 0) | variants << 3);
    if (tag)
        p = put(p, tag);
    p = put(p, a->guest_len / 4);
    uint8_t *rest = p;
    p = put(p, a->nlinks);
    p = put(p, a->nrelocs);
    p = put_links(j, a, p);
    p = put_relocs(j, a, p);
    p = put_moves(&moves, code, code_len, p, &listed);
    uint8_t *faults = p;
    memcpy(p, a->faultmap, a->faultmap_len);
    p += a->faultmap_len;
    m->records[m->n++] = (Record){.pc = (uint32_t)a->pc, /* from the module's base: below */
                                  .tag = (uint8_t)tag,
                                  .variants = (uint8_t)variants,
                                  .at = (uint32_t)(code - m->bytes),
                                  .head_len = (uint32_t)(rest - head),
                                  .rest_len = (uint32_t)(faults - rest),
                                  .faults_len = a->faultmap_len,
                                  .guest_len = a->guest_len,
                                  .hot_len = a->host_len,
                                  .cold_len = a->cold_len - 8};
    m->mode = a->mode & ~(uint32_t)STOCK_VARIED;
    m->used = (size_t)(p - m->bytes);
    return 0;
}

/* ---- the part -------------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
    const Record *x = a, *y = b;

    if (x->pc != y->pc)
        return x->pc < y->pc ? -1 : 1;
    return x->tag != y->tag ? (int)x->tag - (int)y->tag : (int)x->variants - (int)y->variants;
}

static uint32_t size_of(const Record *r)
{
    return r->head_len + r->rest_len + r->faults_len + r->hot_len + r->cold_len;
}

/* How many of the records from i on make a cell: those of one address aren't parted, since a cell
 * is found by its first. */
static uint32_t count_cell(const StockMaker *m, uint32_t i)
{
    uint32_t n = 0;

    for (size_t size = 0;
         i + n < m->n && (size < CELL || !n || m->records[i + n].pc == m->records[i + n - 1].pc);
         n++)
        size += size_of(&m->records[i + n]);
    return n;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *from, uint32_t len)
{
    memcpy(p, from, len);
    return p + len;
}

/* One of the five pieces of each record from i on. */
static uint8_t *put_piece(const StockMaker *m, uint32_t i, uint32_t n, unsigned piece, uint8_t *p)
{
    uint32_t next = m->records[i].pc;

    for (uint32_t k = i; k < i + n; k++) {
        const Record *r = &m->records[k];
        const uint8_t *hot = m->bytes + r->at, *cold = hot + r->hot_len, *head = cold + r->cold_len,
                      *rest = head + r->head_len, *faults = rest + r->rest_len;
        switch (piece) {
        case 0:
            p = put_signed(p, ((int64_t)r->pc - next) / 4);
            next = r->pc + r->guest_len;
            p = put(p, r->hot_len);
            p = put(p, r->cold_len);
            p = put(p, r->rest_len);
            p = put(p, r->faults_len);
            p = put_bytes(p, head, r->head_len);
            break;
        case 1: p = put_bytes(p, rest, r->rest_len); break;
        case 2: p = put_bytes(p, faults, r->faults_len); break;
        case 3: p = put_bytes(p, hot, r->hot_len); break;
        default: p = put_bytes(p, cold, r->cold_len); break;
        }
    }
    return p;
}

static uint8_t *put_cell(const StockMaker *m, uint32_t i, uint32_t n, uint8_t *p)
{
    uint8_t *sizes = p;
    uint32_t size[4];

    p += sizeof size;
    for (unsigned piece = 0; piece < 5; piece++) {
        uint8_t *end = put_piece(m, i, n, piece, p);
        if (piece < 4)
            size[piece] = (uint32_t)(end - p);
        p = end;
    }
    memcpy(sizes, size, sizeof size);
    return p;
}

unsigned stock_save(KeepModule *m, JitSaveFn fn, void *ctx)
{
    StockMaker *maker = m->maker;
    StockInfo info = {.format = STOCK_FORMAT,
                      .flags = keep_flags(m),
                      .base = m->info.base,
                      .nblocks = maker->n,
                      .mode = maker->mode};
    JitPart part = {.blocks = maker->n, .whole = true};
    unsigned calls = 0;

    for (uint32_t i = 0; i < maker->n; i++)
        maker->records[i].pc -= (uint32_t)m->info.base;
    if (maker->n)
        qsort(maker->records, maker->n, sizeof *maker->records, by_address);
    uint32_t *first = malloc((maker->n + (size_t)1) * sizeof *first);
    JitFrame *frames = malloc((maker->n + (size_t)1 + STOCK_CELLS) * sizeof *frames);
    uint8_t *bytes = malloc(maker->used + maker->n * (size_t)48 + 1), *p = bytes;
    for (uint32_t i = 0, n; i < maker->n && first && frames && bytes; i += n) {
        n = count_cell(maker, i);
        uint8_t *end = put_cell(maker, i, n, p);
        first[info.ncells] = maker->records[i].pc;
        frames[STOCK_CELLS + info.ncells++] = (JitFrame){p, (uint32_t)(end - p)};
        p = end;
    }
    if (info.ncells) {
        info.low = maker->records[0].pc;
        for (uint32_t i = 0; i < maker->n; i++) {
            uint64_t end = (uint64_t)maker->records[i].pc + maker->records[i].guest_len;
            info.high = end > info.high ? end : info.high;
            part.guest_bytes += maker->records[i].tag || !(maker->records[i].variants & 1)
                                    ? 0
                                    : maker->records[i].guest_len;
        }
        memcpy(part.info, &info, sizeof info);
        frames[0] = (JitFrame){first, info.ncells * (uint32_t)sizeof *first};
        part.nframes = STOCK_CELLS + info.ncells;
        part.frames = frames;
        fn(ctx, m->info.file, &part);
        calls = 1;
    }
    free(first);
    free(frames);
    free(bytes);
    return calls;
}
