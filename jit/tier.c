/* tier.c - tier 2: which blocks become regions (region.h), when, and how their code takes the place
 * of tier 1's.
 */
#ifdef XEMU_LLVM
#include "jit/tier.h"

#include <errno.h>
#include <fenv.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jit/keep.h"
#include "jit/orc/channel.h"
#include "jit/patience.h"
#include "jit/region.h"
#include "jit/settle.h"
#include "jit/stress.h"
#include "jit/template/template.h"

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
    int err = region_collect(r, b->pc) ? 0 : -EOPNOTSUPP;
    if (!err) {
        LiftRegion lr = region_lift(r);
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
    region_free(r);
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

enum { HOT = 96000, COUNTER = 16000, MOST_CALM = 2, FOLLOWED = 8, MAX_DEATHS = 3 };

typedef struct Pending {
    Block *entry; /* tier 1's; NULL: none. Its memory goes with its generation. */
    bool relocatable;
    uint64_t generation;
    uint32_t mode;
    uint32_t n, insns;
    Block *blocks[REGION_BLOCKS]; /* of all guest code in the region */
    GuestAddr pcs[REGION_BLOCKS];
    uint32_t lens[REGION_BLOCKS];
} Pending;

struct Tier {
    pthread_mutex_t lock;
    Client *client;
    Pending pending[CHANNEL_SLOTS];
    uint64_t lost;
    Patience patience;
    Trace trace;
    UopCache kept;
    uint64_t traced_ns; /* patience_used_ns() then */
    uint64_t asking_ns; /* what finding out what to ask for has cost */
};

Client *tier_client(const Jit *j)
{
    ClientHost host = {j->host.exe_fd, j->host.reaped, j->host.new_namespace,
                       j->options.optimizer_memory};
    return client_create(&host);
}

int tier_create(Jit *j)
{
    struct Tier *tier = calloc(1, sizeof *tier);
    if (!tier || !j->host.exe_fd || !(tier->client = tier_client(j))) {
        free(tier);
        return -ENOMEM;
    }
    pthread_mutex_init(&tier->lock, NULL);
    tier->patience.on = !j->options.hot && !j->options.stress;
    j->tier = tier;
    return 0;
}

void tier_destroy(Jit *j, bool forked)
{
    if (j->tier) {
        client_destroy(j->tier->client, forked);
        if (!forked) { /* another thread may have been at it, as at what it holds */
            uopcache_clear(&j->tier->kept);
        }
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

/* A small part of what made code hot: where that is soon, little else but traces would be run. */
static uint32_t trace_length(const JitThread *t)
{
    const Jit *j = t->jit;
    return j->options.stress ? t->stress % TRACE_STEPS : hot(j) / (HOT / TRACE_STEPS);
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

static void refused(JitThread *t, const Pending *p)
{
    t->stats.regions_refused++;
    if (p->entry && p->generation == t->generation) {
        settle_block(t, p->entry);
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
                refused(t, p);
            }
            code_object_free(&o);
        } else {
            refused(t, p);
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

uint64_t tier_note(const Jit *j)
{
    const struct Tier *tier = j->parents_tier ? NULL : j->tier;
    bool answered = tier && !tier->lost;
    for (unsigned i = 0; i < CHANNEL_SLOTS && answered; i++) {
        answered = !tier->pending[i].entry;
    }
    return tier ? patience_note(&tier->patience, j, answered) : 0;
}

bool tier_may_note(const Jit *j)
{
    const struct Tier *tier = j->parents_tier ? NULL : j->tier;
    return tier && (tier->patience.asked || tier->patience.wanting);
}

static bool is_traced(const struct Tier *tier, const Block *entry)
{
    enum { ENOUGH = 8 };
    static const uint64_t RECENT = 300000000;
    const Trace *tr = &tier->trace;
    uint32_t times = 0;
    if (tr->mode != entry->mode || patience_used_ns() - tier->traced_ns > RECENT) {
        return false;
    }
    for (uint32_t i = 0; i < tr->n && times < ENOUGH; i++) {
        times += tr->steps[i].pc == entry->pc;
    }
    return times == ENOUGH;
}

/* The region at entry; NULL: there's none. */
static Region *collect(JitThread *t, struct Tier *tier, const Block *entry)
{
    uopcache_refresh(&tier->kept, t->jit);
    Region *r = calloc(1, sizeof *r);
    keep_enter(t, entry->pc);
    if (r) {
        *r = (Region){.t = t,
                      .mode = entry->mode,
                      .known_only = true,
                      .trace = &tier->trace,
                      .kept = &tier->kept,
                      .max_blocks = PROMOTED_BLOCKS,
                      .max_insns = PROMOTED_INSNS};
        if (!region_collect(r, entry->pc)) {
            region_free(r);
            r = NULL;
        }
    }
    return r;
}

/* The same of what the thread does next, as ask() has it. Most that isn't worth a region shows that
 * soon, or has shown it when something else was traced. */
static Region *along_trace(JitThread *t, struct Tier *tier, const Block *entry, CpuExit *left)
{
    enum { PARTS = 4 };
    bool hurry = tier->patience.on;
    Region *r = hurry && is_traced(tier, entry) ? collect(t, tier, entry) : NULL;
    bool plain = r && region_is_left_soon(r);
    for (uint32_t i = hurry ? 1 : PARTS; i <= PARTS && !plain; i *= PARTS) {
        region_free(r);
        uopcache_refresh(&tier->kept, t->jit);
        tier->trace.n = i > 1 && hurry ? tier->trace.n : 0;
        *left = trace_record(t, &tier->trace, &tier->kept, trace_length(t) * i / PARTS);
        tier->traced_ns = patience_used_ns();
        r = collect(t, tier, entry);
        plain = *left != CPU_EXIT_NONE || (r && region_is_left_soon(r));
    }
    return r;
}

/* left: the thread may go on meanwhile, and what comes back in the region is asked for as well;
 * what jit_run() returns then. NULL: neither. */
static bool ask(JitThread *t, struct Tier *tier, Block *entry, CpuExit *left)
{
    Jit *j = t->jit;
    bool follow = left != NULL;
    keep_enter(t, entry->pc);
    PatienceAnswer may =
        client_has_room(tier->client) ? patience_lets(&tier->patience, t) : PATIENCE_NO;
    if (may == PATIENCE_NO || (may == PATIENCE_BROKE && entry->wanted) || !jit_can_translate(t)) {
        return false;
    }
    settle_nothing_stored(t);
    uint64_t drops = __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE);
    Region *r = follow ? along_trace(t, tier, entry, left) : collect(t, tier, entry);
    bool asked = false;
    Block *more[FOLLOWED];
    uint32_t nmore = 0;
    if (r) {
        LiftRegion lr = region_lift(r);
        Pending p = {.entry = entry,
                     .mode = entry->mode,
                     .relocatable = lr.relocatable,
                     .generation = t->generation,
                     .insns = r->insns};
        bool whole = true;
        for (uint32_t i = 0; i < r->nblocks; i++) {
            const UopBlock *ub = r->blocks[i].ub;
            p.blocks[p.n] = region_block(r, ub->pc);
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
        bool worth_it = j->options.hot == 1 ||
                        ((follow || r->visits || !tier->trace.n) && region_is_worth_it(r));
        bool asks = whole && worth_it && may == PATIENCE_YES;
        int slot = asks ? client_ask(tier->client, &lr) : -EAGAIN;
        entry->wanted = whole && worth_it;
        if (slot >= 0) {
            tier->pending[slot] = p;
            patience_asked(&tier->patience, r->insns);
            entry->no_promotion = true;
            asked = true;
            t->stats.promotions++;
        } else if (slot == -E2BIG || !worth_it) {
            entry->no_promotion = true;
            settle_block(t, entry);
        }
        /* Where calls of the region come back to is as hot. */
        for (uint32_t i = 0; i < r->nblocks && follow && (asked || !worth_it); i++) {
            const UopBlock *ub = r->blocks[i].ub;
            const Uop *last = &ub->uops[ub->count - 1];
            GuestAddr back = ub->pc + ub->guest_len;
            Block *b = last->op == UOP_EXIT && last->sub == UOP_EXIT_CALL &&
                               !region_has(r, back, r->blocks[i].context)
                           ? region_known(t, back, entry->mode)
                           : NULL;
            if (b && !b->tier2 && !b->no_promotion && nmore < FOLLOWED) {
                more[nmore++] = b;
            }
        }
    }
    region_free(r);
    for (uint32_t i = 0; i < nmore; i++) {
        more[i]->heat = UINT8_MAX;
        if (!ask(t, tier, more[i], NULL)) {
            break;
        }
    }
    return asked;
}

static uint64_t thread_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Traces, and regions made of them, are the guest's time, whatever comes of them. */
static bool ask_timed(JitThread *t, struct Tier *tier, Block *entry, CpuExit *left)
{
    enum { PART = 40 };
    static const uint64_t ADVANCE = 5000000;
    if (tier->patience.on && tier->asking_ns > patience_used_ns() / PART + ADVANCE) {
        return false;
    }
    uint64_t start = thread_ns();
    bool asked = ask(t, tier, entry, left);
    tier->asking_ns += thread_ns() - start;
    return asked;
}

/* Installs answers; is any still to come? */
static bool is_waiting(JitThread *t, struct Tier *tier)
{
    bool waiting = false;
    take_answers(t, tier);
    (void)look_for_death(t, tier);
    for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
        waiting |= tier->pending[i].entry != NULL;
    }
    return waiting;
}

/* For tests: what is asked for is in place when the thread goes on. */
static void wait_for_answers(JitThread *t, struct Tier *tier)
{
    while (is_waiting(t, tier)) {
        client_wait(tier->client);
    }
}

/* What is lost now has to be asked for by another run. */
void tier_await(JitThread *t)
{
    static const uint64_t least = 20000000, most = 500000000;
    enum { PART = 50 };
    Jit *j = t->jit;
    struct Tier *tier = j->tier;
    if (!tier || j->parents_tier || !tier->patience.on || !tier->patience.asked || !j->host.saves ||
        pthread_mutex_trylock(&tier->lock) != 0) {
        return;
    }
    uint64_t wait = patience_used_ns() / PART;
    wait = wait < least ? least : wait > most ? most : wait;
    for (uint64_t end = client_now() + wait; is_waiting(t, tier) && client_now() < end;) {
        client_wait(tier->client);
    }
    pthread_mutex_unlock(&tier->lock);
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
            Block *back = l->kind != LINK_CACHE ? region_known(t, l->target, old->mode) : NULL;
            Block *b = back && !back->tier2 && !back->heat ? use_stored(t, back) : NULL;
            if (b) {
                regions[n++] = b;
            }
        }
    }
    return n != 0;
}

CpuExit tier_hot(JitThread *t, GuestAddr pc)
{
    CpuExit left = CPU_EXIT_NONE;
    struct Tier *tier = tier_own(t->jit);
    Cpu *cpu = t->cpu;
    uint32_t weight = 1u << t->calm;
    t->calm += tier && tier->patience.on && t->calm < MOST_CALM;
    tier_reset_counter(cpu);
    if (!tier || !(t->jit->options.tiers & JIT_TIER_TEMPLATE) || t->jit->options.count_insns ||
        pthread_mutex_trylock(&tier->lock) != 0) {
        return left;
    }
    if (client_answers(tier->client)) {
        take_answers(t, tier);
    } else {
        (void)look_for_death(t, tier);
    }
    keep_enter(t, pc);
    Block *b = region_known(t, pc, cpu->mode);
    if (b && !b->tier2 && b->heat == 0 && use_all_stored(t, b)) {
        b = NULL;
    }
    if (b && !b->tier2 && !b->no_promotion) {
        b->heat = (uint8_t)(b->heat + weight < UINT8_MAX ? b->heat + weight : UINT8_MAX);
        if (b->heat >= heat_wanted(t->jit) || stress_chance(t, 8)) {
            t->calm = ask_timed(t, tier, b, &left) ? 0 : t->calm;
            if (t->jit->options.hot == 1 || stress_chance(t, 2)) {
                wait_for_answers(t, tier);
            }
        }
    }
    pthread_mutex_unlock(&tier->lock);
    return left;
}

/* ---- ahead of time --------------------------------------------------------------------------- */

int tier_region_compile(const struct Region *r, CodeObject *o)
{
    LiftRegion lr = region_lift(r);
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

void tier_await(JitThread *t)
{
    (void)t;
}

void tier_hide(Jit *j, bool on)
{
    (void)j;
    (void)on;
}

CpuExit tier_hot(JitThread *t, GuestAddr pc)
{
    (void)pc;
    tier_reset_counter(t->cpu);
    return CPU_EXIT_NONE;
}

bool tier_may_note(const Jit *j)
{
    (void)j;
    return false;
}

uint64_t tier_note(const Jit *j)
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
