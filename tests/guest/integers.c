// Integer arithmetic of all widths: multiplication, division, shifts, rotates, bit counting, overflow, 128 bits.
#include "guest.h"

#define WIDTH(BITS)                                                                                            \
    __attribute__((noinline)) static void ops##BITS(uint##BITS##_t a, uint##BITS##_t b, unsigned s)            \
    {                                                                                                          \
        typedef uint##BITS##_t U;                                                                              \
        typedef int##BITS##_t S;                                                                               \
        s %= BITS;                                                                                             \
        digest((U)(a + b));                                                                                    \
        digest((U)(a - b));                                                                                    \
        digest((U)((U)1 * a * b));                                                                             \
        digest(b ? (U)(a / b) : 0);                                                                            \
        digest(b ? (U)(a % b) : 0);                                                                            \
        if (b && !((S)a == INT##BITS##_MIN && (S)b == -1)) {                                                   \
            digest((U)((S)a / (S)b));                                                                          \
            digest((U)((S)a % (S)b));                                                                          \
        }                                                                                                      \
        digest((U)(a << s));                                                                                   \
        digest((U)(a >> s));                                                                                   \
        digest((U)((S)a >> s));                                                                                \
        digest((U)(s ? (U)(a << s) | (U)(a >> (BITS - s)) : a));                                               \
        digest((U)(a & b));                                                                                    \
        digest((U)(a & ~b));                                                                                   \
        digest((U)(a | ~b));                                                                                   \
        digest((U)~(a ^ b));                                                                                   \
        digest((uint64_t)((S)a < (S)b) | (uint64_t)(a < b) << 1 | (uint64_t)(a == b) << 2);                    \
        S t;                                                                                                   \
        digest(__builtin_add_overflow((S)a, (S)b, &t));                                                        \
        digest((U)t);                                                                                          \
        digest(__builtin_sub_overflow((S)a, (S)b, &t));                                                        \
        digest((U)t);                                                                                          \
        digest(__builtin_mul_overflow((S)a, (S)b, &t));                                                        \
        digest((U)t);                                                                                          \
        U u;                                                                                                   \
        digest(__builtin_add_overflow(a, b, &u));                                                              \
        digest(__builtin_sub_overflow(a, b, &u));                                                              \
        digest(__builtin_mul_overflow(a, b, &u));                                                              \
        digest((U)((S)a < 0 ? -a : a));                                                                        \
        digest((U)((S)a < (S)b ? a : b));                                                                      \
        digest((U)(a > b ? a : b));                                                                            \
        digest((U)((a & 0x55) ? b + 1 : ~b));                                                                  \
    }

WIDTH(8)
WIDTH(16)
WIDTH(32)
WIDTH(64)

__attribute__((noinline)) static void bits(uint64_t a)
{
    digest(a ? (unsigned)__builtin_clzll(a) : 99);
    digest(a ? (unsigned)__builtin_ctzll(a) : 99);
    digest((unsigned)__builtin_popcountll(a));
    digest((unsigned)__builtin_parityll(a));
    digest((unsigned)__builtin_clrsbll((long long)a));
    digest((unsigned)__builtin_ffsll((long long)a));
    digest((uint32_t)a ? (unsigned)__builtin_clz((uint32_t)a) : 99);
    digest((unsigned)__builtin_clrsb((int)a));
    digest(__builtin_bswap64(a));
    digest(__builtin_bswap32((uint32_t)a));
    digest(__builtin_bswap16((uint16_t)a));
    uint64_t r = a;
    r = (r & 0x5555555555555555u) << 1 | (r >> 1 & 0x5555555555555555u);
    r = (r & 0x3333333333333333u) << 2 | (r >> 2 & 0x3333333333333333u);
    r = (r & 0x0f0f0f0f0f0f0f0fu) << 4 | (r >> 4 & 0x0f0f0f0f0f0f0f0fu);
    digest(__builtin_bswap64(r));
    struct {
        unsigned a : 3, b : 13;
        int c : 7, d : 9;
        uint64_t e : 33;
        int64_t f : 31;
    } fields;
    fields.a = a & 7;
    fields.b = a >> 3 & 0x1fff;
    fields.c = (int)(a >> 16) % 64;
    fields.d = (int)(a >> 23) % 256;
    fields.e = a >> 7 & 0x1ffffffffu;
    fields.f = (int64_t)a >> 34;
    digest(fields.a + fields.b + (uint64_t)(int64_t)fields.c * 5 + (uint64_t)(int64_t)fields.d * 7 + fields.e +
           (uint64_t)fields.f);
}

__attribute__((noinline)) static void wide(uint64_t a, uint64_t b, uint64_t c, unsigned s)
{
    unsigned __int128 x = (unsigned __int128)a << 64 | b, y = (unsigned __int128)c * a;
    __int128 sx = (__int128)x, sy = (__int128)(int64_t)c;
    s &= 127;
#define WIDE(v) (digest((uint64_t)(v)), digest((uint64_t)((unsigned __int128)(v) >> 64)))
    WIDE(x + y);
    WIDE(x - y);
    WIDE(x * y);
    WIDE(x / (y | 1));
    WIDE(x % (y | 1));
    WIDE(sx / (sy ? sy : 1));
    WIDE(sx % (sy ? sy : 1));
    WIDE(x << s);
    WIDE(x >> s);
    WIDE(sx >> s);
    WIDE((__int128)(int64_t)a * (int64_t)b);
    WIDE((unsigned __int128)a * b + c);
    digest((uint64_t)(x < y) | (uint64_t)(sx < sy) << 1);
}

int main(void)
{
    for (int i = 0; i < 1500; i++) {
        uint64_t a = rnd(), b = rnd(), c = rnd();
        if (i % 5 == 0)
            a = b;
        if (i % 7 == 0)
            b = (uint64_t)1 << (c & 63);
        if (i % 11 == 0)
            a = UINT64_MAX >> (c & 63);
        if (i % 13 == 0)
            b &= 0xff;
        ops8((uint8_t)a, (uint8_t)b, (unsigned)c);
        ops16((uint16_t)a, (uint16_t)b, (unsigned)c);
        ops32((uint32_t)a, (uint32_t)b, (unsigned)c);
        ops64(a, b, (unsigned)c);
        bits(a);
        wide(a, b, c, (unsigned)(c >> 20));
        if (i % 250 == 0)
            digest_print("ops");
    }
    digest_print("ops");
    for (int i = 1; i < 200; i++) { // division by constants
        int64_t v = (int64_t)rnd();
        digest((uint64_t)(v / 3 + v / 7 + v / 10 + v / 1000 + v % 641 + v / -5));
        digest((uint64_t)v / 3 + (uint64_t)v / 7 + (uint64_t)v % 1000000007u);
        digest((uint32_t)v / 3 + (uint32_t)v / 7 + (uint32_t)v % 10);
    }
    digest_print("constants");
    return 0;
}
