/*
 * emit_fp_half_cvt.c - conversions to and from half precision but for those from and to single,
 * rounding of halves, their estimates, and doubles rounded to odd singles.
 *
 * Through singles, as in emit_fp_half.c; what isn't exact as a single is rounded to odd there
 * first.
 */
#include "jit/template/x86_64/vec.h"

enum { ROUND_ZERO = 3, ROUND_CURRENT = 4, ROUND_QUIET = 8 };
enum { NLT_UQ = 0x15, NGE_UQ = 0x19 };

/* The immediate of VROUND. Ties away: any that raises inexact. */
static unsigned round_imm(unsigned round)
{
    static const uint8_t imm[] = {[UOP_ROUND_NEAREST] = 0,
                                  [UOP_ROUND_UP] = 2,
                                  [UOP_ROUND_DOWN] = 1,
                                  [UOP_ROUND_ZERO] = ROUND_ZERO};
    return round == UOP_ROUND_CURRENT ? ROUND_CURRENT : round == UOP_ROUND_AWAY ? 0 : imm[round];
}

/* 2 to the power n in every lane. */
static V128 singles(int n)
{
    return vec_repeat(2, (uint64_t)(127 + n) << 23);
}

/* y = x, halves as singles, rounded quietly. Ties away: a half of x's sign is added, which is
 * exact, and the sum truncated. */
static void round_quietly(Emit *e, VecOp wide, unsigned round, int y, int x)
{
    if (round == UOP_ROUND_AWAY) {
        int t = vec_tmp(e);
        vec_const_wide(e, wide, y, vec_repeat(2, 0x80000000));
        vec_op(e, V_PAND | wide, y, y, x);
        vec_const_wide(e, wide, t, singles(-1));
        vec_op(e, V_POR | wide, y, y, t);
        vec_op(e, (V_ADDPS & ~ASM_COMM) | wide, y, x, y);
        vec_tmp_free(e, t);
        x = y;
        round = UOP_ROUND_ZERO;
    }
    vec_mov_op_imm(e, V_ROUNDPS | wide, y, x, round_imm(round) | ROUND_QUIET);
}

static bool emit_round(Emit *e, const Uop *u)
{
    VecOp wide = half_wide(u);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), x = vec_tmp(e);
    if (e->mode & CPU_MODE_DN) {
        half_check_special(e, u->type, a);
    }
    half_widen(e, u->type, x, a);
    int y = vec_tmp(e);
    round_quietly(e, wide, u->sub, y, x);
    if (u->flags & UOPF_EXACT) {
        vec_mov_op_imm(e, V_ROUNDPS | wide, x, x, round_imm(u->sub)); /* raises inexact */
    }
    x = y;
    half_narrow(e, wide, d, x);
    emit_slow_back(e);
    if (u->type != T_F16X8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- to integer halfwords -------------------------------------------------------------------- */

/* Slow unless the result is well within the range, however x is rounded. */
static void check_range(Emit *e, VecOp wide, bool is_unsigned, int x)
{
    int t = vec_tmp(e), k = vec_tmp(e);
    vec_const_wide(e, wide, t,
                   vec_repeat(2, is_unsigned ? 0x477fff00 : 0x46fffc00)); /* 65535, 32766 */
    if (is_unsigned) {
        vec_op_imm(e, V_CMPPS | wide, t, x, t, NLT_UQ);
        vec_op(e, V_PXOR | wide, k, k, k);
        vec_op_imm(e, V_CMPPS | wide, k, x, k, NGE_UQ);
        vec_op(e, V_POR | wide, t, t, k);
    } else {
        vec_shift_imm(e, V_PSLLD_I | wide, k, x, 1);
        vec_shift_imm(e, V_PSRLD_I | wide, k, k, 1);
        vec_op_imm(e, V_CMPPS | wide, t, k, t, NLT_UQ);
    }
    vec_mov_op(e, V_PTEST | wide, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, t);
    vec_tmp_free(e, k);
}

static bool emit_to_halfwords(Emit *e, const Uop *u)
{
    bool is_unsigned = u->flags & UOPF_UNSIGNED;
    uint8_t from = uop_operand_type(u, 0);
    VecOp wide = from == T_F16X8 ? ASM_L256 : 0;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), x = vec_tmp(e), y = vec_tmp(e);
    half_widen(e, from, x, a);
    if (u->imm) {
        vec_const_wide(e, wide, y, singles(u->imm));
        vec_op(e, (V_MULPS & ~ASM_COMM) | wide, x, x, y);
    }
    check_range(e, wide, is_unsigned, x);
    if (u->sub == UOP_ROUND_ZERO) {
        vec_mov_op(e, V_CVTTPS2DQ | wide, y, x);
    } else {
        round_quietly(e, wide, u->sub, y, x);
        vec_mov_op(e, V_CVTTPS2DQ | wide, y, y);
        vec_mov_op_imm(e, V_ROUNDPS | wide, x, x, round_imm(u->sub)); /* raises inexact */
    }
    if (wide) {
        asm_v2i(&e->a, V_EXTRACTI128 | ASM_L256, (unsigned)y, (unsigned)x, 1); /* to x */
    } else {
        vec_zero(e, x);
    }
    vec_op(e, is_unsigned ? V_PACKUSDW : V_PACKSSDW, d, y, x);
    emit_slow_back(e);
    if (!wide) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- from integer ---------------------------------------------------------------------------- */

static bool emit_from_halfwords(Emit *e, const Uop *u)
{
    VecOp wide = half_wide(u);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), x = vec_tmp(e);
    vec_mov_op(e, (u->flags & UOPF_UNSIGNED ? V_PMOVZXWD : V_PMOVSXWD) | wide, x, a);
    vec_mov_op(e, V_CVTDQ2PS | wide, x, x);
    if (u->imm) {
        int t = vec_tmp(e);
        vec_const_wide(e, wide, t, singles(-u->imm));
        vec_op(e, (V_MULPS & ~ASM_COMM) | wide, x, x, t);
        vec_tmp_free(e, t);
    }
    half_check_tiny(e, wide, x);
    half_narrow(e, wide, d, x);
    half_check(e, u->type, d, x);
    emit_slow_back(e);
    if (u->type != T_F16X8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* d = the double in x, with zeros above, as a half; x is changed. */
static void double_to_half(Emit *e, int d, int x)
{
    int y = vec_tmp(e), t = vec_tmp(e);
    half_narrow_odd(e, x, y, t);
    half_narrow(e, 0, d, x);
    vec_tmp_free(e, y);
    vec_tmp_free(e, t);
    half_check(e, T_F16, d, x);
}

static bool emit_from_integer(Emit *e, const Uop *u)
{
    if (uop_operand_type(u, 0) == T_I64) { /* not exact as a double */
        return fp_by_softfp(e, u);
    }
    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), g = a;
    int d = vec_def(e, u), x = vec_tmp(e);
    if (u->flags & UOPF_UNSIGNED) {
        g = ra_tmp_g(e);
        asm_mov_rr(&e->a, 2, g, a);
    }
    vec_zero(e, x);
    vec_op(e, u->flags & UOPF_UNSIGNED ? V_CVTSI2SD | ASM_W : V_CVTSI2SD, x, x, (int)g);
    if (u->imm) {
        vec_op_const(e, V_MULSD, x, x, vec_pair((uint64_t)(1023 - u->imm) << 52, 0));
    }
    half_check_tiny_doubles(e, x);
    double_to_half(e, d, x);
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* ---- doubles --------------------------------------------------------------------------------- */

/* FCVT to half. Where singles are flushed, what is tiny as one is slow. */
static bool emit_double_to_half(Emit *e, const Uop *u)
{
    enum { SMALLEST = 1023 - 120 };
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), x = vec_tmp(e);
    fp_operand(e, T_F64, u->a, a);
    if (e->mode & CPU_MODE_FZ) {
        unsigned g = ra_tmp_g(e);
        asm_movq_rx(&e->a, 3, g, (unsigned)a);
        asm_alu_rr(&e->a, ALU_ADD, 3, g, g);
        asm_alu_ri(&e->a, ALU_SUB, 3, g, 1); /* zero is the largest */
        asm_shift_ri(&e->a, SHIFT_SHR, 3, g, 53);
        asm_alu_ri(&e->a, ALU_CMP, 2, g, SMALLEST);
        emit_slow(e, CC_B);
    }
    vec_mov_op(e, V_MOVQ, x, a);
    double_to_half(e, d, x);
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* FCVTXN: to single, rounded to odd. What isn't a normal single below 2^127 is slow. */
static bool emit_double_to_odd(Emit *e, const Uop *u)
{
    enum { FIRST = 1023 - 120, LAST = 1023 + 126 };
    uint8_t from = uop_operand_type(u, 0);
    bool scalar = !uop_is_vec(from);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), x = vec_tmp(e), y = vec_tmp(e), t = vec_tmp(e);
    vec_shift_imm(e, V_PSLLQ_I, x, a, 1);
    vec_shift_imm(e, V_PSRLQ_I, x, x, 53);
    vec_op_const(e, V_PSUBQ, x, x, vec_repeat(3, FIRST));
    vec_const(e, t, vec_repeat(3, LAST - FIRST));
    vec_op(e, V_PCMPGTQ, t, x, t);
    vec_op(e, V_POR, t, t, x); /* the sign of a negative difference */
    vec_shift_imm(e, V_PSRLQ_I, t, t, 63);
    if (scalar) {
        vec_op_const(e, V_PAND, t, t, vec_pair(1, 0));
    }
    vec_mov_op(e, V_PTEST, t, t);
    emit_slow(e, CC_NE);
    /* A fraction of 1/2 is truncated where bits will be cut off: that raises inexact. */
    vec_shift_imm(e, V_PSLLQ_I, x, a, 64 - 29);
    vec_zero(e, t);
    vec_op(e, V_PCMPEQQ, x, x, t);
    vec_op_const(e, V_PANDN, x, x, vec_pair(0x3f000000, scalar ? 0 : 0x3f000000));
    vec_mov_op(e, V_CVTTPS2DQ, x, x);
    if (scalar) {
        vec_mov_op(e, V_MOVQ, x, a);
    } else {
        vec_move(e, x, a);
    }
    half_narrow_odd(e, x, y, t);
    vec_move(e, d, x);
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

bool emit_fp_half_cvt(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_FROUND: return emit_round(e, u);
    case UOP_FTOI: return emit_to_halfwords(e, u);
    case UOP_ITOF: return uop_is_vec(u->type) ? emit_from_halfwords(e, u) : emit_from_integer(e, u);
    default: return u->type == T_F16 ? emit_double_to_half(e, u) : emit_double_to_odd(e, u);
    }
}

/* ---- estimates ------------------------------------------------------------------------------- */

/* Slow unless all halves are in [first, first + range), as unsigned numbers. */
static void slow_outside(Emit *e, const Uop *u, int t, int x, unsigned first, unsigned range)
{
    unsigned bytes = uop_type_bytes(u->type);
    V128 counts = vec_pair(bytes == 2 ? 0xffff : ~UINT64_C(0), bytes == 16 ? ~UINT64_C(0) : 0);
    AsmMem m = emit_const128(e, counts.u64[0], counts.u64[1]);
    vec_op_const(e, V_PADDW, t, x, vec_repeat(1, 0x8000 - first));
    vec_op_const(e, V_PCMPGTW, t, t, vec_repeat(1, 0x8000 + range - 1));
    asm_v2m(&e->a, V_PTEST, (unsigned)t, m);
    emit_slow(e, CC_NE);
}

/* The estimate of a half is that of it as a single: a normal half with 8 fraction bits. */
bool emit_fp_half_estimate(Emit *e, const Uop *u)
{
    bool root = u->op == UOP_FRSQRTE;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), s = vec_tmp(e), t = vec_tmp(e), x = vec_tmp(e),
        r = vec_tmp(e);
    if (root) {
        slow_outside(e, u, t, a, 0x0400, 0x7c00 - 0x0400);
    } else { /* exponents 1 to 28 */
        vec_op_const(e, V_PAND, t, a, vec_repeat(1, 0x7fff));
        slow_outside(e, u, t, t, 0x0400, 0x7400 - 0x0400);
    }
    for (int high = 0; high <= (u->type == T_F16X8); high++) {
        if (high) {
            vec_mov_op_imm(e, V_PSHUFD, s, a, 0xee);
        }
        if (u->type == T_F16) { /* the lane alone: others might be signaling NaNs */
            vec_op_const(e, V_PAND, s, a, vec_pair(0xffff, 0));
        }
        vec_mov_op(e, V_CVTPH2PS, s, high || u->type == T_F16 ? s : a);
        fp_estimate_singles(e, root, r, s, t, x);
        if (u->type == T_F16) {
            vec_op_const(e, V_PAND, r, r, vec_pair(UINT32_MAX, 0));
        }
        half_narrow(e, 0, high ? x : d, r);
        if (high) {
            vec_op(e, V_PUNPCKLQDQ, d, d, x);
        }
    }
    emit_slow_back(e);
    if (u->type != T_F16X8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}
