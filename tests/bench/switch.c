// group: dispatch
// A register-machine interpreter with one switch.
#include "bench.h"

BENCH(1800000, dispatch)
{
    // r1 = n; do { r0 = r0 * 5 + r1; r2 ^= r0 >> 3; r1-- } while (r1)
    static const uint8_t code[][4] = {{0, 1, 8, 0}, {1, 0, 0, 5}, {2, 0, 0, 1}, {3, 3, 0, 3}, {4, 2, 2, 3}, {5, 1, 1, 1}, {6, 1, 1, 0}, {7, 0, 0, 0}};
    uint64_t r[4] = {1, 0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t pc = 0;; pc++) {
            const uint8_t *c = code[pc];
            switch (c[0]) {
            case 0: r[c[1]] = c[2]; continue;
            case 1: r[c[1]] = r[c[2]] * c[3]; continue;
            case 2: r[c[1]] = r[c[2]] + r[c[3]]; continue;
            case 3: r[c[1]] = r[c[2]] >> c[3]; continue;
            case 4: r[c[1]] = r[c[2]] ^ r[c[3]]; continue;
            case 5: r[c[1]] = r[c[2]] - c[3]; continue;
            case 6:
                if (r[c[1]])
                    pc = c[2] - 1u;
                continue;
            default: break;
            }
            break;
        }
        if (i % 16 == 0)
            r[0] ^= r[2];
    }
    return r[0] ^ r[2];
}
