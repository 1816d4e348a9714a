/* ops.h - within the interpreter: one function per micro-op, all of one shape, and the access to
 * lanes that they share.
 *
 * The families stand in files of the names that the emitters use: interp_int.c, interp_flags.c,
 * interp_fp.c, interp_vec*.c, interp_mem.c, interp_crypto*.c. Each function writes *o->dst last,
 * after it has read its operands, and leaves the unspecified bits of a float or a 64-bit vector
 * zero.
 */
#ifndef XEMU_JIT_INTERP_OPS_H
#define XEMU_JIT_INTERP_OPS_H

#include "jit/interp/interp.h"

/* One operation on its way: what interp_op() was given. a, b, c: NULL where the micro-op has no
 * such operand. */
typedef struct Op {
    Cpu *cpu;
    const Uop *u;
    const V128 *pool;
    V128 *dst;
    const V128 *a, *b, *c;
} Op;

typedef void (*OpFn)(const Op *o);

/* interp_ADD(), interp_LOAD() ...; the rows that only interp_run_block() knows have none. */
#define UOP(name, text, dst, a, b, c, imm, effects) void interp_##name(const Op *o);
#include "frontend/uop/uop.def"
#undef UOP

/* With cpu->watch: is a watched address about to be used by the micro-op? It is noted then. */
bool interp_watched(const Op *o);
bool interp_watched_pc(Cpu *cpu, GuestAddr pc);

/* ---- lanes ----------------------------------------------------------------------------------- */
/* Lane i of lanes of 1 << log2 bytes, zero-extended. */
static inline uint64_t lane_u(const V128 *v, unsigned log2, unsigned i)
{
    switch (log2) {
    case 0: return v->u8[i];
    case 1: return v->u16[i];
    case 2: return v->u32[i];
    default: return v->u64[i];
    }
}

static inline int64_t lane_s(const V128 *v, unsigned log2, unsigned i)
{
    switch (log2) {
    case 0: return v->s8[i];
    case 1: return v->s16[i];
    case 2: return v->s32[i];
    default: return v->s64[i];
    }
}

static inline void lane_set(V128 *v, unsigned log2, unsigned i, uint64_t x)
{
    switch (log2) {
    case 0: v->u8[i] = (uint8_t)x; break;
    case 1: v->u16[i] = (uint16_t)x; break;
    case 2: v->u32[i] = (uint32_t)x; break;
    default: v->u64[i] = x; break;
    }
}

/* The low `bits` bits (1..64) of x, the rest zero; and sign-extended. */
static inline uint64_t low_bits(uint64_t x, unsigned bits)
{
    return bits >= 64 ? x : x & ((UINT64_C(1) << bits) - 1);
}
static inline int64_t sign_extend(uint64_t x, unsigned bits)
{
    return (int64_t)(x << (64 - bits)) >> (64 - bits);
}

/* ---- scalars --------------------------------------------------------------------------------- */
/* Operand b of an integer scalar operation: the value, or the sign-extended immediate cut to the
 * type. */
static inline uint64_t int_b(const Op *o)
{
    uint64_t x = o->u->b == VAL_NONE ? (uint64_t)(int64_t)o->u->imm : o->b->u64[0];
    return o->u->type == T_I32 ? (uint32_t)x : x;
}

/* Lane i of operand b, or the immediate as a lane. */
static inline uint64_t lane_b(const Op *o, unsigned log2, unsigned i)
{
    return o->u->b == VAL_NONE ? low_bits((uint64_t)(int64_t)o->u->imm, 8u << log2)
                               : lane_u(o->b, log2, i);
}

static inline void set_int(const Op *o, uint64_t x)
{
    o->dst->u64[0] = o->u->type == T_I32 ? (uint32_t)x : x;
}
static inline void set_bool(const Op *o, bool x)
{
    o->dst->u64[0] = x;
}

/* Integer operands compared: a cond b, both zero-extended from `bits` bits. */
bool interp_compare(UopCond cond, uint64_t a, uint64_t b, unsigned bits);

/* The flags of an operation, as FLAGS and FLAGSIF define them. */
void interp_flags_of(const Op *o, UopFlagsKind kind, uint64_t b, bool carry);

/* Rounding mode of the field value: CURRENT is what the guest's environment says. */
static inline UopRound round_of(const Cpu *cpu, uint8_t sub)
{
    return sub == UOP_ROUND_CURRENT ? (UopRound)cpu->fp_round : (UopRound)sub;
}

#endif
