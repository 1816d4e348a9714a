/* random.h - a generator for tests: the same sequence everywhere. */
#ifndef XEMU_TESTS_DECODE_RANDOM_H
#define XEMU_TESTS_DECODE_RANDOM_H

#include <stdint.h>
#include <stdlib.h>

/* splitmix64; `state` is a uint64_t. */
static inline uint64_t random_bits(void *state)
{
    uint64_t z = *(uint64_t *)state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A count from the environment. */
static inline long test_setting(const char *name, long otherwise)
{
    const char *s = getenv(name);
    return s ? atol(s) : otherwise;
}

#endif
