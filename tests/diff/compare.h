/* compare.h - differences of results, in words. */
#ifndef XEMU_TESTS_DIFF_COMPARE_H
#define XEMU_TESTS_DIFF_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "case.h"

/* Without `precise` (CPU_MODE_PRECISE) the flags of a memory fault may be older ones, if they are
 * written before they are read. */
bool compare_equal(const DiffResult *a, const DiffResult *b, bool precise);
/* The case with the registers its instructions name, and where the two results differ. */
void compare_report(FILE *f, const DiffCase *c, const char *name_a, const DiffResult *a,
                    const char *name_b, const DiffResult *b);

#endif
