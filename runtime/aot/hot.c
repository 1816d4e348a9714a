/* hot.c - a guess at what is hot: loops, and functions that are called from loops.
 *
 * How often an instruction runs is estimated as that of its function times LOOP for each loop
 * (loops.h) that it is in, and a function's is the sum over the calls of it in the file. Then each
 * function is walked as execution would come by: at a place that is hot enough begins a region as
 * tier 2 would make it, and the walk goes on where that is left, also by calls that come back; from
 * other places it goes on block by block, as tier 1 does. Each loop has a region of its own, inner
 * ones too: a run asks for one where a counter runs out (jit/tier.c), which is at the inner loop
 * first.
 *
 * A region in a loop has blocks of that loop only, and of those in it.
 */
#include "runtime/aot/hot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/aot/loops.h"

/* Regions of a file have a sixteenth of its instructions at most, or 24,000 (half of a small file);
 * the shorter ones first. */
enum {
    LOOP = 16,
    MOST_DEPTH = 4,
    SHARE = 16,
    LEAST = 4000,
    USUAL = 24000,
    FIXED = 32 /* instructions that a region costs beside its own */,
    ROUNDS = 6,
    MOST_FAR = 6,
    EXPLORED = 64 /* instructions at a time */
};
/* By recursion nearly everything in a large library would seem hot: from here on all is alike, and
 * what is short comes first. */
#define MOST_TIMES 256.0
/* What is known to have been executed comes before all else. */
#define RAN_TIMES 1e6

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
    uint32_t start_mode, mode, ninsns; /* mode: in which it is likely to run */
    uint32_t *function;                /* by instruction: the first of its function */
    uint32_t *loop;    /* by block: the innermost loop that it is in, from 1 on; 0: none */
    uint8_t *depth;    /* by block: in how many */
    uint32_t *parents; /* by loop - 1: the one that it is in; 0: none */
    uint32_t nparents, parent_room;
    uint32_t *node;  /* by block of the function that is looked at: its number */
    uint32_t tables; /* the number that stands for all its indirect jumps */
    LoopEdge *edges;
    uint32_t nedges, edge_room;
    double *often; /* by first instruction of a function */
    uint8_t *far;  /* the same: calls from main(), or MOST_FAR */
    uint8_t distance;
    uint8_t *seen;
    uint8_t *marks; /* by instruction: RAN, GIVEN, HEAD */
    Call *calls;
    uint32_t ncalls, call_room;
    uint32_t *stack, depth_of_stack, stack_room;
    Candidate *found;
    uint32_t nfound, found_room;
    uint32_t block; /* being read */
    bool failed;
} HotGraph;

enum {
    RAN = 1,
    GIVEN = 2 /* a region begins there by a profile, or was learned */,
    HEAD = 4 /* of a loop, or jumped back to */
};

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

static void add_edge(HotGraph *g, uint32_t from, uint32_t to)
{
    LoopEdge *edges = plan_grown(g->edges, g->nedges, &g->edge_room, sizeof *edges);
    if (!edges) {
        g->failed = true;
        return;
    }
    g->edges = edges;
    g->edges[g->nedges++] = (LoopEdge){from, to};
}

static void note_exit(void *ctx, JitAheadKind kind, GuestAddr to)
{
    HotGraph *g = ctx;
    if (kind == JIT_AHEAD_INDIRECT) {
        add_edge(g, g->node[g->block], g->tables);
        return;
    }
    if (!has(g, to)) {
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
    } else if (flags(g, at) & PLAN_START) {
        add_edge(g, g->node[g->block], g->node[at]);
        /* A run asks at the target of a jump backwards, be it the head or not. */
        g->marks[at] |= kind == JIT_AHEAD_JUMP && at <= g->block ? HEAD : 0;
    }
}

static void take_loops(HotGraph *g, const Loops *l, uint32_t from, uint32_t to)
{
    uint32_t before = g->nparents;
    for (uint32_t i = 0; i < l->nloops; i++) {
        uint32_t *parents = plan_grown(g->parents, g->nparents, &g->parent_room, sizeof *parents);
        if (!parents) {
            g->failed = true;
            return;
        }
        g->parents = parents;
        g->parents[g->nparents++] = l->parent[i] ? before + l->parent[i] : 0;
    }
    for (uint32_t i = from; i < to; i++) {
        if (flags(g, i) & PLAN_START) {
            uint32_t loop = l->loop[g->node[i]], depth = l->depth[g->node[i]];
            g->loop[i] = loop ? before + loop : 0;
            g->marks[i] |= loop && l->head[loop - 1] == g->node[i] ? HEAD : 0;
            g->depth[i] = (uint8_t)(depth < MOST_DEPTH ? depth : MOST_DEPTH);
        }
    }
}

/* The function whose instructions are [from, to). */
static void read_function(HotGraph *g, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        if (flags(g, i) & PLAN_START) {
            g->node[i] = n++;
        }
    }
    g->nedges = 0;
    g->tables = n++;
    for (uint32_t i = from; i < to && !g->failed; i++) {
        if (flags(g, i) & PLAN_START) {
            g->block = i;
            (void)jit_ahead_exits(g->cpu, pc_of(g, i), g->mode, note_exit, g);
            if (flags(g, i) & PLAN_TABLE) {
                add_edge(g, g->tables, g->node[i]);
            }
        }
    }
    Loops l = {.nnodes = n, .edges = g->edges, .nedges = g->nedges};
    if (!g->failed && n > 1 && loops_find(&l)) {
        take_loops(g, &l, from, to);
    } else if (n > 1) {
        g->failed = true;
    }
    loops_free(&l);
}

static void read_functions(HotGraph *g)
{
    for (uint32_t i = 0, end; i < g->ninsns && !g->failed; i = end) {
        for (end = i + 1; end < g->ninsns && g->function[end] == g->function[i];) {
            end++;
        }
        read_function(g, i, end);
    }
}

static bool in_loop(const HotGraph *g, uint32_t at, uint32_t loop)
{
    uint32_t l = g->loop[at];
    while (l && l != loop) {
        l = g->parents[l - 1];
    }
    return l == loop;
}

static double power(unsigned depth)
{
    double v = 1;
    while (depth--) {
        v *= LOOP;
    }
    return v;
}

/* What other files call, or pointers lead to, is called from loops of theirs. */
static double least_often(const HotGraph *g, uint32_t at)
{
    return flags(g, at) & PLAN_KNOWN ? LOOP : 1;
}

static bool find_often(HotGraph *g)
{
    double *next = malloc((g->ninsns + (size_t)1) * sizeof *next);
    if (!next) {
        return false;
    }
    for (uint32_t i = 0; i < g->ninsns; i++) {
        g->often[i] = least_often(g, i);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < g->ninsns; i++) {
            next[i] = least_often(g, i);
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

/* ---- how near to main() -----------------------------------------------------------------------
 */

static void come_near(HotGraph *g, uint32_t function, uint8_t distance)
{
    g->far[function] = g->far[function] < distance ? g->far[function] : distance;
}

static const uint8_t *bytes_at(void *ctx, GuestAddr addr, size_t *avail)
{
    return plan_bytes(((const HotGraph *)ctx)->plan, addr, avail);
}

/* An address that is made there is one to be called, as that of main() is by the entry. */
static void found_near(void *ctx, GuestAddr addr, FoundKind kind)
{
    HotGraph *g = ctx;
    if (kind == FOUND_ADDRESS && has(g, addr + g->bias)) {
        come_near(g, g->function[index_of(g, addr + g->bias)], g->distance);
    }
}

/* In a program with its libraries in it, what is few calls away from main() is its own. */
static void find_distances(HotGraph *g)
{
    const ElfFile *elf = &g->plan->view->elf;
    Explore e = {g, bytes_at, found_near};
    memset(g->far, MOST_FAR, g->ninsns);
    if (elf->has_interp || !has(g, elf->entry + g->bias)) {
        return;
    }
    g->distance = 0;
    (void)g->plan->frontend->explore(&e, elf->entry, EXPLORED);
    for (g->distance = 1; g->distance <= MOST_FAR; g->distance++) {
        for (uint32_t i = 0; i < g->ninsns; i++) {
            if (flags(g, i) & PLAN_START && g->far[g->function[i]] == g->distance - 1) {
                (void)g->plan->frontend->explore(&e, pc_of(g, i) - g->bias, EXPLORED);
            }
        }
        for (uint32_t i = 0; i < g->ncalls; i++) {
            if (g->far[g->function[g->calls[i].site]] == g->distance - 1) {
                come_near(g, g->function[g->calls[i].to], g->distance);
            }
        }
    }
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

/* What was executed, of a region that a profile names. */
static bool wants_ran(void *ctx, GuestAddr entry, GuestAddr pc)
{
    const HotGraph *g = ctx;
    (void)entry;
    return has(g, pc) && g->marks[index_of(g, pc)] & RAN;
}

static bool wants(void *ctx, GuestAddr entry, GuestAddr pc)
{
    const HotGraph *g = ctx;
    if (!has(g, pc) || !has(g, entry)) {
        return false;
    }
    uint32_t from = index_of(g, entry), at = index_of(g, pc);
    return g->function[at] == g->function[from] &&
           (!g->loop[from] || in_loop(g, at, g->loop[from]));
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
        times *= g->marks[at] & RAN ? RAN_TIMES : 1;
        times /= 1u << g->far[g->function[at]];
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

static bool put(HotList *l, GuestAddr pc, uint32_t insns)
{
    if (l->n == l->room) {
        uint32_t room = l->room ? 2 * l->room : 256;
        GuestAddr *pcs = realloc(l->pcs, room * sizeof *pcs);
        l->pcs = pcs ? pcs : l->pcs;
        uint32_t *all = realloc(l->insns, room * sizeof *all);
        l->insns = all ? all : l->insns;
        if (!pcs || !all) {
            return false;
        }
        l->room = room;
    }
    l->pcs[l->n] = pc;
    l->insns[l->n++] = insns;
    return true;
}

/* A program of Go runs with threads and a handler of memory faults, nearly from its start. */
static bool put_guess(Hot *h, GuestAddr pc, uint32_t insns)
{
    HotGraph *g = h->graph;
    if (g->plan->is_go) {
        return put(&h->lists[HOT_ALONE], pc, insns);
    }
    if (jit_ahead_is_same(g->cpu, pc, g->mode, g->mode | CPU_MODE_THREADS,
                          &h->lists[HOT_SAME].choice)) {
        return put(&h->lists[HOT_SAME], pc, insns);
    }
    return put(&h->lists[HOT_ALONE], pc, insns) && put(&h->lists[HOT_THREADS], pc, insns);
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
        if (g->found[i].insns + FIXED <= left && !(g->marks[g->found[i].at] & GIVEN)) {
            left -= g->found[i].insns + FIXED;
            g->found[n++] = g->found[i];
        }
    }
    qsort(g->found, n, sizeof *g->found, by_address);
    for (uint32_t i = 0; i < n; i++) {
        if (!put_guess(h, pc_of(g, g->found[i].at), g->found[i].insns)) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* ---- profiles -------------------------------------------------------------------------------- */

static void ignore(void *ctx, JitAheadKind kind, GuestAddr to)
{
    (void)ctx;
    (void)kind;
    (void)to;
}

static void note_runs(HotGraph *g, const Profile *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        GuestAddr pc = p->spots[i].addr + g->bias;
        if (has(g, pc)) {
            g->marks[index_of(g, pc)] |= p->spots[i].hot ? RAN | GIVEN : RAN;
        }
    }
}

static int take_given(Hot *h, const Profile *p)
{
    HotGraph *g = h->graph;
    for (uint32_t i = 0; i < p->n; i++) {
        const ProfileSpot *s = &p->spots[i];
        GuestAddr pc = s->addr + g->bias;
        bool wanted =
            s->hot && has(g, pc) &&
            !((s->mode ^ g->start_mode) & ~(uint32_t)(CPU_MODE_THREADS | CPU_MODE_PRECISE));
        HotList *l = &h->lists[HOT_PROFILE + s->mode / CPU_MODE_PRECISE % 4];
        if (!wanted || jit_ahead_has_region(g->cpu, pc, s->mode)) {
            continue;
        }
        l->mode = s->mode;
        uint32_t insns = jit_ahead_region(g->cpu, pc, s->mode, &l->choice, ignore, NULL);
        if (insns && !put(l, pc, insns)) {
            return -ENOMEM;
        }
    }
    return 0;
}

static void set_modes(Hot *h)
{
    HotGraph *g = h->graph;
    for (unsigned i = 0; i < HOT_LISTS; i++) {
        h->lists[i].mode = i == HOT_THREADS ? g->mode | CPU_MODE_THREADS : g->mode;
        h->lists[i].choice = (JitAheadChoice){i < HOT_PROFILE ? wants : wants_ran, g};
    }
}

int hot_find(Hot *h, const HotRequest *q)
{
    HotGraph *g = calloc(1, sizeof *g);
    const Plan *plan = q->plan;
    *h = (Hot){.graph = g};
    if (!g) {
        return -ENOMEM;
    }
    size_t n = (plan->high - plan->low) / 4;
    *g = (HotGraph){.plan = plan,
                    .cpu = q->cpu,
                    .bias = q->bias,
                    .start_mode = q->mode,
                    .mode = q->mode | (plan->is_go ? CPU_MODE_THREADS | CPU_MODE_PRECISE : 0),
                    .ninsns = (uint32_t)n,
                    .function = calloc(n + 1, sizeof *g->function),
                    .node = calloc(n + 1, sizeof *g->node),
                    .loop = calloc(n + 1, sizeof *g->loop),
                    .depth = calloc(n + 1, 1),
                    .seen = calloc(n + 1, 1),
                    .far = calloc(n + 1, 1),
                    .marks = calloc(n + 1, 1),
                    .often = malloc((n + 1) * sizeof *g->often)};
    if (!g->function || !g->node || !g->loop || !g->depth || !g->seen || !g->far || !g->marks ||
        !g->often) {
        return -ENOMEM;
    }
    set_modes(h);
    note_runs(g, q->learned);
    note_runs(g, q->given);
    int err = take_given(h, q->given);
    if (err || q->only_given) {
        return err;
    }
    mark_functions(g);
    read_functions(g);
    find_distances(g);
    if (g->failed || !find_often(g)) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n && !g->failed; i++) {
        if (g->function[i] == i || g->marks[i] & HEAD ||
            flags(g, i) & (PLAN_FUNCTION | PLAN_TABLE)) {
            push(g, i);
            walk(g, &h->lists[HOT_SAME].choice);
        }
    }
    return g->failed ? -ENOMEM : choose(h);
}

void hot_free(Hot *h)
{
    HotGraph *g = h->graph;
    if (g) {
        free(g->function);
        free(g->node);
        free(g->parents);
        free(g->edges);
        free(g->loop);
        free(g->depth);
        free(g->often);
        free(g->seen);
        free(g->far);
        free(g->marks);
        free(g->calls);
        free(g->stack);
        free(g->found);
        free(g);
    }
    for (unsigned i = 0; i < HOT_LISTS; i++) {
        free(h->lists[i].pcs);
        free(h->lists[i].insns);
    }
}
