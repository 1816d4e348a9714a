/* conv.h - the register convention of translated code, the same in every tier: which host registers
 * hold what at every jump between translated pieces. The order is that of the arguments of LLVM's
 * preserve_nonecc on x86-64.
 *
 *     r12                                          struct Cpu *, CPU_ANCHOR bytes further
 *     r13 r14 r15 rdi rsi rdx rcx r8 r9 r11        Frontend.int_pins[0..9]
 *     xmm0 .. xmm7                                 Frontend.vec_pins[0..7]
 *     rax rbx rbp r10, xmm8 and up                 scratch between pieces
 *     rsp                                          the C stack of jit_run: 8 mod 16 (as after a
 * call)
 *
 * MXCSR holds the guest's FP environment while guest code runs and stays so in C code: xemu's own C
 * code does no floating point while a guest lives, except through frontend/uop/softfp.h, which
 * doesn't use the host's.
 */
#ifndef XEMU_JIT_CONV_H
#define XEMU_JIT_CONV_H

#include "frontend/frontend.h"

/* Host register numbers (x86-64 encoding). */
enum {
    HR_RAX,
    HR_RCX,
    HR_RDX,
    HR_RBX,
    HR_RSP,
    HR_RBP,
    HR_RSI,
    HR_RDI,
    HR_R8,
    HR_R9,
    HR_R10,
    HR_R11,
    HR_R12,
    HR_R13,
    HR_R14,
    HR_R15
};

#define CONV_CPU HR_R12
static const uint8_t conv_int_pins[FRONTEND_INT_PINS] = {HR_R13, HR_R14, HR_R15, HR_RDI, HR_RSI,
                                                         HR_RDX, HR_RCX, HR_R8,  HR_R9,  HR_R11};
static const uint8_t conv_int_scratch[4] = {HR_RAX, HR_RBX, HR_RBP, HR_R10};

_Static_assert(offsetof(Cpu, pc) == 0, "emitted code");

#endif
