/* Loops of small functions: nested, with several ways back, of which the blocks lie anywhere. */
#include "runtime/aot/loops.h"

#include <criterion/criterion.h>

static Loops find(uint32_t nodes, LoopEdge *edges, uint32_t n)
{
    Loops l = {.nnodes = nodes, .edges = edges, .nedges = n};
    cr_assert(loops_find(&l));
    return l;
}
#define FIND(nodes, ...)                                                                           \
    find(nodes, (LoopEdge[]){__VA_ARGS__}, sizeof((LoopEdge[]){__VA_ARGS__}) / sizeof(LoopEdge))

Test(loops, none)
{
    Loops l = FIND(3, {0, 1}, {0, 2}, {1, 2});
    cr_expect(l.nloops == 0 && !l.loop[0] && !l.loop[1] && !l.depth[2]);
    loops_free(&l);
}

Test(loops, nested_with_a_part_that_lies_behind)
{
    /* 0 -> 1 { 2 {} 5 } -> 3; 4 is not in it. */
    Loops l = FIND(6, {0, 1}, {1, 2}, {2, 2}, {2, 5}, {5, 1}, {1, 3}, {3, 4});
    cr_assert_eq(l.nloops, 2);
    uint32_t outer = l.loop[1], inner = l.loop[2];
    cr_expect(outer && inner && outer != inner);
    cr_expect(l.loop[5] == outer && !l.loop[0] && !l.loop[3] && !l.loop[4]);
    cr_expect(l.parent[inner - 1] == outer && !l.parent[outer - 1]);
    cr_expect(l.head[outer - 1] == 1 && l.head[inner - 1] == 2);
    cr_expect(l.depth[1] == 1 && l.depth[2] == 2 && l.depth[5] == 1);
    loops_free(&l);
}

Test(loops, two_ways_back_are_one_loop)
{
    Loops l = FIND(5, {0, 1}, {1, 2}, {1, 3}, {2, 1}, {3, 1}, {1, 4});
    cr_expect(l.nloops == 1 && l.loop[1] && l.loop[1] == l.loop[2] && l.loop[2] == l.loop[3]);
    cr_expect(!l.loop[4]);
    loops_free(&l);
}

Test(loops, with_two_entries)
{
    Loops l = FIND(3, {0, 1}, {0, 2}, {1, 2}, {2, 1});
    cr_expect(l.nloops == 1 && l.loop[1] && l.loop[1] == l.loop[2]);
    loops_free(&l);
}

Test(loops, nothing_at_all)
{
    Loops l = find(1, NULL, 0);
    cr_expect(l.nloops == 0 && !l.loop[0]);
    loops_free(&l);
}
