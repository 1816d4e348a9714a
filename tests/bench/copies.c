// group: strings
// Copies and fills of all sizes by the C library.
#include "bench.h"

BENCH(2000000, strings)
{
    static uint8_t a[70000], b[70000];
    uint32_t seed = 11;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = next(&seed) % (i % 64 ? 500 : 60000), at = next(&seed) % 1000;
        memcpy(a + at, b + (at ^ 7), size);
        memset(b + at, (int)i, size / 2);
        memmove(a + 3, a, size);
        sum += a[at] + (uint64_t)(memcmp(a, b, size) > 0);
    }
    return sum;
}
