/* trans_branch.c - branches (C4.1.93 of the Arm ARM). Each ends its block, unless the block goes on
 * behind it (translate.c). */
#include "frontend/aarch64/ctx.h"

static GuestAddr target(const A64Ctx *ctx, const A64Args *a)
{
    return ctx->pc + (uint64_t)((int64_t)a->imm * 4);
}

static void branch_if(A64Ctx *ctx, const A64Args *a, Val cond)
{
    uop_exit_if(ctx->b, cond, target(ctx, a));
    if (!ctx->goes_on) {
        a64_exit(ctx, UOP_EXIT_JUMP, ctx->pc + 4);
    }
}

static void set_link(A64Ctx *ctx)
{
    a64_set_x(ctx, 30, uop_addr(ctx->b, ctx->pc + 4));
}

void trans_B(A64Ctx *ctx, const A64Args *a)
{
    a64_exit(ctx, UOP_EXIT_JUMP, target(ctx, a));
}

void trans_BL(A64Ctx *ctx, const A64Args *a)
{
    set_link(ctx);
    a64_exit(ctx, UOP_EXIT_CALL, target(ctx, a));
}

void trans_B_cond(A64Ctx *ctx, const A64Args *a)
{
    if (a->cond >= 14) {
        trans_B(ctx, a);
    } else {
        branch_if(ctx, a, a64_cond(ctx, a->cond));
    }
}

static void compare_zero(A64Ctx *ctx, const A64Args *a, UopCond cond)
{
    Val v = a64_r(ctx, a->sf, a->rt);
    branch_if(ctx, a, uop_icmpi(ctx->b, a64_type(a->sf), cond, v, 0));
}

void trans_CBZ(A64Ctx *ctx, const A64Args *a)
{
    compare_zero(ctx, a, UOP_EQ);
}
void trans_CBNZ(A64Ctx *ctx, const A64Args *a)
{
    compare_zero(ctx, a, UOP_NE);
}

static void test_bit(A64Ctx *ctx, const A64Args *a, UopCond cond)
{
    int sf = a->bit > 31;
    int64_t mask = sf ? (int64_t)(UINT64_C(1) << a->bit) : (int32_t)(UINT32_C(1) << a->bit);
    branch_if(ctx, a, uop_icmpi(ctx->b, a64_type(sf), cond, a64_r(ctx, sf, a->rt), mask));
}

void trans_TBZ(A64Ctx *ctx, const A64Args *a)
{
    test_bit(ctx, a, UOP_NTST);
}
void trans_TBNZ(A64Ctx *ctx, const A64Args *a)
{
    test_bit(ctx, a, UOP_TST);
}

/* ---- to a register; a tag in the address is dropped when the target is translated ------------ */

/* An address with the BTYPE that the branch there leaves, for the check at the target
 * (translate.c). */
static Val with_btype(A64Ctx *ctx, Val to, int btype)
{
    if (!ctx->bti) {
        return to;
    }
    /* BTYPE takes a tag's place. (Constants of 64 bits would be ten bytes each.) */
    to = uop_bini(ctx->b, UOP_SHL, T_I64, to, 64 - A64_BTYPE_SHIFT);
    to = uop_bini(ctx->b, UOP_OR, T_I64, to, btype);
    return uop_bini(ctx->b, UOP_ROR, T_I64, to, 64 - A64_BTYPE_SHIFT);
}

static void jump(A64Ctx *ctx, const A64Args *a, Val to)
{
    int btype = a64_btype_of_br(ctx->guarded, a->rn);
    a64_exit_to(ctx, UOP_EXIT_JUMP, with_btype(ctx, to, btype));
}

/* The target is read before the link register is written: BLR x30 goes to the old one. */
static void call(A64Ctx *ctx, Val to)
{
    to = with_btype(ctx, to, A64_BTYPE_OF_BLR);
    set_link(ctx);
    a64_exit_to(ctx, UOP_EXIT_CALL, to);
}

static void ret(A64Ctx *ctx, Val to)
{
    a64_exit_to(ctx, UOP_EXIT_RET, to);
}

static Val authenticated(A64Ctx *ctx, const A64Args *a, int rn, Val modifier)
{
    return a64_pac_auth(ctx, a->b ? A64_KEY_IB : A64_KEY_IA, a64_x(ctx, rn), modifier);
}

static Val zero(A64Ctx *ctx)
{
    return uop_const(ctx->b, T_I64, 0);
}

void trans_BR(A64Ctx *ctx, const A64Args *a)
{
    jump(ctx, a, a64_x(ctx, a->rn));
}
void trans_BLR(A64Ctx *ctx, const A64Args *a)
{
    call(ctx, a64_x(ctx, a->rn));
}
void trans_RET(A64Ctx *ctx, const A64Args *a)
{
    ret(ctx, a64_x(ctx, a->rn));
}

void trans_BRA(A64Ctx *ctx, const A64Args *a)
{
    jump(ctx, a, authenticated(ctx, a, a->rn, a64_xsp(ctx, a->rm)));
}

void trans_BLRA(A64Ctx *ctx, const A64Args *a)
{
    call(ctx, authenticated(ctx, a, a->rn, a64_xsp(ctx, a->rm)));
}

void trans_BRA_zero(A64Ctx *ctx, const A64Args *a)
{
    jump(ctx, a, authenticated(ctx, a, a->rn, zero(ctx)));
}

void trans_BLRA_zero(A64Ctx *ctx, const A64Args *a)
{
    call(ctx, authenticated(ctx, a, a->rn, zero(ctx)));
}

void trans_RETA(A64Ctx *ctx, const A64Args *a)
{
    ret(ctx, authenticated(ctx, a, 30, a64_xsp(ctx, 31)));
}
