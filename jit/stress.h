/* stress.h - --stress=seed, for tests: code is promoted, replaced and dropped at random, so that
 * what is rare happens all the time. */
#ifndef XEMU_JIT_STRESS_H
#define XEMU_JIT_STRESS_H

#include "jit/internal.h"

/* True once in `of` times, by the thread's own random numbers; false if no stress is asked for. */
bool stress_chance(JitThread *t, uint32_t of);
/* Each time that the thread comes through the loop of jit_run(): before it looks at the generation
 * and at what interrupts it. */
void stress_loop(JitThread *t);
/* Whether an exit is left unlinked, to be asked for again. */
bool stress_unlinked(JitThread *t);
/* Whether forced tier 2 compiles a region: the more that were, the less likely; else tier 1 does.
 * All without stress. */
bool stress_compiles(JitThread *t);
/* How far a counter of tier 1 counts this time. */
uint32_t stress_counter(JitThread *t);

#endif
