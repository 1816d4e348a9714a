/* oracle.h - runs cases under Debian's qemu-aarch64, where that and a cross compiler for the guest
 * program are installed. */
#ifndef XEMU_TESTS_DIFF_ORACLE_H
#define XEMU_TESTS_DIFF_ORACLE_H

#include <stdbool.h>

#include "case.h"

/* Builds the guest program. False: there's no oracle here. */
bool oracle_open(void);
/* Runs n <= DIFF_SLOTS cases; false when it broke down. */
bool oracle_run(const DiffCase *cases, unsigned n, DiffResult *results);
/* Why the oracle's answer to this case doesn't count; NULL: it does. `ours` is what this process
 * found. */
const char *oracle_excuse(const DiffCase *c, const DiffResult *ours, const DiffResult *its);
/* The same of one instruction whatever the case: it is on the list. */
const char *oracle_excuse_insn(uint32_t insn);

#endif
