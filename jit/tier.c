/* tier.c - regions: what is compiled together for tier 2, and its way into the tables.
 *
 * A region begins at a block and takes in what its direct exits lead to, as long as it is small
 * enough, and the blocks of small callees once for each call (a context, lift/lift.h). It has one
 * entry; all other ways in are blocks of their own.
 */
#ifdef XEMU_LLVM
#include "jit/tier.h"

#include <errno.h>
#include <fenv.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jit/ahead.h"
#include "jit/dump.h"
#include "jit/keep.h"
#include "jit/orc/channel.h"
#include "jit/orc/client.h"
#include "jit/stress.h"
#include "jit/template/template.h"
#include "lift/lift.h"

enum {
    MAX_BLOCKS = 200,
    MAX_CONTEXTS = 24,
    CALLEE_BLOCKS = 8,
    CALLEE_INSNS = 60,
    MAX_DEPTH = 2,
    OWN_BLOCKS = 40,
    OWN_BYTES = 2048
};

typedef struct Region {
    JitThread *t;
    uint32_t mode;
    bool known_only;              /* only what tier 1 has translated, which is what has run */
    const JitAheadChoice *choice; /* ahead of time: which blocks */
    uint32_t max_blocks, max_insns;
    LiftBlock blocks[MAX_BLOCKS];
    uint32_t nblocks, insns;
    LiftContext contexts[MAX_CONTEXTS];
    uint32_t ncontexts;
    UopBlock *owned[MAX_BLOCKS];
    uint32_t nowned;
    bool recursive;
} Region;

/* ---- blocks ---------------------------------------------------------------------------------- */

/* The block there, if it's translated, in this run or an earlier one. The thread has entered its
 * module, if it's of one. */
static Block *known(JitThread *t, GuestAddr pc, uint32_t mode)
{
    Block *b = blockmap_find(&t->jit->blocks, pc, mode);
    return b ? b : keep_find(t, pc, mode, false);
}

static UopBlock *uops_at(Region *r, GuestAddr pc)
{
    for (uint32_t i = 0; i < r->nowned; i++) {
        if (r->owned[i]->pc == pc) {
            return r->owned[i];
        }
    }
    if (r->nowned == MAX_BLOCKS || (r->known_only && !known(r->t, pc, r->mode))) {
        return NULL;
    }
    jit_build_uops(r->t, pc, r->mode, JIT_MAX_INSNS);
    if (r->t->uops.guest_len == 0 || r->t->uops.error || r->t->uops.is_critical) {
        return NULL;
    }
    UopBlock *copy = jit_copy_uops(&r->t->uops);
    if (copy) {
        r->owned[r->nowned++] = copy;
    }
    return copy;
}

static bool has(const Region *r, GuestAddr pc, unsigned context)
{
    for (uint32_t i = 0; i < r->nblocks; i++) {
        if (r->blocks[i].ub->pc == pc && r->blocks[i].context == context) {
            return true;
        }
    }
    return false;
}

static void add(Region *r, GuestAddr pc, unsigned context)
{
    if (r->nblocks >= r->max_blocks || has(r, pc, context)) {
        return;
    }
    if (r->choice && !context && r->nblocks &&
        !r->choice->wants(r->choice->ctx, r->blocks[0].ub->pc, pc)) {
        return;
    }
    UopBlock *ub = uops_at(r, pc);
    if (ub && r->insns + ub->ninsns <= r->max_insns) {
        r->blocks[r->nblocks++] = (LiftBlock){.ub = ub, .context = (uint16_t)context};
        r->insns += ub->ninsns;
    }
}

/* ---- callees --------------------------------------------------------------------------------- */

static unsigned depth(const Region *r, unsigned context)
{
    unsigned n = 0;
    for (; context; context = r->contexts[context].parent) {
        n++;
    }
    return n;
}

/* The blocks of a small function without calls and indirect jumps; 0 if it isn't one. */
static unsigned callee_blocks(Region *r, GuestAddr entry, GuestAddr pcs[CALLEE_BLOCKS])
{
    unsigned n = 1, insns = 0;
    bool returns = false;
    pcs[0] = entry;
    for (unsigned i = 0; i < n; i++) {
        const UopBlock *ub = uops_at(r, pcs[i]);
        if (!ub) {
            if (i == 0) {
                return 0;
            }
            pcs[i] = pcs[--n]; /* a way that isn't taken */
            i--;
            continue;
        }
        insns += ub->ninsns;
        for (uint32_t k = 0; k < ub->count; k++) {
            const Uop *u = &ub->uops[k];
            bool jump = (u->op == UOP_EXIT || u->op == UOP_EXIT_IF) && u->sub == UOP_EXIT_JUMP;
            returns |= u->op == UOP_EXIT && u->sub == UOP_EXIT_RET;
            if (u->op == UOP_EXIT &&
                (u->sub == UOP_EXIT_CALL || u->sub == UOP_EXIT_SYSCALL ||
                 u->sub == UOP_EXIT_DISPATCH || (u->sub == UOP_EXIT_JUMP && u->a != VAL_NONE))) {
                return 0;
            }
            bool seen = !jump;
            for (unsigned m = 0; jump && m < n; m++) {
                seen |= pcs[m] == u->imm64;
            }
            if (!seen) {
                if (n == CALLEE_BLOCKS) {
                    return 0;
                }
                pcs[n++] = u->imm64;
            }
        }
    }
    return returns && insns <= CALLEE_INSNS ? n : 0;
}

static void add_call(Region *r, GuestAddr target, unsigned context, GuestAddr return_pc)
{
    GuestAddr pcs[CALLEE_BLOCKS];
    for (uint32_t c = 1; c < r->ncontexts; c++) { /* two blocks may end in the same call */
        if (r->contexts[c].parent == context && r->contexts[c].return_pc == return_pc) {
            return;
        }
    }
    if (r->ncontexts == MAX_CONTEXTS || depth(r, context) >= MAX_DEPTH) {
        return;
    }
    unsigned n = callee_blocks(r, target, pcs);
    if (!n || r->nblocks + n + 1 > r->max_blocks) {
        return;
    }
    unsigned c = r->ncontexts++;
    r->contexts[c] = (LiftContext){.parent = (uint16_t)context, .return_pc = return_pc};
    for (unsigned i = 0; i < n; i++) {
        add(r, pcs[i], c);
    }
    add(r, return_pc, context);
}

/* Does the function at `target` lead to the region's entry without leaving for others? Then the
 * region is part of it, and its call a call of itself. */
static bool is_own_function(Region *r, GuestAddr target)
{
    GuestAddr entry = r->blocks[0].ub->pc, pcs[OWN_BLOCKS] = {target};
    if (target > entry || entry - target > OWN_BYTES) {
        return false;
    }
    for (unsigned i = 0, n = 1; i < n; i++) {
        const UopBlock *ub = pcs[i] == entry ? NULL : uops_at(r, pcs[i]);
        if (pcs[i] == entry) {
            return true;
        }
        for (uint32_t k = 0; ub && k < ub->count; k++) {
            const Uop *u = &ub->uops[k];
            bool exit = u->op == UOP_EXIT_IF || (u->op == UOP_EXIT && u->a == VAL_NONE);
            GuestAddr to = u->sub == UOP_EXIT_CALL ? ub->pc + ub->guest_len : u->imm64;
            bool seen = !exit || (u->sub != UOP_EXIT_CALL && u->sub != UOP_EXIT_JUMP);
            for (unsigned m = 0; m < n && !seen; m++) {
                seen = pcs[m] == to;
            }
            if (!seen && n < OWN_BLOCKS) {
                pcs[n++] = to;
            }
        }
    }
    return false;
}

/* ---- growing --------------------------------------------------------------------------------- */

static void grow(Region *r, const LiftBlock *b)
{
    const UopBlock *ub = b->ub;
    for (uint32_t k = 0; k < ub->count; k++) {
        const Uop *u = &ub->uops[k];
        if (u->op == UOP_EXIT_IF && u->sub == UOP_EXIT_JUMP) {
            add(r, u->imm64, b->context);
        } else if (u->op == UOP_EXIT && u->a == VAL_NONE) {
            if (u->sub == UOP_EXIT_JUMP) {
                add(r, u->imm64, b->context);
            } else if (u->sub == UOP_EXIT_CALL && !b->context && is_own_function(r, u->imm64)) {
                r->recursive = true;
                add(r, u->imm64, 0);
                add(r, ub->pc + ub->guest_len, 0);
            } else if (u->sub == UOP_EXIT_CALL) {
                add_call(r, u->imm64, b->context, ub->pc + ub->guest_len);
            }
        }
    }
}

static bool collect(Region *r, GuestAddr entry)
{
    r->ncontexts = 1;
    add(r, entry, 0);
    for (uint32_t i = 0; i < r->nblocks; i++) {
        LiftBlock b = r->blocks[i];
        grow(r, &b);
    }
    return r->nblocks != 0;
}

static void free_region(Region *r)
{
    for (uint32_t i = 0; i < r->nowned; i++) {
        uop_block_free(r->owned[i]);
        free(r->owned[i]);
    }
    free(r);
}

/* ---- compiled at once ------------------------------------------------------------------------ */

static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

/* LLVM computes with floats, under its own rounding mode, and the guest's exceptions aren't its
 * business. */
static int compile_here(const LiftRegion *r, CodeObject *o)
{
    fenv_t guest;
    pthread_mutex_lock(&compiling);
    fegetenv(&guest);
    fesetenv(FE_DFL_ENV);
    int err = lift_compile(r, o);
    fesetenv(&guest);
    pthread_mutex_unlock(&compiling);
    return err;
}

static int make_anchors(JitThread *t, Block *b, const LiftBlock *blocks, uint32_t n)
{
    b->anchors = n > 1 ? jit_meta_alloc(t, sizeof(Block) * (n - 1)) : NULL;
    if (n > 1 && !b->anchors) {
        return -ENOMEM;
    }
    b->nanchors = n - 1;
    for (uint32_t i = 1; i < n; i++) {
        b->anchors[i - 1] = (Block){.pc = blocks[i].ub->pc,
                                    .mode = b->mode,
                                    .guest_len = blocks[i].ub->guest_len,
                                    .region = b};
    }
    return 0;
}

static int place(JitThread *t, const CodeObject *o, Block *b)
{
    int err = template_place(t, o, b);
    if (err == -ENOSPC) { /* in a chunk of its own */
        keep_leave_pair(t);
        err = jit_have_chunks(t) ? template_place(t, o, b) : -ENOSPC;
    }
    return err;
}

static bool is_spoilt(const JitOptions *o, GuestAddr pc)
{
    return o->spoil && (uint32_t)((pc >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % o->spoil == 0;
}

static LiftRegion lift_region(const Region *r)
{
    const Jit *j = r->t->jit;
    bool dump = j->options.dump && jit_dump_wanted(&j->options, r->blocks[0].ub->pc);
    return (LiftRegion){.frontend = j->frontend,
                        .mode = r->mode,
                        .precise = r->mode & CPU_MODE_PRECISE,
                        .spoilt = is_spoilt(&j->options, r->blocks[0].ub->pc),
                        .relocatable = (r->known_only || r->choice) && keep_relocatable(r->t),
                        .blocks = r->blocks,
                        .nblocks = r->nblocks,
                        .contexts = r->contexts,
                        .ncontexts = r->ncontexts,
                        .dump = dump ? j->options.log : NULL,
                        .dump_ir = j->options.dump & JIT_DUMP_IR,
                        .dump_ir_opt = j->options.dump & JIT_DUMP_IR_OPT,
                        .dump_asm = j->options.dump & JIT_DUMP_ASM};
}

static void print_dump(const Jit *j, const CodeObject *o)
{
    if (o->dump_len) {
        fwrite(o->dump, 1, o->dump_len, j->options.log);
    }
}

static int compile_there(JitThread *t, const LiftRegion *r, CodeObject *o);

/* Whatever becomes of it. */
static void count_compiled(JitThread *t, const CodeObject *o)
{
    t->stats.lift_ns += o->lift_ns;
    t->stats.passes_ns += o->passes_ns;
    t->stats.codegen_ns += o->codegen_ns;
}

static void count_region(JitThread *t, const CodeObject *o, uint32_t blocks, uint32_t insns)
{
    t->stats.regions++;
    t->stats.region_blocks += blocks;
    t->stats.region_insns += insns;
    t->stats.region_bytes += o->len;
    t->stats.lift_fallbacks += o->fallbacks;
}

int tier_translate(JitThread *t, Block *b)
{
    Jit *j = t->jit;
    Region *r = calloc(1, sizeof *r);
    CodeObject o = {0};
    if (!r) {
        return -ENOMEM;
    }
    *r = (Region){.t = t, .mode = b->mode, .max_blocks = 5, .max_insns = 60};
    int err = collect(r, b->pc) ? 0 : -EOPNOTSUPP;
    if (!err) {
        LiftRegion lr = lift_region(r);
        err = tier_own(j) ? compile_there(t, &lr, &o) : compile_here(&lr, &o);
        print_dump(j, &o);
    }
    if (!err) {
        count_compiled(t, &o);
    }
    b->tier2 = true;
    b->guest_len = err ? 1 : r->blocks[0].ub->guest_len;
    b->ninsns = r->insns;
    err = err ? err : make_anchors(t, b, r->blocks, r->nblocks);
    err = err ? err : place(t, &o, b);
    if (!err) {
        count_region(t, &o, r->nblocks, r->insns);
    } else {
        t->stats.regions_refused++;
        b->tier2 = false;
        b->nanchors = 0;
    }
    code_object_free(&o);
    free_region(r);
    return err;
}

int tier_anchor(Jit *j, Block *b)
{
    for (uint32_t i = 0; i < b->nanchors; i++) {
        int err = blockmap_anchor(&j->blocks, &b->anchors[i]);
        if (err) {
            b->nanchors = i;
            return err;
        }
    }
    return 0;
}

/* ---- promotion ------------------------------------------------------------------------------- */

enum {
    HOT = 96000,
    COUNTER = 16000,
    MOST_CALM = 2,
    PROMOTED_BLOCKS = 120,
    PROMOTED_INSNS = 1200,
    SHORT_INSNS = 24,
    NS_PER_INSN = 180000,
    SHARE = 10,
    FOLLOWED = 8,
    MAX_DEATHS = 3
};

typedef struct Pending {
    Block *entry; /* tier 1's; NULL: none. Its memory goes with its generation. */
    bool relocatable;
    uint64_t generation;
    uint32_t mode;
    uint32_t n, insns;
    Block *blocks[MAX_BLOCKS]; /* of all guest code in the region */
    GuestAddr pcs[MAX_BLOCKS];
    uint32_t lens[MAX_BLOCKS];
} Pending;

struct Tier {
    pthread_mutex_t lock;
    Client *client;
    Pending pending[CHANNEL_SLOTS];
    uint64_t lost;
    bool patient; /* see may_ask() */
    bool asked, recalled;
    uint64_t earlier_ns; /* JitHost.earlier_ns, once it is recalled */
    uint64_t spent_ns;   /* what compiling has cost, by estimate */
};

int tier_create(Jit *j)
{
    struct Tier *tier = calloc(1, sizeof *tier);
    ClientHost host = {j->host.exe_fd, j->host.reaped, j->host.new_namespace,
                       j->options.optimizer_memory};
    if (!tier || !j->host.exe_fd || !(tier->client = client_create(&host))) {
        free(tier);
        return -ENOMEM;
    }
    pthread_mutex_init(&tier->lock, NULL);
    tier->patient = !j->options.hot && !j->options.stress;
    j->tier = tier;
    return 0;
}

void tier_destroy(Jit *j, bool forked)
{
    if (j->tier) {
        client_destroy(j->tier->client, forked);
        free(j->tier);
        j->tier = NULL;
    }
}

static void renew(Jit *j)
{
    tier_destroy(j, true);
    (void)tier_create(j);
}

/* What is there is the parent's: whatever a child does about it writes to memory that both share so
 * far, so it is done when the child needs it. Where another thread may have been at it, a new one
 * is made. */
void tier_forked(Jit *j, bool alone)
{
    if (j->tier && !alone) {
        renew(j);
    }
    j->parents_tier = j->tier && alone;
}

struct Tier *tier_own(Jit *j)
{
    if (j->parents_tier) {
        j->parents_tier = false;
        if (!client_forked(j->tier->client)) {
            renew(j);
        }
    }
    return j->tier;
}

/* The process is about to end: another thread that is at it isn't waited for for long. */
void tier_close(Jit *j)
{
    struct Tier *tier = j->tier;
    if (!tier || j->parents_tier) {
        return;
    }
    static const struct timespec pause = {.tv_nsec = 1000000};
    bool locked = pthread_mutex_trylock(&tier->lock) == 0;
    for (unsigned i = 0; i < 50 && !locked; i++) {
        nanosleep(&pause, NULL);
        locked = pthread_mutex_trylock(&tier->lock) == 0;
    }
    client_close(tier->client);
    if (locked) {
        pthread_mutex_unlock(&tier->lock);
    }
}

void tier_hide(Jit *j, bool on)
{
    struct Tier *tier = tier_own(j);
    if (tier) {
        pthread_mutex_lock(&tier->lock);
        client_hide(tier->client, on);
        pthread_mutex_unlock(&tier->lock);
    }
}

static uint32_t hot(const Jit *j)
{
    return j->options.hot ? j->options.hot : HOT;
}

/* How far a counter counts, and how often it has to run out. */
static uint32_t counter_start(const Jit *j)
{
    return hot(j) < COUNTER ? hot(j) - 1 : COUNTER;
}

static uint32_t heat_wanted(const Jit *j)
{
    uint32_t n = hot(j) / (counter_start(j) + 1);
    return n < UINT8_MAX ? n : UINT8_MAX;
}

/* Samples that lead to nothing, as nearly all do, become rarer (and count for more): one costs half
 * a microsecond. At random about that number: a loop of which each round has as many edges as
 * divide it would be met at the same one for ever. */
static int32_t fresh_counter(JitThread *t)
{
    const Jit *j = t->jit;
    if (!j->tier) {
        return INT32_MAX;
    }
    if (j->options.stress) {
        return (int32_t)stress_counter(t);
    }
    uint32_t mean = counter_start(j) << t->calm;
    t->sampled = t->sampled * 1664525u + 1013904223u;
    return (int32_t)(mean / 2 + (t->sampled >> 8) % (mean + 1));
}

void tier_reset_counter(Cpu *cpu)
{
    cpu->polls_left = fresh_counter(jit_thread(cpu));
}

void tier_stats(const Jit *j, JitStats *out)
{
    if (j->tier && !j->parents_tier) {
        client_counters(j->tier->client, &out->optimizers, &out->optimizer_kb);
        out->optimizers_lost += j->tier->lost;
    }
}

/* Is the guest code of b still as it was? A block that was replaced by a region lives on in that.
 */
static bool is_alive(const Block *b)
{
    while (b->replaced_by) {
        b = b->replaced_by;
    }
    return !__atomic_load_n(&b->dead, __ATOMIC_ACQUIRE);
}

/* A region that mostly calls C is better off in tier 1. */
bool tier_is_good(const CodeObject *o, uint32_t insns)
{
    return o->fallbacks * 16 <= insns;
}

/* Under Tier.lock. */
static void install(JitThread *t, Pending *p, const CodeObject *o)
{
    Jit *j = t->jit;
    Block *old = p->entry;
    if (p->generation != t->generation) {
        return;
    }
    keep_enter(t, p->pcs[0]);
    if (!jit_have_chunks(t) || p->generation != t->generation) {
        return;
    }
    Block *b = jit_meta_alloc(t, sizeof *b + sizeof(Block) * p->n);
    if (!b) {
        return;
    }
    *b = (Block){.pc = p->pcs[0],
                 .mode = p->mode,
                 .guest_len = p->lens[0],
                 .ninsns = p->insns,
                 .tier2 = true,
                 .bound = !p->relocatable,
                 .anchors = b + 1,
                 .nanchors = p->n - 1};
    for (uint32_t i = 1; i < p->n; i++) {
        b->anchors[i - 1] =
            (Block){.pc = p->pcs[i], .mode = b->mode, .guest_len = p->lens[i], .region = b};
    }
    if (place(t, o, b) != 0) {
        return;
    }
    pthread_mutex_lock(&j->lock);
    bool ok = p->generation == j->generation && jit_may_link(j) && p->generation == j->generation;
    for (uint32_t i = 0; i < p->n && ok; i++) {
        ok = is_alive(p->blocks[i]);
    }
    ok = ok && blockmap_find(&j->blocks, b->pc, b->mode) == old;
    if (ok) {
        (void)jit_replace_block(j, old, b); /* if there is no memory it is translated again */
    }
    pthread_mutex_unlock(&j->lock);
    if (ok) {
        jit_placed(j, b);
        count_region(t, o, p->n, p->insns);
    }
}

static void take_answers(JitThread *t, struct Tier *tier)
{
    CodeObject o;
    int err;
    for (int slot; (slot = client_take(tier->client, &o, &err)) >= 0;) {
        Pending *p = &tier->pending[slot];
        if (!err) {
            count_compiled(t, &o);
            print_dump(t->jit, &o);
            if (p->entry && tier_is_good(&o, p->insns)) {
                install(t, p, &o);
            } else {
                t->stats.regions_refused++;
            }
            code_object_free(&o);
        } else {
            t->stats.regions_refused++;
        }
        p->entry = NULL;
    }
}

/* Looks whether the optimizer has died. What it was at then may have killed it: it gets few more
 * chances. */
static bool look_for_death(const JitThread *t, struct Tier *tier)
{
    uint32_t at_work;
    if (!client_lost(tier->client, &at_work)) {
        return false;
    }
    tier->lost++;
    for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
        Block *b = tier->pending[i].entry;
        if (b && tier->pending[i].generation == t->generation) {
            b->deaths += at_work >> i & 1;
            b->no_promotion = b->deaths >= MAX_DEATHS;
        }
        tier->pending[i].entry = NULL;
    }
    return true;
}

/* Forced tier 2: the thread waits for its region. The guest's threads can't run LLVM themselves
 * (they have no C library's thread), and a child of fork would meet what another thread of its
 * parent had locked. */
static int compile_there(JitThread *t, const LiftRegion *r, CodeObject *o)
{
    struct Tier *tier = t->jit->tier;
    pthread_mutex_lock(&tier->lock);
    int err = -EAGAIN, slot = client_ask(tier->client, r);
    while (slot >= 0 && client_take(tier->client, o, &err) < 0) {
        if (look_for_death(t, tier)) {
            err = -EAGAIN;
            break;
        }
        client_wait(tier->client);
    }
    pthread_mutex_unlock(&tier->lock);
    return err;
}

enum { NEW, OPEN, DONE };

/* Is a block that is OPEN reached from block i? */
static bool closes(const Region *r, uint32_t i, uint8_t state[MAX_BLOCKS])
{
    const UopBlock *ub = r->blocks[i].ub;
    state[i] = OPEN;
    for (uint32_t k = 0; k < ub->count; k++) {
        const Uop *u = &ub->uops[k];
        if (!(u->op == UOP_EXIT_IF || (u->op == UOP_EXIT && u->a == VAL_NONE)) ||
            u->sub != UOP_EXIT_JUMP) {
            continue;
        }
        for (uint32_t to = 0; to < r->nblocks; to++) {
            bool there =
                r->blocks[to].ub->pc == u->imm64 && r->blocks[to].context == r->blocks[i].context;
            if (there && (state[to] == OPEN || (state[to] == NEW && closes(r, to, state)))) {
                return true;
            }
        }
    }
    state[i] = DONE;
    return false;
}

/* A few instructions between calls and returns, without a loop or a callee among them, are as good
 * in tier 1: what crosses such a region's edges is most of what it does. */
static bool is_worth_it(const Region *r)
{
    uint8_t state[MAX_BLOCKS] = {NEW};
    bool calls = false;
    for (uint32_t i = 0; i < r->nblocks; i++) {
        const UopBlock *ub = r->blocks[i].ub;
        const Uop *last = &ub->uops[ub->count - 1];
        calls |= last->op == UOP_EXIT && (last->sub == UOP_EXIT_CALL || last->sub == UOP_EXIT_RET);
    }
    return !calls || r->recursive || r->insns >= SHORT_INSNS || r->ncontexts > 1 ||
           closes(r, 0, state);
}

static uint64_t used_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t tier_learned_ns(const Jit *j)
{
    const struct Tier *tier = j->tier;
    return tier && !j->parents_tier && tier->patient && tier->asked && !tier->lost ? used_ns() : 0;
}

/* Has an earlier run of the same command, as far as this one has come, compiled what is hot of the
 * file there? What it left in tier 1 is worth it only in a run that is longer by far. */
static bool is_learned(const JitThread *t, struct Tier *tier, uint64_t used)
{
    const JitHost *h = &t->jit->host;
    if (!keep_has_some(t)) {
        return false;
    }
    if (!tier->recalled) {
        tier->earlier_ns = h->earlier_ns ? h->earlier_ns(h->ctx) : 0;
        tier->recalled = true;
    }
    return used / 2 < tier->earlier_ns;
}

/* A program that ends soon gets no optimizer, and compiling never takes more than a tenth of the
 * processor time that the process has used. Where every access to memory may be looked at (a
 * program with a handler for SIGSEGV) tier 1 is the better one. */
static bool may_ask(const JitThread *t, struct Tier *tier, const Block *entry)
{
    static const uint64_t first = 300000000, advance = 30000000;
    if (!tier->patient) {
        return true;
    }
    if (entry->mode & CPU_MODE_PRECISE) {
        return false;
    }
    uint64_t used = used_ns();
    return used >= first && tier->spent_ns < used / SHARE + advance && !is_learned(t, tier, used);
}

static bool ask(JitThread *t, struct Tier *tier, Block *entry, bool follow)
{
    Jit *j = t->jit;
    keep_enter(t, entry->pc);
    bool can = client_has_room(tier->client) && may_ask(t, tier, entry) && jit_can_translate(t);
    Region *r = can ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        return false;
    }
    *r = (Region){.t = t,
                  .mode = entry->mode,
                  .known_only = true,
                  .max_blocks = PROMOTED_BLOCKS,
                  .max_insns = PROMOTED_INSNS};
    bool asked = false;
    uint64_t drops = __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE);
    Block *more[FOLLOWED];
    uint32_t nmore = 0;
    if (collect(r, entry->pc)) {
        LiftRegion lr = lift_region(r);
        Pending p = {.entry = entry,
                     .mode = entry->mode,
                     .relocatable = lr.relocatable,
                     .generation = t->generation,
                     .insns = r->insns};
        bool whole = true;
        for (uint32_t i = 0; i < r->nblocks; i++) {
            const UopBlock *ub = r->blocks[i].ub;
            p.blocks[p.n] = known(t, ub->pc, entry->mode);
            p.pcs[p.n] = ub->pc;
            p.lens[p.n] = ub->guest_len;
            whole &= p.blocks[p.n++] != NULL;
        }
        /* What was translated anew since isn't what the region was made of. */
        pthread_mutex_lock(&j->lock);
        for (uint32_t i = 0; i < p.n && whole && j->ndrops != drops; i++) {
            whole = !jit_is_stale(j, p.blocks[i], drops);
        }
        pthread_mutex_unlock(&j->lock);
        bool worth_it = j->options.hot == 1 || is_worth_it(r);
        int slot = whole && worth_it ? client_ask(tier->client, &lr) : -EAGAIN;
        if (slot >= 0) {
            tier->pending[slot] = p;
            tier->spent_ns += (uint64_t)NS_PER_INSN * r->insns;
            entry->no_promotion = true;
            asked = tier->asked = true;
            t->stats.promotions++;
        } else if (slot == -E2BIG || !worth_it) {
            entry->no_promotion = true;
        }
        /* Where calls of the region come back to is as hot. */
        for (uint32_t i = 0; i < r->nblocks && follow && (asked || !worth_it); i++) {
            const UopBlock *ub = r->blocks[i].ub;
            const Uop *last = &ub->uops[ub->count - 1];
            GuestAddr back = ub->pc + ub->guest_len;
            Block *b = last->op == UOP_EXIT && last->sub == UOP_EXIT_CALL &&
                               !has(r, back, r->blocks[i].context)
                           ? known(t, back, entry->mode)
                           : NULL;
            if (b && !b->tier2 && !b->no_promotion && nmore < FOLLOWED) {
                more[nmore++] = b;
            }
        }
    }
    free_region(r);
    for (uint32_t i = 0; i < nmore; i++) {
        more[i]->heat = UINT8_MAX;
        if (!ask(t, tier, more[i], false)) {
            break;
        }
    }
    return asked;
}

/* For tests: what is asked for is in place when the thread goes on. */
static void wait_for_answers(JitThread *t, struct Tier *tier)
{
    for (bool waiting = true; waiting;) {
        take_answers(t, tier);
        (void)look_for_death(t, tier);
        waiting = false;
        for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
            waiting |= tier->pending[i].entry != NULL;
        }
        if (waiting) {
            client_wait(tier->client);
        }
    }
}

/* There is a region for code of tier 1: that an earlier run stored without knowing of it, or that
 * is hot now and has a region made ahead of time. It takes its place. */
static Block *use_stored(JitThread *t, Block *old)
{
    Jit *j = t->jit;
    Block *b = keep_find_region(t, old);
    if (!b || b == old) {
        return NULL;
    }
    pthread_mutex_lock(&j->lock);
    bool ok = t->generation == j->generation && jit_may_link(j) && t->generation == j->generation &&
              !b->dead && !old->dead;
    if (ok) {
        blockmap_remove(&j->blocks, old);
        jit_redirect(j, old, b);
    }
    pthread_mutex_unlock(&j->lock);
    return ok ? b : NULL;
}

/* The same, and for where the region leads: no counter tells of where its calls come back to. */
static bool use_all_stored(JitThread *t, Block *old)
{
    enum { MOST = 64 };
    Block *regions[MOST];
    unsigned n = 0;
    regions[0] = use_stored(t, old);
    n = regions[0] != NULL;
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < regions[i]->nlinks && n < MOST; k++) {
            const Link *l = &regions[i]->links[k];
            Block *back = l->kind != LINK_CACHE ? known(t, l->target, old->mode) : NULL;
            Block *b = back && !back->tier2 && !back->heat ? use_stored(t, back) : NULL;
            if (b) {
                regions[n++] = b;
            }
        }
    }
    return n != 0;
}

void tier_hot(JitThread *t, GuestAddr pc)
{
    struct Tier *tier = tier_own(t->jit);
    Cpu *cpu = t->cpu;
    uint32_t weight = 1u << t->calm;
    t->calm += tier && tier->patient && t->calm < MOST_CALM;
    tier_reset_counter(cpu);
    if (!tier || !(t->jit->options.tiers & JIT_TIER_TEMPLATE) || t->jit->options.count_insns ||
        pthread_mutex_trylock(&tier->lock) != 0) {
        return;
    }
    if (client_answers(tier->client)) {
        take_answers(t, tier);
    } else {
        (void)look_for_death(t, tier);
    }
    keep_enter(t, pc);
    Block *b = known(t, pc, cpu->mode);
    if (b && !b->tier2 && b->heat == 0 && use_all_stored(t, b)) {
        b = NULL;
    }
    if (b && !b->tier2 && !b->no_promotion) {
        b->heat = (uint8_t)(b->heat + weight < UINT8_MAX ? b->heat + weight : UINT8_MAX);
        if (b->heat >= heat_wanted(t->jit) || stress_chance(t, 8)) {
            t->calm = ask(t, tier, b, true) ? 0 : t->calm;
            if (t->jit->options.hot == 1 || stress_chance(t, 2)) {
                wait_for_answers(t, tier);
            }
        }
    }
    pthread_mutex_unlock(&tier->lock);
}

/* ---- ahead of time --------------------------------------------------------------------------- */

_Static_assert((int)TIER_SLOTS == (int)CHANNEL_SLOTS, "a job for each");

struct Region *tier_region(JitThread *t, GuestAddr pc, uint32_t mode, const JitAheadChoice *choice)
{
    keep_enter(t, pc);
    Region *r = t->module && jit_can_translate(t) ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        return NULL;
    }
    *r = (Region){.t = t,
                  .mode = mode,
                  .choice = choice,
                  .max_blocks = PROMOTED_BLOCKS,
                  .max_insns = PROMOTED_INSNS};
    uint8_t state[MAX_BLOCKS] = {NEW};
    if (!collect(r, pc) || !(r->insns >= SHORT_INSNS || r->ncontexts > 1 || closes(r, 0, state))) {
        free_region(r);
        return NULL;
    }
    return r;
}

void tier_region_free(struct Region *r)
{
    if (r) {
        free_region(r);
    }
}

const UopBlock *tier_region_block(const struct Region *r, uint32_t i, unsigned *context)
{
    *context = i < r->nblocks ? r->blocks[i].context : 0;
    return i < r->nblocks ? r->blocks[i].ub : NULL;
}

bool tier_region_has(const struct Region *r, GuestAddr pc, unsigned context)
{
    return has(r, pc, context);
}

bool tier_region_returns(const struct Region *r, GuestAddr pc, unsigned context)
{
    for (uint32_t c = 1; c < r->ncontexts; c++) {
        if (r->contexts[c].parent == context && r->contexts[c].return_pc == pc) {
            return true;
        }
    }
    return false;
}

uint32_t tier_region_insns(const struct Region *r)
{
    return r->insns;
}

Client *tier_client(const Jit *j)
{
    ClientHost host = {j->host.exe_fd, j->host.reaped, j->host.new_namespace,
                       j->options.optimizer_memory};
    return client_create(&host);
}

int tier_region_ask(const struct Region *r, Client *client)
{
    LiftRegion lr = lift_region(r);
    return client_ask(client, &lr);
}

int tier_region_compile(const struct Region *r, CodeObject *o)
{
    LiftRegion lr = lift_region(r);
    int err = compile_here(&lr, o);
    if (!err && !tier_is_good(o, r->insns)) {
        code_object_free(o);
        err = -EOPNOTSUPP;
    }
    return err;
}

const Block *tier_region_place(struct Region *r, const CodeObject *o)
{
    JitThread *t = r->t;
    Block *b = jit_have_chunks(t) ? jit_meta_alloc(t, sizeof *b) : NULL;
    if (!b) {
        return NULL;
    }
    *b = (Block){.pc = r->blocks[0].ub->pc,
                 .mode = r->mode,
                 .guest_len = r->blocks[0].ub->guest_len,
                 .ninsns = r->insns,
                 .tier2 = true,
                 .bound = !keep_relocatable(t)};
    if (make_anchors(t, b, r->blocks, r->nblocks) || place(t, o, b)) {
        return NULL;
    }
    pthread_mutex_lock(&t->jit->lock);
    int err = blockmap_insert(&t->jit->blocks, b);
    pthread_mutex_unlock(&t->jit->lock);
    return err ? NULL : b;
}
#else
#include "jit/tier.h"

#include <errno.h>

int tier_translate(JitThread *t, Block *b)
{
    (void)t;
    (void)b;
    return -EOPNOTSUPP;
}

int tier_anchor(Jit *j, Block *b)
{
    (void)j;
    (void)b;
    return 0;
}

int tier_create(Jit *j)
{
    (void)j;
    return -EOPNOTSUPP;
}

void tier_destroy(Jit *j, bool forked)
{
    (void)j;
    (void)forked;
}

void tier_forked(Jit *j, bool alone)
{
    (void)j;
    (void)alone;
}

struct Tier *tier_own(Jit *j)
{
    return j->tier;
}

void tier_close(Jit *j)
{
    (void)j;
}

void tier_hide(Jit *j, bool on)
{
    (void)j;
    (void)on;
}

void tier_hot(JitThread *t, GuestAddr pc)
{
    (void)pc;
    tier_reset_counter(t->cpu);
}

uint64_t tier_learned_ns(const Jit *j)
{
    (void)j;
    return 0;
}

void tier_reset_counter(Cpu *cpu)
{
    cpu->polls_left = INT32_MAX;
}

void tier_stats(const Jit *j, JitStats *out)
{
    (void)j;
    (void)out;
}
#endif
