// group: SIMD float
// Two doubles at a time: a matrix product.
#include "bench.h"

typedef double F64 __attribute__((vector_size(16)));

BENCH(60, SIMD float)
{
    enum { N = 160 };
    static double a[N][N];
    static F64 b[N][N / 2], c[N][N / 2];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = i * 0.5 - j, b[i][j / 2][j % 2] = j * 0.25 + i;
    for (uint32_t r = 0; r < n; r++) {
        memset(c, 0, sizeof c);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++)
                for (int j = 0; j < N / 2; j++)
                    c[i][j] += a[i][k] * b[k][j];
        a[r % N][3] = c[5][r % (N / 2)][0] * 1e-6;
    }
    return (uint64_t)(int64_t)c[17][9][1];
}
