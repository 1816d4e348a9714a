// group: scalar double
// The Mandelbrot set: a short loop of multiplications and additions.
#include "bench.h"

BENCH(900, scalar double)
{
    uint64_t sum = 0;
    for (uint32_t y = 0; y < n; y++)
        for (uint32_t x = 0; x < n; x++) {
            double cr = 3.0 * x / n - 2.2, ci = 2.4 * y / n - 1.2, r = 0, i = 0;
            int k = 0;
            for (; k < 200 && r * r + i * i < 4; k++) {
                double t = r * r - i * i + cr;
                i = 2 * r * i + ci;
                r = t;
            }
            sum += (uint64_t)k;
        }
    return sum;
}
