/*
 * emit_fp_cvt.c - conversions between floats and integers, between float formats, and rounding to
 * integral.
 *
 * The host converts what is out of range to one value and raises invalid, as Arm does: that value
 * means the slow path. Where a rounding mode isn't truncation, the rounding comes first without its
 * inexact exception, which must not be raised if the result is out of range; when it's known that
 * it isn't, the rounding is repeated for the exception alone.
 */
#include "jit/template/x86_64/vec.h"

/* The immediate of VROUND: bits 0-1 mode, 2 the current one, 3 no inexact exception. */
enum { ROUND_CURRENT = 4, ROUND_QUIET = 8 };

static unsigned round_imm(unsigned round)
{
    switch (round) {
    case UOP_ROUND_UP: return 2;
    case UOP_ROUND_DOWN: return 1;
    case UOP_ROUND_ZERO: return 3;
    case UOP_ROUND_CURRENT: return ROUND_CURRENT;
    default: return 0; /* AWAY: any that raises inexact */
    }
}

static bool is_f64(uint8_t type)
{
    return uop_lane(type) == LANE_F64;
}

/* Index of an instruction in a table of its forms PS, PD, SS, SD. */
static unsigned form_of(uint8_t type)
{
    return is_f64(type) | !uop_is_vec(type) << 1;
}

static V128 sign_mask(uint8_t type)
{
    return vec_repeat(uop_lane_log2(type), UINT64_C(1) << (uop_lane_bits(type) - 1));
}

static V128 one_half(uint8_t type)
{
    return vec_repeat(uop_lane_log2(type),
                      is_f64(type) ? UINT64_C(0x3fe0000000000000) : 0x3f000000);
}

/* 2 to the power n, as a float of the type in each lane. */
static V128 power_of_2(uint8_t type, int n)
{
    return vec_repeat(uop_lane_log2(type),
                      is_f64(type) ? (uint64_t)(1023 + n) << 52 : (uint64_t)(127 + n) << 23);
}

static void round_op(Emit *e, uint8_t type, int d, int s, unsigned imm)
{
    if (uop_is_vec(type)) {
        vec_mov_op_imm(e, is_f64(type) ? V_ROUNDPD : V_ROUNDPS, d, s, imm);
    } else {
        vec_op_imm(e, is_f64(type) ? V_ROUNDSD : V_ROUNDSS, d, s, s, imm);
    }
}

static V128 abs_mask(uint8_t type)
{
    return vec_repeat(uop_lane_log2(type), (UINT64_C(1) << (uop_lane_bits(type) - 1)) - 1);
}

/* Ties away without AVX-512: truncated, and 1 added when what was cut is a half or more. What has
 * no fraction anyway, or is no number, is slow. */
static void round_away(Emit *e, uint8_t type, int d, int x)
{
    enum { CMP_NLT_US = 5 };
    static const VecOp add[4] = {V_ADDPS, V_ADDPD, V_ADDSS, V_ADDSD},
                       sub[4] = {V_SUBPS, V_SUBPD, V_SUBSS, V_SUBSD};
    static const VecOp cmp[4] = {V_CMPPS, V_CMPPD, V_CMPSS, V_CMPSD};
    unsigned f = form_of(type);
    int t = vec_tmp(e);
    fp_check_below(e, type, x, power_of_2(type, is_f64(type) ? 52 : 23));
    round_op(e, type, d, x, 3 | ROUND_QUIET);
    vec_op(e, sub[f], t, x, d);
    vec_op_const(e, V_ANDPS, t, t, abs_mask(type));
    vec_op_const_imm(e, cmp[f], t, t, one_half(type), CMP_NLT_US);
    vec_op_const(e, V_ANDPS, t, t, power_of_2(type, 0));
    vec_op_const(e, V_ANDPS, d, d, abs_mask(type));
    vec_op(e, add[f], d, d, t);
    vec_op_const(e, V_ANDPS, t, x, sign_mask(type));
    vec_op(e, V_ORPS, d, d, t);
    vec_tmp_free(e, t);
}

/* d = x rounded to integral, quietly. Ties away: x plus a half of its sign, truncated, and
 * truncated again. d is none of the others. */
static void round_quietly(Emit *e, uint8_t type, unsigned round, int d, int x)
{
    if (round != UOP_ROUND_AWAY) {
        round_op(e, type, d, x, round_imm(round) | ROUND_QUIET);
        return;
    }
    if (!vec_has(e, JIT_HOST_AVX512)) {
        round_away(e, type, d, x);
        return;
    }
    static const VecOp add[4] = {V_ADDPS, V_ADDPD | ASM_EW, V_ADDSS, V_ADDSD | ASM_EW};
    vec_op_const(e, V_ANDPS, d, x, sign_mask(type));
    vec_op_const(e, V_ORPS, d, d, one_half(type));
    vec_op_round(e, add[form_of(type)], VEC_ROUND_ZERO, d, x, d);
    round_op(e, type, d, d, 3 | ROUND_QUIET);
}

/* ---- to integral ----------------------------------------------------------------------------- */

static bool emit_round(Emit *e, const Uop *u)
{
    bool away = u->sub == UOP_ROUND_AWAY, exact = u->flags & UOPF_EXACT;
    if (!fp_on_host(u->type)) {
        return emit_fp_half_cvt(e, u);
    }
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), x = fp_operand(e, u->type, u->a, a);
    bool upper_zero = uop_is_vec(u->type) || ra_upper_zero(e, u->a);
    int d = vec_def(e, u);
    if (!u->imm && !away) {
        round_op(e, u->type, d, x, round_imm(u->sub) | (exact ? 0 : ROUND_QUIET));
    } else {
        round_quietly(e, u->type, u->sub, d, x);
    }
    if (u->imm) {
        fp_check_below(
            e, u->type, d,
            power_of_2(u->type,
                       u->imm - 1)); /* the most negative one, which is within, is slow too */
    } else if (away || e->mode & CPU_MODE_DN) {
        fp_check_unordered(e, u->type, d, d);
    }
    if (exact && (u->imm || away)) {
        round_op(e, u->type, vec_tmp(e), x, round_imm(u->sub));
    }
    emit_slow_back(e);
    if (upper_zero && !away) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- to integer ------------------------------------------------------------------------------ */

/* x times 2^n, exactly and without exceptions. Without AVX-512 what might overflow is slow. */
static int scale(Emit *e, uint8_t type, int x, int n)
{
    static const VecOp scalef[4] = {V_SCALEFPS_E, V_SCALEFPD_E, V_SCALEFSS_E, V_SCALEFSD_E};
    static const VecOp mul[4] = {V_MULPS, V_MULPD, V_MULSS, V_MULSD};
    int t = vec_tmp(e);
    if (!vec_has(e, JIT_HOST_AVX512)) {
        fp_check_below(e, type, x, power_of_2(type, is_f64(type) ? 1023 - 65 : 127 - 65));
        vec_op_const(e, mul[form_of(type)], t, x, power_of_2(type, n));
        return t;
    }
    unsigned k = 31 - (unsigned)__builtin_clz((unsigned)n); /* n as a float: 1.xxx * 2^k */
    uint64_t bits =
        is_f64(type)
            ? (uint64_t)(1023 + k) << 52 | ((uint64_t)n << (52 - k) & ((UINT64_C(1) << 52) - 1))
            : (uint64_t)(127 + k) << 23 | ((uint64_t)n << (23 - k) & ((1u << 23) - 1));
    vec_const(e, t, vec_repeat(uop_lane_log2(type), bits));
    vec_op_round(e, scalef[form_of(type)], VEC_ROUND_NEAREST, t, x, t);
    return t;
}

/* A scalar half as a single (with nothing above it). */
static int widen_half(Emit *e, int x)
{
    int t = vec_tmp(e);
    vec_op_const(e, V_PAND, t, x, vec_pair(0xffff, 0));
    vec_mov_op(e, V_CVTPH2PS, t, t);
    return t;
}

/* Slow unless -1 < x < 2^bits in every lane. */
static void check_unsigned(Emit *e, uint8_t type, int x, int bits)
{
    enum { CMP_NGT_UQ = 0x1a, CMP_NLT_UQ = 0x15 };
    VecOp ucomis = is_f64(type) ? V_UCOMISD : V_UCOMISS, cmp = is_f64(type) ? V_CMPPD : V_CMPPS;
    V128 bound = power_of_2(type, bits), minus_one = power_of_2(type, 0);
    minus_one.u64[0] |= sign_mask(type).u64[0];
    minus_one.u64[1] |= sign_mask(type).u64[1];
    int t = vec_tmp(e);
    if (uop_is_vec(type)) {
        int low = vec_tmp(e);
        vec_op_const_imm(e, cmp, low, x, minus_one, CMP_NGT_UQ);
        vec_op_const_imm(e, cmp, t, x, bound, CMP_NLT_UQ);
        vec_op(e, V_POR, t, t, low);
        vec_mov_op(e, V_PTEST, t, t);
        emit_slow(e, CC_NE);
        vec_tmp_free(e, low);
    } else {
        asm_v2m(&e->a, ucomis, (unsigned)x, emit_const128(e, minus_one.u64[0], minus_one.u64[1]));
        emit_slow(e, CC_BE);
        vec_const(e, t, bound);
        vec_mov_op(e, ucomis, t, x);
        emit_slow(e, CC_BE);
    }
    vec_tmp_free(e, t);
}

static void truncate_scalar(Emit *e, uint8_t from, bool to64, bool is_unsigned, int d, int x)
{
    if (is_unsigned && !vec_has(e, JIT_HOST_AVX512)) {
        check_unsigned(e, from, x, to64 ? 63 : 32);
        vec_mov_op(e, (is_f64(from) ? V_CVTTSD2SI : V_CVTTSS2SI) | ASM_W, d, x);
    } else if (is_unsigned) {
        VecOp op = is_f64(from) ? E(V_CVTTSD2USI_E) : E(V_CVTTSS2USI_E);
        vec_mov_op(e, to64 ? op | ASM_W : op, d, x);
        asm_alu_ri(&e->a, ALU_CMP, to64 ? 3 : 2, (unsigned)d, -1);
        emit_slow(e, CC_E);
    } else {
        VecOp op = is_f64(from) ? V_CVTTSD2SI : V_CVTTSS2SI;
        vec_mov_op(e, to64 ? op | ASM_W : op, d, x);
        asm_alu_ri(&e->a, ALU_CMP, to64 ? 3 : 2, (unsigned)d,
                   1); /* overflows for the minimum alone */
        emit_slow(e, CC_O);
    }
}

static bool ftoi_scalar(Emit *e, const Uop *u)
{
    uint8_t from = uop_operand_type(u, 0);
    bool is_unsigned = u->flags & UOPF_UNSIGNED, half = from == T_F16;
    emit_clobber_flags(e);
    int x = vec_use(e, u->a), d = (int)ra_def_g(e, u->dst);
    if (half) {
        int t = vec_tmp(e);
        half_widen(e, from, t, x);
        x = t;
        from = T_F32;
    } else {
        x = fp_operand(e, from, u->a, x);
    }
    if (u->imm) {
        x = scale(e, from, x, u->imm);
    }
    int y = x;
    if (u->sub != UOP_ROUND_ZERO) {
        y = vec_tmp(e);
        round_quietly(e, from, u->sub, y, x);
    }
    truncate_scalar(e, from, u->type == T_I64, is_unsigned, d, y);
    if (y != x) {
        round_op(e, from, y, x, round_imm(u->sub));
    }
    emit_slow_back(e);
    return true;
}

/* Slow for the value that out of range gives: the minimum, or all ones. */
static void check_indefinite(Emit *e, const Uop *u, int d, bool is_unsigned)
{
    int t = vec_tmp(e);
    vec_const(e, t, is_unsigned ? vec_repeat(3, ~UINT64_C(0)) : sign_mask(u->type));
    vec_op(e, uop_lane(u->type) == LANE_I32 ? V_PCMPEQD : V_PCMPEQQ, t, t, d);
    vec_mov_op(e, V_PTEST, t, t);
    emit_slow(e, CC_NE);
    vec_tmp_free(e, t);
}

/* Unsigned words without AVX-512: 2^31 less where it isn't less, and the top bit then. */
static void truncate_words_unsigned(Emit *e, int d, int x)
{
    enum { CMP_NLT_UQ = 0x15 };
    int big = vec_tmp(e);
    check_unsigned(e, T_F32X4, x, 32);
    vec_op_const_imm(e, V_CMPPS, big, x, power_of_2(T_F32X4, 31), CMP_NLT_UQ);
    vec_op_const(e, V_ANDPS, d, big, power_of_2(T_F32X4, 31));
    vec_op(e, V_SUBPS, d, x, d);
    vec_mov_op(e, V_CVTTPS2DQ, d, d);
    vec_shift_imm(e, V_PSLLD_I, big, big, 31);
    vec_op(e, V_PXOR, d, d, big);
    vec_tmp_free(e, big);
}

/* Doublewords without AVX-512: one by one. */
static void truncate_doublewords(Emit *e, const Uop *u, bool is_unsigned, int d, int x,
                                 const unsigned general[2])
{
    unsigned g = general[0], h = general[1];
    if (is_unsigned) {
        check_unsigned(e, T_F64X2, x, 63);
    }
    vec_mov_op(e, V_CVTTSD2SI | ASM_W, (int)g, x);
    vec_mov_op_imm(e, V_PSHUFD, d, x, 0xee);
    vec_mov_op(e, V_CVTTSD2SI | ASM_W, (int)h, d);
    asm_movq_xr(&e->a, 3, (unsigned)d, g);
    vec_op_imm(e, V_PINSRQ, d, d, (int)h, 1);
    if (!is_unsigned) {
        check_indefinite(e, u, d, false);
    }
}

static void truncate_vector(Emit *e, const Uop *u, bool is_unsigned, int d, int x,
                            const unsigned general[2])
{
    bool words = uop_lane(u->type) == LANE_I32;
    if (!vec_has(e, JIT_HOST_AVX512) && !words) {
        truncate_doublewords(e, u, is_unsigned, d, x, general);
    } else if (!vec_has(e, JIT_HOST_AVX512) && is_unsigned) {
        truncate_words_unsigned(e, d, x);
    } else {
        VecOp op = words         ? (is_unsigned ? E(V_CVTTPS2UDQ_E) : V_CVTTPS2DQ)
                   : is_unsigned ? E(V_CVTTPD2UQQ_E)
                                 : E(V_CVTTPD2QQ_E);
        vec_mov_op(e, op, d, x);
        check_indefinite(e, u, d, is_unsigned);
    }
}

static bool ftoi_vector(Emit *e, const Uop *u)
{
    uint8_t from = uop_operand_type(u, 0);
    bool is_unsigned = u->flags & UOPF_UNSIGNED;
    if (!fp_on_host(from)) {
        return emit_fp_half_cvt(e, u);
    }
    emit_clobber_flags(e);
    int x = vec_use(e, u->a), d = vec_def(e, u);
    unsigned general[2] = {0, 0};
    if (!vec_has(e, JIT_HOST_AVX512) &&
        is_f64(from)) { /* taken before the first jump to the slow path */
        general[0] = ra_tmp_g(e);
        general[1] = ra_tmp_g(e);
    }
    x = fp_operand(e, from, u->a, x);
    if (u->imm) {
        x = scale(e, from, x, u->imm);
    }
    int y = x;
    if (u->sub != UOP_ROUND_ZERO) {
        y = vec_tmp(e);
        round_quietly(e, from, u->sub, y, x);
    }
    truncate_vector(e, u, is_unsigned, d, y, general);
    if (y != x) {
        round_op(e, from, y, x, round_imm(u->sub));
    }
    emit_slow_back(e);
    if (uop_type_bytes(u->type) == 8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* JavaScript's conversion: what fits in 32 bits. It's exact when converting back gives the same
 * bits, which neither -0 nor a flushed operand does. */
static bool emit_js(Emit *e, const Uop *u)
{
    emit_clobber_flags(e);
    int a = vec_use(e, u->a), d = (int)ra_def_g(e, u->dst), x = fp_operand(e, T_F64, u->a, a);
    truncate_scalar(e, T_F64, false, false, d, x);
    if (u->flags & UOPF_EXACT) {
        int t = vec_tmp(e);
        vec_zero(e, t);
        vec_op(e, V_CVTSI2SD, t, t, d);
        vec_op(e, V_PCMPEQQ, t, t, a);
        asm_movq_rx(&e->a, 2, (unsigned)d, (unsigned)t);
        asm_alu_ri(&e->a, ALU_AND, 2, (unsigned)d, 1 << 30);
    }
    emit_slow_back(e);
    return true;
}

/* ---- from integer ---------------------------------------------------------------------------- */

/* Unsigned without AVX-512. Doublewords with the top bit set are halved, their last bit kept, and
 * the float doubled. */
static void unsigned_to_float(Emit *e, uint8_t type, bool from64, int d, unsigned x)
{
    VecOp op = (is_f64(type) ? V_CVTSI2SD : V_CVTSI2SS) | ASM_W;
    unsigned t = ra_tmp_g(e);
    asm_mov_rr(&e->a, from64 ? 3 : 2, t, x);
    if (!from64) {
        vec_op(e, op, d, d, (int)t);
        return;
    }
    unsigned last = ra_tmp_g(e);
    asm_test_rr(&e->a, 3, t, t);
    uint8_t *big = asm_jcc8(&e->a, CC_S);
    vec_op(e, op, d, d, (int)t);
    uint8_t *done = asm_jmp8(&e->a);
    asm_patch8(&e->a, big);
    asm_mov_rr(&e->a, 3, last, t);
    asm_shift_ri(&e->a, SHIFT_SHR, 3, t, 1);
    asm_alu_ri(&e->a, ALU_AND, 2, last, 1);
    asm_alu_rr(&e->a, ALU_OR, 3, t, last);
    vec_op(e, op, d, d, (int)t);
    vec_op(e, is_f64(type) ? V_ADDSD : V_ADDSS, d, d, d);
    asm_patch8(&e->a, done);
}

static bool itof_scalar(Emit *e, const Uop *u)
{
    bool from64 = uop_operand_type(u, 0) == T_I64, is_unsigned = u->flags & UOPF_UNSIGNED;
    if (u->type == T_F16) {
        return emit_fp_half_cvt(e, u);
    }
    if (is_unsigned && !vec_has(e, JIT_HOST_AVX512)) {
        emit_clobber_flags(e);
    }
    unsigned x = ra_use_g(e, u->a);
    int d = vec_def(e, u);
    vec_zero(e, d);
    if (is_unsigned && !vec_has(e, JIT_HOST_AVX512)) {
        unsigned_to_float(e, u->type, from64, d, x);
    } else {
        VecOp op = is_unsigned       ? (is_f64(u->type) ? E(V_CVTUSI2SD_E) : E(V_CVTUSI2SS_E))
                   : is_f64(u->type) ? V_CVTSI2SD
                                     : V_CVTSI2SS;
        vec_op(e, from64 ? op | ASM_W : op, d, d, (int)x);
    }
    if (u->imm) {
        vec_op_const(e, is_f64(u->type) ? V_MULSD : V_MULSS, d, d, power_of_2(u->type, -u->imm));
    }
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* Without AVX-512: unsigned words as two exact halves, one rounded sum. */
static void words_to_float(Emit *e, int d, int x)
{
    int t = vec_tmp(e);
    vec_shift_imm(e, V_PSRLD_I, t, x, 16);
    vec_mov_op(e, V_CVTDQ2PS, t, t);
    vec_op_const(e, V_MULPS, t, t, power_of_2(T_F32X4, 16));
    vec_op_const(e, V_PAND, d, x, vec_repeat(2, 0xffff));
    vec_mov_op(e, V_CVTDQ2PS, d, d);
    vec_op(e, V_ADDPS, d, d, t);
}

/* Unsigned doublewords: halves placed in the fractions of 2^52 and 2^84, whose surplus is taken off
 * exactly before the one rounded sum; 0 may come out as -0. */
static void doublewords_to_float(Emit *e, bool is_unsigned, int d, int x)
{
    int t = vec_tmp(e);
    if (is_unsigned) {
        vec_shift_imm(e, V_PSRLQ_I, t, x, 32);
        vec_op_const(e, V_POR, t, t, vec_repeat(3, UINT64_C(0x4530000000000000)));
        vec_op_const(e, V_SUBPD, t, t, vec_repeat(3, UINT64_C(0x4530000000100000)));
        vec_op_const_imm(e, V_PBLENDW, d, x, vec_repeat(3, UINT64_C(0x4330000000000000)), 0xcc);
        vec_op(e, V_ADDPD, d, d, t);
        vec_op_const(e, V_ANDPS, d, d, abs_mask(T_F64X2));
        return;
    }
    unsigned g = ra_tmp_g(e);
    asm_v2i(&e->a, V_PEXTRQ, (unsigned)x, g, 1);
    vec_zero(e, t);
    vec_op(e, V_CVTSI2SD | ASM_W, t, t, (int)g);
    asm_movq_rx(&e->a, 3, g, (unsigned)x);
    vec_zero(e, d);
    vec_op(e, V_CVTSI2SD | ASM_W, d, d, (int)g);
    vec_op(e, V_PUNPCKLQDQ, d, d, t);
}

static bool itof_vector(Emit *e, const Uop *u)
{
    uint8_t from = uop_operand_type(u, 0);
    bool is_unsigned = u->flags & UOPF_UNSIGNED, wide = is_f64(u->type);
    if (uop_lane(u->type) == LANE_F16) {
        return emit_fp_half_cvt(e, u);
    }
    int x = vec_use(e, u->a);
    x = fp_clear_upper(e, from, u->a, x);
    int d = vec_def(e, u);
    if (!vec_has(e, JIT_HOST_AVX512) && wide) {
        doublewords_to_float(e, is_unsigned, d, x);
    } else if (!vec_has(e, JIT_HOST_AVX512) && is_unsigned) {
        words_to_float(e, d, x);
    } else {
        VecOp op = wide          ? (is_unsigned ? E(V_CVTUQQ2PD_E) : E(V_CVTQQ2PD_E))
                   : is_unsigned ? E(V_CVTUDQ2PS_E)
                                 : V_CVTDQ2PS;
        vec_mov_op(e, op, d, x);
    }
    if (u->imm) {
        vec_op_const(e, wide ? V_MULPD : V_MULPS, d, d, power_of_2(u->type, -u->imm));
    }
    if (uop_type_bytes(u->type) == 8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

/* ---- between float formats ------------------------------------------------------------------- */

/* With default NaNs on, NaNs are slow. */
static void check_default_nan(Emit *e, uint8_t type, int d)
{
    if (e->mode & CPU_MODE_DN) {
        fp_check_unordered(e, type, d, d);
    }
}

static bool cvt_scalar(Emit *e, const Uop *u, uint8_t from)
{
    int a = vec_use(e, u->a), d = vec_def(e, u), t;
    if (from == T_F32) { /* to F64 */
        vec_op(e, V_CVTSS2SD, d, a, a);
        check_default_nan(e, u->type, d);
        emit_slow_back(e);
        if (ra_upper_zero(e, u->a)) {
            ra_set_upper_zero(e, u->dst);
        }
        return true;
    }
    if (from == T_F64) { /* to F32 */
        vec_zero(e, d);
        vec_op(e, V_CVTSD2SS, d, d, a);
        fp_check_tiny(e, u->type, d);
    } else { /* from F16 */
        t = widen_half(e, a);
        if (u->type == T_F64) {
            vec_op(e, V_CVTSS2SD, d, t, t);
        } else {
            vec_move(e, d, t);
        }
        check_default_nan(e, u->type, d);
    }
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* F32 to F16: slow for the smallest normal number, 0x0400, and default NaNs. */
static bool cvt_to_half(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), d = vec_def(e, u), t = vec_tmp(e);
    enum { CURRENT = 4 };
    a = fp_operand(e, uop_is_vec(u->type) ? T_F32X4 : T_F32, u->a, a);
    if (uop_is_vec(u->type)) {
        check_default_nan(e, T_F32X4, a);
        vec_mov_op_imm(e, V_CVTPS2PH, a, d, CURRENT);
        vec_op_const(e, V_PAND, t, d, vec_repeat(1, 0x7fff));
        vec_op_const(e, V_PCMPEQW, t, t,
                     vec_pair(0x0400040004000400, UINT64_MAX)); /* (the upper half is zero) */
        vec_mov_op(e, V_PTEST, t, t);
        emit_slow(e, CC_NE);
    } else {
        unsigned g = ra_tmp_g(e);
        check_default_nan(e, T_F32, a);
        vec_op_imm(e, V_INSERTPS, t, a, a, 0x0e); /* lane 0 alone */
        vec_mov_op_imm(e, V_CVTPS2PH, t, d, CURRENT);
        asm_movq_rx(&e->a, 2, g, (unsigned)d);
        asm_alu_ri(&e->a, ALU_AND, 2, g, 0x7fff);
        asm_alu_ri(&e->a, ALU_CMP, 2, g, 0x0400);
        emit_slow(e, CC_E);
    }
    emit_slow_back(e);
    ra_set_upper_zero(e, u->dst);
    return true;
}

static bool cvt_vector(Emit *e, const Uop *u, uint8_t from)
{
    int a = vec_use(e, u->a), d = vec_def(e, u), s = a;
    if (u->flags & UOPF_HIGH) {
        s = d;
        vec_mov_op_imm(e, V_PSHUFD, d, a, 0xee);
    }
    if (uop_lane(from) == LANE_F64) {
        vec_mov_op(e, V_CVTPD2PS, d, s);
        fp_check_tiny(e, u->type, d);
        ra_set_upper_zero(e, u->dst);
    } else {
        vec_mov_op(e, uop_lane(from) == LANE_F16 ? V_CVTPH2PS : V_CVTPS2PD, d, s);
        check_default_nan(e, u->type, d);
    }
    emit_slow_back(e);
    return true;
}

static bool emit_convert(Emit *e, const Uop *u)
{
    uint8_t from = uop_operand_type(u, 0);
    bool half = uop_lane(from) == LANE_F16 || uop_lane(u->type) == LANE_F16;
    if (half && e->mode & CPU_MODE_AHP) {
        return fp_by_softfp(e, u);
    }
    bool to_half = uop_lane(u->type) == LANE_F16, from_double = uop_lane(from) == LANE_F64;
    if (to_half && u->sub == UOP_ROUND_ODD) {
        return fp_by_softfp(e, u);
    }
    if (from_double && (to_half || u->sub == UOP_ROUND_ODD)) { /* others aren't rounded */
        return emit_fp_half_cvt(e, u);
    }
    emit_clobber_flags(e);
    if (uop_lane(u->type) == LANE_F16) {
        return cvt_to_half(e, u);
    }
    return uop_is_vec(u->type) ? cvt_vector(e, u, from) : cvt_scalar(e, u, from);
}

bool emit_fp_cvt(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_FROUND: return emit_round(e, u);
    case UOP_FTOI: return uop_is_int(u->type) ? ftoi_scalar(e, u) : ftoi_vector(e, u);
    case UOP_ITOF:
        return uop_is_int(uop_operand_type(u, 0)) ? itof_scalar(e, u) : itof_vector(e, u);
    case UOP_FCVT: return emit_convert(e, u);
    case UOP_FJCVT: return emit_js(e, u);
    default: return false;
    }
}
