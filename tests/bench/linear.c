// group: scalar double
// Gaussian elimination with pivots.
#include "bench.h"

BENCH(375, scalar double)
{
    enum { N = 120 };
    static double a[N][N + 1];
    double out = 0;
    uint32_t seed = 17;
    for (uint32_t r = 0; r < n; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j <= N; j++)
                a[i][j] = (double)next(&seed) / 1e6 - 100;
        for (int c = 0; c < N; c++) {
            int p = c;
            for (int i = c + 1; i < N; i++)
                if (fabs(a[i][c]) > fabs(a[p][c]))
                    p = i;
            for (int j = c; j <= N; j++) {
                double t = a[c][j];
                a[c][j] = a[p][j], a[p][j] = t;
            }
            for (int i = c + 1; i < N; i++) {
                double f = a[i][c] / a[c][c];
                for (int j = c; j <= N; j++)
                    a[i][j] -= f * a[c][j];
            }
        }
        out += a[N - 1][N] / a[N - 1][N - 1];
    }
    return (uint64_t)(int64_t)(out * 1000);
}
