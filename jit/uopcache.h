/* uopcache.h - micro-ops of blocks that were looked at lately, for tier 2 to look at again: a trace
 * meets each block some ten times, regions that begin near each other have most blocks in common.
 */
#ifndef XEMU_JIT_UOPCACHE_H
#define XEMU_JIT_UOPCACHE_H

#include "jit/internal.h"

enum { UOPCACHE_PLACES = 2048 };
typedef struct UopCache {
    UopBlock *by_pc[UOPCACHE_PLACES];
    uint32_t n;
    bool guarded;   /* with what they were made: were there guarded pages, */
    uint64_t drops; /* and Jit.ndrops */
} UopCache;

/* What may be wrong goes. Nobody may hold any. */
void uopcache_refresh(UopCache *c, const Jit *j);
/* As the thread would make it, which has entered its module or hasn't; NULL: none. */
UopBlock *uopcache_find(const UopCache *c, const JitThread *t, GuestAddr pc, uint32_t mode);
/* Keeps ub, which the thread has just made (jit_copy_uops); false: there's no place for it. */
bool uopcache_put(UopCache *c, const JitThread *t, UopBlock *ub);
void uopcache_clear(UopCache *c);

#endif
