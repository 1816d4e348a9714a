/* fork.c - translated code and fork: parent and child share the arena (codebuf.h), and children say
 * what they would have liked to find in it.
 *
 * Most children soon execute another program or end, by a way that their parent never went. To
 * translate it means to copy the arena, and to write to some forty pages that both share, each a
 * fault that copies it, for code that runs once. So a child interprets the first blocks that aren't
 * translated yet. If its parent forks often, the child notes in memory that both see which they
 * were, and the parent translates them before it forks again: later children find them, and touch
 * nothing of the translator.
 */
#include <errno.h>
#include <stdlib.h>

#include "jit/keep.h"
#include "jit/samples.h"
#include "jit/template/template.h"
#include "jit/tier.h"

/* Translating what children wish for costs as much as some forks: worth it for who forks often. */
enum { INTERPRETED_AFTER_FORK = 64, LINKS_PUT_OFF = 500, WISHES_AFTER = 4 };

/* ---- wishes ---------------------------------------------------------------------------------- */

void jit_fork_wish(const Jit *j, GuestAddr pc, uint32_t mode)
{
    CodeShare *s = j->code.borrowed ? j->code.share : NULL;
    if (s && atomic_load(&s->grants) && atomic_load(&s->nwishes) < CODEBUF_WISHES) {
        uint32_t i = atomic_fetch_add(&s->nwishes, 1);
        if (i < CODEBUF_WISHES) {
            atomic_store(&s->wishes[i].mode, mode);
            atomic_store(&s->wishes[i].pc, pc);
        }
    }
}

/* A child may be writing: at worst a block is made that nobody asks for. */
static void fulfil(JitThread *t, CodeShare *s)
{
    const JitHost *h = &t->jit->host;
    uint32_t n = atomic_load(&s->nwishes);
    for (uint32_t i = 0; i < n && i < CODEBUF_WISHES; i++) {
        GuestAddr pc = atomic_exchange(&s->wishes[i].pc, 0), addr = pc & t->jit->frontend->pc_mask;
        size_t there = 0;
        if (pc && h->fetch(h->ctx, addr, &there) &&
            there) { /* in the child alone there may have been more */
            (void)jit_block(t, pc, atomic_load(&s->wishes[i].mode));
        }
    }
    atomic_store(&s->nwishes, 0);
}

void jit_fork_learn(Cpu *cpu)
{
    JitThread *t = cpu->jit;
    Jit *j = t->jit;
    uint32_t forks = __atomic_load_n(&j->forks, __ATOMIC_RELAXED);
    jit_enter(t); /* another thread may empty the arena: it stays until this one leaves */
    CodeShare *s = j->code.share;
    if (!j->code.rx || j->code.borrowed || !s) {
        /* none that children share */
    } else if (forks < WISHES_AFTER) {
        /* not for ever: it would cost a copy of the page each time */
        __atomic_store_n(&j->forks, forks + 1, __ATOMIC_RELAXED);
    } else {
        if (atomic_load(&s->nwishes)) {
            fulfil(t, s);
        }
        atomic_store(&s->grants, true);
    }
    jit_leave(t);
}

/* ---- fork ------------------------------------------------------------------------------------ */

int jit_fork_prepare(Jit *j, bool alone)
{
    if (!alone) {
        pthread_mutex_lock(&j->poor_lock);
        pthread_mutex_lock(&j->lock);
    }
    return j->code.rx ? codebuf_fork_prepare(&j->code) : 0;
}

void jit_fork_parent(Jit *j, bool alone, bool forked)
{
    if (j->code.rx) {
        codebuf_fork_parent(&j->code, forked);
    }
    if (!alone) {
        pthread_mutex_unlock(&j->lock);
        pthread_mutex_unlock(&j->poor_lock);
    }
}

/* The other threads don't exist here; what they owned stays until the process ends or executes
 * another program. */
void jit_fork_child(Jit *j, Cpu *cpu, bool alone)
{
    JitThread *t = cpu->jit;
    if (t->sampling) {
        samples_forked(t);
    }
    if (j->code.rx) {
        codebuf_fork_child(&j->code);
    }
    j->put_off = 0; /* those were the parent's */
    tier_forked(j, alone);
    if (!(~j->options.tiers & (JIT_TIER_TEMPLATE | JIT_TIER_INTERP))) {
        t->cpu->loop.interpret = INTERPRETED_AFTER_FORK;
    }
    keep_forked(j);
    if (!alone) {
        t->next = NULL;
        t->prev = &j->threads;
        j->threads = t;
        j->nthreads = 1;
        pthread_mutex_unlock(&j->lock);
        pthread_mutex_unlock(&j->poor_lock);
    }
}

int jit_own_code(Jit *j)
{
    if (codebuf_may_patch(&j->code)) {
        return 0;
    }
    /* Another thread may be appending code meanwhile, unless nobody could. */
    if ((j->code.borrowed || !j->threads->next) && codebuf_own(&j->code) == 0) {
        return 0;
    }
    return jit_empty_arena(j);
}

bool jit_may_link(Jit *j)
{
    if (codebuf_may_patch(&j->code)) {
        return true;
    }
    /* Going through the dispatcher costs some 0.1 us each time, a copy that of all code: as soon as
     * as much has been spent. */
    if (++j->put_off < LINKS_PUT_OFF) {
        return false;
    }
    j->put_off = 0;
    uint64_t generation = j->generation;
    return jit_own_code(j) == 0 && generation == j->generation;
}

void jit_exec_prepare(Jit *j)
{
    if (j->code.rx) {
        codebuf_leave(&j->code);
    }
}

void jit_close_optimizer(Jit *j)
{
    tier_close(j);
}

void jit_await_optimizer(Cpu *cpu)
{
    tier_await(jit_thread(cpu));
}

uint64_t jit_note(const Jit *j)
{
    return tier_note(j);
}

void jit_hide_children(Jit *j, bool on)
{
    tier_hide(j, on);
}

void jit_exec_failed(Jit *j)
{
    if (j->code.rx && j->code.left) {
        pthread_mutex_lock(&j->lock);
        jit_forget_code(j);
        pthread_mutex_unlock(&j->lock);
    }
}
