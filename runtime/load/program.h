/* program.h - from a path to a program in memory: opens and checks it and its interpreter, maps
 * both, the vDSO and the stack. */
#ifndef XEMU_RUNTIME_LOAD_PROGRAM_H
#define XEMU_RUNTIME_LOAD_PROGRAM_H

#include "runtime/process.h"

/* Why a program could not be started: the line to print (without "xemu: " and newline) and the exit
 * status, 126 or 127. */
typedef struct LoadError {
    int status;
    char text[PATH_MAX + 256];
} LoadError;

/* Loads the program at `path` (or open as options->execfd) for process p, whose mem is empty. On
 * success p->exe, p->stack and p->prefix are set and *entry, *sp are where it starts. -1 on
 * failure, with *error filled in. */
int program_load(Process *p, const char *path, char *const *argv, char *const *envp,
                 GuestAddr *entry, GuestAddr *sp, LoadError *error);
/* Opens the interpreter that the program at `path` asks for: under the prefix, as it is, or under a
 * default prefix, which then becomes the prefix. Result as above. */
int program_open_interp(Process *p, const char *path, const char *interp, int *fd,
                        LoadError *error);

#endif
