/* aarch64.h - what the parts of the AArch64 description share. */
#ifndef XEMU_RUNTIME_ABI_AARCH64_H
#define XEMU_RUNTIME_ABI_AARCH64_H

#include "runtime/abi/abi.h"

/* PSTATE as signal frames and debuggers have it; cpu->pc is set before. */
uint64_t a64_pstate(const Cpu *cpu);
void a64_set_pstate(Cpu *cpu, uint64_t pstate);

/* Abi.watches. */
void a64_watches(const struct TraceDebug *debug, CpuWatch *watch);
/* Abi.get_regset, Abi.set_regset. */
long a64_get_regset(const Cpu *cpu, uint32_t host_flags, const struct TraceState *state,
                    unsigned type, void *buf, unsigned *unit);
long a64_set_regset(Cpu *cpu, struct TraceState *state, unsigned type, void *buf, size_t n,
                    bool *fp_control);

#endif
