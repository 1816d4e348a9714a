/* hot.c - a guess at what is hot: loops, and functions that are called from loops.
 *
 * A jump backwards within a function closes a loop, from where it leads to itself. How often an
 * instruction runs is estimated as that of its function times LOOP for each loop that it is in, and
 * a function's is the sum over the calls of it in the file. Then each function is walked as
 * execution would come by: at a place that is hot enough begins a region as tier 2 would make it,
 * and the walk goes on where that is left, also by calls that come back; from other places it goes
 * on block by block, as tier 1 does. Each loop has a region of its own, inner ones too: a run asks
 * for one where a counter runs out (jit/tier.c), which is at the inner loop first.
 *
 * A region in a loop has blocks of that loop only, and of those in it.
 */
#include "runtime/aot/hot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Regions of a file have a sixteenth of its instructions at most, or 24,000 (half of a small file);
 * the shorter ones first. */
enum {
    LOOP = 16,
    MOST_DEPTH = 4,
    SHARE = 16,
    LEAST = 4000,
    USUAL = 24000,
    FIXED = 16 /* instructions that a region costs beside its own */,
    ROUNDS = 6
};
/* By recursion nearly everything in a large library would seem hot: from here on all is alike, and
 * what is short comes first. */
#define MOST_TIMES 256.0

typedef struct Call {
    uint32_t site, to; /* index of instruction */
} Call;

typedef struct Candidate {
    double often;
    uint32_t at, insns;
} Candidate;

typedef struct HotGraph {
    const Plan *plan;
    Cpu *cpu;
    uint64_t bias;
    uint32_t mode, ninsns;
    uint32_t *function; /* by instruction: the first of its function */
    uint32_t *loop_end; /* by instruction: if a loop begins there, behind its last */
    uint32_t
        *loop; /* by instruction: where the innermost loop that it is in begins, + 1; 0: in none */
    uint8_t *depth; /* by instruction */
    double *often;  /* by first instruction of a function */
    uint8_t *seen;
    Call *calls;
    uint32_t ncalls, call_room;
    uint32_t *stack, depth_of_stack, stack_room;
    Candidate *found;
    uint32_t nfound, found_room;
    uint32_t block;            /* being read */
    uint32_t heads[8], nheads; /* of loops that it closes */
    bool failed;
} HotGraph;

/* ---- addresses ------------------------------------------------------------------------------- */

static bool has(const HotGraph *g, GuestAddr pc)
{
    uint64_t addr = pc - g->bias;
    return plan_has(g->plan, addr) && *plan_insn(g->plan, addr) & PLAN_CODE;
}

static uint32_t index_of(const HotGraph *g, GuestAddr pc)
{
    return (uint32_t)((pc - g->bias - g->plan->low) / 4);
}

static GuestAddr pc_of(const HotGraph *g, uint32_t at)
{
    return g->plan->low + g->bias + 4 * (uint64_t)at;
}

static uint8_t flags(const HotGraph *g, uint32_t at)
{
    return g->plan->insns[at];
}

/* ---- functions ------------------------------------------------------------------------------- */

/* Tables say how long functions are; between them each that is called begins one. */
static void mark_functions(HotGraph *g)
{
    const Plan *p = g->plan;
    uint8_t *begins = g->seen;
    uint64_t known_to = 0;
    for (uint32_t i = 0; i < p->nfunctions; i++) {
        const Span *f = &p->functions[i];
        if (plan_has(p, f->start) && f->start >= known_to) {
            begins[(f->start - p->low) / 4] = 1;
            for (uint64_t at = f->start + 4; at < f->end && plan_has(p, at); at += 4) {
                begins[(at - p->low) / 4] = 2;
            }
            known_to = f->end;
        }
    }
    uint32_t last = 0;
    for (uint32_t i = 0; i < g->ninsns; i++) {
        bool first = begins[i] == 1 || (!begins[i] && i && begins[i - 1] == 2) ||
                     (!begins[i] && flags(g, i) & PLAN_FUNCTION);
        last = first ? i : last;
        g->function[i] = last;
    }
    memset(g->seen, 0, g->ninsns);
}

/* ---- loops and calls ------------------------------------------------------------------------- */

static void note_exit(void *ctx, JitAheadKind kind, GuestAddr to)
{
    HotGraph *g = ctx;
    if (kind == JIT_AHEAD_INDIRECT || kind == JIT_AHEAD_BACK || !has(g, to)) {
        return;
    }
    uint32_t at = index_of(g, to);
    if (kind == JIT_AHEAD_CALL || g->function[at] != g->function[g->block]) {
        Call *calls = plan_grown(g->calls, g->ncalls, &g->call_room, sizeof *calls);
        if (!calls) {
            g->failed = true;
            return;
        }
        g->calls = calls;
        g->calls[g->ncalls++] = (Call){g->block, at};
    } else if (at <= g->block && g->nheads < sizeof g->heads / sizeof *g->heads) {
        g->heads[g->nheads++] = at;
    }
}

/* The loop that a block closes reaches up to its end. */
static void add_block(HotGraph *g, uint32_t at)
{
    g->block = at;
    g->nheads = 0;
    uint32_t end = at + jit_ahead_exits(g->cpu, pc_of(g, at), g->mode, note_exit, g) / 4;
    for (uint32_t i = 0; i < g->nheads; i++) {
        uint32_t *last = &g->loop_end[g->heads[i]];
        *last = end > *last ? end : *last;
    }
}

static void find_depths(HotGraph *g)
{
    for (uint32_t i = 0; i < g->ninsns; i++) {
        uint32_t end = g->loop_end[i] < g->ninsns ? g->loop_end[i] : g->ninsns;
        for (uint32_t k = i; k < end && g->function[k] == g->function[i]; k++) {
            g->depth[k] += g->depth[k] < MOST_DEPTH;
            g->loop[k] = i + 1; /* loops come by address: the innermost is the last */
        }
    }
}

static double power(unsigned depth)
{
    double v = 1;
    while (depth--) {
        v *= LOOP;
    }
    return v;
}

static bool find_often(HotGraph *g)
{
    double *next = malloc((g->ninsns + (size_t)1) * sizeof *next);
    if (!next) {
        return false;
    }
    for (uint32_t i = 0; i < g->ninsns; i++) {
        g->often[i] = 1;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < g->ninsns; i++) {
            next[i] = 1;
        }
        for (uint32_t i = 0; i < g->ncalls; i++) {
            const Call *c = &g->calls[i];
            double *to = &next[g->function[c->to]];
            *to += g->often[g->function[c->site]] * power(g->depth[c->site]);
            *to = *to < MOST_TIMES ? *to : MOST_TIMES;
        }
        double *swap = g->often;
        g->often = next;
        next = swap;
    }
    free(next);
    return true;
}

/* ---- walking --------------------------------------------------------------------------------- */

static void push(HotGraph *g, uint32_t at)
{
    if (g->seen[at]) {
        return;
    }
    g->seen[at] = 1;
    uint32_t *stack = plan_grown(g->stack, g->depth_of_stack, &g->stack_room, sizeof *stack);
    if (!stack) {
        g->failed = true;
        return;
    }
    g->stack = stack;
    g->stack[g->depth_of_stack++] = at;
}

static void go_on(void *ctx, JitAheadKind kind, GuestAddr to)
{
    HotGraph *g = ctx;
    if ((kind == JIT_AHEAD_JUMP || kind == JIT_AHEAD_BACK) && has(g, to)) {
        push(g, index_of(g, to));
    }
}

static bool wants(void *ctx, GuestAddr entry, GuestAddr pc)
{
    const HotGraph *g = ctx;
    if (!has(g, pc) || !has(g, entry)) {
        return false;
    }
    uint32_t from = index_of(g, entry), at = index_of(g, pc);
    uint32_t first = g->loop[from] - 1;
    return g->function[at] == g->function[from] &&
           (!g->loop[from] || (at >= first && at < g->loop_end[first]));
}

static void walk(HotGraph *g, const JitAheadChoice *choice)
{
    while (g->depth_of_stack && !g->failed) {
        uint32_t at = g->stack[--g->depth_of_stack];
        double often = g->often[g->function[at]];
        uint32_t insns = 0;
        if (g->depth[at] || often >= LOOP) {
            insns = jit_ahead_region(g->cpu, pc_of(g, at), g->mode, choice, go_on, g);
        }
        if (!insns) {
            (void)jit_ahead_exits(g->cpu, pc_of(g, at), g->mode, go_on, g);
            continue;
        }
        Candidate *found = plan_grown(g->found, g->nfound, &g->found_room, sizeof *found);
        if (!found) {
            g->failed = true;
            return;
        }
        double times = often * power(g->depth[at]);
        times = times < MOST_TIMES ? times : MOST_TIMES;
        g->found = found;
        g->found[g->nfound++] = (Candidate){times / (insns + FIXED), at, insns};
    }
}

/* ---- choosing -------------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_often(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->often != y->often) {
        return x->often > y->often ? -1 : 1;
    }
    return by_address(a, b);
}

static int choose(Hot *h)
{
    HotGraph *g = h->graph;
    uint64_t code = 0, left;
    for (uint32_t i = 0; i < g->ninsns; i++) {
        code += flags(g, i) & PLAN_CODE;
    }
    left = code / 2 > LEAST ? code / 2 : LEAST; /* a small file costs what it is worth */
    left = left < USUAL ? left : code / SHARE > USUAL ? code / SHARE : USUAL;
    if (!g->nfound) {
        return 0;
    }
    qsort(g->found, g->nfound, sizeof *g->found, by_often);
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->nfound; i++) {
        if (g->found[i].insns + FIXED <= left) {
            left -= g->found[i].insns + FIXED;
            g->found[n++] = g->found[i];
        }
    }
    qsort(g->found, n, sizeof *g->found, by_address);
    h->pcs = malloc(n * sizeof *h->pcs);
    h->insns = malloc(n * sizeof *h->insns);
    if (!h->pcs || !h->insns) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        h->pcs[i] = pc_of(g, g->found[i].at);
        h->insns[i] = g->found[i].insns;
        h->all_insns += g->found[i].insns;
    }
    h->n = n;
    return 0;
}

int hot_find(Hot *h, const Plan *plan, Cpu *cpu, uint64_t bias, uint32_t mode)
{
    HotGraph *g = calloc(1, sizeof *g);
    *h = (Hot){.graph = g, .choice = {wants, g}};
    if (!g) {
        return -ENOMEM;
    }
    size_t n = (plan->high - plan->low) / 4;
    *g = (HotGraph){.plan = plan,
                    .cpu = cpu,
                    .bias = bias,
                    .mode = mode,
                    .ninsns = (uint32_t)n,
                    .function = calloc(n + 1, sizeof *g->function),
                    .loop_end = calloc(n + 1, sizeof *g->loop_end),
                    .loop = calloc(n + 1, sizeof *g->loop),
                    .depth = calloc(n + 1, 1),
                    .seen = calloc(n + 1, 1),
                    .often = malloc((n + 1) * sizeof *g->often)};
    if (!g->function || !g->loop_end || !g->loop || !g->depth || !g->seen || !g->often) {
        return -ENOMEM;
    }
    mark_functions(g);
    for (uint32_t i = 0; i < n && !g->failed; i++) {
        if (flags(g, i) & PLAN_START) {
            add_block(g, i);
        }
    }
    find_depths(g);
    if (g->failed || !find_often(g)) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n && !g->failed; i++) {
        if (g->function[i] == i || g->loop_end[i] || flags(g, i) & (PLAN_FUNCTION | PLAN_TABLE)) {
            push(g, i);
            walk(g, &h->choice);
        }
    }
    return g->failed ? -ENOMEM : choose(h);
}

void hot_free(Hot *h)
{
    HotGraph *g = h->graph;
    if (g) {
        free(g->function);
        free(g->loop_end);
        free(g->loop);
        free(g->depth);
        free(g->often);
        free(g->seen);
        free(g->calls);
        free(g->stack);
        free(g->found);
        free(g);
    }
    free(h->pcs);
    free(h->insns);
}
