/* test_host.c - softfp against the host's FPU: SSE2 for all, FMA and F16C where the host has them.
 * In all rounding modes, with and without flushing, flags included.
 *
 * The X86 policy must agree in every bit. The Arm policy must too where both architectures mean the
 * same: everything but NaNs and the tininess rule.
 */
#include <cpuid.h>
#include <criterion/criterion.h>
#include <immintrin.h>
#include <string.h>

#include "frontend/uop/softfp.h"
#include "rng.h"

#define MXCSR_MASKED 0x1f80u
#define MXCSR_DAZ    0x40u
#define MXCSR_FTZ    0x8000u

typedef enum HostOp {
    ADD,
    SUB,
    MUL,
    DIV,
    SQRT,
    FMA,
    TO_OTHER,
    CMP_GE,
    CMP_EQ,
    TO_I32,
    TO_I64,
    FROM_I64,
    HOST_OPS
} HostOp;
static const char *const op_names[HOST_OPS] = {"add",  "sub",    "mul",     "div",
                                               "sqrt", "fma",    "convert", "ge",
                                               "eq",   "to i32", "to i64",  "from i64"};

static uint64_t bits32(__m128 v)
{
    return (uint32_t)_mm_cvtsi128_si32(_mm_castps_si128(v));
}
static uint64_t bits64(__m128d v)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_castpd_si128(v));
}
static __m128 from32(uint64_t x)
{
    return _mm_castsi128_ps(_mm_cvtsi32_si128((int)x));
}
static __m128d from64(uint64_t x)
{
    return _mm_castsi128_pd(_mm_cvtsi64_si128((long long)x));
}

/* The asm statements keep every operation between the two accesses to MXCSR. */
#define RUN2(insn, x, y) __asm__ volatile(insn " %1, %0" : "+x"(x) : "x"(y))

__attribute__((target("fma"))) static uint64_t host_fma(bool dbl, uint64_t a, uint64_t b,
                                                        uint64_t c)
{
    if (dbl) {
        __m128d x = from64(b);
        __asm__ volatile("vfmadd213sd %2, %1, %0" : "+x"(x) : "x"(from64(a)), "x"(from64(c)));
        return bits64(x);
    }
    __m128 x = from32(b);
    __asm__ volatile("vfmadd213ss %2, %1, %0" : "+x"(x) : "x"(from32(a)), "x"(from32(c)));
    return bits32(x);
}

static uint64_t host_do(HostOp op, bool dbl, uint64_t a, uint64_t b, uint64_t c)
{
    __m128 x = from32(a), y = from32(b);
    __m128d p = from64(a), q = from64(b);
    long long i64 = 0;
    int i32 = 0;
    switch (op) {
    case ADD:
        if (dbl) {
            RUN2("addsd", p, q);
        } else {
            RUN2("addss", x, y);
        }
        break;
    case SUB:
        if (dbl) {
            RUN2("subsd", p, q);
        } else {
            RUN2("subss", x, y);
        }
        break;
    case MUL:
        if (dbl) {
            RUN2("mulsd", p, q);
        } else {
            RUN2("mulss", x, y);
        }
        break;
    case DIV:
        if (dbl) {
            RUN2("divsd", p, q);
        } else {
            RUN2("divss", x, y);
        }
        break;
    case SQRT:
        if (dbl) {
            RUN2("sqrtsd", p, p);
        } else {
            RUN2("sqrtss", x, x);
        }
        break;
    case FMA: return host_fma(dbl, a, b, c);
    case CMP_GE:
        if (dbl) {
            RUN2("cmplesd", q, p);
            return bits64(q) & 1;
        }
        RUN2("cmpless", y, x);
        return bits32(y) & 1;
    case CMP_EQ:
        if (dbl) {
            RUN2("cmpeqsd", p, q);
        } else {
            RUN2("cmpeqss", x, y);
        }
        return (dbl ? bits64(p) : bits32(x)) & 1;
    case TO_OTHER:
        if (dbl) {
            RUN2("cvtsd2ss", x, p);
            return bits32(x);
        }
        RUN2("cvtss2sd", p, x);
        return bits64(p);
    case TO_I32:
        if (dbl) {
            __asm__ volatile("cvtsd2si %1, %0" : "=r"(i32) : "x"(p));
        } else {
            __asm__ volatile("cvtss2si %1, %0" : "=r"(i32) : "x"(x));
        }
        return (uint32_t)i32;
    case TO_I64:
        if (dbl) {
            __asm__ volatile("cvtsd2si %1, %0" : "=r"(i64) : "x"(p));
        } else {
            __asm__ volatile("cvtss2si %1, %0" : "=r"(i64) : "x"(x));
        }
        return (uint64_t)i64;
    default: /* FROM_I64 */
        if (dbl) {
            __asm__ volatile("cvtsi2sdq %1, %0" : "+x"(p) : "r"(a));
        } else {
            __asm__ volatile("cvtsi2ssq %1, %0" : "+x"(x) : "r"(a));
        }
        break;
    }
    return dbl ? bits64(p) : bits32(x);
}

static uint64_t soft_do(FpEnv *e, HostOp op, bool dbl, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned fmt = dbl ? LANE_F64 : LANE_F32, other = dbl ? LANE_F32 : LANE_F64;
    switch (op) {
    case ADD: return softfp_add(e, fmt, a, b);
    case SUB: return softfp_sub(e, fmt, a, b);
    case MUL: return softfp_mul(e, fmt, a, b);
    case DIV: return softfp_div(e, fmt, a, b);
    case SQRT: return softfp_sqrt(e, fmt, a);
    case FMA: return softfp_fma(e, fmt, a, b, c);
    case TO_OTHER: return softfp_convert(e, other, fmt, a, (UopRound)e->round);
    case CMP_GE: return softfp_test(e, fmt, UOP_FGE, a, b);
    case CMP_EQ: return softfp_test(e, fmt, UOP_FEQ, a, b);
    case TO_I32: return softfp_to_int(e, fmt, a, 32, false, (UopRound)e->round, 0);
    case TO_I64: return softfp_to_int(e, fmt, a, 64, false, (UopRound)e->round, 0);
    default: return softfp_from_int(e, fmt, a, 64, false, 0);
    }
}

static bool is_nan(bool dbl, uint64_t x)
{
    return dbl ? (x & INT64_MAX) > UINT64_C(0x7ff0000000000000) : (x & INT32_MAX) > 0x7f800000;
}

static bool is_min_normal(bool dbl, uint64_t x)
{
    return dbl ? (x & INT64_MAX) == UINT64_C(0x0010000000000000) : (x & INT32_MAX) == 0x00800000;
}

/* Flags that both sides mean alike: x86 also tells of denormal operands, which Arm does only when
 * it flushes them. */
#define COMMON_FLAGS (FPX_INVALID | FPX_DIV_ZERO | FPX_OVERFLOW | FPX_UNDERFLOW | FPX_INEXACT)

static void run_op(HostOp op, bool dbl, unsigned cases)
{
    uint64_t seed = op * 2 + dbl;
    for (unsigned i = 0; i < cases; i++) {
        uint64_t v[3];
        for (unsigned k = 0; k < 3; k++) {
            v[k] = dbl ? rng_float(&seed, 11, 52) : rng_float(&seed, 8, 23);
        }
        v[0] =
            op == FROM_I64 ? (uint64_t)((int64_t)rng_next(&seed) >> (rng_next(&seed) & 63)) : v[0];
        unsigned round = i & 3;
        bool flush = i & 4;
        static const uint8_t soft_round[4] = {UOP_ROUND_NEAREST, UOP_ROUND_DOWN, UOP_ROUND_UP,
                                              UOP_ROUND_ZERO};
        FpEnv x86 = {
            .policy = FP_POLICY_X86, .round = soft_round[round], .mode = flush ? CPU_MODE_FZ : 0};
        FpEnv arm = {.policy = FP_POLICY_ARM, .round = soft_round[round], .mode = x86.mode};
        uint32_t rc = round == 0 ? 0 : round == 1 ? 0x2000 : round == 2 ? 0x4000 : 0x6000;
        unsigned saved = _mm_getcsr();
        _mm_setcsr(MXCSR_MASKED | rc | (flush ? MXCSR_DAZ | MXCSR_FTZ : 0));
        uint64_t want = host_do(op, dbl, v[0], v[1], v[2]);
        uint32_t want_flags = _mm_getcsr() & COMMON_FLAGS;
        _mm_setcsr(saved);
        uint64_t got = soft_do(&x86, op, dbl, v[0], v[1], v[2]),
                 on_arm = soft_do(&arm, op, dbl, v[0], v[1], v[2]);
        uint32_t got_flags = x86.flags & COMMON_FLAGS, arm_flags = arm.flags & COMMON_FLAGS;
        bool to_int = op == TO_I32 || op == TO_I64;
        if (to_int && want_flags & FPX_INVALID) {
            want = got; /* x86 has one value for all that is out of range; saturation has vectors of
                           its own */
        }
        bool result_dbl = op == TO_OTHER ? !dbl : dbl;
        if (flush && want_flags & FPX_UNDERFLOW) {
            want_flags &=
                ~(uint32_t)FPX_INEXACT; /* x86 raises both when it flushes, Arm only underflow */
            got_flags &= ~(uint32_t)FPX_INEXACT;
        }
        if (flush && is_min_normal(result_dbl, want)) {
            continue; /* x86 looks after rounding: not tiny */
        }
        cr_assert(got == want && got_flags == want_flags,
                  "x86 %s.%s %016lx %016lx %016lx rc=%x flush=%d: %016lx %02x, host %016lx %02x",
                  op_names[op], dbl ? "d" : "s", v[0], v[1], v[2], rc, flush, got, got_flags, want,
                  want_flags);
        if (is_min_normal(result_dbl, want)) {
            arm_flags &= ~(uint32_t)FPX_UNDERFLOW;
            want_flags &= ~(uint32_t)FPX_UNDERFLOW;
        }
        if (!to_int && is_nan(result_dbl, want)) {
            cr_assert(is_nan(result_dbl, on_arm));
        } else {
            cr_assert(on_arm == want,
                      "arm %s %016lx %016lx %016lx rc=%x flush=%d: %016lx, host %016lx",
                      op_names[op], v[0], v[1], v[2], rc, flush, on_arm, want);
        }
        if (op == FMA && is_nan(dbl, v[2])) {
            arm_flags &=
                ~(uint32_t)FPX_INVALID; /* Arm: 0 * infinity is invalid even beside a quiet NaN */
            want_flags &= ~(uint32_t)FPX_INVALID;
        }
        arm_flags &= ~(uint32_t)(flush && arm.flags & FPX_UNDERFLOW ? FPX_INEXACT : 0);
        cr_assert(arm_flags == want_flags,
                  "arm %s %016lx %016lx %016lx rc=%x flush=%d: flags %02x, host %02x", op_names[op],
                  v[0], v[1], v[2], rc, flush, arm_flags, want_flags);
    }
}

#define CASES 200000

#define HOST_TEST(op)                                                                              \
    Test(softfp_host, op)                                                                          \
    {                                                                                              \
        run_op(op, false, CASES);                                                                  \
        run_op(op, true, CASES);                                                                   \
    }
HOST_TEST(ADD)
HOST_TEST(SUB)
HOST_TEST(MUL)
HOST_TEST(DIV)
HOST_TEST(SQRT)
HOST_TEST(TO_OTHER)
HOST_TEST(CMP_GE)
HOST_TEST(CMP_EQ)
HOST_TEST(TO_I32)
HOST_TEST(TO_I64)
HOST_TEST(FROM_I64)

Test(softfp_host, FMA)
{
    if (!__builtin_cpu_supports("fma")) {
        cr_skip("the host has no FMA");
    }
    run_op(FMA, false, CASES);
    run_op(FMA, true, CASES);
}

/* Halves: all 65536 to singles, and singles to halves in every rounding mode. */
__attribute__((target("f16c"))) static uint64_t host_from_half(uint16_t x)
{
    __m128 r;
    __asm__ volatile("vcvtph2ps %1, %0" : "=x"(r) : "x"(_mm_cvtsi32_si128(x)));
    return bits32(r);
}

__attribute__((target("f16c"))) static uint16_t host_to_half(uint64_t x)
{
    __m128i r;
    __asm__ volatile("vcvtps2ph $4, %1, %0" : "=x"(r) : "x"(from32(x)));
    return (uint16_t)_mm_cvtsi128_si32(r);
}

Test(softfp_host, halves)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_F16C)) {
        cr_skip("the host has no F16C");
    }
    for (uint32_t h = 0; h < 0x10000; h++) {
        FpEnv e = {.policy = FP_POLICY_X86};
        uint64_t got = softfp_convert(&e, LANE_F32, LANE_F16, h, UOP_ROUND_NEAREST),
                 want = host_from_half((uint16_t)h);
        cr_assert(got == want, "half %04x: %08lx, host %08lx", h, got, want);
    }
    static const uint8_t soft_round[4] = {UOP_ROUND_NEAREST, UOP_ROUND_DOWN, UOP_ROUND_UP,
                                          UOP_ROUND_ZERO};
    uint64_t seed = 16;
    for (unsigned i = 0; i < CASES; i++) {
        uint64_t x = rng_float(&seed, 8, 23);
        if (i & 16) { /* mostly numbers that a half can be near to */
            x = (x & 0x807fffff) | (UINT64_C(127) - 26 + rng_next(&seed) % 44) << 23;
        }
        FpEnv e = {.policy = FP_POLICY_X86, .round = soft_round[i & 3]};
        unsigned saved = _mm_getcsr();
        _mm_setcsr(MXCSR_MASKED | (i & 3) << 13);
        uint16_t want = host_to_half(x);
        uint32_t flags = _mm_getcsr() & COMMON_FLAGS;
        _mm_setcsr(saved);
        uint64_t got = softfp_convert(&e, LANE_F16, LANE_F32, x, (UopRound)e.round);
        cr_assert(got == want && (e.flags & COMMON_FLAGS) == flags,
                  "single %08lx rc=%u: %04lx %02x, host %04x %02x", x, i & 3, got, e.flags, want,
                  flags);
    }
}
