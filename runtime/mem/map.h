/* map.h - the set of guest mappings: disjoint address ranges, each with the protection and flags
 * the guest gave.
 *
 * It is needed for what the host kernel can't tell: which pages the guest may execute (they are
 * never executable for the host), which ranges are the guest's at all and not xemu's own. A treap
 * ordered by address; neighbours that agree are joined. No locking here (mem.h does that). The
 * nodes come from the map's own pool, so that nothing fails halfway through a change: call
 * map_reserve() before one.
 */
#ifndef XEMU_RUNTIME_MEM_MAP_H
#define XEMU_RUNTIME_MEM_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/cpu.h"

enum {
    MAP_FLAG_SHARED = 1, /* MAP_SHARED: survives as such in mremap and in /proc/self/maps */
    MAP_FLAG_FILE = 2,   /* has a file behind it */
    MAP_FLAG_BTI = 4,    /* AArch64 PROT_BTI: guarded page */
    MAP_FLAG_STACK = 8,
    MAP_FLAG_VDSO = 16,
    MAP_FLAG_HEAP = 32,
    MAP_FLAG_VVAR = 64,
};

typedef struct MapRange {
    GuestAddr start, end;
    uint32_t prot; /* PROT_READ | PROT_WRITE | PROT_EXEC as the guest sees it */
    uint32_t flags;
} MapRange;

typedef struct MapNode MapNode;
typedef struct GuestMap {
    MapNode *root;
    MapNode *free;  /* used before */
    MapNode *fresh; /* never touched yet: the rest of the newest chunk */
    unsigned nfree, nfresh;
    void *chunks;      /* memory of the nodes */
    uint64_t priority; /* state of the priority generator */
    uint64_t bytes;    /* sum of the sizes */
    size_t count;
    uint64_t version; /* counts changes (atomic), before and after each */
} GuestMap;

void map_init(GuestMap *m);
void map_free(GuestMap *m);
/* Makes sure that the next change can be done; 0 or -ENOMEM. */
int map_reserve(GuestMap *m);

/* The range that contains addr. */
bool map_find(const GuestMap *m, GuestAddr addr, MapRange *out);
/* The first range that ends after addr (it may contain it). */
bool map_next(const GuestMap *m, GuestAddr addr, MapRange *out);
/* True if [start, end) is covered without a gap. */
bool map_covers(const GuestMap *m, GuestAddr start, GuestAddr end);
/* True if some range that overlaps [start, end) has one of the protection bits. */
bool map_any_prot(const GuestMap *m, GuestAddr start, GuestAddr end, uint32_t prot);

/* [start, end) becomes one range; what was there goes. */
void map_set(GuestMap *m, GuestAddr start, GuestAddr end, uint32_t prot, uint32_t flags);
void map_remove(GuestMap *m, GuestAddr start, GuestAddr end);
/* Changes the protection of what is mapped in [start, end), and the flag bits in `mask` to those of
 * `flags`. */
void map_protect(GuestMap *m, GuestAddr start, GuestAddr end, uint32_t prot, uint32_t mask,
                 uint32_t flags);

/* The highest gap of `size` bytes (a multiple of the page) within [low, high); 0 if there is none.
 */
GuestAddr map_gap(const GuestMap *m, uint64_t size, GuestAddr low, GuestAddr high);

/* All ranges in order, of a map that may lie in another process and change meanwhile: its memory is
 * read by peek(ctx, ...). False if it made no sense. */
bool map_walk(const GuestMap *m, bool (*peek)(void *ctx, void *to, const void *from, size_t n),
              bool (*each)(void *ctx, const MapRange *r), void *ctx);

#endif
