/* manage.h - looking after a cache: what `xemu --cachectl` does. All of it works on the first layer
 * but for the listing. */
#ifndef XEMU_CACHE_MANAGE_H
#define XEMU_CACHE_MANAGE_H

#include <stdio.h>
#include <time.h>

#include "cache/cache.h"

typedef struct CacheItem {
    unsigned layer;
    char key[2 * CACHE_KEY_SIZE + 1];
    char name[CACHE_NAME_SIZE]; /* of the guest file */
    uint64_t content_size;      /* of the guest file */
    uint64_t disk_bytes;
    uint64_t raw, packed; /* bytes of all frames, decompressed and as stored */
    uint64_t units, guest_bytes;
    uint32_t parts, bad_parts; /* bad_parts: only looked for by `verify` */
    bool damaged;              /* the whole entry: nothing above but the key is known */
    time_t used;
} CacheItem;

typedef void (*CacheVisit)(void *ctx, const CacheItem *item);
/* Every entry, by layer and key; with `verify` every frame is checked and decompressed. 0 or -errno
 * of a layer that can't be read (the others are listed). */
int cache_each(Cache *c, bool verify, CacheVisit fn, void *ctx);
/* The path of a layer; NULL if there are no more. */
const char *cache_layer(const Cache *c, unsigned layer);
/* Entries used longest ago go until `limit` bytes are left. */
int cache_prune(Cache *c, uint64_t limit);
/* Damaged entries go. */
int cache_drop_damaged(Cache *c);
/* Shared copies (shared.c): how many, of how many bytes; with `verify` each is checked, and damaged
 * ones go. They are no part of any layer: all caches of the user have them in common. */
typedef struct CacheShared {
    uint64_t copies, bytes, damaged;
} CacheShared;
CacheShared cache_shared_each(Cache *c, bool verify);
void cache_shared_clear(Cache *c);
/* Everything of the cache goes, the folder itself stays. */
int cache_clear(Cache *c);
/* One file of all entries of all layers, *exported of them: the same entries make the same bytes.
 */
int cache_export(Cache *c, FILE *to, uint64_t *exported);
/* Adds what such a file has; damaged entries are left out and counted. `*added` entries. 0 or
 * -errno (-EBADMSG: not such a file, or cut). */
int cache_import(Cache *c, FILE *from, uint64_t *added);
/* Does the file begin as one? */
bool cache_archive_is_one(FILE *from);
/* What such a file has of a guest file, of whatever target; NULL: nothing. */
CacheEntry *cache_archive_find(FILE *from, const CacheFile *file);

#endif
