/* ahead.c - see ahead.h. */
#include "jit/ahead.h"

#include <errno.h>

#include "jit/keep.h"

static void tell_exits(const JitThread *t, const Block *b, void (*next)(void *ctx, GuestAddr pc), void *ctx) {
    for (uint32_t i = 0; i < b->nlinks; i++) {
        if (b->links[i].kind != LINK_CACHE) {
            next(ctx, b->links[i].target);
        }
    }
    /* What the dispatcher goes on at. */
    const Uop *last = &t->uops.uops[t->uops.count - 1];
    if (last->op == UOP_EXIT && last->a == VAL_NONE && (last->sub == UOP_EXIT_SYSCALL || last->sub == UOP_EXIT_DISPATCH)) {
        next(ctx, last->imm64);
    }
}

int jit_ahead(Cpu *cpu, GuestAddr pc, uint32_t mode, bool anew, JitAhead *out, void (*next)(void *ctx, GuestAddr pc), void *ctx) {
    JitThread *t = cpu->jit;
    Jit *j = t->jit;
    *out = (JitAhead){ .kept = false };
    if (blockmap_find(&j->blocks, pc, mode)) {
        return -EEXIST;
    }
    keep_enter(t, pc);
    if (!t->module) {
        return -ENOENT;
    }
    if (!anew && keep_known(t, pc, mode, &out->guest_len)) {
        out->kept = true;
        return 0;
    }
    Block *b = jit_new_block(t, pc, mode, false);
    if (!b) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&j->lock);
    int err = blockmap_insert(&j->blocks, b);
    pthread_mutex_unlock(&j->lock);
    if (err) {
        return err;
    }
    out->guest_len = b->guest_len;
    out->code = (const void *)b->code;
    out->code_len = b->host_len;
    out->cold = (const void *)b->cold;
    out->cold_len = b->cold_len;
    tell_exits(t, b, next, ctx);
    return 0;
}

static void link_block(Block *b, void *ctx) {
    Jit *j = ctx;
    for (uint32_t i = 0; i < b->nlinks; i++) {
        Link *l = &b->links[i];
        Block *to = l->kind == LINK_CACHE || l->to ? NULL : blockmap_find(&j->blocks, l->target, b->mode);
        if (to) {
            jit_link(j, l, to);
        }
    }
}

void jit_ahead_link(Cpu *cpu) {
    Jit *j = ((JitThread *)cpu->jit)->jit;
    pthread_mutex_lock(&j->lock);
    blockmap_each(&j->blocks, link_block, j);
    pthread_mutex_unlock(&j->lock);
}
