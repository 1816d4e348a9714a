/* rseq.h - restartable sequences: the guest's rseq(2) on the host's.
 *
 * The area that a guest thread registers (struct rseq) is registered with the host as it is, so
 * that its processor numbers are kept by the host's kernel. Its rseq_cs isn't the host's business:
 * the kernel compares its own instruction pointer with the guest's section, finds it outside and
 * clears rseq_cs. So a block at the beginning of a section puts a section of xemu's own there
 * (struct CriticalCode), which spans just the one instruction that makes a store of the guest
 * (rseq.S):
 *
 *     guest                       host
 *     str cs, [area.rseq_cs]      the same
 *     start:                      area.rseq_cs = section of xemu (enter)
 *     ldr, cmp, b ...             as everywhere
 *     str (the commit)            rseq.S: store, unless area.rseq_cs is 0; then on to the abort
 * address
 *
 * The kernel leaves 0 in rseq_cs whenever the thread was preempted, moved or got a signal
 * elsewhere, and takes it to the failing exit when that was between the question and the store.
 * What is read after an interruption may be stale; then a fault is the interruption's and no store
 * is made of it.
 *
 * Where sections are is known by the files' lists (code/critical.h); a section in no list is not
 * restarted. Atomic read-modify-writes in a section are asked about before them, not with them.
 */
#ifndef XEMU_RUNTIME_THREAD_RSEQ_H
#define XEMU_RUNTIME_THREAD_RSEQ_H

#include "runtime/process.h"

/* A new thread has none. */
void rseq_thread(Thread *t);
/* A signal is about to be delivered: a section that pc is in begins again afterwards. True: it was
 * in one. */
bool rseq_interrupted(Thread *t);
/* The same for a fault. True: it may have come of what was read after an interruption, which the
 * signal of the fault has hidden, so the section is tried again without a signal; one that comes
 * again and again is the guest's own. */
bool rseq_fault(Thread *t, GuestAddr address);
/* After rseq_interrupted(): the abort address wasn't one. True once. */
bool rseq_is_bad(Thread *t);

#endif
