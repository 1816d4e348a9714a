/*
 * trans_simd.c - Advanced SIMD integer operations on lanes of one width: three registers, two
 * registers, pairwise, across lanes, products by element. The saturating ones stand in
 * trans_simd_sat.c.
 */
#include "frontend/aarch64/simd.h"

#define IVEC a64_ivec(a->size, a->q)

/* Vector forms only; vector forms and the scalar form of doublewords. */
#define VECTOR(NAME, WORKER, ...) TRANS(NAME##_v, WORKER, IVEC, __VA_ARGS__)
#define VECTOR_D(NAME, WORKER, ...)                                                                \
    TRANS(NAME##_v, WORKER, IVEC, __VA_ARGS__)                                                     \
    TRANS(NAME##_s, WORKER, T_I64X1, __VA_ARGS__)

/* ---- three registers ------------------------------------------------------------------------- */

static void binary(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, uint8_t sub)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    a64_set_v(ctx, a->rd, uop_bin_sub(ctx->b, op, type, sub, n, m));
}

VECTOR_D(ADD, binary, UOP_ADD, 0)
VECTOR_D(SUB, binary, UOP_SUB, 0)
VECTOR_D(CMEQ, binary, UOP_VCMP, UOP_EQ)
VECTOR_D(CMGT, binary, UOP_VCMP, UOP_SGT)
VECTOR_D(CMGE, binary, UOP_VCMP, UOP_SGE)
VECTOR_D(CMHI, binary, UOP_VCMP, UOP_UGT)
VECTOR_D(CMHS, binary, UOP_VCMP, UOP_UGE)
VECTOR_D(CMTST, binary, UOP_VCMP, UOP_TST)
VECTOR_D(SSHL, binary, UOP_SHLV, UOP_SIGNED)
VECTOR_D(USHL, binary, UOP_SHLV, UOP_UNSIGNED)
VECTOR_D(SRSHL, binary, UOP_SHLV, UOP_SIGNED | UOP_ROUND)
VECTOR_D(URSHL, binary, UOP_SHLV, UOP_UNSIGNED | UOP_ROUND)
VECTOR(MUL, binary, UOP_MUL, 0)
VECTOR(SMAX, binary, UOP_MAX, UOP_SIGNED)
VECTOR(UMAX, binary, UOP_MAX, UOP_UNSIGNED)
VECTOR(SMIN, binary, UOP_MIN, UOP_SIGNED)
VECTOR(UMIN, binary, UOP_MIN, UOP_UNSIGNED)
VECTOR(SABD, binary, UOP_ABD, UOP_SIGNED)
VECTOR(UABD, binary, UOP_ABD, UOP_UNSIGNED)
VECTOR(SHADD, binary, UOP_HADD, UOP_SIGNED)
VECTOR(UHADD, binary, UOP_HADD, UOP_UNSIGNED)
VECTOR(SRHADD, binary, UOP_HADD, UOP_SIGNED | UOP_ROUND)
VECTOR(URHADD, binary, UOP_HADD, UOP_UNSIGNED | UOP_ROUND)
VECTOR(SHSUB, binary, UOP_HSUB, UOP_SIGNED)
VECTOR(UHSUB, binary, UOP_HSUB, UOP_UNSIGNED)

TRANS(AND_v, binary, a64_ivec(3, a->q), UOP_AND, 0)
TRANS(BIC_v, binary, a64_ivec(3, a->q), UOP_ANDN, 0)
TRANS(ORR_v, binary, a64_ivec(3, a->q), UOP_OR, 0)
TRANS(EOR_v, binary, a64_ivec(3, a->q), UOP_XOR, 0)

void trans_ORN_v(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_ivec(3, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = uop_un(ctx->b, UOP_NOT, type, a64_v(ctx, type, a->rm));
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_OR, type, n, m));
}

/* rd = (x & mask) | (y & ~mask), the three given as registers. */
static void select_bits(A64Ctx *ctx, const A64Args *a, int x, int y, int mask)
{
    uint8_t type = a64_ivec(3, a->q);
    Val vx = a64_v(ctx, type, x);
    Val vy = a64_v(ctx, type, y);
    a64_set_v(ctx, a->rd, uop_tern(ctx->b, UOP_BSEL, type, vx, vy, a64_v(ctx, type, mask)));
}

TRANS(BSL_v, select_bits, a->rn, a->rm, a->rd)
TRANS(BIT_v, select_bits, a->rn, a->rd, a->rm)
TRANS(BIF_v, select_bits, a->rd, a->rn, a->rm)

/* rd = rd `op` (rn `product` rm) */
static void accumulate(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, UopOp product,
                       uint8_t sub)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd,
              uop_bin(ctx->b, op, type, d, uop_bin_sub(ctx->b, product, type, sub, n, m)));
}

VECTOR(MLA, accumulate, UOP_ADD, UOP_MUL, 0)
VECTOR(MLS, accumulate, UOP_SUB, UOP_MUL, 0)
VECTOR(SABA, accumulate, UOP_ADD, UOP_ABD, UOP_SIGNED)
VECTOR(UABA, accumulate, UOP_ADD, UOP_ABD, UOP_UNSIGNED)

void trans_PMUL_v(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_ivec(0, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_CLMUL, type, n, m));
}

/* ---- by element ------------------------------------------------------------------------------ */

static void mul_element(A64Ctx *ctx, const A64Args *a, int size, int index)
{
    uint8_t type = a64_ivec(size, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_splat(ctx, type, a64_ivec(size, 1), a->rm, index);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_MUL, type, n, m));
}

static void mla_element(A64Ctx *ctx, const A64Args *a, int size, int index, UopOp op)
{
    uint8_t type = a64_ivec(size, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_splat(ctx, type, a64_ivec(size, 1), a->rm, index);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, op, type, d, uop_bin(ctx->b, UOP_MUL, type, n, m)));
}

TRANS(MUL_eh, mul_element, 1, 4 * a->h + a->lm)
TRANS(MUL_es, mul_element, 2, 2 * a->h + a->lm)
TRANS(MLA_eh, mla_element, 1, 4 * a->h + a->lm, UOP_ADD)
TRANS(MLA_es, mla_element, 2, 2 * a->h + a->lm, UOP_ADD)
TRANS(MLS_eh, mla_element, 1, 4 * a->h + a->lm, UOP_SUB)
TRANS(MLS_es, mla_element, 2, 2 * a->h + a->lm, UOP_SUB)

/* ---- dot and matrix products ----------------------------------------------------------------- */

static void dot(A64Ctx *ctx, const A64Args *a, UopDot kind, Val n, Val m)
{
    uint8_t type = a64_ivec(2, a->q);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_tern_sub(ctx->b, UOP_DOT, type, (uint8_t)kind, d, n, m));
}

static void dot_vector(A64Ctx *ctx, const A64Args *a, UopDot kind)
{
    uint8_t type = a64_ivec(2, a->q);
    dot(ctx, a, kind, a64_v(ctx, type, a->rn), a64_v(ctx, type, a->rm));
}

/* swap: rm's bytes are the unsigned ones (SUDOT). */
static void dot_element(A64Ctx *ctx, const A64Args *a, UopDot kind, bool swap)
{
    uint8_t type = a64_ivec(2, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_splat(ctx, type, T_I32X4, a->rm, 2 * a->h + a->lm);
    dot(ctx, a, kind, swap ? m : n, swap ? n : m);
}

TRANS(SDOT_v, dot_vector, UOP_DOT_SS)
TRANS(UDOT_v, dot_vector, UOP_DOT_UU)
TRANS(USDOT_v, dot_vector, UOP_DOT_US)
TRANS(SDOT_e, dot_element, UOP_DOT_SS, false)
TRANS(UDOT_e, dot_element, UOP_DOT_UU, false)
TRANS(USDOT_e, dot_element, UOP_DOT_US, false)
TRANS(SUDOT_e, dot_element, UOP_DOT_US, true)

static void matrix(A64Ctx *ctx, const A64Args *a, UopDot kind)
{
    Val n = a64_v(ctx, T_I32X4, a->rn);
    Val m = a64_v(ctx, T_I32X4, a->rm);
    Val d = a64_v(ctx, T_I32X4, a->rd);
    a64_set_v(ctx, a->rd, uop_tern_sub(ctx->b, UOP_DOTMM, T_I32X4, (uint8_t)kind, d, n, m));
}

TRANS(SMMLA, matrix, UOP_DOT_SS)
TRANS(UMMLA, matrix, UOP_DOT_UU)
TRANS(USMMLA, matrix, UOP_DOT_US)

/* ---- two registers --------------------------------------------------------------------------- */

static void unary(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op)
{
    a64_set_v(ctx, a->rd, uop_un(ctx->b, op, type, a64_v(ctx, type, a->rn)));
}

VECTOR_D(ABS, unary, UOP_ABS)
VECTOR_D(NEG, unary, UOP_NEG)
VECTOR(CLS, unary, UOP_CLS)
VECTOR(CLZ, unary, UOP_CLZ)
VECTOR(CNT, unary, UOP_POPCNT)
TRANS(NOT_v, unary, a64_ivec(0, a->q), UOP_NOT)
TRANS(RBIT_v, unary, a64_ivec(0, a->q), UOP_BITREV)

/* container: log2 of the bytes that lanes are reversed within. */
static void reverse(A64Ctx *ctx, const A64Args *a, uint8_t type, uint8_t container)
{
    a64_set_v(ctx, a->rd, uop_un_sub(ctx->b, UOP_REVL, type, container, a64_v(ctx, type, a->rn)));
}

VECTOR(REV16, reverse, 1)
VECTOR(REV32, reverse, 2)
VECTOR(REV64, reverse, 3)

static void compare_zero(A64Ctx *ctx, const A64Args *a, uint8_t type, UopCond cond)
{
    Val n = a64_v(ctx, type, a->rn);
    a64_set_v(ctx, a->rd, uop_bini_sub(ctx->b, UOP_VCMP, type, (uint8_t)cond, n, 0));
}

#define COMPARE_ZERO(NAME, COND)                                                                   \
    TRANS(NAME##_vz, compare_zero, IVEC, COND)                                                     \
    TRANS(NAME##_sz, compare_zero, T_I64X1, COND)

COMPARE_ZERO(CMEQ, UOP_EQ)
COMPARE_ZERO(CMGT, UOP_SGT)
COMPARE_ZERO(CMGE, UOP_SGE)
COMPARE_ZERO(CMLE, UOP_SLE)
COMPARE_ZERO(CMLT, UOP_SLT)

static void estimate(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    uint8_t type = a64_ivec(2, a->q);
    a64_set_v(ctx, a->rd, uop_un(ctx->b, op, type, a64_v(ctx, type, a->rn)));
}

TRANS(URECPE, estimate, UOP_URECPE)
TRANS(URSQRTE, estimate, UOP_URSQRTE)

/* ---- pairwise and across lanes --------------------------------------------------------------- */

VECTOR(ADDP, a64_pairwise, UOP_ADD, 0)
VECTOR(SMAXP, a64_pairwise, UOP_MAX, UOP_SIGNED)
VECTOR(UMAXP, a64_pairwise, UOP_MAX, UOP_UNSIGNED)
VECTOR(SMINP, a64_pairwise, UOP_MIN, UOP_SIGNED)
VECTOR(UMINP, a64_pairwise, UOP_MIN, UOP_UNSIGNED)

void trans_ADDP_s(A64Ctx *ctx, const A64Args *a)
{
    Val n = a64_v(ctx, T_I64X2, a->rn);
    a64_set_v(ctx, a->rd, uop_un_sub(ctx->b, UOP_REDUCE, T_I64X2, UOP_REDUCE_ADD, n));
}

/* Sums of neighbours in lanes of twice the width: the odd lanes shifted down, the even ones up and
 * down. */
static Val add_pairs(A64Ctx *ctx, const A64Args *a, uint8_t wide, UopOp shift)
{
    int width = 8 << a->size;
    Val n = a64_v(ctx, wide, a->rn);
    Val even = uop_bini(ctx->b, shift, wide, uop_bini(ctx->b, UOP_SHL, wide, n, width), width);
    Val odd = uop_bini(ctx->b, shift, wide, n, width);
    return uop_bin(ctx->b, UOP_ADD, wide, even, odd);
}

static void addlp(A64Ctx *ctx, const A64Args *a, UopOp shift)
{
    a64_set_v(ctx, a->rd, add_pairs(ctx, a, a64_ivec(a->size + 1, a->q), shift));
}

static void adalp(A64Ctx *ctx, const A64Args *a, UopOp shift)
{
    uint8_t wide = a64_ivec(a->size + 1, a->q);
    Val d = a64_v(ctx, wide, a->rd);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_ADD, wide, d, add_pairs(ctx, a, wide, shift)));
}

TRANS(SADDLP, addlp, UOP_ASR)
TRANS(UADDLP, addlp, UOP_LSR)
TRANS(SADALP, adalp, UOP_ASR)
TRANS(UADALP, adalp, UOP_LSR)

static void across(A64Ctx *ctx, const A64Args *a, UopReduce kind)
{
    a64_set_v(ctx, a->rd,
              uop_un_sub(ctx->b, UOP_REDUCE, IVEC, (uint8_t)kind, a64_v(ctx, IVEC, a->rn)));
}

TRANS(ADDV, across, UOP_REDUCE_ADD)
TRANS(SMAXV, across, UOP_REDUCE_SMAX)
TRANS(SMINV, across, UOP_REDUCE_SMIN)
TRANS(UMAXV, across, UOP_REDUCE_UMAX)
TRANS(UMINV, across, UOP_REDUCE_UMIN)
TRANS(SADDLV, across, UOP_REDUCE_SADDL)
TRANS(UADDLV, across, UOP_REDUCE_UADDL)
