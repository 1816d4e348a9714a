/* options.h - the command line and its environment variables. */
#ifndef XEMU_TOOLS_XEMU_OPTIONS_H
#define XEMU_TOOLS_XEMU_OPTIONS_H

#include "runtime/aot/aot.h"
#include "runtime/options.h"

typedef struct CommandLine {
    Options options;
    int program;   /* index in argv of the program; argc if none is named */
    char **envp;   /* the program's environment: owned array, strings borrowed */
    bool cachectl; /* `program` is a command of --cachectl */
    bool aot;      /* what follows isn't run: AotRequest */
    AotRequest ahead;
    bool done; /* -h, -version and the like: printed, nothing to run */
} CommandLine;

/* Parses argv and the environment. 0, or the exit status after one line on standard error. */
int options_parse(CommandLine *cl, int argc, char **argv, char **envp);

#endif
