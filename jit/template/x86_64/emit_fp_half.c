/*
 * emit_fp_half.c - half-precision arithmetic through single precision (F16C).
 *
 * Singles have 24 bits of precision, 2 * 11 + 2: a sum, product, quotient or square root of halves
 * rounded to single and then, in the same mode, to half is the correctly rounded one. The second
 * rounding raises overflow and underflow; either raises inexact. As with wider floats, NaNs and the
 * smallest normal number are computed again by softfp. Estimates are softfp's alone.
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

/* ---- fused multiply-add, through doubles
 * -------------------------------------------------------------- */

/* d = four lanes of x, or the scalar with zeros above, as doubles. */
static void widen_to_double(Emit *e, const Uop *u, bool high, int d, int x)
{
    if (u->type == T_F16) {
        vec_op_const(e, V_PAND, d, x, vec_pair(0xffff, 0));
        x = d;
    } else if (high) {
        vec_mov_op_imm(e, V_PSHUFD, d, x, 0xee);
        x = d;
    }
    vec_mov_op(e, V_CVTPH2PS, d, x);
    vec_mov_op(e, V_CVTPS2PD | ASM_L256, d, d);
}

/*
 * x = four doubles as singles, rounded to odd: the 29 bits below a single's are cut off, and the
 * last one kept is set if one of them was. y, t: temporaries.
 */
static void narrow_odd(Emit *e, int x, int y, int t)
{
    vec_shift_imm(e, V_PSLLQ_I | ASM_L256, y, x, 64 - 29);
    vec_op(e, V_PXOR | ASM_L256, t, t, t);
    vec_op(e, V_PCMPEQQ | ASM_L256, y, y, t);
    vec_op(e, V_PCMPEQQ | ASM_L256, t, t, t);
    vec_op(e, V_PXOR | ASM_L256, y, y, t);
    vec_shift_imm(e, V_PSRLQ_I | ASM_L256, y, y, 63);
    vec_shift_imm(e, V_PSLLQ_I | ASM_L256, y, y, 29);
    vec_shift_imm(e, V_PSRLQ_I | ASM_L256, x, x, 29);
    vec_shift_imm(e, V_PSLLQ_I | ASM_L256, x, x, 29);
    vec_op(e, V_POR | ASM_L256, x, x, y);
    vec_mov_op(e, V_CVTPD2PS | ASM_L256, x, x);
}

/*
 * The product is exact in doubles. The sum isn't always, but what it loses is never near the middle
 * of two halves, and rounding to odd keeps that it's not exact for the last rounding, to half.
 */
static bool fused(Emit *e, const Uop *u)
{
    static const VecOp fma[4] = {V_FMADD231PD, V_FNMADD231PD, V_FMSUB231PD, V_FNMSUB231PD};
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), d = vec_def(e, u);
    int x = vec_tmp(e), y = vec_tmp(e), z = vec_tmp(e);
    for (int high = 0; high <= (u->type == T_F16X8); high++) {
        widen_to_double(e, u, high, x, a);
        widen_to_double(e, u, high, y, b);
        widen_to_double(e, u, high, z, c);
        vec_op(e, fma[u->sub & 3] | ASM_L256, z, x, y);
        narrow_odd(e, z, x, y);
        vec_mov_op_imm(e, V_CVTPS2PH, z, high ? x : d,
                       CURRENT_ROUNDING); /* the source is the first */
        if (high) {
            vec_op(e, V_PUNPCKLQDQ, d, d, x);
        }
    }
    vec_tmp_free(e, y);
    vec_tmp_free(e, z);
    check(e, u, d, x);
    emit_slow_back(e);
    if (u->type == T_F16X4) { /* beside a scalar zeros may have become negative */
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- comparison, minimum, maximum
 * ----------------------------------------------------------------------- */

/* Signaling NaNs raise invalid when they are widened. */
static bool compare(Emit *e, const Uop *u)
{
    enum { EQ_OQ = 0, GE_OS = 13, GT_OS = 14 };
    unsigned predicate = u->sub == UOP_FEQ ? EQ_OQ : u->sub == UOP_FGE ? GE_OS : GT_OS;
    VecOp wide = u->type == T_F16X8 ? ASM_L256 : 0;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), x = vec_tmp(e), y = vec_tmp(e),
        d = vec_def(e, u);
    widen(e, u, x, a);
    widen(e, u, y, b);
    vec_op_imm(e, V_CMPPS | wide, x, x, y, predicate);
    if (wide) {
        asm_v2i(&e->a, V_EXTRACTI128 | ASM_L256, (unsigned)x, (unsigned)y,
                1); /* the source is the first */
    }
    vec_op(e, V_PACKSSDW, d, x, wide ? y : x);
    return true;
}

/* NaNs are slow. */
static bool min_max(Emit *e, const Uop *u)
{
    enum { UNORD_Q = 3, RANGE_MIN = 4, RANGE_MAX = 5 };
    VecOp wide = u->type == T_F16X8 ? ASM_L256 : 0;
    if (!vec_has(e, JIT_HOST_AVX512)) {
        return fp_by_softfp(e, u);
    }
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), x = vec_tmp(e), y = vec_tmp(e),
        d = vec_def(e, u);
    widen(e, u, x, a);
    widen(e, u, y, b);
    int nan = vec_tmp(e);
    vec_op_imm(e, V_CMPPS | wide, nan, x, y, UNORD_Q);
    vec_mov_op(e, V_PTEST | wide, nan, nan);
    emit_slow(e, CC_NE);
    vec_op_imm(e, E(V_RANGEPS_E) | wide, x, x, y, u->op == UOP_FMAX ? RANGE_MAX : RANGE_MIN);
    vec_mov_op_imm(e, V_CVTPS2PH | wide, x, d, CURRENT_ROUNDING);
    if (e->mode & CPU_MODE_FZ) { /* a denormal half may trap (fptrap.c) */
        check(e, u, d, x);
    }
    emit_slow_back(e);
    if (u->type != T_F16X8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- all of them
 * ------------------------------------------------------------------------------------------ */

bool emit_fp_half(Emit *e, const Uop *u)
{
    if (e->mode & CPU_MODE_FZ16 || (u->op == UOP_FMUL && u->sub == UOP_FMUL_X)) {
        return fp_by_softfp(e, u);
    }
    switch (u->op) {
    case UOP_FADD: return arithmetic(e, u, V_ADDPS & ~ASM_COMM, V_ADDSS);
    case UOP_FSUB: return arithmetic(e, u, V_SUBPS, V_SUBSS);
    case UOP_FMUL: return arithmetic(e, u, V_MULPS & ~ASM_COMM, V_MULSS);
    case UOP_FDIV: return arithmetic(e, u, V_DIVPS, V_DIVSS);
    case UOP_FSQRT: return arithmetic(e, u, V_SQRTPS, V_SQRTSS);
    case UOP_FMA: return fused(e, u);
    case UOP_FCMP: return compare(e, u);
    case UOP_FMIN:
    case UOP_FMAX: return min_max(e, u);
    default: return fp_by_softfp(e, u);
    }
}
