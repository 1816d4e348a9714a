/* lift_vec.c - vector arithmetic beyond lane-wise integer operations: saturating, halving,
 * widening, narrowing, across lanes, dot products, carry-less products, AES and SHA steps that the
 * host has.
 *
 * Where a definition speaks of infinite precision, lanes are computed in twice their width: LLVM
 * finds pavg, packs, pmulhrs and their like in that form.
 */
#include "lift/build.h"

static Ty vec_of(Lift *l, unsigned bits, unsigned n)
{
    return LLVMVectorType(LLVMIntTypeInContext(l->ctx, bits), n);
}

static V splat_int(Ty t, uint64_t x)
{
    V lanes[16];
    unsigned n = LLVMGetVectorSize(t);
    for (unsigned i = 0; i < n; i++) {
        lanes[i] = LLVMConstInt(LLVMGetElementType(t), x, false);
    }
    return LLVMConstVector(lanes, n);
}

static V splat_wide(Ty t, const uint64_t words[2])
{
    V lanes[16];
    unsigned n = LLVMGetVectorSize(t);
    for (unsigned i = 0; i < n; i++) {
        lanes[i] = LLVMConstIntOfArbitraryPrecision(LLVMGetElementType(t), 2, words);
    }
    return LLVMConstVector(lanes, n);
}

static V ext(Lift *l, V v, Ty t, bool is_signed)
{
    return is_signed ? LLVMBuildSExt(l->b, v, t, "") : LLVMBuildZExt(l->b, v, t, "");
}

static V call2(Lift *l, const char *name, V a, V b)
{
    Ty t = LLVMTypeOf(a);
    V args[2] = {a, b};
    return lift_intrinsic(l, name, &t, 1, args, 2);
}

static V call_plain(Lift *l, const char *name, V a, V b, V c)
{
    V args[3] = {a, b, c};
    return lift_intrinsic(l, name, NULL, 0, args, c ? 3 : b ? 2 : 1);
}

/* x, of twice the lanes' width, signed, into lanes of `bits`. */
static V saturate(Lift *l, V x, unsigned bits, bool to_signed)
{
    Ty wide = LLVMTypeOf(x);
    unsigned __int128 max = ((unsigned __int128)1 << (to_signed ? bits - 1 : bits)) - 1;
    uint64_t hi[2] = {(uint64_t)max, (uint64_t)(max >> 64)};
    unsigned __int128 min = to_signed ? ~max : 0;
    uint64_t lo[2] = {(uint64_t)min, (uint64_t)(min >> 64)};
    x = call2(l, "llvm.smin", x, splat_wide(wide, hi));
    x = call2(l, "llvm.smax", x, splat_wide(wide, lo));
    return LLVMBuildTrunc(l->b, x, vec_of(l, bits, LLVMGetVectorSize(wide)), "");
}

static Ty doubled(Lift *l, const Uop *u)
{
    return vec_of(l, 2 * uop_lane_bits(u->type), uop_lanes(u->type));
}

/* The low or high half of the lanes of a 128-bit vector. */
static V half(Lift *l, const Uop *u, V v)
{
    V mask[16];
    unsigned n = uop_lanes(u->type), first = u->flags & UOPF_HIGH ? n : 0;
    for (unsigned i = 0; i < n; i++) {
        mask[i] = lift_i32(l, first + i);
    }
    v = lift_cast(l, v, vec_of(l, uop_lane_bits(u->type) / 2, 2 * n));
    return LLVMBuildShuffleVector(l->b, v, LLVMGetUndef(LLVMTypeOf(v)), LLVMConstVector(mask, n),
                                  "");
}

static V add_sub_sat(Lift *l, const Uop *u, V a, V b)
{
    bool add = u->op == UOP_ADDSAT;
    switch (u->sub & 3) {
    case UOP_SIGNED: return call2(l, add ? "llvm.sadd.sat" : "llvm.ssub.sat", a, b);
    case UOP_UNSIGNED: return call2(l, add ? "llvm.uadd.sat" : "llvm.usub.sat", a, b);
    default: {
        bool first_signed = (u->sub & 3) == UOP_SAT_SU;
        Ty t = doubled(l, u);
        V x = ext(l, a, t, first_signed), y = ext(l, b, t, !first_signed);
        return saturate(l, LLVMBuildAdd(l->b, x, y, ""), uop_lane_bits(u->type), first_signed);
    }
    }
}

static V halving(Lift *l, const Uop *u, V a, V b)
{
    bool s = u->sub & UOP_SIGNED;
    Ty t = doubled(l, u);
    V x = ext(l, a, t, s), y = ext(l, b, t, s);
    V r = u->op == UOP_HADD ? LLVMBuildAdd(l->b, x, y, "") : LLVMBuildSub(l->b, x, y, "");
    if (u->op == UOP_HADD && u->sub & UOP_ROUND) {
        r = LLVMBuildAdd(l->b, r, splat_int(t, 1), "");
    }
    return LLVMBuildTrunc(l->b, LLVMBuildLShr(l->b, r, splat_int(t, 1), ""), LLVMTypeOf(a), "");
}

static V difference(Lift *l, const Uop *u, V a, V b)
{
    bool s = u->sub & UOP_SIGNED;
    V max = call2(l, s ? "llvm.smax" : "llvm.umax", a, b),
      min = call2(l, s ? "llvm.smin" : "llvm.umin", a, b);
    return LLVMBuildSub(l->b, max, min, "");
}

/* (a >> n) + bit n - 1 of a: the same without a wider lane. */
static V rounding_shift(Lift *l, const Uop *u, V a)
{
    unsigned bits = uop_lane_bits(u->type), n = (unsigned)u->imm;
    bool s = u->sub & UOP_SIGNED;
    Ty t = LLVMTypeOf(a);
    V carry =
        LLVMBuildAnd(l->b, LLVMBuildLShr(l->b, a, splat_int(t, n - 1), ""), splat_int(t, 1), "");
    V shifted = s           ? LLVMBuildAShr(l->b, a, splat_int(t, n >= bits ? bits - 1 : n), "")
                : n >= bits ? LLVMConstNull(t)
                            : LLVMBuildLShr(l->b, a, splat_int(t, n), "");
    return LLVMBuildAdd(l->b, shifted, carry, "");
}

/* By a register, without rounding or saturation. */
static V shift_by_lanes(Lift *l, const Uop *u, V a, V b)
{
    unsigned bits = uop_lane_bits(u->type);
    Ty t = LLVMTypeOf(a);
    V up = splat_int(t, bits - 8);
    V n = bits == 8 ? b : LLVMBuildAShr(l->b, LLVMBuildShl(l->b, b, up, ""), up, "");
    V minus = LLVMBuildNeg(l->b, n, ""), width = splat_int(t, bits), zero = LLVMConstNull(t);
    V left_in = LLVMBuildICmp(l->b, LLVMIntULT, n, width, ""),
      right_in = LLVMBuildICmp(l->b, LLVMIntULT, minus, width, "");
    V left = LLVMBuildShl(l->b, a, LLVMBuildSelect(l->b, left_in, n, zero, ""), "");
    left = LLVMBuildSelect(l->b, left_in, left, zero, "");
    V right;
    if (u->sub & UOP_SIGNED) {
        V k = LLVMBuildSelect(l->b, right_in, minus, splat_int(t, bits - 1), "");
        right = LLVMBuildAShr(l->b, a, k, "");
    } else {
        right = LLVMBuildLShr(l->b, a, LLVMBuildSelect(l->b, right_in, minus, zero, ""), "");
        right = LLVMBuildSelect(l->b, right_in, right, zero, "");
    }
    return LLVMBuildSelect(l->b, LLVMBuildICmp(l->b, LLVMIntSLT, n, zero, ""), right, left, "");
}

static V narrow(Lift *l, const Uop *u, V a)
{
    unsigned bits = uop_lane_bits(u->type);
    Ty wide = LLVMTypeOf(a);
    switch (u->sub) {
    case UOP_NARROW_TRUNC: return LLVMBuildTrunc(l->b, a, lift_type(l, u->type), "");
    case UOP_NARROW_SAT_U: {
        uint64_t max = (UINT64_C(1) << bits) - 1;
        return LLVMBuildTrunc(l->b, call2(l, "llvm.umin", a, splat_int(wide, max)),
                              lift_type(l, u->type), "");
    }
    default: return saturate(l, a, bits, u->sub == UOP_NARROW_SAT_S);
    }
}

static V wide_mul(Lift *l, const Uop *u, V a, V b)
{
    bool s = u->sub & UOP_SIGNED;
    Ty t = lift_type(l, u->type);
    return LLVMBuildMul(l->b, ext(l, half(l, u, a), t, s), ext(l, half(l, u, b), t, s), "");
}

static V mul_high_sat(Lift *l, const Uop *u, V a, V b)
{
    unsigned bits = uop_lane_bits(u->type);
    Ty t = doubled(l, u);
    V p = LLVMBuildMul(l->b, ext(l, a, t, true), ext(l, b, t, true), "");
    /* (2p + round) >> bits, without the doubling, which might overflow */
    if (u->sub & UOP_ROUND) {
        p = LLVMBuildAdd(l->b, p, splat_int(t, UINT64_C(1) << (bits - 2)), "");
    }
    return saturate(l, LLVMBuildAShr(l->b, p, splat_int(t, bits - 1), ""), bits, true);
}

static V reduce(Lift *l, const Uop *u, V a)
{
    static const char *const names[] = {"llvm.vector.reduce.add",  "llvm.vector.reduce.smax",
                                        "llvm.vector.reduce.smin", "llvm.vector.reduce.umax",
                                        "llvm.vector.reduce.umin", "llvm.vector.reduce.add",
                                        "llvm.vector.reduce.add"};
    if (u->sub >= UOP_REDUCE_SADDL) {
        a = ext(l, a, doubled(l, u), u->sub == UOP_REDUCE_SADDL);
    }
    Ty t = LLVMTypeOf(a);
    V x = lift_intrinsic(l, names[u->sub], &t, 1, &a, 1);
    x = LLVMTypeOf(x) == l->i128                  ? LLVMBuildTrunc(l->b, x, l->i64, "")
        : LLVMGetIntTypeWidth(LLVMTypeOf(x)) < 64 ? LLVMBuildZExt(l->b, x, l->i64, "")
                                                  : x;
    V r = LLVMBuildInsertElement(l->b, LLVMConstNull(l->v2i64), x, lift_i32(l, 0), "");
    return lift_from128(l, r, u->type);
}

/* Lane i of the sum: lanes per * i ... of the products. */
static V sum_groups(Lift *l, V products, unsigned n, unsigned per)
{
    V sum = NULL;
    for (unsigned k = 0; k < per; k++) {
        V mask[4];
        for (unsigned i = 0; i < n; i++) {
            mask[i] = lift_i32(l, per * i + k);
        }
        V part = LLVMBuildShuffleVector(l->b, products, LLVMGetUndef(LLVMTypeOf(products)),
                                        LLVMConstVector(mask, n), "");
        sum = sum ? LLVMBuildAdd(l->b, sum, part, "") : part;
    }
    return sum;
}

static V dot(Lift *l, const Uop *u, V a, V b, V c)
{
    unsigned n = uop_lanes(u->type);
    Ty bytes = vec_of(l, 8, 4 * n), words = vec_of(l, 32, 4 * n);
    V x = ext(l, lift_cast(l, b, bytes), words, u->sub == UOP_DOT_SS),
      y = ext(l, lift_cast(l, c, bytes), words, u->sub != UOP_DOT_UU);
    return LLVMBuildAdd(l->b, a, sum_groups(l, LLVMBuildMul(l->b, x, y, ""), n, 4), "");
}

static V carryless(Lift *l, const Uop *u, V a, V b)
{
    bool high = u->flags & UOPF_HIGH;
    V k = LLVMConstInt(l->i8, high ? 0x11 : 0, false);
    return call_plain(l, "llvm.x86.pclmulqdq", lift_cast(l, a, l->v2i64), lift_cast(l, b, l->v2i64),
                      k);
}

/* The mixing of what AESE (AESD) gives is one whole round of the host's. */
static bool merge(Lift *l, const Uop *u, unsigned step, const char *round)
{
    for (const Uop *d = u - 1; d >= l->ub->uops && d > u - 16; d--) {
        if (d->op == UOP_CRYPTO && d->dst == u->a && d->sub == step) {
            V x = LLVMBuildXor(l->b, lift_cast(l, lift_val(l, d->a), l->v2i64),
                               lift_cast(l, lift_val(l, d->b), l->v2i64), "");
            V r = call_plain(l, round, x, LLVMConstNull(l->v2i64), NULL);
            l->vals[u->dst] = lift_cast(l, r, lift_type(l, u->type));
            return true;
        }
    }
    return false;
}

/* Arm's AESE is the key addition and the last round; x86 has them apart: aesenclast of the sum,
 * with a zero key. */
static bool crypto(Lift *l, const Uop *u)
{
    V a = lift_cast(l, lift_val(l, u->a), l->v2i64), zero = LLVMConstNull(l->v2i64);
    V b = u->b != VAL_NONE ? lift_cast(l, lift_val(l, u->b), l->v2i64) : NULL, r;
    switch (u->sub) {
    case UOP_AESE:
        r = call_plain(l, "llvm.x86.aesni.aesenclast", LLVMBuildXor(l->b, a, b, ""), zero, NULL);
        break;
    case UOP_AESD:
        r = call_plain(l, "llvm.x86.aesni.aesdeclast", LLVMBuildXor(l->b, a, b, ""), zero, NULL);
        break;
    case UOP_AESIMC:
        if (merge(l, u, UOP_AESD, "llvm.x86.aesni.aesdec")) {
            return true;
        }
        r = call_plain(l, "llvm.x86.aesni.aesimc", a, NULL, NULL);
        break;
    case UOP_AESMC:
        if (merge(l, u, UOP_AESE, "llvm.x86.aesni.aesenc")) {
            return true;
        }
        /* decrypting the last round undone, then a whole round without key */
        r = call_plain(l, "llvm.x86.aesni.aesdeclast", a, zero, NULL);
        r = call_plain(l, "llvm.x86.aesni.aesenc", r, zero, NULL);
        break;
    default: return false;
    }
    l->vals[u->dst] = lift_cast(l, r, lift_type(l, u->type));
    return true;
}

bool lift_vec(Lift *l, const Uop *u)
{
    V a = u->a != VAL_NONE ? lift_val(l, u->a) : NULL,
      b = u->b != VAL_NONE ? lift_val(l, u->b) : NULL, r;
    switch (u->op) {
    case UOP_ADDSAT:
    case UOP_SUBSAT: r = add_sub_sat(l, u, a, b); break;
    case UOP_HADD:
    case UOP_HSUB: r = halving(l, u, a, b); break;
    case UOP_ABD: r = difference(l, u, a, b); break;
    case UOP_RSHR: r = rounding_shift(l, u, a); break;
    case UOP_SHLV:
        if (u->sub & (UOP_ROUND | UOP_SAT)) {
            return false;
        }
        r = shift_by_lanes(l, u, a, b);
        break;
    case UOP_WIDEN: r = ext(l, half(l, u, a), lift_type(l, u->type), u->sub & UOP_SIGNED); break;
    case UOP_NARROW: r = narrow(l, u, a); break;
    case UOP_WMUL: r = wide_mul(l, u, a, b); break;
    case UOP_MULHSAT: r = mul_high_sat(l, u, a, b); break;
    case UOP_REDUCE: r = reduce(l, u, a); break;
    case UOP_DOT: r = dot(l, u, a, b, lift_val(l, u->c)); break;
    case UOP_CLMUL:
        if (uop_lane(u->type) < LANE_I64) {
            return false;
        }
        r = lift_cast(l, carryless(l, u, a, b), lift_type(l, u->type));
        break;
    case UOP_CRYPTO: return crypto(l, u);
    default: return false;
    }
    l->vals[u->dst] = lift_cast(l, r, lift_type(l, u->type));
    return true;
}
