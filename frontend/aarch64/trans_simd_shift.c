/* trans_simd_shift.c - Advanced SIMD shifts by an immediate that neither narrow, widen nor
 * saturate. */
#include "frontend/aarch64/simd.h"

/* Vector forms, and the scalar form of doublewords. */
#define BOTH(NAME, WORKER, ...)                                                                    \
    TRANS(NAME##_vi, WORKER, a64_ivec(a64_shift_size(a->immhb), a->q), __VA_ARGS__)                \
    TRANS(NAME##_si, WORKER, T_I64X1, __VA_ARGS__)

static Val shifted_right(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, uint8_t sub)
{
    Val n = a64_v(ctx, type, a->rn);
    return uop_emit(ctx->b, op, type, sub, 0, type, n, VAL_NONE, VAL_NONE,
                    a64_shift_right(a->immhb));
}

static void right(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, uint8_t sub)
{
    a64_set_v(ctx, a->rd, shifted_right(ctx, a, type, op, sub));
}

static void right_add(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, uint8_t sub)
{
    Val r = shifted_right(ctx, a, type, op, sub);
    Val d = a64_v(ctx, type, a->rd);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_ADD, type, d, r));
}

BOTH(SSHR, right, UOP_ASR, 0)
BOTH(USHR, right, UOP_LSR, 0)
BOTH(SRSHR, right, UOP_RSHR, UOP_SIGNED)
BOTH(URSHR, right, UOP_RSHR, UOP_UNSIGNED)
BOTH(SSRA, right_add, UOP_ASR, 0)
BOTH(USRA, right_add, UOP_LSR, 0)
BOTH(SRSRA, right_add, UOP_RSHR, UOP_SIGNED)
BOTH(URSRA, right_add, UOP_RSHR, UOP_UNSIGNED)

static void left(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op)
{
    a64_set_v(ctx, a->rd,
              uop_bini(ctx->b, op, type, a64_v(ctx, type, a->rn), a64_shift_left(a->immhb)));
}

BOTH(SHL, left, UOP_SHL)

/* rd keeps the bits that the shift moves zeros into. */
static void insert(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op)
{
    int size = (int)uop_lane_log2(type);
    uint64_t ones = UINT64_MAX >> (64 - (8 << size));
    int amount = op == UOP_SHL ? a64_shift_left(a->immhb) : a64_shift_right(a->immhb);
    uint64_t moved = amount > 63 ? 0 : op == UOP_SHL ? ones << amount & ones : ones >> amount;
    Val n = uop_bini(ctx->b, op, type, a64_v(ctx, type, a->rn), amount);
    Val keep = uop_const(ctx->b, type, a64_replicate(size, ones & ~moved));
    Val d = uop_bin(ctx->b, UOP_AND, type, a64_v(ctx, type, a->rd), keep);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_OR, type, n, d));
}

BOTH(SLI, insert, UOP_SHL)
BOTH(SRI, insert, UOP_LSR)
