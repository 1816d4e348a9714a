/* region_trace.c - a region along what a thread has executed: the blocks that ran, most frequent
 * first, in calls of any function as well.
 *
 * The trace is walked as the region's code would go it: from the entry on, into a function that is
 * called (a path: this call in this caller) and back, until it goes somewhere that a region doesn't
 * follow. Then the trace is of no interest up to the entry.
 */
#ifdef XEMU_LLVM
#include <stdlib.h>

#include "jit/region.h"

enum { PATHS = 96, NODES = 512, DEPTH = 6, OUT = -1 };

/* A call, in a caller: path 0 is the region's own code. */
typedef struct Path {
    GuestAddr return_pc, callee;
    int16_t parent;
    uint8_t depth;
    bool own;        /* a call of the region's own function, from path 0: it goes on in that */
    int16_t context; /* of the region; 0: none */
} Path;

typedef struct Node {
    GuestAddr pc;
    int path;
    uint32_t count, order;
} Node;

typedef struct Walk {
    Region *r;
    const Trace *trace;
    Path paths[PATHS];
    int npaths;
    Node nodes[NODES];
    uint32_t nnodes;
} Walk;

static bool is_within(const Walk *w, int path, GuestAddr callee)
{
    for (; path > 0; path = w->paths[path].parent) {
        if (w->paths[path].callee == callee) {
            return true;
        }
    }
    return false;
}

/* The path of a call; OUT: it isn't followed. */
static int path_of_call(Walk *w, int from, const TraceStep *s, GuestAddr callee)
{
    GuestAddr back = s->pc + s->len;
    for (int i = 1; i < w->npaths; i++) {
        Path *p = &w->paths[i];
        if (p->parent == from && p->return_pc == back && p->callee == callee) {
            return i;
        }
    }
    if (w->npaths == PATHS || w->paths[from].depth == DEPTH || is_within(w, from, callee)) {
        return OUT;
    }
    w->paths[w->npaths] = (Path){.return_pc = back,
                                 .callee = callee,
                                 .parent = (int16_t)from,
                                 .depth = (uint8_t)(w->paths[from].depth + 1),
                                 .own = from == 0 && region_is_own_function(w->r, callee)};
    return w->npaths++;
}

static bool comes_back(const Walk *w, GuestAddr pc)
{
    for (int i = 1; i < w->npaths; i++) {
        if (w->paths[i].own && w->paths[i].return_pc == pc) {
            return true;
        }
    }
    return false;
}

/* Where a thread is that was in `path` before step i: in which path behind it. */
static int go(Walk *w, int path, uint32_t i)
{
    const TraceStep *s = &w->trace->steps[i];
    GuestAddr next = trace_next(w->trace, i);
    if (s->how == TRACE_JUMP) {
        return path;
    }
    if (s->how == TRACE_CALL) {
        int callee = path_of_call(w, path, s, next);
        return callee > 0 && w->paths[callee].own ? 0 : callee;
    }
    if (s->how == TRACE_RETURN && path > 0 && w->paths[path].return_pc == next) {
        return w->paths[path].parent;
    }
    return s->how == TRACE_RETURN && path == 0 && comes_back(w, next) ? 0 : OUT;
}

static void count(Walk *w, int path, GuestAddr pc)
{
    for (uint32_t i = 0; i < w->nnodes; i++) {
        if (w->nodes[i].pc == pc && w->nodes[i].path == path) {
            w->nodes[i].count++;
            return;
        }
    }
    if (w->nnodes < NODES) {
        w->nodes[w->nnodes] = (Node){.pc = pc, .path = path, .count = 1, .order = w->nnodes};
        w->nnodes++;
    }
}

static int by_order(const void *a, const void *b)
{
    const Node *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static int by_count(const void *a, const void *b)
{
    const Node *x = a, *y = b;
    if (x->count == y->count) {
        return by_order(a, b);
    }
    return (x->count < y->count) - (x->count > y->count);
}

/* The context of a path, made if there's room; -1: none. */
static int context_of(Walk *w, int path)
{
    Path *p = &w->paths[path];
    if (path == 0 || p->context) {
        return p->context;
    }
    int parent = context_of(w, p->parent);
    if (parent < 0) {
        return -1;
    }
    p->context = (int16_t)region_add_context(w->r, (unsigned)parent, p->return_pc);
    if (!p->context) {
        return -1;
    }
    w->r->traced |= 1u << p->context;
    return p->context;
}

/* How long a visit of the region is, by the trace. */
static void measure(Walk *w)
{
    Region *r = w->r;
    int path = OUT;
    for (uint32_t i = 0; i < w->trace->n; i++) {
        const TraceStep *s = &w->trace->steps[i];
        if (path != OUT && !region_has(r, s->pc, (unsigned)w->paths[path].context)) {
            path = OUT;
        }
        if (path == OUT && s->pc == r->blocks[0].ub->pc) {
            path = 0;
            r->visits++;
        }
        if (path != OUT) {
            r->visited += s->ninsns;
            path = go(w, path, i);
            path = path > 0 && !w->paths[path].context ? OUT : path;
        }
    }
}

static void walk(Walk *w)
{
    GuestAddr entry = w->r->blocks[0].ub->pc;
    int path = OUT;
    w->npaths = 1;
    for (uint32_t i = 0; i < w->trace->n; i++) {
        path = path == OUT && w->trace->steps[i].pc == entry ? 0 : path;
        if (path != OUT) {
            count(w, path, w->trace->steps[i].pc);
            path = go(w, path, i);
        }
    }
}

/* Puts the traced blocks into the order in which they ran first, which is that of the code, and
 * tells how often. */
static void put_in_order(const Walk *w)
{
    Region *r = w->r;
    uint32_t place = 0;
    for (uint32_t i = 0; i < w->nnodes; i++) {
        const Node *n = &w->nodes[i];
        int context = w->paths[n->path].context;
        for (uint32_t k = place; k < r->nblocks && (n->path == 0 || context); k++) {
            if (r->blocks[k].ub->pc == n->pc && r->blocks[k].context == context) {
                LiftBlock b = r->blocks[k];
                b.count = n->count;
                r->blocks[k] = r->blocks[place];
                r->blocks[place++] = b;
                break;
            }
        }
    }
}

void region_follow(Region *r, const Trace *trace)
{
    Walk *w = calloc(1, sizeof *w);
    if (!w) {
        return;
    }
    w->r = r;
    w->trace = trace;
    walk(w);
    qsort(w->nodes, w->nnodes, sizeof w->nodes[0], by_count);
    for (uint32_t i = 0; i < w->nnodes; i++) {
        const Node *n = &w->nodes[i];
        int context = context_of(w, n->path);
        if (context >= 0) {
            region_add(r, n->pc, (unsigned)context);
        }
    }
    qsort(w->nodes, w->nnodes, sizeof w->nodes[0], by_order);
    put_in_order(w);
    measure(w);
    free(w);
}
#endif
