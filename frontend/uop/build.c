/* build.c - the builder's convenience functions: each appends at most what its meaning needs. */
#include "frontend/uop/build.h"

#include <stdlib.h>

/* ---- structure and constants ----------------------------------------------------------------- */

void uop_insn(UopBlock *b, GuestAddr pc, unsigned len)
{
    uop_begin_insn(b, pc, len);
}

static Val constant(UopBlock *b, UopOp op, uint8_t type, uint64_t bits)
{
    uint16_t *recent = &b->consts[(bits ^ bits >> 12 ^ bits >> 33 ^ type) %
                                  (sizeof b->consts / sizeof b->consts[0])];
    if (*recent < b->nvals) {
        const Uop *u = uop_def(b, *recent);
        if (u->op == op && u->imm64 == bits && u->type == type) {
            return *recent;
        }
    }
    return *recent = uop_append64(b, op, type, 0, 0, type, VAL_NONE, bits);
}

Val uop_const(UopBlock *b, uint8_t type, uint64_t bits)
{
    return constant(b, UOP_CONST, type, type == T_I32 ? (uint32_t)bits : bits);
}

Val uop_addr(UopBlock *b, GuestAddr addr)
{
    return constant(b, b->relocatable ? UOP_ADDR : UOP_CONST, T_I64, addr);
}

int32_t uop_pool_add(UopBlock *b, uint64_t lo, uint64_t hi)
{
    for (uint32_t at = 0; at < b->npool; at++) {
        if (b->pool[at].u64[0] == lo && b->pool[at].u64[1] == hi) {
            return (int32_t)at;
        }
    }
    if (b->npool == b->pool_cap) {
        uint32_t cap = b->pool_cap ? b->pool_cap * 2 : 64;
        V128 *pool = realloc(b->pool, cap * sizeof *pool);
        if (!pool) {
            b->error = true;
            return 0;
        }
        b->pool = pool;
        b->pool_cap = cap;
    }
    b->pool[b->npool] = (V128){.u64 = {lo, hi}};
    return (int32_t)b->npool++;
}

Val uop_vconst(UopBlock *b, uint8_t type, uint64_t lo, uint64_t hi)
{
    if (uop_type_bytes(type) < 16 || lo == hi) {
        return uop_const(b, type, lo);
    }
    int32_t at = uop_pool_add(b, lo, hi);
    return uop_append3(b, UOP_VCONST, type, 0, 0, type, VAL_NONE, VAL_NONE, VAL_NONE, at);
}

bool uop_is_const(const UopBlock *b, Val v, uint64_t *bits)
{
    const Uop *u = uop_def_is(b, v, UOP_CONST);
    if (u) {
        *bits = u->imm64;
    }
    return u;
}

/* ---- operations of one type ------------------------------------------------------------------ */

Val uop_un_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val a)
{
    if (uop_is_int(type)) {
        return uop_fold_un(b, op, type, sub, a);
    }
    return uop_append3(b, op, type, sub, 0, type, a, VAL_NONE, VAL_NONE, 0);
}

Val uop_bin_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val a, Val c)
{
    if (op == UOP_ICMP) {
        return uop_icmp(b, type, (UopCond)sub, a, c);
    }
    if (uop_is_int(type)) {
        return uop_fold_bin(b, op, type, sub, a, c);
    }
    if (a == c && (op == UOP_AND || op == UOP_OR)) {
        return a;
    }
    if (a == c && op == UOP_XOR) {
        return uop_const(b, type, 0);
    }
    return uop_append3(b, op, type, sub, 0, type, a, c, VAL_NONE, 0);
}

Val uop_bini_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val a, int64_t imm)
{
    if (op == UOP_ICMP) {
        return uop_icmpi(b, type, (UopCond)sub, a, imm);
    }
    if (uop_is_int(type)) {
        return uop_fold_bini(b, op, type, sub, a, imm);
    }
    if (imm == 0 &&
        (op == UOP_ADD || op == UOP_SUB || op == UOP_SHL || op == UOP_LSR || op == UOP_ASR)) {
        return a;
    }
    if (!uop_fits32(imm)) {
        /* The lane's bits in every lane: only 64-bit lanes have room for so much. */
        return uop_append3(b, op, type, sub, 0, type, a, uop_const(b, type, (uint64_t)imm),
                           VAL_NONE, 0);
    }
    return uop_append3(b, op, type, sub, 0, type, a, VAL_NONE, VAL_NONE, (int32_t)imm);
}

Val uop_tern_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, Val y, Val z)
{
    uint64_t carry;
    if (op == UOP_SELECT) {
        return uop_select(b, type, x, y, z);
    }
    if (op == UOP_ADC && uop_is_const(b, z, &carry)) {
        Val sum = uop_fold_bin(b, UOP_ADD, type, 0, x, y);
        return uop_fold_bini(b, UOP_ADD, type, 0, sum, (int64_t)carry);
    }
    return uop_append3(b, op, type, sub, 0, type, x, y, z, 0);
}

Val uop_un(UopBlock *b, UopOp op, uint8_t type, Val a)
{
    return uop_un_sub(b, op, type, 0, a);
}

Val uop_bin(UopBlock *b, UopOp op, uint8_t type, Val a, Val c)
{
    return uop_bin_sub(b, op, type, 0, a, c);
}

Val uop_bini(UopBlock *b, UopOp op, uint8_t type, Val a, int64_t imm)
{
    return uop_bini_sub(b, op, type, 0, a, imm);
}

Val uop_tern(UopBlock *b, UopOp op, uint8_t type, Val x, Val y, Val z)
{
    return uop_tern_sub(b, op, type, 0, x, y, z);
}

/* ---- bit fields ------------------------------------------------------------------------------ */

static uint64_t low_mask(unsigned width)
{
    return width >= 64 ? ~0ull : (1ull << width) - 1;
}

Val uop_field(UopBlock *b, UopOp op, uint8_t type, Val a, unsigned lsb, unsigned width)
{
    unsigned bits = uop_lane_bits(type);
    uint64_t c;
    if (width == bits) {
        return a;
    }
    if (uop_is_const(b, a, &c)) {
        uint64_t r = c >> lsb & low_mask(width);
        if (op == UOP_SEXTRACT) {
            r = (uint64_t)((int64_t)(r << (64 - width)) >> (64 - width));
        }
        return uop_const(b, type, r);
    }
    if (lsb + width == bits) {
        return uop_fold_bini(b, op == UOP_EXTRACT ? UOP_LSR : UOP_ASR, type, 0, a, lsb);
    }
    if (lsb == 0 && (width == 8 || width == 16 || width == 32)) {
        unsigned log2 = width == 8 ? 0 : width == 16 ? 1 : 2;
        return op == UOP_EXTRACT ? uop_zext(b, type, log2, a) : uop_sext(b, type, log2, a);
    }
    if (lsb == 0 && op == UOP_EXTRACT && width < 32) {
        return uop_fold_bini(b, UOP_AND, type, 0, a, (int64_t)low_mask(width));
    }
    return uop_append3(b, op, type, 0, 0, type, a, VAL_NONE, VAL_NONE, (int32_t)(lsb | width << 8));
}

Val uop_insert(UopBlock *b, uint8_t type, Val a, Val c, unsigned lsb, unsigned width)
{
    uint64_t ca, cc, mask = low_mask(width) << lsb;
    if (width == uop_lane_bits(type)) {
        return c;
    }
    bool is_const = uop_is_const(b, c, &cc);
    if (is_const && uop_is_const(b, a, &ca)) {
        return uop_const(b, type, (ca & ~mask) | (cc << lsb & mask));
    }
    if (is_const && (cc & low_mask(width)) == 0) {
        return uop_fold_bini(b, UOP_AND, type, 0, a, (int64_t)~mask);
    }
    return uop_append3(b, UOP_INSERT, type, 0, 0, type, a, c, VAL_NONE,
                       (int32_t)(lsb | width << 8));
}

/* ---- widths ---------------------------------------------------------------------------------- */

Val uop_zext(UopBlock *b, uint8_t type, unsigned from_log2, Val a)
{
    uint8_t have = b->val_type[a];
    const Uop *def = uop_def(b, a);
    uint64_t keep = low_mask(8u << from_log2);
    if (have == type && uop_lane_bytes(type) <= 1u << from_log2) {
        return a;
    }
    switch (def->op) {
    case UOP_CONST: return uop_const(b, type, def->imm64 & keep);
    case UOP_TRUNC: return uop_zext(b, type, from_log2, def->a);
    case UOP_ZEXT:
        if (def->sub <= from_log2) {
            return have == type ? a : uop_zext(b, type, def->sub, def->a);
        }
        return uop_zext(b, type, from_log2, def->a);
    case UOP_SEXT:
        if (def->sub >= from_log2) {
            return uop_zext(b, type, from_log2, def->a);
        }
        break;
    case UOP_LOAD:
        if (have == type && !uop_mem_signed(def->sub) && uop_mem_log2(def->sub) <= from_log2) {
            return a;
        }
        break;
    case UOP_ICMP:
    case UOP_TEST:
        if (have == type) {
            return a;
        }
        break;
    case UOP_AND:
        if (have == type && def->b == VAL_NONE && def->imm >= 0 &&
            ((uint64_t)def->imm & ~keep) == 0) {
            return a;
        }
        break;
    case UOP_EXTRACT:
        if (have == type && (unsigned)def->imm >> 8 <= 8u << from_log2) {
            return a;
        }
        break;
    default: break;
    }
    return uop_append3(b, UOP_ZEXT, type, (uint8_t)from_log2, 0, type, a, VAL_NONE, have, 0);
}

Val uop_sext(UopBlock *b, uint8_t type, unsigned from_log2, Val a)
{
    uint8_t have = b->val_type[a];
    const Uop *def = uop_def(b, a);
    unsigned up = 64 - (8u << from_log2);
    if (have == type && uop_lane_bytes(type) <= 1u << from_log2) {
        return a;
    }
    switch (def->op) {
    case UOP_CONST: return uop_const(b, type, (uint64_t)((int64_t)(def->imm64 << up) >> up));
    case UOP_TRUNC: return uop_sext(b, type, from_log2, def->a);
    case UOP_ZEXT:
        if (def->sub >= from_log2) {
            return uop_sext(b, type, from_log2, def->a);
        }
        if (def->sub < from_log2) {
            return uop_zext(b, type, from_log2, a); /* the sign bit is clear */
        }
        break;
    case UOP_SEXT:
        if (def->sub <= from_log2 && have == type) {
            return a;
        }
        if (def->sub >= from_log2) {
            return uop_sext(b, type, from_log2, def->a);
        }
        break;
    case UOP_LOAD:
        if (have == type && uop_mem_signed(def->sub) && uop_mem_log2(def->sub) <= from_log2) {
            return a;
        }
        break;
    default: break;
    }
    return uop_append3(b, UOP_SEXT, type, (uint8_t)from_log2, 0, type, a, VAL_NONE, have, 0);
}

Val uop_trunc(UopBlock *b, Val a)
{
    const Uop *def = uop_def(b, a);
    switch (def->op) {
    case UOP_CONST: return uop_const(b, T_I32, def->imm64);
    case UOP_ZEXT:
        if (def->sub == 2) {
            return b->val_type[def->a] == T_I32 ? def->a : uop_trunc(b, def->a);
        }
        if (def->sub < 2) {
            return uop_zext(b, T_I32, def->sub, def->a);
        }
        break;
    case UOP_SEXT:
        if (def->sub == 2) {
            return b->val_type[def->a] == T_I32 ? def->a : uop_trunc(b, def->a);
        }
        if (def->sub < 2) {
            return uop_sext(b, T_I32, def->sub, def->a);
        }
        break;
    default: break;
    }
    return uop_append3(b, UOP_TRUNC, T_I32, 0, 0, T_I32, a, VAL_NONE, T_I64, 0);
}

/* ---- comparisons and selections -------------------------------------------------------------- */

static bool compare(uint8_t type, UopCond cond, uint64_t x, uint64_t y)
{
    int64_t sx = uop_sext_to(type, x), sy = uop_sext_to(type, y);
    switch (cond) {
    case UOP_EQ: return x == y;
    case UOP_NE: return x != y;
    case UOP_UGE: return x >= y;
    case UOP_ULT: return x < y;
    case UOP_UGT: return x > y;
    case UOP_ULE: return x <= y;
    case UOP_SGE: return sx >= sy;
    case UOP_SLT: return sx < sy;
    case UOP_SGT: return sx > sy;
    case UOP_SLE: return sx <= sy;
    case UOP_TST: return (x & y) != 0;
    default: return (x & y) == 0;
    }
}

/* The condition with the operands exchanged. */
static UopCond swapped(UopCond cond)
{
    switch (cond) {
    case UOP_UGE: return UOP_ULE;
    case UOP_ULT: return UOP_UGT;
    case UOP_UGT: return UOP_ULT;
    case UOP_ULE: return UOP_UGE;
    case UOP_SGE: return UOP_SLE;
    case UOP_SLT: return UOP_SGT;
    case UOP_SGT: return UOP_SLT;
    case UOP_SLE: return UOP_SGE;
    default: return cond;
    }
}

/* x == 0 or x != 0. */
static Val icmp_zero(UopBlock *b, uint8_t type, UopCond cond, Val x)
{
    const Uop *def = uop_def(b, x);
    if (def->op == UOP_ICMP || def->op == UOP_TEST) {
        return cond == UOP_NE ? x : uop_fold_inverse(b, x);
    }
    if (def->op == UOP_ZEXT && def->sub == 2 && type == T_I64 && b->val_type[def->a] == T_I32) {
        return uop_icmpi(b, T_I32, cond, def->a, 0);
    }
    if (def->op == UOP_AND && uop_is_fresh(b, x)) {
        UopCond test = cond == UOP_NE ? UOP_TST : UOP_NTST;
        return uop_append3(b, UOP_ICMP, type, (uint8_t)test, 0, T_I32, def->a, def->b, VAL_NONE,
                           def->imm);
    }
    return uop_append3(b, UOP_ICMP, type, (uint8_t)cond, 0, T_I32, x, VAL_NONE, VAL_NONE, 0);
}

Val uop_icmpi(UopBlock *b, uint8_t type, UopCond cond, Val x, int64_t imm)
{
    uint64_t c;
    imm = uop_sext_to(type, (uint64_t)imm);
    if (uop_is_const(b, x, &c)) {
        return uop_const(b, T_I32, compare(type, cond, c, uop_mask(type, (uint64_t)imm)));
    }
    if (imm == 0) {
        switch (cond) {
        case UOP_UGE:
        case UOP_NTST: return uop_const(b, T_I32, 1);
        case UOP_ULT:
        case UOP_TST: return uop_const(b, T_I32, 0);
        case UOP_UGT: cond = UOP_NE; break;
        case UOP_ULE: cond = UOP_EQ; break;
        default: break;
        }
    } else if ((imm == 1 && (cond == UOP_ULT || cond == UOP_UGE)) ||
               (imm == -1 && (cond == UOP_NTST || cond == UOP_TST))) {
        cond = cond == UOP_ULT || cond == UOP_NTST ? UOP_EQ : UOP_NE;
        imm = 0;
    }
    if (imm == 0 && (cond == UOP_EQ || cond == UOP_NE)) {
        return icmp_zero(b, type, cond, x);
    }
    if (!uop_fits32(imm)) {
        Val y = uop_const(b, type, (uint64_t)imm);
        return uop_append3(b, UOP_ICMP, type, (uint8_t)cond, 0, T_I32, x, y, VAL_NONE, 0);
    }
    return uop_append3(b, UOP_ICMP, type, (uint8_t)cond, 0, T_I32, x, VAL_NONE, VAL_NONE,
                       (int32_t)imm);
}

Val uop_icmp(UopBlock *b, uint8_t type, UopCond cond, Val x, Val y)
{
    uint64_t c;
    if (uop_is_const(b, y, &c)) {
        return uop_icmpi(b, type, cond, x, (int64_t)c);
    }
    if (uop_is_const(b, x, &c)) {
        return uop_icmpi(b, type, swapped(cond), y, (int64_t)c);
    }
    if (x == y) {
        if (cond == UOP_TST || cond == UOP_NTST) {
            return icmp_zero(b, type, cond == UOP_TST ? UOP_NE : UOP_EQ, x);
        }
        return uop_const(b, T_I32, compare(type, cond, 0, 0));
    }
    return uop_append3(b, UOP_ICMP, type, (uint8_t)cond, 0, T_I32, x, y, VAL_NONE, 0);
}

Val uop_select(UopBlock *b, uint8_t type, Val cond, Val x, Val y)
{
    uint64_t c, cx, cy;
    if (uop_is_const(b, cond, &c)) {
        return c ? x : y;
    }
    if (x == y) {
        return x;
    }
    if (uop_is_int(type) && uop_is_const(b, x, &cx) && uop_is_const(b, y, &cy) && (cx ^ cy) == 1 &&
        (cx | cy) == 1) {
        Val truth = cx ? cond : uop_fold_inverse(b, cond);
        if (truth != VAL_NONE) {
            return type == T_I32 ? truth : uop_zext(b, T_I64, 2, truth);
        }
    }
    return uop_append3(b, UOP_SELECT, type, 0, 0, type, cond, x, y, 0);
}

/* ---- conversions ----------------------------------------------------------------------------- */

/* The scalar or vector of at most 64 bits within a ZEXTV, constants and bit casts: free forms only.
 */
static Val fold_lowv(UopBlock *b, uint8_t type, Val a)
{
    const Uop *def = uop_def(b, a);
    if (def->op == UOP_BITCAST) {
        a = def->a;
        def = uop_def(b, a);
    }
    if (def->op == UOP_ZEXTV) {
        uint8_t inner = b->val_type[def->a];
        if (inner == type) {
            return def->a;
        }
        if (!uop_is_int(inner) && uop_type_bytes(inner) == uop_type_bytes(type)) {
            return uop_conv(b, UOP_BITCAST, type, inner, 0, 0, def->a, 0);
        }
    }
    if (def->op == UOP_CONST || def->op == UOP_VCONST) {
        uint64_t bits = def->op == UOP_CONST ? def->imm64 : b->pool[def->imm].u64[0];
        return uop_const(b, type, bits & low_mask(8 * uop_type_bytes(type)));
    }
    return uop_append3(b, UOP_LOWV, type, 0, 0, type, a, VAL_NONE, b->val_type[a], 0);
}

static Val fold_bitcast(UopBlock *b, uint8_t type, Val a)
{
    const Uop *def = uop_def(b, a);
    if (def->op == UOP_BITCAST) {
        a = def->a;
        def = uop_def(b, a);
    }
    if (b->val_type[a] == type) {
        return a;
    }
    if (def->op == UOP_CONST) {
        return uop_const(b, type, def->imm64);
    }
    return uop_append3(b, UOP_BITCAST, type, 0, 0, type, a, VAL_NONE, b->val_type[a], 0);
}

static Val fold_getlane(UopBlock *b, uint8_t type, uint8_t flags, Val a, int32_t lane)
{
    const Uop *def = uop_def(b, a);
    uint8_t lanes = b->val_type[a];
    if (def->op == UOP_BITCAST) {
        def = uop_def(b, def->a);
    }
    if (def->op == UOP_ZEXTV && lane == 0 && b->val_type[def->a] == type &&
        uop_lane_bytes(lanes) == uop_lane_bytes(type)) {
        return def->a;
    }
    return uop_append3(b, UOP_GETLANE, type, 0, flags, type, a, VAL_NONE, lanes, lane);
}

Val uop_conv(UopBlock *b, UopOp op, uint8_t type, uint8_t from, uint8_t sub, uint8_t flags, Val a,
             int32_t imm)
{
    uint64_t c;
    switch (op) {
    case UOP_BITCAST: return fold_bitcast(b, type, a);
    case UOP_LOWV: return fold_lowv(b, type, a);
    case UOP_GETLANE: return fold_getlane(b, type, flags, a, imm);
    case UOP_ZEXTV:
        if (uop_is_const(b, a, &c)) {
            return uop_vconst(b, type, c & low_mask(8 * uop_type_bytes(from)), 0);
        }
        break;
    case UOP_ZEXT: return uop_zext(b, type, sub, a);
    case UOP_SEXT: return uop_sext(b, type, sub, a);
    case UOP_TRUNC: return uop_trunc(b, a);
    default: break;
    }
    return uop_append3(b, op, type, sub, flags, type, a, VAL_NONE, from, imm);
}

/* ---- memory, calls, exits -------------------------------------------------------------------- */

/* Moves the constant addend of a fresh ADD into the displacement. */
static Val fold_address(UopBlock *b, Val addr, int32_t *disp)
{
    const Uop *def = uop_def_is(b, addr, UOP_ADD);
    if (def && def->b == VAL_NONE && uop_is_fresh(b, addr) &&
        uop_fits32((int64_t)*disp + def->imm)) {
        *disp += def->imm;
        return def->a;
    }
    return addr;
}

Val uop_load(UopBlock *b, uint8_t type, uint8_t mem, uint8_t flags, Val addr, Val index,
             int32_t disp)
{
    addr = fold_address(b, addr, &disp);
    return uop_append3(b, UOP_LOAD, type, mem, flags, type, addr, index, VAL_NONE, disp);
}

void uop_store(UopBlock *b, uint8_t type, uint8_t mem, uint8_t flags, Val addr, Val index,
               int32_t disp, Val v)
{
    if (b->critical && uop_critical_store(b, type, mem, flags, addr, index, disp, v)) {
        return;
    }
    addr = fold_address(b, addr, &disp);
    uop_append3(b, UOP_STORE, type, mem, flags, T_NONE, addr, index, v, disp);
}

Val uop_helper(UopBlock *b, unsigned helper, bool result, Val a, Val c, Val d)
{
    return uop_emit(b, UOP_HELPER, result ? T_I64 : T_NONE, 0, 0, result ? T_I64 : T_NONE, a, c, d,
                    (int32_t)helper);
}

static void exit_op(UopBlock *b, UopOp op, uint8_t sub, uint8_t flags, Val a, uint64_t imm64)
{
    uop_append64(b, op, T_NONE, sub, flags, T_NONE, a, imm64);
}

void uop_exit(UopBlock *b, UopExit kind, GuestAddr target)
{
    uop_critical_exit(b, target);
    exit_op(b, UOP_EXIT, (uint8_t)kind, 0, VAL_NONE, target);
}

void uop_exit_to(UopBlock *b, UopExit kind, Val target)
{
    uint64_t c;
    if (uop_is_const(b, target, &c)) {
        /* A return to a constant is a jump: nobody called. */
        uop_exit(b, kind == UOP_EXIT_RET ? UOP_EXIT_JUMP : kind, c);
        return;
    }
    uop_critical_check(b);
    exit_op(b, UOP_EXIT, (uint8_t)kind, 0, target, 0);
}

void uop_exit_if(UopBlock *b, Val cond, GuestAddr target)
{
    uint64_t c;
    if (!uop_is_const(b, cond, &c) || c) {
        uop_critical_exit(b, target);
        exit_op(b, UOP_EXIT_IF, UOP_EXIT_JUMP, 0, cond, target);
    }
}

void uop_trap(UopBlock *b, UopTrap trap, uint64_t payload)
{
    exit_op(b, UOP_EXIT, UOP_EXIT_TRAP, (uint8_t)trap, VAL_NONE, payload);
}

void uop_trap_if(UopBlock *b, Val cond, UopTrap trap, uint64_t payload)
{
    uint64_t c;
    if (!uop_is_const(b, cond, &c) || c) {
        exit_op(b, UOP_EXIT_IF, UOP_EXIT_TRAP, (uint8_t)trap, cond, payload);
    }
}
