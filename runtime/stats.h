/* stats.h - the counters of --stats. */
#ifndef XEMU_RUNTIME_STATS_H
#define XEMU_RUNTIME_STATS_H

#include "jit/jit.h"

/* Prints them on standard error: one a line with its meaning, or all as one line of JSON. */
void stats_print(const Jit *jit, bool json);

#endif
