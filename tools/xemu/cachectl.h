/* cachectl.h - xemu --cachectl: looking after the translations kept on disk. */
#ifndef XEMU_TOOLS_XEMU_CACHECTL_H
#define XEMU_TOOLS_XEMU_CACHECTL_H

#include "runtime/options.h"

/* args: the command and its arguments. The exit status: 0, 1 (something is wrong with the cache), 2
 * (usage). */
int cachectl(const Options *options, int argc, char **argv);

#endif
