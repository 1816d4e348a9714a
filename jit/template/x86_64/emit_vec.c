/*
 * emit_vec.c - float and vector micro-ops: which file emits which, and instruction forms that the
 * assembler doesn't have.
 */
#include "jit/template/x86_64/vec.h"

/* EVEX with a rounding mode in place of the vector length (Intel SDM volume 2A, 2.7.5). */
void vec_op_round(Emit *e, VecOp op, VecRound round, int d, int a, int b)
{
    unsigned w = (op & (ASM_W | ASM_EW)) != 0, reg = (unsigned)d, rm = (unsigned)b;
    asm_u8(&e->a, 0x62);
    asm_u8(&e->a, (~reg & 8) << 4 | 0x40 | (~rm & 8) << 2 | (~reg & 16) | (op >> 10 & 3));
    asm_u8(&e->a, w << 7 | (~(unsigned)a & 15) << 3 | 4 | (op >> 8 & 3));
    asm_u8(&e->a, (unsigned)round << 5 | 0x10 | 8);
    asm_u8(&e->a, op);
    asm_u8(&e->a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static bool is_half_arithmetic(const Uop *u)
{
    return uop_lane(u->type) == LANE_F16;
}

bool emit_vec_uop(Emit *e, const Uop *u)
{
    if (!vec_has(e, JIT_HOST_AVX2 | JIT_HOST_FMA | JIT_HOST_F16C)) {
        return false;
    }
    switch (u->op) {
    case UOP_FADD:
    case UOP_FSUB:
    case UOP_FMUL:
    case UOP_FDIV:
    case UOP_FSQRT:
    case UOP_FMA:
    case UOP_FMIN:
    case UOP_FMAX:
    case UOP_FCMP:
    case UOP_FRECPX:
    case UOP_FRECPS: return is_half_arithmetic(u) ? emit_fp_half(e, u) : emit_fp(e, u);
    case UOP_FRECPE:
    case UOP_FRSQRTE:
    case UOP_FRSQRTS: return is_half_arithmetic(u) ? emit_fp_half(e, u) : emit_fp_estimate(e, u);
    case UOP_FNEG:
    case UOP_FABS: return emit_fp(e, u);
    case UOP_URECPE:
    case UOP_URSQRTE: return emit_fp_estimate(e, u);
    case UOP_FROUND:
    case UOP_FCVT:
    case UOP_FTOI:
    case UOP_ITOF:
    case UOP_FJCVT: return emit_fp_cvt(e, u);
    case UOP_BF16:
    case UOP_FMLAL: return emit_bf16(e, u);
    case UOP_ADD:
    case UOP_SUB:
    case UOP_MUL:
    case UOP_AND:
    case UOP_OR:
    case UOP_XOR:
    case UOP_ANDN:
    case UOP_NOT:
    case UOP_NEG:
    case UOP_ABS:
    case UOP_CLZ:
    case UOP_CLS:
    case UOP_POPCNT:
    case UOP_VCMP:
    case UOP_MIN:
    case UOP_MAX:
    case UOP_ADDSAT:
    case UOP_SUBSAT:
    case UOP_HADD:
    case UOP_HSUB:
    case UOP_ABD:
    case UOP_BSEL: return emit_vec_int(e, u);
    case UOP_SHL:
    case UOP_LSR:
    case UOP_ASR:
    case UOP_ROR:
    case UOP_BITREV:
    case UOP_RSHR:
    case UOP_SHLV:
    case UOP_SHLSAT: return emit_vec_shift(e, u);
    case UOP_WIDEN:
    case UOP_NARROW:
    case UOP_WMUL:
    case UOP_MULHSAT:
    case UOP_DOT:
    case UOP_DOTMM: return emit_vec_wide(e, u);
    case UOP_TBL:
    case UOP_REDUCE: return emit_vec_table(e, u);
    case UOP_CLMUL:
    case UOP_CRYPTO: return emit_crypto(e, u);
    default: return emit_vec_perm(e, u);
    }
}
