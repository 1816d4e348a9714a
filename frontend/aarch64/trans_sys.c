/* trans_sys.c - exceptions, hints, barriers, caches, system registers, flag manipulation. */
#include "frontend/aarch64/ctx.h"
#include "frontend/aarch64/helpers.h"
#include "frontend/aarch64/mem.h"

/* ---- exceptions ------------------------------------------------------------------------------ */

void trans_SVC(A64Ctx *ctx, const A64Args *a)
{
    (void)a; /* Linux ignores the immediate */
    a64_exit(ctx, UOP_EXIT_SYSCALL, ctx->pc + 4);
}

void trans_BRK(A64Ctx *ctx, const A64Args *a)
{
    a64_trap(ctx, UOP_TRAP_BREAKPOINT, (uint64_t)a->imm);
}

void trans_UDF(A64Ctx *ctx, const A64Args *a)
{
    a64_trap(ctx, UOP_TRAP_UNDEFINED, (uint64_t)a->imm);
}

/* ---- hints and barriers ---------------------------------------------------------------------- */

void trans_HINT(A64Ctx *ctx, const A64Args *a)
{
    (void)ctx;
    (void)a;
}

void trans_BTI(A64Ctx *ctx, const A64Args *a)
{
    (void)ctx;
    (void)a; /* a landing pad: check_landing of translate.c */
}

static void fence(A64Ctx *ctx, UopFence kind)
{
    uop_emit(ctx->b, UOP_FENCE, T_NONE, (uint8_t)kind, 0, T_NONE, VAL_NONE, VAL_NONE, VAL_NONE, 0);
}

/* CRm<1:0>: 1 orders loads with later accesses, 2 stores with later stores; else everything. */
void trans_DMB(A64Ctx *ctx, const A64Args *a)
{
    int kind = a->crm & 3;
    fence(ctx, kind == 1 ? UOP_FENCE_LOAD : kind == 2 ? UOP_FENCE_STORE : UOP_FENCE_FULL);
}

void trans_DSB(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    fence(ctx, UOP_FENCE_FULL);
}

void trans_SB(A64Ctx *ctx, const A64Args *a)
{
    (void)ctx;
    (void)a; /* nothing is speculated across it here that the host doesn't */
}

/* Code that another thread changed must be seen from here on. */
void trans_ISB(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    fence(ctx, UOP_FENCE_INSN);
    a64_exit(ctx, UOP_EXIT_DISPATCH, ctx->pc + 4);
}

/* ---- caches ---------------------------------------------------------------------------------- */

enum { LINE = 64 }; /* as CTR_EL0 and DCZID_EL0 say */

static Val line_address(A64Ctx *ctx, const A64Args *a)
{
    Val address = a64_untag(ctx, a64_x(ctx, a->rt));
    return uop_bini(ctx->b, UOP_AND, T_I64, address, -LINE);
}

void trans_IC_IVAU(A64Ctx *ctx, const A64Args *a)
{
    uop_emit(ctx->b, UOP_ICACHE, T_I64, 0, 0, T_NONE, line_address(ctx, a), VAL_NONE, VAL_NONE,
             LINE);
    a64_exit(ctx, UOP_EXIT_DISPATCH, ctx->pc + 4);
}

void trans_DC_ZVA(A64Ctx *ctx, const A64Args *a)
{
    Val address = line_address(ctx, a), zero = uop_vconst(ctx->b, T_I64X2, 0, 0);
    for (int32_t i = 0; i < LINE; i += 16) {
        uop_store(ctx->b, T_I64X2, UOP_MEM(4, 0, 0, 0), UOP_ORDER_PLAIN, address, VAL_NONE, i,
                  zero);
    }
}

/* Cleaning has no effect here, but it needs an address that can be read. */
static void clean(A64Ctx *ctx, const A64Args *a)
{
    Val address = a64_untag(ctx, a64_x(ctx, a->rt));
    uop_load(ctx->b, T_I32, UOP_MEM(0, 0, 0, 0), UOP_ORDER_PLAIN, address, VAL_NONE, 0);
}

void trans_DC_CVAC(A64Ctx *ctx, const A64Args *a)
{
    clean(ctx, a);
}
void trans_DC_CVAU(A64Ctx *ctx, const A64Args *a)
{
    clean(ctx, a);
}
void trans_DC_CVAP(A64Ctx *ctx, const A64Args *a)
{
    clean(ctx, a);
}
void trans_DC_CIVAC(A64Ctx *ctx, const A64Args *a)
{
    clean(ctx, a);
}

/* ---- flags (FEAT_FlagM, FEAT_FlagM2) --------------------------------------------------------- */

static Val flag(A64Ctx *ctx, UopCond cond, Val flags)
{
    return uop_test(ctx->b, cond, flags);
}

/* sum | bit << position, bit a boolean. */
static Val place(A64Ctx *ctx, Val sum, Val bit, unsigned position)
{
    return uop_bin(ctx->b, UOP_OR, T_I32, sum, uop_bini(ctx->b, UOP_SHL, T_I32, bit, position));
}

/* Flags of four booleans. */
static void set_nzcv(A64Ctx *ctx, Val n, Val z, Val c, Val v)
{
    Val word = uop_bini(ctx->b, UOP_SHL, T_I32, n, 31);
    word = place(ctx, place(ctx, place(ctx, word, z, 30), c, 29), v, 28);
    a64_set_flags(ctx, uop_flags(ctx->b, T_I32, UOP_FLAGS_NZCV, word, VAL_NONE, VAL_NONE));
}

static Val not_bool(A64Ctx *ctx, Val v)
{
    return uop_bini(ctx->b, UOP_XOR, T_I32, v, 1);
}

void trans_CFINV(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    Val f = a64_flags(ctx);
    set_nzcv(ctx, flag(ctx, UOP_MI, f), flag(ctx, UOP_EQ, f), flag(ctx, UOP_CC, f),
             flag(ctx, UOP_VS, f));
}

/* From the alternative representation of FP comparisons to Arm's. */
void trans_XAFLAG(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    UopBlock *b = ctx->b;
    Val f = a64_flags(ctx);
    Val z = flag(ctx, UOP_EQ, f), c = flag(ctx, UOP_CS, f);
    Val not_z = not_bool(ctx, z), not_c = not_bool(ctx, c);
    set_nzcv(ctx, uop_bin(b, UOP_AND, T_I32, not_c, not_z), uop_bin(b, UOP_AND, T_I32, z, c),
             uop_bin(b, UOP_OR, T_I32, c, z), uop_bin(b, UOP_AND, T_I32, not_c, z));
}

/* And back: N and V become 0. */
void trans_AXFLAG(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    UopBlock *b = ctx->b;
    Val f = a64_flags(ctx), zero = uop_const(b, T_I32, 0);
    Val z = flag(ctx, UOP_EQ, f), c = flag(ctx, UOP_CS, f), v = flag(ctx, UOP_VS, f);
    set_nzcv(ctx, zero, uop_bin(b, UOP_OR, T_I32, z, v),
             uop_bin(b, UOP_AND, T_I32, c, not_bool(ctx, v)), zero);
}

/* The flags in mask from bits 3:0 of rn rotated right. */
void trans_RMIF(A64Ctx *ctx, const A64Args *a)
{
    UopBlock *b = ctx->b;
    int32_t take = (int32_t)((uint32_t)a->mask << 28), keep = (int32_t)((uint32_t)~a->mask << 28);
    Val x = uop_bini(b, UOP_ROR, T_I64, a64_x(ctx, a->rn), a->imm);
    Val bits = uop_bini(b, UOP_SHL, T_I32, uop_trunc(b, x), 28);
    Val old = uop_emit(b, UOP_PACKFLAGS, T_I32, 0, 0, T_I32, a64_flags(ctx), VAL_NONE, VAL_NONE, 0);
    bits = uop_bin(b, UOP_OR, T_I32, uop_bini(b, UOP_AND, T_I32, bits, take),
                   uop_bini(b, UOP_AND, T_I32, old, keep));
    a64_set_flags(ctx, uop_flags(b, T_I32, UOP_FLAGS_NZCV, bits, VAL_NONE, VAL_NONE));
}

/* N and Z of the low 8 or 16 bits; V: the bit above them differs from their sign; C stays. */
static void setf(A64Ctx *ctx, const A64Args *a, unsigned width)
{
    UopBlock *b = ctx->b;
    Val w = a64_w(ctx, a->rn), low = uop_zext(b, T_I32, width == 8 ? 0 : 1, w);
    Val n = uop_bini(b, UOP_LSR, T_I32, low, width - 1);
    Val z = uop_icmpi(b, T_I32, UOP_EQ, low, 0);
    Val above = uop_bini(b, UOP_AND, T_I32, uop_bini(b, UOP_LSR, T_I32, w, width), 1);
    Val v = uop_bin(b, UOP_XOR, T_I32, above, n);
    set_nzcv(ctx, n, z, flag(ctx, UOP_CS, a64_flags(ctx)), v);
}

void trans_SETF8(A64Ctx *ctx, const A64Args *a)
{
    setf(ctx, a, 8);
}
void trans_SETF16(A64Ctx *ctx, const A64Args *a)
{
    setf(ctx, a, 16);
}

void trans_MRS_nzcv(A64Ctx *ctx, const A64Args *a)
{
    Val flags =
        uop_emit(ctx->b, UOP_PACKFLAGS, T_I32, 0, 0, T_I32, a64_flags(ctx), VAL_NONE, VAL_NONE, 0);
    a64_set_w(ctx, a->rt, flags);
}

void trans_MSR_nzcv(A64Ctx *ctx, const A64Args *a)
{
    Val bits = a64_w(ctx, a->rt);
    a64_set_flags(ctx, uop_flags(ctx->b, T_I32, UOP_FLAGS_NZCV, bits, VAL_NONE, VAL_NONE));
}

/* ---- PSTATE.DIT and SSBS: kept, without effect. Bytes of one word of the state --------------- */

enum { SSBS_SHIFT = 0, DIT_SHIFT = 8 };
_Static_assert(offsetof(A64State, dit) == offsetof(A64State, ssbs) + DIT_SHIFT / 8, "one word");

static void read_pstate_bit(A64Ctx *ctx, int rt, unsigned shift, unsigned bit)
{
    Val word = uop_get(ctx->b, T_I32, A64_OFF(ssbs));
    Val v = uop_bini(ctx->b, UOP_AND, T_I32, uop_bini(ctx->b, UOP_LSR, T_I32, word, shift), 1);
    a64_set_w(ctx, rt, uop_bini(ctx->b, UOP_SHL, T_I32, v, bit));
}

/* v: 0 or 1. */
static void write_pstate_bit(A64Ctx *ctx, Val v, unsigned shift)
{
    Val word = uop_get(ctx->b, T_I32, A64_OFF(ssbs));
    word = uop_bini(ctx->b, UOP_AND, T_I32, word, ~(int64_t)(UINT32_C(255) << shift));
    uop_put(ctx->b, A64_OFF(ssbs), place(ctx, word, v, shift));
}

static void write_pstate_from(A64Ctx *ctx, int rt, unsigned bit, unsigned shift)
{
    Val v = uop_bini(ctx->b, UOP_LSR, T_I32, a64_w(ctx, rt), bit);
    write_pstate_bit(ctx, uop_bini(ctx->b, UOP_AND, T_I32, v, 1), shift);
}

void trans_MRS_dit(A64Ctx *ctx, const A64Args *a)
{
    read_pstate_bit(ctx, a->rt, DIT_SHIFT, 24);
}
void trans_MSR_dit(A64Ctx *ctx, const A64Args *a)
{
    write_pstate_from(ctx, a->rt, 24, DIT_SHIFT);
}
void trans_MRS_ssbs(A64Ctx *ctx, const A64Args *a)
{
    read_pstate_bit(ctx, a->rt, SSBS_SHIFT, 12);
}
void trans_MSR_ssbs(A64Ctx *ctx, const A64Args *a)
{
    write_pstate_from(ctx, a->rt, 12, SSBS_SHIFT);
}

void trans_MSR_dit_imm(A64Ctx *ctx, const A64Args *a)
{
    write_pstate_bit(ctx, uop_const(ctx->b, T_I32, (uint64_t)a->imm), DIT_SHIFT);
}

void trans_MSR_ssbs_imm(A64Ctx *ctx, const A64Args *a)
{
    write_pstate_bit(ctx, uop_const(ctx->b, T_I32, (uint64_t)a->imm), SSBS_SHIFT);
}

/* ---- FPCR, FPSR ------------------------------------------------------------------------------ */

void trans_MRS_fpcr(A64Ctx *ctx, const A64Args *a)
{
    a64_set_w(ctx, a->rt, uop_get(ctx->b, T_I32, A64_OFF(fpcr)));
}

void trans_MSR_fpcr(A64Ctx *ctx, const A64Args *a)
{
    uop_helper(ctx->b, A64_HELPER_write_fpcr, false, a64_x(ctx, a->rt), VAL_NONE, VAL_NONE);
    a64_exit(ctx, UOP_EXIT_DISPATCH, ctx->pc + 4);
}

void trans_MRS_fpsr(A64Ctx *ctx, const A64Args *a)
{
    a64_set_x(ctx, a->rt, a64_call(ctx, A64_HELPER_read_fpsr, VAL_NONE, VAL_NONE, VAL_NONE));
}

void trans_MSR_fpsr(A64Ctx *ctx, const A64Args *a)
{
    uop_helper(ctx->b, A64_HELPER_write_fpsr, false, a64_x(ctx, a->rt), VAL_NONE, VAL_NONE);
}

/* ---- other registers ------------------------------------------------------------------------- */

void trans_MRS_tpidr(A64Ctx *ctx, const A64Args *a)
{
    a64_set_x(ctx, a->rt, uop_get(ctx->b, T_I64, A64_OFF(tpidr)));
}

void trans_MSR_tpidr(A64Ctx *ctx, const A64Args *a)
{
    uop_put(ctx->b, A64_OFF(tpidr), a64_x(ctx, a->rt));
}

static void read_constant(A64Ctx *ctx, const A64Args *a, uint64_t v)
{
    a64_set_x(ctx, a->rt, uop_const(ctx->b, T_I64, v));
}

/* Linux keeps it 0 for 64-bit programs. */
void trans_MRS_tpidrro(A64Ctx *ctx, const A64Args *a)
{
    read_constant(ctx, a, 0);
}

/* Lines of 64 bytes; PIPT; IDC: code is seen without cleaning data, but needs IC IVAU (DIC 0). */
void trans_MRS_ctr(A64Ctx *ctx, const A64Args *a)
{
    read_constant(ctx, a, 0x9444c004);
}

/* DC ZVA is allowed, of 64 bytes. */
void trans_MRS_dczid(A64Ctx *ctx, const A64Args *a)
{
    read_constant(ctx, a, 4);
}

void trans_MRS_cntfrq(A64Ctx *ctx, const A64Args *a)
{
    read_constant(ctx, a, A64_COUNTER_HZ);
}

void trans_MRS_cntvct(A64Ctx *ctx, const A64Args *a)
{
    a64_set_x(ctx, a->rt, a64_call(ctx, A64_HELPER_counter, VAL_NONE, VAL_NONE, VAL_NONE));
}

void trans_MRS_clock(A64Ctx *ctx, const A64Args *a)
{
    uint32_t helper = a->op2 ? A64_HELPER_monotonic : A64_HELPER_realtime;
    a64_set_x(ctx, a->rt, a64_call(ctx, helper, VAL_NONE, VAL_NONE, VAL_NONE));
}

void trans_MRS_id(A64Ctx *ctx, const A64Args *a)
{
    read_constant(ctx, a, a64_id_register((unsigned)a->crm, (unsigned)a->op2));
}
