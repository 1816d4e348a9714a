/* keep.c - modules and the chunks that their code is laid down in (keep.h). */
#include "jit/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/stock.h"
#include "jit/template/template.h"

/* ---- modules --------------------------------------------------------------------------------- */

static bool covers(const KeepModule *m, GuestAddr addr)
{
    return addr - m->info.start < m->info.end - m->info.start;
}

/* Under the lock. */
static KeepModule *find_module(Jit *j, const JitModule *info)
{
    bool any = jit_any_guarded(j);

    for (KeepModule *m = j->modules; m; m = m->next) {
        if (m->info.serial == info->serial && m->info.start == info->start &&
            m->info.end == info->end && m->info.guarded == info->guarded && m->any_guarded == any)
            return m->closed ? NULL : m;
    }
    KeepModule *m = calloc(1, sizeof *m);
    if (m) {
        m->info = *info;
        m->any_guarded = any;
        m->next = j->modules;
        j->modules = m;
        j->calm_start = j->calm_end = 0;
    }
    return m;
}

static bool can_keep(const Jit *j)
{
    return j->host.module && j->options.tiers & JIT_TIER_TEMPLATE && !j->options.count_blocks &&
           !j->options.one_insn_per_block && !j->options.dump;
}

/* The thread's chunks are those of m from now on: it takes some when it has something to put there.
 */
static void take_module(JitThread *t, KeepModule *m)
{
    t->plain_hot = t->hot;
    t->plain_cold = t->cold;
    t->module = m;
    t->pair = NULL;
    t->hot = t->cold = NULL;
}

/* Under the lock; NULL: no other thread has left one. */
static KeepPair *idle_pair(KeepModule *m)
{
    for (KeepPair *p; (p = m->idle);) {
        m->idle = p->next_idle;
        if (codebuf_has_room(p->hot) && codebuf_has_room(p->cold))
            return p;
    }
    return NULL;
}

/* Under the lock. */
static KeepPair *new_pair(Jit *j, KeepModule *m)
{
    CodeChunk *both[2];
    KeepPair *p = calloc(1, sizeof *p);

    if (p && !codebuf_chunks(&j->code, 2, true, both)) {
        free(p);
        p = NULL;
    }
    if (p) {
        p->hot = both[0];
        p->cold = both[1];
        template_stubs(j, p->hot, m->info.base);
        p->next = m->pairs;
        m->pairs = p;
    }
    return p;
}

static void give_pair(JitThread *t)
{
    if (t->pair && !t->module->closed && t->generation == t->jit->generation) {
        t->pair->next_idle = t->module->idle;
        t->module->idle = t->pair;
    }
    t->module = NULL;
    t->pair = NULL;
    t->hot = t->plain_hot;
    t->cold = t->plain_cold;
}

void keep_give(JitThread *t)
{
    if (t->module)
        give_pair(t);
}

void keep_leave(JitThread *t)
{
    if (!t->module)
        return;
    pthread_mutex_lock(&t->jit->lock);
    give_pair(t);
    pthread_mutex_unlock(&t->jit->lock);
}

/* Under the lock. Where nothing is saved, code of which nothing is known is like that of no module:
 * it may be quick blocks. */
static bool is_of_use(const Jit *j, const KeepModule *m)
{
    return j->host.saves || j->making || j->host.kept_parts(j->host.ctx, m->info.file, false) ||
           j->host.kept_parts(j->host.ctx, m->info.file, true);
}

static bool is_at(const KeepModule *m, GuestAddr addr)
{
    return m && !__atomic_load_n(&m->closed, __ATOMIC_RELAXED) && covers(m, addr);
}

void keep_enter(JitThread *t, GuestAddr pc)
{
    Jit *j = t->jit;
    GuestAddr addr = pc & j->frontend->pc_mask;
    JitModule info;

    if (is_at(t->module, addr) || (!t->module && is_at(t->passed, addr)))
        return;
    bool found = can_keep(j) && j->host.module(j->host.ctx, addr, &info);
    if (!found && !t->module)
        return;
    pthread_mutex_lock(&j->lock);
    if (t->module)
        give_pair(t);
    KeepModule *m = found ? find_module(j, &info) : NULL;
    if (m && is_of_use(j, m))
        take_module(t, m);
    else
        t->passed = m;
    pthread_mutex_unlock(&j->lock);
}

void keep_leave_pair(JitThread *t)
{
    t->hot = NULL;
    t->pair = NULL;
}

bool keep_relocatable(const JitThread *t)
{
    return t->module && !t->module->info.fixed;
}

bool keep_has_some(const JitThread *t)
{
    return t->module && t->module->segments;
}

bool keep_have_pair(JitThread *t)
{
    Jit *j = t->jit;
    KeepPair *p = NULL;

    if (t->pair && codebuf_has_room(t->hot) && codebuf_has_room(t->cold))
        return true;
    pthread_mutex_lock(&j->lock);
    if (t->generation == j->generation && !(p = idle_pair(t->module)))
        p = new_pair(j, t->module);
    t->pair = p;
    t->hot = p ? p->hot : NULL;
    t->cold = p ? p->cold : NULL;
    pthread_mutex_unlock(&j->lock);
    return p != NULL;
}

/* ---- what ends ------------------------------------------------------------------------------- */

static void free_pairs(KeepPair *first)
{
    for (KeepPair *p; (p = first);) {
        first = p->next;
        free(p);
    }
}

static void drop_pairs(KeepModule *m)
{
    free_pairs(m->pairs);
    free_pairs(m->saved);
    m->pairs = m->saved = m->idle = NULL;
}

static void drop_segments(KeepModule *m)
{
    for (KeepSegment *s; (s = m->segments);) {
        m->segments = s->next;
        keep_free_segment(s);
    }
}

void keep_forked(Jit *j)
{
    j->keep_is_child = true;
    for (KeepModule *m = j->modules; m; m = m->next) {
        /* Freeing them would copy the pages that they are in. */
        if (m->pairs || m->saved)
            m->pairs = m->saved = m->idle = NULL;
        if (m->stash)
            m->stash = NULL;
    }
    for (JitThread *t = j->threads; t; t = t->next) {
        if (t->module && (t->pair || t->hot || t->cold)) {
            t->pair = NULL;
            t->hot = t->cold = NULL;
        }
    }
}

/* The old arena's chunks still name segments, until no thread runs there any more: only the list
 * goes, and with it the memory in which faults are looked up. */
void keep_emptied(Jit *j)
{
    for (KeepModule *m = j->modules; m; m = m->next) {
        drop_pairs(m);
        for (KeepSegment *s = m->segments; s; s = s->next)
            s->spent = true;
    }
}

static bool overlaps(const JitModule *m, GuestAddr start, uint64_t len)
{
    return m->start < start + len && start < m->end;
}

void keep_invalidate(Jit *j, GuestAddr start, uint64_t len)
{
    /* A compiler in the guest flushes line after line of memory that is of no module. */
    if (start >= j->calm_start && start < j->calm_end && len <= j->calm_end - start)
        return;
    j->calm_start = 0;
    j->calm_end = UINT64_MAX;
    for (KeepModule *m = j->modules; m; m = m->next) {
        if (m->info.end <= start && m->info.end > j->calm_start)
            j->calm_start = m->info.end;
        if (m->info.start >= start + len && m->info.start < j->calm_end)
            j->calm_end = m->info.start;
        if (!overlaps(&m->info, start, len))
            continue;
        j->calm_end = 0;
        if (m->info.start >= start && m->info.end - start <= len)
            keep_stash(j, m); /* it goes as a whole: not because its bytes have changed */
        __atomic_store_n(&m->closed, true, __ATOMIC_RELAXED);
        for (KeepSegment *s = m->segments; s; s = s->next) {
            if (s->opened && !s->spent)
                keep_make_all(j, s);
            s->spent = true;
        }
    }
}

void keep_destroy(Jit *j)
{
    for (KeepModule *m; (m = j->modules);) {
        j->modules = m->next;
        drop_pairs(m);
        drop_segments(m);
        stock_free(j, m);
        stock_maker_free(m->maker);
        keep_free_save(m->stash);
        free(m);
    }
    if (j->keep_room)
        munmap(j->keep_room, j->keep_room_size);
    j->keep_room = NULL;
    j->keep_room_size = 0;
}
