// Flush-to-zero mode (FPCR.FZ), as programs linked with -ffast-math have it: results and FPSR of
// loops long enough for every tier.
#include "guest.h"

enum { DZC = 2, UFC = 8, IXC = 16, IDC = 128 };

#ifdef __aarch64__
static void flush_mode(uint64_t on)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(on << 24));
}

static void clear_flags(void)
{
    __asm__ volatile("msr fpsr, xzr");
}

static unsigned flags(void)
{
    uint64_t word;
    __asm__ volatile("mrs %0, fpsr" : "=r"(word));
    return word & 0x9f;
}
#endif

// One operation of two floats, written so that it isn't computed ahead of time.
#define OPERATION(name, code, result)                                                              \
    static float name(float a, float b)                                                            \
    {                                                                                              \
        float r;                                                                                   \
        __asm__ volatile(code : result(r) : "w"(a), "w"(b) : "x9", "v30", "v31", "cc");            \
        return r;                                                                                  \
    }
#ifdef __aarch64__
OPERATION(product, "fmul %s0, %s1, %s2", "=w")
OPERATION(sum, "fadd %s0, %s1, %s2", "=w")
OPERATION(quotient, "fdiv %s0, %s1, %s2", "=w")
OPERATION(fused, "fmadd %s0, %s1, %s2, %s1", "=w")
OPERATION(root, "fsqrt %s0, %s1", "=w")
OPERATION(least, "fmin %s0, %s1, %s2", "=w")
OPERATION(greatest, "fmax %s0, %s1, %s2", "=w")
OPERATION(whole, "frinti %s0, %s1", "=w")
OPERATION(number, "fcvtzs w9, %s1\n scvtf %s0, w9", "=w")
OPERATION(wide, "fcvt %d0, %s1\n fcvt %s0, %d0", "=w")
OPERATION(equal, "fcmp %s1, %s2\n cset w9, eq\n scvtf %s0, w9", "=w")
OPERATION(
    lanes,
    "dup v30.4s, %1.s[0]\n dup v31.4s, %2.s[0]\n fmul v30.4s, v30.4s, v31.4s\n mov %0.16b, v30.16b",
    "=w")
#endif

typedef struct Case {
    const char *name;
    float (*operation)(float a, float b);
    uint32_t a, b; // bits of floats
    uint32_t result;
    unsigned flags;
} Case;

enum {
    ONE = 0x3f800000,
    HALF = 0x3f000000,
    THIRD = 0x3eaaaaab,
    SMALLEST = 0x00800000,
    DENORMAL = 0x00012345,
    MINUS = INT32_MIN
};

#ifdef __aarch64__
#define CASE(name, a, b, result, flags)                                                            \
    {                                                                                              \
#name, name, a, b, result, flags                                                           \
    }
#else
#define CASE(name, a, b, result, flags)                                                            \
    {                                                                                              \
#name, 0, a, b, result, flags                                                              \
    }
#endif
static const Case cases[] = {
    CASE(product, SMALLEST, HALF, 0, UFC),
    CASE(product, (uint32_t)MINUS | SMALLEST, THIRD, (uint32_t)MINUS, UFC),
    CASE(product, 0x00ffffff, HALF, 0, UFC), // rounds to the smallest normal number
    CASE(product, THIRD, THIRD, 0x3de38e3a, IXC),
    CASE(product, DENORMAL, ONE, 0, IDC),
    CASE(sum, DENORMAL, ONE, ONE, IDC),
    CASE(sum, 0x00900000, (uint32_t)MINUS | SMALLEST, 0, UFC),
    CASE(quotient, ONE, DENORMAL, 0x7f800000, DZC | IDC),
    CASE(quotient, DENORMAL, 0x40000000, 0, IDC),
    CASE(fused, SMALLEST, (uint32_t)MINUS | HALF, 0, UFC),
    CASE(root, (uint32_t)MINUS | DENORMAL, ONE, (uint32_t)MINUS, IDC),
    CASE(least, DENORMAL, ONE, 0, IDC),
    CASE(greatest, (uint32_t)MINUS | DENORMAL, (uint32_t)MINUS | ONE, (uint32_t)MINUS, IDC),
    CASE(whole, DENORMAL, ONE, 0, IDC),
    CASE(number, DENORMAL, ONE, 0, IDC),
    CASE(wide, DENORMAL, ONE, 0, IDC),
    CASE(equal, DENORMAL, 0, ONE, IDC),
    CASE(lanes, SMALLEST, HALF, 0, UFC),
};

#ifdef __aarch64__
static bool is_right(const Case *c)
{
    enum { TIMES = 400 };
    float a, b, r = 0;
    bool right = true;
    memcpy(&a, &c->a, 4);
    memcpy(&b, &c->b, 4);
    for (int i = 0; i < TIMES; i++) {
        uint32_t bits;
        flush_mode(1);
        clear_flags();
        for (int k = 0; k < 3; k++)
            r = c->operation(a, b);
        unsigned raised = flags();
        flush_mode(0);
        memcpy(&bits, &r, 4);
        if (right && (bits != c->result || raised != c->flags)) {
            printf("%s %08x %08x: %08x, flags %02x\n", c->name, c->a, c->b, bits, raised);
            right = false;
        }
    }
    return right;
}
#else
static bool is_right(const Case *c)
{
    return c->name != NULL;
}
#endif

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        printf("%s %d\n", cases[i].name, is_right(&cases[i]));
    return 0;
}
