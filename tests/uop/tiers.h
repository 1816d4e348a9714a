/* tiers.h - a random block in the interpreter and in tier 1: registers, memory, flags and exit must
 * agree. */
#ifndef XEMU_TESTS_UOP_TIERS_H
#define XEMU_TESTS_UOP_TIERS_H

#include "tests/uop/random.h"

/* Tier 1 with a guest of its own, whose translator makes random blocks. */
typedef struct Tiers Tiers;

/* tiers: JIT_TIER_TEMPLATE or JIT_TIER_LLVM. host_features_off: JIT_HOST_* that tier 1 must do
 * without. NULL: the tier can't be had. */
Tiers *tiers_create(uint32_t tiers, uint64_t host_features_off);
void tiers_destroy(Tiers *t);

/* Makes the block and the state before it from `seed`, of `what` kinds (RANDOM_*), under CPU_MODE_*
 * bits; runs it in both tiers. True if they agree (ninsns is at least 2: tier 1 may refuse a block
 * of more than one instruction); else prints the block and what differs to stderr. */
bool tiers_agree(Tiers *t, uint64_t seed, unsigned ninsns, unsigned what, uint32_t mode);

/* The part of the blocks that tier 1 had no registers for (such blocks count as agreed). */
double tiers_refused(const Tiers *t);

#endif
