/* snippets.c - see snippets.h. */
#include "jit/template/x86_64/snippets.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024, SLOTS_MOST = 1 << 16, BYTES_FIRST = 16 << 10, LINE = 64 };
#define BYTES_MOST ((16u << SNIPPET_AT_BITS) - 16u)

static void use(Snippets *s, SnippetSlot *slots, uint8_t *bytes)
{
    s->table.slots = s->slots = slots;
    s->table.bytes = s->bytes = bytes;
}

Snippets *snippets_new(const Jit *jit)
{
    Snippets *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->size = BYTES_FIRST;
    s->table.log2 = (uint32_t)__builtin_ctz(SLOTS_FIRST);
    use(s, calloc(SLOTS_FIRST, sizeof *s->slots), malloc(s->size));
    if (!s->slots || !s->bytes) {
        snippets_free(s);
        return NULL;
    }
    s->ready_mode = UINT32_MAX;
    if (jit->options.ready && (jit->features & READY_FEATURES) == READY_FEATURES) {
        s->ready = *jit->options.ready;
        s->ready_mode = jit->options.ready->mode;
    }
    return s;
}

void snippets_free(Snippets *s)
{
    if (s) {
        free(s->slots);
        free(s->bytes);
    }
    free(s);
}

static void put(Snippets *s, uint32_t at, uint32_t key, uint32_t mode)
{
    uint64_t hash = snippets_hash(key, mode);
    uint32_t i = (uint32_t)(hash >> (64 - s->table.log2));

    while (s->slots[i])
        i = (i + 1) & ((1u << s->table.log2) - 1);
    s->slots[i] = ((uint32_t)hash >> SNIPPET_AT_BITS << SNIPPET_AT_BITS) | (at / 16 + 1);
}

static bool grow_slots(Snippets *s)
{
    SnippetSlot *old = s->slots, *fresh = NULL;
    uint32_t n = 1u << s->table.log2;

    if (2 * n <= SLOTS_MOST)
        fresh = calloc((size_t)2 * n, sizeof *fresh);
    if (!fresh)
        return false;
    use(s, fresh, s->bytes);
    s->table.log2++;
    for (uint32_t k = 0; k < n; k++) {
        const Snippet *c = old[k] ? snippets_at(&s->table, old[k]) : NULL;
        if (c)
            put(s, (uint32_t)((const uint8_t *)c - s->bytes), c->key, c->mode);
    }
    free(old);
    return true;
}

static void forget_all(Snippets *s)
{
    memset(s->slots, 0, sizeof *s->slots << s->table.log2);
    s->count = s->used = 0;
}

Snippet *snippets_add(Snippets *s, uint32_t key, uint32_t mode, uint32_t len)
{
    uint32_t room = (uint32_t)sizeof(Snippet) + (len > 16 ? (len + 15) & ~15u : 16), at;

    if (s->count * 4 >= 3u << s->table.log2 && !grow_slots(s))
        forget_all(s);
    at = s->used % LINE + room > LINE && room <= LINE ? (s->used + LINE - 1) & ~(LINE - 1u)
                                                      : s->used;
    if (at + room > BYTES_MOST) {
        forget_all(s);
        at = 0;
    }
    if (at + room + SNIPPET_READ > s->size) {
        uint8_t *more = realloc(s->bytes, 2 * s->size);
        if (!more)
            return NULL;
        s->size *= 2;
        use(s, s->slots, more);
    }
    memset(s->bytes + s->used, 0, at - s->used);
    put(s, at, key, mode);
    Snippet *c = (Snippet *)(void *)(s->bytes + at);
    memset(c, 0, room); /* what stands behind the code is copied with it */
    c->key = key;
    c->mode = (uint16_t)mode;
    s->used = at + room;
    s->count++;
    return c;
}
