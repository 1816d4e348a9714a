/*
 * Exclusive and ordered accesses, LSE atomics, compare and swap (C4.1.94).
 *
 * Alignment as with FEAT_LSE2: exclusives must be aligned; the others may be misaligned within 16
 * aligned bytes.
 */
#include "frontend/aarch64/mem.h"

static uint8_t order(int acquire, int release)
{
    return (uint8_t)((acquire ? UOP_ORDER_ACQUIRE : 0) | (release ? UOP_ORDER_RELEASE : 0));
}

static Val address(A64Ctx *ctx, int rn, int32_t disp)
{
    return a64_untag(ctx, uop_bini(ctx->b, UOP_ADD, T_I64, a64_xsp(ctx, rn), disp));
}

/* Two W registers as the I64 that they are in memory. */
static Val concat_w(A64Ctx *ctx, int lo, int hi)
{
    Val high = uop_bini(ctx->b, UOP_SHL, T_I64, a64_x(ctx, hi), 32);
    return uop_bin(ctx->b, UOP_OR, T_I64, high, uop_zext(ctx->b, T_I64, 2, a64_w(ctx, lo)));
}

static Val pair_value(A64Ctx *ctx, int sf, int lo, int hi)
{
    return sf ? a64_make_pair(ctx, a64_x(ctx, lo), a64_x(ctx, hi)) : concat_w(ctx, lo, hi);
}

static void set_pair(A64Ctx *ctx, int sf, int lo, int hi, Val v)
{
    if (sf) {
        Val first = a64_pair_half(ctx, v, 0), second = a64_pair_half(ctx, v, 1);
        a64_set_x(ctx, lo, first);
        a64_set_x(ctx, hi, second);
    } else {
        Val second = uop_bini(ctx->b, UOP_LSR, T_I64, v, 32);
        a64_set_x(ctx, lo, uop_zext(ctx->b, T_I64, 2, uop_trunc(ctx->b, v)));
        a64_set_x(ctx, hi, second);
    }
}

static uint8_t pair_type(int sf)
{
    return sf ? T_I64X2 : T_I64;
}

/* ---- exclusives ------------------------------------------------------------------------------ */

static Val load_linked(A64Ctx *ctx, const A64Args *a, uint8_t type, unsigned size)
{
    Val addr = address(ctx, a->rn, 0);
    a64_check_aligned(ctx, addr, size);
    return uop_emit(ctx->b, UOP_LL, type, UOP_MEM(size, 0, 0, 0), a->acq ? UOP_ORDER_SEQ : 0, type,
                    addr, VAL_NONE, VAL_NONE, 0);
}

static void store_conditional(A64Ctx *ctx, const A64Args *a, unsigned size, Val v)
{
    Val addr = address(ctx, a->rn, 0);
    a64_check_aligned(ctx, addr, size);
    Val failed = uop_emit(ctx->b, UOP_SC, uop_val_type(ctx->b, v), UOP_MEM(size, 0, 0, 0),
                          a->rel ? UOP_ORDER_SEQ : 0, T_I32, addr, VAL_NONE, v, 0);
    a64_set_w(ctx, a->rs, failed);
}

void trans_LDXR(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->size == 3, a->rt,
              load_linked(ctx, a, a64_int_type((unsigned)a->size), (unsigned)a->size));
}

void trans_STXR(A64Ctx *ctx, const A64Args *a)
{
    store_conditional(ctx, a, (unsigned)a->size, a64_r(ctx, a->size == 3, a->rt));
}

void trans_LDXP(A64Ctx *ctx, const A64Args *a)
{
    set_pair(ctx, a->sf, a->rt, a->rt2, load_linked(ctx, a, pair_type(a->sf), 3 + (unsigned)a->sf));
}

void trans_STXP(A64Ctx *ctx, const A64Args *a)
{
    store_conditional(ctx, a, 3 + (unsigned)a->sf, pair_value(ctx, a->sf, a->rt, a->rt2));
}

/* ---- ordered loads and stores ---------------------------------------------------------------- */

static Val load_ordered(A64Ctx *ctx, const A64Args *a, int32_t disp, uint8_t type, bool sign,
                        uint8_t flags)
{
    Val addr = address(ctx, a->rn, disp);
    a64_check_within_16(ctx, addr, (unsigned)a->size);
    return uop_load(ctx->b, type, UOP_MEM((unsigned)a->size, sign, 0, 0), flags, addr, VAL_NONE, 0);
}

static void load_ordered_int(A64Ctx *ctx, const A64Args *a, int32_t disp, uint8_t flags)
{
    a64_set_r(ctx, a->size == 3, a->rt,
              load_ordered(ctx, a, disp, a64_int_type((unsigned)a->size), false, flags));
}

static void store_ordered(A64Ctx *ctx, const A64Args *a, int32_t disp, uint8_t flags)
{
    Val addr = address(ctx, a->rn, disp), v = a64_r(ctx, a->size == 3, a->rt);
    a64_check_within_16(ctx, addr, (unsigned)a->size);
    uop_store(ctx->b, a64_int_type((unsigned)a->size), UOP_MEM((unsigned)a->size, 0, 0, 0), flags,
              addr, VAL_NONE, 0, v);
}

void trans_LDAR(A64Ctx *ctx, const A64Args *a)
{
    load_ordered_int(ctx, a, 0, UOP_ORDER_SEQ);
}

void trans_LDLAR(A64Ctx *ctx, const A64Args *a)
{
    load_ordered_int(ctx, a, 0, UOP_ORDER_ACQUIRE);
}

void trans_STLR(A64Ctx *ctx, const A64Args *a)
{
    store_ordered(ctx, a, 0, UOP_ORDER_SEQ);
}

void trans_STLLR(A64Ctx *ctx, const A64Args *a)
{
    store_ordered(ctx, a, 0, UOP_ORDER_RELEASE);
}

void trans_LDAPR(A64Ctx *ctx, const A64Args *a)
{
    load_ordered_int(ctx, a, 0, UOP_ORDER_ACQUIRE);
}

void trans_LDAPUR(A64Ctx *ctx, const A64Args *a)
{
    load_ordered_int(ctx, a, a->imm, UOP_ORDER_ACQUIRE);
}

void trans_LDAPURS(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, !a->w, a->rt,
              load_ordered(ctx, a, a->imm, a64_type(!a->w), true, UOP_ORDER_ACQUIRE));
}

/* Ordered with LDAR as STLR is. */
void trans_STLUR(A64Ctx *ctx, const A64Args *a)
{
    store_ordered(ctx, a, a->imm, UOP_ORDER_SEQ);
}

/* ---- compare and swap ------------------------------------------------------------------------ */

static Val compare_swap(A64Ctx *ctx, const A64Args *a, unsigned size, Val expected, Val desired)
{
    uint8_t type = uop_val_type(ctx->b, desired);
    Val addr = address(ctx, a->rn, 0);
    a64_check_within_16(ctx, addr, size);
    return uop_emit(ctx->b, UOP_CAS, type, UOP_MEM(size, 0, 0, 0), order(a->acq, a->rel), type,
                    addr, expected, desired, 0);
}

void trans_CAS(A64Ctx *ctx, const A64Args *a)
{
    bool sf = a->size == 3;
    Val old = compare_swap(ctx, a, (unsigned)a->size, a64_r(ctx, sf, a->rs), a64_r(ctx, sf, a->rt));
    a64_set_r(ctx, sf, a->rs, old);
}

void trans_CASP(A64Ctx *ctx, const A64Args *a)
{
    /* rs and rt are even: the second register of x30, x31 is xzr. */
    Val expected = pair_value(ctx, a->sf, a->rs, a->rs + 1),
        desired = pair_value(ctx, a->sf, a->rt, a->rt + 1);
    set_pair(ctx, a->sf, a->rs, a->rs + 1,
             compare_swap(ctx, a, 3 + (unsigned)a->sf, expected, desired));
}

/* ---- read-modify-write ----------------------------------------------------------------------- */

static void modify(A64Ctx *ctx, const A64Args *a, UopRmw op)
{
    bool sf = a->size == 3;
    unsigned size = (unsigned)a->size;
    Val addr = address(ctx, a->rn, 0), v = a64_r(ctx, sf, a->rs);
    a64_check_within_16(ctx, addr, size);
    Val old = uop_emit(ctx->b, UOP_RMW, a64_type(sf), UOP_MEM(size, 0, 0, 0), order(a->acq, a->rel),
                       a64_type(sf), addr, v, VAL_NONE, (int32_t)op);
    a64_set_r(ctx, sf, a->rt, old);
}

void trans_LDADD(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_ADD);
}

void trans_LDCLR(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_CLR);
}

void trans_LDEOR(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_XOR);
}

void trans_LDSET(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_OR);
}

void trans_LDSMAX(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_SMAX);
}

void trans_LDSMIN(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_SMIN);
}

void trans_LDUMAX(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_UMAX);
}

void trans_LDUMIN(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_UMIN);
}

void trans_SWP(A64Ctx *ctx, const A64Args *a)
{
    modify(ctx, a, UOP_RMW_SWAP);
}

/* ---- the exclusive monitor ------------------------------------------------------------------- */

void trans_CLREX(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    uop_emit(ctx->b, UOP_CLREX, T_NONE, 0, 0, T_NONE, VAL_NONE, VAL_NONE, VAL_NONE, 0);
}
