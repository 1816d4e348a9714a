/* test_quick.c - quick blocks go on behind conditional branches. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/internal.h"

enum {
    BASE = 0x10000,
    LOOP = 0x20000,
    NOP = 0xd503201f,
    CBZ_X0 = 0xb4000000,
    ADD_X1 = 0x91000421,
    SUB_X0 = 0xd1000400,
    B = 0x14000000,
    SVC = 0xd4000001,
};

/* cbz x0, 1f; add x1, x1, #1 (each time); svc #0; 1: svc #0 */
static const uint32_t words[] = {
    CBZ_X0 | 9 << 5, ADD_X1, CBZ_X0 | 7 << 5, ADD_X1, CBZ_X0 | 5 << 5, ADD_X1, SVC, NOP, NOP, SVC,
};

/* 1: cbz x0, 2f; sub x0, x0, #1; add x1, x1, #1; b 1b; 2: svc #0 */
static const uint32_t loop[] = {CBZ_X0 | 4 << 5, SUB_X0, ADD_X1, B | 0x3fffffd, SVC};

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    bool in_loop = pc >= LOOP;
    GuestAddr base = in_loop ? LOOP : BASE, len = in_loop ? sizeof loop : sizeof words;

    (void)ctx;
    if (pc < base || pc >= base + len)
        return NULL;
    *avail = base + len - pc;
    return (const uint8_t *)(in_loop ? loop : words) + (pc - base);
}

typedef struct Guest {
    Jit *jit;
    Cpu *cpu;
} Guest;

static Guest begin(uint32_t samples)
{
    JitOptions options = {.tiers = JIT_TIER_TEMPLATE,
                          .quick = samples,
                          .host_features_off = ~(uint64_t)0,
                          .arena_size = 4 << 20};
    JitHost host = {.fetch = fetch};
    Guest g = {.cpu = aligned_alloc(64, (sizeof *g.cpu + 63) & ~(size_t)63)};

    memset(g.cpu, 0, sizeof *g.cpu);
    cr_assert_eq(jit_create(&g.jit, &frontend_aarch64, &options, &host), 0);
    cr_assert_eq(jit_thread_start(g.jit, g.cpu), 0);
    return g;
}

static void end(Guest *g)
{
    jit_thread_end(g->cpu);
    jit_destroy(g->jit);
    free(g->cpu);
}

/* A register by its name: where it is, the frontend says. */
static uint64_t *reg(const Guest *g, unsigned n)
{
    return (uint64_t *)(void *)((uint8_t *)g->cpu + g->jit->frontend->int_pins[1 + n]);
}

Test(quick, goes_on_behind_branches)
{
    Guest g = begin(JIT_QUICK_ONLY);
    const Block *b = jit_block(jit_thread(g.cpu), BASE, g.cpu->mode);

    cr_assert_not_null(b);
    cr_expect(b->quick);
    cr_expect_gt(b->ninsns, 2u);
    cr_expect_eq(b->guest_len, 4 * b->ninsns);
    for (unsigned taken = 0; taken < 2; taken++) {
        g.cpu->pc = BASE;
        *reg(&g, 0) = !taken;
        *reg(&g, 1) = 0;
        cr_assert_eq(jit_run(g.cpu), CPU_EXIT_SYSCALL);
        cr_expect_eq(*reg(&g, 1), taken ? 0u : 3u);
    }
    end(&g);
}

Test(quick, ends_with_what_is_behind_a_branch)
{
    Guest g = begin(JIT_QUICK_ONLY);

    cr_assert_not_null(jit_block(jit_thread(g.cpu), BASE, g.cpu->mode));
    jit_invalidate(g.jit, BASE + sizeof words, 4096);
    cr_expect_not_null(blockmap_find(&g.jit->blocks, BASE, g.cpu->mode));
    jit_invalidate(g.jit, BASE + 4, 4);
    cr_expect_null(blockmap_find(&g.jit->blocks, BASE, g.cpu->mode));
    end(&g);
}

/* Neither of the loop's two blocks stays a quick one. */
Test(quick, what_followed_a_branch_is_optimized_too)
{
    Guest g = begin(16);

    g.cpu->pc = LOOP;
    *reg(&g, 0) = 1000;
    *reg(&g, 1) = 0;
    cr_assert_eq(jit_run(g.cpu), CPU_EXIT_SYSCALL);
    cr_expect_eq(*reg(&g, 1), 1000u);
    for (unsigned i = 0; i < 2; i++) {
        const Block *b = blockmap_find(&g.jit->blocks, LOOP + 4 * i, g.cpu->mode);
        cr_assert_not_null(b);
        cr_expect_not(b->quick);
    }
    end(&g);
}
