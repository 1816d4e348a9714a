/* softfp.c - arithmetic: sum, product, quotient, root, fused multiply-add. */
#include "frontend/uop/softfp_core.h"

uint64_t softfp_add(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n[2] = {fp_unpack(e, f, a), fp_unpack(e, f, b)};
    if (fp_is_nan(n[0]) || fp_is_nan(n[1])) {
        return fp_nan_of(e, f, 2, n, (uint64_t[]){a, b});
    }
    if (fp_is_inf(n[0]) || fp_is_inf(n[1])) {
        if (fp_is_inf(n[0]) && fp_is_inf(n[1]) && n[0].sign != n[1].sign) {
            return fp_invalid(e, f);
        }
        return fp_inf(f, fp_is_inf(n[0]) ? n[0].sign : n[1].sign);
    }
    return fp_sum(e, f, n[0].sign, n[0].exp, n[0].sig, n[1].sign, n[1].exp, n[1].sig);
}

/* A NaN keeps its sign, so this is not a sum with -b. */
uint64_t softfp_sub(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    const FpFormat *f = softfp_format(fmt);
    FpEnv quiet = *e;
    FpNum n = fp_unpack(&quiet, f, b);
    return softfp_add(e, fmt, a, fp_is_nan(n) ? b : b ^ fp_sign_bit(f));
}

static uint64_t multiply(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, bool extended)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n[2] = {fp_unpack(e, f, a), fp_unpack(e, f, b)};
    bool sign = n[0].sign != n[1].sign;
    if (fp_is_nan(n[0]) || fp_is_nan(n[1])) {
        return fp_nan_of(e, f, 2, n, (uint64_t[]){a, b});
    }
    bool inf = fp_is_inf(n[0]) || fp_is_inf(n[1]), zero = fp_is_zero(n[0]) || fp_is_zero(n[1]);
    if (inf && zero) {
        return extended ? fp_pack(f, sign, (uint64_t)fp_bias(f) + 1, 0)
                        : fp_invalid(e, f); /* 2.0 */
    }
    if (inf || zero) {
        return inf ? fp_inf(f, sign) : fp_zero(f, sign);
    }
    return fp_round_pack(e, f, (UopRound)e->round, false, sign, n[0].exp + n[1].exp,
                         (Sig)n[0].sig * n[1].sig);
}

uint64_t softfp_mul(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return multiply(e, fmt, a, b, false);
}
uint64_t softfp_mulx(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return multiply(e, fmt, a, b, true);
}

uint64_t softfp_div(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n[2] = {fp_unpack(e, f, a), fp_unpack(e, f, b)};
    bool sign = n[0].sign != n[1].sign;
    if (fp_is_nan(n[0]) || fp_is_nan(n[1])) {
        return fp_nan_of(e, f, 2, n, (uint64_t[]){a, b});
    }
    if ((fp_is_inf(n[0]) && fp_is_inf(n[1])) || (fp_is_zero(n[0]) && fp_is_zero(n[1]))) {
        return fp_invalid(e, f);
    }
    if (fp_is_inf(n[0]) || fp_is_zero(n[1])) {
        e->flags |= fp_is_inf(n[0]) ? 0 : FPX_DIV_ZERO;
        return fp_inf(f, sign);
    }
    if (fp_is_zero(n[0]) || fp_is_inf(n[1])) {
        return fp_zero(f, sign);
    }
    /* Both to 64 bits, so that the quotient has 62 or 63. */
    int up_a = __builtin_clzll(n[0].sig), up_b = __builtin_clzll(n[1].sig);
    uint64_t divisor = n[1].sig << up_b;
    Sig dividend = (Sig)(n[0].sig << up_a) << 62;
    Sig q = dividend / divisor | (dividend % divisor != 0);
    return fp_round_pack(e, f, (UopRound)e->round, false, sign,
                         n[0].exp - up_a - 62 - (n[1].exp - up_b), q);
}

/* The integer square root, bit by bit. */
static uint64_t root(Sig x)
{
    Sig r = 0;
    for (Sig bit = (Sig)1 << 124; bit; bit >>= 2) {
        if (x >= r + bit) {
            x -= r + bit;
            r = (r >> 1) + bit;
        } else {
            r >>= 1;
        }
    }
    return (uint64_t)r;
}

uint64_t softfp_sqrt(FpEnv *e, unsigned fmt, uint64_t a)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n = fp_unpack(e, f, a);
    if (fp_is_nan(n)) {
        return fp_nan_of(e, f, 1, &n, &a);
    }
    if (fp_is_zero(n)) {
        return fp_zero(f, n.sign);
    }
    if (n.sign) {
        return fp_invalid(e, f);
    }
    if (fp_is_inf(n)) {
        return fp_inf(f, false);
    }
    int up = __builtin_clzll(n.sig) + 61;
    up += (n.exp - up) & 1; /* an even exponent */
    Sig x = (Sig)n.sig << up;
    uint64_t r = root(x);
    return fp_round_pack(e, f, (UopRound)e->round, false, false, (n.exp - up) / 2 - 1,
                         (Sig)r << 1 | ((Sig)r * r != x));
}

uint64_t softfp_fma(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, uint64_t c)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum na = fp_unpack(e, f, a), nb = fp_unpack(e, f, b), nc = fp_unpack(e, f, c);
    bool inf = fp_is_inf(na) || fp_is_inf(nb), zero = fp_is_zero(na) || fp_is_zero(nb),
         sign = na.sign != nb.sign;
    if (fp_is_nan(na) || fp_is_nan(nb) || fp_is_nan(nc)) {
        if (e->policy == FP_POLICY_X86) {
            return fp_nan_of(e, f, 3, (FpNum[]){na, nb, nc}, (uint64_t[]){a, b, c});
        }
        uint64_t r = fp_nan_of(e, f, 3, (FpNum[]){nc, na, nb}, (uint64_t[]){c, a, b});
        return nc.cls == FP_CLASS_QNAN && inf && zero ? fp_invalid(e, f) : r;
    }
    if ((inf && zero) || (inf && fp_is_inf(nc) && sign != nc.sign)) {
        return fp_invalid(e, f);
    }
    if (inf || fp_is_inf(nc)) {
        return fp_inf(f, inf ? sign : nc.sign);
    }
    return fp_sum(e, f, nc.sign, nc.exp, nc.sig, sign, na.exp + nb.exp, (Sig)na.sig * nb.sig);
}
