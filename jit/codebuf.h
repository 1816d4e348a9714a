/* codebuf.h - the code arena: host code in memory that is never writable and executable at once.
 *
 * One memory file mapped twice: `rx` executable, where code runs, and `rw` writable, where the emitter writes. An address in the arena means its rx address; its
 * writable twin is codebuf_rw().
 *
 * The arena is handed out in chunks. A thread fills chunks of its own (one for hot code, one for cold code), so emitting takes no lock. Within a chunk pieces of code
 * lie in ascending order and are registered with the block they belong to, which is how a faulting host pc finds its block.
 */
#ifndef XEMU_JIT_CODEBUF_H
#define XEMU_JIT_CODEBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Block;

#define CODEBUF_CHUNK (256u << 10) /* bytes; a block's hot or cold part is smaller */
#define CODEBUF_CHUNK_PIECES 8192u

typedef struct CodePiece {
    uint32_t start, end; /* offsets in the arena */
    struct Block *block;
} CodePiece;

/* A chunk: filled by one thread; `count` grows by release stores, pieces never move. */
typedef struct CodeChunk {
    struct CodeChunk *spare;   /* the next of Jit.spare */
    uint8_t *rx;               /* the arena it is part of, as in CodeBuf */
    ptrdiff_t rw_delta;
    uint32_t start, next, end; /* offsets in the arena: filled up to next */
    uint32_t ready;            /* pages up to here were asked for in advance */
    uint32_t count;
    CodePiece pieces[CODEBUF_CHUNK_PIECES];
} CodeChunk;

typedef struct CodeBuf {
    uint8_t *rx;
    ptrdiff_t rw_delta; /* rw = rx + rw_delta */
    size_t size;
    uint32_t used;      /* bytes handed out as chunks (atomic) */
    CodeChunk **chunks; /* [size / CODEBUF_CHUNK], by position */
    int fd;
} CodeBuf;

/* `hint`: where rx should lie; NULL: anywhere. 0 or -errno. */
int codebuf_create(CodeBuf *cb, size_t size, void *hint);
void codebuf_destroy(CodeBuf *cb);
/* Fork: the arena is shared memory, so the child needs a copy, and it must be taken before the parent goes on changing its own. prepare makes it, the child maps it
 * at the same addresses, the parent lets go of it. 0 or -errno (prepare: the child's call fails; child: the arena is unusable). */
int codebuf_fork_prepare(CodeBuf *cb);
void codebuf_fork_parent(CodeBuf *cb);
int codebuf_fork_child(CodeBuf *cb);
/* A fresh chunk, or NULL when the arena is full (or memory is). */
CodeChunk *codebuf_chunk(CodeBuf *cb);
/* Records that [rx, rx + len) at chunk->next belongs to block, and moves next behind it (aligned up to 16). */
void codebuf_commit(CodeChunk *chunk, uint32_t len, struct Block *block);
/* The block whose code contains the host pc, or NULL. Async-signal-safe. */
struct Block *codebuf_find(const CodeBuf *cb, uintptr_t host_pc);

static inline bool codebuf_contains(const CodeBuf *cb, uintptr_t pc) {
    return pc - (uintptr_t)cb->rx < cb->size;
}
static inline uint8_t *codebuf_rw(const CodeBuf *cb, uintptr_t rx) {
    return (uint8_t *)rx + cb->rw_delta;
}

#endif
