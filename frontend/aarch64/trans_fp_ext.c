/* trans_fp_ext.c - complex numbers (FCMA), FMLAL, bfloat16. */
#include "frontend/aarch64/simd.h"

/* ---- complex numbers: lane pairs of a real (even) and an imaginary (odd) part ---------------- */

/* Real and imaginary parts exchanged. */
static Val swap_parts(A64Ctx *ctx, uint8_t type, int size, Val v)
{
    if (size == 3) {
        v = a64_cast(ctx, T_I8X16, v);
        v = uop_emit(ctx->b, UOP_EXTV, T_I8X16, 0, 0, T_I8X16, v, v, VAL_NONE, 8);
        return a64_cast(ctx, type, v);
    }
    return uop_un_sub(ctx->b, UOP_REVL, type, (uint8_t)(size + 1), v);
}

/* The sign of the real parts, of the imaginary ones, flipped. */
static Val negate_parts(A64Ctx *ctx, uint8_t type, int size, bool real, bool imaginary, Val v)
{
    uint64_t sign = UINT64_C(1) << ((8 << size) - 1);
    uint8_t ints = a64_ivec(size, uop_type_bytes(type) == 16);
    Val mask;
    if (real && imaginary) {
        return uop_un(ctx->b, UOP_FNEG, type, v);
    }
    if (size == 3) {
        mask = uop_vconst(ctx->b, ints, real ? sign : 0, imaginary ? sign : 0);
    } else {
        uint64_t pair = imaginary ? sign << (8 << size) : sign;
        mask = uop_const(ctx->b, ints, a64_replicate(size + 1, pair));
    }
    v = uop_bin(ctx->b, UOP_XOR, ints, a64_cast(ctx, ints, v), mask);
    return a64_cast(ctx, type, v);
}

/* rot: 0 by 90 degrees, 1 by 270. */
void trans_FCADD(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_fvec(a->size, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = swap_parts(ctx, type, a->size, a64_v(ctx, type, a->rm));
    m = negate_parts(ctx, type, a->size, !a->rot, a->rot, m);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_FADD, type, n, m));
}

/*
 * rot turns by 90 degrees each. Of n the real part (rot even) or the imaginary one (odd) is
 * multiplied with 0: (re, im)   1: (-im, re)   2: (-re, -im)   3: (im, -re)   of m.
 */
static void fcmla(A64Ctx *ctx, const A64Args *a, uint8_t type, int size, Val m)
{
    bool odd = a->rot & 1;
    Val n = a64_v(ctx, type, a->rn);
    Val d = a64_v(ctx, type, a->rd);
    n = uop_bin(ctx->b, odd ? UOP_TRN2 : UOP_TRN1, type, n, n);
    if (odd) {
        m = swap_parts(ctx, type, size, m);
    }
    if (a->rot) {
        m = negate_parts(ctx, type, size, a->rot<3, a->rot> 1, m);
    }
    a64_set_v(ctx, a->rd, uop_tern(ctx->b, UOP_FMA, type, n, m, d));
}

void trans_FCMLA_v(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_fvec(a->size, a->q);
    fcmla(ctx, a, type, a->size, a64_v(ctx, type, a->rm));
}

/* An element is a pair of lanes. */
void trans_FCMLA_eh(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_fvec(1, a->q);
    Val m = a64_splat(ctx, a64_ivec(2, a->q), T_I32X4, a->rm, 2 * a->h + a->lm);
    fcmla(ctx, a, type, 1, a64_cast(ctx, type, m));
}

void trans_FCMLA_es(A64Ctx *ctx, const A64Args *a)
{
    Val m = a64_splat(ctx, T_I64X2, T_I64X2, a->rm, a->h);
    fcmla(ctx, a, T_F32X4, 2, a64_cast(ctx, T_F32X4, m));
}

/* ---- products of half precision, added to single --------------------------------------------- */

static void fmlal(A64Ctx *ctx, const A64Args *a, uint8_t negate, uint8_t half, Val m)
{
    uint8_t type = a64_fvec(2, a->q);
    Val n = a64_v(ctx, T_I16X8, a->rn);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_emit(ctx->b, UOP_FMLAL, type, negate, half, type, d, n, m, 0));
}

static void fmlal_vector(A64Ctx *ctx, const A64Args *a, uint8_t negate, uint8_t half)
{
    fmlal(ctx, a, negate, half, a64_v(ctx, T_I16X8, a->rm));
}

static void fmlal_element(A64Ctx *ctx, const A64Args *a, uint8_t negate, uint8_t half)
{
    fmlal(ctx, a, negate, half, a64_splat(ctx, T_I16X8, T_I16X8, a->rm, 4 * a->h + a->lm));
}

TRANS(FMLAL_v, fmlal_vector, 0, 0)
TRANS(FMLSL_v, fmlal_vector, UOP_FMA_NEG_A, 0)
TRANS(FMLAL2_v, fmlal_vector, 0, UOPF_HIGH)
TRANS(FMLSL2_v, fmlal_vector, UOP_FMA_NEG_A, UOPF_HIGH)
TRANS(FMLAL_e, fmlal_element, 0, 0)
TRANS(FMLSL_e, fmlal_element, UOP_FMA_NEG_A, 0)
TRANS(FMLAL2_e, fmlal_element, 0, UOPF_HIGH)
TRANS(FMLSL2_e, fmlal_element, UOP_FMA_NEG_A, UOPF_HIGH)

/* ---- bfloat16 -------------------------------------------------------------------------------- */

static void bf16_products(A64Ctx *ctx, const A64Args *a, UopBf16 kind, int q, Val m)
{
    Val n = a64_v(ctx, T_I32X4, a->rn);
    Val d = a64_v(ctx, T_I32X4, a->rd);
    Val r = uop_tern_sub(ctx->b, UOP_BF16, T_I32X4, (uint8_t)kind, d, n, m);
    a64_set_v(ctx, a->rd, q ? r : uop_conv(ctx->b, UOP_LOWV, T_I32X2, T_I32X4, 0, 0, r, 0));
}

void trans_BFDOT_v(A64Ctx *ctx, const A64Args *a)
{
    bf16_products(ctx, a, UOP_BF16_DOT, a->q, a64_v(ctx, T_I32X4, a->rm));
}

void trans_BFDOT_e(A64Ctx *ctx, const A64Args *a)
{
    Val m = a64_splat(ctx, T_I32X4, T_I32X4, a->rm, 2 * a->h + a->lm);
    bf16_products(ctx, a, UOP_BF16_DOT, a->q, m);
}

void trans_BFMMLA(A64Ctx *ctx, const A64Args *a)
{
    bf16_products(ctx, a, UOP_BF16_MMLA, 1, a64_v(ctx, T_I32X4, a->rm));
}

/* The even (top: the odd) bfloat16 lanes of I32x4 as single precision, exactly. */
static Val bf16_to_f32(A64Ctx *ctx, int top, Val v)
{
    v = top ? uop_bini(ctx->b, UOP_AND, T_I32X4, v, INT32_C(-65536))
            : uop_bini(ctx->b, UOP_SHL, T_I32X4, v, 16);
    return a64_cast(ctx, T_F32X4, v);
}

static void bfmlal(A64Ctx *ctx, const A64Args *a, Val m)
{
    Val n = bf16_to_f32(ctx, a->top, a64_v(ctx, T_I32X4, a->rn));
    Val d = a64_v(ctx, T_F32X4, a->rd);
    a64_set_v(ctx, a->rd, uop_tern(ctx->b, UOP_FMA, T_F32X4, n, m, d));
}

void trans_BFMLAL_v(A64Ctx *ctx, const A64Args *a)
{
    bfmlal(ctx, a, bf16_to_f32(ctx, a->top, a64_v(ctx, T_I32X4, a->rm)));
}

void trans_BFMLAL_e(A64Ctx *ctx, const A64Args *a)
{
    Val m = a64_splat(ctx, T_I16X8, T_I16X8, a->rm, 4 * a->h + a->lm);
    bfmlal(ctx, a, bf16_to_f32(ctx, 0, a64_cast(ctx, T_I32X4, m)));
}
