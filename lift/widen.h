/* widen.h - loops whose float operations can be done for several iterations at once: what of a
 * block is what (widen.c); widen_lift.c makes the code. */
#ifndef XEMU_LIFT_WIDEN_H
#define XEMU_LIFT_WIDEN_H

#include "frontend/uop/uop.h"

/* What a value is to the iterations that are done at once. */
typedef enum WidenClass {
    WIDEN_NONE,
    WIDEN_INT,   /* integer registers, conditions: computed for each in turn */
    WIDEN_SAME,  /* a vector or float that no iteration changes */
    WIDEN_LANES, /* lanes for each of them, side by side */
    WIDEN_TOP    /* ZEXTV of such lanes: for a register only */
} WidenClass;

enum { WIDEN_BYTES = 32, WIDEN_VALS = 192, WIDEN_ACCESSES = 10, WIDEN_RESULTS = 24 };
typedef struct Widening {
    unsigned times;         /* so many iterations */
    unsigned stride;        /* bytes from one to the next, which is also what each access takes */
    uint8_t of[WIDEN_VALS]; /* WidenClass by value number */
    /* Loads and stores by their micro-op's index; is it certain that the next iteration's address
     * is one stride further? */
    struct {
        uint32_t uop;
        bool exact;
    } access[WIDEN_ACCESSES];
    unsigned naccesses;
    /* Of WIDEN_LANES that a GET gives: the load that the iteration before has put there. */
    Val carried[WIDEN_VALS];
    uint32_t branch; /* the EXIT_IF's index; what stands behind it is done on the way out */
    bool leaves;     /* it leaves the loop, and the block's EXIT goes round: nothing stands there */
} Widening;

/* Of a block that jumps to its own beginning. extremes: FMIN and FMAX may be among the operations.
 */
bool widen_plan(const UopBlock *ub, bool extremes, Widening *w);

#endif
