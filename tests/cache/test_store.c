/* Storing, finding, merging, keys, layers, the size limit, archives. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cache/world.h"

static bool finds(World *w, CacheFile f, const CacheTarget *target, uint32_t seed)
{
    f.has_content = false;
    CacheEntry *e = cache_load(w->c, &f, target);
    bool found = world_has(w, e, seed);
    cache_entry_free(e);
    return found;
}

Test(store, what_was_stored_is_found_under_any_name)
{
    World w;
    CacheFile f, copy;
    world_begin(&w);
    world_file(&w, "a.so", 100000, 1, &f);
    cr_assert_not(finds(&w, f, &world_target, 7));
    cr_assert_eq(cache_counters(w.c)->hashed_bytes, 0, "a miss doesn't hash");
    cr_assert_eq(world_store(&w, &f, 7), 0);
    cr_assert(finds(&w, f, &world_target, 7));
    world_file(&w, "b.so", 100000, 1, &copy);
    cr_assert(finds(&w, copy, &world_target, 7), "the same bytes elsewhere");
    world_file(&w, "c.so", 100000, 2, &copy);
    cr_assert_not(finds(&w, copy, &world_target, 7), "other bytes");
    world_end(&w);
}

Test(store, the_target_is_part_of_the_key)
{
    World w;
    CacheFile f;
    CacheTarget t[4] = {world_target, world_target, world_target, world_target};
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 7), 0);
    t[0].build = "ffff";
    t[1].guest = "aarch64";
    t[2].host_features = 1;
    t[3].options = 1;
    for (unsigned i = 0; i < 4; i++)
        cr_expect_not(finds(&w, f, &t[i], 7), "%u", i);
    cr_assert(finds(&w, f, &world_target, 7));
    world_end(&w);
}

Test(store, parts_add_up)
{
    World w;
    CacheFile f;
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    for (uint32_t seed = 1; seed <= 5; seed++)
        cr_assert_eq(world_store(&w, &f, seed), 0);
    cr_assert_eq(world_store(&w, &f, 3), 0, "again");
    CacheEntry *e = cache_load(w.c, &f, &world_target);
    cr_assert_eq(cache_parts(e), 5);
    cache_entry_free(e);
    for (uint32_t seed = 1; seed <= 5; seed++)
        cr_assert(finds(&w, f, &world_target, seed));
    world_end(&w);
}

Test(store, too_many_parts_lose_the_smallest)
{
    World w;
    CacheFile f;
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    for (uint32_t seed = 1; seed <= CACHE_MAX_PARTS + 3; seed++)
        cr_assert_eq(world_store(&w, &f, seed), 0);
    CacheEntry *e = cache_load(w.c, &f, &world_target);
    cr_assert_eq(cache_parts(e), CACHE_MAX_PARTS);
    cr_assert_not(world_has(&w, e, 1));
    cr_assert(world_has(&w, e, CACHE_MAX_PARTS + 3));
    cache_entry_free(e);
    world_end(&w);
}

Test(store, a_changed_file_is_another)
{
    World w;
    CacheFile f, now;
    char path[256];
    world_begin(&w);
    world_file(&w, "a.so", 50000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 7), 0);
    world_file(&w, "a.so", 50000, 1, &now);
    snprintf(path, sizeof path, "%s/a.so", w.dir);
    int fd = open(path, O_RDWR);
    cr_assert_eq(pwrite(fd, "x", 1, 40000), 1);
    cr_assert(cache_identify(w.c, fd, &now));
    close(fd);
    cr_assert_not(finds(&w, now, &world_target, 7));
    now = f;
    now.mtime_ns++;
    now.has_content = false;
    cr_assert_eq(world_store(&w, &now, 8), -ENOENT, "the mapped file is gone");
    world_end(&w);
}

Test(store, hashes_are_remembered)
{
    World w;
    CacheFile f;
    struct timespec wait = {2, 200000000};
    world_begin(&w);
    world_file(&w, "a.so", 100000, 1, &f);
    nanosleep(&wait, NULL); /* what changed just now isn't remembered */
    cr_assert_eq(world_store(&w, &f, 7), 0);
    world_reopen(&w);
    cr_assert(finds(&w, f, &world_target, 7));
    cr_assert_eq(cache_counters(w.c)->hashed_bytes, 0);
    world_end(&w);
}

Test(store, layers_are_read_and_only_the_first_is_written)
{
    World w;
    CacheFile f, g;
    char path[256], lower[100];
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    world_file(&w, "b.so", 5000, 2, &g);
    cr_assert_eq(world_store(&w, &f, 7), 0);
    snprintf(lower, sizeof lower, "%s/lower", w.dir);
    cr_assert_eq(rename(w.cache, lower), 0);
    snprintf(path, sizeof path, "%s:%s", w.cache, lower);
    CacheConfig config = {.path = path, .mode = CACHE_RW};
    cache_close(w.c);
    w.c = cache_open(&config);
    cr_assert(finds(&w, f, &world_target, 7));
    cr_assert_eq(world_store(&w, &f, 8), 0);
    cr_assert(finds(&w, f, &world_target, 7));
    cr_assert(finds(&w, f, &world_target, 8));
    world_entry_path(&w, path);
    snprintf(path, sizeof path, ":%s", lower);
    cache_close(w.c);
    w.c = cache_open(&config);
    cr_assert_eq(cache_mode(w.c), CACHE_RO);
    cr_assert_eq(world_store(&w, &g, 9), -EROFS);
    cr_assert(finds(&w, f, &world_target, 7));
    cr_assert_not(finds(&w, f, &world_target, 8));
    world_end(&w);
}

static void count(void *ctx, const CacheItem *item)
{
    unsigned *n = ctx;
    n[item->damaged || item->bad_parts]++;
}

Test(store, the_limit_drops_what_was_used_longest_ago)
{
    World w;
    CacheFile f[8];
    char name[16], path[256];
    unsigned n[2] = {0, 0};
    world_begin(&w);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "f%u", i);
        world_file(&w, name, 5000, i + 1, &f[i]);
        cr_assert_eq(world_store(&w, &f[i], i), 0);
        if (i == 0) {
            world_entry_path(&w, path);
            struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
            cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
        }
    }
    cache_each(w.c, true, count, n);
    cr_assert_eq(n[0], 8);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(cache_prune(w.c, (uint64_t)st.st_blocks * 512 * 7), 0);
    cr_assert_not(finds(&w, f[0], &world_target, 0));
    for (unsigned i = 1; i < 8; i++)
        cr_expect(finds(&w, f[i], &world_target, i), "%u", i);
    cr_assert_eq(cache_clear(w.c), 0);
    n[0] = 0;
    cache_each(w.c, true, count, n);
    cr_assert_eq(n[0], 0);
    world_end(&w);
}

Test(store, export_is_deterministic_and_comes_back)
{
    World w;
    CacheFile f[3];
    char name[16], *bytes[2];
    size_t size[2];
    uint64_t added;
    world_begin(&w);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "f%u", i);
        world_file(&w, name, 5000, i + 1, &f[i]);
    }
    /* The same in another order, in another folder. */
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < 6; i++) {
            unsigned n = k ? 5 - i : i;
            cr_assert_eq(world_store(&w, &f[n % 3], n), 0);
        }
        FILE *out = open_memstream(&bytes[k], &size[k]);
        uint64_t n = 0;
        cr_assert_eq(cache_export(w.c, out, &n), 0);
        cr_assert_neq(n, 0);
        fclose(out);
        cr_assert_eq(cache_clear(w.c), 0);
    }
    cr_assert(size[0] == size[1] && !memcmp(bytes[0], bytes[1], size[0]));
    FILE *in = fmemopen(bytes[0], size[0], "r");
    cr_assert_eq(cache_import(w.c, in, &added), 0);
    fclose(in);
    cr_assert_eq(added, 3);
    for (unsigned i = 0; i < 6; i++)
        cr_assert(finds(&w, f[i % 3], &world_target, i));
    in = fmemopen(bytes[0], size[0] - 20, "r");
    cr_assert_eq(cache_import(w.c, in, &added), -EBADMSG, "cut");
    fclose(in);
    free(bytes[0]);
    free(bytes[1]);
    world_end(&w);
}

Test(store, numbers_are_remembered)
{
    World w;
    uint8_t key[CACHE_KEY_SIZE] = {1, 2, 3}, other[CACHE_KEY_SIZE] = {1, 2, 4};
    world_begin(&w);
    cr_assert_eq(cache_recall(w.c, key), 0);
    cache_remember(w.c, key, 7);
    cr_assert_eq(cache_recall(w.c, key), 7);
    cr_assert_eq(cache_recall(w.c, other), 0);
    cache_remember(w.c, key, UINT64_C(1) << 60);
    cr_assert_eq(cache_recall(w.c, key), UINT64_C(1) << 60);
    other[31] = 1; /* the same file's name but another key */
    memcpy(other, key, 16);
    cr_assert_eq(cache_recall(w.c, other), 0);
    world_end(&w);
}
