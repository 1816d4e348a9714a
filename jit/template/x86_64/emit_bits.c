/* emit_bits.c - shifts, bit fields, extensions and bit counting of scalars. */
#include "jit/template/x86_64/emit_ops.h"

static unsigned size_of(const Uop *u)
{
    return u->type == T_I64 ? 3 : 2;
}

static void copy(Emit *e, unsigned size, unsigned d, unsigned s)
{
    if (d != s)
        asm_mov_rr(&e->a, size, d, s);
}

static void upper_zero(Emit *e, const Uop *u)
{
    if (u->type == T_I32)
        ra_set_upper_zero(e, u->dst);
}

/* ---- shifts ---------------------------------------------------------------------------------- */

static AsmShift shift_op(unsigned op)
{
    return op == UOP_SHL   ? SHIFT_SHL
           : op == UOP_LSR ? SHIFT_SHR
           : op == UOP_ASR ? SHIFT_SAR
                           : SHIFT_ROR;
}

/* BMI2: EFLAGS stay. */
static void by_register(Emit *e, const Uop *u, unsigned d, unsigned a, unsigned n)
{
    unsigned size = size_of(u);

    if (u->op == UOP_SHL)
        asm_shlx(&e->a, size, d, a, n);
    else if (u->op == UOP_LSR)
        asm_shrx(&e->a, size, d, a, n);
    else
        asm_sarx(&e->a, size, d, a, n);
}

static void shift_imm(Emit *e, const Uop *u, unsigned n)
{
    unsigned size = size_of(u), d;

    n &= size == 3 ? 63 : 31;
    if (u->op == UOP_ROR && asm_has(&e->a, JIT_HOST_BMI2)) {
        unsigned a = ra_use_g(e, u->a);
        asm_rorx(&e->a, size, ra_def_g_over(e, u->dst), a, n);
        return;
    }
    unsigned a = ra_use_g(e, u->a);
    if (u->op == UOP_SHL && n == 1) {
        d = ra_def_g_over(e, u->dst);
        asm_lea(&e->a, size, d, asm_mem_sib(a, a, 0, 0));
        return;
    }
    d = ra_def_g_over(e, u->dst);
    if (u->op == UOP_SHL && n <= 3 && d != a) {
        asm_lea(&e->a, size, d, asm_mem_sib(ASM_NO_REG, a, n, 0));
        return;
    }
    if (e->fl.val != VAL_NONE && n && u->op != UOP_ROR && asm_has(&e->a, JIT_HOST_BMI2) &&
        (e->free_g & ~e->lock_g)) {
        unsigned t = ra_tmp_g(e);
        asm_mov_ri(&e->a, t, n);
        by_register(e, u, d, a, t);
        return;
    }
    emit_clobber_flags(e);
    copy(e, size, d, a);
    if (n)
        asm_shift_ri(&e->a, shift_op(u->op), size, d, n);
}

/* By cl, which is a pinned register and comes back. */
static void shift_cl(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), n = ra_use_g(e, u->b), t = ra_tmp_g(e);
    if (n == HR_RCX) {
        asm_mov_rr(&e->a, size, t, a);
        asm_shift_cl(&e->a, shift_op(u->op), size, t);
    } else {
        unsigned save = ra_tmp_g(e);
        asm_mov_rr(&e->a, 3, save, HR_RCX);
        asm_mov_rr(&e->a, size, t, a);
        asm_mov_rr(&e->a, 2, HR_RCX, n);
        asm_shift_cl(&e->a, shift_op(u->op), size, t);
        asm_mov_rr(&e->a, 3, HR_RCX, save);
    }
    if (emit_val(e, u->dst)->hint) {
        unsigned d = ra_def_g_over(e, u->dst);
        copy(e, size, d, t);
    } else {
        e->tmp_g &= ~(1u << t);
        ra_def_at(e, u->dst, VK_GPR, t);
    }
}

bool emit_shift(Emit *e, const Uop *u)
{
    uint64_t n = (uint32_t)u->imm;

    if (emit_val(e, u->dst)->flags & VF_FOLDED)
        return true;
    if (u->b == VAL_NONE || emit_is_const(e, u->b, &n)) {
        shift_imm(e, u, (unsigned)n);
    } else if (u->op == UOP_ROR || !asm_has(&e->a, JIT_HOST_BMI2)) {
        shift_cl(e, u);
    } else {
        unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), d = ra_def_g_over(e, u->dst);
        by_register(e, u, d, a, b);
    }
    upper_zero(e, u);
    return true;
}

/* Low half of (a:b) >> imm. */
bool emit_funnel(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), d = ra_def_g(e, u->dst);
    asm_mov_rr(&e->a, size, d, b);
    if (u->imm)
        asm_shrd(&e->a, size, d, a, (unsigned)u->imm);
    upper_zero(e, u);
    return true;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void leading_zeros(Emit *e, unsigned size, unsigned d, unsigned s)
{
    if (asm_has(&e->a, JIT_HOST_LZCNT)) {
        asm_lzcnt(&e->a, size, d, s);
        return;
    }
    /* bsr leaves d alone for 0: 2 * bits - 1 then, whose xor with bits - 1 is bits. */
    unsigned bits = 8u << size;
    asm_mov_ri(&e->a, d, 2 * bits - 1);
    uint8_t *skip;
    asm_test_rr(&e->a, size, s, s);
    skip = asm_jcc8(&e->a, CC_E);
    asm_bsr(&e->a, size, d, s);
    asm_patch8(&e->a, skip);
    asm_alu_ri(&e->a, ALU_XOR, 2, d, (int32_t)bits - 1);
}

static void trailing_zeros(Emit *e, unsigned size, unsigned d, unsigned s)
{
    if (asm_has(&e->a, JIT_HOST_BMI1)) {
        asm_tzcnt(&e->a, size, d, s);
        return;
    }
    asm_mov_ri(&e->a, d, 8u << size);
    asm_test_rr(&e->a, size, s, s);
    uint8_t *skip = asm_jcc8(&e->a, CC_E);
    asm_bsf(&e->a, size, d, s);
    asm_patch8(&e->a, skip);
}

bool emit_count(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    if (u->op == UOP_POPCNT && !asm_has(&e->a, JIT_HOST_POPCNT))
        return false;
    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), d;
    if (u->op ==
        UOP_CLS) { /* bits that differ from their neighbour; the lowest counts as differing */
        unsigned t = ra_tmp_g(e);
        d = ra_def_g(e, u->dst);
        asm_lea(&e->a, size, t, asm_mem_sib(a, a, 0, 0));
        asm_alu_rr(&e->a, ALU_XOR, size, t, a);
        asm_alu_ri(&e->a, ALU_OR, size, t, 1);
        leading_zeros(e, size, d, t);
    } else {
        d = ra_def_g(e, u->dst);
        if (u->op == UOP_CLZ)
            leading_zeros(e, size, d, a);
        else if (u->op == UOP_CTZ)
            trailing_zeros(e, size, d, a);
        else
            asm_popcnt(&e->a, size, d, a);
    }
    upper_zero(e, u);
    return true;
}

/* ---- reversal -------------------------------------------------------------------------------- */

/* Swaps groups of n bits, mask those of the lower groups. */
static void swap_groups(Emit *e, unsigned size, unsigned d, unsigned t, unsigned m, unsigned n,
                        uint64_t mask)
{
    asm_mov_ri(&e->a, m, size == 3 ? mask : (uint32_t)mask);
    asm_mov_rr(&e->a, size, t, d);
    asm_shift_ri(&e->a, SHIFT_SHR, size, t, n);
    asm_alu_rr(&e->a, ALU_AND, size, t, m);
    asm_alu_rr(&e->a, ALU_AND, size, d, m);
    asm_shift_ri(&e->a, SHIFT_SHL, size, d, n);
    asm_alu_rr(&e->a, ALU_OR, size, d, t);
}

bool emit_bswap(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    emit_clobber_flags(e);
    if (u->sub == 1 && size == 3) {
        unsigned a = ra_use_g(e, u->a), t = ra_tmp_g(e), m = ra_tmp_g(e), d = ra_def_g(e, u->dst);
        asm_mov_rr(&e->a, 3, d, a);
        swap_groups(e, 3, d, t, m, 8, 0x00ff00ff00ff00ffu);
        return true;
    }
    unsigned a = ra_use_g(e, u->a), d = ra_def_g_over(e, u->dst);
    copy(e, size, d, a);
    asm_bswap(&e->a, size, d);
    if (u->sub < size)
        asm_shift_ri(&e->a, SHIFT_ROR, size, d, size == 3 ? 32 : 16);
    upper_zero(e, u);
    return true;
}

bool emit_bitrev(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    emit_clobber_flags(e);
    if (asm_has(&e->a, JIT_HOST_GFNI | JIT_HOST_AVX)) {
        unsigned a = ra_use_g(e, u->a), x = ra_tmp_x(e), d = ra_def_g_over(e, u->dst);
        asm_movq_xr(&e->a, size, x, a);
        asm_v3mi(&e->a, V_GF2P8AFFINEQB, x, x,
                 emit_const128(e, 0x8040201008040201u, 0x8040201008040201u), 0);
        asm_movq_rx(&e->a, size, d, x);
        asm_bswap(&e->a, size, d);
    } else {
        unsigned a = ra_use_g(e, u->a), t = ra_tmp_g(e), m = ra_tmp_g(e), d = ra_def_g(e, u->dst);
        asm_mov_rr(&e->a, size, d, a);
        swap_groups(e, size, d, t, m, 1, 0x5555555555555555u);
        swap_groups(e, size, d, t, m, 2, 0x3333333333333333u);
        swap_groups(e, size, d, t, m, 4, 0x0f0f0f0f0f0f0f0fu);
        asm_bswap(&e->a, size, d);
    }
    upper_zero(e, u);
    return true;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static unsigned width_log2(unsigned width)
{
    return width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : 9;
}

static void zero_extract(Emit *e, const Uop *u, unsigned lsb, unsigned width)
{
    unsigned size = size_of(u), d, a = ra_use_g(e, u->a);

    if (lsb == 0 && width_log2(width) < 3) {
        d = ra_def_g_over(e, u->dst);
        asm_movzx_rr(&e->a, width_log2(width), d, a);
        return;
    }
    emit_clobber_flags(e);
    d = ra_def_g_over(e, u->dst);
    if (lsb + width <= 32)
        size = 2;
    copy(e, size, d, a);
    if (lsb + width == 8u << size) {
        asm_shift_ri(&e->a, SHIFT_SHR, size, d, lsb);
    } else if (width < 32) {
        if (lsb)
            asm_shift_ri(&e->a, SHIFT_SHR, size, d, lsb);
        if (width_log2(width) < 2)
            asm_movzx_rr(&e->a, width_log2(width), d, d);
        else
            asm_alu_ri(&e->a, ALU_AND, 2, d, (int32_t)((1u << width) - 1));
    } else if (width == 32) {
        asm_shift_ri(&e->a, SHIFT_SHR, size, d, lsb);
        asm_mov_rr(&e->a, 2, d, d);
    } else {
        asm_shift_ri(&e->a, SHIFT_SHL, size, d, 64 - lsb - width);
        asm_shift_ri(&e->a, SHIFT_SHR, size, d, 64 - width);
    }
}

static void sign_extract(Emit *e, const Uop *u, unsigned lsb, unsigned width)
{
    unsigned size = size_of(u), bits = 8u << size, a = ra_use_g(e, u->a), d;

    if (lsb == 0 && width_log2(width) < size) {
        d = ra_def_g_over(e, u->dst);
        asm_movsx_rr(&e->a, size, width_log2(width), d, a);
        return;
    }
    emit_clobber_flags(e);
    d = ra_def_g_over(e, u->dst);
    copy(e, size, d, a);
    if (lsb + width < bits)
        asm_shift_ri(&e->a, SHIFT_SHL, size, d, bits - lsb - width);
    if (width < bits)
        asm_shift_ri(&e->a, SHIFT_SAR, size, d, bits - width);
}

bool emit_extract(Emit *e, const Uop *u)
{
    unsigned lsb = (unsigned)u->imm & 255, width = (unsigned)u->imm >> 8 & 255;

    if (u->op == UOP_EXTRACT)
        zero_extract(e, u, lsb, width);
    else
        sign_extract(e, u, lsb, width);
    upper_zero(e, u);
    return true;
}

bool emit_insert(Emit *e, const Uop *u)
{
    unsigned size = size_of(u), bits = 8u << size, lsb = (unsigned)u->imm & 255,
             width = (unsigned)u->imm >> 8 & 255;
    uint64_t mask = (width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1) << lsb;

    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), t = ra_tmp_g(e), d = ra_def_g(e, u->dst);
    if (width == bits) {
        asm_mov_rr(&e->a, size, d, b);
        upper_zero(e, u);
        return true;
    }
    /* The field in place, zeros around. */
    if (lsb == 0 && width_log2(width) < 3) {
        asm_movzx_rr(&e->a, width_log2(width), t, b);
    } else {
        asm_mov_rr(&e->a, size, t, b);
        asm_shift_ri(&e->a, SHIFT_SHL, size, t, bits - width);
        if (lsb + width < bits)
            asm_shift_ri(&e->a, SHIFT_SHR, size, t, bits - width - lsb);
    }
    if (size == 2 || (int64_t)~mask == (int32_t)~mask) {
        asm_mov_rr(&e->a, size, d, a);
        asm_alu_ri(&e->a, ALU_AND, size, d, (int32_t)~mask);
    } else if (lsb + width == bits) { /* the low bits of a stay */
        asm_mov_rr(&e->a, size, d, a);
        if (width == 32) {
            asm_mov_rr(&e->a, 2, d, d);
        } else {
            asm_shift_ri(&e->a, SHIFT_SHL, size, d, width);
            asm_shift_ri(&e->a, SHIFT_SHR, size, d, width);
        }
    } else {
        asm_mov_ri(&e->a, d, ~mask);
        asm_alu_rr(&e->a, ALU_AND, size, d, a);
    }
    asm_alu_rr(&e->a, ALU_OR, size, d, t);
    upper_zero(e, u);
    return true;
}

/* ---- extension ------------------------------------------------------------------------------- */

bool emit_extend(Emit *e, const Uop *u)
{
    unsigned size = size_of(u), from = u->sub;
    const ValState *s = emit_val(e, u->a);
    AsmMem m;

    if (u->op == UOP_ZEXT && (from >= size || (from == 2 && s->type == T_I32 && s->kind == VK_GPR &&
                                               ra_upper_zero(e, u->a)))) {
        ra_alias(e, u->dst, u->a);
        return true;
    }
    if (u->op == UOP_SEXT && from >= size) {
        ra_alias(e, u->dst, u->a);
        return true;
    }
    if (ra_mem(e, u->a, &m)) {
        unsigned d = ra_def_g_over(e, u->dst);
        if (u->op == UOP_ZEXT)
            asm_movzx_rm(&e->a, from, d, m);
        else
            asm_movsx_rm(&e->a, size, from, d, m);
    } else {
        unsigned a = ra_use_g(e, u->a);
        if (u->op == UOP_ZEXT && from == 2 && ra_upper_zero(e, u->a) && s->type == T_I32) {
            ra_alias(e, u->dst, u->a);
            return true;
        }
        unsigned d = ra_def_g_over(e, u->dst);
        if (u->op == UOP_ZEXT)
            asm_movzx_rr(&e->a, from, d, a);
        else
            asm_movsx_rr(&e->a, size, from, d, a);
    }
    upper_zero(e, u);
    return true;
}

bool emit_trunc(Emit *e, const Uop *u)
{
    uint64_t imm;

    if (emit_is_const(e, u->a, &imm)) {
        ValState *d = emit_val(e, u->dst);
        d->kind = VK_CONST;
        d->imm = (uint32_t)imm;
        d->flags |= VF_CONST;
        return true;
    }
    ra_alias(e, u->dst, u->a);
    return true;
}
