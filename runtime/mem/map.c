#include "runtime/mem/map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/ownmem.h"
#include "runtime/host/host.h"

struct MapNode {
    MapRange r;
    uint64_t priority;
    MapNode *left, *right;
};

/* Nodes are made in chunks of 64 KiB; a change needs at most three (two cuts and the new
 * range), and a move is two changes. */
enum { CHUNK_SIZE = 65536, NODES_PER_CHANGE = 6 };
typedef struct Chunk {
    struct Chunk *next;
    MapNode nodes[];
} Chunk;

void map_init(GuestMap *m)
{
    memset(m, 0, sizeof *m);
    m->priority = 0x9e3779b97f4a7c15;
}

void map_free(GuestMap *m)
{
    for (Chunk *c = m->chunks, *next; c; c = next) {
        next = c->next;
        host_raw2(SYS_munmap, c, CHUNK_SIZE);
    }
    map_init(m);
}

static void changes(GuestMap *m)
{
    __atomic_store_n(&m->version, m->version + 1, __ATOMIC_RELEASE);
}

int map_reserve(GuestMap *m)
{
    changes(m);
    if (m->nfree + m->nfresh >= NODES_PER_CHANGE) {
        return 0;
    }
    long p = host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(CHUNK_SIZE), CHUNK_SIZE,
                       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    if (p < 0) {
        return -ENOMEM;
    }
    Chunk *c = guest_ptr((uint64_t)p);
    c->next = m->chunks;
    m->chunks = c;
    m->fresh = c->nodes;
    m->nfresh = (CHUNK_SIZE - sizeof *c) / sizeof(MapNode);
    return 0;
}

static MapNode *new_node(GuestMap *m, MapRange r)
{
    MapNode *n = m->free;
    if (n) {
        m->free = n->left;
        m->nfree--;
    } else {
        n = m->fresh++;
        m->nfresh--;
    }
    /* xorshift64 */
    m->priority ^= m->priority << 13;
    m->priority ^= m->priority >> 7;
    m->priority ^= m->priority << 17;
    *n = (MapNode){.r = r, .priority = m->priority};
    m->bytes += r.end - r.start;
    m->count++;
    return n;
}

static void drop_tree(GuestMap *m, MapNode *n)
{
    if (!n) {
        return;
    }
    drop_tree(m, n->left);
    drop_tree(m, n->right);
    m->bytes -= n->r.end - n->r.start;
    m->count--;
    n->left = m->free;
    m->free = n;
    m->nfree++;
}

/* Nodes that start below key go to *low, the others to *high. */
static void split(MapNode *n, GuestAddr key, MapNode **low, MapNode **high)
{
    while (n) {
        if (n->r.start < key) {
            *low = n;
            low = &n->right;
            n = n->right;
        } else {
            *high = n;
            high = &n->left;
            n = n->left;
        }
    }
    *low = *high = NULL;
}

static MapNode *merge(MapNode *a, MapNode *b)
{
    MapNode *root;
    MapNode **link = &root;
    while (a && b) {
        if (a->priority > b->priority) {
            *link = a;
            link = &a->right;
            a = a->right;
        } else {
            *link = b;
            link = &b->left;
            b = b->left;
        }
    }
    *link = a ? a : b;
    return root;
}

static MapNode *find_node(const GuestMap *m, GuestAddr addr)
{
    MapNode *best = NULL;
    for (MapNode *n = m->root; n;) {
        if (n->r.start <= addr) {
            best = n;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best && addr < best->r.end ? best : NULL;
}

static MapNode *next_node(const GuestMap *m, GuestAddr addr)
{
    MapNode *best = NULL;
    for (MapNode *n = m->root; n;) {
        if (n->r.end > addr) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

bool map_find(const GuestMap *m, GuestAddr addr, MapRange *out)
{
    const MapNode *n = find_node(m, addr);
    if (n) {
        *out = n->r;
    }
    return n;
}

bool map_next(const GuestMap *m, GuestAddr addr, MapRange *out)
{
    const MapNode *n = next_node(m, addr);
    if (n) {
        *out = n->r;
    }
    return n;
}

bool map_covers(const GuestMap *m, GuestAddr start, GuestAddr end)
{
    while (start < end) {
        const MapNode *n = find_node(m, start);
        if (!n) {
            return false;
        }
        start = n->r.end;
    }
    return true;
}

bool map_any_prot(const GuestMap *m, GuestAddr start, GuestAddr end, uint32_t prot)
{
    for (const MapNode *n = next_node(m, start); n && n->r.start < end;
         n = next_node(m, n->r.end)) {
        if (n->r.prot & prot) {
            return true;
        }
    }
    return false;
}

static void insert(GuestMap *m, MapNode *fresh)
{
    MapNode *low, *high;
    split(m->root, fresh->r.start, &low, &high);
    m->root = merge(merge(low, fresh), high);
}

/* No range crosses `at` afterwards. */
static void cut(GuestMap *m, GuestAddr at)
{
    MapNode *n = find_node(m, at);
    if (!n || n->r.start == at) {
        return;
    }
    MapRange upper = n->r;
    upper.start = at;
    m->bytes -= n->r.end - at;
    n->r.end = at;
    insert(m, new_node(m, upper));
}

static bool joins(const MapRange *a, const MapRange *b)
{
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags;
}

/* Joins the ranges on both sides of `at` if they agree. */
static void join(GuestMap *m, GuestAddr at)
{
    MapNode *a = at ? find_node(m, at - 1) : NULL;
    MapNode *b = find_node(m, at);
    if (!a || !b || a == b || !joins(&a->r, &b->r)) {
        return;
    }
    GuestAddr end = b->r.end;
    MapNode *low, *mid, *high;
    split(m->root, at, &low, &high);
    split(high, end, &mid, &high);
    drop_tree(m, mid);
    m->root = merge(low, high);
    m->bytes += end - at;
    a->r.end = end;
}

void map_remove(GuestMap *m, GuestAddr start, GuestAddr end)
{
    if (start >= end) {
        return;
    }
    cut(m, start);
    cut(m, end);
    MapNode *low, *mid, *high;
    split(m->root, start, &low, &high);
    split(high, end, &mid, &high);
    drop_tree(m, mid);
    m->root = merge(low, high);
    changes(m);
}

void map_set(GuestMap *m, GuestAddr start, GuestAddr end, uint32_t prot, uint32_t flags)
{
    if (start >= end) {
        return;
    }
    map_remove(m, start, end);
    insert(m, new_node(m, (MapRange){start, end, prot, flags}));
    join(m, start);
    join(m, end);
    changes(m);
}

void map_protect(GuestMap *m, GuestAddr start, GuestAddr end, uint32_t prot, uint32_t mask,
                 uint32_t flags)
{
    if (start >= end) {
        return;
    }
    cut(m, start);
    cut(m, end);
    for (MapNode *n = next_node(m, start); n && n->r.start < end; n = next_node(m, n->r.end)) {
        n->r.prot = prot;
        n->r.flags = (n->r.flags & ~mask) | (flags & mask);
    }
    changes(m);
    for (GuestAddr at = start; at <= end;) {
        join(m, at);
        MapNode *n = find_node(m, at);
        if (!n && !(n = next_node(m, at))) {
            break;
        }
        at = n->r.start > at ? n->r.start : n->r.end;
    }
}

GuestAddr map_gap(const GuestMap *m, uint64_t size, GuestAddr low, GuestAddr high)
{
    /* Ranges from the top down; `high` is the end of the gap looked at. */
    while (high > low && high - low >= size) {
        const MapNode *below = NULL;
        for (const MapNode *n = m->root; n;) {
            if (n->r.start < high) {
                below = n;
                n = n->right;
            } else {
                n = n->left;
            }
        }
        GuestAddr floor = below && below->r.end > low ? below->r.end : low;
        if (floor <= high && high - floor >= size) {
            return high - size;
        }
        if (!below || below->r.start <= low) {
            return 0;
        }
        high = below->r.start;
    }
    return 0;
}

bool map_walk(const GuestMap *m, bool (*peek)(void *ctx, void *to, const void *from, size_t n),
              bool (*each)(void *ctx, const MapRange *r), void *ctx)
{
    enum { DEPTH = 256 }; /* of a sound treap: some thirty */
    MapNode stack[DEPTH];
    const MapNode *next = m->root;
    unsigned depth = 0;
    size_t seen = 0;
    GuestAddr at = 0;
    while (next || depth) {
        if (next) {
            if (depth == DEPTH || !peek(ctx, &stack[depth], next, sizeof *next)) {
                return false;
            }
            next = stack[depth++].left;
            continue;
        }
        const MapNode *n = &stack[--depth];
        if (n->r.start < at || n->r.end <= n->r.start || ++seen > m->count || !each(ctx, &n->r)) {
            return false;
        }
        at = n->r.end;
        next = n->right;
    }
    return seen == m->count;
}
