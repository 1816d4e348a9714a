/* test_keep_pack.c - a cell is what it was after it was packed for storing and unpacked, and what
 * was damaged in between (and has the right checksum all the same) is refused or harmless. */
#include <criterion/criterion.h>

#include "jit/keep.h"
#include "jit/template/template.h"

enum { NBLOCKS = 40, NLINKS = 4 * NBLOCKS, HOT = 48, COLD = 8 + 8 + 4 * 9 + 4, FAULTS = 6 };

typedef struct Cell {
    KeepInfo info;
    KeepCell cells[2];
    KeepBlock blocks[NBLOCKS];
    KeepLink links[NLINKS];
    uint8_t faults[NBLOCKS * FAULTS], hot[NBLOCKS * HOT], cold[NBLOCKS * COLD];
} Cell;

static uint32_t state = 1;

static uint32_t next(void)
{
    return (state = state * 1664525 + 1013904223) >> 8;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

/* Exit n: of a jump in the middle, in the cold part, at the end; of a cache. */
static void make_link(Cell *s, uint32_t i, uint32_t n)
{
    const KeepCell *c = &s->cells[0];
    const KeepBlock *b = &s->blocks[i];
    KeepLink *l = &s->links[4 * i + n];
    uint8_t *cold = s->cold + b->cold;

    *l = (KeepLink){.site = (uint16_t)(n == 1 ? 20 : 12 * (n + 1)),
                    .stub = (uint16_t)(16 + 9 * n),
                    .cache = n == 3 ? 8 : 0,
                    .flags = (uint8_t)((n == 3   ? LINK_CACHE
                                        : n == 2 ? LINK_LEA
                                                 : LINK_JUMP) |
                                       (n == 1 ? KEEP_COLD_SITE : 0))};
    if (next() % 3 == 0) {
        l->flags |= KEEP_LINKED;
        l->n = (uint16_t)(next() % NBLOCKS);
        l->target = (int32_t)(s->blocks[l->n].pc - b->pc + (next() % 4 ? 0 : 4));
        l->tag = s->blocks[l->n].tag;
    } else if (n != 3) {
        bool far = next() % 2;
        l->flags |= far ? KEEP_FAR : 0;
        l->cell = far;
        l->n = far ? (uint16_t)(next() % 7) : 0;
        l->target = (int32_t)(next() % 100000) - 50000;
    }
    uint32_t site = keep_site(c, b, l);
    uint8_t *at = n == 1 ? cold + l->site : s->hot + b->hot + l->site;
    put32(at - 4,
          (l->flags & KEEP_LINKED ? c->hot + s->blocks[l->n].hot : c->cold + b->cold + l->stub) -
              site);
    cold[l->stub] = 0xe8;
    put32(cold + l->stub + 1, 64 - (c->cold + b->cold + l->stub + 5));
    put32(cold + l->stub + 5, n << 22 | (l->stub + 5u));
}

static void make_cell(Cell *s)
{
    *s = (Cell){.info = {.npairs = 1, .ncells = 2, .nblocks = NBLOCKS + 7}};
    s->cells[0] = (KeepCell){.hot = 5000,
                             .cold = CODEBUF_CHUNK + 64,
                             .hot_len = sizeof s->hot,
                             .cold_len = sizeof s->cold,
                             .nlinks = NLINKS,
                             .faults_len = sizeof s->faults,
                             .nblocks = NBLOCKS};
    s->cells[1].nblocks = 7;
    for (size_t i = 0; i < sizeof s->hot; i++)
        s->hot[i] = (uint8_t)(next() % 4 ? next() : 0xe9);
    for (size_t i = 0; i < sizeof s->faults; i++)
        s->faults[i] = (uint8_t)next();
    for (uint32_t i = 0; i < NBLOCKS; i++)
        s->blocks[i] = (KeepBlock){.pc = next() % 2 ? i * 16 : next(),
                                   .guest_len = 16,
                                   .hot = i * HOT,
                                   .cold = i * COLD,
                                   .host_len = HOT,
                                   .cold_len = COLD - 4,
                                   .faults_len = FAULTS,
                                   .nlinks = 4,
                                   .tag = next() % 8 == 0};
    for (uint32_t i = 0; i < NBLOCKS; i++) {
        uint64_t mark = keep_mark(i);
        memcpy(s->cold + s->blocks[i].cold, &mark, sizeof mark);
        for (uint32_t n = 0; n < 4; n++)
            make_link(s, i, n);
    }
}

/* As a cell's frame; its size. */
static size_t pack(const Cell *s, uint8_t *frame)
{
    static Cell p;
    size_t at = 0;

    p = *s;
    keep_pack(&p.cells[0], p.blocks, p.links, p.hot, p.cold);
    columns_put(frame, p.blocks, NBLOCKS, sizeof *p.blocks, KEEP_BLOCK_DIFFERENCES);
    at += sizeof p.blocks;
    columns_put(frame + at, p.links, NLINKS, sizeof *p.links, KEEP_LINK_DIFFERENCES);
    at += sizeof p.links;
    memcpy(frame + at, p.faults, sizeof p.faults);
    at += sizeof p.faults;
    memcpy(frame + at, p.hot, sizeof p.hot);
    at += sizeof p.hot;
    memcpy(frame + at, p.cold, sizeof p.cold);
    return at + sizeof p.cold;
}

typedef struct Unpacked {
    KeepBlock blocks[NBLOCKS];
    KeepLink links[NLINKS];
    uint32_t links_at[NBLOCKS], faults_at[NBLOCKS];
    uint8_t faults[NBLOCKS * FAULTS];
} Unpacked;

static bool unpack(const Cell *s, uint8_t *frame, Unpacked *u)
{
    KeepPlaced to = {.blocks = u->blocks,
                     .links = u->links,
                     .links_at = u->links_at,
                     .faults_at = u->faults_at,
                     .faults = u->faults};
    return keep_unpack(&s->info, s->cells, 0, frame, &to);
}

static Cell cell;
static Unpacked out;

Test(keep_pack, round_trip)
{
    make_cell(&cell);
    size_t size = keep_cell_size(&cell.cells[0]);
    uint8_t *frame = malloc(size);

    cr_assert_eq(pack(&cell, frame), size);
    cr_assert(unpack(&cell, frame, &out));
    KeepRest rest = keep_rest(&cell.cells[0], frame);
    cr_assert(!memcmp(out.blocks, cell.blocks, sizeof out.blocks));
    for (uint32_t i = 0; i < NLINKS; i++)
        cr_assert(!memcmp(&out.links[i], &cell.links[i], sizeof(KeepLink)), "link %u", i);
    cr_assert(!memcmp(out.faults, cell.faults, sizeof out.faults));
    cr_assert(!memcmp(rest.hot, cell.hot, sizeof cell.hot));
    cr_assert(!memcmp(rest.cold, cell.cold, sizeof cell.cold));
    cr_assert_eq(out.links_at[NBLOCKS - 1], NLINKS - 4);
    free(frame);
}

/* Block 0 ends with a jump to block 1: in the stored code it's a jump, in placed code it runs on.
 */
Test(keep_pack, a_block_runs_on_into_the_next)
{
    enum { END = HOT - 6, OTHERS = 20 };
    uint8_t pad[HOT - END];

    make_cell(&cell);
    KeepLink *l = &cell.links[0];
    l[0] = (KeepLink){.site = END,
                      .stub = 16,
                      .flags = LINK_JUMP | KEEP_LINKED,
                      .n = 1,
                      .target = (int32_t)(cell.blocks[1].pc - cell.blocks[0].pc),
                      .tag = cell.blocks[1].tag};
    l[2].site = OTHERS;
    l[3].site = OTHERS + 10;
    cell.blocks[0].host_len = END;
    cell.hot[END - 5] = 0xe9;
    template_pad(cell.hot + END, sizeof pad);
    template_pad(pad, sizeof pad);
    template_point_at(cell.hot + END, sizeof pad, false);
    cr_assert_neq(cell.hot[END - 5], 0xe9);
    template_plain(cell.hot + END);
    cr_assert_eq(cell.hot[END - 5], 0xe9);
    template_point_at(cell.hot + END, sizeof pad, false);

    size_t size = keep_cell_size(&cell.cells[0]);
    uint8_t *frame = malloc(size);
    pack(&cell, frame);
    KeepRest rest = keep_rest(&cell.cells[0], frame);
    cr_assert_eq(rest.hot[END - 5], 0xe9);
    cr_assert(unpack(&cell, frame, &out));
    cr_assert_neq(rest.hot[END - 5], 0xe9);
    cr_assert(!memcmp(rest.hot + END, pad, sizeof pad));

    l[0].n = 2; /* what isn't next stays a jump */
    l[0].target = (int32_t)(cell.blocks[2].pc - cell.blocks[0].pc);
    l[0].tag = cell.blocks[2].tag;
    template_plain(cell.hot + END);
    pack(&cell, frame);
    cr_assert(unpack(&cell, frame, &out));
    cr_assert_eq(rest.hot[END - 5], 0xe9);
    free(frame);
}

Test(keep_pack, damaged_cells_are_harmless)
{
    make_cell(&cell);
    size_t size = keep_cell_size(&cell.cells[0]), tables = sizeof cell.blocks + sizeof cell.links;
    uint8_t *good = malloc(size), *frame = malloc(size);
    unsigned refused = 0;

    pack(&cell, good);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(frame, good, size);
        for (unsigned k = 1 + next() % 4; k--;)
            frame[next() % (i % 4 ? tables : size)] = (uint8_t)next();
        bool taken = unpack(&cell, frame, &out);
        for (uint32_t n = 0; taken && n < NLINKS; n++)
            cr_assert(out.links[n].n < NBLOCKS || !(out.links[n].flags & KEEP_LINKED));
        refused += !taken;
    }
    cr_assert_gt(refused, 1000);
    free(good);
    free(frame);
}
