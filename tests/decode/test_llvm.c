/*
 * test_llvm.c - xemu and LLVM agree on which words are instructions: on random words, and on random
 * encodings of every pattern. XEMU_DECODE_WORDS and XEMU_DECODE_ENCODINGS ask for more of them.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "a64_decode.h"
#include "tests/decode/oracle.h"
#include "tests/decode/random.h"

enum { SHOWN = 20 };

/* 1 and a line about it if they disagree. */
static int disagree(Oracle *o, uint32_t insn, long already)
{
    A64Args args;
    char theirs[128], ours[128];
    int pattern = a64_decode(insn, &args);
    bool llvm = oracle_decodes(o, insn, theirs, sizeof theirs);
    if (llvm == (pattern >= 0) || oracle_excepts(insn, llvm)) {
        return 0;
    }
    a64_disassemble(insn, 0, ours, sizeof ours);
    if (already < SHOWN) {
        cr_log_error("%08" PRIx32 ": xemu: %s; LLVM:%s (%s)", insn, ours,
                     llvm ? theirs : " undefined",
                     pattern >= 0 ? a64_origin(pattern) : "no pattern");
    }
    return 1;
}

Test(decode, random_words_agree)
{
    Oracle *o = oracle_new();
    uint64_t state = 1;
    long bad = 0, met = 0, words = test_setting("XEMU_DECODE_WORDS", 500000);
    static bool seen[A64_PATTERNS];
    cr_assert(o);
    for (long i = 0; i < words; i++) {
        A64Args args;
        uint32_t insn = (uint32_t)random_bits(&state);
        int pattern = a64_decode(insn, &args);
        bad += disagree(o, insn, bad);
        if (pattern >= 0 && !seen[pattern]) {
            seen[pattern] = true;
            met++;
        }
    }
    cr_log_info("%ld random words met %ld of %d patterns", words, met, A64_PATTERNS);
    cr_expect(bad == 0, "%ld of %ld words", bad, words);
    oracle_free(o);
}

Test(decode, every_pattern_agrees)
{
    Oracle *o = oracle_new();
    uint64_t state = 2;
    long bad = 0, each = test_setting("XEMU_DECODE_ENCODINGS", 200);
    cr_assert(o);
    for (int pattern = 0; pattern < A64_PATTERNS; pattern++) {
        for (long i = 0; i < each; i++) {
            bad += disagree(o, a64_random(pattern, random_bits, &state), bad);
        }
    }
    cr_expect(bad == 0, "%ld encodings", bad);
    oracle_free(o);
}
