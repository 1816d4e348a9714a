/* place.c - a code object of tier 2 (lift/lift.h) becomes a block in the arena.
 *
 *     code and read-only data | a slot for each exit whose displacement lies across two cache
 * lines: jmp rel32 | Block * | a stub for each exit: call link; tag
 *
 * Its exits are links like those of tier 1, patched in the same way.
 */
#ifdef XEMU_LLVM
#include <errno.h>

#include "jit/interp/interp.h"
#include "jit/template/x86_64/template.h"
#include "lift/lift.h"

enum { SLOT = 8, STUB_SIZE = 9, LINE = 64 };

static void set_rel32(uint8_t *end, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - end);
    memcpy(end - 4, &rel, 4);
}

static bool crosses_line(const uint8_t *end)
{
    return ((uintptr_t)(end - 4) ^ (uintptr_t)(end - 1)) & LINE;
}

static uint8_t *align_to(uint8_t *p, uintptr_t n)
{
    return (uint8_t *)(((uintptr_t)p + n - 1) & ~(n - 1));
}

static const Stub stub_of[LIFT_STUBS] = {
    [LIFT_LEAVE] = STUB_T2_LEAVE,     [LIFT_LEAVE_SYSCALL] = STUB_T2_SYSCALL,
    [LIFT_LEAVE_TRAP] = STUB_T2_TRAP, [LIFT_LEAVE_MISS] = STUB_T2_MISS,
    [LIFT_OP] = STUB_T2_OP,           [LIFT_HELPER] = STUB_T2_HELPER,
};

int template_place(JitThread *t, const CodeObject *o, Block *b)
{
    const TemplateShared *shared = t->jit->tpl;
    CodeChunk *c = t->hot;
    uint8_t *arena = c->rx + c->rw_delta, *start = arena + c->next, *code = align_to(start, LINE);
    size_t need = (size_t)(code - start) + o->len + o->nexits * (SLOT + STUB_SIZE) + 2 * SLOT;

    if (need + LINE > c->end - c->next || c->count == CODEBUF_CHUNK_PIECES ||
        o->nexits >= TAG_NO_LINK)
        return -ENOSPC;
    b->links = jit_meta_alloc(t, sizeof(Link) * (o->nexits + (size_t)1));
    if (!b->links)
        return -ENOMEM;
    memcpy(code, o->code, o->len);
    for (uint32_t k = 0; k < o->nrelocs; k++)
        set_rel32(code + o->relocs[k].site, arena + shared->stubs[stub_of[o->relocs[k].stub]]);

    uint8_t *slot = align_to(code + o->len, SLOT);
    for (uint32_t k = 0; k < o->nexits; k++) {
        uint8_t *site = code + o->exits[k].site;
        if (crosses_line(site)) {
            set_rel32(site, slot);
            *slot = 0xe9;
            site = slot + 5;
            slot += SLOT;
        }
        b->links[k] =
            (Link){.from = b,
                   .target = o->exits[k].target,
                   .site = (uint32_t)(site - arena),
                   .kind = o->exits[k].kind == LIFT_EXIT_LEA && site == code + o->exits[k].site
                               ? LINK_LEA
                               : LINK_JUMP};
    }
    uint8_t *owner = slot, *stub = owner + sizeof b;
    memcpy(owner, &b, sizeof b);
    for (uint32_t k = 0; k < o->nexits; k++) {
        b->links[k].stub = (uint32_t)(stub - arena);
        set_rel32(arena + b->links[k].site, stub);
        *stub = 0xe8;
        set_rel32(stub + 5, arena + shared->stubs[STUB_LINK]);
        uint32_t tag = k << TAG_LINK_SHIFT | (uint32_t)(stub + 5 - owner);
        memcpy(stub + 5, &tag, 4);
        stub += STUB_SIZE;
    }
    b->nlinks = o->nexits;
    b->arena = c->rx;
    b->code = (uintptr_t)(code - arena) + (uintptr_t)c->rx;
    b->host_len = (uint32_t)(stub - code);
    b->cold = b->code;
    codebuf_commit(c, (uint32_t)(stub - start), b);
    return 0;
}
#else
typedef int no_tier2;
#endif
