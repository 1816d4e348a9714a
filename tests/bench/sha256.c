// group: integer
// The compression function of SHA-256 in C: rotates, 32-bit additions.
#include "bench.h"

static uint32_t rotr(uint32_t x, int s)
{
    return x >> s | x << (32 - s);
}

BENCH(720000, integer)
{
    static uint32_t k[64];
    uint32_t seed = 7, h[8] = {1, 2, 3, 4, 5, 6, 7, 8}, w[64];
    for (int i = 0; i < 64; i++)
        k[i] = next(&seed) * 77;
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t i = 0; i < 16; i++)
            w[i] = h[i & 7] + r * i;
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + (rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
                   (rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
        for (int i = 0; i < 64; i++) {
            uint32_t t1 = x + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
            uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            x = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += x;
    }
    return h[0] ^ (uint64_t)h[5] << 32;
}
