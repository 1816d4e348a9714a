// group: sqrt/div
// Square roots and quotients of doubles and floats.
#include "bench.h"

BENCH(18000000, sqrt/div)
{
    double s = 0;
    float t = 0;
    for (uint32_t i = 1; i <= n; i++) {
        s += sqrt((double)i) / (s + 1.0);
        t += sqrtf((float)i) / (t + 1.0f);
    }
    return (uint64_t)(s * 1e6) + (uint64_t)t;
}
