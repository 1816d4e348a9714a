/* emit_bf16.c - operations that mix float formats: FMLAL (half precision into single) and bfloat16.
 */
#include "jit/template/x86_64/vec.h"

/*
 * The products' operands as single precision, which is exact: halfwords 0-3 or 4-7; for results of
 * 64 bits halfwords 0-1 or 2-3, with zeros above, so that the lanes that don't count raise nothing.
 */
static int factor(Emit *e, const Uop *u, Val v)
{
    bool high = u->flags & UOPF_HIGH, half_register = uop_type_bytes(u->type) == 8;
    int s = vec_use(e, v), t = vec_tmp(e);
    if (half_register) {
        vec_shift_imm(e, high ? V_PSRLQ_I : V_PSLLQ_I, t, s, 32);
        if (!high) {
            vec_shift_imm(e, V_PSRLQ_I, t, t, 32);
        }
        s = t;
    } else if (high) {
        vec_mov_op_imm(e, V_PSHUFD, t, s, 0xee);
        s = t;
    }
    int r = vec_tmp(e);
    half_widen(e, T_F16X4, r, s);
    vec_tmp_free(e, t);
    return r;
}

static bool emit_fmlal(Emit *e, const Uop *u)
{
    bool half_register = uop_type_bytes(u->type) == 8;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a);
    vec_use(e, u->b);
    vec_use(e, u->c);
    int x = factor(e, u, u->b), y = factor(e, u, u->c), d = vec_def(e, u);
    if (half_register) {
        vec_mov_op(e, V_MOVQ, d, a); /* -0 + 0 above may become -0 */
    } else {
        vec_move(e, d, a);
    }
    vec_op(e, u->sub & UOP_FMA_NEG_A ? V_FNMADD231PS : V_FMADD231PS, d, x, y);
    fp_check_tiny(e, u->type, d);
    emit_slow_back(e);
    return true;
}

/* ---- bfloat16 -------------------------------------------------------------------------------- */

/*
 * To bfloat16, rounding to nearest (other modes, denormals, NaNs and what may become infinite are
 * slow). What is rounded off, as a fraction, is cut off by a conversion too: that raises inexact.
 */
static bool emit_bf16_convert(Emit *e, const Uop *u)
{
    V128 counts = u->sub == UOP_BF16_CVT ? vec_repeat(2, UINT32_MAX) : vec_pair(UINT32_MAX, 0);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), x = vec_tmp(e), t = vec_tmp(e), zero = vec_tmp(e), d = vec_def(e, u);
    asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu(offsetof(Cpu, fp_round)), UOP_ROUND_NEAREST);
    emit_slow(e, CC_NE);
    vec_op_const(e, V_PAND, x, a, counts);
    vec_op_const(e, V_PAND, t, x, vec_repeat(2, 0x7fffffff));
    vec_zero(e, zero);
    vec_op(e, V_PCMPEQD, zero, zero, t);
    vec_op_const(e, V_PSUBD, t, t, vec_repeat(2, 0x00800000));
    vec_op_const(e, V_PMAXUD, d, t, vec_repeat(2, 0x7f7f0000 - 0x00800000));
    vec_op(e, V_PCMPEQD, t, t, d);
    vec_op(e, V_PANDN, t, zero, t);
    asm_v2(&e->a, V_PTEST, (unsigned)t, (unsigned)t);
    emit_slow(e, CC_NE);
    vec_op_const(e, V_PAND, t, x, vec_repeat(2, 0xffff));
    vec_mov_op(e, V_CVTDQ2PS, t, t);
    vec_op_const(e, V_MULPS, t, t, vec_repeat(2, 0x37800000)); /* 2^-16 */
    vec_mov_op(e, V_CVTTPS2DQ, t, t);
    vec_shift_imm(e, V_PSRLD_I, t, x, 16); /* ties to even: half less one, and the last bit kept */
    vec_op_const(e, V_PAND, t, t, vec_repeat(2, 1));
    vec_op_const(e, V_PADDD, x, x, vec_repeat(2, 0x7fff));
    vec_op(e, V_PADDD, x, x, t);
    vec_op_const(e, V_PAND, x, x,
                 u->sub == UOP_BF16_CVT ? vec_repeat(2, 0xffff0000) : vec_pair(0xffff0000, 0));
    vec_shift_imm(e, V_PSRLD_I, x, x, 16);
    vec_zero(e, t);
    vec_op(e, V_PACKUSDW, d, x, t);
    emit_slow_back(e);
    return true;
}

enum { CLASS_DENORMAL = 0x20, CLASS_SPECIAL = 0xb9 /* NaN, infinite or denormal */, NEQ_UQ = 4 };

/* Slow if a lane of x or y is of a class. */
static void slow_if_class(Emit *e, int x, int y, unsigned classes)
{
    asm_e2i(&e->a, V_FPCLASSPS_E, 1, (unsigned)x, classes, 0, false);
    asm_e2i(&e->a, V_FPCLASSPS_E, 2, (unsigned)y, classes, 0, false);
    asm_v2(&e->a, V_KORTESTB, 1, 2);
    emit_slow(e, CC_NE);
}

/* The product of the even (odd) halves of b and c, whose words are taken in some order first:
 * exact. */
static void bf16_product(Emit *e, bool odd, int d, int t, int b, unsigned b_order, int c,
                         unsigned c_order)
{
    vec_mov_op_imm(e, V_PSHUFD, d, b, b_order);
    vec_mov_op_imm(e, V_PSHUFD, t, c, c_order);
    if (odd) {
        vec_op_const(e, V_PAND, d, d, vec_repeat(2, 0xffff0000));
        vec_op_const(e, V_PAND, t, t, vec_repeat(2, 0xffff0000));
    } else {
        vec_shift_imm(e, V_PSLLD_I, d, d, 16);
        vec_shift_imm(e, V_PSLLD_I, t, t, 16);
    }
    slow_if_class(e, d, t, CLASS_DENORMAL);
    vec_op_round(e, V_MULPS, VEC_ROUND_NEAREST, d, d, t);
}

/* d += x, rounded to odd: towards zero, and the last bit set if that isn't exact (then the other
 * directions differ). */
static void add_odd(Emit *e, int d, int x, int up, int down)
{
    vec_op_round(e, V_ADDPS, VEC_ROUND_UP, up, d, x);
    vec_op_round(e, V_ADDPS, VEC_ROUND_DOWN, down, d, x);
    vec_op_round(e, V_ADDPS, VEC_ROUND_ZERO, d, d, x);
    slow_if_class(e, up, down, CLASS_SPECIAL);
    vec_op_imm(e, V_CMPPS, up, up, down, NEQ_UQ);
    vec_op_const(e, V_PAND, up, up, vec_repeat(2, 1));
    vec_op(e, V_POR, d, d, up);
}

/* BFDOT, or BFMMLA, which is two of them on reordered words. No exceptions, and flushed denormals:
 * those, NaNs and infinities are slow. */
static bool emit_bf16_dot(Emit *e, const Uop *u)
{
    static const unsigned order[3][2] = {{0xe4, 0xe4}, {0xa0, 0x88}, {0xf5, 0xdd}};
    bool matrix = u->sub == UOP_BF16_MMLA;
    if (!vec_has(e, JIT_HOST_AVX512)) {
        return fp_by_softfp(e, u);
    }
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    int x = vec_tmp(e), y = vec_tmp(e), t1 = vec_tmp(e), t2 = vec_tmp(e), d = vec_def(e, u);
    vec_move(e, d, a);
    slow_if_class(e, d, d, CLASS_SPECIAL);
    for (int i = matrix; i <= 2 * matrix; i++) {
        bf16_product(e, false, x, t1, b, order[i][0], c, order[i][1]);
        bf16_product(e, true, y, t1, b, order[i][0], c, order[i][1]);
        slow_if_class(e, x, y, CLASS_SPECIAL);
        add_odd(e, x, y, t1, t2);
        add_odd(e, d, x, t1, t2);
    }
    emit_slow_back(e);
    return true;
}

bool emit_bf16(Emit *e, const Uop *u)
{
    if (u->op == UOP_FMLAL) {
        return emit_fmlal(e, u);
    }
    return u->sub == UOP_BF16_CVT || u->sub == UOP_BF16_CVT1 ? emit_bf16_convert(e, u)
                                                             : emit_bf16_dot(e, u);
}
