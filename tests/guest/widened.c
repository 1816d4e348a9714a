// Loops of which several iterations may be done at once: what one of them stores that another
// loads, any number of iterations, NaNs and underflow somewhere, what is left in registers.
#include "guest.h"

#include <fenv.h>
#include <float.h>
#include <math.h>

#define NOINLINE __attribute__((noinline))

enum { N = 96, IOC = 1, DZC = 2, OFC = 4, UFC = 8, IXC = 16 };

static void clear(void)
{
#ifdef __aarch64__
    __asm__ volatile("msr fpsr, xzr" ::: "memory");
#else
    feclearexcept(FE_ALL_EXCEPT);
#endif
}

static unsigned flags(void)
{
#ifdef __aarch64__
    uint64_t x;
    __asm__ volatile("mrs %0, fpsr" : "=r"(x)::"memory");
    return (unsigned)x & 31;
#else
    int f = fetestexcept(FE_ALL_EXCEPT);
    return (f & FE_INVALID ? IOC : 0u) | (f & FE_DIVBYZERO ? DZC : 0u) |
           (f & FE_OVERFLOW ? OFC : 0u) | (f & FE_UNDERFLOW ? UFC : 0u) |
           (f & FE_INEXACT ? IXC : 0u);
#endif
}

// The NaN that operations make: the guest's is positive.
static unsigned negative;

static void see(double x)
{
    uint64_t b;
    memcpy(&b, &x, 8);
#ifdef __aarch64__
    negative += b == UINT64_C(0xfff8) << 48;
#endif
    digest(b == UINT64_C(0xfff8) << 48 ? UINT64_C(0x7ff8) << 48 : b);
}

static void see_float(float x)
{
    uint32_t b;
    memcpy(&b, &x, 4);
#ifdef __aarch64__
    negative += b == 0xffc00000;
#endif
    digest(b == 0xffc00000 ? 0x7fc00000 : b);
}

static NOINLINE void axpy(double *a, const double *b, double f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        a[i] -= f * b[i];
    }
}

static NOINLINE void axpy_of_floats(float *a, const float *b, float f, int n)
{
    for (int i = 0; i != n; i++) {
        a[i] -= f * b[i];
    }
}

static NOINLINE void two_results(double *a, double *b, const double *c, int n)
{
    for (int i = 0; i < n; i++) {
        double x = c[i];
        a[i] = x * 0.75 + 1;
        b[i] = x / a[i] - 2;
    }
}

static NOINLINE void quotients(float *a, const float *b, const float *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        a[i] = (b[i] * b[i] + c[i]) / fabsf(c[i]);
    }
}

static NOINLINE void fused(double *a, const double *b, const double *c, long n)
{
    for (long i = 0; i < n; i++) {
        a[i] = fma(b[i], c[i], a[i]);
    }
}

// What an iteration loads may be kept for the next.
static NOINLINE void stencil(double *a, const double *b, int n)
{
    for (int i = 0; i < n; i++) {
        a[i] = 0.25 * b[i - 1] + 0.5 * b[i] + 0.25 * b[i + 1];
    }
}

static NOINLINE void kept(float *a, const float *b, int n)
{
    float before = b[-1];
    for (int i = 0; i < n; i++) {
        float now = b[i];
        a[i] = now - before;
        before = now;
    }
}

static NOINLINE void clamp(float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++) {
        float v = b[i] * 1.1f - 0.5f;
        v = v < 0 ? 0 : v;
        a[i] = v > 2 ? 2 : v;
    }
}

// The second load comes behind the first store.
static NOINLINE void in_turn(double *a, const double *b, double *c, const double *d, int n)
{
    for (int i = 0; i < n; i++) {
        a[i] = b[i] * 0.25;
        c[i] = d[i] - 3;
    }
}

// Shifted by an index that wraps around at 32 bits as the language says.
static NOINLINE void by_unsigned(double *a, const double *b, unsigned from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        a[from + i] = b[from + i] + 0.5;
    }
}

static NOINLINE double carried(double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += b[i];
        a[i] = sum * 0.5;
    }
    return sum;
}

typedef double F64 __attribute__((vector_size(16), aligned(8)));
typedef int64_t I64 __attribute__((vector_size(16)));

static NOINLINE void choose(F64 *a, const F64 *b, const F64 *c, int n)
{
    F64 f = {0.3, -0.7};
    for (int i = 0; i < n; i++) {
        F64 v = b[i] * f + c[i];
        I64 less = v < a[i];
        a[i] = (F64)(((I64)v & less) | ((I64)a[i] & ~less)) - f;
    }
}

// What a loop leaves behind in its registers.
static NOINLINE void registers(double *a, const double *b, double f, unsigned n)
{
    double d0 = 0, d1 = 0;
    uint64_t x = 0, carry = 0;
#ifdef __aarch64__
    double d4 = f;
    uint64_t left = n;
    __asm__ volatile("1: ldr %d0, [%2]\n"
                     "ldr %d1, [%3], #8\n"
                     "add %4, %4, #3\n"
                     "fmul %d1, %d1, %d7\n"
                     "fadd %d0, %d0, %d1\n"
                     "str %d0, [%2], #8\n"
                     "subs %6, %6, #1\n"
                     "b.ne 1b\n"
                     "cset %5, cs\n"
                     : "=&w"(d0), "=&w"(d1), "+r"(a), "+r"(b), "+r"(x), "=&r"(carry), "+r"(left)
                     : "w"(d4)
                     : "memory", "cc");
    digest(left);
#else
    for (unsigned i = 0; i < n; i++) {
        d1 = *b++ * f;
        d0 = *a + d1;
        *a++ = d0;
        x += 3;
    }
    carry = 1;
    digest(0);
#endif
    see(d0), see(d1), digest(x), digest(carry);
    see(a[-1]), see(b[-1]);
}

// Room before and behind: pointers are moved about.
static double x[3 * N], y[3 * N], z[3 * N];
static float p[3 * N], q[3 * N], r[3 * N];

static void fill(void)
{
    for (int i = 0; i < 3 * N; i++) {
        x[i] = (double)(int64_t)rnd() * 0x1p-60;
        y[i] = (double)(int64_t)rnd() * 0x1p-61;
        z[i] = (double)(int64_t)rnd() * 0x1p-62;
        p[i] = (float)x[i], q[i] = (float)y[i], r[i] = (float)z[i];
    }
}

// A NaN, an infinity, zeros and what is denormal.
static void spoil(unsigned k)
{
    static const uint64_t specials[] = {0x7ff8000000001234, 0xfff8000000000077, 0x7ff0000000000042,
                                        0x7ff0000000000000, 0x8000000000000000, 0x0000000000000000,
                                        0x000fffffffffffff, 0x8000000000000001, 0x0010000000000000};
    static const uint32_t special_floats[] = {0x7fc01234, 0xffc00077, 0x7f800042,
                                              0x7f800000, 0x80000000, 0,
                                              0x007fffff, 0x80000001, 0x00800000};
    enum { SPECIALS = sizeof specials / sizeof *specials };
    size_t at = N + rnd() % 24;
    memcpy(k & 16 ? &x[at] : &y[at], &specials[k % SPECIALS], 8);
    memcpy(k & 16 ? &p[at] : &q[at], &special_floats[k % SPECIALS], 4);
}

static void see_all(void)
{
    unsigned f = flags();
    for (int i = 0; i < 3 * N; i++) {
        see(x[i]), see(y[i]), see(z[i]);
        see_float(p[i]), see_float(q[i]), see_float(r[i]);
    }
    digest(f);
}

static void each_loop(unsigned n, int shift)
{
    clear();
    axpy(x + N, y + N, 0.3, n);
    axpy(x + N, x + N + shift, -1.25, n);
    axpy_of_floats(p + N, q + N, 0.3f, (int)n);
    axpy_of_floats(p + N, p + N + shift, 1.25f, (int)n);
    see_all();
    clear();
    two_results(x + N, x + N + shift, z + N, (int)n);
    two_results(z + N, y + N, z + N + shift, (int)n);
    quotients(r + N, r + N + shift, q + N, n);
    see_all();
    clear();
    fused(z + N, y + N, x + N + shift, n);
    by_unsigned(y, x, (unsigned)(N + shift), n);
    stencil(x + N, y + N, (int)n);
    stencil(y + N, y + N + shift, (int)n);
    kept(p + N, q + N, (int)n);
    kept(q + N, q + N + shift, (int)n);
    clamp(r + N, p + N + shift, (int)n);
    clamp(p + N, p + N + shift, (int)n);
    in_turn(x + N, y + N, z + N, x + N + shift, (int)n);
    in_turn(x + N, x + N + shift, y + N, z + N, (int)n);
    choose((F64 *)(x + N), (F64 *)(y + N), (F64 *)(x + N + shift), (int)n / 2);
    see(carried(z + N, z + N + shift, (int)n));
    if (n) {
        registers(y + N, y + N + shift, 0.7, n);
    }
    see_all();
}

// Products that are the smallest normal number, tiny before rounding to Arm.
static void underflow(void)
{
    unsigned wrong = 0;
    for (unsigned k = 0; k < 200; k++) {
        for (int i = 0; i < 3 * N; i++) {
            x[i] = 0, y[i] = k & 1 ? DBL_MIN : 1;
        }
        y[N + k % 40] = DBL_MIN * (1 - DBL_EPSILON);
        clear();
        axpy(x + N, y + N, 1 + DBL_EPSILON, 40);
        unsigned f = flags();
#ifndef __aarch64__
        f = UFC | IXC;
#endif
        wrong += f != (UFC | IXC);
        y[N + k % 40] = 1;
        clear();
        axpy(x + N, y + N, 1, 40);
        wrong += flags() & UFC;
    }
    printf("underflow: %u wrong\n", wrong);
}

int main(void)
{
    for (unsigned k = 0; k < 300; k++) {
        fill();
        if (k % 4 == 3) {
            spoil(k / 4);
        }
        each_loop(k % 41, (int)(k % 23) - 11);
        if (k % 20 == 19) {
            printf("%u: %016llx\n", k, (unsigned long long)digest_state);
        }
    }
    printf("%u negative\n", negative);
    underflow();
    return 0;
}
