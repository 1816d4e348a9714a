/* tier.h - tier 2 within jit/: which code becomes a region, compiled by lift/, and how its code
 * takes the place of tier 1's. */
#ifndef XEMU_JIT_TIER_H
#define XEMU_JIT_TIER_H

#include "jit/internal.h"
#include "jit/orc/client.h"

/* --tiers=2: the region that begins at b's pc is compiled at once: fills in its code, links,
 * anchors. 0, or -errno: tier 1 has to do it. */
int tier_translate(JitThread *t, Block *b);
/* Under the lock, with b in the table: invalidation finds b by any guest code of its region. */
int tier_anchor(Jit *j, Block *b);

/* Promotion (--tiers=1,2), when both tiers are there. */
int tier_create(Jit *j);
void tier_destroy(Jit *j, bool forked);
/* In a child of fork: the optimizer is the parent's, another is started when it's needed. */
void tier_forked(Jit *j, bool alone);
/* Jit.tier, which may have been a parent's until now. While there is one thread only. */
struct Tier *tier_own(Jit *j);
void tier_close(Jit *j);
/* jit_await_optimizer() */
void tier_await(JitThread *t);
/* jit_note(), and whether it may be anything but 0. */
uint64_t tier_note(const Jit *j);
bool tier_may_note(const Jit *j);
/* jit_hide_children() */
void tier_hide(Jit *j, bool on);
/* A counter of tier 1 has run out on the way to pc; the thread goes on there, or has gone on
 * already. Returns what jit_run() would. */
CpuExit tier_hot(JitThread *t, GuestAddr pc);
void tier_reset_counter(Cpu *cpu);
/* What the optimizer's processes have cost. */
void tier_stats(const Jit *j, JitStats *out);

/* An optimizer for the process's regions, started when it's asked; NULL: none can be. */
Client *tier_client(const Jit *j);

/* Ahead of time (ahead_regions.c): compiles a region in this process. 0 or -errno. */
struct Region;
int tier_region_compile(const struct Region *r, CodeObject *o);
/* Is the code better than tier 1's? */
bool tier_is_good(const CodeObject *o, uint32_t insns);
/* The block, in the table; NULL: no room. */
const Block *tier_region_place(struct Region *r, const CodeObject *o);

#endif
