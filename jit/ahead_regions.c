/* ahead_regions.c - regions ahead of time: what a block leads to, told to who chooses; code of tier
 * 2 for what was chosen, by several optimizers at once. Their answers are placed in the order in
 * which the regions were given, so that how many there are changes nothing. */
#include "jit/ahead.h"

#include <errno.h>
#include <stdlib.h>

#include "jit/keep.h"
#include "jit/tier.h"
#ifdef XEMU_LLVM
#include "jit/orc/channel.h"
#include "jit/region.h"
#endif

/* ---- reading --------------------------------------------------------------------------------- */

static void tell(const UopBlock *ub, JitAheadExit *fn, void *ctx)
{
    GuestAddr behind = ub->pc + ub->guest_len;
    for (uint32_t i = 0; i < ub->count; i++) {
        const Uop *u = &ub->uops[i];
        if (u->op != UOP_EXIT && u->op != UOP_EXIT_IF) {
            continue;
        }
        bool direct = u->op == UOP_EXIT_IF || u->a == VAL_NONE;
        switch (u->sub) {
        case UOP_EXIT_JUMP: fn(ctx, direct ? JIT_AHEAD_JUMP : JIT_AHEAD_INDIRECT, u->imm64); break;
        case UOP_EXIT_CALL:
            if (direct) {
                fn(ctx, JIT_AHEAD_CALL, u->imm64);
            }
            fn(ctx, JIT_AHEAD_BACK, behind);
            break;
        case UOP_EXIT_SYSCALL:
        case UOP_EXIT_DISPATCH:
            if (direct) {
                fn(ctx, JIT_AHEAD_JUMP, u->imm64);
            }
            break;
        default: break;
        }
    }
}

uint32_t jit_ahead_exits(Cpu *cpu, GuestAddr pc, uint32_t mode, JitAheadExit *fn, void *ctx)
{
    JitThread *t = jit_thread(cpu);
    keep_enter(t, pc);
    if (!t->module || !jit_can_translate(t)) {
        return 0;
    }
    jit_build_uops(t, pc, mode, JIT_MAX_INSNS);
    if (!t->uops.guest_len || t->uops.error) {
        return 0;
    }
    tell(&t->uops, fn, ctx);
    return t->uops.guest_len;
}

#ifdef XEMU_LLVM
typedef struct Out {
    const Region *region;
    JitAheadExit *fn;
    void *ctx;
    unsigned context;
} Out;

static void leave(void *ctx, JitAheadKind kind, GuestAddr to)
{
    const Out *o = ctx;
    bool inside = kind != JIT_AHEAD_CALL && region_has(o->region, to, o->context);
    if (!inside && !(kind == JIT_AHEAD_BACK && region_returns(o->region, to, o->context))) {
        o->fn(o->ctx, kind, to);
    }
}

uint32_t jit_ahead_region(Cpu *cpu, GuestAddr pc, uint32_t mode, const JitAheadChoice *choice,
                          JitAheadExit *fn, void *ctx)
{
    JitThread *t = jit_thread(cpu);
    Region *r = region_ahead(t, pc, mode, choice);
    if (!r) {
        return 0;
    }
    Out out = {r, fn, ctx, 0};
    for (uint32_t i = 0; i < r->nblocks; i++) {
        out.context = r->blocks[i].context;
        tell(r->blocks[i].ub, leave, &out);
    }
    uint32_t insns = r->insns;
    region_free(r);
    return insns;
}

bool jit_ahead_is_same(Cpu *cpu, GuestAddr pc, uint32_t mode, uint32_t other,
                       const JitAheadChoice *choice)
{
    JitThread *t = jit_thread(cpu);
    Region *r = region_ahead(t, pc, mode, choice);
    bool same = r != NULL;
    for (uint32_t i = 0; same && i < r->nowned; i++) {
        jit_build_uops(t, r->owned[i]->pc, other, JIT_MAX_INSNS);
        same = !t->uops.error && jit_same_uops(&t->uops, r->owned[i]);
    }
    region_free(r);
    return same;
}

/* ---- compiling ------------------------------------------------------------------------------- */

enum { MOST_CLIENTS = 64 };
enum { WAITING, ASKED, DONE, REFUSED };

typedef struct Job {
    uint8_t state;
    CodeObject code;
} Job;

typedef struct Compiling {
    JitThread *t;
    const JitAheadWork *work;
    Job *jobs;
    uint32_t next, left; /* the first not asked for; without an answer */
    Client *clients[MOST_CLIENTS];
    uint32_t asked[MOST_CLIENTS][CHANNEL_SLOTS]; /* the job's number + 1 */
    unsigned nclients, fruitless;
} Compiling;

static void refuse(Compiling *c, uint32_t i)
{
    c->jobs[i].state = REFUSED;
    c->left--;
}

/* Gives the client what it has room for. */
static void ask(Compiling *c, unsigned k)
{
    while (c->next < c->work->n && client_has_room(c->clients[k])) {
        uint32_t i = c->next;
        Region *r = region_ahead(c->t, c->work->pcs[i], c->work->mode, &c->work->choice);
        int slot = -EINVAL;
        if (r) {
            LiftRegion lr = region_lift(r);
            slot = client_ask(c->clients[k], &lr);
        }
        region_free(r);
        if (slot == -EAGAIN) {
            return;
        }
        c->next++;
        if (slot < 0) {
            refuse(c, i);
        } else {
            c->jobs[i].state = ASKED;
            c->asked[k][slot] = i + 1;
        }
    }
}

static void take(Compiling *c, unsigned k)
{
    CodeObject o;
    int err;
    for (int slot; (slot = client_take(c->clients[k], &o, &err)) >= 0;) {
        uint32_t i = c->asked[k][slot] - 1;
        c->asked[k][slot] = 0;
        if (!err && tier_is_good(&o, c->work->insns[i])) {
            c->jobs[i].code = o;
            c->jobs[i].state = DONE;
            c->left--;
        } else {
            if (!err) {
                code_object_free(&o);
            }
            refuse(c, i);
        }
    }
    uint32_t at_work;
    if (client_lost(c->clients[k], &at_work)) {
        for (unsigned slot = 0; slot < CHANNEL_SLOTS; slot++) {
            if (c->asked[k][slot]) {
                refuse(c, c->asked[k][slot] - 1);
                c->asked[k][slot] = 0;
            }
        }
    }
}

static bool is_busy(const Compiling *c, unsigned k)
{
    for (unsigned slot = 0; slot < CHANNEL_SLOTS; slot++) {
        if (c->asked[k][slot]) {
            return true;
        }
    }
    return false;
}

/* Where there can be no other process, as in one that is the first of its namespace. */
static void compile_here(Compiling *c)
{
    while (c->next < c->work->n) {
        uint32_t i = c->next++;
        Region *r = region_ahead(c->t, c->work->pcs[i], c->work->mode, &c->work->choice);
        if (r && !tier_region_compile(r, &c->jobs[i].code)) {
            c->jobs[i].state = DONE;
            c->left--;
        } else {
            refuse(c, i);
        }
        region_free(r);
    }
}

static void compile_all(Compiling *c)
{
    while (c->left) {
        bool more = c->nclients < MOST_CLIENTS && c->next < c->work->n &&
                    (!c->nclients || c->work->another(c->work->ctx));
        if (more && (c->clients[c->nclients] = tier_client(c->t->jit))) {
            c->nclients++;
        }
        if (!c->nclients) {
            return;
        }
        unsigned waited = 0;
        for (unsigned k = 0; k < c->nclients; k++) {
            take(c, k);
            ask(c, k);
        }
        for (unsigned k = 0; k < c->nclients && c->left && !waited; k++) {
            if (is_busy(c, k)) {
                client_wait(c->clients[k]);
                waited = 1;
            }
        }
        if (c->left && !waited) { /* the optimizer can't be started now */
            static const struct timespec pause = {.tv_nsec = 5000000};
            nanosleep(&pause, NULL);
            if (++c->fruitless > 100) {
                compile_here(c);
            }
        }
    }
}

int jit_ahead_compile(Cpu *cpu, const JitAheadWork *work, JitAheadMade *out)
{
    JitThread *t = jit_thread(cpu);
    Compiling *c = calloc(1, sizeof *c);
    *out = (JitAheadMade){0};
    if (!c || !(c->jobs = calloc(work->n + (size_t)1, sizeof *c->jobs))) {
        free(c);
        return -ENOMEM;
    }
    t->jit->making_regions = KEEP_AHEAD | (work->threads_too ? KEEP_THREADS : 0);
    c->t = t;
    c->work = work;
    c->left = work->n;
    compile_all(c);
    for (unsigned k = 0; k < c->nclients; k++) {
        client_close(c->clients[k]);
        client_destroy(c->clients[k], false);
    }
    for (uint32_t i = 0; i < work->n; i++) {
        Job *job = &c->jobs[i];
        if (job->state != DONE) {
            out->refused++;
            continue;
        }
        Region *r = region_ahead(t, work->pcs[i], work->mode, &work->choice);
        const Block *b = r ? tier_region_place(r, &job->code) : NULL;
        if (b) {
            out->regions++;
            out->insns += b->ninsns;
            out->host_bytes += b->host_len + b->cold_len;
        } else {
            out->refused++;
        }
        region_free(r);
        code_object_free(&job->code);
    }
    free(c->jobs);
    free(c);
    jit_ahead_link(cpu);
    return 0;
}
#else
uint32_t jit_ahead_region(Cpu *cpu, GuestAddr pc, uint32_t mode, const JitAheadChoice *choice,
                          JitAheadExit *fn, void *ctx)
{
    (void)cpu;
    (void)pc;
    (void)mode;
    (void)choice;
    (void)fn;
    (void)ctx;
    return 0;
}

bool jit_ahead_is_same(Cpu *cpu, GuestAddr pc, uint32_t mode, uint32_t other,
                       const JitAheadChoice *choice)
{
    (void)cpu;
    (void)pc;
    (void)mode;
    (void)other;
    (void)choice;
    return false;
}

int jit_ahead_compile(Cpu *cpu, const JitAheadWork *work, JitAheadMade *out)
{
    (void)cpu;
    (void)work;
    *out = (JitAheadMade){0};
    return -EOPNOTSUPP;
}
#endif
