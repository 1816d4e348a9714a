/*
 * emit_fp_estimate.c - Arm's reciprocal and square root estimates, and the square root's Newton
 * step; 32 and 64 bits.
 *
 * The estimates have 8 fraction bits, of a quotient or root that depends on the operand's first
 * fraction bits. Here they are computed by a division without exceptions, of which the first bits
 * are exact: that was tried for every operand. For an operand of exponent `exp`, biased by B:
 *
 *     FRECPE   m = 1.ffffffff1                           512 / m + 1/2 = 2^8 * 1.rrrrrrrr...
 *              exponent 2 B - 1 - exp
 *     FRSQRTE  m = 1.fffffff1, twice that if exp is even 512 / sqrt(m) + 1/2
 *              exponent (3 B - 1 - exp) / 2
 *
 * Operands that aren't normal numbers, negative ones of a root, and those whose reciprocal isn't
 * normal are computed out of line. URECPE and URSQRTE are the same without exponents.
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
    unsigned bytes = uop_type_bytes(u->type);
    V128 counts = vec_pair(bytes == 4 ? UINT32_MAX : ~UINT64_C(0), bytes == 16 ? ~UINT64_C(0) : 0);
    AsmMem m = emit_const128(e, counts.u64[0], counts.u64[1]);
    /* Moved so that a comparison of signed numbers does. */
    vec_op_const(e, f->is_double ? V_PADDQ : V_PADDD, t, x, vec_repeat(f->lane, f->sign - first));
    vec_op_const(e, f->is_double ? V_PCMPGTQ : V_PCMPGTD, t, t,
                 vec_repeat(f->lane, (f->sign + range - 1)));
    asm_v2m(&e->a, V_PTEST, (unsigned)t, m);
    emit_slow(e, CC_NE);
}

/* Between these nothing is raised and rounding is to nearest. Without AVX-512, whose instructions
 * say so themselves, by another control register meanwhile. */
static void quiet_begin(Emit *e)
{
    enum { MASKED = 0x1f80 };
    if (!vec_has(e, JIT_HOST_AVX512)) {
        asm_rm(&e->a, 2, 0x0fae, 3, asm_cpu((uint32_t)offsetof(Cpu, tmp))); /* stmxcsr */
        asm_rm(&e->a, 2, 0x0fae, 2, emit_const128(e, MASKED, 0));           /* ldmxcsr */
    }
}

static void quiet_end(Emit *e)
{
    if (!vec_has(e, JIT_HOST_AVX512)) {
        asm_rm(&e->a, 2, 0x0fae, 2, asm_cpu((uint32_t)offsetof(Cpu, tmp)));
    }
}

/* d = op(a, b) between them; square roots of vectors have no a. */
static void quiet(Emit *e, const Uop *u, const VecOp ops[4], int d, int a, int b)
{
    bool is_double = uop_lane(u->type) == LANE_F64, scalar = u->type == T_F32 || u->type == T_F64;
    VecOp op = ops[is_double | scalar << 1];
    if (vec_has(e, JIT_HOST_AVX512)) {
        vec_op_round(e, op | (is_double ? ASM_W : 0), VEC_ROUND_NEAREST, d, a, b);
    } else if (op == V_SQRTPS || op == V_SQRTPD) {
        vec_mov_op(e, op, d, b);
    } else {
        vec_op(e, op & ~(VecOp)ASM_COMM, d, a, b);
    }
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

/* d = the fraction of the reciprocal of a's. t: a temporary, as below. */
static void reciprocal_fraction(Emit *e, const Uop *u, const Format *f, int d, int a, int t)
{
    vec_op_const(e, V_PAND, d, a, vec_repeat(f->lane, f->first8));
    vec_op_const(e, V_POR, d, d, vec_repeat(f->lane, f->one | UINT64_C(1) << (f->fraction - 9)));
    quiet_begin(e);
    reciprocal_bits(e, u, f, d, t);
    quiet_end(e);
}

/* d = the fraction of the reciprocal square root, which depends on the exponent's last bit as well.
 */
static void root_fraction(Emit *e, const Uop *u, const Format *f, int d, int a, int t)
{
    static const VecOp sqrt_ops[4] = {V_SQRTPS, V_SQRTPD, V_SQRTSS, V_SQRTSD};
    uint64_t lowest = UINT64_C(1) << f->fraction,
             first7 = f->first8 & ~(UINT64_C(1) << (f->fraction - 8));
    vec_op_const(e, V_PAND, t, a,
                 vec_repeat(f->lane, lowest)); /* 2.0 less an odd exponent's last bit is 1.0 */
    vec_const(e, d, vec_repeat(f->lane, f->one + lowest));
    vec_op(e, f->is_double ? V_PSUBQ : V_PSUBD, d, d, t);
    vec_op_const(e, V_PAND, t, a, vec_repeat(f->lane, first7));
    vec_op(e, V_POR, d, d, t);
    vec_op_const(e, V_POR, d, d, vec_repeat(f->lane, UINT64_C(1) << (f->fraction - 8)));
    quiet_begin(e);
    quiet(e, u, sqrt_ops, d, uop_is_vec(u->type) ? 0 : d, d);
    reciprocal_bits(e, u, f, d, t);
    quiet_end(e);
}

/* t = bias_sum, placed as an exponent, less a's exponent. x: a temporary. */
static void exponent_from(Emit *e, const Format *f, int t, int a, int x, uint64_t bias_sum)
{
    vec_op_const(e, V_PAND, x, a, vec_repeat(f->lane, f->exponent));
    vec_const(e, t, vec_repeat(f->lane, bias_sum << f->fraction));
    vec_op(e, f->is_double ? V_PSUBQ : V_PSUBD, t, t, x);
}

/* d = the estimate for a, a normal number with a normal reciprocal. */
static void reciprocal(Emit *e, const Uop *u, const Format *f, int d, int a, int t, int x)
{
    reciprocal_fraction(e, u, f, d, a, t);
    vec_op_const(e, V_PAND, t, a, vec_repeat(f->lane, f->sign));
    vec_op(e, V_POR, d, d, t);
    exponent_from(e, f, t, a, x, 2 * f->bias - 1);
    vec_op(e, V_POR, d, d, t);
}

/* d = the estimate for a, a positive normal number. */
static void root_reciprocal(Emit *e, const Uop *u, const Format *f, int d, int a, int t, int x)
{
    root_fraction(e, u, f, d, a, t);
    exponent_from(e, f, t, a, x, 3 * f->bias - 1);
    vec_shift(e, VEC_LSR, f->lane, t, t, 1);
    vec_op_const(e, V_PAND, t, t, vec_repeat(f->lane, f->exponent));
    vec_op(e, V_POR, d, d, t);
}

static bool emit_recip_estimate(Emit *e, const Uop *u)
{
    Format f = format_of(u->type);
    uint64_t smallest = UINT64_C(1) << f.fraction;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), t = vec_tmp(e), x = vec_tmp(e), d = vec_def(e, u);
    vec_op_const(e, V_PAND, d, a, vec_repeat(f.lane, ~f.sign)); /* exponents 1 to 2 bias - 2 */
    slow_outside(e, u, &f, t, d, smallest, ((2 * f.bias - 1) << f.fraction) - smallest);
    reciprocal(e, u, &f, d, a, t, x);
    emit_slow_back(e);
    return true;
}

static bool emit_rsqrt_estimate(Emit *e, const Uop *u)
{
    Format f = format_of(u->type);
    uint64_t lowest = UINT64_C(1) << f.fraction;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), t = vec_tmp(e), x = vec_tmp(e), d = vec_def(e, u);
    slow_outside(e, u, &f, t, a, lowest, f.exponent - lowest);
    root_reciprocal(e, u, &f, d, a, t, x);
    emit_slow_back(e);
    return true;
}

void fp_estimate_singles(Emit *e, bool root, int d, int a, int t, int x)
{
    Uop u = *e->u;
    Format f = format_of(T_F32X4);
    u.type = T_F32X4;
    (root ? root_reciprocal : reciprocal)(e, &u, &f, d, a, t, x);
}

/* ---- unsigned integers ----------------------------------------------------------------------- */

/* The operand's bit 31 is 1/2: the bits behind the first one are placed in a single's fraction.
 * What has no estimate, below 1/2 or 1/4, gives all ones. */
static bool emit_integer_estimate(Emit *e, const Uop *u)
{
    Format f = format_of(T_F32X4);
    int a = vec_use(e, u->a), t = vec_tmp(e), x = vec_tmp(e), d = vec_def(e, u);
    if (u->op == UOP_URECPE) {
        vec_shift_imm(e, V_PSRLD_I, x, a, 8);
        reciprocal_fraction(e, u, &f, d, x, t);
        vec_shift_imm(e, V_PSRAD_I, t, a, 31);
        vec_op(e, V_PCMPEQD, x, x, x);
        vec_op(e, V_PANDN, t, t, x);
    } else { /* from 1/2 on the exponent is even */
        vec_shift_imm(e, V_PSRAD_I, x, a, 31);
        vec_shift_imm(e, V_PSRLD_I, t, a, 7);
        vec_shift_imm(e, V_PSRLD_I, d, a, 8);
        vec_blend(e, d, t, d, x);
        vec_op_const(e, V_PAND, d, d, vec_repeat(2, f.first8));
        vec_op_const(e, V_PANDN, x, x, vec_repeat(2, UINT64_C(1) << f.fraction));
        vec_op(e, V_POR, x, x, d);
        root_fraction(e, u, &f, d, x, t);
        vec_zero(e, x);
        vec_shift_imm(e, V_PSRLD_I, t, a, 30);
        vec_op(e, V_PCMPEQD, t, t, x);
    }
    vec_shift_imm(e, V_PSLLD_I, d, d, 8);
    vec_op_const(e, V_POR, d, d, vec_repeat(2, 0x80000000));
    vec_op(e, V_POR, d, d, t);
    if (uop_type_bytes(u->type) == 8) {
        vec_mov_op(e, V_MOVQ, d, d);
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- FRSQRTS --------------------------------------------------------------------------------- */

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
    switch (u->op) {
    case UOP_FRSQRTS: return emit_rsqrt_step(e, u);
    case UOP_FRECPE: return emit_recip_estimate(e, u);
    case UOP_FRSQRTE: return emit_rsqrt_estimate(e, u);
    default: return emit_integer_estimate(e, u);
    }
}
