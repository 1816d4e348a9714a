/*
 * emit_fp_half.c - half-precision arithmetic through single precision (F16C).
 *
 * Singles have 24 bits of precision, 2 * 11 + 2: a sum, product, quotient or square root of halves
 * rounded to single and then, in the same mode, to half is the correctly rounded one. The second
 * rounding raises overflow and underflow; either raises inexact. As with wider floats, NaNs and the
 * smallest normal number are computed again by softfp.
 *
 * Flushing (FPCR.FZ16): denormal operands are zeros before they are widened, and tiny results,
 * which raise underflow alone, are slow before anything is raised.
 */
#include "jit/template/x86_64/vec.h"

enum { MIN_NORMAL = 0x0400, INFINITY_BITS = 0x7c00, ABS = 0x7fff, MIN_EXPONENT = -14 };
enum { EQ_UQ = 8, UNORD_Q = 3, EQ_OQ = 0, LT_OQ = 17 };

static bool flushes(const Emit *e)
{
    return e->mode & CPU_MODE_FZ16;
}

/* A constant in the halves that count. */
static V128 halves(uint8_t type, uint64_t bits)
{
    V128 c = vec_repeat(1, bits);
    return type == T_F16               ? vec_pair(bits, 0)
           : uop_type_bytes(type) == 8 ? vec_pair(c.u64[0], 0)
                                       : c;
}

void half_widen(Emit *e, uint8_t type, int d, int x)
{
    VecOp wide = type == T_F16X8 ? ASM_L256 : 0;
    if (flushes(e)) { /* without an exponent only the sign stays */
        vec_op_const(e, V_PAND, d, x, vec_repeat(1, INFINITY_BITS));
        vec_op_const(e, V_PCMPEQW, d, d, vec_pair(0, 0));
        vec_op_const(e, V_PAND, d, d, vec_repeat(1, ABS));
        vec_op(e, V_PANDN, d, d, x);
        x = d;
    }
    if (type == T_F16) {
        vec_op_const(e, V_PAND, d, x, vec_pair(0xffff, 0));
        x = d;
    }
    vec_mov_op(e, V_CVTPH2PS | wide, d, x);
}

void half_check(Emit *e, uint8_t type, int d, int t)
{
    int nan = vec_tmp(e);
    vec_op_const(e, V_PAND, t, d, halves(type, ABS));
    vec_const(e, nan, vec_repeat(1, INFINITY_BITS));
    vec_op(e, V_PCMPGTW, nan, t, nan);
    vec_op_const(e, V_PCMPEQW, t, t, vec_repeat(1, MIN_NORMAL));
    vec_op(e, V_POR, t, t, nan);
    vec_mov_op(e, V_PTEST, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, nan);
}

void half_check_special(Emit *e, uint8_t type, int x)
{
    int t = vec_tmp(e);
    vec_op_const(e, V_PAND, t, x, halves(type, ABS));
    vec_op_const(e, V_PCMPGTW, t, t, vec_repeat(1, INFINITY_BITS - 1));
    vec_mov_op(e, V_PTEST, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, t);
}

/* Slow if a lane of x isn't zero but has an exponent below that of the smallest normal half. */
static void check_tiny(Emit *e, VecOp wide, bool is_double, int x)
{
    VecOp shl = is_double ? V_PSLLQ_I : V_PSLLD_I, shr = is_double ? V_PSRLQ_I : V_PSRLD_I;
    VecOp gt = is_double ? V_PCMPGTQ : V_PCMPGTD, eq = is_double ? V_PCMPEQQ : V_PCMPEQD;
    uint64_t exponent = (uint64_t)((is_double ? 1023 : 127) + MIN_EXPONENT);
    int t = vec_tmp(e), k = vec_tmp(e), c = vec_tmp(e);
    vec_shift_imm(e, shl | wide, t, x, 1);
    vec_shift_imm(e, shr | wide, k, t, is_double ? 53 : 24);
    vec_const_wide(e, wide, c, vec_repeat(is_double ? 3 : 2, exponent));
    vec_op(e, gt | wide, k, c, k);
    vec_op(e, V_PXOR | wide, c, c, c);
    vec_op(e, eq | wide, t, t, c);
    vec_op(e, V_PANDN | wide, t, t, k);
    vec_mov_op(e, V_PTEST | wide, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, t);
    vec_tmp_free(e, k);
    vec_tmp_free(e, c);
}

void half_check_tiny(Emit *e, VecOp wide, int x)
{
    if (flushes(e)) {
        check_tiny(e, wide, false, x);
    }
}

void half_check_tiny_doubles(Emit *e, int x)
{
    if (flushes(e)) {
        check_tiny(e, ASM_L256, true, x);
    }
}

/* Of a quotient, before it raises inexact: slow if |x| < |y| * 2^-14, and x isn't zero. */
static void check_tiny_quotient(Emit *e, VecOp wide, int x, int y)
{
    int t = vec_tmp(e), k = vec_tmp(e), c = vec_tmp(e);
    vec_shift_imm(e, V_PSLLD_I | wide, t, y, 1);
    vec_shift_imm(e, V_PSRLD_I | wide, t, t, 1);
    vec_const_wide(e, wide, c, vec_repeat(2, (uint64_t)(127 + MIN_EXPONENT) << 23));
    vec_op(e, V_MULPS | wide, t, t, c);
    vec_shift_imm(e, V_PSLLD_I | wide, k, x, 1);
    vec_shift_imm(e, V_PSRLD_I | wide, k, k, 1);
    vec_op_imm(e, V_CMPPS | wide, t, k, t, LT_OQ);
    vec_op(e, V_PXOR | wide, c, c, c);
    vec_op_imm(e, V_CMPPS | wide, k, k, c, EQ_OQ);
    vec_op(e, V_PANDN | wide, t, k, t);
    vec_mov_op(e, V_PTEST | wide, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, t);
    vec_tmp_free(e, k);
    vec_tmp_free(e, c);
}

/* ps, ss: the instruction on vectors and on scalars. */
static bool arithmetic(Emit *e, const Uop *u, VecOp ps, VecOp ss)
{
    bool unary = u->op == UOP_FSQRT;
    VecOp wide = half_wide(u);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = unary ? a : vec_use(e, u->b);
    int d = vec_def(e, u), x = vec_tmp(e), y = unary ? x : vec_tmp(e);
    if (u->op == UOP_FMUL && u->sub == UOP_FMUL_X) { /* infinity times zero isn't invalid */
        half_check_special(e, u->type, a);
        half_check_special(e, u->type, b);
    }
    half_widen(e, u->type, x, a);
    if (!unary) {
        half_widen(e, u->type, y, b);
    }
    if (u->op == UOP_FDIV && flushes(e)) {
        check_tiny_quotient(e, wide, x, y);
    }
    if (u->type == T_F16) {
        vec_op(e, ss, x, x, y);
    } else if (unary) {
        vec_mov_op(e, ps | wide, x, x);
    } else {
        vec_op(e, ps | wide, x, x, y);
    }
    if (!unary) {
        vec_tmp_free(e, y);
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

/* ---- fused multiply-add, through doubles ----------------------------------------------------- */

/* d = four lanes of x, or the scalar with zeros above, as doubles. */
static void widen_to_double(Emit *e, uint8_t type, bool high, int d, int x)
{
    if (high) {
        vec_mov_op_imm(e, V_PSHUFD, d, x, 0xee);
        x = d;
    }
    if (x == d && flushes(e)) { /* the operand has to outlast the flushing */
        int t = vec_tmp(e);
        half_widen(e, T_F16X4, t, x);
        vec_mov_op(e, V_CVTPS2PD | ASM_L256, d, t);
        vec_tmp_free(e, t);
        return;
    }
    half_widen(e, type == T_F16 ? T_F16 : T_F16X4, d, x);
    vec_mov_op(e, V_CVTPS2PD | ASM_L256, d, d);
}

/*
 * The 29 bits below a single's are cut off, and the last one kept is set if one of them was.
 */
void half_narrow_odd(Emit *e, int x, int y, int t)
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

/* The addend of half of the lanes: c's, or 2 and 3 of the Newton steps FRECPS and FRSQRTS. */
static void addend(Emit *e, const Uop *u, bool high, int z, int c)
{
    if (u->op == UOP_FMA) {
        widen_to_double(e, u->type, high, z, c);
    } else {
        uint64_t bits =
            u->op == UOP_FRECPS ? UINT64_C(0x4000000000000000) : UINT64_C(0x4008000000000000);
        vec_const_wide(e, ASM_L256, z, vec_repeat(3, bits));
    }
}

/*
 * The product is exact in doubles. The sum isn't always, but what it loses is never near the middle
 * of two halves, and rounding to odd keeps that it's not exact for the last rounding, to half.
 * Steps of infinite operands have rules of their own: slow.
 */
static bool fused(Emit *e, const Uop *u)
{
    static const VecOp fma[4] = {V_FMADD231PD, V_FNMADD231PD, V_FMSUB231PD, V_FNMSUB231PD};
    bool step = u->op != UOP_FMA;
    VecOp op = step ? V_FNMADD231PD : fma[u->sub & 3];
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = step ? -1 : vec_use(e, u->c),
        d = vec_def(e, u);
    int x = vec_tmp(e), y = vec_tmp(e),
        z = vec_tmp(e); /* before the first jump: see ra_before_slow */
    if (step) {
        half_check_special(e, u->type, a);
        half_check_special(e, u->type, b);
    }
    for (int high = 0; high <= (u->type == T_F16X8); high++) {
        widen_to_double(e, u->type, high, x, a);
        widen_to_double(e, u->type, high, y, b);
        addend(e, u, high, z, c);
        vec_op(e, op | ASM_L256, z, x, y);
        if (u->op == UOP_FRSQRTS) {
            vec_const_wide(e, ASM_L256, x, vec_repeat(3, UINT64_C(0x3fe0000000000000)));
            vec_op(e, (V_MULPD & ~ASM_COMM) | ASM_L256, z, z, x);
        }
        vec_tmp_free(e, x);
        vec_tmp_free(e, y);
        half_check_tiny_doubles(e, z);
        x = vec_tmp(e);
        y = vec_tmp(e);
        half_narrow_odd(e, z, x, y);
        half_narrow(e, 0, high ? x : d, z);
        if (high) {
            vec_op(e, V_PUNPCKLQDQ, d, d, x);
        }
    }
    vec_tmp_free(e, y);
    vec_tmp_free(e, z);
    half_check(e, u->type, d, x);
    emit_slow_back(e);
    if (u->type == T_F16X4) { /* beside a scalar zeros may have become negative */
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- comparison, minimum, maximum ------------------------------------------------------------ */

/* Signaling NaNs raise invalid when they are widened. */
static bool compare(Emit *e, const Uop *u)
{
    enum { GE_OS = 13, GT_OS = 14 };
    unsigned predicate = u->sub == UOP_FEQ ? EQ_OQ : u->sub == UOP_FGE ? GE_OS : GT_OS;
    VecOp wide = half_wide(u);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), x = vec_tmp(e), y = vec_tmp(e),
        d = vec_def(e, u);
    half_widen(e, u->type, x, a);
    half_widen(e, u->type, y, b);
    vec_op_imm(e, V_CMPPS | wide, x, x, y, predicate);
    if (wide) {
        asm_v2i(&e->a, V_EXTRACTI128 | ASM_L256, (unsigned)x, (unsigned)y,
                1); /* the source is the first */
    }
    vec_op(e, V_PACKSSDW, d, x, wide ? y : x);
    return true;
}

/* NaNs are slow. AVX-512's VRANGE orders zeros as Arm does; without it equal operands are slow too.
 */
static bool min_max(Emit *e, const Uop *u)
{
    enum { RANGE_MIN = 4, RANGE_MAX = 5 };
    VecOp wide = half_wide(u);
    bool has_range = vec_has(e, JIT_HOST_AVX512), is_max = u->op == UOP_FMAX;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), x = vec_tmp(e), y = vec_tmp(e),
        d = vec_def(e, u);
    half_widen(e, u->type, x, a);
    half_widen(e, u->type, y, b);
    int t = vec_tmp(e);
    vec_op_imm(e, V_CMPPS | wide, t, x, y, has_range ? UNORD_Q : EQ_UQ);
    if (!has_range && u->type == T_F16) {
        vec_op_const(e, V_PAND, t, t, vec_pair(UINT32_MAX, 0));
    }
    vec_mov_op(e, V_PTEST | wide, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, t);
    if (has_range) {
        vec_op_imm(e, E(V_RANGEPS_E) | wide, x, x, y, is_max ? RANGE_MAX : RANGE_MIN);
    } else {
        vec_op(e, (is_max ? V_MAXPS : V_MINPS) | wide, x, x, y);
    }
    half_narrow(e, wide, d, x);
    if (e->mode & CPU_MODE_FZ) { /* a denormal half may trap (fptrap.c) */
        half_check(e, u->type, d, x);
    }
    emit_slow_back(e);
    if (u->type != T_F16X8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* FRECPX: emit_recip_exponent() in emit_fp.c. */
static bool recip_exponent(Emit *e, const Uop *u)
{
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), t = vec_tmp(e);
    half_check_special(e, u->type, a);
    vec_op_const(e, V_PANDN, d, a, vec_pair(INFINITY_BITS, 0));
    vec_op_const(e, V_PCMPEQW, t, d, vec_pair(INFINITY_BITS, 0));
    vec_op_const(e, V_PAND, t, t, vec_pair(MIN_NORMAL, 0));
    vec_op(e, V_PSUBW, d, d, t);
    vec_op_const(e, V_PAND, t, a, vec_pair(0x8000, 0));
    vec_op(e, V_POR, d, d, t);
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

bool emit_fp_half(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_FADD: return arithmetic(e, u, V_ADDPS & ~ASM_COMM, V_ADDSS);
    case UOP_FSUB: return arithmetic(e, u, V_SUBPS, V_SUBSS);
    case UOP_FMUL: return arithmetic(e, u, V_MULPS & ~ASM_COMM, V_MULSS);
    case UOP_FDIV: return arithmetic(e, u, V_DIVPS, V_DIVSS);
    case UOP_FSQRT: return arithmetic(e, u, V_SQRTPS, V_SQRTSS);
    case UOP_FMA:
    case UOP_FRECPS:
    case UOP_FRSQRTS: return fused(e, u);
    case UOP_FCMP: return compare(e, u);
    case UOP_FMIN:
    case UOP_FMAX: return min_max(e, u);
    case UOP_FRECPX: return recip_exponent(e, u);
    default: return emit_fp_half_estimate(e, u);
    }
}
