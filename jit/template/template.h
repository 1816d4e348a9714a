/* template.h - tier 1 as jit.c sees it. One implementation per host architecture.
 */
#ifndef XEMU_JIT_TEMPLATE_TEMPLATE_H
#define XEMU_JIT_TEMPLATE_TEMPLATE_H

#include "jit/internal.h"

/* Once per process and once per thread. 0 or -errno. */
int template_create(Jit *jit);
void template_destroy(Jit *jit);
/* A fresh arena after the old one was emptied: writes what every arena needs. 0 or -errno. */
int template_arena(Jit *jit, CodeBuf *code);
/* Puts a copy of the stubs at the start of a chunk, which code in it uses, and behind them the word
 * that addresses in a guest file which may lie anywhere are sums with: where its first byte is. All
 * of it within a page. */
void template_stubs(Jit *jit, CodeChunk *c, GuestAddr base);
int template_thread_start(JitThread *t);
/* Before the thread's first template_emit. 0 or -errno. */
int template_prepare(JitThread *t);
void template_thread_end(JitThread *t);

/* Emits ub (optimized) into the thread's chunks, fills in code, host_len, cold, cold_len, links,
 * faultmap of b and commits the pieces. 0, -ENOSPC (the thread's chunk is too full: jit.c gives a
 * new one and asks again), -ENOMEM. Takes no lock. */
int template_emit(JitThread *t, const UopBlock *ub, Block *b);

/* A quick block (quick.h) of the guest code at b->pc: fills in the same, and guest_len and ninsns.
 * As template_emit; -ENOSPC also if it is better made by that. */
int template_emit_quick(JitThread *t, TranslateRequest *req, Block *b);

/* Places a code object (lift/lift.h) in the thread's chunk and fills in code, host_len, links of b.
 * 0, -ENOSPC (the chunk is too full), -ENOMEM. */
struct CodeObject;
int template_place(JitThread *t, const struct CodeObject *o, Block *b);

/* Runs from b until something needs C. cpu->pc is valid afterwards. CPU_EXIT_NONE: go on at
 * cpu->pc, and if *link is not NULL it is the exit that would like to be linked to the block at
 * cpu->pc. */
CpuExit template_run(Cpu *cpu, Block *b, Link **link);

/* Under Jit.lock, other threads may be running it: the jump that ends at `site` leads to `target`
 * from now on; both are offsets in the arena. False: it can't be patched. */
bool template_point(Jit *jit, uint32_t site, uint32_t target);
/* The same in code that isn't run yet, `site` being where that is written; `first`: the site is
 * less than five bytes into the code. */
void template_point_at(uint8_t *site, uint32_t rel, bool first);
/* The exit whose displacement ends at `site` as if it had never led to what follows it. */
void template_plain(uint8_t *site);
/* What stands between blocks, in which code may run into the next one. */
void template_pad(uint8_t *at, uint32_t len);
/* Under Jit.lock: patches the exit to jump to link->to's code (if it can be patched), or back to
 * its stub (false: it can't be, and may lead to where it did). Other threads may be running it. */
void template_link(Jit *jit, Link *link, const Block *to);
bool template_unlink(Jit *jit, Link *link);

/* Under Jit.lock, other threads may be running it (polls.c): the poll at an exit counts, or it only
 * asks. False: it has none, or can't be changed. */
typedef struct TemplatePoll {
    uint32_t site, stub; /* as in Link */
    uint8_t kind;        /* LinkKind */
} TemplatePoll;
bool template_set_poll(Jit *jit, TemplatePoll at, bool counts);
/* Is the exit's poll, in code that isn't run, one that no longer counts? `site` is where its
 * displacement ends, `stub` how far behind that its stub is. */
bool template_poll_asks(const uint8_t *site, uint32_t stub, uint8_t kind);

/* Code of a block's hot or cold part for storing, in place, or (undo) back: `at` is where it stands
 * in its pair of chunks, `other` where the block's other part does. What displacements say is then
 * alike in all blocks; those that are 0 stay 0. */
void template_fold(uint8_t *code, uint32_t len, uint32_t at, uint32_t other, bool undo);
/* Where the next displacement of a call or jump seems to be, from i on; len: there's none. */
uint32_t template_displacement(const uint8_t *code, uint32_t i, uint32_t len);
/* The same as template_fold(), both ways, of the stub of exit n at offset `at` in the block's cold
 * part. */
enum { TEMPLATE_STUB_SIZE = 9 };
void template_fold_stub(uint8_t *stub, uint32_t n, uint32_t at);

/* A host fault at ucontext's pc in b's code (or in C code that b called, when in_c): the register
 * file of cpu is completed from the ucontext's registers, cpu->pc set, and the ucontext changed so
 * that returning to it makes template_run return CPU_EXIT_FAULT. False if the pc belongs to no
 * guest instruction. */
bool template_fault(JitThread *t, Block *b, void *ucontext);
/* The same for a fault in a C routine called by translated code: registers are in the file already.
 * Host pc is outside the arena. */
bool template_fault_in_c(JitThread *t, void *ucontext);
/* jit_handle_fp */
bool template_fp_trap(Cpu *cpu, void *ucontext);

#endif
