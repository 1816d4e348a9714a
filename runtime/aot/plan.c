#include "runtime/aot/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/aot/roots.h"

enum { MOST_INSNS = 128 }; /* read at a time, as many as a block has at most */

void *plan_grown(void *array, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room) {
        return array;
    }
    uint32_t more = *room ? 2 * *room : 4096;
    void *fresh = realloc(array, more * size);
    if (fresh) {
        *room = more;
    }
    return fresh;
}

static void add(Plan *p, uint64_t addr, uint8_t flags)
{
    if (!plan_has(p, addr) || !(*plan_insn(p, addr) & PLAN_CODE)) {
        return;
    }
    uint8_t *insn = plan_insn(p, addr);
    bool first = !(*insn & PLAN_START);
    *insn |= PLAN_START | flags;
    if (first) {
        uint32_t *stack = plan_grown(p->stack, p->depth, &p->room, sizeof *stack);
        if (!stack) {
            p->failed = true;
            return;
        }
        p->stack = stack;
        p->stack[p->depth++] = (uint32_t)((addr - p->low) / 4);
        p->starts++;
    }
}

/* ---- reading code ---------------------------------------------------------------------------- */

const uint8_t *plan_bytes(const Plan *p, GuestAddr addr, size_t *avail)
{
    uint64_t n = 0;
    const uint8_t *bytes = view_memory(p->view, addr, 1, &n);
    *avail = n;
    return bytes;
}

static const uint8_t *bytes_at(void *ctx, GuestAddr addr, size_t *avail)
{
    return plan_bytes(ctx, addr, avail);
}

static void found(void *ctx, GuestAddr addr, FoundKind kind)
{
    static const uint8_t flags[] = {[FOUND_NEXT] = 0,
                                    [FOUND_CALL] = PLAN_FUNCTION,
                                    [FOUND_TABLE] = PLAN_TABLE,
                                    [FOUND_ADDRESS] = PLAN_FUNCTION | PLAN_KNOWN};
    add(ctx, addr, flags[kind]);
}

static void read_all(Plan *p)
{
    Explore e = {p, bytes_at, found};
    while (p->depth && !p->failed) {
        uint64_t at = p->low + 4 * (uint64_t)p->stack[--p->depth];
        uint32_t len = p->frontend->explore(&e, at, MOST_INSNS);
        for (uint32_t i = 0; i < len && plan_has(p, at + i); i += 4) {
            *plan_insn(p, at + i) |= PLAN_READ;
        }
    }
}

/* ---- what isn't reached ---------------------------------------------------------------------- */

bool plan_is_padding(const Plan *p, uint64_t addr)
{
    uint64_t avail;
    const uint8_t *bytes = view_memory(p->view, addr, 4, &avail);
    uint32_t insn = 0;
    if (bytes) {
        memcpy(&insn, bytes, 4);
    }
    return insn == 0 || insn == 0xd503201f; /* NOP */
}

static void sweep(Plan *p, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at + 4 <= to && !p->failed; at += 4) {
        if (plan_has(p, at) && (*plan_insn(p, at) & (PLAN_CODE | PLAN_READ)) == PLAN_CODE &&
            !plan_is_padding(p, at)) {
            add(p, at, 0);
            read_all(p);
        }
    }
}

/* ---- roots ----------------------------------------------------------------------------------- */

static void root(void *ctx, RootKind kind, uint64_t addr, uint64_t size)
{
    Plan *p = ctx;
    bool known = kind == ROOT_POINTER || kind == ROOT_EXPORT;
    add(p, addr, kind == ROOT_PAD ? 0 : PLAN_FUNCTION | (known ? PLAN_KNOWN : 0));
    if ((kind != ROOT_FUNCTION && kind != ROOT_EXPORT) || !plan_has(p, addr)) {
        return;
    }
    Span *functions = plan_grown(p->functions, p->nfunctions, &p->function_room, sizeof *functions);
    if (!functions) {
        p->failed = true;
        return;
    }
    p->functions = functions;
    p->functions[p->nfunctions++] = (Span){addr, size > p->high - addr ? p->high : addr + size};
}

static int by_start(const void *a, const void *b)
{
    const Span *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->end > y->end ? -1 : x->end < y->end;
}

/* Each once, the longest it is said to be. */
static void sort_functions(Plan *p)
{
    uint32_t kept = 0;
    if (p->nfunctions) {
        qsort(p->functions, p->nfunctions, sizeof *p->functions, by_start);
    }
    for (uint32_t i = 0; i < p->nfunctions; i++) {
        if (!kept || p->functions[i].start != p->functions[kept - 1].start) {
            p->functions[kept++] = p->functions[i];
        }
    }
    p->nfunctions = kept;
}

/* Where code is guarded, what an indirect branch may reach says so itself. */
static void add_landings(Plan *p, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at + 4 <= to && !p->failed; at += 4) {
        uint64_t avail;
        const uint8_t *code = view_memory(p->view, at, 4, &avail);
        uint32_t called = code ? p->frontend->landings(code, true, FOUND_CALL) : 0;
        uint32_t jumped = code ? p->frontend->landings(code, true, FOUND_TABLE) : 0;
        if (called | jumped) {
            add(p, at, (called ? PLAN_FUNCTION : 0) | (jumped ? PLAN_TABLE : 0));
        }
    }
}

void plan_add(Plan *p, uint64_t addr)
{
    add(p, addr, 0);
    read_all(p);
}

int plan_make(Plan *p, const View *view, const Frontend *frontend)
{
    *p = (Plan){.view = view, .frontend = frontend};
    p->ncode = view_code(view, p->code, PLAN_SPANS);
    if (!p->ncode) {
        return 0;
    }
    p->low = p->code[0].start;
    p->high = (p->code[p->ncode - 1].end + 3) & ~UINT64_C(3);
    p->insns = calloc((p->high - p->low) / 4, 1);
    if (!p->insns) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < p->ncode; i++) {
        for (uint64_t at = p->code[i].start; at + 4 <= p->code[i].end; at += 4) {
            *plan_insn(p, at) = PLAN_CODE;
        }
    }
    Roots roots = {p, root};
    roots_file(view, &roots);
    roots_unwind(view, &roots);
    p->is_go = roots_go(view, &roots);
    sort_functions(p);
    for (unsigned i = 0; i < p->ncode && view->elf.bti; i++) {
        add_landings(p, p->code[i].start, p->code[i].end);
    }
    read_all(p);
    for (uint32_t i = 0; i < p->nfunctions; i++) {
        sweep(p, p->functions[i].start, p->functions[i].end);
    }
    for (unsigned i = 0; i < p->ncode && view->sections; i++) {
        sweep(p, p->code[i].start, p->code[i].end);
    }
    return p->failed ? -ENOMEM : 0;
}

void plan_free(Plan *p)
{
    free(p->insns);
    free(p->functions);
    free(p->stack);
}
