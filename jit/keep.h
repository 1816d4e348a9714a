/* keep.h - translations that outlive the process: code of a guest file is laid down so that it can
 * be stored as it is, and stored code is placed into the arena piece by piece, to run without being
 * translated, block by block found when it is first jumped to from outside.
 *
 * A *module* is one place of a guest file in memory. Code of its blocks goes to *pairs* of chunks
 * of its own: a hot one and the cold one right behind it, so that the distances between both are
 * the same wherever the pair lies. A hot chunk begins with a copy of the stubs. So nothing in a
 * pair depends on where in the arena it is, and only the guest addresses that blocks list as
 * relocations on where the file is. What one process saves of a module is a *segment*: its pairs,
 * in the window of one behind the other (in the arena, each pair lies where there's room):
 *
 *     window offset   0          256K        512K        768K
 *                     | hot 0    | cold 0    | hot 1     | cold 1 ...
 *
 * A pair's blocks, in the order in which they were made, are cut into *cells* of some 256 KB: a
 * range of the hot chunk and one of the cold. A cell is placed when one of its blocks is wanted,
 * and only then read. Exits within a cell are linked in the saved code; those to another cell of
 * the segment (*far* ones) as soon as both are placed; all others lead to their stubs. struct Block
 * is made for a block of a segment when it is looked up, when its unlinked exits are taken, or for
 * all of the placed ones before some are invalidated.
 *
 * Frames of a segment (jit.h: JitPart): first KeepCell[ncells] and the key of the first block in
 * each index frame (uint64_t[nindex]); then the index, KeepIndex[] ordered by key,
 * KEEP_INDEX_BLOCKS to a frame; then a frame for each cell: KeepBlock[], KeepLink[] by block,
 * relocations (window offsets, uint32_t), fault maps by block, hot code, cold code. Tables of
 * KeepIndex, KeepBlock and KeepLink are stored as columns (columns.h), cells without what follows
 * from the rest of them (keep_pack.c).
 */
#ifndef XEMU_JIT_KEEP_H
#define XEMU_JIT_KEEP_H

#include "jit/columns.h"
#include "jit/internal.h"

#define KEEP_PAIR       (2 * CODEBUF_CHUNK) /* bytes of the window */
#define KEEP_CELL       (256u << 10)        /* bytes of code after which a cell is full */
#define KEEP_SMALL_CELL (16u << 10)         /* the same of what was made ahead of time */
enum {
    KEEP_HEAD,
    KEEP_INDEX,
    KEEP_INDEX_BLOCKS = 1024,
    KEEP_CELL_BLOCKS = 1 << 11,
    KEEP_MOST_CELLS = 1 << 13,
    KEEP_MOST_PAIRS = 512
};

typedef struct KeepInfo {
    uint32_t format;    /* KEEP_FORMAT */
    uint32_t flags;     /* KEEP_* below: those of the module must agree with it */
    uint64_t base;      /* of the file when it was saved */
    uint64_t low, high; /* file offsets that its blocks cover */
    uint32_t nblocks, npairs;
    uint32_t ncells, nindex;
} KeepInfo;
_Static_assert(sizeof(KeepInfo) == 48, "JitPart.info");
enum { KEEP_FORMAT = 7 };
enum {
    KEEP_GUARDED = 1,
    KEEP_ANY_GUARDED = 2,
    KEEP_FIXED = 4,
    KEEP_OF_MODULE = 7,
    KEEP_AHEAD = 8,    /* made ahead of time */
    KEEP_THREADS = 16, /* its code is the same with CPU_MODE_THREADS set */
};

typedef struct KeepCell {
    uint32_t hot, cold; /* window offsets, of the same pair */
    uint32_t hot_len, cold_len;
    uint32_t nlinks, nrelocs, faults_len;
    uint16_t nblocks, zero;
} KeepCell;
_Static_assert(sizeof(KeepCell) == 32, "on disk");

typedef struct KeepIndex {
    uint32_t pc; /* file offset */
    uint16_t mode;
    uint16_t guest_len : 15, tier2 : 1;
    uint32_t where; /* the cell, 13 bits; which of its blocks, 11; bits 56 to 63 of the pc */
} KeepIndex;
_Static_assert(sizeof(KeepIndex) == 12, "on disk");

typedef struct KeepBlock {
    uint32_t pc;
    uint16_t mode;
    uint16_t guest_len;
    uint32_t hot, cold; /* from the start of the cell's hot and cold part */
    uint16_t host_len, cold_len, faults_len;
    uint16_t nlinks; /* of KeepLink: its exits, then nanchors others */
    uint16_t nanchors;
    uint8_t tag;
    uint8_t tier2; /* a region's code: its anchors are the other blocks of it */
} KeepBlock;
_Static_assert(sizeof(KeepBlock) == 28, "on disk");

typedef struct KeepLink {
    int32_t target; /* guest address, from the block's; LINK_CACHE unlinked: nothing */
    uint16_t site /* an anchor: bytes of guest code */, stub,
        cache; /* as in Link; from the start of the block's hot part or, KEEP_COLD_SITE, cold part;
                  stub and cache: cold */
    uint16_t cell; /* KEEP_LINKED, KEEP_FAR: where the target is */
    uint16_t n;
    uint8_t flags; /* LinkKind, KEEP_* */
    uint8_t tag;   /* of the target */
} KeepLink;
_Static_assert(sizeof(KeepLink) == 16, "on disk");
enum {
    KEEP_KIND = 3,
    KEEP_LINKED = 4,
    KEEP_COLD_SITE = 8,
    KEEP_FAR = 16,
    KEEP_SAME = 32, /* stored: target and tag are those of the block */
    KEEP_ASKS = 64  /* its poll doesn't count (settle.h) */
};

/* Columns of which the differences are stored (columns.h): the low halves of pc and where. */
enum { KEEP_INDEX_DIFFERENCES = 1 | 1 << 4, KEEP_BLOCK_DIFFERENCES = 0, KEEP_LINK_DIFFERENCES = 0 };
_Static_assert(offsetof(KeepIndex, where) == 8, "columns");

/* A pair that is being filled, or was. */
typedef struct KeepPair {
    struct KeepPair *next;      /* of the module */
    struct KeepPair *next_idle; /* that no thread fills at the moment */
    CodeChunk *hot, *cold;
} KeepPair;

/* A cell in memory. What it points to lives as long as the arena. */
typedef struct KeepPlaced {
    bool placed, spent;             /* spent: can't be */
    KeepBlock *blocks;              /* [nblocks] */
    Block **made;                   /* by block: what was made of it */
    uint32_t *links_at, *faults_at; /* by block: where its links and fault map begin */
    KeepLink *links;                /* KEEP_LINKED is set when a far one becomes so */
    const uint8_t *faults;
    struct KeepWaiting *waiting; /* far exits of placed cells that lead here, until it is placed */
} KeepPlaced;

typedef struct KeepWaiting {
    struct KeepWaiting *next;
    uint32_t cell;
    uint16_t block, link; /* the link of the block */
} KeepWaiting;

typedef struct KeepSegment {
    struct KeepSegment *next;
    struct KeepModule *module;
    KeepInfo info;
    unsigned part;
    uint64_t covers;     /* of a shared copy: a bit for each part of its group (KeepGroup) */
    uint32_t mode;       /* set in its blocks' modes beside what is stored: a part with KEEP_THREADS
                            has two segments */
    bool opened, spent;  /* its first frame was read; not to be looked into: every block that lives
                            is in the block table, or it is of no use */
    bool damaged;        /* nothing more is found in it */
    bool shared;         /* placed as a whole: cells, first, index and what cells have are those of
                            a shared copy (keep_shared.c) */
    const uint8_t *copy; /* [copy_size] */
    size_t copy_size;
    void *memory;        /* of what follows, up to `index` */
    KeepCell *cells;     /* [info.ncells] */
    uint64_t *first;     /* [info.nindex] keys */
    uint8_t **pairs;     /* [info.npairs] rx; NULL: not in the arena yet */
    KeepPlaced *placed;  /* [info.ncells] */
    KeepIndex **index;   /* [info.nindex]; NULL: not read yet */
    uint32_t recent[64]; /* blocks that faulted, by host address */
} KeepSegment;

typedef struct KeepModule {
    struct KeepModule *next;
    JitModule info;
    bool any_guarded; /* there were guarded pages when its first code was translated */
    bool closed;      /* the file isn't mapped like that any more */
    bool asked, ahead_asked;
    bool copy_tried; /* to make a shared copy */
    KeepPair *pairs, *idle;
    KeepPair *saved; /* what has been saved; some thread may go on filling one */
    KeepSegment *segments;
    struct StockPart *stock; /* stock.h */
    bool stock_asked;
    struct StockMaker *maker;
    struct KeepSave *stash; /* what there was to save when it was closed */
} KeepModule;

/* ---- keep.c ---------------------------------------------------------------------------------- */

/* The thread is going to translate at pc: its chunks become those of the module there (or those for
 * code of no file). */
void keep_enter(JitThread *t, GuestAddr pc);
/* Gives the pair back; the thread's chunks are those for other code again. */
void keep_leave(JitThread *t);
/* The same under the lock. */
void keep_give(JitThread *t);
/* The next code goes to chunks of its own. */
void keep_leave_pair(JitThread *t);
/* Addresses made of the pc are told apart in the code to come. */
bool keep_relocatable(const JitThread *t);
/* Is anything stored of the file that the thread is at? */
bool keep_has_some(const JitThread *t);
/* A pair with room; false: the arena is full. */
bool keep_have_pair(JitThread *t);
/* Under the lock. The process was forked: what was translated before is the parent's to save. */
void keep_forked(Jit *j);
/* Under the lock: the arena was begun anew. */
void keep_emptied(Jit *j);
/* Under the lock: before blocks in the range are dropped. */
void keep_invalidate(Jit *j, GuestAddr start, uint64_t len);
void keep_destroy(Jit *j);

/* ---- keep_save.c ----------------------------------------------------------------------------- */

/* Under the lock: the module's blocks are about to be dropped, but were right up to now: what there
 * is to save is put aside. */
void keep_stash(Jit *j, KeepModule *m);
void keep_free_save(struct KeepSave *s);

/* ---- keep_load.c: all under the lock --------------------------------------------------------- */

/* Asks for the module's parts. */
void keep_ask(Jit *j, KeepModule *m);
/* Asks for its regions that were made ahead of time: segments that only keep_find_region() looks
 * into, since most of them are for code that isn't hot. */
void keep_ask_ahead(Jit *j, KeepModule *m);
static inline bool keep_is_ahead(const KeepSegment *s)
{
    return s->part >= JIT_PART_WHOLE;
}
void keep_free_segment(KeepSegment *s);
/* Zeroed, lives as long as the arena. */
void *keep_alloc(Jit *j, size_t size);
/* The same, its pages when they are used. */
void *keep_alloc_later(Jit *j, size_t size);
/* The segment's block at pc; NULL: none. */
const KeepIndex *keep_search(Jit *j, KeepSegment *s, GuestAddr pc, uint32_t mode);
/* False: it can't be. */
bool keep_place(Jit *j, KeepSegment *s, uint32_t cell);

/* The frame's bytes; false: damaged, or of another size. */
bool keep_frame(Jit *j, const KeepModule *m, unsigned part, unsigned n, void *to, size_t size);
/* Can the module use what is stored with this info? */
bool keep_fits_module(const KeepModule *m, const KeepInfo *i);
size_t keep_cell_size(const KeepCell *c);
/* The polls of all placed cells count (Jit.all_count). */
void keep_count_all(Jit *j);
/* Those of a segment's cells that are placed already. */
void keep_count_segment(Jit *j, const KeepSegment *s);
/* Does what was read make sense? */
bool keep_sound_cells(const KeepInfo *i, const KeepCell *cells);
/* Is a relocation in the cell's code? */
bool keep_sound_reloc(const KeepCell *c, uint32_t at);
bool keep_sound_index(const KeepInfo *i, const KeepCell *cells, const KeepIndex *index, uint32_t n);
/* Is there room in the arena for so many chunks of code that is stored? */
bool keep_has_room(const Jit *j, uint64_t chunks);

/* ---- keep_pack.c ----------------------------------------------------------------------------- */

/* The cell's tables and code, in place, as they are stored. */
void keep_pack(const KeepCell *c, KeepBlock *blocks, KeepLink *links, uint8_t *hot, uint8_t *cold);
/* The tables in a cell's frame, to where `to` points, and its code, in place; false: they aren't
 * what they should be. */
bool keep_unpack(const KeepInfo *i, const KeepCell *cells, uint32_t cell, uint8_t *frame,
                 KeepPlaced *to);

/* ---- keep_shared.c: all under the lock ------------------------------------------------------- */

/* Parts that one shared copy can be of: of one file on disk, and of use to the module. */
enum { KEEP_MOST_PARTS = 64 };
typedef struct KeepGroup {
    unsigned n, parts[KEEP_MOST_PARTS];
    KeepInfo infos[KEEP_MOST_PARTS];
} KeepGroup;
/* The group of parts from `first` on; where the next one begins. */
unsigned keep_group(Jit *j, const KeepModule *m, unsigned first, KeepGroup *g);
/* A segment of those of the group's parts that there is a shared copy of: opened, and placed. NULL:
 * there is none. */
KeepSegment *keep_attach(Jit *j, KeepModule *m, const KeepGroup *g);

/* ---- keep_share.c ---------------------------------------------------------------------------- */

/* Is there anything that jit_share() would do? Without the lock. */
bool keep_may_share(Jit *j);

/* ---- keep_find.c ----------------------------------------------------------------------------- */

/* The block of a segment at pc, now in the table; NULL: none. may_place: also of segments that
 * aren't in the arena yet. */
Block *keep_find(JitThread *t, GuestAddr pc, uint32_t mode, bool may_place);
/* Is there a block of a segment at pc? Nothing is placed. *guest_len: its length. */
bool keep_known(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t *guest_len);
/* A region that is stored for the pc of b, which isn't one; NULL: none. It isn't in the table if
 * the table finds b. */
Block *keep_find_region(JitThread *t, const Block *b);
/* Under the lock: b's list of incoming links has those, too, that were made when it was stored. */
void keep_incoming(Jit *j, const Block *b);
/* Under the lock: makes all blocks of the segment's placed cells. */
void keep_make_all(Jit *j, KeepSegment *s);
/* Exit n of the block whose cold part begins at `cold` (rx) with `mark` instead of a Block *, and
 * where it leads. NULL: its arena is gone. */
Link *keep_link(Jit *j, uintptr_t cold, uint64_t mark, unsigned n, GuestAddr *target);
/* Fills in *b with what a fault needs of the block that the host pc is in; false: none.
 * Async-signal-safe. */
bool keep_fault_block(const CodeChunk *c, uintptr_t host_pc, Block *b);

/* The rx address of a window offset, whose pair is in the arena. */
static inline uintptr_t keep_address(const KeepSegment *s, uint32_t at)
{
    return (uintptr_t)s->pairs[at / KEEP_PAIR] + at % KEEP_PAIR;
}
/* What lies behind the blocks in a cell's frame. */
typedef struct KeepRest {
    uint8_t *links, *relocs, *faults, *hot, *cold;
} KeepRest;
static inline KeepRest keep_rest(const KeepCell *c, uint8_t *frame)
{
    KeepRest r = {.links = frame + c->nblocks * sizeof(KeepBlock)};
    r.relocs = r.links + c->nlinks * sizeof(KeepLink);
    r.faults = r.relocs + c->nrelocs * sizeof(uint32_t);
    r.hot = r.faults + c->faults_len;
    r.cold = r.hot + c->hot_len;
    return r;
}
/* Behind the displacement of an exit, in the window. */
static inline uint32_t keep_site(const KeepCell *c, const KeepBlock *b, const KeepLink *l)
{
    return l->site + (l->flags & KEEP_COLD_SITE ? c->cold + b->cold : c->hot + b->hot);
}
static inline uint32_t keep_flags(const KeepModule *m)
{
    return (m->info.guarded ? KEEP_GUARDED : 0) | (m->any_guarded ? KEEP_ANY_GUARDED : 0) |
           (m->info.fixed ? KEEP_FIXED : 0);
}
static inline uint32_t keep_where(uint32_t cell, uint32_t n, uint8_t tag)
{
    return cell << 19 | n << 8 | tag;
}
static inline uint32_t keep_cell(const KeepIndex *x)
{
    return x->where >> 19;
}
static inline uint32_t keep_nth(const KeepIndex *x)
{
    return x->where >> 8 & (KEEP_CELL_BLOCKS - 1);
}
/* The order of an index. */
static inline uint64_t keep_key(uint32_t pc, uint32_t mode, uint8_t tag)
{
    return (uint64_t)pc << 24 | (mode & 0xffff) << 8 | tag;
}
static inline uint64_t keep_index_key(const KeepIndex *x)
{
    return keep_key(x->pc, x->mode, (uint8_t)x->where);
}
static inline bool keep_is_mark(uint64_t word)
{
    return word & 1;
}
static inline uint64_t keep_mark(uint32_t index)
{
    return (uint64_t)index << 1 | 1;
}

#endif
