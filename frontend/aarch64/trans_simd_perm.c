/* trans_simd_perm.c - Advanced SIMD copies, permutations, table lookups and modified immediates. */
#include "frontend/aarch64/simd.h"

/* ---- copies: the lowest one bit of imm5 says the size, the bits above it the lane ------------ */

static int imm5_size(const A64Args *a)
{
    return __builtin_ctz((unsigned)a->imm5);
}

static int imm5_lane(const A64Args *a)
{
    return a->imm5 >> (imm5_size(a) + 1);
}

void trans_DUP_v(A64Ctx *ctx, const A64Args *a)
{
    int size = imm5_size(a);
    a64_set_v(ctx, a->rd,
              a64_splat(ctx, a64_ivec(size, a->q), a64_ivec(size, 1), a->rn, imm5_lane(a)));
}

void trans_DUP_g(A64Ctx *ctx, const A64Args *a)
{
    int size = imm5_size(a);
    a64_set_v(ctx, a->rd,
              uop_un(ctx->b, UOP_SPLAT, a64_ivec(size, a->q), a64_r(ctx, size == 3, a->rn)));
}

/* The lane in all lanes, then all but the lowest cleared. */
void trans_DUP_s(A64Ctx *ctx, const A64Args *a)
{
    int size = imm5_size(a);
    uint8_t type = a64_ivec(size, 0);
    Val v = a64_splat(ctx, type, a64_ivec(size, 1), a->rn, imm5_lane(a));
    a64_set_v(ctx, a->rd, a64_lane0(ctx, type, v));
}

static void to_general(A64Ctx *ctx, const A64Args *a, uint8_t sign)
{
    uint8_t full = a64_ivec(imm5_size(a), 1);
    Val v = a64_v(ctx, full, a->rn);
    v = uop_conv(ctx->b, UOP_GETLANE, a64_type(a->q), full, 0, sign, v, imm5_lane(a));
    a64_set_r(ctx, a->q, a->rd, v);
}

TRANS(SMOV, to_general, UOPF_SIGNED)
TRANS(UMOV, to_general, 0)

void trans_INS_g(A64Ctx *ctx, const A64Args *a)
{
    int size = imm5_size(a);
    uint8_t full = a64_ivec(size, 1);
    Val d = a64_v(ctx, full, a->rd);
    a64_set_v(ctx, a->rd,
              uop_emit(ctx->b, UOP_SETLANE, full, 0, 0, full, d, a64_r(ctx, size == 3, a->rn),
                       VAL_NONE, imm5_lane(a)));
}

void trans_INS_v(A64Ctx *ctx, const A64Args *a)
{
    int size = imm5_size(a);
    uint8_t full = a64_ivec(size, 1);
    Val d = a64_v(ctx, full, a->rd);
    Val n = a64_v(ctx, full, a->rn);
    int lanes = imm5_lane(a) | a->imm4 >> size << 8;
    a64_set_v(ctx, a->rd, uop_emit(ctx->b, UOP_INSLANE, full, 0, 0, full, d, n, VAL_NONE, lanes));
}

/* ---- permutations ---------------------------------------------------------------------------- */

static void permute(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    uint8_t type = a64_ivec(a->size, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, op, type, n, m));
}

TRANS(ZIP1, permute, UOP_ZIP1)
TRANS(ZIP2, permute, UOP_ZIP2)
TRANS(UZP1, permute, UOP_UZP1)
TRANS(UZP2, permute, UOP_UZP2)
TRANS(TRN1, permute, UOP_TRN1)
TRANS(TRN2, permute, UOP_TRN2)

void trans_EXT(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_ivec(0, a->q);
    Val n = a64_v(ctx, type, a->rn);
    Val m = a64_v(ctx, type, a->rm);
    a64_set_v(ctx, a->rd, uop_emit(ctx->b, UOP_EXTV, type, 0, 0, type, n, m, VAL_NONE, a->imm4));
}

/* Each register of the table answers for its sixteen indices and leaves the rest as the one before
 * did; at first: zero, or rd. */
static void table(A64Ctx *ctx, const A64Args *a, bool extend)
{
    uint8_t type = a64_ivec(0, a->q);
    Val index = a64_v(ctx, type, a->rm);
    Val r = extend ? a64_v(ctx, type, a->rd) : VAL_NONE;
    for (int i = 0; i <= a->len; i++) {
        Val t = a64_v(ctx, T_I8X16, (a->rn + i) & 31);
        r = uop_emit(ctx->b, UOP_TBL, type, 0, 0, type, t, index, r, 16 * i);
    }
    a64_set_v(ctx, a->rd, r);
}

TRANS(TBL, table, false)
TRANS(TBX, table, true)

/* ---- modified immediates: `bits` is what stands in every 64 bits (AdvSIMDExpandImm) ---------- */

static void move_imm(A64Ctx *ctx, const A64Args *a, uint64_t bits)
{
    a64_set_v(ctx, a->rd,
              a->q ? uop_const(ctx->b, T_I64X2, bits) : uop_vconst(ctx->b, T_I64X2, bits, 0));
}

static void logic_imm(A64Ctx *ctx, const A64Args *a, UopOp op, uint64_t bits)
{
    uint8_t type = a64_ivec(3, a->q);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, op, type, d, uop_const(ctx->b, type, bits)));
}

/* imm8 in lanes of a size, `half` bytes up; shifting ones in (MSL). */
static uint64_t imm_lanes(const A64Args *a, int size)
{
    return a64_replicate(size, (uint64_t)a->imm8 << (8 * a->half));
}

static uint64_t imm_ones(const A64Args *a)
{
    int shift = 8 << a->half;
    return a64_replicate(2, (uint64_t)a->imm8 << shift | ((UINT64_C(1) << shift) - 1));
}

/* Each bit of imm8 as a byte. */
static uint64_t imm_bytes(int imm8)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v |= imm8 >> i & 1 ? UINT64_C(0xff) << (8 * i) : 0;
    }
    return v;
}

TRANS(MOVI_imm16, move_imm, imm_lanes(a, 1))
TRANS(MOVI_imm32, move_imm, imm_lanes(a, 2))
TRANS(MOVI_msl, move_imm, imm_ones(a))
TRANS(MOVI_imm8, move_imm, a64_replicate(0, (uint64_t)a->imm8))
TRANS(MOVI_imm64, move_imm, imm_bytes(a->imm8))
TRANS(MVNI_imm16, move_imm, ~imm_lanes(a, 1))
TRANS(MVNI_imm32, move_imm, ~imm_lanes(a, 2))
TRANS(MVNI_msl, move_imm, ~imm_ones(a))
TRANS(ORR_imm16, logic_imm, UOP_OR, imm_lanes(a, 1))
TRANS(ORR_imm32, logic_imm, UOP_OR, imm_lanes(a, 2))
TRANS(BIC_imm16, logic_imm, UOP_ANDN, imm_lanes(a, 1))
TRANS(BIC_imm32, logic_imm, UOP_ANDN, imm_lanes(a, 2))
TRANS(FMOV_vh, move_imm, a64_replicate(1, a64_fp_immediate(1, a->imm8)))
TRANS(FMOV_v, move_imm, a64_replicate(2, a64_fp_immediate(2, a->imm8)))

void trans_FMOV_vd(A64Ctx *ctx, const A64Args *a)
{
    a64_set_v(ctx, a->rd, uop_const(ctx->b, T_I64X2, a64_fp_immediate(3, a->imm8)));
}
