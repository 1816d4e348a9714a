// group: conversions
// Between integers, floats and doubles.
#include "bench.h"

BENCH(11250000, conversions)
{
    double d = 0;
    float f = 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        d = (double)(int32_t)(i * 77) * 0.001;
        f = (float)d + (float)(uint32_t)sum;
        sum += (uint64_t)(int64_t)d + (uint32_t)(int32_t)(f * 1e-3f) + (uint64_t)((double)(uint64_t)i * 1.5);
    }
    return sum;
}
