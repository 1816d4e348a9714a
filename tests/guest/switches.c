// Large switch tables: dense, sparse, nested, with fall-through.
#include "guest.h"

#define C1(n) case n: x = x * ((n) * 2 + 1) + (n); break;
#define C4(n) C1(n) C1((n) + 1) C1((n) + 2) C1((n) + 3)
#define C16(n) C4(n) C4((n) + 4) C4((n) + 8) C4((n) + 12)
#define C64(n) C16(n) C16((n) + 16) C16((n) + 32) C16((n) + 48)
#define C256(n) C64(n) C64((n) + 64) C64((n) + 128) C64((n) + 192)
#define F1(n) case n: x ^= x << 1 ^ (n); __attribute__((fallthrough));
#define F4(n) F1(n) F1((n) + 1) F1((n) + 2) F1((n) + 3)
#define F16(n) F4(n) F4((n) + 4) F4((n) + 8) F4((n) + 12)
#define S1(n) case (n) * 977 + 13: return x - (n);
#define S4(n) S1(n) S1((n) + 1) S1((n) + 2) S1((n) + 3)
#define S16(n) S4(n) S4((n) + 4) S4((n) + 8) S4((n) + 12)

__attribute__((noinline)) static uint64_t dense(uint64_t x, unsigned which)
{
    switch (which) {
        C256(0) C256(256) C256(512) C256(768)
    default:
        x = ~x;
    }
    return x;
}

__attribute__((noinline)) static uint64_t through(uint64_t x, int which)
{
    switch (which) {
        F16(-8) F16(8) F16(24) F16(40)
    default:
        x++;
    }
    return x;
}

__attribute__((noinline)) static uint64_t sparse(uint64_t x, unsigned which)
{
    switch (which) {
        S16(0) S16(16) S16(32) S16(48)
    }
    return x;
}

__attribute__((noinline)) static const char *word(uint64_t key)
{
    switch (key) {
    case 0: return "zero";
    case 0x100000000u: return "4G";
    case 0xffffffffffffffffu: return "max";
    case 0x8000000000000000u: return "min";
    default: return "other";
    }
}

int main(void)
{
    for (int i = 0; i < 20000; i++)
        digest(dense((uint64_t)i * 0x9e3779b97f4a7c15u, (unsigned)(rnd() % 1040)));
    digest_print("dense");
    for (int i = 0; i < 3000; i++)
        digest(through((uint64_t)i, (int)(rnd() % 80) - 12));
    digest_print("through");
    for (int i = 0; i < 6000; i++)
        digest(sparse((uint64_t)i, (unsigned)(rnd() % 70 * 977 + (unsigned)i % 2 + 13)));
    digest_print("sparse");
    printf("%s %s %s %s %s\n", word(0), word((uint64_t)1 << 32), word(UINT64_MAX), word((uint64_t)1 << 63), word(7));
    return 0;
}
