/* jit.c - creation, threads, the arena, and finding and translating blocks (running them: run.c).
 *
 * Locks: Jit.lock guards the table's changes, links and the list of threads. Translating takes no
 * lock: two threads may translate the same block, the second to insert finds the first's and uses
 * it.
 *
 * Epochs: a thread notes Jit.epoch each time it comes through the loop and JIT_OUTSIDE when it
 * leaves it. Memory retired at epoch e is freed once every thread has noted a later one.
 */
#include "jit/jit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "jit/dump.h"
#include "jit/host.h"
#include "jit/internal.h"
#include "jit/keep.h"
#include "jit/ownmem.h"
#include "jit/quick.h"
#include "jit/samples.h"
#include "jit/stock.h"
#include "jit/stress.h"
#include "jit/template/template.h"
#include "jit/tier.h"

#define DEFAULT_ARENA ((size_t)256 << 20)
#define META_SLAB     ((size_t)256 << 10)
/* A program with a megabyte of metadata will need more of it: huge pages take a tenth of the time.
 */
#define META_SLABS_SMALL 4
#define META_SLAB_HUGE   ((size_t)2 << 20)
/* More threads than these share chunks of the arena and of memory: they take one for each block, so
 * that a thousand threads don't use up the arena with a few blocks each. */
#define THREADS_WITH_CHUNKS 8

/* ---- memory ---------------------------------------------------------------------------------- */

/* Zeroed, and its pages at once: faults would cost more than the blocks. NULL: no memory. */
static MetaSlab *map_slab(size_t bytes)
{
    bool huge = bytes == META_SLAB_HUGE;
    uintptr_t hint = (uintptr_t)ownmem_hint(huge ? 2 * bytes : bytes);
    if (huge) {
        hint = (hint + bytes - 1) & ~(uintptr_t)(bytes - 1);
    }
    MetaSlab *s = mmap((void *)hint, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | (huge ? 0 : MAP_POPULATE), -1, 0);
    if (s == MAP_FAILED) {
        return NULL;
    }
    if (huge) {
        (void)madvise(s, bytes, MADV_HUGEPAGE);
        (void)madvise(s, bytes, MADV_POPULATE_WRITE);
    }
    s->size = bytes - sizeof *s;
    return s;
}

bool jit_meta_more(JitThread *t, size_t size)
{
    MetaSlab *s = t->slab;
    if (!s && (s = __atomic_load_n(&t->jit->spare_slabs, __ATOMIC_RELAXED))) {
        pthread_mutex_lock(&t->jit->lock);
        s = t->generation == t->jit->generation ? t->jit->spare_slabs : NULL;
        if (s) {
            __atomic_store_n(&t->jit->spare_slabs, s->spare, __ATOMIC_RELAXED);
            t->slab = s;
        }
        pthread_mutex_unlock(&t->jit->lock);
    }
    if (!s || s->size - s->used < size) {
        uint32_t n = __atomic_load_n(&t->jit->nslabs, __ATOMIC_RELAXED);
        size_t usual = n < META_SLABS_SMALL ? META_SLAB : META_SLAB_HUGE, need = sizeof *s + size;
        s = map_slab(need > usual ? (need + 4095) & ~(size_t)4095 : usual);
        if (!s) {
            return false;
        }
        pthread_mutex_lock(&t->jit->lock);
        s->next = t->jit->slabs;
        t->jit->slabs = s;
        __atomic_store_n(&t->jit->nslabs, t->jit->nslabs + 1, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&t->jit->lock);
        t->slab = s;
    }
    return true;
}

static void free_slabs(MetaSlab *s)
{
    for (MetaSlab *next; s; s = next) {
        next = s->next;
        munmap(s, sizeof *s + s->size);
    }
}

static void free_block_uops(Block *b, void *ctx)
{
    (void)ctx;
    if (b->uops) {
        uop_block_free(b->uops);
    }
}

/* ---- process --------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int jit_create(Jit **out, const Frontend *frontend, const JitOptions *options, const JitHost *host)
{
    Jit *j = calloc(1, sizeof *j);
    if (!j) {
        return -ENOMEM;
    }
    j->frontend = frontend;
    j->options = *options;
    j->host = *host;
    j->features = jit_host_features(options->host_features_off);
    if (options->time_translation) {
        j->start_ticks = jit_host_ticks();
        j->start_ns = now_ns();
    }
    pthread_mutex_init(&j->lock, NULL);
    pthread_mutex_init(&j->poor_lock, NULL);
    int err = blockmap_create(&j->blocks, frontend->pc_mask);
    if (!err && options->tiers & JIT_TIERS_NATIVE) {
        err = codebuf_create(&j->code, options->arena_size ? options->arena_size : DEFAULT_ARENA,
                             options->arena_hint, host->placed != NULL);
        if (!err) {
            err = template_create(j);
        }
    }
    /* Without an optimizer (in unit tests) tier 2 alone compiles in this process. */
    if (!err && options->tiers & JIT_TIER_LLVM && tier_create(j) != 0 &&
        options->tiers & JIT_TIER_TEMPLATE) {
        j->options.tiers &= ~(uint32_t)JIT_TIER_LLVM; /* tier 1 alone */
    }
    if (err) {
        jit_destroy(j);
        return err;
    }
    *out = j;
    return 0;
}

uint64_t jit_features(const Jit *j)
{
    return j->features | (j->tier ? JIT_CODE_COUNTS : 0);
}

static void free_retired(Jit *j, uint64_t oldest)
{
    for (Retired **at = &j->retired, *r; (r = *at);) {
        if (r->epoch < oldest) {
            __atomic_store_n(at, r->next, __ATOMIC_RELEASE);
            codebuf_destroy(&r->code);
            free_slabs(r->slabs);
            if (r->uops) {
                uop_block_free(r->uops);
                free(r->uops);
            }
            free(r);
        } else {
            at = &r->next;
        }
    }
}

void jit_destroy(Jit *j)
{
    tier_destroy(j, false);
    if (j->blocks.table) {
        blockmap_each(&j->blocks, free_block_uops, NULL);
        blockmap_destroy(&j->blocks);
    }
    if (j->tpl) {
        template_destroy(j);
    }
    codebuf_destroy(&j->code);
    free_slabs(j->slabs);
    free_retired(j, JIT_OUTSIDE);
    keep_destroy(j);
    uop_block_free(&j->poor);
    pthread_mutex_destroy(&j->poor_lock);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* These are where a branch to address 0 looks. */
static void empty_ibtc(Cpu *cpu)
{
    cpu->ibtc[0] = cpu->ibtc[CPU_IBTC_OTHER] = (IbtcEntry){.pc = JIT_NO_PC};
}

void jit_forget_targets(Cpu *cpu)
{
    memset(cpu->ibtc, 0, sizeof *cpu->ibtc * CPU_IBTC_SIZE);
    empty_ibtc(cpu);
    memset(cpu->shadow, (uint8_t)JIT_NO_PC, sizeof cpu->shadow);
}

/* What a thread needs: its part of the jit and behind it the cache of targets. Pages of its own,
 * since a thread that ends soon touches few of them. */
static size_t thread_bytes(void)
{
    return ((sizeof(JitThread) + 63) & ~(size_t)63) + CPU_IBTC_SIZE * sizeof(IbtcEntry);
}

int jit_thread_start(Jit *j, Cpu *cpu)
{
    /* The first one's look-ups touch most of them, each by two faults. */
    JitThread *t = mmap(ownmem_hint(thread_bytes()), thread_bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | (j->nthreads ? 0 : MAP_POPULATE), -1, 0);
    if (t == MAP_FAILED) {
        return -ENOMEM;
    }
    cpu->ibtc =
        (IbtcEntry *)(void *)((uint8_t *)t + thread_bytes() - CPU_IBTC_SIZE * sizeof *cpu->ibtc);
    empty_ibtc(cpu);
    t->jit = j;
    t->cpu = cpu;
    cpu->loop = (CpuLoop){.epoch = JIT_OUTSIDE};
    cpu->frontend = j->frontend;
    cpu->jit = t;
    cpu->ll_addr = ~(GuestAddr)0;
    memset(cpu->shadow, (uint8_t)JIT_NO_PC, sizeof cpu->shadow);
    tier_reset_counter(cpu);
    cpu->quick_left = (int32_t)j->options.quick;
    j->frontend->reset(cpu);
    cpu->mode |= j->options.stress & 1 ? CPU_MODE_PRECISE : 0;
    int err = j->options.tiers & JIT_TIERS_NATIVE ? template_thread_start(t) : 0;
    if (err) {
        munmap(t, thread_bytes());
        return err;
    }
    pthread_mutex_lock(&j->lock);
    t->generation = j->generation;
    t->next = j->threads;
    t->prev = &j->threads;
    if (t->next) {
        t->next->prev = &t->next;
    }
    j->threads = t;
    if (++j->nthreads > 1 && !j->poor.cap) { /* the first has run already */
        uop_block_free(&j->poor);
        uop_block_init(&j->poor);
    }
    pthread_mutex_unlock(&j->lock);
    return 0;
}

static void add_stats(JitStats *sum, const JitThread *t)
{
#define JIT_STAT(name, text) sum->name += t->stats.name;
#include "jit/stats.def"
#undef JIT_STAT
    sum->dispatches += t->cpu->loop.dispatches;
}

/* Under the lock: another thread goes on filling them. */
static void leave_chunks(JitThread *t)
{
    Jit *j = t->jit;
    CodeChunk *chunks[] = {t->hot, t->cold};
    for (unsigned i = 0; i < 2 && t->generation == j->generation; i++) {
        if (chunks[i]) {
            chunks[i]->spare = j->spare;
            j->spare = chunks[i];
        }
    }
    if (t->slab && t->generation == j->generation) {
        t->slab->spare = j->spare_slabs;
        __atomic_store_n(&j->spare_slabs, t->slab, __ATOMIC_RELAXED);
    }
    t->hot = t->cold = NULL;
    t->slab = NULL;
}

void jit_thread_end(Cpu *cpu)
{
    JitThread *t = cpu->jit;
    Jit *j = t->jit;
    keep_leave(t);
    jit_watch_end(t);
    samples_end(t);
    pthread_mutex_lock(&j->lock);
    *t->prev = t->next;
    if (t->next) {
        t->next->prev = t->prev;
    }
    add_stats(&j->ended, t);
    leave_chunks(t);
    j->nthreads--;
    free(t->stock_room);
    pthread_mutex_unlock(&j->lock);
    if (j->options.tiers & JIT_TIERS_NATIVE) {
        template_thread_end(t);
    }
    if (t->can_translate) {
        uop_block_free(&t->uops);
    }
    munmap(t, thread_bytes());
    cpu->jit = NULL;
    cpu->ibtc = NULL;
}

void jit_stats(const Jit *j, JitStats *out)
{
    *out = j->ended;
    for (JitThread *t = j->threads; t; t = t->next) {
        samples_count(t);
        add_stats(out, t);
    }
    uint64_t ticks = j->options.time_translation ? jit_host_ticks() - j->start_ticks : 0;
    out->translate_ns =
        ticks ? (uint64_t)((unsigned __int128)out->translate_ns * (now_ns() - j->start_ns) / ticks)
              : 0;
    tier_stats(j, out);
}

static void print_count(Block *b, void *to)
{
    if (b->counter && !b->ahead) {
        fprintf(to, "%#llx %u %u\n", (unsigned long long)b->pc, b->counter, b->ninsns);
    }
}

void jit_print_counts(const Jit *j, FILE *to)
{
    blockmap_each(&j->blocks, print_count, to);
}

/* ---- emptying the arena ---------------------------------------------------------------------- */

static uint64_t oldest_epoch(const Jit *j)
{
    uint64_t oldest = JIT_OUTSIDE;
    for (const JitThread *t = j->threads; t; t = t->next) {
        uint64_t e = __atomic_load_n(&t->cpu->loop.epoch, __ATOMIC_ACQUIRE);
        oldest = e < oldest ? e : oldest;
    }
    return oldest;
}

void jit_free_retired(Jit *j)
{
    pthread_mutex_lock(&j->lock);
    free_retired(j, oldest_epoch(j));
    pthread_mutex_unlock(&j->lock);
}

/* Nothing of the arena is run any more, and nothing is added to it. */
static void forget_code(Jit *j)
{
    j->spare = NULL;
    j->dead_bytes = 0;
    j->ended.arena_flushes++;
    keep_emptied(j);
    blockmap_each(&j->blocks, free_block_uops, NULL);
    blockmap_clear(&j->blocks);
    /* In this order: who has joined the new generation finds no block of the old one any more (its
     * caches of targets would lead there), and who notes the new epoch, after which the old arena
     * may go, joins the generation next. */
    __atomic_store_n(&j->generation, j->generation + 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&j->epoch, j->epoch + 1, __ATOMIC_SEQ_CST);
    for (JitThread *t = j->threads; t; t = t->next) {
        jit_interrupt(t->cpu);
    }
}

int jit_empty_arena(Jit *j)
{
    Retired *r = calloc(1, sizeof *r);
    CodeBuf fresh;
    if (!r) {
        return -ENOMEM;
    }
    int err = codebuf_create(&fresh, j->code.size, ownmem_hint(CODEBUF_SPAN(j->code.size)),
                             j->code.anonymous);
    if (!err && (err = template_arena(j, &fresh)) != 0) {
        codebuf_destroy(&fresh);
    }
    if (err) {
        free(r);
        return err;
    }
    r->code = j->code;
    r->slabs = j->slabs;
    r->epoch = j->epoch;
    r->next = j->retired;
    __atomic_store_n(&j->retired, r, __ATOMIC_RELEASE);
    j->code = fresh;
    j->slabs = NULL;
    __atomic_store_n(&j->nslabs, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&j->spare_slabs, NULL, __ATOMIC_RELAXED);
    j->keep_slab = NULL;
    forget_code(j);
    return 0;
}

void jit_forget_code(Jit *j)
{
    if (jit_empty_arena(j) != 0) {
        forget_code(j);
    }
}

/* A thread that finds a newer generation lets go of everything it had of the old one. */
static void join_generation(JitThread *t)
{
    uint64_t g = __atomic_load_n(&t->jit->generation, __ATOMIC_ACQUIRE);
    if (t->generation != g) {
        t->generation = g;
        t->hot = t->cold = t->plain_hot = t->plain_cold = NULL;
        t->module = t->passed = NULL;
        t->pair = NULL;
        t->slab = NULL;
        jit_forget_targets(t->cpu);
    }
}

void jit_enter(JitThread *t)
{
    uint64_t epoch = __atomic_load_n(&t->jit->epoch, __ATOMIC_ACQUIRE);
    if (t->cpu->loop.epoch != epoch) { /* visible before anything of the generation is used */
        bool alone = !(t->cpu->mode & CPU_MODE_THREADS);
        if (alone) { /* nobody looks: the fence cost an eighth of a short system call */
            __atomic_store_n(&t->cpu->loop.epoch, epoch, __ATOMIC_RELAXED);
        } else {
            __atomic_store_n(&t->cpu->loop.epoch, epoch, __ATOMIC_SEQ_CST);
        }
    }
    join_generation(t);
}

void jit_leave(JitThread *t)
{
    __atomic_store_n(&t->cpu->loop.epoch, JIT_OUTSIDE, __ATOMIC_RELEASE);
}

/* ---- translation ----------------------------------------------------------------------------- */

typedef struct FlagsCtx {
    const Frontend *frontend;
    TranslateRequest req;
    FetchRun run;
} FlagsCtx;

static UopFlagsUse flags_use_at(void *ctx, GuestAddr pc)
{
    FlagsCtx *c = ctx;
    return c->frontend->flags_use_at ? c->frontend->flags_use_at(&c->req, pc) : UOP_FLAGS_UNKNOWN;
}

UopBlock *jit_copy_uops(const UopBlock *from)
{
    UopBlock *copy = malloc(sizeof *copy);
    if (!copy) {
        return NULL;
    }
    *copy = *from;
    copy->val_def = NULL; /* the builder's own */
    copy->val_use = NULL;
    copy->uops = malloc(sizeof *copy->uops * from->count);
    copy->val_type = malloc(from->nvals + 1u);
    copy->pool = aligned_alloc(16, 16 * (from->npool + (size_t)1));
    copy->cap = from->count;
    copy->val_cap = from->nvals + 1u;
    copy->pool_cap = from->npool + 1;
    if (!copy->uops || !copy->val_type || !copy->pool) {
        uop_block_free(copy);
        free(copy);
        return NULL;
    }
    memcpy(copy->uops, from->uops, sizeof *copy->uops * from->count);
    if (from->nvals) {
        memcpy(copy->val_type, from->val_type, from->nvals);
    }
    if (from->npool) {
        memcpy(copy->pool, from->pool, 16 * (size_t)from->npool);
    }
    return copy;
}

/* Under the lock. */
static CodeChunk *new_chunk(Jit *j)
{
    for (CodeChunk *c; (c = j->spare) != NULL;) {
        j->spare = c->spare;
        if (codebuf_has_room(c)) {
            return c;
        }
    }
    return codebuf_chunk(&j->code);
}

/* A chunk with room for any block's part; false when the arena is full. */
static bool have_chunk(JitThread *t, CodeChunk **c)
{
    if (*c && codebuf_has_room(*c)) {
        return true;
    }
    /* Not from an arena that began meanwhile: both chunks must be of one. */
    pthread_mutex_lock(&t->jit->lock);
    *c = t->generation == t->jit->generation ? new_chunk(t->jit) : NULL;
    pthread_mutex_unlock(&t->jit->lock);
    return *c != NULL;
}

/* ---- fetching: JitHost.fetch, remembered by page --------------------------------------------- */

static const uint8_t *fetch_cached(void *ctx, GuestAddr pc, size_t *avail)
{
    JitThread *t = ctx;
    const JitHost *h = &t->jit->host;
    uint64_t version = __atomic_load_n(h->map_version, __ATOMIC_ACQUIRE);
    if (t->fetched_version != version) {
        memset(t->fetched, 0, sizeof t->fetched);
        t->fetched_version = version;
    }
    FetchedPage *f = &t->fetched[(pc >> 12) % JIT_FETCHED_PAGES];
    if (!f->bytes || pc - f->pc >= f->len) {
        GuestAddr start = pc & ~(GuestAddr)4095; /* a page is executable as a whole */
        f->len = 0;
        f->bytes = h->fetch(h->ctx, start, &f->len);
        f->pc = start;
        f->guarded = 0;
        if (!f->bytes || pc - start >= f->len) {
            f->bytes = NULL;
            return NULL;
        }
    }
    *avail = f->len - (pc - f->pc);
    return f->bytes + (pc - f->pc);
}

/* Of an address that was just fetched. */
static bool is_guarded(void *ctx, GuestAddr pc)
{
    JitThread *t = ctx;
    const JitHost *h = &t->jit->host;
    FetchedPage *f = &t->fetched[(pc >> 12) % JIT_FETCHED_PAGES];
    if (!f->bytes || pc - f->pc >= f->len) {
        return h->guarded(h->ctx, pc);
    }
    if (!f->guarded) {
        f->guarded = h->guarded(h->ctx, pc) ? 2 : 1;
    }
    return f->guarded == 2;
}

/* A child of fork appends to an arena of its own from here on (by emptying it, maybe: then a
 * generation has begun). False: there is no memory for it. */
static bool may_append(JitThread *t)
{
    Jit *j = t->jit;
    if (codebuf_may_append(&j->code)) {
        return true;
    }
    pthread_mutex_lock(&j->lock);
    int err = jit_own_code(j);
    pthread_mutex_unlock(&j->lock);
    join_generation(t);
    return err == 0;
}

bool jit_have_chunks(JitThread *t)
{
    return may_append(t) &&
           (t->module ? keep_have_pair(t) : have_chunk(t, &t->hot) && have_chunk(t, &t->cold));
}

/* Many threads only run what others have translated. */
bool jit_can_translate(JitThread *t)
{
    if (!t->can_translate) {
        uop_block_init(&t->uops);
        t->can_translate = !t->uops.error && (!(t->jit->options.tiers & JIT_TIERS_NATIVE) ||
                                              template_prepare(t) == 0);
        if (!t->can_translate) {
            uop_block_free(&t->uops);
        }
    }
    return t->can_translate;
}

static void begin_request(JitThread *t, FlagsCtx *fc, GuestAddr pc, uint32_t mode)
{
    const Jit *j = t->jit;
    *fc = (FlagsCtx){.frontend = j->frontend,
                     .req = {.pc = pc,
                             .mode = mode,
                             .fetch = j->host.fetch,
                             .fetch_ctx = j->host.ctx,
                             .run = &fc->run}};
    if (j->host.map_version) {
        fc->req.fetch = fetch_cached;
        fc->req.fetch_ctx = t;
    }
    if (jit_any_guarded(j)) {
        fc->req.guarded = j->host.map_version ? is_guarded : j->host.guarded;
    }
}

static void optimize(JitThread *t, FlagsCtx *flags)
{
    const Jit *j = t->jit;
    UopFile file = {.flags_offset = j->frontend->flags_offset,
                    .flags_use_at = flags ? flags_use_at : NULL,
                    .ctx = flags,
                    .faults_see_flags = t->uops.mode & CPU_MODE_PRECISE,
                    .helpers = j->frontend->helpers,
                    .nhelpers = j->frontend->nhelpers};
    uop_optimize(&t->uops, &file);
    t->stats.uops_opt += t->uops.count;
#ifndef NDEBUG
    char msg[256];
    if (uop_verify(&t->uops, msg, sizeof msg) != 0) {
        fprintf(stderr, "xemu: micro-ops of the block at %#llx: %s\n",
                (unsigned long long)t->uops.pc, msg);
        uop_print(stderr, &t->uops, j->frontend->reg_name);
        abort();
    }
#endif
}

void jit_build_uops(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t max_insns)
{
    Jit *j = t->jit;
    FlagsCtx fc;
    begin_request(t, &fc, pc, mode);
    fc.req.max_insns = max_insns;
    CriticalSection critical;
    GuestAddr address = pc & j->frontend->pc_mask;
    if (jit_any_critical(j) && pc == address && j->host.critical(j->host.ctx, pc, &critical)) {
        /* A block is of one section, or of none. */
        bool in = pc >= critical.start;
        GuestAddr left = ((in ? critical.end : critical.start) - pc) >> j->frontend->insn_shift;
        fc.req.critical = in ? &critical : NULL;
        fc.req.max_insns = !left ? 1 : left < max_insns ? (uint32_t)left : max_insns;
    }
    bool dump = j->options.dump && jit_dump_wanted(&j->options, pc);
    if (dump && j->options.dump & JIT_DUMP_IN_ASM) {
        fc.req.log_insns = j->options.log;
    }
    fc.req.relocatable = keep_relocatable(t);
    j->frontend->translate(&fc.req, &t->uops);
    fc.req.log_insns = NULL;
    t->stats.uops += t->uops.count;
    if (dump && j->options.dump & JIT_DUMP_UOP) {
        jit_dump_uops(j, &t->uops, "micro-ops");
    }
    if (t->uops.error) {
        return; /* it is made again, shorter */
    }
    optimize(t, &fc);
    if (dump && j->options.dump & JIT_DUMP_UOP_OPT) {
        jit_dump_uops(j, &t->uops, "micro-ops, optimized");
    }
}

void jit_placed(const Jit *j, const Block *b)
{
    JitPiece pieces[] = {{b->pc, (const void *)b->code, b->host_len, b->tier2 ? 2 : 1},
                         {b->pc, (const void *)b->cold, b->cold_len, b->tier2 ? 2 : 1}};
    for (unsigned i = 0; j->host.placed && i < 2; i++) {
        if (pieces[i].len) {
            j->host.placed(j->host.placed_ctx, &pieces[i]);
        }
    }
}

void quick_uops(JitThread *t, TranslateRequest *req, GuestAddr pc)
{
    req->pc = pc;
    req->max_insns = 1;
    req->relocatable = true;
    t->jit->frontend->translate(req, &t->uops);
    t->stats.uops += t->uops.count;
    optimize(t, NULL);
}

static int emit_quick(JitThread *t, Block *b)
{
    FlagsCtx fc;
    begin_request(t, &fc, b->pc, b->mode);
    int err = template_emit_quick(t, &fc.req, b);
    b->quick = err == 0;
    t->stats.quick_blocks += b->quick;
    return err;
}

Block *jit_new_block(JitThread *t, GuestAddr pc, uint32_t mode, bool quick)
{
    Jit *j = t->jit;
    uint64_t start = j->options.time_translation ? jit_host_ticks() : 0;
    bool templ = j->options.tiers & JIT_TIERS_NATIVE;
    jit_interrupt_critical(t);
    if (!jit_can_translate(t)) {
        return NULL;
    }
    if (templ && !jit_have_chunks(t)) {
        pthread_mutex_lock(&j->lock);
        if (t->generation == j->generation) {
            (void)jit_empty_arena(j);
        }
        pthread_mutex_unlock(&j->lock);
        join_generation(t);
        return NULL;
    }
    Block *b = jit_meta_alloc(t, sizeof *b);
    if (!b) {
        return NULL;
    }
    /* A block that the emitter has no room for (registers to spill to, links ...) is made again of
     * half as many instructions. */
    int err = -ENOSPC;
    b->pc = pc;
    b->mode = mode;
    if (t->module && !(t->module->stock_asked && !t->module->stock) && !j->making &&
        stock_take(t, b) == 0) {
        t->stats.stock_blocks++;
        b->ahead = true;
        if (j->host.placed) {
            jit_placed(j, b);
        }
        return b;
    }
    if ((j->options.tiers & JIT_TIERS_NATIVE) == JIT_TIER_LLVM && stress_compiles(t) &&
        tier_translate(t, b) == 0) {
        err = 0;
    }
    if (err && quick) {
        err = emit_quick(t, b);
    }
    for (uint32_t n = j->options.one_insn_per_block ? 1 : JIT_MAX_INSNS; err == -ENOSPC && n;
         n = t->uops.ninsns / 2) {
        jit_build_uops(t, pc, mode, n);
        b->guest_len = t->uops.guest_len ? t->uops.guest_len : 1;
        b->ninsns = t->uops.ninsns;
        b->no_promotion = t->uops.is_critical;
        if (t->uops.error) {
            err = t->uops.ninsns > 1 ? -ENOSPC : -ENOMEM;
        } else if (templ) {
            err = template_emit(t, &t->uops, b);
        } else {
            /* A fork waits for this lock: no child begins with a heap that another thread was about
             * to change. */
            pthread_mutex_lock(&j->lock);
            b->uops = jit_copy_uops(&t->uops);
            pthread_mutex_unlock(&j->lock);
            err = b->uops ? 0 : -ENOMEM;
        }
    }
    if (err) {
        /* One instruction fits always: anything else is a bug that would repeat itself for ever. */
        if (err == -ENOSPC) {
            fprintf(stderr, "xemu: no code for the instruction at %#llx\n", (unsigned long long)pc);
            abort();
        }
        return NULL;
    }
    if (templ && j->options.dump & JIT_DUMP_HOST && jit_dump_wanted(&j->options, pc)) {
        jit_dump_host(j, b);
    }
    if (j->host.placed) {
        jit_placed(j, b);
    }
    if (j->options.time_translation) {
        t->stats.translate_ns += jit_host_ticks() - start;
    }
    t->stats.blocks++;
    t->stats.guest_insns += b->ninsns;
    t->stats.guest_bytes += b->guest_len;
    t->stats.host_bytes += b->host_len + b->cold_len;
    return b;
}

void jit_link(Jit *j, Link *link, Block *to)
{
    __atomic_store_n(&link->to, to, __ATOMIC_RELAXED);
    link->next_in = to->incoming;
    to->incoming = link;
    template_link(j, link, to);
}

static bool overlaps(const Block *b, GuestAddr start, uint64_t len)
{
    return b->pc - start < len || start - b->pc < b->guest_len;
}

bool jit_is_stale(const Jit *j, const Block *b, uint64_t drops)
{
    if (j->ndrops - drops > JIT_RECENT_DROPS) {
        return true;
    }
    for (; drops < j->ndrops; drops++) {
        GuestAddr start = j->drops[drops % JIT_RECENT_DROPS].start;
        uint64_t len = j->drops[drops % JIT_RECENT_DROPS].len;
        bool hit = overlaps(b, start, len);
        for (uint32_t i = 0; i < b->nanchors && !hit; i++) {
            hit = overlaps(&b->anchors[i], start, len);
        }
        if (hit) {
            return true;
        }
    }
    return false;
}

static Block *translate(JitThread *t, GuestAddr pc, uint32_t mode)
{
    Jit *j = t->jit;
    uint64_t drops = __atomic_load_n(&j->ndrops, __ATOMIC_ACQUIRE);
    Block *b = jit_new_block(t, pc, mode, quick_wanted(t, pc));
    if (!b) {
        return NULL;
    }
    blockmap_fetch_exits(&j->blocks, b);
    pthread_mutex_lock(&j->lock);
    Block *other = t->generation == j->generation && j->threads->next
                       ? blockmap_find(&j->blocks, pc, mode)
                       : NULL;
    if (!other && t->generation == j->generation && !jit_is_stale(j, b, drops) &&
        blockmap_insert(&j->blocks, b) == 0) {
        other = b;
        (void)tier_anchor(j, b);
    }
    if (j->nthreads > THREADS_WITH_CHUNKS) {
        keep_give(t);
        leave_chunks(t);
    }
    if (other != b && b->uops) {
        uop_block_free(b->uops);
        free(b->uops);
    }
    pthread_mutex_unlock(&j->lock);
    return other;
}

/* What is looked at first if there is no block: it arrives while that is found out. */
static inline __attribute__((always_inline)) void fetch_ahead(const JitThread *t, GuestAddr pc)
{
    enum { LINE = 64 };
    const FetchedPage *f = &t->fetched[(pc >> 12) % JIT_FETCHED_PAGES];
    if (f->bytes && pc - f->pc < f->len) {
        __builtin_prefetch(f->bytes + (pc - f->pc));
        __builtin_prefetch(f->bytes + (pc - f->pc) + LINE);
    }
}

Block *jit_block(JitThread *t, GuestAddr pc, uint32_t mode)
{
    fetch_ahead(t, pc);
    Block *b = blockmap_find(&t->jit->blocks, pc, mode);
    if (!b) {
        keep_enter(t, pc);
        b = keep_find(t, pc, mode, true);
    }
    return b ? b : translate(t, pc, mode);
}
