#include "tests/cache/world.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const CacheTarget world_target = {
    .build = "0123abcd", .guest = "aarch64 fp asimd", .host_features = 0x1ff};

enum { FRAMES = 4 };
static const uint32_t sizes[FRAMES] = {4000, 70000, 0, 333};

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Half noise, half repetition. */
static void fill(uint8_t *bytes, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i % 64 < 32 ? next(&seed) : i / 64);
}

void world_begin(World *w)
{
    strcpy(w->dir, "/tmp/xemu-cache-test-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    snprintf(w->cache, sizeof w->cache, "%s/cache", w->dir);
    w->c = NULL;
    world_reopen(w);
}

void world_reopen(World *w)
{
    char shared[128];
    snprintf(shared, sizeof shared, "%s/shared", w->dir);
    CacheConfig config = {.path = w->cache, .mode = CACHE_RW, .shared = shared};
    cache_close(w->c);
    w->c = cache_open(&config);
    cr_assert(w->c);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void world_end(World *w)
{
    cache_close(w->c);
    nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void world_file(const World *w, const char *name, size_t size, uint32_t seed, CacheFile *out)
{
    char path[256];
    uint8_t *bytes = malloc(size);
    struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    fill(bytes, size, seed);
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    futimens(fd, old);
    cr_assert(cache_identify(w->c, fd, out));
    close(fd);
    free(bytes);
}

int world_store(World *w, CacheFile *f, uint32_t seed)
{
    CacheFrame frames[FRAMES];
    CachePart part = {
        .kind = 1, .units = seed % 1000, .guest_bytes = 100, .nframes = FRAMES, .frames = frames};
    memcpy(part.info, &seed, sizeof seed);
    for (unsigned k = 0; k < FRAMES; k++) {
        uint8_t *bytes = malloc(sizes[k] + 1);
        fill(bytes, sizes[k], seed + k);
        frames[k] = (CacheFrame){bytes, sizes[k]};
    }
    int r = cache_store(w->c, f, &world_target, &part, NULL, NULL);
    for (unsigned k = 0; k < FRAMES; k++)
        free((void *)(uintptr_t)frames[k].data);
    return r;
}

static bool same_part(World *w, const CacheEntry *e, unsigned part, uint32_t seed)
{
    bool same = true;
    for (unsigned k = 0; k < FRAMES && same; k++) {
        uint8_t *bytes = malloc(sizes[k] + 1), *want = malloc(sizes[k] + 1);
        fill(want, sizes[k], seed + k);
        same = cache_frame_size(e, part, k) == sizes[k] &&
               cache_frame(w->c, e, part, k, bytes, sizes[k]) && !memcmp(bytes, want, sizes[k]);
        free(bytes);
        free(want);
    }
    return same;
}

bool world_has(World *w, const CacheEntry *e, uint32_t seed)
{
    for (unsigned i = 0; e && i < cache_parts(e); i++) {
        if (!memcmp(cache_part(e, i)->info, &seed, sizeof seed))
            return same_part(w, e, i, seed);
    }
    return false;
}

void world_entry_path(const World *w, char path[256])
{
    char pattern[256];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/code/*/*", w->cache);
    cr_assert(!glob(pattern, 0, NULL, &found) && found.gl_pathc == 1);
    strcpy(path, found.gl_pathv[0]);
    globfree(&found);
}
