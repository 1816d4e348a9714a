/* internal.h - struct Cache, for the files of cache/ only. */
#ifndef XEMU_CACHE_INTERNAL_H
#define XEMU_CACHE_INTERNAL_H

#include <sys/stat.h>

#include "cache/cache.h"

enum { CACHE_LAYERS = 8 };
#define CACHE_DEFAULT_LIMIT ((uint64_t)2 << 30)

struct Cache {
    CacheMode mode;
    bool secure;
    uint64_t limit;
    unsigned nlayers;
    bool writable;              /* layer 0 may be written to */
    bool hasty;                 /* what is locked by others isn't waited for */
    char *layers[CACHE_LAYERS]; /* absolute or relative paths, owned */
    char *shared;               /* folder of shared copies (shared.c), owned; NULL: none */
    uint64_t shared_limit;
    /* Folders that were opened and checked once: from then on what is in them is opened by its
     * path, since whoever could put something else in the way could write there before. */
    bool code_good[CACHE_LAYERS], memos_good;
    CacheCounters counters;
    void *(*place)(size_t size); /* CacheConfig.place */
    void *dctx;                  /* zstd's, made when first needed */
};

/* Which file it is, and that it hasn't been written since. */
typedef struct FileIdentity {
    uint64_t dev, ino, size, mtime_ns, ctime_ns;
} FileIdentity;

/* A file of the cache in memory, its header and table verified. */
typedef struct EntryImage {
    uint8_t *bytes;
    size_t size;
    bool mapped;
    FileIdentity identity;
} EntryImage;

struct CacheEntry {
    EntryImage images[CACHE_LAYERS];
    unsigned nimages, nparts;
    struct {
        const EntryImage *image;
        const PartHeader *part;
    } parts[CACHE_LAYERS * CACHE_MAX_PARTS];
};

typedef struct EntryName {
    char dir[17];  /* of `quick` */
    char file[65]; /* of the key */
} EntryName;

static inline const EntryHeader *image_header(const EntryImage *i)
{
    return (const EntryHeader *)(const void *)i->bytes;
}
static inline const FrameHeader *part_frames(const PartHeader *p)
{
    return (const FrameHeader *)(const void *)(p + 1);
}
static inline const PartHeader *part_next(const PartHeader *p)
{
    return (const PartHeader *)(const void *)(part_frames(p) + p->nframes);
}
static inline const PartHeader *image_first(const EntryImage *i)
{
    return (const PartHeader *)(const void *)(i->bytes + sizeof(EntryHeader));
}

/* ---- dir.c: folders and whom they may belong to ---------------------------------------------- */

/* The folder of a layer, checked; `make`: made if it is missing. A descriptor or -errno (-EPERM:
 * refused). */
int dir_layer(Cache *c, unsigned layer, bool make);
/* Could dir_layer() make the folder at that path, which is missing? */
bool dir_may_make(const char *path);
/* A folder in it. */
int dir_sub(Cache *c, int dirfd, const char *name, bool make);
/* memo/ of the first layer (key.c, recall.c). */
int dir_memos(Cache *c, bool make);
/* The layer's folder of that name in code/, or -errno. */
int dir_code(Cache *c, unsigned layer, const char *name);
/* A file in memo/, to read. */
int dir_memo(Cache *c, const char *name, struct stat *st);
/* A file in it, to read; *st as fstat says. */
int dir_file(Cache *c, int dirfd, const char *name, struct stat *st);
/* The folder of shared copies, checked. */
int dir_shared(Cache *c, bool make);
/* A file that gets its name when it is complete: to be written to `fd`. 0 or -errno. */
typedef struct DirFile {
    int fd;
    char temporary[64];
} DirFile;
int dir_begin(int dirfd, DirFile *f);
/* err: it didn't become complete. */
int dir_end(int dirfd, const DirFile *f, const char *name, int err);
/* All of [0, size), where the file stands. */
int dir_put(int fd, const void *bytes, size_t size);
/* Writes a file anew under that name. `sync`: on disk before the name is. 0 or -errno. */
int dir_write(int dirfd, const char *name, const void *const *bytes, const size_t *sizes,
              unsigned n, bool sync);
/* All of [0, size) or an error. */
int dir_read(int fd, void *to, size_t size);

/* ---- key.c ----------------------------------------------------------------------------------- */
bool key_content(Cache *c, CacheFile *file);
void key_of(const CacheFile *file, const CacheTarget *target, uint8_t key[CACHE_KEY_SIZE]);
void key_name(const uint8_t quick[8], const uint8_t key[CACHE_KEY_SIZE], EntryName *name);
void key_hex(const uint8_t *bytes, unsigned n, char *text);
/* The last name of its path, for people. */
void key_file_name(const CacheFile *f, char name[CACHE_NAME_SIZE]);
void key_identity(const struct stat *st, FileIdentity *out);

/* ---- load.c ---------------------------------------------------------------------------------- */
/* Header and table of an entry are what they should be (key NULL: any). */
bool entry_valid(const uint8_t *bytes, size_t size, const uint8_t *key);
/* Every frame, too. */
bool part_valid(const EntryImage *i, const PartHeader *p);
/* The file in the folder `dir` below the layer's; 0 or -errno (-EBADMSG: damaged). */
/* Files are never changed in place, only replaced, so what is large is mapped: of an entry of many
 * parts a run needs few pages. */
int entry_read(Cache *c, int code, const EntryName *name, const uint8_t *key, EntryImage *out);
/* The same of the file in the folder name->dir. */
int entry_read_in(Cache *c, int dir, const EntryName *name, const uint8_t *key, EntryImage *out);
void entry_free(EntryImage *image);
/* The image's parts, but those that the entry has already; i stays the entry's. */
void entry_add_parts(CacheEntry *e, const EntryImage *i);
bool frame_read(Cache *c, const EntryImage *i, const PartHeader *p, unsigned frame, void *to,
                uint32_t size);

/* ---- store.c --------------------------------------------------------------------------------- */
/* Merges an entry into the layer; 0 or -errno. */
int store_image(Cache *c, int layer, const EntryImage *from);

/* ---- gc.c ------------------------------------------------------------------------------------ */
/* Now and then: keeps the limit. */
void gc_after_store(Cache *c, int layer_fd, uint64_t stored);
/* Removes what was left by killed processes, and the entries that were used longest ago until all
 * are within `limit`. */
void gc_run(Cache *c, int layer_fd, uint64_t limit);
/* The same for a folder of plain files; keeps `limit`. */
void gc_folder(Cache *c, int fd, uint64_t limit);
/* Calls fn for each name in the folder but . and ..; takes the descriptor. */
void gc_names(int fd, void (*fn)(void *ctx, int dir, const char *name), void *ctx);
/* Calls fn for each file of an entry below the layer's folder. */
typedef void (*GcVisit)(void *ctx, int dir, const char *dir_name, const char *name,
                        const struct stat *st);
void gc_each(Cache *c, int layer_fd, GcVisit fn, void *ctx);

#endif
