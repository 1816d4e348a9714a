/* make.h - translates what was planned of a file and puts it into the cache. */
#ifndef XEMU_RUNTIME_AOT_MAKE_H
#define XEMU_RUNTIME_AOT_MAKE_H

#include "runtime/aot/plan.h"
#include "runtime/process.h"

typedef struct Made {
    uint64_t blocks, kept; /* translated; there already */
    uint64_t guest_bytes,
        host_bytes; /* of those translated: a block's all, the same as another's or not */
    uint64_t parts;
    uint64_t regions, region_insns, region_bytes, regions_refused; /* of tier 2 */
} Made;

struct ElfOut;

/* elf: takes the code, too, which then is all translated anew; NULL: not wanted. p: a process with
 * memory and a store of its own, nothing in it yet. any_guarded: some file of the program has
 * guarded pages. *spare: how many processors nobody uses (atomic, shared). 0 or -errno with words
 * in *why. */
int make_all(Process *p, Plan *plan, bool any_guarded, int *spare, struct ElfOut *elf, Made *out,
             const char **why);

#endif
