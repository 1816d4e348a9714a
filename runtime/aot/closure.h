/* closure.h - the files that a program consists of: itself, its interpreter, and the libraries that
 * ld.so would load, found as ld.so(8) says. */
#ifndef XEMU_RUNTIME_AOT_CLOSURE_H
#define XEMU_RUNTIME_AOT_CLOSURE_H

#include "runtime/process.h"

typedef struct Member {
    char *path; /* on the host */
    uint64_t dev, ino;
} Member;

typedef struct Closure {
    Member *members; /* the program first */
    unsigned n;
    bool any_guarded; /* one of them asks for guarded pages */
} Closure;

/* Warnings go to standard error: what is missing is left out. 0, or the exit status after one line
 * on standard error. */
int closure_find(Closure *c, Process *p, const char *path);
void closure_free(Closure *c);

#endif
