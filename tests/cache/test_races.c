/* Fifty processes add to the same entry at once, some of them killed at random: what a process was
 * told is stored stays, nothing is damaged, and readers never wait or see half of anything. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/cache/world.h"

enum { WRITERS = 50, KILLED = 12 };

static void be_writer(World *w, CacheFile *f, uint32_t seed, volatile uint8_t *done)
{
    world_reopen(w);
    if (world_store(w, f, seed) == 0)
        done[seed] = 1;
    _exit(0);
}

static void be_reader(World *w, CacheFile *f, volatile uint8_t *done)
{
    for (unsigned i = 0; i < 200; i++) {
        uint8_t before[WRITERS + 1];
        memcpy(before, (const void *)(uintptr_t)done, sizeof before);
        CacheEntry *e = cache_load(w->c, f, &world_target);
        for (uint32_t seed = 1; seed <= WRITERS; seed++) {
            if (before[seed] && !world_has(w, e, seed))
                _exit(1);
        }
        cache_entry_free(e);
        if (cache_counters(w->c)->corrupt)
            _exit(2);
    }
    _exit(0);
}

Test(races, fifty_writers_some_killed, .timeout = 120)
{
    World w;
    CacheFile f;
    pid_t writers[WRITERS + 1];
    int status;
    uint8_t *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 1000), 0);
    pid_t reader = fork();
    if (!reader)
        be_reader(&w, &f, done);
    for (uint32_t seed = 1; seed <= WRITERS; seed++) {
        writers[seed] = fork();
        if (!writers[seed])
            be_writer(&w, &f, seed, done);
    }
    srand(1);
    for (unsigned i = 0; i < KILLED; i++) {
        struct timespec wait = {0, rand() % 8000000};
        nanosleep(&wait, NULL);
        kill(writers[1 + (unsigned)rand() % WRITERS], SIGKILL);
    }
    for (uint32_t seed = 1; seed <= WRITERS; seed++)
        cr_assert_eq(waitpid(writers[seed], &status, 0), writers[seed]);
    cr_assert_eq(waitpid(reader, &status, 0), reader);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "reader: %x", (unsigned)status);
    world_reopen(&w);
    CacheEntry *e = cache_load(w.c, &f, &world_target);
    unsigned stored = 0;
    for (uint32_t seed = 1; seed <= WRITERS; seed++) {
        stored += done[seed];
        cr_expect(!done[seed] || world_has(&w, e, seed), "%u", seed);
    }
    cr_assert(world_has(&w, e, 1000));
    cr_assert_geq(stored, WRITERS - KILLED);
    cr_assert_eq(cache_counters(w.c)->corrupt, 0);
    cache_entry_free(e);
    munmap(done, 4096);
    world_end(&w);
}

/* A process that is about to execute another program leaves it to whoever is storing just now. */
Test(races, without_patience_others_are_not_waited_for)
{
    World w;
    CacheFile f;
    char path[300];
    int locks[16], n = 0;
    world_begin(&w);
    world_file(&w, "a.so", 5000, 1, &f);
    cr_assert_eq(world_store(&w, &f, 1), 0);
    snprintf(path, sizeof path, "%s/lock", w.cache);
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    for (struct dirent *e; (e = readdir(dir)) && n < 16;) {
        if (e->d_name[0] != '.') {
            locks[n] = openat(dirfd(dir), e->d_name, O_RDWR | O_CLOEXEC);
            cr_assert_eq(flock(locks[n++], LOCK_EX), 0);
        }
    }
    closedir(dir);
    cr_assert_eq(n, 1);
    cache_set_patience(w.c, false);
    cr_assert_eq(world_store(&w, &f, 2), -EBUSY);
    cr_assert_eq(cache_counters(w.c)->store_skips, 1);
    cr_assert_eq(cache_counters(w.c)->store_errors, 0);
    close(locks[0]);
    cr_assert_eq(world_store(&w, &f, 2), 0);
    world_end(&w);
}
