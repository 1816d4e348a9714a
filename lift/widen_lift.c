/* widen_lift.c - the code of loops that do several iterations at once (widen.c), before the loop
 * itself, which runs where that can't be done, and what is left over.
 *
 *     wide:   do stores meet what other iterations access?  -> loop
 *     head:   the integer registers, iteration by iteration; the loop ends with one of them, but
 *             not with the last, or addresses don't go on as they should?  -> bail
 *             loads, operations, a check of the results  -> bail
 *             stores, vector registers as the last iteration leaves them, poll  -> head, or out
 *     bail:   registers as they were at the head  -> loop
 *
 * The operations are those of iterations that run for certain, on their own operands: what they
 * raise is raised. A result that may not be the guest's (checks.c) has made no difference yet: the
 * loop does them again, one after the other. Nothing leads from there back to the head.
 */
#include "lift/build.h"
#include "lift/widen.h"

#include <string.h>

typedef struct Wide {
    Widening w;
    UnitSet put; /* units that the block changes */
    V saved[MAX_UNITS][4];
    V same[WIDEN_VALS];        /* of WIDEN_SAME: as it is; Lift.vals has it for all iterations */
    V address[WIDEN_ACCESSES]; /* in the first of them: an integer */
    V pointer[WIDEN_VALS];     /* by index of the access */
    LLVMBasicBlockRef head, bail;
} Wide;

static bool widens(const Lift *l, uint32_t index)
{
    Widening w;
    const LiftRegion *r = l->r;
    return !r->precise && !(r->mode & (CPU_MODE_FZ | CPU_MODE_FZ16)) && llvm_has_avx() &&
           index < l->first_copy && l->bs[index].polled &&
           widen_plan(r->blocks[index].ub, l->masks, &w);
}

void widen_find(Lift *l)
{
    for (uint32_t i = 0; i < l->first_copy; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        if (!widens(l, i)) {
            continue;
        }
        l->failed |= l->ints; /* several iterations are vectors */
        l->bs[i].wide = lift_bb(l, "wide");
        for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) { /* out from there as well */
            int k = uop_is_direct_jump(u) ? lift_next(l, i, u->imm64) : -1;
            if (k >= 0) {
                l->bs[k].npreds++;
            }
        }
    }
}

static unsigned class_of(const Wide *w, Val v)
{
    return w->w.of[v];
}

static const Uop *accessed(const Lift *l, const Wide *w, unsigned k)
{
    return &l->ub->uops[w->w.access[k].uop];
}

/* ---- the integer part ------------------------------------------------------------------------ */

static V address(Lift *l, const Uop *u)
{
    V sum = lift_val(l, u->a);
    if (u->b != VAL_NONE) {
        V index = LLVMBuildShl(l->b, lift_val(l, u->b), lift_i64(l, uop_mem_scale(u->sub)), "");
        sum = LLVMBuildAdd(l->b, sum, index, "");
    }
    return LLVMBuildAdd(l->b, sum, lift_i64(l, (uint64_t)(int64_t)u->imm), "");
}

static bool is_integer_part(const Wide *w, const Uop *u)
{
    if (u->op == UOP_PUT || u->op == UOP_PUTFLAGS) {
        return class_of(w, u->a) == WIDEN_INT;
    }
    return u->op == UOP_INSN || (u->dst != VAL_NONE && class_of(w, u->dst) == WIDEN_INT);
}

/* Of one iteration; addresses[] are those of its accesses. */
static void integers(Lift *l, Wide *w, V addresses[static WIDEN_ACCESSES], bool pointers)
{
    unsigned next = 0;
    for (uint32_t i = 0; i < w->w.branch; i++) {
        const Uop *u = &l->ub->uops[i];
        l->u = u;
        if (next < w->w.naccesses && w->w.access[next].uop == i) {
            addresses[next] = address(l, u);
            if (pointers) {
                w->pointer[next] = lift_pointer(l, u);
            }
            next++;
        } else if (is_integer_part(w, u)) {
            lift_one(l, u);
        }
    }
}

/* Does the loop go round once more? */
static V goes_on(Lift *l, const Wide *w)
{
    const Uop *branch = l->ub->uops + w->w.branch;
    V c = LLVMBuildTrunc(l->b, lift_val(l, branch->a), l->i1, "");
    return w->w.leaves ? LLVMBuildNot(l->b, c, "") : c;
}

static void unless(Lift *l, V cond, LLVMBasicBlockRef otherwise)
{
    LLVMBasicBlockRef on = lift_bb(l, "");
    lift_set_weights(l, LLVMBuildCondBr(l->b, cond, on, otherwise), 15, 1);
    LLVMPositionBuilderAtEnd(l->b, on);
}

static void all_integers(Lift *l, Wide *w)
{
    for (unsigned k = 0; k < w->w.times; k++) {
        V now[WIDEN_ACCESSES];
        integers(l, w, k ? now : w->address, k == 0);
        for (unsigned i = 0; k && i < w->w.naccesses; i++) {
            if (!w->w.access[i].exact) {
                V due = LLVMBuildAdd(l->b, w->address[i], lift_i64(l, k * w->w.stride), "");
                unless(l, LLVMBuildICmp(l->b, LLVMIntEQ, now[i], due, ""), w->bail);
            }
        }
        if (k + 1 < w->w.times) {
            unless(l, goes_on(l, w), w->bail);
        }
    }
}

/* ---- accesses that meet ---------------------------------------------------------------------- */

/* Does access k, or any in another iteration, meet store s so that the order of the two matters?
 * What a load reads ahead of the store doesn't: the store of an iteration before never gets there.
 */
static V meets(Lift *l, const Wide *w, unsigned s, unsigned k)
{
    bool ahead = k < s && accessed(l, w, k)->op == UOP_LOAD;
    V by = LLVMBuildSub(l->b, w->address[k], w->address[s], "");
    V from = LLVMBuildAdd(l->b, by, lift_i64(l, WIDEN_BYTES - 1), "");
    uint64_t size = ahead ? WIDEN_BYTES - 1 : 2 * WIDEN_BYTES - 1;
    return LLVMBuildICmp(l->b, LLVMIntULT, from, lift_i64(l, size), "");
}

static V any_meet(Lift *l, const Wide *w)
{
    V any = LLVMConstInt(l->i1, 0, false);
    for (unsigned s = 0; s < w->w.naccesses; s++) {
        for (unsigned k = 0; k < w->w.naccesses && accessed(l, w, s)->op == UOP_STORE; k++) {
            if (k < s || accessed(l, w, k)->op == UOP_LOAD) {
                any = LLVMBuildOr(l->b, any, meets(l, w, s, k), "");
            }
        }
    }
    return any;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* For each iteration the same. */
static V repeated(Lift *l, const Wide *w, V x)
{
    Ty t = LLVMTypeOf(x);
    V mask[64];
    unsigned lanes = 1;
    if (LLVMGetTypeKind(t) == LLVMVectorTypeKind) {
        lanes = LLVMGetVectorSize(t);
    } else {
        t = LLVMVectorType(t, 1);
        x = LLVMBuildInsertElement(l->b, LLVMGetUndef(t), x, lift_i32(l, 0), "");
    }
    for (unsigned i = 0; i < lanes * w->w.times; i++) {
        mask[i] = lift_i32(l, i % lanes);
    }
    return LLVMBuildShuffleVector(l->b, x, LLVMGetUndef(t),
                                  LLVMConstVector(mask, lanes * w->w.times), "");
}

/* What the last iteration has of lanes of all: of the value's type. */
static V last(Lift *l, const Wide *w, V x, uint8_t type)
{
    unsigned lanes = LLVMGetVectorSize(LLVMTypeOf(x)), each = lanes / w->w.times;
    V mask[16];
    if (!uop_is_vec(type)) {
        return LLVMBuildExtractElement(l->b, x, lift_i32(l, lanes - 1), "");
    }
    for (unsigned i = 0; i < each; i++) {
        mask[i] = lift_i32(l, lanes - each + i);
    }
    return LLVMBuildShuffleVector(l->b, x, LLVMGetUndef(LLVMTypeOf(x)), LLVMConstVector(mask, each),
                                  "");
}

static void same_values(Lift *l, Wide *w)
{
    for (const Uop *u = l->ub->uops; u < l->ub->uops + l->ub->count; u++) {
        if (u->dst != VAL_NONE && class_of(w, u->dst) == WIDEN_SAME) {
            lift_one(l, u);
            w->same[u->dst] = lift_val(l, u->dst);
        }
    }
    for (const Uop *u = l->ub->uops; u < l->ub->uops + l->ub->count; u++) {
        if (u->dst != VAL_NONE && class_of(w, u->dst) == WIDEN_SAME) {
            l->vals[u->dst] = repeated(l, w, w->same[u->dst]);
        }
    }
}

static void loads(Lift *l, const Wide *w)
{
    for (unsigned k = 0; k < w->w.naccesses; k++) {
        const Uop *u = accessed(l, w, k);
        if (u->op == UOP_LOAD) {
            V x = LLVMBuildLoad2(l->b, lift_type(l, u->type), w->pointer[k], "");
            LLVMSetAlignment(x, 1);
            l->vals[u->dst] = lift_mark(l, x, false);
        }
    }
}

/* What a register has at the beginning of each iteration: what it has now, and but for the last
 * what each has loaded. */
static V carried(Lift *l, const Wide *w, const Uop *get)
{
    l->wide = 0;
    V now = repeated(l, w, regs_get(l, get->type, (uint32_t)get->imm));
    l->wide = w->w.times;
    V loaded = lift_cast(l, lift_val(l, w->w.carried[get->dst]), LLVMTypeOf(now)), mask[64];
    unsigned n = LLVMGetVectorSize(LLVMTypeOf(now)), each = n / w->w.times;
    for (unsigned i = 0; i < n; i++) {
        mask[i] = lift_i32(l, i < each ? i : n + i - each);
    }
    return LLVMBuildShuffleVector(l->b, now, loaded, LLVMConstVector(mask, n), "");
}

static void operations(Lift *l, const Wide *w)
{
    for (const Uop *u = l->ub->uops; u < l->ub->uops + w->w.branch; u++) {
        if (u->dst == VAL_NONE || class_of(w, u->dst) != WIDEN_LANES || u->op == UOP_LOAD) {
            continue;
        }
        l->u = u;
        if (u->op == UOP_GET) {
            l->vals[u->dst] = carried(l, w, u);
        } else {
            lift_one(l, u);
        }
    }
}

/* A bit for each lane of the results where one isn't sure to be the guest's. */
static V unsure_lanes(Lift *l, const Pending *p)
{
    const Uop *u = p->u;
    V x = l->vals[u->dst];
    if (p->tiny) { /* or a NaN */
        Ty t = LLVMTypeOf(x);
        bool wide = uop_lane(u->type) == LANE_F64;
        V smallest = lift_const(l, u->type, wide ? UINT64_C(1) << 52 : UINT64_C(1) << 23);
        V size = lift_intrinsic(l, "llvm.fabs", &t, 1, &x, 1);
        return lift_fp_compare(l, "ueq", size, smallest, true);
    }
    return p->operands ? lift_fp_compare(l, "uno", l->vals[u->a], l->vals[u->b], true)
                       : lift_fp_compare(l, "uno", x, x, true);
}

static void bail_if_wrong(Lift *l, const Wide *w)
{
    V unsure[2] = {NULL, NULL}; /* by the number of lanes: of doubles, of floats */
    for (uint32_t k = 0; k < l->npending; k++) {
        const Pending *p = &l->pending[k];
        if (p->tiny || p->nan) {
            V x = unsure_lanes(l, p), *to = &unsure[uop_lane(p->u->type) == LANE_F32];
            *to = *to && LLVMTypeOf(*to) == LLVMTypeOf(x) ? LLVMBuildOr(l->b, *to, x, "")
                  : *to                                   ? (l->failed = true, x)
                                                          : x;
        }
    }
    for (unsigned k = 0; k < 2; k++) {
        if (unsure[k]) {
            Ty t = LLVMTypeOf(unsure[k]);
            V any = lift_intrinsic(l, "llvm.vector.reduce.or", &t, 1, &unsure[k], 1);
            LLVMBasicBlockRef on = lift_bb(l, "");
            lift_branch_unlikely(l, any, w->bail, on);
            LLVMPositionBuilderAtEnd(l->b, on);
        }
    }
}

/* What is pending, all of it of this loop. */
static void check(Lift *l, const Wide *w)
{
    if (l->masks && l->npending) { /* as checks_ask() does it */
        Pending pending[MAX_PENDING];
        memcpy(pending, l->pending, sizeof pending);
        LLVMBasicBlockRef unsure = lift_bb(l, "unsure"), join = lift_bb(l, "join");
        checks_sure(l, unsure);
        LLVMBuildBr(l->b, join);
        memcpy(l->pending, pending, sizeof pending);
        LLVMPositionBuilderAtEnd(l->b, unsure);
        bail_if_wrong(l, w);
        LLVMBuildBr(l->b, join);
        LLVMPositionBuilderAtEnd(l->b, join);
    } else {
        bail_if_wrong(l, w);
    }
    l->npending = 0;
    for (const Uop *u = l->ub->uops; u < l->ub->uops + l->ub->count; u++) {
        if (u->dst != VAL_NONE) {
            l->tainted[u->dst] = 0;
        }
    }
}

static void stores(Lift *l, const Wide *w)
{
    for (unsigned k = 0; k < w->w.naccesses; k++) {
        const Uop *u = accessed(l, w, k);
        if (u->op == UOP_STORE) {
            V x = LLVMBuildStore(l->b, lift_val(l, u->c), w->pointer[k]);
            LLVMSetAlignment(x, 1);
            lift_mark(l, x, false);
        }
    }
}

/* Vector registers, as the last iteration leaves them. */
static void put_vectors(Lift *l, const Wide *w)
{
    for (const Uop *u = l->ub->uops; u < l->ub->uops + l->ub->count; u++) {
        if (u->op != UOP_PUT || class_of(w, u->a) == WIDEN_INT) {
            continue;
        }
        V x = w->same[u->a];
        if (class_of(w, u->a) == WIDEN_LANES) {
            x = last(l, w, lift_val(l, u->a), u->type);
        } else if (class_of(w, u->a) == WIDEN_TOP) {
            const Uop *zext = u;
            while (zext->dst != u->a) {
                zext--;
            }
            uint8_t type = uop_val_type(l->ub, zext->a);
            x = lift_cast(l, lift_widen128(l, last(l, w, lift_val(l, zext->a), type), type),
                          lift_type(l, u->type));
        }
        regs_put(l, u->type, (uint32_t)u->imm, x);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static void find_units(const Lift *l, Wide *w)
{
    for (const Uop *u = l->ub->uops; u < l->ub->uops + l->ub->count; u++) {
        uint32_t k = u->op == UOP_PUT ? regs_unit(l, (uint32_t)u->imm) : NO_UNIT;
        if (k != NO_UNIT) {
            set_add(&w->put, k);
        } else if (u->op == UOP_PUTFLAGS) {
            set_add(&w->put, 0);
        }
    }
}

void widen_loop(Lift *l, uint32_t index)
{
    BlockState *s = &l->bs[index];
    Wide w;
    memset(&w, 0, sizeof w);
    widen_plan(l->ub, l->masks, &w.w);
    find_units(l, &w);
    w.head = lift_bb(l, "head");
    w.bail = lift_bb(l, "bail");
    LLVMPositionBuilderAtEnd(l->b, s->wide);
    regs_save(l, &w.put, w.saved);
    integers(l, &w, w.address, false);
    regs_restore(l, &w.put, w.saved);
    l->flags_known = s->flags_known;
    same_values(l, &w);
    LLVMBasicBlockRef apart = lift_bb(l, "");
    lift_branch_unlikely(l, any_meet(l, &w), s->entry, apart);
    LLVMBuildBr(l->b, w.head);

    LLVMPositionBuilderAtEnd(l->b, w.head);
    regs_save(l, &w.put, w.saved);
    all_integers(l, &w);
    l->wide = w.w.times;
    loads(l, &w);
    operations(l, &w);
    check(l, &w);
    stores(l, &w);
    l->wide = 0;
    put_vectors(l, &w);

    LLVMBasicBlockRef back = lift_bb(l, "back"), out = lift_bb(l, "");
    lift_set_weights(l, LLVMBuildCondBr(l->b, goes_on(l, &w), back, out), 15, 1);
    LLVMPositionBuilderAtEnd(l->b, back);
    lift_poll(l, index);
    LLVMBuildBr(l->b, w.head);
    LLVMPositionBuilderAtEnd(l->b, out);
    const Uop *branch = l->ub->uops + w.w.branch, *end = l->ub->uops + l->ub->count - 1;
    for (const Uop *u = branch + 1; u < end; u++) {
        lift_one(l, u);
    }
    lift_go_to(l, (w.w.leaves ? branch : end)->imm64);

    LLVMPositionBuilderAtEnd(l->b, w.bail);
    regs_restore(l, &w.put, w.saved);
    LLVMBuildBr(l->b, s->entry);
}
