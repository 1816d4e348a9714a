/* quick.h - quick blocks: what tier 1 makes of guest code that is met for the first time.
 *
 * Most code runs a few times. Its blocks are put together of snippets: the host code of single
 * instructions, each made once, by the general way (translate, optimize, emit), remembered under
 * the instruction's shape (frontend.h) and copied from then on. Between two instructions everything
 * stands in the register file, so that nothing needs to be known of the others; exits are emitted
 * as ever. Such code is not as good: registers that aren't pinned and flags go through memory.
 *
 * A quick block begins with
 *
 *     sub [r12 + quick_left], 1
 *     js  -> (cold) call STUB_WORN
 *
 * One counter of the thread for all: it takes a sample of their executions. The block where it runs
 * out is translated again, optimized, and replaced: those that run most are met soonest, and what
 * that costs is bounded by what has run.
 */
#ifndef XEMU_JIT_QUICK_H
#define XEMU_JIT_QUICK_H

#include "jit/internal.h"

/* May the block of this key be a quick one? */
bool quick_wanted(const JitThread *t, GuestAddr pc);
/* The micro-ops of one instruction, optimized as if nothing were known of the others, in t->uops.
 */
void quick_uops(JitThread *t, TranslateRequest *req, GuestAddr pc);
/* The counter ran out in b, which is about to run. */
void quick_worn(JitThread *t, Block *b);

#endif
