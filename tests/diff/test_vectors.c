/* test_vectors.c - the cases of vectors/: each must come out as it is written, in every tier.
 *
 * XEMU_DIFF_RECORD=FILE makes such lines: random cases of every pattern on which all tiers and the
 * oracle agree, XEMU_DIFF_EACH of each.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"
#include "compare.h"
#include "generate.h"
#include "machine.h"
#include "oracle.h"
#include "vectors.h"

static unsigned run_line(const char *file, unsigned number, const char *line, bool tier1,
                         bool tier2)
{
    DiffCase c;
    DiffResult want, got;
    unsigned failures = 0;
    const char *wrong = vector_parse(line, &c, &want);
    if (wrong) {
        cr_log_error("%s:%u: %s", file, number, wrong);
        return 1;
    }
    machine_load_one(&c);
    for (unsigned t = 0; t < DIFF_MACHINES; t++) {
        if (((t == DIFF_TEMPLATE || t == DIFF_QUICK) && !tier1) || (t == DIFF_LLVM && !tier2)) {
            continue;
        }
        machine_run((DiffTier)t, &c, &got);
        if (!compare_equal(&want, &got, false)) {
            cr_log_error("%s:%u", file, number);
            compare_report(stderr, &c, "expected", &want, diff_tier_names[t], &got);
            failures++;
        }
    }
    return failures;
}

Test(diff, vectors)
{
    bool tier1 = machine_open(0), tier2 = machine_open_llvm();
    unsigned failures = 0, lines = 0;
    glob_t files;
    cr_assert_eq(glob(XEMU_TEST_DIR "/vectors/*.vec", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char line[2048];
        FILE *f = fopen(files.gl_pathv[i], "r");
        cr_assert(f);
        for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
            if (line[0] != '#' && line[0] != '\n') {
                failures += run_line(files.gl_pathv[i], number, line, tier1, tier2);
                lines++;
            }
        }
        fclose(f);
    }
    globfree(&files);
    cr_log_info("%u vectors", lines);
    cr_assert_eq(failures, 0, "%u of %u vectors fail", failures, lines);
}

/* ---- making them ----------------------------------------------------------------------------- */
static void run_step(const DiffCase *c, DiffResult *r)
{
    machine_load_one(c);
    machine_run(DIFF_STEP, c, r);
}

/* What an instruction did, as text: what vector_print() has after =>. */
static char *effect(const DiffCase *c, const DiffResult *r)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    cr_assert(f);
    vector_print(f, c, r);
    fclose(f);
    char *after = strdup(strstr(text, "=>"));
    free(text);
    return after;
}

/* Does the case with *at made `to` do the same? Then it stays so. */
static void try_change(DiffCase *c, uint64_t *at, size_t words, uint64_t to, const char *wanted)
{
    uint64_t old[2] = {at[0], words > 1 ? at[1] : 0};
    DiffResult r;
    memset(at, 0, 8 * words);
    at[0] = to;
    run_step(c, &r);
    char *now = effect(c, &r);
    if (strcmp(now, wanted) != 0) {
        memcpy(at, old, 8 * words);
    }
    free(now);
}

/* Registers that don't matter become zero. */
static void reduce(DiffCase *c)
{
    DiffResult r;
    run_step(c, &r);
    char *wanted = effect(c, &r);
    for (unsigned i = 0; i < 32; i++) {
        try_change(c, i == 31 ? &c->in.sp : &c->in.x[i], 1, 0, wanted);
        try_change(c, c->in.v[i], 2, 0, wanted);
    }
    try_change(c, &c->in.pc, 1, DIFF_CODE, wanted);
    free(wanted);
}

/* Fills a batch with `each` cases of pattern after pattern, from *next on. */
static unsigned fill(DiffCase *cases, int *next, unsigned each, uint64_t *seed)
{
    unsigned n = 0;
    for (; *next < A64_PATTERNS && n + each <= DIFF_SLOTS; ++*next) {
        for (unsigned i = 0; i < each && *next != A64_SVC; i++) {
            while (!generate_single(&cases[n], n, *next, seed)) {
            }
            reduce(&cases[n++]);
        }
    }
    return n;
}

Test(diff, record, .timeout = 3600)
{
    const char *path = getenv("XEMU_DIFF_RECORD");
    if (!path) {
        cr_skip("only on request");
    }
    static DiffCase cases[DIFF_SLOTS];
    static DiffResult its[DIFF_SLOTS];
    machine_open(0);
    cr_assert(oracle_open());
    FILE *out = fopen(path, "w");
    cr_assert(out);
    const char *each = getenv("XEMU_DIFF_EACH");
    uint64_t seed = 2026;
    int next = 0;
    while (next < A64_PATTERNS) {
        unsigned n = fill(cases, &next, each ? (unsigned)atoi(each) : 2, &seed);
        for (unsigned i = 0; i < n; i++) {
            cases[i].in.pc =
                DIFF_CODE + (uint64_t)i * DIFF_SLOT; /* each in a slot of its own again */
        }
        cr_assert(oracle_run(cases, n, its));
        for (unsigned i = 0; i < n; i++) {
            DiffResult mine;
            run_step(&cases[i], &mine);
            if (compare_equal(&mine, &its[i], false) && !oracle_excuse(&cases[i], &mine, &its[i])) {
                reduce(&cases[i]);
                run_step(&cases[i], &mine);
                vector_print(out, &cases[i], &mine);
            }
        }
    }
    fclose(out);
}
