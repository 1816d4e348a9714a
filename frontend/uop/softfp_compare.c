/* softfp_compare.c - comparisons, minimum and maximum. */
#include "frontend/uop/softfp_core.h"

/* Order of two numbers that aren't NaN: -1, 0, 1. Bits of one format order as sign and magnitude;
 * zeros are equal. */
static int order(FpNum a, FpNum b, uint64_t bits_a, uint64_t bits_b)
{
    if (fp_is_zero(a) && fp_is_zero(b)) {
        return 0;
    }
    if (a.sign != b.sign) {
        return a.sign ? -1 : 1;
    }
    bits_a = fp_is_zero(a) ? 0 : bits_a; /* a flushed denormal; the sign bit of both is the same */
    bits_b = fp_is_zero(b) ? 0 : bits_b;
    if (bits_a == bits_b) {
        return 0;
    }
    return (bits_a > bits_b) != a.sign ? 1 : -1;
}

enum { LESS = 8, EQUAL = 6, GREATER = 2, UNORDERED = 3 }; /* N,Z,C,V */

unsigned softfp_compare(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, bool signaling)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum na = fp_unpack(e, f, a), nb = fp_unpack(e, f, b);
    if (fp_is_nan(na) || fp_is_nan(nb)) {
        if (signaling || na.cls == FP_CLASS_SNAN || nb.cls == FP_CLASS_SNAN) {
            e->flags |= FPX_INVALID;
        }
        return UNORDERED;
    }
    int o = order(na, nb, a, b);
    return o < 0 ? LESS : o == 0 ? EQUAL : GREATER;
}

bool softfp_test(FpEnv *e, unsigned fmt, UopCond cond, uint64_t a, uint64_t b)
{
    unsigned r = softfp_compare(e, fmt, a, b, cond != UOP_FEQ);
    switch (cond) {
    case UOP_FEQ: return r == EQUAL;
    case UOP_FGE: return r == EQUAL || r == GREATER;
    default: return r == GREATER; /* FGT */
    }
}

uint64_t softfp_min(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, bool max, bool num)
{
    const FpFormat *f = softfp_format(fmt);
    FpNum n[2] = {fp_unpack(e, f, a), fp_unpack(e, f, b)};
    uint64_t bits[2] = {a, b};
    if (num && (n[0].cls == FP_CLASS_QNAN) != (n[1].cls == FP_CLASS_QNAN)) {
        /* The quiet NaN loses: as if it were the infinity that does. */
        unsigned i = n[1].cls == FP_CLASS_QNAN;
        bits[i] = fp_inf(f, max);
        n[i] = (FpNum){.cls = FP_CLASS_INF, .sign = max};
    }
    if (fp_is_nan(n[0]) || fp_is_nan(n[1])) {
        return fp_nan_of(e, f, 2, n, bits);
    }
    if (fp_is_zero(n[0]) && fp_is_zero(n[1])) {
        return fp_zero(f, max ? n[0].sign && n[1].sign : n[0].sign || n[1].sign);
    }
    bool second = order(n[0], n[1], bits[0], bits[1]) * (max ? 1 : -1) < 0;
    return fp_is_zero(n[second]) ? fp_zero(f, n[second].sign) : bits[second];
}
