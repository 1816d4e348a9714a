// group: system
// Threads that are made and joined.
// flags: -O2 -pthread
#include <pthread.h>

#include "bench.h"

static void *body(void *arg)
{
    return arg;
}

BENCH(3000, system)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        pthread_t t;
        void *result;
        if (pthread_create(&t, NULL, body, (void *)(uintptr_t)i) || pthread_join(t, &result))
            exit(1);
        sum += (uintptr_t)result;
    }
    return sum;
}
