/* prof.h - tells perf what translated code is: --perf-map and --jitdump.
 *
 *     /tmp/perf-PID.map       a line for each piece of code:  start size name [tier]
 *     FOLDER/jit-PID.dump     perf's jitdump format: the same, with the code and a time
 *
 * The name is that of the guest function; code of none has the guest's address. Pieces are written
 * in batches by opening and closing the file: a descriptor would be in the guest's sight. After
 * chroot() the files are out of reach and nothing more is written.
 */
#ifndef XEMU_RUNTIME_PROF_PROF_H
#define XEMU_RUNTIME_PROF_PROF_H

#include <stdbool.h>

#include "jit/jit.h"

typedef struct Prof Prof;

/* map: write the first file; folder: where the second goes, NULL for none. NULL: out of memory. */
Prof *prof_create(bool map, const char *folder);
/* JitHost.placed; ctx is the Prof. */
void prof_placed(void *ctx, const JitPiece *piece);
/* Writes what is kept back. Before the process ends, executes another program or forks. */
void prof_flush(Prof *prof);
/* In a forked child, whose code begins as its parent's: it has files of its own. */
void prof_forked(Prof *prof);

#endif
