/* mxcsr.h - the x86 control and status register of floating point (Intel SDM volume 1, 10.2.3).
 *
 *     15 FTZ  14:13 rounding  12 PM 11 UM 10 OM 9 ZM 8 DM 7 IM  6 DAZ  5 PE 4 UE 3 OE 2 ZE 1 DE 0
 * IE
 *
 * The flags are in the order of FPX_*.
 */
#ifndef XEMU_FRONTEND_UOP_MXCSR_H
#define XEMU_FRONTEND_UOP_MXCSR_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MXCSR_FLAGS = 0x3f,
    MXCSR_DE = 0x02,
    MXCSR_UE = 0x10,
    MXCSR_PE = 0x20,
    MXCSR_DAZ = 0x40,
    MXCSR_DM = 0x100,
    MXCSR_UM = 0x800,
    MXCSR_PM = 0x1000,
    MXCSR_MASKS = 0x1f80,
    MXCSR_ROUND_SHIFT = 13,
    MXCSR_FTZ = 0x8000,
};

static inline uint32_t mxcsr_read(void)
{
    uint32_t word;
    __asm__ volatile("stmxcsr %0" : "=m"(word));
    return word;
}

static inline void mxcsr_write(uint32_t word)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(word));
}

/* Denormal operands are zeros, or trap. */
static inline uint32_t mxcsr_flush_operands(uint32_t word, bool quietly)
{
    word &= ~(uint32_t)(MXCSR_DE | MXCSR_DM | MXCSR_DAZ);
    return word | (quietly ? MXCSR_DM | MXCSR_DAZ : 0);
}

/* Tiny results become zeros, or they and inexact ones trap. */
static inline uint32_t mxcsr_flush_results(uint32_t word, bool quietly)
{
    word &= ~(uint32_t)(MXCSR_UE | MXCSR_PE | MXCSR_UM | MXCSR_PM | MXCSR_FTZ);
    return word | (quietly ? MXCSR_UM | MXCSR_PM | MXCSR_FTZ : 0);
}

#endif
