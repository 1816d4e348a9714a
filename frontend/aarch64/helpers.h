/* helpers.h - the C helpers of A64 (helpers.def), and what the runtime needs of them. */
#ifndef XEMU_FRONTEND_AARCH64_HELPERS_H
#define XEMU_FRONTEND_AARCH64_HELPERS_H

#include "frontend/aarch64/state.h"

#define HELPER(name, effects)                                                                      \
    uint64_t a64_helper_##name(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c);
#include "frontend/aarch64/helpers.def"
#undef HELPER

#define A64_COUNTER_HZ 1000000000u /* CNTFRQ_EL0: CNTVCT_EL0 counts nanoseconds */

/* FPCR as signal frames and debuggers have it. Writing changes cpu->mode and the host's rounding
 * mode. */
static inline uint32_t a64_fpcr(Cpu *cpu)
{
    return a64_state(cpu)->fpcr;
}
static inline void a64_set_fpcr(Cpu *cpu, uint32_t v)
{
    a64_helper_write_fpcr(cpu, v, 0, 0);
}
/* FPSR likewise: its cumulative flags are partly the host's, so this is for the thread that runs
 * cpu. */
static inline uint32_t a64_fpsr(Cpu *cpu)
{
    return (uint32_t)a64_helper_read_fpsr(cpu, 0, 0, 0);
}
/* The same of a Cpu that doesn't run; host_flags: FPX_* that its host thread has. */
uint32_t a64_fpsr_of(const Cpu *cpu, uint32_t host_flags);
static inline void a64_set_fpsr(Cpu *cpu, uint32_t v)
{
    a64_helper_write_fpsr(cpu, v, 0, 0);
}

/* PSTATE.BTYPE as a signal frame has it, where cpu->pc without it is A64_PC_MASK of it. */
static inline unsigned a64_btype(const Cpu *cpu)
{
    return cpu->pc >> A64_BTYPE_SHIFT <= 3 ? cpu->pc >> A64_BTYPE_SHIFT : 0;
}

/* After cpu->pc was set to an address. */
static inline void a64_set_btype(Cpu *cpu, unsigned btype)
{
    cpu->pc |= (uint64_t)btype << A64_BTYPE_SHIFT;
}

/* prctl(PR_PAC_SET_ENABLED_KEYS): bit 0 IA, 1 IB, 2 DA, 3 DB. */
void a64_set_pac_keys(Cpu *cpu, uint32_t enabled);
/* May this be the upper half of a key? (trans_pac.c) */
bool a64_pac_key_is_good(uint64_t hi);

/* ID register op0 3, op1 0, CRn 0 as Linux shows it to programs. */
uint64_t a64_id_register(unsigned crm, unsigned op2);

#endif
