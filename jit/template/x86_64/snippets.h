/*
 * snippets.h - the memory of snippets: host code of single instructions, by their shape's key
 * (frontend.h) and the mode.
 *
 * Each thread remembers those that it has made. Those that most programs need were made when xemu
 * was built (tools/snippets), for hosts that can do READY_FEATURES at least: making one costs some
 * forty times what copying it does, and a program that ends soon needs thousands.
 */
#ifndef XEMU_JIT_TEMPLATE_X86_64_SNIPPETS_H
#define XEMU_JIT_TEMPLATE_X86_64_SNIPPETS_H

#include "jit/host.h"
#include "jit/internal.h"

enum {
    SNIPPET_MOST_HOLES = 3,
    SNIPPET_NEGATIVE = 0x80,
    SNIPPET_LONGEST = 120,
    SNIPPET_NO_MODE = UINT16_MAX,
    SNIPPET_READS_FLAGS = 1,
    SNIPPET_WRITES_FLAGS = 2,
};

/* At multiples of 16; in one line of the host's cache if it has room there: looking for snippets
 * that the program hasn't had before waits for memory, more than anything else takes. */
typedef struct Snippet {
    uint32_t key;
    uint16_t mode;
    uint8_t len;
    uint8_t hole;          /* INSN_ADDRESS: offset of the eight bytes of the address */
    uint8_t cond_kind, cc; /* INSN_BRANCH: Cond */
    uint8_t nholes;
    /* Offsets of four bytes, of the varying number: + NEGATIVE: of its negative. If there are none
     * the first is right behind the code. */
    uint8_t holes[SNIPPET_MOST_HOLES];
    uint8_t flags; /* SNIPPET_READS_FLAGS, SNIPPET_WRITES_FLAGS */
    uint8_t unused;
    uint8_t code[]; /* with room for whole 16 bytes */
} Snippet;
_Static_assert(sizeof(Snippet) == 16 && (unsigned)SNIPPET_LONGEST < (unsigned)SNIPPET_NEGATIVE,
               "code is aligned; an offset and a bit");

/* Where it is, in units of 16 bytes, + 1, and bits of the key's hash above that; 0: free. */
typedef uint32_t SnippetSlot;
enum { SNIPPET_AT_BITS = 18 };

typedef struct SnippetTable {
    const SnippetSlot *slots; /* [1 << log2], an open-addressed table */
    const uint8_t *bytes;
    uint32_t log2;
} SnippetTable;

/* Of one mode, that of most programs. What host code depends on beside READY_FEATURES is known when
 * xemu is built. */
typedef struct ReadySnippets {
    SnippetTable table;
    uint32_t mode;
} ReadySnippets;

enum {
    READY_FEATURES = JIT_HOST_SSE3 | JIT_HOST_SSSE3 | JIT_HOST_SSE41 | JIT_HOST_SSE42 |
                     JIT_HOST_POPCNT | JIT_HOST_LZCNT | JIT_HOST_BMI1 | JIT_HOST_BMI2 |
                     JIT_HOST_MOVBE | JIT_HOST_AVX | JIT_HOST_AVX2 | JIT_HOST_FMA | JIT_HOST_F16C |
                     JIT_HOST_CX16 | JIT_HOST_LAHF,
};

typedef struct Snippets {
    SnippetTable table; /* of slots and bytes: those made by this thread */
    SnippetTable ready;
    uint32_t ready_mode; /* UINT32_MAX: there are none */
    SnippetSlot *slots;
    uint8_t *bytes;
    uint32_t count;
    uint32_t used, size; /* of bytes */
} Snippets;

Snippets *snippets_new(const Jit *jit);
void snippets_free(Snippets *s);
/* Room for a snippet of the key; NULL: there's none. */
Snippet *snippets_add(Snippets *s, uint32_t key, uint32_t mode, uint32_t len);

static inline uint64_t snippets_hash(uint32_t key, uint32_t mode)
{
    return (key ^ (uint64_t)mode << 32) * 0x9e3779b97f4a7c15u;
}

static inline const Snippet *snippets_at(const SnippetTable *t, SnippetSlot slot)
{
    uint32_t at = (slot & ((1u << SNIPPET_AT_BITS) - 1)) - 1;

    return (const Snippet *)(const void *)(t->bytes + (size_t)16 * at);
}

static inline const Snippet *snippets_find_in(const SnippetTable *t, uint32_t key, uint32_t mode)
{
    uint32_t mask = (1u << t->log2) - 1, slot;
    uint64_t hash = snippets_hash(key, mode);

    for (uint32_t i = (uint32_t)(hash >> (64 - t->log2)); (slot = t->slots[i]) != 0;
         i = (i + 1) & mask) {
        if ((slot ^ (uint32_t)hash) >> SNIPPET_AT_BITS)
            continue;
        const Snippet *found = snippets_at(t, slot);
        if (found->key == key && found->mode == mode)
            return found;
    }
    return NULL;
}

/* Ask for the memory of a slot, and of what the slot names. (What does nothing else gcc leaves out
 * unless it is inlined early.) */
static inline __attribute__((always_inline)) void snippets_fetch_slot(const SnippetTable *t,
                                                                      uint32_t key, uint32_t mode)
{
    __builtin_prefetch(&t->slots[snippets_hash(key, mode) >> (64 - t->log2)]);
}

static inline __attribute__((always_inline)) void snippets_fetch(const SnippetTable *t,
                                                                 uint32_t key, uint32_t mode)
{
    SnippetSlot slot = t->slots[snippets_hash(key, mode) >> (64 - t->log2)];

    if (slot)
        __builtin_prefetch(snippets_at(t, slot));
}

static inline const Snippet *snippets_find(const Snippets *s, uint32_t key, uint32_t mode)
{
    const Snippet *found = mode == s->ready_mode ? snippets_find_in(&s->ready, key, mode) : NULL;

    return found ? found : snippets_find_in(&s->table, key, mode);
}

#endif
