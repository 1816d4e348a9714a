/* critical.c - critical sections of rseq(2): what blocks in them call. */
#include "frontend/aarch64/helpers.h"

uint64_t a64_helper_critical_enter(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b;
    (void)c;
    cpu->critical_host->enter(cpu, a);
    return 0;
}

static uint64_t result(Cpu *cpu, bool interrupted)
{
    if (interrupted) {
        cpu->critical_host->aborts(cpu);
    }
    return interrupted;
}

uint64_t a64_helper_critical_store(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    return result(cpu, cpu->critical_host->store(&cpu->critical, a, b, c) != 0);
}

uint64_t a64_helper_critical_check(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)b;
    (void)c;
    return result(cpu, *cpu->critical.armed == 0);
}
