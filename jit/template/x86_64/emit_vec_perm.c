/*
 * emit_vec_perm.c - moving lanes: between registers, within them, to and from general registers.
 *
 * Lanes are indexed by the log2 of their bytes: 0 b, 1 w, 2 d, 3 q. In a 64-bit vector only the low
 * half of the register counts.
 */
#include "jit/template/x86_64/vec.h"

static bool is_half(uint8_t type)
{
    return uop_type_bytes(type) == 8;
}

/* The control of a byte shuffle; 0x80 makes a zero. */
static V128 byte_map(const uint8_t from[16])
{
    V128 v;
    memcpy(&v, from, 16);
    return v;
}

/* ---- other names of the same bits ------------------------------------------------------------ */

static bool emit_bitcast(Emit *e, const Uop *u)
{
    ra_alias(e, u->dst, u->a);
    return true;
}

/* I64x2 = a with nothing above it. */
static bool emit_zextv(Emit *e, const Uop *u)
{
    uint8_t from = uop_operand_type(u, 0);
    if (uop_is_int(from)) {
        unsigned g = ra_use_g(e, u->a);
        asm_movq_xr(&e->a, from == T_I64 ? 3 : 2, (unsigned)vec_def(e, u), g);
        return true;
    }
    int a = vec_use(e, u->a);
    if (ra_upper_zero(e, u->a)) {
        ra_alias(e, u->dst, u->a);
        return true;
    }
    switch (uop_type_bytes(from)) {
    case 8: vec_mov_op(e, V_MOVQ, vec_def_over(e, u), a); return true;
    case 4: vec_op_imm(e, V_INSERTPS, vec_def_over(e, u), a, a, 0x0e); return true;
    default: vec_op_const(e, V_PAND, vec_def_over(e, u), a, vec_pair(0xffff, 0)); return true;
    }
}

static bool emit_vconst(Emit *e, const Uop *u)
{
    vec_const(e, vec_def(e, u), e->ub->pool[u->imm]);
    return true;
}

/* ---- one value in all lanes ------------------------------------------------------------------ */

static const VecOp broadcast[4] = {V_PBROADCASTB, V_PBROADCASTW, V_PBROADCASTD, V_PBROADCASTQ};

static bool emit_splat(Emit *e, const Uop *u)
{
    static const VecOp from_general[4] = {E(V_PBROADCASTB_R_E), E(V_PBROADCASTW_R_E),
                                          E(V_PBROADCASTD_R_E), E(V_PBROADCASTQ_R_E)};
    unsigned lane = uop_lane_log2(u->type);
    if (uop_is_float(u->type)) {
        int a = vec_use(e, u->a);
        vec_mov_op(e, broadcast[lane], vec_def_over(e, u), a);
        return true;
    }
    int g = (int)ra_use_g(e, u->a), d = vec_def(e, u);
    if (vec_has(e, JIT_HOST_AVX512)) {
        vec_mov_op(e, from_general[lane], d, g);
    } else {
        asm_movq_xr(&e->a, lane == 3 ? 3 : 2, (unsigned)d, (unsigned)g);
        vec_mov_op(e, broadcast[lane], d, d);
    }
    return true;
}

static bool emit_splat_lane(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), n = (unsigned)u->imm;
    int a = vec_use(e, u->a), d = vec_def_over(e, u);
    if (n == 0) {
        vec_mov_op(e, broadcast[lane], d, a);
    } else if (lane == 3) {
        vec_mov_op_imm(e, V_PSHUFD, d, a, 0xee);
    } else if (lane == 2) {
        vec_mov_op_imm(e, V_PSHUFD, d, a, n * 0x55);
    } else {
        V128 map = lane ? vec_repeat(1, (2 * n) | (2 * n + 1) << 8) : vec_repeat(0, n);
        vec_op_const(e, V_PSHUFB, d, a, map);
    }
    return true;
}

/* ---- single lanes ---------------------------------------------------------------------------- */

static void get_lane(Emit *e, unsigned lane, unsigned g, int x, unsigned n)
{
    if (lane >= 2 && n == 0) {
        asm_movq_rx(&e->a, lane, g, (unsigned)x);
    } else if (lane == 1) {
        asm_v2i(&e->a, V_PEXTRW_R, g, (unsigned)x, n);
    } else {
        static const VecOp extract[4] = {V_PEXTRB, 0, V_PEXTRD, V_PEXTRQ};
        asm_v2i(&e->a, extract[lane], (unsigned)x, g, n);
    }
}

static bool emit_get_lane(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(uop_operand_type(u, 0));
    int x = vec_use(e, u->a);
    unsigned d = ra_def_g(e, u->dst);
    get_lane(e, lane, d, x, (unsigned)u->imm);
    if (u->flags & UOPF_SIGNED && lane < (u->type == T_I64 ? 3u : 2u)) {
        asm_movsx_rr(&e->a, u->type == T_I64 ? 3 : 2, lane, d, d);
    } else if (lane < 3) {
        ra_set_upper_zero(e, u->dst);
    }
    return true;
}

static void insert_general(Emit *e, unsigned lane, int d, int a, unsigned g, unsigned n)
{
    static const VecOp insert[4] = {V_PINSRB, V_PINSRW, V_PINSRD, V_PINSRQ};
    vec_op_imm(e, insert[lane], d, a, (int)g, n);
}

/* d = a with lane n the low lane of b; words by a blend with b spread. */
static void insert_low(Emit *e, unsigned lane, int d, int a, int b, unsigned n)
{
    if (lane == 3) {
        vec_op(e, n ? V_PUNPCKLQDQ : V_MOVSD, d, a, b);
    } else if (lane == 2) {
        vec_op_imm(e, V_INSERTPS, d, a, b, n << 4);
    } else {
        int t = vec_tmp(e);
        vec_mov_op(e, V_PBROADCASTW, t, b);
        vec_op_imm(e, V_PBLENDW, d, a, t, 1u << n);
    }
}

static bool is_zero(const Emit *e, Val v)
{
    uint64_t bits;
    return emit_is_const(e, v, &bits) && bits == 0;
}

static bool emit_set_lane(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), n = (unsigned)u->imm;
    if (uop_is_float(u->type)) {
        int a = vec_use(e, u->a), b = vec_use(e, u->b);
        insert_low(e, lane, vec_def(e, u), a, b, n);
        return true;
    }
    if (lane >= 2 && n == 0 && is_zero(e, u->a)) {
        unsigned g = ra_use_g(e, u->b);
        asm_movq_xr(&e->a, lane, (unsigned)vec_def(e, u), g);
        return true;
    }
    int a = vec_use(e, u->a);
    unsigned g = ra_use_g(e, u->b);
    insert_general(e, lane, vec_def_over(e, u), a, g, n);
    return true;
}

/* a with lane `to` = lane `from` of b. */
static bool emit_ins_lane(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), to = (unsigned)u->imm & 255,
             from = (unsigned)u->imm >> 8;
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    if (lane == 3) {
        int d = vec_def(e, u);
        if (from == to) {
            vec_op_imm(e, V_PBLENDW, d, a, b, to ? 0xf0 : 0x0f);
        } else if (to) {
            vec_op(e, V_PUNPCKLQDQ, d, a, b);
        } else {
            vec_op_imm(e, V_SHUFPD, d, b, a, 3);
        }
    } else if (lane == 2) {
        vec_op_imm(e, V_INSERTPS, vec_def(e, u), a, b, from << 6 | to << 4);
    } else if (lane == 1 && from == to) {
        vec_op_imm(e, V_PBLENDW, vec_def(e, u), a, b, 1u << to);
    } else {
        unsigned g = ra_tmp_g(e);
        get_lane(e, lane, g, b, from);
        insert_general(e, lane, vec_def(e, u), a, g, to);
    }
    return true;
}

/* ---- interleaving ---------------------------------------------------------------------------- */

static const VecOp unpack_low[4] = {V_PUNPCKLBW, V_PUNPCKLWD, V_PUNPCKLDQ, V_PUNPCKLQDQ};
static const VecOp unpack_high[4] = {V_PUNPCKHBW, V_PUNPCKHWD, V_PUNPCKHDQ, V_PUNPCKHQDQ};

/* Of 64-bit vectors, the second half of the interleaved lanes is the high half of what unpacking
 * the low ones gives. */
static bool emit_zip(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    bool second = u->op == UOP_ZIP2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def_over(e, u);
    vec_op(e, second && !is_half(u->type) ? unpack_high[lane] : unpack_low[lane], d, a, b);
    if (second && is_half(u->type)) {
        vec_mov_op_imm(e, V_PSHUFD, d, d, 0xee);
    }
    return true;
}

/* The even or odd lanes of a (then b): 64-bit vectors are joined first. */
static void unzip_half(Emit *e, const Uop *u, unsigned lane, bool odd, int a, int b)
{
    int d = vec_def(e, u);
    if (lane == 2) {
        vec_op(e, V_PUNPCKLDQ, d, a, b);
        if (odd) {
            vec_mov_op_imm(e, V_PSHUFD, d, d, 0xee);
        }
        return;
    }
    uint8_t from[16];
    for (unsigned i = 0; i < 16; i++) {
        unsigned element = 2 * (i >> lane) + odd;
        from[i] = i < 8 ? (uint8_t)((element << lane) + (i & ((1u << lane) - 1))) : 0x80;
    }
    vec_op(e, V_PUNPCKLQDQ, d, a, b);
    vec_op_const(e, V_PSHUFB, d, d, byte_map(from));
    ra_set_upper_zero(e, u->dst);
}

static bool emit_unzip(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    bool odd = u->op == UOP_UZP2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    if (is_half(u->type)) {
        unzip_half(e, u, lane, odd, a, b);
    } else if (lane == 3) {
        vec_op(e, odd ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, vec_def(e, u), a, b);
    } else if (lane == 2) {
        vec_op_imm(e, V_SHUFPS, vec_def(e, u), a, b, odd ? 0xdd : 0x88);
    } else {
        int t = vec_tmp(e), d = vec_def(e, u);
        if (odd) {
            vec_shift(e, VEC_LSR, lane + 1, d, a, 8u << lane);
            vec_shift(e, VEC_LSR, lane + 1, t, b, 8u << lane);
        } else {
            V128 low = vec_repeat(lane + 1, (UINT64_C(1) << (8u << lane)) - 1);
            vec_op_const(e, V_PAND, d, a, low);
            vec_op_const(e, V_PAND, t, b, low);
        }
        vec_op(e, lane ? V_PACKUSDW : V_PACKUSWB, d, d, t);
    }
    return true;
}

/* Pairs of lanes of a and b: the even ones (a's in place, b's shifted up), or the odd ones (a's
 * shifted down). */
static bool emit_transpose(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type);
    bool odd = u->op == UOP_TRN2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    if (lane == 3) {
        vec_op(e, odd ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, vec_def(e, u), a, b);
        return true;
    }
    int t = vec_tmp(e), d = vec_def(e, u), even_part = a, odd_part = b;
    if (odd) {
        vec_shift(e, VEC_LSR, lane + 1, t, a, 8u << lane);
        even_part = t;
    } else {
        vec_shift(e, VEC_SHL, lane + 1, t, b, 8u << lane);
        odd_part = t;
    }
    if (lane) {
        vec_op_imm(e, V_PBLENDW, d, even_part, odd_part, lane == 1 ? 0xaa : 0xcc);
    } else {
        int mask = vec_tmp(e);
        vec_const(e, mask, vec_repeat(1, 0xff00));
        vec_blend(e, d, even_part, odd_part, mask);
    }
    return true;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Bytes imm.. of b:a, b above a. */
static bool emit_extract(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def(e, u);
    if (is_half(u->type)) {
        vec_op(e, V_PUNPCKLQDQ, d, a, b);
        vec_shift_imm(e, V_PSRLDQ_I, d, d, (unsigned)u->imm);
    } else {
        vec_op_imm(e, V_PALIGNR, d, b, a, (unsigned)u->imm);
    }
    return true;
}

/* Lanes reversed within containers of 1 << sub bytes. */
static bool emit_reverse(Emit *e, const Uop *u)
{
    unsigned lane = uop_lane_log2(u->type), flip = ((1u << u->sub) - 1) & ~((1u << lane) - 1);
    uint8_t from[16];
    for (unsigned i = 0; i < 16; i++) {
        from[i] = (uint8_t)(i ^ flip);
    }
    int a = vec_use(e, u->a);
    vec_op_const(e, V_PSHUFB, vec_def_over(e, u), a, byte_map(from));
    return true;
}

bool emit_vec_perm(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_BITCAST:
    case UOP_LOWV: return emit_bitcast(e, u);
    case UOP_ZEXTV: return emit_zextv(e, u);
    case UOP_VCONST: return emit_vconst(e, u);
    case UOP_SPLAT: return emit_splat(e, u);
    case UOP_SPLATL: return emit_splat_lane(e, u);
    case UOP_GETLANE: return emit_get_lane(e, u);
    case UOP_SETLANE: return emit_set_lane(e, u);
    case UOP_INSLANE: return emit_ins_lane(e, u);
    case UOP_ZIP1:
    case UOP_ZIP2: return emit_zip(e, u);
    case UOP_UZP1:
    case UOP_UZP2: return emit_unzip(e, u);
    case UOP_TRN1:
    case UOP_TRN2: return emit_transpose(e, u);
    case UOP_EXTV: return emit_extract(e, u);
    case UOP_REVL: return emit_reverse(e, u);
    default: return false;
    }
}
