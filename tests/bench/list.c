// group: memory
// Pointer chasing through a shuffled list.
#include "bench.h"

BENCH(180, memory)
{
    enum { SIZE = 100000 };
    typedef struct Node {
        struct Node *next;
        uint64_t value;
    } Node;
    static Node node[SIZE];
    static uint32_t order[SIZE];
    uint32_t seed = 9;
    for (uint32_t i = 0; i < SIZE; i++)
        order[i] = i;
    for (uint32_t i = SIZE - 1; i > 0; i--) {
        uint32_t j = next(&seed) % (i + 1), t = order[i];
        order[i] = order[j], order[j] = t;
    }
    for (uint32_t i = 0; i < SIZE; i++) {
        node[order[i]].next = &node[order[(i + 1) % SIZE]];
        node[order[i]].value = i;
    }
    uint64_t sum = 0;
    const Node *p = node;
    for (uint32_t i = 0; i < n * SIZE; i++, p = p->next)
        sum = sum * 3 + p->value;
    return sum;
}
