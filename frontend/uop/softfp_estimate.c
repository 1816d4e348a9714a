/* softfp_estimate.c - Arm's reciprocal and square-root estimates and the Newton steps:
 * FPRecipEstimate, FPRSqrtEstimate, FPRecpX, FPRecipStepFused, FPRSqrtStepFused and the unsigned
 * integer estimates of the Arm manual's shared pseudo-code.
 */
#include "frontend/uop/softfp_core.h"

/* 256 <= a < 512 stands for a / 512 in [0.5, 1): 1 / that, in 1/256. */
static unsigned recip_estimate(unsigned a)
{
    a = a * 2 + 1; /* the middle of the interval */
    unsigned b = (1u << 19) / a;
    return (b + 1) / 2;
}

/* 128 <= a < 512 stands for a / 512 in [0.25, 1): 1 / sqrt of that, in 1/256. */
static unsigned rsqrt_estimate(unsigned a)
{
    a = a < 256 ? a * 2 + 1 : ((a & ~1u) + 1) * 2;
    uint64_t b = 512;
    while (a * (b + 1) * (b + 1) < 1u << 28) {
        b++;
    }
    return (unsigned)(b + 1) / 2;
}

uint32_t softfp_urecip_estimate(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : UINT32_MAX;
}
uint32_t softfp_ursqrt_estimate(uint32_t a)
{
    return a >> 30 ? rsqrt_estimate(a >> 23) << 23 : UINT32_MAX;
}

/* The fraction in 52 bits. */
static uint64_t fraction52(const FpFormat *f, uint64_t a)
{
    return (a & ((UINT64_C(1) << f->frac_bits) - 1)) << (52 - f->frac_bits);
}

#define FRAC_MASK ((UINT64_C(1) << 52) - 1)
#define FRAC_TOP  (UINT64_C(1) << 51)

uint64_t softfp_recip_estimate(FpEnv *e, unsigned fmt, uint64_t a)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n = fp_unpack(e, f, a);
    int max_exp = fp_bias(f);
    if (fp_is_nan(n)) {
        return fp_nan_of(e, f, 1, &n, &a);
    }
    if (fp_is_inf(n)) {
        return fp_zero(f, n.sign);
    }
    if (fp_is_zero(n)) {
        e->flags |= FPX_DIV_ZERO;
        return fp_inf(f, n.sign);
    }
    int exp = (int)(a >> f->frac_bits & fp_exp_mask(f));
    uint64_t frac = fraction52(f, a);
    if (exp == 0 && frac >> 50 == 0) { /* below 2^-(max_exp + 1): the reciprocal overflows */
        e->flags |= FPX_OVERFLOW | FPX_INEXACT;
        bool to_inf =
            e->round == UOP_ROUND_NEAREST || e->round == (n.sign ? UOP_ROUND_DOWN : UOP_ROUND_UP);
        return to_inf ? fp_inf(f, n.sign) : fp_max(f, n.sign);
    }
    if (fp_flushes(e, f) &&
        exp >= 2 * max_exp - 1) { /* at least 2^(max_exp - 1): the result is denormal */
        e->flags |= FPX_UNDERFLOW;
        return fp_zero(f, n.sign);
    }
    if (exp == 0) {
        if (frac & FRAC_TOP) {
            frac = frac << 1 & FRAC_MASK;
        } else {
            exp = -1;
            frac = frac << 2 & FRAC_MASK;
        }
    }
    int result_exp = 2 * max_exp - 1 - exp;
    frac = (uint64_t)(recip_estimate((unsigned)(256 | frac >> 44)) & 255) << 44;
    if (result_exp <= 0) { /* 0 or -1: a denormal result */
        frac = (frac | UINT64_C(1) << 52) >> (1 - result_exp);
        result_exp = 0;
    }
    return fp_pack(f, n.sign, (uint64_t)result_exp, frac >> (52 - f->frac_bits));
}

uint64_t softfp_rsqrt_estimate(FpEnv *e, unsigned fmt, uint64_t a)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n = fp_unpack(e, f, a);
    if (fp_is_nan(n)) {
        return fp_nan_of(e, f, 1, &n, &a);
    }
    if (fp_is_zero(n)) {
        e->flags |= FPX_DIV_ZERO;
        return fp_inf(f, n.sign);
    }
    if (n.sign) {
        return fp_invalid(e, f);
    }
    if (fp_is_inf(n)) {
        return fp_zero(f, false);
    }
    int exp = (int)(a >> f->frac_bits & fp_exp_mask(f));
    uint64_t frac = fraction52(f, a);
    if (exp == 0) {
        for (; !(frac & FRAC_TOP); exp--) {
            frac <<= 1;
        }
        frac = frac << 1 & FRAC_MASK;
    }
    unsigned scaled = exp & 1 ? 128u | (unsigned)(frac >> 45) : 256u | (unsigned)(frac >> 44);
    int result_exp = (3 * fp_bias(f) - 1 - exp) / 2;
    uint64_t estimate = rsqrt_estimate(scaled) & 255;
    return fp_pack(f, false, (uint64_t)result_exp, estimate << (f->frac_bits - 8));
}

uint64_t softfp_recip_exponent(FpEnv *e, unsigned fmt, uint64_t a)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n = fp_unpack(e, f, a);
    if (fp_is_nan(n)) {
        return fp_nan_of(e, f, 1, &n, &a);
    }
    uint64_t exp = a >> f->frac_bits & fp_exp_mask(f);
    return fp_pack(f, n.sign, exp == 0 ? fp_exp_mask(f) - 1 : ~exp & fp_exp_mask(f), 0);
}

/* (k - a * b) / 2^half, in one rounding; k is what 0 * infinity gives, doubled if half. */
static uint64_t step(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, unsigned k, unsigned half)
{
    const FpFormat *f = softfp_format(fmt);
    a ^= fp_sign_bit(f);
    FpNum n[2] = {fp_unpack(e, f, a), fp_unpack(e, f, b)};
    if (fp_is_nan(n[0]) || fp_is_nan(n[1])) {
        return fp_nan_of(e, f, 2, n, (uint64_t[]){a, b});
    }
    bool inf = fp_is_inf(n[0]) || fp_is_inf(n[1]), zero = fp_is_zero(n[0]) || fp_is_zero(n[1]),
         sign = n[0].sign != n[1].sign;
    if (inf && !zero) {
        return fp_inf(f, sign);
    }
    int down = -(int)half;
    Sig product = zero ? 0 : (Sig)n[0].sig * n[1].sig;
    return fp_sum(e, f, false, down, k, sign, n[0].exp + n[1].exp + down, product);
}

uint64_t softfp_recip_step(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return step(e, fmt, a, b, 2, 0);
}
uint64_t softfp_rsqrt_step(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return step(e, fmt, a, b, 3, 1);
}
