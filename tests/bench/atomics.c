// group: atomics
// Atomic operations without contention.
#include "bench.h"

BENCH(16000000, atomics)
{
    static uint64_t counter, swapped, cas;
    for (uint32_t i = 0; i < n; i++) {
        __atomic_fetch_add(&counter, i, __ATOMIC_SEQ_CST);
        swapped ^= __atomic_exchange_n(&cas, i, __ATOMIC_ACQ_REL);
        uint64_t want = i;
        __atomic_compare_exchange_n(&cas, &want, i * 3ull, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    return counter ^ swapped ^ cas;
}
