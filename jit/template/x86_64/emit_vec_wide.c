/*
 * emit_vec_wide.c - lanes widened and narrowed; products of twice the width, their high halves, dot
 * products.
 *
 * size: log2 of the bytes of the narrow lanes.
 */
#include "jit/template/x86_64/vec.h"

static const VecOp sign_extend[3] = {V_PMOVSXBW, V_PMOVSXWD, V_PMOVSXDQ};
static const VecOp zero_extend[3] = {V_PMOVZXBW, V_PMOVZXWD, V_PMOVZXDQ};

/* ---- widening -------------------------------------------------------------------------------- */

/* d = the low or high half of s, widened; d may be s. */
static void widen(Emit *e, unsigned size, bool is_signed, bool high, int d, int s)
{
    if (high) {
        vec_mov_op_imm(e, V_PSHUFD, d, s, 0xee);
        s = d;
    }
    vec_mov_op(e, is_signed ? sign_extend[size] : zero_extend[size], d, s);
}

static bool emit_widen(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), d = vec_def_over(e, u);
    widen(e, uop_lane_log2((uint8_t)u->c), u->sub & UOP_SIGNED, u->flags & UOPF_HIGH, d, a);
    return true;
}

/* ---- narrowing: all of these leave zeros above the result ------------------------------------ */

/* d = the low halves of s's lanes, together. */
static void compress(Emit *e, unsigned size, int d, int s)
{
    static const uint64_t low_halves[3] = {
        UINT64_C(0x0e0c0a0806040200), UINT64_C(0x0d0c090805040100), UINT64_C(0x0b0a090803020100)};
    vec_op_const(e, V_PSHUFB, d, s, vec_pair(low_halves[size], ~UINT64_C(0)));
}

/* Doublewords that fit are all zeros in the upper half (after the negative ones are cleared, for
 * signed to unsigned). */
static void narrow_quads_unsigned(Emit *e, bool from_signed, int d, int a)
{
    int t = vec_tmp(e), zero = vec_tmp(e);
    vec_zero(e, zero);
    if (from_signed) {
        vec_op(e, V_PCMPGTQ, t, zero, a);
        vec_op(e, V_PANDN, d, t, a);
        a = d;
    }
    vec_mov_op_imm(e, V_PSHUFD, t, a, 0xf5);
    vec_op(e, V_PCMPEQD, t, t, zero); /* fits */
    vec_op(e, V_PCMPEQD, zero, zero, zero);
    vec_op(e, V_PANDN, t, t, zero);
    vec_op(e, V_POR, d, a, t);
    compress(e, 2, d, d);
}

/* Those that fit have the low half's sign all over the upper half; else the extreme of the whole
 * number's sign. */
static void narrow_quads_signed(Emit *e, int d, int a)
{
    int low = vec_tmp(e), fits = vec_tmp(e);
    vec_mov_op_imm(e, V_PSHUFD, low, a, 0xa0);
    vec_mov_op_imm(e, V_PSHUFD, d, a, 0xf5);
    vec_shift_imm(e, V_PSRAD_I, fits, low, 31);
    vec_op(e, V_PCMPEQD, fits, fits, d);
    vec_shift_imm(e, V_PSRAD_I, d, d, 31);
    vec_op_const(e, V_PXOR, d, d, vec_repeat(2, 0x7fffffff));
    vec_blend(e, d, d, low, fits);
    compress(e, 2, d, d);
}

static void narrow_quads(Emit *e, unsigned kind, int d, int a)
{
    if (!vec_has(e, JIT_HOST_AVX512)) {
        if (kind == UOP_NARROW_SAT_S) {
            narrow_quads_signed(e, d, a);
        } else {
            narrow_quads_unsigned(e, kind == UOP_NARROW_SAT_SU, d, a);
        }
        return;
    }
    if (kind == UOP_NARROW_SAT_SU) {
        int zero = vec_tmp(e);
        vec_zero(e, zero);
        vec_op(e, E(V_PMAXSQ_E), d, a, zero);
        a = d;
    }
    vec_mov_op(e, kind == UOP_NARROW_SAT_S ? E(V_PMOVSQD_E) : E(V_PMOVUSQD_E), a,
               d); /* the source is the first */
}

static bool emit_narrow(Emit *e, const Uop *u)
{
    static const VecOp pack[2][2] = {{V_PACKUSWB, V_PACKUSDW}, {V_PACKSSWB, V_PACKSSDW}};
    static const VecOp min_unsigned[2] = {V_PMINUW, V_PMINUD};
    unsigned size = uop_lane_log2(u->type);
    int a = vec_use(e, u->a), d;
    if (u->sub == UOP_NARROW_TRUNC) {
        compress(e, size, d = vec_def_over(e, u), a);
    } else if (size == 2) {
        narrow_quads(e, u->sub, d = vec_def(e, u), a);
    } else {
        int zero = vec_tmp(e);
        d = vec_def_over(e, u);
        if (u->sub == UOP_NARROW_SAT_U) { /* below what the pack takes for negative */
            vec_op_const(e, min_unsigned[size], d, a, vec_repeat(size + 1, size ? 0xffff : 0xff));
            a = d;
        }
        vec_zero(e, zero);
        vec_op(e, pack[u->sub == UOP_NARROW_SAT_S][size], d, a, zero);
    }
    ra_set_upper_zero(e, u->dst);
    return true;
}

/* ---- products of twice the width ------------------------------------------------------------- */

static bool emit_wmul(Emit *e, const Uop *u)
{
    unsigned size = uop_lane_log2((uint8_t)u->c);
    bool is_signed = u->sub & UOP_SIGNED, high = u->flags & UOPF_HIGH;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), t = vec_tmp(e), d = vec_def(e, u);
    switch (size) {
    case 0:
        widen(e, 0, is_signed, high, t, a);
        widen(e, 0, is_signed, high, d, b);
        vec_op(e, V_PMULLW, d, d, t);
        return true;
    case 1:
        vec_op(e, V_PMULLW, t, a, b);
        vec_op(e, is_signed ? V_PMULHW : V_PMULHUW, d, a, b);
        vec_op(e, high ? V_PUNPCKHWD : V_PUNPCKLWD, d, t, d);
        return true;
    default:
        vec_mov_op_imm(e, V_PSHUFD, t, a, high ? 0xfa : 0x50);
        vec_mov_op_imm(e, V_PSHUFD, d, b, high ? 0xfa : 0x50);
        vec_op(e, is_signed ? V_PMULDQ : V_PMULUDQ, d, d, t);
        return true;
    }
}

/* ---- the high half of twice the product ------------------------------------------------------ */

/* (2 a b + rounding) >> 32 = (a b + rounding / 2) >> 31, even and odd lanes apart. */
static void mulh_words(Emit *e, bool round, int d, int a, int b)
{
    int t = vec_tmp(e), odd = vec_tmp(e);
    vec_op(e, V_PMULDQ, d, a, b);
    vec_shift_imm(e, V_PSRLQ_I, t, a, 32);
    vec_shift_imm(e, V_PSRLQ_I, odd, b, 32);
    vec_op(e, V_PMULDQ, odd, odd, t);
    if (round) {
        vec_const(e, t, vec_repeat(3, UINT64_C(1) << 30));
        vec_op(e, V_PADDQ, d, d, t);
        vec_op(e, V_PADDQ, odd, odd, t);
    }
    vec_shift_imm(e, V_PSRLQ_I, d, d, 31);
    vec_op(e, V_PADDQ, odd, odd, odd);
    vec_op_imm(e, V_PBLENDW, d, d, odd, 0xcc);
}

/* The smallest number comes out only as its own square, which is to be the largest: all bits
 * flipped. */
static bool emit_mulhsat(Emit *e, const Uop *u)
{
    bool round = u->sub & UOP_ROUND, words = uop_lane(u->type) == LANE_I32;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), t = vec_tmp(e), d = vec_def(e, u);
    if (words) {
        mulh_words(e, round, d, a, b);
    } else if (round) {
        vec_op(e, V_PMULHRSW, d, a, b);
    } else {
        vec_op(e, V_PMULLW, t, a, b);
        vec_op(e, V_PMULHW, d, a, b);
        vec_shift_imm(e, V_PSRLW_I, t, t, 15);
        vec_op(e, V_PADDW, d, d, d);
        vec_op(e, V_POR, d, d, t);
    }
    vec_op_const(e, words ? V_PCMPEQD : V_PCMPEQW, t, d,
                 words ? vec_repeat(2, 0x80000000) : vec_repeat(1, 0x8000));
    vec_op(e, V_PXOR, d, d, t);
    return true;
}

/* ---- dot products ---------------------------------------------------------------------------- */

/*
 * d += four products of bytes in each doubleword. The host multiplies unsigned bytes of x with
 * signed ones of y: other kinds flip the top bit of the operand that is of the wrong kind, which
 * moves it by 128, and take 128 times the sum of the other one back.
 */
static void dot_vnni(Emit *e, unsigned kind, int d, int x, int y, int t1, int t2)
{
    V128 tops = vec_repeat(0, 0x80);
    if (kind == UOP_DOT_US) {
        vec_op(e, E(V_PDPBUSD_E), d, x, y);
        return;
    }
    vec_op_const(e, V_PXOR, t1, kind == UOP_DOT_SS ? x : y, tops);
    vec_op(e, E(V_PDPBUSD_E), d, kind == UOP_DOT_SS ? t1 : x, kind == UOP_DOT_SS ? y : t1);
    vec_zero(e, t1);
    vec_const(e, t2, tops);
    vec_op(e, E(V_PDPBUSD_E), t1, kind == UOP_DOT_SS ? t2 : x, kind == UOP_DOT_SS ? y : t2);
    vec_op(e, V_PSUBD, d, d, t1);
}

/* The even (odd) bytes as words. */
static void half_bytes(Emit *e, bool is_signed, bool odd, int d, int s)
{
    if (!odd) {
        vec_shift_imm(e, V_PSLLW_I, d, s, 8);
        s = d;
    }
    vec_shift_imm(e, is_signed ? V_PSRAW_I : V_PSRLW_I, d, s, 8);
}

static void dot_words(Emit *e, unsigned kind, int d, int x, int y, int t1, int t2)
{
    for (int odd = 0; odd < 2; odd++) {
        half_bytes(e, kind == UOP_DOT_SS, odd, t1, x);
        half_bytes(e, kind != UOP_DOT_UU, odd, t2, y);
        vec_op(e, V_PMADDWD, t1, t1, t2);
        vec_op(e, V_PADDD, d, d, t1);
    }
}

static void dot(Emit *e, unsigned kind, int d, int x, int y, int t1, int t2)
{
    (vec_has(e, JIT_HOST_AVX512 | JIT_HOST_VNNI) ? dot_vnni : dot_words)(e, kind, d, x, y, t1, t2);
}

static bool emit_dot(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), t1 = vec_tmp(e),
        t2 = vec_tmp(e), d = vec_def(e, u);
    vec_move(e, d, a);
    dot(e, u->sub, d, b, c, t1, t2);
    return true;
}

/* Rows of b and c are eight bytes: the first, then the last four of each, lanes of the result
 * ordered (b0 c0) (b0 c1) (b1 c0) (b1 c1). */
static bool emit_dotmm(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    int t1 = vec_tmp(e), t2 = vec_tmp(e), x = vec_tmp(e), y = vec_tmp(e), d = vec_def(e, u);
    vec_move(e, d, a);
    for (int half = 0; half < 2; half++) {
        vec_mov_op_imm(e, V_PSHUFD, x, b, half ? 0xf5 : 0xa0);
        vec_mov_op_imm(e, V_PSHUFD, y, c, half ? 0xdd : 0x88);
        dot(e, u->sub, d, x, y, t1, t2);
    }
    return true;
}

bool emit_vec_wide(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_WIDEN: return emit_widen(e, u);
    case UOP_NARROW: return emit_narrow(e, u);
    case UOP_WMUL: return emit_wmul(e, u);
    case UOP_MULHSAT: return emit_mulhsat(e, u);
    case UOP_DOT: return emit_dot(e, u);
    case UOP_DOTMM: return emit_dotmm(e, u);
    default: return false;
    }
}
