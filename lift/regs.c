/* regs.c - the guest's register file within a region: units kept in SSA form, loaded from struct
 * Cpu at the entry where they're live, stored to it on the ways out where they may have changed.
 *
 * Pinned registers come in and go out as arguments. Each unit is an alloca, which LLVM's SROA makes
 * values of; the two flows over the blocks (live, dirty) say what the edges of the region need.
 */
#include "lift/build.h"

#include <stdlib.h>
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

V regs_load_slot(Lift *l, V slot, Ty type)
{
    return LLVMBuildLoad2(l->b, type, slot, "");
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
        return !lift_helper_is_alone(l, u);
    }
    return l->r->precise && uop_info[u->op].effects & (UOPE_LOAD | UOPE_STORE) && !faults_has(l, u);
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
        return u->sub == UOP_EXIT_JUMP ? lift_next(l, index, u->imm64) : -1;
    }
    if (u->op != UOP_EXIT) {
        return -1;
    }
    if (u->sub == UOP_EXIT_JUMP && u->a == VAL_NONE) {
        return lift_next(l, index, u->imm64);
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

/* ---- loops (precise mode) -------------------------------------------------------------------- */

static bool in_loop(const BlockState *s, uint32_t index)
{
    return s->loop[index / 64] >> (index % 64) & 1;
}

/* What is stored on the way from block `from` (-1: into the region) to block k, of what is dirty.
 */
static UnitSet stored_on_entry(const Lift *l, int from, uint32_t k, const UnitSet *dirty)
{
    const BlockState *s = &l->bs[k];
    UnitSet out = {{0}};
    if (s->loop && (from < 0 || !in_loop(s, (uint32_t)from))) {
        for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
            out.w[w] = dirty->w[w] & ~s->written.w[w] & ~l->kept.w[w];
        }
    }
    return out;
}

static UnitSet without(const UnitSet *a, const UnitSet *b)
{
    UnitSet r;
    for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
        r.w[w] = a->w[w] & ~b->w[w];
    }
    return r;
}

static void add_written(const Lift *l, uint32_t index, UnitSet *set)
{
    const UopBlock *ub = l->r->blocks[index].ub;
    for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
        uint32_t unit = u->op == UOP_PUTFLAGS                     ? 0
                        : u->op == UOP_PUT || u->op == UOP_STICKY ? unit_of(l, (uint32_t)u->imm)
                                                                  : NO_UNIT;
        if (unit != NO_UNIT) {
            set_add(set, unit);
        }
    }
}

/* The blocks from which the back edges of block k come, without passing k. */
static void find_loop(Lift *l, uint32_t k, uint64_t *loop)
{
    uint32_t succ[64];
    BlockState *s = &l->bs[k];
    s->loop = loop;
    loop[k / 64] |= UINT64_C(1) << (k % 64);
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        unsigned n = l->bs[i].back_to == k + 1 ? 1 : 0;
        loop[i / 64] |= (uint64_t)n << (i % 64);
    }
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < l->r->nblocks; i++) {
            unsigned n = in_loop(s, i) ? 0 : successors(l, i, succ, 64);
            for (unsigned e = 0; e < n; e++) {
                if (succ[e] != k && in_loop(s, succ[e])) {
                    loop[i / 64] |= UINT64_C(1) << (i % 64);
                    more = true;
                    break;
                }
            }
        }
    }
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        if (in_loop(s, i)) {
            add_written(l, i, &s->written);
        }
    }
}

static void note_back_edge(Lift *l, uint32_t index, const Uop *u, GuestAddr pc)
{
    uint32_t to[MAX_RETURNS];
    unsigned n =
        u->sub == UOP_EXIT_RET && l->r->blocks[index].context ? 0 : targets(l, index, u, to);
    for (unsigned k = 0; k < n; k++) {
        if (to[k] < l->first_copy && l->r->blocks[to[k]].ub->pc <= pc) {
            l->bs[to[k]].polled = true;
            l->bs[index].back_to = to[k] + 1;
        }
    }
}

static void find_loops(Lift *l)
{
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        GuestAddr pc = ub->pc;
        for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
            pc = u->op == UOP_INSN ? u->imm64 : pc;
            if (u->op == UOP_EXIT || u->op == UOP_EXIT_IF) {
                note_back_edge(l, i, u, pc);
            }
        }
    }
    size_t words = (l->r->nblocks + 63) / 64;
    l->loops = l->r->precise ? calloc(l->r->nblocks * words, sizeof *l->loops) : NULL;
    for (uint32_t k = 0; k < l->r->nblocks && l->loops; k++) {
        if (l->bs[k].polled) {
            find_loop(l, k, l->loops + k * words);
        }
    }
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* At an exit of block `index`: what is dirty there, and no more, is so in the blocks it leads to,
 * but for what is stored on the way. */
static bool dirty_at_exit(Lift *l, uint32_t index, const Uop *u, const UnitSet *dirty)
{
    uint32_t to[MAX_RETURNS];
    unsigned n = targets(l, index, u, to);
    bool changed = false;
    for (unsigned k = 0; k < n; k++) {
        UnitSet stored = stored_on_entry(l, (int)index, to[k], dirty);
        UnitSet rest = without(dirty, &stored);
        use_dirty(&l->bs[index], &stored);
        changed |= add_all(&l->bs[to[k]].dirty_in, &rest);
    }
    return changed;
}

/* ---- what accesses tell of (precise mode) ---------------------------------------------------- */

/* So many units stay where they are, and the access tells where; the others are stored before it if
 * they're dirty. Those that are written most often stay; the flags do, since storing them takes
 * several instructions. MOST_UNTOLD: of stores for a hundred instructions. */
enum { INTS_TOLD = 8, VECTORS_TOLD = 14, MOST_UNTOLD = 1 };

static void find_told(Lift *l)
{
    uint64_t writes[MAX_UNITS] = {0};
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        unsigned depth = 0;
        for (uint32_t k = 0; k < l->r->nblocks; k++) {
            depth += l->bs[k].loop && in_loop(&l->bs[k], i) && depth < 8;
        }
        l->bs[i].weight = UINT32_C(1) << (3 * depth);
        for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
            uint32_t unit =
                u->op == UOP_PUT || u->op == UOP_STICKY ? unit_of(l, (uint32_t)u->imm) : NO_UNIT;
            if (unit != NO_UNIT) {
                writes[unit] += l->bs[i].weight;
            }
        }
    }
    writes[0] = UINT64_MAX;
    unsigned vectors = 0;
    for (unsigned k = 0; k < l->nunits; k++) {
        vectors += l->units[k].bytes == 16;
    }
    for (unsigned k = 0; k < l->nunits && vectors <= VECTORS_TOLD; k++) {
        if (l->units[k].bytes == 16) {
            set_add(&l->kept, k);
        }
    }
    for (unsigned k = 0; k < l->nunits; k++) {
        unsigned before = 0;
        for (unsigned i = 0; i < l->nunits; i++) {
            before += l->units[i].bytes == l->units[k].bytes &&
                      (writes[i] > writes[k] || (writes[i] == writes[k] && i < k));
        }
        if (before < (l->units[k].bytes == 8 ? (unsigned)INTS_TOLD + 1 : (unsigned)VECTORS_TOLD)) {
            set_add(&l->told, k);
        }
    }
}

enum { FLAGS_UNKNOWN, FLAGS_BITS, FLAGS_KINDS }; /* then kind, with FAULT_FLAGS_64 */

static unsigned code_of(unsigned kind, unsigned type)
{
    bool simple = kind == UOP_FLAGS_ADD || kind == UOP_FLAGS_SUB || kind == UOP_FLAGS_LOGIC;
    if (!simple || (type != T_I32 && type != T_I64)) {
        return FLAGS_BITS;
    }
    return FLAGS_KINDS + (kind | (type == T_I64 ? FAULT_FLAGS_64 : 0));
}

static unsigned made_by(const UopBlock *ub, const Uop *put)
{
    const Uop *u = put;
    while (u > ub->uops && u->dst != put->a) {
        u--;
    }
    return u->op == UOP_FLAGS && u->dst == put->a ? code_of(u->sub, u->type) : FLAGS_BITS;
}

/* How the flags are made at the entry of each block, if all that lead there make them so. */
static void flow_flags(Lift *l)
{
    uint32_t to[MAX_RETURNS];
    l->bs[0].flags_made = FLAGS_BITS;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < l->r->nblocks; i++) {
            const UopBlock *ub = l->r->blocks[i].ub;
            unsigned now = l->bs[i].flags_made;
            for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
                now = u->op == UOP_PUTFLAGS                                ? made_by(ub, u)
                      : u->op == UOP_HELPER && !lift_helper_is_alone(l, u) ? FLAGS_BITS
                                                                           : now;
                unsigned n = u->op == UOP_EXIT || u->op == UOP_EXIT_IF ? targets(l, i, u, to) : 0;
                for (unsigned e = 0; e < n && now != FLAGS_UNKNOWN; e++) {
                    uint8_t *at = &l->bs[to[e]].flags_made, was = *at;
                    *at = (uint8_t)(was == FLAGS_UNKNOWN ? now : was == now ? was : FLAGS_BITS);
                    changed |= *at != was;
                }
            }
        }
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
    s->use = s->def = (UnitSet){{0}};
    for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
        uint32_t unit;
        switch (u->op) {
        case UOP_GET:
            if ((unit = unit_of(l, (uint32_t)u->imm)) != NO_UNIT) {
                note(s, unit, true, false);
            }
            break;
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
            break;
        default:
            if (faults_has(l, u)) {
                use_dirty(s, &dirty);
                for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
                    dirty.w[w] &= l->told.w[w];
                }
            } else if (is_commit(l, u)) {
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
    find_loops(l);
    if (l->r->precise) {
        find_told(l);
    }
    UnitSet pins = {{0}};
    for (unsigned k = 0; k < l->nunits; k++) { /* pinned ones come in newer than struct Cpu */
        if (l->units[k].pin_int >= 0 || l->units[k].pin_vec >= 0) {
            set_add(&pins, k);
        }
    }
    UnitSet stored = stored_on_entry(l, -1, 0, &pins);
    l->bs[0].dirty_in = without(&pins, &stored);
    if (l->r->precise) {
        flow_flags(l);
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
    unsigned code = code_of(f->kind, f->type);
    if (code >= FLAGS_KINDS) {
        V b = f->kind == UOP_FLAGS_LOGIC ? lift_i64(l, 0) : origin(l, f->b);
        keep_origin(l, code - FLAGS_KINDS, origin(l, f->a), b);
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
    V word = regs_cpu_load(l, l->i32, u->off, false), zero = lift_i64(l, 0);
    lift_branch_unlikely(l, bit_of(l, word, CPU_FLAGS_MADE), made, settled);
    LLVMPositionBuilderAtEnd(b, made);
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
    UnitSet stored = without(&l->dirty, &l->told);
    for (unsigned i = 0; i < l->nunits; i++) {
        if (set_has(&stored, i)) {
            store_unit(l, i);
            l->untold += l->bs[l->index].weight;
        }
    }
    l->dirty = without(&l->dirty, &stored);
}

bool regs_cost_more(const Lift *l)
{
    uint64_t insns = 0;
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        insns += (uint64_t)l->r->blocks[i].ub->ninsns * l->bs[i].weight;
    }
    return l->untold * 100 > insns * MOST_UNTOLD;
}

void regs_enter_loop(Lift *l, int from, uint32_t k)
{
    UnitSet stored = stored_on_entry(l, from, k, &l->dirty);
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
    if (l->flags_known || made < FLAGS_KINDS) {
        return;
    }
    made -= FLAGS_KINDS;
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
        } else if (u->pin_vec >= 0) {
            args[1 + FRONTEND_INT_PINS + u->pin_vec] = get_whole(l, u);
        }
    }
}
