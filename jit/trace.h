/* trace.h - what a thread executed next, block by block: what regions are made along. */
#ifndef XEMU_JIT_TRACE_H
#define XEMU_JIT_TRACE_H

#include "jit/uopcache.h"

/* How a block was left. */
typedef enum TraceHow { TRACE_JUMP, TRACE_CALL, TRACE_RETURN, TRACE_OTHER } TraceHow;

typedef struct TraceStep {
    GuestAddr pc;
    uint16_t len; /* bytes of guest code */
    uint8_t ninsns;
    uint8_t how; /* TraceHow; calls and jumps: to what the code names */
} TraceStep;

enum { TRACE_STEPS = 2048 };
typedef struct Trace {
    uint32_t mode, n;
    GuestAddr next; /* behind the last step */
    TraceStep steps[TRACE_STEPS];
} Trace;

static inline GuestAddr trace_next(const Trace *tr, uint32_t i)
{
    return i + 1 < tr->n ? tr->steps[i + 1].pc : tr->next;
}

/* Interprets what comes next in the thread, and notes it behind what has been: up to `most` blocks
 * together, TRACE_STEPS at most, or until something else is to be done (what jit_run() returns;
 * CPU_EXIT_NONE: nothing). */
CpuExit trace_record(JitThread *t, Trace *tr, UopCache *kept, uint32_t most);

#endif
