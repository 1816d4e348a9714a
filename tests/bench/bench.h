// Every benchmark is a program: work(n) does n units and returns a number that depends on all of it. One unit count is
// the same for all emulators; the argument of the program overrides it, or says with an x in front how often it is done.
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 4;
}

#define NOINLINE __attribute__((noinline))

#define BENCH(units, group)                                                                                    \
    static NOINLINE uint64_t work(uint32_t n);                                                                 \
    int main(int argc, char **argv)                                                                            \
    {                                                                                                          \
        bool times = argc > 1 && argv[1][0] == 'x';                                                            \
        volatile uint32_t n = argc > 1 && !times ? (uint32_t)strtoul(argv[1], NULL, 10) : (units);             \
        uint64_t sum = work(n);                                                                                \
        for (unsigned long i = times ? strtoul(argv[1] + 1, NULL, 10) : 1; i > 1; i--)                         \
            sum = sum * 31 + work(n);                                                                          \
        printf("%" PRIu64 "\n", sum);                                                                          \
        return 0;                                                                                              \
    }                                                                                                          \
    static uint64_t work(uint32_t n)

#endif
