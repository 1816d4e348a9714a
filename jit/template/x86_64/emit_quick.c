/* emit_quick.c - the commonest micro-ops in their commonest forms: registers of the guest read and
 * written, plain integer loads and stores with a base and a displacement. Two thirds of what a
 * program is made of; the code is the same as by the general functions, which take what isn't of
 * these forms, without temporaries, locks and the frame around an emitter function.
 */
#include "jit/template/x86_64/emit_ops.h"

/* ---- operands and results -------------------------------------------------------------------- */

/* Is v alone in the register, and not used any more? */
static inline bool is_last(const Emit *e, unsigned reg, Val v)
{
    return e->head_g[reg] == v && e->vals[v].next == VAL_NONE && e->vals[v].last <= e->i;
}

static inline void take(Emit *e, Val v, ValState *d, unsigned reg)
{
    d->kind = VK_GPR;
    d->reg = (uint8_t)reg;
    d->next = VAL_NONE;
    e->head_g[reg] = v;
    e->free_g &= ~(1u << reg);
}

/* ra_def_g_over for a micro-op whose only operand in a register is a: the hint, a's register if it
 * dies, a free one. */
static inline unsigned define_over(Emit *e, const Uop *u, ValState *d)
{
    const ValState *a = emit_val(e, u->a);

    if (d->hint) {
        unsigned r = d->hint - 1u;
        if (e->head_g[r] == VAL_NONE) {
            take(e, u->dst, d, r);
            return r;
        }
        if (is_last(e, r, u->a)) {
            e->vals[u->a].kind = VK_NONE;
            take(e, u->dst, d, r);
            return r;
        }
    } else if (a->kind == VK_GPR && (e->scratch_g >> a->reg & 1) && is_last(e, a->reg, u->a)) {
        unsigned r = a->reg;
        e->vals[u->a].kind = VK_NONE;
        take(e, u->dst, d, r);
        return r;
    } else if (e->free_g & ~e->lock_g) {
        unsigned r = (unsigned)__builtin_ctz(e->free_g & ~e->lock_g);
        take(e, u->dst, d, r);
        return r;
    }
    return ra_def_g_over(e, u->dst);
}

/* ---- the register file ----------------------------------------------------------------------- */

static bool get(Emit *e, const Uop *u)
{
    uint32_t off = (uint32_t)u->imm;
    ValState *d = emit_val(e, u->dst);

    if (!uop_is_int(u->type) || off % 8)
        return false;
    unsigned pin = e->int_pin_at[off / 8];
    if (pin) {
        unsigned reg = conv_int_pins[pin - 1];
        d->kind = VK_GPR;
        d->reg = (uint8_t)reg;
        d->next = e->head_g[reg];
        e->head_g[reg] = u->dst;
        return true;
    }
    if (e->pin_granule[off / 8])
        return false;
    d->kind = VK_MEM;
    d->off = (uint16_t)off;
    ra_note_home(e, u->dst, off);
    ra_end(e);
    return true;
}

static bool put_pin(Emit *e, const Uop *u, unsigned r)
{
    ValState *s = emit_val(e, u->a);

    if (s->kind == VK_GPR && s->reg == r) { /* computed there */
        ra_kill_operand(e, u->a);
        return true;
    }
    if (e->head_g[r] != VAL_NONE)
        return false;
    if (s->kind == VK_GPR && !(s->flags & VF_CONST) &&
        (s->last > e->i ? !(e->scratch_g >> s->reg & 1) : e->vals[u->a].next == VAL_NONE)) {
        asm_mov_rr(&e->a, 3, r, s->reg);
        ra_kill_operand(e, u->a);
        return true;
    }
    return false;
}

static __attribute__((noinline)) bool put(Emit *e, const Uop *u)
{
    uint32_t off = (uint32_t)u->imm;
    ValState *s = emit_val(e, u->a);

    if (u->type != T_I64 || off % 8)
        return false;
    if (e->int_pin_at[off / 8])
        return put_pin(e, u, conv_int_pins[e->int_pin_at[off / 8] - 1]);
    if (e->pin_granule[off / 8] || s->kind != VK_GPR || (s->flags & VF_CONST))
        return false;
    unsigned r = ra_use_g(e, u->a); /* and stays there while others are saved */
    if (e->nhomes)
        ra_overwrite(e, off, 8);
    asm_mov_mr(&e->a, 3, asm_cpu(off), r);
    if (s->last <= e->i)
        ra_kill_operand(e, u->a);
    else if (!s->home)
        ra_note_home(e, u->a, off);
    ra_end(e);
    return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* [base + disp], after prefixes and opcode. */
static inline uint8_t *put_base(uint8_t *p, unsigned reg, unsigned base, int32_t disp)
{
    unsigned mod = disp == 0 && (base & 7) != 5 ? 0 : disp == (int8_t)disp ? 1 : 2;

    p[0] = (uint8_t)(mod << 6 | (reg & 7) << 3 | (base & 7));
    p[1] = 0x24; /* SIB of base rsp or r12 */
    p += 1 + ((base & 7) == 4);
    memcpy(p, &disp, 4);
    return p + (0x410 >> 4 * mod & 15);
}

static __attribute__((noinline)) bool load(Emit *e, const Uop *u)
{
    ValState *d = emit_val(e, u->dst);
    unsigned log2 = uop_mem_log2(u->sub);

    if (!uop_is_int(u->type) || u->b != VAL_NONE || uop_mem_be(u->sub) || !d->last ||
        uop_is_seq(u) || (emit_val(e, u->a)->flags & VF_CONST))
        return false;
    /* Opcodes by size: zero extension, and sign extension if that is to more bits. */
    static const uint16_t zero_of[4] = {0xb60f, 0xb70f, 0x8b, 0x8b},
                          sign_of[3] = {0xbe0f, 0xbf0f, 0x63};
    bool sign = uop_mem_signed(u->sub) && log2 < (u->type == T_I64 ? 3u : 2u);
    unsigned wide = sign ? u->type == T_I64 : log2 == 3;
    uint16_t opcode = sign ? sign_of[log2] : zero_of[log2];
    unsigned base = ra_use_g(e, u->a), r = define_over(e, u, d);
    uint8_t *p = e->a.p;
    unsigned rex = 0x40 | wide << 3 | (r >> 3) << 2 | base >> 3;

    *p = (uint8_t)rex;
    p += rex != 0x40;
    memcpy(p, &opcode, 2);
    e->a.p = put_base(p + 1 + (opcode > 0xff), r, base, u->imm);
    if (u->type == T_I32)
        d->flags |= VF_UPPER_ZERO;
    ra_kill_operand(e, u->a);
    ra_end(e);
    return true;
}

static __attribute__((noinline)) bool store(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);

    if (!uop_is_int(u->type) || u->b != VAL_NONE || uop_mem_be(u->sub) || uop_is_seq(u) ||
        ((emit_val(e, u->a)->flags | emit_val(e, u->c)->flags) & VF_CONST))
        return false;
    unsigned r = ra_use_g(e, u->c), base = ra_use_g(e, u->a);
    uint8_t *p = e->a.p;
    unsigned rex = 0x40 | (log2 == 3 ? 8 : 0) | (r >> 3) << 2 | base >> 3;

    *p = 0x66;
    p += log2 == 1;
    *p = (uint8_t)rex;
    p += rex != 0x40 || (log2 == 0 && r >= 4);
    *p = log2 ? 0x89 : 0x88;
    e->a.p = put_base(p + 1, r, base, u->imm);
    ra_kill_operand(e, u->a);
    if (u->c != u->a)
        ra_kill_operand(e, u->c);
    ra_end(e);
    return true;
}

bool emit_quick(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_GET: return get(e, u);
    case UOP_PUT: return put(e, u);
    case UOP_LOAD: return load(e, u);
    case UOP_STORE: return store(e, u);
    default: return false;
    }
}
