/* test_size.c - how many bytes of host code stand for a piece of guest code: size.txt has them, and
 * they change on purpose only.
 *
 * A line: hot bytes, a name, the A64 words in hexadecimal. Measured without features beyond
 * x86-64's baseline, so that every host gives the same. What is written must be what is emitted;
 * the number to put there is in the message.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit/internal.h"

enum { MAX_WORDS = 16 };

typedef struct Piece {
    uint32_t words[MAX_WORDS];
    size_t bytes;
} Piece;

static const GuestAddr base = 0x10000;

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    const Piece *p = ctx;

    if (pc < base || pc >= base + p->bytes)
        return NULL;
    *avail = p->bytes - (pc - base);
    return (const uint8_t *)p->words + (pc - base);
}

static uint32_t hot_bytes(Piece *p)
{
    JitOptions options = {
        .tiers = JIT_TIER_TEMPLATE, .host_features_off = ~(uint64_t)0, .arena_size = 4 << 20};
    JitHost host = {.fetch = fetch, .ctx = p};
    Cpu *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);
    Jit *jit;

    memset(cpu, 0, sizeof *cpu);
    cr_assert_eq(jit_create(&jit, &frontend_aarch64, &options, &host), 0);
    cr_assert_eq(jit_thread_start(jit, cpu), 0);
    const Block *b = jit_block(jit_thread(cpu), base, cpu->mode);
    cr_assert_not_null(b);
    uint32_t len = b->host_len;
    jit_thread_end(cpu);
    jit_destroy(jit);
    free(cpu);
    return len;
}

Test(size, pinned)
{
    FILE *f = fopen(XEMU_TEST_DIR "/size.txt", "r");
    char line[512];
    unsigned cases = 0;

    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f)) {
        Piece p = {.bytes = 0};
        unsigned want;
        char name[64];
        int at;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        cr_assert_eq(sscanf(line, "%u %63s %n", &want, name, &at), 2, "%s", line);
        for (char *word = strtok(line + at, " \n"); word; word = strtok(NULL, " \n")) {
            cr_assert_lt(p.bytes, sizeof p.words);
            p.words[p.bytes / 4] = (uint32_t)strtoul(word, NULL, 16);
            p.bytes += 4;
        }
        uint32_t got = hot_bytes(&p);
        cr_expect_eq(got, want, "%s: %u bytes, not %u", name, got, want);
        cases++;
    }
    fclose(f);
    cr_expect_gt(cases, 0u);
}
