/* hot.h - which regions of a file are likely to be worth tier 2, without having run it. */
#ifndef XEMU_RUNTIME_AOT_HOT_H
#define XEMU_RUNTIME_AOT_HOT_H

#include "jit/ahead.h"
#include "runtime/aot/plan.h"

typedef struct Hot {
    GuestAddr *pcs; /* where regions begin, ascending; guest addresses */
    uint32_t *insns;
    uint32_t n;
    uint64_t all_insns; /* of regions */
    JitAheadChoice choice;
    struct HotGraph *graph;
} Hot;

/* bias: guest address of the file's address 0. 0 or -ENOMEM. */
int hot_find(Hot *h, const Plan *plan, struct Cpu *cpu, uint64_t bias, uint32_t mode);
void hot_free(Hot *h);

#endif
