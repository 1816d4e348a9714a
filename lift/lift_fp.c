/* lift_fp.c - floating point on the host's FPU, by constrained operations: LLVM neither folds nor
 * moves what reads the rounding mode or raises exceptions.
 *
 * As in tier 1 (emit_fp.c) a result that may differ from the guest's - a NaN, and for products,
 * quotients and narrowings one equal to the smallest normal number - is found by a comparison and
 * computed again by softfp, out of line: for several operations at once (checks.c).
 */
#include "lift/build.h"

#include <string.h>

static V strict(Lift *l, const char *name, Ty *overloads, unsigned n, V *args, unsigned nargs,
                bool rounds)
{
    V all[6];
    for (unsigned k = 0; k < nargs; k++) {
        all[k] = args[k];
    }
    if (rounds) {
        all[nargs++] = l->md_dynamic;
    }
    all[nargs++] = l->md_strict;
    V r = lift_intrinsic(l, name, overloads, n, all, nargs);
    /* LLVM folds exact results of constants, and gets the sign of a zero sum wrong, which depends
     * on the rounding mode: not of what isn't a builtin. */
    unsigned kind = LLVMGetEnumAttributeKindForName("nobuiltin", 9);
    LLVMAddCallSiteAttribute(r, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                             LLVMCreateEnumAttribute(l->ctx, kind, 0));
    return r;
}

/* Two floats in a vector register: LLVM would compute with whatever stands above them. Twice the
 * same raises nothing else. */
static bool is_pair(V x)
{
    Ty t = LLVMTypeOf(x);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind && LLVMGetVectorSize(t) == 2 &&
           LLVMGetElementType(t) == LLVMFloatTypeInContext(LLVMGetTypeContext(t));
}

V lift_fp_doubled(Lift *l, V x)
{
    V mask[4];
    for (unsigned k = 0; k < 4; k++) {
        mask[k] = lift_i32(l, k & 1);
    }
    return LLVMBuildShuffleVector(l->b, x, LLVMGetUndef(LLVMTypeOf(x)), LLVMConstVector(mask, 4),
                                  "");
}

static V halved(Lift *l, V x)
{
    V mask[2] = {lift_i32(l, 0), lift_i32(l, 1)};
    return LLVMBuildShuffleVector(l->b, x, LLVMGetUndef(LLVMTypeOf(x)), LLVMConstVector(mask, 2),
                                  "");
}

static V strict_arith(Lift *l, const char *name, V a, V b, V c)
{
    bool pair = is_pair(a);
    V args[3] = {a, b, c};
    unsigned n = c ? 3 : b ? 2 : 1;
    for (unsigned k = 0; pair && k < n; k++) {
        args[k] = lift_fp_doubled(l, args[k]);
    }
    Ty t = LLVMTypeOf(args[0]);
    V r = strict(l, name, &t, 1, args, n, true);
    return pair ? halved(l, r) : r;
}

V lift_fp_compare(Lift *l, const char *pred, V a, V b, bool quiet)
{
    bool pair = is_pair(a);
    V name = LLVMMetadataAsValue(l->ctx, LLVMMDStringInContext2(l->ctx, pred, 3));
    V args[3] = {pair ? lift_fp_doubled(l, a) : a, pair ? lift_fp_doubled(l, b) : b, name};
    Ty t = LLVMTypeOf(args[0]);
    V r = strict(
        l, quiet ? "llvm.experimental.constrained.fcmp" : "llvm.experimental.constrained.fcmps", &t,
        1, args, 3, false);
    return pair ? halved(l, r) : r;
}

/* ---- flush-to-zero mode ---------------------------------------------------------------------- */

V lift_fp_operand(Lift *l, uint16_t v)
{
    V x = lift_val(l, v);
    if (l->r->mode & CPU_MODE_FZ && !l->flushed[v]) {
        lift_fp_compare(l, "oeq", x, x, true);
    }
    return x;
}

/* As it is with zeros for what is denormal: for operations that the host doesn't do so by itself.
 * Where another bit of a NaN would matter, its result is softfp's. */
static V flushed(Lift *l, uint16_t v, V x)
{
    Ty t = LLVMTypeOf(x);
    if (!(l->r->mode & CPU_MODE_FZ) || l->flushed[v]) {
        return x;
    }
    bool vec = LLVMGetTypeKind(t) == LLVMVectorTypeKind;
    V one = LLVMConstReal(vec ? LLVMGetElementType(t) : t, 1), ones[4] = {one, one, one, one};
    return strict_arith(l, "llvm.experimental.constrained.fmul", x,
                        vec ? LLVMConstVector(ones, LLVMGetVectorSize(t)) : one, NULL);
}

static V flush_operand(Lift *l, uint16_t v)
{
    return flushed(l, v, lift_val(l, v));
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* One bit for "in any lane". */
static V any(Lift *l, V lanes)
{
    Ty t = LLVMTypeOf(lanes);
    if (LLVMGetTypeKind(t) != LLVMVectorTypeKind) {
        return lanes;
    }
    return lift_intrinsic(l, "llvm.vector.reduce.or", &t, 1, &lanes, 1);
}

/* The result: `fast`, or where `bad` that of softfp. */
static V checked(Lift *l, const Uop *u, V fast, V bad)
{
    LLVMBasicBlockRef slow = lift_bb(l, "slow"), join = lift_bb(l, "join"),
                      from = LLVMGetInsertBlock(l->b);
    lift_branch_unlikely(l, any(l, bad), slow, join);
    LLVMPositionBuilderAtEnd(l->b, slow);
    V again = lift_by_interp(l, u);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
    V phi = LLVMBuildPhi(l->b, LLVMTypeOf(fast), "");
    V in[2] = {fast, again};
    LLVMBasicBlockRef bb[2] = {from, slow};
    LLVMAddIncoming(phi, in, bb, 2);
    return phi;
}

/* ---- minimum, maximum ------------------------------------------------------------------------ */

/* AVX-512's VRANGE, as scalar or vector of the type: zeros of different signs differ to it as they
 * do to the guest, and only a signaling NaN raises something. */
static V range(Lift *l, const Uop *u, V a, V b)
{
    enum { COMPARED_SIGN = 4 };
    bool vec = uop_is_vec(u->type) || l->wide, wide = uop_lane(u->type) == LANE_F64;
    bool pair = is_pair(a);
    char text[40];
    snprintf(text, sizeof text, "vrange%c%c $$%u, $2, $1, $0", vec ? 'p' : 's', wide ? 'd' : 's',
             COMPARED_SIGN + (u->op == UOP_FMAX));
    V args[2] = {pair ? lift_fp_doubled(l, a) : a, pair ? lift_fp_doubled(l, b) : b};
    Ty t = LLVMTypeOf(args[0]), types[2] = {t, t};
    Ty fn = LLVMFunctionType(t, types, 2, false);
    V call = LLVMGetInlineAsm(fn, text, strlen(text), "=v,v,v", 6, false, false,
                              LLVMInlineAsmDialectATT, false);
    V r = LLVMBuildCall2(l->b, fn, call, args, 2, "");
    return pair ? halved(l, r) : r;
}

/* NaNs are slow. Of equal operands (zeros of different signs) the minimum has the OR of the bits,
 * the maximum their AND. */
static V min_max(Lift *l, const Uop *u, V a, V b)
{
    bool max = u->op == UOP_FMAX;
    if (l->masks) {
        return checks_result(l, u, l->again ? NULL : range(l, u, a, b), false);
    }
    V less = lift_fp_compare(l, max ? "ogt" : "olt", a, b, true);
    V r = LLVMBuildSelect(l->b, less, a, b, "");
    Ty t = lift_int_type(l, u->type);
    V x = lift_cast(l, a, t), y = lift_cast(l, b, t);
    V both = max ? LLVMBuildAnd(l->b, x, y, "") : LLVMBuildOr(l->b, x, y, "");
    V equal = lift_fp_compare(l, "oeq", a, b, true);
    r = LLVMBuildSelect(l->b, equal, lift_cast(l, both, LLVMTypeOf(a)), r, "");
    return checked(l, u, r, lift_fp_compare(l, "uno", a, b, true));
}

/* ---- signs, comparison ----------------------------------------------------------------------- */

static V sign_operation(Lift *l, const Uop *u, V a)
{
    Ty t = lift_int_type(l, u->type);
    uint64_t sign = UINT64_C(1) << (uop_lane_bits(u->type) - 1);
    V bits = lift_cast(l, a, t),
      m = lift_cast(l, lift_const(l, u->type, u->op == UOP_FNEG ? sign : sign - 1), t);
    V r = u->op == UOP_FNEG ? LLVMBuildXor(l->b, bits, m, "") : LLVMBuildAnd(l->b, bits, m, "");
    return lift_cast(l, r, lift_type(l, u->type));
}

static V compare(Lift *l, const Uop *u, V a, V b)
{
    bool eq = u->sub == UOP_FEQ || u->sub == UOP_EQ, ge = u->sub == UOP_FGE || u->sub == UOP_GE;
    V r = lift_fp_compare(l, eq ? "oeq" : ge ? "oge" : "ogt", a, b, eq);
    Ty to = lift_int_type(l, u->type);
    return lift_cast(l, LLVMBuildSExt(l->b, r, to, ""), lift_type(l, lift_result_type(l, u)));
}

/* ---- conversions ----------------------------------------------------------------------------- */

static bool on_host(uint8_t type)
{
    unsigned lane = uop_lane(type);
    return lane == LANE_F32 || lane == LANE_F64;
}

/* Ties away from zero: truncated, and one more where a half or more was cut. All of it is exact;
 * what has no fraction (or is no number) stays as it is. */
static V round_away(Lift *l, uint8_t type, V a)
{
    bool wide = uop_lane(type) == LANE_F64;
    Ty t = LLVMTypeOf(a), bits = lift_int_type(l, type);
    V whole = lift_const(l, type, wide ? (uint64_t)(1023 + 52) << 52 : (uint64_t)(127 + 23) << 23);
    V half = lift_const(l, type, wide ? (uint64_t)1022 << 52 : (uint64_t)126 << 23);
    V one = lift_const(l, type, wide ? (uint64_t)1023 << 52 : (uint64_t)127 << 23);
    V zero = lift_const(l, type, 0);
    V size = lift_intrinsic(l, "llvm.fabs", &t, 1, &a, 1);
    V small = lift_fp_compare(l, "olt", size, whole, true);
    V x = LLVMBuildSelect(l->b, small, size, zero, "");
    V cut = strict(l, "llvm.experimental.constrained.trunc", &t, 1, &x, 1, false);
    V rest = strict_arith(l, "llvm.experimental.constrained.fsub", x, cut, NULL);
    V more = LLVMBuildFCmp(l->b, LLVMRealOGE, rest, half, "");
    V r = strict_arith(l, "llvm.experimental.constrained.fadd", cut,
                       LLVMBuildSelect(l->b, more, one, zero, ""), NULL);
    V sign = lift_const(l, type, UINT64_C(1) << (uop_lane_bits(type) - 1));
    sign = LLVMBuildAnd(l->b, lift_cast(l, a, bits), lift_cast(l, sign, bits), "");
    r = lift_intrinsic(l, "llvm.fabs", &t, 1, &r, 1); /* 0 - 0 is -0 when rounding down */
    r = lift_cast(l, LLVMBuildOr(l->b, lift_cast(l, r, bits), sign, ""), t);
    return LLVMBuildSelect(l->b, small, r, a, "");
}

/* Without an inexact exception; NULL: not here. */
static V round_quietly(Lift *l, uint8_t type, unsigned how, V a)
{
    static const char *const names[] = {[UOP_ROUND_NEAREST] =
                                            "llvm.experimental.constrained.roundeven",
                                        [UOP_ROUND_UP] = "llvm.experimental.constrained.ceil",
                                        [UOP_ROUND_DOWN] = "llvm.experimental.constrained.floor",
                                        [UOP_ROUND_ZERO] = "llvm.experimental.constrained.trunc"};
    Ty t = LLVMTypeOf(a);
    if (how == UOP_ROUND_AWAY) {
        return round_away(l, type, a);
    }
    if (how == UOP_ROUND_CURRENT) {
        return strict(l, "llvm.experimental.constrained.nearbyint", &t, 1, &a, 1, true);
    }
    return how <= UOP_ROUND_ZERO ? strict(l, names[how], &t, 1, &a, 1, false) : NULL;
}

static V round_integral(Lift *l, const Uop *u, V a)
{
    bool pair = is_pair(a);
    bool exact = u->flags & UOPF_EXACT;
    if (u->imm || (exact && u->sub != UOP_ROUND_CURRENT) || (pair && u->sub == UOP_ROUND_AWAY)) {
        return NULL;
    }
    a = pair ? lift_fp_doubled(l, a) : a;
    Ty t = LLVMTypeOf(a);
    V r = exact ? strict(l, "llvm.experimental.constrained.rint", &t, 1, &a, 1, true)
                : round_quietly(l, u->type, u->sub, a);
    if (!r) {
        return NULL;
    }
    return checks_result(l, u, pair ? halved(l, r) : r, false);
}

static V convert(Lift *l, const Uop *u, V a)
{
    uint8_t from = (uint8_t)u->c, to = u->type;
    if (!on_host(from) || !on_host(to) || u->sub == UOP_ROUND_ODD) {
        return NULL;
    }
    bool widens = uop_lane(to) == LANE_F64;
    Ty types[2] = {lift_type(l, to), LLVMTypeOf(a)};
    if (uop_is_vec(from) && widens) { /* two lanes of F32x4 */
        unsigned first = u->flags & UOPF_HIGH ? 2 : 0;
        V mask[2] = {lift_i32(l, first), lift_i32(l, first + 1)};
        a = LLVMBuildShuffleVector(l->b, a, LLVMGetUndef(types[1]), LLVMConstVector(mask, 2), "");
        types[1] = LLVMTypeOf(a);
    } else if (u->flags & UOPF_HIGH) {
        return NULL;
    }
    if (!widens && uop_is_vec(from)) {
        return NULL; /* LLVM narrows lanes that aren't there */
    }
    a = flushed(l, u->a, a);
    if (widens) {
        V r = strict(l, "llvm.experimental.constrained.fpext", types, 2, &a, 1, false);
        return checks_result(l, u, r, false);
    }
    V r = strict(l, "llvm.experimental.constrained.fptrunc", types, 2, &a, 1, true);
    return checks_result(l, u, r, true);
}

/* As `fast` where `bad` doesn't hold, with the inexact exception of rounding `a`. */
static V checked_inexact(Lift *l, const Uop *u, V fast, V bad, V a)
{
    LLVMBasicBlockRef slow = lift_bb(l, "slow"), good = lift_bb(l, ""), join = lift_bb(l, "join");
    Ty t = LLVMTypeOf(a);
    lift_branch_unlikely(l, bad, slow, good);
    strict(l, "llvm.experimental.constrained.rint", &t, 1, &a, 1, true);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, slow);
    V in[2] = {fast, lift_by_interp(l, u)};
    LLVMBasicBlockRef bb[2] = {good, LLVMGetInsertBlock(l->b)};
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
    V phi = LLVMBuildPhi(l->b, LLVMTypeOf(fast), "");
    LLVMAddIncoming(phi, in, bb, 2);
    return phi;
}

/* Scalar, 32 or 64 bits. Truncation of signed is the host's own, which gives the minimum for what
 * doesn't fit. Others are rounded quietly first; unsigned numbers go by way of signed ones, the
 * upper half of 64 bits is slow. */
static V to_int(Lift *l, const Uop *u, V a)
{
    uint8_t from = (uint8_t)u->c;
    if (!on_host(from) || u->imm || !uop_is_int(u->type) || uop_is_vec(from)) {
        return NULL;
    }
    bool is_unsigned = u->flags & UOPF_UNSIGNED, plain = u->sub == UOP_ROUND_ZERO && !is_unsigned;
    unsigned bits = uop_lane_bits(u->type);
    V x = plain ? a : round_quietly(l, from, u->sub, a), bad = NULL;
    if (!x) {
        return NULL;
    }
    Ty types[2] = {is_unsigned ? l->i64 : lift_type(l, u->type), LLVMTypeOf(a)};
    if (is_unsigned && bits == 64) { /* the host would raise invalid */
        bool wide = uop_lane(from) == LANE_F64;
        V limit =
            lift_const(l, from, wide ? (uint64_t)(1023 + 63) << 52 : (uint64_t)(127 + 63) << 23);
        V large = LLVMBuildFCmp(l->b, LLVMRealOGE, x, limit, "");
        x = LLVMBuildSelect(l->b, large, lift_const(l, from, 0), x, "");
        bad = large;
    }
    V r = strict(l, "llvm.experimental.constrained.fptosi", types, 2, &x, 1, false);
    if (!is_unsigned) {
        V lowest = lift_const(l, u->type, UINT64_C(1) << (bits - 1));
        bad = LLVMBuildICmp(l->b, LLVMIntEQ, r, lowest, "");
    } else if (bits == 64) {
        bad = LLVMBuildOr(l->b, bad, LLVMBuildICmp(l->b, LLVMIntSLT, r, lift_i64(l, 0), ""), "");
    } else {
        bad = LLVMBuildICmp(l->b, LLVMIntUGT, r, lift_i64(l, UINT32_MAX), "");
        r = LLVMBuildTrunc(l->b, r, l->i32, "");
    }
    return plain ? checked(l, u, r, bad) : checked_inexact(l, u, r, bad, a);
}

/* Fraction bits: the division by a power of two is exact. Two unsigned words are converted as four:
 * LLVM would round two by way of doubles, where fptrap.c sees a narrowing. */
static V from_int(Lift *l, const Uop *u, V a)
{
    uint8_t to = u->type;
    if (!on_host(to)) {
        return NULL;
    }
    bool pair = uop_lane(to) == LANE_F32 && uop_lanes(to) == 2;
    V x = lift_cast(l, a, lift_int_type(l, (uint8_t)u->c));
    x = pair ? lift_fp_doubled(l, x) : x;
    Ty types[2] = {pair ? LLVMVectorType(l->f32, 4) : lift_type(l, to), LLVMTypeOf(x)};
    V r = strict(l,
                 u->flags & UOPF_UNSIGNED ? "llvm.experimental.constrained.uitofp"
                                          : "llvm.experimental.constrained.sitofp",
                 types, 2, &x, 1, true);
    if (u->flags & UOPF_UNSIGNED) { /* LLVM's zero is a difference: -0 when rounding down */
        V none = LLVMBuildICmp(l->b, LLVMIntEQ, x, LLVMConstNull(types[1]), "");
        r = LLVMBuildSelect(l->b, none, LLVMConstNull(types[0]), r, "");
    }
    r = pair ? halved(l, r) : r;
    if (u->imm) {
        bool wide = uop_lane(to) == LANE_F64;
        uint64_t scale = wide ? (uint64_t)(1023 - u->imm) << 52 : (uint64_t)(127 - u->imm) << 23;
        r = strict_arith(l, "llvm.experimental.constrained.fmul", r, lift_const(l, to, scale),
                         NULL);
    }
    return r;
}

/* ---- all ------------------------------------------------------------------------------------- */

static V fma_sign(Lift *l, V x, uint8_t type)
{
    Ty t = lift_int_type(l, type);
    V m = lift_cast(l, lift_const(l, type, UINT64_C(1) << (uop_lane_bits(type) - 1)), t);
    return lift_cast(l, LLVMBuildXor(l->b, lift_cast(l, x, t), m, ""), LLVMTypeOf(x));
}

/* Can a product or quotient be less than the smallest normal number m = 2^e before rounding, but
 * not be to the host, which asks after rounding to p bits of an unbounded exponent? It would have
 * to be greater than (1 - 2^-p)m, which p bits hold.
 * A quotient isn't: m - a/b is a multiple of 1/b, and b has p bits. A square isn't, as e is even:
 * its root is at most (1 - 2^-p)2^(e/2). */
static bool may_be_tiny(const Lift *l, const Uop *u)
{
    return l->r->mode & CPU_MODE_FZ || (u->op == UOP_FMUL && u->a != u->b);
}

static V arithmetic(Lift *l, const Uop *u, V a, V b)
{
    V r;
    switch (u->op) {
    case UOP_FADD:
    case UOP_FSUB:
        r = strict_arith(l,
                         u->op == UOP_FADD ? "llvm.experimental.constrained.fadd"
                                           : "llvm.experimental.constrained.fsub",
                         a, b, NULL);
        return checks_result(l, u, r, false);
    case UOP_FMUL:
        if (u->sub == UOP_FMUL_X) {
            return NULL;
        }
        r = strict_arith(l, "llvm.experimental.constrained.fmul", a, b, NULL);
        return checks_result(l, u, r, may_be_tiny(l, u));
    case UOP_FDIV: /* of a denormal by zero is a division by zero to the host */
        lift_fp_operand(l, u->a);
        r = strict_arith(l, "llvm.experimental.constrained.fdiv", a, b, NULL);
        return checks_result(l, u, r, may_be_tiny(l, u));
    case UOP_FSQRT: /* of a negative denormal is invalid to the host */
        lift_fp_operand(l, u->a);
        r = strict_arith(l, "llvm.experimental.constrained.sqrt", a, NULL, NULL);
        return checks_result(l, u, r, false);
    default: {
        V x = u->sub & UOP_FMA_NEG_A ? fma_sign(l, a, u->type) : a;
        V c = lift_val(l, u->c);
        c = u->sub & UOP_FMA_NEG_C ? fma_sign(l, c, u->type) : c;
        r = strict_arith(l, "llvm.experimental.constrained.fma", x, b, c);
        return checks_result(l, u, r, true);
    }
    }
}

bool lift_fp(Lift *l, const Uop *u)
{
    V a = u->a != VAL_NONE ? lift_val(l, u->a) : NULL, r = NULL;
    if (u->op == UOP_FNEG || u->op == UOP_FABS) {
        l->vals[u->dst] = sign_operation(l, u, a);
        return true;
    }
    if (l->r->mode & CPU_MODE_FZ16) {
        return false;
    }
    switch (u->op) {
    case UOP_FADD:
    case UOP_FSUB:
    case UOP_FMUL:
    case UOP_FDIV:
    case UOP_FSQRT:
    case UOP_FMA:
        r = on_host(u->type) ? arithmetic(l, u, a, u->b != VAL_NONE ? lift_val(l, u->b) : NULL)
                             : NULL;
        break;
    case UOP_FMIN:
    case UOP_FMAX:
        r = on_host(u->type) ? min_max(l, u, flush_operand(l, u->a), flush_operand(l, u->b)) : NULL;
        break;
    case UOP_FCMP:
        r = on_host(u->type) ? compare(l, u, lift_fp_operand(l, u->a), lift_fp_operand(l, u->b))
                             : NULL;
        break;
    case UOP_FROUND:
        r = on_host(u->type) ? round_integral(l, u, flush_operand(l, u->a)) : NULL;
        break;
    case UOP_FCVT: r = convert(l, u, a); break;
    case UOP_FTOI: r = on_host((uint8_t)u->c) ? to_int(l, u, flush_operand(l, u->a)) : NULL; break;
    case UOP_ITOF: r = from_int(l, u, a); break;
    default: break;
    }
    if (!r) {
        return false;
    }
    l->vals[u->dst] = r;
    return true;
}
