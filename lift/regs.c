/* regs.c - the guest's register file within a region: units kept in SSA form, loaded from struct
 * Cpu at the entry where they're live, stored to it on the ways out where they may have changed.
 *
 * Pinned registers come in and go out as arguments. Each unit is an alloca, which LLVM's SROA makes
 * values of; regs_plan.c says what the edges of the region need.
 */
#include "lift/build.h"

#include <stdlib.h>
#include <string.h>

V regs_cpu_field(Lift *l, uint32_t off)
{
    V index = lift_i64(l, (uint64_t)((int64_t)off - (int64_t)CPU_ANCHOR));
    return LLVMBuildInBoundsGEP2(l->b, l->i8, l->cpu, &index, 1, "");
}

static void mark_cpu(Lift *l, V access, bool is_volatile)
{
    LLVMSetMetadata(access, l->kind_tbaa, l->tbaa_cpu);
    LLVMSetVolatile(access, is_volatile);
}

V regs_cpu_load(Lift *l, Ty type, uint32_t off, bool is_volatile)
{
    V v = LLVMBuildLoad2(l->b, type, regs_cpu_field(l, off), "");
    LLVMSetAlignment(v, off % 16 == 0 && type == l->v2i64 ? 16 : type == l->i64 ? 8 : 1);
    mark_cpu(l, v, is_volatile);
    return v;
}

void regs_cpu_store(Lift *l, V v, uint32_t off, bool is_volatile)
{
    V s = LLVMBuildStore(l->b, v, regs_cpu_field(l, off));
    LLVMSetAlignment(s, off % 16 == 0 && LLVMTypeOf(v) == l->v2i64 ? 16
                        : LLVMTypeOf(v) == l->i64                  ? 8
                                                                   : 1);
    mark_cpu(l, s, is_volatile);
}

V regs_load_slot(Lift *l, V slot, Ty type)
{
    return LLVMBuildLoad2(l->b, type, slot, "");
}

/* ---- slots ----------------------------------------------------------------------------------- */

static Ty scalar_type(Lift *l, const Unit *u)
{
    return lift_type(l, u->scalar);
}

/* The whole of a unit from and to its slots. */
static V get_whole(Lift *l, const Unit *u)
{
    if (u->bytes == 8) {
        return LLVMBuildLoad2(l->b, l->i64, u->slot[0], "");
    }
    V rest = LLVMBuildLoad2(l->b, l->v2i64, u->slot[1], "");
    if (u->scalar == T_NONE) {
        return rest;
    }
    V s = LLVMBuildLoad2(l->b, scalar_type(l, u), u->slot[0], "");
    Ty vt = LLVMVectorType(scalar_type(l, u), u->scalar == T_F64 ? 2 : 4);
    V r = LLVMBuildInsertElement(l->b, lift_cast(l, rest, vt), s, lift_i32(l, 0), "");
    return lift_cast(l, r, l->v2i64);
}

/* A scalar with zeros above, as lift_widen128 makes it. */
static bool only_lane_0(V v, Ty lane)
{
    while (LLVMIsABitCastInst(v)) {
        v = LLVMGetOperand(v, 0);
    }
    return LLVMIsAInsertElementInst(v) && LLVMGetElementType(LLVMTypeOf(v)) == lane &&
           LLVMIsNull(LLVMGetOperand(v, 0)) && LLVMIsAConstantInt(LLVMGetOperand(v, 2)) &&
           LLVMConstIntGetZExtValue(LLVMGetOperand(v, 2)) == 0;
}

static void put_whole(Lift *l, const Unit *u, V v)
{
    if (u->bytes == 8) {
        LLVMBuildStore(l->b, v, u->slot[0]);
        return;
    }
    v = lift_cast(l, v, l->v2i64);
    if (u->scalar != T_NONE) {
        LLVMBuildStore(l->b, lift_from128(l, v, u->scalar), u->slot[0]);
        v = only_lane_0(v, scalar_type(l, u)) ? LLVMConstNull(l->v2i64)
                                              : v; /* whose lane 0 nobody looks at */
    }
    LLVMBuildStore(l->b, v, u->slot[1]);
}

/* Precise mode: what the flags are made of, if they're asked for at all: by a fault. */
static void keep_origin(Lift *l, unsigned kind, V a, V b)
{
    LLVMBuildStore(l->b, lift_i64(l, kind), l->flags_kind);
    LLVMBuildStore(l->b, a, l->flags_a);
    LLVMBuildStore(l->b, b, l->flags_b);
}

/* What is above the operand's own bits is of no account. */
static V origin(Lift *l, V x)
{
    if (LLVMIsATruncInst(x) && LLVMTypeOf(LLVMGetOperand(x, 0)) == l->i64) {
        return LLVMGetOperand(x, 0);
    }
    return LLVMTypeOf(x) == l->i64 ? x : LLVMBuildZExt(l->b, x, l->i64, "");
}

static void keep_flags(Lift *l, const FlagVal *f)
{
    unsigned code = regs_flags_code(f->kind, f->type);
    if (code >= MADE_KINDS) {
        V b = f->kind == UOP_FLAGS_LOGIC ? lift_i64(l, 0) : origin(l, f->b);
        keep_origin(l, code - MADE_KINDS, origin(l, f->a), b);
        return;
    }
    V bytes = lift_i64(l, 0);
    for (unsigned k = 0; k < 4; k++) {
        V x = LLVMBuildLoad2(l->b, l->i1, l->units[0].slot[k], "");
        x = LLVMBuildShl(l->b, LLVMBuildZExt(l->b, x, l->i64, ""), lift_i64(l, 8 * k), "");
        bytes = LLVMBuildOr(l->b, bytes, x, "");
    }
    keep_origin(l, FAULT_FLAGS_BYTES, bytes, lift_i64(l, 0));
}

static void load_flags(Lift *l, const Unit *u)
{
    for (unsigned k = 0; k < 4; k++) {
        V x = regs_cpu_load(l, l->i8, u->off + k, false);
        LLVMBuildStore(l->b, LLVMBuildTrunc(l->b, x, l->i1, ""), u->slot[k]);
    }
    if (l->r->precise) {
        V bytes = regs_cpu_load(l, l->i32, u->off, false);
        keep_origin(l, FAULT_FLAGS_BYTES, LLVMBuildZExt(l->b, bytes, l->i64, ""), lift_i64(l, 0));
    }
}

static V in_cpu64(Lift *l, uint32_t off)
{
    return regs_cpu_load(l, l->i64, off, false);
}

static V bit_of(Lift *l, V word, unsigned bit)
{
    V masked = LLVMBuildAnd(l->b, word, lift_i32(l, bit), "");
    return LLVMBuildICmp(l->b, LLVMIntNE, masked, lift_i32(l, 0), "");
}

/* cpu_settle_flags() in code: the flags in memory become four bytes. */
static void settle_flags(Lift *l, const Unit *u)
{
    LLVMBuilderRef b = l->b;
    LLVMBasicBlockRef made = lift_bb(l, "made"), settled = lift_bb(l, "settled");
    V zero = lift_i64(l, 0);
    /* Not the word: the host would wait until four bytes that were just stored are in its cache. */
    V first = LLVMBuildZExt(b, regs_cpu_load(l, l->i8, u->off, false), l->i32, "");
    lift_branch_unlikely(l, bit_of(l, first, CPU_FLAGS_MADE), made, settled);
    LLVMPositionBuilderAtEnd(b, made);
    V word = regs_cpu_load(l, l->i32, u->off, false);
    V imm = LLVMBuildSExt(b, LLVMBuildAShr(b, word, lift_i32(l, 8), ""), l->i64, "");
    V y = LLVMBuildSelect(b, bit_of(l, word, CPU_FLAGS_IMM), imm,
                          in_cpu64(l, (uint32_t)offsetof(Cpu, flags_b)), "");
    V x = in_cpu64(l, (uint32_t)offsetof(Cpu, flags_a)), add = bit_of(l, word, CPU_FLAGS_ADD);
    V operand = LLVMBuildSelect(b, add, LLVMBuildSub(b, x, y, ""), LLVMBuildAdd(b, x, y, ""), "");
    x = LLVMBuildSelect(b, bit_of(l, word, CPU_FLAGS_RESULT), operand, x, "");
    V shift = LLVMBuildSelect(b, bit_of(l, word, CPU_FLAGS_64), zero, lift_i64(l, 32), "");
    x = LLVMBuildShl(b, x, shift, "");
    y = LLVMBuildShl(b, y, shift, "");
    V r = LLVMBuildSelect(b, add, LLVMBuildAdd(b, x, y, ""), LLVMBuildSub(b, x, y, ""), "");
    V same = LLVMBuildXor(b, LLVMBuildSelect(b, add, y, LLVMBuildNot(b, y, ""), ""), r, "");
    V overflow = LLVMBuildAnd(b, LLVMBuildXor(b, x, r, ""), same, "");
    V nzcv[4] = {LLVMBuildICmp(b, LLVMIntSLT, r, zero, ""),
                 LLVMBuildICmp(b, LLVMIntEQ, r, zero, ""),
                 LLVMBuildSelect(b, add, LLVMBuildICmp(b, LLVMIntULT, r, x, ""),
                                 LLVMBuildICmp(b, LLVMIntUGE, x, y, ""), ""),
                 LLVMBuildICmp(b, LLVMIntSLT, overflow, zero, "")};
    for (unsigned k = 0; k < 4; k++) {
        regs_cpu_store(l, LLVMBuildZExt(b, nzcv[k], l->i8, ""), u->off + k, false);
    }
    LLVMBuildBr(b, settled);
    LLVMPositionBuilderAtEnd(b, settled);
}

static void load_unit(Lift *l, const Unit *u)
{
    if (u->flags) {
        load_flags(l, u);
    } else {
        put_whole(l, u, regs_cpu_load(l, u->bytes == 8 ? l->i64 : l->v2i64, u->off, false));
    }
}

static bool moves_top(const Lift *l)
{
    bool any = false;
    for (uint32_t i = 0; i < l->r->nblocks && !any; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        const Uop *last = ub->uops + ub->count - 1;
        any = ub->count && last->op == UOP_EXIT &&
              (last->sub == UOP_EXIT_CALL || last->sub == UOP_EXIT_RET);
    }
    return any;
}

V regs_top(Lift *l)
{
    return LLVMBuildLoad2(l->b, l->i8, l->top, "");
}

void regs_move_top(Lift *l, int by)
{
    V by8 = LLVMConstInt(l->i8, (unsigned long long)(long long)by, true);
    LLVMBuildStore(l->b, LLVMBuildAdd(l->b, regs_top(l), by8, ""), l->top);
}

void regs_leave(Lift *l)
{
    regs_store(l, false);
    if (l->top) {
        regs_cpu_store(l, regs_top(l), (uint32_t)offsetof(Cpu, shadow_top), false);
    }
}

void regs_prologue(Lift *l)
{
    if (moves_top(l)) {
        l->top = LLVMBuildAlloca(l->b, l->i8, "");
        LLVMBuildStore(l->b, regs_cpu_load(l, l->i8, (uint32_t)offsetof(Cpu, shadow_top), false),
                       l->top);
    }
    for (unsigned k = 0; k < l->nunits; k++) {
        Unit *u = &l->units[k];
        if (u->flags) {
            for (unsigned i = 0; i < 4; i++) {
                u->slot[i] = LLVMBuildAlloca(l->b, l->i1, "");
            }
            if (l->r->precise) {
                l->flags_kind = LLVMBuildAlloca(l->b, l->i64, "");
                l->flags_a = LLVMBuildAlloca(l->b, l->i64, "");
                l->flags_b = LLVMBuildAlloca(l->b, l->i64, "");
            }
        } else if (u->bytes == 8) {
            u->slot[0] = LLVMBuildAlloca(l->b, l->i64, "");
        } else {
            if (u->scalar != T_NONE) {
                u->slot[0] = LLVMBuildAlloca(l->b, scalar_type(l, u), "");
            }
            u->slot[1] = LLVMBuildAlloca(l->b, l->v2i64, "");
        }
    }
    for (unsigned k = 0; k < l->nunits; k++) {
        Unit *u = &l->units[k];
        if (u->pin_int >= 0) {
            put_whole(l, u, LLVMGetParam(l->fn, 1u + (unsigned)u->pin_int));
        } else if (u->pin_vec >= 0 && l->ints) {
            continue;
        } else if (u->pin_vec >= 0) {
            put_whole(l, u, LLVMGetParam(l->fn, 1u + FRONTEND_INT_PINS + (unsigned)u->pin_vec));
        } else if (set_has(&l->bs[0].live_in, k)) {
            if (u->flags) {
                settle_flags(l, u);
            }
            load_unit(l, u);
        }
    }
}

/* ---- access ---------------------------------------------------------------------------------- */

V regs_get(Lift *l, uint8_t type, uint32_t off)
{
    uint32_t k = regs_unit(l, off);
    Ty t = lift_type(l, type);
    if (k == NO_UNIT || l->units[k].flags) {
        return regs_cpu_load(l, t, off, false);
    }
    const Unit *u = &l->units[k];
    if (off == u->off && u->scalar == type) {
        return LLVMBuildLoad2(l->b, t, u->slot[0], "");
    }
    V whole = get_whole(l, u);
    unsigned bytes = uop_type_bytes(type), at = off - u->off;
    if (u->bytes == 16) {
        if (at == 0 && !uop_is_int(type)) {
            return lift_from128(l, whole, type);
        }
        if (at % bytes == 0 && bytes < 16) { /* a lane */
            Ty lane = LLVMIntTypeInContext(l->ctx, 8 * bytes);
            V v = lift_cast(l, whole, LLVMVectorType(lane, 16 / bytes));
            return lift_cast(l, LLVMBuildExtractElement(l->b, v, lift_i32(l, at / bytes), ""), t);
        }
        l->failed = true;
        return LLVMGetUndef(t);
    }
    if (at) {
        whole = LLVMBuildLShr(l->b, whole, lift_i64(l, 8 * at), "");
    }
    if (bytes < 8) {
        whole = LLVMBuildTrunc(l->b, whole, LLVMIntTypeInContext(l->ctx, 8 * bytes), "");
    }
    return lift_cast(l, whole, t);
}

void regs_put(Lift *l, uint8_t type, uint32_t off, V v)
{
    uint32_t k = regs_unit(l, off);
    if (k == NO_UNIT || l->units[k].flags) {
        regs_cpu_store(l, v, off, l->r->precise);
        return;
    }
    const Unit *u = &l->units[k];
    unsigned bytes = uop_type_bytes(type), at = off - u->off;
    set_add(&l->dirty, k);
    if (off == u->off && u->scalar == type) {
        LLVMBuildStore(l->b, v, u->slot[0]);
        return;
    }
    if (bytes == u->bytes) {
        put_whole(l, u, lift_cast(l, v, u->bytes == 8 ? l->i64 : l->v2i64));
        return;
    }
    if (at % bytes || bytes > 8) {
        l->failed = true;
        return;
    }
    Ty lane = LLVMIntTypeInContext(l->ctx, 8 * bytes);
    if (u->bytes == 8) {
        uint64_t mask = ((UINT64_C(1) << 8 * bytes) - 1) << 8 * at;
        V keep = LLVMBuildAnd(l->b, get_whole(l, u), lift_i64(l, ~mask), "");
        V part = LLVMBuildZExt(l->b, lift_cast(l, v, lane), l->i64, "");
        put_whole(l, u,
                  LLVMBuildOr(l->b, keep, LLVMBuildShl(l->b, part, lift_i64(l, 8 * at), ""), ""));
        return;
    }
    Ty vt = LLVMVectorType(lane, 16 / bytes);
    V whole = lift_cast(l, get_whole(l, u), vt);
    whole = LLVMBuildInsertElement(l->b, whole, lift_cast(l, v, lane), lift_i32(l, at / bytes), "");
    put_whole(l, u, lift_cast(l, whole, l->v2i64));
}

void regs_save(Lift *l, const UnitSet *units, V saved[static MAX_UNITS][4])
{
    for (unsigned k = 0; k < l->nunits; k++) {
        for (unsigned i = 0; i < 4 && set_has(units, k); i++) {
            V slot = l->units[k].slot[i];
            saved[k][i] = slot ? LLVMBuildLoad2(l->b, LLVMGetAllocatedType(slot), slot, "") : NULL;
        }
    }
}

void regs_restore(Lift *l, const UnitSet *units, V saved[static MAX_UNITS][4])
{
    for (unsigned k = 0; k < l->nunits; k++) {
        for (unsigned i = 0; i < 4 && set_has(units, k); i++) {
            if (saved[k][i]) {
                LLVMBuildStore(l->b, saved[k][i], l->units[k].slot[i]);
            }
        }
    }
}

FlagVal regs_get_flags(Lift *l)
{
    if (l->flags_known) {
        return l->flags_now;
    }
    const Unit *u = &l->units[0];
    FlagVal f = {.kind = FLAG_BITS};
    f.a = LLVMBuildLoad2(l->b, l->i1, u->slot[0], "");
    f.b = LLVMBuildLoad2(l->b, l->i1, u->slot[1], "");
    f.c = LLVMBuildLoad2(l->b, l->i1, u->slot[2], "");
    f.d = LLVMBuildLoad2(l->b, l->i1, u->slot[3], "");
    return f;
}

void regs_put_flags(Lift *l, const FlagVal *f)
{
    static const uint8_t conds[4] = {UOP_MI, UOP_EQ, UOP_CS, UOP_VS};
    const Unit *u = &l->units[0];
    FlagVal copy = *f;
    for (unsigned k = 0; k < 4; k++) {
        LLVMBuildStore(l->b, flags_test(l, &copy, conds[k]), u->slot[k]);
    }
    if (l->r->precise) {
        keep_flags(l, &copy);
    }
    set_add(&l->dirty, 0);
    l->flags_now = copy;
    l->flags_known = true;
}

static void store_unit(Lift *l, unsigned k)
{
    const Unit *u = &l->units[k];
    if (!u->flags) {
        regs_cpu_store(l, get_whole(l, u), u->off, l->r->precise);
        return;
    }
    static const uint8_t conds[4] = {UOP_MI, UOP_EQ, UOP_CS, UOP_VS};
    bool simple = l->r->precise && l->flags_known && l->flags_now.kind <= UOP_FLAGS_LOGIC;
    for (unsigned i = 0; i < 4; i++) {
        V x = simple ? flags_test(l, &l->flags_now, conds[i])
                     : LLVMBuildLoad2(l->b, l->i1, u->slot[i], "");
        regs_cpu_store(l, LLVMBuildZExt(l->b, x, l->i8, ""), u->off + i, l->r->precise);
    }
}

void regs_store(Lift *l, bool pinned_too)
{
    for (unsigned k = 0; k < l->nunits; k++) {
        const Unit *u = &l->units[k];
        if (!set_has(&l->dirty, k) || (!pinned_too && (u->pin_int >= 0 || u->pin_vec >= 0))) {
            continue;
        }
        store_unit(l, k);
    }
}

void regs_commit(Lift *l)
{
    regs_store(l, true);
    l->dirty = (UnitSet){{0}};
}

void regs_store_untold(Lift *l)
{
    UnitSet stored = set_without(&l->dirty, &l->told);
    for (unsigned i = 0; i < l->nunits; i++) {
        if (set_has(&stored, i)) {
            store_unit(l, i);
            l->untold += l->bs[l->index].weight;
        }
    }
    l->dirty = set_without(&l->dirty, &stored);
}

void regs_enter_loop(Lift *l, int from, uint32_t k)
{
    UnitSet stored = regs_stored_on_entry(l, from, k, &l->dirty);
    for (unsigned i = 0; i < l->nunits; i++) {
        if (set_has(&stored, i)) {
            store_unit(l, i);
        }
    }
}

void regs_enter_region(Lift *l)
{
    for (unsigned k = 0; k < l->nunits; k++) {
        if (l->units[k].pin_int >= 0 || l->units[k].pin_vec >= 0) {
            set_add(&l->dirty, k);
        }
    }
    regs_enter_loop(l, -1, 0);
}

void regs_enter_block(Lift *l)
{
    unsigned made = l->bs[l->index].flags_made;
    if (l->flags_known || made < MADE_KINDS) {
        return;
    }
    made -= MADE_KINDS;
    Ty t = made & FAULT_FLAGS_64 ? l->i64 : l->i32;
    V a = LLVMBuildLoad2(l->b, l->i64, l->flags_a, ""),
      b = LLVMBuildLoad2(l->b, l->i64, l->flags_b, "");
    l->flags_now = (FlagVal){.kind = made & 15,
                             .type = made & FAULT_FLAGS_64 ? T_I64 : T_I32,
                             .a = t == l->i64 ? a : LLVMBuildTrunc(l->b, a, t, ""),
                             .b = t == l->i64 ? b : LLVMBuildTrunc(l->b, b, t, "")};
    l->flags_known = true;
}

/* All units, as the blocks that follow may read any of them: the loads that nobody uses go. */
void regs_reload(Lift *l)
{
    for (unsigned k = 0; k < l->nunits; k++) {
        load_unit(l, &l->units[k]);
    }
    l->flags_known = false;
}

void regs_args(Lift *l, V *args)
{
    args[0] = l->cpu;
    for (unsigned k = 0; k < l->nunits; k++) {
        const Unit *u = &l->units[k];
        if (u->pin_int >= 0) {
            args[1 + u->pin_int] = get_whole(l, u);
        } else if (u->pin_vec >= 0 && !l->ints) {
            args[1 + FRONTEND_INT_PINS + u->pin_vec] = get_whole(l, u);
        }
    }
}
