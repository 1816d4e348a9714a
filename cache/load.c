/* load.c - reading entries. A file is read into memory as a whole, or mapped if it is large, and
 * believed only as far as it has been checked: the header and table when it is opened, a frame when
 * it is wanted. xemu itself replaces files and never cuts one; whoever else may write them, the
 * user or root, and cuts one that is mapped ends the process by SIGBUS, as with any executable.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "cache/check.h"
#include "cache/internal.h"

bool entry_valid(const uint8_t *bytes, size_t size, const uint8_t *key)
{
    EntryHeader h;

    if (size < sizeof h)
        return false;
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.magic, CACHE_MAGIC, 8) || h.version != CACHE_VERSION || h.file_size != size ||
        h.header_size > size || h.header_size < sizeof h || h.nparts > CACHE_MAX_PARTS ||
        h.name[CACHE_NAME_SIZE - 1] || (key && memcmp(h.key, key, CACHE_KEY_SIZE)))
        return false;
    uint64_t rest[2] = {h.check, 0};
    h.check = 0;
    rest[1] = check_sum(bytes + sizeof h, h.header_size - sizeof h);
    if (rest[0] != (check_sum(&h, sizeof h) ^ check_fold(rest[1], 0x9e3779b97f4a7c15u)))
        return false;
    size_t at = sizeof h;
    for (uint32_t i = 0; i < h.nparts; i++) {
        PartHeader p;
        if (h.header_size - at < sizeof p)
            return false;
        memcpy(&p, bytes + at, sizeof p);
        at += sizeof p;
        if (p.nframes > CACHE_MAX_FRAMES || (h.header_size - at) / sizeof(FrameHeader) < p.nframes)
            return false;
        for (uint32_t k = 0; k < p.nframes; k++, at += sizeof(FrameHeader)) {
            FrameHeader f;
            memcpy(&f, bytes + at, sizeof f);
            if (f.raw > CACHE_MAX_FRAME || f.packed > f.raw || f.offset > size || f.offset % 8 ||
                size - f.offset < f.packed || f.offset < h.header_size)
                return false;
        }
    }
    return at == h.header_size;
}

bool part_valid(const EntryImage *i, const PartHeader *p)
{
    const FrameHeader *f = part_frames(p);

    for (uint32_t k = 0; k < p->nframes; k++) {
        if (check_sum(i->bytes + f[k].offset, f[k].packed) != f[k].check)
            return false;
    }
    return true;
}

/* When an entry was last of use, to the day: what is oldest goes first (gc.c). */
static void note_use(const Cache *c, int fd, const struct stat *st)
{
    enum { DAY = 24 * 3600 };
    if (c->writable && time(NULL) - st->st_mtim.tv_sec > DAY)
        futimens(fd, NULL);
}

static int bytes_of(const Cache *c, int fd, EntryImage *out)
{
    enum { SMALL = 16 << 10 }; /* a mapping costs what filling some pages does */

    if (out->size > SMALL) {
        void *p =
            mmap(c->place ? c->place(out->size) : NULL, out->size, PROT_READ, MAP_PRIVATE, fd, 0);
        out->mapped = p != MAP_FAILED;
        out->bytes = out->mapped ? p : NULL;
        return out->mapped ? 0 : -errno;
    }
    out->bytes = malloc(out->size);
    return out->bytes ? dir_read(fd, out->bytes, out->size) : -ENOMEM;
}

void entry_free(EntryImage *image)
{
    if (image->mapped)
        munmap(image->bytes, image->size);
    else
        free(image->bytes);
    *image = (EntryImage){0};
}

int entry_read_in(Cache *c, int dir, const EntryName *name, const uint8_t *key, EntryImage *out)
{
    struct stat st;
    int fd = dir_file(c, dir, name->file, &st);
    int err = fd < 0 ? fd : 0;

    *out = (EntryImage){0};
    if (!err && (st.st_size < (off_t)sizeof(EntryHeader) || st.st_size > CACHE_MAX_FILE))
        err = -EBADMSG;
    if (!err) {
        out->size = (size_t)st.st_size;
        key_identity(&st, &out->identity);
        err = bytes_of(c, fd, out);
        if (!err && !entry_valid(out->bytes, out->size, key))
            err = -EBADMSG;
        if (!err)
            note_use(c, fd, &st);
    }
    if (err == -EBADMSG)
        c->counters.corrupt++;
    if (err)
        entry_free(out);
    if (fd >= 0)
        close(fd);
    return err;
}

int entry_read(Cache *c, int code, const EntryName *name, const uint8_t *key, EntryImage *out)
{
    int dir = dir_sub(c, code, name->dir, false),
        err = dir < 0 ? dir : entry_read_in(c, dir, name, key, out);

    if (dir >= 0)
        close(dir);
    else
        *out = (EntryImage){0};
    return err;
}

/* The layers' folders of that quick name, negative where there is none; false: nowhere. */
static bool open_known(Cache *c, const char *name, int dirs[CACHE_LAYERS])
{
    bool found = false;

    for (unsigned l = 0; l < c->nlayers; l++) {
        dirs[l] = dir_code(c, l, name);
        found = found || dirs[l] >= 0;
    }
    return found;
}

void entry_add_parts(CacheEntry *e, const EntryImage *i)
{
    const PartHeader *p = image_first(i);

    for (uint32_t k = 0; k < image_header(i)->nparts; k++, p = part_next(p)) {
        bool seen = false;
        for (unsigned n = 0; n < e->nparts; n++)
            seen = seen || !memcmp(e->parts[n].part->id, p->id, sizeof p->id);
        if (!seen) {
            e->parts[e->nparts].image = i;
            e->parts[e->nparts++].part = p;
        }
    }
}

CacheEntry *cache_load(Cache *c, CacheFile *file, const CacheTarget *target)
{
    uint8_t key[CACHE_KEY_SIZE];
    EntryName name;
    CacheEntry *e = NULL;
    int dirs[CACHE_LAYERS];

    key_hex(file->quick, 8, name.dir);
    if (open_known(c, name.dir, dirs) && key_content(c, file) && (e = calloc(1, sizeof *e))) {
        key_of(file, target, key);
        key_name(file->quick, key, &name);
        for (unsigned l = 0; l < c->nlayers; l++) {
            if (dirs[l] >= 0 && !entry_read_in(c, dirs[l], &name, key, &e->images[e->nimages]))
                entry_add_parts(e, &e->images[e->nimages++]);
        }
    }
    for (unsigned l = 0; l < c->nlayers; l++) {
        if (dirs[l] >= 0)
            close(dirs[l]);
    }
    if (e && !e->nparts) {
        cache_entry_free(e);
        e = NULL;
    }
    if (e)
        c->counters.hits++;
    else
        c->counters.misses++;
    return e;
}

void cache_entry_free(CacheEntry *e)
{
    for (unsigned i = 0; e && i < e->nimages; i++)
        entry_free(&e->images[i]);
    free(e);
}

unsigned cache_parts(const CacheEntry *e)
{
    return e->nparts;
}

const PartHeader *cache_part(const CacheEntry *e, unsigned part)
{
    return e->parts[part].part;
}

bool cache_part_good(const CacheEntry *e, unsigned part)
{
    return part_valid(e->parts[part].image, e->parts[part].part);
}

uint32_t cache_frame_size(const CacheEntry *e, unsigned part, unsigned frame)
{
    const PartHeader *p = e->parts[part].part;
    return frame < p->nframes ? part_frames(p)[frame].raw : 0;
}

bool frame_read(Cache *c, const EntryImage *i, const PartHeader *p, unsigned frame, void *to,
                uint32_t size)
{
    const FrameHeader *f = &part_frames(p)[frame];

    if (frame >= p->nframes || size != f->raw)
        return false;
    const uint8_t *bytes = i->bytes + f->offset;
    bool good = check_sum(bytes, f->packed) == f->check;
    if (good && f->packed == f->raw) {
        memcpy(to, bytes, size);
    } else if (good) {
        if (!c->dctx)
            c->dctx = ZSTD_createDCtx();
        good = c->dctx && ZSTD_decompressDCtx(c->dctx, to, size, bytes, f->packed) == size;
    }
    c->counters.corrupt += !good;
    c->counters.loaded_bytes += good ? size : 0;
    return good;
}

bool cache_frame(Cache *c, const CacheEntry *e, unsigned part, unsigned frame, void *to,
                 uint32_t size)
{
    return frame_read(c, e->parts[part].image, e->parts[part].part, frame, to, size);
}
