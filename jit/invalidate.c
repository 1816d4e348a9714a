/* invalidate.c - dropping translations of guest code that changed, and faults in translated code.
 */
#include <stdlib.h>
#include <ucontext.h>

#include "jit/keep.h"
#include "jit/template/template.h"
#include "jit/tier.h"

/* ---- invalidation ---------------------------------------------------------------------------- */

/* No thread finds b's code any more by an indirect branch or a return. A thread that just read the
 * entry runs it once more, as if the change had come a moment later. */
void jit_forget_block(Jit *j, const Block *b)
{
    uint32_t slot = (uint32_t)(b->pc >> j->frontend->insn_shift) & (CPU_IBTC_SIZE - 1);
    uintptr_t end = b->code + b->host_len;
    for (JitThread *t = j->threads; t; t = t->next) {
        for (uint32_t other = 0; other <= CPU_IBTC_OTHER; other += CPU_IBTC_OTHER) {
            IbtcEntry *e = &t->cpu->ibtc[slot ^ other];
            uintptr_t code = __atomic_load_n(&e->code, __ATOMIC_RELAXED);
            if (code >= b->code && code < end) {
                __atomic_store_n(&e->pc, JIT_NO_PC, __ATOMIC_RELEASE);
            }
        }
        for (unsigned i = 0; i < CPU_SHADOW_SIZE; i++) {
            ShadowEntry *s = &t->cpu->shadow[i];
            uintptr_t code = __atomic_load_n(&s->code, __ATOMIC_RELAXED);
            if (code >= b->code && code < end) {
                __atomic_store_n(&s->pc, JIT_NO_PC, __ATOMIC_RELEASE);
            }
        }
    }
}

/* False: some exits still lead here. */
static bool unlink_incoming(Jit *j, Block *b)
{
    bool good = true;

    for (Link *l = b->incoming, *next; l; l = next) {
        next = l->next_in;
        good &= template_unlink(j, l);
        __atomic_store_n(&l->to, NULL, __ATOMIC_RELAXED);
        l->next_in = NULL;
    }
    b->incoming = NULL;
    return good;
}

static void unlink_outgoing(Block *b)
{
    for (uint32_t i = 0; i < b->nlinks; i++) {
        Block *to = b->links[i].to;
        for (Link **at = to ? &to->incoming : NULL; at && *at; at = &(*at)->next_in) {
            if (*at == &b->links[i]) {
                *at = b->links[i].next_in;
                break;
            }
        }
    }
}

/* Dropped code and what belongs to it stay where they are until the arena is emptied: when there is
 * this much of it, and more than what lives, that comes early. */
enum { DEAD_BYTES_MOST = 48 << 20, DEAD_BYTES_PER_BLOCK = 1024 };

/* A thread may be in the interpreter with them. */
static void retire_uops(Jit *j, Block *b)
{
    Retired *r = calloc(1, sizeof *r);
    if (r) {
        r->uops = b->uops;
        r->epoch = j->epoch++;
        r->next = j->retired;
        __atomic_store_n(&j->retired, r, __ATOMIC_RELEASE);
    }
}

void jit_invalidate(Jit *j, GuestAddr start, uint64_t len)
{
    pthread_mutex_lock(&j->lock);
    bool dropped = false, stale = false;
    j->drops[j->ndrops % JIT_RECENT_DROPS].start = start;
    j->drops[j->ndrops % JIT_RECENT_DROPS].len = len;
    __atomic_store_n(&j->ndrops, j->ndrops + 1, __ATOMIC_RELEASE);
    if (j->code.rx && !codebuf_may_patch(&j->code) &&
        blockmap_overlapping(&j->blocks, start, len)) {
        (void)jit_own_code(
            j); /* if there is no memory for that, links of old code lead to old code */
    }
    keep_invalidate(j, start, len);
    for (Block *b; (b = blockmap_overlapping(&j->blocks, start, len));) {
        b = b->region ? b->region : b;
        blockmap_remove(&j->blocks, b);
        for (uint32_t i = 0; i < b->nanchors; i++) {
            blockmap_remove(&j->blocks, &b->anchors[i]);
        }
        if (b->code) {
            stale |= !unlink_incoming(j, b);
            unlink_outgoing(b);
            jit_forget_block(j, b);
        }
        if (b->uops) {
            retire_uops(j, b);
        }
        j->ended.blocks_invalidated++;
        j->dead_bytes +=
            b->host_len + b->cold_len + b->faultmap_len + sizeof *b + b->nlinks * sizeof *b->links;
        dropped = true;
    }
    if (j->code.rx && j->dead_bytes > DEAD_BYTES_MOST &&
        j->dead_bytes > (uint64_t)j->blocks.count * DEAD_BYTES_PER_BLOCK) {
        (void)jit_empty_arena(j);
    }
    if (stale && jit_empty_arena(j) != 0) {
        abort(); /* no memory for that: old code would be run */
    }
    if (dropped) {
        j->ended.invalidations++;
        for (JitThread *t = j->threads; t; t = t->next) {
            if (__atomic_load_n(&t->cpu->loop.epoch, __ATOMIC_ACQUIRE) != JIT_OUTSIDE) {
                jit_interrupt(t->cpu);
            }
        }
    }
    pthread_mutex_unlock(&j->lock);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void leave_interp(JitThread *t)
{
    t->stats.faults++;
    __builtin_longjmp(t->fault_jmp, 1);
}

/* As if the faulting code had called leave_interp(t): the stack below the red zone, aligned as at a
 * function's entry. */
static void call_instead(ucontext_t *uc, JitThread *t)
{
    uintptr_t sp = ((uintptr_t)uc->uc_mcontext.gregs[REG_RSP] - 256) & ~(uintptr_t)15;
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(sp - 8);
    uc->uc_mcontext.gregs[REG_RDI] = (greg_t)(uintptr_t)t;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)leave_interp;
}

static Block *block_in(const CodeBuf *cb, uintptr_t host_pc, Block *room)
{
    Block *b = codebuf_find(cb, host_pc);
    const CodeChunk *c = b ? NULL : codebuf_chunk_at(cb, host_pc);
    return c && keep_fault_block(c, host_pc, room) ? room : b;
}

Block *jit_block_of_code(const Jit *j, uintptr_t host_pc, Block *room)
{
    Block *b = block_in(&j->code, host_pc, room);
    for (const Retired *r = __atomic_load_n(&j->retired, __ATOMIC_ACQUIRE); !b && r; r = r->next) {
        b = block_in(&r->code, host_pc, room);
    }
    return b;
}

bool jit_handle_fault(Cpu *cpu, void *ucontext, GuestAddr *guest_pc)
{
    JitThread *t = cpu->jit;
    if (!t) {
        return false;
    }
    ucontext_t *uc = ucontext;
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    Block room, *b;
    bool ok;
    if (t->in_guest_c) {
        call_instead(uc, t);
        ok = true;
    } else if ((b = jit_block_of_code(t->jit, pc, &room)) != NULL) {
        ok = template_fault(t, b, uc);
    } else {
        ok = t->jit->options.tiers & JIT_TIERS_NATIVE && template_fault_in_c(t, uc);
    }
    if (ok) {
        *guest_pc = cpu->pc;
    }
    return ok;
}

bool jit_handle_fp(Cpu *cpu, void *ucontext)
{
    return cpu->jit && template_fp_trap(cpu, ucontext);
}

bool jit_is_code(const Jit *j, uintptr_t host_pc)
{
    bool in = j->code.rx && codebuf_contains(&j->code, host_pc);
    for (const Retired *r = __atomic_load_n(&j->retired, __ATOMIC_ACQUIRE); !in && r; r = r->next) {
        in = codebuf_contains(&r->code, host_pc);
    }
    return in;
}

bool jit_own_range(const Jit *j, unsigned n, uintptr_t *start, size_t *len)
{
    if (!j->code.rx || n > 1) {
        return false;
    }
    *start = (uintptr_t)j->code.rx + (n ? (uintptr_t)j->code.rw_delta : 0);
    *len = j->code.size;
    return true;
}
