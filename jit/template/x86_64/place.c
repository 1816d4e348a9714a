/* place.c - a code object of tier 2 (lift/lift.h) becomes a block in the arena.
 *
 * In the hot chunk:
 *
 *     code and read-only data
 *     slots (jmp rel32) for exits whose displacement lies across two cache lines
 *
 * In the cold one:
 *
 *     Block *
 *     cells of inline caches
 *     stubs (call, tag): for each link, and for each cache that is empty
 *
 * Its exits are links like those of tier 1, patched in the same way.
 */
#ifdef XEMU_LLVM
#include <errno.h>

#include "jit/interp/interp.h"
#include "jit/template/x86_64/template.h"
#include "lift/lift.h"

enum { SLOT = 8, LINE = 64 };

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
    [LIFT_LEAVE] = STUB_T2_LEAVE,
    [LIFT_LEAVE_SYSCALL] = STUB_T2_SYSCALL,
    [LIFT_LEAVE_TRAP] = STUB_T2_TRAP,
    [LIFT_LOOK_UP] = STUB_T2_LOOK_UP,
    [LIFT_OP] = STUB_T2_OP,
    [LIFT_HELPER] = STUB_T2_HELPER,
    [LIFT_HELPER_ALONE] = STUB_T2_HELPER_ALONE,
};

/* A jump that can be patched, for the one at `site`, which can't: leads there. The new site. */
static uint8_t *detour(uint8_t **slot, uint8_t *site)
{
    uint8_t *jump = *slot;

    set_rel32(site, jump);
    *jump = 0xe9;
    *slot += SLOT;
    return jump + 5;
}

typedef struct Cache {
    uint32_t link; /* its number + 1; 0: no jump to what is cached was left over */
    uint8_t *jump; /* of the link, before it is patched */
    uint8_t *cell;
} Cache;

typedef struct Placing {
    uint8_t *arena, *code;
    const CodeObject *o;
    Block *b;
    Cache *caches;
    uint8_t *slot;
} Placing;

static uint32_t count_caches(const CodeObject *o)
{
    uint32_t n = 0;

    for (uint32_t k = 0; k < o->nexits; k++) {
        const LiftExit *x = &o->exits[k];
        if (x->kind >= LIFT_EXIT_CACHED && x->target >= n)
            n = (uint32_t)x->target + 1;
    }
    return n;
}

/* A direct exit, or the jump of a cache: all jumps of one cache are one link. */
static void place_link(Placing *p, const LiftExit *x)
{
    uint8_t *at = p->code + x->site, *site = at;
    Cache *c = x->kind == LIFT_EXIT_CACHED ? &p->caches[x->target] : NULL;

    if (c && c->link) {
        set_rel32(at, c->jump);
        return;
    }
    if (c || crosses_line(at))
        site = detour(&p->slot, at);
    p->b->links[p->b->nlinks++] =
        (Link){.from = p->b,
               .target = c ? 0 : x->target,
               .site = (uint32_t)(site - p->arena),
               .kind = c                                        ? LINK_CACHE
                       : x->kind == LIFT_EXIT_LEA && site == at ? LINK_LEA
                                                                : LINK_JUMP};
    if (c)
        *c = (Cache){.link = p->b->nlinks, .jump = site - 5};
}

static void place_cells(Placing *p, uint32_t n)
{
    const uint64_t none = JIT_NO_PC;

    for (uint32_t k = 0; k < n; k++, p->slot += sizeof none) {
        memcpy(p->slot, &none, sizeof none);
        p->caches[k].cell = p->slot;
        if (p->caches[k].link)
            p->b->links[p->caches[k].link - 1].cache = (uint32_t)(p->slot - p->arena);
    }
    for (uint32_t k = 0; k < p->o->nexits; k++) {
        const LiftExit *x = &p->o->exits[k];
        if (x->kind == LIFT_EXIT_CELL)
            set_rel32(p->code + x->site, p->caches[x->target].cell + x->behind);
    }
}

/* call `to`; a tag that names the link. */
static uint8_t *place_stub(uint8_t *stub, const uint8_t *to, const uint8_t *owner, uint32_t link)
{
    *stub = 0xe8;
    set_rel32(stub + 5, to);
    uint32_t tag = link << TAG_LINK_SHIFT | (uint32_t)(stub + 5 - owner);
    memcpy(stub + 5, &tag, 4);
    return stub + TEMPLATE_STUB_SIZE;
}

int template_place(JitThread *t, const CodeObject *o, Block *b)
{
    const TemplateShared *shared = t->jit->tpl;
    CodeChunk *c = t->hot;
    uint8_t *arena = c->rx + c->rw_delta, *start = arena + c->next, *code = align_to(start, LINE);
    uint32_t ncaches = count_caches(o);
    CodeChunk *d = t->cold;
    size_t need = (size_t)(code - start) + o->len + o->nexits * (size_t)SLOT + SLOT,
           need_cold = SLOT + (o->nexits + ncaches) * (size_t)(SLOT + TEMPLATE_STUB_SIZE);

    if (need + LINE > c->end - c->next || need_cold + LINE > d->end - d->next ||
        d->count == CODEBUF_CHUNK_PIECES || c->count == CODEBUF_CHUNK_PIECES ||
        o->nexits >= TAG_NO_LINK || ncaches > o->nexits)
        return -ENOSPC;
    b->links = jit_meta_alloc(t, sizeof(Link) * (o->nexits + (size_t)1));
    Cache *caches = jit_meta_alloc(t, sizeof *caches * (ncaches + (size_t)1));
    uint32_t *moved = jit_meta_alloc(t, sizeof *moved);
    uint8_t *faults = jit_meta_alloc(t, o->faults_len + (size_t)1);
    if (!b->links || !caches || !moved || !faults)
        return -ENOMEM;
    if (o->faults_len)
        memcpy(faults, o->faults, o->faults_len);
    b->faultmap = faults;
    b->faultmap_len = o->faults_len;
    *moved = (uint32_t)(code - arena) + o->moved;
    b->relocs = moved;
    b->nrelocs = o->moved != 0;
    memcpy(code, o->code, o->len);
    const uint8_t *stubs = c->stubs ? arena + c->start : arena;
    for (uint32_t k = 0; k < o->nrelocs; k++)
        set_rel32(code + o->relocs[k].site, stubs + shared->stubs[stub_of[o->relocs[k].stub]]);

    Placing p = {arena, code, o, b, caches, align_to(code + o->len, SLOT)};
    b->nlinks = 0;
    for (uint32_t k = 0; k < o->nexits; k++)
        if (o->exits[k].kind <= LIFT_EXIT_CACHED)
            place_link(&p, &o->exits[k]);
    uint8_t *hot_end = p.slot, *owner = d->rx + d->rw_delta + d->next;
    memcpy(owner, &b, sizeof b);
    p.slot = owner + sizeof b;
    place_cells(&p, ncaches);
    uint8_t *stub = p.slot;
    for (uint32_t k = 0; k < b->nlinks; k++) {
        b->links[k].stub = (uint32_t)(stub - arena);
        set_rel32(arena + b->links[k].site, stub);
        stub = place_stub(stub, stubs + shared->stubs[STUB_LINK], owner, k);
    }
    for (uint32_t n = 0; n < ncaches; n++) {
        uint32_t link = caches[n].link ? caches[n].link - 1 : TAG_NO_LINK;
        for (uint32_t k = 0; k < o->nexits; k++)
            if (o->exits[k].kind == LIFT_EXIT_EMPTY && o->exits[k].target == n)
                set_rel32(code + o->exits[k].site, stub);
        stub = place_stub(stub, stubs + shared->stubs[STUB_T2_EMPTY], owner, link);
    }
    b->arena = c->rx;
    b->code = (uintptr_t)(code - arena) + (uintptr_t)c->rx;
    b->host_len = (uint32_t)(hot_end - code);
    b->cold = (uintptr_t)(owner - arena) + (uintptr_t)c->rx;
    b->cold_len = (uint32_t)(stub - owner);
    codebuf_commit(&t->jit->code, c, (uint32_t)(hot_end - start), b);
    codebuf_commit(&t->jit->code, d, b->cold_len, b);
    return 0;
}
#else
typedef int no_tier2;
#endif
