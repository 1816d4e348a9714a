// group: memory
// A hash table with open addressing: insert, find.
#include "bench.h"

BENCH(120, memory)
{
    enum { BITS = 17, SIZE = 1 << BITS };
    static uint64_t key[SIZE], value[SIZE];
    uint64_t found = 0;
    for (uint32_t r = 0; r < n; r++) {
        uint32_t seed = r + 1;
        memset(key, 0, sizeof key);
        for (uint32_t i = 0; i < 60000; i++) {
            uint64_t k = next(&seed) | 1;
            uint32_t at = (uint32_t)(k * 0x9e3779b97f4a7c15u >> (64 - BITS));
            while (key[at] && key[at] != k)
                at = (at + 1) % SIZE;
            key[at] = k;
            value[at] += i;
        }
        for (uint32_t k = 1; k < 120000; k += 2) {
            uint32_t at = (uint32_t)((uint64_t)k * 0x9e3779b97f4a7c15u >> (64 - BITS));
            while (key[at] && key[at] != k)
                at = (at + 1) % SIZE;
            found += key[at] == k ? value[at] : 1;
        }
    }
    return found;
}
