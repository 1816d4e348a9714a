// group: integer
// Counting and finding bits: queens by bit masks.
#include "bench.h"

static NOINLINE uint64_t place(uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == all)
        return 1;
    uint64_t found = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        uint32_t bit = free & -free;
        found += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}

BENCH(13, integer)
{
    uint64_t sum = place((1u << n) - 1, 0, 0, 0);
    for (uint64_t i = 1; i < 60000000; i++)
        sum += (uint64_t)__builtin_clzll(i) + (uint64_t)__builtin_ctzll(i);
    return sum;
}
