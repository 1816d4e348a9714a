/* Folders and files that others could have written aren't used; a full disk and a folder that can't
 * be written lose nothing but the cache. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cache/world.h"

static World w;
static CacheFile f;

static void begin(void)
{
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 7), 0);
}

static void end(void)
{
    world_end(&w);
}

TestSuite(trust, .init = begin, .fini = end);

static bool finds(void)
{
    world_reopen(&w);
    CacheEntry *e = cache_load(w.c, &f, &world_target);
    bool found = world_has(&w, e, 7);
    cache_entry_free(e);
    return found;
}

Test(trust, nothing_that_others_can_write)
{
    char path[256], dir[256];
    cr_assert(finds());
    world_entry_path(&w, path);
    strcpy(dir, path);
    *strrchr(dir, '/') = 0;
    const char *things[] = {w.cache, dir, path};
    for (unsigned i = 0; i < 3; i++) {
        struct stat st;
        for (mode_t bit = 020; bit; bit = bit == 020 ? 02 : 0) {
            cr_assert(!stat(things[i], &st) && !chmod(things[i], st.st_mode | bit));
            cr_expect_not(finds(), "%s with %o", things[i], bit);
            cr_expect_gt(cache_counters(w.c)->refused, 0);
            cr_assert_eq(chmod(things[i], st.st_mode & 07777), 0);
            cr_assert(finds());
        }
    }
}

Test(trust, no_symbolic_links)
{
    char path[256], moved[300], dir[256];
    world_entry_path(&w, path);
    snprintf(moved, sizeof moved, "%s/moved", w.dir);
    cr_assert(!rename(path, moved) && !symlink(moved, path));
    cr_assert_not(finds());
    cr_assert(!unlink(path) && !rename(moved, path));
    strcpy(dir, path);
    *strrchr(dir, '/') = 0;
    cr_assert(!rename(dir, moved) && !symlink(moved, dir));
    cr_assert_not(finds());
    cr_assert(!unlink(dir) && !rename(moved, dir));
    cr_assert(!rename(w.cache, moved) && !symlink(moved, w.cache));
    cr_assert_not(finds());
    cr_assert_eq(world_store(&w, &f, 8) < 0, true);
}

Test(trust, only_regular_files)
{
    char path[256];
    world_entry_path(&w, path);
    cr_assert(!unlink(path) && !mkfifo(path, 0600));
    cr_assert_not(finds(), "and doesn't wait for a writer");
    cr_assert(!unlink(path) && !mkdir(path, 0700));
    cr_assert_not(finds());
}

Test(trust, other_owners)
{
    char path[256];
    if (geteuid() != 0)
        cr_skip("only root can give files away");
    world_entry_path(&w, path);
    const char *things[] = {path, w.cache};
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(chown(things[i], 12345, 12345), 0);
        cr_expect_not(finds());
        cr_assert_eq(chown(things[i], 0, 0), 0);
        cr_expect(finds());
    }
    /* What root owns is good for everybody. */
    cr_assert(!chmod(w.dir, 0755) && !chmod(w.cache, 0755));
}

Test(trust, more_rights_than_the_user)
{
    CacheConfig config = {.path = w.cache, .mode = CACHE_RW, .secure = true};
    Cache *secure = cache_open(&config);
    cr_assert_eq(cache_mode(secure), CACHE_RO);
    CacheEntry *e = cache_load(secure, &f, &world_target);
    cr_assert_eq(e != NULL, geteuid() == 0, "root's entries only");
    cache_entry_free(e);
    cache_close(secure);
    config.path = NULL;
    cr_assert_null(cache_open(&config), "HOME isn't asked");
}

Test(trust, a_folder_that_cant_be_made)
{
    CacheConfig config = {.path = "/proc/nothing/here", .mode = CACHE_RW};
    Cache *c = cache_open(&config);
    World other = w;
    other.c = c;
    cr_assert_null(cache_load(c, &f, &world_target));
    cr_assert_lt(world_store(&other, &f, 9), 0);
    cr_assert_eq(cache_counters(c)->store_errors, 1);
    cache_close(c);
}

Test(trust, a_limit_on_file_sizes)
{
    struct rlimit old, small = {8192, 0};
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    cr_assert_eq(world_store(&w, &f, 9), -EFBIG);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    cr_assert(finds(), "what was there stays");
}

/* A tmpfs of 128 KiB in a mount namespace of the child's own. */
Test(trust, a_full_disk)
{
    char disk[100];
    int status;
    if (geteuid() != 0)
        cr_skip("only root can mount");
    snprintf(disk, sizeof disk, "%s/disk", w.dir);
    cr_assert_eq(mkdir(disk, 0700), 0);
    pid_t child = fork();
    if (!child) {
        char cache[120];
        if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("tmpfs", disk, "tmpfs", 0, "size=128k,mode=700"))
            _exit(77);
        snprintf(cache, sizeof cache, "%s/cache", disk);
        CacheConfig config = {.path = cache, .mode = CACHE_RW};
        World other = w;
        other.c = cache_open(&config);
        int r = 0, stored = 0;
        for (uint32_t seed = 1; seed < 20 && !r; seed++, stored += !r)
            r = world_store(&other, &f, seed);
        CacheEntry *e = cache_load(other.c, &f, &world_target);
        bool good = r == -ENOSPC && stored && e && cache_parts(e) == (unsigned)stored;
        for (int seed = 1; seed <= stored && good; seed++)
            good = world_has(&other, e, (uint32_t)seed);
        _exit(good && system(NULL) && cache_counters(other.c)->corrupt == 0 ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        cr_skip("no mounts here");
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
