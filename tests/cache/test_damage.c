/* A thousand random damages to an entry: what is read is right or isn't used, each damage that is
 * met is counted, and storing again makes it good. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cache/world.h"

static uint64_t state = 0x243f6a8885a308d3;

static uint32_t below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

/* Changes bytes (always: at least one differs). Returns the new size. */
static size_t damage(uint8_t *bytes, size_t size)
{
    size_t at = below((uint32_t)size), n;
    switch (below(6)) {
    case 0: bytes[at] ^= (uint8_t)(1 << below(8)); return size;
    case 1: return at; /* cut */
    case 2:            /* a hole, as after a crash of the machine */
        n = 1 + below(4096);
        n = at + n > size ? size - at : n;
        for (size_t i = 0; i < n; i++)
            bytes[at + i] = (uint8_t)(bytes[at + i] ? 0 : 1);
        return size;
    case 3: { /* two pieces exchanged */
        n = 64;
        size_t x = below((uint32_t)(size / 2 - n)), y = size / 2 + below((uint32_t)(size / 2 - n));
        uint8_t piece[64];
        if (!memcmp(bytes + x, bytes + y, n))
            bytes[x] ^= 1;
        memcpy(piece, bytes + x, n);
        memcpy(bytes + x, bytes + y, n);
        memcpy(bytes + y, piece, n);
        return size;
    }
    case 4: /* a header of another version, of something else */
        bytes[below(128)] += (uint8_t)(1 + below(255));
        return size;
    default: /* many flips */
        for (unsigned i = 0; i < 16; i++)
            bytes[below((uint32_t)size)] ^= (uint8_t)(1 << below(8));
        bytes[0] ^= 0x80;
        return size;
    }
}

static uint8_t *slurp(const char *path, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    cr_assert(fd >= 0 && !fstat(fd, &st));
    uint8_t *bytes = malloc((size_t)st.st_size);
    cr_assert_eq(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *size = (size_t)st.st_size;
    return bytes;
}

static void put(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

Test(damage, a_thousand)
{
    enum { PARTS = 3 };
    World w;
    CacheFile f;
    char path[256];
    size_t size;
    unsigned met = 0;
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    for (uint32_t seed = 1; seed <= PARTS; seed++)
        cr_assert_eq(world_store(&w, &f, seed), 0);
    world_entry_path(&w, path);
    uint8_t *good = slurp(path, &size), *bad = malloc(size);
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(bad, good, size);
        size_t n = damage(bad, size);
        bool same = n == size && !memcmp(bad, good, size);
        put(path, bad, n);
        world_reopen(&w);
        CacheEntry *e = cache_load(w.c, &f, &world_target);
        unsigned right = 0;
        for (uint32_t seed = 1; seed <= PARTS; seed++)
            right += world_has(&w, e, seed);
        /* world_has compares all bytes: a part that says it's good and isn't would be found here.
         */
        uint64_t counted = cache_counters(w.c)->corrupt;
        bool padding = right == PARTS; /* between frames nothing is looked at */
        cr_assert(same || padding || counted, "damage %u unnoticed", i);
        cr_assert(!same || !counted);
        met += counted != 0;
        cache_entry_free(e);
        if (i % 10 == 0) {
            for (uint32_t seed = 1; seed <= PARTS; seed++)
                cr_assert_eq(world_store(&w, &f, seed), 0);
            e = cache_load(w.c, &f, &world_target);
            for (uint32_t seed = 1; seed <= PARTS; seed++)
                cr_assert(world_has(&w, e, seed), "repaired after %u", i);
            cache_entry_free(e);
        }
    }
    cr_assert_gt(met, 950);
    free(good);
    free(bad);
    world_end(&w);
}

static void note(void *ctx, const CacheItem *item)
{
    unsigned *bad = ctx;
    *bad += item->damaged || item->bad_parts;
}

Test(damage, verify_finds_and_drops_it)
{
    World w;
    CacheFile f;
    char path[256];
    size_t size;
    unsigned bad = 0;
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 1), 0);
    world_entry_path(&w, path);
    uint8_t *bytes = slurp(path, &size);
    bytes[size - 100] ^= 1;
    put(path, bytes, size);
    cache_each(w.c, false, note, &bad);
    cr_assert_eq(bad, 0);
    cache_each(w.c, true, note, &bad);
    cr_assert_eq(bad, 1);
    cr_assert_eq(cache_drop_damaged(w.c), 0);
    cr_assert_neq(access(path, F_OK), 0);
    free(bytes);
    world_end(&w);
}
