/*
 * trans_simd_sat.c - Advanced SIMD saturating operations, vector and scalar. FPSR.QC becomes set
 * when the result isn't the exact one.
 *
 * A scalar form is the vector form on operands whose other lanes are zeroed: zero lanes give zero
 * and don't saturate.
 */
#include "frontend/aarch64/simd.h"

/* Both forms: `scalar` says that only lane 0 counts. */
#define BOTH(NAME, WORKER, ...)                                                                    \
    TRANS(NAME##_v, WORKER, a64_ivec(a->size, a->q), false, __VA_ARGS__)                           \
    TRANS(NAME##_s, WORKER, a64_ivec(a->size, 0), true, __VA_ARGS__)

/* ---- add, subtract, negate ------------------------------------------------------------------- */

/* x op y saturated as sub says, and modulo. */
static void sat_binary(A64Ctx *ctx, int rd, uint8_t type, UopOp op, uint8_t sub, Val x, Val y)
{
    UopOp modulo = op == UOP_ADDSAT ? UOP_ADD : UOP_SUB;
    Val r = uop_bin_sub(ctx->b, op, type, sub, x, y);
    a64_sticky_differ(ctx, r, uop_bin(ctx->b, modulo, type, x, y));
    a64_set_v(ctx, rd, r);
}

static void add_sub(A64Ctx *ctx, const A64Args *a, uint8_t type, bool scalar, UopOp op, uint8_t sub)
{
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    Val m = a64_lanes(ctx, type, scalar, a->rm);
    sat_binary(ctx, a->rd, type, op, sub, n, m);
}

/* rd + rn, of different signedness. */
static void add_mixed(A64Ctx *ctx, const A64Args *a, uint8_t type, bool scalar, uint8_t sub)
{
    Val d = a64_lanes(ctx, type, scalar, a->rd);
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    sat_binary(ctx, a->rd, type, UOP_ADDSAT, sub, d, n);
}

static void neg(A64Ctx *ctx, const A64Args *a, uint8_t type, bool scalar, bool absolute)
{
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    Val r = uop_bin_sub(ctx->b, UOP_SUBSAT, type, UOP_SIGNED, uop_const(ctx->b, type, 0), n);
    if (absolute) {
        r = uop_bin_sub(ctx->b, UOP_MAX, type, UOP_SIGNED, n, r);
    }
    a64_sticky_differ(ctx, r, uop_un(ctx->b, absolute ? UOP_ABS : UOP_NEG, type, n));
    a64_set_v(ctx, a->rd, r);
}

BOTH(SQADD, add_sub, UOP_ADDSAT, UOP_SIGNED)
BOTH(UQADD, add_sub, UOP_ADDSAT, UOP_UNSIGNED)
BOTH(SQSUB, add_sub, UOP_SUBSAT, UOP_SIGNED)
BOTH(UQSUB, add_sub, UOP_SUBSAT, UOP_UNSIGNED)
BOTH(SUQADD, add_mixed, UOP_SAT_SU)
BOTH(USQADD, add_mixed, UOP_SAT_US)
BOTH(SQABS, neg, true)
BOTH(SQNEG, neg, false)

/* ---- shifts by a register -------------------------------------------------------------------- */

/*
 * Exact, or not? The result differs from the one that isn't saturated, except that a negative
 * number shifted left to the smallest one may have lost bits: then shifting back doesn't give it
 * again. (Back and forth agree wherever nothing saturates and the shift is to the left.)
 */
static void shift(A64Ctx *ctx, const A64Args *a, uint8_t type, bool scalar, uint8_t sub)
{
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    Val m = a64_lanes(ctx, type, scalar, a->rm);
    Val r = uop_bin_sub(ctx->b, UOP_SHLV, type, sub | UOP_SAT, n, m);
    a64_sticky_differ(ctx, r, uop_bin_sub(ctx->b, UOP_SHLV, type, sub, n, m));
    if (sub & UOP_SIGNED) {
        Val back = uop_un(ctx->b, UOP_NEG, type, m);
        back = uop_bin_sub(ctx->b, UOP_SHLV, type, UOP_SIGNED, r, back);
        back = uop_bin(ctx->b, UOP_XOR, type, back, n);
        Val left = uop_bini(ctx->b, UOP_SHL, type, m, (int)uop_lane_bits(type) - 8);
        left = uop_bini_sub(ctx->b, UOP_VCMP, type, UOP_SGT, left, 0);
        a64_sticky(ctx, uop_bin(ctx->b, UOP_AND, type, back, left));
    }
    a64_set_v(ctx, a->rd, r);
}

BOTH(SQSHL, shift, UOP_SIGNED)
BOTH(UQSHL, shift, UOP_UNSIGNED)
BOTH(SQRSHL, shift, UOP_SIGNED | UOP_ROUND)
BOTH(UQRSHL, shift, UOP_UNSIGNED | UOP_ROUND)

/* ---- shifts left by an immediate: shifted back, an exact result gives the operand again ------ */

static void shift_imm(A64Ctx *ctx, const A64Args *a, int q, bool scalar, uint8_t sub)
{
    uint8_t type = a64_ivec(a64_shift_size(a->immhb), q);
    int amount = a64_shift_left(a->immhb);
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    Val r = uop_emit(ctx->b, UOP_SHLSAT, type, sub, 0, type, n, VAL_NONE, VAL_NONE, amount);
    Val back = uop_bini(ctx->b, sub == UOP_SIGNED ? UOP_ASR : UOP_LSR, type, r, amount);
    a64_sticky_differ(ctx, back, n);
    a64_set_v(ctx, a->rd, r);
}

#define SHIFT_IMM(NAME, SUB)                                                                       \
    TRANS(NAME##_vi, shift_imm, a->q, false, SUB)                                                  \
    TRANS(NAME##_si, shift_imm, 0, true, SUB)

SHIFT_IMM(SQSHL, UOP_SIGNED)
SHIFT_IMM(UQSHL, UOP_UNSIGNED)
SHIFT_IMM(SQSHLU, UOP_SAT_SU)

/* ---- high half of the doubled product: only the square of the smallest number saturates ------ */

static void mul_high(A64Ctx *ctx, int rd, uint8_t type, uint8_t sub, Val n, Val m)
{
    int32_t min = uop_lane(type) == LANE_I16 ? INT16_MIN : INT32_MIN;
    Val r = uop_bin_sub(ctx->b, UOP_MULHSAT, type, sub, n, m);
    Val n_min = uop_bini_sub(ctx->b, UOP_VCMP, type, UOP_EQ, n, min);
    Val m_min = uop_bini_sub(ctx->b, UOP_VCMP, type, UOP_EQ, m, min);
    a64_sticky(ctx, uop_bin(ctx->b, UOP_AND, type, n_min, m_min));
    a64_set_v(ctx, rd, r);
}

static void mulh(A64Ctx *ctx, const A64Args *a, uint8_t type, bool scalar, uint8_t sub)
{
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    mul_high(ctx, a->rd, type, sub, n, a64_v(ctx, type, a->rm));
}

static void mulh_element(A64Ctx *ctx, const A64Args *a, int size, int q, int index, bool scalar,
                         uint8_t sub)
{
    uint8_t type = a64_ivec(size, q);
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    mul_high(ctx, a->rd, type, sub, n, a64_splat(ctx, type, a64_ivec(size, 1), a->rm, index));
}

/* The four by-element forms. */
#define ELEMENT(NAME, WORKER, ...)                                                                 \
    TRANS(NAME##_eh, WORKER, 1, a->q, 4 * a->h + a->lm, false, __VA_ARGS__)                        \
    TRANS(NAME##_es, WORKER, 2, a->q, 2 * a->h + a->lm, false, __VA_ARGS__)                        \
    TRANS(NAME##_seh, WORKER, 1, 0, 4 * a->h + a->lm, true, __VA_ARGS__)                           \
    TRANS(NAME##_ses, WORKER, 2, 0, 2 * a->h + a->lm, true, __VA_ARGS__)

BOTH(SQDMULH, mulh, 0)
BOTH(SQRDMULH, mulh, UOP_ROUND)
ELEMENT(SQDMULH, mulh_element, 0)
ELEMENT(SQRDMULH, mulh_element, UOP_ROUND)

/* ---- ... added to, or subtracted from, an accumulator ---------------------------------------- */

/* The low or high half of the lanes: d + ((+-2 n m + rounding) >> width) in lanes of twice the
 * width, where it fits. */
static Val mla_high_half(A64Ctx *ctx, int size, bool subtract, uint8_t half, Val d, Val n, Val m)
{
    uint8_t from = a64_ivec(size, 1);
    uint8_t wide = a64_ivec(size + 1, 1);
    Val p = uop_emit(ctx->b, UOP_WMUL, wide, UOP_SIGNED, half, wide, n, m, from, 0);
    if (subtract) {
        p = uop_un(ctx->b, UOP_NEG, wide, p);
    }
    p = uop_emit(ctx->b, UOP_RSHR, wide, UOP_SIGNED, 0, wide, p, VAL_NONE, VAL_NONE,
                 (8 << size) - 1);
    d = a64_widen(ctx, wide, from, UOP_SIGNED, half, d);
    return a64_narrow_sat(ctx, size, UOP_NARROW_SAT_S, uop_bin(ctx->b, UOP_ADD, wide, d, p));
}

static void mla_high(A64Ctx *ctx, const A64Args *a, int size, int q, bool scalar, bool subtract,
                     Val m)
{
    uint8_t type = a64_ivec(size, 1);
    Val d = a64_lanes(ctx, type, scalar, a->rd);
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    Val r = mla_high_half(ctx, size, subtract, 0, d, n, m);
    if (q) {
        Val high = mla_high_half(ctx, size, subtract, UOPF_HIGH, d, n, m);
        r = uop_bin(ctx->b, UOP_ZIP1, T_I64X2, a64_zext128(ctx, T_I64X2, r),
                    a64_zext128(ctx, T_I64X2, high));
    }
    a64_set_v(ctx, a->rd, r);
}

static void rdm(A64Ctx *ctx, const A64Args *a, int q, bool scalar, bool subtract)
{
    mla_high(ctx, a, a->size, q, scalar, subtract, a64_v(ctx, a64_ivec(a->size, 1), a->rm));
}

static void rdm_element(A64Ctx *ctx, const A64Args *a, int size, int q, int index, bool scalar,
                        bool subtract)
{
    uint8_t type = a64_ivec(size, 1);
    mla_high(ctx, a, size, q, scalar, subtract, a64_splat(ctx, type, type, a->rm, index));
}

TRANS(SQRDMLAH_v, rdm, a->q, false, false)
TRANS(SQRDMLSH_v, rdm, a->q, false, true)
TRANS(SQRDMLAH_s, rdm, 0, true, false)
TRANS(SQRDMLSH_s, rdm, 0, true, true)
ELEMENT(SQRDMLAH, rdm_element, false)
ELEMENT(SQRDMLSH, rdm_element, true)

/* ---- doubled products of twice the width ----------------------------------------------------- */

/* rd = 2 n m saturated, or rd `op` that, saturated again; 128-bit operands, the low or the high
 * half of n and m. */
static void mul_long(A64Ctx *ctx, const A64Args *a, int size, uint8_t half, bool scalar, UopOp op,
                     Val n, Val m)
{
    uint8_t wide = a64_ivec(size + 1, 1);
    Val p = uop_emit(ctx->b, UOP_WMUL, wide, UOP_SIGNED, half, wide, n, m, a64_ivec(size, 1), 0);
    if (op == UOP_MUL) {
        sat_binary(ctx, a->rd, wide, UOP_ADDSAT, UOP_SIGNED, p, p);
        return;
    }
    Val twice = uop_bin_sub(ctx->b, UOP_ADDSAT, wide, UOP_SIGNED, p, p);
    a64_sticky_differ(ctx, twice, uop_bin(ctx->b, UOP_ADD, wide, p, p));
    sat_binary(ctx, a->rd, wide, op, UOP_SIGNED, a64_lanes(ctx, wide, scalar, a->rd), twice);
}

static void long_reg(A64Ctx *ctx, const A64Args *a, int q, bool scalar, UopOp op)
{
    uint8_t type = a64_ivec(a->size, 1);
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    mul_long(ctx, a, a->size, q ? UOPF_HIGH : 0, scalar, op, n, a64_v(ctx, type, a->rm));
}

static void long_element(A64Ctx *ctx, const A64Args *a, int size, int q, int index, bool scalar,
                         UopOp op)
{
    uint8_t type = a64_ivec(size, 1);
    Val n = a64_lanes(ctx, type, scalar, a->rn);
    Val m = a64_splat(ctx, type, type, a->rm, index);
    mul_long(ctx, a, size, q ? UOPF_HIGH : 0, scalar, op, n, m);
}

#define LONG(NAME, OP)                                                                             \
    TRANS(NAME##_v, long_reg, a->q, false, OP)                                                     \
    TRANS(NAME##_s, long_reg, 0, true, OP)                                                         \
    ELEMENT(NAME, long_element, OP)

LONG(SQDMULL, UOP_MUL)
LONG(SQDMLAL, UOP_ADDSAT)
LONG(SQDMLSL, UOP_SUBSAT)
