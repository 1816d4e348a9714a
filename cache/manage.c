/* manage.c - listing, verifying, emptying. */
#include "cache/manage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/internal.h"

const char *cache_layer(const Cache *c, unsigned layer)
{
    return layer < c->nlayers ? c->layers[layer] : NULL;
}

typedef struct Lister {
    Cache *c;
    bool verify;
    CacheItem *items;
    size_t n, cap;
    unsigned layer;
} Lister;

static bool decompresses(Cache *c, const EntryImage *i, const PartHeader *p)
{
    bool good = true;

    for (uint32_t k = 0; k < p->nframes && good; k++) {
        uint32_t size = part_frames(p)[k].raw;
        void *room = malloc(size + (size_t)1);
        good = room && frame_read(c, i, p, k, room, size);
        free(room);
    }
    return good;
}

static void describe(Lister *l, const EntryImage *i, CacheItem *item)
{
    const EntryHeader *h = image_header(i);
    const PartHeader *p = image_first(i);

    memcpy(item->name, h->name, sizeof item->name);
    item->content_size = h->content_size;
    item->parts = h->nparts;
    for (uint32_t k = 0; k < h->nparts; k++, p = part_next(p)) {
        item->raw += p->raw;
        item->packed += p->packed;
        item->units += p->units;
        item->guest_bytes += p->guest_bytes;
        item->bad_parts += l->verify && !decompresses(l->c, i, p);
    }
}

static void list_one(void *ctx, int dir, const char *dir_name, const char *name,
                     const struct stat *st)
{
    Lister *l = ctx;
    EntryName n;
    EntryImage image;

    if (name[0] == '.' || strlen(name) != sizeof n.file - 1 || strlen(dir_name) != sizeof n.dir - 1)
        return;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        CacheItem *more = realloc(l->items, cap * sizeof *more);
        if (!more)
            return;
        l->items = more;
        l->cap = cap;
    }
    CacheItem *item = &l->items[l->n++];
    *item = (CacheItem){
        .layer = l->layer, .disk_bytes = (uint64_t)st->st_blocks * 512, .used = st->st_mtim.tv_sec};
    strcpy(item->key, name);
    strcpy(n.file, name);
    strcpy(n.dir, dir_name);
    int code = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool writable = l->c->writable;
    l->c->writable = false; /* looking isn't using */
    item->damaged = code < 0 || entry_read(l->c, code, &n, NULL, &image) != 0;
    l->c->writable = writable;
    if (!item->damaged) {
        char key[65];
        key_hex(image_header(&image)->key, CACHE_KEY_SIZE, key);
        item->damaged = strcmp(key, name) != 0;
        describe(l, &image, item);
        entry_free(&image);
    }
    if (code >= 0)
        close(code);
}

static int by_key(const void *a, const void *b)
{
    const CacheItem *x = a, *y = b;

    return x->layer != y->layer ? (int)x->layer - (int)y->layer : strcmp(x->key, y->key);
}

int cache_each(Cache *c, bool verify, CacheVisit fn, void *ctx)
{
    Lister l = {.c = c, .verify = verify};
    int err = 0;

    for (; l.layer < c->nlayers; l.layer++) {
        int layer = dir_layer(c, l.layer, false);
        if (layer < 0) {
            err = layer == -ENOENT ? err : layer;
            continue;
        }
        int code = dir_sub(c, layer, "code", false);
        err = code < 0 && code != -ENOENT ? code : err;
        if (code >= 0)
            close(code);
        gc_each(c, layer, list_one, &l);
        close(layer);
    }
    if (l.n)
        qsort(l.items, l.n, sizeof *l.items, by_key);
    for (size_t i = 0; i < l.n; i++)
        fn(ctx, &l.items[i]);
    free(l.items);
    return err;
}

int cache_prune(Cache *c, uint64_t limit)
{
    int layer = c->writable ? dir_layer(c, 0, false) : -EROFS;

    if (layer < 0)
        return layer == -ENOENT ? 0 : layer;
    gc_run(c, layer, limit);
    close(layer);
    return 0;
}

typedef struct Dropper {
    Cache *c;
    int code;
} Dropper;

static void drop_damaged(void *ctx, const CacheItem *item)
{
    Dropper *d = ctx;

    if (item->layer || !(item->damaged || item->bad_parts))
        return;
    /* The folder's name isn't known of a damaged entry: it is in one of them. */
    int copy = openat(d->code, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dirs = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *e; dirs && (e = readdir(dirs));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", e->d_name, item->key);
        if (e->d_name[0] != '.' && !unlinkat(d->code, path, 0))
            unlinkat(d->code, e->d_name, AT_REMOVEDIR);
    }
    if (dirs)
        closedir(dirs);
}

int cache_drop_damaged(Cache *c)
{
    int layer = c->writable ? dir_layer(c, 0, false) : -EROFS;
    Dropper d = {c, layer < 0 ? layer : dir_sub(c, layer, "code", false)};

    if (layer < 0)
        return layer == -ENOENT ? 0 : layer;
    if (d.code >= 0) {
        cache_each(c, true, drop_damaged, &d);
        close(d.code);
    }
    close(layer);
    return 0;
}

static void remove_names(Cache *c, int layer, const char *name)
{
    int fd = dir_sub(c, layer, name, false);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        closedir(dir);
    unlinkat(layer, name, AT_REMOVEDIR);
}

int cache_clear(Cache *c)
{
    int layer = c->writable ? dir_layer(c, 0, false) : -EROFS;

    if (layer < 0)
        return layer == -ENOENT ? 0 : layer;
    gc_run(c, layer, 0);
    int code = dir_sub(c, layer, "code", false);
    DIR *dirs = code < 0 ? NULL : fdopendir(code);
    for (struct dirent *e; dirs && (e = readdir(dirs));) {
        if (e->d_name[0] != '.')
            remove_names(c, code, e->d_name);
    }
    if (dirs)
        closedir(dirs);
    remove_names(c, layer, "code");
    remove_names(c, layer, "memo");
    remove_names(c, layer, "lock");
    close(layer);
    return 0;
}
