/* rebuild.h - builds a block anew, micro-op by micro-op, through the folding builder: a text
 * program so becomes a test of folding, and a random one a test that folding keeps its meaning. */
#ifndef XEMU_TESTS_UOP_REBUILD_H
#define XEMU_TESTS_UOP_REBUILD_H

#include "frontend/uop/uop.h"

/* `out` is reset first. Side exits and traps keep their targets. */
void rebuild(UopBlock *out, const UopBlock *in);

#endif
