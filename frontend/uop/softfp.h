/* softfp.h - IEEE 754 binary16/32/64 (and bfloat16) arithmetic in integers: the exact meaning of
 * the float micro-operations, for the interpreter and for the slow paths of the other tiers (NaNs,
 * denormals in flush modes, results next to the underflow threshold). Never touches the host's FP
 * environment.
 *
 * Formats are given by LANE_F16, LANE_F32, LANE_F64; values are bit patterns in the low bits of a
 * uint64_t. Rules by policy: ARM: FPProcessNaNs order (first signaling operand, then first quiet
 * one; for FMA the addend first), default NaN positive, tininess before rounding, flush-to-zero
 * raising FPX_INPUT_DENORMAL / FPX_UNDERFLOW only. X86 and CANONICAL: see the enum.
 */
#ifndef XEMU_FRONTEND_UOP_SOFTFP_H
#define XEMU_FRONTEND_UOP_SOFTFP_H

#include "frontend/frontend.h"

typedef struct FpEnv {
    uint8_t policy; /* FpPolicy */
    uint8_t round;  /* UopRound NEAREST..ZERO, AWAY or ODD */
    uint32_t mode;  /* CPU_MODE_FZ, FZ16, DN, AHP */
    uint32_t flags; /* FPX_* raised so far (ORed) */
} FpEnv;

static inline FpEnv softfp_env(const Cpu *cpu, uint8_t policy)
{
    return (FpEnv){
        .policy = policy, .round = (uint8_t)cpu->fp_round, .mode = cpu->mode, .flags = 0};
}

uint64_t softfp_add(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint64_t softfp_sub(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint64_t softfp_mul(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint64_t softfp_mulx(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint64_t softfp_div(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint64_t softfp_sqrt(FpEnv *e, unsigned fmt, uint64_t a);
/* a * b + c, one rounding; negations are the caller's (flip the sign bits first). */
uint64_t softfp_fma(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, uint64_t c);
uint64_t softfp_min(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, bool max, bool num);
/* N,Z,C,V as bits 3..0 (Arm FCMP). */
unsigned softfp_compare(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b, bool signaling);
/* UOP_FEQ, UOP_FGE, UOP_FGT. */
bool softfp_test(FpEnv *e, unsigned fmt, UopCond cond, uint64_t a, uint64_t b);
/* To integral; round CURRENT is resolved by the caller. limit 0, 32 or 64 (FRINT32/64). */
uint64_t softfp_round(FpEnv *e, unsigned fmt, uint64_t a, UopRound round, bool exact,
                      unsigned limit);
uint64_t softfp_convert(FpEnv *e, unsigned to, unsigned from, uint64_t a, UopRound round);
/* Saturating; bits = width of the result (16, 32, 64); result zero-extended from it. */
uint64_t softfp_to_int(FpEnv *e, unsigned fmt, uint64_t a, unsigned bits, bool is_unsigned,
                       UopRound round, unsigned frac_bits);
uint64_t softfp_from_int(FpEnv *e, unsigned fmt, uint64_t v, unsigned bits, bool is_unsigned,
                         unsigned frac_bits);
/* Arm FJCVTZS: *exact = the Z flag. */
uint32_t softfp_js_to_int(FpEnv *e, uint64_t a, bool *exact);
uint64_t softfp_recip_estimate(FpEnv *e, unsigned fmt, uint64_t a);
uint64_t softfp_rsqrt_estimate(FpEnv *e, unsigned fmt, uint64_t a);
uint64_t softfp_recip_exponent(FpEnv *e, unsigned fmt, uint64_t a);
uint64_t softfp_recip_step(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint64_t softfp_rsqrt_step(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);
uint32_t softfp_urecip_estimate(uint32_t a);
uint32_t softfp_ursqrt_estimate(uint32_t a);
/* Arm bfloat16: conversion (round by env), dot product step BFDotAdd-style; FMLAL: addend F32 + F16
 * * F16 fused. */
uint16_t softfp_bf16_from_f32(FpEnv *e, uint32_t a);
uint32_t softfp_bf16_dot(FpEnv *e, uint32_t acc, uint16_t a0, uint16_t b0, uint16_t a1,
                         uint16_t b1);
uint32_t softfp_fmlal(FpEnv *e, uint32_t acc, uint16_t a, uint16_t b);

#endif
