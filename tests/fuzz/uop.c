/* Micro-op programs: the bytes are seeds of random blocks, which must give the same state in the
 * interpreter and, after folding and optimizing, in tier 1, under all FP modes.
 *
 *     byte 0: kinds of operations (RANDOM_*); 1: CPU_MODE_* bits; 2: instructions; then eight bytes
 * for each block
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/cpu.h"
#include "jit/jit.h"
#include "tests/uop/tiers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Tiers *tiers;
    enum { MODES = CPU_MODE_FZ | CPU_MODE_FZ16 | CPU_MODE_DN | CPU_MODE_AHP };
    if (!tiers && !(tiers = tiers_create(JIT_TIER_TEMPLATE, 0))) {
        abort();
    }
    for (size_t at = 3; at + 8 <= size; at += 8) {
        uint64_t seed;
        memcpy(&seed, data + at, sizeof seed);
        if (!tiers_agree(tiers, seed, 2 + data[2] % 16, data[0] & 7, data[1] & MODES)) {
            abort();
        }
    }
    return 0;
}
