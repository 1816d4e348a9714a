/* random.h - random valid blocks over the register file of text.h: any operation of any type that
 * the verifier takes, on values that are often special (zeros, ones, signs, infinities, NaNs,
 * denormals). */
#ifndef XEMU_TESTS_UOP_RANDOM_H
#define XEMU_TESTS_UOP_RANDOM_H

#include "frontend/uop/uop.h"

typedef struct Random {
    uint64_t (*next)(void *ctx);
    void *ctx;
} Random;

/* A generator from a seed. */
typedef struct RandomSeed {
    uint64_t state;
} RandomSeed;
uint64_t random_next(void *seed);

enum {
    RANDOM_FP = 1,     /* operations of the FP environment */
    RANDOM_MEMORY = 2, /* accesses of `memory` */
    RANDOM_EXITS = 4,  /* conditional exits */
};
enum { RANDOM_MEMORY_SIZE = 288 };

/* Fills the block, at b->pc (as uop_block_reset left it), with `ninsns` guest instructions of four
 * bytes; it ends in a system call exit. `memory` is where RANDOM_MEMORY_SIZE bytes lie. */
void random_block(UopBlock *b, const Random *r, unsigned ninsns, unsigned what, GuestAddr memory);
/* 64 bits, often special. */
uint64_t random_special(const Random *r);

#endif
