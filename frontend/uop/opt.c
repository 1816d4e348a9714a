/* opt.c - the backward pass over a finished block.
 *
 * From the last micro-op to the first, it keeps
 *
 *   - how often each value is used by what stays: an operation without effect whose result has no
 * use goes away;
 *   - which eight-byte granules of the register file are overwritten before anything can see them:
 * a PUT of such goes away. What may fault, leave the block or run C that reads registers sees all
 *     of them (the precise-fault rule);
 *   - whether the flags can still be seen; across an exit to a known pc that is asked of the guest
 *     (UopFile.flags_use_at), and only if there is a PUTFLAGS before it for which the answer
 * matters.
 *
 * When it reaches a definition, all uses are known. An addend, a mask or flags with a single use
 * move into the user:
 *
 *     v1:i64 = add v0, #16       v1:i32 = and v0, #4        v1:flags = flags.sub v0, #5
 *     v2:i64 = load.8 [v1]       v2:i32 = icmp.eq v1, #0    v2:i32 = test.lt v1
 *  -> v2:i64 = load.8 [v0+16]    v2:i32 = icmp.ntst v0, #4  v2:i32 = icmp.slt v0, #5
 *
 * That lets the operand of the one live until the other, so no PUT may stand between them: it might
 * be of the operand's register, and the old value would have to be kept in a register of its own.
 *
 * A PUTFLAGS that only one of two final exits needs moves behind the other (sink_putflags).
 */
#include "frontend/frontend.h"
#include "frontend/uop/build.h"

#include <string.h>

enum { MAX_TARGETS = 4 };

typedef struct Pass {
    UopBlock *b; /* slots[] of it whose gen is the block's: granules that are overwritten before
                    they can be seen */
    const UopFile *file;
    uint32_t first;    /* what stays of the micro-ops that were looked at: [first, b->count) */
    uint32_t next_put; /* index of the first PUT that follows (and stays) */
    /* Flags: seen for certain, or seen if one of the targets reads them (none: not seen). */
    UopFlagsUse flags;
    bool accesses; /* memory is accessed before that */
    unsigned ntargets;
    GuestAddr targets[MAX_TARGETS];
} Pass;

/* ---- what is seen ---------------------------------------------------------------------------- */

static void use_flags(Pass *p, UopFlagsUse use)
{
    p->flags = use > p->flags ? use : p->flags;
}

static void see_flags_at(Pass *p, GuestAddr target)
{
    if (!p->file->flags_use_at || p->ntargets == MAX_TARGETS) {
        use_flags(p, UOP_FLAGS_UNKNOWN);
        return;
    }
    p->targets[p->ntargets++] = target;
}

static void overwrite_flags(Pass *p)
{
    p->flags = UOP_FLAGS_DEAD;
    p->accesses = false;
    p->ntargets = 0;
}

/* Asks the guest about the exits that follow. */
static UopFlagsUse flags_use(Pass *p)
{
    for (unsigned i = 0; i < p->ntargets; i++) {
        use_flags(p, p->file->flags_use_at(p->file->ctx, p->targets[i]));
    }
    p->ntargets = 0;
    return p->flags;
}

/* Everything but the flags is seen here. */
static void see_registers(Pass *p)
{
    p->b->gen++;
}

static void see_all(Pass *p)
{
    see_registers(p);
    use_flags(p, UOP_FLAGS_UNKNOWN);
}

static void see_memory_access(Pass *p)
{
    see_registers(p);
    p->accesses = true;
    if (p->file->faults_see_flags) {
        use_flags(p, UOP_FLAGS_UNKNOWN);
    }
}

static void see_bytes(Pass *p, uint32_t offset, unsigned bytes)
{
    if (bytes == 8 && offset % 8 == 0 && offset < 8 * UOP_SLOTS &&
        offset != (p->file->flags_offset & ~7u)) {
        p->b->slots[offset / 8].gen = p->b->gen - 1;
        return;
    }
    for (uint32_t g = offset / 8; g <= (offset + bytes - 1) / 8 && g < UOP_SLOTS; g++) {
        p->b->slots[g].gen = p->b->gen - 1;
    }
    if (offset < p->file->flags_offset + 4 && p->file->flags_offset < offset + bytes) {
        use_flags(p, UOP_FLAGS_READ);
    }
}

static bool is_covered(const Pass *p, uint32_t offset, unsigned bytes)
{
    uint32_t last = (offset + bytes - 1) / 8;
    for (uint32_t g = offset / 8; g <= last; g++) {
        if (g >= UOP_SLOTS || p->b->slots[g].gen != p->b->gen) {
            return false;
        }
    }
    return true;
}

static void cover(Pass *p, uint32_t offset, unsigned bytes)
{
    for (uint32_t g = (offset + 7) / 8; g < (offset + bytes) / 8 && g < UOP_SLOTS; g++) {
        p->b->slots[g].gen = p->b->gen;
    }
}

/* Counts a use by a micro-op that comes before all those that were counted. */
static inline void use(UopBlock *b, Val v, uint32_t user)
{
    if (v != VAL_NONE) {
        uint32_t seen = b->val_use[v];
        b->val_use[v] = (seen ? seen : user << UOP_LAST_SHIFT) + 1;
    }
}

/* The same by any micro-op. */
static void use_at(UopBlock *b, Val v, uint32_t user)
{
    if (v != VAL_NONE) {
        uint32_t seen = b->val_use[v], here = user << UOP_LAST_SHIFT;
        b->val_use[v] = (seen < here ? here | (seen & UOP_USES_MASK) : seen) + 1;
    }
}

static inline uint32_t last_use(const UopBlock *b, Val v)
{
    return b->val_use[v] >> UOP_LAST_SHIFT;
}

/* ---- micro-ops that have an effect ----------------------------------------------------------- */

static inline bool is_used(const Pass *p, const Uop *u)
{
    return u->dst != VAL_NONE && p->b->val_use[u->dst] != 0;
}

static void see_exit(Pass *p, const Uop *u)
{
    see_registers(p);
    bool direct = u->op == UOP_EXIT_IF || u->a == VAL_NONE;
    if (direct && (u->sub == UOP_EXIT_JUMP || u->sub == UOP_EXIT_CALL)) {
        see_flags_at(p, u->imm64);
    } else {
        use_flags(p, UOP_FLAGS_UNKNOWN);
    }
}

/* A helper call stays unless it is pure and unused; what it reads is seen. */
static bool keep_helper(Pass *p, const Uop *u)
{
    uint32_t effects = HELPER_READS_FILE | HELPER_WRITES_FILE | HELPER_MAY_FAULT;
    if (p->file->helpers && (uint32_t)u->imm < p->file->nhelpers) {
        effects = p->file->helpers[u->imm].effects;
    }
    if ((effects & HELPER_PURE) && !is_used(p, u)) {
        return false;
    }
    if (effects &
        (HELPER_READS_FILE | HELPER_WRITES_FILE | HELPER_MAY_FAULT | HELPER_CHANGES_MODE)) {
        see_all(p);
    }
    return true;
}

static bool keep_put(Pass *p, const Uop *u)
{
    uint32_t offset = (uint32_t)u->imm;
    unsigned bytes = uop_type_bytes(u->type);
    if (bytes == 8 && offset % 8 == 0 && offset < 8 * UOP_SLOTS) { /* mostly */
        UopSlot *s = &p->b->slots[offset / 8];
        bool seen = s->gen != p->b->gen;
        s->gen = p->b->gen;
        return seen;
    }
    if (is_covered(p, offset, bytes)) {
        return false;
    }
    cover(p, offset, bytes);
    return true;
}

static void invert(Uop *boolean)
{
    boolean->sub ^= 1; /* of TEST and of ICMP */
}

static void mark_unseen(const Pass *p, Uop *put)
{
    if (p->flags == UOP_FLAGS_UNKNOWN && p->file->flags_use_at) {
        put->flags |= UOPF_UNSEEN;
    }
}

/* The block ends in a conditional and a final jump, and the flags are dead at just one of them:
 * then the jumps are arranged so that the conditional one goes there, and the PUTFLAGS moves behind
 * it. */
static bool sink_putflags(Pass *p, const Uop *put)
{
    UopBlock *b = p->b;
    if (p->ntargets != 2 || p->flags != UOP_FLAGS_DEAD || p->accesses || p->first + 2 > b->count ||
        b->count == b->cap) {
        return false;
    }
    Uop *last = &b->uops[b->count - 1], *branch = last - 1, *boolean = last - 2;
    if (branch->op != UOP_EXIT_IF || branch->sub != UOP_EXIT_JUMP || last->sub != UOP_EXIT_JUMP) {
        return false;
    }
    UopFlagsUse use_if = p->file->flags_use_at(p->file->ctx, branch->imm64);
    UopFlagsUse use_else = p->file->flags_use_at(p->file->ctx, last->imm64);
    use_flags(p, use_if);
    use_flags(p, use_else);
    p->ntargets = 0;
    if (!use_if == !use_else) {
        return false;
    }
    if (!use_else) {
        bool simple = p->first + 3 <= b->count &&
                      (boolean->op == UOP_TEST || boolean->op == UOP_ICMP) &&
                      boolean->dst == branch->a && uop_uses(b, boolean->dst) == 1;
        if (!simple) {
            return false;
        }
        invert(boolean);
        uint64_t target = branch->imm64;
        branch->imm64 = last->imm64;
        last->imm64 = target;
    }
    last[1] = *last;
    *last = *put;
    mark_unseen(p, last);
    use_at(b, put->a, b->count - 1);
    b->count++;
    return true;
}

static bool keep_putflags(Pass *p, Uop *u)
{
    if ((uint32_t)u->imm != p->file->flags_offset) {
        return true;
    }
    bool stays = !sink_putflags(p, u) && flags_use(p) != UOP_FLAGS_DEAD;
    if (stays) {
        mark_unseen(p, u);
    }
    overwrite_flags(p);
    return stays;
}

/* Comparing floats sets the cumulative flags of the FP environment. */
static bool touches_fp(const Uop *u)
{
    return u->sub == UOP_FLAGS_FCMP;
}

/* ---- single uses ----------------------------------------------------------------------------- */

/* ADD x, #imm, used once, by the address or addend of `user`. */
static bool sink_addend(const Uop *add, Uop *user)
{
    int64_t sum = (int64_t)user->imm + add->imm;
    if (add->b != VAL_NONE || user->a != add->dst || sum != (int32_t)sum) {
        return false;
    }
    bool memory = (user->op == UOP_LOAD || user->op == UOP_STORE) && add->type == T_I64;
    bool addend = user->op == UOP_ADD && user->b == VAL_NONE && user->type == add->type;
    if (!memory && !addend) {
        return false;
    }
    user->a = add->a;
    user->imm = (int32_t)sum;
    return true;
}

/* AND used once, by a comparison with zero. */
static bool sink_mask(const Uop *mask, Uop *user)
{
    if (user->op != UOP_ICMP || user->b != VAL_NONE || user->imm != 0 || user->type != mask->type ||
        (user->sub != UOP_EQ && user->sub != UOP_NE)) {
        return false;
    }
    user->sub = user->sub == UOP_NE ? UOP_TST : UOP_NTST;
    user->a = mask->a;
    user->b = mask->b;
    user->imm = mask->imm;
    return true;
}

/* FLAGS used once, by a condition: a comparison of the operands. */
static bool sink_flags(const Uop *flags, Uop *user)
{
    static const uint8_t of_sub[] = {
        [UOP_EQ] = UOP_EQ,  [UOP_NE] = UOP_NE,  [UOP_CS] = UOP_UGE, [UOP_CC] = UOP_ULT,
        [UOP_MI] = 0xff,    [UOP_PL] = 0xff,    [UOP_VS] = 0xff,    [UOP_VC] = 0xff,
        [UOP_HI] = UOP_UGT, [UOP_LS] = UOP_ULE, [UOP_GE] = UOP_SGE, [UOP_LT] = UOP_SLT,
        [UOP_GT] = UOP_SGT, [UOP_LE] = UOP_SLE,
    };
    bool with_zero = flags->sub == UOP_FLAGS_LOGIC ||
                     (flags->sub == UOP_FLAGS_SUB && flags->b == VAL_NONE && flags->imm == 0);
    if (user->op != UOP_TEST || !(flags->sub == UOP_FLAGS_SUB || flags->sub == UOP_FLAGS_LOGIC)) {
        return false;
    }
    if (flags->sub == UOP_FLAGS_LOGIC && (user->sub == UOP_CS || user->sub == UOP_CC ||
                                          user->sub == UOP_HI || user->sub == UOP_LS)) {
        return false; /* C is clear, where a subtraction of 0 sets it */
    }
    uint8_t cond = with_zero && user->sub == UOP_MI   ? UOP_SLT
                   : with_zero && user->sub == UOP_PL ? UOP_SGE
                                                      : of_sub[user->sub];
    if (cond == 0xff) {
        return false;
    }
    user->op = UOP_ICMP;
    user->type = flags->type;
    user->sub = cond;
    user->a = flags->a;
    user->b = flags->b;
    user->imm = with_zero ? 0 : flags->imm;
    return true;
}

/* A zero-extending I32 load used once, by its extension to I64, loads an I64. */
static bool widen_load(Uop *load, Uop *user)
{
    if (user->op != UOP_ZEXT || user->type != T_I64 || load->type != T_I32 ||
        uop_mem_signed(load->sub) || user->sub < uop_mem_log2(load->sub)) {
        return false;
    }
    load->type = T_I64;
    load->dst = user->dst; /* and the I32 has no definition any more */
    return true;
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* What uop_optimize does with a row, and how many of the fields a, b, c may be operands: those that
 * aren't hold VAL_NONE, and counting uses of that does no harm. */
enum {
    R_PURE,
    R_SINK,
    R_GET,
    R_GETFLAGS,
    R_STATUS,
    R_KEEP,
    R_LOAD,
    R_MEMORY,
    R_PUT,
    R_PUTFLAGS,
    R_STICKY,
    R_EXIT,
    R_HELPER
};
typedef struct Row {
    uint8_t kind, fields;
} Row;

#define IS_WIDE(imm)      ((imm) == UI_K || (imm) == UI_G)
#define IS_VALUE(field)   ((field) != UF_N && (field) != UF_A)
#define FIELDS(b, c, imm) (IS_WIDE(imm) ? 1 : IS_VALUE(c) ? 3 : IS_VALUE(b) ? 2 : 1)
#define KIND(op, effects)                                                                          \
    ((op) == UOP_ADD || (op) == UOP_AND         ? R_SINK                                           \
     : (op) == UOP_LOAD                         ? R_LOAD                                           \
     : (op) == UOP_GET                          ? R_GET                                            \
     : (op) == UOP_GETFLAGS                     ? R_GETFLAGS                                       \
     : (op) == UOP_FLAGS || (op) == UOP_FLAGSIF ? R_STATUS                                         \
     : (op) == UOP_PUT                          ? R_PUT                                            \
     : (op) == UOP_PUTFLAGS                     ? R_PUTFLAGS                                       \
     : (op) == UOP_STICKY                       ? R_STICKY                                         \
     : (op) == UOP_HELPER                       ? R_HELPER                                         \
     : (effects) == UOPE_PURE                   ? R_PURE                                           \
     : (effects)&UOPE_EXIT                      ? R_EXIT                                           \
     : (effects) & (UOPE_LOAD | UOPE_STORE)     ? R_MEMORY                                         \
                                                : R_KEEP)

static const Row rows[UOP_COUNT] = {
#define UOP(name, text, dst, a, b, c, imm, effects)                                                \
    [UOP_##name] = {KIND(UOP_##name, UOPE_##effects), FIELDS(UF_##b, UF_##c, UI_##imm)},
#include "frontend/uop/uop.def"
#undef UOP
};

/* The use of v by the micro-op at `from` is now one at `to`. */
static void move_use(UopBlock *b, Val v, uint32_t from, uint32_t to)
{
    if (v != VAL_NONE && last_use(b, v) == from) {
        b->val_use[v] = to << UOP_LAST_SHIFT | (b->val_use[v] & UOP_USES_MASK);
    }
}

/* The micro-op at an index that was kept goes; mostly it's the one kept last. Those before it move
 * up. */
static void remove_at(Pass *p, uint32_t at)
{
    UopBlock *b = p->b;
    for (uint32_t i = at; i-- > p->first;) {
        const Uop *u = &b->uops[i];
        unsigned fields = rows[u->op].fields;
        move_use(b, u->a, i, i + 1);
        if (fields >= 2) {
            move_use(b, u->b, i, i + 1);
        }
        if (fields == 3) {
            move_use(b, u->c, i, i + 1);
        }
        b->uops[i + 1] = *u;
    }
    p->next_put += p->next_put < at;
    p->first++;
}

/* Moves u into its only user, or the user into u, where that saves an operation. True: u is gone.
 */
static bool sink(Pass *p, Uop *u)
{
    UopBlock *b = p->b;
    uint32_t at = last_use(b, u->dst);
    Uop *user = &b->uops[at];
    bool gone = false;
    if (uop_uses(b, u->dst) != 1 || p->next_put < at || !uop_is_int(u->type)) {
        return false;
    }
    if (u->op == UOP_FLAGS) {
        gone = sink_flags(u, user);
    } else if (u->op == UOP_ADD) {
        gone = sink_addend(u, user);
    } else if (u->op == UOP_AND) {
        gone = sink_mask(u, user);
    } else if (widen_load(u, user)) {
        remove_at(p, at);
    }
    if (gone) {
        use_at(b, u->a, at);
        use_at(b, u->b, at);
    }
    return gone;
}

/* Whether u stays, and what it does to what is seen before it. */
static inline bool keep(Pass *p, Uop *u, uint8_t kind)
{
    switch (kind) {
    case R_PURE: return p->b->val_use[u->dst] != 0;
    case R_SINK: return p->b->val_use[u->dst] != 0 && !sink(p, u);
    case R_GET:
        if (!p->b->val_use[u->dst]) {
            return false;
        }
        see_bytes(p, (uint32_t)u->imm, uop_type_bytes(u->type));
        return true;
    case R_GETFLAGS:
        if (!p->b->val_use[u->dst]) {
            return false;
        }
        see_bytes(p, (uint32_t)u->imm, 4);
        return true;
    case R_STATUS:
        return touches_fp(u) || (p->b->val_use[u->dst] != 0 && !(u->op == UOP_FLAGS && sink(p, u)));
    case R_LOAD:
        see_memory_access(p);
        sink(p, u);
        return true;
    case R_MEMORY: see_memory_access(p); return true;
    case R_PUT: return keep_put(p, u);
    case R_PUTFLAGS: return keep_putflags(p, u);
    case R_STICKY: see_bytes(p, (uint32_t)u->imm, 16); return true;
    case R_EXIT: see_exit(p, u); return true;
    case R_HELPER: return keep_helper(p, u);
    default: return true;
    }
}

void uop_optimize(UopBlock *b, const UopFile *file)
{
    Pass p = {.b = b, .file = file, .next_put = UINT32_MAX, .first = b->count};
    b->gen++;
    memset(b->val_use, 0, b->nvals * sizeof *b->val_use);
    for (uint32_t i = b->count; i-- > 0;) {
        Uop *u = &b->uops[i];
        if (u->op == UOP_INSN) {
            b->uops[--p.first] = *u;
            continue;
        }
        Row row = rows[u->op];
        if (!keep(&p, u, row.kind)) {
            continue;
        }
        uint32_t at = --p.first;
        b->uops[at] = *u;
        u = &b->uops[at];
        if (row.kind >= R_PUT && row.kind <= R_STICKY) {
            p.next_put = at;
        }
        use(b, u->a, at);
        if (row.fields >= 2) {
            use(b, u->b, at);
        }
        if (row.fields == 3) {
            use(b, u->c, at);
        }
    }
    b->count -= p.first;
    b->use_base = p.first;
    if (p.first) {
        memmove(b->uops, b->uops + p.first, b->count * sizeof *b->uops);
    }
}
