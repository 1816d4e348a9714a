/*
 * Loads and stores of one register (C4.1.94): unsigned, signed, pre- and post-indexed offset,
 * register offset, literal, unprivileged, prefetches, and loads with an authenticated base.
 */
#include "frontend/aarch64/mem.h"

/* ---- addresses ------------------------------------------------------------------------------- */

static A64Mem base_disp(A64Ctx *ctx, int rn, int32_t disp)
{
    return a64_mem(ctx, a64_xsp(ctx, rn), disp);
}

/* Pre- and post-indexed: before, the base plus imm or the base. */
static A64Mem base_update(A64Ctx *ctx, const A64Args *a)
{
    return base_disp(ctx, a->rn, a->pre ? a->imm : 0);
}

/* What was the base is added to behind the access: then the sum is made where the register is. */
static void update_base(A64Ctx *ctx, const A64Args *a, Val base)
{
    a64_set_xsp(ctx, a->rn, uop_bini(ctx->b, UOP_ADD, T_I64, base, a->imm));
}

/* [Xn, Rm, extend #amount]: option 2 uxtw, 3 lsl, 6 sxtw, 7 sxtx (C3.2.1.6, ExtendReg). */
static A64Mem base_index(A64Ctx *ctx, const A64Args *a, unsigned size)
{
    UopBlock *b = ctx->b;
    Val index = a->option & 1   ? a64_x(ctx, a->rm)
                : a->option & 4 ? uop_sext(b, T_I64, 2, a64_w(ctx, a->rm))
                                : uop_zext(b, T_I64, 2, a64_w(ctx, a->rm));
    unsigned scale = a->s ? size : 0;
    Val base = a64_xsp(ctx, a->rn);
    if (scale > 3 || ctx->mode & CPU_MODE_TAGGED) {
        index = uop_bini(b, UOP_SHL, T_I64, index, scale);
        scale = 0;
    }
    if (ctx->mode & CPU_MODE_TAGGED) {
        return a64_mem(ctx, uop_bin(b, UOP_ADD, T_I64, base, index), 0);
    }
    return (A64Mem){.addr = base, .index = index, .scale = scale, .disp = 0};
}

static A64Mem literal(A64Ctx *ctx, const A64Args *a)
{
    Val addr = uop_addr(ctx->b, ctx->pc + ((uint64_t)(int64_t)a->imm << 2));
    return (A64Mem){.addr = addr, .index = VAL_NONE, .scale = 0, .disp = 0};
}

/* ---- accesses: the loads return the value, still to be written ------------------------------- */

static void store_int(A64Ctx *ctx, const A64Args *a, A64Mem m)
{
    a64_store(ctx, &m, (unsigned)a->size, 0, a64_r(ctx, a->size == 3, a->rt));
}

static Val load_int(A64Ctx *ctx, const A64Args *a, A64Mem m)
{
    return a64_load(ctx, &m, a64_int_type((unsigned)a->size), (unsigned)a->size, false, 0);
}

static Val load_signed(A64Ctx *ctx, const A64Args *a, A64Mem m)
{
    return a64_load(ctx, &m, a64_type(!a->w), (unsigned)a->size, true, 0);
}

static unsigned fp_size(const A64Args *a)
{
    return a->q ? 4 : (unsigned)a->size;
}

static void store_fp(A64Ctx *ctx, const A64Args *a, A64Mem m)
{
    a64_store(ctx, &m, fp_size(a), 0, a64_fp_value(ctx, fp_size(a), a->rt));
}

static Val load_fp(A64Ctx *ctx, const A64Args *a, A64Mem m)
{
    return a64_load(ctx, &m, a64_fp_type(fp_size(a)), fp_size(a), false, 0);
}

/* Hints for data only: rt<4:3> 0 is a load, 2 a store (1: instructions); rt<2:1> the cache level;
 * never faults. */
static void prefetch(A64Ctx *ctx, const A64Args *a, A64Mem m)
{
    unsigned kind = (unsigned)a->rt >> 3, level = (unsigned)a->rt >> 1 & 3;
    if (kind == 1 || kind == 3) {
        return;
    }
    Val addr = m.addr;
    if (m.index != VAL_NONE) {
        addr = uop_bin(ctx->b, UOP_ADD, T_I64, addr,
                       uop_bini(ctx->b, UOP_SHL, T_I64, m.index, m.scale));
    }
    uop_emit(ctx->b, UOP_PREFETCH, T_I64, (uint8_t)(kind >> 1 | level << 1), 0, T_NONE, addr,
             VAL_NONE, VAL_NONE, m.disp);
}

/* ---- unsigned offset ------------------------------------------------------------------------- */

void trans_STR_uimm(A64Ctx *ctx, const A64Args *a)
{
    store_int(ctx, a, base_disp(ctx, a->rn, a->imm << a->size));
}

void trans_LDR_uimm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->size == 3, a->rt, load_int(ctx, a, base_disp(ctx, a->rn, a->imm << a->size)));
}

void trans_LDRS_uimm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, !a->w, a->rt, load_signed(ctx, a, base_disp(ctx, a->rn, a->imm << a->size)));
}

void trans_PRFM_uimm(A64Ctx *ctx, const A64Args *a)
{
    prefetch(ctx, a, base_disp(ctx, a->rn, a->imm << 3));
}

void trans_STR_fp_uimm(A64Ctx *ctx, const A64Args *a)
{
    store_fp(ctx, a, base_disp(ctx, a->rn, a->imm << fp_size(a)));
}

void trans_LDR_fp_uimm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_fp_value(ctx, a->rt, load_fp(ctx, a, base_disp(ctx, a->rn, a->imm << fp_size(a))));
}

/* ---- unscaled offset, and the unprivileged forms --------------------------------------------- */

void trans_STUR(A64Ctx *ctx, const A64Args *a)
{
    store_int(ctx, a, base_disp(ctx, a->rn, a->imm));
}

void trans_LDUR(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->size == 3, a->rt, load_int(ctx, a, base_disp(ctx, a->rn, a->imm)));
}

void trans_LDURS(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, !a->w, a->rt, load_signed(ctx, a, base_disp(ctx, a->rn, a->imm)));
}

void trans_PRFUM(A64Ctx *ctx, const A64Args *a)
{
    prefetch(ctx, a, base_disp(ctx, a->rn, a->imm));
}

void trans_STUR_fp(A64Ctx *ctx, const A64Args *a)
{
    store_fp(ctx, a, base_disp(ctx, a->rn, a->imm));
}

void trans_LDUR_fp(A64Ctx *ctx, const A64Args *a)
{
    a64_set_fp_value(ctx, a->rt, load_fp(ctx, a, base_disp(ctx, a->rn, a->imm)));
}

void trans_STTR(A64Ctx *ctx, const A64Args *a)
{
    trans_STUR(ctx, a);
}

void trans_LDTR(A64Ctx *ctx, const A64Args *a)
{
    trans_LDUR(ctx, a);
}

void trans_LDTRS(A64Ctx *ctx, const A64Args *a)
{
    trans_LDURS(ctx, a);
}

/* ---- pre- and post-indexed. With rt == rn (constrained unpredictable) the update wins -------- */

void trans_STR_imm(A64Ctx *ctx, const A64Args *a)
{
    Val base = a64_xsp(ctx, a->rn);
    store_int(ctx, a, base_update(ctx, a));
    update_base(ctx, a, base);
}

void trans_LDR_imm(A64Ctx *ctx, const A64Args *a)
{
    Val base = a64_xsp(ctx, a->rn);
    a64_set_r(ctx, a->size == 3, a->rt, load_int(ctx, a, base_update(ctx, a)));
    update_base(ctx, a, base);
}

void trans_LDRS_imm(A64Ctx *ctx, const A64Args *a)
{
    Val base = a64_xsp(ctx, a->rn);
    a64_set_r(ctx, !a->w, a->rt, load_signed(ctx, a, base_update(ctx, a)));
    update_base(ctx, a, base);
}

void trans_STR_fp_imm(A64Ctx *ctx, const A64Args *a)
{
    store_fp(ctx, a, base_update(ctx, a));
    update_base(ctx, a, a64_xsp(ctx, a->rn));
}

void trans_LDR_fp_imm(A64Ctx *ctx, const A64Args *a)
{
    a64_set_fp_value(ctx, a->rt, load_fp(ctx, a, base_update(ctx, a)));
    update_base(ctx, a, a64_xsp(ctx, a->rn));
}

/* ---- register offset ------------------------------------------------------------------------- */

void trans_STR_reg(A64Ctx *ctx, const A64Args *a)
{
    store_int(ctx, a, base_index(ctx, a, (unsigned)a->size));
}

void trans_LDR_reg(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, a->size == 3, a->rt, load_int(ctx, a, base_index(ctx, a, (unsigned)a->size)));
}

void trans_LDRS_reg(A64Ctx *ctx, const A64Args *a)
{
    a64_set_r(ctx, !a->w, a->rt, load_signed(ctx, a, base_index(ctx, a, (unsigned)a->size)));
}

void trans_PRFM_reg(A64Ctx *ctx, const A64Args *a)
{
    prefetch(ctx, a, base_index(ctx, a, 3));
}

void trans_STR_fp_reg(A64Ctx *ctx, const A64Args *a)
{
    store_fp(ctx, a, base_index(ctx, a, fp_size(a)));
}

void trans_LDR_fp_reg(A64Ctx *ctx, const A64Args *a)
{
    a64_set_fp_value(ctx, a->rt, load_fp(ctx, a, base_index(ctx, a, fp_size(a))));
}

/* ---- literals -------------------------------------------------------------------------------- */

void trans_LDR_lit(A64Ctx *ctx, const A64Args *a)
{
    A64Mem m = literal(ctx, a);
    a64_set_r(ctx, a->sf, a->rt, a64_load(ctx, &m, a64_type(a->sf), 2 + (unsigned)a->sf, false, 0));
}

void trans_LDRSW_lit(A64Ctx *ctx, const A64Args *a)
{
    A64Mem m = literal(ctx, a);
    a64_set_x(ctx, a->rt, a64_load(ctx, &m, T_I64, 2, true, 0));
}

void trans_PRFM_lit(A64Ctx *ctx, const A64Args *a)
{
    prefetch(ctx, a, literal(ctx, a));
}

void trans_LDR_fp_lit(A64Ctx *ctx, const A64Args *a)
{
    A64Mem m = literal(ctx, a);
    unsigned size = 2 + (unsigned)a->opc;
    a64_set_fp_value(ctx, a->rt, a64_load(ctx, &m, a64_fp_type(size), size, false, 0));
}

/* ---- LDRAA, LDRAB: the base is authenticated with data key A or B and a modifier of zero ----- */

void trans_LDRA(A64Ctx *ctx, const A64Args *a)
{
    Val zero = uop_const(ctx->b, T_I64, 0);
    Val base = a64_pac_auth(ctx, a->key ? A64_KEY_DB : A64_KEY_DA, a64_xsp(ctx, a->rn), zero);
    Val addr = uop_bini(ctx->b, UOP_ADD, T_I64, base, a->imm * 8);
    A64Mem m = a64_mem(ctx, addr, 0);
    Val v = a64_load(ctx, &m, T_I64, 3, false, 0);
    a64_set_x(ctx, a->rt, v);
    if (a->pre) {
        a64_set_xsp(ctx, a->rn, addr);
    }
}
