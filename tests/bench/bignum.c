// group: integer
// 128-bit products and carries: multiplication of large numbers.
#include "bench.h"

BENCH(37500, integer)
{
    enum { WORDS = 64 };
    static uint64_t a[WORDS], b[WORDS], r[2 * WORDS];
    uint32_t seed = 3;
    for (int i = 0; i < WORDS; i++)
        a[i] = (uint64_t)next(&seed) << 32 | next(&seed), b[i] = ~a[i] * 3;
    for (uint32_t t = 0; t < n; t++) {
        memset(r, 0, sizeof r);
        for (int i = 0; i < WORDS; i++) {
            uint64_t carry = 0;
            for (int j = 0; j < WORDS; j++) {
                unsigned __int128 p = (unsigned __int128)a[i] * b[j] + r[i + j] + carry;
                r[i + j] = (uint64_t)p;
                carry = (uint64_t)(p >> 64);
            }
            r[i + WORDS] = carry;
        }
        a[t % WORDS] ^= r[t % (2 * WORDS)];
    }
    return a[5] ^ r[70];
}
