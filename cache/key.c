/* key.c - what an entry is found by.
 *
 *     quick    checksum of the size and the first 4096 bytes: names the folder. No folder, nothing
 * known, at the price of one page read content  BLAKE3(the file), remembered in memo/ by (device,
 * inode, size, mtime, ctime) key      BLAKE3(content, build, guest, host features, options): names
 * the file in the folder
 *
 * The path of the guest file is in none of them. A memo of a file that changed within the last
 * seconds isn't kept: a further change might leave the same times.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/blake3.h"
#include "cache/check.h"
#include "cache/internal.h"

typedef struct Memo {
    char magic[8];
    uint64_t dev, ino, size, mtime_ns, ctime_ns;
    uint8_t content[BLAKE3_SIZE];
    char name[CACHE_NAME_SIZE]; /* the file's last name, for people; 0-terminated */
    uint64_t check;
} Memo;

static const char memo_magic[8] = "xemumem2";

void key_hex(const uint8_t *bytes, unsigned n, char *text)
{
    static const char digits[16] = "0123456789abcdef";

    for (unsigned i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * n] = 0;
}

void key_identity(const struct stat *st, FileIdentity *out)
{
    out->dev = st->st_dev;
    out->ino = st->st_ino;
    out->size = (uint64_t)st->st_size;
    out->mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
    out->ctime_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
}

static void identity_of(const struct stat *st, CacheFile *f)
{
    FileIdentity i;

    key_identity(st, &i);
    f->dev = i.dev;
    f->ino = i.ino;
    f->size = i.size;
    f->mtime_ns = i.mtime_ns;
    f->ctime_ns = i.ctime_ns;
}

bool cache_same_file(const CacheFile *a, const CacheFile *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static bool memo_get(Cache *c, CacheFile *f);

bool cache_identity(int fd, CacheFile *file)
{
    struct stat st;

    *file = (CacheFile){0};
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < 64)
        return false;
    identity_of(&st, file);
    return true;
}

bool cache_identify(Cache *c, int fd, CacheFile *file)
{
    struct {
        uint64_t size;
        uint8_t page[4096];
    } start = {0};
    uint64_t sum;
    char link[32];

    if (!cache_identity(fd, file))
        return false;
    start.size = file->size;
    ssize_t n = pread(fd, start.page, sizeof start.page, 0);
    if (n < 64)
        return false;
    sum = check_sum(&start, sizeof start.size + (size_t)n);
    memcpy(file->quick, &sum, sizeof file->quick);
    file->has_content = memo_get(c, file);
    if (file->has_content) /* then nobody will want to read it */
        return true;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, file->path, sizeof file->path - 1);
    file->path[n > 0 && (size_t)n < sizeof file->path - 1 ? n : 0] = 0;
    return true;
}

void cache_identify_memory(const char *name, const void *bytes, size_t size, CacheFile *file)
{
    *file = (CacheFile){.size = size, .has_content = true};
    blake3(bytes, size, file->content);
    memcpy(file->quick, file->content, sizeof file->quick);
    snprintf(file->path, sizeof file->path, "/%s", name);
}

void key_file_name(const CacheFile *f, char name[CACHE_NAME_SIZE])
{
    const char *last = strrchr(f->path, '/');

    memset(name, 0, CACHE_NAME_SIZE);
    for (unsigned i = 0; last && last[1 + i] && i < CACHE_NAME_SIZE - 1; i++)
        name[i] = last[1 + i];
}

/* ---- memos ----------------------------------------------------------------------------------- */

static void memo_name(const CacheFile *f, char name[33])
{
    uint64_t identity[5] = {f->dev, f->ino, f->size, f->mtime_ns, f->ctime_ns};
    uint8_t hash[BLAKE3_SIZE];

    blake3(identity, sizeof identity, hash);
    key_hex(hash, 16, name);
}

static bool memo_get(Cache *c, CacheFile *f)
{
    char name[33];
    Memo m;
    struct stat st;
    bool good = false;

    memo_name(f, name);
    int fd = dir_memo(c, name, &st);
    if (fd >= 0 && st.st_size == sizeof m && !dir_read(fd, &m, sizeof m)) {
        good = !memcmp(m.magic, memo_magic, sizeof m.magic) && m.dev == f->dev && m.ino == f->ino &&
               m.size == f->size && m.mtime_ns == f->mtime_ns && m.ctime_ns == f->ctime_ns &&
               m.check == check_sum(&m, offsetof(Memo, check));
        if (good) {
            memcpy(f->content, m.content, sizeof m.content);
            m.name[sizeof m.name - 1] = 0;
            snprintf(f->path, sizeof f->path, "/%s", m.name);
        }
    }
    if (fd >= 0 && !good)
        c->counters.corrupt++;
    if (fd >= 0)
        close(fd);
    return good;
}

static void memo_put(Cache *c, const CacheFile *f)
{
    enum { RECENT_NS = 2000000000 };
    char name[33];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t t = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    uint64_t changed = f->ctime_ns > f->mtime_ns ? f->ctime_ns : f->mtime_ns;
    if (!c->writable || changed + RECENT_NS > t)
        return;
    Memo m = {.dev = f->dev,
              .ino = f->ino,
              .size = f->size,
              .mtime_ns = f->mtime_ns,
              .ctime_ns = f->ctime_ns};
    memcpy(m.magic, memo_magic, sizeof m.magic);
    memcpy(m.content, f->content, sizeof m.content);
    key_file_name(f, m.name);
    m.check = check_sum(&m, offsetof(Memo, check));
    int dir = dir_memos(c, true);
    if (dir >= 0) {
        const void *bytes = &m;
        size_t size = sizeof m;
        memo_name(f, name);
        dir_write(dir, name, &bytes, &size, 1, false);
        close(dir);
    }
}

/* ---- the content ----------------------------------------------------------------------------- */

static bool read_piece(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
    for (int fd = *(int *)ctx; n;) {
        ssize_t got = pread(fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (size_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* The file is looked for by its path, and must still be the one that was mapped, before and after.
 */
static bool hash_content(Cache *c, CacheFile *f)
{
    struct stat st;
    CacheFile now;
    uint8_t *room = NULL;
    bool good = false;
    int fd = f->path[0] ? open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

    if (fd < 0)
        return false;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
        identity_of(&st, &now);
        good = cache_same_file(&now, f) && (room = malloc(BLAKE3_PIECE)) &&
               blake3_read(read_piece, &fd, f->size, room, f->content) && !fstat(fd, &st);
        identity_of(&st, &now);
        good = good && cache_same_file(&now, f);
        c->counters.hashed_bytes += f->size;
    }
    free(room);
    close(fd);
    return good;
}

bool key_content(Cache *c, CacheFile *f)
{
    if (!f->has_content && memo_get(c, f)) {
        f->has_content = true;
    } else if (!f->has_content && hash_content(c, f)) {
        f->has_content = true;
        memo_put(c, f);
    }
    return f->has_content;
}

void key_of(const CacheFile *file, const CacheTarget *target, uint8_t key[CACHE_KEY_SIZE])
{
    struct {
        uint8_t content[BLAKE3_SIZE], build[BLAKE3_SIZE], guest[BLAKE3_SIZE];
        uint64_t host_features, options, version;
    } all = {.host_features = target->host_features,
             .options = target->options,
             .version = CACHE_VERSION};

    memcpy(all.content, file->content, sizeof all.content);
    blake3(target->build, strlen(target->build), all.build);
    blake3(target->guest, strlen(target->guest), all.guest);
    blake3(&all, sizeof all, key);
}

void key_name(const uint8_t quick[8], const uint8_t key[CACHE_KEY_SIZE], EntryName *name)
{
    key_hex(quick, 8, name->dir);
    key_hex(key, CACHE_KEY_SIZE, name->file);
}
