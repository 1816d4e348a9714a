/* profile.h - what runs of a file have learned: which of its blocks were executed, in which modes,
 * and which regions tier 2 made of them. It comes from the cache, or from an exported one
 * (`--profile-use`), then of any build and host: addresses are all that is taken of it. */
#ifndef XEMU_RUNTIME_AOT_PROFILE_H
#define XEMU_RUNTIME_AOT_PROFILE_H

#include "runtime/aot/view.h"
#include "runtime/code/store.h"

typedef struct ProfileSpot {
    uint64_t addr; /* in the file */
    uint32_t mode;
    bool hot; /* a region of tier 2 began there */
} ProfileSpot;

typedef struct Profile {
    const View *view;
    ProfileSpot *spots; /* ascending, each address and mode once */
    uint32_t n, room;
    bool failed;
} Profile;

/* archive: NULL: the cache's own (whose target is known then). 0 or -ENOMEM. */
int profile_read(Profile *p, const View *view, CodeStore *store, CodeFile *file, FILE *archive);
void profile_free(Profile *p);

#endif
