/* test_tiers.c - random blocks of micro-ops in the interpreter and in tier 1. */
#include <criterion/criterion.h>

#include "frontend/cpu.h"
#include "jit/host.h"
#include "jit/jit.h"
#include "tests/uop/tiers.h"

/* Blocks of a tier 2 test. */
enum { TIER2_BLOCKS = 300 };

static void check_without(uint64_t features, unsigned what, uint64_t first, unsigned count,
                          uint32_t mode)
{
    Tiers *t = tiers_create(JIT_TIER_TEMPLATE, features);
    cr_assert_not_null(t);
    for (uint64_t seed = first; seed < first + count; seed++) {
        cr_assert(tiers_agree(t, seed, 2 + (unsigned)(seed % 8), what, mode));
    }
    cr_assert(tiers_refused(t) < 0.01);
    tiers_destroy(t);
}

static void check(unsigned what, uint64_t first, unsigned count, uint32_t mode)
{
    check_without(0, what, first, count, mode);
}

Test(tiers, integers_and_vectors)
{
    check(0, 1, 5000, 0);
}

Test(tiers, memory_and_exits)
{
    check(RANDOM_MEMORY | RANDOM_EXITS, 100000, 5000, 0);
}

Test(tiers, floats)
{
    check(RANDOM_FP | RANDOM_EXITS, 200000, 5000, 0);
}

Test(tiers, floats_flushed)
{
    check(RANDOM_FP, 300000, 2000, CPU_MODE_FZ);
    check(RANDOM_FP, 310000, 2000, CPU_MODE_FZ | CPU_MODE_FZ16 | CPU_MODE_DN);
}

Test(tiers, floats_of_other_modes)
{
    check(RANDOM_FP, 400000, 2000, CPU_MODE_DN);
    check(RANDOM_FP, 410000, 2000, CPU_MODE_FZ16 | CPU_MODE_AHP);
}

Test(tiers, without_avx512)
{
    check_without(JIT_HOST_AVX512, RANDOM_FP | RANDOM_MEMORY, 500000, 3000, 0);
    check_without(JIT_HOST_AVX512, RANDOM_FP, 505000, 2000, CPU_MODE_FZ);
}

Test(tiers, without_avx)
{
    check_without(JIT_HOST_AVX, RANDOM_FP | RANDOM_MEMORY, 510000, 3000, 0);
}

Test(tiers, sse2_only)
{
    check_without(~UINT64_C(0), RANDOM_FP | RANDOM_MEMORY, 520000, 3000, 0);
    check_without(~UINT64_C(0), RANDOM_FP, 530000, 1000, CPU_MODE_FZ | CPU_MODE_DN);
}

/* ---- tier 2: compiling a block takes milliseconds -------------------------------------------- */
#ifdef XEMU_LLVM
static void check_llvm(unsigned what, uint64_t first, unsigned count, uint32_t mode)
{
    Tiers *t = tiers_create(JIT_TIER_LLVM, 0);
    cr_assert_not_null(t);
    for (uint64_t seed = first; seed < first + count; seed++) {
        cr_assert(tiers_agree(t, seed, 2 + (unsigned)(seed % 24), what, mode));
    }
    tiers_destroy(t);
}

Test(tier2, integers_and_vectors)
{
    check_llvm(0, 600000, TIER2_BLOCKS, 0);
}

Test(tier2, memory_and_exits)
{
    check_llvm(RANDOM_MEMORY | RANDOM_EXITS, 610000, TIER2_BLOCKS, 0);
}

Test(tier2, floats)
{
    check_llvm(RANDOM_FP | RANDOM_EXITS, 620000, TIER2_BLOCKS, 0);
}

Test(tier2, floats_of_other_modes)
{
    check_llvm(RANDOM_FP, 630000, TIER2_BLOCKS / 3, CPU_MODE_FZ | CPU_MODE_FZ16 | CPU_MODE_DN);
    check_llvm(RANDOM_FP, 640000, TIER2_BLOCKS / 3, CPU_MODE_DN | CPU_MODE_AHP);
}
#endif

/* Longer blocks: values are saved to memory and brought back all the time. */
Test(tiers, many_values)
{
    static const uint32_t modes[] = {0, CPU_MODE_FZ | CPU_MODE_DN, CPU_MODE_FZ16};
    Tiers *t = tiers_create(JIT_TIER_TEMPLATE, 0);
    cr_assert_not_null(t);
    for (uint64_t seed = 600000; seed < 603000; seed++) {
        cr_assert(tiers_agree(t, seed, 10 + (unsigned)(seed % 9), RANDOM_FP | RANDOM_MEMORY,
                              modes[seed % 3]));
    }
    tiers_destroy(t);
}

/* A comparison of halves behind a branch: room for it was made behind the branch, too. */
Test(tiers, room_for_comparisons)
{
    static const uint64_t seeds[] = {7013898, 7025842, 7067960};
    Tiers *t = tiers_create(JIT_TIER_TEMPLATE, 0);
    cr_assert_not_null(t);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(tiers_agree(t, seeds[i], 10, RANDOM_MEMORY, CPU_MODE_FZ16));
    }
    tiers_destroy(t);
}
