/* shared.c - shared copies: what a part is when it is decompressed and put together, in a file in
 * memory that all processes of the user map, so that they have it once and need no time for it.
 *
 *        0  SharedHeader; the ids of the parts
 *     4096  what the caller gave
 *
 * A copy is named by the entry's key and its format, and says which parts it was made of: it is
 * right or not there. The folder and the files belong to the user and nobody else can write them
 * (dir.c); so the bytes, which don't leave memory, are checked by `--cachectl verify` only. But
 * damage of the entry on disk is to be noticed as if that were read: unless the entry is still the
 * file that the copy was made of, its frames are checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "cache/blake3.h"
#include "cache/check.h"
#include "cache/internal.h"
#include "cache/manage.h"

#define MOST_BYTES ((uint64_t)256 << 20)

typedef struct SharedHeader {
    char magic[8];
    uint32_t format, nparts;
    uint64_t size; /* of the whole file */
    FileIdentity entry;
    uint64_t content; /* check of what is behind 4096 */
    uint8_t ids[CACHE_MAX_PARTS][16];
    uint64_t check; /* of what is before this */
} SharedHeader;
_Static_assert(sizeof(SharedHeader) <= CACHE_SHARED_AT, "room");

static const char magic[8] = "xemusha2";

typedef struct SharedName {
    char text[33];
} SharedName;

static SharedName name_of(const CacheEntry *e, unsigned part, uint32_t format)
{
    struct {
        uint8_t key[CACHE_KEY_SIZE];
        uint64_t format;
    } of = {.format = format};
    uint8_t hash[BLAKE3_SIZE];
    SharedName name;

    memcpy(of.key, image_header(e->parts[part].image)->key, sizeof of.key);
    blake3(&of, sizeof of, hash);
    key_hex(hash, 16, name.text);
    return name;
}

static bool header_good(const SharedHeader *h, uint64_t size)
{
    return !memcmp(h->magic, magic, sizeof magic) && h->size == size && size > CACHE_SHARED_AT &&
           h->nparts && h->nparts <= CACHE_MAX_PARTS &&
           h->check == check_sum(h, offsetof(SharedHeader, check));
}

static bool read_header(int fd, const struct stat *st, SharedHeader *h)
{
    return pread(fd, h, sizeof *h, 0) == sizeof *h && header_good(h, (uint64_t)st->st_size);
}

/* To the hour: what is oldest goes first. */
static void note_use(int fd, const struct stat *st)
{
    enum { HOUR = 3600 };
    if (time(NULL) - st->st_mtim.tv_sec > HOUR)
        futimens(fd, NULL);
}

/* The entry was written anew, since parts were added or it was used: it needn't be checked again.
 */
static void note_entry(Cache *c, const SharedName *name, const EntryImage *i, SharedHeader *h,
                       const struct stat *was)
{
    struct stat st;
    int dir = c->mode == CACHE_RW ? dir_shared(c, false) : -1,
        fd = dir < 0 ? -1
                     : openat(dir, name->text,
                              O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    h->entry = i->identity;
    h->check = check_sum(h, offsetof(SharedHeader, check));
    /* Another may have taken its place. */
    if (fd >= 0 && !fstat(fd, &st) && st.st_ino == was->st_ino) {
        /* Who reads half of it makes a copy anew. */
        (void)!pwrite(fd, h, sizeof *h, 0);
    }
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
}

static bool parts_valid(const CacheEntry *e, const unsigned *parts, uint64_t of)
{
    bool good = true;

    for (; good && of; parts++, of >>= 1)
        good = !(of & 1) || part_valid(e->parts[*parts].image, e->parts[*parts].part);
    return good;
}

/* Which of the parts the copy is of; false: of others, too. */
static bool is_of(const SharedHeader *h, const CacheEntry *e, const unsigned *parts, unsigned n,
                  uint64_t *of)
{
    *of = 0;
    for (unsigned i = 0; i < h->nparts; i++) {
        unsigned k = 0;
        while (k < n && memcmp(e->parts[parts[k]].part->id, h->ids[i], sizeof h->ids[i]))
            k++;
        if (k == n)
            return false;
        *of |= UINT64_C(1) << k;
    }
    return true;
}

unsigned cache_group(const CacheEntry *e, unsigned first)
{
    unsigned n = 1;

    while (n < CACHE_MAX_PARTS && first + n < e->nparts &&
           e->parts[first + n].image == e->parts[first].image)
        n++;
    return n;
}

int cache_shared_open(Cache *c, const CacheEntry *e, const unsigned *parts, unsigned n,
                      uint32_t format, uint64_t *size, uint64_t *of)
{
    const EntryImage *i = e->parts[parts[0]].image;
    SharedName name = name_of(e, parts[0], format);
    struct stat st;
    SharedHeader h;
    int dir = dir_shared(c, false), fd = dir < 0 ? dir : dir_file(c, dir, name.text, &st);

    if (dir >= 0)
        close(dir);
    if (fd < 0)
        return fd;
    bool good = read_header(fd, &st, &h) && h.format == format && is_of(&h, e, parts, n, of);
    if (good && memcmp(&h.entry, &i->identity, sizeof h.entry)) {
        good = parts_valid(e, parts, *of); /* who wants the part itself then will count that */
        if (good)
            note_entry(c, &name, i, &h, &st);
    }
    if (!good) {
        close(fd);
        return -EBADMSG;
    }
    note_use(fd, &st);
    c->counters.shared++;
    *size = h.size - CACHE_SHARED_AT;
    return fd;
}

/* ---- making one ------------------------------------------------------------------------------ */

/* The rest of the folder's file system is others'. */
static uint64_t limit_of(int dir)
{
    struct statfs fs;

    if (fstatfs(dir, &fs))
        return 0;
    uint64_t quarter = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize / 4,
             left = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize / 2;
    quarter = quarter && quarter < left ? quarter : left;
    return quarter < MOST_BYTES ? quarter : MOST_BYTES;
}

static uint64_t fold_piece(uint64_t sum, const void *bytes, size_t size)
{
    return check_fold(sum ^ check_sum(bytes, size), 0x9e3779b97f4a7c15u);
}

static int check_content(int fd, uint64_t size, uint64_t *sum)
{
    enum { PIECE = 64 << 10 };
    uint8_t *room = malloc(PIECE);
    int err = room ? 0 : -ENOMEM;

    *sum = 0;
    for (uint64_t at = CACHE_SHARED_AT; !err && at < size;) {
        size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (pread(fd, room, want, (off_t)at) != (ssize_t)want)
            err = -EIO;
        *sum = fold_piece(*sum, room, want);
        at += want;
    }
    free(room);
    return err;
}

static int write_copy(int fd, SharedHeader *h, const CacheFrame *pieces, unsigned n)
{
    int err = ftruncate(fd, (off_t)h->size) ? -errno : 0;
    off_t at = CACHE_SHARED_AT;

    for (unsigned k = 0; k < n && !err; at += pieces[k++].size) {
        if (!pieces[k].data)
            continue;
        if (lseek(fd, at, SEEK_SET) < 0)
            err = -errno;
        else
            err = dir_put(fd, pieces[k].data, pieces[k].size);
    }
    if (!err)
        err = check_content(fd, h->size, &h->content);
    h->check = check_sum(h, offsetof(SharedHeader, check));
    if (!err && pwrite(fd, h, sizeof *h, 0) != sizeof *h)
        err = -EIO;
    return err;
}

uint64_t cache_shared_room(Cache *c)
{
    int dir = c->mode == CACHE_RW && !c->secure ? dir_shared(c, true) : -EROFS;
    uint64_t room = dir < 0 ? 0 : limit_of(dir) / 2;

    if (dir >= 0)
        close(dir);
    return room;
}

int cache_shared_store(Cache *c, const CacheEntry *e, const unsigned *parts, unsigned n,
                       uint32_t format, const CacheFrame *pieces, unsigned npieces)
{
    const EntryImage *i = e->parts[parts[0]].image;
    SharedHeader h = {.format = format, .nparts = n, .size = CACHE_SHARED_AT, .entry = i->identity};
    uint64_t bytes = CACHE_SHARED_AT;
    DirFile f;

    if (c->mode != CACHE_RW || c->secure)
        return -EROFS;
    memcpy(h.magic, magic, sizeof magic);
    for (unsigned k = 0; k < n; k++)
        memcpy(h.ids[k], e->parts[parts[k]].part->id, sizeof h.ids[k]);
    for (unsigned k = 0; k < npieces; k++) {
        h.size += pieces[k].size;
        bytes += pieces[k].data ? pieces[k].size : 0;
    }
    int dir = dir_shared(c, true);
    if (dir < 0)
        return dir;
    uint64_t limit = limit_of(dir);
    int err = bytes > limit / 2 ? -ENOSPC : 0;
    if (!err) {
        gc_folder(c, dir, limit - bytes);
        err = dir_begin(dir, &f);
    }
    if (!err)
        err = dir_end(dir, &f, name_of(e, parts[0], format).text,
                      write_copy(f.fd, &h, pieces, npieces));
    c->counters.shared_stores += !err;
    close(dir);
    return err;
}

/* ---- looking after them ---------------------------------------------------------------------- */

const char *cache_shared_path(const Cache *c)
{
    return c->shared;
}

typedef struct Walk {
    Cache *c;
    bool verify, clear;
    CacheShared *sum;
} Walk;

static void visit(void *ctx, int dir, const char *name)
{
    Walk *w = ctx;
    struct stat st;
    SharedHeader h;
    uint64_t sum;
    int fd = name[0] == '.' ? -ENOENT : dir_file(w->c, dir, name, &st);

    if (w->clear)
        unlinkat(dir, name, 0);
    if (fd < 0)
        return;
    w->sum->copies++;
    w->sum->bytes += (uint64_t)st.st_blocks * 512;
    if (w->verify &&
        (!read_header(fd, &st, &h) || check_content(fd, h.size, &sum) || sum != h.content)) {
        w->sum->damaged++;
        unlinkat(dir, name, 0);
    }
    close(fd);
}

static CacheShared walk(Cache *c, bool verify, bool clear)
{
    CacheShared sum = {0};
    Walk w = {c, verify, clear, &sum};
    int dir = dir_shared(c, false);

    if (dir >= 0)
        gc_names(dir, visit, &w);
    return sum;
}

CacheShared cache_shared_each(Cache *c, bool verify)
{
    return walk(c, verify, false);
}

void cache_shared_clear(Cache *c)
{
    (void)walk(c, false, true);
    if (c->shared)
        rmdir(c->shared);
}
