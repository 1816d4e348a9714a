/*
 * trans_alu.c - integer data processing: add, subtract, logic, moves, bit fields, shifts,
 * conditional operations, multiply, divide, CRC (C4.1.92 and C4.1.95 of the Arm ARM).
 */
#include "frontend/aarch64/bits.h"
#include "frontend/aarch64/ctx.h"

/* ---- addresses ------------------------------------------------------------------------------- */

void trans_ADR(A64Ctx *ctx, const A64Args *a)
{
    uint64_t offset = (uint64_t)((int64_t)a->immhi * 4 + a->immlo);
    a64_set_x(ctx, a->rd, uop_addr(ctx->b, ctx->pc + offset));
}

void trans_ADRP(A64Ctx *ctx, const A64Args *a)
{
    uint64_t pages = (uint64_t)((int64_t)a->immhi * 4 + a->immlo);
    a64_set_x(ctx, a->rd, uop_addr(ctx->b, (ctx->pc & ~UINT64_C(0xfff)) + (pages << 12)));
}

/* ---- add and subtract: immediate; the shift is 0 or 12 --------------------------------------- */

static void add_imm(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    Val x = a64_rsp(ctx, a->sf, a->rn);
    a64_set_rsp(ctx, a->sf, a->rd, uop_bini(ctx->b, op, a64_type(a->sf), x, a->imm << 12 * a->sh));
}

static void adds_imm(A64Ctx *ctx, const A64Args *a, UopOp op, UopFlagsKind kind)
{
    int32_t imm = a->imm << 12 * a->sh;
    uint8_t type = a64_type(a->sf);
    Val x = a64_rsp(ctx, a->sf, a->rn);
    Val flags = uop_flagsi(ctx->b, type, kind, x, imm);
    if (a->rd != 31) {
        a64_set_r(ctx, a->sf, a->rd, uop_bini(ctx->b, op, type, x, imm));
    }
    a64_set_flags(ctx, flags);
}

void trans_ADD_imm(A64Ctx *ctx, const A64Args *a)
{
    add_imm(ctx, a, UOP_ADD);
}
void trans_SUB_imm(A64Ctx *ctx, const A64Args *a)
{
    add_imm(ctx, a, UOP_SUB);
}
void trans_ADDS_imm(A64Ctx *ctx, const A64Args *a)
{
    adds_imm(ctx, a, UOP_ADD, UOP_FLAGS_ADD);
}
void trans_SUBS_imm(A64Ctx *ctx, const A64Args *a)
{
    adds_imm(ctx, a, UOP_SUB, UOP_FLAGS_SUB);
}

/* ---- add and subtract: registers ------------------------------------------------------------- */

/* ShiftReg: rm shifted by a constant. */
static Val shifted(A64Ctx *ctx, const A64Args *a)
{
    static const uint8_t op[] = {UOP_SHL, UOP_LSR, UOP_ASR, UOP_ROR};
    Val v = a64_r(ctx, a->sf, a->rm);
    return a->amount ? uop_bini(ctx->b, (UopOp)op[a->type], a64_type(a->sf), v, a->amount) : v;
}

/* ExtendReg: the low 1, 2, 4 or 8 bytes of rm zero- or sign-extended, then shifted left. */
static Val extended(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_type(a->sf);
    unsigned size = (unsigned)a->option & 3;
    Val v = a64_r(ctx, size == 3 && a->sf, a->rm);
    if (size < (a->sf ? 3u : 2u)) {
        v = a->option & 4 ? uop_sext(ctx->b, type, size, v) : uop_zext(ctx->b, type, size, v);
    }
    return a->amount ? uop_bini(ctx->b, UOP_SHL, type, v, a->amount) : v;
}

static void adds(A64Ctx *ctx, const A64Args *a, UopOp op, UopFlagsKind kind, Val x, Val y)
{
    uint8_t type = a64_type(a->sf);
    Val flags = uop_flags(ctx->b, type, kind, x, y, VAL_NONE);
    if (a->rd != 31) {
        a64_set_r(ctx, a->sf, a->rd, uop_bin(ctx->b, op, type, x, y));
    }
    a64_set_flags(ctx, flags);
}

static void add_shift(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    Val x = a64_r(ctx, a->sf, a->rn);
    a64_set_r(ctx, a->sf, a->rd, uop_bin(ctx->b, op, a64_type(a->sf), x, shifted(ctx, a)));
}

static void add_ext(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    Val x = a64_rsp(ctx, a->sf, a->rn);
    a64_set_rsp(ctx, a->sf, a->rd, uop_bin(ctx->b, op, a64_type(a->sf), x, extended(ctx, a)));
}

static void adds_shift(A64Ctx *ctx, const A64Args *a, UopOp op, UopFlagsKind kind)
{
    Val x = a64_r(ctx, a->sf, a->rn);
    adds(ctx, a, op, kind, x, shifted(ctx, a));
}

static void adds_ext(A64Ctx *ctx, const A64Args *a, UopOp op, UopFlagsKind kind)
{
    Val x = a64_rsp(ctx, a->sf, a->rn);
    adds(ctx, a, op, kind, x, extended(ctx, a));
}

void trans_ADD_shift(A64Ctx *ctx, const A64Args *a)
{
    add_shift(ctx, a, UOP_ADD);
}
void trans_SUB_shift(A64Ctx *ctx, const A64Args *a)
{
    add_shift(ctx, a, UOP_SUB);
}
void trans_ADDS_shift(A64Ctx *ctx, const A64Args *a)
{
    adds_shift(ctx, a, UOP_ADD, UOP_FLAGS_ADD);
}
void trans_SUBS_shift(A64Ctx *ctx, const A64Args *a)
{
    adds_shift(ctx, a, UOP_SUB, UOP_FLAGS_SUB);
}
void trans_ADD_ext(A64Ctx *ctx, const A64Args *a)
{
    add_ext(ctx, a, UOP_ADD);
}
void trans_SUB_ext(A64Ctx *ctx, const A64Args *a)
{
    add_ext(ctx, a, UOP_SUB);
}
void trans_ADDS_ext(A64Ctx *ctx, const A64Args *a)
{
    adds_ext(ctx, a, UOP_ADD, UOP_FLAGS_ADD);
}
void trans_SUBS_ext(A64Ctx *ctx, const A64Args *a)
{
    adds_ext(ctx, a, UOP_SUB, UOP_FLAGS_SUB);
}

/* With carry. Subtraction is x + ~y + C: C is "no borrow". */
static void adc(A64Ctx *ctx, const A64Args *a, bool sub, bool set_flags)
{
    uint8_t type = a64_type(a->sf);
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    Val carry = uop_test(ctx->b, UOP_CS, a64_flags(ctx));
    if (sub) {
        y = uop_un(ctx->b, UOP_NOT, type, y);
    }
    Val flags = set_flags ? uop_flags(ctx->b, type, UOP_FLAGS_ADC, x, y, carry) : VAL_NONE;
    a64_set_r(ctx, a->sf, a->rd, uop_tern(ctx->b, UOP_ADC, type, x, y, carry));
    if (set_flags) {
        a64_set_flags(ctx, flags);
    }
}

void trans_ADC(A64Ctx *ctx, const A64Args *a)
{
    adc(ctx, a, false, false);
}
void trans_ADCS(A64Ctx *ctx, const A64Args *a)
{
    adc(ctx, a, false, true);
}
void trans_SBC(A64Ctx *ctx, const A64Args *a)
{
    adc(ctx, a, true, false);
}
void trans_SBCS(A64Ctx *ctx, const A64Args *a)
{
    adc(ctx, a, true, true);
}

/* ---- logic ----------------------------------------------------------------------------------- */

static Val logic_imm(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    uint64_t mask = a64_bitmask(a->n, a->imms, a->immr);
    int64_t imm = a->sf ? (int64_t)mask : (int32_t)mask;
    return uop_bini(ctx->b, op, a64_type(a->sf), a64_r(ctx, a->sf, a->rn), imm);
}

static void set_logic_flags(A64Ctx *ctx, const A64Args *a, Val v)
{
    Val flags = uop_flags(ctx->b, a64_type(a->sf), UOP_FLAGS_LOGIC, v, VAL_NONE, VAL_NONE);
    a64_set_r(ctx, a->sf, a->rd, v);
    a64_set_flags(ctx, flags);
}

void trans_AND_imm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_rsp(ctx, a->sf, a->rd, logic_imm(ctx, a, UOP_AND));
}

void trans_ORR_imm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_rsp(ctx, a->sf, a->rd, logic_imm(ctx, a, UOP_OR));
}

void trans_EOR_imm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_rsp(ctx, a->sf, a->rd, logic_imm(ctx, a, UOP_XOR));
}

void trans_ANDS_imm(A64Ctx *ctx, const A64Args *a)
{
    set_logic_flags(ctx, a, logic_imm(ctx, a, UOP_AND));
}

static Val logic_shift(A64Ctx *ctx, const A64Args *a, UopOp op, bool invert)
{
    uint8_t type = a64_type(a->sf);
    Val x = a64_r(ctx, a->sf, a->rn), y = shifted(ctx, a);
    if (op == UOP_AND && invert) {
        return uop_bin(ctx->b, UOP_ANDN, type, x, y);
    }
    return uop_bin(ctx->b, op, type, x, invert ? uop_un(ctx->b, UOP_NOT, type, y) : y);
}

void trans_AND_shift(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->sf, a->rd, logic_shift(ctx, a, UOP_AND, false));
}

void trans_BIC_shift(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->sf, a->rd, logic_shift(ctx, a, UOP_AND, true));
}

void trans_ORR_shift(A64Ctx *ctx, const A64Args *a)
{
    if (a->rn == 31 && a->amount == 0) { /* MOV (register), of which there are many */
        a64_set_r(ctx, a->sf, a->rd, a64_r(ctx, a->sf, a->rm));
        return;
    }
    a64_set_r(ctx, a->sf, a->rd, logic_shift(ctx, a, UOP_OR, false));
}

void trans_ORN_shift(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->sf, a->rd, logic_shift(ctx, a, UOP_OR, true));
}

void trans_EOR_shift(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->sf, a->rd, logic_shift(ctx, a, UOP_XOR, false));
}

void trans_EON_shift(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->sf, a->rd, logic_shift(ctx, a, UOP_XOR, true));
}

void trans_ANDS_shift(A64Ctx *ctx, const A64Args *a)
{
    set_logic_flags(ctx, a, logic_shift(ctx, a, UOP_AND, false));
}

void trans_BICS_shift(A64Ctx *ctx, const A64Args *a)
{
    set_logic_flags(ctx, a, logic_shift(ctx, a, UOP_AND, true));
}

/* ---- move wide ------------------------------------------------------------------------------- */

void trans_MOVZ(A64Ctx *ctx, const A64Args *a)
{
    uint64_t v = (uint64_t)a->imm << 16 * a->hw;
    a64_set_x(ctx, a->rd, uop_const(ctx->b, T_I64, v));
}

void trans_MOVN(A64Ctx *ctx, const A64Args *a)
{
    uint64_t v = ~((uint64_t)a->imm << 16 * a->hw);
    a64_set_x(ctx, a->rd, uop_const(ctx->b, T_I64, a->sf ? v : v & UINT32_MAX));
}

void trans_MOVK(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_type(a->sf);
    Val old = a64_r(ctx, a->sf, a->rd), bits = uop_const(ctx->b, type, (uint64_t)a->imm);
    a64_set_r(ctx, a->sf, a->rd, uop_insert(ctx->b, type, old, bits, (unsigned)a->hw * 16, 16));
}

/* ---- bit fields ------------------------------------------------------------------------------ */

/* Bits lsb .. lsb+width-1 of a register. */
static Val field(A64Ctx *ctx, uint8_t type, Val v, unsigned lsb, unsigned width, bool is_signed)
{
    return uop_field(ctx->b, is_signed ? UOP_SEXTRACT : UOP_EXTRACT, type, v, lsb, width);
}

/* Either bits immr .. imms moved down to 0, or bits 0 .. imms moved up to width - immr. */
static void bitfield(A64Ctx *ctx, const A64Args *a, bool is_signed)
{
    uint8_t type = a64_type(a->sf);
    unsigned r = (unsigned)a->immr, s = (unsigned)a->imms, up = uop_lane_bits(type) - r;
    Val v = a64_r(ctx, a->sf, a->rn);
    if (s >= r) {
        v = field(ctx, type, v, r, s - r + 1, is_signed);
    } else {
        /* What is shifted out at the top needn't be cleared first. */
        v = s + 1 == r ? v : field(ctx, type, v, 0, s + 1, is_signed);
        v = uop_bini(ctx->b, UOP_SHL, type, v, up);
    }
    a64_set_r(ctx, a->sf, a->rd, v);
}

void trans_SBFM(A64Ctx *ctx, const A64Args *a)
{
    bitfield(ctx, a, true);
}
void trans_UBFM(A64Ctx *ctx, const A64Args *a)
{
    bitfield(ctx, a, false);
}

void trans_BFM(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_type(a->sf);
    unsigned r = (unsigned)a->immr, s = (unsigned)a->imms, bits = uop_lane_bits(type);
    Val old = a64_r(ctx, a->sf, a->rd), v = a64_r(ctx, a->sf, a->rn);
    if (s >= r) {
        v = uop_insert(ctx->b, type, old, uop_bini(ctx->b, UOP_LSR, type, v, r), 0, s - r + 1);
    } else {
        v = uop_insert(ctx->b, type, old, v, bits - r, s + 1);
    }
    a64_set_r(ctx, a->sf, a->rd, v);
}

void trans_EXTR(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_type(a->sf);
    Val hi = a64_r(ctx, a->sf, a->rn), lo = a64_r(ctx, a->sf, a->rm), v;
    if (!a->imms) {
        v = lo;
    } else if (a->rn == a->rm) {
        v = uop_bini(ctx->b, UOP_ROR, type, lo, a->imms);
    } else {
        v = uop_emit(ctx->b, UOP_FUNNEL, type, 0, 0, type, hi, lo, VAL_NONE, a->imms);
    }
    a64_set_r(ctx, a->sf, a->rd, v);
}

/* ---- conditional compare and select ---------------------------------------------------------- */

/* Flags of rn - y (or rn + y) if the condition holds, else nzcv. */
static void ccmp(A64Ctx *ctx, const A64Args *a, UopFlagsKind kind, Val y)
{
    Val x = a64_r(ctx, a->sf, a->rn), cond = a64_cond(ctx, a->cond);
    a64_set_flags(ctx, uop_emit(ctx->b, UOP_FLAGSIF, a64_type(a->sf), (uint8_t)kind, 0, T_FLAGS, x,
                                y, cond, a->nzcv));
}

static Val imm_value(A64Ctx *ctx, const A64Args *a)
{
    return uop_const(ctx->b, a64_type(a->sf), (uint64_t)a->imm);
}

void trans_CCMN_reg(A64Ctx *ctx, const A64Args *a)
{
    ccmp(ctx, a, UOP_FLAGS_ADD, a64_r(ctx, a->sf, a->rm));
}

void trans_CCMN_imm(A64Ctx *ctx, const A64Args *a)
{
    ccmp(ctx, a, UOP_FLAGS_ADD, imm_value(ctx, a));
}

void trans_CCMP_reg(A64Ctx *ctx, const A64Args *a)
{
    ccmp(ctx, a, UOP_FLAGS_SUB, a64_r(ctx, a->sf, a->rm));
}

void trans_CCMP_imm(A64Ctx *ctx, const A64Args *a)
{
    ccmp(ctx, a, UOP_FLAGS_SUB, imm_value(ctx, a));
}

void trans_CSEL(A64Ctx *ctx, const A64Args *a)
{
    Val cond = a64_cond(ctx, a->cond);
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    a64_set_r(ctx, a->sf, a->rd, uop_select(ctx->b, a64_type(a->sf), cond, x, y));
}

/* CSET and CSETM: the inverted condition as a number. */
static Val condition_value(A64Ctx *ctx, const A64Args *a)
{
    Val v = a64_cond(ctx, a->cond ^ 1);
    return a->sf ? uop_zext(ctx->b, T_I64, 2, v) : v;
}

void trans_CSINC(A64Ctx *ctx, const A64Args *a)
{
    uint8_t type = a64_type(a->sf);
    if (a->rn == 31 && a->rm == 31 && a->cond < 14) {
        a64_set_r(ctx, a->sf, a->rd, condition_value(ctx, a));
        return;
    }
    Val cond = a64_cond(ctx, a->cond);
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    y = uop_bini(ctx->b, UOP_ADD, type, y, 1);
    a64_set_r(ctx, a->sf, a->rd, uop_select(ctx->b, type, cond, x, y));
}

/* CSINV and CSNEG: op is NOT or NEG. */
static void csel_un(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    uint8_t type = a64_type(a->sf);
    Val cond = a64_cond(ctx, a->cond);
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    a64_set_r(ctx, a->sf, a->rd, uop_select(ctx->b, type, cond, x, uop_un(ctx->b, op, type, y)));
}

void trans_CSINV(A64Ctx *ctx, const A64Args *a)
{
    if (a->rn == 31 && a->rm == 31 && a->cond < 14) {
        Val v = condition_value(ctx, a);
        a64_set_r(ctx, a->sf, a->rd, uop_un(ctx->b, UOP_NEG, a64_type(a->sf), v));
        return;
    }
    csel_un(ctx, a, UOP_NOT);
}

void trans_CSNEG(A64Ctx *ctx, const A64Args *a)
{
    csel_un(ctx, a, UOP_NEG);
}

/* ---- shifts by a register, divide ------------------------------------------------------------ */

static void binary(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    a64_set_r(ctx, a->sf, a->rd, uop_bin(ctx->b, op, a64_type(a->sf), x, y));
}

void trans_LSLV(A64Ctx *ctx, const A64Args *a)
{
    binary(ctx, a, UOP_SHL);
}
void trans_LSRV(A64Ctx *ctx, const A64Args *a)
{
    binary(ctx, a, UOP_LSR);
}
void trans_ASRV(A64Ctx *ctx, const A64Args *a)
{
    binary(ctx, a, UOP_ASR);
}
void trans_RORV(A64Ctx *ctx, const A64Args *a)
{
    binary(ctx, a, UOP_ROR);
}

static void divide(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    a64_set_r(ctx, a->sf, a->rd,
              uop_bin_sub(ctx->b, op, a64_type(a->sf), UOP_DIV_ZERO_GIVES_0, x, y));
}

void trans_UDIV(A64Ctx *ctx, const A64Args *a)
{
    divide(ctx, a, UOP_UDIV);
}
void trans_SDIV(A64Ctx *ctx, const A64Args *a)
{
    divide(ctx, a, UOP_SDIV);
}

/* ---- CRC ------------------------------------------------------------------------------------- */

static void crc(A64Ctx *ctx, const A64Args *a, int polynomial)
{
    Val sum = a64_w(ctx, a->rn), data = a64_r(ctx, a->sf, a->rm);
    a64_set_w(ctx, a->rd,
              uop_emit(ctx->b, UOP_CRC, T_I32, (uint8_t)a->sz, 0, T_I32, sum, data, a64_type(a->sf),
                       polynomial));
}

void trans_CRC32(A64Ctx *ctx, const A64Args *a)
{
    crc(ctx, a, 0);
}
void trans_CRC32C(A64Ctx *ctx, const A64Args *a)
{
    crc(ctx, a, 1);
}

/* ---- one source ------------------------------------------------------------------------------ */

static void unary(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    a64_set_r(ctx, a->sf, a->rd, uop_un(ctx->b, op, a64_type(a->sf), a64_r(ctx, a->sf, a->rn)));
}

static void byte_swap(A64Ctx *ctx, const A64Args *a, int sf, unsigned unit_log2)
{
    Val v = a64_r(ctx, sf, a->rn);
    a64_set_r(ctx, sf, a->rd, uop_un_sub(ctx->b, UOP_BSWAP, a64_type(sf), (uint8_t)unit_log2, v));
}

void trans_RBIT(A64Ctx *ctx, const A64Args *a)
{
    unary(ctx, a, UOP_BITREV);
}
void trans_CLZ(A64Ctx *ctx, const A64Args *a)
{
    unary(ctx, a, UOP_CLZ);
}
void trans_CLS(A64Ctx *ctx, const A64Args *a)
{
    unary(ctx, a, UOP_CLS);
}
void trans_REV16(A64Ctx *ctx, const A64Args *a)
{
    byte_swap(ctx, a, a->sf, 1);
}
void trans_REV_w(A64Ctx *ctx, const A64Args *a)
{
    byte_swap(ctx, a, 0, 2);
}
void trans_REV32(A64Ctx *ctx, const A64Args *a)
{
    byte_swap(ctx, a, 1, 2);
}
void trans_REV_x(A64Ctx *ctx, const A64Args *a)
{
    byte_swap(ctx, a, 1, 3);
}

/* ---- multiply -------------------------------------------------------------------------------- */

/* ra + x * y or ra - x * y. */
static Val accumulate(A64Ctx *ctx, const A64Args *a, uint8_t type, UopOp op, Val x, Val y)
{
    Val product = uop_bin(ctx->b, UOP_MUL, type, x, y);
    if (a->ra == 31) {
        return op == UOP_SUB ? uop_un(ctx->b, UOP_NEG, type, product) : product;
    }
    return uop_bin(ctx->b, op, type, a64_r(ctx, type == T_I64, a->ra), product);
}

static void multiply(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    Val x = a64_r(ctx, a->sf, a->rn), y = a64_r(ctx, a->sf, a->rm);
    a64_set_r(ctx, a->sf, a->rd, accumulate(ctx, a, a64_type(a->sf), op, x, y));
}

static void multiply_long(A64Ctx *ctx, const A64Args *a, UopOp op, bool is_signed)
{
    Val x = a64_w(ctx, a->rn), y = a64_w(ctx, a->rm);
    x = is_signed ? uop_sext(ctx->b, T_I64, 2, x) : uop_zext(ctx->b, T_I64, 2, x);
    y = is_signed ? uop_sext(ctx->b, T_I64, 2, y) : uop_zext(ctx->b, T_I64, 2, y);
    a64_set_x(ctx, a->rd, accumulate(ctx, a, T_I64, op, x, y));
}

static void multiply_high(A64Ctx *ctx, const A64Args *a, UopOp op)
{
    a64_set_x(ctx, a->rd, uop_bin(ctx->b, op, T_I64, a64_x(ctx, a->rn), a64_x(ctx, a->rm)));
}

void trans_MADD(A64Ctx *ctx, const A64Args *a)
{
    multiply(ctx, a, UOP_ADD);
}
void trans_MSUB(A64Ctx *ctx, const A64Args *a)
{
    multiply(ctx, a, UOP_SUB);
}
void trans_SMADDL(A64Ctx *ctx, const A64Args *a)
{
    multiply_long(ctx, a, UOP_ADD, true);
}
void trans_SMSUBL(A64Ctx *ctx, const A64Args *a)
{
    multiply_long(ctx, a, UOP_SUB, true);
}
void trans_UMADDL(A64Ctx *ctx, const A64Args *a)
{
    multiply_long(ctx, a, UOP_ADD, false);
}
void trans_UMSUBL(A64Ctx *ctx, const A64Args *a)
{
    multiply_long(ctx, a, UOP_SUB, false);
}
void trans_SMULH(A64Ctx *ctx, const A64Args *a)
{
    multiply_high(ctx, a, UOP_MULHS);
}
void trans_UMULH(A64Ctx *ctx, const A64Args *a)
{
    multiply_high(ctx, a, UOP_MULHU);
}
