// group: SIMD float
// Four floats at a time: multiply-add, minimum, comparison and selection.
#include "bench.h"

typedef float F32 __attribute__((vector_size(16)));
typedef int32_t I32 __attribute__((vector_size(16)));

BENCH(120000, SIMD float)
{
    enum { N = 256 };
    static F32 x[N], y[N], z[N];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 4; k++)
            x[i][k] = (float)(i * 4 + k) / 64, y[i][k] = (float)(i ^ k) / 32, z[i][k] = 1;
    for (uint32_t r = 0; r < n; r++) {
        F32 scale = {0.5f, 0.25f, 0.75f, 0.125f};
        for (int i = 0; i < N; i++) {
            F32 v = x[i] * scale + y[i] - z[i] * 0.01f;
            I32 less = v < z[i];
            z[i] = (F32)(((I32)v & less) | ((I32)z[i] & ~less)) + scale;
        }
        x[r % N] = z[(r * 7) % N];
    }
    float sum = 0;
    for (int i = 0; i < N; i++)
        sum += z[i][i % 4];
    return (uint64_t)(int64_t)(sum * 100);
}
