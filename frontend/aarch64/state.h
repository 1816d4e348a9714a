/* state.h - the AArch64 register file within struct Cpu.
 *
 * Offsets are from the start of struct Cpu; a W register is the low half of its X register, B/H/S/D
 * registers the low parts of Q (little-endian host). FPCR as the guest wrote it; its effect stands
 * in Cpu.mode and Cpu.fp_round. FPSR's cumulative flags are gathered from the host (see helpers.c).
 */
#ifndef XEMU_FRONTEND_AARCH64_STATE_H
#define XEMU_FRONTEND_AARCH64_STATE_H

#include "frontend/cpu.h"

typedef struct A64State {
    uint8_t nzcv[4]; /* N, Z, C, V: each 0 or 1 */
    uint32_t fpcr;
    uint64_t x[31];
    uint64_t sp;
    uint64_t tpidr; /* TPIDR_EL0 */
    V128 v[32];
    V128 qc;         /* any bit set: FPSR.QC */
    uint64_t tpidr2; /* reserved */
    uint8_t ssbs, dit, pad[2];
    uint32_t pac_enabled;    /* bit 0 IA, 1 IB, 2 DA, 3 DB */
    uint64_t pac_keys[5][2]; /* APIA, APIB, APDA, APDB, APGA: lo, hi */
} A64State;
_Static_assert(sizeof(A64State) <= CPU_FILE_SIZE, "the register file fits");

/* Mode bits of A64 blocks: which keys of pointer authentication are in use. Operations with another
 * key do nothing. */
enum {
    A64_MODE_PAC_IA = CPU_MODE_GUEST_0,
    A64_MODE_PAC_IB = CPU_MODE_GUEST_0 << 1,
    A64_MODE_PAC_DA = CPU_MODE_GUEST_0 << 2,
    A64_MODE_PAC_DB = CPU_MODE_GUEST_0 << 3,
    A64_MODE_PAC_ALL = CPU_MODE_GUEST_0 * 15,
};

/*
 * Cpu.pc is an address of 56 bits. Right after an indirect branch, in a process with guarded pages,
 * PSTATE.BTYPE stands above it: until the target's first instruction has been checked
 * (translate.c). So the check costs other ways into a block nothing.
 */
enum { A64_BTYPE_SHIFT = 56 };
#define A64_PC_MASK ((UINT64_C(1) << A64_BTYPE_SHIFT) - 1)
enum { A64_BTYPE_OF_BLR = 2 };
static inline unsigned a64_btype_of_br(bool from_guarded, int rn)
{
    return rn == 16 || rn == 17 || !from_guarded ? 1 : 3;
}

static inline A64State *a64_state(Cpu *cpu)
{
    return (A64State *)(void *)cpu->file;
}

#define A64_OFF(field) (CPU_FILE + (uint32_t)offsetof(A64State, field))
#define A64_X(n)       (A64_OFF(x) + 8u * (uint32_t)(n)) /* n = 31: sp */
#define A64_SP         A64_OFF(sp)
#define A64_V(n)       (A64_OFF(v) + 16u * (uint32_t)(n))
#define A64_NZCV       A64_OFF(nzcv)
_Static_assert(offsetof(A64State, sp) == offsetof(A64State, x) + 31 * 8, "sp follows x30");
_Static_assert(A64_X(29) == CPU_ANCHOR + 128, "x29 and up are pinned, all others are near");

#endif
