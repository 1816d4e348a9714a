/* settle.h - where counting has done: the polls of tier 1 that lead to what is a region, or what
 * none was made of, needn't count any more.
 *
 * All polls count into one word, each waits for the last one: in interpreters, of which most code
 * stays in tier 1, that was 2 to 5 percent of the time. What is stored doesn't count either, in
 * later runs; a run that asks the optimizer for something lets all that was stored count again,
 * since other code of the same file, or other work of the same program, may be worth a region.
 */
#ifndef XEMU_JIT_SETTLE_H
#define XEMU_JIT_SETTLE_H

#include "jit/internal.h"

/* Without the lock: it is known what becomes of b. */
void settle_block(JitThread *t, Block *b);
/* An indirect jump's counter has run out on the way to pc: is that settled, and is it the jump's
 * turn? One of several times only: it may lead elsewhere as well. */
bool settle_wants(JitThread *t, GuestAddr pc);
/* Then it counts no more. NULL is fine. */
void settle_exit(JitThread *t, const Link *l);
/* Under the lock: the exit leads to `to` from now on; NULL: to its stub. */
void settle_link(Jit *j, const Link *l, const Block *to);
/* The process asks for regions: what earlier runs have stored counts from now on. */
void settle_nothing_stored(JitThread *t);

#endif
