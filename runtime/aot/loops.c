/* A walk in depth finds the edges that lead back to where it is inside of; the loop of such a head
 * is what reaches those edges without passing the head. Larger loops are noted first, so that the
 * innermost one stays. */
#include "runtime/aot/loops.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/aot/plan.h"

enum { NEW, OPEN, DONE };

typedef struct Body {
    uint32_t head, first, n; /* in Finder.bodies */
} Body;

typedef struct Finder {
    Loops *l;
    uint32_t *at, *to;        /* edges by node: to[at[n]] ... to[at[n + 1]] */
    uint32_t *came_at, *came; /* backwards */
    uint8_t *state;
    uint32_t *stack, *next;
    LoopEdge *back; /* edges to a head */
    uint32_t nback;
    Body *loops;
    uint32_t nloops, *bodies, nbodies, room;
} Finder;

static void list_edges(const Loops *l, bool backwards, uint32_t *at, uint32_t *to)
{
    for (uint32_t i = 0; i < l->nedges; i++) {
        at[(backwards ? l->edges[i].to : l->edges[i].from) + 1]++;
    }
    for (uint32_t n = 0; n < l->nnodes; n++) {
        at[n + 1] += at[n];
    }
    for (uint32_t i = l->nedges; i-- > 0;) { /* at[n] goes from the end of its list to the start */
        const LoopEdge *e = &l->edges[i];
        to[--at[(backwards ? e->to : e->from) + 1]] = backwards ? e->from : e->to;
    }
    memmove(at, at + 1, l->nnodes * sizeof *at);
    at[l->nnodes] = l->nedges;
}

static void walk(Finder *f, uint32_t root)
{
    uint32_t depth = 0;
    f->stack[depth] = root;
    f->next[root] = f->at[root];
    f->state[root] = OPEN;
    for (;;) {
        uint32_t n = f->stack[depth];
        if (f->next[n] == f->at[n + 1]) {
            f->state[n] = DONE;
            if (!depth--) {
                return;
            }
            continue;
        }
        uint32_t to = f->to[f->next[n]++];
        if (f->state[to] == OPEN) {
            f->back[f->nback++] = (LoopEdge){n, to};
        } else if (f->state[to] == NEW) {
            f->state[to] = OPEN;
            f->next[to] = f->at[to];
            f->stack[++depth] = to;
        }
    }
}

static bool put(Finder *f, uint32_t node)
{
    uint32_t *bodies = plan_grown(f->bodies, f->nbodies, &f->room, sizeof *bodies);
    if (!bodies) {
        return false;
    }
    f->bodies = bodies;
    f->bodies[f->nbodies++] = node;
    return true;
}

/* The loop of the back edges from i to `end`, which lead to one head. */
static bool find_body(Finder *f, uint32_t i, uint32_t end)
{
    Body *b = &f->loops[f->nloops++];
    *b = (Body){.head = f->back[i].to, .first = f->nbodies};
    memset(f->state, NEW, f->l->nnodes);
    f->state[b->head] = DONE;
    bool good = put(f, b->head);
    for (; i < end && good; i++) {
        if (f->state[f->back[i].from] == NEW) {
            f->state[f->back[i].from] = DONE;
            good = put(f, f->back[i].from);
        }
    }
    for (uint32_t k = b->first + 1; k < f->nbodies && good; k++) {
        uint32_t node = f->bodies[k];
        for (uint32_t e = f->came_at[node]; e < f->came_at[node + 1] && good; e++) {
            if (f->state[f->came[e]] == NEW) {
                f->state[f->came[e]] = DONE;
                good = put(f, f->came[e]);
            }
        }
    }
    b->n = f->nbodies - b->first;
    return good;
}

static int by_head(const void *a, const void *b)
{
    const LoopEdge *x = a, *y = b;
    return x->to != y->to ? (x->to < y->to ? -1 : 1) : x->from < y->from ? -1 : x->from > y->from;
}

static int by_size(const void *a, const void *b)
{
    const Body *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n ? -1 : 1) : x->head < y->head ? -1 : 1;
}

static bool note(Finder *f)
{
    Loops *l = f->l;
    l->parent = calloc(f->nloops + (size_t)1, sizeof *l->parent);
    l->head = calloc(f->nloops + (size_t)1, sizeof *l->head);
    if (!l->parent || !l->head) {
        return false;
    }
    if (f->nloops) {
        qsort(f->loops, f->nloops, sizeof *f->loops, by_size);
    }
    for (uint32_t i = 0; i < f->nloops; i++) {
        const Body *b = &f->loops[i];
        l->parent[i] = l->loop[b->head];
        l->head[i] = b->head;
        for (uint32_t k = b->first; k < b->first + b->n; k++) {
            l->loop[f->bodies[k]] = i + 1;
            l->depth[f->bodies[k]] += l->depth[f->bodies[k]] < UINT8_MAX;
        }
    }
    l->nloops = f->nloops;
    return true;
}

bool loops_find(Loops *l)
{
    size_t n = l->nnodes + (size_t)2, edges = l->nedges + (size_t)1;
    Finder f = {.l = l,
                .at = calloc(n, sizeof *f.at),
                .to = malloc(edges * sizeof *f.to),
                .came_at = calloc(n, sizeof *f.came_at),
                .came = malloc(edges * sizeof *f.came),
                .state = calloc(n, 1),
                .stack = malloc(n * sizeof *f.stack),
                .next = malloc(n * sizeof *f.next),
                .back = malloc(edges * sizeof *f.back),
                .loops = malloc(edges * sizeof *f.loops)};
    l->loop = calloc(n, sizeof *l->loop);
    l->depth = calloc(n, 1);
    bool good = f.at && f.to && f.came_at && f.came && f.state && f.stack && f.next && f.back &&
                f.loops && l->loop && l->depth;
    if (good) {
        list_edges(l, false, f.at, f.to);
        list_edges(l, true, f.came_at, f.came);
        for (uint32_t i = 0; i < l->nnodes; i++) {
            if (f.state[i] == NEW) {
                walk(&f, i);
            }
        }
        if (f.nback) {
            qsort(f.back, f.nback, sizeof *f.back, by_head);
        }
        for (uint32_t i = 0, end; i < f.nback && good; i = end) {
            for (end = i + 1; end < f.nback && f.back[end].to == f.back[i].to;) {
                end++;
            }
            good = find_body(&f, i, end);
        }
        good = good && note(&f);
    }
    free(f.at);
    free(f.to);
    free(f.came_at);
    free(f.came);
    free(f.state);
    free(f.stack);
    free(f.next);
    free(f.back);
    free(f.loops);
    free(f.bodies);
    return good;
}

void loops_free(Loops *l)
{
    free(l->loop);
    free(l->depth);
    free(l->parent);
    free(l->head);
}
