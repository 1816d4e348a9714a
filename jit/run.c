/* run.c - the loop that finds blocks, links them and runs them; what is interpreted: blocks that a
 * child of fork meets first, those that there's no memory to translate, single steps.
 */
#include "jit/jit.h"

#include <string.h>

#include "jit/dump.h"
#include "jit/internal.h"
#include "jit/interp/interp.h"
#include "jit/keep.h"
#include "jit/samples.h"
#include "jit/stress.h"
#include "jit/template/template.h"

static void link_exit(JitThread *t, Link *link, Block *to)
{
    Jit *j = t->jit;
    jit_interrupt_critical(t);
    pthread_mutex_lock(&j->lock);
    /* An inline cache is for one target in its life: a thread may stand between its comparison and
     * its jump. */
    bool fits = link->kind != LINK_CACHE || link->target == 0 || link->target == to->pc;
    if (fits && !link->to && !to->dead && !link->from->dead && jit_may_link(j) &&
        link->from->arena == j->code.rx && codebuf_worth_patching(&j->code, link->site)) {
        jit_link(j, link, to);
    }
    pthread_mutex_unlock(&j->lock);
}

CpuExit jit_run_interp(JitThread *t, const Block *b)
{
    t->stats.interp_blocks++;
    CpuExit r = CPU_EXIT_FAULT;
    if (__builtin_setjmp(t->fault_jmp) == 0) {
        t->in_guest_c = true;
        r = interp_run_block(t->cpu, b->uops);
    }
    t->in_guest_c = false;
    return r;
}

CpuExit jit_run_built(JitThread *t)
{
    Block b = {.pc = t->cpu->pc, .mode = t->cpu->mode, .uops = &t->uops};
    return jit_run_interp(t, &b);
}

bool jit_build_some(JitThread *t)
{
    uint32_t n = t->jit->options.one_insn_per_block ? 1 : JIT_MAX_INSNS;
    do {
        jit_build_uops(t, t->cpu->pc, t->cpu->mode, n);
    } while (t->uops.error && (n /= 2));
    return !t->uops.error;
}

/* Interprets the block at pc if it isn't translated. */
static bool interpret_new(JitThread *t, CpuExit *r)
{
    Cpu *cpu = t->cpu;
    if (blockmap_find(&t->jit->blocks, cpu->pc, cpu->mode)) {
        return false;
    }
    jit_fork_wish(t->jit, cpu->pc, cpu->mode);
    if (!jit_can_translate(t)) {
        return false;
    }
    keep_enter(t, cpu->pc);
    if (keep_find(t, cpu->pc, cpu->mode, false)) {
        return false;
    }
    t->cpu->loop.interpret--;
    jit_interrupt_critical(t);
    if (!jit_build_some(t)) {
        *r = CPU_EXIT_NO_MEMORY;
        return true;
    }
    *r = jit_run_built(t);
    return true;
}

/* Interprets the block at pc in memory that all threads share. */
static CpuExit run_poor(JitThread *t)
{
    Jit *j = t->jit;
    CpuExit r = CPU_EXIT_NO_MEMORY;
    jit_interrupt_critical(t);
    pthread_mutex_lock(&j->poor_lock);
    t->uops = j->poor;
    if (t->uops.cap && jit_build_some(t)) {
        r = jit_run_built(t);
    }
    j->poor = t->uops;
    memset(&t->uops, 0, sizeof t->uops);
    pthread_mutex_unlock(&j->poor_lock);
    return r;
}

/* The block at pc was neither found nor made. If the arena was emptied, or its bytes changed
 * meanwhile, the next attempt makes it; where there is no memory (a limit on address space) what
 * isn't translated is interpreted, which needs none, and some blocks later memory is asked for
 * again. */
static CpuExit go_without(JitThread *t, uint64_t generation)
{
    enum { INTERPRETED = 16 };
    if (!jit_can_translate(t)) {
        return run_poor(t);
    }
    if (generation == t->generation && t->cpu->loop.interpret < INTERPRETED) {
        t->cpu->loop.interpret = INTERPRETED;
    }
    return CPU_EXIT_NONE;
}

static void count_exit(JitStats *s, CpuExit r)
{
    s->exits_syscall += r == CPU_EXIT_SYSCALL;
    s->exits_trap += r == CPU_EXIT_TRAP;
    s->exits_interrupt += r == CPU_EXIT_INTERRUPT;
    s->exits_fault += r == CPU_EXIT_FAULT;
}

CpuExit jit_run(Cpu *cpu)
{
    JitThread *t = cpu->jit;
    Jit *j = t->jit;
    bool templ = j->options.tiers & JIT_TIERS_NATIVE;
    Link *link = NULL;
    CpuExit r = CPU_EXIT_NONE;
    if (j->options.time_translation && !t->sampling) {
        samples_start(t);
    }
    while (r == CPU_EXIT_NONE) {
        samples_look(t);
        if (j->options.stress) {
            stress_loop(t);
        }
        cpu->loop.dispatches++;
        uint64_t generation = t->generation;
        jit_enter(t);
        if (generation != t->generation) {
            link = NULL; /* it went with its block */
        }
        if (__atomic_load_n((uint32_t *)&cpu->interrupt, __ATOMIC_RELAXED)) {
            __atomic_store_n((uint32_t *)&cpu->interrupt, 0, __ATOMIC_SEQ_CST);
            r = CPU_EXIT_INTERRUPT;
            break;
        }
        generation = t->generation;
        if (t->cpu->loop.interpret && interpret_new(t, &r)) {
            link = NULL;
            continue;
        }
        Block *b = jit_block(t, cpu->pc, cpu->mode);
        if (!b) {
            link = NULL;
            r = go_without(t, generation);
            continue;
        }
        if (j->options.count_insns) {
            b->counter++;
            t->stats.insns_run += b->ninsns;
            t->stats.insns_ahead += b->ahead ? b->ninsns : 0;
            link = NULL;
        }
        if (link && generation == t->generation && !(j->options.stress && stress_unlinked(t))) {
            link_exit(t, link, b);
            t->stats.links++;
        }
        link = NULL;
        if (j->options.dump & (JIT_DUMP_EXEC | JIT_DUMP_CPU)) {
            jit_dump_exec(j, cpu, b);
        }
        r = templ ? template_run(cpu, b, &link) : jit_run_interp(t, b);
    }
    cpu->exit_reason = r;
    count_exit(&t->stats, r);
    jit_leave(t);
    if (__atomic_load_n(&j->retired, __ATOMIC_RELAXED)) {
        jit_free_retired(j);
    }
    return r;
}

CpuExit jit_step(Cpu *cpu)
{
    JitThread *t = cpu->jit;
    if (jit_can_translate(t)) {
        jit_build_uops(t, cpu->pc, cpu->mode, 1);
    }
    if (!t->can_translate || t->uops.error) {
        return cpu->exit_reason = CPU_EXIT_NO_MEMORY;
    }
    CpuExit r = jit_run_built(t);
    return cpu->exit_reason = r == CPU_EXIT_NONE ? CPU_EXIT_INTERRUPT : r;
}
