/* Instruction sequences made from the bytes give the same state in the interpreter and in tiers 1
 * and 2. The bytes choose the patterns, their operands and the starting registers; the machine is
 * that of tests/diff. */
/* sources: diff/machine.c diff/compare.c diff/generate.c */
#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"
#include "tests/diff/compare.h"
#include "tests/diff/generate.h"
#include "tests/diff/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Bytes {
    const uint8_t *at, *end;
    uint64_t tail; /* what follows the bytes */
} Bytes;

/* Eight bytes of the input, then numbers made from the last. The shape that a64_random() wants. */
static uint64_t take(void *ctx)
{
    Bytes *b = ctx;
    size_t left = (size_t)(b->end - b->at), n = left < 8 ? left : 8;
    uint64_t v = 0;
    memcpy(&v, b->at, n);
    b->at += n;
    b->tail = (b->tail ^ v) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    return n == 8 ? v : v ^ b->tail;
}

static bool usable(int pattern)
{
    return !pattern_is_system_call(pattern) && !pattern_is_ambient(pattern) &&
           !pattern_branches(pattern);
}

/* Registers point into the data window more often than not, so that loads and stores go through. */
static void registers(DiffState *s, Bytes *b)
{
    for (int i = 0; i < 31; i++) {
        uint64_t r = take(b);
        s->x[i] = r & 3 ? DIFF_DATA + DIFF_DATA_SIZE / 2 + (r >> 8 & 0x3f8) : r >> 2;
    }
    s->sp = DIFF_DATA + DIFF_DATA_SIZE / 2;
    for (int i = 0; i < 32; i++) {
        s->v[i][0] = take(b);
        s->v[i][1] = take(b);
    }
    uint64_t r = take(b);
    s->nzcv = (uint32_t)r & 0xf0000000u;
    s->fpcr = (uint32_t)r & 0x07c80000u; /* AHP, DN, FZ, RMode, FZ16 */
    s->fpsr = 0;
}

static DiffResult interp, template;
static DiffTier differs;

/* One input in so many is compiled by tier 2 as well, which takes milliseconds. */
enum { TIER2_EVERY = 64 };
static bool with_tier2;

static bool tiers_agree(const DiffCase *c)
{
    machine_load_one(c);
    machine_run(DIFF_INTERP, c, &interp);
    for (differs = DIFF_TEMPLATE; differs <= (with_tier2 ? DIFF_LLVM : DIFF_QUICK); differs++) {
        machine_run(differs, c, &template);
        if (!compare_equal(&interp, &template, false)) {
            return false;
        }
    }
    return true;
}

/* Addresses of 32 bits may be this program's own, whose memory isn't filled anew: then the
 * interpreter gives another result the second time. */
static bool repeats(const DiffCase *c)
{
    DiffResult again;
    machine_run(DIFF_INTERP, c, &again);
    return compare_equal(&interp, &again, false);
}

/* Leaves out the instructions that aren't needed for the tiers to differ. */
static void minimize(DiffCase *c)
{
    for (uint32_t i = c->ninsns; i-- > 0 && c->ninsns > 1;) {
        DiffCase shorter = *c;
        shorter.ninsns--;
        memmove(&shorter.insns[i], &shorter.insns[i + 1],
                (shorter.ninsns - i) * sizeof shorter.insns[0]);
        if (!tiers_agree(&shorter)) {
            *c = shorter;
        }
    }
    (void)tiers_agree(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ready;
    static bool tier2;
    static unsigned inputs;
    if (!ready) {
        ready = machine_open(0) ? 1 : -1;
        tier2 = ready > 0 && machine_open_llvm();
    }
    with_tier2 = tier2 && inputs++ % TIER2_EVERY == 0;
    if (ready < 0 || size < 4) {
        return 0;
    }
    static DiffCase c;
    Bytes b = {data + 1, data + size, 1};
    c.pattern = -1;
    c.ninsns = 0;
    for (unsigned n = data[0] % 12 + 1; n; n--) {
        int pattern = (int)(take(&b) % A64_PATTERNS);
        if (usable(pattern)) {
            c.insns[c.ninsns++] = a64_random(pattern, take, &b);
        }
    }
    if (!c.ninsns) {
        return 0;
    }
    registers(&c.in, &b);
    c.in.pc = DIFF_CODE;
    if (!tiers_agree(&c) && repeats(&c)) {
        compare_report(stderr, &c, diff_tier_names[DIFF_INTERP], &interp, diff_tier_names[differs],
                       &template);
        minimize(&c); /* shows no difference if it depended on what ran before */
        compare_report(stderr, &c, diff_tier_names[DIFF_INTERP], &interp, diff_tier_names[differs],
                       &template);
        exit(1); /* abort() would end in the machine's own signal handler */
    }
    return 0;
}
