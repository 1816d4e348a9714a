/* opt.c - the backward pass over a finished block.
 *
 * From the last micro-op to the first, it keeps
 *   - how often each value is used by what stays: an operation without effect whose result has no use goes away;
 *   - which eight-byte granules of the register file are overwritten before anything can see them: a PUT of such goes away.
 *     What may fault, leave the block or run C that reads registers sees all of them (the precise-fault rule);
 *   - whether the flags can still be seen; across an exit to a known pc that is asked of the guest (UopFile.flags_dead_at), and
 *     only if there is a PUTFLAGS before it for which the answer matters.
 * When it reaches a definition, all uses are known: an addend or mask with a single use moves into its user.
 *
 *     v1:i64 = add v0, #16                         v1:i32 = and v0, #4
 *     v2:i64 = load.8 [v1]     -> load.8 [v0+16]   v2:i32 = icmp.eq v1, #0   -> icmp.ntst v0, #4
 *
 * That lets the operand of the one live until the other, so no PUT may stand between them: it might be of the operand's
 * register, and the old value would have to be kept in a register of its own.
 */
#include "frontend/frontend.h"
#include "frontend/uop/build.h"

#include <string.h>

enum { MAX_TARGETS = 4, DEAD = 0xff };

typedef struct Pass {
    UopBlock *b; /* slots[] of it whose gen is the block's: granules that are overwritten before they can be seen */
    const UopFile *file;
    uint32_t next_put; /* index of the first PUT that follows (and stays) */
    /* Flags: seen for certain, or seen if one of the targets reads them (none: not seen). */
    bool flags_live;
    unsigned ntargets;
    GuestAddr targets[MAX_TARGETS];
} Pass;

/* ---- what is seen ----------------------------------------------------------------------------------- */

static void see_flags(Pass *p)
{
    p->flags_live = true;
    p->ntargets = 0;
}

static void see_flags_at(Pass *p, GuestAddr target)
{
    if (p->flags_live) {
        return;
    }
    if (!p->file->flags_dead_at || p->ntargets == MAX_TARGETS) {
        see_flags(p);
        return;
    }
    p->targets[p->ntargets++] = target;
}

static void overwrite_flags(Pass *p)
{
    p->flags_live = false;
    p->ntargets = 0;
}

static bool flags_dead(Pass *p)
{
    for (unsigned i = 0; i < p->ntargets; i++) {
        if (!p->file->flags_dead_at(p->file->ctx, p->targets[i])) {
            see_flags(p);
        }
    }
    p->ntargets = 0;
    return !p->flags_live;
}

/* Everything but the flags is seen here. */
static void see_registers(Pass *p)
{
    p->b->gen++;
}

static void see_all(Pass *p)
{
    see_registers(p);
    see_flags(p);
}

static void see_bytes(Pass *p, uint32_t offset, unsigned bytes)
{
    for (uint32_t g = offset / 8; g <= (offset + bytes - 1) / 8 && g < UOP_SLOTS; g++) {
        p->b->slots[g].gen = p->b->gen - 1;
    }
    if (offset < p->file->flags_offset + 4 && p->file->flags_offset < offset + bytes) {
        see_flags(p);
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

/* ---- micro-ops that have an effect -------------------------------------------------------------------- */

static void see_exit(Pass *p, const Uop *u)
{
    see_registers(p);
    bool direct = u->op == UOP_EXIT_IF || u->a == VAL_NONE;
    if (direct && (u->sub == UOP_EXIT_JUMP || u->sub == UOP_EXIT_CALL)) {
        see_flags_at(p, u->imm64);
    } else {
        see_flags(p);
    }
}

/* A helper call stays unless it is pure and unused; what it reads is seen. */
static bool keep_helper(Pass *p, const Uop *u)
{
    uint32_t effects = HELPER_READS_FILE | HELPER_WRITES_FILE | HELPER_MAY_FAULT;
    if (p->file->helpers && (uint32_t)u->imm < p->file->nhelpers) {
        effects = p->file->helpers[u->imm].effects;
    }
    if ((effects & HELPER_PURE) && (u->dst == VAL_NONE || p->b->val_uses[u->dst] == 0)) {
        return false;
    }
    if (effects & (HELPER_READS_FILE | HELPER_WRITES_FILE | HELPER_MAY_FAULT | HELPER_CHANGES_MODE)) {
        see_all(p);
    }
    return true;
}

static bool keep_put(Pass *p, const Uop *u)
{
    if (u->op == UOP_PUTFLAGS) {
        if ((uint32_t)u->imm != p->file->flags_offset) {
            return true;
        }
        bool dead = flags_dead(p);
        overwrite_flags(p);
        return !dead;
    }
    if (u->op == UOP_PUT) {
        uint32_t offset = (uint32_t)u->imm;
        unsigned bytes = uop_type_bytes(u->type);
        if (is_covered(p, offset, bytes)) {
            return false;
        }
        cover(p, offset, bytes);
        return true;
    }
    if (u->op == UOP_STICKY) {
        see_bytes(p, (uint32_t)u->imm, 16);
    }
    return true;
}

/* Can the operation be dropped when nobody uses its result? */
static bool is_silent(const Uop *u, uint8_t effects)
{
    if (effects == UOPE_PURE || effects == UOPE_GET) {
        return true;
    }
    bool sets_flags = u->op == UOP_FLAGS || u->op == UOP_FLAGSIF;
    return sets_flags && u->sub != UOP_FLAGS_FCMP && u->sub != UOP_FLAGS_FJCVT;
}

/* Whether u stays, and what it does to what is seen before it. */
static bool keep(Pass *p, const Uop *u)
{
    uint8_t effects = uop_info[u->op].effects;
    bool used = u->dst != VAL_NONE && p->b->val_uses[u->dst];
    if (is_silent(u, effects)) {
        if (!used) {
            return false;
        }
        if (u->op == UOP_GET) {
            see_bytes(p, (uint32_t)u->imm, uop_type_bytes(u->type));
        } else if (u->op == UOP_GETFLAGS) {
            see_bytes(p, (uint32_t)u->imm, 4);
        }
        return true;
    }
    if (effects & UOPE_EXIT) {
        see_exit(p, u);
    } else if (effects & (UOPE_LOAD | UOPE_STORE)) {
        see_all(p);
    } else if (u->op == UOP_HELPER) {
        return keep_helper(p, u);
    } else if (effects & UOPE_PUT) {
        return keep_put(p, u);
    }
    return true;
}

/* ---- single uses ----------------------------------------------------------------------------------------- */

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
    if (user->op != UOP_ICMP || user->b != VAL_NONE || user->imm != 0 || user->type != mask->type
        || (user->sub != UOP_EQ && user->sub != UOP_NE)) {
        return false;
    }
    user->sub = user->sub == UOP_NE ? UOP_TST : UOP_NTST;
    user->a = mask->a;
    user->b = mask->b;
    user->imm = mask->imm;
    return true;
}

/* A zero-extending I32 load used once, by its extension to I64, loads an I64. */
static bool widen_load(Uop *load, Uop *user)
{
    if (user->op != UOP_ZEXT || user->type != T_I64 || load->type != T_I32 || uop_mem_signed(load->sub)
        || user->sub < uop_mem_log2(load->sub)) {
        return false;
    }
    load->type = T_I64;
    load->dst = user->dst; /* and the I32 has no definition any more */
    return true;
}

static void use(UopBlock *b, Val v, uint32_t user)
{
    b->val_uses[v]++;
    b->val_def[v] = user; /* the definition is of no interest any more */
}

/* Moves u into its only user, or the user into u, where that saves an operation. True: u is gone. */
static bool sink(UopBlock *b, Uop *u, uint32_t next_put)
{
    uint32_t at = b->val_def[u->dst];
    Uop *user = &b->uops[at];
    bool gone = false;
    if (next_put < at) {
        return false;
    }
    if (u->op == UOP_ADD) {
        gone = sink_addend(u, user);
    } else if (u->op == UOP_AND) {
        gone = sink_mask(u, user);
    } else if (widen_load(u, user)) {
        user->op = DEAD;
    }
    if (gone) {
        use(b, u->a, at);
        if (u->b != VAL_NONE) {
            use(b, u->b, at);
        }
    }
    return gone;
}

static bool may_sink(const Uop *u)
{
    return (u->op == UOP_ADD || u->op == UOP_AND || u->op == UOP_LOAD) && uop_is_int(u->type);
}

void uop_optimize(UopBlock *b, const UopFile *file)
{
    Pass p = {.b = b, .file = file, .next_put = UINT32_MAX};
    b->gen++;
    memset(b->val_uses, 0, b->nvals * sizeof *b->val_uses);
    for (uint32_t i = b->count; i-- > 0;) {
        Uop *u = &b->uops[i];
        if (!keep(&p, u)) {
            u->op = DEAD;
            continue;
        }
        if (may_sink(u) && b->val_uses[u->dst] == 1 && sink(b, u, p.next_put)) {
            u->op = DEAD;
            continue;
        }
        if (uop_info[u->op].effects & UOPE_PUT) {
            p.next_put = i;
        }
        Val vals[3];
        for (unsigned n = uop_operands(u, vals); n-- > 0;) {
            use(b, vals[n], i);
        }
    }
    Uop *uops = b->uops;
    uint32_t kept = 0, count = b->count;
    for (uint32_t i = 0; i < count; i++) {
        bool keeps = uops[i].op != DEAD;
        uops[kept] = uops[i];
        kept += keeps;
    }
    b->count = kept;
}
