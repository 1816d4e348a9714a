// group: SIMD integer
// Loops over 16 and 32 bit numbers that the compiler vectorizes: dot product, maximum, shift and clip.
// flags: -O3
#include "bench.h"

BENCH(48000, SIMD integer)
{
    enum { N = 2048 };
    static int16_t a[N], b[N];
    static int32_t c[N];
    uint32_t seed = 23;
    for (int i = 0; i < N; i++)
        a[i] = (int16_t)next(&seed), b[i] = (int16_t)next(&seed);
    uint64_t sum = 0;
    for (uint32_t r = 0; r < n; r++) {
        int32_t dot = 0, most = INT32_MIN;
        for (int i = 0; i < N; i++)
            dot += (a[i] >> 2) * (b[i] >> 2);
        for (int i = 0; i < N; i++)
            c[i] = (a[i] * 3 + b[i] * 5) >> 3;
        for (int i = 0; i < N; i++)
            most = c[i] > most ? c[i] : most;
        for (int i = 0; i < N; i++)
            b[i] = (int16_t)(c[i] > 4000 ? 4000 : c[i] < -4000 ? -4000 : c[i]);
        sum += (uint32_t)dot ^ (uint32_t)most;
        a[r % N]++;
    }
    return sum;
}
