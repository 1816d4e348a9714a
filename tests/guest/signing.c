// Pointer authentication and tagged pointers. The codes are the processor's own business, so only what must hold of them is
// printed; the native program prints that.
// guest: flags=-march=armv8.3-a
// guest: native-flags=
#include "guest.h"

#include <sys/prctl.h>

enum { ROUNDS = 2000 };

#ifdef __aarch64__
#define OP(name)                                                           \
    static uint64_t name(uint64_t pointer, uint64_t modifier)              \
    {                                                                      \
        __asm__ volatile(#name " %0, %1" : "+r"(pointer) : "r"(modifier)); \
        return pointer;                                                    \
    }
OP(pacia) OP(pacib) OP(pacda) OP(pacdb) OP(autia) OP(autib) OP(autda) OP(autdb)

static uint64_t xpaci(uint64_t p)
{
    __asm__ volatile("xpaci %0" : "+r"(p));
    return p;
}

static uint64_t xpacd(uint64_t p)
{
    __asm__ volatile("xpacd %0" : "+r"(p));
    return p;
}

static uint64_t pacga(uint64_t a, uint64_t b)
{
    uint64_t r;
    __asm__ volatile("pacga %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

// A call and return with a signed link register, by the combined instructions.
static int through_signed_return(int x)
{
    uint64_t result = (uint64_t)x;
    __asm__ volatile("adr x30, 1f\n paciasp\n add %0, %0, #1\n retaa\n1: bti j\n" : "+r"(result) : : "x30");
    return (int)result;
}

static bool sound(uint64_t p, uint64_t m)
{
    const uint64_t pac = 0x7ful << 48;
    bool ok = xpaci(pacia(p, m)) == p && xpacd(pacdb(p, m)) == p;
    ok &= autia(pacia(p, m), m) == p && autib(pacib(p, m), m) == p;
    ok &= autda(pacda(p, m), m) == p && autdb(pacdb(p, m), m) == p;
    // A wrong code leaves something that isn't an address (FEAT_PAuth2: the bits that differ).
    ok &= autia(pacia(p, m) ^ 1ul << 50, m) == (p ^ 1ul << 50) && autdb(pacdb(p, m) ^ pac, m) == (p ^ pac);
    // Nothing but bits 54 to 48 changes.
    ok &= !((pacia(p, m) ^ p) & ~pac);
    // A pointer that isn't canonical can't be made good by signing it.
    ok &= autia(pacia(p ^ 1ul << 51, m), m) != p;
    return ok & ((pacga(p, m) & 0xffffffff) == 0);
}

static bool keys_can_be_switched(void)
{
    uint64_t p = (uint64_t)&rnd_state, before = pacia(p, 1), after;
    bool ok = prctl(54 /* PR_PAC_RESET_KEYS */, 0, 0, 0, 0) == 0;
    after = pacia(p, 1);
    ok &= autia(after, 1) == p;
    ok &= prctl(60 /* PR_PAC_SET_ENABLED_KEYS */, 2 /* IB */, 0, 0, 0) == 0;
    ok &= pacib(p, 1) == p && autib(p, 1) == p && autia(after, 1) == p;
    ok &= prctl(60, 2, 2, 0, 0) == 0;
    ok &= autib(pacib(p, 1), 1) == p;
    (void)before; // the same by chance once in 128
    return ok;
}

static int tagged_read(void)
{
    static int value = 17;
    int *tagged = (int *)((uint64_t)&value | 0xa5ul << 56);
    tagged[0]++;
    return *tagged + value;
}

static uint64_t times(uint64_t x)
{
    return 3 * x;
}

static uint64_t tagged_call(uint64_t x)
{
    uint64_t (*volatile f)(uint64_t) = (uint64_t(*)(uint64_t))((uint64_t)times | 0x7ful << 56);
    return f(x);
}
#else
static bool sound(uint64_t p, uint64_t m) { return true; }
static bool keys_can_be_switched(void) { return true; }
static int through_signed_return(int x) { return x + 1; }
static int tagged_read(void) { static int value = 17; return 2 * ++value; }
static uint64_t tagged_call(uint64_t x) { return 3 * x; }
#define pacia(p, m) ((p) ^ ((m) * 0x9e3779b97f4a7c15u >> 57) << 48)
#endif

int main(void)
{
    int good = 0, differ = 0, neighbours = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t p = rnd() & 0xff00ffffffffffffu, m = rnd();
        p |= rnd() & 1 ? 0xfful << 48 : 0; // bit 55 says which half of the address space
        good += sound(p, m);
        uint64_t other = m + 16 * (rnd() | 1);
        differ += pacia(p, m) != pacia(p, other);
        neighbours += pacia(p, m) != pacia(p, m + 16) && pacia(p, m) != pacia(p, m - 32);
    }
    printf("sound %d of %d\n", good, ROUNDS);
    printf("modifiers matter %d\n", differ > ROUNDS * 9 / 10);
    printf("of neighbours %d\n", neighbours == ROUNDS);
    printf("signed return %d\n", through_signed_return(41));
    for (int round = 0; round < 3; round++) {
        printf("tagged %d %d\n", tagged_read() - 2 * round, (int)tagged_call((uint64_t)round));
    }
    printf("keys %d\n", keys_can_be_switched());
    return 0;
}
