/* tier_none.c - a build without LLVM has no tier 2. */
#ifndef XEMU_LLVM
#include "jit/tier.h"

#include <errno.h>

int tier_translate(JitThread *t, Block *b)
{
    (void)t;
    (void)b;
    return -EOPNOTSUPP;
}

int tier_anchor(Jit *j, Block *b)
{
    (void)j;
    (void)b;
    return 0;
}

int tier_create(Jit *j)
{
    (void)j;
    return -EOPNOTSUPP;
}

void tier_destroy(Jit *j, bool forked)
{
    (void)j;
    (void)forked;
}

void tier_forked(Jit *j, bool alone)
{
    (void)j;
    (void)alone;
}

struct Tier *tier_own(Jit *j)
{
    return j->tier;
}

void tier_close(Jit *j)
{
    (void)j;
}

void tier_await(JitThread *t)
{
    (void)t;
}

void tier_hide(Jit *j, bool on)
{
    (void)j;
    (void)on;
}

CpuExit tier_hot(JitThread *t, GuestAddr pc)
{
    (void)pc;
    tier_reset_counter(t->cpu);
    return CPU_EXIT_NONE;
}

bool tier_may_note(const Jit *j)
{
    (void)j;
    return false;
}

uint64_t tier_note(const Jit *j)
{
    (void)j;
    return 0;
}

void tier_reset_counter(Cpu *cpu)
{
    cpu->polls_left = INT32_MAX;
}

void tier_stats(const Jit *j, JitStats *out)
{
    (void)j;
    (void)out;
}
#else
/* An empty file isn't C. */
typedef int TierWithLlvm;
#endif
