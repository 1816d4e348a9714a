/* flags.c - flags stay symbolic: a condition is asked of the operands, so that LLVM sees a
 * comparison and not arithmetic on N, Z, C, V. */
#include "lift/build.h"

#include <string.h>

static V icmp(Lift *l, LLVMIntPredicate p, V a, V b)
{
    return LLVMBuildICmp(l->b, p, a, b, "");
}

static V not1(Lift *l, V x)
{
    return LLVMBuildNot(l->b, x, "");
}

static V constant(Lift *l, bool x)
{
    return LLVMConstInt(l->i1, x, false);
}

static V zero_of(const FlagVal *f)
{
    return LLVMConstNull(LLVMTypeOf(f->a));
}

static V overflow(Lift *l, const char *name, V a, V b)
{
    Ty t = LLVMTypeOf(a);
    V args[2] = {a, b};
    return LLVMBuildExtractValue(l->b, lift_intrinsic(l, name, &t, 1, args, 2), 1, "");
}

/* The even conditions; odd ones are their inverses. From N, Z, C, V. */
static V from_bits(Lift *l, V n, V z, V c, V v, unsigned cond)
{
    switch (cond) {
    case UOP_EQ: return z;
    case UOP_CS: return c;
    case UOP_MI: return n;
    case UOP_VS: return v;
    case UOP_HI: return LLVMBuildAnd(l->b, c, not1(l, z), "");
    case UOP_GE: return icmp(l, LLVMIntEQ, n, v);
    default: return LLVMBuildAnd(l->b, icmp(l, LLVMIntEQ, n, v), not1(l, z), "");
    }
}

static V test_sub(Lift *l, const FlagVal *f, unsigned cond)
{
    switch (cond) {
    case UOP_EQ: return icmp(l, LLVMIntEQ, f->a, f->b);
    case UOP_CS: return icmp(l, LLVMIntUGE, f->a, f->b);
    case UOP_MI: return icmp(l, LLVMIntSLT, LLVMBuildSub(l->b, f->a, f->b, ""), zero_of(f));
    case UOP_VS: return overflow(l, "llvm.ssub.with.overflow", f->a, f->b);
    case UOP_HI: return icmp(l, LLVMIntUGT, f->a, f->b);
    case UOP_GE: return icmp(l, LLVMIntSGE, f->a, f->b);
    default: return icmp(l, LLVMIntSGT, f->a, f->b);
    }
}

static V test_add(Lift *l, const FlagVal *f, unsigned cond)
{
    V sum = LLVMBuildAdd(l->b, f->a, f->b, "");
    V n = icmp(l, LLVMIntSLT, sum, zero_of(f));
    switch (cond) {
    case UOP_EQ: return icmp(l, LLVMIntEQ, sum, zero_of(f));
    case UOP_CS: return icmp(l, LLVMIntULT, sum, f->a);
    case UOP_MI: return n;
    case UOP_VS: return overflow(l, "llvm.sadd.with.overflow", f->a, f->b);
    case UOP_HI:
        return LLVMBuildAnd(l->b, icmp(l, LLVMIntULT, sum, f->a),
                            icmp(l, LLVMIntNE, sum, zero_of(f)), "");
    default:
        return from_bits(l, n, icmp(l, LLVMIntEQ, sum, zero_of(f)), NULL,
                         overflow(l, "llvm.sadd.with.overflow", f->a, f->b), cond);
    }
}

static V test_logic(Lift *l, const FlagVal *f, unsigned cond)
{
    switch (cond) {
    case UOP_EQ: return icmp(l, LLVMIntEQ, f->a, zero_of(f));
    case UOP_CS:
    case UOP_VS:
    case UOP_HI: return constant(l, false);
    case UOP_MI: return icmp(l, LLVMIntSLT, f->a, zero_of(f));
    case UOP_GE: return icmp(l, LLVMIntSGE, f->a, zero_of(f));
    default: return icmp(l, LLVMIntSGT, f->a, zero_of(f));
    }
}

/* a + b + c in one bit more. */
static V test_adc(Lift *l, const FlagVal *f, unsigned cond)
{
    Ty t = LLVMTypeOf(f->a);
    V carry = LLVMBuildZExt(l->b, f->c, t, "");
    V args[2] = {f->a, f->b};
    V first = lift_intrinsic(l, "llvm.uadd.with.overflow", &t, 1, args, 2);
    args[0] = LLVMBuildExtractValue(l->b, first, 0, "");
    args[1] = carry;
    V second = lift_intrinsic(l, "llvm.uadd.with.overflow", &t, 1, args, 2);
    V sum = LLVMBuildExtractValue(l->b, second, 0, "");
    V c = LLVMBuildOr(l->b, LLVMBuildExtractValue(l->b, first, 1, ""),
                      LLVMBuildExtractValue(l->b, second, 1, ""), "");
    V n = icmp(l, LLVMIntSLT, sum, zero_of(f)), z = icmp(l, LLVMIntEQ, sum, zero_of(f));
    V differ = LLVMBuildAnd(l->b, LLVMBuildXor(l->b, f->a, sum, ""),
                            LLVMBuildXor(l->b, f->b, sum, ""), "");
    V v = icmp(l, LLVMIntSLT, differ, zero_of(f));
    return from_bits(l, n, z, c, v, cond);
}

/* ---- float ----------------------------------------------------------------------------------- */

static const struct {
    LLVMRealPredicate pred;
    const char *name;
} fp_cond[14] = {
    [UOP_EQ] = {LLVMRealOEQ, "oeq"}, [UOP_NE] = {LLVMRealUNE, "une"},
    [UOP_CS] = {LLVMRealUGE, "uge"}, [UOP_CC] = {LLVMRealOLT, "olt"},
    [UOP_MI] = {LLVMRealOLT, "olt"}, [UOP_PL] = {LLVMRealUGE, "uge"},
    [UOP_VS] = {LLVMRealUNO, "uno"}, [UOP_VC] = {LLVMRealORD, "ord"},
    [UOP_HI] = {LLVMRealUGT, "ugt"}, [UOP_LS] = {LLVMRealOLE, "ole"},
    [UOP_GE] = {LLVMRealOGE, "oge"}, [UOP_LT] = {LLVMRealULT, "ult"},
    [UOP_GT] = {LLVMRealOGT, "ogt"}, [UOP_LE] = {LLVMRealULE, "ule"},
};

static V strict_compare(Lift *l, const FlagVal *f, unsigned cond)
{
    Ty t = LLVMTypeOf(f->a);
    V name = LLVMMetadataAsValue(l->ctx, LLVMMDStringInContext2(l->ctx, fp_cond[cond].name, 3));
    V args[4] = {f->a, f->b, name, l->md_strict};
    return lift_intrinsic(l,
                          f->signaling ? "llvm.experimental.constrained.fcmps"
                                       : "llvm.experimental.constrained.fcmp",
                          &t, 1, args, 4);
}

/* The first comparison raises what is to be raised. Others raise no more than that, but a plain one
 * LLVM would make above a branch that skips them all, where it raises what the guest doesn't. */
static V test_fcmp(Lift *l, FlagVal *f, unsigned cond)
{
    f->raised = true;
    return strict_compare(l, f, cond);
}

void flags_raise(Lift *l, FlagVal *f, unsigned cond)
{
    if (f->kind == UOP_FLAGS_FCMP && !f->raised) {
        f->raised = true;
        f->d = strict_compare(l, f, cond);
        f->nzcv = (uint8_t)cond;
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static V test_kind(Lift *l, FlagVal *f, unsigned kind, unsigned cond)
{
    unsigned even = cond & ~1u;
    V r;
    switch (kind) {
    case UOP_FLAGS_FCMP: /* unordered makes inverses of their own */
        return f->d && f->nzcv == cond ? f->d : test_fcmp(l, f, cond);
    case UOP_FLAGS_SUB: r = test_sub(l, f, even); break;
    case UOP_FLAGS_ADD: r = test_add(l, f, even); break;
    case UOP_FLAGS_LOGIC: r = test_logic(l, f, even); break;
    case UOP_FLAGS_ADC: r = test_adc(l, f, even); break;
    case UOP_FLAGS_NZCV: {
        V bit[4];
        for (unsigned k = 0; k < 4; k++) {
            bit[k] = icmp(l, LLVMIntNE,
                          LLVMBuildAnd(l->b, f->a, lift_i32(l, UINT32_C(1) << (31 - k)), ""),
                          lift_i32(l, 0));
        }
        r = from_bits(l, bit[0], bit[1], bit[2], bit[3], even);
        break;
    }
    default: r = from_bits(l, f->a, f->b, f->c, f->d, even); break;
    }
    return cond & 1 ? not1(l, r) : r;
}

static bool holds(unsigned nzcv, unsigned cond)
{
    bool n = nzcv & 8, z = nzcv & 4, c = nzcv & 2, v = nzcv & 1, yes;
    switch (cond & ~1u) {
    case UOP_EQ: yes = z; break;
    case UOP_CS: yes = c; break;
    case UOP_MI: yes = n; break;
    case UOP_VS: yes = v; break;
    case UOP_HI: yes = c && !z; break;
    case UOP_GE: yes = n == v; break;
    default: yes = n == v && !z; break;
    }
    return yes != (cond & 1);
}

V flags_test(Lift *l, FlagVal *f, unsigned cond)
{
    if (f->kind != FLAG_IF) {
        return test_kind(l, f, f->kind, cond);
    }
    FlagVal then = *f;
    then.d = NULL;
    V yes = test_kind(l, &then, f->of, cond);
    f->raised = then.raised;
    return LLVMBuildSelect(l->b, f->c, yes, constant(l, holds(f->nzcv, cond)), "");
}

/* ---- the micro-operations -------------------------------------------------------------------- */

static V bool_of(Lift *l, uint16_t v)
{
    return LLVMBuildTrunc(l->b, lift_val(l, v), l->i1, "");
}

static V second_operand(Lift *l, const Uop *u)
{
    if (u->b != VAL_NONE) {
        return u->sub == UOP_FLAGS_FCMP ? lift_fp_operand(l, u->b) : lift_val(l, u->b);
    }
    return uop_is_float(u->type) ? lift_const(l, u->type, 0)
                                 : lift_const(l, u->type, (uint64_t)(int64_t)u->imm);
}

/* The condition that is asked of the flags value u->dst first, in this block; EQ if none. */
static unsigned first_test(const Lift *l, const Uop *u)
{
    for (const Uop *t = u + 1; t < l->ub->uops + l->ub->count; t++) {
        if (t->op == UOP_TEST && t->a == u->dst) {
            return t->sub;
        }
    }
    return UOP_EQ;
}

static bool unlifted_float(const Uop *u)
{
    return uop_is_float(u->type) && uop_lane(u->type) == LANE_F16;
}

static bool by_interp(Lift *l, const Uop *u)
{
    V x = lift_by_interp(l, u); /* i32: four bytes */
    V bit[4];
    for (unsigned k = 0; k < 4; k++) {
        bit[k] = LLVMBuildTrunc(l->b, LLVMBuildLShr(l->b, x, lift_i32(l, 8 * k), ""), l->i1, "");
    }
    l->flags[u->dst] =
        (FlagVal){.kind = FLAG_BITS, .a = bit[0], .b = bit[1], .c = bit[2], .d = bit[3]};
    return true;
}

bool lift_flags(Lift *l, const Uop *u)
{
    FlagVal *f = &l->flags[u->dst == VAL_NONE ? 0 : u->dst]; /* PUTFLAGS has none */
    switch (u->op) {
    case UOP_FLAGS:
        if (unlifted_float(u)) {
            return by_interp(l, u);
        }
        *f = (FlagVal){.kind = u->sub, .type = u->type, .signaling = u->flags & UOPF_SIGNALING};
        f->a = u->sub == UOP_FLAGS_FCMP ? lift_fp_operand(l, u->a) : lift_val(l, u->a);
        f->b = u->sub == UOP_FLAGS_LOGIC || u->sub == UOP_FLAGS_NZCV ? NULL : second_operand(l, u);
        f->c = u->sub == UOP_FLAGS_ADC ? bool_of(l, u->c) : NULL;
        flags_raise(l, f, first_test(l, u));
        return true;
    case UOP_FLAGSIF:
        /* A float comparison that isn't made raises nothing. */
        if (u->sub == UOP_FLAGS_FCMP) {
            return by_interp(l, u);
        }
        *f = (FlagVal){
            .kind = FLAG_IF, .of = u->sub, .type = u->type, .nzcv = (uint8_t)(u->imm & 15)};
        f->a = lift_val(l, u->a);
        f->b = lift_val(l, u->b);
        f->c = bool_of(l, u->c);
        return true;
    case UOP_TEST: {
        V t = flags_test(l, &l->flags[u->a], u->sub);
        l->vals[u->dst] = LLVMBuildZExt(l->b, t, l->i32, "");
        return true;
    }
    case UOP_PACKFLAGS: {
        static const uint8_t conds[4] = {UOP_MI, UOP_EQ, UOP_CS, UOP_VS};
        V r = lift_i32(l, 0);
        for (unsigned k = 0; k < 4; k++) {
            V t = LLVMBuildZExt(l->b, flags_test(l, &l->flags[u->a], conds[k]), l->i32, "");
            r = LLVMBuildOr(l->b, r, LLVMBuildShl(l->b, t, lift_i32(l, 31 - k), ""), "");
        }
        l->vals[u->dst] = r;
        return true;
    }
    case UOP_GETFLAGS: *f = regs_get_flags(l); return true;
    case UOP_PUTFLAGS: regs_put_flags(l, &l->flags[u->a]); return true;
    default: return false;
    }
}
