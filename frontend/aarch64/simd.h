/*
 * simd.h - what the translators of FP and Advanced SIMD share: TRANS, types by the size fields of
 * encodings, and common steps.
 */
#ifndef XEMU_FRONTEND_AARCH64_SIMD_H
#define XEMU_FRONTEND_AARCH64_SIMD_H

#include "frontend/aarch64/ctx.h"

/* The translate function of the pattern NAME is a worker with these arguments; `a` is in scope for
 * them. */
#define TRANS(NAME, WORKER, ...)                                                                   \
    void trans_##NAME(A64Ctx *ctx, const A64Args *a)                                               \
    {                                                                                              \
        WORKER(ctx, a, __VA_ARGS__);                                                               \
    }

/* ---- types. size: log2 of the lane's bytes; q: 0 for 64-bit vectors, 1 for 128 --------------- */

static inline uint8_t a64_ivec(int size, int q)
{
    static const uint8_t types[2][4] = {
        {T_I8X8, T_I16X4, T_I32X2, T_I64X1},
        {T_I8X16, T_I16X8, T_I32X4, T_I64X2},
    };
    return types[q][size];
}

/* A 64-bit vector of one double is the scalar. */
static inline uint8_t a64_fvec(int size, int q)
{
    static const uint8_t types[2][4] = {
        {T_NONE, T_F16X4, T_F32X2, T_F64},
        {T_NONE, T_F16X8, T_F32X4, T_F64X2},
    };
    return types[q][size];
}

static inline uint8_t a64_fscalar(int size)
{
    return size == 1 ? T_F16 : size == 2 ? T_F32 : T_F64;
}

/* The size of an ftype field: 0 single, 1 double, 3 half. */
static inline int a64_ftype_size(int ftype)
{
    return ftype == 3 ? 1 : 2 + ftype;
}

/* The lane size that immh:immb of a shift says: its highest one bit, bit 3 or above. */
static inline int a64_shift_size(int immhb)
{
    return 28 - __builtin_clz((unsigned)immhb);
}

/* The amount of a right shift, 1 to the lane width, and of a left shift, 0 to the lane width - 1.
 */
static inline int a64_shift_right(int immhb)
{
    return (16 << a64_shift_size(immhb)) - immhb;
}

static inline int a64_shift_left(int immhb)
{
    return immhb - (8 << a64_shift_size(immhb));
}

/* `value`, of one lane, in every lane of 64 bits. */
static inline uint64_t a64_replicate(int size, uint64_t value)
{
    static const uint64_t ones[4] = {UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001),
                                     UINT64_C(0x0000000100000001), 1};
    return value * ones[size];
}

/* VFPExpandImm: imm8 abcdefgh is sign a, exponent NOT(b):b...:cd, fraction efgh. */
static inline uint64_t a64_fp_immediate(int size, int imm8)
{
    static const int fraction_bits[4] = {0, 10, 23, 52};
    int width = 8 << size;
    uint64_t b = (uint64_t)imm8 >> 6 & 1;
    int ones = width - fraction_bits[size] - 4; /* exponent bits between NOT(b) and cd */
    uint64_t exponent = (b ^ 1) << (ones + 2) | (b ? (UINT64_C(1) << ones) - 1 : 0) << 2 |
                        ((uint64_t)imm8 >> 4 & 3);
    return (uint64_t)(imm8 >> 7 & 1) << (width - 1) | exponent << fraction_bits[size] |
           (uint64_t)(imm8 & 15) << (fraction_bits[size] - 4);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* The same bits as another type of the same width. */
static inline Val a64_cast(A64Ctx *ctx, uint8_t type, Val v)
{
    uint8_t from = uop_val_type(ctx->b, v);
    return from == type ? v : uop_conv(ctx->b, UOP_BITCAST, type, from, 0, 0, v, 0);
}

/* A 64-bit vector or float scalar as a 128-bit vector with zeros above. */
static inline Val a64_zext128(A64Ctx *ctx, uint8_t type, Val v)
{
    Val z = uop_conv(ctx->b, UOP_ZEXTV, T_I64X2, uop_val_type(ctx->b, v), 0, 0, v, 0);
    return a64_cast(ctx, type, z);
}

/* Lane `index` of register n, of a float type. */
static inline Val a64_flane(A64Ctx *ctx, int size, int n, int index)
{
    uint8_t type = a64_fscalar(size);
    uint8_t full = a64_fvec(size, 1);
    if (!index) {
        return a64_v(ctx, type, n);
    }
    Val v = uop_conv(ctx->b, UOP_SPLATL, full, full, 0, 0, a64_v(ctx, full, n), index);
    return uop_conv(ctx->b, UOP_LOWV, type, full, 0, 0, v, 0);
}

/* Lane `index` of register n in every lane; `full` is the register's 128-bit type, `type` the
 * result's. */
static inline Val a64_splat(A64Ctx *ctx, uint8_t type, uint8_t full, int n, int index)
{
    return uop_conv(ctx->b, UOP_SPLATL, type, full, 0, 0, a64_v(ctx, full, n), index);
}

/* An operation whose operands come from the low (high: the high) half of 128-bit vectors of type
 * `from`. */
static inline Val a64_widen(A64Ctx *ctx, uint8_t type, uint8_t from, int sign, int high, Val v)
{
    return uop_conv(ctx->b, UOP_WIDEN, type, from, (uint8_t)sign, high ? UOPF_HIGH : 0, v, 0);
}

/* FPSR.QC becomes set if any bit of v is. */
static inline void a64_sticky(A64Ctx *ctx, Val v)
{
    if (uop_type_bytes(uop_val_type(ctx->b, v)) < 16) {
        v = a64_zext128(ctx, T_I64X2, v);
    }
    uop_emit(ctx->b, UOP_STICKY, uop_val_type(ctx->b, v), 0, 0, T_NONE, v, VAL_NONE, VAL_NONE,
             (int32_t)A64_OFF(qc));
}

/* FPSR.QC becomes set if x and y differ. */
static inline void a64_sticky_differ(A64Ctx *ctx, Val x, Val y)
{
    a64_sticky(ctx, uop_bin(ctx->b, UOP_XOR, uop_val_type(ctx->b, x), x, y));
}

/* v with all lanes but the lowest cleared. */
static inline Val a64_lane0(A64Ctx *ctx, uint8_t type, Val v)
{
    uint64_t mask = UINT64_MAX >> (64 - (int)uop_lane_bits(type));
    if (type == T_I64X1) {
        return v;
    }
    Val lane = uop_type_bytes(type) == 16 ? uop_vconst(ctx->b, type, mask, 0)
                                          : uop_const(ctx->b, type, mask);
    return uop_bin(ctx->b, UOP_AND, type, v, lane);
}

/* Register n; for a scalar form with all lanes but the lowest cleared. */
static inline Val a64_lanes(A64Ctx *ctx, uint8_t type, bool scalar, int n)
{
    Val v = a64_v(ctx, type, n);
    return scalar ? a64_lane0(ctx, type, v) : v;
}

/* The lanes of v, of twice the size given, saturated to that size: 64 bits. QC, unless widening
 * gives v again. */
static inline Val a64_narrow_sat(A64Ctx *ctx, int size, UopNarrow kind, Val v)
{
    uint8_t from = a64_ivec(size + 1, 1);
    uint8_t full = a64_ivec(size, 1);
    Val r = uop_conv(ctx->b, UOP_NARROW, a64_ivec(size, 0), from, (uint8_t)kind, 0, v, 0);
    int sign = kind == UOP_NARROW_SAT_S ? UOP_SIGNED : UOP_UNSIGNED;
    a64_sticky_differ(ctx, v, a64_widen(ctx, from, full, sign, 0, a64_zext128(ctx, full, r)));
    return r;
}

/* The result of a narrowing instruction, 64 bits: the low half of rd, or (high) the high half with
 * the low one kept. */
static inline void a64_set_half(A64Ctx *ctx, int rd, int high, Val v)
{
    if (high) {
        Val low = a64_v(ctx, T_I64X2, rd);
        v = uop_bin(ctx->b, UOP_ZIP1, T_I64X2, low, a64_zext128(ctx, T_I64X2, v));
    }
    a64_set_v(ctx, rd, v);
}

/* The operation on neighbouring lanes of Vn, then of Vm. */
static inline void a64_pairwise(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, uint8_t sub)
{
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    Val even = uop_bin(ctx->b, UOP_UZP1, type, n, m);
    Val odd = uop_bin(ctx->b, UOP_UZP2, type, n, m);
    a64_set_v(ctx, a->rd, uop_bin_sub(ctx->b, op, type, sub, even, odd));
}

#endif
