/* samples.h - --stats: which code a thread spends its time in. The kernel notes the host pc for
 * each millisecond of processor time outside of itself, in a ring of the thread's own
 * (perf_event_open(2)); no signal, nothing that the guest could see. Where that isn't allowed,
 * nothing is counted. */
#ifndef XEMU_JIT_SAMPLES_H
#define XEMU_JIT_SAMPLES_H

#include "jit/internal.h"

/* Of the calling thread, from now on. */
void samples_start(JitThread *t);
/* Counts what has come, if it's time to: often, from the thread. */
void samples_look(JitThread *t);
/* Counts all that has come; from any thread. */
void samples_count(JitThread *t);
/* The thread ends; in a child of fork: its parent's ring isn't mapped here. */
void samples_end(JitThread *t);
void samples_forked(JitThread *t);

#endif
