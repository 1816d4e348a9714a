/* trace.c - noting what a thread executes, by the interpreter. */
#include "jit/trace.h"

#include <stdlib.h>

static TraceHow how_left(const UopBlock *ub, GuestAddr next)
{
    const Uop *last = &ub->uops[ub->count - 1];
    for (const Uop *u = ub->uops; u <= last; u++) {
        if (uop_is_direct_jump(u) && u->imm64 == next) {
            return TRACE_JUMP;
        }
    }
    if (last->op != UOP_EXIT) {
        return TRACE_OTHER;
    }
    if (last->sub == UOP_EXIT_RET) {
        return TRACE_RETURN;
    }
    bool direct = last->a == VAL_NONE && last->imm64 == next;
    return direct && last->sub == UOP_EXIT_CALL ? TRACE_CALL : TRACE_OTHER;
}

/* Of the block at the thread's pc; NULL: no memory. */
static UopBlock *uops_here(JitThread *t, UopCache *c)
{
    UopBlock *ub = uopcache_find(c, t, t->cpu->pc, t->cpu->mode);
    if (ub && c->drops == __atomic_load_n(&t->jit->ndrops, __ATOMIC_ACQUIRE)) {
        return ub;
    }
    if (!jit_build_some(t)) {
        return NULL;
    }
    UopBlock *copy = ub ? NULL : jit_copy_uops(&t->uops);
    if (copy && !uopcache_put(c, t, copy)) {
        uop_block_free(copy);
        free(copy);
    }
    return &t->uops;
}

CpuExit trace_record(JitThread *t, Trace *tr, UopCache *kept, uint32_t most)
{
    Cpu *cpu = t->cpu;
    CpuExit r = CPU_EXIT_NONE;
    most = most < TRACE_STEPS ? most : TRACE_STEPS;
    if (tr->mode != cpu->mode) {
        tr->n = 0;
        tr->mode = cpu->mode;
    }
    while (r == CPU_EXIT_NONE && tr->n < most && cpu->mode == tr->mode &&
           !__atomic_load_n((uint32_t *)&cpu->interrupt, __ATOMIC_RELAXED)) {
        GuestAddr pc = cpu->pc;
        jit_interrupt_critical(t);
        UopBlock *ub = uops_here(t, kept);
        if (!ub) {
            break;
        }
        Block b = {.pc = pc, .mode = cpu->mode, .uops = ub};
        r = jit_run_interp(t, &b);
        tr->steps[tr->n++] = (TraceStep){.pc = pc,
                                         .len = (uint16_t)ub->guest_len,
                                         .ninsns = (uint8_t)ub->ninsns,
                                         .how = (uint8_t)how_left(ub, cpu->pc)};
        tr->next = cpu->pc;
    }
    return r;
}
