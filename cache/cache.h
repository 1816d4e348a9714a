/* cache.h - what translations of guest files are kept in across runs: what the runtime and the
 * command line call.
 *
 *     Cache *c = cache_open(&config);
 *     CacheFile f;                                        a guest file that was mapped
 *     if (cache_identify(c, fd, &f)) ...
 *     CacheEntry *e = cache_load(c, &f, &target);         NULL: nothing known
 *     cache_frame(c, e, part, frame, to, size)            verified, decompressed
 *     cache_store(c, &f, &target, &part, known, ctx)      adds a part, under a lock held that long
 *
 * Everything fails softly: a cache that can't be used is an empty one. Nothing is kept open and no
 * lock held between the calls. Counters say what happened. Calls on one Cache must not overlap.
 */
#ifndef XEMU_CACHE_CACHE_H
#define XEMU_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/format.h"

typedef enum CacheMode { CACHE_OFF, CACHE_RO, CACHE_RW } CacheMode;

typedef struct CacheConfig {
    const char *path; /* folders, separated by colons: the first is written to; NULL or "":
                         XDG_CACHE_HOME or HOME says */
    CacheMode mode;
    bool secure; /* the process has more rights than its user (AT_SECURE): only what root alone can
                    write */
    uint64_t limit;              /* bytes in the writable folder; 0: the default */
    const char *shared;          /* folder of shared copies; "off": none; NULL or "": the user's own
                                    in memory */
    void *(*place)(size_t size); /* where mappings of so many bytes should go; NULL: anywhere */
} CacheConfig;

#define CACHE_COUNTERS(X)                                                                          \
    X(hits, "entries found")                                                                       \
    X(misses, "guest files without an entry")                                                      \
    X(loaded_bytes, "bytes decompressed")                                                          \
    X(stores, "parts stored")                                                                      \
    X(store_skips, "parts not stored because others were quicker")                                 \
    X(store_errors, "parts that could not be stored")                                              \
    X(corrupt, "damaged entries or parts dropped")                                                 \
    X(refused, "folders or files that others could have written, not used")                        \
    X(hashed_bytes, "bytes of guest files hashed")                                                 \
    X(evicted, "entries removed to keep the size limit")                                           \
    X(shared, "parts used as shared copies")                                                       \
    X(shared_stores, "shared copies made")

typedef struct CacheCounters {
#define CACHE_COUNTER(name, text) uint64_t name;
    CACHE_COUNTERS(CACHE_COUNTER)
#undef CACHE_COUNTER
} CacheCounters;

typedef struct Cache Cache;
typedef struct CacheEntry CacheEntry;

/* Who a file is without looking at its bytes; and where to find it again. */
typedef struct CacheFile {
    uint64_t dev, ino, size, mtime_ns, ctime_ns;
    uint8_t quick[8]; /* of its size and its first page */
    uint8_t content[32];
    bool has_content; /* `content` is known */
    char path[512];   /* "": none; with a content from memory only its last name */
} CacheFile;

/* What else makes code differ: the translator and its host. Hashed into the key. */
typedef struct CacheTarget {
    const char *build; /* build id of the translator */
    const char *guest; /* name and features of the guest CPU */
    uint64_t host_features;
    uint64_t options;
} CacheTarget;

typedef struct CacheFrame {
    const void *data;
    uint32_t size;
} CacheFrame;
typedef struct CachePart {
    uint32_t kind, units, guest_bytes, nframes;
    int level; /* of compression; 0: the default, quick */
    uint8_t info[CACHE_INFO_SIZE];
    const CacheFrame *frames;
} CachePart;

/* NULL: off, or out of memory. No file is touched. */
Cache *cache_open(const CacheConfig *config);
void cache_close(Cache *c);
CacheMode cache_mode(const Cache *c);
/* Can anything be stored, as far as can be told without trying? (A disk may be full.) */
bool cache_may_store(Cache *c);

/* Does cache_store() wait for others who are storing (it does if not told otherwise), or leave it
 * to them? */
void cache_set_patience(Cache *c, bool waits);
const CacheCounters *cache_counters(const Cache *c);

/* Which file it is (device, inode, size, times): nothing else of *file is filled in, and nothing is
 * read. False: not a regular file. */
bool cache_identity(int fd, CacheFile *file);
/* False: not a regular file, or unreadable. Takes `path` from /proc, unless the content is
 * remembered. */
bool cache_identify(Cache *c, int fd, CacheFile *file);
/* Do both say the same of which file it is? */
bool cache_same_file(const CacheFile *a, const CacheFile *b);

/* Bytes that stand in no file; `name` is for people. */
void cache_identify_memory(const char *name, const void *bytes, size_t size, CacheFile *file);

/* What the layers have for the file; NULL if nothing. */
CacheEntry *cache_load(Cache *c, CacheFile *file, const CacheTarget *target);
void cache_entry_free(CacheEntry *e);
unsigned cache_parts(const CacheEntry *e);
const PartHeader *cache_part(const CacheEntry *e, unsigned part);
bool cache_part_good(const CacheEntry *e, unsigned part); /* none of its frames is damaged */
uint32_t cache_frame_size(const CacheEntry *e, unsigned part,
                          unsigned frame); /* decompressed; 0: none */
/* False: damaged (the whole part must not be used then), or `size` isn't the frame's. */
bool cache_frame(Cache *c, const CacheEntry *e, unsigned part, unsigned frame, void *to,
                 uint32_t size);

/* What parts are when they are decompressed and put together, for all processes of the user to map
 * (shared.c): some of those that are of one file. There is one copy of a format; what the bytes
 * mean and which parts it may be of is the caller's affair. */
/* How many parts from `first` on are of one file. */
unsigned cache_group(const CacheEntry *e, unsigned first);
const char *cache_shared_path(const Cache *c); /* the folder; NULL: there are none */
enum { CACHE_SHARED_AT = 4096 };               /* where they begin in the file */
/* A descriptor to read and map *size bytes from; -errno: there is none that is of nothing but some
 * of these parts: of which, *of says by a bit each. Damage of the parts themselves is noticed. */
int cache_shared_open(Cache *c, const CacheEntry *e, const unsigned *parts, unsigned n,
                      uint32_t format, uint64_t *size, uint64_t *of);
/* How large a copy may be, not counting zeros; 0: none can be made. */
uint64_t cache_shared_room(Cache *c);
/* The pieces' bytes one behind the other; without data: zeros. It takes the place of another. 0 or
 * -errno. */
int cache_shared_store(Cache *c, const CacheEntry *e, const unsigned *parts, unsigned n,
                       uint32_t format, const CacheFrame *pieces, unsigned npieces);

/* Adds the part to the file's entry in the writable folder. `known` is asked once the lock is held:
 * false if what is stored by now makes the part superfluous (`e`: what is there, NULL: nothing). 0
 * or -errno; -EEXIST when superfluous. */
typedef bool (*CacheWanted)(void *ctx, Cache *c, const CacheEntry *e);
int cache_store(Cache *c, CacheFile *file, const CacheTarget *target, const CachePart *part,
                CacheWanted wanted, void *ctx);

/* A number remembered under a key; 0: none. It may be forgotten at any time. */
uint64_t cache_recall(Cache *c, const uint8_t key[CACHE_KEY_SIZE]);
void cache_remember(Cache *c, const uint8_t key[CACHE_KEY_SIZE], uint64_t value);

#endif
