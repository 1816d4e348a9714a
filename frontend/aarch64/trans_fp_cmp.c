/* trans_fp_cmp.c - floating-point comparisons: to flags, conditional, to lane masks; conditional
 * select. */
#include "frontend/aarch64/simd.h"

static uint8_t ftype(const A64Args *a)
{
    return a64_fscalar(a64_ftype_size(a->ftype));
}

/* ---- flags: `signaling` is 0 or UOPF_SIGNALING (any NaN is an invalid operation) ------------- */

static void compare(A64Ctx *ctx, uint8_t type, uint8_t signaling, Val n, Val m)
{
    a64_set_flags(ctx, uop_emit(ctx->b, UOP_FLAGS, type, UOP_FLAGS_FCMP, signaling, T_FLAGS, n, m,
                                VAL_NONE, 0));
}

static void compare_reg(A64Ctx *ctx, const A64Args *a, uint8_t signaling)
{
    Val n = a64_v(ctx, ftype(a), a->rn);
    compare(ctx, ftype(a), signaling, n, a64_v(ctx, ftype(a), a->rm));
}

static void compare_zero(A64Ctx *ctx, const A64Args *a, uint8_t signaling)
{
    Val n = a64_v(ctx, ftype(a), a->rn);
    compare(ctx, ftype(a), signaling, n, uop_const(ctx->b, ftype(a), 0));
}

static void compare_if(A64Ctx *ctx, const A64Args *a, uint8_t signaling)
{
    Val n = a64_v(ctx, ftype(a), a->rn);
    Val m = a64_v(ctx, ftype(a), a->rm);
    if (a->cond >= 14) {
        compare(ctx, ftype(a), signaling, n, m);
        return;
    }
    Val cond = a64_cond(ctx, a->cond);
    a64_set_flags(ctx, uop_emit(ctx->b, UOP_FLAGSIF, ftype(a), UOP_FLAGS_FCMP, signaling, T_FLAGS,
                                n, m, cond, a->nzcv));
}

TRANS(FCMP, compare_reg, 0)
TRANS(FCMPE, compare_reg, UOPF_SIGNALING)
TRANS(FCMP_z, compare_zero, 0)
TRANS(FCMPE_z, compare_zero, UOPF_SIGNALING)
TRANS(FCCMP, compare_if, 0)
TRANS(FCCMPE, compare_if, UOPF_SIGNALING)

void trans_FCSEL(A64Ctx *ctx, const A64Args *a)
{
    Val n = a64_v(ctx, ftype(a), a->rn);
    Val m = a64_v(ctx, ftype(a), a->rm);
    a64_set_v(ctx, a->rd, uop_select(ctx->b, ftype(a), a64_cond(ctx, a->cond), n, m));
}

/* ---- lane masks ------------------------------------------------------------------------------ */

/* rd = n cond m, or |n| cond |m| when `absolute`. */
static void mask(A64Ctx *ctx, const A64Args *a, uint8_t type, UopCond cond, bool absolute)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    if (absolute) {
        n = uop_un(ctx->b, UOP_FABS, type, n);
        m = uop_un(ctx->b, UOP_FABS, type, m);
    }
    a64_set_v(ctx, a->rd, uop_bin_sub(ctx->b, UOP_FCMP, type, (uint8_t)cond, n, m));
}

/* rd = n cond 0, or 0 cond n when `swap`. */
static void mask_zero(A64Ctx *ctx, const A64Args *a, uint8_t type, UopCond cond, bool swap)
{
    Val n = a64_v(ctx, type, a->rn);
    Val zero = uop_const(ctx->b, type, 0);
    Val r = uop_bin_sub(ctx->b, UOP_FCMP, type, (uint8_t)cond, swap ? zero : n, swap ? n : zero);
    a64_set_v(ctx, a->rd, r);
}

/* All forms: vector (single, double; half) and scalar. */
#define MASK(NAME, ...)                                                                            \
    TRANS(NAME##_v, mask, a64_fvec(2 + a->sz, a->q), __VA_ARGS__)                                  \
    TRANS(NAME##_vh, mask, a64_fvec(1, a->q), __VA_ARGS__)                                         \
    TRANS(NAME##_s, mask, a64_fscalar(2 + a->sz), __VA_ARGS__)                                     \
    TRANS(NAME##_sh, mask, T_F16, __VA_ARGS__)
#define MASK_ZERO(NAME, ...)                                                                       \
    TRANS(NAME##_vz, mask_zero, a64_fvec(2 + a->sz, a->q), __VA_ARGS__)                            \
    TRANS(NAME##_vhz, mask_zero, a64_fvec(1, a->q), __VA_ARGS__)                                   \
    TRANS(NAME##_sz, mask_zero, a64_fscalar(2 + a->sz), __VA_ARGS__)                               \
    TRANS(NAME##_shz, mask_zero, T_F16, __VA_ARGS__)

MASK(FCMEQ, UOP_FEQ, false)
MASK(FCMGE, UOP_FGE, false)
MASK(FCMGT, UOP_FGT, false)
MASK(FACGE, UOP_FGE, true)
MASK(FACGT, UOP_FGT, true)
MASK_ZERO(FCMEQ, UOP_FEQ, false)
MASK_ZERO(FCMGE, UOP_FGE, false)
MASK_ZERO(FCMGT, UOP_FGT, false)
MASK_ZERO(FCMLE, UOP_FGE, true)
MASK_ZERO(FCMLT, UOP_FGT, true)
