/* test_blockmap.c - the block table and the fault map. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/blockmap.h"
#include "jit/faultmap.h"

static Block *new_block(GuestAddr pc, uint32_t mode, uint32_t len)
{
    Block *b = calloc(1, sizeof *b);

    b->pc = pc;
    b->mode = mode;
    b->guest_len = len;
    return b;
}

static BlockMap make(void)
{
    BlockMap m;

    cr_assert_eq(blockmap_create(&m, ~(uint64_t)0), 0);
    return m;
}

Test(blockmap, keyed_by_pc_and_mode)
{
    BlockMap m = make();
    Block *a = new_block(0x1000, 0, 8), *b = new_block(0x1000, 4, 8);

    cr_assert_eq(blockmap_insert(&m, a), 0);
    cr_expect_null(blockmap_find(&m, 0x1000, 4));
    cr_assert_eq(blockmap_insert(&m, b), 0);
    cr_expect_eq(blockmap_find(&m, 0x1000, 0), a);
    cr_expect_eq(blockmap_find(&m, 0x1000, 4), b);
    cr_expect_null(blockmap_find(&m, 0x1004, 0));
    blockmap_destroy(&m);
}

/* Code that is rewritten again and again needs no more room. */
Test(blockmap, the_same_place_again)
{
    BlockMap m = make();
    Block *kept = new_block(0x1000, 0, 4);

    cr_assert_eq(blockmap_insert(&m, kept), 0);
    for (unsigned i = 0; i < 100000; i++) {
        Block *b = new_block(0x2000 + 4 * (i % 7), 0, 4);
        cr_assert_eq(blockmap_insert(&m, b), 0);
        cr_assert_eq(blockmap_find(&m, b->pc, 0), b);
        blockmap_remove(&m, b);
        cr_assert_null(blockmap_find(&m, b->pc, 0));
        free(b);
    }
    cr_expect_eq(m.count, 1u);
    cr_expect_lt(m.used, 16u);
    cr_expect_eq(m.nretired, 0u);
    cr_expect_eq(blockmap_find(&m, 0x1000, 0), kept);
    blockmap_destroy(&m);
}

/* Growing keeps everything, removed blocks are gone, their places are used again. */
Test(blockmap, many)
{
    enum { N = 20000 };
    BlockMap m = make();
    Block **blocks = calloc(N, sizeof *blocks);

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            blocks[i] = new_block(0x400000 + 12 * i, round, 12);
            cr_assert_eq(blockmap_insert(&m, blocks[i]), 0);
        }
        cr_assert_eq(m.count, N);
        for (unsigned i = 0; i < N; i++)
            cr_assert_eq(blockmap_find(&m, 0x400000 + 12 * i, round), blocks[i]);
        for (unsigned i = 0; i < N; i++) {
            blockmap_remove(&m, blocks[i]);
            cr_assert_null(blockmap_find(&m, 0x400000 + 12 * i, round));
            cr_expect(blocks[i]->dead);
        }
        cr_assert_eq(m.count, 0);
    }
    cr_expect_null(blockmap_overlapping(&m, 0, UINT64_MAX));
    blockmap_destroy(&m);
}

Test(blockmap, overlapping)
{
    BlockMap m = make();
    Block *a = new_block(0x1ff8, 0, 16), *b = new_block(0x5000, 0, 4); /* a crosses a page */

    cr_assert_eq(blockmap_insert(&m, a), 0);
    cr_assert_eq(blockmap_insert(&m, b), 0);
    cr_expect_eq(blockmap_overlapping(&m, 0x1ff8, 1), a);
    cr_expect_eq(blockmap_overlapping(&m, 0x2007, 1), a);
    cr_expect_null(blockmap_overlapping(&m, 0x2008, 0x2ff8));
    cr_expect_null(blockmap_overlapping(&m, 0x1ff0, 8));
    cr_expect_null(blockmap_overlapping(&m, 0x1ff8, 0));
    cr_expect_eq(blockmap_overlapping(&m, 0x5003, 0x1000000000), b);
    blockmap_remove(&m, a);
    cr_expect_null(blockmap_overlapping(&m, 0x1000, 0x3000));
    cr_expect_eq(blockmap_overlapping(&m, 0, UINT64_MAX / 2), b);
    blockmap_destroy(&m);
}

Test(blockmap, cleared)
{
    BlockMap m = make();
    Block *a = new_block(0x1000, 0, 8);

    cr_assert_eq(blockmap_insert(&m, a), 0);
    blockmap_clear(&m);
    cr_expect_null(blockmap_find(&m, 0x1000, 0));
    cr_expect_null(blockmap_overlapping(&m, 0, 0x10000));
    cr_expect(a->dead);
    blockmap_destroy(&m);
}

Test(faultmap, covers_from_an_entry_to_the_next)
{
    static const struct {
        uint32_t host;
        int64_t guest;
    } entries[] = {{0, 0}, {7, 4}, {7, 8}, {200, 12}, {100000, 400}, {100020, 4}};
    uint8_t bytes[128];
    FaultMap m;
    int64_t guest;

    faultmap_begin(&m, bytes, sizeof bytes);
    for (unsigned i = 0; i < sizeof entries / sizeof entries[0]; i++)
        cr_assert(faultmap_add(&m, entries[i].host, entries[i].guest));
    static const struct {
        uint32_t host;
        int64_t guest;
    } want[] = {{0, 0},    {6, 0},      {7, 8},        {199, 8},
                {200, 12}, {99999, 12}, {100019, 400}, {200000, 4}};
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        cr_assert(faultmap_find(bytes, m.len, want[i].host, &guest));
        cr_expect_eq(guest, want[i].guest, "host %u: %lld", want[i].host, (long long)guest);
    }
    cr_expect_not(faultmap_find(bytes, 0, 0, &guest));
}
