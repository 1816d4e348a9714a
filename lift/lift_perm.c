/* lift_perm.c - vector operations that move lanes: between classes, splats, permutations, table
 * look-ups. */
#include "lift/build.h"

static V shuffle(Lift *l, V a, V b, const unsigned *from, unsigned n)
{
    V mask[32];
    for (unsigned i = 0; i < n; i++) {
        mask[i] = lift_i32(l, from[i]);
    }
    return LLVMBuildShuffleVector(l->b, a, b, LLVMConstVector(mask, n), "");
}

static V lane_index(Lift *l, int32_t imm)
{
    return lift_i32(l, (uint32_t)imm & 0xff);
}

/* A scalar (S) as a lane of the type. */
static V as_lane(Lift *l, uint8_t type, V x)
{
    Ty lane = LLVMGetElementType(lift_type(l, type));
    if (LLVMTypeOf(x) == lane) {
        return x;
    }
    if (LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMIntegerTypeKind &&
        LLVMGetTypeKind(lane) == LLVMIntegerTypeKind &&
        LLVMGetIntTypeWidth(LLVMTypeOf(x)) > LLVMGetIntTypeWidth(lane)) {
        return LLVMBuildTrunc(l->b, x, lane, "");
    }
    return lift_cast(l, x, lane);
}

static V splat(Lift *l, uint8_t type, V lane)
{
    unsigned zero[16] = {0}, n = uop_lanes(type);
    Ty t = lift_type(l, type);
    V v = LLVMBuildInsertElement(l->b, LLVMGetUndef(t), lane, lift_i32(l, 0), "");
    return shuffle(l, v, LLVMGetUndef(t), zero, n);
}

/* Vectors whose lanes are kept, as v's type may have other lanes than asked for. */
static V as_type(Lift *l, V v, uint8_t type)
{
    return lift_cast(l, v, lift_type(l, type));
}

static V get_lane(Lift *l, const Uop *u, V a)
{
    V x = LLVMBuildExtractElement(l->b, lift_cast(l, a, lift_int_type(l, (uint8_t)u->c)),
                                  lane_index(l, u->imm), "");
    Ty to = lift_type(l, u->type);
    unsigned have = LLVMGetIntTypeWidth(LLVMTypeOf(x)), want = LLVMGetIntTypeWidth(to);
    if (have > want) {
        return LLVMBuildTrunc(l->b, x, to, "");
    }
    if (have == want) {
        return x;
    }
    return u->flags & UOPF_SIGNED ? LLVMBuildSExt(l->b, x, to, "") : LLVMBuildZExt(l->b, x, to, "");
}

static V permute(Lift *l, const Uop *u, V a, V b)
{
    unsigned n = uop_lanes(u->type), from[16];
    for (unsigned i = 0; i < n; i++) {
        unsigned odd = i & 1;
        switch (u->op) {
        case UOP_ZIP1: from[i] = i / 2 + odd * n; break;
        case UOP_ZIP2: from[i] = n / 2 + i / 2 + odd * n; break;
        case UOP_UZP1: from[i] = 2 * i; break;
        case UOP_UZP2: from[i] = 2 * i + 1; break;
        case UOP_TRN1: from[i] = (i & ~1u) + odd * n; break;
        case UOP_TRN2: from[i] = (i | 1) + odd * n; break;
        case UOP_EXTV: from[i] = i + (unsigned)u->imm; break;
        default: from[i] = i ^ ((1u << (u->sub - uop_lane_log2(u->type))) - 1); break; /* REVL */
        }
    }
    return shuffle(l, a, b, from, n);
}

/* pshufb takes the low four bits of an index and gives zero where bit 7 is set: an index that isn't
 * below 16 gets it by a saturating addition of 0x70. */
static V table(Lift *l, const Uop *u, V a, V b)
{
    Ty v16 = LLVMVectorType(l->i8, 16);
    V idx = lift_cast(l, lift_widen128(l, b, u->type), v16);
    idx = LLVMBuildSub(l->b, idx, lift_const(l, T_I8X16, (uint64_t)u->imm), "");
    V sat[2] = {idx, lift_const(l, T_I8X16, 0x70)};
    V pick[2] = {lift_cast(l, a, v16), lift_intrinsic(l, "llvm.uadd.sat", &v16, 1, sat, 2)};
    V r = lift_intrinsic(l, "llvm.x86.ssse3.pshuf.b.128", NULL, 0, pick, 2);
    if (u->c != VAL_NONE) {
        V in = LLVMBuildICmp(l->b, LLVMIntULT, idx, lift_const(l, T_I8X16, 16), "");
        V other = lift_cast(l, lift_widen128(l, lift_val(l, u->c), u->type), v16);
        r = LLVMBuildSelect(l->b, in, r, other, "");
    }
    return lift_from128(l, r, u->type);
}

bool lift_perm(Lift *l, const Uop *u)
{
    V a = u->op != UOP_VCONST && u->a != VAL_NONE ? lift_val(l, u->a) : NULL, r;
    switch (u->op) {
    case UOP_VCONST: {
        const V128 *k = &l->ub->pool[u->imm];
        V halves[2] = {lift_i64(l, k->u64[0]), lift_i64(l, k->u64[1])};
        r = LLVMConstBitCast(LLVMConstVector(halves, 2), lift_type(l, u->type));
        break;
    }
    case UOP_BITCAST: r = as_type(l, a, u->type); break;
    case UOP_ZEXTV: r = as_type(l, lift_widen128(l, a, (uint8_t)u->c), u->type); break;
    case UOP_LOWV: r = lift_from128(l, a, u->type); break;
    case UOP_SPLAT: r = splat(l, u->type, as_lane(l, u->type, a)); break;
    case UOP_SPLATL: {
        Ty lanes =
            LLVMVectorType(LLVMGetElementType(lift_type(l, u->type)), 16 / uop_lane_bytes(u->type));
        unsigned from[16];
        for (unsigned i = 0; i < uop_lanes(u->type); i++) {
            from[i] = (unsigned)u->imm;
        }
        r = shuffle(l, lift_cast(l, lift_widen128(l, a, (uint8_t)u->c), lanes), LLVMGetUndef(lanes),
                    from, uop_lanes(u->type));
        break;
    }
    case UOP_GETLANE: r = get_lane(l, u, a); break;
    case UOP_SETLANE:
        r = LLVMBuildInsertElement(l->b, a, as_lane(l, u->type, lift_val(l, u->b)),
                                   lane_index(l, u->imm), "");
        break;
    case UOP_INSLANE: {
        V x = LLVMBuildExtractElement(l->b, lift_val(l, u->b), lift_i32(l, (uint32_t)u->imm >> 8),
                                      "");
        r = LLVMBuildInsertElement(l->b, a, x, lane_index(l, u->imm), "");
        break;
    }
    case UOP_ZIP1:
    case UOP_ZIP2:
    case UOP_UZP1:
    case UOP_UZP2:
    case UOP_TRN1:
    case UOP_TRN2:
    case UOP_EXTV: r = permute(l, u, a, lift_val(l, u->b)); break;
    case UOP_REVL: r = permute(l, u, a, a); break;
    case UOP_TBL: r = table(l, u, a, lift_val(l, u->b)); break;
    case UOP_BSEL: {
        Ty t = lift_int_type(l, u->type);
        V m = lift_cast(l, lift_val(l, u->c), t), x = lift_cast(l, a, t),
          y = lift_cast(l, lift_val(l, u->b), t);
        V differ = LLVMBuildXor(l->b, x, y, "");
        r = as_type(l, LLVMBuildXor(l->b, LLVMBuildAnd(l->b, differ, m, ""), y, ""), u->type);
        break;
    }
    default: return false;
    }
    l->vals[u->dst] = r;
    return true;
}
