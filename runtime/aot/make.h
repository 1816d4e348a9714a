/* make.h - translates what was planned of a file and puts it into the cache. */
#ifndef XEMU_RUNTIME_AOT_MAKE_H
#define XEMU_RUNTIME_AOT_MAKE_H

#include "runtime/aot/plan.h"
#include "runtime/aot/profile.h"
#include "runtime/process.h"

typedef struct Made {
    uint64_t blocks, kept; /* translated; there already */
    uint64_t guest_bytes,
        host_bytes; /* of those translated: a block's all, the same as another's or not */
    uint64_t parts;
    uint64_t regions, region_insns, region_bytes, regions_refused; /* of tier 2 */
    uint64_t profile_regions;                                      /* those that a profile names */
} Made;

struct ElfOut;

typedef struct MakeRequest {
    bool any_guarded;   /* some file of the program has guarded pages */
    int *spare;         /* how many processors nobody uses (atomic, shared) */
    struct ElfOut *elf; /* takes the code, too, which then is all translated anew; NULL: not wanted
                         */
    CodeFile *file;
    const Profile *profile; /* of runs elsewhere */
} MakeRequest;

/* p: a process with memory and a store of its own, nothing in it yet. 0 or -errno with words in
 * *why. */
int make_all(Process *p, Plan *plan, const MakeRequest *q, Made *out, const char **why);

#endif
