/* blockmap.c - see blockmap.h.
 *
 * Buckets are singly linked lists headed in an array that doubles when it gets full; a doubling relinks nodes in place, so a reader that is on its way through a list may
 * end in another bucket's and miss its block: a miss is looked up again under the lock by whoever would translate.
 *
 * Pages: an open-addressed table page number -> list of blocks. A block covers at most two pages (the translator stops at a page's end after
 * the first crossing), so it stands in at most two lists.
 */
#include "jit/blockmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12

typedef struct PageSlot {
    uint64_t page; /* page number + 1; 0: free */
    Block *first;
} PageSlot;

typedef struct PageTable {
    uint32_t log2, count;
    PageSlot slots[];
} PageTable;

static uint64_t mix(uint64_t v) {
    v *= 0x9e3779b97f4a7c15u;
    return v ^ v >> 32;
}

static uint32_t bucket_of(uint32_t log2, GuestAddr pc, uint32_t mode) {
    return (uint32_t)mix(pc ^ (uint64_t)mode << 48) & ((1u << log2) - 1);
}

static PageTable *page_table(uint32_t log2) {
    PageTable *t = calloc(1, sizeof *t + sizeof(PageSlot) * ((size_t)1 << log2));
    if (t) {
        t->log2 = log2;
    }
    return t;
}

int blockmap_create(BlockMap *m, uint64_t pc_mask) {
    *m = (BlockMap){ .log2 = 12, .pc_mask = pc_mask };
    m->buckets = calloc((size_t)1 << m->log2, sizeof *m->buckets);
    m->pages = page_table(8);
    if (!m->buckets || !m->pages) {
        blockmap_destroy(m);
        return -ENOMEM;
    }
    return 0;
}

void blockmap_destroy(BlockMap *m) {
    for (uint32_t i = 0; i < m->nretired; i++) {
        free(m->retired[i]);
    }
    free(m->retired);
    free(m->buckets);
    free(m->pages);
    *m = (BlockMap){ 0 };
}

Block *blockmap_find(const BlockMap *m, GuestAddr pc, uint32_t mode) {
    /* log2 is read first: the array it belongs to or a newer, larger one follows. */
    uint32_t log2 = __atomic_load_n(&m->log2, __ATOMIC_ACQUIRE);
    Block **buckets = __atomic_load_n(&m->buckets, __ATOMIC_ACQUIRE);
    Block *b = __atomic_load_n(&buckets[bucket_of(log2, pc, mode)], __ATOMIC_ACQUIRE);
    for (; b; b = __atomic_load_n(&b->hash_next, __ATOMIC_ACQUIRE)) {
        if (b->pc == pc && b->mode == mode && !b->dead) {
            return b;
        }
    }
    return NULL;
}

static int grow_buckets(BlockMap *m) {
    void **retired = realloc(m->retired, sizeof *retired * (m->nretired + 1));
    if (!retired) {
        return -ENOMEM;
    }
    m->retired = retired;
    uint32_t log2 = m->log2 + 2;
    Block **fresh = calloc((size_t)1 << log2, sizeof *fresh);
    if (!fresh) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < 1u << m->log2; i++) {
        for (Block *b = m->buckets[i], *next; b; b = next) {
            next = b->hash_next;
            Block **head = &fresh[bucket_of(log2, b->pc, b->mode)];
            __atomic_store_n(&b->hash_next, *head, __ATOMIC_RELEASE);
            *head = b;
        }
    }
    m->retired[m->nretired++] = m->buckets;
    __atomic_store_n(&m->buckets, fresh, __ATOMIC_RELEASE);
    __atomic_store_n(&m->log2, log2, __ATOMIC_RELEASE);
    return 0;
}

static PageSlot *page_slot(PageTable *t, uint64_t page) {
    uint32_t mask = (1u << t->log2) - 1, i = (uint32_t)mix(page) & mask;
    while (t->slots[i].page && t->slots[i].page != page + 1) {
        i = (i + 1) & mask;
    }
    return &t->slots[i];
}

static PageSlot *page_add(BlockMap *m, uint64_t page) {
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
    }
    PageSlot *s = page_slot(m->pages, page);
    if (!s->page) {
        s->page = page + 1;
        m->pages->count++;
    }
    return s;
}

static GuestAddr address(const BlockMap *m, const Block *b) {
    return b->pc & m->pc_mask;
}

static uint64_t first_page(const BlockMap *m, const Block *b) {
    return address(m, b) >> PAGE_SHIFT;
}

static uint64_t last_page(const BlockMap *m, const Block *b) {
    return (address(m, b) + (b->guest_len ? b->guest_len - 1 : 0)) >> PAGE_SHIFT;
}

/* The successor of b in the list of `page`. */
static Block **page_link(const BlockMap *m, Block *b, uint64_t page) {
    return &b->page_next[first_page(m, b) == page ? 0 : 1];
}

int blockmap_insert(BlockMap *m, Block *b) {
    if (m->count >= 2u << m->log2 && m->log2 < 24) {
        int err = grow_buckets(m);
        if (err) {
            return err;
        }
    }
    for (uint64_t p = first_page(m, b), last = last_page(m, b); p <= last; p += last - p ? last - p : 1) {
        PageSlot *s = page_add(m, p);
        if (!s) {
            return -ENOMEM;
        }
        *page_link(m, b, p) = s->first;
        s->first = b;
    }
    Block **head = &m->buckets[bucket_of(m->log2, b->pc, b->mode)];
    b->hash_next = *head;
    __atomic_store_n(head, b, __ATOMIC_RELEASE);
    m->count++;
    return 0;
}

void blockmap_remove(BlockMap *m, Block *b) {
    __atomic_store_n(&b->dead, true, __ATOMIC_RELEASE);
    for (Block **at = &m->buckets[bucket_of(m->log2, b->pc, b->mode)]; *at; at = &(*at)->hash_next) {
        if (*at == b) {
            __atomic_store_n(at, b->hash_next, __ATOMIC_RELEASE);
            m->count--;
            break;
        }
    }
    for (uint64_t p = first_page(m, b), last = last_page(m, b); p <= last; p += last - p ? last - p : 1) {
        for (Block **at = &page_slot(m->pages, p)->first; *at; at = page_link(m, *at, p)) {
            if (*at == b) {
                *at = *page_link(m, b, p);
                break;
            }
        }
    }
}

static Block *in_list(const BlockMap *m, Block *b, uint64_t page, GuestAddr start, uint64_t len) {
    for (; b; b = *page_link(m, b, page)) {
        if (address(m, b) < start + len && start < address(m, b) + b->guest_len) {
            return b;
        }
    }
    return NULL;
}

Block *blockmap_overlapping(const BlockMap *m, GuestAddr start, uint64_t len) {
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
    for (uint32_t i = 0; i < 1u << t->log2; i++) { /* a large range: go through the pages that have blocks */
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

void blockmap_each(const BlockMap *m, void (*fn)(Block *b, void *ctx), void *ctx) {
    for (uint32_t i = 0; i < 1u << m->log2; i++) {
        for (Block *b = m->buckets[i], *next; b; b = next) {
            next = b->hash_next;
            fn(b, ctx);
        }
    }
}

void blockmap_clear(BlockMap *m) {
    for (uint32_t i = 0; i < 1u << m->log2; i++) {
        for (Block *b = m->buckets[i]; b; b = b->hash_next) {
            __atomic_store_n(&b->dead, true, __ATOMIC_RELEASE);
        }
        __atomic_store_n(&m->buckets[i], NULL, __ATOMIC_RELEASE);
    }
    memset(m->pages->slots, 0, sizeof(PageSlot) * ((size_t)1 << m->pages->log2));
    m->pages->count = 0;
    m->count = 0;
}
