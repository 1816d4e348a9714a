// group: scalar double
// Bodies under gravity: scalar double arithmetic with square roots.
#include "bench.h"

BENCH(1200000, scalar double)
{
    static double p[5][3] = {{0, 0, 0}, {4.84, -1.16, -.10}, {8.34, 4.12, -.4}, {12.89, -15.11, -.22}, {15.37, -25.9, .179}};
    static double v[5][3] = {{0, 0, 0}, {.6, 2.8, -.02}, {-1.01, 1.82, .008}, {1.08, .86, -.01}, {.97, .59, -.03}};
    static const double m[5] = {39.47, .037, .011, .0017, .002};
    for (uint32_t s = 0; s < n; s++) {
        for (int i = 0; i < 5; i++)
            for (int j = i + 1; j < 5; j++) {
                double x = p[i][0] - p[j][0], y = p[i][1] - p[j][1], z = p[i][2] - p[j][2];
                double d = x * x + y * y + z * z, mag = 0.001 / (d * sqrt(d));
                v[i][0] -= x * m[j] * mag, v[i][1] -= y * m[j] * mag, v[i][2] -= z * m[j] * mag;
                v[j][0] += x * m[i] * mag, v[j][1] += y * m[i] * mag, v[j][2] += z * m[i] * mag;
            }
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 3; k++)
                p[i][k] += 0.001 * v[i][k];
    }
    return (uint64_t)(int64_t)(p[0][0] * 1e9) ^ (uint64_t)(int64_t)(p[4][1] * 1e9);
}
