/* regs.c - the guest's register file within a region: units kept in SSA form, loaded from struct
 * Cpu at the entry where they're live, stored to it on the ways out where they may have changed.
 *
 * Pinned registers come in and go out as arguments. Each unit is an alloca, which LLVM's SROA makes
 * values of; the two flows over the blocks (live, dirty) say what the edges of the region need.
 */
#include "lift/build.h"

#include <string.h>

#define NO_UNIT UINT32_MAX

static uint32_t unit_of(const Lift *l, uint32_t off)
{
    uint32_t g = (off - CPU_FILE) / 8;
    return g < FILE_GRANULES && l->unit_at[g] ? l->unit_at[g] - 1u : NO_UNIT;
}

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

/* ---- units ----------------------------------------------------------------------------------- */

static Unit *add_unit(Lift *l, uint32_t off, unsigned bytes)
{
    uint32_t g = (off - CPU_FILE) / 8;
    if (l->nunits == MAX_UNITS) {
        l->failed = true;
        return &l->units[0];
    }
    Unit *u = &l->units[l->nunits++];
    *u = (Unit){.off = (uint16_t)off,
                .bytes = (uint8_t)bytes,
                .scalar = T_NONE,
                .pin_int = -1,
                .pin_vec = -1};
    l->unit_at[g] = (uint8_t)l->nunits;
    if (bytes == 16) {
        l->unit_at[g + 1] = (uint8_t)l->nunits;
    }
    return u;
}

static bool in_file(uint32_t off)
{
    return off >= CPU_FILE && off < CPU_FILE + CPU_FILE_SIZE;
}

/* Register numbers aren't known here: sixteen bytes that are anywhere accessed as a vector or float
 * are one unit. */
static void find_units(Lift *l)
{
    bool vec[FILE_GRANULES / 2] = {false};
    const Frontend *f = l->frontend;
    Unit *flags = add_unit(l, f->flags_offset & ~7u, 8);
    flags->flags = true;
    flags->off = (uint16_t)f->flags_offset;
    for (int k = 0; k < FRONTEND_INT_PINS; k++) {
        add_unit(l, f->int_pins[k], 8)->pin_int = (int8_t)k;
    }
    for (int k = 0; k < FRONTEND_VEC_PINS; k++) {
        add_unit(l, f->vec_pins[k], 16)->pin_vec = (int8_t)k;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < l->r->nblocks; i++) {
            const UopBlock *ub = l->r->blocks[i].ub;
            for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
                if (u->op != UOP_GET && u->op != UOP_PUT && u->op != UOP_STICKY) {
                    continue;
                }
                uint32_t off = (uint32_t)u->imm, g = (off - CPU_FILE) / 8;
                if (!in_file(off)) {
                    continue;
                }
                if (pass == 0) {
                    vec[g / 2] |= !uop_is_int(u->type);
                    continue;
                }
                if (!l->unit_at[g]) {
                    bool v = vec[g / 2] && !l->unit_at[g & ~1u] && !l->unit_at[g | 1];
                    add_unit(l, CPU_FILE + 8 * (v ? g & ~1u : g), v ? 16 : 8);
                }
                Unit *unit = &l->units[l->unit_at[g] - 1];
                if (off == unit->off && u->op != UOP_STICKY) {
                    unit->f32 += u->type == T_F32;
                    unit->f64 += u->type == T_F64;
                }
            }
        }
    }
    for (unsigned k = 0; k < l->nunits; k++) {
        Unit *u = &l->units[k];
        if (u->bytes == 16 && (u->f32 || u->f64)) {
            u->scalar = u->f64 >= u->f32 ? T_F64 : T_F32;
        }
    }
}

/* ---- what is read and written where ---------------------------------------------------------- */

static bool is_commit(const Lift *l, const Uop *u)
{
    if (u->op == UOP_HELPER) {
        return true;
    }
    return l->r->precise && uop_info[u->op].effects & (UOPE_LOAD | UOPE_STORE);
}

static void note(BlockState *s, unsigned unit, bool reads, bool writes_whole)
{
    if (reads && !set_has(&s->def, unit)) {
        set_add(&s->use, unit);
    }
    if (writes_whole && !set_has(&s->use, unit)) {
        set_add(&s->def, unit);
    }
}

/* What leaves the region, or is committed, needs what is dirty: those units are read then. `dirty`
 * without what came in dirty. */
static void use_dirty(BlockState *s, const UnitSet *dirty)
{
    for (unsigned i = 0; i < MAX_UNITS; i++) {
        if (set_has(dirty, i)) {
            note(s, i, true, false);
        }
    }
}

/* The block of the region that the exit u of block `index` leads to, or -1; a return of a function
 * that is part of the region without a context of its own: see regs_returns(). */
static int successor(const Lift *l, uint32_t index, const Uop *u)
{
    const LiftBlock *lb = &l->r->blocks[index];
    if (u->op == UOP_EXIT_IF) {
        return u->sub == UOP_EXIT_JUMP ? lift_find(l->r, u->imm64, lb->context) : -1;
    }
    if (u->op != UOP_EXIT) {
        return -1;
    }
    if (u->sub == UOP_EXIT_JUMP && u->a == VAL_NONE) {
        return lift_find(l->r, u->imm64, lb->context);
    }
    if (u->sub == UOP_EXIT_CALL && u->a == VAL_NONE) {
        return lift_callee(l->r, index, u->imm64);
    }
    if (u->sub == UOP_EXIT_RET && lb->context) {
        const LiftContext *c = &l->r->contexts[lb->context];
        return lift_find(l->r, c->return_pc, c->parent);
    }
    return -1;
}

/* All blocks of the region that it may lead to. */
static unsigned targets(const Lift *l, uint32_t index, const Uop *u, uint32_t out[MAX_RETURNS])
{
    if (u->op == UOP_EXIT && u->sub == UOP_EXIT_RET && u->a != VAL_NONE &&
        !l->r->blocks[index].context) {
        memcpy(out, l->returns, sizeof *out * l->nreturns);
        return l->nreturns;
    }
    int k = successor(l, index, u);
    out[0] = (uint32_t)k;
    return k >= 0;
}

/* Does the exit u of block `index` lead to nowhere but a block of the region? The way out of a back
 * edge's poll is that block's (flow_live); a return may find another address than the call's. */
static bool stays(const Lift *l, uint32_t index, const Uop *u)
{
    return u->sub != UOP_EXIT_RET && successor(l, index, u) >= 0;
}

/* Successors within the region, by each exit. */
static unsigned successors(const Lift *l, uint32_t index, uint32_t *out, unsigned max)
{
    const UopBlock *ub = l->r->blocks[index].ub;
    unsigned n = 0;
    for (const Uop *u = ub->uops; u < ub->uops + ub->count && n + MAX_RETURNS <= max; u++) {
        n += targets(l, index, u, out + n);
    }
    return n;
}

/* Where calls within the region come back to whose callee, the function that the region is part
 * of, has no context. */
static void find_returns(Lift *l)
{
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        const Uop *last = ub->uops + ub->count - 1;
        if (!ub->count || l->r->blocks[i].context || last->op != UOP_EXIT ||
            last->sub != UOP_EXIT_CALL || last->a != VAL_NONE) {
            continue;
        }
        int callee = lift_callee(l->r, i, last->imm64),
            back = lift_find(l->r, ub->pc + ub->guest_len, 0);
        bool known = callee < 0 || l->r->blocks[callee].context || back < 0;
        for (unsigned k = 0; k < l->nreturns; k++) {
            known |= l->returns[k] == (uint32_t)back;
        }
        if (!known && l->nreturns < MAX_RETURNS) {
            l->returns[l->nreturns++] = (uint32_t)back;
        }
    }
}

static bool add_all(UnitSet *to, const UnitSet *from)
{
    uint64_t more = 0;
    for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
        more |= from->w[w] & ~to->w[w];
        to->w[w] |= from->w[w];
    }
    return more != 0;
}

/* At an exit of block `index`: what is dirty there, and no more, is so in the blocks it leads to.
 */
static bool dirty_at_exit(Lift *l, uint32_t index, const Uop *u, const UnitSet *dirty)
{
    uint32_t to[MAX_RETURNS];
    unsigned n = targets(l, index, u, to);
    bool changed = false;
    for (unsigned k = 0; k < n; k++) {
        changed |= add_all(&l->bs[to[k]].dirty_in, dirty);
    }
    return changed;
}

static void note_back_edge(Lift *l, uint32_t index, const Uop *u, GuestAddr pc)
{
    uint32_t to[MAX_RETURNS];
    unsigned n =
        u->sub == UOP_EXIT_RET && l->r->blocks[index].context ? 0 : targets(l, index, u, to);
    for (unsigned k = 0; k < n; k++) {
        l->bs[to[k]].polled |= l->r->blocks[to[k]].ub->pc <= pc;
    }
}

/* What block `index` reads and writes, and what is dirty where it leads to. True if that has grown.
 */
static bool scan(Lift *l, uint32_t index)
{
    const UopBlock *ub = l->r->blocks[index].ub;
    BlockState *s = &l->bs[index];
    UnitSet dirty = s->dirty_in;
    bool changed = false;
    GuestAddr pc = ub->pc;
    s->use = s->def = (UnitSet){{0}};
    for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
        uint32_t unit;
        switch (u->op) {
        case UOP_GET:
            if ((unit = unit_of(l, (uint32_t)u->imm)) != NO_UNIT) {
                note(s, unit, true, false);
            }
            break;
        case UOP_INSN: pc = u->imm64; break;
        case UOP_GETFLAGS: note(s, 0, true, false); break;
        case UOP_PUTFLAGS:
            note(s, 0, false, true);
            set_add(&dirty, 0);
            break;
        case UOP_PUT:
        case UOP_STICKY:
            if ((unit = unit_of(l, (uint32_t)u->imm)) != NO_UNIT) {
                bool whole = u->op == UOP_PUT && uop_type_bytes(u->type) == l->units[unit].bytes &&
                             !l->units[unit].flags;
                note(s, unit, !whole, whole);
                set_add(&dirty, unit);
            }
            break;
        case UOP_EXIT_IF:
        case UOP_EXIT:
            if (!stays(l, index, u)) {
                use_dirty(s, &dirty);
            }
            changed |= dirty_at_exit(l, index, u, &dirty);
            note_back_edge(l, index, u, pc);
            break;
        default:
            if (is_commit(l, u)) {
                use_dirty(s, &dirty);
                dirty = (UnitSet){{0}};
            }
            break;
        }
    }
    return changed;
}

/* Forward: what may be dirty at each block's entry. Both flows only grow, so they end. */
static void flow_dirty(Lift *l)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < l->r->nblocks; i++) {
            changed |= scan(l, i);
        }
    }
}

static void flow_live(Lift *l)
{
    uint32_t succ[64];
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = l->r->nblocks; i-- > 0;) {
            BlockState *s = &l->bs[i];
            unsigned n = successors(l, i, succ, 64);
            UnitSet live = s->use;
            if (s->polled) { /* the way out that all back edges share stores it, but dead flags */
                UnitSet stored = s->dirty_in;
                set_remove(&stored, 0);
                (void)add_all(&live, &stored);
            }
            for (unsigned k = 0; k < n; k++) {
                for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
                    live.w[w] |= l->bs[succ[k]].live_in.w[w] & ~s->def.w[w];
                }
                /* A side exit within the block may come before a definition. */
                if (k + 1 < n) {
                    for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
                        live.w[w] |= l->bs[succ[k]].live_in.w[w];
                    }
                }
            }
            for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
                uint64_t more = live.w[w] & ~s->live_in.w[w];
                s->live_in.w[w] |= more;
                changed |= more != 0;
            }
        }
    }
}

void regs_plan(Lift *l)
{
    uint32_t succ[64];
    find_units(l);
    find_returns(l);
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        unsigned n = successors(l, i, succ, 64);
        for (unsigned k = 0; k < n; k++) {
            l->bs[succ[k]].npreds++;
            l->bs[succ[k]].pred = i;
        }
    }
    l->bs[0].npreds += 2; /* entered from outside */
    if (!l->r->precise) { /* pinned registers come in newer than struct Cpu; precise: the prologue
                             stores them */
        for (unsigned k = 0; k < l->nunits; k++) {
            if (l->units[k].pin_int >= 0 || l->units[k].pin_vec >= 0) {
                set_add(&l->bs[0].dirty_in, k);
            }
        }
    }
    flow_dirty(l);
    flow_live(l);
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

static void load_flags(Lift *l, const Unit *u)
{
    for (unsigned k = 0; k < 4; k++) {
        V x = regs_cpu_load(l, l->i8, u->off + k, false);
        LLVMBuildStore(l->b, LLVMBuildTrunc(l->b, x, l->i1, ""), u->slot[k]);
    }
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
        } else if (u->pin_vec >= 0) {
            put_whole(l, u, LLVMGetParam(l->fn, 1u + FRONTEND_INT_PINS + (unsigned)u->pin_vec));
        } else if (set_has(&l->bs[0].live_in, k)) {
            load_unit(l, u);
        }
    }
    if (l->r->precise) {
        for (unsigned k = 0; k < l->nunits; k++) {
            const Unit *u = &l->units[k];
            if (u->pin_int >= 0 || u->pin_vec >= 0) {
                regs_cpu_store(l, get_whole(l, u), u->off, true);
            }
        }
    }
}

/* ---- access ---------------------------------------------------------------------------------- */

V regs_get(Lift *l, uint8_t type, uint32_t off)
{
    uint32_t k = unit_of(l, off);
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
    uint32_t k = unit_of(l, off);
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
    set_add(&l->dirty, 0);
    l->flags_now = copy;
    l->flags_known = true;
}

void regs_store(Lift *l, bool pinned_too)
{
    for (unsigned k = 0; k < l->nunits; k++) {
        const Unit *u = &l->units[k];
        if (!set_has(&l->dirty, k) || (!pinned_too && (u->pin_int >= 0 || u->pin_vec >= 0))) {
            continue;
        }
        if (u->flags) {
            for (unsigned i = 0; i < 4; i++) {
                V x = LLVMBuildLoad2(l->b, l->i1, u->slot[i], "");
                regs_cpu_store(l, LLVMBuildZExt(l->b, x, l->i8, ""), u->off + i, l->r->precise);
            }
        } else {
            regs_cpu_store(l, get_whole(l, u), u->off, l->r->precise);
        }
    }
}

void regs_commit(Lift *l)
{
    regs_store(l, true);
    l->dirty = (UnitSet){{0}};
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
        } else if (u->pin_vec >= 0) {
            args[1 + FRONTEND_INT_PINS + u->pin_vec] = get_whole(l, u);
        }
    }
}
