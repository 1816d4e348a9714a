// Scalar floating point: arithmetic, comparison, conversion; rounding modes and exception flags.
#include "guest.h"
#include <fenv.h>
#include <math.h>

#define HIDE(x) __asm__ volatile("" : "+m"(x))

__attribute__((noinline)) static void doubles(double a, double b)
{
    HIDE(a);
    HIDE(b);
    digest(f64_bits(a + b));
    digest(f64_bits(a - b));
    digest(f64_bits(a * b));
    digest(f64_bits(a / b));
    digest(f64_bits(sqrt(fabs(a))));
    digest(f64_bits(-a));
    digest(f64_bits(fma(a, b, 1.5)));
    digest(f32_bits((float)a));
    digest((uint64_t)(a < b) | (uint64_t)(a <= b) << 1 | (uint64_t)(a == b) << 2 | (uint64_t)(a != b) << 3 |
           (uint64_t)isunordered(a, b) << 4 | (uint64_t)(a > b) << 5);
    digest(f64_bits(a < b ? a : b));
    digest(f64_bits(copysign(a, b)));
}

__attribute__((noinline)) static void floats(float a, float b)
{
    HIDE(a);
    HIDE(b);
    digest(f32_bits(a + b));
    digest(f32_bits(a - b));
    digest(f32_bits(a * b));
    digest(f32_bits(a / b));
    digest(f32_bits(sqrtf(fabsf(a))));
    digest(f64_bits((double)a));
    digest((uint64_t)(a < b) | (uint64_t)(a >= b) << 1);
}

__attribute__((noinline)) static void conversions(double d)
{
    HIDE(d);
    if (fabs(d) < 9e18) {
        int64_t i = (int64_t)d;
        digest((uint64_t)i);
        digest(f64_bits((double)i));
        digest(f32_bits((float)i));
        digest((uint64_t)llrint(d));
        digest((uint64_t)llround(d));
    }
    if (d > -1 && d < 1.8e19)
        digest((uint64_t)d);
    if (fabs(d) < 2e9)
        digest((uint64_t)(int64_t)(int32_t)d);
    if (d > -1 && d < 4e9)
        digest((uint32_t)d);
    if (fabs(d) < 30000)
        digest((uint64_t)(int16_t)d);
    uint64_t u = rnd();
    HIDE(u);
    digest(f64_bits((double)u));
    digest(f32_bits((float)u));
    digest(f64_bits((double)(int32_t)u));
    digest(f32_bits((float)(uint32_t)u));
}

static unsigned flags(void)
{
    unsigned f = 0;
    f |= fetestexcept(FE_INVALID) ? 1 : 0;
    f |= fetestexcept(FE_DIVBYZERO) ? 2 : 0;
    f |= fetestexcept(FE_OVERFLOW) ? 4 : 0;
    f |= fetestexcept(FE_UNDERFLOW) ? 8 : 0;
    f |= fetestexcept(FE_INEXACT) ? 16 : 0;
    feclearexcept(FE_ALL_EXCEPT);
    return f;
}

#define FLAGS(TYPE, EXPR)                                                                                      \
    do {                                                                                                       \
        feclearexcept(FE_ALL_EXCEPT);                                                                          \
        volatile TYPE result = EXPR;                                                                           \
        (void)result;                                                                                          \
        printf("%s: %u\n", #EXPR, flags());                                                                    \
    } while (0)

static void exceptions(void)
{
    volatile double zero = 0, one = 1, three = 3, big = 1e308, tiny = 1e-308, inf = INFINITY, qnan = NAN, half = 0.5;
    volatile float big_f = 3e38f, tiny_f = 2e-38f;
    FLAGS(double, one / three);
    FLAGS(double, one / zero);
    FLAGS(double, zero / zero);
    FLAGS(double, big * big);
    FLAGS(double, tiny * tiny);
    FLAGS(double, tiny / 3);
    FLAGS(double, inf - inf);
    FLAGS(double, inf * zero);
    FLAGS(double, sqrt(-one));
    FLAGS(double, qnan + one);
    FLAGS(int, one < qnan);
    FLAGS(int, one == qnan);
    FLAGS(int, (int)half);
    FLAGS(double, rint(half));
    FLAGS(double, nearbyint(half));
    FLAGS(float, (float)big);
    FLAGS(float, (float)tiny);
    FLAGS(float, big_f * big_f);
    FLAGS(float, tiny_f * 0.25f);
    FLAGS(double, fma(big, big, -inf));
    FLAGS(long, lrint(1.5));
}

static void rounding(void)
{
    static const struct {
        int mode;
        const char *name;
    } modes[] = {{FE_TONEAREST, "nearest"}, {FE_UPWARD, "up"}, {FE_DOWNWARD, "down"}, {FE_TOWARDZERO, "zero"}};
    for (int m = 0; m < 4; m++) {
        fesetround(modes[m].mode);
        volatile double a = 1, b = 3, c = -10, tenth = 0.1;
        volatile float fa = 1, fb = -3;
        volatile int64_t odd = ((int64_t)1 << 53) + 1;
        printf("%s %d: %a %a %a %a %a %a\n", modes[m].name, fegetround() == modes[m].mode, a / b, c / b, tenth + tenth * 2,
               (double)(fa / fb), (double)odd, sqrt(a + 1));
        printf("%a %ld %ld %a\n", rint(2.5), lrint(-0.5), lrint(1.5), (double)(float)tenth);
        rnd_state = 99;
        for (int i = 0; i < 300; i++) {
            double x = rnd_double(), y = rnd_double();
            doubles(x, y);
            floats((float)y, (float)rnd_double());
        }
        digest_print(modes[m].name);
    }
    fesetround(FE_TONEAREST);
}

int main(void)
{
    for (int i = 0; i < 1000; i++) {
        double a = rnd_double(), b = rnd_double();
        doubles(a, b);
        floats((float)a, f32_from((uint32_t)rnd()));
        conversions(a);
        conversions((double)(int32_t)rnd() / 1024);
        if (i % 250 == 0)
            digest_print("random");
    }
    digest_print("random");
    exceptions();
    rounding();
    return 0;
}
