/* make.c - a file is mapped as a run would map it, and its blocks are translated by address, a
 * stretch at a time: what is translated of one is stored as a part of its own, so that a run places
 * the parts it needs, and what it takes meanwhile is bounded. Nothing depends on what other
 * stretches did, so the same file makes the same parts.
 */
#include "runtime/aot/make.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/ahead.h"
#include "runtime/aot/elfout.h"
#include "runtime/aot/hot.h"
#include "runtime/code/store.h"
#include "runtime/load/image.h"

/* Blocks of a part, and most parts of a file: others, of what runs learn, have to find room in the
 * entry, too. */
enum { PART_BLOCKS = 32768, MOST_PARTS = 24 };
#define ARENA     ((size_t)128 << 20)
#define PIE_PLACE ((GuestAddr)0x2aaaaaaaa000)

typedef struct Maker {
    Plan *plan;
    Cpu *cpu;
    uint64_t bias;
    uint64_t from, to; /* the stretch, file addresses */
    bool any_guarded;
    uint32_t mode;
    uint64_t *queue; /* what was found on the way */
    uint32_t nqueue, room;
    Made *made;
    ElfOut *out; /* NULL: not wanted */
    int *spare;
    CodeFile *file;
    const Profile *given;
    int err;
} Maker;

/* A block leads on to what wasn't planned where it was cut short, or ends without a branch. */
static void next(void *ctx, GuestAddr pc)
{
    Maker *m = ctx;
    uint64_t addr = pc - m->bias;
    if (addr < m->from || addr >= m->to || !plan_has(m->plan, addr) ||
        *plan_insn(m->plan, addr) & PLAN_START || !(*plan_insn(m->plan, addr) & PLAN_CODE)) {
        return;
    }
    uint64_t *queue = plan_grown(m->queue, m->nqueue, &m->room, sizeof *queue);
    if (!queue) {
        m->err = -ENOMEM;
        return;
    }
    m->queue = queue;
    *plan_insn(m->plan, addr) |= PLAN_START;
    m->plan->starts++;
    m->queue[m->nqueue++] = addr;
}

static void translate(Maker *m, uint64_t addr, uint64_t tag)
{
    JitAhead a;
    int err = jit_ahead(m->cpu, (addr + m->bias) | tag << 56, m->mode, m->out != NULL, &a, next, m);
    if (err == -EEXIST || err == -ENOENT || err == -EINVAL) {
        return;
    }
    if (err) {
        m->err = err;
        return;
    }
    m->made->kept += a.kept;
    GuestAddr behind = addr + m->bias + a.guest_len;
    if (a.kept && !tag && jit_ahead_is_known(m->cpu, behind, m->mode)) {
        next(m, behind); /* where that was cut short when it was made */
    }
    m->made->blocks += !a.kept;
    if (!a.kept) {
        m->made->guest_bytes += tag ? 0 : a.guest_len;
        m->made->host_bytes += a.code_len + a.cold_len;
        if (m->out) {
            elfout_block(m->out, addr, (unsigned)tag, &a);
        }
    }
    for (uint32_t i = 0; i < a.guest_len && !tag && plan_has(m->plan, addr + i); i += 4) {
        *plan_insn(m->plan, addr + i) |= PLAN_MADE;
    }
}

/* The block at addr, and those by which an indirect branch comes to it. */
static void block(Maker *m, uint64_t addr)
{
    const View *v = m->plan->view;
    uint8_t flags = *plan_insn(m->plan, addr);
    uint64_t avail;
    const uint8_t *code = view_memory(v, addr, 4, &avail);
    uint32_t tags = 0;
    translate(m, addr, 0);
    if (m->any_guarded && code && flags & PLAN_FUNCTION) {
        tags |= m->plan->frontend->landings(code, v->elf.bti, FOUND_CALL);
    }
    if (m->any_guarded && code && flags & PLAN_TABLE) {
        tags |= m->plan->frontend->landings(code, v->elf.bti, FOUND_TABLE);
    }
    for (unsigned tag = 1; tag < 8; tag++) {
        if (tags >> tag & 1) {
            translate(m, addr, tag);
        }
    }
}

static void destroy_jit(Process *p)
{
    jit_destroy(p->jit);
    p->jit = NULL;
}

static int create_jit(Process *p, Cpu *cpu)
{
    const Options *o = p->options;
    JitOptions options = {.tiers =
                              process_tiers(o) |
                              JIT_TIER_TEMPLATE, /* so that runs with the same options find it */
                          .host_features_off = o->host_features_off,
                          .log = stderr,
                          .arena_size = ARENA,
                          .arena_hint = PROCESS_ARENA};
    JitHost host = {.fetch = mem_fetch,
                    .ctx = p->mem,
                    .map_version = &p->mem->map.version,
                    .guarded = mem_guarded,
                    .any_guarded = mem_any_guarded,
                    .exe_fd = &p->exe_fd,
                    .reaped = &p->reaped,
                    .new_namespace = &p->new_namespace};
    code_store_host(p->mem->store, &host);
    memset(cpu, 0, sizeof *cpu);
    int err = jit_create(&p->jit, p->frontend, &options, &host);
    if (err) {
        return err;
    }
    code_store_target(p->mem->store, jit_features(p->jit));
    err = jit_thread_start(p->jit, cpu);
    if (err) {
        destroy_jit(p);
    }
    return err;
}

static int make_stretch(Process *p, Maker *m)
{
    static Cpu cpu;
    int err = create_jit(p, &cpu);
    if (!err) {
        uint64_t before = m->made->blocks;
        m->cpu = &cpu;
        m->mode = cpu.mode; /* of a new program */
        m->err = 0;
        for (uint64_t at = m->from; at < m->to && !m->err; at += 4) {
            if (*plan_insn(m->plan, at) & PLAN_START) {
                block(m, at);
            }
            while (m->nqueue && !m->err) {
                block(m, m->queue[--m->nqueue]);
            }
        }
        err = m->err;
        if (m->out) {
            jit_ahead_link(&cpu);
            elfout_stretch(m->out);
        }
        if (!err && m->made->blocks > before) {
            code_store_save(p->mem->store, p->jit, true);
            m->made->parts++;
        }
        jit_thread_end(&cpu);
        destroy_jit(p);
    }
    return err;
}

static bool another(void *ctx)
{
    int *spare = ctx, n = __atomic_load_n(spare, __ATOMIC_ACQUIRE);
    while (n > 0 && !__atomic_compare_exchange_n(spare, &n, n - 1, false, __ATOMIC_SEQ_CST,
                                                 __ATOMIC_SEQ_CST)) {
    }
    return n > 0;
}

/* Some of the lists, as one part. */
static int compile(Process *p, const Maker *m, const Hot *hot, unsigned first, unsigned end,
                   bool threads_too)
{
    static Cpu cpu;
    const HotList *lists = hot->lists;
    uint64_t regions = 0;
    unsigned any = 0;
    for (unsigned i = first; i < end; i++) {
        any += lists[i].n;
    }
    int err = any ? create_jit(p, &cpu) : 0;
    for (unsigned i = first; i < end && any && !err; i++) {
        JitAheadMade made = {0};
        JitAheadWork work = {.pcs = lists[i].pcs,
                             .insns = lists[i].insns,
                             .n = lists[i].n,
                             .mode = lists[i].mode,
                             .threads_too = threads_too,
                             .choice = lists[i].choice,
                             .another = another,
                             .ctx = m->spare};
        err = lists[i].n ? jit_ahead_compile(&cpu, &work, &made) : 0;
        regions += made.regions;
        m->made->regions += made.regions;
        m->made->profile_regions += i >= HOT_PROFILE ? made.regions : 0;
        m->made->region_insns += made.insns;
        m->made->region_bytes += made.host_bytes;
        m->made->regions_refused += made.refused;
    }
    if (regions && !err) {
        code_store_save(p->mem->store, p->jit, true);
    }
    if (any && p->jit) {
        jit_thread_end(&cpu);
        destroy_jit(p);
    }
    return err;
}

/* Tier 2's code of what is likely to be hot. */
static int make_regions(Process *p, const Maker *m)
{
    static Cpu cpu;
    Hot hot;
    Profile learned = {0};
    int err = create_jit(p, &cpu);
    if (err) {
        return err;
    }
    bool has = jit_ahead_has_regions(&cpu, m->plan->low + m->bias);
    HotRequest q = {.plan = m->plan,
                    .cpu = &cpu,
                    .bias = m->bias,
                    .mode = cpu.mode,
                    .learned = &learned,
                    .given = m->given,
                    .only_given = has};
    err = has && !m->given->n ? -EEXIST
                              : profile_read(&learned, m->plan->view, p->mem->store, m->file, NULL);
    bool made = !err;
    err = made ? hot_find(&hot, &q) : err;
    jit_thread_end(&cpu);
    destroy_jit(p);
    err = err ? err : compile(p, m, &hot, HOT_SAME, HOT_ALONE, true);
    err = err ? err : compile(p, m, &hot, HOT_ALONE, HOT_LISTS, false);
    if (made) {
        hot_free(&hot);
    }
    profile_free(&learned);
    return err == -EEXIST ? 0 : err;
}

static int map_file(Process *p, const View *v, bool any_guarded, uint64_t *bias, const char **why)
{
    Image image;
    int err = image_map(&image, p->mem, &v->elf, v->fd, v->elf.type == ET_DYN ? PIE_PLACE : 0, why);
    if (!err) {
        p->mem->guarded |= any_guarded;
        *bias = image.bias;
    }
    return err;
}

int make_all(Process *p, Plan *plan, const MakeRequest *q, Made *out, const char **why)
{
    Maker m = {.plan = plan,
               .any_guarded = q->any_guarded,
               .made = out,
               .out = q->elf,
               .spare = q->spare,
               .file = q->file,
               .given = q->profile};
    *out = (Made){0};
    int err = map_file(p, plan->view, q->any_guarded, &m.bias, why);
    if (err) {
        return err;
    }
    *why = "cannot be translated";
    uint32_t each = plan->starts / MOST_PARTS + 1, n = 0;
    each = each < PART_BLOCKS ? PART_BLOCKS : each;
    m.from = plan->low;
    for (uint64_t at = plan->low; at < plan->high && !err; at += 4) {
        n += *plan_insn(plan, at) & PLAN_START ? 1 : 0;
        if (n == each || at + 4 >= plan->high) {
            m.to = at + 4;
            err = make_stretch(p, &m);
            m.from = m.to;
            n = 0;
        }
    }
    free(m.queue);
    if (!err && plan->ncode && process_tiers(p->options) & JIT_TIER_LLVM) {
        err = make_regions(p, &m);
    }
    return err;
}
