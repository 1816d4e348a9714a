/* checks.c - one check for the results of several float operations.
 *
 * A result of the host's that may differ from the guest's is a NaN of other bits, or right with a
 * flag missing (the smallest normal number). Whatever is computed from such a NaN is a NaN as well
 * and raises nothing that the guest wouldn't raise. So operations are done one after the other, and
 * where their results would be seen - by memory, an exit, C, an operation on their bits - one check
 * is made of all of them. If it fails, everything from the first of them on that depends on a
 * result is done once more, out of line, with each float operation by softfp.
 *
 *     fast:   r1 = fmul a, b    r2 = fadd r1, c    put q0 = r2    check r1 r2 -> again, join
 *     again:  r1' = softfp ..   r2' = softfp ..    put q0 = r2'   -> join
 *
 * Minima and maxima by VRANGE (lift_fp.c) may be numbers where the guest's are NaNs, so for them
 * the operands are asked, and nothing but another of them may go on with the result.
 *
 * While results are unchecked, values that depend on one are `tainted`; they may be moved about and
 * computed with in lanes of their own width, nothing else.
 */
#include "lift/build.h"

#include <string.h>

/* Lift.tainted: the lane type + 1, and whether there may be a number instead of a NaN. */
enum { HIDES_NAN = 0x80 };

static void taint(Lift *l, Val v, unsigned lane, bool hides)
{
    l->tainted[v] = (uint8_t)((lane + 1) | (hides ? HIDES_NAN : 0));
}

static bool is_tainted(const Lift *l, Val v)
{
    return l->npending && v != VAL_NONE && l->tainted[v];
}

/* ---- what may go on with unchecked results --------------------------------------------------- */

/* Every NaN among the operands makes the same lane of the result one. */
static bool spreads(const Uop *u)
{
    switch (u->op) {
    case UOP_FADD:
    case UOP_FSUB:
    case UOP_FDIV:
    case UOP_FSQRT:
    case UOP_FMA: return true;
    case UOP_FMUL: return u->sub != UOP_FMUL_X;
    case UOP_FCVT: return !uop_is_vec(u->type) && u->sub != UOP_ROUND_ODD;
    default: return false;
    }
}

/* A minimum or maximum whose operands are asked. */
static bool by_range(const Lift *l, const Uop *u)
{
    return l->masks && (u->op == UOP_FMIN || u->op == UOP_FMAX);
}

/* Which NaN it is makes no difference to the result. */
static bool only_asks(const Uop *u)
{
    return u->op == UOP_FCMP || u->op == UOP_FTOI ||
           (u->op == UOP_FLAGS && u->sub == UOP_FLAGS_FCMP);
}

static unsigned lane_of_operands(const Uop *u)
{
    return uop_lane(u->op == UOP_FCVT || u->op == UOP_FTOI ? (uint8_t)u->c : u->type);
}

/* Lanes as wide as those of the result keep whole. */
static bool moves(const Lift *l, const Uop *u, unsigned lane)
{
    unsigned bits = lane == LANE_F64 ? 64 : 32;
    switch (u->op) {
    case UOP_BITCAST:
    case UOP_ZEXTV:
    case UOP_LOWV:
    case UOP_SELECT: return true;
    case UOP_FNEG:
    case UOP_FABS: return uop_lane(u->type) == lane;
    case UOP_SPLAT:
    case UOP_SPLATL:
    case UOP_SETLANE:
    case UOP_INSLANE:
    case UOP_ZIP1:
    case UOP_ZIP2:
    case UOP_UZP1:
    case UOP_UZP2:
    case UOP_TRN1:
    case UOP_TRN2: return uop_lane_bits(u->type) >= bits;
    case UOP_EXTV: return u->imm % (int32_t)(bits / 8) == 0;
    case UOP_BSEL: return l->mask_bits[u->c] >= bits && !is_tainted(l, u->c);
    default: return false;
    }
}

/* The lane type of the tainted operands of u, another number if they differ, and whether a NaN may
 * be hidden; false: there are none. */
static bool tainted_lane(const Lift *l, const Uop *u, unsigned *lane, bool *hides)
{
    Val vals[3];
    unsigned n = uop_operands(u, vals), seen = 0;
    *hides = false;
    for (unsigned k = 0; k < n; k++) {
        unsigned t = is_tainted(l, vals[k]) ? l->tainted[vals[k]] : 0u;
        *hides |= t & HIDES_NAN;
        t &= ~(unsigned)HIDES_NAN;
        if (t) {
            seen = !seen || seen == t ? t : UINT8_MAX;
        }
    }
    *lane = seen - 1;
    return seen != 0;
}

static uint64_t granules(const Uop *u)
{
    uint32_t off = (uint32_t)u->imm - CPU_FILE;
    return off < CPU_FILE_SIZE ? UINT64_C(1) << (off / 16 % 64) : 0;
}

/* Must what is pending be checked before u is lifted? */
static bool must_settle(Lift *l, const Uop *u)
{
    unsigned effects = uop_info[u->op].effects, lane;
    bool hides;
    if (effects & (UOPE_EXIT | UOPE_CALL) || u->op == UOP_STICKY) {
        return true;
    }
    if (l->r->precise && effects & (UOPE_LOAD | UOPE_STORE)) {
        return true;
    }
    if (u->op == UOP_GET && l->tainted_file & granules(u)) {
        return true;
    }
    if (!tainted_lane(l, u, &lane, &hides)) {
        return false;
    }
    if (u->op == UOP_PUT) {
        return false;
    }
    if (lane != LANE_F32 && lane != LANE_F64) {
        return true;
    }
    if (by_range(l, u)) {
        return lane_of_operands(u) != lane;
    }
    if (spreads(u) || only_asks(u)) { /* a NaN made by fptrap.c isn't to be asked */
        return hides || lane_of_operands(u) != lane || (only_asks(u) && l->r->mode & CPU_MODE_FZ);
    }
    return !moves(l, u, lane);
}

/* ---- once more ------------------------------------------------------------------------------- */

static bool is_used(const Lift *l, const Uop *from, Val v)
{
    for (const Uop *u = from; u < l->ub->uops + l->ub->count; u++) {
        Val vals[3];
        unsigned n = uop_operands(u, vals);
        for (unsigned k = 0; k < n; k++) {
            if (vals[k] == v) {
                return true;
            }
        }
    }
    return false;
}

static bool is_done_again(const Lift *l, const Uop *u)
{
    return u->op == UOP_PUT || (u->dst != VAL_NONE && l->tainted[u->dst]);
}

/* Before the micro-op `next`. */
static void settle(Lift *l, const Uop *next)
{
    LLVMBasicBlockRef again = lift_bb(l, "again"), join = lift_bb(l, "join"), bbs[3];
    const Uop *first = l->pending[0].u, *now = l->u;
    bbs[2] = checks_ask(l, again, join);
    bbs[0] = LLVMGetInsertBlock(l->b);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, again);
    l->again = true;
    for (const Uop *u = first; u < next && !l->failed; u++) {
        if (is_done_again(l, u)) {
            l->u = u;
            if (u->dst != VAL_NONE) {
                l->fast[u->dst] = l->vals[u->dst];
            }
            lift_one(l, u);
        }
    }
    l->again = false;
    l->u = now;
    bbs[1] = LLVMGetInsertBlock(l->b);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
    for (const Uop *u = first; u < next && !l->failed; u++) {
        if (u->op == UOP_PUT || !is_done_again(l, u)) {
            continue;
        }
        V in[3] = {l->fast[u->dst], l->vals[u->dst], l->fast[u->dst]};
        if (is_used(l, next, u->dst)) {
            l->vals[u->dst] = LLVMBuildPhi(l->b, LLVMTypeOf(in[0]), "");
            LLVMAddIncoming(l->vals[u->dst], in, bbs, bbs[2] ? 3 : 2);
        }
        l->tainted[u->dst] = 0;
    }
    l->npending = 0;
    l->tainted_file = 0;
}

/* ---- for the others -------------------------------------------------------------------------- */

void checks_before(Lift *l, const Uop *u)
{
    if (l->again || !l->npending) {
        return;
    }
    if (l->npending == MAX_PENDING || must_settle(l, u)) {
        settle(l, u);
    }
}

void checks_after(Lift *l, const Uop *u)
{
    unsigned lane;
    bool hides;
    if (u->dst != VAL_NONE) {
        bool compares = u->op == UOP_FCMP || u->op == UOP_VCMP;
        l->mask_bits[u->dst] = compares               ? (uint8_t)uop_lane_bits(u->type)
                               : u->op == UOP_BITCAST ? l->mask_bits[u->a]
                                                      : 0;
    }
    if (u->dst != VAL_NONE && !l->again) {
        l->flushed[u->dst] = spreads(u) && l->r->mode & CPU_MODE_FZ;
    }
    if (l->again || !l->npending) {
        return;
    }
    if (u->op == UOP_PUT && is_tainted(l, u->a)) {
        l->tainted_file |= granules(u);
    } else if (u->dst != VAL_NONE && !l->tainted[u->dst] && !only_asks(u) &&
               tainted_lane(l, u, &lane, &hides)) {
        taint(l, u->dst, lane, hides);
    }
}

V checks_result(Lift *l, const Uop *u, V fast, bool tiny)
{
    Val vals[3];
    if (l->again) {
        return lift_by_interp(l, u);
    }
    bool ranges = by_range(l, u);
    unsigned n = spreads(u) || ranges ? uop_operands(u, vals) : 0;
    for (unsigned k = 0; k < l->npending; k++) {
        for (unsigned i = 0; i < n; i++) {
            if (l->pending[k].u->dst == vals[i] && !l->pending[k].operands) {
                l->pending[k].nan = false;
            }
        }
    }
    l->pending[l->npending++] = (Pending){.u = u, .nan = true, .operands = ranges, .tiny = tiny};
    taint(l, u->dst, uop_lane(u->type), ranges);
    return fast;
}
