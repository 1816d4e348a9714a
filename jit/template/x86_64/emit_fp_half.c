/*
 * emit_fp_half.c - half-precision arithmetic through single precision (F16C).
 *
 * Singles have 24 bits of precision, 2 * 11 + 2: a sum, product, quotient or square root of halves rounded to single and then, in the same mode, to half is the
 * correctly rounded one. The second rounding raises overflow and underflow; either raises inexact. As with wider floats, NaNs and the smallest normal number are
 * computed again by softfp. What is fused or an estimate is softfp's alone.
 */
#include "jit/template/x86_64/vec.h"

enum { MIN_NORMAL = 0x0400, INFINITY_BITS = 0x7c00, ABS = 0x7fff, CURRENT_ROUNDING = 4 };

/* d = the lanes of x as singles: one, four, or eight in a 256-bit register. */
static void widen(Emit *e, const Uop *u, int d, int x)
{
    if (u->type == T_F16) {
        vec_op_const(e, V_PAND, d, x, vec_pair(0xffff, 0));
        x = d;
    }
    vec_mov_op(e, V_CVTPH2PS | (u->type == T_F16X8 ? ASM_L256 : 0), d, x);
}

static void check(Emit *e, const Uop *u, int d, int t)
{
    if (u->type == T_F16) {
        unsigned g = ra_tmp_g(e);
        asm_movq_rx(&e->a, 2, g, (unsigned)d);
        asm_alu_ri(&e->a, ALU_AND, 2, g, ABS);
        asm_alu_ri(&e->a, ALU_CMP, 2, g, MIN_NORMAL);
        emit_slow(e, CC_E);
        asm_alu_ri(&e->a, ALU_CMP, 2, g, INFINITY_BITS);
        emit_slow(e, CC_A);
        return;
    }
    int nan = vec_tmp(e);
    vec_op_const(e, V_PAND, t, d, vec_repeat(1, ABS));
    vec_const(e, nan, vec_repeat(1, INFINITY_BITS));
    vec_op(e, V_PCMPGTW, nan, t, nan);
    vec_op_const(e, V_PCMPEQW, t, t, vec_repeat(1, MIN_NORMAL));
    vec_op(e, V_POR, t, t, nan);
    vec_mov_op(e, V_PTEST, t, t);
    emit_slow(e, CC_NE);
}

/* ps, ss: the instruction on vectors and on scalars. */
static bool arithmetic(Emit *e, const Uop *u, VecOp ps, VecOp ss)
{
    bool unary = u->op == UOP_FSQRT;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = unary ? a : vec_use(e, u->b);
    int d = vec_def(e, u), x = vec_tmp(e), y = x;
    widen(e, u, x, a);
    if (!unary) {
        y = vec_tmp(e);
        widen(e, u, y, b);
    }
    VecOp wide = u->type == T_F16X8 ? ASM_L256 : 0;
    if (u->type == T_F16) {
        vec_op(e, ss, x, x, y);
    } else if (unary) {
        vec_mov_op(e, ps | wide, x, x);
    } else {
        vec_op(e, ps | wide, x, x, y);
    }
    vec_mov_op_imm(e, V_CVTPS2PH | wide, x, d, CURRENT_ROUNDING);
    check(e, u, d, x);
    emit_slow_back(e);
    if (u->type != T_F16X8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

bool emit_fp_half(Emit *e, const Uop *u)
{
    if (e->mode & CPU_MODE_FZ16 || (u->op == UOP_FMUL && u->sub == UOP_FMUL_X)) {
        return fp_by_softfp(e, u);
    }
    switch (u->op) {
    case UOP_FADD:
        return arithmetic(e, u, V_ADDPS & ~ASM_COMM, V_ADDSS);
    case UOP_FSUB:
        return arithmetic(e, u, V_SUBPS, V_SUBSS);
    case UOP_FMUL:
        return arithmetic(e, u, V_MULPS & ~ASM_COMM, V_MULSS);
    case UOP_FDIV:
        return arithmetic(e, u, V_DIVPS, V_DIVSS);
    case UOP_FSQRT:
        return arithmetic(e, u, V_SQRTPS, V_SQRTSS);
    default:
        return fp_by_softfp(e, u);
    }
}
