/* generate.h - random cases. */
#ifndef XEMU_TESTS_DIFF_GENERATE_H
#define XEMU_TESTS_DIFF_GENERATE_H

#include <stdbool.h>

#include "case.h"

/* 64 random bits; state: a uint64_t (the shape that a64_random() wants). */
uint64_t diff_random(void *state);

/* Fills c with one random instruction of the pattern and a random state for slot `slot`; a memory
 * operand mostly lies in the data window. False: no case worth running came out (an endless loop).
 * Uses the machine's stepping tier. */
bool generate_single(DiffCase *c, unsigned slot, int pattern, uint64_t *seed);
/* A sequence of 2 to `length` random instructions; loads and stores come with instructions that set
 * their base. Some have branches within, and a loop around. */
bool generate_sequence(DiffCase *c, unsigned slot, unsigned length, uint64_t *seed);

/* XEMU_DIFF_SKIP names it. */
bool generate_skips(int pattern);

/* What a pattern is, by its name. */
bool pattern_is_system_call(int pattern);
/* Its result depends on more than the case: counters, identification, keys, thread pointers. */
bool pattern_is_ambient(int pattern);
bool pattern_branches(int pattern);

#endif
