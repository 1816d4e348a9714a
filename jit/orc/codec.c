/* codec.c - regions and code objects as bytes. */
#ifdef XEMU_LLVM
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/orc/channel.h"

typedef struct RequestHeader {
    uint32_t mode, nblocks, ncontexts, nubs;
    uint32_t flags_offset, insn_shift;
    uint32_t flags; /* DUMP_*, RELOCATABLE, SPOILT, PICKY */
    uint32_t int_pins[FRONTEND_INT_PINS], vec_pins[FRONTEND_VEC_PINS];
} RequestHeader;
enum { DUMP_IR = 1, DUMP_IR_OPT = 2, DUMP_ASM = 4, RELOCATABLE = 8, SPOILT = 16, PICKY = 32 };
typedef struct RequestBlock {
    uint64_t count;
    uint32_t ub, context;
} RequestBlock;
typedef struct RequestUops {
    GuestAddr pc;
    uint32_t guest_len, ninsns, count, nvals, npool, mode;
} RequestUops;
typedef struct AnswerHeader {
    uint32_t len, text_len, moved, nexits, nrelocs, faults_len, fallbacks, dump_len;
    uint64_t lift_ns, passes_ns, codegen_ns;
} AnswerHeader;

/* Takes bytes off a buffer, in pieces aligned to 16. */
typedef struct Cursor {
    uint8_t *at;
    size_t left;
} Cursor;

static void *take(Cursor *c, size_t n)
{
    size_t all = (n + 15) & ~(size_t)15;
    if (n > c->left || all > c->left) {
        c->left = 0;
        return NULL;
    }
    void *p = c->at;
    c->at += all;
    c->left -= all;
    return p;
}

static bool put(Cursor *c, const void *from, size_t n)
{
    void *to = take(c, n);
    if (to && n) {
        memcpy(to, from, n);
    }
    return to != NULL;
}

size_t request_write(uint8_t *data, size_t size, const LiftRegion *r)
{
    Cursor c = {data, size};
    RequestHeader h = {.mode = r->mode,
                       .nblocks = r->nblocks,
                       .ncontexts = r->ncontexts,
                       .flags_offset = r->frontend->flags_offset,
                       .insn_shift = r->frontend->insn_shift};
    h.flags =
        (r->relocatable ? RELOCATABLE : 0u) | (r->spoilt ? SPOILT : 0u) | (r->picky ? PICKY : 0u);
    if (r->dump) {
        h.flags |= (r->dump_ir ? DUMP_IR : 0u) | (r->dump_ir_opt ? DUMP_IR_OPT : 0u) |
                   (r->dump_asm ? DUMP_ASM : 0u);
    }
    memcpy(h.int_pins, r->frontend->int_pins, sizeof h.int_pins);
    memcpy(h.vec_pins, r->frontend->vec_pins, sizeof h.vec_pins);
    RequestHeader *header = take(&c, sizeof h);
    RequestBlock *blocks = take(&c, sizeof *blocks * r->nblocks);
    if (!header || !blocks || !put(&c, r->contexts, sizeof *r->contexts * r->ncontexts)) {
        return 0;
    }
    for (uint32_t i = 0; i < r->nblocks; i++) {
        const UopBlock *ub = r->blocks[i].ub;
        uint32_t same = 0;
        while (same < i && r->blocks[same].ub != ub) {
            same++;
        }
        blocks[i] = (RequestBlock){.count = r->blocks[i].count,
                                   .context = r->blocks[i].context,
                                   .ub = same < i ? blocks[same].ub : h.nubs++};
        if (same < i) {
            continue;
        }
        RequestUops u = {.pc = ub->pc,
                         .guest_len = ub->guest_len,
                         .ninsns = ub->ninsns,
                         .count = ub->count,
                         .nvals = ub->nvals,
                         .npool = ub->npool,
                         .mode = ub->mode};
        if (!put(&c, &u, sizeof u) || !put(&c, ub->uops, sizeof *ub->uops * ub->count) ||
            !put(&c, ub->val_type, ub->nvals) || !put(&c, ub->pool, sizeof *ub->pool * ub->npool)) {
            return 0;
        }
    }
    *header = h;
    return size - c.left;
}

Request *request_read(const uint8_t *data, size_t size)
{
    Cursor c = {(uint8_t *)(uintptr_t)data, size};
    const RequestHeader *h = take(&c, sizeof *h);
    if (!h || h->nblocks > 4096 || h->nubs > h->nblocks || h->ncontexts > 4096) {
        return NULL;
    }
    const RequestBlock *blocks = take(&c, sizeof *blocks * h->nblocks);
    const LiftContext *contexts = take(&c, sizeof *contexts * h->ncontexts);
    Request *r =
        calloc(1, sizeof *r + sizeof(LiftBlock) * h->nblocks + sizeof(UopBlock) * h->nubs + 64);
    if (!blocks || !contexts || !r) {
        free(r);
        return NULL;
    }
    UopBlock *ubs = (UopBlock *)(((uintptr_t)(r + 1) + 63) & ~(uintptr_t)63);
    LiftBlock *lb = (LiftBlock *)(ubs + h->nubs);
    for (uint32_t i = 0; i < h->nubs; i++) {
        const RequestUops *u = take(&c, sizeof *u);
        if (!u) {
            free(r);
            return NULL;
        }
        ubs[i] = (UopBlock){.pc = u->pc,
                            .guest_len = u->guest_len,
                            .ninsns = u->ninsns,
                            .count = u->count,
                            .nvals = u->nvals,
                            .npool = u->npool,
                            .mode = u->mode};
        ubs[i].uops = take(&c, sizeof(Uop) * u->count);
        ubs[i].val_type = take(&c, u->nvals);
        ubs[i].pool = take(&c, sizeof(V128) * u->npool);
        if (!ubs[i].uops || !ubs[i].val_type || !ubs[i].pool) {
            free(r);
            return NULL;
        }
    }
    for (uint32_t i = 0; i < h->nblocks; i++) {
        if (blocks[i].ub >= h->nubs || (blocks[i].context && blocks[i].context >= h->ncontexts)) {
            free(r);
            return NULL;
        }
        lb[i] = (LiftBlock){.ub = &ubs[blocks[i].ub],
                            .context = (uint16_t)blocks[i].context,
                            .count = blocks[i].count};
    }
    r->frontend.flags_offset = h->flags_offset;
    r->frontend.insn_shift = (uint8_t)h->insn_shift;
    memcpy(r->frontend.int_pins, h->int_pins, sizeof h->int_pins);
    memcpy(r->frontend.vec_pins, h->vec_pins, sizeof h->vec_pins);
    r->region = (LiftRegion){.frontend = &r->frontend,
                             .mode = h->mode,
                             .precise = h->mode & CPU_MODE_PRECISE,
                             .blocks = lb,
                             .nblocks = h->nblocks,
                             .contexts = contexts,
                             .ncontexts = h->ncontexts,
                             .relocatable = h->flags & RELOCATABLE,
                             .spoilt = h->flags & SPOILT,
                             .picky = h->flags & PICKY,
                             .dump_ir = h->flags & DUMP_IR,
                             .dump_ir_opt = h->flags & DUMP_IR_OPT,
                             .dump_asm = h->flags & DUMP_ASM};
    return r;
}

size_t answer_write(uint8_t *data, size_t size, const CodeObject *o)
{
    Cursor c = {data, size};
    AnswerHeader h = {.len = o->len,
                      .text_len = o->text_len,
                      .moved = o->moved,
                      .nexits = o->nexits,
                      .nrelocs = o->nrelocs,
                      .faults_len = o->faults_len,
                      .fallbacks = o->fallbacks,
                      .lift_ns = o->lift_ns,
                      .passes_ns = o->passes_ns,
                      .codegen_ns = o->codegen_ns};
    bool fits = put(&c, &h, sizeof h) && put(&c, o->code, o->len) &&
                put(&c, o->exits, sizeof *o->exits * o->nexits) &&
                put(&c, o->relocs, sizeof *o->relocs * o->nrelocs) &&
                put(&c, o->faults, o->faults_len);
    if (fits && o->dump_len) { /* as much of it as there is room for */
        AnswerHeader *header = (void *)data;
        header->dump_len = o->dump_len < c.left ? o->dump_len : (uint32_t)c.left & ~15u;
        fits = put(&c, o->dump, header->dump_len);
    }
    return fits ? size - c.left : 0;
}

static void *copy_of(Cursor *c, size_t n)
{
    const void *from = take(c, n);
    void *to = from ? malloc(n + 1) : NULL;
    if (to) {
        memcpy(to, from, n);
    }
    return to;
}

int answer_read(const uint8_t *data, size_t size, CodeObject *o)
{
    Cursor c = {(uint8_t *)(uintptr_t)data, size};
    const AnswerHeader *h = take(&c, sizeof *h);
    *o = (CodeObject){.len = h->len,
                      .text_len = h->text_len,
                      .moved = h->moved,
                      .nexits = h->nexits,
                      .nrelocs = h->nrelocs,
                      .faults_len = h->faults_len,
                      .fallbacks = h->fallbacks,
                      .lift_ns = h->lift_ns,
                      .passes_ns = h->passes_ns,
                      .codegen_ns = h->codegen_ns};
    o->code = copy_of(&c, o->len);
    o->exits = copy_of(&c, sizeof *o->exits * o->nexits);
    o->relocs = copy_of(&c, sizeof *o->relocs * o->nrelocs);
    o->faults = copy_of(&c, o->faults_len);
    if (h->dump_len && (o->dump = copy_of(&c, h->dump_len)) != NULL) {
        o->dump_len = h->dump_len;
    }
    if (!o->code || !o->exits || !o->relocs || !o->faults) {
        code_object_free(o);
        return -EINVAL;
    }
    return 0;
}
#else
typedef int no_codec;
#endif
