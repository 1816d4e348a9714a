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
    SNIPPET_READ = 32, /* so many bytes of code are read at least, whatever the length */
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
 * xemu is built.
 *
 * They lie where a perfect hash of their keys says, so that finding one waits for one line of
 * memory that isn't in the host's caches, and not for a slot's before: bits of a key's hash choose
 * a seed, of which there are few, the seed and the hash a cell; a snippet takes one or more. What
 * stands there has the key or isn't the one. */
typedef struct ReadySnippets {
    const uint8_t *cells;  /* [ncells * READY_CELL], and READY_CELL more */
    const uint16_t *seeds; /* [1 << READY_SEEDS] */
    uint32_t ncells;
    uint32_t mode;
} ReadySnippets;

enum { READY_CELL = 32, READY_SEEDS = 13 };

enum {
    READY_FEATURES = JIT_HOST_SSE3 | JIT_HOST_SSSE3 | JIT_HOST_SSE41 | JIT_HOST_SSE42 |
                     JIT_HOST_POPCNT | JIT_HOST_LZCNT | JIT_HOST_BMI1 | JIT_HOST_BMI2 |
                     JIT_HOST_MOVBE | JIT_HOST_AVX | JIT_HOST_AVX2 | JIT_HOST_FMA | JIT_HOST_F16C |
                     JIT_HOST_CX16 | JIT_HOST_LAHF,
};

typedef struct Snippets {
    SnippetTable table; /* of slots and bytes: those made by this thread */
    ReadySnippets ready;
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

/* Of those that this thread has made; NULL: none. */
static inline const Snippet *snippets_find(const Snippets *s, uint32_t key, uint32_t mode)
{
    const SnippetTable *t = &s->table;
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

/* Where the one of the key is if it is among those that were made when xemu was built. */
static inline const Snippet *snippets_ready_at(const ReadySnippets *r, uint32_t key)
{
    uint64_t hash = snippets_hash(key, 0);
    uint32_t seed = r->seeds[hash >> (64 - READY_SEEDS)];
    uint32_t mixed = (uint32_t)(hash >> 16) * (seed * 0x9e3779b1u | 1);

    return (const Snippet *)(const void *)(r->cells +
                                           ((uint64_t)mixed * r->ncells >> 32) * READY_CELL);
}

#endif
