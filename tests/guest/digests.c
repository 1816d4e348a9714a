// Hash functions and check sums: rotates, byte order, tables.
#include "guest.h"

static uint32_t rotr(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void sha256(const uint8_t *p, size_t n, uint8_t out[32])
{
    // The constants are the fractional parts of roots of the first primes, computed here.
    static uint32_t k[64], h0[8];
    if (!k[0]) {
        int count = 0;
        for (unsigned prime = 2; count < 64; prime++) {
            bool is_prime = true;
            for (unsigned d = 2; d * d <= prime; d++)
                is_prime &= prime % d != 0;
            if (!is_prime)
                continue;
            // floor(cbrt(prime) * 2^32) and floor(sqrt(prime) * 2^32), by bisection
            unsigned __int128 cube = (unsigned __int128)prime << 96;
            uint64_t r = 0;
            for (int bit = 35; bit >= 0; bit--) {
                uint64_t t = r | (uint64_t)1 << bit;
                if ((unsigned __int128)t * t * t <= cube)
                    r = t;
            }
            k[count] = (uint32_t)r;
            if (count < 8) {
                r = 0;
                for (int bit = 36; bit >= 0; bit--) {
                    uint64_t t = r | (uint64_t)1 << bit;
                    if ((unsigned __int128)t * t <= (unsigned __int128)prime << 64)
                        r = t;
                }
                h0[count] = (uint32_t)r;
            }
            count++;
        }
    }
    uint32_t h[8];
    memcpy(h, h0, sizeof h);
    uint8_t block[64];
    bool marked = false;
    for (size_t at = 0;; at += 64) {
        size_t left = at < n ? n - at : 0, take = left > 64 ? 64 : left;
        memcpy(block, p + (at < n ? at : 0), take);
        memset(block + take, 0, 64 - take);
        bool last = false;
        if (take < 64 && !marked)
            block[take] = 0x80, marked = true;
        if (take < 56 && marked) {
            for (int i = 0; i < 8; i++)
                block[56 + i] = (uint8_t)((uint64_t)n * 8 >> (56 - 8 * i));
            last = true;
        }
        uint32_t w[64];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
                   block[4 * i + 3];
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + (rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
                   (rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
        uint32_t s[8];
        memcpy(s, h, sizeof s);
        for (int i = 0; i < 64; i++) {
            uint32_t t1 = s[7] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                          k[i] + w[i];
            uint32_t t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 28);
            s[0] = t1 + t2;
            s[4] += t1;
        }
        for (int i = 0; i < 8; i++)
            h[i] += s[i];
        if (last)
            break;
    }
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static uint32_t crc(const uint8_t *p, size_t n)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int b = 0; b < 8; b++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
        table[i] = c;
    }
    uint32_t c = ~0u;
    while (n--)
        c = c >> 8 ^ table[(c ^ *p++) & 0xff];
    return ~c;
}

static uint32_t adler(const uint8_t *p, size_t n)
{
    uint32_t a = 1, b = 0;
    while (n--) {
        a = (a + *p++) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static uint64_t siphash(const uint8_t *p, size_t n, uint64_t k0, uint64_t k1)
{
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define ROUND()                                                                                                \
    (v[0] += v[1], v[1] = ROTL(v[1], 13) ^ v[0], v[0] = ROTL(v[0], 32), v[2] += v[3],                          \
     v[3] = ROTL(v[3], 16) ^ v[2], v[0] += v[3], v[3] = ROTL(v[3], 21) ^ v[0], v[2] += v[1],                   \
     v[1] = ROTL(v[1], 17) ^ v[2], v[2] = ROTL(v[2], 32))
    uint64_t m;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&m, p + i, 8);
        v[3] ^= m;
        ROUND();
        ROUND();
        v[0] ^= m;
    }
    m = (uint64_t)n << 56;
    for (size_t j = 0; i + j < n; j++)
        m |= (uint64_t)p[i + j] << (8 * j);
    v[3] ^= m;
    ROUND();
    ROUND();
    v[0] ^= m;
    v[2] ^= 0xff;
    for (int r = 0; r < 4; r++)
        ROUND();
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int main(void)
{
    static uint8_t text[5000];
    uint8_t out[32];
    sha256((const uint8_t *)"abc", 3, out);
    for (int i = 0; i < 32; i++)
        printf("%02x", out[i]);
    putchar('\n');
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)rnd();
    for (size_t n = 0; n < sizeof text; n = n * 2 + 37) {
        sha256(text, n, out);
        printf("%zu %02x%02x%02x%02x crc %08x adler %08x sip %016" PRIx64 "\n", n, out[0], out[1], out[30], out[31],
               crc(text, n), adler(text, n), siphash(text, n, 0x0706050403020100u, 0x0f0e0d0c0b0a0908u));
    }
    return 0;
}
