/* softfp_core.c - numbers taken apart, NaNs chosen, results rounded and packed: what all of softfp
 * rests on. */
#include "frontend/uop/softfp_core.h"

const FpFormat softfp_formats[4] = {
    [SOFTFP_BF16] = {8, 7, false},
    [LANE_F16 & 3] = {5, 10, true},
    [LANE_F32 & 3] = {8, 23, false},
    [LANE_F64 & 3] = {11, 52, false},
};

uint64_t fp_default_nan(const FpEnv *e, const FpFormat *f)
{
    return fp_pack(f, e->policy == FP_POLICY_X86, fp_exp_mask(f), fp_quiet_bit(f));
}

uint64_t fp_invalid(FpEnv *e, const FpFormat *f)
{
    e->flags |= FPX_INVALID;
    return fp_default_nan(e, f);
}

FpNum fp_unpack(FpEnv *e, const FpFormat *f, uint64_t bits)
{
    uint64_t frac = bits & ((UINT64_C(1) << f->frac_bits) - 1),
             biased = bits >> f->frac_bits & fp_exp_mask(f);
    FpNum n = {.cls = FP_CLASS_FINITE, .sign = bits & fp_sign_bit(f)};
    if (biased == fp_exp_mask(f)) {
        n.cls = frac == 0 ? FP_CLASS_INF : frac & fp_quiet_bit(f) ? FP_CLASS_QNAN : FP_CLASS_SNAN;
    } else if (biased != 0) {
        n.sig = frac | UINT64_C(1) << f->frac_bits;
        n.exp = (int)biased - fp_bias(f) - f->frac_bits;
    } else if (frac == 0) {
        n.cls = FP_CLASS_ZERO;
    } else if (fp_flushes(e, f)) {
        n.cls = FP_CLASS_ZERO;
        e->flags |= f->half ? 0 : FPX_INPUT_DENORMAL;
    } else {
        n.sig = frac;
        n.exp = 1 - fp_bias(f) - f->frac_bits;
    }
    return n;
}

uint64_t fp_nan_of(FpEnv *e, const FpFormat *f, unsigned n, const FpNum *num, const uint64_t *bits)
{
    int signaling = -1, first = -1;
    for (unsigned i = n; i-- > 0;) {
        signaling = num[i].cls == FP_CLASS_SNAN ? (int)i : signaling;
        first = fp_is_nan(num[i]) ? (int)i : first;
    }
    if (signaling >= 0) {
        e->flags |= FPX_INVALID;
    }
    if (e->policy == FP_POLICY_CANONICAL || e->mode & CPU_MODE_DN) {
        return fp_default_nan(e, f);
    }
    int chosen = signaling >= 0 && e->policy == FP_POLICY_ARM ? signaling : first;
    return bits[chosen] | fp_quiet_bit(f);
}

uint64_t fp_convert_nan(const FpFormat *to, const FpFormat *from, uint64_t bits)
{
    uint64_t frac = bits & ((UINT64_C(1) << from->frac_bits) - 1);
    frac = to->frac_bits >= from->frac_bits ? frac << (to->frac_bits - from->frac_bits)
                                            : frac >> (from->frac_bits - to->frac_bits);
    return fp_pack(to, bits & fp_sign_bit(from), fp_exp_mask(to), frac | fp_quiet_bit(to));
}

bool fp_goes_up(UopRound round, bool sign, bool odd, int half, bool inexact)
{
    switch (round) {
    case UOP_ROUND_NEAREST: return half > 0 || (half == 0 && odd);
    case UOP_ROUND_AWAY: return half >= 0;
    case UOP_ROUND_UP: return inexact && !sign;
    case UOP_ROUND_DOWN: return inexact && sign;
    default: return false; /* ZERO; ODD sets the lowest bit instead */
    }
}

Sig fp_cut(Sig sig, int n, int *half, bool *inexact)
{
    if (n == 0) {
        *half = -1;
        *inexact = false;
        return sig;
    }
    if (n >= 127) { /* less than half of the last place */
        *half = -1;
        *inexact = sig != 0;
        return 0;
    }
    Sig rest = sig & (((Sig)1 << n) - 1), middle = (Sig)1 << (n - 1);
    *half = rest < middle ? -1 : rest > middle;
    *inexact = rest != 0;
    return sig >> n;
}

static int top_bit(Sig s)
{
    uint64_t hi = (uint64_t)(s >> 64);
    return hi ? 127 - __builtin_clzll(hi) : 63 - __builtin_clzll((uint64_t)s);
}

/* What overflow gives. */
static uint64_t overflow(const FpFormat *f, UopRound round, bool sign)
{
    bool to_inf = round == UOP_ROUND_NEAREST || round == UOP_ROUND_AWAY ||
                  (round == UOP_ROUND_UP && !sign) || (round == UOP_ROUND_DOWN && sign);
    return to_inf ? fp_inf(f, sign) : fp_max(f, sign);
}

uint64_t fp_round_pack(FpEnv *e, const FpFormat *f, UopRound round, bool ahp, bool sign, int exp,
                       Sig sig)
{
    int min_exp = 1 - fp_bias(f), top = exp + top_bit(sig); /* the number is 1.xxx * 2^top */
    bool tiny = top < min_exp;
    if (tiny && fp_flushes(e, f)) {
        e->flags |= FPX_UNDERFLOW;
        return fp_zero(f, sign);
    }
    int last = (tiny ? min_exp : top) - f->frac_bits; /* 2^last is the unit in the last place */
    int half = -1;
    bool inexact = false;
    Sig mant = last > exp ? fp_cut(sig, last - exp, &half, &inexact) : sig << (exp - last);
    uint64_t biased = tiny ? 0 : (uint64_t)(top - min_exp + 1);
    if (fp_goes_up(round, sign, mant & 1, half, inexact)) {
        mant++;
    } else if (round == UOP_ROUND_ODD && inexact) {
        mant |= 1;
    }
    if (e->policy != FP_POLICY_ARM && tiny &&
        inexact) { /* tininess after rounding, as if the exponent had no bound */
        int h;
        bool x;
        int cut = top - f->frac_bits - exp;
        Sig m = cut > 0 ? fp_cut(sig, cut, &h, &x) : 0;
        tiny = cut <= 0 || !fp_goes_up(round, sign, m & 1, h, x) ||
               (m + 1) >> (f->frac_bits + 1) == 0 || top + 1 < min_exp;
    }
    if (tiny && inexact) {
        e->flags |= FPX_UNDERFLOW;
    }
    /* The leading bit of mant, when there, adds one to the exponent; so does a carry out of
     * rounding. */
    uint64_t bits = (biased == 0 ? 0 : biased - 1) << f->frac_bits;
    bits += (uint64_t)mant;
    biased = bits >> f->frac_bits;
    if (ahp) {
        if (biased > fp_exp_mask(f)) {
            e->flags |= FPX_INVALID;
            return fp_pack(f, sign, fp_exp_mask(f), (UINT64_C(1) << f->frac_bits) - 1);
        }
    } else if (biased >= fp_exp_mask(f)) {
        e->flags |= FPX_OVERFLOW | FPX_INEXACT;
        return overflow(f, round, sign);
    }
    if (inexact) {
        e->flags |= FPX_INEXACT;
    }
    return bits | (sign ? fp_sign_bit(f) : 0);
}

/* Shifts sig so that its highest bit is bit 120. */
static void normalize(int *exp, Sig *sig)
{
    int up = 120 - top_bit(*sig);
    *sig <<= up;
    *exp -= up;
}

uint64_t fp_sum(FpEnv *e, const FpFormat *f, bool sign_a, int exp_a, Sig sig_a, bool sign_b,
                int exp_b, Sig sig_b)
{
    UopRound round = (UopRound)e->round;
    if (sig_a == 0 || sig_b == 0) {
        if (sig_a == 0 && sig_b == 0) {
            return fp_zero(f, sign_a == sign_b ? sign_a : round == UOP_ROUND_DOWN);
        }
        return sig_a ? fp_round_pack(e, f, round, false, sign_a, exp_a, sig_a)
                     : fp_round_pack(e, f, round, false, sign_b, exp_b, sig_b);
    }
    normalize(&exp_a, &sig_a);
    normalize(&exp_b, &sig_b);
    if (exp_a < exp_b ||
        (exp_a == exp_b && sig_a < sig_b)) { /* a becomes the one of larger magnitude */
        bool sign = sign_a;
        int exp = exp_a;
        Sig sig = sig_a;
        sign_a = sign_b;
        exp_a = exp_b;
        sig_a = sig_b;
        sign_b = sign;
        exp_b = exp;
        sig_b = sig;
    }
    int half;
    bool cut;
    sig_b = fp_cut(sig_b, exp_a - exp_b, &half, &cut);
    sig_b |= cut; /* sticky; when bits are lost, at most one bit cancels */
    Sig sig = sign_a == sign_b ? sig_a + sig_b : sig_a - sig_b;
    return sig == 0 ? fp_zero(f, round == UOP_ROUND_DOWN)
                    : fp_round_pack(e, f, round, false, sign_a, exp_a, sig);
}
