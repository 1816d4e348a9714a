// group: memory
// A sieve: strided byte stores and a scan.
#include "bench.h"

BENCH(60, memory)
{
    enum { SIZE = 2000000 };
    static uint8_t composite[SIZE];
    uint64_t count = 0;
    for (uint32_t r = 0; r < n; r++) {
        memset(composite, 0, SIZE);
        for (uint32_t i = 2; i * i < SIZE; i++)
            if (!composite[i])
                for (uint32_t j = i * i; j < SIZE; j += i)
                    composite[j] = 1;
        for (uint32_t i = 2; i < SIZE; i++)
            count += !composite[i];
    }
    return count;
}
