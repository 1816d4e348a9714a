/* emit_int.c - integer arithmetic and logic, comparison and selection of scalars. */
#include "jit/template/x86_64/emit_ops.h"

static unsigned size_of(const Uop *u)
{
    return u->type == T_I64 ? 3 : 2;
}

/* An immediate that an ALU instruction of this size takes. */
static bool fits(unsigned size, uint64_t imm)
{
    return size == 2 || (int64_t)imm == (int32_t)imm;
}

/* The second operand as an immediate: from the field or a constant that fits. */
static bool imm_operand(const Emit *e, const Uop *u, unsigned size, int32_t *imm)
{
    uint64_t v = (uint64_t)(int64_t)u->imm;

    if (u->b != VAL_NONE && !emit_is_const(e, u->b, &v))
        return false;
    *imm = (int32_t)v;
    return fits(size, v);
}

static void copy(Emit *e, unsigned size, unsigned d, unsigned s)
{
    if (d != s)
        asm_mov_rr(&e->a, size, d, s);
}

/* The flags of the same operation on the same operands, if they are made next. */
static Val fused_flags(Emit *e, const Uop *u, UopFlagsKind kind)
{
    const Uop *end = e->ub->uops + e->ub->count;

    for (const Uop *n = u + 1; n < end && n < u + 3; n++) {
        if (n->op == UOP_FLAGS && n->sub == kind && n->type == u->type && n->a == u->a &&
            n->b == u->b && n->c == u->c && (u->b != VAL_NONE || n->imm == u->imm))
            return emit_ahead(e, n) ? n->dst : VAL_NONE;
        if (n->op != UOP_ZEXT && n->op != UOP_PUT)
            break;
    }
    return VAL_NONE;
}

static void result_zero(Emit *e, Val v, unsigned size, bool sub_like)
{
    e->fl.zero_of = v;
    e->fl.zero_size = (uint8_t)size;
    e->fl.sub_like = sub_like;
}

static void upper_zero(Emit *e, const Uop *u)
{
    if (u->type == T_I32)
        ra_set_upper_zero(e, u->dst);
}

/* d = a op b in two-operand form. EFLAGS were given up before. */
static void binary(Emit *e, const Uop *u, AsmAlu op, bool commutes)
{
    unsigned size = size_of(u), a, b, d;
    int32_t imm;
    AsmMem m;

    if (imm_operand(e, u, size, &imm)) {
        a = ra_use_g(e, u->a);
        d = ra_def_g_over(e, u->dst);
        copy(e, size, d, a);
        if (op == ALU_XOR && imm == -1) {
            asm_unary(&e->a, UNARY_NOT, size, d);
            upper_zero(e, u);
            return;
        }
        asm_alu_ri(&e->a, op, op == ALU_AND && imm >= 0 ? 2 : size, d, imm);
    } else if (ra_mem(e, u->b, &m)) {
        a = ra_use_g(e, u->a);
        d = ra_def_g_over(e, u->dst);
        copy(e, size, d, a);
        asm_alu_rm(&e->a, op, size, d, m);
    } else if (commutes && ra_mem(e, u->a, &m)) {
        b = ra_use_g(e, u->b);
        d = ra_def_g_over(e, u->dst);
        copy(e, size, d, b);
        asm_alu_rm(&e->a, op, size, d, m);
    } else {
        a = ra_use_g(e, u->a);
        b = ra_use_g(e, u->b);
        d = ra_def_g_over(e, u->dst);
        if (d == b && a != b && !commutes) {
            unsigned t = ra_tmp_g(e);
            asm_mov_rr(&e->a, size, t, a);
            asm_alu_rr(&e->a, op, size, t, b);
            asm_mov_rr(&e->a, size, d, t);
        } else if (d == b) {
            asm_alu_rr(&e->a, op, size, d, a);
        } else {
            copy(e, size, d, a);
            asm_alu_rr(&e->a, op, size, d, b);
        }
    }
    upper_zero(e, u);
    result_zero(e, u->dst, size, op == ALU_ADD || op == ALU_SUB);
}

/* ---- addition, subtraction ------------------------------------------------------------------- */

/* The shift that stands right before and is used here only: base + (index << n) is one lea. NULL:
 * there's none. */
static const Uop *folded_shift(const Emit *e, const Uop *u)
{
    return u->b != VAL_NONE && e->vals[u->b].flags & VF_FOLDED ? u - 1 : NULL;
}

/* Sums without flags: lea where that saves a move or EFLAGS. */
static void sum(Emit *e, const Uop *u)
{
    unsigned size = size_of(u), a, d;
    int32_t imm;
    const Uop *shift = folded_shift(e, u);

    if (shift) {
        a = ra_use_g(e, u->a);
        unsigned index = ra_use_g(e, shift->a);
        d = ra_def_g_over(e, u->dst);
        asm_lea(&e->a, size, d, asm_mem_sib(a, index, (unsigned)shift->imm, 0));
        if (emit_dies(e, shift->a))
            ra_kill(e, shift->a);
        upper_zero(e, u);
        return;
    }
    if (imm_operand(e, u, size, &imm)) {
        if (u->op == UOP_SUB) {
            if (imm == INT32_MIN && size == 3) {
                emit_clobber_flags(e);
                binary(e, u, ALU_SUB, false);
                return;
            }
            imm = (int32_t) - (uint32_t)imm;
        }
        a = ra_use_g(e, u->a);
        d = ra_def_g_over(e, u->dst);
        if (d == a && e->fl.val == VAL_NONE) {
            emit_clobber_flags(e);
            asm_alu_ri(&e->a, ALU_ADD, size, d, imm);
            result_zero(e, u->dst, size, true);
        } else {
            asm_lea(&e->a, size, d, asm_mem(a, imm));
        }
        upper_zero(e, u);
        return;
    }
    AsmMem m;
    if (u->op == UOP_SUB || ra_mem(e, u->b, &m) || ra_mem(e, u->a, &m)) {
        emit_clobber_flags(e);
        binary(e, u, u->op == UOP_SUB ? ALU_SUB : ALU_ADD, u->op == UOP_ADD);
        return;
    }
    a = ra_use_g(e, u->a);
    unsigned b = ra_use_g(e, u->b);
    d = ra_def_g_over(e, u->dst);
    if ((d == a || d == b) && e->fl.val == VAL_NONE) {
        emit_clobber_flags(e);
        asm_alu_rr(&e->a, ALU_ADD, size, d, d == a ? b : a);
        result_zero(e, u->dst, size, true);
    } else {
        asm_lea(&e->a, size, d, asm_mem_sib(a, b, 0, 0));
    }
    upper_zero(e, u);
}

/* The result and its flags by one instruction: u is ADD, SUB or ADC. */
static void with_flags(Emit *e, const Uop *u, Val flags)
{
    if (u->op == UOP_ADC) {
        unsigned size = size_of(u), a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);
        emit_carry_in(e, u->c, false);
        unsigned d = ra_def_g_over(e, u->dst);
        if (d == b) {
            asm_alu_rr(&e->a, ALU_ADC, size, d, a);
        } else {
            copy(e, size, d, a);
            asm_alu_rr(&e->a, ALU_ADC, size, d, b);
        }
        upper_zero(e, u);
    } else {
        emit_clobber_flags(e);
        binary(e, u, u->op == UOP_SUB ? ALU_SUB : ALU_ADD, u->op == UOP_ADD);
    }
    if (flags != VAL_NONE)
        emit_flags_made(e, flags, u->op == UOP_SUB ? FL_SUB : FL_ADD, 0);
}

/* Made ahead, together with its flags. */
static bool is_made(const Emit *e, const Uop *u)
{
    return emit_val(e, u->dst)->kind != VK_NONE;
}

bool emit_flags_with_result(Emit *e, const Uop *u)
{
    static const uint8_t op_of[] = {
        [UOP_FLAGS_ADD] = UOP_ADD, [UOP_FLAGS_SUB] = UOP_SUB, [UOP_FLAGS_ADC] = UOP_ADC};
    const Uop *n = u + 1;

    if (u->sub > UOP_FLAGS_ADC || n->op != op_of[u->sub] || n->type != u->type || n->a != u->a ||
        n->b != u->b || (u->sub == UOP_FLAGS_ADC && n->c != u->c) ||
        (u->b == VAL_NONE && n->imm != u->imm) || !emit_ahead(e, n))
        return false;
    /* As the next micro-op: that is where operands die. */
    e->i++;
    e->u = n;
    with_flags(e, n, u->dst);
    e->i--;
    e->u = u;
    return true;
}

bool emit_add(Emit *e, const Uop *u)
{
    Val flags = fused_flags(e, u, UOP_FLAGS_ADD);

    if (is_made(e, u))
        return true;
    if (flags == VAL_NONE)
        sum(e, u);
    else
        with_flags(e, u, flags);
    return true;
}

bool emit_sub(Emit *e, const Uop *u)
{
    Val flags = fused_flags(e, u, UOP_FLAGS_SUB);

    if (is_made(e, u))
        return true;
    if (flags == VAL_NONE)
        sum(e, u);
    else
        with_flags(e, u, flags);
    return true;
}

bool emit_adc(Emit *e, const Uop *u)
{
    if (!is_made(e, u))
        with_flags(e, u, fused_flags(e, u, UOP_FLAGS_ADC));
    return true;
}

/* ---- logic ----------------------------------------------------------------------------------- */

bool emit_logic(Emit *e, const Uop *u)
{
    uint64_t imm;

    if (u->op == UOP_AND && u->type == T_I64 && u->b != VAL_NONE && emit_is_const(e, u->b, &imm) &&
        imm == 0xffffffffu) {
        unsigned a = ra_use_g(e, u->a), d = ra_def_g_over(e, u->dst);
        asm_mov_rr(&e->a, 2, d, a);
        return true;
    }
    /* tst: the result is wanted for its flags alone. */
    if (u->op == UOP_AND && emit_dies_next(e, u->dst) && u[1].op == UOP_FLAGS &&
        u[1].sub == UOP_FLAGS_LOGIC && u[1].a == u->dst && u[1].type == u->type) {
        int32_t mask;
        emit_ahead(e, &u[1]);
        if (imm_operand(e, u, size_of(u), &mask)) {
            unsigned a = ra_use_g(e, u->a);
            emit_clobber_flags(e);
            asm_test_ri(&e->a, size_of(u), a, mask);
        } else {
            unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);
            emit_clobber_flags(e);
            asm_test_rr(&e->a, size_of(u), a, b);
        }
        emit_flags_made(e, u[1].dst, FL_ADD, 0);
        return true;
    }
    emit_clobber_flags(e);
    binary(e, u, u->op == UOP_AND ? ALU_AND : u->op == UOP_OR ? ALU_OR : ALU_XOR, true);
    return true;
}

bool emit_andn(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);
    int32_t imm;

    emit_clobber_flags(e);
    if (imm_operand(e, u, size, &imm)) {
        Uop v = *u;
        v.b = VAL_NONE;
        v.imm = ~imm;
        binary(e, &v, ALU_AND, true);
        return true;
    }
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);
    if (asm_has(&e->a, JIT_HOST_BMI1)) {
        asm_andn(&e->a, size, ra_def_g_over(e, u->dst), b, a);
    } else {
        unsigned d = ra_def_g(e, u->dst);
        asm_mov_rr(&e->a, size, d, b);
        asm_unary(&e->a, UNARY_NOT, size, d);
        asm_alu_rr(&e->a, ALU_AND, size, d, a);
    }
    upper_zero(e, u);
    result_zero(e, u->dst, size, false);
    return true;
}

bool emit_not_neg(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    if (u->op == UOP_NEG)
        emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), d = ra_def_g_over(e, u->dst);
    copy(e, size, d, a);
    asm_unary(&e->a, u->op == UOP_NEG ? UNARY_NEG : UNARY_NOT, size, d);
    upper_zero(e, u);
    return true;
}

/* ---- multiplication, division ---------------------------------------------------------------- */

/* rdx, which is a pinned register, takes one factor for mulx; the other is returned. *save is where
 * rdx waits, or HR_RDX if it holds the factor anyway. */
static unsigned factors(Emit *e, unsigned a, unsigned b, unsigned *save)
{
    *save = HR_RDX;
    if (a == HR_RDX)
        return b;
    if (b == HR_RDX)
        return a;
    *save = ra_tmp_g(e);
    asm_mov_rr(&e->a, 3, *save, HR_RDX);
    asm_mov_rr(&e->a, 3, HR_RDX, a);
    return b;
}

static bool mulhu_by_mulx(Emit *e, const Uop *u)
{
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), save, other = factors(e, a, b, &save);
    unsigned d = ra_def_g_over(e, u->dst);

    asm_mulx(&e->a, 3, d, d, other);
    if (save != HR_RDX && d != HR_RDX)
        asm_mov_rr(&e->a, 3, HR_RDX, save);
    return true;
}

/* Both halves of a product whose micro-ops stand side by side. False if there are too few
 * registers. */
static bool both_halves(Emit *e, const Uop *u)
{
    const Uop *n = u + 1;

    if (u->type != T_I64 || u->b == VAL_NONE || n->op != UOP_MULHU || n->a != u->a ||
        n->b != u->b || !asm_has(&e->a, JIT_HOST_BMI2))
        return false;
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);
    unsigned left = (unsigned)__builtin_popcount(e->scratch_g & ~e->lock_g);
    if (left < 3 || !emit_ahead(e, n))
        return false;
    unsigned save, other = factors(e, a, b, &save);
    e->i++; /* where the factors die */
    e->u = n;
    unsigned lo = ra_def_g(e, u->dst), hi = ra_def_g(e, n->dst);
    e->i--;
    e->u = u;
    asm_mulx(&e->a, 3, hi, lo, other);
    if (save != HR_RDX && lo != HR_RDX && hi != HR_RDX)
        asm_mov_rr(&e->a, 3, HR_RDX, save);
    return true;
}

bool emit_mul(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);
    int32_t imm;
    AsmMem m;

    if (both_halves(e, u))
        return true;
    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), d;
    if (imm_operand(e, u, size, &imm)) {
        d = ra_def_g_over(e, u->dst);
        asm_imul_rri(&e->a, size, d, a, imm);
    } else if (ra_mem(e, u->b, &m)) {
        d = ra_def_g_over(e, u->dst);
        copy(e, size, d, a);
        asm_imul_rm(&e->a, size, d, m);
    } else {
        unsigned b = ra_use_g(e, u->b);
        d = ra_def_g_over(e, u->dst);
        if (d == b) {
            asm_imul_rr(&e->a, size, d, a);
        } else {
            copy(e, size, d, a);
            asm_imul_rr(&e->a, size, d, b);
        }
    }
    upper_zero(e, u);
    return true;
}

/* High products: rdx:rax; rdx is a pinned register and comes back. */
bool emit_mulh(Emit *e, const Uop *u)
{
    if (is_made(e, u))
        return true;
    if (u->op == UOP_MULHU && asm_has(&e->a, JIT_HOST_BMI2))
        return mulhu_by_mulx(e, u);
    emit_clobber_flags(e);
    ra_tmp_g_fixed(e, HR_RAX);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);
    ValState *s = emit_val(e, u->dst);
    bool to_rdx = s->hint == HR_RDX + 1 && e->head_g[HR_RDX] == VAL_NONE;
    unsigned t = 0;

    if (!to_rdx) {
        t = ra_tmp_g(e);
        asm_mov_rr(&e->a, 3, t, HR_RDX);
    }
    asm_mov_rr(&e->a, 3, HR_RAX, a);
    asm_unary(&e->a, u->op == UOP_MULHU ? UNARY_MUL : UNARY_IMUL, 3, b);
    if (to_rdx) {
        ra_def_at(e, u->dst, VK_GPR, HR_RDX);
        return true;
    }
    asm_mov_rr(&e->a, 3, HR_RAX, HR_RDX);
    asm_mov_rr(&e->a, 3, HR_RDX, t);
    if (s->hint) {
        unsigned d = ra_def_g_over(e, u->dst);
        copy(e, 3, d, HR_RAX);
    } else {
        e->tmp_g &= ~(1u << HR_RAX);
        ra_def_at(e, u->dst, VK_GPR, HR_RAX);
    }
    return true;
}

/* b is 0, or -1 (signed): opnd 1 the register of b, imm the size, arg: 1 signed, 2 zero gives all
 * ones, 4 remainder. rax is the dividend; the result is expected in rax (quotient) or rdx
 * (remainder). */
static void cold_div(Emit *e, const ColdPiece *p)
{
    unsigned size = p->imm, b = p->opnd[1].reg;
    uint8_t *minus = NULL;

    asm_patch32(p->from, e->a.p);
    if (p->arg & 1) {
        asm_test_rr(&e->a, size, b, b);
        minus = asm_jcc8(&e->a, CC_NE);
    }
    if (p->arg & 4)
        asm_mov_rr(&e->a, size, HR_RDX, HR_RAX);
    else
        asm_mov_ri(&e->a, HR_RAX, p->arg & 2 ? (size == 3 ? UINT64_MAX : UINT32_MAX) : 0);
    asm_jmp(&e->a, p->back);
    if (minus) {
        asm_patch8(&e->a, minus);
        if (p->arg & 4)
            asm_mov_ri(&e->a, HR_RDX, 0);
        else
            asm_unary(&e->a, UNARY_NEG, size, HR_RAX);
        asm_jmp(&e->a, p->back);
    }
}

bool emit_div(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);
    bool is_signed = u->op == UOP_SDIV || u->op == UOP_SREM,
         rem = u->op == UOP_UREM || u->op == UOP_SREM;

    emit_clobber_flags(e);
    ra_tmp_g_fixed(e, HR_RAX);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), t = ra_tmp_g(e);
    asm_mov_rr(&e->a, 3, t, HR_RDX);
    asm_mov_rr(&e->a, size, HR_RAX, a);
    if (b == HR_RDX)
        b = t;
    uint8_t *from;
    if (is_signed) {
        asm_lea(&e->a, size, HR_RDX, asm_mem(b, 1));
        asm_alu_ri(&e->a, ALU_CMP, size, HR_RDX, 1);
        from = asm_jcc32(&e->a, CC_BE);
        asm_cqo(&e->a, size);
        asm_unary(&e->a, UNARY_IDIV, size, b);
    } else {
        asm_test_rr(&e->a, size, b, b);
        from = asm_jcc32(&e->a, CC_E);
        asm_mov_ri(&e->a, HR_RDX, 0);
        asm_unary(&e->a, UNARY_DIV, size, b);
    }
    ColdPiece *p = emit_cold(e, cold_div, from);
    p->back = e->a.p;
    p->imm = size;
    p->arg = (is_signed ? 1u : 0) | (!rem && u->sub == UOP_DIV_ZERO_GIVES_ONES ? 2u : 0) |
             (rem ? 4u : 0);
    p->opnd[1].reg = (uint8_t)b;
    if (rem)
        asm_mov_rr(&e->a, size, HR_RAX, HR_RDX);
    asm_mov_rr(&e->a, 3, HR_RDX, t);
    if (emit_val(e, u->dst)->hint) {
        unsigned d = ra_def_g_over(e, u->dst);
        copy(e, size, d, HR_RAX);
    } else {
        e->tmp_g &= ~(1u << HR_RAX);
        ra_def_at(e, u->dst, VK_GPR, HR_RAX);
    }
    upper_zero(e, u);
    return true;
}

/* ---- comparison, selection ------------------------------------------------------------------- */

static unsigned cc_of(unsigned cond)
{
    switch (cond) {
    case UOP_EQ: return CC_E;
    case UOP_NE: return CC_NE;
    case UOP_UGE: return CC_AE;
    case UOP_ULT: return CC_B;
    case UOP_UGT: return CC_A;
    case UOP_ULE: return CC_BE;
    case UOP_SGE: return CC_GE;
    case UOP_SLT: return CC_L;
    case UOP_SGT: return CC_G;
    case UOP_SLE: return CC_LE;
    case UOP_TST: return CC_NE;
    default: return CC_E; /* NTST */
    }
}

/* test; the condition for "not zero" */
static unsigned test_bits(Emit *e, const Uop *u, unsigned size)
{
    uint64_t bits = (uint64_t)(int64_t)u->imm;
    bool is_const = u->b == VAL_NONE || emit_is_const(e, u->b, &bits);

    if (is_const && !fits(size, bits) && !(bits & (bits - 1))) {
        unsigned a = ra_use_g(e, u->a);
        emit_clobber_flags(e);
        asm_bt_ri(&e->a, 3, a, (unsigned)__builtin_ctzll(bits));
        return CC_B;
    }
    if (is_const && fits(size, bits)) {
        unsigned a = ra_use_g(e, u->a);
        emit_clobber_flags(e);
        if (size == 2 && (uint32_t)bits == 0x80000000u) {
            asm_test_rr(&e->a, 2, a, a);
            return CC_S;
        }
        asm_test_ri(&e->a, size, a, (int32_t)bits);
        return CC_NE;
    }
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);
    emit_clobber_flags(e);
    asm_test_rr(&e->a, size, a, b);
    return CC_NE;
}

bool emit_icmp(Emit *e, const Uop *u)
{
    unsigned size = size_of(u), cc = cc_of(u->sub), a;
    int32_t imm;
    AsmMem m;

    if (u->sub == UOP_TST || u->sub == UOP_NTST) {
        cc = test_bits(e, u, size) ^ (u->sub == UOP_NTST);
        emit_flags_made(e, u->dst, FL_BOOL, cc);
        return true;
    }
    bool has_imm = imm_operand(e, u, size, &imm);
    if (has_imm && imm == 0 && (cc == CC_E || cc == CC_NE) && e->fl.zero_of == u->a &&
        e->fl.zero_size == size) {
        emit_flags_made(e, u->dst, FL_BOOL, cc);
        return true;
    }
    if (has_imm) {
        if (ra_mem(e, u->a, &m)) {
            emit_clobber_flags(e);
            asm_alu_mi(&e->a, ALU_CMP, size, m, imm);
        } else {
            a = ra_use_g(e, u->a);
            emit_clobber_flags(e);
            if (imm == 0)
                asm_test_rr(&e->a, size, a, a);
            else
                asm_alu_ri(&e->a, ALU_CMP, size, a, imm);
        }
    } else {
        a = ra_use_g(e, u->a);
        if (ra_mem(e, u->b, &m)) {
            emit_clobber_flags(e);
            asm_alu_rm(&e->a, ALU_CMP, size, a, m);
        } else {
            unsigned b = ra_use_g(e, u->b);
            emit_clobber_flags(e);
            asm_alu_rr(&e->a, ALU_CMP, size, a, b);
        }
    }
    emit_flags_made(e, u->dst, FL_BOOL, cc);
    return true;
}

/* Vector class: a branch around the second move. */
static bool select_x(Emit *e, const Uop *u)
{
    unsigned x = ra_use_x(e, u->b), y = ra_use_x(e, u->c), d = ra_def_x(e, u->dst);
    Cond c = emit_bool(e, u->a);

    if (c.kind == COND_NEVER || c.kind == COND_ALWAYS) {
        asm_vmov(&e->a, d, c.kind == COND_ALWAYS ? x : y);
        return true;
    }
    /* d = first; where the conditions that keep it fail, the other. */
    if (c.kind == COND_OR_P) {
        asm_vmov(&e->a, d, x);
        uint8_t *keep1 = asm_jcc8(&e->a, CC_P), *keep2 = asm_jcc8(&e->a, c.cc);
        asm_vmov(&e->a, d, y);
        asm_patch8(&e->a, keep1);
        asm_patch8(&e->a, keep2);
    } else {
        asm_vmov(&e->a, d, y);
        uint8_t *keep1 = asm_jcc8(&e->a, c.cc ^ 1),
                *keep2 = c.kind == COND_AND_NP ? asm_jcc8(&e->a, CC_P) : NULL;
        asm_vmov(&e->a, d, x);
        asm_patch8(&e->a, keep1);
        if (keep2)
            asm_patch8(&e->a, keep2);
    }
    return true;
}

bool emit_select(Emit *e, const Uop *u)
{
    unsigned size = size_of(u);

    if (!uop_is_int(u->type))
        return select_x(e, u);
    unsigned x = ra_use_g(e, u->b), y = ra_use_g(e, u->c);
    if (emit_val(e, u->a)->kind == VK_GPR)
        ra_use_g(e, u->a);
    Cond c = emit_bool(e, u->a);
    if (c.kind == COND_NEVER || c.kind == COND_ALWAYS) {
        unsigned d = ra_def_g_over(e, u->dst);
        asm_mov_rr(&e->a, size, d, c.kind == COND_ALWAYS ? x : y);
    } else if (c.kind == COND_CC) {
        unsigned d = ra_def_g_over(e, u->dst);
        if (d == x) {
            asm_cmov_rr(&e->a, c.cc ^ 1, size, d, y);
        } else {
            copy(e, size, d, y);
            asm_cmov_rr(&e->a, c.cc, size, d, x);
        }
    } else {
        unsigned d = ra_def_g(e, u->dst), first = c.kind == COND_OR_P ? y : x,
                 other = c.kind == COND_OR_P ? x : y;
        asm_mov_rr(&e->a, size, d, first);
        asm_cmov_rr(&e->a, c.kind == COND_OR_P ? c.cc : c.cc ^ 1, size, d, other);
        asm_cmov_rr(&e->a, CC_P, size, d, other);
    }
    /* A 32-bit cmov clears the upper half whether it moves or not; the plain copy alone (d == y,
     * nothing moved) does not happen without it. */
    upper_zero(e, u);
    return true;
}

bool emit_minmax(Emit *e, const Uop *u)
{
    static const uint8_t cc[2][2] = {{CC_A, CC_B},
                                     {CC_G, CC_L}}; /* [signed][max]: when b replaces a */
    unsigned size = size_of(u), a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);

    emit_clobber_flags(e);
    unsigned d = ra_def_g(e, u->dst);
    asm_alu_rr(&e->a, ALU_CMP, size, a, b);
    asm_mov_rr(&e->a, size, d, a);
    asm_cmov_rr(&e->a, cc[u->sub & UOP_SIGNED][u->op == UOP_MAX], size, d, b);
    upper_zero(e, u);
    return true;
}
