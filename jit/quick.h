/* quick.h - quick blocks: what tier 1 makes of guest code that is met for the first time.
 *
 * Most code runs a few times. Its blocks are put together of snippets: the host code of single
 * instructions, each made once, by the general way (translate, optimize, emit), remembered under
 * the instruction's shape (frontend.h) and copied from then on. Between two instructions everything
 * stands in the register file, so that nothing needs to be known of the others; exits are emitted
 * as ever. A block goes on behind its first conditional branches. Such code is not as good:
 * registers that aren't pinned and flags go through memory.
 *
 * Their backward exits, calls and indirect jumps, of which every cycle has one, begin with
 *
 *     sub [r12 + quick_left], 1
 *     js  -> (cold) leave by STUB_HOT with the target's pc
 *
 * One counter of the thread for all: it takes a sample of their executions. The block that is about
 * to run where it runs out is translated again, optimized, and replaced, and what it leads to:
 * those that run most are met soonest, and what that costs is bounded by what has run.
 */
#ifndef XEMU_JIT_QUICK_H
#define XEMU_JIT_QUICK_H

#include "jit/internal.h"

/* May the block of this key be a quick one? */
bool quick_wanted(const JitThread *t, GuestAddr pc);
/* The micro-ops of one instruction, optimized as if nothing were known of the others, in t->uops.
 */
void quick_uops(JitThread *t, TranslateRequest *req, GuestAddr pc);
/* Has code behind the first branch of a quick block been run? If that ends with a return nobody
 * knows. */
bool quick_went_on(const Block *b);
/* The counter ran out on the way to pc. */
void quick_hot(JitThread *t, GuestAddr pc);
/* That of optimized code did, which is what may lead to a quick block alone: to the cases of a
 * switch, say. */
void quick_met(JitThread *t, GuestAddr pc);

#endif
