/* template.c - tier 1 as jit.c drives it (../template.h): entering and leaving translated code,
 * patching exits, faults. */
#include "jit/template/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "jit/keep.h"
#include "jit/quick.h"
#include "jit/settle.h"
#include "jit/template/x86_64/snippets.h"
#include "jit/template/x86_64/template.h"
#include "jit/tier.h"
#include "jit/tsan.h"

int template_create(Jit *jit)
{
    TemplateShared *s = calloc(1, sizeof *s);

    if (!s)
        return -ENOMEM;
    jit->tpl = s;
    emit_create_tables(s, jit->frontend);
    return stubs_emit(jit, &jit->code);
}

void template_destroy(Jit *jit)
{
    free(jit->tpl);
    jit->tpl = NULL;
}

int template_arena(Jit *jit, CodeBuf *code)
{
    return stubs_emit(jit, code);
}

/* They refer to each other by distance, and to C routines by address. */
void template_stubs(Jit *jit, CodeChunk *c, GuestAddr base_of_file)
{
    const TemplateShared *s = jit->tpl;
    uint8_t *base = codebuf_rw(&jit->code, (uintptr_t)jit->code.rx);

    memcpy(base + c->start, base, s->stubs_end);
    memcpy(base + c->start + s->file_base, &base_of_file, sizeof base_of_file);
    c->stubs = true;
    if (c->next == c->start)
        c->next = c->start + ((s->file_base + (uint32_t)sizeof base_of_file + 63u) & ~63u);
}

int template_thread_start(JitThread *t)
{
    _Static_assert(sizeof(TemplateThread) <= sizeof t->tpl_room, "JitThread");
    t->tpl = t->tpl_room;
    return 0;
}

int template_prepare(JitThread *t)
{
    TemplateThread *tt = t->tpl;

    tt->emit = emit_new();
    if (tt->emit && t->jit->options.quick)
        tt->snippets = snippets_new(t->jit); /* without them there are no quick blocks */
    return tt->emit ? 0 : -ENOMEM;
}

void template_thread_end(JitThread *t)
{
    TemplateThread *tt = t->tpl;

    emit_free(tt->emit);
    snippets_free(tt->snippets);
    t->tpl = NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

static void fill_ibtc(Cpu *cpu, const Block *b)
{
    uint32_t slot = (uint32_t)(b->pc >> cpu->frontend->insn_shift) & (CPU_IBTC_SIZE - 1);
    GuestAddr there = __atomic_load_n(&cpu->ibtc[slot].pc, __ATOMIC_RELAXED);
    bool same_address = ((there ^ b->pc) & cpu->frontend->pc_mask) == 0;
    IbtcEntry *e = &cpu->ibtc[same_address && there != b->pc ? slot ^ CPU_IBTC_OTHER : slot];

    __atomic_store_n(&e->pc, JIT_NO_PC, __ATOMIC_RELAXED);
    __atomic_store_n(&e->code, b->code, __ATOMIC_RELEASE);
    __atomic_store_n(&e->pc, b->pc, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(
            &b->dead,
            __ATOMIC_SEQ_CST)) /* dropped meanwhile, perhaps after the dropper looked here */
        __atomic_store_n(&e->pc, JIT_NO_PC, __ATOMIC_RELEASE);
}

/* The exit that the tag at the return address names; NULL if none, or if its code isn't to be
 * linked any more: then *target is where it leads all the same. */
static Link *tagged_link(Jit *jit, uintptr_t return_address, GuestAddr *target)
{
    uint32_t tag;

    memcpy(&tag, (const void *)return_address, sizeof tag);
    unsigned n = tag >> TAG_LINK_SHIFT;
    if (n == TAG_NO_LINK)
        return NULL;
    uintptr_t cold = return_address - (tag & ((1u << TAG_LINK_SHIFT) - 1));
    uint64_t word = __atomic_load_n((const uint64_t *)(const void *)cold, __ATOMIC_ACQUIRE);
    if (keep_is_mark(word))
        return keep_link(jit, cold, word, n, target);
    Link *l = &((Block *)(uintptr_t)word)->links[n];
    *target = __atomic_load_n(&l->target, __ATOMIC_RELAXED);
    return l;
}

CpuExit template_run(Cpu *cpu, Block *b, Link **link)
{
    JitThread *t = jit_thread(cpu);
    TemplateThread *tt = t->tpl;
    Jit *j = t->jit;
    const TemplateShared *s = j->tpl;

    if (tt->mode != cpu->mode) {
        if (tt->filled) /* else they are as the kernel gave them: no need to touch their pages */
            jit_forget_targets(cpu);
        tt->mode = cpu->mode;
    }
    if (!tt->filled)
        tt->filled = true;
    if (tt->fill) {
        if (!j->options.count_insns)
            fill_ibtc(cpu, b);
        tt->fill = false;
    }
    uint32_t (*enter)(Cpu *, uintptr_t) =
        (uint32_t(*)(Cpu *, uintptr_t))((uintptr_t)b->arena + s->stubs[STUB_ENTER]);
    cpu->loop.in_code = true;
    uint32_t reason = enter(cpu, b->code);
    JIT_RAN_CODE(j);
    cpu->loop.in_code = false;
    cpu_settle_flags(cpu, j->frontend->flags_offset);
    if (reason == TEMPLATE_LINK) {
        Link *l = tagged_link(j, cpu->exit_arg, &cpu->pc);
        *link = l && __atomic_load_n(&l->to, __ATOMIC_RELAXED) ? NULL : l;
        t->stats.exits_link++;
        if (cpu->polls_left <= 0) { /* (polls.c) */
            CpuExit r = tier_hot(t, cpu->pc);
            quick_met(t, cpu->pc);
            *link = NULL; /* its block may be gone */
            return r;
        }
        return CPU_EXIT_NONE;
    }
    if (reason == TEMPLATE_MISS) {
        GuestAddr unused;
        Link *l = tagged_link(j, cpu->exit_arg, &unused);
        t->stats.ibtc_misses++;
        tt->fill = true;
        if (l && !__atomic_load_n(&l->to, __ATOMIC_RELAXED))
            *link = l;
        return CPU_EXIT_NONE;
    }
    if (reason == TEMPLATE_HOT) {
        t->stats.exits_hot++;
        if (cpu->quick_left < 0) {
            quick_hot(t, cpu->pc);
        } else {
            CpuExit r = tier_hot(t, cpu->pc);
            quick_met(t, cpu->pc);
            return r;
        }
        return CPU_EXIT_NONE;
    }
    if (reason == TEMPLATE_HOT_AT) {
        t->stats.exits_hot++;
        if (settle_wants(t, cpu->pc)) {
            GuestAddr unused;
            settle_exit(t, tagged_link(j, cpu->exit_arg, &unused));
        }
        CpuExit r = tier_hot(t, cpu->pc);
        quick_met(t, cpu->pc);
        return r;
    }
    if (reason == TEMPLATE_MISS_T2) {
        t->stats.ibtc_misses++;
        tt->fill = true;
        return CPU_EXIT_NONE;
    }
    return (CpuExit)reason;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* A jump to the block behind it costs a taken branch each time, and the host's predictor a place.
 * So its opcode becomes that of a move of its displacement to a register that is free between
 * blocks: code runs on, through what pads the end of the block. The displacement stays right, so
 * either opcode may be met at any time. */
enum { JUMP = 0xe9, MOVE = 0xb8, MOST_PAD = 15 };

void template_pad(uint8_t *at, uint32_t len)
{
    Asm a = {.p = at};

    asm_nop(&a, len);
}

/* What a block's exit has before its displacement tells the two from all others: those have a
 * condition (0x80 to 0x8f) or the operand of a LEA there. */
static bool is_jump(const uint8_t *site)
{
    return site[-5] == JUMP || site[-5] == MOVE;
}

static bool runs_on(const uint8_t *site, uint32_t rel)
{
    uint8_t pad[MOST_PAD + 1];

    if (rel > MOST_PAD || !is_jump(site))
        return false;
    template_pad(pad, rel);
    return !memcmp(site, pad, rel);
}

void template_point_at(uint8_t *site, uint32_t rel, bool first)
{
    memcpy(site - 4, &rel, sizeof rel);
    if (!first && runs_on(site, rel))
        site[-5] = MOVE;
}

void template_plain(uint8_t *site)
{
    if (is_jump(site))
        site[-5] = JUMP;
}

bool template_point(Jit *jit, uint32_t site, uint32_t target)
{
    uint32_t rel = target - site;
    uint8_t *at = codebuf_rw(&jit->code, (uintptr_t)jit->code.rx) + site;

    if (!codebuf_patchable(&jit->code, site - 5, 5))
        return false;

    /* One store within a cache line (emit_pad_patchable): other threads fetch the old or the new
     * displacement. */
    typedef volatile uint32_t __attribute__((aligned(1), may_alias)) Displacement;
    bool jump = is_jump(at), on = runs_on(at, rel);
    JIT_PUBLISHED(jit);
    if (jump && !on)
        __atomic_store_n(at - 5, JUMP, __ATOMIC_RELEASE);
    *(Displacement *)(void *)(at - 4) = rel;
    if (on)
        __atomic_store_n(at - 5, MOVE, __ATOMIC_RELEASE);
    return true;
}

static bool set_cache(Jit *jit, const Link *link, GuestAddr pc)
{
    uint8_t *at = codebuf_rw(&jit->code, (uintptr_t)jit->code.rx) + link->cache;

    if (!codebuf_patchable(&jit->code, link->cache, sizeof pc))
        return false;
    __atomic_store_n((uint64_t *)(void *)at, pc, __ATOMIC_SEQ_CST);
    return true;
}

void template_link(Jit *jit, Link *link, const Block *to)
{
    if (!codebuf_contains(&jit->code, to->code) || link->from->arena != jit->code.rx)
        return;
    if (link->kind == LINK_CACHE)
        __atomic_store_n(&link->target, to->pc, __ATOMIC_RELAXED);
    if (template_point(jit, link->site, (uint32_t)(to->code - (uintptr_t)jit->code.rx)) &&
        link->kind == LINK_CACHE)
        (void)set_cache(jit, link, to->pc);
    settle_link(jit, link, to);
}

bool template_unlink(Jit *jit, Link *link)
{
    if (link->from->arena != jit->code.rx)
        return true;
    settle_link(jit, link, NULL);
    return (link->kind != LINK_CACHE || set_cache(jit, link, JIT_NO_PC)) &&
           template_point(jit, link->site, link->stub);
}

/* ---- faults ---------------------------------------------------------------------------------- */

const uint8_t template_greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                      REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                      REG_R12, REG_R13, REG_R14, REG_R15};

static bool guest_pc_of(Cpu *cpu, const Block *b, uintptr_t host_pc)
{
    uint32_t off = host_pc - b->code < b->host_len ? (uint32_t)(host_pc - b->code)
                                                   : (uint32_t)(host_pc - b->cold) + b->host_len;
    int64_t guest;

    if (b->tier2 || !faultmap_find(b->faultmap, b->faultmap_len, off, &guest))
        return false;
    cpu->pc = b->pc + (uint64_t)guest;
    return true;
}

static void leave_by(JitThread *t, ucontext_t *uc)
{
    const TemplateShared *s = t->jit->tpl;

    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)t->cpu->host_sp;
    uc->uc_mcontext.gregs[REG_RIP] =
        (greg_t)((uintptr_t)t->jit->code.rx + s->stubs[STUB_LEAVE_FAULT]);
    t->stats.faults++;
}

bool template_fault(JitThread *t, Block *b, void *ucontext)
{
    ucontext_t *uc = ucontext;
    Cpu *cpu = t->cpu;
    const Frontend *f = t->jit->frontend;

    if (b->tier2) {
        /* Without precise mode nobody looks at the registers: the fault is deadly. */
        if (b->mode & CPU_MODE_PRECISE)
            tier2_fault(cpu, b, uc);
        else
            cpu->pc = b->pc;
        leave_by(t, uc);
        return true;
    }
    if (!guest_pc_of(cpu, b, (uintptr_t)uc->uc_mcontext.gregs[REG_RIP]))
        return false;
    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++)
        memcpy((uint8_t *)cpu + f->int_pins[k],
               &uc->uc_mcontext.gregs[template_greg_of[conv_int_pins[k]]], 8);
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++)
        memcpy((uint8_t *)cpu + f->vec_pins[k], &uc->uc_mcontext.fpregs->_xmm[k], 16);
    leave_by(t, uc);
    return true;
}

/* The call from translated code left its return address right below the stack pointer that
 * translated code runs with. */
bool template_fault_in_c(JitThread *t, void *ucontext)
{
    TemplateThread *tt = t->tpl;

    if (!tt || !t->cpu->loop.in_code)
        return false;
    uintptr_t back = ((const uintptr_t *)t->cpu->host_sp)[-1];
    Block room, *b = jit_block_of_code(t->jit, back - 1, &room);
    if (!b || !guest_pc_of(t->cpu, b, back - 1))
        return false;
    leave_by(t, ucontext);
    return true;
}
