/* regs_plan.c - what of the register file a region needs: units, and by two flows over its blocks
 * where they're live and where they may differ from struct Cpu (dirty). In precise mode also what
 * loops write, what accesses tell of, and how flags are made.
 */
#include "lift/build.h"

#include <stdlib.h>
#include <string.h>

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

UnitSet regs_stored_on_entry(const Lift *l, int from, uint32_t k, const UnitSet *dirty)
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

static void add_written(const Lift *l, uint32_t index, UnitSet *set)
{
    const UopBlock *ub = l->r->blocks[index].ub;
    for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
        uint32_t unit = u->op == UOP_PUTFLAGS                     ? 0
                        : u->op == UOP_PUT || u->op == UOP_STICKY ? regs_unit(l, (uint32_t)u->imm)
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
        UnitSet stored = regs_stored_on_entry(l, (int)index, to[k], dirty);
        UnitSet rest = set_without(dirty, &stored);
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
                u->op == UOP_PUT || u->op == UOP_STICKY ? regs_unit(l, (uint32_t)u->imm) : NO_UNIT;
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

unsigned regs_flags_code(unsigned kind, unsigned type)
{
    bool simple = kind == UOP_FLAGS_ADD || kind == UOP_FLAGS_SUB || kind == UOP_FLAGS_LOGIC;
    if (!simple || (type != T_I32 && type != T_I64)) {
        return MADE_BITS;
    }
    return MADE_KINDS + (kind | (type == T_I64 ? FAULT_FLAGS_64 : 0));
}

static unsigned made_by(const UopBlock *ub, const Uop *put)
{
    const Uop *u = put;
    while (u > ub->uops && u->dst != put->a) {
        u--;
    }
    return u->op == UOP_FLAGS && u->dst == put->a ? regs_flags_code(u->sub, u->type) : MADE_BITS;
}

/* How the flags are made at the entry of each block, if all that lead there make them so. */
static void flow_flags(Lift *l)
{
    uint32_t to[MAX_RETURNS];
    l->bs[0].flags_made = MADE_BITS;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < l->r->nblocks; i++) {
            const UopBlock *ub = l->r->blocks[i].ub;
            unsigned now = l->bs[i].flags_made;
            for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
                now = u->op == UOP_PUTFLAGS                                ? made_by(ub, u)
                      : u->op == UOP_HELPER && !lift_helper_is_alone(l, u) ? MADE_BITS
                                                                           : now;
                unsigned n = u->op == UOP_EXIT || u->op == UOP_EXIT_IF ? targets(l, i, u, to) : 0;
                for (unsigned e = 0; e < n && now != MADE_UNKNOWN; e++) {
                    uint8_t *at = &l->bs[to[e]].flags_made, was = *at;
                    *at = (uint8_t)(was == MADE_UNKNOWN ? now : was == now ? was : MADE_BITS);
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
            if ((unit = regs_unit(l, (uint32_t)u->imm)) != NO_UNIT) {
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
            if ((unit = regs_unit(l, (uint32_t)u->imm)) != NO_UNIT) {
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
    UnitSet stored = regs_stored_on_entry(l, -1, 0, &pins);
    l->bs[0].dirty_in = set_without(&pins, &stored);
    if (l->r->precise) {
        flow_flags(l);
    }
    flow_dirty(l);
    flow_live(l);
}

/* ---- ordered loads --------------------------------------------------------------------------- */

/* Does a way lead from block k of the region back to it? */
static bool is_in_cycle(const Lift *l, uint32_t k)
{
    uint32_t succ[64], n = 1;
    uint32_t *met = calloc(l->r->nblocks + 1, sizeof *met);
    uint8_t *seen = calloc(l->r->nblocks, 1);
    bool found = false;
    if (met && seen) {
        met[0] = k;
        for (uint32_t i = 0; i < n && !found; i++) {
            unsigned nsucc = successors(l, met[i], succ, 64);
            for (unsigned e = 0; e < nsucc; e++) {
                found |= succ[e] == k;
                if (!seen[succ[e]]) {
                    seen[succ[e]] = 1;
                    met[n++] = succ[e];
                }
            }
        }
    }
    free(met);
    free(seen);
    return found;
}

bool regs_settle_once(const Lift *l)
{
    bool found = false;
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        bool loads = false;
        for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
            bool seq = uop_is_seq(u);
            if (u->op == UOP_STORE && seq) {
                return false;
            }
            loads |= (u->op == UOP_LOAD || u->op == UOP_LL) && seq;
        }
        found = found || (loads && is_in_cycle(l, i));
    }
    return found;
}

bool regs_cost_more(const Lift *l)
{
    uint64_t insns = 0;
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        insns += (uint64_t)l->r->blocks[i].ub->ninsns * l->bs[i].weight;
    }
    return l->untold * 100 > insns * MOST_UNTOLD;
}
