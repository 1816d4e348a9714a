/*
 * emit_vec_int.c - lane-wise integer operations: arithmetic, logic, comparison, minimum and
 * maximum, saturation, averages.
 *
 * Lanes are indexed by the log2 of their bytes: 0 b, 1 w, 2 d, 3 q. 64-bit vectors are computed in
 * whole registers.
 */
#include "jit/template/x86_64/vec.h"

static const VecOp padd[4] = {V_PADDB, V_PADDW, V_PADDD, V_PADDQ};
static const VecOp psub[4] = {V_PSUBB, V_PSUBW, V_PSUBD, V_PSUBQ};
static const VecOp pcmpeq[4] = {V_PCMPEQB, V_PCMPEQW, V_PCMPEQD, V_PCMPEQQ};
static const VecOp pcmpgt[4] = {V_PCMPGTB, V_PCMPGTW, V_PCMPGTD, V_PCMPGTQ};
static const VecOp pmin[2][4] = {{V_PMINUB, V_PMINUW, V_PMINUD, E(V_PMINUQ_E)},
                                 {V_PMINSB, V_PMINSW, V_PMINSD, E(V_PMINSQ_E)}};
static const VecOp pmax[2][4] = {{V_PMAXUB, V_PMAXUW, V_PMAXUD, E(V_PMAXUQ_E)},
                                 {V_PMAXSB, V_PMAXSW, V_PMAXSD, E(V_PMAXSQ_E)}};

/* The vector of 0x80.. lanes, and of 0x7f.. */
static V128 sign_bits(unsigned lane)
{
    return vec_repeat(lane, UINT64_C(1) << ((8u << lane) - 1));
}

static V128 max_signed(unsigned lane)
{
    return vec_repeat(lane, (UINT64_C(1) << ((8u << lane) - 1)) - 1);
}

/* ---- two operands, one instruction ----------------------------------------------------------- */

/* d = op(a, b), b a value or the immediate. */
static bool binary(Emit *e, const Uop *u, VecOp op)
{
    int a = vec_use(e, u->a);
    if (u->b == VAL_NONE) {
        vec_op_const(e, op, vec_def_over(e, u), a,
                     vec_repeat(uop_lane_log2(u->type), (uint64_t)(int64_t)u->imm));
    } else {
        int b = vec_use(e, u->b);
        vec_op(e, op, vec_def_over(e, u), a, b);
    }
    return true;
}

/* An operand that may be an immediate, in a register. */
static int use_b(Emit *e, const Uop *u)
{
    if (u->b != VAL_NONE) {
        return vec_use(e, u->b);
    }
    int t = vec_tmp(e);
    vec_const(e, t, vec_repeat(uop_lane_log2(u->type), (uint64_t)(int64_t)u->imm));
    return t;
}

static bool emit_andn(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a);
    if (u->b == VAL_NONE) {
        vec_op_const(e, V_PAND, vec_def_over(e, u), a,
                     vec_repeat(uop_lane_log2(u->type), ~(uint64_t)(int64_t)u->imm));
        return true;
    }
    int b = vec_use(e, u->b);
    vec_op(e, V_PANDN, vec_def_over(e, u), b, a);
    return true;
}

/* ---- one operand ----------------------------------------------------------------------------- */

static bool emit_not(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a);
    vec_op_const(e, V_PXOR, vec_def_over(e, u), a, vec_repeat(3, ~UINT64_C(0)));
    return true;
}

static bool emit_neg(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), zero = vec_tmp(e);
    vec_zero(e, zero);
    vec_op(e, psub[uop_lane_log2(u->type)], vec_def_over(e, u), zero, a);
    return true;
}

static bool emit_abs(Emit *e, const Uop *u)
{
    static const VecOp pabs[4] = {V_PABSB, V_PABSW, V_PABSD, E(V_PABSQ_E)};
    unsigned lane = uop_lane_log2(u->type);
    int a = vec_use(e, u->a);
    if (lane < 3 || vec_has(e, JIT_HOST_AVX512)) {
        vec_mov_op(e, pabs[lane], vec_def_over(e, u), a);
        return true;
    }
    int t = vec_tmp(e), d = vec_def(e, u);
    vec_zero(e, t);
    vec_op(e, V_PCMPGTQ, t, t, a);
    vec_op(e, V_PXOR, d, a, t);
    vec_op(e, V_PSUBQ, d, d, t);
    return true;
}

/* ---- multiplication -------------------------------------------------------------------------- */

/* Bytes: the even ones' products in place, the odd ones' from shifted words. */
static bool mul_bytes(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = use_b(e, u), even = vec_tmp(e), t = vec_tmp(e), d = vec_def(e, u);
    vec_op(e, V_PMULLW, even, a, b);
    vec_op_const(e, V_PAND, even, even, vec_repeat(1, 0x00ff));
    vec_shift(e, VEC_LSR, 1, t, a, 8);
    vec_op_const(e, V_PAND, d, b, vec_repeat(1, 0xff00));
    vec_op(e, V_PMULLW, d, d, t);
    vec_op(e, V_POR, d, d, even);
    return true;
}

static bool emit_mul(Emit *e, const Uop *u)
{
    switch (uop_lane_log2(u->type)) {
    case 0: return mul_bytes(e, u);
    case 1: return binary(e, u, V_PMULLW);
    case 2: return binary(e, u, V_PMULLD);
    default: return vec_has(e, JIT_HOST_AVX512) && binary(e, u, E(V_PMULLQ_E));
    }
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void invert(Emit *e, int d)
{
    vec_op_const(e, V_PXOR, d, d, vec_repeat(3, ~UINT64_C(0)));
}

/* d = x > y, unsigned if bias: both with the sign bit flipped. */
static void greater(Emit *e, unsigned lane, bool is_unsigned, int d, int x, int y)
{
    if (!is_unsigned) {
        vec_op(e, pcmpgt[lane], d, x, y);
        return;
    }
    int t = vec_tmp(e), v = vec_tmp(e);
    vec_op_const(e, V_PXOR, t, y, sign_bits(lane));
    vec_op_const(e, V_PXOR, v, x, sign_bits(lane));
    vec_op(e, pcmpgt[lane], d, v, t);
    vec_tmp_free(e, t);
    vec_tmp_free(e, v);
}

static bool emit_vcmp(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    int a = vec_use(e, u->a), b = use_b(e, u), d = vec_def(e, u), t;
    switch (u->sub) {
    case UOP_EQ:
    case UOP_NE: vec_op(e, pcmpeq[lane], d, a, b); break;
    case UOP_SGT:
    case UOP_SLE: greater(e, lane, false, d, a, b); break;
    case UOP_SLT:
    case UOP_SGE: greater(e, lane, false, d, b, a); break;
    case UOP_UGE:
    case UOP_ULT:
        if (lane == 3) {
            greater(e, lane, true, d, b, a);
            if (u->sub == UOP_UGE) {
                invert(e, d);
            }
            return true;
        }
        vec_op(e, pmax[0][lane], d, a, b);
        vec_op(e, pcmpeq[lane], d, d, a);
        if (u->sub == UOP_ULT) {
            invert(e, d);
        }
        return true;
    case UOP_UGT:
    case UOP_ULE:
        if (lane == 3) {
            greater(e, lane, true, d, a, b);
        } else {
            vec_op(e, pmin[0][lane], d, a, b);
            vec_op(e, pcmpeq[lane], d, d, a); /* a <= b */
            if (u->sub == UOP_UGT) {
                invert(e, d);
            }
            return true;
        }
        break;
    case UOP_TST:
    case UOP_NTST:
        t = vec_tmp(e);
        vec_zero(e, t);
        vec_op(e, V_PAND, d, a, b);
        vec_op(e, pcmpeq[lane], d, d, t);
        if (u->sub == UOP_TST) {
            invert(e, d);
        }
        return true;
    default: return false;
    }
    if (u->sub == UOP_NE || u->sub == UOP_SLE || u->sub == UOP_SGE || u->sub == UOP_ULE) {
        invert(e, d);
    }
    return true;
}

/* ---- minimum, maximum, absolute difference --------------------------------------------------- */

/* d = min or max of x and y; 64-bit lanes without AVX-512 by comparison (d must differ from x and
 * y). */
static void min_max(Emit *e, unsigned lane, bool is_signed, bool max, int d, int x, int y)
{
    if (lane < 3 || vec_has(e, JIT_HOST_AVX512)) {
        vec_op(e, max ? pmax[is_signed][lane] : pmin[is_signed][lane], d, x, y);
        return;
    }
    int t = vec_tmp(e);
    greater(e, lane, !is_signed, t, x, y);
    vec_blend(e, d, max ? y : x, max ? x : y, t);
    vec_tmp_free(e, t);
}

static bool emit_min_max(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def(e, u);
    min_max(e, uop_lane_log2(u->type), u->sub & UOP_SIGNED, u->op == UOP_MAX, d, a, b);
    return true;
}

static bool emit_abd(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    int a = vec_use(e, u->a), b = vec_use(e, u->b), t = vec_tmp(e), d = vec_def(e, u);
    min_max(e, lane, u->sub & UOP_SIGNED, false, t, a, b);
    min_max(e, lane, u->sub & UOP_SIGNED, true, d, a, b);
    vec_op(e, psub[lane], d, d, t);
    return true;
}

/* ---- saturating addition and subtraction ----------------------------------------------------- */

/* Lanes of 32 and 64 bits: an overflow (sign of `over`) gives the sign of a, spread and flipped to
 * the extreme. */
static void saturate_signed(Emit *e, unsigned lane, int d, int sum, int a, int over)
{
    int t = vec_tmp(e);
    vec_sign_mask(e, lane, t, a);
    vec_op_const(e, V_PXOR, t, t, max_signed(lane));
    if (lane == 3) {
        vec_sign_mask(e, lane, over, over);
    } else {
        vec_shift(e, VEC_ASR, lane, over, over, 31);
    }
    vec_blend(e, d, sum, t, over);
    vec_tmp_free(e, t);
}

static void add_signed(Emit *e, unsigned lane, bool sub, int d, int a, int b)
{
    static const VecOp narrow[2][2] = {{V_PADDSB, V_PADDSW}, {V_PSUBSB, V_PSUBSW}};
    if (lane < 2) {
        vec_op(e, narrow[sub][lane], d, a, b);
        return;
    }
    int sum = vec_tmp(e), over = vec_tmp(e), t = vec_tmp(e);
    vec_op(e, sub ? psub[lane] : padd[lane], sum, a, b);
    vec_op(e, V_PXOR, over, a, sum);
    vec_op(e, V_PXOR, t, a, b);
    if (sub) {
        vec_op(e, V_PAND, over, over, t); /* signs of a and b differ, and a's and the result's */
    } else {
        vec_op(e, V_PANDN, over, t, over);
    }
    saturate_signed(e, lane, d, sum, a, over);
}

/* By comparison: a carry gives ones, a borrow zeros. d may be a in a subtraction. */
static void add_unsigned_quad(Emit *e, bool sub, int d, int a, int b)
{
    int t = vec_tmp(e);
    if (sub) {
        greater(e, 3, true, t, b, a);
        vec_op(e, V_PSUBQ, d, a, b);
        vec_op(e, V_PANDN, d, t, d);
    } else {
        vec_op(e, V_PADDQ, d, a, b);
        greater(e, 3, true, t, a, d);
        vec_op(e, V_POR, d, d, t);
    }
    vec_tmp_free(e, t);
}

static void add_unsigned(Emit *e, unsigned lane, bool sub, int d, int a, int b)
{
    static const VecOp narrow[2][2] = {{V_PADDUSB, V_PADDUSW}, {V_PSUBUSB, V_PSUBUSW}};
    if (lane < 2) {
        vec_op(e, narrow[sub][lane], d, a, b);
        return;
    }
    if (lane == 3 && !vec_has(e, JIT_HOST_AVX512)) {
        add_unsigned_quad(e, sub, d, a, b);
        return;
    }
    int t = vec_tmp(e), v = vec_tmp(e);
    if (sub) { /* max(a, b) - b */
        min_max(e, lane, false, true, t, a, b);
        vec_op(e, psub[lane], d, t, b);
    } else { /* min(a, ~b) + b */
        vec_op_const(e, V_PXOR, v, b, vec_repeat(3, ~UINT64_C(0)));
        min_max(e, lane, false, false, t, a, v);
        vec_op(e, padd[lane], d, t, b);
    }
    vec_tmp_free(e, t);
    vec_tmp_free(e, v);
}

static bool emit_add_sat(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    bool sub = u->op == UOP_SUBSAT;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def(e, u), t, v;
    switch (u->sub) {
    case UOP_SIGNED: add_signed(e, lane, sub, d, a, b); return true;
    case UOP_UNSIGNED: add_unsigned(e, lane, sub, d, a, b); return true;
    case UOP_SAT_SU: /* signed a: biased to unsigned and back */
        t = vec_tmp(e);
        vec_op_const(e, V_PXOR, t, a, sign_bits(lane));
        add_unsigned(e, lane, false, d, t, b);
        vec_op_const(e, V_PXOR, d, d, sign_bits(lane));
        return true;
    case UOP_SAT_US: /* add what is positive of b, then subtract what is negative */
        t = vec_tmp(e);
        v = vec_tmp(e);
        vec_sign_mask(e, lane, t, b);
        vec_op(e, V_PANDN, v, t, b);
        vec_op(e, V_PAND, t, b, t);
        add_unsigned(e, lane, false, d, a, v);
        vec_zero(e, v);
        vec_op(e, psub[lane], t, v, t);
        add_unsigned(e, lane, true, d, d, t);
        return true;
    default: return false;
    }
}

/* ---- halving --------------------------------------------------------------------------------- */

/* a + b = 2 (a & b) + (a ^ b) = 2 (a | b) - (a ^ b); a - b = (a ^ b) - 2 (~a & b). */
static bool emit_halving(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    bool is_signed = u->sub & UOP_SIGNED, round = u->sub & UOP_ROUND, sub = u->op == UOP_HSUB;
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    if (!sub && round && !is_signed && lane < 2) {
        vec_op(e, lane ? V_PAVGW : V_PAVGB, vec_def_over(e, u), a, b);
        return true;
    }
    int t = vec_tmp(e), d = vec_def(e, u);
    vec_op(e, V_PXOR, t, a, b);
    vec_shift(e, is_signed ? VEC_ASR : VEC_LSR, lane, t, t, 1);
    vec_op(e, sub ? V_PANDN : round ? V_POR : V_PAND, d, a, b);
    if (sub) {
        vec_op(e, psub[lane], d, t, d);
    } else {
        vec_op(e, round ? psub[lane] : padd[lane], d, d, t);
    }
    return true;
}

/* ---- selection ------------------------------------------------------------------------------- */

/* d = (a & c) | (b & ~c) */
static bool emit_bsel(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    if (vec_has(e, JIT_HOST_AVX512)) {
        int d = vec_def(e, u);
        vec_move(e, d, c);
        vec_op_imm(e, E(V_PTERNLOGQ_E), d, a, b, 0xca);
        return true;
    }
    int t = vec_tmp(e), d = vec_def(e, u);
    vec_op(e, V_PAND, t, a, c);
    vec_op(e, V_PANDN, d, c, b);
    vec_op(e, V_POR, d, d, t);
    return true;
}

/* ---- counting bits --------------------------------------------------------------------------- */

static V128 table16(const uint8_t t[16])
{
    V128 v;
    memcpy(&v, t, 16);
    return v;
}

/* d = lo[low nibble] of each byte of a, t = hi[high nibble]. */
static void nibble_tables(Emit *e, int d, int t, int a, const uint8_t lo[16], const uint8_t hi[16])
{
    int table = vec_tmp(e);
    vec_shift(e, VEC_LSR, 1, t, a, 4);
    vec_op_const(e, V_PAND, t, t, vec_repeat(0, 0x0f));
    vec_op_const(e, V_PAND, d, a, vec_repeat(0, 0x0f));
    vec_const(e, table, table16(lo));
    vec_op(e, V_PSHUFB, d, table, d);
    vec_const(e, table, table16(hi));
    vec_op(e, V_PSHUFB, t, table, t);
    vec_tmp_free(e, table);
}

static bool emit_popcnt(Emit *e, const Uop *u)
{
    static const uint8_t bits[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    if (uop_lane_log2(u->type) != 0) {
        return false;
    }
    int a = vec_use(e, u->a);
    if (vec_has(e, JIT_HOST_BITALG)) {
        vec_mov_op(e, E(V_POPCNTB_E), vec_def_over(e, u), a);
        return true;
    }
    int t = vec_tmp(e), d = vec_def(e, u);
    nibble_tables(e, d, t, a, bits, bits);
    vec_op(e, V_PADDB, d, d, t);
    return true;
}

/* Leading zeros of bytes: the high nibble's when it has a one, which then is the smaller. */
static void clz_bytes(Emit *e, int d, int a)
{
    static const uint8_t lo[16] = {8, 7, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4};
    static const uint8_t hi[16] = {8, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    int t = vec_tmp(e);
    nibble_tables(e, d, t, a, lo, hi);
    vec_op(e, V_PMINUB, d, d, t);
    vec_tmp_free(e, t);
}

/* From counts of half lanes to counts of lanes: those of the high half, plus those of the low half
 * where the high half is zero. */
static void clz_join(Emit *e, unsigned lane, int d)
{
    unsigned half = 4u << lane;
    int high = vec_tmp(e), t = vec_tmp(e);
    vec_shift(e, VEC_LSR, lane, high, d, half);
    vec_const(e, t, vec_repeat(lane, half));
    vec_op(e, pcmpeq[lane], t, t, high);
    vec_op(e, V_PAND, d, d, t);
    vec_op_const(e, V_PAND, d, d, vec_repeat(lane, (UINT64_C(1) << half) - 1));
    vec_op(e, padd[lane], d, d, high);
    vec_tmp_free(e, high);
    vec_tmp_free(e, t);
}

static void clz(Emit *e, unsigned lane, int d, int a)
{
    if (lane >= 2 && vec_has(e, JIT_HOST_AVX512)) {
        vec_mov_op(e, lane == 2 ? E(V_PLZCNTD_E) : E(V_PLZCNTQ_E), d, a);
        return;
    }
    clz_bytes(e, d, a);
    for (unsigned l = 1; l <= lane; l++) {
        clz_join(e, l, d);
    }
}

static bool emit_clz(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), d = vec_def(e, u);
    clz(e, uop_lane_log2(u->type), d, a);
    return true;
}

/* Bits equal to the sign, without it: leading zeros of a ^ sign, less one. */
static bool emit_cls(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    int a = vec_use(e, u->a), t = vec_tmp(e), d = vec_def(e, u);
    vec_sign_mask(e, lane, t, a);
    vec_op(e, V_PXOR, t, t, a);
    clz(e, lane, d, t);
    vec_op_const(e, padd[lane], d, d, vec_repeat(lane, ~UINT64_C(0)));
    return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

bool emit_vec_int(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    switch (u->op) {
    case UOP_ADD: return binary(e, u, padd[lane]);
    case UOP_SUB: return binary(e, u, psub[lane]);
    case UOP_AND: return binary(e, u, V_PAND);
    case UOP_OR: return binary(e, u, V_POR);
    case UOP_XOR: return binary(e, u, V_PXOR);
    case UOP_ANDN: return emit_andn(e, u);
    case UOP_NOT: return emit_not(e, u);
    case UOP_NEG: return emit_neg(e, u);
    case UOP_ABS: return emit_abs(e, u);
    case UOP_MUL: return emit_mul(e, u);
    case UOP_VCMP: return emit_vcmp(e, u);
    case UOP_MIN:
    case UOP_MAX: return emit_min_max(e, u);
    case UOP_ABD: return emit_abd(e, u);
    case UOP_ADDSAT:
    case UOP_SUBSAT: return emit_add_sat(e, u);
    case UOP_HADD:
    case UOP_HSUB: return emit_halving(e, u);
    case UOP_BSEL: return emit_bsel(e, u);
    case UOP_POPCNT: return emit_popcnt(e, u);
    case UOP_CLZ: return emit_clz(e, u);
    case UOP_CLS: return emit_cls(e, u);
    default: return false;
    }
}
