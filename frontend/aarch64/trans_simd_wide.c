/* trans_simd_wide.c - Advanced SIMD operations that widen or narrow lanes (SQDMULL and its kind:
 * trans_simd_sat.c). */
#include "frontend/aarch64/simd.h"

/* ---- widening: q takes the upper half of narrow operands ------------------------------------- */

/* A narrow operand in lanes of the next size. */
static Val widened(A64Ctx *ctx, const A64Args *a, int size, int sign, int n)
{
    uint8_t from = a64_ivec(size, 1);
    return a64_widen(ctx, a64_ivec(size + 1, 1), from, sign, a->q, a64_v(ctx, from, n));
}

static void add_long(A64Ctx *ctx, const A64Args *a, UopOp op, int sign)
{
    Val n = widened(ctx, a, a->size, sign, a->rn);
    Val m = widened(ctx, a, a->size, sign, a->rm);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, op, a64_ivec(a->size + 1, 1), n, m));
}

static void add_wide(A64Ctx *ctx, const A64Args *a, UopOp op, int sign)
{
    uint8_t wide = a64_ivec(a->size + 1, 1);
    Val n = a64_v(ctx, wide, a->rn);
    Val m = widened(ctx, a, a->size, sign, a->rm);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, op, wide, n, m));
}

TRANS(SADDL_v, add_long, UOP_ADD, UOP_SIGNED)
TRANS(UADDL_v, add_long, UOP_ADD, UOP_UNSIGNED)
TRANS(SSUBL_v, add_long, UOP_SUB, UOP_SIGNED)
TRANS(USUBL_v, add_long, UOP_SUB, UOP_UNSIGNED)
TRANS(SADDW, add_wide, UOP_ADD, UOP_SIGNED)
TRANS(UADDW, add_wide, UOP_ADD, UOP_UNSIGNED)
TRANS(SSUBW, add_wide, UOP_SUB, UOP_SIGNED)
TRANS(USUBW, add_wide, UOP_SUB, UOP_UNSIGNED)

/* A difference fits its lane as an unsigned number, so it is taken before widening. */
static Val difference_long(A64Ctx *ctx, const A64Args *a, uint8_t sign)
{
    uint8_t type = a64_ivec(a->size, 1);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    Val r = uop_bin_sub(ctx->b, UOP_ABD, type, sign, n, m);
    return a64_widen(ctx, a64_ivec(a->size + 1, 1), type, UOP_UNSIGNED, a->q, r);
}

static void abd_long(A64Ctx *ctx, const A64Args *a, uint8_t sign)
{
    a64_set_v(ctx, a->rd, difference_long(ctx, a, sign));
}

static void aba_long(A64Ctx *ctx, const A64Args *a, uint8_t sign)
{
    uint8_t wide = a64_ivec(a->size + 1, 1);
    Val d = a64_v(ctx, wide, a->rd);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_ADD, wide, d, difference_long(ctx, a, sign)));
}

TRANS(SABDL_v, abd_long, UOP_SIGNED)
TRANS(UABDL_v, abd_long, UOP_UNSIGNED)
TRANS(SABAL_v, aba_long, UOP_SIGNED)
TRANS(UABAL_v, aba_long, UOP_UNSIGNED)

/* ---- widening products: op is UOP_MUL, or what is done with the accumulator ------------------ */

static void mul_long(A64Ctx *ctx, const A64Args *a, int size, UopOp op, uint8_t sign, Val m)
{
    uint8_t from = a64_ivec(size, 1);
    uint8_t wide = a64_ivec(size + 1, 1);
    Val n = a64_v(ctx, from, a->rn);
    Val r = uop_emit(ctx->b, UOP_WMUL, wide, sign, a->q ? UOPF_HIGH : 0, wide, n, m, from, 0);
    if (op != UOP_MUL) {
        r = uop_bin(ctx->b, op, wide, a64_v(ctx, wide, a->rd), r);
    }
    a64_set_v(ctx, a->rd, r);
}

static void mul_long_reg(A64Ctx *ctx, const A64Args *a, UopOp op, uint8_t sign)
{
    mul_long(ctx, a, a->size, op, sign, a64_v(ctx, a64_ivec(a->size, 1), a->rm));
}

static void mul_long_element(A64Ctx *ctx, const A64Args *a, int size, int index, UopOp op,
                             uint8_t sign)
{
    uint8_t type = a64_ivec(size, 1);
    mul_long(ctx, a, size, op, sign, a64_splat(ctx, type, type, a->rm, index));
}

#define MUL_LONG(NAME, OP, SIGN)                                                                   \
    TRANS(NAME##_v, mul_long_reg, OP, SIGN)                                                        \
    TRANS(NAME##_eh, mul_long_element, 1, 4 * a->h + a->lm, OP, SIGN)                              \
    TRANS(NAME##_es, mul_long_element, 2, 2 * a->h + a->lm, OP, SIGN)

MUL_LONG(SMULL, UOP_MUL, UOP_SIGNED)
MUL_LONG(UMULL, UOP_MUL, UOP_UNSIGNED)
MUL_LONG(SMLAL, UOP_ADD, UOP_SIGNED)
MUL_LONG(UMLAL, UOP_ADD, UOP_UNSIGNED)
MUL_LONG(SMLSL, UOP_SUB, UOP_SIGNED)
MUL_LONG(UMLSL, UOP_SUB, UOP_UNSIGNED)

/* size 0: eight products of bytes; 3: one of doublewords. */
void trans_PMULL(A64Ctx *ctx, const A64Args *a)
{
    uint8_t from = a64_ivec(a->size, 1);
    uint8_t type = a->size ? T_I64X2 : T_I16X8;
    Val n = a64_v(ctx, from, a->rn);
    Val m = a64_v(ctx, from, a->rm);
    a64_set_v(ctx, a->rd,
              uop_emit(ctx->b, UOP_CLMUL, type, 0, a->q ? UOPF_HIGH : 0, type, n, m, VAL_NONE, 0));
}

/* ---- widening shifts ------------------------------------------------------------------------- */

static void shift_long(A64Ctx *ctx, const A64Args *a, int size, int sign, int amount)
{
    Val n = widened(ctx, a, size, sign, a->rn);
    a64_set_v(ctx, a->rd, uop_bini(ctx->b, UOP_SHL, a64_ivec(size + 1, 1), n, amount));
}

TRANS(SSHLL, shift_long, a64_shift_size(a->immhb), UOP_SIGNED, a64_shift_left(a->immhb))
TRANS(USHLL, shift_long, a64_shift_size(a->immhb), UOP_UNSIGNED, a64_shift_left(a->immhb))
TRANS(SHLL, shift_long, a->size, UOP_UNSIGNED, 8 << a->size)

/* ---- narrowing: q writes the upper half of rd and keeps the lower ---------------------------- */

/* Truncated lanes of v, of twice the size given. */
static void set_truncated(A64Ctx *ctx, const A64Args *a, int size, Val v)
{
    uint8_t type = a64_ivec(size, 0);
    v = uop_conv(ctx->b, UOP_NARROW, type, a64_ivec(size + 1, 1), UOP_NARROW_TRUNC, 0, v, 0);
    a64_set_half(ctx, a->rd, a->q, v);
}

/* The upper halves of sums or differences. */
static void add_high(A64Ctx *ctx, const A64Args *a, UopOp op, bool rounding)
{
    uint8_t wide = a64_ivec(a->size + 1, 1);
    int width = 8 << a->size;
    Val n = a64_v(ctx, wide, a->rn);
    Val m = a64_v(ctx, wide, a->rm);
    Val r = uop_bin(ctx->b, op, wide, n, m);
    if (rounding) {
        uint64_t half = a64_replicate(a->size + 1, UINT64_C(1) << (width - 1));
        r = uop_bin(ctx->b, UOP_ADD, wide, r, uop_const(ctx->b, wide, half));
    }
    set_truncated(ctx, a, a->size, uop_bini(ctx->b, UOP_LSR, wide, r, width));
}

TRANS(ADDHN, add_high, UOP_ADD, false)
TRANS(SUBHN, add_high, UOP_SUB, false)
TRANS(RADDHN, add_high, UOP_ADD, true)
TRANS(RSUBHN, add_high, UOP_SUB, true)

void trans_XTN_v(A64Ctx *ctx, const A64Args *a)
{
    set_truncated(ctx, a, a->size, a64_v(ctx, a64_ivec(a->size + 1, 1), a->rn));
}

/* A right shift with or without rounding. */
static Val shifted(A64Ctx *ctx, uint8_t type, int sign, bool rounding, Val v, int amount)
{
    if (rounding) {
        return uop_emit(ctx->b, UOP_RSHR, type, (uint8_t)sign, 0, type, v, VAL_NONE, VAL_NONE,
                        amount);
    }
    return uop_bini(ctx->b, sign ? UOP_ASR : UOP_LSR, type, v, amount);
}

static void shift_narrow(A64Ctx *ctx, const A64Args *a, bool rounding)
{
    int size = a64_shift_size(a->immhb);
    uint8_t wide = a64_ivec(size + 1, 1);
    Val n = a64_v(ctx, wide, a->rn);
    n = shifted(ctx, wide, UOP_UNSIGNED, rounding, n, a64_shift_right(a->immhb));
    set_truncated(ctx, a, size, n);
}

TRANS(SHRN_vi, shift_narrow, false)
TRANS(RSHRN_vi, shift_narrow, true)

/* ---- ... with saturation; scalar forms as lane 0 of zeroed operands (trans_simd_sat.c) ------- */

static void narrow_sat(A64Ctx *ctx, const A64Args *a, int q, bool scalar, UopNarrow kind)
{
    Val n = a64_lanes(ctx, a64_ivec(a->size + 1, 1), scalar, a->rn);
    a64_set_half(ctx, a->rd, q, a64_narrow_sat(ctx, a->size, kind, n));
}

static void shift_narrow_sat(A64Ctx *ctx, const A64Args *a, int q, bool scalar, UopNarrow kind,
                             bool rounding)
{
    int size = a64_shift_size(a->immhb);
    uint8_t wide = a64_ivec(size + 1, 1);
    int sign = kind == UOP_NARROW_SAT_U ? UOP_UNSIGNED : UOP_SIGNED;
    Val n = a64_lanes(ctx, wide, scalar, a->rn);
    n = shifted(ctx, wide, sign, rounding, n, a64_shift_right(a->immhb));
    a64_set_half(ctx, a->rd, q, a64_narrow_sat(ctx, size, kind, n));
}

#define NARROW(NAME, KIND)                                                                         \
    TRANS(NAME##_v, narrow_sat, a->q, false, KIND)                                                 \
    TRANS(NAME##_s, narrow_sat, 0, true, KIND)
#define SHIFT_NARROW(NAME, ...)                                                                    \
    TRANS(NAME##_vi, shift_narrow_sat, a->q, false, __VA_ARGS__)                                   \
    TRANS(NAME##_si, shift_narrow_sat, 0, true, __VA_ARGS__)

NARROW(SQXTN, UOP_NARROW_SAT_S)
NARROW(UQXTN, UOP_NARROW_SAT_U)
NARROW(SQXTUN, UOP_NARROW_SAT_SU)
SHIFT_NARROW(SQSHRN, UOP_NARROW_SAT_S, false)
SHIFT_NARROW(UQSHRN, UOP_NARROW_SAT_U, false)
SHIFT_NARROW(SQSHRUN, UOP_NARROW_SAT_SU, false)
SHIFT_NARROW(SQRSHRN, UOP_NARROW_SAT_S, true)
SHIFT_NARROW(UQRSHRN, UOP_NARROW_SAT_U, true)
SHIFT_NARROW(SQRSHRUN, UOP_NARROW_SAT_SU, true)
