/* lift_int.c - integer operations: scalars, and lane-wise on vectors. */
#include "lift/build.h"

static V operand_b(Lift *l, const Uop *u)
{
    return u->b == VAL_NONE ? lift_const(l, u->type, (uint64_t)(int64_t)u->imm) : lift_val(l, u->b);
}

static V intrinsic1(Lift *l, const char *name, V a)
{
    Ty t = LLVMTypeOf(a);
    return lift_intrinsic(l, name, &t, 1, &a, 1);
}

static V intrinsic2(Lift *l, const char *name, V a, V b)
{
    Ty t = LLVMTypeOf(a);
    V args[2] = {a, b};
    return lift_intrinsic(l, name, &t, 1, args, 2);
}

static V intrinsic_flag(Lift *l, const char *name, V a, bool flag)
{
    V args[2] = {a, LLVMConstInt(l->i1, flag, false)};
    Ty t = LLVMTypeOf(a);
    return lift_intrinsic(l, name, &t, 1, args, 2);
}

static V bool_val(Lift *l, V i1)
{
    return LLVMBuildZExt(l->b, i1, l->i32, "");
}

static V mul_high(Lift *l, V a, V b, bool is_signed)
{
    V x = is_signed ? LLVMBuildSExt(l->b, a, l->i128, "") : LLVMBuildZExt(l->b, a, l->i128, "");
    V y = is_signed ? LLVMBuildSExt(l->b, b, l->i128, "") : LLVMBuildZExt(l->b, b, l->i128, "");
    V p = LLVMBuildLShr(l->b, LLVMBuildMul(l->b, x, y, ""), LLVMConstInt(l->i128, 64, false), "");
    return LLVMBuildTrunc(l->b, p, l->i64, "");
}

static bool is_const_op(V v, LLVMOpcode op)
{
    return LLVMIsAInstruction(v) && LLVMGetInstructionOpcode(v) == op &&
           LLVMIsAConstantInt(LLVMGetOperand(v, 1));
}

/* One of the two that are selected (CSINC), if it is x + (y << k) + n: LLVM would make one LEA of
 * it, which takes longer than a LEA and an addition (Zen 4); a loop that computes its next
 * value so waits for them. LLVM's own remedy wants EFLAGS to be free, which the condition waits in.
 */
static V without_long_lea(Lift *l, V v)
{
    if (!is_const_op(v, LLVMAdd)) {
        return v;
    }
    V sum = LLVMGetOperand(v, 0);
    Ty t = LLVMTypeOf(sum);
    bool is_long = LLVMIsAInstruction(sum) && LLVMGetInstructionOpcode(sum) == LLVMAdd &&
                   (is_const_op(LLVMGetOperand(sum, 0), LLVMShl) ||
                    is_const_op(LLVMGetOperand(sum, 1), LLVMShl));
    if (!is_long) {
        return v;
    }
    Ty fn = LLVMFunctionType(t, &t, 1, false);
    V same = LLVMGetInlineAsm(fn, "", 0, "=r,0", 4, false, false, LLVMInlineAsmDialectATT, false);
    return LLVMBuildAdd(l->b, LLVMBuildCall2(l->b, fn, same, &sum, 1, ""), LLVMGetOperand(v, 1),
                        "");
}

/* Division by zero and of the minimum by -1 are sorted out before: LLVM's are undefined there. */
static V divide(Lift *l, const Uop *u, V a, V b, bool is_signed, bool remainder)
{
    Ty t = LLVMTypeOf(a);
    V zero = LLVMConstNull(t), one = LLVMConstInt(t, 1, false), ones = LLVMConstAllOnes(t);
    V by_zero = LLVMBuildICmp(l->b, LLVMIntEQ, b, zero, "");
    V special = by_zero, minus_one = NULL;
    if (is_signed) {
        minus_one = LLVMBuildICmp(l->b, LLVMIntEQ, b, ones, "");
        special = LLVMBuildOr(l->b, by_zero, minus_one, "");
    }
    V d = LLVMBuildSelect(l->b, special, one, b, "");
    V r = remainder ? (is_signed ? LLVMBuildSRem(l->b, a, d, "") : LLVMBuildURem(l->b, a, d, ""))
                    : (is_signed ? LLVMBuildSDiv(l->b, a, d, "") : LLVMBuildUDiv(l->b, a, d, ""));
    if (is_signed) {
        r = LLVMBuildSelect(l->b, minus_one, remainder ? zero : LLVMBuildNeg(l->b, a, ""), r, "");
    }
    V zero_result = remainder ? a : u->sub == UOP_DIV_ZERO_GIVES_ONES ? ones : zero;
    return LLVMBuildSelect(l->b, by_zero, zero_result, r, "");
}

static LLVMIntPredicate predicate(unsigned cond)
{
    switch (cond) {
    case UOP_EQ: return LLVMIntEQ;
    case UOP_NE: return LLVMIntNE;
    case UOP_UGE: return LLVMIntUGE;
    case UOP_ULT: return LLVMIntULT;
    case UOP_UGT: return LLVMIntUGT;
    case UOP_ULE: return LLVMIntULE;
    case UOP_SGE: return LLVMIntSGE;
    case UOP_SLT: return LLVMIntSLT;
    case UOP_SGT: return LLVMIntSGT;
    default: return LLVMIntSLE;
    }
}

static V compare(Lift *l, unsigned cond, V a, V b)
{
    if (cond == UOP_TST || cond == UOP_NTST) {
        V both = LLVMBuildAnd(l->b, a, b, "");
        return LLVMBuildICmp(l->b, cond == UOP_TST ? LLVMIntNE : LLVMIntEQ, both,
                             LLVMConstNull(LLVMTypeOf(a)), "");
    }
    return LLVMBuildICmp(l->b, predicate(cond), a, b, "");
}

/* Amounts: scalars modulo the width; vectors by an immediate up to the whole width. */
static V shift(Lift *l, const Uop *u, V a)
{
    unsigned bits = uop_lane_bits(u->type);
    V n;
    if (uop_is_vec(u->type)) {
        unsigned imm = (unsigned)u->imm;
        if (u->op == UOP_ROR) {
            imm &= bits - 1;
        } else if (imm >= bits && u->op != UOP_ASR) {
            return LLVMConstNull(LLVMTypeOf(a));
        }
        n = lift_const(l, u->type, imm >= bits ? bits - 1 : imm);
    } else if (u->b == VAL_NONE) {
        n = lift_const(l, u->type, (uint64_t)u->imm & (bits - 1));
    } else {
        n = LLVMBuildAnd(l->b, lift_val(l, u->b), lift_const(l, u->type, bits - 1), "");
    }
    switch (u->op) {
    case UOP_SHL: return LLVMBuildShl(l->b, a, n, "");
    case UOP_LSR: return LLVMBuildLShr(l->b, a, n, "");
    case UOP_ASR: return LLVMBuildAShr(l->b, a, n, "");
    default: {
        V args[3] = {a, a, n};
        Ty t = LLVMTypeOf(a);
        return lift_intrinsic(l, "llvm.fshr", &t, 1, args, 3);
    }
    }
}

static V leading_sign(Lift *l, V a, uint8_t type)
{
    V sign = LLVMBuildAShr(l->b, a, lift_const(l, type, uop_lane_bits(type) - 1), "");
    V n = intrinsic_flag(l, "llvm.ctlz", LLVMBuildXor(l->b, a, sign, ""), false);
    return LLVMBuildSub(l->b, n, lift_const(l, type, 1), "");
}

static V byte_swap(Lift *l, const Uop *u, V a)
{
    V r = intrinsic1(l, "llvm.bswap", a);
    unsigned bits = uop_lane_bits(u->type), unit = 8u << u->sub;
    if (unit == bits) {
        return r;
    }
    if (unit == 32) { /* of an I64 */
        V args[3] = {r, r, lift_i64(l, 32)};
        return lift_intrinsic(l, "llvm.fshr", &l->i64, 1, args, 3);
    }
    uint64_t low = UINT64_C(0x00ff00ff00ff00ff);
    V even = LLVMBuildAnd(l->b, a, lift_const(l, u->type, low), "");
    V odd = LLVMBuildAnd(l->b, LLVMBuildLShr(l->b, a, lift_const(l, u->type, 8), ""),
                         lift_const(l, u->type, low), "");
    return LLVMBuildOr(l->b, LLVMBuildShl(l->b, even, lift_const(l, u->type, 8), ""), odd, "");
}

static V extract(Lift *l, const Uop *u, V a, bool is_signed)
{
    unsigned lsb = (unsigned)u->imm & 0xff, width = (unsigned)u->imm >> 8 & 0xff,
             bits = uop_lane_bits(u->type);
    V up = LLVMBuildShl(l->b, a, lift_const(l, u->type, bits - lsb - width), "");
    V n = lift_const(l, u->type, bits - width);
    return is_signed ? LLVMBuildAShr(l->b, up, n, "") : LLVMBuildLShr(l->b, up, n, "");
}

static V insert(Lift *l, const Uop *u, V a, V b)
{
    unsigned lsb = (unsigned)u->imm & 0xff, width = (unsigned)u->imm >> 8 & 0xff;
    uint64_t mask = (width >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1) << lsb;
    V keep = LLVMBuildAnd(l->b, a, lift_const(l, u->type, ~mask), "");
    V put = LLVMBuildAnd(l->b, LLVMBuildShl(l->b, b, lift_const(l, u->type, lsb), ""),
                         lift_const(l, u->type, mask), "");
    return LLVMBuildOr(l->b, keep, put, "");
}

/* The low 1 << sub bytes, extended. */
static V extend(Lift *l, const Uop *u, V a)
{
    Ty low = LLVMIntTypeInContext(l->ctx, 8u << u->sub), to = lift_type(l, u->type);
    V x = LLVMTypeOf(a) == low ? a : LLVMBuildTrunc(l->b, a, low, "");
    if (low == to) {
        return x;
    }
    return u->op == UOP_ZEXT ? LLVMBuildZExt(l->b, x, to, "") : LLVMBuildSExt(l->b, x, to, "");
}

static V crc32c(Lift *l, const Uop *u, V a, V b)
{
    static const char *const names[4] = {"llvm.x86.sse42.crc32.32.8", "llvm.x86.sse42.crc32.32.16",
                                         "llvm.x86.sse42.crc32.32.32",
                                         "llvm.x86.sse42.crc32.64.64"};
    Ty t = LLVMIntTypeInContext(l->ctx, 8u << u->sub);
    V args[2] = {a, LLVMTypeOf(b) == t ? b : LLVMBuildTrunc(l->b, b, t, "")};
    if (u->sub == 3) {
        args[0] = LLVMBuildZExt(l->b, a, l->i64, "");
    }
    V r = lift_intrinsic(l, names[u->sub], NULL, 0, args, 2);
    return u->sub == 3 ? LLVMBuildTrunc(l->b, r, l->i32, "") : r;
}

static V binary(Lift *l, const Uop *u, V a, V b)
{
    switch (u->op) {
    case UOP_ADD: return LLVMBuildAdd(l->b, a, b, "");
    case UOP_SUB: return LLVMBuildSub(l->b, a, b, "");
    case UOP_MUL: return LLVMBuildMul(l->b, a, b, "");
    case UOP_AND: return LLVMBuildAnd(l->b, a, b, "");
    case UOP_OR: return LLVMBuildOr(l->b, a, b, "");
    case UOP_XOR: return LLVMBuildXor(l->b, a, b, "");
    default: return LLVMBuildAnd(l->b, a, LLVMBuildNot(l->b, b, ""), "");
    }
}

/* A vector's constant is repeated in every 64 bits. */
static V constant(Lift *l, const Uop *u)
{
    if (!uop_is_vec(u->type)) {
        return lift_const(l, u->type, u->imm64);
    }
    V k[2] = {lift_i64(l, u->imm64), lift_i64(l, u->imm64)};
    return LLVMConstBitCast(LLVMConstVector(k, uop_type_bytes(u->type) / 8), lift_type(l, u->type));
}

bool lift_int(Lift *l, const Uop *u)
{
    V a = u->op != UOP_CONST && u->op != UOP_ADDR && u->op != UOP_VCONST && u->a != VAL_NONE
              ? lift_val(l, u->a)
              : NULL;
    V r;
    switch (u->op) {
    case UOP_ADDR: r = lift_guest(l, u->imm64); break;
    case UOP_CONST: r = constant(l, u); break;
    case UOP_ADD:
    case UOP_SUB:
    case UOP_MUL:
    case UOP_AND:
    case UOP_OR:
    case UOP_XOR:
    case UOP_ANDN: {
        Ty t = lift_int_type(l, u->type); /* logic on float lanes, too */
        r = lift_cast(l, binary(l, u, lift_cast(l, a, t), lift_cast(l, operand_b(l, u), t)),
                      lift_type(l, u->type));
        break;
    }
    case UOP_ADC: {
        V c = LLVMBuildZExtOrBitCast(
            l->b, LLVMBuildAnd(l->b, lift_val(l, u->c), lift_i32(l, 1), ""), LLVMTypeOf(a), "");
        r = LLVMBuildAdd(l->b, LLVMBuildAdd(l->b, a, lift_val(l, u->b), ""), c, "");
        break;
    }
    case UOP_MULHU: r = mul_high(l, a, lift_val(l, u->b), false); break;
    case UOP_MULHS: r = mul_high(l, a, lift_val(l, u->b), true); break;
    case UOP_UDIV: r = divide(l, u, a, lift_val(l, u->b), false, false); break;
    case UOP_SDIV: r = divide(l, u, a, lift_val(l, u->b), true, false); break;
    case UOP_UREM: r = divide(l, u, a, lift_val(l, u->b), false, true); break;
    case UOP_SREM: r = divide(l, u, a, lift_val(l, u->b), true, true); break;
    case UOP_NOT: {
        Ty t = lift_int_type(l, u->type);
        r = lift_cast(l, LLVMBuildNot(l->b, lift_cast(l, a, t), ""), lift_type(l, u->type));
        break;
    }
    case UOP_NEG: r = LLVMBuildNeg(l->b, a, ""); break;
    case UOP_ABS: r = intrinsic_flag(l, "llvm.abs", a, false); break;
    case UOP_SHL:
    case UOP_LSR:
    case UOP_ASR:
    case UOP_ROR: r = shift(l, u, a); break;
    case UOP_FUNNEL: {
        V args[3] = {a, lift_val(l, u->b), lift_const(l, u->type, (uint64_t)u->imm)};
        Ty t = LLVMTypeOf(a);
        r = lift_intrinsic(l, "llvm.fshr", &t, 1, args, 3);
        break;
    }
    case UOP_CLZ: r = intrinsic_flag(l, "llvm.ctlz", a, false); break;
    case UOP_CTZ: r = intrinsic_flag(l, "llvm.cttz", a, false); break;
    case UOP_CLS: r = leading_sign(l, a, u->type); break;
    case UOP_POPCNT: r = intrinsic1(l, "llvm.ctpop", a); break;
    case UOP_BSWAP: r = byte_swap(l, u, a); break;
    case UOP_BITREV: r = intrinsic1(l, "llvm.bitreverse", a); break;
    case UOP_EXTRACT: r = extract(l, u, a, false); break;
    case UOP_SEXTRACT: r = extract(l, u, a, true); break;
    case UOP_INSERT: r = insert(l, u, a, lift_val(l, u->b)); break;
    case UOP_ZEXT:
    case UOP_SEXT: r = extend(l, u, a); break;
    case UOP_TRUNC: r = LLVMTypeOf(a) == l->i32 ? a : LLVMBuildTrunc(l->b, a, l->i32, ""); break;
    case UOP_ICMP: r = bool_val(l, compare(l, u->sub, a, operand_b(l, u))); break;
    case UOP_VCMP:
        r = LLVMBuildSExt(l->b, compare(l, u->sub, a, operand_b(l, u)), lift_type(l, u->type), "");
        break;
    case UOP_SELECT: {
        V c = LLVMBuildTrunc(l->b, a, l->i1, "");
        r = LLVMBuildSelect(l->b, c, without_long_lea(l, lift_val(l, u->b)),
                            without_long_lea(l, lift_val(l, u->c)), "");
        break;
    }
    case UOP_MIN:
        r = intrinsic2(l, u->sub == UOP_SIGNED ? "llvm.smin" : "llvm.umin", a, lift_val(l, u->b));
        break;
    case UOP_MAX:
        r = intrinsic2(l, u->sub == UOP_SIGNED ? "llvm.smax" : "llvm.umax", a, lift_val(l, u->b));
        break;
    case UOP_CRC:
        if (!u->imm) {
            return false;
        }
        r = crc32c(l, u, a, lift_val(l, u->b));
        break;
    default: return false;
    }
    l->vals[u->dst] = r;
    return true;
}
