/* fpenv.c - the host's floating-point environment: MXCSR on x86-64 (Intel SDM volume 1, 10.2.3),
 * <fenv.h> elsewhere, where flushing has to be by software. */
#include "frontend/uop/fpenv.h"

/* UopRound NEAREST UP DOWN ZERO. */
#ifdef __x86_64__
#include "frontend/uop/mxcsr.h"

static uint32_t host_flags(void)
{
    return mxcsr_read() & MXCSR_FLAGS & ~(uint32_t)FPX_INPUT_DENORMAL;
}

uint32_t fpenv_mxcsr(const Cpu *cpu)
{
    static const uint8_t round[] = {0, 2, 1, 3};
    uint32_t word = MXCSR_MASKS | (uint32_t)round[cpu->fp_round & 3] << MXCSR_ROUND_SHIFT;
    if (cpu->mode & CPU_MODE_FZ) {
        word = mxcsr_flush_operands(word, cpu->fp_flags & FPX_INPUT_DENORMAL);
        word = mxcsr_flush_results(word, cpu->fp_flags & FPX_INEXACT);
    }
    return word;
}

static void host_load(const Cpu *cpu)
{
    mxcsr_write(fpenv_mxcsr(cpu));
}

#else
#include <fenv.h>

static const struct {
    uint32_t fpx;
    int host;
} flags[] = {
    {FPX_INVALID, FE_INVALID},     {FPX_DIV_ZERO, FE_DIVBYZERO}, {FPX_OVERFLOW, FE_OVERFLOW},
    {FPX_UNDERFLOW, FE_UNDERFLOW}, {FPX_INEXACT, FE_INEXACT},
};

static uint32_t host_flags(void)
{
    uint32_t fpx = 0;
    int host = fetestexcept(FE_ALL_EXCEPT);
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        fpx |= host & flags[i].host ? flags[i].fpx : 0;
    }
    return fpx;
}

static void host_load(const Cpu *cpu)
{
    static const int round[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    feclearexcept(FE_ALL_EXCEPT);
    fesetround(round[cpu->fp_round & 3]);
}
#endif

void fpenv_load(Cpu *cpu)
{
    cpu->fp_flags |= host_flags();
    host_load(cpu);
}

uint32_t fpenv_flags(const Cpu *cpu)
{
    return cpu->fp_flags | host_flags();
}

void fpenv_set_flags(Cpu *cpu, uint32_t fpx)
{
    cpu->fp_flags = fpx;
    host_load(cpu);
}
