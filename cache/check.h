/* check.h - the checksum of what is on disk: 64 bits, against accidents. It runs at memory speed,
 * and is checked before anything is decompressed or looked at; whoever can write into the cache can
 * make it match (dir.h says who can).
 */
#ifndef XEMU_CACHE_CHECK_H
#define XEMU_CACHE_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t check_fold(uint64_t x, uint64_t y)
{
    unsigned __int128 p = (unsigned __int128)x * y;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Two chains of folded products over 16 bytes each; any changed bit changes a factor. */
static inline uint64_t check_sum(const void *data, size_t len)
{
    const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xc2b2ae3d27d4eb4fu, k2 = 0x165667b19e3779f9u;
    const uint8_t *p = data;
    uint64_t a = k0 ^ len, b = k1 + len, w[4];
    size_t left = len;

    for (; left >= 32; left -= 32, p += 32) {
        memcpy(w, p, 32);
        a = check_fold(w[0] ^ k0, w[1] ^ a) + w[0];
        b = check_fold(w[2] ^ k1, w[3] ^ b) + w[2];
    }
    memset(w, 0, sizeof w);
    if (left)
        memcpy(w, p, left);
    a = check_fold(w[0] ^ k1, w[1] ^ a) + w[0];
    b = check_fold(w[2] ^ k2, w[3] ^ b) + w[2];
    return check_fold(a ^ k2, b ^ k0) ^ a ^ b;
}

#endif
