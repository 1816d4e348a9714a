/* hot.h - which regions of a file are likely to be worth tier 2, without having run it. */
#ifndef XEMU_RUNTIME_AOT_HOT_H
#define XEMU_RUNTIME_AOT_HOT_H

#include "jit/ahead.h"
#include "runtime/aot/plan.h"
#include "runtime/aot/profile.h"

/* Regions of one mode. */
typedef struct HotList {
    GuestAddr *pcs; /* where they begin; guest addresses */
    uint32_t *insns;
    uint32_t n, room, mode;
    JitAheadChoice choice;
} HotList;

/* First those that are the same with CPU_MODE_THREADS, then those that aren't, in both modes, then,
 * by variant of the mode, those that a profile names. */
enum { HOT_SAME, HOT_ALONE, HOT_THREADS, HOT_PROFILE, HOT_LISTS = HOT_PROFILE + 4 };
typedef struct Hot {
    HotList lists[HOT_LISTS];
    struct HotGraph *graph;
} Hot;

typedef struct HotRequest {
    const Plan *plan;
    struct Cpu *cpu;
    uint64_t bias;                  /* guest address of the file's address 0 */
    uint32_t mode;                  /* in which programs start */
    const Profile *learned, *given; /* what runs did: in this cache, and elsewhere */
    bool only_given;                /* nothing is guessed */
} HotRequest;

/* 0 or -ENOMEM. */
int hot_find(Hot *h, const HotRequest *q);
void hot_free(Hot *h);

#endif
