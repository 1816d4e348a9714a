/* region.h - what is compiled together for tier 2: blocks, their micro-operations, and which of
 * them belong to a call of a small callee. Its way into the tables: tier.h. */
#ifndef XEMU_JIT_REGION_H
#define XEMU_JIT_REGION_H

#include "jit/ahead.h"
#include "jit/internal.h"
#include "jit/trace.h"
#include "lift/lift.h"

enum {
    REGION_BLOCKS = 200,
    REGION_CONTEXTS = 24,
    /* of one that is promoted, or made ahead of time */
    PROMOTED_BLOCKS = 120,
    PROMOTED_INSNS = 1200
};

typedef struct Region {
    JitThread *t;
    uint32_t mode;
    bool known_only;              /* only what tier 1 has translated, which is what has run */
    const JitAheadChoice *choice; /* ahead of time: which blocks */
    const Trace *trace;           /* what has just run; NULL: it isn't known */
    uint32_t max_blocks, max_insns;
    LiftBlock blocks[REGION_BLOCKS];
    uint32_t nblocks, insns;
    LiftContext contexts[REGION_CONTEXTS];
    uint32_t ncontexts;
    UopBlock *owned[REGION_BLOCKS];
    bool borrowed[REGION_BLOCKS]; /* some of them, from `kept` */
    uint32_t nowned;
    UopCache *kept;              /* NULL: none */
    Block *quick[REGION_BLOCKS]; /* known ones that go on behind a branch */
    uint32_t nquick;
    bool recursive;
    uint32_t traced;          /* contexts of the trace: a bit each */
    uint32_t visits, visited; /* by the trace: how often it was entered, instructions within */
} Region;

/* The block there, if it's translated, in this run or an earlier one. The thread has entered its
 * module, if it's of one. */
Block *region_known(JitThread *t, GuestAddr pc, uint32_t mode);
/* The same, or the one that r has looked at whose code pc is in the middle of. */
Block *region_block(const Region *r, GuestAddr pc);
/* Fills a region, of which the fields up to max_insns are set, from its entry on. False: there's
 * no code. */
bool region_collect(Region *r, GuestAddr entry);
/* For region_follow(): adds a block, if it's wanted; a context for a call, or 0: no room. */
void region_add(Region *r, GuestAddr pc, unsigned context);
unsigned region_add_context(Region *r, unsigned parent, GuestAddr return_pc);
/* Is the region, whose entry there is, part of the function at `target`, by jumps alone? */
bool region_is_own_function(Region *r, GuestAddr target);
/* Takes in what the trace went through from the entry on (region_trace.c). */
void region_follow(Region *r, const Trace *trace);
/* NULL is fine. */
void region_free(Region *r);
bool region_has(const Region *r, GuestAddr pc, unsigned context);
/* Does a callee of that context come back to pc? */
bool region_returns(const Region *r, GuestAddr pc, unsigned context);
bool region_is_worth_it(const Region *r);
/* Does its trace, however short, tell plainly that it isn't? */
bool region_is_left_soon(const Region *r);
/* Ahead of time: the region at pc as promotion would make it, but of all blocks that are wanted;
 * NULL: none, or not worth it. */
Region *region_ahead(JitThread *t, GuestAddr pc, uint32_t mode, const JitAheadChoice *choice);
/* For lift_compile() and client_ask(); lives as long as r. */
LiftRegion region_lift(const Region *r);

#endif
