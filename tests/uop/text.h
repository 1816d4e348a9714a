/* text.h - what the text-driven tests share. */
#ifndef XEMU_TESTS_UOP_TEXT_H
#define XEMU_TESTS_UOP_TEXT_H

#include "frontend/cpu.h"

/* A register file for tests: r0..r31 (64 bits), q0..q31 (128 bits; upper halves are qN+8), nzcv,
 * qc. */
enum {
    TEST_R = offsetof(Cpu, file),
    TEST_Q = TEST_R + 32 * 8,
    TEST_NZCV = TEST_Q + 32 * 16,
    TEST_QC = TEST_NZCV + 16
};
bool test_reg_name(uint32_t offset, unsigned bytes, char *buf, size_t size);
bool test_reg_offset(const char *name, uint32_t *offset);

/* Helper 0 is pure, 1 reads registers, 2 writes them, 3 may fault, 4 does nothing of that. Flags
 * are dead at pcs that are odd. */
extern const UopFile test_file;

/* The block as text; to be freed. */
char *test_print(const UopBlock *b);

/* One case of a data file:
 *
 *     == what it shows
 *     program
 *     --
 *     expected
 */
typedef struct TestCase {
    char *name, *program, *expected;
    unsigned line; /* of the first line of the program */
} TestCase;
/* Calls `check` for each case of tests/uop/<file>; fails the test if there is none. */
void test_cases(const char *file, void (*check)(const TestCase *c));

#endif
