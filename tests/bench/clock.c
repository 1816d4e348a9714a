// group: system
// The clock that programs read most.
#include <time.h>

#include "bench.h"

BENCH(4000000, system)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct timespec now;
        sum += (uint64_t)clock_gettime(CLOCK_MONOTONIC, &now) + (now.tv_nsec >= 0);
    }
    return sum;
}
