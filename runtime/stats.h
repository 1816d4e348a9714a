/* stats.h - the counters of --stats. */
#ifndef XEMU_RUNTIME_STATS_H
#define XEMU_RUNTIME_STATS_H

#include "cache/cache.h"
#include "jit/jit.h"

/* Prints those of the jit, and of the cache if there is one (else NULL), to descriptor fd: one a
 * line with its meaning, or all as one line of JSON. */
void stats_print(const Jit *jit, const CacheCounters *cache, bool json, int fd);

#endif
