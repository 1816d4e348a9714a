/* vectors.h - cases as text, one a line:
 *
 *     FADD_s 1e622820 fpcr=03000000 v1=0_7ff0000000000001 v2=0_3ff0000000000000 =>
 * v0=0_7ff8000000000000 fpsr=1
 *
 * The name of the first instruction's pattern, the code words (hexadecimal), the inputs that aren't
 * zero, and after => what is different afterwards. Names: x0..x30 sp pc nzcv fpcr fpsr, v0..v31 as
 * high_low; after => also mem (the hash of the data window), pc and signal, when it doesn't end in
 * the final BRK. All numbers are hexadecimal but the signal's. `#` begins a comment line. pc is
 * that of slot 0 unless given.
 */
#ifndef XEMU_TESTS_DIFF_VECTORS_H
#define XEMU_TESTS_DIFF_VECTORS_H

#include <stdbool.h>
#include <stdio.h>

#include "case.h"

/* Parses a line into a case and the whole result it must have. NULL, or what is wrong with the
 * line. */
const char *vector_parse(const char *line, DiffCase *c, DiffResult *want);
void vector_print(FILE *f, const DiffCase *c, const DiffResult *r);
#endif
