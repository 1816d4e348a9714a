/* emit_flags.c - flags values, conditions and booleans: kept in EFLAGS as long as nothing else
 * needs those.
 *
 * A flags value is made by the instruction that computes it (or by a cmp) and read by setcc, cmov
 * and jcc right from EFLAGS. When something else is about to change EFLAGS, what will still be
 * needed is saved: four bytes N Z C V, or one byte where a single condition is all that is asked
 * later.
 */
#include "jit/template/x86_64/emit_ops.h"
#include "jit/template/x86_64/template.h"

/* ---- conditions of EFLAGS -------------------------------------------------------------------- */

/* UopCond EQ..LE after a subtraction (C = !CF). */
static const uint8_t cc_sub[14] = {CC_E,  CC_NE, CC_AE, CC_B,  CC_S, CC_NS, CC_O,
                                   CC_NO, CC_A,  CC_BE, CC_GE, CC_L, CC_G,  CC_LE};
/* After an addition (C = CF); HI and LS have no condition code there. */
static const uint8_t cc_add[14] = {CC_E,  CC_NE, CC_B, CC_AE, CC_S, CC_NS, CC_O,
                                   CC_NO, CC_O,  CC_O, CC_GE, CC_L, CC_G,  CC_LE};

/* Can EFLAGS of this kind tell the condition, and how? HI and LS of an addition want CF inverted
 * first, half of the conditions of a float comparison want its operands the other way round. */
static bool cond_of(FlagsHeld held, unsigned cond, Cond *c)
{
    static const Cond fcmp[14] = {
        {COND_AND_NP, CC_E}, {COND_OR_P, CC_NE}, {0, 0}, {0, 0}, {0, 0},           {0, 0},
        {COND_CC, CC_P},     {COND_CC, CC_NP},   {0, 0}, {0, 0}, {COND_CC, CC_AE}, {COND_CC, CC_B},
        {COND_CC, CC_A},     {COND_CC, CC_BE},
    };
    static const Cond fcmp_swap[14] = {
        {COND_AND_NP, CC_E},
        {COND_OR_P, CC_NE},
        {COND_CC, CC_BE},
        {COND_CC, CC_A},
        {COND_CC, CC_A},
        {COND_CC, CC_BE},
        {COND_CC, CC_P},
        {COND_CC, CC_NP},
        {COND_CC, CC_B},
        {COND_CC, CC_AE},
        {0, 0},
        {0, 0},
        {0, 0},
        {0, 0},
    };
    /* Bit per condition: which the table has. */
    enum { FCMP_HAS = 3 | 3 << UOP_VS | 15 << UOP_GE, SWAP_HAS = 0x3ff };

    switch (held) {
    case FL_SUB: *c = (Cond){COND_CC, cc_sub[cond]}; return true;
    case FL_ADD: *c = (Cond){COND_CC, cc_add[cond]}; return cond != UOP_HI && cond != UOP_LS;
    case FL_FCMP: *c = fcmp[cond]; return FCMP_HAS >> cond & 1;
    case FL_FCMP_SWAP: *c = fcmp_swap[cond]; return SWAP_HAS >> cond & 1;
    default: return false;
    }
}

/* ---- saving ---------------------------------------------------------------------------------- */

static void set_byte(Emit *e, Cond c, uint32_t off)
{
    AsmMem m = asm_cpu(off);

    if (c.kind == COND_CC) {
        asm_setcc_m(&e->a, c.cc, m);
        return;
    }
    /* Without arithmetic, which would change EFLAGS: start from the one condition, correct by the
     * other. */
    asm_setcc_m(&e->a, c.cc, m);
    uint8_t *skip = asm_jcc8(&e->a, CC_NP);
    asm_mov_mi(&e->a, 0, m, c.kind == COND_OR_P);
    asm_patch8(&e->a, skip);
}

/* EFLAGS as four bytes. May invert CF (of an addition never: C is plain there). */
static void store_flags(Emit *e, uint32_t off)
{
    Cond n, z, c, v;

    if (e->fl.held ==
        FL_FCMP) { /* N and C aren't conditions of this order; less = below without unordered */
        asm_setcc_m(&e->a, CC_B, asm_cpu(off));
        asm_setcc_m(&e->a, CC_AE, asm_cpu(off + 2));
        asm_setcc_m(&e->a, CC_E, asm_cpu(off + 1));
        asm_setcc_m(&e->a, CC_P, asm_cpu(off + 3));
        uint8_t *skip = asm_jcc8(&e->a, CC_NP);
        asm_mov_mi(&e->a, 2, asm_cpu(off), 0x01010000);
        asm_patch8(&e->a, skip);
        return;
    }
    cond_of(e->fl.held, UOP_MI, &n);
    cond_of(e->fl.held, UOP_EQ, &z);
    cond_of(e->fl.held, UOP_CS, &c);
    cond_of(e->fl.held, UOP_VS, &v);
    set_byte(e, n, off);
    set_byte(e, z, off + 1);
    set_byte(e, c, off + 2);
    set_byte(e, v, off + 3);
}

/* The only condition (or it and its inverse) that is asked of the flags, or -1. */
static int single_cond(uint32_t need)
{
    uint32_t pairs = (need | need >> 1) & 0x55555555u & 0x3fff;

    return !(need & EMIT_NEED_ALL) && pairs && !(pairs & (pairs - 1)) ? __builtin_ctz(pairs) : -1;
}

/* A scratch register that is free, to keep what is saved; ~0: none, then memory. */
static unsigned free_scratch(const Emit *e)
{
    uint32_t m = e->free_g & ~e->lock_g;

    return m ? (unsigned)__builtin_ctz(m) : ~0u;
}

void emit_save_flags(Emit *e)
{
    Val v = e->fl.val;
    ValState *s = emit_val(e, v);
    unsigned r = free_scratch(e);
    Cond c = {COND_CC, CC_NE};

    e->fl.val = VAL_NONE;
    if (s->kind != VK_FLAGS || s->last < e->i)
        return;
    if ((s->need & (EMIT_NEED_MADE | EMIT_NEED_ALL)) == EMIT_NEED_MADE && s->imm < e->i)
        return;
    if (e->fl.held == FL_BOOL && r != ~0u) {
        asm_setcc(&e->a, e->fl.cc, r);
        asm_movzx_rr(&e->a, 0, r, r);
        ra_def_at(e, v, VK_GPR, r);
        ra_set_upper_zero(e, v);
        return;
    }
    if (e->fl.held == FL_BOOL) {
        uint32_t slot = ra_slot(e, 8, s->last);
        asm_mov_mi(&e->a, 2, asm_cpu(slot), 0);
        asm_setcc_m(&e->a, e->fl.cc, asm_cpu(slot));
        s->kind = VK_MEM;
        s->off = slot;
        return;
    }
    int cond = e->fl.held == FL_ONE ? e->fl.cc : single_cond(s->need);
    bool one = cond >= 0 && (e->fl.held == FL_ONE || cond_of(e->fl.held, (unsigned)cond, &c));
    if (one)
        s->cond = (uint8_t)cond;
    if (one && c.kind == COND_CC && r != ~0u) {
        asm_setcc(&e->a, c.cc, r);
        ra_def_at(e, v, VK_GPR, r);
        return;
    }
    s->off = ra_slot(e, 4, s->last);
    if (one) {
        set_byte(e, c, s->off);
        s->kind = VK_MEMCOND;
    } else {
        store_flags(e, s->off);
        s->kind = VK_MEM;
    }
}

void emit_flags_made(Emit *e, Val v, FlagsHeld held, unsigned cc)
{
    ValState *s = emit_val(e, v);

    s->kind = VK_FLAGS;
    e->fl.val = v;
    e->fl.held = (uint8_t)held;
    e->fl.cc = (uint8_t)cc;
    e->fl.zero_of = VAL_NONE;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A condition of flags that are four bytes at off. */
static Cond test_bytes(Emit *e, uint32_t off, unsigned cond)
{
    Asm *a = &e->a;
    AsmMem n = asm_cpu(off), z = asm_cpu(off + 1), c = asm_cpu(off + 2), v = asm_cpu(off + 3);
    unsigned inverse = cond & 1;

    emit_clobber_flags(e);
    switch (cond & ~1u) {
    case UOP_EQ:
    case UOP_CS:
    case UOP_MI:
    case UOP_VS:
        asm_alu_mi(a, ALU_CMP, 0,
                   (cond & ~1u) == UOP_EQ   ? z
                   : (cond & ~1u) == UOP_CS ? c
                   : (cond & ~1u) == UOP_MI ? n
                                            : v,
                   0);
        return (Cond){COND_CC, (uint8_t)(CC_NE ^ inverse)};
    default: {
        unsigned t = ra_tmp_g(e);
        Cond r;
        if ((cond & ~1u) == UOP_HI) { /* C above Z */
            asm_movzx_rm(a, 0, t, c);
            asm_alu_rm(a, ALU_CMP, 0, t, z);
            r = (Cond){COND_CC, (uint8_t)(CC_A ^ inverse)};
        } else if ((cond & ~1u) == UOP_GE) { /* N == V */
            asm_movzx_rm(a, 0, t, n);
            asm_alu_rm(a, ALU_CMP, 0, t, v);
            r = (Cond){COND_CC, (uint8_t)(CC_E ^ inverse)};
        } else { /* not (N != V or Z) */
            asm_movzx_rm(a, 0, t, n);
            asm_alu_rm(a, ALU_XOR, 0, t, v);
            asm_alu_rm(a, ALU_OR, 0, t, z);
            r = (Cond){COND_CC, (uint8_t)(CC_E ^ inverse)};
        }
        return r;
    }
    }
}

Cond emit_test(Emit *e, Val flags, unsigned cond)
{
    ValState *s = emit_val(e, flags);
    Cond c;

    if (e->fl.val == flags && e->fl.held == FL_ONE)
        return (Cond){COND_CC, (uint8_t)((cond ^ e->fl.cc) & 1 ? CC_E : CC_NE)};
    if (e->fl.val == flags) {
        if (cond_of(e->fl.held, cond, &c))
            return c;
        if (e->fl.held ==
            FL_ADD) { /* HI, LS: with CF the other way round, as a subtraction leaves it */
            asm_u8(&e->a, 0xf5); /* cmc */
            e->fl.held = FL_SUB;
            cond_of(FL_SUB, cond, &c);
            return c;
        }
        /* A float comparison of the other order: through memory. */
        uint32_t slot = ra_slot(e, 4, s->last > e->i ? s->last : e->i);
        store_flags(e, slot);
        s->kind = VK_MEM;
        s->off = slot;
        e->fl.val = VAL_NONE;
    }
    if (s->kind == VK_CONST) {
        static const uint8_t n = 8, z = 4, cf = 2, v = 1;
        unsigned f = (unsigned)s->imm;
        bool r[7] = {f & z,
                     f & cf,
                     f & n,
                     f & v,
                     (f & cf) && !(f & z),
                     !(f & n) == !(f & v),
                     !(f & z) && !(f & n) == !(f & v)};
        return (Cond){r[cond >> 1] != (cond & 1) ? COND_ALWAYS : COND_NEVER, 0};
    }
    if (s->kind == VK_GPR) { /* one condition, as a byte */
        emit_clobber_flags(e);
        asm_test_rr(&e->a, 0, s->reg, s->reg);
        return (Cond){COND_CC, (uint8_t)((cond ^ s->cond) & 1 ? CC_E : CC_NE)};
    }
    if (s->kind == VK_MEMCOND) {
        emit_clobber_flags(e);
        asm_alu_mi(&e->a, ALU_CMP, 0, asm_cpu(s->off), 0);
        return (Cond){COND_CC, (uint8_t)((cond ^ s->cond) & 1 ? CC_E : CC_NE)};
    }
    return test_bytes(e, s->off, cond);
}

Cond emit_bool(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);

    switch (s->kind) {
    case VK_COND: return emit_test(e, (Val)s->off, s->cond);
    case VK_FLAGS: return (Cond){COND_CC, e->fl.cc};
    case VK_CONST: return (Cond){s->imm & 1 ? COND_ALWAYS : COND_NEVER, 0};
    case VK_MEM:
        emit_clobber_flags(e);
        asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu(s->off), 0);
        return (Cond){COND_CC, CC_NE};
    default: {
        unsigned r = ra_use_g(e, v);
        emit_clobber_flags(e);
        asm_test_rr(&e->a, 2, r, r);
        return (Cond){COND_CC, CC_NE};
    }
    }
}

Cond emit_cond_not(Cond c)
{
    static const uint8_t inverse[] = {COND_CC, COND_OR_P, COND_AND_NP, COND_ALWAYS, COND_NEVER};

    return (Cond){inverse[c.kind], c.cc ^ 1};
}

/* The flags value as four bytes in memory; its offset in struct Cpu. */
uint32_t emit_flags_bytes(Emit *e, Val flags)
{
    ValState *s = emit_val(e, flags);

    if (s->kind == VK_FLAGS && e->fl.val == flags) {
        s->off = ra_slot(e, 4, s->last > e->i ? s->last : e->i);
        store_flags(e, s->off);
        s->kind = VK_MEM;
        e->fl.val = VAL_NONE;
    } else if (s->kind == VK_CONST) {
        uint32_t slot = ra_slot(e, 4, e->i);
        unsigned f = (unsigned)s->imm;
        asm_mov_mi(
            &e->a, 2, asm_cpu(slot),
            (int32_t)((f >> 3 & 1) | (f >> 2 & 1) << 8 | (f >> 1 & 1) << 16 | (f & 1) << 24));
        return slot;
    }
    return s->off;
}

/* ---- micro-ops ------------------------------------------------------------------------------- */

static unsigned size_of(const Uop *u)
{
    return u->type == T_I64 ? 3 : 2;
}

/* cmp / test / add of operands, for flags only. */
static void compare(Emit *e, const Uop *u, AsmAlu op)
{
    unsigned size = size_of(u);
    uint64_t imm = (uint64_t)(int64_t)u->imm;
    AsmMem m;

    if (u->b == VAL_NONE ||
        (emit_is_const(e, u->b, &imm) && (size == 2 || (int64_t)imm == (int32_t)imm))) {
        if (op == ALU_CMP && ra_mem(e, u->a, &m)) {
            emit_clobber_flags(e);
            asm_alu_mi(&e->a, ALU_CMP, size, m, (int32_t)imm);
            return;
        }
        unsigned a = ra_use_g(e, u->a);
        emit_clobber_flags(e);
        if ((int32_t)imm == 0 && op == ALU_CMP)
            asm_test_rr(&e->a, size, a, a); /* CF = OF = 0 as of a subtraction of 0 */
        else
            asm_alu_ri(&e->a, ALU_CMP, size, a, (int32_t)imm);
        return;
    }
    unsigned a = ra_use_g(e, u->a);
    if (ra_mem(e, u->b, &m)) {
        emit_clobber_flags(e);
        asm_alu_rm(&e->a, ALU_CMP, size, a, m);
        return;
    }
    unsigned b = ra_use_g(e, u->b);
    emit_clobber_flags(e);
    asm_alu_rr(&e->a, ALU_CMP, size, a, b);
}

/* Flags of a + b (cmn): the sum goes to a temporary. */
static void flags_add(Emit *e, const Uop *u)
{
    unsigned size = size_of(u), a = ra_use_g(e, u->a), t;
    uint64_t imm = (uint64_t)(int64_t)u->imm;

    if (u->b == VAL_NONE ||
        (emit_is_const(e, u->b, &imm) && (size == 2 || (int64_t)imm == (int32_t)imm))) {
        t = ra_tmp_g(e);
        emit_clobber_flags(e);
        asm_mov_rr(&e->a, size, t, a);
        asm_alu_ri(&e->a, ALU_ADD, size, t, (int32_t)imm);
    } else {
        unsigned b = ra_use_g(e, u->b);
        t = ra_tmp_g(e);
        emit_clobber_flags(e);
        asm_mov_rr(&e->a, size, t, a);
        asm_alu_rr(&e->a, ALU_ADD, size, t, b);
    }
}

/* CF = the boolean c, or its inverse; returns true when inverted. */
bool emit_carry_in(Emit *e, Val c, bool want_inverted)
{
    ValState *s = emit_val(e, c);
    uint64_t imm;

    if (emit_is_const(e, c, &imm)) {
        emit_clobber_flags(e);
        asm_u8(&e->a, (imm & 1) != want_inverted ? 0xf9 : 0xf8); /* stc, clc */
        return want_inverted;
    }
    if (s->kind == VK_COND && (s->cond & ~1u) == UOP_CS && e->fl.val == s->off &&
        (e->fl.held == FL_ADD || e->fl.held == FL_SUB)) {
        bool inverted = (e->fl.held == FL_SUB) != (s->cond & 1);
        if (emit_dies(e, (Val)s->off))
            e->fl.val = VAL_NONE;
        emit_clobber_flags(e); /* saves what is needed later; CF stays */
        if (inverted != want_inverted)
            asm_u8(&e->a, 0xf5); /* cmc */
        return want_inverted;
    }
    if (s->kind == VK_COND && s->cond == UOP_CS && emit_val(e, (Val)s->off)->kind == VK_MEM) {
        emit_clobber_flags(e);
        asm_alu_mi(&e->a, ALU_CMP, 0, asm_cpu(emit_val(e, (Val)s->off)->off + 2), 1);
    } else {
        unsigned r = ra_use_g(e, c);
        emit_clobber_flags(e);
        asm_alu_ri(&e->a, ALU_CMP, 2, r, 1);
    }
    /* CF = (C below 1) = !C */
    if (!want_inverted)
        asm_u8(&e->a, 0xf5);
    return want_inverted;
}

static bool flags_adc(Emit *e, const Uop *u)
{
    unsigned size = size_of(u), a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), t = ra_tmp_g(e);

    emit_carry_in(e, u->c, false);
    asm_mov_rr(&e->a, size, t, a);
    asm_alu_rr(&e->a, ALU_ADC, size, t, b);
    emit_flags_made(e, u->dst, FL_ADD, 0);
    return true;
}

/* Which order of a float comparison serves the conditions asked (the first that is served less well
 * goes through memory). */
static bool want_swapped(const Emit *e, Val flags)
{
    uint32_t need = emit_val(e, flags)->need;

    return (need & EMIT_NEED_ALL)
               ? !(need & (15u << UOP_GE))
               : !(need & (15u << UOP_GE)) && (need & (0xffu << UOP_CS) & ~(3u << UOP_VS));
}

bool emit_flags_op(Emit *e, const Uop *u)
{
    ValState *d = emit_val(e, u->dst);

    if (d->kind != VK_NONE || emit_flags_with_result(e, u))
        return true; /* made together with the result */
    switch (u->sub) {
    case UOP_FLAGS_SUB:
        compare(e, u, ALU_CMP);
        emit_flags_made(e, u->dst, FL_SUB, 0);
        return true;
    case UOP_FLAGS_ADD:
        flags_add(e, u);
        emit_flags_made(e, u->dst, FL_ADD, 0);
        return true;
    case UOP_FLAGS_ADC: return flags_adc(e, u);
    case UOP_FLAGS_LOGIC:
        if (e->fl.zero_of == u->a && e->fl.zero_size == size_of(u) && !e->fl.sub_like &&
            e->fl.val == VAL_NONE) {
            emit_flags_made(e, u->dst, FL_ADD, 0);
            return true;
        } else {
            unsigned a = ra_use_g(e, u->a);
            emit_clobber_flags(e);
            asm_test_rr(&e->a, size_of(u), a, a);
            emit_flags_made(e, u->dst, FL_ADD, 0);
            return true;
        }
    case UOP_FLAGS_NZCV: {
        uint64_t imm;
        if (emit_is_const(e, u->a, &imm)) {
            d->kind = VK_CONST;
            d->imm = imm >> 28 & 15;
            return true;
        }
        unsigned a = ra_use_g(e, u->a), t = ra_tmp_g(e);
        emit_clobber_flags(e);
        d->off = ra_slot(e, 4, d->last);
        for (unsigned k = 0; k < 4; k++) {
            asm_mov_rr(&e->a, 2, t, a);
            asm_shift_ri(&e->a, SHIFT_SHR, 2, t, 31 - k);
            if (k)
                asm_alu_ri(&e->a, ALU_AND, 2, t, 1);
            asm_mov_mr(&e->a, 0, asm_cpu(d->off + k), t);
        }
        d->kind = VK_MEM;
        return true;
    }
    case UOP_FLAGS_FCMP: {
        if (!emit_fcmp_can(e, u))
            return false;
        bool swapped = want_swapped(e, u->dst);
        emit_clobber_flags(e);
        emit_fcmp(e, u, swapped);
        emit_flags_made(e, u->dst, swapped ? FL_FCMP_SWAP : FL_FCMP, 0);
        return true;
    }
    default: return false;
    }
}

/* ---- conditional comparisons ----------------------------------------------------------------- */

/* Can EFLAGS be made to say nzcv as a subtraction would (flags_const)? */
static bool can_be_const(unsigned nzcv)
{
    return !(nzcv & 1) && (nzcv & 12) != 12;
}

/* EFLAGS as of a subtraction with the flags nzcv; zero: a register that is 0. */
static void flags_const(Emit *e, unsigned nzcv, unsigned zero)
{
    if (nzcv & 4)
        asm_test_rr(&e->a, 2, zero, zero); /* Z, C */
    else
        asm_alu_ri(&e->a, ALU_CMP, 2, zero, nzcv & 8 ? 1 : -1);
    if (!(nzcv & 2) == !!(nzcv & 4))
        asm_u8(&e->a, 0xf5); /* cmc */
}

/* The condition v, if EFLAGS have it. */
static bool in_eflags(const Emit *e, Val v, Cond *c)
{
    const ValState *s = emit_val((Emit *)e, v);
    return s->kind == VK_COND && e->fl.val == (Val)s->off && e->fl.held != FL_ONE &&
           cond_of(e->fl.held, s->cond, c) && c->kind == COND_CC;
}

/* All of the flags are asked for: they are left in EFLAGS on both ways.
 *     jcc else; cmp a, b; jmp end; else: xor t, t; cmp t, -1 (say); end: */
static void flagsif_in_eflags(Emit *e, const Uop *u)
{
    Uop cmp = *u;
    Cond c;
    unsigned zero;
    bool direct = in_eflags(e, u->c, &c);
    cmp.op = UOP_FLAGS;
    if (!direct) {
        zero = ra_use_g(e, u->c);
        e->free_g |= e->tmp_g;
        e->tmp_g = 0;
        e->lock_g = 1u << zero;
    }
    /* What fetching the operands takes must not stand behind the branch. */
    ra_use_g(e, u->a);
    if (u->b != VAL_NONE)
        ra_use_g(e, u->b);
    if (direct) {
        zero = ra_tmp_g(e);
        Val flags = (Val)emit_val(e, u->c)->off;
        if (!in_eflags(e, u->c, &c)) {
            e->failed = true;
            return;
        }
        if (emit_dies(e, flags))
            e->fl.val = VAL_NONE;
        emit_clobber_flags(e); /* saves what is needed later; EFLAGS stay */
    } else {
        emit_clobber_flags(e);
        asm_test_rr(&e->a, 2, zero, zero);
        c = (Cond){COND_CC, CC_NE};
    }
    uint8_t *otherwise = asm_jcc8(&e->a, c.cc ^ 1u);
    compare(e, &cmp, ALU_CMP);
    uint8_t *end = asm_jmp8(&e->a);
    asm_patch8(&e->a, otherwise);
    if (direct)
        asm_mov_ri(&e->a, zero, 0);
    flags_const(e, (unsigned)u->imm & 15, zero);
    asm_patch8(&e->a, end);
    emit_flags_made(e, u->dst, FL_SUB, 0);
}

/* dst = c ? flags of (a op b) : imm. One condition asked: its byte is computed from both without a
 * branch; else all are in EFLAGS behind a branch, or four bytes in memory. */
bool emit_flagsif(Emit *e, const Uop *u)
{
    ValState *d = emit_val(e, u->dst);
    int cond = single_cond(d->need);
    bool fcmp = u->sub == UOP_FLAGS_FCMP;
    FlagsHeld held = fcmp                      ? (want_swapped(e, u->dst) ? FL_FCMP_SWAP : FL_FCMP)
                     : u->sub == UOP_FLAGS_SUB ? FL_SUB
                                               : FL_ADD;
    Cond k;
    uint64_t imm;

    if (fcmp && !emit_fcmp_can(e, u))
        return false;
    if (held == FL_SUB && cond < 0 && can_be_const((unsigned)u->imm & 15) &&
        !emit_is_const(e, u->c, &imm)) {
        flagsif_in_eflags(e, u);
        return true;
    }
    /* The condition goes to a register (or is known) before the comparison takes EFLAGS. */
    unsigned c = 0;
    bool c_const = emit_is_const(e, u->c, &imm);
    if (!c_const) {
        c = ra_use_g(e, u->c);
        /* What making it took is free again: an addition needs the other three scratch registers.
         */
        e->free_g |= e->tmp_g;
        e->tmp_g = 0;
        e->lock_g = 1u << c;
    } else if (!(imm & 1)) {
        d->kind = VK_CONST;
        d->imm = (unsigned)u->imm & 15;
        return true;
    }
    Uop cmp = *u;
    cmp.op = UOP_FLAGS;
    uint8_t *skip = NULL;
    /* A comparison of floats may raise flags, so it must not be made when it isn't meant. */
    bool one = !fcmp && cond >= 0 && (cond_of(held, (unsigned)cond, &k) || held == FL_ADD);
    bool branch = !c_const && !one;
    uint32_t slot = 0;
    if (branch) {
        /* It is written even if nobody reads it: not where something is saved meanwhile. */
        slot = ra_slot(e, 4, d->last > e->i ? d->last : e->i + 1);
        /* Operands are fetched on both ways: what `use` emits must not stand behind the branch, nor
         * what making room for a sum does. */
        if (!fcmp) {
            ra_use_g(e, u->a);
            ra_use_g(e, u->b);
            if (held == FL_ADD) {
                uint32_t room = 1u << ra_tmp_g(e);
                e->free_g |= room;
                e->tmp_g &= ~room;
                e->lock_g &= ~room;
            }
        } else {
            ra_use_x(e, u->a);
            ra_use_x(e, u->b);
            uint32_t room = 0; /* halves widened, and one register more to flush them */
            for (unsigned n = 0; n < 3; n++)
                room |= 1u << ra_tmp_x(e);
            e->free_x |= room;
            e->tmp_x &= ~room;
            e->lock_x &= ~room;
        }
        emit_clobber_flags(e);
        unsigned f = (unsigned)u->imm;
        asm_mov_mi(
            &e->a, 2, asm_cpu(slot),
            (int32_t)((f >> 3 & 1) | (f >> 2 & 1) << 8 | (f >> 1 & 1) << 16 | (f & 1) << 24));
        asm_test_rr(&e->a, 2, c, c);
        skip = asm_jcc32(&e->a, CC_E);
    } else {
        emit_clobber_flags(e);
    }
    if (fcmp) {
        emit_fcmp(e, &cmp, held == FL_FCMP_SWAP);
    } else if (held == FL_SUB) {
        compare(e, &cmp, ALU_CMP);
    } else {
        flags_add(e, &cmp);
    }
    emit_flags_made(e, u->dst, held, 0);
    /* The operands have been read. */
    e->free_g |= e->tmp_g;
    e->tmp_g = 0;
    e->lock_g = c_const ? 0 : 1u << c;
    if (branch) {
        store_flags(e, slot);
        asm_patch32(skip, e->a.p);
        e->fl.val = VAL_NONE;
        d->kind = VK_MEM;
        d->off = slot;
        return true;
    }
    if (c_const)
        return true; /* unconditional: they are in EFLAGS */
    k = emit_test(e, u->dst, (unsigned)cond);
    static const uint8_t n = 8, z = 4, cf = 2, v = 1;
    unsigned f = (unsigned)u->imm;
    bool otherwise[7] = {f & z,
                         f & cf,
                         f & n,
                         f & v,
                         (f & cf) && !(f & z),
                         !(f & n) == !(f & v),
                         !(f & z) && !(f & n) == !(f & v)};
    unsigned t = ra_tmp_g(e);
    asm_setcc(&e->a, k.cc, t);
    if (k.kind != COND_CC) {
        unsigned p = ra_tmp_g(e);
        asm_setcc(&e->a, k.kind == COND_AND_NP ? CC_NP : CC_P, p);
        asm_alu_rr(&e->a, k.kind == COND_AND_NP ? ALU_AND : ALU_OR, 0, t, p);
    }
    e->fl.val = VAL_NONE;
    /* c ? t : otherwise */
    if (otherwise[cond >> 1]) {
        unsigned nc = ra_tmp_g(e);
        asm_mov_rr(&e->a, 2, nc, c);
        asm_alu_ri(&e->a, ALU_XOR, 2, nc, 1);
        asm_alu_rr(&e->a, ALU_OR, 0, t, nc);
    } else {
        asm_alu_rr(&e->a, ALU_AND, 0, t, c);
    }
    emit_flags_made(e, u->dst, FL_ONE, (unsigned)cond);
    return true;
}

bool emit_test_op(Emit *e, const Uop *u)
{
    ValState *d = emit_val(e, u->dst);

    d->kind = VK_COND;
    d->cond = u->sub;
    d->off = u->a;
    return true;
}

bool emit_packflags(Emit *e, const Uop *u)
{
    uint32_t off = emit_flags_bytes(e, u->a);
    unsigned d, t;

    emit_clobber_flags(e);
    if (asm_has(&e->a, JIT_HOST_BMI2)) {
        /* Bit 0 of each byte, N the lowest: gathered to bits 0..3 = N Z C V, in the wrong order; so
         * byte by byte from the top: bswap first. */
        t = ra_tmp_g(e);
        d = ra_def_g(e, u->dst);
        asm_mov_rm(&e->a, 2, d, asm_cpu(off));
        asm_bswap(&e->a, 2, d);
        asm_mov_ri(&e->a, t, 0x01010101);
        asm_pext(&e->a, 2, d, d, t);
        asm_shift_ri(&e->a, SHIFT_SHL, 2, d, 28);
    } else {
        t = ra_tmp_g(e);
        d = ra_def_g(e, u->dst);
        asm_movzx_rm(&e->a, 0, d, asm_cpu(off));
        for (unsigned k = 1; k < 4; k++) {
            asm_movzx_rm(&e->a, 0, t, asm_cpu(off + k));
            asm_alu_rr(&e->a, ALU_ADD, 2, d, d);
            asm_alu_rr(&e->a, ALU_OR, 2, d, t);
        }
        asm_shift_ri(&e->a, SHIFT_SHL, 2, d, 28);
    }
    ra_set_upper_zero(e, u->dst);
    return true;
}

static void cold_settle(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    asm_call(&e->a, emit_stub(e, STUB_SETTLE));
    asm_jmp(&e->a, p->back);
}

void emit_settle_flags(Emit *e, uint32_t off)
{
    asm_alu_mi(&e->a, ALU_CMP, 0, asm_cpu(off), CPU_FLAGS_MADE);
    ColdPiece *p = emit_cold(e, cold_settle, asm_jcc32(&e->a, CC_AE));
    p->back = e->a.p;
}

bool emit_getflags(Emit *e, const Uop *u)
{
    ValState *d = emit_val(e, u->dst);

    if (!e->quick) {
        emit_clobber_flags(e);
        emit_settle_flags(e, (uint32_t)u->imm);
    }
    d->kind = VK_MEM;
    d->off = (uint32_t)u->imm;
    ra_note_home(e, u->dst, d->off);
    return true;
}

/* Stores what the flags are made of (CpuFlags). */
static void put_made_of(Emit *e, const Uop *u)
{
    const Uop *flags = &e->ub->uops[emit_val(e, u->a)->def], *result = emit_result_beside(e, flags);
    Val a = result ? result->dst : flags->a, b = flags->b;
    bool logic = flags->sub == UOP_FLAGS_LOGIC, wide = flags->type == T_I64;
    uint64_t imm = logic ? 0 : (uint64_t)(int64_t)flags->imm;
    uint32_t of = CPU_FLAGS_MADE | (wide ? CPU_FLAGS_64 : 0) | (result ? CPU_FLAGS_RESULT : 0) |
                  (logic || flags->sub == UOP_FLAGS_ADD ? CPU_FLAGS_ADD : 0);

    if (logic || b == VAL_NONE || emit_is_const(e, b, &imm)) {
        imm = wide ? imm : (uint64_t)(int64_t)(int32_t)imm;
        b = (int64_t)imm == (int32_t)imm ? VAL_NONE : b;
    }
    if (b != VAL_NONE) {
        asm_mov_mr(&e->a, 3, asm_cpu(OFF(flags_b)), ra_use_g(e, b));
    } else if (imm + (1u << 23) < 1u << 24) {
        of |= CPU_FLAGS_IMM | (uint32_t)imm << 8;
    } else {
        asm_mov_mi(&e->a, 3, asm_cpu(OFF(flags_b)), (int32_t)imm);
    }
    if (emit_val(e, u->a)->need & EMIT_HAS_A)
        a = VAL_NONE;
    else if (emit_is_const(e, a, &imm) && (int64_t)imm == (int32_t)imm)
        asm_mov_mi(&e->a, 3, asm_cpu(OFF(flags_a)), (int32_t)imm);
    else
        asm_mov_mr(&e->a, 3, asm_cpu(OFF(flags_a)), ra_use_g(e, a));
    asm_mov_mi(&e->a, 2, asm_cpu((uint32_t)u->imm), (int32_t)of);
    ra_kill_operand(e, a);
    if (flags->b != a)
        ra_kill_operand(e, flags->b);
}

bool emit_putflags(Emit *e, const Uop *u)
{
    ValState *s = emit_val(e, u->a);
    uint32_t off = (uint32_t)u->imm;

    ra_overwrite(e, off, 4);
    if ((u->flags & UOPF_UNSEEN) && (s->need & EMIT_NEED_MADE)) {
        put_made_of(e, u);
        return true;
    }
    if (s->kind == VK_FLAGS && e->fl.val == u->a) {
        store_flags(e, off);
        return true;
    }
    if (s->kind == VK_CONST) {
        unsigned f = (unsigned)s->imm;
        asm_mov_mi(
            &e->a, 2, asm_cpu(off),
            (int32_t)((f >> 3 & 1) | (f >> 2 & 1) << 8 | (f >> 1 & 1) << 16 | (f & 1) << 24));
        return true;
    }
    if (s->off != off) {
        unsigned t = ra_tmp_g(e);
        asm_mov_rm(&e->a, 2, t, asm_cpu(s->off));
        asm_mov_mr(&e->a, 2, asm_cpu(off), t);
    }
    return true;
}
