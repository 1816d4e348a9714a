/* blockmap.c - see blockmap.h.
 *
 * Blocks: an open-addressed table of (key, block), key made of pc and mode so that a look-up
 * touches a block only when it is very likely the one. It is replaced by one of twice the size
 * before it gets full; a writer fills in the block before the key, a reader checks the block it
 * got, so the worst that a race gives is a miss. A miss is looked up again under the lock by
 * whoever would translate.
 *
 * Pages: an open-addressed table page number -> list of blocks. A block covers at most two pages
 * (the translator stops at a page's end after the first crossing), so it stands in at most two
 * lists.
 */
#include "jit/blockmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/ownmem.h"

#define PAGE_SHIFT 12

typedef struct PageSlot {
    uint64_t page; /* page number + 1; 0: free */
    Block *first;
} PageSlot;

typedef struct PageTable {
    uint32_t log2, count;
    PageSlot slots[];
} PageTable;

static uint64_t mix(uint64_t v)
{
    v *= 0x9e3779b97f4a7c15u;
    return v ^ v >> 32;
}

typedef struct BlockSlot {
    uint64_t key; /* 0: free, 1: a grave (was removed) */
    Block *block;
} BlockSlot;

typedef struct BlockTable {
    uint32_t log2;
    BlockSlot slots[];
} BlockTable;

enum { KEY_FREE, KEY_GRAVE, KEY_FIRST };

static uint64_t key_of(GuestAddr pc, uint32_t mode)
{
    uint64_t key = pc + mode * 0x9e3779b97f4a7c15u;
    return key < KEY_FIRST ? key + KEY_FIRST : key;
}

static size_t table_bytes(uint32_t log2)
{
    return sizeof(BlockTable) + sizeof(BlockSlot) * ((size_t)1 << log2);
}

/* Its pages at once: it is filled at random places. */
static BlockTable *block_table(uint32_t log2)
{
    BlockTable *t = mmap(ownmem_hint(table_bytes(log2)), table_bytes(log2), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (t == MAP_FAILED) {
        return NULL;
    }
    t->log2 = log2;
    return t;
}

static void free_table(BlockTable *t)
{
    if (t) {
        munmap(t, table_bytes(t->log2));
    }
}

static PageTable *page_table(uint32_t log2)
{
    PageTable *t = calloc(1, sizeof *t + sizeof(PageSlot) * ((size_t)1 << log2));
    if (t) {
        t->log2 = log2;
    }
    return t;
}

int blockmap_create(BlockMap *m, uint64_t pc_mask)
{
    *m = (BlockMap){.table = block_table(12), .pages = page_table(8), .pc_mask = pc_mask};
    if (!m->table || !m->pages) {
        blockmap_destroy(m);
        return -ENOMEM;
    }
    return 0;
}

void blockmap_destroy(BlockMap *m)
{
    for (uint32_t i = 0; i < m->nretired; i++) {
        free_table(m->retired[i]);
    }
    free(m->retired);
    free_table(m->table);
    free(m->pages);
    *m = (BlockMap){0};
}

/* Neighbours in the guest's code are neighbours in the table: what is looked up next often lies in
 * the same line. Eight places for what 64 bytes of code have, four blocks as a rule. */
static uint32_t slot_of(const BlockTable *t, uint64_t key)
{
    return (uint32_t)((mix(key >> 6) >> 8) << 3 | (key >> 3 & 7)) & ((1u << t->log2) - 1);
}

Block *blockmap_find(const BlockMap *m, GuestAddr pc, uint32_t mode)
{
    const BlockTable *t = __atomic_load_n(&m->table, __ATOMIC_ACQUIRE);
    uint64_t key = key_of(pc, mode), k;
    uint32_t mask = (1u << t->log2) - 1;
    for (uint32_t i = slot_of(t, key);
         (k = __atomic_load_n(&t->slots[i].key, __ATOMIC_ACQUIRE)) != KEY_FREE;
         i = (i + 1) & mask) {
        if (k == key) {
            /* (it may be one that has just taken another's place) */
            Block *b = __atomic_load_n(&t->slots[i].block, __ATOMIC_ACQUIRE);
            if (b->pc == pc && b->mode == mode && !__atomic_load_n(&b->dead, __ATOMIC_RELAXED)) {
                return b;
            }
        }
    }
    return NULL;
}

void blockmap_fetch_exits(const BlockMap *m, const Block *b)
{
    const BlockTable *t = __atomic_load_n(&m->table, __ATOMIC_ACQUIRE);
    for (const Link *l = b->links; l < b->links + b->nlinks; l++) {
        __builtin_prefetch(&t->slots[slot_of(t, key_of(l->target, b->mode))]);
    }
}

/* True if the slot had never been filled: a grave serves again, since readers check the block that
 * they find. */
static bool fill_slot(BlockTable *t, uint64_t key, Block *b)
{
    uint32_t mask = (1u << t->log2) - 1, i = slot_of(t, key);
    while (t->slots[i].key >= KEY_FIRST) {
        i = (i + 1) & mask;
    }
    bool was_free = t->slots[i].key == KEY_FREE;
    __atomic_store_n(&t->slots[i].block, b, __ATOMIC_RELAXED);
    __atomic_store_n(&t->slots[i].key, key, __ATOMIC_RELEASE);
    return was_free;
}

/* Empties a slot. Before a free one no grave is needed: no search goes on behind it. */
static uint32_t clear_slot(BlockTable *t, uint32_t i)
{
    uint32_t mask = (1u << t->log2) - 1, freed = 0;
    __atomic_store_n(&t->slots[i].key, KEY_GRAVE, __ATOMIC_RELEASE);
    if (t->slots[(i + 1) & mask].key == KEY_FREE) {
        for (; t->slots[i].key == KEY_GRAVE; i = (i - 1) & mask) {
            __atomic_store_n(&t->slots[i].key, KEY_FREE, __ATOMIC_RELEASE);
            freed++;
        }
    }
    return freed;
}

/* A table with room for what lives, without graves. */
static int renew_table(BlockMap *m)
{
    void **retired = realloc(m->retired, sizeof *retired * (m->nretired + 1));
    if (!retired) {
        return -ENOMEM;
    }
    m->retired = retired;
    uint32_t log2 = m->table->log2;
    BlockTable *fresh = block_table(m->count * 4 > 1u << log2 ? log2 + 1 : log2);
    if (!fresh) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < 1u << log2; i++) {
        if (m->table->slots[i].key >= KEY_FIRST) {
            fill_slot(fresh, m->table->slots[i].key, m->table->slots[i].block);
        }
    }
    m->used = m->count;
    m->retired[m->nretired++] = m->table;
    __atomic_store_n(&m->table, fresh, __ATOMIC_RELEASE);
    return 0;
}

static PageSlot *page_slot(PageTable *t, uint64_t page)
{
    uint32_t mask = (1u << t->log2) - 1, i = (uint32_t)mix(page) & mask;
    while (t->slots[i].page && t->slots[i].page != page + 1) {
        i = (i + 1) & mask;
    }
    return &t->slots[i];
}

static PageSlot *page_add(BlockMap *m, uint64_t page)
{
    if (m->pages->count * 2 >= 1u << m->pages->log2) {
        PageTable *t = page_table(m->pages->log2 + 2);
        if (!t) {
            return NULL;
        }
        for (uint32_t i = 0; i < 1u << m->pages->log2; i++) {
            const PageSlot *s = &m->pages->slots[i];
            if (s->page && s->first) { /* pages without blocks are forgotten */
                *page_slot(t, s->page - 1) = *s;
                t->count++;
            }
        }
        free(m->pages);
        m->pages = t;
        m->recent = NULL;
    }
    PageSlot *s = page_slot(m->pages, page);
    if (!s->page) {
        s->page = page + 1;
        m->pages->count++;
    }
    return s;
}

static GuestAddr address(const BlockMap *m, const Block *b)
{
    return b->pc & m->pc_mask;
}

static uint64_t first_page(const BlockMap *m, const Block *b)
{
    return address(m, b) >> PAGE_SHIFT;
}

static uint64_t last_page(const BlockMap *m, const Block *b)
{
    return (address(m, b) + (b->guest_len ? b->guest_len - 1 : 0)) >> PAGE_SHIFT;
}

/* The successor of b in the list of `page`. */
static Block **page_link(const BlockMap *m, Block *b, uint64_t page)
{
    return &b->page_next[first_page(m, b) == page ? 0 : 1];
}

int blockmap_anchor(BlockMap *m, Block *b)
{
    uint64_t p = first_page(m, b), last = last_page(m, b);
    if (p == last && m->recent && m->recent->page == p + 1) {
        b->page_next[0] = m->recent->first;
        m->recent->first = b;
        return 0;
    }
    for (; p <= last; p += last - p ? last - p : 1) {
        PageSlot *s = page_add(m, p);
        if (!s) {
            return -ENOMEM;
        }
        *page_link(m, b, p) = s->first;
        s->first = b;
        m->recent = s;
    }
    return 0;
}

int blockmap_insert(BlockMap *m, Block *b)
{
    if (m->used >= (1u << m->table->log2) / 2) {
        int err = renew_table(m);
        if (err) {
            return err;
        }
    }
    int err = blockmap_anchor(m, b);
    if (err) {
        return err;
    }
    m->used += fill_slot(m->table, key_of(b->pc, b->mode), b);
    __atomic_store_n(&m->count, m->count + 1, __ATOMIC_RELAXED); /* quick_wanted() looks */
    return 0;
}

void blockmap_remove(BlockMap *m, Block *b)
{
    __atomic_store_n(&b->dead, true, __ATOMIC_RELEASE);
    BlockTable *t = m->table;
    uint64_t key = key_of(b->pc, b->mode);
    for (uint32_t i = slot_of(t, key); t->slots[i].key != KEY_FREE;
         i = (i + 1) & ((1u << t->log2) - 1)) {
        if (t->slots[i].key == key && t->slots[i].block == b) {
            m->used -= clear_slot(t, i);
            __atomic_store_n(&m->count, m->count - 1, __ATOMIC_RELAXED);
            break;
        }
    }
    for (uint64_t p = first_page(m, b), last = last_page(m, b); p <= last;
         p += last - p ? last - p : 1) {
        for (Block **at = &page_slot(m->pages, p)->first; *at; at = page_link(m, *at, p)) {
            if (*at == b) {
                *at = *page_link(m, b, p);
                break;
            }
        }
    }
}

int blockmap_replace(BlockMap *m, Block *old, Block *fresh)
{
    int err = blockmap_anchor(m, fresh);
    if (err) {
        return err;
    }
    BlockTable *t = m->table;
    uint64_t key = key_of(old->pc, old->mode);
    for (uint32_t i = slot_of(t, key); t->slots[i].key != KEY_FREE;
         i = (i + 1) & ((1u << t->log2) - 1)) {
        if (t->slots[i].key == key && t->slots[i].block == old) {
            __atomic_store_n(&t->slots[i].block, fresh, __ATOMIC_RELEASE);
            break;
        }
    }
    __atomic_store_n(&old->dead, true, __ATOMIC_RELEASE);
    return 0;
}

static Block *in_list(const BlockMap *m, Block *b, uint64_t page, GuestAddr start, uint64_t len)
{
    for (; b; b = *page_link(m, b, page)) {
        if (address(m, b) < start + len && start < address(m, b) + b->guest_len) {
            return b;
        }
    }
    return NULL;
}

Block *blockmap_overlapping(const BlockMap *m, GuestAddr start, uint64_t len)
{
    if (len == 0) {
        return NULL;
    }
    uint64_t first = start >> PAGE_SHIFT, last = (start + len - 1) >> PAGE_SHIFT;
    PageTable *t = m->pages;
    if (last - first < 1u << t->log2) {
        for (uint64_t p = first; p <= last; p++) {
            Block *b = in_list(m, page_slot(t, p)->first, p, start, len);
            if (b) {
                return b;
            }
        }
        return NULL;
    }
    for (uint32_t i = 0; i < 1u << t->log2;
         i++) { /* a large range: go through the pages that have blocks */
        const PageSlot *s = &t->slots[i];
        if (s->page && s->page - 1 >= first && s->page - 1 <= last) {
            Block *b = in_list(m, s->first, s->page - 1, start, len);
            if (b) {
                return b;
            }
        }
    }
    return NULL;
}

void blockmap_each(const BlockMap *m, void (*fn)(Block *b, void *ctx), void *ctx)
{
    for (uint32_t i = 0; i < 1u << m->table->log2; i++) {
        if (m->table->slots[i].key >= KEY_FIRST) {
            fn(m->table->slots[i].block, ctx);
        }
    }
}

/* Blocks stay where readers may still see them, marked as dead; keys go. */
void blockmap_clear(BlockMap *m)
{
    for (uint32_t i = 0; i < 1u << m->table->log2; i++) {
        if (m->table->slots[i].key >= KEY_FIRST) {
            __atomic_store_n(&m->table->slots[i].block->dead, true, __ATOMIC_RELEASE);
        }
        __atomic_store_n(&m->table->slots[i].key, KEY_FREE, __ATOMIC_RELEASE);
    }
    memset(m->pages->slots, 0, sizeof(PageSlot) * ((size_t)1 << m->pages->log2));
    m->pages->count = 0;
    m->recent = NULL;
    m->used = 0;
    __atomic_store_n(&m->count, 0, __ATOMIC_RELAXED);
}
