/* interp.h - the reference interpreter: runs micro-operations one by one, in plain C on softfp.
 * What it says is right; the other tiers must agree.
 */
#ifndef XEMU_JIT_INTERP_INTERP_H
#define XEMU_JIT_INTERP_INTERP_H

#include "frontend/frontend.h"

/* A value as the interpreter holds it: integer class in u64[0] (I32: low half, upper half zero),
 * vectors and floats in place, with unspecified bits zero; flags: u8[0..3] = N, Z, C, V. */
typedef V128 InterpVal;

/* One value-producing or memory operation (everything but INSN, GET/PUT kinds, EXIT, EXIT_IF): *dst
 * = op(a, b, c). Unused operands may be NULL. `u` gives type, sub, flags, imm (when an operand
 * field is VAL_NONE, its immediate form is meant). Guest memory is accessed directly and may fault.
 * Used by tier 1 for what it doesn't emit; must be reentrant and must keep to softfp (never the
 * host's FP environment). */
void interp_op(Cpu *cpu, const Uop *u, const V128 *pool, InterpVal *dst, const InterpVal *a,
               const InterpVal *b, const InterpVal *c);

/* Runs a whole block from its start: leaves cpu->pc at the next guest pc (or at the instruction for
 * TRAP). Returns CPU_EXIT_NONE to go on at cpu->pc, CPU_EXIT_SYSCALL, CPU_EXIT_TRAP. While it runs
 * cpu->pc is the pc of the instruction being executed (a host fault then is precise: nothing of the
 * instruction was put yet). */
CpuExit interp_run_block(Cpu *cpu, const UopBlock *b);

#endif
