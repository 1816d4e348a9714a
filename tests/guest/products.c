// Underflow of products beside each other: results that are the smallest normal number, tiny before
// rounding or not, and zeros.
#include "guest.h"

#include <float.h>
#include <math.h>

#define ROUNDS 3000
#define UFC    8u

// What Arm says, which sees tininess before rounding.
static const struct {
    double a, b, c, d;
    unsigned underflow;
} cases[] = {
    {1.5, 2.5, -3.25, 4, 0},
    {0, 2.5, 3, 4, 0},
    {-0., 1, 0, -7, 0},
    {1 + DBL_EPSILON, DBL_MIN *(1 - DBL_EPSILON), 3, 4, UFC},
    {3, 4, 1 + DBL_EPSILON, -DBL_MIN *(1 - DBL_EPSILON), UFC},
    {0, 4, 1 + DBL_EPSILON, DBL_MIN *(1 - DBL_EPSILON), UFC},
    {DBL_MIN, 1, -DBL_MIN * 2, .5, 0},
    {0x1p-511, 0x1p-511, 2, 0, 0},
    {DBL_MIN, .75, 1, 2, 0},
    {DBL_MIN * (1 + DBL_EPSILON), .75, 1, 2, UFC},
};
static const struct {
    float a, b, c, d;
    unsigned underflow;
} floats[] = {
    {1.5f, 2.5f, -3.25f, 4, 0},
    {0, 2.5f, 3, -0.f, 0},
    {1 + FLT_EPSILON, FLT_MIN *(1 - FLT_EPSILON), 3, 4, UFC},
    {3, 0, -1 - FLT_EPSILON, FLT_MIN *(1 - FLT_EPSILON), UFC},
    {FLT_MIN, 1, -FLT_MIN * 2, .5f, 0},
};

static void __attribute__((noinline)) products(const volatile double *v, volatile double *out)
{
    double a = v[0], b = v[1], c = v[2], d = v[3], x = a * b, y = c * d;
    out[0] = x, out[1] = y;
}

static void __attribute__((noinline))
products_of_floats(const volatile float *v, volatile float *out)
{
    float a = v[0], b = v[1], c = v[2], d = v[3], x = a * b, y = c * d;
    out[0] = x, out[1] = y;
}

// Squares and quotients of x / y just below powers of two: never tiny to one side only.
static void __attribute__((noinline)) others(const volatile double *v, volatile double *out)
{
    double a = v[0], b = v[1], x = a * a, y = a / b;
    out[0] = x, out[1] = y;
}

static void clear(void)
{
#ifdef __aarch64__
    __asm__ volatile("msr fpsr, %0" ::"r"(0ul) : "memory");
#endif
}

static unsigned underflow(unsigned expected)
{
#ifdef __aarch64__
    unsigned long fpsr;
    __asm__ volatile("mrs %0, fpsr" : "=r"(fpsr)::"memory");
    (void)expected;
    return fpsr & UFC;
#else
    return expected;
#endif
}

// Each case of a table, by the function for its type.
#define CHECK(type, table, function)                                                               \
    for (unsigned k = 0; k < sizeof table / sizeof *table; k++) {                                  \
        unsigned wrong = 0;                                                                        \
        type out[2] = {0};                                                                         \
        for (int i = 0; i < ROUNDS; i++) {                                                         \
            clear();                                                                               \
            function(&table[k].a, out);                                                            \
            wrong += underflow(table[k].underflow) != table[k].underflow;                          \
        }                                                                                          \
        printf("%u: %a %a, %u wrong\n", k, out[0], out[1], wrong);                                 \
    }

int main(void)
{
    CHECK(double, cases, products);
    CHECK(float, floats, products_of_floats);
    unsigned wrong = 0;
    double in[2], out[2] = {0}, sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        in[0] = 0x1p-511 * (1 - i % 4 * DBL_EPSILON / 2);
        in[1] = 0x1p511 * (1 + i % 3 * DBL_EPSILON);
        clear();
        others(in, out);
        unsigned tiny = i % 4 || i % 3 ? UFC : 0;
        wrong += underflow(tiny) != tiny;
        sum += out[0] * 0x1p1000 + out[1] * 0x1p1000;
    }
    printf("others: %a, %u wrong\n", sum, wrong);
    return 0;
}
