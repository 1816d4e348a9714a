/* emit_vec_table.c - table lookups, and reductions across lanes. */
#include "jit/template/x86_64/vec.h"

/* ---- tables ---------------------------------------------------------------------------------- */

/*
 * The host's shuffle gives zero where the top bit of an index is set, and looks at the low four
 * bits else: adding 0x70 with saturation sets the top bit of 16 and more. Lanes with it take c's.
 */
static bool emit_tbl(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = u->c == VAL_NONE ? -1 : vec_use(e, u->c);
    int index = vec_tmp(e), d = vec_def(e, u);
    if (u->imm) {
        vec_op_const(e, V_PADDB, index, b, vec_repeat(0, (uint64_t)-u->imm));
        b = index;
    }
    vec_op_const(e, V_PADDUSB, index, b, vec_repeat(0, 0x70));
    vec_op(e, V_PSHUFB, d, a, index);
    if (c >= 0) {
        vec_blend(e, d, d, c, index);
    }
    return true;
}

/* ---- reductions: halves of the register are combined until lane 0 has everything ------------- */

static const VecOp padd[4] = {V_PADDB, V_PADDW, V_PADDD, V_PADDQ};
static const VecOp extremes[4][3] = {
    [0] = {V_PMAXSB, V_PMAXSW, V_PMAXSD},
    [UOP_REDUCE_SMIN - UOP_REDUCE_SMAX] = {V_PMINSB, V_PMINSW, V_PMINSD},
    [UOP_REDUCE_UMAX - UOP_REDUCE_SMAX] = {V_PMAXUB, V_PMAXUW, V_PMAXUD},
    [UOP_REDUCE_UMIN - UOP_REDUCE_SMAX] = {V_PMINUB, V_PMINUW, V_PMINUD},
};

/* d = op over all lanes of d, in lane 0. */
static void fold(Emit *e, VecOp op, unsigned lane, int d, int t)
{
    vec_mov_op_imm(e, V_PSHUFD, t, d, 0x4e);
    vec_op(e, op, d, d, t);
    if (lane <= 2) {
        vec_mov_op_imm(e, V_PSHUFD, t, d, 0xb1);
        vec_op(e, op, d, d, t);
    }
    if (lane <= 1) {
        vec_mov_op_imm(e, V_PSHUFLW, t, d, 0xb1);
        vec_op(e, op, d, d, t);
    }
    if (lane == 0) {
        vec_shift_imm(e, V_PSRLW_I, t, d, 8);
        vec_op(e, op, d, d, t);
    }
}

/* Zeros above lane 0. */
static void keep_lane0(Emit *e, unsigned lane, int d)
{
    if (lane >= 2) {
        vec_op_imm(e, V_INSERTPS, d, d, d, lane == 2 ? 0x0e : 0x0c);
    } else {
        vec_op_const(e, V_PAND, d, d, vec_pair(lane ? 0xffff : 0xff, 0));
    }
}

/* d = sums of s's lanes in pairs, or in eights for bytes, of at least twice the width; s has
 * `bytes` bytes that count, and zeros above. */
static void add_neighbours(Emit *e, unsigned lane, bool is_signed, unsigned bytes, int d, int s,
                           int t)
{
    if (lane == 0) {
        if (is_signed) { /* each byte moved up by 128, and the sum of a word's width down again */
            vec_op_const(e, V_PXOR, d, s,
                         vec_pair(UINT64_C(0x8080808080808080),
                                  bytes == 16 ? UINT64_C(0x8080808080808080) : 0));
            s = d;
        }
        vec_zero(e, t);
        vec_op(e, V_PSADBW, d, s, t);
        if (is_signed) {
            vec_op_const(e, V_PSUBD, d, d, vec_pair(1024, bytes == 16 ? 1024 : 0));
        }
    } else if (lane == 1 && is_signed) {
        vec_op_const(e, V_PMADDWD, d, s, vec_repeat(1, 1));
    } else if (lane == 1) {
        vec_shift_imm(e, V_PSRLD_I, t, s, 16);
        vec_op_const(e, V_PAND, d, s, vec_repeat(2, 0xffff));
        vec_op(e, V_PADDD, d, d, t);
    } else {
        vec_mov_op_imm(e, V_PSHUFD, t, s, 0xee);
        vec_mov_op(e, is_signed ? V_PMOVSXDQ : V_PMOVZXDQ, t, t);
        vec_mov_op(e, is_signed ? V_PMOVSXDQ : V_PMOVZXDQ, d, s);
        vec_op(e, V_PADDQ, d, d, t);
    }
}

static bool emit_reduce(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), bytes = uop_type_bytes(u->type);
    bool sum = u->sub == UOP_REDUCE_ADD,
         wide = u->sub == UOP_REDUCE_SADDL || u->sub == UOP_REDUCE_UADDL;
    if (lane == 3 && !sum) {
        return false;
    }
    int a = vec_use(e, u->a), t = vec_tmp(e), d = vec_def(e, u);
    if (bytes == 16) {
        vec_move(e, d, a);
    } else if (sum || wide) {
        vec_mov_op(e, V_MOVQ, d, a);
    } else {
        vec_op(e, V_PUNPCKLQDQ, d, a, a);
    }
    if (wide || (sum && lane == 0)) {
        add_neighbours(e, lane, u->sub == UOP_REDUCE_SADDL, bytes, d, d, t);
        fold(e, lane == 2 ? V_PADDQ : V_PADDD, lane == 1 ? 2 : 3, d, t);
        keep_lane0(e, sum ? 0 : lane + 1, d);
    } else {
        fold(e, sum ? padd[lane] : extremes[u->sub - UOP_REDUCE_SMAX][lane], lane, d, t);
        keep_lane0(e, lane, d);
    }
    if (bytes == 8) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

bool emit_vec_table(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_TBL: return emit_tbl(e, u);
    case UOP_REDUCE: return emit_reduce(e, u);
    default: return false;
    }
}
