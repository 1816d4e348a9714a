/* dir.c - the folders of the cache. What is in them gets executed, so they and all that is read
 * must belong to the user or to root and be writable by nobody else; no symbolic link is followed
 * below the layer's own path. A process with more rights than its user (AT_SECURE) believes root
 * alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cache/internal.h"

static bool trusted(const Cache *c, const struct stat *st)
{
    bool owner = st->st_uid == 0 || (!c->secure && st->st_uid == geteuid());
    return owner && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Passes on the descriptor of something trusted, or closes it. */
static int checked(Cache *c, int fd, mode_t type, struct stat *st)
{
    int err = fstat(fd, st) ? -errno : 0;

    if (!err && ((st->st_mode & S_IFMT) != type || !trusted(c, st))) {
        c->counters.refused++;
        err = -EPERM;
    }
    if (err)
        close(fd);
    return err ? err : fd;
}

static int open_dir(Cache *c, int at, const char *name)
{
    struct stat st;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        c->counters.refused += errno == ELOOP || errno == ENOTDIR;
        return -errno;
    }
    return checked(c, fd, S_IFDIR, &st);
}

/* A folder, and the one it is in: a new home has no .cache yet. A home that doesn't exist isn't
 * made. */
static int make_layer(const char *path)
{
    if (!mkdir(path, 0700) || errno == EEXIST)
        return 0;
    char *parent = errno == ENOENT ? strdup(path) : NULL,
         *end = parent ? strrchr(parent, '/') : NULL;
    int err = -errno;
    if (end && end > parent) {
        *end = 0;
        if (!mkdir(parent, 0700) || errno == EEXIST)
            err = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
    }
    free(parent);
    return err;
}

bool dir_may_make(const char *path)
{
    char parent[PATH_MAX];
    size_t len = strlen(path);

    if (len >= sizeof parent)
        return false;
    memcpy(parent, path, len + 1);
    for (unsigned up = 0; up < 2; up++) {
        char *end = strrchr(parent, '/');
        if (!end)
            return false;
        end[end == parent] = 0;
        if (!faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS))
            return true;
        if (errno != ENOENT)
            return false;
    }
    return false;
}

int dir_layer(Cache *c, unsigned layer, bool make)
{
    const char *path = c->layers[layer];
    int fd = open_dir(c, AT_FDCWD, path);

    if (fd == -ENOENT && make) {
        fd = make_layer(path);
        if (!fd)
            fd = open_dir(c, AT_FDCWD, path);
    }
    return fd;
}

int dir_shared(Cache *c, bool make)
{
    int fd = c->shared ? open_dir(c, AT_FDCWD, c->shared) : -ENOENT;

    if (fd == -ENOENT && c->shared && make) {
        if (mkdir(c->shared, 0700) && errno != EEXIST)
            return -errno;
        fd = open_dir(c, AT_FDCWD, c->shared);
    }
    return fd;
}

int dir_sub(Cache *c, int dirfd, const char *name, bool make)
{
    int fd = open_dir(c, dirfd, name);

    if (fd == -ENOENT && make) {
        if (mkdirat(dirfd, name, 0700) && errno != EEXIST)
            return -errno;
        fd = open_dir(c, dirfd, name);
    }
    return fd;
}

/* The path of what is in a folder that was found to be good; false: too long. */
static bool path_in(char path[PATH_MAX], const char *layer, const char *sub, const char *name)
{
    int n = snprintf(path, PATH_MAX, "%s/%s/%s", layer, sub, name);
    return n > 0 && n < PATH_MAX;
}

int dir_code(Cache *c, unsigned layer, const char *name)
{
    char path[PATH_MAX];

    if (c->code_good[layer] && path_in(path, c->layers[layer], "code", name))
        return open_dir(c, AT_FDCWD, path);
    int at = dir_layer(c, layer, false), code = at < 0 ? at : dir_sub(c, at, "code", false),
        dir = code < 0 ? code : dir_sub(c, code, name, false);
    c->code_good[layer] = code >= 0;
    if (code >= 0)
        close(code);
    if (at >= 0)
        close(at);
    return dir;
}

int dir_memo(Cache *c, const char *name, struct stat *st)
{
    char path[PATH_MAX];

    if (c->memos_good && path_in(path, c->layers[0], "memo", name))
        return dir_file(c, AT_FDCWD, path, st);
    int dir = dir_memos(c, false), fd = dir < 0 ? dir : dir_file(c, dir, name, st);
    c->memos_good = dir >= 0;
    if (dir >= 0)
        close(dir);
    return fd;
}

int dir_memos(Cache *c, bool make)
{
    int layer = dir_layer(c, 0, make), dir = layer < 0 ? layer : dir_sub(c, layer, "memo", make);

    if (layer >= 0)
        close(layer);
    return dir;
}

int dir_file(Cache *c, int dirfd, const char *name, struct stat *st)
{
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        c->counters.refused += errno == ELOOP;
        return -errno;
    }
    return checked(c, fd, S_IFREG, st);
}

int dir_read(int fd, void *to, size_t size)
{
    uint8_t *at = to;

    while (size) {
        ssize_t n = read(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int dir_put(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int dir_begin(int dirfd, DirFile *f)
{
    static unsigned counter;

    for (unsigned tries = 0; tries < 100; tries++) {
        snprintf(f->temporary, sizeof f->temporary, ".%d-%u.tmp", (int)getpid(), counter++);
        f->fd =
            openat(dirfd, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (f->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

int dir_end(int dirfd, const DirFile *f, const char *name, int err)
{
    if (close(f->fd) && !err)
        err = -errno;
    if (!err && renameat(dirfd, f->temporary, dirfd, name))
        err = -errno;
    if (err)
        unlinkat(dirfd, f->temporary, 0);
    return err;
}

/* As few calls as can be; what one of them leaves over goes the long way. */
static int put_all(int fd, const void *const *bytes, const size_t *sizes, unsigned n)
{
    enum { MOST = 64 };
    struct iovec some[MOST];
    int err = 0;

    for (unsigned i = 0; i < n && !err;) {
        unsigned k = 0;
        for (; k < MOST && i + k < n; k++)
            some[k] = (struct iovec){(void *)(uintptr_t)bytes[i + k], sizes[i + k]};
        ssize_t put = writev(fd, some, (int)k);
        size_t done = put > 0 ? (size_t)put : 0;
        for (; k-- && !err; i++) {
            size_t of_it = done < sizes[i] ? done : sizes[i];
            done -= of_it;
            err = dir_put(fd, (const uint8_t *)bytes[i] + of_it, sizes[i] - of_it);
        }
    }
    return err;
}

int dir_write(int dirfd, const char *name, const void *const *bytes, const size_t *sizes,
              unsigned n, bool sync)
{
    DirFile f;
    int err = dir_begin(dirfd, &f);

    if (err)
        return err;
    err = put_all(f.fd, bytes, sizes, n);
    if (!err && sync && fdatasync(f.fd))
        err = -errno;
    return dir_end(dirfd, &f, name, err);
}
