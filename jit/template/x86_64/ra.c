/* ra.c - where values are: the local register allocator of the template emitter.
 *
 * A host register lists the values that are in it (ValState.next): the same bits may be several
 * values (an I32 and its ZEXT, a GET and what was PUT). A scratch register is free when its list is
 * empty. A pinned register's list are the aliases of the guest register: they move to scratch when
 * a PUT overwrites it.
 *
 * When registers run out, the value whose last use is farthest goes: constants are made again,
 * values that also stand in struct Cpu (ValState.home) are read from there, others are stored to a
 * spill slot.
 */
#include "jit/template/x86_64/ra.h"

#include <assert.h>
#include <stdlib.h>

/* ---- lists ----------------------------------------------------------------------------------- */

static uint16_t *list_of(Emit *e, const ValState *s)
{
    return s->kind == VK_GPR ? &e->head_g[s->reg] : &e->head_x[s->reg];
}

static void unlist(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);
    uint16_t *at = list_of(e, s);

    while (*at != v)
        at = &e->vals[*at].next;
    *at = s->next;
    if (s->kind == VK_GPR) {
        if (e->head_g[s->reg] == VAL_NONE)
            e->free_g |= (1u << s->reg) & e->scratch_g;
    } else if (e->head_x[s->reg] == VAL_NONE) {
        e->free_x |= (1u << s->reg) & e->scratch_x;
    }
}

static void enlist(Emit *e, Val v, ValKind kind, unsigned reg)
{
    ValState *s = emit_val(e, v);

    s->kind = (uint8_t)kind;
    s->reg = (uint8_t)reg;
    uint16_t *head = list_of(e, s);
    s->next = *head;
    *head = v;
    if (kind == VK_GPR)
        e->free_g &= ~(1u << reg);
    else
        e->free_x &= ~(1u << reg);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static unsigned val_bytes(const ValState *s)
{
    return s->type == T_FLAGS ? 4 : uop_type_bytes(s->type);
}

uint32_t ra_slot(Emit *e, unsigned bytes, uint32_t until)
{
    unsigned n = bytes > 8 ? 2 : 1;

    for (unsigned k = 0; k + n <= EMIT_SLOTS; k += n) {
        if (e->slot_until[k] < e->i && (n == 1 || e->slot_until[k + 1] < e->i)) {
            e->slot_until[k] = until;
            e->slot_until[k + n - 1] = until;
            e->nslots = k + n > e->nslots ? k + n : e->nslots;
            return (uint32_t)offsetof(Cpu, spill) + 8 * k;
        }
    }
    e->failed = true; /* a block with that many live values is translated again in smaller pieces */
    return (uint32_t)offsetof(Cpu, spill);
}

static void store_reg(Emit *e, ValKind kind, unsigned reg, unsigned bytes, uint32_t off)
{
    if (kind == VK_GPR)
        asm_mov_mr(&e->a, 3, asm_cpu(off), reg);
    else
        asm_vstore(&e->a, bytes > 8 ? 16 : 8, asm_cpu(off), reg);
}

static void load_reg(Emit *e, const ValState *s, ValKind kind, unsigned reg, uint32_t off)
{
    if (kind == VK_GPR) {
        asm_mov_rm(&e->a, s->type == T_I64 ? 3 : 2, reg, asm_cpu(off));
    } else {
        unsigned bytes = val_bytes(s);
        if (bytes == 2)
            asm_v2m(&e->a, V_MOVSS, reg, asm_cpu(off));
        else
            asm_vload(&e->a, bytes, reg, asm_cpu(off));
    }
}

/* Moves everything in the register to memory (or back to constants). */
static void spill(Emit *e, ValKind kind, unsigned reg)
{
    uint16_t head = kind == VK_GPR ? e->head_g[reg] : e->head_x[reg];
    uint32_t slot = 0, until = 0;
    unsigned bytes = 0;

    for (Val v = head; v != VAL_NONE; v = e->vals[v].next) {
        ValState *s = emit_val(e, v);
        if (!(s->flags & VF_CONST) && !s->home) {
            until = s->last > until ? s->last : until;
            bytes = val_bytes(s) > bytes ? val_bytes(s) : bytes;
        }
    }
    if (bytes) {
        slot = ra_slot(e, bytes, until);
        store_reg(e, kind, reg, bytes, slot);
    }
    for (Val v = head, next; v != VAL_NONE; v = next) {
        ValState *s = emit_val(e, v);
        next = s->next;
        if (s->flags & VF_CONST) {
            s->kind = VK_CONST;
        } else {
            s->kind = s->type == T_FLAGS ? VK_MEMCOND
                                         : VK_MEM; /* of flags a register holds one condition */
            s->off = s->home ? s->home : slot;
        }
        s->flags &= (uint8_t)~VF_UPPER_ZERO;
    }
    if (kind == VK_GPR) {
        e->head_g[reg] = VAL_NONE;
        e->free_g |= (1u << reg) & e->scratch_g;
    } else {
        e->head_x[reg] = VAL_NONE;
        e->free_x |= (1u << reg) & e->scratch_x;
    }
}

static uint32_t list_last(const Emit *e, uint16_t head)
{
    uint32_t last = 0;

    for (Val v = head; v != VAL_NONE; v = e->vals[v].next)
        last = e->vals[v].last > last ? e->vals[v].last : last;
    return last;
}

static unsigned choose_victim(const Emit *e, uint32_t candidates, const uint16_t *heads)
{
    unsigned best = 0;
    uint32_t best_last = 0;
    bool found = false;

    for (uint32_t m = candidates; m; m &= m - 1) {
        unsigned r = (unsigned)__builtin_ctz(m);
        uint32_t last = list_last(e, heads[r]);
        if (!found || last > best_last) {
            best = r;
            best_last = last;
            found = true;
        }
    }
    assert(found);
    return best;
}

static unsigned alloc_g(Emit *e)
{
    uint32_t m = e->free_g & ~e->lock_g;
    unsigned r;

    if (m) {
        r = (unsigned)__builtin_ctz(m);
    } else {
        m = e->scratch_g & ~e->lock_g;
        if (!m) {
            e->failed = true;
            return HR_RAX;
        }
        r = choose_victim(e, m, e->head_g);
        spill(e, VK_GPR, r);
    }
    e->free_g &= ~(1u << r);
    e->lock_g |= 1u << r;
    return r;
}

static unsigned alloc_x(Emit *e)
{
    uint32_t m = e->free_x & ~e->lock_x;
    unsigned r;

    if (m) {
        r = (unsigned)__builtin_ctz(m);
    } else {
        m = e->scratch_x & ~e->lock_x;
        if (!m) {
            e->failed = true;
            return 8;
        }
        r = choose_victim(e, m, e->head_x);
        spill(e, VK_XMM, r);
    }
    e->free_x &= ~(1u << r);
    e->lock_x |= 1u << r;
    return r;
}

/* ---- operands -------------------------------------------------------------------------------- */

/* A boolean that is only a condition so far becomes 0 or 1 in a register. */
static void compute_bool(Emit *e, Val v)
{
    Cond c = emit_bool(e, v);
    unsigned r = alloc_g(e);

    if (c.kind == COND_NEVER || c.kind == COND_ALWAYS) {
        asm_mov_ri(&e->a, r, c.kind == COND_ALWAYS);
    } else {
        asm_setcc(&e->a, c.cc, r);
        if (c.kind != COND_CC) {
            unsigned t = alloc_g(e);
            asm_setcc(&e->a, c.kind == COND_AND_NP ? CC_NP : CC_P, t);
            emit_clobber_flags(e);
            asm_alu_rr(&e->a, c.kind == COND_AND_NP ? ALU_AND : ALU_OR, 2, r, t);
            e->free_g |= 1u << t;
            e->lock_g &= ~(1u << t);
        }
        asm_movzx_rr(&e->a, 0, r, r);
    }
    if (e->fl.val == v)
        e->fl.val = VAL_NONE;
    enlist(e, v, VK_GPR, r);
    e->vals[v].flags |= VF_UPPER_ZERO;
}

/* Before the first jump out of line of an operation: registers for the temporaries that it will
 * want afterwards, since what is saved to memory behind the jump isn't saved on the way through the
 * slow path. Changes no EFLAGS. */
void ra_before_slow(Emit *e)
{
    enum { WANTED = 3 };

    while (__builtin_popcount(e->free_x & ~e->lock_x) < WANTED) {
        uint32_t m = e->scratch_x & ~e->lock_x & ~e->free_x;
        if (!m)
            break;
        spill(e, VK_XMM, choose_victim(e, m, e->head_x));
    }
}

unsigned ra_bring_g(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);

    switch (s->kind) {
    case VK_CONST: {
        unsigned r = alloc_g(e);
        asm_mov_ri(&e->a, r, s->type == T_I32 ? (uint32_t)s->imm : s->imm);
        enlist(e, v, VK_GPR, r);
        s->flags |= s->type == T_I32 ? VF_UPPER_ZERO : 0;
        return r;
    }
    case VK_MEM: {
        unsigned r = alloc_g(e);
        load_reg(e, s, VK_GPR, r, s->off);
        if (!s->home)
            s->home = s->off;
        enlist(e, v, VK_GPR, r);
        s->flags |= s->type == T_I32 ? VF_UPPER_ZERO : 0;
        return r;
    }
    case VK_COND:
    case VK_FLAGS:
    case VK_MEMCOND:
        compute_bool(e, v);
        e->lock_g |= 1u << s->reg;
        return s->reg;
    default: e->failed = true; return HR_RAX;
    }
}

unsigned ra_bring_x(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);

    switch (s->kind) {
    case VK_CONST: {
        unsigned r = alloc_x(e);
        if (s->imm == 0)
            asm_v3(&e->a, V_XORPS & ~ASM_COMM, r, r, r);
        else
            asm_v2m(
                &e->a, V_MOVAPS, r,
                emit_const128(e, s->imm,
                              uop_is_vec(s->type) && uop_type_bytes(s->type) == 16 ? s->imm : 0));
        enlist(e, v, VK_XMM, r);
        if (uop_type_bytes(s->type) < 16)
            s->flags |= VF_UPPER_ZERO;
        return r;
    }
    case VK_MEM: {
        unsigned r = alloc_x(e), bytes = val_bytes(s);
        load_reg(e, s, VK_XMM, r, s->off);
        if (!s->home)
            s->home = s->off;
        enlist(e, v, VK_XMM, r);
        if (bytes == 4 || bytes == 8)
            s->flags |= VF_UPPER_ZERO;
        return r;
    }
    default: e->failed = true; return 8;
    }
}

bool ra_mem(Emit *e, Val v, AsmMem *m)
{
    const ValState *s = emit_val(e, v);

    if (s->kind != VK_MEM)
        return false;
    /* Read again and again it would cost more than a free register. */
    if (s->last > e->i && (uop_is_int(s->type) ? e->free_g & ~e->lock_g : e->free_x & ~e->lock_x))
        return false;
    *m = asm_cpu(s->off);
    return true;
}

/* ---- results --------------------------------------------------------------------------------- */

/* Do all aliases die here? Then they leave the pinned register. */
static bool all_die(Emit *e, uint16_t head)
{
    return list_last(e, head) <= e->i;
}

static void drop_all(Emit *e, uint16_t *head)
{
    for (Val v = *head; v != VAL_NONE; v = e->vals[v].next)
        e->vals[v].kind = VK_NONE;
    *head = VAL_NONE;
}

/* Room is made in list only where operands that die were named by their register already. */
unsigned ra_def_g(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);
    unsigned r;

    if (s->hint && e->head_g[s->hint - 1] == VAL_NONE && !(e->lock_g >> (s->hint - 1) & 1)) {
        r = s->hint - 1u;
        e->lock_g |= 1u << r;
    } else {
        r = alloc_g(e);
    }
    enlist(e, v, VK_GPR, r);
    return r;
}

unsigned ra_def_g_over(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);
    unsigned r;

    if (s->hint && all_die(e, e->head_g[s->hint - 1])) {
        r = s->hint - 1u;
        drop_all(e, &e->head_g[r]);
        enlist(e, v, VK_GPR, r);
        e->lock_g |= 1u << r;
        return r;
    }
    Val vals[3];
    unsigned n = uop_operands(e->u, vals);
    for (unsigned k = 0; k < n; k++) {
        const ValState *o = emit_val(e, vals[k]);
        if (o->kind == VK_GPR && (e->scratch_g >> o->reg & 1) && !(e->tmp_g >> o->reg & 1) &&
            all_die(e, e->head_g[o->reg])) {
            r = o->reg;
            drop_all(e, &e->head_g[r]);
            enlist(e, v, VK_GPR, r);
            return r;
        }
    }
    return ra_def_g(e, v);
}

unsigned ra_def_x(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);
    unsigned r;

    if (s->hint && e->head_x[s->hint - 1] == VAL_NONE && !(e->lock_x >> (s->hint - 1) & 1)) {
        r = s->hint - 1u;
        e->lock_x |= 1u << r;
    } else {
        r = alloc_x(e);
    }
    enlist(e, v, VK_XMM, r);
    return r;
}

unsigned ra_def_x_over(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);
    unsigned r;

    if (s->hint && all_die(e, e->head_x[s->hint - 1])) {
        r = s->hint - 1u;
        drop_all(e, &e->head_x[r]);
        enlist(e, v, VK_XMM, r);
        e->lock_x |= 1u << r;
        return r;
    }
    Val vals[3];
    unsigned n = uop_operands(e->u, vals);
    for (unsigned k = 0; k < n; k++) {
        const ValState *o = emit_val(e, vals[k]);
        if (o->kind == VK_XMM && (e->scratch_x >> o->reg & 1) && all_die(e, e->head_x[o->reg])) {
            r = o->reg;
            drop_all(e, &e->head_x[r]);
            enlist(e, v, VK_XMM, r);
            return r;
        }
    }
    return ra_def_x(e, v);
}

void ra_def_at(Emit *e, Val v, ValKind kind, unsigned reg)
{
    enlist(e, v, kind, reg);
}

unsigned ra_tmp_g(Emit *e)
{
    unsigned r = alloc_g(e);

    e->tmp_g |= 1u << r;
    return r;
}

unsigned ra_tmp_x(Emit *e)
{
    unsigned r = alloc_x(e);

    e->tmp_x |= 1u << r;
    return r;
}

void ra_tmp_g_fixed(Emit *e, unsigned r)
{
    if (e->lock_g >> r & 1) {
        e->failed = true;
        return;
    }
    if (e->head_g[r] != VAL_NONE)
        ra_move_out(e, VK_GPR, r);
    e->free_g &= ~(1u << r);
    e->lock_g |= 1u << r;
    e->tmp_g |= 1u << r;
}

static void hold_slot(Emit *e, uint32_t off, unsigned bytes, uint32_t until)
{
    uint32_t at = off - (uint32_t)offsetof(Cpu, spill);

    if (at >= sizeof((Cpu *)0)->spill)
        return;
    for (uint32_t k = at / 8; k < (at + bytes + 7) / 8; k++)
        e->slot_until[k] = until > e->slot_until[k] ? until : e->slot_until[k];
}

void ra_alias(Emit *e, Val dst, Val a)
{
    const ValState *s = emit_val(e, a);
    ValState *d = emit_val(e, dst);

    if ((s->flags & VF_CONST) && uop_is_int(d->type)) {
        d->kind = VK_CONST;
        d->flags |= VF_CONST;
        d->imm = d->type == T_I32 ? (uint32_t)s->imm : s->imm;
        return;
    }
    if (s->kind == VK_GPR || s->kind == VK_XMM) {
        enlist(e, dst, s->kind, s->reg);
        if (uop_type_bytes(d->type) == uop_type_bytes(s->type))
            d->flags |= s->flags & VF_UPPER_ZERO;
    } else if (s->kind == VK_MEM && (!s->home || s->home == s->off) &&
               uop_type_bytes(d->type) <= uop_type_bytes(s->type)) {
        d->kind = VK_MEM;
        d->off = s->off;
        d->home = s->home;
        if (s->off - offsetof(Cpu, spill) < sizeof((Cpu *)0)->spill) {
            hold_slot(e, s->off, uop_type_bytes(s->type), d->last);
        } else if (s->off) {
            ra_note_home(e, dst, s->off);
        }
    } else {
        unsigned r = uop_is_int(s->type) ? ra_use_g(e, a) : ra_use_x(e, a);
        enlist(e, dst, uop_is_int(s->type) ? VK_GPR : VK_XMM, r);
    }
}

void ra_extend(Emit *e, Val v, uint32_t until)
{
    ValState *s = emit_val(e, v);

    if (s->last >= until)
        return;
    s->last = until;
    if (s->kind == VK_MEM)
        hold_slot(e, s->off, val_bytes(s), until);
    hold_slot(e, s->home, val_bytes(s), until);
}

/* ---- the register file ----------------------------------------------------------------------- */

void ra_note_home(Emit *e, Val v, uint32_t off)
{
    ValState *s = emit_val(e, v);

    if (s->last <= e->i)
        return;
    if (e->nhomes == EMIT_MAX_HOMES) { /* make room: forget the dead, or bring the oldest in */
        uint32_t n = 0;
        for (uint32_t k = 0; k < e->nhomes; k++) {
            const ValState *o = emit_val(e, e->homes[k]);
            if (o->last > e->i)
                e->homes[n++] = e->homes[k];
        }
        e->nhomes = n;
    }
    if (e->nhomes == EMIT_MAX_HOMES) {
        if (s->kind == VK_MEM && uop_is_int(s->type))
            ra_use_g(e, v);
        else if (s->kind == VK_MEM)
            ra_use_x(e, v);
        s->home = 0;
        return;
    }
    s->home = off;
    e->homes[e->nhomes++] = v;
}

void ra_overwrite(Emit *e, uint32_t off, unsigned bytes)
{
    uint32_t n = 0;

    for (uint32_t k = 0; k < e->nhomes; k++) {
        Val v = e->homes[k];
        ValState *s = emit_val(e, v);
        if (s->last < e->i || !s->home)
            continue;
        if (s->home < off + bytes && off < s->home + val_bytes(s)) {
            if (s->kind == VK_MEM && s->off == s->home && s->last > e->i) {
                if (s->type == T_FLAGS) {
                    uint32_t slot = ra_slot(e, 4, s->last);
                    unsigned r = alloc_g(e);
                    asm_mov_rm(&e->a, 2, r, asm_cpu(s->off));
                    asm_mov_mr(&e->a, 2, asm_cpu(slot), r);
                    e->free_g |= 1u << r;
                    e->lock_g &= ~(1u << r);
                    s->off = slot;
                } else if (uop_is_int(s->type)) {
                    e->lock_g &= ~(1u << ra_use_g(e, v)) | ~e->scratch_g;
                } else {
                    e->lock_x &= ~(1u << ra_use_x(e, v)) | ~e->scratch_x;
                }
            }
            s->home = 0;
            continue;
        }
        e->homes[n++] = v;
    }
    e->nhomes = n;
}

/* Values in `reg` that are used later move to another scratch register (or memory); the register is
 * free then. */
void ra_move_out(Emit *e, ValKind kind, unsigned reg)
{
    uint16_t *head = kind == VK_GPR ? &e->head_g[reg] : &e->head_x[reg];
    uint32_t kept = 0;

    for (Val v = *head, next; v != VAL_NONE; v = next) {
        ValState *s = emit_val(e, v);
        next = s->next;
        if (s->last < e->i || (s->last == e->i && e->u->op == UOP_PUT))
            ra_kill(e, v);
        else if (!(s->flags & VF_CONST) && !s->home)
            kept++;
    }
    if (*head == VAL_NONE)
        return;
    uint32_t mask = kind == VK_GPR ? e->free_g & ~e->lock_g & ~(1u << reg)
                                   : e->free_x & ~e->lock_x & ~(1u << reg);
    if (!mask && !kept) {
        spill(e, kind, reg);
        return;
    }
    /* The values' own register must not be the victim. */
    uint32_t locked_g = e->lock_g, locked_x = e->lock_x;
    unsigned to;
    if (kind == VK_GPR) {
        e->lock_g |= 1u << reg;
        to = alloc_g(e);
        asm_mov_rr(&e->a, 3, to, reg);
        e->head_g[to] = *head;
        e->free_g |= (1u << reg) & e->scratch_g;
    } else {
        e->lock_x |= 1u << reg;
        to = alloc_x(e);
        asm_vmov(&e->a, to, reg);
        e->head_x[to] = *head;
        e->free_x |= (1u << reg) & e->scratch_x;
    }
    *head = VAL_NONE;
    for (Val v = kind == VK_GPR ? e->head_g[to] : e->head_x[to]; v != VAL_NONE; v = e->vals[v].next)
        e->vals[v].reg = (uint8_t)to;
    e->lock_g = locked_g;
    e->lock_x = locked_x;
}

void ra_rename(Emit *e, Val v, ValKind kind, unsigned reg)
{
    uint16_t *from = list_of(e, emit_val(e, v));
    uint16_t *to = kind == VK_GPR ? &e->head_g[reg] : &e->head_x[reg];
    unsigned old = e->vals[v].reg;
    uint16_t head = *from;

    *from = VAL_NONE;
    if (kind == VK_GPR)
        e->free_g |= (1u << old) & e->scratch_g;
    else
        e->free_x |= (1u << old) & e->scratch_x;
    *to = head;
    for (Val o = head; o != VAL_NONE; o = e->vals[o].next)
        e->vals[o].reg = (uint8_t)reg;
}

void ra_spill_all_files(Emit *e)
{
    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++)
        ra_move_out(e, VK_GPR, conv_int_pins[k]);
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++)
        ra_move_out(e, VK_XMM, k);
    ra_overwrite(e, CPU_FILE, CPU_FILE_SIZE);
}

/* ---- frame of a micro-op --------------------------------------------------------------------- */

void ra_kill_shared(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);

    if (s->kind == VK_GPR || s->kind == VK_XMM)
        unlist(e, v);
    bool cond = s->kind == VK_COND;
    s->kind = VK_NONE;
    /* With the last condition its flags. */
    if (cond && e->vals[s->off].kind == VK_GPR && e->vals[s->off].last <= e->i)
        ra_kill(e, (Val)s->off);
}

void ra_begin_block(Emit *e)
{
    e->scratch_g = e->free_g = 1u << HR_RAX | 1u << HR_RBX | 1u << HR_RBP | 1u << HR_R10;
    e->scratch_x = e->free_x = 0xff00;
    if (!asm_has(&e->a, JIT_HOST_AVX))
        e->scratch_x = e->free_x = 0xff00 & ~(1u << ASM_SSE_TEMP);
    e->lock_g = e->lock_x = e->tmp_g = e->tmp_x = 0;
    _Static_assert(VAL_NONE == 0xffff, "all bits");
    memset(e->head_g, 0xff, sizeof e->head_g);
    memset(e->head_x, 0xff, sizeof e->head_x);
    memset(e->slot_until, 0, e->nslots * sizeof e->slot_until[0]);
    e->nslots = 0;
    e->nhomes = 0;
}
