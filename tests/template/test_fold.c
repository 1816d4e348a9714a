/* test_fold.c - code is what it was after it was folded for storing and back, whatever its bytes
 * are, and what leads to the same place is the same. */
#include <criterion/criterion.h>

#include "jit/template/template.h"

enum { LEN = 600, SPAN = 2 * CODEBUF_CHUNK };

static uint32_t state = 1;

static uint32_t next(void)
{
    return (state = state * 1664525 + 1013904223) >> 8;
}

/* Bytes of which many are opcodes of jumps, zeros, or displacements within the pair. */
static void fill(uint8_t *code, uint32_t at)
{
    static const uint8_t likely[] = {0xe8, 0xe9, 0x0f, 0x84, 0, 0xff, 7};

    for (uint32_t i = 0; i < LEN; i++)
        code[i] = (uint8_t)(next() % 3 ? likely[next() % sizeof likely] : next());
    for (uint32_t i = 0; i + 10 < LEN; i += 10 + next() % 40) {
        uint32_t v = next() % 9 ? next() % SPAN - (at + i + 5) : 0 - (at + i + 5);
        code[i] = 0xe9;
        memcpy(code + i + 1, &v, 4);
    }
}

Test(fold, round_trip)
{
    static const uint32_t places[] = {
        0, 1, 4000, 4096, 70000, CODEBUF_CHUNK - LEN, CODEBUF_CHUNK, SPAN - LEN};
    enum { N = sizeof places / sizeof *places };
    uint8_t code[LEN], was[LEN];

    for (unsigned i = 0; i < 300; i++) {
        uint32_t at = places[i % N], other = places[i / N % N];
        fill(code, at);
        memcpy(was, code, LEN);
        template_fold(code, LEN, at, other, false);
        template_fold(code, LEN, at, other, true);
        cr_assert(!memcmp(code, was, LEN), "at %u, other part at %u", at, other);
    }
}

static uint32_t folded(uint32_t at, uint32_t other, uint32_t to)
{
    uint8_t code[6] = {0x0f, 0x85};
    uint32_t v = to - (at + 6);

    memcpy(code + 2, &v, 4);
    template_fold(code, sizeof code, at, other, false);
    memcpy(&v, code + 2, 4);
    return v;
}

Test(fold, alike)
{
    cr_assert_eq(folded(5000, 300000, 300008), folded(70000, 410000, 410008));
    cr_assert_eq(folded(5000, 300000, 64), folded(300000, 5000, 64), "a stub");
    cr_assert_eq(folded(5000, 300000, 5006), 0, "taken out before");
}

Test(fold, stub)
{
    uint8_t stub[TEMPLATE_STUB_SIZE] = {0xe8, 1, 2, 3, 4, 5, 6, 7, 8}, was[TEMPLATE_STUB_SIZE];

    memcpy(was, stub, sizeof stub);
    template_fold_stub(stub, 3, 40);
    template_fold_stub(stub, 3, 40);
    cr_assert(!memcmp(stub, was, sizeof stub));
    stub[0] = was[0] = 0x48;
    template_fold_stub(stub, 3, 40);
    cr_assert(!memcmp(stub, was, sizeof stub), "not a stub");
}
