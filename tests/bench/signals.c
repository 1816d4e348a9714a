// group: system
// Signals to the thread itself.
#include <signal.h>

#include "bench.h"

static volatile uint32_t count;
static void handler(int number)
{
    count += (uint32_t)number;
}

BENCH(60000, system)
{
    signal(SIGUSR1, handler);
    for (uint32_t i = 0; i < n; i++)
        raise(SIGUSR1);
    return count;
}
