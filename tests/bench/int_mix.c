// group: integer
// Adds, multiplications, shifts, rotates and comparisons on registers.
#include "bench.h"

BENCH(90000000, integer)
{
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (uint32_t i = 0; i < n; i++) {
        a += b ^ i;
        b = (b << 13 | b >> 51) + c;
        c ^= a * 0x9e3779b97f4a7c15u;
        d += (a > c) ? b >> 3 : c & 0xffff;
    }
    return a ^ b ^ c ^ d;
}
