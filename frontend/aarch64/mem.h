/*
 * mem.h - memory operands of A64 loads and stores, for trans_ldst*.c and trans_atomic.c.
 *
 * A trans_ function makes an A64Mem, emits all its accesses, which may fault, and only then writes
 * registers: first what was loaded, then the updated base.
 */
#ifndef XEMU_FRONTEND_AARCH64_MEM_H
#define XEMU_FRONTEND_AARCH64_MEM_H

#include "frontend/aarch64/ctx.h"

/* addr + (index << scale) + disp; index may be VAL_NONE. */
typedef struct A64Mem {
    Val addr, index;
    unsigned scale; /* 0..3 */
    int32_t disp;
} A64Mem;

/* An address as accesses use it: once a tagged pointer has been met, without its tag (D8.8, TBI0).
 */
static inline Val a64_untag(A64Ctx *ctx, Val addr)
{
    return ctx->mode & CPU_MODE_TAGGED ? uop_bini(ctx->b, UOP_AND, T_I64, addr, (1LL << 56) - 1)
                                       : addr;
}

/* [base, #disp]; base is the value of Xn or SP. */
static inline A64Mem a64_mem(A64Ctx *ctx, Val base, int32_t disp)
{
    if (ctx->mode & CPU_MODE_TAGGED) {
        base = a64_untag(ctx, uop_bini(ctx->b, UOP_ADD, T_I64, base, disp));
        disp = 0;
    }
    return (A64Mem){.addr = base, .index = VAL_NONE, .scale = 0, .disp = disp};
}

/* A load of 1 << size bytes; type I32 or I64 (zero- or sign-extended), or of the vector class.
 * flags: UOP_ORDER_*, UOPF_ATOMIC. */
static inline Val a64_load(A64Ctx *ctx, const A64Mem *m, uint8_t type, unsigned size, bool sign,
                           uint8_t flags)
{
    return uop_load(ctx->b, type, UOP_MEM(size, sign, 0, m->scale), flags, m->addr, m->index,
                    m->disp);
}

static inline void a64_store(A64Ctx *ctx, const A64Mem *m, unsigned size, uint8_t flags, Val v)
{
    uop_store(ctx->b, uop_val_type(ctx->b, v), UOP_MEM(size, 0, 0, m->scale), flags, m->addr,
              m->index, m->disp, v);
}

/* The type in which an access of 1 << size bytes travels: integers ... */
static inline uint8_t a64_int_type(unsigned size)
{
    return size == 3 ? T_I64 : T_I32;
}

/* ... and FP and SIMD registers: B (0), which has no type of its own, H, S, D, Q (4). */
static inline uint8_t a64_fp_type(unsigned size)
{
    static const uint8_t types[5] = {T_I32, T_F16, T_F32, T_F64, T_I64X2};
    return types[size];
}

/* The value of an access to the low 1 << size bytes of register V[n] ... */
static inline Val a64_fp_value(A64Ctx *ctx, unsigned size, int n)
{
    if (size == 0) {
        return uop_conv(ctx->b, UOP_GETLANE, T_I32, T_I8X16, 0, 0, a64_v(ctx, T_I8X16, n), 0);
    }
    return a64_v(ctx, a64_fp_type(size), n);
}

/* ... and its write by a load. */
static inline void a64_set_fp_value(A64Ctx *ctx, int n, Val v)
{
    if (uop_val_type(ctx->b, v) == T_I32) {
        Val zero = uop_const(ctx->b, T_I32X4, 0);
        v = uop_emit(ctx->b, UOP_SETLANE, T_I32X4, 0, 0, T_I32X4, zero, v, VAL_NONE, 0);
    }
    a64_set_v(ctx, n, v);
}

/* Halves of a pair of 64-bit values in memory order. */
static inline Val a64_pair_half(A64Ctx *ctx, Val pair, int half)
{
    return uop_conv(ctx->b, UOP_GETLANE, T_I64, T_I64X2, 0, 0, pair, half);
}

static inline Val a64_make_pair(A64Ctx *ctx, Val lo, Val hi)
{
    Val v = uop_const(ctx->b, T_I64X2, 0);
    v = uop_emit(ctx->b, UOP_SETLANE, T_I64X2, 0, 0, T_I64X2, v, lo, VAL_NONE, 0);
    return uop_emit(ctx->b, UOP_SETLANE, T_I64X2, 0, 0, T_I64X2, v, hi, VAL_NONE, 1);
}

/* Ordered and atomic accesses must lie within 16 aligned bytes (B2.2.1.1, FEAT_LSE2). addr is the
 * untagged address. */
static inline void a64_check_within_16(A64Ctx *ctx, Val addr, unsigned size)
{
    if (size > 0) {
        Val low = uop_bini(ctx->b, UOP_AND, T_I64, addr, 15);
        Val crosses = uop_icmpi(ctx->b, T_I64, UOP_UGT, low, 16 - (1 << size));
        uop_trap_if(ctx->b, crosses, UOP_TRAP_ALIGNMENT, 0);
    }
}

/* Exclusive accesses must be aligned to their size, pairs to that of the pair. */
static inline void a64_check_aligned(A64Ctx *ctx, Val addr, unsigned size)
{
    if (size > 0) {
        uop_trap_if(ctx->b, uop_icmpi(ctx->b, T_I64, UOP_TST, addr, (1 << size) - 1),
                    UOP_TRAP_ALIGNMENT, 0);
    }
}

#endif
