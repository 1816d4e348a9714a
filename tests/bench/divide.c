// group: sqrt/div
// Integer division and remainder, 32 and 64 bits.
#include "bench.h"

BENCH(30000000, sqrt/div)
{
    uint64_t sum = 0;
    uint32_t seed = 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t a = next(&seed), b = (a & 0xfff) + 1;
        sum += a / b + (uint32_t)((int32_t)a % (int32_t)(b + 3)) + (sum | a) / (uint64_t)(b * 7);
    }
    return sum;
}
