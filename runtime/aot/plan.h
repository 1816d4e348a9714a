/* plan.h - which blocks of an ELF file to translate: what its tables tell of (roots.h), and what is
 * reached from there by reading the code, until there is nothing new. What then is left of
 * functions, and of executable sections, is read from its first instruction on: cases of a switch
 * that wasn't understood, code of which nothing tells.
 */
#ifndef XEMU_RUNTIME_AOT_PLAN_H
#define XEMU_RUNTIME_AOT_PLAN_H

#include "frontend/frontend.h"
#include "runtime/aot/view.h"

enum { PLAN_SPANS = 256 };

/* Of an instruction. */
enum {
    PLAN_CODE = 1,     /* there is code */
    PLAN_START = 2,    /* a block begins here */
    PLAN_FUNCTION = 4, /* it may be called indirectly */
    PLAN_TABLE = 8,    /* it's reached by a table */
    PLAN_READ = 16,    /* it has been read */
    PLAN_MADE = 32,    /* it has been translated (make.h) */
    PLAN_KNOWN = 64,   /* others than direct calls in the file may call it */
};

typedef struct Plan {
    const View *view;
    const Frontend *frontend;
    Span code[PLAN_SPANS];
    unsigned ncode;
    uint64_t low, high; /* around them */
    uint8_t *insns;     /* PLAN_*, by instruction from low */
    Span *functions;    /* ascending; end == start: of unknown length */
    uint32_t nfunctions;
    uint32_t starts; /* blocks */
    bool is_go;      /* its runtime has threads and a handler of memory faults, always */
    /* -- its own -- */
    uint32_t *stack, depth, room, function_room;
    bool failed;
} Plan;

/* 0 or -ENOMEM; a file without code has no spans. */
int plan_make(Plan *p, const View *view, const Frontend *frontend);
void plan_free(Plan *p);
/* A block begins there, too, if there is code. */
void plan_add(Plan *p, uint64_t addr);
/* The file's bytes from an address on, *avail of them; NULL: none. */
const uint8_t *plan_bytes(const Plan *p, GuestAddr addr, size_t *avail);

/* The array with room for one more behind its n, doubled if it's full; NULL: no memory, and the
 * array is as it was. */
void *plan_grown(void *array, uint32_t n, uint32_t *room, size_t size);

/* What fills the space between functions: zeros, NOPs. */
bool plan_is_padding(const Plan *p, uint64_t addr);

static inline bool plan_has(const Plan *p, uint64_t addr)
{
    return addr - p->low < p->high - p->low && !(addr & 3);
}
static inline uint8_t *plan_insn(const Plan *p, uint64_t addr)
{
    return &p->insns[(addr - p->low) / 4];
}

#endif
