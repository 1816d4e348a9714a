/* format.h - a file of the cache: what is known of one guest file under one key. Everything is
 * little-endian.
 *
 *      0  +--------------------------------------------------+
 *         | EntryHeader                            128 bytes |
 *    128  +--------------------------------------------------+
 *         | PartHeader 0                            96 bytes |
 *         | FrameHeader [nframes]                  24 bytes each
 *         | PartHeader 1 ...                                 |
 *         +--------------------------------------------------+  header_size
 *         | frames, one after the other: zstd, or raw where  |
 *         | packed == raw; each begins at a multiple of 8    |
 *         +--------------------------------------------------+  file_size
 *
 * The header's `check` covers [0, header_size) with `check` taken as 0; each frame has its own, of
 * the bytes as they stand in the file. A part is what one process learned: it is only ever added or
 * dropped as a whole, so merging is a matter of copying. What frames mean is the user's affair
 * (`kind`, `info`).
 */
#ifndef XEMU_CACHE_FORMAT_H
#define XEMU_CACHE_FORMAT_H

#include <stdint.h>

#define CACHE_MAGIC "xemu\312\316h\n"
enum { CACHE_VERSION = 1, CACHE_KEY_SIZE = 32, CACHE_INFO_SIZE = 48, CACHE_NAME_SIZE = 24 };
/* Limits that a reader checks before it believes a number. */
enum {
    CACHE_MAX_PARTS = 64,
    CACHE_MAX_FRAMES = 1 << 16,
    CACHE_MAX_FILE = 1 << 30,
    CACHE_MAX_FRAME = 256 << 20
};

typedef struct EntryHeader {
    uint8_t magic[8];
    uint32_t version;
    uint32_t header_size;
    uint8_t key[CACHE_KEY_SIZE];
    uint64_t file_size;
    uint64_t check;
    uint32_t nparts;
    uint32_t zero;
    uint64_t content_size;      /* of the guest file */
    char name[CACHE_NAME_SIZE]; /* its last name when it was first seen, for people; 0-terminated */
    uint8_t quick[8];           /* see key.h */
    uint8_t reserved[16];
} EntryHeader;
_Static_assert(sizeof(EntryHeader) == 128, "layout");

typedef struct PartHeader {
    uint8_t id[16]; /* of its frames: parts that say the same have the same */
    uint32_t kind;
    uint32_t nframes;
    uint32_t units; /* blocks, for people */
    uint32_t guest_bytes;
    uint64_t raw, packed; /* sums over the frames */
    uint8_t info[CACHE_INFO_SIZE];
} PartHeader;
_Static_assert(sizeof(PartHeader) == 96, "layout");

typedef struct FrameHeader {
    uint64_t offset; /* in the file */
    uint32_t packed, raw;
    uint64_t check;
} FrameHeader;
_Static_assert(sizeof(FrameHeader) == 24, "layout");

#endif
