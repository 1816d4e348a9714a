/*
 * helpers.c - the C helpers of A64: FP control and status, the counter.
 *
 * FPCR as the guest wrote it is in the state; its effect is cpu->mode (flush and NaN modes, part of
 * the key of a block), cpu->fp_round, and the host's rounding mode. FPSR's cumulative flags are
 * those that C code raised (cpu->fp_flags) and those in the host's FP status, which only guest
 * operations set.
 *
 *     FPCR  26 AHP  25 DN  24 FZ  23:22 RMode  19 FZ16       (no trapped exceptions: the rest is
 * zero) FPSR  27 QC  7 IDC  4 IXC  3 UFC  2 OFC  1 DZC  0 IOC
 */
#include "frontend/aarch64/helpers.h"

#include <time.h>

#include "frontend/uop/fpenv.h"

enum {
    FPCR_FZ16 = 1 << 19,
    FPCR_RMODE_SHIFT = 22,
    FPCR_FZ = 1 << 24,
    FPCR_DN = 1 << 25,
    FPCR_AHP = 1 << 26,
    FPCR_WRITABLE = FPCR_FZ16 | 3 << FPCR_RMODE_SHIFT | FPCR_FZ | FPCR_DN | FPCR_AHP,
};

static const struct {
    uint32_t fpcr, mode;
} fp_modes[] = {
    {FPCR_FZ, CPU_MODE_FZ},
    {FPCR_FZ16, CPU_MODE_FZ16},
    {FPCR_DN, CPU_MODE_DN},
    {FPCR_AHP, CPU_MODE_AHP},
};

enum { FPSR_QC = 1 << 27 };

static const struct {
    uint32_t fpsr, fpx;
} fp_flags[] = {
    {1 << 0, FPX_INVALID},   {1 << 1, FPX_DIV_ZERO}, {1 << 2, FPX_OVERFLOW},
    {1 << 3, FPX_UNDERFLOW}, {1 << 4, FPX_INEXACT},  {1 << 7, FPX_INPUT_DENORMAL},
};

uint64_t a64_helper_write_fpcr(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b;
    (void)c;
    uint32_t fpcr = (uint32_t)a & FPCR_WRITABLE;
    a64_state(cpu)->fpcr = fpcr;
    for (size_t i = 0; i < sizeof fp_modes / sizeof fp_modes[0]; i++) {
        cpu->mode &= ~fp_modes[i].mode;
        cpu->mode |= fpcr & fp_modes[i].fpcr ? fp_modes[i].mode : 0;
    }
    cpu->fp_round = fpcr >> FPCR_RMODE_SHIFT & 3;
    fpenv_load(cpu);
    return 0;
}

uint32_t a64_fpsr_of(const Cpu *cpu, uint32_t host_flags)
{
    const A64State *s = (const A64State *)(const void *)cpu->file;
    uint32_t fpsr = s->qc.u64[0] | s->qc.u64[1] ? FPSR_QC : 0;
    for (size_t i = 0; i < sizeof fp_flags / sizeof fp_flags[0]; i++) {
        /* The host's denormal flag has another meaning. */
        uint32_t flags = cpu->fp_flags | (host_flags & ~(uint32_t)FPX_INPUT_DENORMAL);
        fpsr |= flags & fp_flags[i].fpx ? fp_flags[i].fpsr : 0;
    }
    return fpsr;
}

uint64_t a64_helper_read_fpsr(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)b;
    (void)c;
    return a64_fpsr_of(cpu, fpenv_flags(cpu));
}

uint64_t a64_helper_write_fpsr(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b;
    (void)c;
    A64State *s = a64_state(cpu);
    s->qc.u64[0] = s->qc.u64[1] = a & FPSR_QC ? 1 : 0;
    uint32_t fpx = 0;
    for (size_t i = 0; i < sizeof fp_flags / sizeof fp_flags[0]; i++) {
        fpx |= a & fp_flags[i].fpsr ? fp_flags[i].fpx : 0;
    }
    fpenv_set_flags(cpu, fpx);
    return 0;
}

uint64_t a64_helper_counter(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    struct timespec now;
    (void)cpu;
    (void)a;
    (void)b;
    (void)c;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * A64_COUNTER_HZ + (uint64_t)now.tv_nsec;
}

static uint64_t packed_time(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec << 30 | (uint64_t)now.tv_nsec;
}

uint64_t a64_helper_realtime(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)cpu;
    (void)a;
    (void)b;
    (void)c;
    return packed_time(CLOCK_REALTIME);
}

uint64_t a64_helper_monotonic(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)cpu;
    (void)a;
    (void)b;
    (void)c;
    return packed_time(CLOCK_MONOTONIC);
}

void a64_set_pac_keys(Cpu *cpu, uint32_t enabled)
{
    a64_state(cpu)->pac_enabled = enabled & 15;
    cpu->mode = (cpu->mode & ~(uint32_t)A64_MODE_PAC_ALL) | (enabled & 15) * A64_MODE_PAC_IA;
}
