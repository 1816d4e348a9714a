/*
 * ctx.h - what trans_*.c files share: the context of the instruction being translated, and short
 * names for reading and writing A64's registers.
 *
 * A trans_ function reads its operands, computes, and writes. The rule of micro-ops holds: within
 * one instruction everything that may fault comes before the first write of a register.
 */
#ifndef XEMU_FRONTEND_AARCH64_CTX_H
#define XEMU_FRONTEND_AARCH64_CTX_H

#include "a64_decode.h"
#include "frontend/aarch64/state.h"
#include "frontend/frontend.h"

typedef struct A64Ctx {
    UopBlock *b;
    GuestAddr pc;  /* of the instruction */
    uint32_t mode; /* CPU_MODE_* of the block */
    bool ended;    /* the instruction ended the block: its EXIT is emitted */
    bool bti;      /* there are guarded pages: indirect branches say their BTYPE */
    bool guarded;  /* this page is */
    bool goes_on;  /* behind a conditional branch */
} A64Ctx;

/* ---- general registers: number 31 reads as zero and ignores writes --------------------------- */

static inline Val a64_x(A64Ctx *ctx, int n)
{
    return n == 31 ? uop_const(ctx->b, T_I64, 0) : uop_get(ctx->b, T_I64, A64_X(n));
}

static inline Val a64_w(A64Ctx *ctx, int n)
{
    return n == 31 ? uop_const(ctx->b, T_I32, 0) : uop_get(ctx->b, T_I32, A64_X(n));
}

static inline void a64_set_x(A64Ctx *ctx, int n, Val v)
{
    if (n != 31) {
        uop_put(ctx->b, A64_X(n), v);
    }
}

/* Writing a W register clears the upper half of its X register. */
static inline void a64_set_w(A64Ctx *ctx, int n, Val v)
{
    if (n != 31) {
        uop_put(ctx->b, A64_X(n), uop_zext(ctx->b, T_I64, 2, v));
    }
}

/* ---- the same with 31 as the stack pointer --------------------------------------------------- */

static inline Val a64_xsp(A64Ctx *ctx, int n)
{
    return uop_get(ctx->b, T_I64, A64_X(n));
}

static inline Val a64_wsp(A64Ctx *ctx, int n)
{
    return uop_get(ctx->b, T_I32, A64_X(n));
}

static inline void a64_set_xsp(A64Ctx *ctx, int n, Val v)
{
    uop_put(ctx->b, A64_X(n), v);
}

static inline void a64_set_wsp(A64Ctx *ctx, int n, Val v)
{
    uop_put(ctx->b, A64_X(n), uop_zext(ctx->b, T_I64, 2, v));
}

/* ---- by width: sf 0 is W, 1 is X; values are I32 or I64 -------------------------------------- */

static inline uint8_t a64_type(int sf)
{
    return sf ? T_I64 : T_I32;
}

static inline Val a64_r(A64Ctx *ctx, int sf, int n)
{
    return sf ? a64_x(ctx, n) : a64_w(ctx, n);
}

static inline Val a64_rsp(A64Ctx *ctx, int sf, int n)
{
    return sf ? a64_xsp(ctx, n) : a64_wsp(ctx, n);
}

static inline void a64_set_r(A64Ctx *ctx, int sf, int n, Val v)
{
    if (sf) {
        a64_set_x(ctx, n, v);
    } else {
        a64_set_w(ctx, n, v);
    }
}

static inline void a64_set_rsp(A64Ctx *ctx, int sf, int n, Val v)
{
    if (sf) {
        a64_set_xsp(ctx, n, v);
    } else {
        a64_set_wsp(ctx, n, v);
    }
}

/* ---- FP and SIMD registers ------------------------------------------------------------------- */

/* The low part of a V register as a value of any type of the vector class. */
static inline Val a64_v(A64Ctx *ctx, uint8_t type, int n)
{
    return uop_get(ctx->b, type, A64_V(n));
}

/* Writes a V register. A value of less than 128 bits clears the rest of it. */
static inline void a64_set_v(A64Ctx *ctx, int n, Val v)
{
    uint8_t type = uop_val_type(ctx->b, v);
    if (uop_type_bytes(type) < 16) {
        v = uop_conv(ctx->b, UOP_ZEXTV, T_I64X2, type, 0, 0, v, 0);
    }
    uop_put(ctx->b, A64_V(n), v);
}

/* ---- flags ----------------------------------------------------------------------------------- */

static inline Val a64_flags(A64Ctx *ctx)
{
    return uop_emit(ctx->b, UOP_GETFLAGS, T_FLAGS, 0, 0, T_FLAGS, VAL_NONE, VAL_NONE, VAL_NONE,
                    (int32_t)A64_NZCV);
}

static inline void a64_set_flags(A64Ctx *ctx, Val flags)
{
    uop_emit(ctx->b, UOP_PUTFLAGS, T_FLAGS, 0, 0, T_NONE, flags, VAL_NONE, VAL_NONE,
             (int32_t)A64_NZCV);
}

/* The boolean of a condition field (C1.2.4): 14 and 15 are always true. */
static inline Val a64_cond(A64Ctx *ctx, int cond)
{
    return cond >= 14 ? uop_const(ctx->b, T_I32, 1)
                      : uop_test(ctx->b, (UopCond)cond, a64_flags(ctx));
}

/* ---- ends of blocks -------------------------------------------------------------------------- */

static inline void a64_exit(A64Ctx *ctx, UopExit kind, GuestAddr target)
{
    uop_exit(ctx->b, kind, target);
    ctx->ended = true;
}

static inline void a64_exit_to(A64Ctx *ctx, UopExit kind, Val target)
{
    uop_exit_to(ctx->b, kind, target);
    ctx->ended = true;
}

static inline void a64_trap(A64Ctx *ctx, UopTrap trap, uint64_t payload)
{
    uop_trap(ctx->b, trap, payload);
    ctx->ended = true;
}

/* ---- helpers (helpers.def) ------------------------------------------------------------------- */

enum A64Helper {
#define HELPER(name, effects) A64_HELPER_##name,
#include "frontend/aarch64/helpers.def"
#undef HELPER
    A64_HELPERS
};

/* A call of a C helper; VAL_NONE for arguments that it doesn't use. Its result is an I64. */
static inline Val a64_call(A64Ctx *ctx, enum A64Helper helper, Val a, Val b, Val c)
{
    return uop_helper(ctx->b, helper, true, a, b, c);
}

/* ---- pointer authentication (trans_pac.c), for branches and loads that authenticate ---------- */

typedef enum A64PacKey { A64_KEY_IA, A64_KEY_IB, A64_KEY_DA, A64_KEY_DB, A64_KEY_GA } A64PacKey;

/* `pointer` (I64) without its code, or something that isn't an address if that is wrong; as it is
 * if the key is off. */
Val a64_pac_auth(A64Ctx *ctx, A64PacKey key, Val pointer, Val modifier);

#endif
