/* blockmap.h - the table of translated blocks, keyed by (guest pc, mode), and by guest page for
 * invalidation.
 *
 * Look-ups take no lock. Everything that changes the table holds Jit.lock. A block that was dropped
 * stays readable (its memory is freed with the whole generation), so a reader that raced with the
 * drop runs old code at most until its next poll.
 */
#ifndef XEMU_JIT_BLOCKMAP_H
#define XEMU_JIT_BLOCKMAP_H

#include "frontend/frontend.h"

/* A direct exit of a block that can be patched to jump to another block. `incoming` lists of the
 * target chain them (under Jit.lock). */
typedef enum LinkKind {
    LINK_JUMP,  /* rel32 of a jmp or jcc */
    LINK_LEA,   /* rel32 of a lea that makes the host continuation of a call */
    LINK_CACHE, /* jcc behind the comparison of an indirect target with `cache`; `target` is 0 until
                   it is linked for the first time */
} LinkKind;
typedef struct Link {
    struct Block *from;
    struct Block *to;     /* NULL: not linked */
    struct Link *next_in; /* next link to the same block */
    GuestAddr target;     /* guest pc */
    uint32_t site;        /* arena offset behind the patchable displacement */
    uint32_t stub;        /* arena offset of where it goes unlinked */
    uint32_t cache;       /* LINK_CACHE: arena offset of the guest pc it is compared with */
    uint8_t kind;         /* LinkKind */
} Link;

/* In this order, since making a quick block writes to the first two lines of 64 bytes only. */
typedef struct Block {
    GuestAddr pc;
    uint32_t mode;
    uint32_t guest_len;
    uint32_t ninsns;
    bool dead;
    bool quick;        /* quick.h */
    bool ahead;        /* made ahead of time (stock.h) */
    bool bound;        /* the code has others, too: it is good for this place of the file only */
    bool tier2;        /* its code is a region's (lift/), entered here */
    bool no_promotion; /* tier 2 has refused, or is at it */
    uint8_t heat;      /* promotion (tier.c): how often its hot counter has run out */
    uint8_t deaths;    /* of the optimizer while it was at this block's region */
    uint32_t host_len;
    const uint8_t *arena; /* CodeBuf.rx of the arena that its code is in */
    uintptr_t code;       /* host entry; 0: interpreter only */
    uintptr_t
        cold; /* out-of-line part; its offsets in the fault map follow those of the hot part */
    uint32_t cold_len;
    uint32_t nlinks;

    Link *links;                /* outgoing, [nlinks] */
    Link *incoming;             /* links patched to jump here */
    struct Block *page_next[2]; /* in the list of its first and of its last guest page */
    const uint8_t *faultmap;    /* see faultmap.h */
    const uint32_t *relocs; /* arena offsets of 64-bit guest addresses in the code that move with
                               the guest file, [nrelocs] */
    uint32_t faultmap_len;
    uint32_t nrelocs;
    UopBlock *uops; /* kept for the interpreter tier, else NULL */

    uint32_t kept_index; /* while a segment is put together (keep_save.c): its index in it + 1 */
    uint32_t counter;    /* executions, when counted */
    bool settled;        /* settle.h */
    bool wanted;         /* promotion: it is worth a region, once there's something left to spend */
    struct Block *replaced_by; /* the region that has taken its place */
    struct Block *region;  /* an anchor: not in the table, it keeps guest code of that region in the
                              lists of pages */
    struct Block *anchors; /* tier2: [nanchors] */
    uint32_t nanchors;
} Block;

typedef struct BlockMap {
    struct BlockTable *table;
    uint32_t count; /* blocks */
    uint32_t used;  /* slots that were ever filled: blocks and graves */
    struct PageTable *pages;
    struct PageSlot *recent; /* in pages: that of the last block inserted, or NULL */
    uint64_t pc_mask;        /* Frontend.pc_mask */
    void **retired;          /* old tables that readers may still hold */
    uint32_t nretired;
} BlockMap;

int blockmap_create(BlockMap *m, uint64_t pc_mask);
void blockmap_destroy(BlockMap *m);
/* NULL if there is none. Any thread, no lock. */
Block *blockmap_find(const BlockMap *m, GuestAddr pc, uint32_t mode);
/* Where the block's exits lead will be looked up soon: asks for the memory of that. */
void blockmap_fetch_exits(const BlockMap *m, const Block *b);
/* Under the lock. 0 or -ENOMEM. The block must not be in the table. */
int blockmap_insert(BlockMap *m, Block *b);
/* Under the lock: a block that only its pages' lists have. 0 or -ENOMEM. */
int blockmap_anchor(BlockMap *m, Block *b);
/* Under the lock. Takes the block out of the table and of its pages' lists. */
void blockmap_remove(BlockMap *m, Block *b);
/* Under the lock: fresh takes old's place, which has the same pc and mode and is in the table. Old
 * stays in the lists of its pages, since looking for it there takes long. 0 or -ENOMEM. */
int blockmap_replace(BlockMap *m, Block *old, Block *fresh);
/* Under the lock: any block that has guest bytes in [start, start + len), or NULL. */
Block *blockmap_overlapping(const BlockMap *m, GuestAddr start, uint64_t len);
/* Calls fn for each block (under the lock). */
void blockmap_each(const BlockMap *m, void (*fn)(Block *b, void *ctx), void *ctx);
/* Empties the table (under the lock). */
void blockmap_clear(BlockMap *m);

#endif
