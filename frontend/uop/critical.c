/* critical.c - stores and exits in a critical section of rseq(2).
 *
 * A store there is made by a helper of the frontend, which says whether the section was interrupted
 * before it; then the block is left for the section's abort address:
 *
 *     str x2, [x1]        v7:i64 = helper store(v1, v2, 3)
 *                         v8:b   = icmp.ne v7, 0
 *                         exit_if v8, jump <abort>
 *
 * Leaving the section asks as well. Not behind the store of the same instruction: that was the
 * commit, after which nothing may be done again.
 */
#include "frontend/uop/build.h"

static void leave_if(UopBlock *b, Val interrupted)
{
    Val cond = uop_icmpi(b, T_I64, UOP_NE, interrupted, 0);
    uop_append64(b, UOP_EXIT_IF, T_NONE, UOP_EXIT_JUMP, 0, T_NONE, cond, b->critical->abort);
}

static void store(UopBlock *b, Val address, Val v, unsigned size)
{
    Val bytes = uop_const(b, T_I64, size);
    leave_if(b, uop_helper(b, b->critical->store, true, address, v, bytes));
}

/* The low 64 bits of a value of any type. */
static Val as_integer(UopBlock *b, uint8_t type, Val v)
{
    if (type == T_I64) {
        return v;
    }
    if (type == T_I32) {
        return uop_zext(b, T_I64, 2, v);
    }
    Val vector = uop_type_bytes(type) == 16 ? uop_conv(b, UOP_BITCAST, T_I64X2, type, 0, 0, v, 0)
                                            : uop_conv(b, UOP_ZEXTV, T_I64X2, type, 0, 0, v, 0);
    return uop_conv(b, UOP_GETLANE, T_I64, T_I64X2, 0, 0, vector, 0);
}

bool uop_critical_store(UopBlock *b, uint8_t type, uint8_t mem, uint8_t flags, Val addr, Val index,
                        int32_t disp, Val v)
{
    unsigned size = mem & 7, scale = mem >> 5;
    bool is_ordered = (flags & UOPF_ORDER_MASK) != UOP_ORDER_PLAIN;
    if (mem >> 4 & 1) {
        return false; /* of the other byte order: no guest that has these sections stores so */
    }
    if (index != VAL_NONE) {
        addr = uop_bin(b, UOP_ADD, T_I64, addr, uop_bini(b, UOP_SHL, T_I64, index, scale));
    }
    addr = uop_bini(b, UOP_ADD, T_I64, addr, disp);
    if (size == 4) {
        Val high = uop_conv(b, UOP_GETLANE, T_I64, T_I64X2, 0, 0,
                            uop_conv(b, UOP_BITCAST, T_I64X2, type, 0, 0, v, 0), 1);
        store(b, addr, as_integer(b, type, v), 3);
        store(b, uop_bini(b, UOP_ADD, T_I64, addr, 8), high, 3);
    } else {
        store(b, addr, as_integer(b, type, v), size);
    }
    if (is_ordered) {
        uop_append3(b, UOP_FENCE, T_NONE, UOP_FENCE_FULL, 0, T_NONE, VAL_NONE, VAL_NONE, VAL_NONE,
                    0);
    }
    b->stored = true;
    return true;
}

void uop_critical_check(UopBlock *b)
{
    if (b->critical && !b->stored) {
        leave_if(b, uop_helper(b, b->critical->check, true, VAL_NONE, VAL_NONE, VAL_NONE));
    }
}

void uop_critical_exit(UopBlock *b, GuestAddr target)
{
    if (b->critical && target - b->critical->start >= b->critical->end - b->critical->start) {
        uop_critical_check(b);
    }
}
