/*
 * vec.h - short names shared by emit_fp*.c, emit_vec*.c and emit_crypto.c.
 *
 * These templates need AVX2, FMA and F16C; a host without them runs float and vector micro-ops by
 * the interpreter's routine. What goes beyond is asked for by vec_has(). A template may return
 * false only before it has allocated a register.
 */
#ifndef XEMU_JIT_TEMPLATE_X86_64_VEC_H
#define XEMU_JIT_TEMPLATE_X86_64_VEC_H

#include "jit/template/x86_64/emit.h"

/* A V_* descriptor, with E() if only EVEX has the instruction. */
typedef uint32_t VecOp;
#define VEC_EVEX (1u << 31)
#define E(op)    ((VecOp)(op) | VEC_EVEX)

static inline bool vec_has(const Emit *e, uint64_t features)
{
    return asm_has(&e->a, features);
}

/* ---- operands -------------------------------------------------------------------------------- */
static inline int vec_use(Emit *e, Val v)
{
    return (int)ra_use_x(e, v);
}
/* The result's register: none of the operands'. */
static inline int vec_def(Emit *e, const Uop *u)
{
    return (int)ra_def_x(e, u->dst);
}
/* Perhaps that of an operand that dies: for results written by the last instruction that reads
 * operands. */
static inline int vec_def_over(Emit *e, const Uop *u)
{
    return (int)ra_def_x_over(e, u->dst);
}
static inline int vec_tmp(Emit *e)
{
    return (int)ra_tmp_x(e);
}
/* A temporary is no longer needed in this micro-op. */
static inline void vec_tmp_free(Emit *e, int t)
{
    uint32_t bit = 1u << t;
    e->tmp_x &= ~bit;
    e->lock_x &= ~bit;
    e->free_x |= bit;
}

/* ---- instructions ---------------------------------------------------------------------------- */
static inline void vec_op(Emit *e, VecOp op, int d, int a, int b)
{
    if (op & VEC_EVEX) {
        asm_e3(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)a, (unsigned)b, 0, false);
    } else {
        asm_v3(&e->a, op, (unsigned)d, (unsigned)a, (unsigned)b);
    }
}
static inline void vec_op_imm(Emit *e, VecOp op, int d, int a, int b, unsigned imm)
{
    if (op & VEC_EVEX) {
        asm_e3i(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)a, (unsigned)b, imm, 0, false);
    } else {
        asm_v3i(&e->a, op, (unsigned)d, (unsigned)a, (unsigned)b, imm);
    }
}
static inline void vec_op_const(Emit *e, VecOp op, int d, int a, V128 c)
{
    AsmMem m = emit_const128(e, c.u64[0], c.u64[1]);
    if (op & VEC_EVEX) {
        asm_e3m(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)a, m, 0, false);
    } else {
        asm_v3m(&e->a, op, (unsigned)d, (unsigned)a, m);
    }
}
static inline void vec_op_const_imm(Emit *e, VecOp op, int d, int a, V128 c, unsigned imm)
{
    AsmMem m = emit_const128(e, c.u64[0], c.u64[1]);
    if (op & VEC_EVEX) {
        asm_e3mi(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)a, m, imm, 0, false);
    } else {
        asm_v3mi(&e->a, op, (unsigned)d, (unsigned)a, m, imm);
    }
}
/* One source: d = op(s). */
static inline void vec_mov_op(Emit *e, VecOp op, int d, int s)
{
    if (op & VEC_EVEX) {
        asm_e2(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)s, 0, false);
    } else {
        asm_v2(&e->a, op, (unsigned)d, (unsigned)s);
    }
}
static inline void vec_mov_op_imm(Emit *e, VecOp op, int d, int s, unsigned imm)
{
    if (op & VEC_EVEX) {
        asm_e2i(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)s, imm, 0, false);
    } else {
        asm_v2i(&e->a, op, (unsigned)d, (unsigned)s, imm);
    }
}
/* With a rounding mode of its own and no exceptions (AVX-512): d = op(a, b). Vectors are computed
 * in 512 bits. */
typedef enum VecRound { VEC_ROUND_NEAREST, VEC_ROUND_DOWN, VEC_ROUND_UP, VEC_ROUND_ZERO } VecRound;
void vec_op_round(Emit *e, VecOp op, VecRound round, int d, int a, int b);
static inline void vec_shift_imm(Emit *e, VecOp op, int d, int s, unsigned n)
{
    if (op & VEC_EVEX) {
        asm_eshift(&e->a, op & ~VEC_EVEX, (unsigned)d, (unsigned)s, n);
    } else {
        asm_vshift(&e->a, op, (unsigned)d, (unsigned)s, n);
    }
}
static inline void vec_move(Emit *e, int d, int s)
{
    asm_vmov(&e->a, (unsigned)d, (unsigned)s);
}
static inline void vec_zero(Emit *e, int d)
{
    vec_op(e, V_PXOR, d, d, d);
}
/* d = mask ? y : x, by the top bit of each byte. */
static inline void vec_blend(Emit *e, int d, int x, int y, int mask)
{
    asm_v4(&e->a, V_PBLENDVB, (unsigned)d, (unsigned)x, (unsigned)y, (unsigned)mask);
}
static inline void vec_const(Emit *e, int d, V128 c)
{
    if (!(c.u64[0] | c.u64[1])) {
        vec_zero(e, d);
    } else if ((c.u64[0] & c.u64[1]) == ~UINT64_C(0)) {
        vec_op(e, V_PCMPEQD, d, d, d);
    } else {
        asm_v2m(&e->a, V_MOVAPS, (unsigned)d, emit_const128(e, c.u64[0], c.u64[1]));
    }
}

/* The low bits of v in every lane of 1 << lane bytes. */
static inline V128 vec_repeat(unsigned lane, uint64_t v)
{
    for (unsigned bits = 8u << lane; bits < 64; bits *= 2) {
        v = (v & ((UINT64_C(1) << bits) - 1)) | v << bits;
    }
    return (V128){.u64 = {v, v}};
}
static inline V128 vec_pair(uint64_t lo, uint64_t hi)
{
    return (V128){.u64 = {lo, hi}};
}
/* c in every 128 bits of a register of 128 bits (wide 0) or 256 (ASM_L256). */
static inline void vec_const_wide(Emit *e, VecOp wide, int d, V128 c)
{
    vec_const(e, d, c);
    if (wide) {
        vec_op_imm(e, V_INSERTI128 | ASM_L256, d, d, d, 1);
    }
}

/* ---- emit_vec_shift.c: for all lanes. d may be s --------------------------------------------- */
typedef enum VecShift { VEC_SHL, VEC_LSR, VEC_ASR } VecShift;
void vec_shift(Emit *e, VecShift kind, unsigned lane, int d, int s, unsigned n);
/* Every bit of each lane = its sign. */
void vec_sign_mask(Emit *e, unsigned lane, int d, int s);

/* ---- emit_fp.c ------------------------------------------------------------------------------- */
/* Is it singles or doubles? */
bool fp_on_host(uint8_t type);
/* The operand v, in x: if it's a 64-bit vector whose register may hold more, a copy without that.
 */
int fp_clear_upper(Emit *e, uint8_t type, Val v, int x);
/* Slow if x and y are unordered in a lane (y may be x: if it is a NaN); if d in a lane is a NaN or
 * the smallest normal number. */
void fp_check_unordered(Emit *e, uint8_t type, int x, int y);
void fp_check_tiny(Emit *e, uint8_t type, int d);
/* Slow unless |x| < bound in every lane. */
void fp_check_below(Emit *e, uint8_t type, int x, V128 bound);
/* The whole micro-op out of line, by softfp. */
bool fp_by_softfp(Emit *e, const Uop *u);

/* ---- emit_fp_flush.c ------------------------------------------------------------------------- */
/* The operand v, in x, cleared above; in flush-to-zero mode the host has noticed if it's denormal.
 * May change EFLAGS then. */
int fp_operand(Emit *e, uint8_t type, Val v, int x);

/* ---- emit_fp_half.c: halves as singles; `wide` is ASM_L256 where there are eight ------------- */
static inline VecOp half_wide(const Uop *u)
{
    return u->type == T_F16X8 || u->type == T_I16X8 ? ASM_L256 : 0;
}
/* d = the lanes of x, of a half type, as singles: one (zeros above), four, or eight. FZ16: flushed.
 */
void half_widen(Emit *e, uint8_t type, int d, int x);
/* Slow where the half d differs from Arm's, or may: NaNs, the smallest normal number. t is changed.
 */
void half_check(Emit *e, uint8_t type, int d, int t);
/* FZ16: slow if a single of x is tiny as a half, before it has become one. */
void half_check_tiny(Emit *e, VecOp wide, int x);
/* The same for the four doubles of x. */
void half_check_tiny_doubles(Emit *e, int x);
/* x = four doubles as singles, rounded to odd. y, t: temporaries. */
void half_narrow_odd(Emit *e, int x, int y, int t);
/* Slow if a half of x is infinite or a NaN. */
void half_check_special(Emit *e, uint8_t type, int x);
/* d = singles as halves, exactly or in the current rounding mode. */
static inline void half_narrow(Emit *e, VecOp wide, int d, int x)
{
    enum { CURRENT_ROUNDING = 4 };
    vec_mov_op_imm(e, V_CVTPS2PH | wide, x, d, CURRENT_ROUNDING); /* the source is the first */
}

/* ---- families: true if emitted --------------------------------------------------------------- */
bool emit_fp(Emit *e, const Uop *u);
bool emit_fp_cvt(Emit *e, const Uop *u);
bool emit_fp_half(Emit *e, const Uop *u);
bool emit_fp_half_cvt(Emit *e, const Uop *u);
bool emit_fp_half_estimate(Emit *e, const Uop *u);
bool emit_fp_estimate(Emit *e, const Uop *u);
/* The estimates (FRECPE, FRSQRTE) of four singles, normal numbers with normal results. */
void fp_estimate_singles(Emit *e, bool root, int d, int a, int t, int x);
bool emit_vec_int(Emit *e, const Uop *u);
bool emit_vec_shift(Emit *e, const Uop *u);
bool emit_vec_perm(Emit *e, const Uop *u);
bool emit_vec_wide(Emit *e, const Uop *u);
bool emit_vec_table(Emit *e, const Uop *u);
bool emit_crypto(Emit *e, const Uop *u);
bool emit_bf16(Emit *e, const Uop *u);

#endif
