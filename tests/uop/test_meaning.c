/* test_meaning.c - folding and optimizing keep the meaning of a block: the interpreter runs random
 * ones before and after. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "jit/interp/interp.h"
#include "tests/uop/random.h"
#include "tests/uop/rebuild.h"
#include "tests/uop/text.h"

static const Frontend frontend = {
    .name = "test", .fp_policy = FP_POLICY_ARM, .flags_offset = TEST_NZCV};

typedef struct Outcome {
    Cpu cpu;
    _Alignas(16) uint8_t memory[RANDOM_MEMORY_SIZE];
    CpuExit exit;
} Outcome;

/* The memory that the blocks know the address of. */
static _Alignas(16) uint8_t memory[RANDOM_MEMORY_SIZE];

static void set_up(Outcome *o, const Random *r)
{
    memset(o, 0, sizeof *o);
    for (unsigned i = 0; i < (TEST_NZCV - TEST_R) / 8; i++) {
        uint64_t x = random_special(r);
        memcpy(o->cpu.file + 8 * i, &x, 8);
    }
    for (unsigned i = 0; i < 4; i++) {
        o->cpu.file[TEST_NZCV - TEST_R + i] = r->next(r->ctx) & 1;
    }
    for (unsigned i = 0; i < RANDOM_MEMORY_SIZE; i++) {
        o->memory[i] = (uint8_t)r->next(r->ctx);
    }
    o->cpu.frontend = &frontend;
    o->cpu.ll_addr = ~0ull;
    o->cpu.fp_round = (uint32_t)(r->next(r->ctx) & 3);
    o->cpu.pc = 0x1000;
}

static void run(Outcome *o, const UopBlock *b)
{
    memcpy(memory, o->memory, sizeof memory);
    o->exit = interp_run_block(&o->cpu, b);
    memcpy(o->memory, memory, sizeof memory);
}

static void same(const Outcome *x, const Outcome *y, const UopBlock *before, const UopBlock *after,
                 uint64_t seed, const char *what)
{
    bool equal = x->exit == y->exit && x->cpu.pc == y->cpu.pc &&
                 x->cpu.fp_flags == y->cpu.fp_flags &&
                 memcmp(x->cpu.file, y->cpu.file, sizeof x->cpu.file) == 0 &&
                 memcmp(x->memory, y->memory, sizeof x->memory) == 0;
    if (!equal) {
        char *first = test_print(before), *second = test_print(after);
        unsigned at = 0;
        while (at < sizeof x->cpu.file - 1 && x->cpu.file[at] == y->cpu.file[at]) {
            at++;
        }
        cr_assert_fail(
            "seed %llu: %s; exits %d %d, FP flags %#x %#x, first difference at offset %u\n%s--\n%s",
            (unsigned long long)seed, what, x->exit, y->exit, x->cpu.fp_flags, y->cpu.fp_flags,
            at + TEST_R, first, second);
    }
}

static void verify(const UopBlock *b, uint64_t seed, const char *what)
{
    char msg[200];
    if (uop_verify(b, msg, sizeof msg) != 0) {
        char *text = test_print(b);
        cr_assert_fail("seed %llu: %s: %s\n%s", (unsigned long long)seed, what, msg, text);
    }
}

static UopFlagsUse flags_are_read(void *ctx, GuestAddr pc)
{
    (void)ctx;
    (void)pc;
    return UOP_FLAGS_READ;
}

static void check(unsigned what, uint64_t first, unsigned count)
{
    UopBlock before, after;
    static Outcome start, x, y;
    UopFile file = {
        .flags_offset = TEST_NZCV, .flags_use_at = flags_are_read, .faults_see_flags = true};
    uop_block_init(&before);
    uop_block_init(&after);
    for (uint64_t seed = first; seed < first + count; seed++) {
        RandomSeed state = {seed};
        Random r = {random_next, &state};
        uop_block_reset(&before, 0x1000, 0);
        random_block(&before, &r, 1 + (unsigned)(seed % 12), what, (uintptr_t)memory);
        verify(&before, seed, "random");
        set_up(&start, &r);
        x = start;
        run(&x, &before);

        rebuild(&after, &before);
        verify(&after, seed, "built");
        y = start;
        run(&y, &after);
        same(&x, &y, &before, &after, seed, "folding");

        uop_optimize(&after, &file);
        verify(&after, seed, "optimized");
        y = start;
        run(&y, &after);
        same(&x, &y, &before, &after, seed, "folding, then optimizing");

        rebuild(&after, &before);
        char *text = test_print(&before), msg[200];
        cr_assert_eq(uop_parse(&after, text, test_reg_offset, msg, sizeof msg), 0, "seed %llu: %s",
                     (unsigned long long)seed, msg);
        free(text);
        uop_optimize(&after, &file);
        verify(&after, seed, "parsed and optimized");
        y = start;
        run(&y, &after);
        same(&x, &y, &before, &after, seed, "optimizing alone");
    }
    uop_block_free(&before);
    uop_block_free(&after);
}

Test(meaning, integers_and_vectors)
{
    check(0, 1, 3000);
}

Test(meaning, memory_and_exits)
{
    check(RANDOM_MEMORY | RANDOM_EXITS, 100000, 3000);
}

Test(meaning, floats)
{
    check(RANDOM_FP | RANDOM_EXITS, 200000, 3000);
}
