/*
 * emit_fp.c - float arithmetic, scalar and vector, on the host's FPU: 32 and 64 bits. (16 bits:
 * emit_fp_half.c.)
 *
 * Arm's rules differ from the host's in NaN results, and in when a result is tiny: before rounding,
 * not after, which shows only where the result is the smallest normal number. So after the host's
 * instruction comes a check of its result, and what may differ is computed again out of line by
 * softfp:
 *
 *     vmulsd  d, a, b
 *     vandps  t, d, [abs]
 *     vucomisd t, [smallest normal]      ; equal or unordered: ZF
 *     je      slow
 *
 * Sums and square roots are never tiny and inexact: for them NaNs alone matter. The flags that the
 * host's instruction raised are a subset of the right ones. Flush-to-zero mode: emit_fp_flush.c.
 * There the host's instruction may trap, and what handles that relies on these checks (fptrap.c).
 */
#include "jit/template/x86_64/vec.h"

enum {
    CMP_EQ_OQ = 0,
    CMP_LT_OQ = 17,
    CMP_UNORD_Q = 3,
    CMP_EQ_UQ = 8,
    CMP_GE_OS = 13,
    CMP_GT_OS = 14
};

/* The four forms of an instruction, by vec_form(). */
typedef struct Forms {
    VecOp op[4]; /* PS PD SS SD */
} Forms;
#define FORMS(name)                                                                                \
    {                                                                                              \
        {                                                                                          \
            V_##name##PS, V_##name##PD, V_##name##SS, V_##name##SD                                 \
        }                                                                                          \
    }
#define FORMS_E(name)                                                                              \
    {                                                                                              \
        {                                                                                          \
            E(V_##name##PS_E), E(V_##name##PD_E), E(V_##name##SS_E), E(V_##name##SD_E)             \
        }                                                                                          \
    }

static VecOp form(const Forms *f, uint8_t type)
{
    return f->op[(uop_lane(type) == LANE_F64) | !uop_is_vec(type) << 1];
}

bool fp_on_host(uint8_t type)
{
    unsigned lane = uop_lane(type);
    return lane == LANE_F32 || lane == LANE_F64;
}

int fp_clear_upper(Emit *e, uint8_t type, Val v, int x)
{
    if (uop_type_bytes(type) != 8 || !uop_is_vec(type) || ra_upper_zero(e, v)) {
        return x;
    }
    int t = vec_tmp(e);
    vec_mov_op(e, V_MOVQ, t, x);
    return t;
}

/* A constant in the lanes of the type. */
static V128 lanes(uint8_t type, uint64_t bits)
{
    return vec_repeat(uop_lane_log2(type), bits);
}

static uint64_t sign_bit(uint8_t type)
{
    return UINT64_C(1) << (uop_lane_bits(type) - 1);
}

static V128 abs_mask(uint8_t type)
{
    return lanes(type, sign_bit(type) - 1);
}

static V128 infinity(uint8_t type)
{
    return lanes(type, uop_lane(type) == LANE_F64 ? UINT64_C(0x7ff) << 52 : UINT64_C(0xff) << 23);
}

static V128 min_normal(uint8_t type)
{
    return lanes(type, uop_lane(type) == LANE_F64 ? UINT64_C(1) << 52 : UINT64_C(1) << 23);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void slow_if_any(Emit *e, int mask)
{
    asm_v2(&e->a, V_PTEST, (unsigned)mask, (unsigned)mask);
    emit_slow(e, CC_NE);
}

void fp_check_unordered(Emit *e, uint8_t type, int x, int y)
{
    static const Forms ucomis = {{0, 0, V_UCOMISS, V_UCOMISD}}, cmp = FORMS(CMP);
    if (uop_is_vec(type)) {
        int t = vec_tmp(e);
        vec_op_imm(e, form(&cmp, type), t, x, y, CMP_UNORD_Q);
        slow_if_any(e, t);
    } else {
        vec_mov_op(e, form(&ucomis, type), x, y);
        emit_slow(e, CC_P);
    }
}

void fp_check_tiny(Emit *e, uint8_t type, int d)
{
    static const Forms cmp = FORMS(CMP);
    int t = vec_tmp(e);
    vec_op_const(e, V_ANDPS, t, d, abs_mask(type));
    if (uop_is_vec(type)) {
        vec_op_const_imm(e, form(&cmp, type), t, t, min_normal(type), CMP_EQ_UQ);
        slow_if_any(e, t);
    } else {
        V128 c = min_normal(type);
        asm_v2m(&e->a, uop_lane(type) == LANE_F64 ? V_UCOMISD : V_UCOMISS, (unsigned)t,
                emit_const128(e, c.u64[0], c.u64[1]));
        emit_slow(e, CC_E);
    }
}

void fp_check_below(Emit *e, uint8_t type, int x, V128 bound)
{
    enum { CMP_NLT_UQ = 0x15 };
    int t = vec_tmp(e);
    vec_op_const(e, V_ANDPS, t, x, abs_mask(type));
    if (uop_is_vec(type)) {
        vec_op_const_imm(e, uop_lane(type) == LANE_F64 ? V_CMPPD : V_CMPPS, t, t, bound,
                         CMP_NLT_UQ);
        vec_mov_op(e, V_PTEST, t, t);
        emit_slow(e, CC_NE);
    } else {
        int b = vec_tmp(e);
        vec_const(e, b, bound);
        vec_mov_op(e, uop_lane(type) == LANE_F64 ? V_UCOMISD : V_UCOMISS, b, t);
        emit_slow(e, CC_BE);
        vec_tmp_free(e, b);
    }
    vec_tmp_free(e, t);
}

/* Computed by softfp. */
bool fp_by_softfp(Emit *e, const Uop *u)
{
    Val vals[3];
    unsigned n = uop_operands(u, vals);
    emit_clobber_flags(e);
    for (unsigned i = 0; i < n; i++) {
        if (uop_is_int(uop_val_type(e->ub, vals[i]))) {
            ra_use_g(e, vals[i]);
        } else {
            ra_use_x(e, vals[i]);
        }
    }
    if (uop_is_int(uop_val_type(e->ub, u->dst))) {
        ra_def_g(e, u->dst);
    } else {
        ra_def_x(e, u->dst);
        ra_set_upper_zero(e, u->dst);
    }
    emit_slow(e, EMIT_SLOW_JMP);
    emit_slow_back(e);
    return true;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

typedef enum Check { CHECK_NAN, CHECK_TINY } Check;

static void check_result(Emit *e, const Uop *u, int d, Check check)
{
    if (e->mode & CPU_MODE_FZ) {
        emit_val(e, u->dst)->flags |= VF_FLUSHED;
    }
    if (check == CHECK_NAN) {
        fp_check_unordered(e, u->type, d, d);
    } else {
        fp_check_tiny(e, u->type, d);
    }
    emit_slow_back(e);
}

static bool is_half_register(const Uop *u)
{
    return uop_is_vec(u->type) && uop_type_bytes(u->type) == 8;
}

/* With ones instead of what is above a 64-bit vector. */
static int ones_above(Emit *e, const Uop *u, int x)
{
    if (!is_half_register(u)) {
        return x;
    }
    int t = vec_tmp(e);
    vec_op_const_imm(e, V_BLENDPS, t, x, lanes(u->type, 0x3f800000), 0xc);
    return t;
}

static bool binary(Emit *e, const Uop *u, const Forms *forms, Check check, bool commutes)
{
    emit_clobber_flags(e);
    Val first = u->a, second = u->b;
    int x = vec_use(e, first), y = vec_use(e, second);
    if (commutes && !uop_is_vec(u->type) && !ra_upper_zero(e, first) && ra_upper_zero(e, second)) {
        int t = x; /* the upper part of the result is that of the first operand */
        x = y;
        y = t;
        first = u->b;
        second = u->a;
    }
    bool upper_zero = uop_is_vec(u->type) ? is_half_register(u) : ra_upper_zero(e, first);
    if (u->op == UOP_FDIV) { /* a denormal divided by zero is a division by zero to the host */
        x = fp_operand(e, u->type, first, x);
        y = ones_above(e, u, y); /* 0 / 1 in the lanes that don't count */
    } else {
        x = fp_clear_upper(e, u->type, first, x);
        y = fp_clear_upper(e, u->type, second, y);
    }
    int d = vec_def(e, u);
    if (u->op == UOP_FMUL && u->sub == UOP_FMUL_X) { /* infinity times zero isn't invalid */
        fp_check_below(e, u->type, x, infinity(u->type));
        fp_check_below(e, u->type, y, infinity(u->type));
    }
    vec_op(e, form(forms, u->type), d, x, y);
    check_result(e, u, d, check);
    if (upper_zero &&
        !(is_half_register(u) && u->op == UOP_FSUB)) { /* 0 - 0 is -0 when rounding down */
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

static bool emit_sqrt(Emit *e, const Uop *u)
{
    static const Forms sqrt_forms = FORMS(SQRT);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a);
    bool upper_zero = is_half_register(u) || ra_upper_zero(e, u->a);
    a = fp_operand(e, u->type, u->a, a); /* the root of a negative denormal isn't invalid */
    int d = vec_def(e, u);
    if (uop_is_vec(u->type)) {
        vec_mov_op(e, form(&sqrt_forms, u->type), d, a);
    } else {
        vec_op(e, form(&sqrt_forms, u->type), d, a, a);
    }
    check_result(e, u, d, CHECK_NAN);
    if (upper_zero) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* The addend is copied, as the slow path may need it. */
static bool emit_fma(Emit *e, const Uop *u)
{
    static const Forms fma[4] = {FORMS(FMADD231), FORMS(FNMADD231), FORMS(FMSUB231),
                                 FORMS(FNMSUB231)};
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    bool upper_zero = !uop_is_vec(u->type) && ra_upper_zero(e, u->c);
    a = fp_clear_upper(e, u->type, u->a, a);
    b = fp_clear_upper(e, u->type, u->b, b);
    int d = vec_def(e, u);
    if (is_half_register(u)) {
        vec_mov_op(e, V_MOVQ, d, c);
    } else {
        vec_move(e, d, c);
    }
    vec_op(e, form(&fma[u->sub & 3], u->type), d, a, b);
    check_result(e, u, d, CHECK_TINY);
    if (upper_zero) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/*
 * Arm FRECPS: 2 - a * b, fused; 2 if one is infinite and the other zero, without an exception,
 * which the host would raise: zeros (and NaNs) are slow from the start.
 */
static bool emit_recip_step(Emit *e, const Uop *u)
{
    static const Forms fnmadd = FORMS(FNMADD231), cmp = FORMS(CMP),
                       ucomis = {{0, 0, V_UCOMISS, V_UCOMISD}};
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    a = ones_above(e, u, a);
    b = ones_above(e, u, b);
    int t = vec_tmp(e), d = vec_def(e, u);
    vec_zero(e, d);
    if (uop_is_vec(u->type)) {
        vec_op_imm(e, form(&cmp, u->type), t, a, d, CMP_EQ_UQ);
        vec_op_imm(e, form(&cmp, u->type), d, b, d, CMP_EQ_UQ);
        vec_op(e, V_POR, t, t, d);
        slow_if_any(e, t);
    } else {
        vec_mov_op(e, form(&ucomis, u->type), a, d);
        emit_slow(e, CC_E);
        vec_mov_op(e, form(&ucomis, u->type), b, d);
        emit_slow(e, CC_E);
    }
    vec_tmp_free(e, t);
    vec_const(
        e, d,
        lanes(u->type, uop_lane(u->type) == LANE_F64 ? UINT64_C(0x4000000000000000) : 0x40000000));
    vec_op(e, form(&fnmadd, u->type), d, a, b);
    check_result(e, u, d, CHECK_TINY);
    return true;
}

/* Arm FRECPX, of scalars: the exponent's bits inverted, where that gives one of a finite number;
 * the fraction is zero. */
static bool emit_recip_exponent(Emit *e, const Uop *u)
{
    bool wide = uop_lane(u->type) == LANE_F64;
    uint64_t exponent = infinity(u->type).u64[0] & (wide ? UINT64_MAX : UINT32_MAX);
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = vec_def(e, u), t = vec_tmp(e);
    fp_check_unordered(e, u->type, a, a);
    vec_op_const(e, V_PANDN, d, a, vec_pair(exponent, 0));
    vec_op_const(e, wide ? V_PCMPEQQ : V_PCMPEQD, t, d, vec_pair(exponent, 0));
    vec_op_const(e, V_PAND, t, t, vec_pair(exponent & -exponent, 0));
    vec_op(e, wide ? V_PSUBQ : V_PSUBD, d, d, t);
    vec_op_const(e, V_PAND, t, a, vec_pair(sign_bit(u->type), 0));
    vec_op(e, V_POR, d, d, t);
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* ---- minimum, maximum ------------------------------------------------------------------------ */

/* AVX-512's VRANGE orders zeros as Arm does; VMIN doesn't, so without it equal operands are slow
 * too. NaNs always are. */
static bool emit_min_max(Emit *e, const Uop *u)
{
    static const Forms min = FORMS(MIN), max = FORMS(MAX), range = FORMS_E(RANGE), cmp = FORMS(CMP);
    bool has_range = vec_has(e, JIT_HOST_AVX512), is_max = u->op == UOP_FMAX;
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    bool upper_zero = is_half_register(u) || ra_upper_zero(e, u->a);
    a = fp_clear_upper(e, u->type, u->a, a);
    b = fp_clear_upper(e, u->type, u->b, b);
    int d = vec_def(e, u);
    if (has_range) {
        fp_check_unordered(e, u->type, a, b);
        vec_op_imm(e, form(&range, u->type), d, a, b, is_max ? 5 : 4);
    } else {
        if (uop_is_vec(u->type)) {
            vec_op_imm(e, form(&cmp, u->type), d, a, b, CMP_EQ_UQ);
            slow_if_any(e, d);
        } else {
            vec_mov_op(e, uop_lane(u->type) == LANE_F64 ? V_UCOMISD : V_UCOMISS, a, b);
            emit_slow(e, CC_E);
        }
        vec_op(e, form(is_max ? &max : &min, u->type), d, a, b);
    }
    emit_slow_back(e);
    if (upper_zero) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- signs ----------------------------------------------------------------------------------- */

/* Scalars: a mask with nothing above, which clears or keeps what is there. */
static bool emit_sign(Emit *e, const Uop *u)
{
    bool is_abs = u->op == UOP_FABS, scalar = !uop_is_vec(u->type);
    uint64_t bits = is_abs ? sign_bit(u->type) - 1 : sign_bit(u->type);
    int a = vec_use(e, u->a);
    bool upper_zero = scalar && (is_abs || ra_upper_zero(e, u->a));
    vec_op_const(e, is_abs ? V_ANDPS : V_XORPS, vec_def_over(e, u), a,
                 scalar ? vec_pair(bits, 0) : lanes(u->type, bits));
    if (upper_zero) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static bool emit_compare(Emit *e, const Uop *u)
{
    static const Forms cmp = FORMS(CMP);
    if (e->mode & CPU_MODE_FZ) {
        emit_clobber_flags(e);
    }
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    a = fp_operand(e, u->type, u->a, a);
    b = fp_operand(e, u->type, u->b, b);
    unsigned pred = u->sub == UOP_FEQ || u->sub == UOP_EQ   ? CMP_EQ_OQ
                    : u->sub == UOP_FGE || u->sub == UOP_GE ? CMP_GE_OS
                                                            : CMP_GT_OS;
    vec_op_imm(e, form(&cmp, u->type), vec_def(e, u), a, b, pred);
    return true;
}

/* An operand of a comparison for flags, halves widened. */
static int flag_operand(Emit *e, const Uop *u, Val v, int x)
{
    if (uop_lane(u->type) != LANE_F16) {
        return fp_operand(e, u->type, v, x);
    }
    int t = vec_tmp(e);
    vec_op_const(e, V_PAND, t, x, vec_pair(0xffff, 0));
    vec_mov_op(e, V_CVTPH2PS, t, t);
    if (e->mode & CPU_MODE_FZ16) { /* below 2^-14 it was denormal */
        int small = vec_tmp(e);
        vec_op_const(e, V_ANDPS, small, t, vec_repeat(2, 0x7fffffff));
        vec_op_const_imm(e, V_CMPPS, small, small, vec_repeat(2, 0x38800000), CMP_LT_OQ);
        vec_op(e, V_ANDNPS, t, small, t);
        vec_tmp_free(e, small);
    }
    return t;
}

bool emit_fcmp_can(const Emit *e, const Uop *u)
{
    bool half = uop_lane(u->type) == LANE_F16;
    return vec_has(e, JIT_HOST_AVX2 | JIT_HOST_F16C) && (half || fp_on_host(u->type));
}

void emit_fcmp(Emit *e, const Uop *u, bool swapped)
{
    bool wide = uop_lane(u->type) == LANE_F64, signaling = u->flags & UOPF_SIGNALING;
    int a = vec_use(e, u->a), b = u->b == VAL_NONE ? -1 : vec_use(e, u->b);
    a = flag_operand(e, u, u->a, a);
    if (b < 0) { /* compared with zero */
        b = vec_tmp(e);
        vec_zero(e, b);
    } else {
        b = flag_operand(e, u, u->b, b);
    }
    VecOp op = wide ? (signaling ? V_COMISD : V_UCOMISD) : (signaling ? V_COMISS : V_UCOMISS);
    vec_mov_op(e, op, swapped ? b : a, swapped ? a : b);
}

/* ---- all of them ----------------------------------------------------------------------------- */

bool emit_fp(Emit *e, const Uop *u)
{
    static const Forms add = FORMS(ADD), sub = FORMS(SUB), mul = FORMS(MUL), div = FORMS(DIV);
    if (u->op == UOP_FNEG || u->op == UOP_FABS) {
        return emit_sign(e, u);
    }
    if (!fp_on_host(u->type)) {
        return fp_by_softfp(e, u);
    }
    switch (u->op) {
    case UOP_FADD: return binary(e, u, &add, CHECK_NAN, true);
    case UOP_FSUB: return binary(e, u, &sub, CHECK_NAN, false);
    case UOP_FMUL: return binary(e, u, &mul, CHECK_TINY, true);
    case UOP_FDIV: return binary(e, u, &div, CHECK_TINY, false);
    case UOP_FSQRT: return emit_sqrt(e, u);
    case UOP_FMA: return emit_fma(e, u);
    case UOP_FMIN:
    case UOP_FMAX: return emit_min_max(e, u);
    case UOP_FCMP: return emit_compare(e, u);
    case UOP_FRECPS: return emit_recip_step(e, u);
    case UOP_FRECPX: return emit_recip_exponent(e, u);
    default: return fp_by_softfp(e, u);
    }
}
