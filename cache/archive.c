/* archive.c - a cache as one file:
 *
 *     "xemuarc1"   count (8 bytes)
 *     size (8 bytes), an entry as it stands in the cache, zeros up to a multiple of 8      count
 * times, by key check (8 bytes) of everything before, entry by entry
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/check.h"
#include "cache/internal.h"
#include "cache/manage.h"

static const char magic[8] = "xemuarc1";

typedef struct Names {
    Cache *c;
    struct Name {
        unsigned layer;
        EntryName name;
    } * names;
    size_t n, cap;
    unsigned layer;
} Names;

static void add_name(void *ctx, int dir, const char *dir_name, const char *name,
                     const struct stat *st)
{
    Names *l = ctx;

    (void)dir;
    (void)st;
    if (name[0] == '.' || strlen(name) != sizeof l->names->name.file - 1 ||
        strlen(dir_name) != sizeof l->names->name.dir - 1)
        return;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct Name *more = realloc(l->names, cap * sizeof *more);
        if (!more)
            return;
        l->names = more;
        l->cap = cap;
    }
    l->names[l->n].layer = l->layer;
    strcpy(l->names[l->n].name.dir, dir_name);
    strcpy(l->names[l->n++].name.file, name);
}

/* By key; of the same key in several layers the first is taken. */
static int by_name(const void *a, const void *b)
{
    const struct Name *x = a, *y = b;
    int r = strcmp(x->name.file, y->name.file);

    return r ? r : (int)x->layer - (int)y->layer;
}

static bool read_named(Cache *c, const struct Name *n, EntryImage *image)
{
    int layer = dir_layer(c, n->layer, false),
        code = layer < 0 ? layer : dir_sub(c, layer, "code", false);
    bool good = code >= 0 && !entry_read(c, code, &n->name, NULL, image);

    if (code >= 0)
        close(code);
    if (layer >= 0)
        close(layer);
    return good;
}

static bool put(FILE *to, const void *bytes, size_t n)
{
    return fwrite(bytes, 1, n, to) == n;
}

int cache_export(Cache *c, FILE *to, uint64_t *exported)
{
    static const uint8_t zeros[8];
    Names l = {.c = c};
    uint64_t count = 0, check = 0, kept = 0;

    for (; l.layer < c->nlayers; l.layer++) {
        int layer = dir_layer(c, l.layer, false);
        if (layer >= 0) {
            gc_each(c, layer, add_name, &l);
            close(layer);
        }
    }
    if (l.n)
        qsort(l.names, l.n, sizeof *l.names, by_name);
    bool good = true;
    /* Damaged ones are left out: the count is known only after a look at each. */
    for (size_t i = 0; i < l.n; i++) {
        EntryImage image;
        bool again = kept && !strcmp(l.names[kept - 1].name.file, l.names[i].name.file);
        if (!again && read_named(c, &l.names[i], &image)) {
            entry_free(&image);
            l.names[kept++] = l.names[i];
        }
    }
    count = kept;
    good = put(to, magic, sizeof magic) && put(to, &count, sizeof count);
    for (size_t i = 0; i < kept && good; i++) {
        EntryImage image;
        good = read_named(c, &l.names[i], &image);
        if (good) {
            uint64_t size = image.size;
            check = check_fold(check ^ check_sum(image.bytes, image.size), 0x9e3779b97f4a7c15u);
            good = put(to, &size, sizeof size) && put(to, image.bytes, image.size) &&
                   put(to, zeros, -image.size & 7);
            entry_free(&image);
        }
    }
    good = good && put(to, &check, sizeof check) && !fflush(to);
    free(l.names);
    *exported = count;
    return good ? 0 : errno ? -errno : -EIO;
}

static bool is_for(const EntryHeader *h, const CacheFile *file)
{
    return h->content_size == file->size && !memcmp(h->quick, file->quick, sizeof h->quick);
}

static bool get(FILE *from, void *bytes, size_t n)
{
    return fread(bytes, 1, n, from) == n;
}

bool cache_archive_is_one(FILE *from)
{
    char head[8];
    return get(from, head, sizeof head) && !memcmp(head, magic, sizeof head);
}

CacheEntry *cache_archive_find(FILE *from, const CacheFile *file)
{
    uint64_t count, size, at = sizeof magic + sizeof count;
    CacheEntry *e = calloc(1, sizeof *e);
    EntryHeader h;

    rewind(from);
    bool good = e && cache_archive_is_one(from) && get(from, &count, sizeof count);
    for (uint64_t i = 0; good && i < count && e->nimages < CACHE_LAYERS; i++) {
        good = !fseeko(from, (off_t)at, SEEK_SET) && get(from, &size, sizeof size) &&
               size >= sizeof h && size <= CACHE_MAX_FILE && get(from, &h, sizeof h);
        at += sizeof size + ((size + 7) & ~UINT64_C(7));
        if (!good || !is_for(&h, file))
            continue;
        EntryImage image = {.bytes = malloc(size), .size = size};
        if (image.bytes) {
            memcpy(image.bytes, &h, sizeof h);
            good = get(from, image.bytes + sizeof h, size - sizeof h);
        }
        if (image.bytes && good && entry_valid(image.bytes, size, NULL)) {
            e->images[e->nimages] = image;
            entry_add_parts(e, &e->images[e->nimages++]);
        } else {
            entry_free(&image);
        }
    }
    if (e && !e->nparts) {
        cache_entry_free(e);
        e = NULL;
    }
    return e;
}

int cache_import(Cache *c, FILE *from, uint64_t *added)
{
    char head[8];
    uint64_t count, size, check = 0, end;
    int layer = c->writable ? dir_layer(c, 0, true) : -EROFS;
    int err = layer < 0 ? layer : 0;

    *added = 0;
    if (!err && (!get(from, head, sizeof head) || memcmp(head, magic, sizeof head) ||
                 !get(from, &count, sizeof count)))
        err = -EBADMSG;
    for (uint64_t i = 0; !err && i < count; i++) {
        EntryImage image = {0};
        uint8_t pad[8];
        if (!get(from, &size, sizeof size) || size > CACHE_MAX_FILE || size < sizeof(EntryHeader) ||
            !(image.bytes = malloc(size)) || !get(from, image.bytes, size) ||
            !get(from, pad, -size & 7))
            err = -EBADMSG;
        image.size = size;
        if (!err) {
            check = check_fold(check ^ check_sum(image.bytes, size), 0x9e3779b97f4a7c15u);
            if (!entry_valid(image.bytes, size, NULL))
                c->counters.corrupt++;
            else if ((err = store_image(c, layer, &image)) == -EBADMSG)
                c->counters.corrupt++, err = 0;
            else if (!err)
                ++*added;
        }
        entry_free(&image);
    }
    if (!err && (!get(from, &end, sizeof end) || end != check))
        err = -EBADMSG;
    if (layer >= 0)
        close(layer);
    return err;
}
