/* cache.c - opening: which folders, and what may be done with them. */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "cache/internal.h"

static bool add_layer(Cache *c, const char *path, size_t len)
{
    if (!len || c->nlayers == CACHE_LAYERS)
        return true;
    char here[4096];
    if (path[0] != '/' && getcwd(here, sizeof here)) {
        /* The guest may go to another folder. */
        size_t room = strlen(here) + len + 2;
        char *whole = malloc(room);
        if (whole)
            snprintf(whole, room, "%s/%.*s", here, (int)len, path);
        c->layers[c->nlayers] = whole;
    } else {
        c->layers[c->nlayers] = strndup(path, len);
    }
    return c->layers[c->nlayers] && ++c->nlayers;
}

static bool default_layer(Cache *c)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[4096];
    int n = 0;

    if (c->secure)
        return true;
    if (xdg && xdg[0] == '/')
        n = snprintf(path, sizeof path, "%s/xemu", xdg);
    else if (home && home[0] == '/')
        n = snprintf(path, sizeof path, "%s/.cache/xemu", home);
    return n <= 0 || (size_t)n >= sizeof path || add_layer(c, path, (size_t)n);
}

/* In memory, where what was decompressed costs no disk and goes with the machine. */
static void find_shared(Cache *c, const char *path)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char own[4096];
    int n;

    if (c->secure || (path && !strcmp(path, "off")))
        return;
    if (path && path[0] == '/')
        n = snprintf(own, sizeof own, "%s", path);
    else if (runtime && runtime[0] == '/' && !access(runtime, W_OK))
        n = snprintf(own, sizeof own, "%s/xemu", runtime);
    else
        n = snprintf(own, sizeof own, "/dev/shm/xemu-%u", (unsigned)geteuid());
    if (n > 0 && (size_t)n < sizeof own)
        c->shared = strdup(own);
}

Cache *cache_open(const CacheConfig *config)
{
    Cache *c = config->mode == CACHE_OFF ? NULL : calloc(1, sizeof *c);
    bool good = true;

    if (!c)
        return NULL;
    c->mode = config->mode;
    c->secure = config->secure;
    c->place = config->place;
    c->limit = config->limit ? config->limit : CACHE_DEFAULT_LIMIT;
    if (config->path && config->path[0]) {
        /* An empty first name: no folder to write to. */
        for (const char *at = config->path, *end; good; at = end + 1) {
            end = strchrnul(at, ':');
            good = add_layer(c, at, (size_t)(end - at));
            if (!*end)
                break;
        }
    } else {
        good = default_layer(c);
    }
    c->writable = c->mode == CACHE_RW && !c->secure && c->nlayers &&
                  !(config->path && config->path[0] == ':');
    find_shared(c, config->shared);
    if (!good || !c->nlayers) {
        cache_close(c);
        return NULL;
    }
    return c;
}

void cache_close(Cache *c)
{
    for (unsigned i = 0; c && i < c->nlayers; i++)
        free(c->layers[i]);
    if (c) {
        ZSTD_freeDCtx(c->dctx);
        free(c->shared);
    }
    free(c);
}

void cache_set_patience(Cache *c, bool waits)
{
    c->hasty = !waits;
}

CacheMode cache_mode(const Cache *c)
{
    return !c ? CACHE_OFF : c->writable ? CACHE_RW : CACHE_RO;
}

bool cache_may_store(Cache *c)
{
    int fd = c->writable ? dir_layer(c, 0, false) : -EROFS;

    if (fd < 0)
        return fd == -ENOENT && dir_may_make(c->layers[0]);
    close(fd);
    return !faccessat(AT_FDCWD, c->layers[0], W_OK | X_OK, AT_EACCESS);
}

const CacheCounters *cache_counters(const Cache *c)
{
    return &c->counters;
}
