/* fold_int.c - the builder's algebra of integer scalars: constants, identities, canonical forms.
 *
 * Canonical forms, which later stages may rely on: a constant operand is the immediate if it fits
 * 32 bits; of a commutative operation it is the second operand; SUB of an immediate is ADD of its
 * negative; AND NOT of an immediate is AND; a multiplication or unsigned division by a power of two
 * is a shift.
 *
 * A fold looks at the definition of an operand only to drop work, never to reach behind a register
 * that was overwritten since (uop_is_fresh): that would cost a host register and a move.
 */
#include "frontend/uop/build.h"

static unsigned width_of(uint8_t type)
{
    return type == T_I32 ? 32 : 64;
}

static bool is_pow2(uint64_t x)
{
    return x && !(x & (x - 1));
}

static uint64_t ror(uint64_t x, unsigned n, uint8_t type)
{
    if (type == T_I32) {
        uint32_t w = (uint32_t)x;
        return n ? w >> n | w << (32 - n) : w;
    }
    return n ? x >> n | x << (64 - n) : x;
}

static uint64_t mulhu(uint64_t x, uint64_t y)
{
    return (uint64_t)((unsigned __int128)x * y >> 64);
}

static uint64_t mulhs(uint64_t x, uint64_t y)
{
    return (uint64_t)((__int128)(int64_t)x * (int64_t)y >> 64);
}

static uint64_t divide(UopOp op, uint8_t type, uint8_t sub, uint64_t x, uint64_t y)
{
    bool rem = op == UOP_UREM || op == UOP_SREM;
    if (y == 0) {
        return rem ? x : sub == UOP_DIV_ZERO_GIVES_0 ? 0 : ~0ull;
    }
    if (op == UOP_UDIV || op == UOP_UREM) {
        return rem ? x % y : x / y;
    }
    int64_t sx = uop_sext_to(type, x), sy = uop_sext_to(type, y);
    if (sy == -1) {
        return rem ? 0 : 0 - (uint64_t)sx; /* INT_MIN / -1 wraps */
    }
    return (uint64_t)(rem ? sx % sy : sx / sy);
}

/* The operation on constants, both as uop_mask() leaves them. False if it isn't one of those
 * folded. */
static bool eval(UopOp op, uint8_t type, uint8_t sub, uint64_t x, uint64_t y, uint64_t *result)
{
    unsigned n = (unsigned)y & (width_of(type) - 1);
    int64_t sx = uop_sext_to(type, x), sy = uop_sext_to(type, y);
    uint64_t r;
    switch (op) {
    case UOP_ADD: r = x + y; break;
    case UOP_SUB: r = x - y; break;
    case UOP_MUL: r = x * y; break;
    case UOP_MULHU: r = mulhu(x, y); break;
    case UOP_MULHS: r = mulhs(x, y); break;
    case UOP_UDIV:
    case UOP_SDIV:
    case UOP_UREM:
    case UOP_SREM: r = divide(op, type, sub, x, y); break;
    case UOP_AND: r = x & y; break;
    case UOP_OR: r = x | y; break;
    case UOP_XOR: r = x ^ y; break;
    case UOP_ANDN: r = x & ~y; break;
    case UOP_SHL: r = x << n; break;
    case UOP_LSR: r = x >> n; break;
    case UOP_ASR: r = (uint64_t)(sx >> n); break;
    case UOP_ROR: r = ror(x, n, type); break;
    case UOP_MIN: r = sub == UOP_SIGNED ? (sx < sy ? x : y) : (x < y ? x : y); break;
    case UOP_MAX: r = sub == UOP_SIGNED ? (sx > sy ? x : y) : (x > y ? x : y); break;
    default: return false;
    }
    *result = uop_mask(type, r);
    return true;
}

static bool eval_un(UopOp op, uint8_t type, uint8_t sub, uint64_t x, uint64_t *result)
{
    unsigned width = width_of(type);
    uint64_t r = 0;
    switch (op) {
    case UOP_NOT: r = ~x; break;
    case UOP_NEG: r = 0 - x; break;
    case UOP_CLZ: r = x ? (unsigned)__builtin_clzll(x) - (64 - width) : width; break;
    case UOP_CTZ: r = x ? (unsigned)__builtin_ctzll(x) : width; break;
    case UOP_CLS: r = (unsigned)__builtin_clrsbll(uop_sext_to(type, x)) - (64 - width); break;
    case UOP_POPCNT: r = (unsigned)__builtin_popcountll(x); break;
    case UOP_BSWAP:
        for (unsigned i = 0; i < width / 8; i++) {
            r |= (x >> 8 * i & 255) << 8 * (i ^ ((1u << sub) - 1));
        }
        break;
    case UOP_BITREV:
        for (unsigned i = 0; i < width; i++) {
            r |= (x >> i & 1) << (width - 1 - i);
        }
        break;
    default: return false;
    }
    *result = uop_mask(type, r);
    return true;
}

static bool is_commutative(UopOp op)
{
    switch (op) {
    case UOP_ADD:
    case UOP_MUL:
    case UOP_MULHU:
    case UOP_MULHS:
    case UOP_AND:
    case UOP_OR:
    case UOP_XOR:
    case UOP_MIN:
    case UOP_MAX: return true;
    default: return false;
    }
}

Val uop_fold_un(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x)
{
    uint64_t cx, r;
    if (uop_is_const(b, x, &cx) && eval_un(op, type, sub, cx, &r)) {
        return uop_const(b, type, r);
    }
    const Uop *def = uop_def(b, x);
    if (def->op == op && (op == UOP_NOT || op == UOP_NEG || op == UOP_BITREV ||
                          (op == UOP_BSWAP && def->sub == sub))) {
        return def->a;
    }
    return uop_append3(b, op, type, sub, 0, type, x, VAL_NONE, VAL_NONE, 0);
}

static Val with_imm(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, int64_t imm)
{
    return uop_append3(b, op, type, sub, 0, type, x, VAL_NONE, VAL_NONE, (int32_t)imm);
}

static bool is_boolean(const UopBlock *b, Val v)
{
    uint8_t op = uop_def(b, v)->op;
    return op == UOP_ICMP || op == UOP_TEST || op == UOP_SC;
}

/* The bits of v that can be set, as far as its definition tells at a glance. */
static uint64_t possible_bits(const UopBlock *b, Val v)
{
    const Uop *def = uop_def(b, v);
    uint64_t all = uop_mask(b->val_type[v], ~0ull);
    switch (def->op) {
    case UOP_ICMP:
    case UOP_TEST:
    case UOP_SC: return 1;
    case UOP_ZEXT: return all & (def->sub == 3 ? ~0ull : (1ull << (8 << def->sub)) - 1);
    case UOP_EXTRACT: return all & ((1ull << (def->imm >> 8 & 63)) - 1);
    case UOP_LOAD:
        return uop_mem_signed(def->sub) || uop_mem_log2(def->sub) >= 3
                   ? all
                   : all & ((1ull << (8 << uop_mem_log2(def->sub))) - 1);
    case UOP_AND: return def->b == VAL_NONE ? all & (uint64_t)(int64_t)def->imm : all;
    case UOP_LSR: return def->b == VAL_NONE ? all >> (def->imm & (width_of(def->type) - 1)) : all;
    default: return all;
    }
}

Val uop_fold_inverse(UopBlock *b, Val boolean)
{
    const Uop *def = uop_def(b, boolean);
    if (def->op == UOP_TEST) {
        return uop_test(b, (UopCond)(def->sub ^ 1), def->a);
    }
    if (def->op == UOP_ICMP) {
        /* EQ/NE, UGE/ULT, UGT/ULE, SGE/SLT, SGT/SLE, TST/NTST: pairs that differ in bit 0. */
        return uop_append3(b, UOP_ICMP, def->type, def->sub ^ 1, 0, T_I32, def->a, def->b, VAL_NONE,
                           def->imm);
    }
    return VAL_NONE;
}

static Val add_imm(UopBlock *b, uint8_t type, Val x, int64_t imm)
{
    if (imm == 0) {
        return x;
    }
    const Uop *def = uop_def_is(b, x, UOP_ADDR);
    if (def && type == T_I64) {
        return uop_addr(b, def->imm64 + (uint64_t)imm);
    }
    def = uop_def_is(b, x, UOP_ADD);
    if (def && def->b == VAL_NONE && uop_is_fresh(b, x) &&
        uop_fits32(uop_sext_to(type, (uint64_t)imm + (uint64_t)def->imm))) {
        return add_imm(b, type, def->a, uop_sext_to(type, (uint64_t)imm + (uint64_t)def->imm));
    }
    return with_imm(b, UOP_ADD, type, 0, x, imm);
}

static Val and_imm(UopBlock *b, uint8_t type, Val x, uint64_t imm)
{
    uint64_t bits = possible_bits(b, x);
    if ((bits & ~imm) == 0) {
        return x;
    }
    if ((bits & imm) == 0) {
        return uop_const(b, type, 0);
    }
    if (uop_fits32(uop_sext_to(type, imm))) {
        if (imm == 0xff || imm == 0xffff) {
            return uop_zext(b, type, imm == 0xff ? 0 : 1, x);
        }
        return with_imm(b, UOP_AND, type, 0, x, uop_sext_to(type, imm));
    }
    if (imm == 0xffffffff) {
        return uop_zext(b, type, 2, x);
    }
    return uop_append3(b, UOP_AND, type, 0, 0, type, x, uop_const(b, type, imm), VAL_NONE, 0);
}

static Val shift_imm(UopBlock *b, UopOp op, uint8_t type, Val x, unsigned n)
{
    if (n == 0) {
        return x;
    }
    if (op == UOP_LSR && (possible_bits(b, x) >> n) == 0) {
        return uop_const(b, type, 0);
    }
    return with_imm(b, op, type, 0, x, n);
}

/* x op imm, imm sign-extended from the type. */
Val uop_fold_bini(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, int64_t imm)
{
    uint64_t cx, r;
    imm = uop_sext_to(type, (uint64_t)imm);
    if (op == UOP_ADD && uop_fits32(imm) && uop_def(b, x)->op != UOP_CONST) {
        return add_imm(b, type, x, imm);
    }
    uint64_t uimm = uop_mask(type, (uint64_t)imm);
    if (uop_is_const(b, x, &cx) && eval(op, type, sub, cx, uimm, &r)) {
        return uop_const(b, type, r);
    }
    switch (op) {
    case UOP_SUB:
        imm = uop_sext_to(type, 0 - (uint64_t)imm);
        uimm = uop_mask(type, (uint64_t)imm);
        op = UOP_ADD;
        /* fallthrough */
    case UOP_ADD:
        if (uop_fits32(imm)) {
            return add_imm(b, type, x, imm);
        }
        break;
    case UOP_MUL:
        if (imm == 0) {
            return uop_const(b, type, 0);
        }
        if (is_pow2(uimm)) {
            return shift_imm(b, UOP_SHL, type, x, (unsigned)__builtin_ctzll(uimm));
        }
        break;
    case UOP_UDIV:
        if (is_pow2(uimm)) {
            return shift_imm(b, UOP_LSR, type, x, (unsigned)__builtin_ctzll(uimm));
        }
        break;
    case UOP_UREM:
        if (is_pow2(uimm)) {
            return and_imm(b, type, x, uimm - 1);
        }
        break;
    case UOP_AND: return and_imm(b, type, x, uimm);
    case UOP_ANDN: return and_imm(b, type, x, uop_mask(type, ~uimm));
    case UOP_OR:
        if (imm == 0 || imm == -1) {
            return imm ? uop_const(b, type, uimm) : x;
        }
        break;
    case UOP_XOR:
        if (imm == 0) {
            return x;
        }
        if (imm == -1) {
            return uop_fold_un(b, UOP_NOT, type, 0, x);
        }
        if (imm == 1 && type == T_I32 && is_boolean(b, x)) {
            Val inverse = uop_fold_inverse(b, x);
            if (inverse != VAL_NONE) {
                return inverse;
            }
        }
        break;
    case UOP_SHL:
    case UOP_LSR:
    case UOP_ASR:
    case UOP_ROR: return shift_imm(b, op, type, x, (unsigned)uimm & (width_of(type) - 1));
    default: break;
    }
    if (uop_info[op].b == UF_TI && uop_fits32(imm)) {
        return with_imm(b, op, type, sub, x, imm);
    }
    return uop_append3(b, op, type, sub, 0, type, x, uop_const(b, type, uimm), VAL_NONE, 0);
}

/* x op x. */
static Val same_operands(UopBlock *b, UopOp op, uint8_t type, Val x)
{
    switch (op) {
    case UOP_SUB:
    case UOP_XOR:
    case UOP_ANDN: return uop_const(b, type, 0);
    case UOP_AND:
    case UOP_OR:
    case UOP_MIN:
    case UOP_MAX: return x;
    default: return VAL_NONE;
    }
}

Val uop_fold_bin(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, Val y)
{
    uint64_t cx, cy;
    if (uop_is_const(b, y, &cy)) {
        return uop_fold_bini(b, op, type, sub, x, (int64_t)cy);
    }
    if (uop_is_const(b, x, &cx)) {
        if (is_commutative(op)) {
            return uop_fold_bini(b, op, type, sub, y, (int64_t)cx);
        }
        if (cx == 0 && op == UOP_SUB) {
            return uop_fold_un(b, UOP_NEG, type, 0, y);
        }
        if (cx == 0 &&
            (op == UOP_ANDN || op == UOP_SHL || op == UOP_LSR || op == UOP_ASR || op == UOP_ROR)) {
            return x;
        }
        if (op == UOP_ANDN && cx == uop_mask(type, ~0ull)) {
            return uop_fold_un(b, UOP_NOT, type, 0, y);
        }
    }
    if (x == y) {
        Val same = same_operands(b, op, type, x);
        if (same != VAL_NONE) {
            return same;
        }
    }
    const Uop *def = uop_def(b, y);
    if (def->op == UOP_NOT && uop_is_fresh(b, y) && op == UOP_AND) {
        return uop_fold_bin(b, UOP_ANDN, type, 0, x, def->a);
    }
    if (def->op == UOP_NEG && uop_is_fresh(b, y) && (op == UOP_ADD || op == UOP_SUB)) {
        return uop_fold_bin(b, op == UOP_ADD ? UOP_SUB : UOP_ADD, type, 0, x, def->a);
    }
    return uop_append3(b, op, type, sub, 0, type, x, y, VAL_NONE, 0);
}
