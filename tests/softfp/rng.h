/* rng.h - random floats for these tests: a fixed seed, special values often. */
#ifndef XEMU_TESTS_SOFTFP_RNG_H
#define XEMU_TESTS_SOFTFP_RNG_H

#include <stdint.h>

static inline uint64_t rng_next(uint64_t *s)
{ /* splitmix64 */
    uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A number of exp_bits and frac_bits: any bits; one near a power of two, the bounds of normals or
 * the middle of the exponents; zeros, infinities, NaNs. */
static inline uint64_t rng_float(uint64_t *s, unsigned exp_bits, unsigned frac_bits)
{
    uint64_t r = rng_next(s), kind = rng_next(s) % 16, max = (UINT64_C(1) << exp_bits) - 1;
    uint64_t frac_mask = (UINT64_C(1) << frac_bits) - 1, frac = r & frac_mask,
             sign = r >> 63 << (exp_bits + frac_bits);
    uint64_t exp = rng_next(s) & max;
    switch (kind) {
    case 0:
        exp = 0;
        frac = 0;
        break;
    case 1:
        exp = max;
        frac = 0;
        break;
    case 2: exp = max; break;
    case 3: exp = 0; break;
    case 4: exp = 1 + (exp & 3); break;
    case 5: exp = max - 1 - (exp & 3); break;
    case 6: frac = 0; break;
    case 7: frac = frac_mask; break;
    case 8: frac &= ~(frac_mask >> 4); break;
    case 9: frac &= frac_mask >> (frac_bits - 2); break;
    case 10:
    case 11:
    case 12: exp = max / 2 - 8 + (exp & 15); break; /* sums and integers of comparable size */
    case 13: exp = max / 2 + (exp % (exp_bits > 5 ? 70 : 16)); break;
    default: break;
    }
    return sign | exp << frac_bits | frac;
}

#endif
