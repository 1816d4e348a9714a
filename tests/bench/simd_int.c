// group: SIMD integer
// Sixteen bytes at a time: differences, averages, sums; a brightness filter.
#include "bench.h"

typedef uint8_t U8 __attribute__((vector_size(16)));
typedef uint16_t U16 __attribute__((vector_size(16)));
typedef int32_t I32 __attribute__((vector_size(16)));

BENCH(150000, SIMD integer)
{
    enum { N = 512 };
    static U8 x[N], y[N];
    uint32_t seed = 19;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 16; k++)
            x[i][k] = (uint8_t)next(&seed), y[i][k] = (uint8_t)next(&seed);
    I32 total = {0};
    for (uint32_t r = 0; r < n; r++) {
        U16 sum = {0};
        for (int i = 0; i < N; i++) {
            U8 greater = (U8)(x[i] > y[i]);
            U8 difference = ((x[i] - y[i]) & greater) | ((y[i] - x[i]) & ~greater);
            sum += (U16)difference & 0xff;
            sum += (U16)difference >> 8;
            y[i] = (y[i] ^ (x[i] >> 1)) + difference;
        }
        total += (I32)(sum * sum) >> 3;
    }
    return (uint32_t)total[0] ^ (uint64_t)(uint32_t)total[3] << 20;
}
