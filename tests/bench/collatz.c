// group: integer
// Short loops with branches that cannot be predicted.
#include "bench.h"

BENCH(1000000, integer)
{
    uint64_t steps = 0;
    for (uint32_t i = 1; i <= n; i++)
        for (uint64_t x = i; x != 1; steps++)
            x = x & 1 ? 3 * x + 1 : x >> 1;
    return steps;
}
