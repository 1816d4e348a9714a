/* info.c - what uop.def says, as tables: names, operand kinds, effects. */
#include "frontend/uop/uop.h"

/* Field kinds that hold a value if they aren't VAL_NONE. Rows with a 64-bit immediate have no b and
 * c: it lies over them. */
#define IS_VALUE(field) (UF_##field != UF_N && UF_##field != UF_A)
#define IS_WIDE(imm)    (UI_##imm == UI_K || UI_##imm == UI_G)
#define VALUES(a, b, c, imm)                                                                       \
    (IS_VALUE(a) | (!IS_WIDE(imm) && IS_VALUE(b)) << 1 | (!IS_WIDE(imm) && IS_VALUE(c)) << 2)

const UopInfo uop_info[UOP_COUNT] = {
#define UOP(name, text, dst, a, b, c, imm, effects)                                                \
    [UOP_##name] = {text,   UF_##dst, UF_##a,         UF_##b,                                      \
                    UF_##c, UI_##imm, UOPE_##effects, VALUES(a, b, c, imm)},
#include "frontend/uop/uop.def"
#undef UOP
};

/* The scalar type in which one lane of a vector travels. */
static uint8_t scalar_of(uint8_t type)
{
    uint8_t lane = (uint8_t)uop_lane(type);
    if (uop_is_float(type)) {
        return lane;
    }
    return lane < LANE_I64 ? T_I32 : T_I64;
}

/* The X fields: a type that differs from the row's own. */
static uint8_t other_type(const Uop *u, unsigned field)
{
    switch (u->op) {
    case UOP_FJCVT: return T_F64;
    case UOP_TBL: return T_I8X16;
    case UOP_FMLAL: return T_I16X8;
    case UOP_CLMUL: return u->type == T_I16X8 ? T_I8X16 : u->type;
    default:
        (void)field;
        return (uint8_t)u->c; /* BITCAST, ZEXT, FCVT, WIDEN, CRC ...: the aux field */
    }
}

uint8_t uop_operand_type(const Uop *u, unsigned field)
{
    const UopInfo *info = &uop_info[u->op];
    uint8_t kind = field == 0 ? info->a : field == 1 ? info->b : info->c;
    if (u->op == UOP_FLAGS && field == 2) {
        return T_I32; /* the carry of ADC */
    }
    switch ((UopField)kind) {
    case UF_T:
    case UF_TI:
    case UF_TO: return u->type;
    case UF_B: return T_I32;
    case UF_F: return T_FLAGS;
    case UF_P:
    case UF_PO: return T_I64;
    case UF_S: return scalar_of(u->type);
    case UF_X: return other_type(u, field);
    case UF_N:
    case UF_A: break;
    }
    return T_NONE;
}

bool uop_may_fault(const Uop *u)
{
    return (uop_info[u->op].effects & (UOPE_LOAD | UOPE_STORE)) || u->op == UOP_HELPER;
}

const char *uop_name(unsigned op)
{
    return op < UOP_COUNT ? uop_info[op].text : "?";
}

const char *uop_type_name(uint8_t type)
{
    switch (type) {
    case T_I32: return "i32";
    case T_I64: return "i64";
    case T_F16: return "f16";
    case T_F32: return "f32";
    case T_F64: return "f64";
    case T_I8X8: return "i8x8";
    case T_I16X4: return "i16x4";
    case T_I32X2: return "i32x2";
    case T_I64X1: return "i64x1";
    case T_F16X4: return "f16x4";
    case T_F32X2: return "f32x2";
    case T_I8X16: return "i8x16";
    case T_I16X8: return "i16x8";
    case T_I32X4: return "i32x4";
    case T_I64X2: return "i64x2";
    case T_F16X8: return "f16x8";
    case T_F32X4: return "f32x4";
    case T_F64X2: return "f64x2";
    case T_I128: return "i128";
    case T_FLAGS: return "flags";
    case T_NONE: return "none";
    default: return "?";
    }
}
