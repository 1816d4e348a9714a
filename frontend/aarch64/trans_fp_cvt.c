/* trans_fp_cvt.c - conversions between floating-point formats and integers, and moves. */
#include "frontend/aarch64/simd.h"

/* ---- between float formats ------------------------------------------------------------------- */

void trans_FCVT(A64Ctx *ctx, const A64Args *a)
{
    uint8_t from = a64_fscalar(a64_ftype_size(a->ftype));
    uint8_t to = a64_fscalar(a64_ftype_size(a->opc));
    Val v = a64_v(ctx, from, a->rn);
    a64_set_v(ctx, a->rd, uop_conv(ctx->b, UOP_FCVT, to, from, UOP_ROUND_CURRENT, 0, v, 0));
}

void trans_FCVTXN_s(A64Ctx *ctx, const A64Args *a)
{
    Val v = a64_v(ctx, T_F64, a->rn);
    a64_set_v(ctx, a->rd, uop_conv(ctx->b, UOP_FCVT, T_F32, T_F64, UOP_ROUND_ODD, 0, v, 0));
}

static void narrow(A64Ctx *ctx, const A64Args *a, int size, UopRound mode)
{
    uint8_t from = a64_fvec(size + 1, 1);
    Val v = a64_v(ctx, from, a->rn);
    v = uop_conv(ctx->b, UOP_FCVT, a64_fvec(size, 0), from, (uint8_t)mode, 0, v, 0);
    a64_set_half(ctx, a->rd, a->q, v);
}

TRANS(FCVTN, narrow, 1 + a->sz, UOP_ROUND_CURRENT)
TRANS(FCVTXN_v, narrow, 2, UOP_ROUND_ODD)

void trans_FCVTL(A64Ctx *ctx, const A64Args *a)
{
    uint8_t from = a64_fvec(1 + a->sz, 1);
    Val v = a64_v(ctx, from, a->rn);
    a64_set_v(ctx, a->rd,
              uop_conv(ctx->b, UOP_FCVT, a64_fvec(2 + a->sz, 1), from, UOP_ROUND_CURRENT,
                       a->q ? UOPF_HIGH : 0, v, 0));
}

void trans_BFCVT(A64Ctx *ctx, const A64Args *a)
{
    a64_set_v(ctx, a->rd,
              uop_un_sub(ctx->b, UOP_BF16, T_I32X4, UOP_BF16_CVT1, a64_v(ctx, T_I32X4, a->rn)));
}

void trans_BFCVTN(A64Ctx *ctx, const A64Args *a)
{
    Val v = uop_un_sub(ctx->b, UOP_BF16, T_I32X4, UOP_BF16_CVT, a64_v(ctx, T_I32X4, a->rn));
    a64_set_half(ctx, a->rd, a->q, uop_conv(ctx->b, UOP_LOWV, T_I16X4, T_I32X4, 0, 0, v, 0));
}

/* ---- float to integer: `sign` 0 or UOPF_UNSIGNED, frac: fraction bits ------------------------ */

static void to_general(A64Ctx *ctx, const A64Args *a, UopRound mode, uint8_t sign, int frac)
{
    uint8_t from = a64_fscalar(a64_ftype_size(a->ftype));
    Val v = a64_v(ctx, from, a->rn);
    v = uop_conv(ctx->b, UOP_FTOI, a64_type(a->sf), from, (uint8_t)mode, sign, v, frac);
    a64_set_r(ctx, a->sf, a->rd, v);
}

static void to_vector(A64Ctx *ctx, const A64Args *a, int size, int q, UopRound mode, uint8_t sign,
                      int frac)
{
    uint8_t from = a64_fvec(size, q);
    Val v = a64_v(ctx, from, a->rn);
    a64_set_v(ctx, a->rd,
              uop_conv(ctx->b, UOP_FTOI, a64_ivec(size, q), from, (uint8_t)mode, sign, v, frac));
}

/* One lane. Halfwords saturate to 16 bits, which only lanes do: then the others are zeroed first.
 */
static void to_lane(A64Ctx *ctx, const A64Args *a, int size, UopRound mode, uint8_t sign, int frac)
{
    uint8_t from = a64_fscalar(size);
    uint8_t to = size == 3 ? T_I64 : T_I32;
    Val v = a64_v(ctx, from, a->rn);
    if (size == 1) {
        v = a64_zext128(ctx, T_F16X8, v);
        from = T_F16X8;
        to = T_I16X8;
    }
    a64_set_v(ctx, a->rd, uop_conv(ctx->b, UOP_FTOI, to, from, (uint8_t)mode, sign, v, frac));
}

#define TO_INT(NAME, MODE, SIGN)                                                                   \
    TRANS(NAME##_wf, to_general, MODE, SIGN, 0)                                                    \
    TRANS(NAME##_v, to_vector, 2 + a->sz, a->q, MODE, SIGN, 0)                                     \
    TRANS(NAME##_vh, to_vector, 1, a->q, MODE, SIGN, 0)                                            \
    TRANS(NAME##_s, to_lane, 2 + a->sz, MODE, SIGN, 0)                                             \
    TRANS(NAME##_sh, to_lane, 1, MODE, SIGN, 0)

TO_INT(FCVTNS, UOP_ROUND_NEAREST, 0)
TO_INT(FCVTNU, UOP_ROUND_NEAREST, UOPF_UNSIGNED)
TO_INT(FCVTPS, UOP_ROUND_UP, 0)
TO_INT(FCVTPU, UOP_ROUND_UP, UOPF_UNSIGNED)
TO_INT(FCVTMS, UOP_ROUND_DOWN, 0)
TO_INT(FCVTMU, UOP_ROUND_DOWN, UOPF_UNSIGNED)
TO_INT(FCVTZS, UOP_ROUND_ZERO, 0)
TO_INT(FCVTZU, UOP_ROUND_ZERO, UOPF_UNSIGNED)
TO_INT(FCVTAS, UOP_ROUND_AWAY, 0)
TO_INT(FCVTAU, UOP_ROUND_AWAY, UOPF_UNSIGNED)

#define TO_FIXED(NAME, SIGN)                                                                       \
    TRANS(NAME##_fix, to_general, UOP_ROUND_ZERO, SIGN, 64 - a->scale)                             \
    TRANS(NAME##_vfix, to_vector, a64_shift_size(a->immhb), a->q, UOP_ROUND_ZERO, SIGN,            \
          a64_shift_right(a->immhb))                                                               \
    TRANS(NAME##_sfix, to_lane, a64_shift_size(a->immhb), UOP_ROUND_ZERO, SIGN,                    \
          a64_shift_right(a->immhb))

TO_FIXED(FCVTZS, 0)
TO_FIXED(FCVTZU, UOPF_UNSIGNED)

void trans_FJCVTZS(A64Ctx *ctx, const A64Args *a)
{
    Val v = a64_v(ctx, T_F64, a->rn);
    Val exact = uop_conv(ctx->b, UOP_FJCVT, T_I32, T_F64, 0, UOPF_EXACT, v, 0);
    a64_set_w(ctx, a->rd, uop_conv(ctx->b, UOP_FJCVT, T_I32, T_F64, 0, 0, v, 0));
    a64_set_flags(ctx, uop_flags(ctx->b, T_I32, UOP_FLAGS_NZCV, exact, VAL_NONE, VAL_NONE));
}

/* ---- integer to float ------------------------------------------------------------------------ */

static void from_general(A64Ctx *ctx, const A64Args *a, uint8_t sign, int frac)
{
    Val v = a64_r(ctx, a->sf, a->rn);
    a64_set_v(ctx, a->rd,
              uop_conv(ctx->b, UOP_ITOF, a64_fscalar(a64_ftype_size(a->ftype)), a64_type(a->sf), 0,
                       sign, v, frac));
}

static void from_vector(A64Ctx *ctx, const A64Args *a, int size, int q, uint8_t sign, int frac)
{
    uint8_t from = a64_ivec(size, q);
    Val v = a64_v(ctx, from, a->rn);
    a64_set_v(ctx, a->rd, uop_conv(ctx->b, UOP_ITOF, a64_fvec(size, q), from, 0, sign, v, frac));
}

static void from_lane(A64Ctx *ctx, const A64Args *a, int size, uint8_t sign, int frac)
{
    uint8_t full = a64_ivec(size, 1);
    uint8_t from = size == 3 ? T_I64 : T_I32;
    Val v = uop_conv(ctx->b, UOP_GETLANE, from, full, 0, sign ? 0 : UOPF_SIGNED,
                     a64_v(ctx, full, a->rn), 0);
    a64_set_v(ctx, a->rd, uop_conv(ctx->b, UOP_ITOF, a64_fscalar(size), from, 0, sign, v, frac));
}

#define FROM_INT(NAME, SIGN)                                                                       \
    TRANS(NAME##_wf, from_general, SIGN, 0)                                                        \
    TRANS(NAME##_fix, from_general, SIGN, 64 - a->scale)                                           \
    TRANS(NAME##_v, from_vector, 2 + a->sz, a->q, SIGN, 0)                                         \
    TRANS(NAME##_vh, from_vector, 1, a->q, SIGN, 0)                                                \
    TRANS(NAME##_vfix, from_vector, a64_shift_size(a->immhb), a->q, SIGN,                          \
          a64_shift_right(a->immhb))                                                               \
    TRANS(NAME##_s, from_lane, 2 + a->sz, SIGN, 0)                                                 \
    TRANS(NAME##_sh, from_lane, 1, SIGN, 0)                                                        \
    TRANS(NAME##_sfix, from_lane, a64_shift_size(a->immhb), SIGN, a64_shift_right(a->immhb))

FROM_INT(SCVTF, 0)
FROM_INT(UCVTF, UOPF_UNSIGNED)

/* ---- moves ----------------------------------------------------------------------------------- */

/* A register's lowest lane to a general register: ftype and sf say how many bits are copied. */
void trans_FMOV_tog(A64Ctx *ctx, const A64Args *a)
{
    uint8_t full = a64_ivec(a64_ftype_size(a->ftype), 1);
    Val v = a64_v(ctx, full, a->rn);
    a64_set_r(ctx, a->sf, a->rd, uop_conv(ctx->b, UOP_GETLANE, a64_type(a->sf), full, 0, 0, v, 0));
}

void trans_FMOV_tof(A64Ctx *ctx, const A64Args *a)
{
    Val v = a64_r(ctx, a->sf, a->rn);
    a64_set_v(ctx, a->rd, a->ftype == 3 ? uop_zext(ctx->b, T_I32, 1, v) : v);
}

void trans_FMOV_togh(A64Ctx *ctx, const A64Args *a)
{
    Val v = a64_v(ctx, T_I64X2, a->rn);
    a64_set_x(ctx, a->rd, uop_conv(ctx->b, UOP_GETLANE, T_I64, T_I64X2, 0, 0, v, 1));
}

void trans_FMOV_tofh(A64Ctx *ctx, const A64Args *a)
{
    Val v = a64_v(ctx, T_I64X2, a->rd);
    a64_set_v(
        ctx, a->rd,
        uop_emit(ctx->b, UOP_SETLANE, T_I64X2, 0, 0, T_I64X2, v, a64_x(ctx, a->rn), VAL_NONE, 1));
}

void trans_FMOV_imm(A64Ctx *ctx, const A64Args *a)
{
    int size = a64_ftype_size(a->ftype);
    a64_set_v(ctx, a->rd, uop_const(ctx->b, a64_fscalar(size), a64_fp_immediate(size, a->imm8)));
}
