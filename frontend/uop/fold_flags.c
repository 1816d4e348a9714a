/* fold_flags.c - flags values and their conditions.
 *
 * A condition of the flags of a comparison becomes an ICMP of its operands, so that FLAGS dies when nothing stores it. The
 * exception is a comparison whose difference exists as a value (Arm SUBS): its operands may be overwritten by that very
 * result, so conditions that the result tells are asked of the result, and the others stay with the flags, which the
 * host's subtraction has just set.
 */
#include "frontend/uop/build.h"

Val uop_flags(UopBlock *b, uint8_t type, UopFlagsKind kind, Val x, Val y, Val carry)
{
    uint64_t c;
    if (y != VAL_NONE && uop_is_int(type) && (kind == UOP_FLAGS_ADD || kind == UOP_FLAGS_SUB) && uop_is_const(b, y, &c)
        && uop_fits32(uop_sext_to(type, c))) {
        return uop_flagsi(b, type, kind, x, uop_sext_to(type, c));
    }
    return uop_append3(b, UOP_FLAGS, type, (uint8_t)kind, 0, T_FLAGS, x, y, carry, 0);
}

Val uop_flagsi(UopBlock *b, uint8_t type, UopFlagsKind kind, Val x, int64_t imm)
{
    imm = uop_sext_to(type, (uint64_t)imm);
    if (!uop_fits32(imm)) {
        return uop_append3(b, UOP_FLAGS, type, (uint8_t)kind, 0, T_FLAGS, x, uop_const(b, type, (uint64_t)imm), VAL_NONE, 0);
    }
    if (kind == UOP_FLAGS_ADD && imm != 0 && imm != INT32_MIN) {
        /* x + imm carries just when x >= -imm, and overflows just when x - -imm does. */
        kind = UOP_FLAGS_SUB;
        imm = -imm;
    }
    return uop_append3(b, UOP_FLAGS, type, (uint8_t)kind, 0, T_FLAGS, x, VAL_NONE, VAL_NONE, (int32_t)imm);
}

/* The value that is x - y (for `flags`, a FLAGS SUB), if it was built right before the flags or right after; else VAL_NONE. */
static Val difference_of(const UopBlock *b, const Uop *flags)
{
    uint32_t at = (uint32_t)(flags - b->uops);
    for (uint32_t i = at > 0 ? at - 1 : 0; i <= at + 1 && i < b->count; i++) {
        const Uop *u = &b->uops[i];
        if (u->type != flags->type || u->a != flags->a) {
            continue;
        }
        if (flags->b == VAL_NONE ? u->op == UOP_ADD && u->b == VAL_NONE && u->imm == (int32_t)(0 - (uint32_t)flags->imm)
                                 : u->op == UOP_SUB && u->b == flags->b) {
            return u->dst;
        }
    }
    return VAL_NONE;
}

static Val compare_operands(UopBlock *b, const Uop *flags, UopCond cond)
{
    uint8_t type = flags->type;
    Val x = flags->a, y = flags->b;
    return y == VAL_NONE ? uop_icmpi(b, type, cond, x, flags->imm) : uop_icmp(b, type, cond, x, y);
}

static Val test_sub(UopBlock *b, const Uop *flags, UopCond cond)
{
    static const uint8_t of_operands[] = {
        [UOP_EQ] = UOP_EQ, [UOP_NE] = UOP_NE, [UOP_CS] = UOP_UGE, [UOP_CC] = UOP_ULT, [UOP_HI] = UOP_UGT, [UOP_LS] = UOP_ULE,
        [UOP_GE] = UOP_SGE, [UOP_LT] = UOP_SLT, [UOP_GT] = UOP_SGT, [UOP_LE] = UOP_SLE,
    };
    bool against_zero = flags->b == VAL_NONE && flags->imm == 0;
    if (against_zero && (cond == UOP_VS || cond == UOP_VC)) {
        return uop_const(b, T_I32, cond == UOP_VC);
    }
    if (cond == UOP_VS || cond == UOP_VC) {
        return VAL_NONE;
    }
    if (against_zero && (cond == UOP_MI || cond == UOP_PL)) {
        return uop_icmpi(b, flags->type, cond == UOP_MI ? UOP_SLT : UOP_SGE, flags->a, 0);
    }
    Val diff = against_zero ? VAL_NONE : difference_of(b, flags);
    if (diff == VAL_NONE) {
        return cond == UOP_MI || cond == UOP_PL ? VAL_NONE : compare_operands(b, flags, (UopCond)of_operands[cond]);
    }
    switch (cond) {
    case UOP_EQ:
    case UOP_NE:
        return uop_icmpi(b, flags->type, cond, diff, 0);
    case UOP_MI:
        return uop_icmpi(b, flags->type, UOP_SLT, diff, 0);
    case UOP_PL:
        return uop_icmpi(b, flags->type, UOP_SGE, diff, 0);
    default:
        return VAL_NONE;
    }
}

/* N and Z of a, C and V clear. */
static Val test_logic(UopBlock *b, const Uop *flags, UopCond cond)
{
    uint8_t type = flags->type;
    Val x = flags->a;
    switch (cond) {
    case UOP_EQ:
    case UOP_NE: return uop_icmpi(b, type, cond, x, 0);
    case UOP_CS:
    case UOP_VS:
    case UOP_HI: return uop_const(b, T_I32, 0);
    case UOP_CC:
    case UOP_VC:
    case UOP_LS: return uop_const(b, T_I32, 1);
    case UOP_MI:
    case UOP_LT: return uop_icmpi(b, type, UOP_SLT, x, 0);
    case UOP_PL:
    case UOP_GE: return uop_icmpi(b, type, UOP_SGE, x, 0);
    case UOP_GT: return uop_icmpi(b, type, UOP_SGT, x, 0);
    case UOP_LE: return uop_icmpi(b, type, UOP_SLE, x, 0);
    default: return VAL_NONE;
    }
}

Val uop_test(UopBlock *b, UopCond cond, Val flags)
{
    const Uop *def = uop_def_is(b, flags, UOP_FLAGS);
    Val v = VAL_NONE;
    if (def && def->sub == UOP_FLAGS_SUB) {
        v = test_sub(b, def, cond);
    } else if (def && def->sub == UOP_FLAGS_LOGIC) {
        v = test_logic(b, def, cond);
    }
    return v != VAL_NONE ? v : uop_append3(b, UOP_TEST, T_I32, (uint8_t)cond, 0, T_I32, flags, VAL_NONE, VAL_NONE, 0);
}
