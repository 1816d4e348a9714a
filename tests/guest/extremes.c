// Minima and maxima in the middle of arithmetic: NaNs of both kinds, zeros of both signs, and that
// what is made of a NaN raises nothing.
#include "guest.h"

#include <math.h>

#ifdef __aarch64__
#include <arm_neon.h>
#endif

enum { IOC = 1, IXC = 16 };

static uint64_t bits_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}

static double from_bits(uint64_t b)
{
    double x;
    memcpy(&x, &b, 8);
    return x;
}

static void show(uint64_t value, unsigned flags)
{
    static uint64_t all, n;
    all = (all ^ value ^ (uint64_t)flags << 56) * 0x9e3779b97f4a7c15u;
    if (++n % 64 == 0) {
        printf("%016llx\n", (unsigned long long)all);
    }
}

#ifdef __aarch64__

static void clear(void)
{
    __asm__ volatile("msr fpsr, xzr" ::: "memory");
}

static unsigned flags(void)
{
    uint64_t x;
    __asm__ volatile("mrs %0, fpsr" : "=r"(x)::"memory");
    return (unsigned)x & (IOC | IXC);
}

#define EXTREME_AND_SUM(insn)                                                                      \
    __asm__ volatile(insn " %d0, %d1, %d2\n fadd %d0, %d0, %d3"                                    \
                     : "=&w"(r)                                                                    \
                     : "w"(a), "w"(b), "w"(c)                                                      \
                     : "memory")

static __attribute__((noinline)) double extreme(unsigned how, double a, double b, double c)
{
    double r;
    switch (how) {
    case 0: EXTREME_AND_SUM("fmax"); break;
    case 1: EXTREME_AND_SUM("fmin"); break;
    case 2: EXTREME_AND_SUM("fmaxnm"); break;
    default: EXTREME_AND_SUM("fminnm"); break;
    }
    return r;
}

// The largest and the smallest of the sums and products, by lanes.
static __attribute__((noinline)) void search(const float *x, const float *y, unsigned n, float *out)
{
    float32x4_t max = vdupq_n_f32(-1), min = vdupq_n_f32(1), k = vdupq_n_f32(0.3f);
    for (unsigned i = 0; i < n; i += 4) {
        float32x4_t v = vfmaq_f32(vld1q_f32(y + i), vld1q_f32(x + i), k);
        max = vmaxq_f32(max, v);
        min = vminnmq_f32(vmaxnmq_f32(min, v), vld1q_f32(y + i));
    }
    vst1q_f32(out, max);
    vst1q_f32(out + 4, min);
}

#else

// DDI 0487, FPProcessNaNs(), FPMax(), FPMaxNum().
static unsigned raised;

static void clear(void)
{
    raised = 0;
}

static unsigned flags(void)
{
    return raised;
}

static bool is_nan(double x)
{
    return (bits_of(x) & ~(UINT64_C(1) << 63)) > UINT64_C(0x7ff) << 52;
}

static bool is_signaling(double x)
{
    return is_nan(x) && !(bits_of(x) >> 51 & 1);
}

static double process(double a, double b)
{
    double r = is_signaling(a) ? a : is_signaling(b) ? b : is_nan(a) ? a : b;
    raised |= is_signaling(r) ? IOC : 0u;
    return from_bits(bits_of(r) | UINT64_C(1) << 51);
}

static double extreme_of(unsigned how, double a, double b)
{
    bool max = !(how & 1);
    if (how & 2) {
        bool qa = is_nan(a) && !is_signaling(a), qb = is_nan(b) && !is_signaling(b);
        if (qa && !is_nan(b)) {
            return b;
        }
        if (qb && !is_nan(a)) {
            return a;
        }
    }
    if (is_nan(a) || is_nan(b)) {
        return process(a, b);
    }
    if (a == b) {
        return from_bits(max ? bits_of(a) & bits_of(b) : bits_of(a) | bits_of(b));
    }
    return (a > b) == max ? a : b;
}

static double sum(double a, double c)
{
    if (is_nan(a) || is_nan(c)) {
        return process(a, c);
    }
    volatile double r = a + c;
    raised |= !isinf(r) && (r - a != c || r - c != a) ? IXC : 0u;
    return r;
}

static double extreme(unsigned how, double a, double b, double c)
{
    return sum(extreme_of(how, a, b), c);
}

static uint32_t float_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, 4);
    return b;
}

static bool float_is_nan(float x)
{
    return (float_bits(x) & 0x7fffffff) > 0x7f800000;
}

static float float_extreme(unsigned how, float a, float b)
{
    bool max = !(how & 1);
    if (how & 2 && float_is_nan(a) != float_is_nan(b)) {
        return float_is_nan(a) ? b : a;
    }
    if (float_is_nan(a) || float_is_nan(b)) {
        return float_is_nan(a) ? a : b;
    }
    if (a == b) {
        uint32_t r = max ? float_bits(a) & float_bits(b) : float_bits(a) | float_bits(b);
        memcpy(&a, &r, 4);
        return a;
    }
    return (a > b) == max ? a : b;
}

static void search(const float *x, const float *y, unsigned n, float *out)
{
    for (unsigned k = 0; k < 4; k++) {
        float max = -1, min = 1;
        for (unsigned i = k; i < n; i += 4) {
            float v = float_is_nan(y[i]) ? y[i] : fmaf(x[i], 0.3f, y[i]);
            raised |= (double)x[i] * 0.3f + y[i] != v && !float_is_nan(v) ? IXC : 0u;
            max = float_extreme(0, max, v);
            min = float_extreme(3, float_extreme(2, min, v), y[i]);
        }
        out[k] = max, out[4 + k] = min;
    }
}

#endif

static const uint64_t operands[] = {
    0x7ff8000000000000, 0xfff8000000000123, 0x7ff0000000000001, 0xfff4000000000077, 0,
    0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 1,
    0x3fd5555555555555, 0xc000000000000001};

static void scalars(void)
{
    enum { N = sizeof operands / sizeof *operands };
    for (unsigned how = 0; how < 4; how++) {
        for (unsigned k = 0; k < N * N * N; k++) {
            clear();
            double r = extreme(how, from_bits(operands[k % N]), from_bits(operands[k / N % N]),
                               from_bits(operands[k / N / N]));
            show(bits_of(r), flags());
        }
    }
}

static void vectors(void)
{
    enum { N = 256, ROUNDS = 400 };
    static float x[N], y[N];
    float out[8];
    for (unsigned k = 0; k < N; k++) {
        x[k] = (float)(k * 37 % 101) / 3, y[k] = (float)(k * 53 % 89) - 40;
    }
    for (unsigned r = 0; r < ROUNDS; r++) {
        uint32_t nan = 0x7fc00000 + r, was = r % N * 7 % N;
        float kept = y[was];
        if (r % 3 == 0) {
            memcpy(&y[was], &nan, 4);
        } else if (r % 3 == 1) {
            y[was] = -0.0f;
        }
        clear();
        search(x, y, N, out);
        unsigned f = flags();
        for (unsigned k = 0; k < 8; k++) {
            uint32_t b;
            memcpy(&b, &out[k], 4);
            show(b, f);
        }
        y[was] = kept;
    }
}

int main(void)
{
    scalars();
    vectors();
    return 0;
}
