/* fpenv.h - the host's floating-point environment as guest code needs it: rounding, cumulative
 * flags, flush-to-zero.
 *
 * What C code raises stands in Cpu.fp_flags; what host instructions raise stays in the host's
 * status. In flush-to-zero mode (CPU_MODE_FZ) the host flushes too, but by rules of its own: a
 * flushed operand raises nothing (the guest: input denormal), a flushed result raises inexact as
 * well (the guest: underflow alone). Both matter only as long as the guest's flag isn't up yet,
 * since flags are cumulative. So until then the host's exceptions are unmasked instead, and the
 * jit's handler of the signal (jit/template/x86_64/fptrap.c) does what the guest would:
 *
 *     input denormal   down: denormal operands trap                   up: they are zeros (x86: DAZ)
 *     inexact          down: inexact and tiny results trap            up: tiny results are zeros
 * (x86: FTZ)
 */
#ifndef XEMU_FRONTEND_UOP_FPENV_H
#define XEMU_FRONTEND_UOP_FPENV_H

#include "frontend/cpu.h"

/* Makes the host's environment that of the cpu's mode, rounding and flags; the flags in the host's
 * status move to cpu->fp_flags. */
void fpenv_load(Cpu *cpu);
/* All cumulative flags: FPX_*. */
uint32_t fpenv_flags(const Cpu *cpu);
/* Replaces them. */
void fpenv_set_flags(Cpu *cpu, uint32_t fpx);
#ifdef __x86_64__
/* What fpenv_load() writes, for another thread's register. */
uint32_t fpenv_mxcsr(const Cpu *cpu);
#endif

#endif
