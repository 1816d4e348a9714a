/* emit_state.c - constants and the register file: pinned registers in host registers, the rest in
 * struct Cpu. */
#include "jit/template/x86_64/emit_ops.h"

bool emit_const(Emit *e, const Uop *u)
{
    ValState *d = emit_val(e, u->dst);

    d->kind = VK_CONST;
    d->flags |= VF_CONST;
    d->imm = u->type == T_I32 || u->type == T_F32 ? (uint32_t)u->imm64
             : u->type == T_F16                   ? (uint16_t)u->imm64
                                                  : u->imm64;
    return true;
}

bool emit_addr(Emit *e, const Uop *u)
{
    unsigned d = ra_def_g(e, u->dst);

    emit_mov_guest(e, d, u->imm64);
    if (!(e->scratch_g >> d & 1)) {
        e->pin_const = u->imm64;
        e->pin_const_insn = e->insn_off;
        e->pin_const_reg = (uint8_t)d;
    }
    return true;
}

bool emit_vconst(Emit *e, const Uop *u)
{
    const V128 *c = &e->ub->pool[(uint32_t)u->imm];
    unsigned d = ra_def_x(e, u->dst);

    asm_v2m(&e->a, V_MOVAPS, d, emit_const128(e, c->u64[0], c->u64[1]));
    return true;
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* The pinned register that [off, off + bytes) lies in: its kind, host register and the guest
 * register's offset. */
static bool pinned_at(const Emit *e, uint32_t off, unsigned bytes, ValKind *kind, unsigned *reg,
                      uint32_t *base)
{
    const Frontend *f = e->jit->frontend;

    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++) {
        if (off < f->int_pins[k] + 8 && f->int_pins[k] < off + bytes) {
            *kind = VK_GPR;
            *reg = conv_int_pins[k];
            *base = f->int_pins[k];
            return true;
        }
    }
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++) {
        if (off < f->vec_pins[k] + 16 && f->vec_pins[k] < off + bytes) {
            *kind = VK_XMM;
            *reg = k;
            *base = f->vec_pins[k];
            return true;
        }
    }
    return false;
}

static void store_pin(Emit *e, ValKind kind, unsigned reg, uint32_t base)
{
    if (kind == VK_GPR)
        asm_mov_mr(&e->a, 3, asm_cpu(base), reg);
    else
        asm_vstore(&e->a, 16, asm_cpu(base), reg);
}

static void load_pin(Emit *e, ValKind kind, unsigned reg, uint32_t base)
{
    if (kind == VK_GPR)
        asm_mov_rm(&e->a, 3, reg, asm_cpu(base));
    else
        asm_vload(&e->a, 16, reg, asm_cpu(base));
}

/* Part of a pinned register, or one of the other class: through its place in memory. */
static void get_part(Emit *e, const Uop *u, ValKind kind, unsigned reg, uint32_t base)
{
    uint32_t off = (uint32_t)u->imm;

    if (kind == VK_XMM && uop_is_int(u->type) && off == base) {
        unsigned d = ra_def_g(e, u->dst);
        asm_movq_rx(&e->a, u->type == T_I64 ? 3 : 2, d, reg);
        return;
    }
    store_pin(e, kind, reg, base);
    if (uop_is_int(u->type)) {
        unsigned d = ra_def_g(e, u->dst);
        asm_mov_rm(&e->a, u->type == T_I64 ? 3 : 2, d, asm_cpu(off));
    } else {
        unsigned d = ra_def_x(e, u->dst), bytes = uop_type_bytes(u->type);
        asm_vload(&e->a, bytes == 2 ? 4 : bytes, d, asm_cpu(off));
    }
}

bool emit_get(Emit *e, const Uop *u)
{
    uint32_t off = (uint32_t)u->imm;
    ValState *d = emit_val(e, u->dst);
    int pin = uop_is_int(u->type) ? emit_int_pin(e, off) : emit_vec_pin(e, off);
    ValKind kind;
    unsigned reg;
    uint32_t base;

    if (pin >= 0) {
        if (uop_is_int(u->type))
            ra_def_at(e, u->dst, VK_GPR, conv_int_pins[pin]);
        else
            ra_def_at(e, u->dst, VK_XMM, (unsigned)pin);
        return true;
    }
    if (e->pin_granule[off / 8] && pinned_at(e, off, uop_type_bytes(u->type), &kind, &reg, &base)) {
        get_part(e, u, kind, reg, base);
        return true;
    }
    d->kind = VK_MEM;
    d->off = off;
    ra_note_home(e, u->dst, off);
    return true;
}

/* ---- writes ---------------------------------------------------------------------------------- */

static void put_int_pin(Emit *e, Val v, unsigned r)
{
    ValState *s = emit_val(e, v);

    if (s->kind == VK_GPR && s->reg == r)
        return; /* computed there, or the register's own value */
    if (s->flags & VF_CONST) {
        ra_move_out(e, VK_GPR, r);
        asm_mov_ri(&e->a, r, s->imm);
        e->pin_const = s->imm;
        e->pin_const_insn = e->insn_off;
        e->pin_const_reg = (uint8_t)r;
        return;
    }
    if (s->kind == VK_COND || s->kind == VK_FLAGS || s->kind == VK_MEMCOND)
        ra_use_g(e, v);
    if (s->kind == VK_MEM) {
        ra_move_out(e, VK_GPR, r);
        asm_mov_rm(&e->a, 3, r, asm_cpu(s->off));
        return;
    }
    e->lock_g |= 1u << s->reg;
    ra_move_out(e, VK_GPR, r);
    asm_mov_rr(&e->a, 3, r, s->reg);
    /* A scratch register is worth more than the pinned one's other name. */
    if (e->scratch_g >> s->reg & 1)
        ra_rename(e, v, VK_GPR, r);
}

static void put_vec_pin(Emit *e, Val v, unsigned r)
{
    ValState *s = emit_val(e, v);

    if (s->kind == VK_XMM && s->reg == r)
        return;
    if (s->kind == VK_MEM) {
        ra_move_out(e, VK_XMM, r);
        asm_vload(&e->a, 16, r, asm_cpu(s->off));
        return;
    }
    if (s->kind == VK_CONST && s->imm == 0) {
        ra_move_out(e, VK_XMM, r);
        asm_v3(&e->a, V_XORPS & ~ASM_COMM, r, r, r);
        return;
    }
    unsigned x = ra_use_x(e, v);
    ra_move_out(e, VK_XMM, r);
    asm_vmov(&e->a, r, x);
    if (e->scratch_x >> x & 1)
        ra_rename(e, v, VK_XMM, r);
}

/* To the register file in memory. */
static void put_mem(Emit *e, const Uop *u)
{
    ValState *s = emit_val(e, u->a);
    uint32_t off = (uint32_t)u->imm;
    unsigned bytes = uop_type_bytes(u->type);

    if (s->kind == VK_MEM && s->off == off)
        return;
    if (uop_is_int(u->type)) {
        unsigned size = u->type == T_I64 ? 3 : 2;
        if ((s->flags & VF_CONST) && (size == 2 || (int64_t)s->imm == (int32_t)s->imm)) {
            ra_overwrite(e, off, bytes);
            asm_mov_mi(&e->a, size, asm_cpu(off), (int32_t)s->imm);
            return;
        }
        unsigned r = ra_use_g(e, u->a);
        ra_overwrite(e, off, bytes);
        asm_mov_mr(&e->a, size, asm_cpu(off), r);
    } else {
        unsigned x = ra_use_x(e, u->a);
        ra_overwrite(e, off, bytes);
        if (bytes == 2 && asm_has(&e->a, JIT_HOST_SSE41)) {
            asm_v2mi(&e->a, V_PEXTRW, x, asm_cpu(off), 0);
            return;
        }
        if (bytes == 2) {
            unsigned t = ra_tmp_g(e);
            asm_movq_rx(&e->a, 2, t, x);
            asm_mov_mr(&e->a, 1, asm_cpu(off), t);
            return;
        }
        asm_vstore(&e->a, bytes, asm_cpu(off), x);
    }
    if (!s->home && !(s->flags & VF_CONST))
        ra_note_home(e, u->a, off);
}

bool emit_put(Emit *e, const Uop *u)
{
    uint32_t off = (uint32_t)u->imm;
    ValKind kind;
    unsigned reg;
    uint32_t base;

    if (u->type == T_I64) {
        int pin = emit_int_pin(e, off);
        if (pin >= 0) {
            put_int_pin(e, u->a, conv_int_pins[pin]);
            return true;
        }
    } else if (uop_type_bytes(u->type) == 16) {
        int pin = emit_vec_pin(e, off);
        if (pin >= 0) {
            put_vec_pin(e, u->a, (unsigned)pin);
            return true;
        }
    }
    if (e->pin_granule[off / 8] && pinned_at(e, off, uop_type_bytes(u->type), &kind, &reg, &base)) {
        /* Part of a pinned register: changed in memory. */
        if (uop_is_int(u->type))
            ra_use_g(e, u->a);
        else
            ra_use_x(e, u->a);
        store_pin(e, kind, reg, base);
        put_mem(e, u); /* may be from the very register */
        emit_val(e, u->a)->home = 0;
        ra_move_out(e, kind, reg);
        load_pin(e, kind, reg, base);
        return true;
    }
    put_mem(e, u);
    return true;
}

bool emit_sticky(Emit *e, const Uop *u)
{
    unsigned a = ra_use_x(e, u->a), t = ra_tmp_x(e);
    AsmMem m = asm_cpu((uint32_t)u->imm);

    ra_overwrite(e, (uint32_t)u->imm, 16);
    asm_v2m(&e->a, V_MOVAPS, t, m);
    asm_v3(&e->a, V_ORPS, t, t, a);
    asm_v2m(&e->a, V_MOVAPS_ST, t, m);
    return true;
}
