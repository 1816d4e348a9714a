/* store.c - adding a part to an entry. The new file is complete before it gets its name; between
 * reading the old one and that, a lock (one of sixteen, by the entry's name) keeps others from
 * doing the same, so that no part is lost. The kernel drops the lock of a process that is killed.
 * Readers know of none of this.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "cache/blake3.h"
#include "cache/check.h"
#include "cache/internal.h"

/* Of translated code, level 1 makes a third, level 3 hardly less in twice the time; the negative
 * levels are a fifth larger and a tenth faster. */
enum { LEVEL = 1, LOCK_MS = 3000 };

/* ---- the lock -------------------------------------------------------------------------------- */

static int lock_entry(Cache *c, int layer, const EntryName *name)
{
    char file[2] = {name->dir[0], 0};
    struct timespec ms = {0, 1000000};
    int dir = dir_sub(c, layer, "lock", true), fd = dir;

    if (dir >= 0) {
        fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        fd = fd < 0 ? -errno : fd;
        close(dir);
    }
    for (unsigned waited = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB);) {
        if (errno != EWOULDBLOCK || c->hasty || waited++ == LOCK_MS) {
            int err = errno == EWOULDBLOCK ? EBUSY : errno;
            close(fd);
            return -err;
        }
        nanosleep(&ms, NULL);
    }
    return fd;
}

/* ---- putting the file together --------------------------------------------------------------- */

/* A part as it will be written: its header and frame headers, and where its frames' bytes are now.
 */
typedef struct Piece {
    PartHeader *header; /* followed by frame headers */
    const uint8_t **frames;
    void *owned; /* memory of a new part */
} Piece;

static void piece_free(Piece *p)
{
    free(p->header);
    free(p->frames);
    free(p->owned);
}

static bool piece_alloc(Piece *p, uint32_t nframes)
{
    p->header = calloc(1, sizeof *p->header + nframes * sizeof(FrameHeader));
    p->frames = calloc(nframes + 1, sizeof *p->frames);
    return p->header && p->frames;
}

static bool piece_copy(Piece *p, const EntryImage *i, const PartHeader *part)
{
    if (!piece_alloc(p, part->nframes))
        return false;
    memcpy(p->header, part, sizeof *part + part->nframes * sizeof(FrameHeader));
    for (uint32_t k = 0; k < part->nframes; k++)
        p->frames[k] = i->bytes + part_frames(part)[k].offset;
    return true;
}

static FrameHeader *piece_frames(const Piece *p)
{
    return (FrameHeader *)(void *)(p->header + 1);
}

/* What a part says, without what it was compressed by. */
static void name_part(PartHeader *h)
{
    uint8_t hash[BLAKE3_SIZE];

    memset(h->id, 0, sizeof h->id);
    blake3(h, sizeof *h + h->nframes * sizeof(FrameHeader), hash);
    memcpy(h->id, hash, sizeof h->id);
}

/* What a program runs of a library that it hardly uses is left as it is: setting up zstd takes
 * longer than all else that is done with it, in the run that stores it and in each that reads it.
 */
static bool is_small(const CachePart *part)
{
    enum { SMALL = 8 << 10 };
    size_t sum = 0;

    for (uint32_t k = 0; k < part->nframes; k++)
        sum += part->frames[k].size;
    return sum <= SMALL && !part->level;
}

static bool piece_pack(Piece *p, const CachePart *part)
{
    size_t room = 0, at = 0;
    bool small = is_small(part);

    for (uint32_t k = 0; k < part->nframes; k++)
        room += ZSTD_compressBound(part->frames[k].size);
    uint8_t *bytes = p->owned = malloc(room + 1);
    ZSTD_CCtx *zstd = small ? NULL : ZSTD_createCCtx();
    bool good = bytes && (zstd || small) && piece_alloc(p, part->nframes);
    if (good) {
        *p->header = (PartHeader){.kind = part->kind,
                                  .nframes = part->nframes,
                                  .units = part->units,
                                  .guest_bytes = part->guest_bytes};
        memcpy(p->header->info, part->info, CACHE_INFO_SIZE);
    }
    for (uint32_t k = 0; good && k < part->nframes; k++) {
        const CacheFrame *from = &part->frames[k];
        FrameHeader *f = &piece_frames(p)[k];
        size_t n = zstd && from->size
                       ? ZSTD_compressCCtx(zstd, bytes + at, room - at, from->data, from->size,
                                           part->level ? part->level : LEVEL)
                       : from->size;
        if (from->size && (ZSTD_isError(n) || n >= from->size)) {
            memcpy(bytes + at, from->data, from->size);
            n = from->size;
        }
        *f = (FrameHeader){
            .packed = (uint32_t)n, .raw = from->size, .check = check_sum(bytes + at, n)};
        p->frames[k] = bytes + at;
        p->header->raw += from->size;
        p->header->packed += n;
        at += n;
    }
    ZSTD_freeCCtx(zstd);
    if (good)
        name_part(p->header);
    return good;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const Piece *)a)->header->id, ((const Piece *)b)->header->id, 16);
}

/* The header, the table and the frames of all pieces as a list of byte ranges, and writes them. */
static int write_entry(int dir, const EntryName *name, EntryHeader *h, Piece *pieces, unsigned n,
                       bool sync)
{
    static const uint8_t zeros[8];
    size_t table = sizeof *h, count = 1, nframes = 0, used = 1;

    qsort(pieces, n, sizeof *pieces, by_id);
    for (unsigned i = 0; i < n; i++) {
        table += sizeof(PartHeader) + pieces[i].header->nframes * sizeof(FrameHeader);
        nframes += pieces[i].header->nframes;
    }
    count += 1 + 2 * nframes;
    const void **bytes = malloc(count * sizeof *bytes);
    size_t *sizes = malloc(count * sizeof *sizes);
    uint8_t *head = malloc(table);
    int err = bytes && sizes && head ? 0 : -ENOMEM;
    uint64_t at = table, put = sizeof *h;
    for (unsigned i = 0; i < n && !err; i++) {
        PartHeader *p = pieces[i].header;
        for (uint32_t k = 0; k < p->nframes; k++) {
            FrameHeader *f = &piece_frames(&pieces[i])[k];
            f->offset = at;
            bytes[used] = pieces[i].frames[k];
            sizes[used++] = f->packed;
            bytes[used] = zeros;
            sizes[used++] = -f->packed & 7;
            at += (f->packed + 7) & ~UINT64_C(7);
        }
        size_t size = sizeof *p + p->nframes * sizeof(FrameHeader);
        memcpy(head + put, p, size);
        put += size;
    }
    if (!err && at > CACHE_MAX_FILE)
        err = -EFBIG;
    if (!err) {
        h->header_size = (uint32_t)table;
        h->nparts = n;
        h->file_size = at;
        h->check = 0;
        uint64_t rest = check_sum(head + sizeof *h, table - sizeof *h);
        h->check = check_sum(h, sizeof *h) ^ check_fold(rest, 0x9e3779b97f4a7c15u);
        memcpy(head, h, sizeof *h);
        bytes[0] = head;
        sizes[0] = table;
        err = dir_write(dir, name->file, bytes, sizes, (unsigned)used, sync);
    }
    free(bytes);
    free(sizes);
    free(head);
    return err;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* What an entry has already and the new parts, without doubles and damaged ones. With too many,
 * those that say least go. */
static int merge(Cache *c, int code, const EntryName *name, EntryHeader *h, const EntryImage *old,
                 Piece *fresh, unsigned nfresh)
{
    Piece *pieces = calloc((old->bytes ? image_header(old)->nparts : 0) + nfresh, sizeof *pieces);
    unsigned n = 0;
    int err = pieces ? 0 : -ENOMEM;

    if (!err && old->bytes) {
        const PartHeader *p = image_first(old);
        for (uint32_t k = 0; k < image_header(old)->nparts && !err; k++, p = part_next(p)) {
            bool again = false;
            for (unsigned i = 0; i < nfresh; i++)
                again = again || !memcmp(fresh[i].header->id, p->id, sizeof p->id);
            if (!part_valid(old, p))
                c->counters.corrupt++;
            else if (!again && !piece_copy(&pieces[n++], old, p))
                err = -ENOMEM;
        }
    }
    unsigned own = n;
    for (unsigned i = 0; i < nfresh && !err; i++)
        pieces[n++] = fresh[i];
    for (; n > CACHE_MAX_PARTS && own && !err; n--, own--) {
        unsigned least = 0;
        for (unsigned i = 1; i < own; i++)
            least = pieces[i].header->units < pieces[least].header->units ? i : least;
        piece_free(&pieces[least]);
        pieces[least] = pieces[own - 1];
        pieces[own - 1] = pieces[n - 1];
    }
    int dir = err ? err : dir_sub(c, code, name->dir, true);
    if (dir >= 0) {
        /* Where there was nothing, a machine that crashes leaves at worst something that isn't
         * believed. */
        err = write_entry(dir, name, h, pieces, n, old->bytes != NULL);
        close(dir);
    } else {
        err = dir;
    }
    for (unsigned i = 0; pieces && i < n; i++) {
        bool is_fresh = false;
        for (unsigned k = 0; k < nfresh; k++)
            is_fresh = is_fresh || pieces[i].header == fresh[k].header;
        if (!is_fresh)
            piece_free(&pieces[i]);
    }
    free(pieces);
    return err;
}

static void describe(EntryHeader *h, const CacheFile *file, const uint8_t key[CACHE_KEY_SIZE])
{
    *h = (EntryHeader){.version = CACHE_VERSION, .content_size = file->size};
    memcpy(h->magic, CACHE_MAGIC, 8);
    memcpy(h->key, key, CACHE_KEY_SIZE);
    memcpy(h->quick, file->quick, sizeof h->quick);
    key_file_name(file, h->name);
}

static int store_locked(Cache *c, int layer, const EntryName *name, EntryHeader *h,
                        const CachePart *part, CacheWanted wanted, void *ctx, uint64_t *size)
{
    EntryImage old = {0};
    CacheEntry *e = NULL;
    Piece fresh = {0};
    int code = dir_sub(c, layer, "code", true), err = code < 0 ? code : 0;

    if (!err && !entry_read(c, code, name, h->key, &old) && (e = calloc(1, sizeof *e))) {
        e->images[e->nimages++] = old;
        const PartHeader *p = image_first(&old);
        for (uint32_t k = 0; k < image_header(&old)->nparts; k++, p = part_next(p)) {
            e->parts[e->nparts].image = &old;
            e->parts[e->nparts++].part = p;
        }
        memcpy(h->name, image_header(&old)->name, sizeof h->name);
    }
    if (!err && wanted && !wanted(ctx, c, e))
        err = -EEXIST;
    if (!err && !piece_pack(&fresh, part))
        err = -ENOMEM;
    if (!err)
        err = merge(c, code, name, h, &old, &fresh, 1);
    *size = h->file_size;
    piece_free(&fresh);
    free(e);
    entry_free(&old);
    if (code >= 0)
        close(code);
    return err;
}

int cache_store(Cache *c, CacheFile *file, const CacheTarget *target, const CachePart *part,
                CacheWanted wanted, void *ctx)
{
    uint8_t key[CACHE_KEY_SIZE];
    EntryName name;
    EntryHeader h;
    uint64_t size = 0;

    if (!c->writable)
        return -EROFS;
    if (!key_content(c, file)) {
        c->counters.store_errors++;
        return -ENOENT;
    }
    key_of(file, target, key);
    key_name(file->quick, key, &name);
    describe(&h, file, key);
    int layer = dir_layer(c, 0, true), lock = layer < 0 ? layer : lock_entry(c, layer, &name);
    int err = lock < 0 ? lock : store_locked(c, layer, &name, &h, part, wanted, ctx, &size);
    if (lock >= 0)
        close(lock);
    if (!err)
        gc_after_store(c, layer, size);
    if (layer >= 0)
        close(layer);
    if (err == -EEXIST || (err == -EBUSY && c->hasty))
        c->counters.store_skips++;
    else if (err)
        c->counters.store_errors++;
    else
        c->counters.stores++;
    return err;
}

/* ---- whole entries (archive.c) --------------------------------------------------------------- */

int store_image(Cache *c, int layer, const EntryImage *from)
{
    EntryName name;
    EntryHeader h = *image_header(from);
    EntryImage old = {0};
    unsigned n = h.nparts;
    Piece *fresh = calloc(n + 1, sizeof *fresh);
    int err = fresh ? 0 : -ENOMEM;

    key_name(h.quick, h.key, &name);
    int lock = err ? err : lock_entry(c, layer, &name);
    int code = lock < 0 ? lock : dir_sub(c, layer, "code", true);
    err = code < 0 ? code : 0;
    const PartHeader *p = image_first(from);
    for (unsigned k = 0; k < n && !err; k++, p = part_next(p)) {
        if (!part_valid(from, p))
            err = -EBADMSG;
        else if (!piece_copy(&fresh[k], from, p))
            err = -ENOMEM;
    }
    if (!err) {
        entry_read(c, code, &name, h.key, &old);
        err = merge(c, code, &name, &h, &old, fresh, n);
    }
    for (unsigned k = 0; fresh && k < n; k++)
        piece_free(&fresh[k]);
    free(fresh);
    entry_free(&old);
    if (code >= 0)
        close(code);
    if (lock >= 0)
        close(lock);
    return err;
}
