/* blake3.h - the hash that names what is cached: BLAKE3 (unkeyed, 32 bytes), after the paper
 * "BLAKE3: one function, fast everywhere" (2020), sections 2.1 to 2.6.
 *
 * The input is cut into chunks of 1024 bytes, the leaves of a binary tree whose left subtrees are
 * complete; so eight chunks, or eight parents, are hashed side by side in vector lanes.
 */
#ifndef XEMU_CACHE_BLAKE3_H
#define XEMU_CACHE_BLAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLAKE3_SIZE = 32 };

void blake3(const void *data, size_t len, uint8_t out[BLAKE3_SIZE]);
/* The same of `len` bytes that are read piece by piece: `read` fills in [offset, offset + n) or
 * returns false, then so does this. Pieces are at most BLAKE3_PIECE bytes; `room` has as many. */
enum { BLAKE3_PIECE = 64 << 10 };
typedef bool (*Blake3Read)(void *ctx, uint64_t offset, uint8_t *to, size_t n);
bool blake3_read(Blake3Read read, void *ctx, uint64_t len, uint8_t *room, uint8_t out[BLAKE3_SIZE]);

#endif
