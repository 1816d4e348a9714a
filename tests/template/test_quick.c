/* test_quick.c - quick blocks go on behind conditional branches. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/internal.h"

enum {
    BASE = 0x10000,
    NOP = 0xd503201f,
    CBZ_X0 = 0xb4000000,
    ADD_X1 = 0x91000421,
    SVC = 0xd4000001
};

/* cbz x0, 1f; add x1, x1, #1 (each time); svc #0; 1: svc #0 */
static const uint32_t words[] = {
    CBZ_X0 | 9 << 5, ADD_X1, CBZ_X0 | 7 << 5, ADD_X1, CBZ_X0 | 5 << 5, ADD_X1, SVC, NOP, NOP, SVC,
};

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    (void)ctx;
    if (pc < BASE || pc >= BASE + sizeof words)
        return NULL;
    *avail = BASE + sizeof words - pc;
    return (const uint8_t *)words + (pc - BASE);
}

typedef struct Guest {
    Jit *jit;
    Cpu *cpu;
} Guest;

static Guest begin(void)
{
    JitOptions options = {.tiers = JIT_TIER_TEMPLATE,
                          .quick = JIT_QUICK_ONLY,
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
    Guest g = begin();
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
    Guest g = begin();

    cr_assert_not_null(jit_block(jit_thread(g.cpu), BASE, g.cpu->mode));
    jit_invalidate(g.jit, BASE + sizeof words, 4096);
    cr_expect_not_null(blockmap_find(&g.jit->blocks, BASE, g.cpu->mode));
    jit_invalidate(g.jit, BASE + 4, 4);
    cr_expect_null(blockmap_find(&g.jit->blocks, BASE, g.cpu->mode));
    end(&g);
}
