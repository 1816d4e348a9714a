/* types.c - LLVM types, constants and casts for the micro-operations' types.
 *
 *     i32 i64            T_I32 T_I64; booleans are an i32 that is 0 or 1
 *     float double       T_F32 T_F64;  half precision is an i16: nothing here computes with it
 *     <n x ...>          vectors of their lanes (half precision: of i16); T_I64X1 is <1 x i64>,
 * T_I128 <2 x i64>
 */
#include "lift/build.h"

#include <string.h>

static Ty lane_type(Lift *l, unsigned lane, bool as_int)
{
    switch (lane) {
    case LANE_I8: return l->i8;
    case LANE_I16:
    case LANE_F16: return l->i16;
    case LANE_I32: return l->i32;
    case LANE_F32: return as_int ? l->i32 : l->f32;
    case LANE_F64: return as_int ? l->i64 : l->f64;
    default: return l->i64;
    }
}

static Ty make_type(Lift *l, uint8_t type, bool as_int)
{
    unsigned times = l->wide && !uop_is_int(type) ? l->wide : 1;
    if (type == T_I128) {
        return l->v2i64;
    }
    if (!uop_is_vec(type) && times == 1) {
        return lane_type(l, uop_lane(type), as_int);
    }
    unsigned lanes = uop_is_vec(type) ? uop_lanes(type) : 1;
    return LLVMVectorType(lane_type(l, uop_lane(type), as_int), times * lanes);
}

Ty lift_type(Lift *l, uint8_t type)
{
    return make_type(l, type, false);
}

Ty lift_int_type(Lift *l, uint8_t type)
{
    return make_type(l, type, true);
}

V lift_i32(Lift *l, uint64_t x)
{
    return LLVMConstInt(l->i32, (uint32_t)x, false);
}

V lift_i64(Lift *l, uint64_t x)
{
    return LLVMConstInt(l->i64, x, false);
}

V lift_guest(Lift *l, GuestAddr addr)
{
    if (!l->r->relocatable) {
        return lift_i64(l, addr);
    }
    if (!l->moved) {
        l->moved = LLVMAddGlobal(l->mod, l->i64, LIFT_MOVED);
        LLVMSetInitializer(l->moved, lift_i64(l, 0));
        LLVMSetExternallyInitialized(l->moved, true);
        LLVMSetSection(l->moved, ".data");
        LLVMSetVisibility(l->moved, LLVMHiddenVisibility);
    }
    V by = LLVMBuildLoad2(l->b, l->i64, l->moved, "");
    unsigned kind = LLVMGetMDKindIDInContext(l->ctx, "invariant.load", 14);
    LLVMSetMetadata(by, kind, LLVMMetadataAsValue(l->ctx, LLVMMDNodeInContext2(l->ctx, NULL, 0)));
    return LLVMBuildAdd(l->b, by, lift_i64(l, addr), "");
}

static V splat(V x, unsigned n)
{
    V lanes[64];
    for (unsigned i = 0; i < n; i++) {
        lanes[i] = x;
    }
    return LLVMConstVector(lanes, n);
}

V lift_const(Lift *l, uint8_t type, uint64_t bits)
{
    Ty t = lift_type(l, type);
    unsigned width = uop_lane_bits(type);
    if (width < 64) {
        bits &= (UINT64_C(1) << width) - 1;
    }
    if (uop_is_int(type)) {
        return LLVMConstInt(t, bits, false);
    }
    V lane =
        LLVMConstInt(lane_type(l, type == T_I128 ? LANE_I64 : uop_lane(type), true), bits, false);
    if (LLVMGetTypeKind(t) == LLVMVectorTypeKind) {
        lane = splat(lane, LLVMGetVectorSize(t));
    }
    return LLVMConstBitCast(lane, t);
}

V lift_cast(Lift *l, V v, Ty to)
{
    return LLVMTypeOf(v) == to ? v : LLVMBuildBitCast(l->b, v, to, "");
}

/* As an integer of its own width. */
static V as_int(Lift *l, V v, uint8_t type)
{
    unsigned bits = 8 * uop_type_bytes(type);
    return lift_cast(l, v, LLVMIntTypeInContext(l->ctx, bits));
}

V lift_widen128(Lift *l, V v, uint8_t type)
{
    if (uop_type_bytes(type) == 16) {
        return lift_cast(l, v, l->v2i64);
    }
    if (type == T_F32) { /* within the vector registers */
        Ty v4f32 = LLVMVectorType(l->f32, 4);
        V r = LLVMBuildInsertElement(l->b, LLVMConstNull(v4f32), v, lift_i32(l, 0), "");
        return lift_cast(l, r, l->v2i64);
    }
    if (type == T_F64) {
        Ty v2f64 = LLVMVectorType(l->f64, 2);
        V r = LLVMBuildInsertElement(l->b, LLVMConstNull(v2f64), v, lift_i32(l, 0), "");
        return lift_cast(l, r, l->v2i64);
    }
    V x = LLVMBuildZExt(l->b, as_int(l, v, type), l->i64, "");
    return LLVMBuildInsertElement(l->b, LLVMConstNull(l->v2i64), x, lift_i32(l, 0), "");
}

V lift_from128(Lift *l, V v, uint8_t type)
{
    unsigned bytes = uop_type_bytes(type);
    Ty t = lift_type(l, type);
    if (bytes == 16) {
        return lift_cast(l, v, t);
    }
    if (type == T_F32) {
        return LLVMBuildExtractElement(l->b, lift_cast(l, v, LLVMVectorType(l->f32, 4)),
                                       lift_i32(l, 0), "");
    }
    if (type == T_F64) {
        return LLVMBuildExtractElement(l->b, lift_cast(l, v, LLVMVectorType(l->f64, 2)),
                                       lift_i32(l, 0), "");
    }
    V x = LLVMBuildExtractElement(l->b, lift_cast(l, v, l->v2i64), lift_i32(l, 0), "");
    if (bytes < 8) {
        x = LLVMBuildTrunc(l->b, x, LLVMIntTypeInContext(l->ctx, 8 * bytes), "");
    }
    return lift_cast(l, x, t);
}

V lift_intrinsic(Lift *l, const char *name, Ty *overloads, unsigned n, V *args, unsigned nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (!id) {
        l->failed = true;
        return LLVMGetUndef(overloads[0]);
    }
    V fn = LLVMGetIntrinsicDeclaration(l->mod, id, overloads, n);
    return LLVMBuildCall2(l->b, LLVMGlobalGetValueType(fn), fn, args, nargs, "");
}

LLVMBasicBlockRef lift_bb(Lift *l, const char *name)
{
    return LLVMAppendBasicBlockInContext(l->ctx, l->fn, name);
}

void lift_branch_unlikely(Lift *l, V cond, LLVMBasicBlockRef unlikely, LLVMBasicBlockRef go_on)
{
    V br = LLVMBuildCondBr(l->b, cond, unlikely, go_on);
    LLVMSetMetadata(br, l->kind_prof, l->md_unlikely);
    LLVMPositionBuilderAtEnd(l->b, go_on);
}

/* The type that u->dst has. */
uint8_t lift_result_type(const Lift *l, const Uop *u)
{
    return uop_val_type(l->ub, u->dst);
}
