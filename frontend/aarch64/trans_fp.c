/*
 * trans_fp.c - floating-point arithmetic, scalar and vector (fp.decode, simd_fp.decode, the FP part
 * of simd_elem.decode).
 *
 * A worker gets the type to compute in: a float scalar, or a vector of 64 or 128 bits. Both have
 * the same operations, and writing the result clears the rest of the register (a64_set_v).
 */
#include "frontend/aarch64/simd.h"

/* The forms of an instruction: by ftype, vector (single, double; half), scalar of the vector
 * encodings. */
#define FTYPE(NAME, WORKER, ...)                                                                   \
    TRANS(NAME##_s, WORKER, a64_fscalar(a64_ftype_size(a->ftype)), __VA_ARGS__)
#define VECTOR(NAME, WORKER, ...)                                                                  \
    TRANS(NAME##_v, WORKER, a64_fvec(2 + a->sz, a->q), __VA_ARGS__)                                \
    TRANS(NAME##_vh, WORKER, a64_fvec(1, a->q), __VA_ARGS__)
#define SCALAR(NAME, WORKER, ...)                                                                  \
    TRANS(NAME##_s, WORKER, a64_fscalar(2 + a->sz), __VA_ARGS__)                                   \
    TRANS(NAME##_sh, WORKER, T_F16, __VA_ARGS__)

/* ---- one operand ----------------------------------------------------------------------------- */

static void unary(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op)
{
    a64_set_v(ctx, a->rd, uop_un(ctx->b, op, type, a64_v(ctx, type, a->rn)));
}

static void move(A64Ctx *ctx, const A64Args *a, uint8_t type)
{
    a64_set_v(ctx, a->rd, a64_v(ctx, type, a->rn));
}

/* flags: UOPF_EXACT when the instruction signals inexact; bits: the limit of FRINT32 and FRINT64,
 * else 0. */
static void round_int(A64Ctx *ctx, const A64Args *a, uint8_t type, UopRound mode, uint8_t flags,
                      int bits)
{
    Val v = a64_v(ctx, type, a->rn);
    v = uop_emit(ctx->b, UOP_FROUND, type, (uint8_t)mode, flags, type, v, VAL_NONE, VAL_NONE, bits);
    a64_set_v(ctx, a->rd, v);
}

void trans_FMOV_s(A64Ctx *ctx, const A64Args *a)
{
    move(ctx, a, a64_fscalar(a64_ftype_size(a->ftype)));
}

FTYPE(FABS, unary, UOP_FABS)
FTYPE(FNEG, unary, UOP_FNEG)
FTYPE(FSQRT, unary, UOP_FSQRT)
VECTOR(FABS, unary, UOP_FABS)
VECTOR(FNEG, unary, UOP_FNEG)
VECTOR(FSQRT, unary, UOP_FSQRT)
VECTOR(FRECPE, unary, UOP_FRECPE)
VECTOR(FRSQRTE, unary, UOP_FRSQRTE)
SCALAR(FRECPE, unary, UOP_FRECPE)
SCALAR(FRSQRTE, unary, UOP_FRSQRTE)
SCALAR(FRECPX, unary, UOP_FRECPX)

FTYPE(FRINTN, round_int, UOP_ROUND_NEAREST, 0, 0)
FTYPE(FRINTP, round_int, UOP_ROUND_UP, 0, 0)
FTYPE(FRINTM, round_int, UOP_ROUND_DOWN, 0, 0)
FTYPE(FRINTZ, round_int, UOP_ROUND_ZERO, 0, 0)
FTYPE(FRINTA, round_int, UOP_ROUND_AWAY, 0, 0)
FTYPE(FRINTX, round_int, UOP_ROUND_CURRENT, UOPF_EXACT, 0)
FTYPE(FRINTI, round_int, UOP_ROUND_CURRENT, 0, 0)
VECTOR(FRINTN, round_int, UOP_ROUND_NEAREST, 0, 0)
VECTOR(FRINTP, round_int, UOP_ROUND_UP, 0, 0)
VECTOR(FRINTM, round_int, UOP_ROUND_DOWN, 0, 0)
VECTOR(FRINTZ, round_int, UOP_ROUND_ZERO, 0, 0)
VECTOR(FRINTA, round_int, UOP_ROUND_AWAY, 0, 0)
VECTOR(FRINTX, round_int, UOP_ROUND_CURRENT, UOPF_EXACT, 0)
VECTOR(FRINTI, round_int, UOP_ROUND_CURRENT, 0, 0)

FTYPE(FRINT32Z, round_int, UOP_ROUND_ZERO, UOPF_EXACT, 32)
FTYPE(FRINT32X, round_int, UOP_ROUND_CURRENT, UOPF_EXACT, 32)
FTYPE(FRINT64Z, round_int, UOP_ROUND_ZERO, UOPF_EXACT, 64)
FTYPE(FRINT64X, round_int, UOP_ROUND_CURRENT, UOPF_EXACT, 64)
TRANS(FRINT32Z_v, round_int, a64_fvec(2 + a->sz, a->q), UOP_ROUND_ZERO, UOPF_EXACT, 32)
TRANS(FRINT32X_v, round_int, a64_fvec(2 + a->sz, a->q), UOP_ROUND_CURRENT, UOPF_EXACT, 32)
TRANS(FRINT64Z_v, round_int, a64_fvec(2 + a->sz, a->q), UOP_ROUND_ZERO, UOPF_EXACT, 64)
TRANS(FRINT64X_v, round_int, a64_fvec(2 + a->sz, a->q), UOP_ROUND_CURRENT, UOPF_EXACT, 64)

/* ---- two operands ---------------------------------------------------------------------------- */

static void binary(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, uint8_t sub)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    a64_set_v(ctx, a->rd, uop_bin_sub(ctx->b, op, type, sub, n, m));
}

/* FPNeg of the product, FPAbs of the difference: `sign` acts on the rounded result. */
static void binary_sign(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, UopOp sign)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    a64_set_v(ctx, a->rd, uop_un(ctx->b, sign, type, uop_bin(ctx->b, op, type, n, m)));
}

FTYPE(FADD, binary, UOP_FADD, 0)
FTYPE(FSUB, binary, UOP_FSUB, 0)
FTYPE(FMUL, binary, UOP_FMUL, UOP_FMUL_PLAIN)
FTYPE(FDIV, binary, UOP_FDIV, 0)
FTYPE(FMAX, binary, UOP_FMAX, UOP_MINMAX_ARM)
FTYPE(FMIN, binary, UOP_FMIN, UOP_MINMAX_ARM)
FTYPE(FMAXNM, binary, UOP_FMAX, UOP_MINMAX_NUM)
FTYPE(FMINNM, binary, UOP_FMIN, UOP_MINMAX_NUM)
FTYPE(FNMUL, binary_sign, UOP_FMUL, UOP_FNEG)
VECTOR(FADD, binary, UOP_FADD, 0)
VECTOR(FSUB, binary, UOP_FSUB, 0)
VECTOR(FMUL, binary, UOP_FMUL, UOP_FMUL_PLAIN)
VECTOR(FMULX, binary, UOP_FMUL, UOP_FMUL_X)
VECTOR(FDIV, binary, UOP_FDIV, 0)
VECTOR(FMAX, binary, UOP_FMAX, UOP_MINMAX_ARM)
VECTOR(FMIN, binary, UOP_FMIN, UOP_MINMAX_ARM)
VECTOR(FMAXNM, binary, UOP_FMAX, UOP_MINMAX_NUM)
VECTOR(FMINNM, binary, UOP_FMIN, UOP_MINMAX_NUM)
VECTOR(FRECPS, binary, UOP_FRECPS, 0)
VECTOR(FRSQRTS, binary, UOP_FRSQRTS, 0)
VECTOR(FABD, binary_sign, UOP_FSUB, UOP_FABS)
SCALAR(FMULX, binary, UOP_FMUL, UOP_FMUL_X)
SCALAR(FRECPS, binary, UOP_FRECPS, 0)
SCALAR(FRSQRTS, binary, UOP_FRSQRTS, 0)
SCALAR(FABD, binary_sign, UOP_FSUB, UOP_FABS)

/* ---- fused multiply-add ---------------------------------------------------------------------- */

static void fma4(A64Ctx *ctx, const A64Args *a, uint8_t negate)
{
    uint8_t type = a64_fscalar(a64_ftype_size(a->ftype));
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    Val addend = a64_v(ctx, type, a->ra);
    a64_set_v(ctx, a->rd, uop_tern_sub(ctx->b, UOP_FMA, type, negate, n, m, addend));
}

TRANS(FMADD, fma4, 0)
TRANS(FMSUB, fma4, UOP_FMA_NEG_A)
TRANS(FNMADD, fma4, UOP_FMA_NEG_A | UOP_FMA_NEG_C)
TRANS(FNMSUB, fma4, UOP_FMA_NEG_C)

static void fma3(A64Ctx *ctx, const A64Args *a, uint8_t type, uint8_t negate)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_tern_sub(ctx->b, UOP_FMA, type, negate, n, m, d));
}

VECTOR(FMLA, fma3, 0)
VECTOR(FMLS, fma3, UOP_FMA_NEG_A)

/* ---- by element ------------------------------------------------------------------------------ */

/* Lane `index` of rm as an operand of `type`. */
static Val element(A64Ctx *ctx, uint8_t type, int size, int rm, int index)
{
    return uop_is_vec(type) ? a64_splat(ctx, type, a64_fvec(size, 1), rm, index)
                            : a64_flane(ctx, size, rm, index);
}

static void mul_element(A64Ctx *ctx, const A64Args *a, uint8_t type, int size, int index,
                        uint8_t sub)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = element(ctx, type, size, a->rm, index);
    a64_set_v(ctx, a->rd, uop_bin_sub(ctx->b, UOP_FMUL, type, sub, n, m));
}

static void fma_element(A64Ctx *ctx, const A64Args *a, uint8_t type, int size, int index,
                        uint8_t negate)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = element(ctx, type, size, a->rm, index);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_tern_sub(ctx->b, UOP_FMA, type, negate, n, m, d));
}

#define ELEMENT(NAME, WORKER, ...)                                                                 \
    TRANS(NAME##_eh, WORKER, a64_fvec(1, a->q), 1, 4 * a->h + a->lm, __VA_ARGS__)                  \
    TRANS(NAME##_es, WORKER, a64_fvec(2, a->q), 2, 2 * a->h + a->lm, __VA_ARGS__)                  \
    TRANS(NAME##_ed, WORKER, a64_fvec(3, a->q), 3, a->h, __VA_ARGS__)                              \
    TRANS(NAME##_seh, WORKER, T_F16, 1, 4 * a->h + a->lm, __VA_ARGS__)                             \
    TRANS(NAME##_ses, WORKER, T_F32, 2, 2 * a->h + a->lm, __VA_ARGS__)                             \
    TRANS(NAME##_sed, WORKER, T_F64, 3, a->h, __VA_ARGS__)

ELEMENT(FMUL, mul_element, UOP_FMUL_PLAIN)
ELEMENT(FMULX, mul_element, UOP_FMUL_X)
ELEMENT(FMLA, fma_element, 0)
ELEMENT(FMLS, fma_element, UOP_FMA_NEG_A)

/* ---- pairwise and across lanes --------------------------------------------------------------- */

VECTOR(FADDP, a64_pairwise, UOP_FADD, 0)
VECTOR(FMAXP, a64_pairwise, UOP_FMAX, UOP_MINMAX_ARM)
VECTOR(FMINP, a64_pairwise, UOP_FMIN, UOP_MINMAX_ARM)
VECTOR(FMAXNMP, a64_pairwise, UOP_FMAX, UOP_MINMAX_NUM)
VECTOR(FMINNMP, a64_pairwise, UOP_FMIN, UOP_MINMAX_NUM)

/* Reduce() of the manual: the lower half of the lanes, then the upper. */
static Val reduce(A64Ctx *ctx, int size, int n, int first, int lanes, UopOp op, uint8_t sub)
{
    if (lanes == 1) {
        return a64_flane(ctx, size, n, first);
    }
    Val low = reduce(ctx, size, n, first, lanes / 2, op, sub);
    Val high = reduce(ctx, size, n, first + lanes / 2, lanes / 2, op, sub);
    return uop_bin_sub(ctx->b, op, a64_fscalar(size), sub, low, high);
}

static void across(A64Ctx *ctx, const A64Args *a, int size, int lanes, UopOp op, uint8_t sub)
{
    a64_set_v(ctx, a->rd, reduce(ctx, size, a->rn, 0, lanes, op, sub));
}

#define PAIR(NAME, ...)                                                                            \
    TRANS(NAME##_s, across, 2 + a->sz, 2, __VA_ARGS__)                                             \
    TRANS(NAME##_sh, across, 1, 2, __VA_ARGS__)
#define ACROSS(NAME, ...)                                                                          \
    TRANS(NAME##_v, across, 2, 4, __VA_ARGS__)                                                     \
    TRANS(NAME##_vh, across, 1, 4 << a->q, __VA_ARGS__)

PAIR(FADDP, UOP_FADD, 0)
PAIR(FMAXP, UOP_FMAX, UOP_MINMAX_ARM)
PAIR(FMINP, UOP_FMIN, UOP_MINMAX_ARM)
PAIR(FMAXNMP, UOP_FMAX, UOP_MINMAX_NUM)
PAIR(FMINNMP, UOP_FMIN, UOP_MINMAX_NUM)
ACROSS(FMAXV, UOP_FMAX, UOP_MINMAX_ARM)
ACROSS(FMINV, UOP_FMIN, UOP_MINMAX_ARM)
ACROSS(FMAXNMV, UOP_FMAX, UOP_MINMAX_NUM)
ACROSS(FMINNMV, UOP_FMIN, UOP_MINMAX_NUM)
