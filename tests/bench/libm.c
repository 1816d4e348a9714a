// group: libm
// Sines, exponentials, logarithms and powers of the C library.
#include "bench.h"

BENCH(1400000, libm)
{
    double s = 0, x = 0.1;
    for (uint32_t i = 0; i < n; i++, x += 0.001) {
        s += sin(x) * exp(-x * 0.01) + log(x) + pow(x, 0.3) + atan(x);
        if (x > 100)
            x = 0.1;
    }
    return (uint64_t)(int64_t)(s * 1000);
}
