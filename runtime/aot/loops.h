/* loops.h - the loops of a function: what jumps back to where it came by (natural loops), however
 * the blocks lie. */
#ifndef XEMU_RUNTIME_AOT_LOOPS_H
#define XEMU_RUNTIME_AOT_LOOPS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct LoopEdge {
    uint32_t from, to; /* nodes */
} LoopEdge;

/* Of a function whose first node is its entry. */
typedef struct Loops {
    uint32_t nnodes;
    LoopEdge *edges;
    uint32_t nedges;
    /* -- what is found -- */
    uint32_t *loop;   /* by node: the innermost that it is in, from 1 on; 0: none */
    uint8_t *depth;   /* by node: in how many */
    uint32_t *parent; /* by loop - 1: the one that it is in, 0: none */
    uint32_t *head;   /* by loop - 1: a node */
    uint32_t nloops;
} Loops;

/* False: no memory. */
bool loops_find(Loops *l);
void loops_free(Loops *l); /* but for the edges */

#endif
