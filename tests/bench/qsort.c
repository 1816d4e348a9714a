// group: calls
// qsort with a comparison function.
#include "bench.h"

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

BENCH(21, calls)
{
    enum { N = 100000 };
    static uint32_t v[N];
    uint32_t seed = 29;
    uint64_t sum = 0;
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t i = 0; i < N; i++)
            v[i] = next(&seed);
        qsort(v, N, sizeof *v, compare);
        for (uint32_t i = 0; i < N; i += 1000)
            sum = sum * 31 + v[i];
    }
    return sum;
}
