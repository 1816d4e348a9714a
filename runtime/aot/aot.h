/* aot.h - `xemu --aot`: translates programs and the libraries they need ahead of time, into the
 * cache.
 *
 *     closure  which files a program consists of
 *     view     a file as bytes;  roots, unwind, gotab  where code begins in it
 *     plan     which blocks there are
 *     loops, hot  which of it is likely to be hot;  profile  which was
 *     make     translates and stores them
 *     elfout   the code as a file to look at
 *     aot      all files, several at once, and what is said of it (report)
 */
#ifndef XEMU_RUNTIME_AOT_AOT_H
#define XEMU_RUNTIME_AOT_AOT_H

#include "runtime/options.h"

typedef struct AotRequest {
    char *const *paths; /* programs */
    unsigned n;
    unsigned jobs;        /* files at once; 0: as many as there are processors */
    const char *emit_elf; /* folder for images to look at; NULL: not wanted */
    const char *profile;  /* an exported cache: what ran elsewhere; NULL: none */
    bool json;
    bool all; /* the paths are folders: every program below them */
} AotRequest;

/* The exit status: 0, or that of the first program that could not be done (126, 127; a line on
 * standard error says why). */
int aot_run(const Options *options, const AotRequest *request);

#endif
