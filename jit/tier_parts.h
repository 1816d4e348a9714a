/* tier_parts.h - what the parts of tier 2's control share: tier.c (when), tier_ask.c (what is asked
 * for), tier_answers.c (what comes of it), tier_regions.c (regions compiled and placed). */
#ifndef XEMU_JIT_TIER_PARTS_H
#define XEMU_JIT_TIER_PARTS_H

#include "jit/orc/channel.h"
#include "jit/patience.h"
#include "jit/region.h"
#include "jit/tier.h"

/* What the optimizer was asked for, by slot of the channel. */
typedef struct Pending {
    Block *entry; /* tier 1's; NULL: none. Its memory goes with its generation. */
    bool relocatable;
    uint64_t generation;
    uint32_t mode;
    uint32_t n, insns;
    Block *blocks[REGION_BLOCKS]; /* of all guest code in the region */
    GuestAddr pcs[REGION_BLOCKS];
    uint32_t lens[REGION_BLOCKS];
} Pending;

struct Tier {
    pthread_mutex_t lock;
    Client *client;
    Pending pending[CHANNEL_SLOTS];
    uint64_t lost;
    Patience patience;
    Trace trace;
    UopCache kept;
    uint64_t traced_ns; /* patience_used_ns() then */
    uint64_t asking_ns; /* what finding out what to ask for has cost */
};

/* ---- tier.c ---------------------------------------------------------------------------------- */

/* How many polls make code hot; what it is unless an option says otherwise. */
enum { TIER_HOT = 96000 };
uint32_t tier_heat(const Jit *j);

/* ---- tier_ask.c; under Tier.lock ------------------------------------------------------------- */

/* A region at entry, which is hot. left: what jit_run() returns then, if not CPU_EXIT_NONE: the
 * thread has gone on meanwhile. Returns whether the optimizer was asked. */
bool tier_ask(JitThread *t, struct Tier *tier, Block *entry, CpuExit *left);
/* Is there a region that was stored for the block? It takes its place, as others do where it leads.
 */
bool tier_use_stored(JitThread *t, Block *old);

/* ---- tier_answers.c; under Tier.lock --------------------------------------------------------- */

/* Puts in place what was answered. */
void tier_take_answers(JitThread *t, struct Tier *tier);
/* Has the optimizer died? What it was at then gets few more chances. */
bool tier_look_for_death(const JitThread *t, struct Tier *tier);
/* For tests: what was asked for is in place when the thread goes on. */
void tier_wait(JitThread *t, struct Tier *tier);
/* Takes the lock itself. 0 or -errno. */
int tier_compile_there(JitThread *t, const LiftRegion *r, CodeObject *o);

/* ---- tier_regions.c -------------------------------------------------------------------------- */

/* The region's code into the arena, as b's. 0 or -errno. */
int tier_place(JitThread *t, const CodeObject *o, Block *b);
/* --dump */
void tier_print_dump(const Jit *j, const CodeObject *o);
/* For --stats: what compiling cost, whatever becomes of it; and a region that is in place. */
void tier_count_compiled(JitThread *t, const CodeObject *o);
void tier_count_region(JitThread *t, const CodeObject *o, uint32_t blocks, uint32_t insns);

#endif
