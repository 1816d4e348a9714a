/* gc.c - the size limit: entries that were used longest ago go first (a file's time of modification
 * is its last use to the day, load.c). Folders left empty, temporary files of killed processes and
 * old memos go as well.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/internal.h"

enum { TEMPORARY_SECONDS = 600, MEMO_SECONDS = 90 * 24 * 3600 };

void gc_names(int fd, void (*fn)(void *ctx, int dir, const char *name), void *ctx)
{
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            fn(ctx, dirfd(d), e->d_name);
    }
    closedir(d);
}

typedef struct Walk {
    Cache *c;
    GcVisit fn;
    void *ctx;
    const char *dir_name;
} Walk;

static void visit_file(void *ctx, int dir, const char *name)
{
    Walk *w = ctx;
    struct stat st;

    if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
        w->fn(w->ctx, dir, w->dir_name, name, &st);
}

static void visit_dir(void *ctx, int code, const char *name)
{
    Walk *w = ctx;

    w->dir_name = name;
    gc_names(dir_sub(w->c, code, name, false), visit_file, w);
}

void gc_each(Cache *c, int layer, GcVisit fn, void *ctx)
{
    Walk w = {c, fn, ctx, NULL};
    gc_names(dir_sub(c, layer, "code", false), visit_dir, &w);
}

/* ---- what there is --------------------------------------------------------------------------- */

typedef struct Found {
    char dir[17], file[65];
    time_t used;
    uint64_t size;
} Found;

typedef struct List {
    Found *found;
    size_t n, cap;
    uint64_t bytes;
    time_t now;
} List;

static void list_file(void *ctx, int dir, const char *dir_name, const char *name,
                      const struct stat *st)
{
    List *l = ctx;

    if (name[0] == '.') {
        if (l->now - st->st_mtim.tv_sec > TEMPORARY_SECONDS)
            unlinkat(dir, name, 0);
        return;
    }
    if (strlen(dir_name) >= sizeof l->found->dir || strlen(name) >= sizeof l->found->file)
        return;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        Found *more = realloc(l->found, cap * sizeof *more);
        if (!more)
            return;
        l->found = more;
        l->cap = cap;
    }
    Found *f = &l->found[l->n++];
    strcpy(f->dir, dir_name);
    strcpy(f->file, name);
    f->used = st->st_mtim.tv_sec;
    f->size = (uint64_t)st->st_blocks * 512;
    l->bytes += f->size;
}

static int by_use(const void *a, const void *b)
{
    const Found *x = a, *y = b;

    if (x->used != y->used)
        return x->used < y->used ? -1 : 1;
    return strcmp(x->file, y->file);
}

static void drop_old_memo(void *ctx, int dir, const char *name)
{
    const List *l = ctx;
    struct stat st;
    int age = name[0] == '.' ? TEMPORARY_SECONDS : MEMO_SECONDS;

    if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && l->now - st.st_mtim.tv_sec > age)
        unlinkat(dir, name, 0);
}

static void drop(Cache *c, const Found *f, int code)
{
    int dir = f->dir[0] ? dir_sub(c, code, f->dir, false) : code;

    c->counters.evicted += dir >= 0 && !unlinkat(dir, f->file, 0);
    if (dir >= 0 && dir != code) {
        close(dir);
        unlinkat(code, f->dir, AT_REMOVEDIR); /* if that was its last */
    }
}

/* Those used longest ago go until the rest is within the limit. */
static void drop_oldest(Cache *c, List *l, int code, uint64_t limit)
{
    if (l->n)
        qsort(l->found, l->n, sizeof *l->found, by_use);
    for (size_t i = 0; i < l->n && l->bytes > limit && code >= 0; i++) {
        drop(c, &l->found[i], code);
        l->bytes -= l->found[i].size;
    }
    free(l->found);
}

void gc_run(Cache *c, int layer, uint64_t limit)
{
    List l = {.now = time(NULL)};
    int code = dir_sub(c, layer, "code", false);

    gc_each(c, layer, list_file, &l);
    drop_oldest(c, &l, code, limit);
    gc_names(dir_sub(c, layer, "memo", false), drop_old_memo, &l);
    if (code >= 0)
        close(code);
}

void gc_folder(Cache *c, int fd, uint64_t limit)
{
    List l = {.now = time(NULL)};
    Walk w = {c, list_file, &l, ""};

    gc_names(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), visit_file, &w);
    drop_oldest(c, &l, fd, limit);
}

void gc_after_store(Cache *c, int layer, uint64_t stored)
{
    struct timespec now;

    /* Looking at all files each time would cost more than the storing: one time in 64, or after a
     * large one. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (stored > c->limit / 16 || ((uint64_t)now.tv_nsec / 1000 + (uint64_t)getpid()) % 64 == 0)
        gc_run(c, layer, c->limit - c->limit / 8);
}
