/* bits.h - encodings inside A64 instructions that translators and the disassembler both read. */
#ifndef XEMU_FRONTEND_AARCH64_BITS_H
#define XEMU_FRONTEND_AARCH64_BITS_H

#include <stdint.h>

static inline uint64_t a64_ones(unsigned n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/*
 * The wmask of DecodeBitMasks (C6, shared/functions): imms says the element size and how many of
 * its low bits are ones, immr how far they're rotated right; the element is repeated to 64 bits.
 * The decoder has refused reserved values.
 */
static inline uint64_t a64_bitmask(int n, int imms, int immr)
{
    unsigned log2_size = 31 - (unsigned)__builtin_clz((unsigned)(n << 6 | (~imms & 63)));
    unsigned size = 1u << log2_size;
    unsigned ones = ((unsigned)imms & (size - 1)) + 1;
    unsigned rotate = (unsigned)immr & (size - 1);
    uint64_t element = a64_ones(ones);
    if (rotate) {
        element = (element >> rotate | element << (size - rotate)) & a64_ones(size);
    }
    for (; size < 64; size *= 2) {
        element |= element << size;
    }
    return element;
}

#endif
