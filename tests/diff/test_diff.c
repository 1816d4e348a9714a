/* test_diff.c - random instructions and sequences from random states: the interpreter, tier 1 and
 * qemu-aarch64 must leave the same state behind.
 *
 * Quick with a fixed seed by default. For the full run, and to narrow down:
 *     XEMU_DIFF_TIER2=1 (one case in so many is compiled by tier 2 as well, in milliseconds; 0:
 * none) XEMU_DIFF_EACH=100 XEMU_DIFF_SEQUENCES=10000 XEMU_DIFF_SEED=7 XEMU_DIFF_ONLY=FCVTZS_v (a
 * prefix of pattern names) XEMU_DIFF_ORACLE=0 XEMU_DIFF_SKIP=FCVTZS,B (prefixes of patterns not to
 * meet) XEMU_DIFF_HOST_OFF=<mask of JIT_HOST_* bits>
 */
#include <criterion/criterion.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"
#include "compare.h"
#include "generate.h"
#include "machine.h"
#include "oracle.h"

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);
    return s ? strtoull(s, NULL, 0) : otherwise;
}

static struct {
    bool tier1, oracle;
    uint64_t tier2; /* one case in so many; 0: none */
    bool tier2_run[DIFF_SLOTS];
    bool precise; /* every other batch */
    unsigned long cases, mismatches, excused, shown;
    uint8_t *bad_pattern; /* one report for each pattern and kind of comparison */
} run;

enum { SHOW_MOST = 40 };

static void mismatch(const DiffCase *c, const char *name_a, const DiffResult *a, const char *name_b,
                     const DiffResult *b, unsigned kind)
{
    run.mismatches++;
    if (run.shown >= SHOW_MOST || (c->pattern >= 0 && run.bad_pattern[c->pattern] >> kind & 1)) {
        return;
    }
    if (c->pattern >= 0) {
        run.bad_pattern[c->pattern] |= (uint8_t)(1u << kind);
    }
    run.shown++;
    compare_report(stderr, c, name_a, a, name_b, b);
    fprintf(stderr, "\n");
}

static bool tiers_agree(const DiffCase *c, DiffTier a, DiffTier b, DiffResult *ra, DiffResult *rb)
{
    machine_load_one(c);
    machine_run(a, c, ra);
    machine_run(b, c, rb);
    return compare_equal(ra, rb, run.precise);
}

/* The instructions of a sequence that aren't needed for two tiers to differ become NOPs, then go.
 */
static DiffCase minimize(const DiffCase *c, DiffTier a, DiffTier b)
{
    DiffCase best = *c;
    DiffResult ra, rb;
    for (uint32_t i = best.ninsns; i-- > 0;) {
        DiffCase shorter = best;
        memmove(&shorter.insns[i], &shorter.insns[i + 1],
                (shorter.ninsns - i - 1) * sizeof(shorter.insns[0]));
        shorter.ninsns--;
        machine_load_one(&shorter);
        machine_run(DIFF_STEP, &shorter, &ra); /* an endless loop is no improvement */
        if (shorter.ninsns && ra.signal && !tiers_agree(&shorter, a, b, &ra, &rb)) {
            best = shorter;
        }
    }
    return best;
}

static void check_tiers(const DiffCase *c, DiffTier a, const DiffResult *ra, DiffTier b,
                        const DiffResult *rb)
{
    if (compare_equal(ra, rb, run.precise)) {
        return;
    }
    DiffResult na, nb;
    DiffCase small = *c;
    if (!tiers_agree(c, a, b, &na, &nb)) {
        small = minimize(c, a, b);
        if (!tiers_agree(&small, a, b, &na, &nb)) {
            ra = &na;
            rb = &nb;
        }
    }
    mismatch(&small, diff_tier_names[a], ra, diff_tier_names[b], rb, b);
}

/* A case that goes on in another one's loop for ever is emptied: ninsns 0. */
static void run_batch(DiffCase *cases, unsigned n)
{
    static DiffResult mine[DIFF_MACHINES][DIFF_SLOTS], its[DIFF_SLOTS];
    run.cases += n;
    run.precise = !run.precise;
    machine_precise(run.precise);
    machine_load(cases, n);
    for (unsigned t = 0; t < DIFF_TIERS; t++) {
        for (unsigned i = 0; i < n && (t < DIFF_TEMPLATE || run.tier1); i++) {
            if (cases[i].ninsns) {
                machine_run((DiffTier)t, &cases[i], &mine[t][i]);
                cases[i].ninsns = mine[t][i].signal ? cases[i].ninsns : 0;
            }
        }
    }
    for (unsigned i = 0; i < n && run.tier2; i++) {
        /* A fault of memory leaves no registers in relaxed code. */
        uint32_t sig = mine[DIFF_INTERP][i].signal;
        run.tier2_run[i] = cases[i].ninsns && (run.cases + i) % run.tier2 == 0 &&
                           (run.precise || (sig != SIGSEGV && sig != SIGBUS));
        if (run.tier2_run[i]) {
            machine_run(DIFF_LLVM, &cases[i], &mine[DIFF_LLVM][i]);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!cases[i].ninsns) {
            continue;
        }
        if (run.tier2_run[i]) {
            check_tiers(&cases[i], DIFF_INTERP, &mine[DIFF_INTERP][i], DIFF_LLVM,
                        &mine[DIFF_LLVM][i]);
        }
        check_tiers(&cases[i], DIFF_STEP, &mine[DIFF_STEP][i], DIFF_INTERP, &mine[DIFF_INTERP][i]);
        if (run.tier1) {
            check_tiers(&cases[i], DIFF_INTERP, &mine[DIFF_INTERP][i], DIFF_TEMPLATE,
                        &mine[DIFF_TEMPLATE][i]);
            check_tiers(&cases[i], DIFF_INTERP, &mine[DIFF_INTERP][i], DIFF_QUICK,
                        &mine[DIFF_QUICK][i]);
        }
    }
    if (!run.oracle) {
        return;
    }
    cr_assert(oracle_run(cases, n, its));
    for (unsigned i = 0; i < n; i++) {
        if (!cases[i].ninsns || compare_equal(&mine[DIFF_STEP][i], &its[i], run.precise)) {
            continue;
        }
        if (oracle_excuse(&cases[i], &mine[DIFF_STEP][i], &its[i])) {
            run.excused++;
        } else {
            mismatch(&cases[i], "interpreter", &mine[DIFF_STEP][i], "oracle", &its[i],
                     DIFF_MACHINES);
        }
    }
}

static void begin(void)
{
    static uint8_t bad[A64_PATTERNS];
    run.bad_pattern = bad;
    run.tier1 = machine_open(setting("XEMU_DIFF_HOST_OFF", 0));
    run.tier2 = setting("XEMU_DIFF_TIER2", 40);
    run.tier2 = run.tier2 && machine_open_llvm() ? run.tier2 : 0;
    run.oracle = setting("XEMU_DIFF_ORACLE", 1) && oracle_open();
    if (!run.oracle) {
        cr_log_warn("without the oracle: no qemu-aarch64 or no cross compiler here");
    }
}

static void finish(void)
{
    cr_log_info("%lu cases, %lu answers of the oracle excused, %lu micro-operations of tier 1 by "
                "the interpreter",
                run.cases, run.excused, machine_fallbacks());
    cr_assert_eq(run.mismatches, 0, "%lu mismatches in %lu cases", run.mismatches, run.cases);
}

static DiffCase cases[DIFF_SLOTS];

Test(diff, patterns, .timeout = 3600)
{
    begin();
    const char *only = getenv("XEMU_DIFF_ONLY");
    uint64_t each = setting("XEMU_DIFF_EACH", 6), seed = setting("XEMU_DIFF_SEED", 1);
    unsigned n = 0;
    for (int p = 0; p < A64_PATTERNS; p++) {
        if (p == A64_MRS_cntvct || p == A64_MRS_clock || generate_skips(p) ||
            (only && strncmp(a64_name(p), only, strlen(only)) != 0)) {
            continue; /* time goes on between two runs */
        }
        for (uint64_t k = 0; k < each; k++) {
            n += generate_single(&cases[n], n, p, &seed);
            if (n == DIFF_SLOTS) {
                run_batch(cases, n);
                n = 0;
            }
        }
    }
    run_batch(cases, n);
    finish();
}

Test(diff, sequences, .timeout = 3600)
{
    begin();
    uint64_t total = setting("XEMU_DIFF_SEQUENCES", 1000), seed = setting("XEMU_DIFF_SEED", 1);
    for (unsigned n = 0; total; total -= n) {
        for (n = 0; n < DIFF_SLOTS && n < total;) {
            n += generate_sequence(&cases[n], n, 12, &seed);
        }
        run_batch(cases, n);
    }
    finish();
}

/* What the interpreter ran is freed once it's dropped. */
Test(diff, dropped_blocks_are_freed)
{
    static const DiffCase nops = {
        .in = {.pc = DIFF_CODE}, .insns = {0xd503201f, 0xd503201f}, .ninsns = 2, .pattern = -1};
    DiffResult r;
    machine_open(0);
    size_t before = 0;
    for (unsigned i = 0; i < 2000; i++) {
        machine_load_one(&nops);
        machine_run(DIFF_INTERP, &nops, &r);
        before = i == 100 ? mallinfo2().uordblks : before;
    }
    cr_assert_lt(mallinfo2().uordblks, before + 65536);
}
