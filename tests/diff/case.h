/* case.h - one case of the differential, as the test and the guest program that runs under the
 * oracle both know it: plain data with a fixed layout.
 *
 * Memory looks alike everywhere: case k's code stands in slot k of the code area and ends in a BRK;
 * a window of data pages, refilled before each case, stands between unmapped pages. Every case ends
 * in a signal, that of the final BRK or an earlier one.
 */
#ifndef XEMU_TESTS_DIFF_CASE_H
#define XEMU_TESTS_DIFF_CASE_H

#include <stdint.h>

#define DIFF_CODE      UINT64_C(0x300000000000) /* outside of the shadow memory of AddressSanitizer */
#define DIFF_SLOT      256u                     /* bytes of code for a case */
#define DIFF_SLOTS     2048u                    /* cases of a batch */
#define DIFF_DATA      UINT64_C(0x200000001000)
#define DIFF_DATA_SIZE 4096u
#define DIFF_MAX_INSNS (DIFF_SLOT / 4 - 2)
#define DIFF_BRK       0xd42fcee0u /* BRK #0x7e77 */

typedef struct DiffState {
    uint64_t x[31], sp;
    uint64_t v[32][2];
    uint64_t pc;
    uint32_t nzcv; /* bits 31..28 */
    uint32_t fpcr, fpsr;
    uint32_t pad;
} DiffState;

typedef struct DiffCase {
    DiffState in;
    uint32_t insns[DIFF_MAX_INSNS];
    uint32_t ninsns;
    int32_t pattern; /* of a single instruction; -1: a sequence */
} DiffCase;

typedef struct DiffResult {
    DiffState out;
    uint64_t memory; /* hash of the data window */
    uint32_t signal; /* SIG* that ended it */
    uint32_t pad;
} DiffResult;

/* Data window contents before each case: floats of all sorts, small numbers, random bits. */
static inline void diff_fill(uint64_t *words)
{
    uint64_t s = 1;
    for (unsigned i = 0; i < DIFF_DATA_SIZE / 8; i++) {
        s = s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        words[i] = s ^ s >> 29;
        words[i] = i % 8 == 3   ? words[i] >> 52
                   : i % 8 == 5 ? UINT64_C(0x7ff0000080000001) ^ s >> 62 << 63
                                : words[i];
    }
}

static inline uint64_t diff_hash(const uint64_t *words)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (unsigned i = 0; i < DIFF_DATA_SIZE / 8; i++) {
        h = (h ^ words[i]) * UINT64_C(1099511628211);
        h ^= h >> 32;
    }
    return h;
}

#endif
