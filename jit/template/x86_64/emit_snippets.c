/* emit_snippets.c - quick blocks (jit/quick.h): making snippets, and putting blocks together of
 * them.
 *
 * A snippet can be copied to any place: it has no part out of line, no data, no call of a stub.
 * Instructions for which that isn't so are emitted where they are wanted, each time anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/keep.h"
#include "jit/quick.h"
#include "jit/template/x86_64/emit_ops.h"
#include "jit/template/x86_64/snippets.h"
#include "jit/template/x86_64/template.h"

enum { HOLE = 0x5a5a5a00, HOLE_SPAN = 32 };

/* ---- one instruction ------------------------------------------------------------------------- */

/* What Emit had before an instruction: a snippet adds to none of it. */
typedef struct Before {
    uint8_t *p;
    uint8_t *cold_next;
    uint32_t ncold, nlinks, nrelocs, nconsts;
    FaultMap faults;
} Before;

static Before before(Emit *e)
{
    e->placed = false;
    return (Before){e->a.p, e->cold_next, e->ncold, e->nlinks, e->nrelocs, e->nconsts, e->faults};
}

static void rewind_to(Emit *e, const Before *b)
{
    e->a.p = b->p;
    e->ncold = b->ncold;
    memset(e->links + b->nlinks, 0, sizeof *e->links * (e->nlinks - b->nlinks));
    e->nlinks = b->nlinks;
    e->nrelocs = b->nrelocs;
    e->faults = b->faults;
    e->cold_next = b->cold_next;
    e->nconsts = b->nconsts;
    e->marked_insn = UINT32_MAX;
}

static unsigned flags_in(const UopBlock *ub)
{
    unsigned flags = 0;

    for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++)
        flags |= u->op == UOP_GETFLAGS   ? SNIPPET_READS_FLAGS
                 : u->op == UOP_PUTFLAGS ? SNIPPET_WRITES_FLAGS
                                         : 0;
    return flags;
}

/* Snippets that read flags take them for bytes, and that is what snippets leave. */
static inline void settle_flags(Emit *e, unsigned flags)
{
    if (!flags || e->settled)
        return;
    e->settled = true;
    if (flags & SNIPPET_READS_FLAGS) {
        e->u = NULL;
        emit_settle_flags(e, e->jit->frontend->flags_offset);
    }
}

/* What was emitted since serves all instructions of that shape, if it can. */
static Snippet *remember(Emit *e, Snippets *s, const InsnShape *shape, const Before *b, Cond c)
{
    uint32_t len = (uint32_t)(e->a.p - b->p), relocs = shape->kind == INSN_ADDRESS;

    if (e->failed || e->placed || e->ncold != b->ncold || e->nlinks != b->nlinks ||
        e->nrelocs != b->nrelocs + relocs || len > SNIPPET_LONGEST || e->mode >= SNIPPET_NO_MODE)
        return NULL;
    Snippet *snippet = snippets_add(s, shape->key, e->mode, len);
    if (!snippet)
        return NULL;
    snippet->mode = (uint16_t)e->mode;
    snippet->len = (uint8_t)len;
    snippet->hole = relocs ? (uint8_t)(e->relocs[b->nrelocs] - emit_arena_off(e, b->p)) : 0;
    snippet->cond_kind = c.kind;
    snippet->cc = c.cc;
    snippet->nholes = 0;
    snippet->flags = (uint8_t)flags_in(e->ub);
    snippet->holes[0] = (uint8_t)len; /* one is always filled */
    memcpy(snippet->code, b->p, len);
    return snippet;
}

/* ---- holes ----------------------------------------------------------------------------------- */

/* Where the varying number is in the micro-ops of the example, a number takes its place that won't
 * be in host code otherwise. Returns how often. */
static unsigned mark_holes(UopBlock *ub, int32_t number)
{
    unsigned n = 0;

    for (Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
        uint32_t more = (uint32_t)u->imm - (uint32_t)number;
        bool is_negative = u->imm == -number; /* a sum in place of a difference */
        switch (u->op) {
        case UOP_CONST:
            if (u->imm64 == (uint64_t)(int64_t)number) {
                u->imm64 = HOLE;
                n++;
            }
            break;
        case UOP_ADD:
        case UOP_SUB:
        case UOP_FLAGS:
            if (u->b != VAL_NONE)
                break;
            if (is_negative) {
                u->imm = -HOLE;
                n++;
                break;
            }
            /* fallthrough */
        case UOP_LOAD:
        case UOP_STORE:
            if (more < HOLE_SPAN) {
                u->imm = HOLE + (int32_t)more;
                n++;
            }
            break;
        default: break;
        }
    }
    return n;
}

/* Finds them again. Each micro-op must have become one, or all have been left out that aren't
 * found; false: they can't be told. */
static bool find_holes(Snippet *s, unsigned wanted, uint32_t number)
{
    enum { NEVER_IN_CODE = 0x700 }; /* no offset of a guest register in struct Cpu */

    for (unsigned k = 0; k + 4 <= s->len; k++) {
        uint32_t v;
        memcpy(&v, s->code + k, 4);
        bool plain = v - HOLE < HOLE_SPAN, negative = -v - HOLE < HOLE_SPAN;
        if (number >= NEVER_IN_CODE && (v - number < HOLE_SPAN || -v - number < HOLE_SPAN))
            return false; /* it's in a micro-op that mark_holes doesn't know of */
        if (!plain && !negative)
            continue;
        if (s->nholes == SNIPPET_MOST_HOLES)
            return false;
        s->holes[s->nholes++] = (uint8_t)(k | (negative ? SNIPPET_NEGATIVE : 0));
        k += 3;
    }
    return s->nholes == wanted;
}

/* In a copy of s. (What was copied is read where it comes from: what has just been written there
 * by other widths would have to reach the cache first, and all that was written before.) */
static inline void fill_hole(uint8_t *code, const Snippet *s, unsigned hole, int32_t number)
{
    unsigned at = hole & ~(unsigned)SNIPPET_NEGATIVE;
    uint32_t v, sign = -(hole >> 7), more = (uint32_t)number - HOLE;

    memcpy(&v, s->code + at, 4);
    v += (more ^ sign) - sign;
    memcpy(code + at, &v, 4);
}

/* Each instruction has an entry, whether it may fault or not: that is known without looking. */
static inline void mark_insn(Emit *e, const uint8_t *p)
{
    FaultMap *m = &e->faults;
    uint32_t host = (uint32_t)(p - e->entry), more = host - m->last_host;
    int64_t guest = (int64_t)e->insn_off - m->last_guest;

    if (__builtin_expect((more | (uint64_t)guest * 2) >= 0x80, 0)) {
        e->failed |= !faultmap_add(m, host, e->insn_off);
        return;
    }
    uint16_t entry = (uint16_t)(more | (uint32_t)guest << 9); /* as faultmap_add does it */
    memcpy(m->bytes + m->len, &entry, 2);
    m->len += 2;
    m->last_host = host;
    m->last_guest = (int64_t)e->insn_off;
}

static void copy(Emit *e, const Snippet *s, const InsnShape *shape)
{
    uint8_t *p = e->a.p;

    memcpy(p, s->code, SNIPPET_READ); /* nearly always that's all */
    for (unsigned k = SNIPPET_READ; k < s->len; k += 16)
        memcpy(p + k, s->code + k, 16);
    fill_hole(p, s, s->holes[0], shape->imm); /* behind the code if there's none */
    for (unsigned k = 1; k < s->nholes; k++)
        fill_hole(p, s, s->holes[k], shape->imm);
    mark_insn(e, p);
    if (shape->kind == INSN_ADDRESS) {
        memcpy(p + s->hole, &shape->target, 8);
        if (e->relocatable && e->nrelocs < EMIT_MAX_RELOCS)
            e->relocs[e->nrelocs++] = emit_arena_off(e, p + s->hole);
        else
            e->failed |= e->relocatable;
    }
    e->a.p = p + s->len;
}

/* The micro-ops that parts out of line refer to won't stay. */
static void keep_uops(Emit *e, uint32_t first)
{
    for (uint32_t k = first; k < e->ncold; k++) {
        if (k >= EMIT_MAX_KEPT || !e->cold[k].u) {
            e->failed |= e->cold[k].u != NULL;
            continue;
        }
        e->kept[k] = *e->cold[k].u;
        e->cold[k].u = &e->kept[k];
    }
}

static bool falls_through(const UopBlock *ub, const Uop *last)
{
    return last->op == UOP_EXIT && last->sub == UOP_EXIT_JUMP && last->a == VAL_NONE &&
           last->imm64 == ub->pc + ub->guest_len;
}

/* The snippet of an instruction that has a varying number: it is made of the example. False: it
 * can't be; nothing was emitted then. */
static bool make_varying(Emit *e, TranslateRequest *req, GuestAddr pc, const InsnShape *shape)
{
    JitThread *t = e->t;
    TranslateRequest of = *req;
    uint8_t example[16];
    int32_t number = t->jit->frontend->shape_example(shape, example);
    FetchRun run = {.bytes = example, .pc = pc, .len = shape->len, .guarded = req->run->guarded};
    Before b = before(e);
    const UopBlock *ub = &t->uops;
    Snippet *s = NULL;

    of.run = &run;
    quick_uops(t, &of, pc);
    const Uop *last = &ub->uops[ub->count - 1];
    unsigned holes = mark_holes(&t->uops, number);
    if (holes && falls_through(ub, last)) {
        emit_uops(e, ub, last);
        s = remember(e, ((TemplateThread *)t->tpl)->snippets, shape, &b, (Cond){COND_NEVER, 0});
    }
    ra_begin_block(e);
    if (s && find_holes(s, holes, (uint32_t)number)) {
        for (unsigned k = 0; k < s->nholes; k++)
            fill_hole(b.p, s, s->holes[k], shape->imm);
        e->settled |= s->flags != 0; /* none of these reads flags */
        e->u = NULL;
        return true;
    }
    if (s)
        s->mode = SNIPPET_NO_MODE;
    e->failed = false;
    rewind_to(e, &b);
    return false;
}

enum { MOST_LINKS = 2 }; /* two branches, as a rule */

/* A conditional branch. What follows is mostly run as well, so the block goes on behind its first
 * ones: beginning another costs as much as six instructions. True: it ends here. */
static bool branch(Emit *e, Cond c, const InsnShape *shape, GuestAddr pc)
{
    emit_branch_if(e, c, shape->target);
    if (e->nlinks <= MOST_LINKS)
        return false;
    emit_go_to(e, pc + shape->len);
    return true;
}

/* The instruction by the general way. True: it ends the block. */
static bool make(Emit *e, TranslateRequest *req, GuestAddr pc, const InsnShape *shape)
{
    JitThread *t = e->t;
    Snippets *s = ((TemplateThread *)t->tpl)->snippets;
    Cond none = {COND_NEVER, 0};

    t->stats.snippets++;
    if (shape && shape->varies && make_varying(e, req, pc, shape))
        return false;
    quick_uops(t, req, pc);
    const UopBlock *ub = &t->uops;
    const Uop *last = &ub->uops[ub->count - 1];
    settle_flags(e, flags_in(ub));
    Before b = before(e);
    bool goes_on = falls_through(ub, last), ends = !goes_on;

    if (shape && shape->kind == INSN_BRANCH && goes_on && ub->count > 1 &&
        last[-1].op == UOP_EXIT_IF && last[-1].sub == UOP_EXIT_JUMP) {
        emit_uops(e, ub, last - 1);
        e->u = last - 1;
        e->i = (uint32_t)(e->u - ub->uops);
        Cond c = emit_bool(e, e->u->a);
        (void)remember(e, s, shape, &b, c);
        ra_begin_block(e);
        ends = branch(e, c, shape, pc);
    } else if (goes_on) {
        bool relocatable = e->relocatable;
        e->relocatable |=
            shape && shape->kind == INSN_ADDRESS; /* in its long form, whose place is known */
        emit_uops(e, ub, last);
        e->relocatable = relocatable;
        if (shape && shape->kind <= INSN_ADDRESS && !shape->varies)
            (void)remember(e, s, shape, &b, none);
    } else {
        emit_uops(e, ub, last + 1);
    }
    keep_uops(e, b.ncold);
    ra_begin_block(e);
    e->u = NULL;
    return ends;
}

/* ---- exits ----------------------------------------------------------------------------------- */

static void set_link(Emit *e, const InsnShape *shape, GuestAddr back)
{
    unsigned pin = e->int_pin_at[shape->link / 8];

    if (pin) {
        emit_mov_guest(e, conv_int_pins[pin - 1], back);
        e->pin_const = back;
        e->pin_const_insn = e->insn_off;
        e->pin_const_reg = conv_int_pins[pin - 1];
    } else {
        emit_mov_guest(e, HR_RAX, back);
        asm_mov_mr(&e->a, 3, asm_cpu(shape->link), HR_RAX);
    }
}

static void call(Emit *e, const InsnShape *shape, GuestAddr back)
{
    set_link(e, shape, back);
    emit_call_to(e, shape->target);
}

/* As the branch leaves it in Cpu.pc. */
static unsigned value_to_go_to(Emit *e, const InsnShape *shape)
{
    unsigned pin = e->int_pin_at[shape->reg / 8], r,
             spare = (unsigned)__builtin_clzll(e->jit->frontend->pc_mask);
    bool stays = shape->kind == INSN_JUMP_TO || shape->reg != shape->link;

    if (pin && !shape->target && stays)
        return conv_int_pins[pin - 1];
    r = ra_tmp_g(e);
    if (pin)
        asm_mov_rr(&e->a, 3, r, conv_int_pins[pin - 1]);
    else
        asm_mov_rm(&e->a, 3, r, asm_cpu(shape->reg));
    if (shape->target) {
        asm_shift_ri(&e->a, SHIFT_SHL, 3, r, spare);
        asm_alu_ri(&e->a, ALU_OR, 3, r, (int32_t)(shape->target >> (64 - spare)));
        asm_shift_ri(&e->a, SHIFT_ROR, 3, r, spare);
    }
    e->tmp_g &= ~(1u << r); /* for longer than those of a call */
    return r;
}

static void go_to_value(Emit *e, const InsnShape *shape, GuestAddr back)
{
    unsigned r = value_to_go_to(e, shape);
    bool is_call = shape->kind == INSN_CALL_TO;

    if (is_call)
        set_link(e, shape, back);
    emit_go_to_value(e, r, is_call);
}

static void return_to(Emit *e, const InsnShape *shape)
{
    unsigned pin = e->int_pin_at[shape->reg / 8], r;

    if (pin) {
        r = conv_int_pins[pin - 1];
    } else {
        r = ra_tmp_g(e);
        asm_mov_rm(&e->a, 3, r, asm_cpu(shape->reg));
    }
    emit_return_to(e, r);
}

/* ---- a block --------------------------------------------------------------------------------- */

/* True: the instruction ends the block. */
static inline bool insn(Emit *e, TranslateRequest *req, GuestAddr pc, const InsnShape *shape,
                        const Snippet *found)
{
    e->insn_off = (uint32_t)(pc - e->pc);
    e->insn_len = shape->len;
    if (shape->kind > INSN_ADDRESS && shape->kind != INSN_BRANCH) {
        switch (shape->kind) {
        case INSN_JUMP: emit_go_to(e, shape->target); break;
        case INSN_CALL: call(e, shape, pc + shape->len); break;
        case INSN_RETURN: return_to(e, shape); break;
        default: go_to_value(e, shape, pc + shape->len); break;
        }
        return true;
    }
    if (!found || found->key != shape->key) {
        found = snippets_find(((TemplateThread *)e->t->tpl)->snippets, shape->key, e->mode);
        if (!found)
            return make(e, req, pc, shape);
    }
    settle_flags(e, found->flags);
    copy(e, found, shape);
    if (shape->kind != INSN_BRANCH)
        return false;
    return branch(e, (Cond){found->cond_kind, found->cc}, shape, pc);
}

/* Where snippets are that were made before, if they were. Those of many instructions are waited for
 * at once: one by one, that is what most of the time goes to. */
static inline void look_for(const Snippets *s, uint32_t mode, const InsnShape *shapes, uint32_t n,
                            const Snippet **found)
{
    bool ready = mode == s->ready_mode;

    for (uint32_t k = 0; k < n; k++) {
        found[k] = ready ? snippets_ready_at(&s->ready, shapes[k].key) : NULL;
        __builtin_prefetch(found[k]);
    }
}

/* What is written next, most likely. */
static inline __attribute__((always_inline)) void fetch_lines(const void *p, unsigned lines)
{
    enum { LINE = 64 };

    for (unsigned k = 0; k < lines; k++)
        __builtin_prefetch((const uint8_t *)p + (size_t)k * LINE, 1);
}

static inline __attribute__((always_inline)) const uint8_t *next_code(const CodeChunk *c)
{
    return c->rx + c->rw_delta + c->next;
}

enum { AT_ONCE = 16 };

/* A block's instructions, so many at a time, and where their snippets are. */
typedef struct Ahead {
    uint32_t n;
    InsnShape shapes[AT_ONCE];
    const Snippet *found[AT_ONCE];
} Ahead;

static inline bool look_ahead(Ahead *a, JitThread *t, const TranslateRequest *req, GuestAddr pc)
{
    a->n = t->jit->frontend->shapes(req, pc, a->shapes, AT_ONCE, MOST_LINKS + 1);
    look_for(((TemplateThread *)t->tpl)->snippets, req->mode, a->shapes, a->n, a->found);
    return a->n != 0;
}

static Emit *begin(JitThread *t, Block *b)
{
    enum { MAP = 1024 };
    bool room = jit_have_maps(t, MAP);
    Emit *e = emit_begin(t, b, keep_relocatable(t));

    if (!e)
        return NULL;
    if (room && t->slab->maps_left >= MAP) /* two bytes for each are added without looking */
        faultmap_begin(&e->faults, t->slab->maps, MAP - 2 * JIT_MAX_INSNS);
    e->quick = true;
    e->settled = false;
    e->u = NULL;
    return e;
}

int template_emit_quick(JitThread *t, TranslateRequest *req, Block *b)
{
    Ahead a;
    GuestAddr pc = b->pc;
    uint32_t n = 0;
    bool ended = false;

    if (!((TemplateThread *)t->tpl)->snippets)
        return -ENOSPC;
    bool some = look_ahead(&a, t, req, pc); /* what that asks for arrives meanwhile */
    fetch_lines(b, 5);                      /* and its links, mostly right behind it */
    Emit *e = begin(t, b);
    if (!e)
        return -ENOMEM;
    while (some) {
        for (unsigned k = 0; k < a.n && !ended; k++) {
            if (e->failed || e->a.p > e->limit)
                return emit_abandon(e);
            ended = insn(e, req, pc, &a.shapes[k], a.found[k]);
            pc += a.shapes[k].len;
            n++;
        }
        some = !ended && n < JIT_MAX_INSNS && look_ahead(&a, t, req, pc);
    }
    if (!n) { /* nothing that can be looked at: what becomes of it, the guest's translator knows */
        make(e, req, pc, NULL);
        b->guest_len = t->uops.guest_len;
        n = 1;
    } else {
        if (!ended)
            emit_go_to(e, pc);
        b->guest_len = (uint32_t)(pc - b->pc);
    }
    b->ninsns = n;
    t->stats.quick_insns += n;
    int err = emit_end(e);
    fetch_lines(next_code(t->hot), 10);
    fetch_lines(next_code(t->cold), 4);
    return err;
}
