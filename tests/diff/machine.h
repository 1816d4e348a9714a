/* machine.h - runs cases in this process, in any tier of the jit. */
#ifndef XEMU_TESTS_DIFF_MACHINE_H
#define XEMU_TESTS_DIFF_MACHINE_H

#include <stdbool.h>

#include "case.h"

typedef enum DiffTier {
    DIFF_STEP,     /* interpreter, one instruction a block */
    DIFF_INTERP,   /* interpreter, whole blocks */
    DIFF_TEMPLATE, /* tier 1, optimized */
    DIFF_QUICK,    /* tier 1, quick blocks: their snippets serve all cases */
    DIFF_TIERS,
    DIFF_LLVM = DIFF_TIERS, /* tier 2: compiling a case takes milliseconds. Precise unless
                               machine_precise() said otherwise: a fault leaves no registers then */
    DIFF_MACHINES
} DiffTier;
extern const char *const diff_tier_names[DIFF_MACHINES];

/* Maps code and data areas and makes the jits. host_features_off: JIT_HOST_* that tier 1 must do
 * without. False: tier 1 isn't there. */
bool machine_open(uint64_t host_features_off);
/* Tier 2 as well; false if this build has none. */
bool machine_open_llvm(void);

/* Puts the code of all cases into their slots and empties the others; or changes one slot only. */
void machine_load(const DiffCase *cases, unsigned n);
void machine_load_one(const DiffCase *c);
/* Runs from now on have CPU_MODE_PRECISE. */
void machine_precise(bool on);
/* Runs case c, loaded in its slot. DIFF_STEP gives up after 256 instructions with signal 0. */
void machine_run(DiffTier tier, const DiffCase *c, DiffResult *r);
/* How many micro-operations tier 1 could not emit so far. */
uint64_t machine_fallbacks(void);
/* The address of the last fault of host memory. */
uint64_t machine_fault_address(void);

#endif
