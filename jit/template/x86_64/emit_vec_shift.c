/*
 * emit_vec_shift.c - lane-wise shifts and rotates: by immediates, by lanes, rounding, saturating;
 * bits reversed.
 *
 * Bytes have no shifts of their own on the host. With GFNI one affine transformation by a constant
 * bit matrix does any of them, else words are shifted and masked.
 */
#include "jit/template/x86_64/vec.h"

static const VecOp padd[4] = {V_PADDB, V_PADDW, V_PADDD, V_PADDQ};
static const VecOp psub[4] = {V_PSUBB, V_PSUBW, V_PSUBD, V_PSUBQ};
static const VecOp pcmpeq[4] = {V_PCMPEQB, V_PCMPEQW, V_PCMPEQD, V_PCMPEQQ};
static const VecOp left_imm[4] = {0, V_PSLLW_I, V_PSLLD_I, V_PSLLQ_I};
static const VecOp right_imm[4] = {0, V_PSRLW_I, V_PSRLD_I, V_PSRLQ_I};

/* ---- shifts by an immediate ------------------------------------------------------------------ */

/* The matrix of a map of bits: from[i] is the source of bit i, negative for zero. Row for bit i
 * stands in byte 7 - i. */
static V128 bit_matrix(const int from[8])
{
    uint64_t m = 0;
    for (int i = 0; i < 8; i++) {
        if (from[i] >= 0) {
            m |= UINT64_C(1) << (8 * (7 - i) + from[i]);
        }
    }
    return vec_repeat(3, m);
}

static void shift_bytes(Emit *e, VecShift kind, int d, int s, int n)
{
    if (vec_has(e, JIT_HOST_GFNI)) {
        int from[8];
        for (int i = 0; i < 8; i++) {
            int at = kind == VEC_SHL ? i - n : i + n;
            from[i] = at < 8 ? at : kind == VEC_ASR ? 7 : -1;
        }
        vec_op_const_imm(e, V_GF2P8AFFINEQB, d, s, bit_matrix(from), 0);
    } else if (kind == VEC_SHL) {
        vec_shift_imm(e, V_PSLLW_I, d, s, (unsigned)n);
        vec_op_const(e, V_PAND, d, d, vec_repeat(0, 0xffu << n));
    } else {
        vec_shift_imm(e, V_PSRLW_I, d, s, (unsigned)n);
        vec_op_const(e, V_PAND, d, d, vec_repeat(0, 0xffu >> n));
        if (kind == VEC_ASR) { /* extend the sign, now bit 7 - n */
            vec_op_const(e, V_PXOR, d, d, vec_repeat(0, 0x80u >> n));
            vec_op_const(e, V_PSUBB, d, d, vec_repeat(0, 0x80u >> n));
        }
    }
}

/* Quadwords without AVX-512: the sign's copies above the logical shift. */
static void asr_quad(Emit *e, int d, int s, unsigned n)
{
    int t = vec_tmp(e);
    vec_zero(e, t);
    vec_op(e, V_PCMPGTQ, t, t, s);
    vec_shift_imm(e, V_PSLLQ_I, t, t, 64 - n);
    vec_shift_imm(e, V_PSRLQ_I, d, s, n);
    vec_op(e, V_POR, d, d, t);
    vec_tmp_free(e, t);
}

void vec_shift(Emit *e, VecShift kind, unsigned lane, int d, int s, unsigned n)
{
    unsigned bits = 8u << lane;
    if (n == 0) {
        vec_move(e, d, s);
    } else if (n >= bits && kind != VEC_ASR) {
        vec_zero(e, d);
    } else if (kind == VEC_ASR && n >= bits - 1) {
        vec_sign_mask(e, lane, d, s);
    } else if (lane == 0) {
        shift_bytes(e, kind, d, s, (int)n);
    } else if (kind == VEC_SHL) {
        vec_shift_imm(e, left_imm[lane], d, s, n);
    } else if (kind == VEC_LSR) {
        vec_shift_imm(e, right_imm[lane], d, s, n);
    } else if (lane < 3) {
        vec_shift_imm(e, lane == 1 ? V_PSRAW_I : V_PSRAD_I, d, s, n);
    } else if (vec_has(e, JIT_HOST_AVX512)) {
        vec_shift_imm(e, E(V_PSRAQ_I_E), d, s, n);
    } else {
        asr_quad(e, d, s, n);
    }
}

void vec_sign_mask(Emit *e, unsigned lane, int d, int s)
{
    if (lane == 1 || lane == 2) {
        vec_shift_imm(e, lane == 1 ? V_PSRAW_I : V_PSRAD_I, d, s, 8 * (1u << lane) - 1);
        return;
    }
    if (lane == 3 && vec_has(e, JIT_HOST_AVX512)) {
        vec_shift_imm(e, E(V_PSRAQ_I_E), d, s, 63);
        return;
    }
    int zero = vec_tmp(e);
    vec_zero(e, zero);
    vec_op(e, lane == 0 ? V_PCMPGTB : V_PCMPGTQ, d, zero, s);
    vec_tmp_free(e, zero);
}

static bool emit_shift(Emit *e, const Uop *u, VecShift kind)
{
    if (u->b != VAL_NONE) {
        return false;
    }
    int a = vec_use(e, u->a), d = vec_def(e, u);
    vec_shift(e, kind, uop_lane_log2(u->type), d, a, (unsigned)u->imm);
    return true;
}

static bool emit_rotate(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), bits = 8u << lane, n = (unsigned)u->imm & (bits - 1);
    if (u->b != VAL_NONE) {
        return false;
    }
    int a = vec_use(e, u->a);
    if (lane >= 2 && vec_has(e, JIT_HOST_AVX512)) {
        vec_shift_imm(e, lane == 2 ? E(V_PROLD_I_E) : E(V_PROLQ_I_E), vec_def_over(e, u), a,
                      (bits - n) & (bits - 1));
        return true;
    }
    int t = vec_tmp(e), d = vec_def(e, u);
    vec_shift(e, VEC_LSR, lane, t, a, n);
    vec_shift(e, VEC_SHL, lane, d, a, bits - n);
    vec_op(e, V_POR, d, d, t);
    return true;
}

static bool emit_bitrev(Emit *e, const Uop *u)
{
    static const int reversed[8] = {7, 6, 5, 4, 3, 2, 1, 0};
    if (uop_lane_log2(u->type) != 0) {
        return false;
    }
    int a = vec_use(e, u->a);
    if (vec_has(e, JIT_HOST_GFNI)) {
        vec_op_const_imm(e, V_GF2P8AFFINEQB, vec_def_over(e, u), a, bit_matrix(reversed), 0);
        return true;
    }
    /* Nibbles reversed by tables, and exchanged. */
    V128 lo, hi;
    for (unsigned i = 0; i < 16; i++) {
        unsigned r = (i & 1) << 3 | (i & 2) << 1 | (i & 4) >> 1 | (i & 8) >> 3;
        lo.u8[i] = (uint8_t)(r << 4);
        hi.u8[i] = (uint8_t)r;
    }
    int t = vec_tmp(e), table = vec_tmp(e), d = vec_def(e, u);
    vec_shift_imm(e, V_PSRLW_I, t, a, 4);
    vec_op_const(e, V_PAND, t, t, vec_repeat(0, 0x0f));
    vec_op_const(e, V_PAND, d, a, vec_repeat(0, 0x0f));
    vec_const(e, table, lo);
    vec_op(e, V_PSHUFB, d, table, d);
    vec_const(e, table, hi);
    vec_op(e, V_PSHUFB, t, table, t);
    vec_op(e, V_POR, d, d, t);
    return true;
}

/* ---- rounding and saturating, by an immediate ------------------------------------------------ */

/* (a >> n) + bit n - 1 of a. */
static bool emit_rshr(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), n = (unsigned)u->imm;
    int a = vec_use(e, u->a), t = vec_tmp(e), d = vec_def(e, u);
    vec_shift(e, VEC_LSR, lane, t, a, n - 1);
    vec_op_const(e, V_PAND, t, t, vec_repeat(lane, 1));
    vec_shift(e, u->sub & UOP_SIGNED ? VEC_ASR : VEC_LSR, lane, d, a, n);
    vec_op(e, padd[lane], d, d, t);
    return true;
}

/* What doesn't come back when shifted back has overflowed. */
static bool emit_shl_sat(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), n = (unsigned)u->imm;
    int a = vec_use(e, u->a), back = vec_tmp(e), t = vec_tmp(e), d = vec_def(e, u);
    vec_shift(e, VEC_SHL, lane, d, a, n);
    vec_shift(e, u->sub == UOP_SIGNED ? VEC_ASR : VEC_LSR, lane, back, d, n);
    vec_op(e, pcmpeq[lane], back, back, a);
    if (u->sub == UOP_SIGNED) {
        vec_sign_mask(e, lane, t, a);
        vec_op_const(e, V_PXOR, t, t, vec_repeat(lane, (UINT64_C(1) << ((8u << lane) - 1)) - 1));
        vec_blend(e, d, t, d, back);
        return true;
    }
    vec_op_const(e, V_PXOR, back, back, vec_repeat(3, ~UINT64_C(0)));
    vec_op(e, V_POR, d, d, back);
    if (u->sub == UOP_SAT_SU) { /* a negative one becomes 0 */
        vec_sign_mask(e, lane, t, a);
        vec_op(e, V_PANDN, d, t, d);
    }
    return true;
}

/* ---- by lanes -------------------------------------------------------------------------------- */

/* The host's shifts by lanes take the whole lane as an unsigned amount, and one of the width or
 * more gives 0 (or the sign). Words, and doublewords with their sign: AVX-512. */
static const VecOp left_var[4] = {0, E(V_PSLLVW_E), V_PSLLVD, V_PSLLVQ};
static const VecOp right_var[4] = {0, E(V_PSRLVW_E), V_PSRLVD, V_PSRLVQ};
static const VecOp asr_var[4] = {0, E(V_PSRAVW_E), V_PSRAVD, E(V_PSRAVQ_E)};

/* d = s shifted right by `by`. d may be `by`. */
static void right_by(Emit *e, unsigned lane, bool is_signed, int d, int s, int by)
{
    if (!is_signed || lane != 3 || vec_has(e, JIT_HOST_AVX512)) {
        vec_op(e, is_signed ? asr_var[lane] : right_var[lane], d, s, by);
        return;
    }
    int sign = vec_tmp(e),
        t = vec_tmp(e); /* negative ones: the complement of the complement's shift */
    vec_sign_mask(e, lane, sign, s);
    vec_op(e, V_PXOR, t, s, sign);
    vec_op(e, V_PSRLVQ, d, t, by);
    vec_op(e, V_PXOR, d, d, sign);
    vec_tmp_free(e, sign);
    vec_tmp_free(e, t);
}

/* d = s shifted by the signed low bytes of `by`: left when positive, right (rounding) when
 * negative. d, s, by are different registers. */
static void shift_by_lanes(Emit *e, unsigned lane, bool is_signed, bool round, int d, int s, int by)
{
    int r = vec_tmp(e), t = vec_tmp(e);
    vec_zero(e, t);
    vec_op(e, psub[lane], r, t, by);
    vec_op_const(e, V_PAND, r, r,
                 vec_repeat(lane, 0xff)); /* 129 .. 255 where `by` is positive, 0 where it's 0 */
    vec_op_const(e, V_PAND, t, by, vec_repeat(lane, 0xff)); /* 128 .. 255 where it's negative */
    vec_op(e, left_var[lane], d, s, t);
    if (round) { /* the last bit shifted out */
        vec_op_const(e, padd[lane], t, r, vec_repeat(lane, ~UINT64_C(0)));
        right_by(e, lane, is_signed, t, s, t);
        vec_op_const(e, V_PAND, t, t, vec_repeat(lane, 1));
    }
    right_by(e, lane, is_signed, r, s, r);
    if (round) {
        vec_op(e, padd[lane], r, r, t);
    }
    if (is_signed || round) { /* r only where `by` is negative */
        vec_shift(e, VEC_SHL, lane, t, by, (8u << lane) - 8);
        vec_sign_mask(e, lane, t, t);
        vec_op(e, V_PAND, r, r, t);
    }
    vec_op(e, V_POR, d, d, r);
    vec_tmp_free(e, r);
    vec_tmp_free(e, t);
}

/* d, the result of shift_by_lanes, saturated where a left shift lost bits. */
static void saturate_lost(Emit *e, unsigned lane, bool is_signed, int d, int s, int by)
{
    int t = vec_tmp(e), kept = vec_tmp(e);
    vec_op_const(e, V_PAND, t, by, vec_repeat(lane, 0xff));
    vec_op(e, left_var[lane], kept, s, t);
    right_by(e, lane, is_signed, kept, kept, t);
    vec_op(e, pcmpeq[lane], kept, kept, s);
    vec_shift(e, VEC_SHL, lane, t, by, (8u << lane) - 8);
    vec_sign_mask(e, lane, t, t);
    vec_op(e, V_POR, kept, kept, t); /* ones: a right shift, or nothing lost */
    if (is_signed) {
        vec_sign_mask(e, lane, t, s);
        vec_op_const(e, V_PXOR, t, t, vec_repeat(lane, (UINT64_C(1) << ((8u << lane) - 1)) - 1));
    } else {
        vec_const(e, t, vec_repeat(3, ~UINT64_C(0)));
    }
    vec_blend(e, d, t, d, kept);
    vec_tmp_free(e, t);
    vec_tmp_free(e, kept);
}

/*
 * Bytes go through words (words, without AVX-512, through doublewords) with the lane on top: lefts
 * lose what they must, and of a right shift the bit below the lane is the one to round by. `by` is
 * in both halves; only its low byte counts.
 */
static bool shlv_wider(Emit *e, const Uop *u, unsigned lane)
{
    static const VecOp low[2] = {V_PUNPCKLBW, V_PUNPCKLWD}, high[2] = {V_PUNPCKHBW, V_PUNPCKHWD};
    static const VecOp pack[2] = {V_PACKUSWB, V_PACKUSDW};
    bool is_signed = u->sub & UOP_SIGNED;
    unsigned bits = 8u << lane;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def(e, u);
    int second = vec_tmp(e), s = vec_tmp(e), by = vec_tmp(e);
    for (int h = 0; h < 2; h++) {
        int r = h ? second : d;
        vec_zero(e, s);
        vec_op(e, h ? high[lane] : low[lane], s, s, a);
        vec_op(e, h ? high[lane] : low[lane], by, b, b);
        shift_by_lanes(e, lane + 1, is_signed, false, r, s, by);
        if (u->sub & UOP_ROUND) { /* lefts have zeros there */
            vec_op_const(e, padd[lane + 1], r, r, vec_repeat(lane + 1, UINT64_C(1) << (bits - 1)));
        }
        if (u->sub & UOP_SAT) {
            saturate_lost(e, lane + 1, is_signed, r, s, by);
        }
        vec_shift_imm(e, right_imm[lane + 1], r, r, bits);
    }
    vec_op(e, pack[lane], d, d, second);
    return true;
}

static bool emit_shlv(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    if (lane == 0 && !vec_has(e, JIT_HOST_AVX512)) {
        return fp_by_softfp(e, u);
    }
    if (lane < (vec_has(e, JIT_HOST_AVX512) ? 1u : 2u)) {
        return shlv_wider(e, u, lane);
    }
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def(e, u);
    shift_by_lanes(e, lane, u->sub & UOP_SIGNED, u->sub & UOP_ROUND, d, a, b);
    if (u->sub & UOP_SAT) {
        saturate_lost(e, lane, u->sub & UOP_SIGNED, d, a, b);
    }
    return true;
}

bool emit_vec_shift(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_SHL: return emit_shift(e, u, VEC_SHL);
    case UOP_LSR: return emit_shift(e, u, VEC_LSR);
    case UOP_ASR: return emit_shift(e, u, VEC_ASR);
    case UOP_ROR: return emit_rotate(e, u);
    case UOP_BITREV: return emit_bitrev(e, u);
    case UOP_RSHR: return emit_rshr(e, u);
    case UOP_SHLSAT: return emit_shl_sat(e, u);
    case UOP_SHLV: return emit_shlv(e, u);
    default: return false;
    }
}
