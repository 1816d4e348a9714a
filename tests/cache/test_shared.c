/* Shared copies: found by what they were made of, used only if nobody else can write them, and not
 * for an entry that is damaged. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cache/world.h"

static World w;
static CacheFile f;
static CacheEntry *e;
static char path[128];

static void reload(void)
{
    cache_entry_free(e);
    world_reopen(&w);
    e = cache_load(w.c, &f, &world_target);
    cr_assert(e);
}

static int store(void)
{
    static const char head[5000] = "head", tail[3] = "end";
    const CacheFrame pieces[] = {{head, sizeof head}, {NULL, 100000}, {tail, sizeof tail}};
    return cache_shared_store(w.c, e, &(unsigned){0}, 1, 5, pieces, 3);
}

static void begin(void)
{
    world_begin(&w);
    snprintf(path, sizeof path, "%s/shared", w.dir);
    world_file(&w, "a.so", 5000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 7), 0);
    reload();
}

static void end(void)
{
    cache_entry_free(e);
    e = NULL;
    world_end(&w);
}

TestSuite(shared, .init = begin, .fini = end);

static int find(uint32_t format, uint64_t *size)
{
    uint64_t of;
    return cache_shared_open(w.c, e, &(unsigned){0}, 1, format, size, &of);
}

static bool finds(void)
{
    uint64_t size;
    int fd = find(5, &size);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

Test(shared, holds_what_was_stored)
{
    uint64_t size = 0;
    char bytes[3];
    cr_assert_eq(find(5, &size), -ENOENT);
    cr_assert_gt(cache_shared_room(w.c), 0);
    cr_assert_eq(store(), 0);
    int fd = find(5, &size);
    cr_assert(fd >= 0 && size == 105003);
    cr_assert(pread(fd, bytes, 3, CACHE_SHARED_AT) == 3 && !memcmp(bytes, "hea", 3));
    cr_assert(pread(fd, bytes, 3, CACHE_SHARED_AT + 50000) == 3 && !memcmp(bytes, "\0\0", 3));
    cr_assert(pread(fd, bytes, 3, CACHE_SHARED_AT + 105000) == 3 && !memcmp(bytes, "end", 3));
    close(fd);
    cr_assert_eq(find(6, &size), -ENOENT, "of another format");
    CacheShared all = cache_shared_each(w.c, true);
    cr_assert(all.copies == 1 && all.bytes < 105003 && !all.damaged);
    cache_shared_clear(w.c);
    cr_assert(access(path, F_OK) && errno == ENOENT);
}

Test(shared, says_of_which_parts_it_is)
{
    uint64_t size, of = 0;
    const unsigned both[] = {0, 1};
    cr_assert_eq(store(), 0);
    cr_assert_eq(world_store(&w, &f, 8), 0);
    reload();
    cr_assert_eq(cache_parts(e), 2);
    cr_assert_eq(cache_group(e, 0), 2);
    int fd = cache_shared_open(w.c, e, both, 2, 5, &size, &of);
    cr_assert(fd >= 0 && (of == 1 || of == 2));
    close(fd);
    const unsigned other = of == 1;
    cr_assert_eq(cache_shared_open(w.c, e, &other, 1, 5, &size, &of), -EBADMSG);
    const CacheFrame piece = {"both", 5};
    cr_assert_eq(cache_shared_store(w.c, e, both, 2, 5, &piece, 1), 0);
    fd = cache_shared_open(w.c, e, both, 2, 5, &size, &of);
    cr_assert(fd >= 0 && of == 3 && size == 5);
    close(fd);
    cr_assert_eq(cache_shared_each(w.c, true).copies, 1, "in place of the other");
}

Test(shared, not_where_others_can_write)
{
    cr_assert_eq(store(), 0);
    for (mode_t bit = 020; bit; bit = bit == 020 ? 02 : 0) {
        cr_assert_eq(chmod(path, 0700 | bit), 0);
        cr_expect_not(finds());
        cr_expect_eq(store(), -EPERM);
        cr_expect_eq(cache_shared_room(w.c), 0);
        cr_assert_eq(chmod(path, 0700), 0);
        cr_assert(finds());
    }
    char other[160];
    snprintf(other, sizeof other, "%s-other", path);
    cr_assert(!rename(path, other) && !symlink(other, path));
    cr_expect_not(finds());
    cr_expect_eq(cache_counters(w.c)->refused, 7);
}

Test(shared, an_entry_that_is_damaged_is_noticed)
{
    char entry[256];
    uint8_t byte = 0;
    cr_assert_eq(store(), 0);
    world_entry_path(&w, entry);
    int fd = open(entry, O_RDWR);
    struct stat st;
    cr_assert(!fstat(fd, &st) && pread(fd, &byte, 1, st.st_size - 20) == 1);
    futimens(fd, NULL); /* it was written, but is the same */
    reload();
    cr_assert(finds());
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, st.st_size - 20), 1);
    close(fd);
    reload();
    cr_assert_not(finds());
}

Test(shared, damaged_copies_are_found)
{
    uint64_t size;
    cr_assert_eq(store(), 0);
    int fd = find(5, &size);
    char name[64], file[160];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, file, sizeof file - 1);
    cr_assert_gt(n, 0);
    file[n] = 0;
    close(fd);
    cr_assert(!truncate(file, CACHE_SHARED_AT + 10));
    cr_assert_eq(find(5, &size), -EBADMSG, "cut");
    cr_assert_eq(store(), 0);
    fd = open(file, O_WRONLY);
    cr_assert_eq(pwrite(fd, "x", 1, CACHE_SHARED_AT + 60000), 1);
    close(fd);
    cr_assert_eq(cache_shared_each(w.c, true).damaged, 1);
    cr_assert_eq(find(5, &size), -ENOENT);
}
