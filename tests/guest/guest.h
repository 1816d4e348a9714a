// What the guest programs share: a random generator that is the same everywhere, and a digest of results.
// Each program is also built natively, and the two outputs are compared.
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t rnd_state = 0x9e3779b97f4a7c15u;

// splitmix64
static inline uint64_t rnd(void)
{
    uint64_t z = (rnd_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t f64_bits(double d)
{
    uint64_t u;
    memcpy(&u, &d, 8);
    return d != d ? 0x7ff8000000000000u : u; // the sign and payload of a NaN are the machine's own
}

static inline uint32_t f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return f != f ? 0x7fc00000u : u;
}

static inline double f64_from(uint64_t u)
{
    double d;
    memcpy(&d, &u, 8);
    return d;
}

static inline float f32_from(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint64_t digest_state = 0xcbf29ce484222325u;

// FNV-1a over words: order matters.
static inline void digest(uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        digest_state = (digest_state ^ (v & 0xff)) * 0x100000001b3u;
        v >>= 8;
    }
}

// Prints the digest of what came since the last call.
static inline void digest_print(const char *what)
{
    printf("%s %016" PRIx64 "\n", what, digest_state);
    digest_state = 0xcbf29ce484222325u;
}

// Doubles of all kinds: any bits, small numbers, integers, specials.
static inline double rnd_double(void)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e308, -1e308, 4.9e-324,
                                     2.2250738585072014e-308, 1e-310, __builtin_inf(),
                                     -__builtin_inf(), 4503599627370496.5, 9007199254740993.0};
    uint64_t r = rnd();
    switch (r & 7) {
    case 0: return special[(r >> 8) % (sizeof special / sizeof *special)];
    case 1: return (double)(int64_t)rnd();
    case 2: return (double)(int32_t)rnd() / 65536;
    case 3: return (double)(rnd() >> 11) * 0x1p-53;
    default: {
        double d = f64_from(rnd());
        return d != d ? 3.25 : d;
    }
    }
}

#endif
