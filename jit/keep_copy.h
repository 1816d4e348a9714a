/* keep_copy.h - a shared copy's bytes: some parts of a module's file with all cells decompressed,
 * in their places and linked, each part's pairs behind those of the one before, as one segment.
 *
 *     Copy
 *     KeepCell[ncells]; uint64_t[nindex]; KeepIndex[nblocks]
 *     KeepBlock[nblocks]; uint32_t links_at[nblocks], faults_at[nblocks]
 *     KeepLink[nlinks]; uint32_t relocs[nrelocs]; fault maps           by cell
 *     zeros up to a page
 *     the window (keep.h); zeros where there's no code
 *
 * Where several parts have a block of the same key, all are in the index, the one to be used first.
 */
#ifndef XEMU_JIT_KEEP_COPY_H
#define XEMU_JIT_KEEP_COPY_H

#include "jit/keep.h"

enum { KEEP_COPY_PAGE = CODEBUF_PAGE };
/* One for each kind of module. */
static inline uint32_t keep_copy_format(const KeepModule *m)
{
    enum { FORMAT = 2 };
    return FORMAT << 8 | keep_flags(m);
}
/* Of fewer blocks none is made, it wouldn't be worth a mapping. */
enum { KEEP_COPY_LEAST = 64 };
/* So many parts that aren't in a copy have one made that has them, however small they are. */
enum { KEEP_COPY_REST = 4 };

typedef struct KeepCopy {
    KeepInfo info;
    uint64_t nlinks, room_relocs, faults_len;
    uint64_t nrelocs; /* at most room_relocs */
    uint64_t window;  /* where it is in the copy */
} KeepCopy;

/* Where tables are, in a copy's bytes or in those that one is made in. */
typedef struct KeepTables {
    KeepCopy *copy;
    KeepCell *cells;
    uint64_t *first;
    KeepIndex *index;
    KeepBlock *blocks;
    uint32_t *links_at, *faults_at;
    KeepLink *links;
    uint32_t *relocs;
    uint8_t *faults;
    uint64_t size; /* of all */
} KeepTables;

/* bytes NULL: for the size. */
KeepTables keep_tables(uint8_t *bytes, const KeepInfo *i, uint64_t nlinks, uint64_t nrelocs,
                       uint64_t faults_len);
/* Where the code of each half of the pairs ends. */
void keep_half_ends(const KeepInfo *info, const KeepCell *cells, uint32_t *ends);

#endif
