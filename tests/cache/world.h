/* world.h - a cache of its own in a temporary folder, with guest files to cache something of. */
#ifndef XEMU_TESTS_CACHE_WORLD_H
#define XEMU_TESTS_CACHE_WORLD_H

#include "cache/cache.h"
#include "cache/manage.h"

typedef struct World {
    char dir[64];   /* everything is in here */
    char cache[80]; /* the cache's folder */
    Cache *c;
} World;

extern const CacheTarget world_target;

void world_begin(World *w);
/* Opens w->cache anew (the counters begin at 0). */
void world_reopen(World *w);
void world_end(World *w);
/* A guest file of that name and size, with bytes that depend on `seed`; and who it is. */
void world_file(const World *w, const char *name, size_t size, uint32_t seed, CacheFile *out);
/* A part with four frames made of `seed`: stored, and looked for in an entry with every byte
 * compared. */
int world_store(World *w, CacheFile *f, uint32_t seed);
bool world_has(World *w, const CacheEntry *e, uint32_t seed);
/* The only entry's path. */
void world_entry_path(const World *w, char path[256]);

#endif
