/*
 * emit_fp_estimate.c - Arm's reciprocal and square root estimates, and the square root's Newton
 * step; 32 and 64 bits.
 *
 * The estimates have 8 fraction bits, of a quotient or root that depends on the operand's first
 * fraction bits. Here it is computed by a division without exceptions (AVX-512), of which the first
 * bits are exact: that was tried for every operand. For an operand of exponent `exp` (biased by B):
 *
 *     FRECPE    1.ffffffff1 = m        512 / m + 1/2 = 2^8 * 1.rrrrrrrr...             exponent 2 B
 * - 1 - exp FRSQRTE   1.fffffff1 = m, twice that if exp is even    512 / sqrt(m) + 1/2 exponent (3
 * B - 1 - exp) / 2
 *
 * Operands that aren't normal numbers, negative ones of a root, and those whose reciprocal isn't
 * normal are computed out of line.
 */
#include "jit/template/x86_64/vec.h"

/* A float format as bit masks of one lane. */
typedef struct Format {
    unsigned lane; /* log2 of its bytes */
    bool is_double;
    unsigned fraction; /* bits */
    uint64_t sign, exponent, first8, one, bias;
} Format;

static Format format_of(uint8_t type)
{
    bool is_double = uop_lane(type) == LANE_F64;
    Format f = {.lane = is_double ? 3 : 2, .is_double = is_double, .fraction = is_double ? 52 : 23};
    f.bias = is_double ? 1023 : 127;
    f.sign = UINT64_C(1) << (is_double ? 63 : 31);
    f.exponent = (2 * f.bias + 1) << f.fraction;
    f.first8 = UINT64_C(0xff) << (f.fraction - 8);
    f.one = f.bias << f.fraction;
    return f;
}

/* 2 to the power n. */
static uint64_t power(const Format *f, int n)
{
    return (uint64_t)((int64_t)f->bias + n) << f->fraction;
}

/* Out of line if a lane of x that counts isn't in [first, first + range), as unsigned numbers; t: a
 * temporary. */
static void slow_outside(Emit *e, const Uop *u, const Format *f, int t, int x, uint64_t first,
                         uint64_t range)
{
    int limit = vec_tmp(e);
    unsigned bytes = uop_type_bytes(u->type);
    V128 counts = vec_pair(bytes == 4 ? UINT32_MAX : ~UINT64_C(0), bytes == 16 ? ~UINT64_C(0) : 0);
    AsmMem m = emit_const128(e, counts.u64[0], counts.u64[1]);
    vec_op_const(e, f->is_double ? V_PSUBQ : V_PSUBD, t, x, vec_repeat(f->lane, first));
    vec_const(e, limit, vec_repeat(f->lane, range));
    vec_op(e, f->is_double ? E(V_PMAXUQ_E) : V_PMAXUD, limit, limit, t);
    vec_op(e, f->is_double ? V_PCMPEQQ : V_PCMPEQD, t, t, limit);
    asm_v2m(&e->a, V_PTEST, (unsigned)t, m);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, limit);
}

/* d = op(a, b) without exceptions; square roots have no a. */
static void quiet(Emit *e, const Uop *u, const VecOp ops[4], int d, int a, int b)
{
    bool is_double = uop_lane(u->type) == LANE_F64, scalar = !uop_is_vec(u->type);
    vec_op_round(e, ops[is_double | scalar << 1] | (is_double ? ASM_W : 0), VEC_ROUND_NEAREST, d, a,
                 b);
}

/* d = the first 8 fraction bits of 512 / d + 1/2. */
static void reciprocal_bits(Emit *e, const Uop *u, const Format *f, int d, int t)
{
    static const VecOp div[4] = {V_DIVPS, V_DIVPD, V_DIVSS, V_DIVSD},
                       add[4] = {V_ADDPS, V_ADDPD, V_ADDSS, V_ADDSD};
    vec_const(e, t, vec_repeat(f->lane, power(f, 9)));
    quiet(e, u, div, d, t, d);
    vec_const(e, t, vec_repeat(f->lane, power(f, -1)));
    quiet(e, u, add, d, d, t);
    vec_op_const(e, V_PAND, d, d, vec_repeat(f->lane, f->first8));
}

static bool emit_recip_estimate(Emit *e, const Uop *u)
{
    Format f = format_of(u->type);
    uint64_t smallest = UINT64_C(1) << f.fraction;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), t = vec_tmp(e), d = vec_def(e, u);
    vec_op_const(e, V_PAND, d, a, vec_repeat(f.lane, ~f.sign)); /* exponents 1 to 2 bias - 2 */
    slow_outside(e, u, &f, t, d, smallest, ((2 * f.bias - 1) << f.fraction) - smallest);
    vec_op_const(e, V_PAND, d, a, vec_repeat(f.lane, f.first8));
    vec_op_const(e, V_POR, d, d, vec_repeat(f.lane, f.one | UINT64_C(1) << (f.fraction - 9)));
    reciprocal_bits(e, u, &f, d, t);
    vec_op_const(e, V_PAND, t, a, vec_repeat(f.lane, f.sign));
    vec_op(e, V_POR, d, d, t);
    int x = vec_tmp(e);
    vec_op_const(e, V_PAND, t, a, vec_repeat(f.lane, f.exponent));
    vec_const(e, x, vec_repeat(f.lane, (2 * f.bias - 1) << f.fraction));
    vec_op(e, f.is_double ? V_PSUBQ : V_PSUBD, x, x, t);
    vec_op(e, V_POR, d, d, x);
    emit_slow_back(e);
    return true;
}

static bool emit_rsqrt_estimate(Emit *e, const Uop *u)
{
    static const VecOp sqrt_ops[4] = {V_SQRTPS, V_SQRTPD, V_SQRTSS, V_SQRTSD};
    Format f = format_of(u->type);
    uint64_t lowest = UINT64_C(1) << f.fraction,
             first7 = f.first8 & ~(UINT64_C(1) << (f.fraction - 8));
    VecOp sub = f.is_double ? V_PSUBQ : V_PSUBD;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), t = vec_tmp(e), d = vec_def(e, u);
    slow_outside(e, u, &f, t, a, lowest, f.exponent - lowest);
    vec_op_const(e, V_PAND, t, a,
                 vec_repeat(f.lane, lowest)); /* 2.0 less an odd exponent's last bit is 1.0 */
    vec_const(e, d, vec_repeat(f.lane, f.one + lowest));
    vec_op(e, sub, d, d, t);
    vec_op_const(e, V_PAND, t, a, vec_repeat(f.lane, first7));
    vec_op(e, V_POR, d, d, t);
    vec_op_const(e, V_POR, d, d, vec_repeat(f.lane, UINT64_C(1) << (f.fraction - 8)));
    quiet(e, u, sqrt_ops, d, uop_is_vec(u->type) ? 0 : d, d);
    reciprocal_bits(e, u, &f, d, t);
    int x = vec_tmp(e);
    vec_op_const(e, V_PAND, t, a, vec_repeat(f.lane, f.exponent));
    vec_const(e, x, vec_repeat(f.lane, (3 * f.bias - 1) << f.fraction));
    vec_op(e, sub, x, x, t);
    vec_shift(e, VEC_LSR, f.lane, x, x, 1);
    vec_op_const(e, V_PAND, x, x, vec_repeat(f.lane, f.exponent));
    vec_op(e, V_POR, d, d, x);
    emit_slow_back(e);
    return true;
}

/* ---- FRSQRTS
 * ---------------------------------------------------------------------------------------- */

/* Ones in the upper lanes of a 64-bit vector. */
static int ones_above(Emit *e, const Uop *u, int x)
{
    if (u->type != T_F32X2) {
        return x;
    }
    int t = vec_tmp(e);
    vec_op_const_imm(e, V_BLENDPS, t, x, vec_repeat(2, 0x3f800000), 0xc);
    return t;
}

/*
 * (3 - a b) / 2 = 3/2 - (a / 2) b, fused. Slow from the start: an a that can't be halved exactly,
 * zeros (times infinity gives 3/2, without an exception), and NaNs.
 */
static bool emit_rsqrt_step(Emit *e, const Uop *u)
{
    enum { EQ_UQ = 8, NGE_UQ = 0x19 };
    static const VecOp fnmadd[4] = {V_FNMADD231PS, V_FNMADD231PD, V_FNMADD231SS, V_FNMADD231SD};
    static const VecOp mul[4] = {V_MULPS, V_MULPD, V_MULSS, V_MULSD};
    Format f = format_of(u->type);
    unsigned form = f.is_double | !uop_is_vec(u->type) << 1;
    V128 halvable = vec_repeat(f.lane, UINT64_C(2) << f.fraction),
         half = vec_repeat(f.lane, power(&f, -1));
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    a = ones_above(e, u, a);
    b = ones_above(e, u, b);
    int t = vec_tmp(e), d = vec_def(e, u);
    vec_op_const(e, V_ANDPS, t, a, vec_repeat(f.lane, ~f.sign));
    vec_zero(e, d);
    if (uop_is_vec(u->type)) {
        vec_op_const_imm(e, f.is_double ? V_CMPPD : V_CMPPS, t, t, halvable, NGE_UQ);
        vec_op_imm(e, f.is_double ? V_CMPPD : V_CMPPS, d, b, d, EQ_UQ);
        vec_op(e, V_POR, t, t, d);
        asm_v2(&e->a, V_PTEST, (unsigned)t, (unsigned)t);
        emit_slow(e, CC_NE);
    } else {
        VecOp compare = f.is_double ? V_UCOMISD : V_UCOMISS;
        asm_v2m(&e->a, compare, (unsigned)t, emit_const128(e, halvable.u64[0], halvable.u64[1]));
        emit_slow(e, CC_B);
        vec_mov_op(e, compare, b, d);
        emit_slow(e, CC_E);
    }
    vec_op_const(e, mul[form], t, a, half);
    vec_const(e, d, vec_repeat(f.lane, f.one | UINT64_C(1) << (f.fraction - 1)));
    vec_op(e, fnmadd[form], d, t, b);
    fp_check_tiny(e, u->type, d);
    emit_slow_back(e);
    return true;
}

/* Flushing (FPCR.FZ) matters to operands and results that are slow for the estimates anyway. */
bool emit_fp_estimate(Emit *e, const Uop *u)
{
    if (u->op == UOP_FRSQRTS) {
        return emit_rsqrt_step(e, u);
    }
    if (!vec_has(e, JIT_HOST_AVX512)) {
        return fp_by_softfp(e, u);
    }
    return u->op == UOP_FRECPE ? emit_recip_estimate(e, u) : emit_rsqrt_estimate(e, u);
}
