/* test_stale.c - code that is invalidated while it is translated isn't kept.
 *
 * The translator asks for guest bytes through a callback: there another thread's change happens, at
 * the worst moment.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/internal.h"

enum { BASE = 0x10000, NOP = 0xd503201f, RET = 0xd65f03c0 };

typedef struct Guest {
    Jit *jit;
    unsigned changes; /* still to come */
    GuestAddr start;  /* of what each invalidates */
    uint64_t len;
    unsigned drops; /* invalidations at each change */
} Guest;

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    static const uint32_t words[] = {NOP, NOP, RET};
    Guest *g = ctx;

    if (pc < BASE || pc >= BASE + sizeof words)
        return NULL;
    if (g->changes) {
        g->changes--;
        for (unsigned i = 0; i < g->drops; i++)
            jit_invalidate(g->jit, g->start, g->len);
    }
    *avail = BASE + sizeof words - pc;
    return (const uint8_t *)words + (pc - BASE);
}

/* Is the block kept that is translated while the range is invalidated `drops` times? The next one
 * is, always. */
static bool kept(GuestAddr start, uint64_t len, unsigned drops, uint32_t tiers)
{
    Guest g = {.start = start, .len = len, .drops = drops};
    JitOptions options = {.tiers = tiers, .host_features_off = ~(uint64_t)0, .arena_size = 4 << 20};
    JitHost host = {.fetch = fetch, .ctx = &g};
    Cpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);

    memset(cpu, 0, sizeof *cpu);
    cr_assert_eq(jit_create(&g.jit, &frontend_aarch64, &options, &host), 0);
    cr_assert_eq(jit_thread_start(g.jit, cpu), 0);
    g.changes = 1;
    const Block *first = jit_block(jit_thread(cpu), BASE, cpu->mode);
    cr_assert_eq(g.changes, 0u);
    cr_assert_eq(first, blockmap_find(&g.jit->blocks, BASE, cpu->mode));
    cr_assert_not_null(jit_block(jit_thread(cpu), BASE, cpu->mode));
    jit_thread_end(cpu);
    jit_destroy(g.jit);
    free(cpu);
    return first != NULL;
}

Test(stale, ranges)
{
    static const uint32_t tiers[] = {JIT_TIER_INTERP, JIT_TIER_TEMPLATE};

    for (unsigned i = 0; i < 2; i++) {
        cr_expect_not(kept(BASE, 4, 1, tiers[i]), "its first instruction");
        cr_expect_not(kept(BASE + 8, 4, 1, tiers[i]), "its last instruction");
        cr_expect_not(kept(BASE - 64, 65, 1, tiers[i]), "from before it into it");
        cr_expect_not(kept(0, UINT64_MAX, 1, tiers[i]), "everything");
        cr_expect(kept(BASE - 64, 64, 1, tiers[i]), "what ends before it");
        cr_expect(kept(BASE + 12, 64, JIT_RECENT_DROPS, tiers[i]), "what begins behind it");
        cr_expect_not(kept(BASE + 12, 64, JIT_RECENT_DROPS + 1, tiers[i]),
                      "more than are remembered");
    }
}
