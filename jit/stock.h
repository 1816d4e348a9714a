/* stock.h - blocks made ahead of time (`xemu --aot`), taken out of the cache one by one.
 *
 * A run needs a block here and there of what was made of a whole file. So a block in stock can be
 * put anywhere in the arena: its record says which displacements in its code lead from the hot part
 * to the cold one, back, or to stubs, and holds where in the other part instead. Putting it there
 * is what the emitter would do, only cheaper; from then on it is a block like those that were
 * translated, and what a run has taken out of stock is saved as what it has learned (keep.h): the
 * next run places that as a whole.
 *
 * A *part* of the cache has, as frames: the address of the first block of each cell
 * (uint32_t[ncells], file offsets, ascending), then the cells: some 8 KB of records, by address.
 * What records have of a kind stands together in a cell, so that it compresses: four sizes
 * (uint32_t) of the first four pieces, then those. In LEB128 numbers, signed ones zigzag:
 *
 *     heads     (pc - end of the block before, signed) / 4; sizes of its hot and cold code, of its
 *               rest and fault map; place of the code within 64 bytes / 16 | 4 if there's a tag |
 *               variants << 3; the tag; guest_len / 4
 *     rests     number of links, of relocations
 *               links: kind | 4 if its site is in the cold part | 8 if it has a target | 16 if
 *               that has a tag; target - end of the guest's code (signed); its tag; end of the part
 *               - site; where the stub would be if nothing but stubs followed - stub (signed);
 *               LINK_CACHE: cache - stub (signed)
 *               relocations: distance from the one before, in the code as it is stored
 *               displacements that aren't as expected: distance << 1 | 1 if it is one
 *     fault maps, hot code, cold code but for its first 8 bytes
 *
 * The displacement of an exit is 0, since it leads to its stub. Of others it is stock_place() of
 * where they lead in the other part, or among the stubs; whatever looks like one of a call or jump
 * (template_displacement()) and isn't 0 is expected to be one.
 *
 * Variants: programs change modes as they run, to CPU_MODE_THREADS with the first thread, to
 * CPU_MODE_PRECISE with a handler of memory faults. Of most blocks the code is the same in all
 * four, so a record says in which of them it may be run (bit n: stock_variant() is n). Where it
 * isn't there are several records, one behind another.
 *
 * How displacements are found: the emitter emits the block twice, in two places. What differs is
 * one.
 */
#ifndef XEMU_JIT_STOCK_H
#define XEMU_JIT_STOCK_H

#include "jit/keep.h"

typedef struct StockInfo {
    uint32_t format;    /* STOCK_FORMAT */
    uint32_t flags;     /* keep_flags() */
    uint64_t base;      /* of the file when it was made: relocations are for that */
    uint64_t low, high; /* file offsets that its blocks cover */
    uint32_t nblocks, ncells;
    uint32_t mode; /* of all its blocks, without STOCK_VARIED */
    uint32_t zero;
} StockInfo;
_Static_assert(sizeof(StockInfo) == JIT_PART_INFO, "JitPart.info");
enum { STOCK_FORMAT = 0x103, STOCK_CELLS = 1 /* their first frame */, STOCK_MOST_CELL = 1 << 20 };

typedef struct StockPart {
    struct StockPart *next;
    struct KeepModule *module;
    StockInfo info;
    unsigned part;
    bool spent;      /* damaged: not to be looked into */
    uint32_t *first; /* [ncells]; NULL: not read yet */
} StockPart;

enum { STOCK_VARIED = CPU_MODE_PRECISE | CPU_MODE_THREADS, STOCK_VARIANTS = 4 };
enum { STOCK_ALL = 15 };
static inline unsigned stock_variant(uint32_t mode)
{
    return mode / CPU_MODE_PRECISE & (STOCK_VARIANTS - 1);
}
_Static_assert(CPU_MODE_THREADS == 2 * CPU_MODE_PRECISE, "stock_variant()");
/* `mode` with those of the variant instead of its own. */
static inline uint32_t stock_mode(uint32_t mode, unsigned variant)
{
    return (mode & ~(uint32_t)STOCK_VARIED) | variant * CPU_MODE_PRECISE;
}

/* What a stored displacement is: never 0. Offsets in stubs have the highest bit. */
#define STOCK_STUB INT32_C(0x40000000)
static inline uint32_t stock_place(uint32_t offset, bool stub)
{
    return offset + 1 + (stub ? (uint32_t)STOCK_STUB : 0);
}

/* Cells that were read last. */
typedef struct StockRecord { /* where its pieces are in the cell; they end where the next's begin */
    uint32_t pc, head /* from its place on */, rest, faults, hot, cold;
} StockRecord;
typedef struct StockCell {
    const StockPart *part;
    uint32_t cell, n, room, records_room;
    uint8_t *bytes;
    StockRecord *records; /* [n + 1], by pc */
} StockCell;
enum { STOCK_SHELF = 512 };
typedef struct StockShelf {
    StockCell slots[STOCK_SHELF];
} StockShelf;

void stock_free(Jit *j, KeepModule *m);
/* Is there one of the thread's module? *guest_len: its length. */
bool stock_known(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t *guest_len);
/* Fills in *b (pc and mode are set), whose code then stands in the thread's chunks, where it is
 * committed. 0; -ENOENT: there's none. */
int stock_take(JitThread *t, Block *b);

/* stock_make.c: what ahead.c makes of a module. */
typedef struct StockMaker StockMaker;
StockMaker *stock_maker(void);
void stock_maker_free(StockMaker *m);
/* The same block emitted twice, at distances that stock_apart() is content with; which variants it
 * is good for, as bits. 0; -EINVAL: it can't be kept; -ENOMEM. */
int stock_add(const Jit *j, StockMaker *m, const Block *first, const Block *second,
              unsigned variants);
static inline bool stock_apart(uint32_t hot, uint32_t cold)
{
    return hot % 64 == 0 && cold % 64 == 0 && hot % 256 && cold % 256 &&
           (hot - cold) % 256; /* so that the lowest byte of each displacement differs */
}
/* Calls fn once, if there is anything. */
unsigned stock_save(KeepModule *m, JitSaveFn fn, void *ctx);

#endif
