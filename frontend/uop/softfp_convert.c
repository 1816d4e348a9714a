/* softfp_convert.c - between formats, and between floats and integers. */
#include "frontend/uop/softfp_core.h"

/* Arm FPRoundInt; limit 32, 64: FPRoundIntN. */
uint64_t softfp_round(FpEnv *e, unsigned fmt, uint64_t a, UopRound round, bool exact,
                      unsigned limit)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n = fp_unpack(e, f, a);
    uint64_t out_of_range =
        limit ? fp_pack(f, true, (uint64_t)fp_bias(f) + limit - 1, 0) : 0; /* -2^(limit-1) */
    if (limit && (fp_is_nan(n) || fp_is_inf(n))) {
        e->flags |= FPX_INVALID;
        return out_of_range;
    }
    if (fp_is_nan(n)) {
        return fp_nan_of(e, f, 1, &n, &a);
    }
    if (fp_is_inf(n) || fp_is_zero(n)) {
        return fp_is_inf(n) ? a : fp_zero(f, n.sign);
    }
    Sig mag = n.sig;
    int half, exp = n.exp;
    bool inexact = false;
    if (exp < 0) {
        mag = fp_cut(mag, -exp, &half, &inexact);
        mag += fp_goes_up(round, n.sign, mag & 1, half, inexact);
        exp = 0;
    }
    if (limit) {
        Sig bound = ((Sig)1 << (limit - 1)) - !n.sign;
        if (exp > 64 || mag << exp > bound) {
            e->flags |= FPX_INVALID;
            return out_of_range;
        }
    }
    if (inexact && (exact || limit)) {
        e->flags |= FPX_INEXACT;
    }
    return mag == 0 ? fp_zero(f, n.sign)
                    : fp_round_pack(e, f, UOP_ROUND_ZERO, false, n.sign, exp, mag);
}

/* Arm FPConvert. FZ16 has no say here; the alternative half precision has neither infinities nor
 * NaNs. */
uint64_t softfp_convert(FpEnv *e, unsigned to, unsigned from, uint64_t a, UopRound round)
{
    const FpFormat *f = softfp_format(from), *t = softfp_format(to);
    uint32_t mode = e->mode;
    bool ahp = mode & CPU_MODE_AHP;
    e->mode &= ~(uint32_t)CPU_MODE_FZ16;
    FpNum n = fp_unpack(e, f, a);
    uint64_t r;
    if (f->half && ahp && (fp_is_nan(n) || fp_is_inf(n))) {
        n.cls = FP_CLASS_FINITE;
        n.sig = (a & 0x3ff) | 0x400;
        n.exp = 31 - 15 - 10;
    }
    if (fp_is_nan(n)) {
        bool to_ahp = t->half && ahp;
        if (n.cls == FP_CLASS_SNAN || to_ahp) {
            e->flags |= FPX_INVALID;
        }
        bool canonical = e->policy == FP_POLICY_CANONICAL || mode & CPU_MODE_DN;
        r = to_ahp      ? fp_zero(t, n.sign)
            : canonical ? fp_default_nan(e, t)
                        : fp_convert_nan(t, f, a);
    } else if (fp_is_inf(n)) {
        r = fp_inf(t, n.sign);
        if (t->half && ahp) {
            e->flags |= FPX_INVALID;
            r |= (UINT64_C(1) << t->frac_bits) - 1;
        }
    } else if (fp_is_zero(n)) {
        r = fp_zero(t, n.sign);
    } else {
        r = fp_round_pack(e, t, round, t->half && ahp, n.sign, n.exp, n.sig);
    }
    e->mode = mode;
    return r;
}

/* Arm FPToFixed. */
uint64_t softfp_to_int(FpEnv *e, unsigned fmt, uint64_t a, unsigned bits, bool is_unsigned,
                       UopRound round, unsigned frac_bits)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n = fp_unpack(e, f, a);
    if (fp_is_nan(n)) {
        e->flags |= FPX_INVALID;
        return 0;
    }
    if (fp_is_zero(n)) {
        return 0;
    }
    uint64_t all = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1,
             min = is_unsigned ? 0 : UINT64_C(1) << (bits - 1);
    uint64_t max = is_unsigned ? all : min - 1;
    int exp = n.exp + (int)frac_bits, half;
    bool inexact = false;
    Sig mag = n.sig;
    if (!fp_is_inf(n) && exp < 0) {
        mag = fp_cut(mag, -exp, &half, &inexact);
        mag += fp_goes_up(round, n.sign, mag & 1, half, inexact);
        exp = 0;
    }
    /* Beyond 64 the bound is passed whatever the significand is. */
    if (fp_is_inf(n) || exp > 64 || mag << exp > (n.sign ? min : max)) {
        e->flags |= FPX_INVALID;
        return n.sign ? min : max;
    }
    if (inexact) {
        e->flags |= FPX_INEXACT;
    }
    mag <<= exp;
    return (n.sign ? -(uint64_t)mag : (uint64_t)mag) & all;
}

/* Arm FixedToFP. */
uint64_t softfp_from_int(FpEnv *e, unsigned fmt, uint64_t v, unsigned bits, bool is_unsigned,
                         unsigned frac_bits)
{
    const FpFormat *f = softfp_format(fmt);
    uint64_t all = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    v &= all;
    bool sign = !is_unsigned && v >> (bits - 1);
    uint64_t mag = (sign ? -v : v) & all;
    return mag == 0 ? 0
                    : fp_round_pack(e, f, (UopRound)e->round, false, sign, -(int)frac_bits, mag);
}

/* Arm FPToFixedJS: towards zero, modulo 2^32. */
uint32_t softfp_js_to_int(FpEnv *e, uint64_t a, bool *exact)
{
    FpNum n = fp_unpack(e, softfp_format(LANE_F64), a);
    *exact = false;
    if (fp_is_nan(n) || fp_is_inf(n)) {
        e->flags |= FPX_INVALID;
        return 0;
    }
    if (fp_is_zero(n)) {
        *exact = a == 0; /* neither -0 nor a flushed denormal */
        return 0;
    }
    bool inexact = false, huge = n.exp > 0; /* 2^53 or more */
    int half;
    uint64_t mag = n.sig;
    if (huge) {
        mag = n.exp >= 32 ? 0 : mag << n.exp;
    } else {
        mag = (uint64_t)fp_cut(mag, -n.exp, &half, &inexact);
    }
    if (huge || mag > (n.sign ? UINT64_C(1) << 31 : INT32_MAX)) {
        e->flags |= FPX_INVALID;
    } else if (inexact) {
        e->flags |= FPX_INEXACT;
    } else {
        *exact = true;
    }
    return (uint32_t)(n.sign ? -mag : mag);
}
