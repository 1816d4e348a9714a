/* fold_flags.c - flags values and their conditions.
 *
 * A condition stays a TEST of the flags while the block is built: whether somebody else needs the
 * flags, so that one comparison serves all, is known in opt.c only.
 */
#include "frontend/uop/build.h"

Val uop_flags(UopBlock *b, uint8_t type, UopFlagsKind kind, Val x, Val y, Val carry)
{
    uint64_t c;
    if (y != VAL_NONE && uop_is_int(type) && (kind == UOP_FLAGS_ADD || kind == UOP_FLAGS_SUB) &&
        uop_is_const(b, y, &c) && uop_fits32(uop_sext_to(type, c))) {
        return uop_flagsi(b, type, kind, x, uop_sext_to(type, c));
    }
    return uop_append3(b, UOP_FLAGS, type, (uint8_t)kind, 0, T_FLAGS, x, y, carry, 0);
}

Val uop_flagsi(UopBlock *b, uint8_t type, UopFlagsKind kind, Val x, int64_t imm)
{
    imm = uop_sext_to(type, (uint64_t)imm);
    if (!uop_fits32(imm)) {
        return uop_append3(b, UOP_FLAGS, type, (uint8_t)kind, 0, T_FLAGS, x,
                           uop_const(b, type, (uint64_t)imm), VAL_NONE, 0);
    }
    if (kind == UOP_FLAGS_ADD && imm != 0 && imm != INT32_MIN) {
        /* x + imm carries just when x >= -imm, and overflows just when x - -imm does. */
        kind = UOP_FLAGS_SUB;
        imm = -imm;
    }
    return uop_append3(b, UOP_FLAGS, type, (uint8_t)kind, 0, T_FLAGS, x, VAL_NONE, VAL_NONE,
                       (int32_t)imm);
}

/* Conditions that are known whatever the operands. */
static bool is_known(const Uop *flags, UopCond cond, bool *truth)
{
    bool against_zero = flags->sub == UOP_FLAGS_SUB && flags->b == VAL_NONE && flags->imm == 0;
    if (flags->sub != UOP_FLAGS_LOGIC && !against_zero) {
        return false;
    }
    bool carry = against_zero; /* x - 0 doesn't borrow; V is clear in both cases */
    switch (cond) {
    case UOP_CS: *truth = carry; return true;
    case UOP_CC: *truth = !carry; return true;
    case UOP_VS: *truth = false; return true;
    case UOP_VC: *truth = true; return true;
    case UOP_HI: *truth = false; return !carry;
    case UOP_LS: *truth = true; return !carry;
    default: return false;
    }
}

Val uop_test(UopBlock *b, UopCond cond, Val flags)
{
    const Uop *def = uop_def_is(b, flags, UOP_FLAGS);
    bool truth;
    if (def && is_known(def, cond, &truth)) {
        return uop_const(b, T_I32, truth);
    }
    return uop_append3(b, UOP_TEST, T_I32, (uint8_t)cond, 0, T_I32, flags, VAL_NONE, VAL_NONE, 0);
}
