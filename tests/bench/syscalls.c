// group: system
// The shortest system call.
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

BENCH(500000, system)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += syscall(SYS_getppid) != 0;
    return sum;
}
