// group: system
// Mappings that come and go.
#include <sys/mman.h>

#include "bench.h"

BENCH(40000, system)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        sum += p != MAP_FAILED && munmap(p, 65536) == 0;
    }
    return sum;
}
