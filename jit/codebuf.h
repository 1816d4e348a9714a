/* codebuf.h - the code arena: host code in memory that is never writable and executable at once.
 *
 * One memory file mapped twice: `rx` executable, where code runs, and `rw` writable, where the
 * emitter writes. An address in the arena means its rx address; its writable twin is codebuf_rw().
 *
 * The arena is handed out in chunks. A thread fills chunks of its own (one for hot code, one for
 * cold code), so emitting takes no lock. Within a chunk pieces of code lie in ascending order and
 * are registered with the block they belong to, which is how a faulting host pc finds its block.
 *
 * A program of much code has huge pages for it, without asking for each page:
 *
 *     arena offset  0        CODEBUF_HEAD         + 2 MB                + 4 MB
 *                   | 4 KB pages | one page, or 4 KB ones | one page, ...
 *     address         not a multiple of 2 MB, nor is the offset in the file
 */
#ifndef XEMU_JIT_CODEBUF_H
#define XEMU_JIT_CODEBUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Block;

#define CODEBUF_CHUNK        (256u << 10) /* bytes; a block's hot or cold part is smaller */
#define CODEBUF_CHUNK_PIECES 8192u
#define CODEBUF_ALIGN        16u /* where a part begins */
#define CODEBUF_HUGE         (2u << 20)
/* A small program's code: stubs, one chunk of hot code and one of cold. */
#define CODEBUF_HEAD (3 * CODEBUF_CHUNK)
/* Of address space, to pass to codebuf_create() as a hint. */
#define CODEBUF_SPAN(size) (2 * (size) + 2 * CODEBUF_HUGE)

typedef struct CodePiece {
    uint32_t start, end; /* offsets in the arena */
    struct Block *block;
} CodePiece;

/* A chunk: filled by one thread; `count` grows by release stores, pieces never move. */
typedef struct CodeChunk {
    struct CodeChunk *spare; /* the next of Jit.spare */
    uint8_t *rx;             /* the arena it is part of, as in CodeBuf */
    ptrdiff_t rw_delta;
    uint32_t start, next, end;   /* offsets in the arena: filled up to next */
    uint32_t ready;              /* pages up to here were asked for in advance (atomic) */
    bool huge;                   /* in a huge page (atomic) */
    bool bare;                   /* has no pieces */
    bool stubs;                  /* begins with a copy of the arena's stubs */
    struct KeepSegment *segment; /* it holds stored code, of which there are no pieces */
    uint32_t window;             /* where the chunk is in the segment's window */
    uint64_t filled; /* bit n: there's code in the nth 4 KB; all set where it has pieces */
    uint64_t shared; /* bit n: the nth 4 KB are a file's that others see as well (codebuf_share) */
    uint8_t put_off[8]; /* links that weren't made in these, by eighths of the chunk */
    uint32_t count;
    CodePiece pieces[CODEBUF_CHUNK_PIECES];
} CodeChunk;

/* In memory that the processes which run an arena's code since a fork see alike. */
enum { CODEBUF_WISHES = 128 };
typedef struct CodeShare {
    _Atomic uint32_t sharers; /* those beside the one that it belongs to */
    /* Blocks that children would have liked to find (fork.c). */
    _Atomic bool grants;
    _Atomic uint32_t nwishes; /* more than there is room for: the rest is lost */
    struct {
        _Atomic uint64_t pc; /* 0: none */
        _Atomic uint32_t mode;
    } wishes[CODEBUF_WISHES];
} CodeShare;

typedef struct CodeBuf {
    uint8_t *rx;
    ptrdiff_t rw_delta; /* rw = rx + rw_delta */
    size_t size;
    uint32_t skip;       /* offset of rx in the file; 0: no huge pages */
    uint32_t used;       /* bytes handed out as chunks (atomic) */
    uint32_t asked;      /* bytes of small pages asked for in advance (atomic) */
    bool anonymous;      /* no file, so that perf takes names from /tmp/perf-PID.map */
    CodeChunk **chunks;  /* [size / CODEBUF_CHUNK], by position */
    CodeShare *share;    /* fork: NULL until there was one */
    void *share_at;      /* where it is to be: among what a child touches anyway */
    bool borrowed, left; /* the file belongs to a parent; and isn't used any more */
} CodeBuf;

/* `hint`: where CODEBUF_SPAN(size) bytes are free, the arena's two views go there; NULL: anywhere.
 * 0 or -errno. */
int codebuf_create(CodeBuf *cb, size_t size, void *hint, bool anonymous);
void codebuf_destroy(CodeBuf *cb);
/* Fork: parent and child go on running the same file's code. What was written before stays as it is
 * as long as both do: the parent may append code, which the child has no way to, but patch none;
 * the child may do neither. What needs more takes a copy first (codebuf_own), or waits for the
 * other to end or to execute another program: most children do so at once.
 *
 * prepare: under a lock that keeps other threads from patching. 0 or -errno (don't fork then).
 * parent: after an attempt. child: in the child. */
int codebuf_fork_prepare(CodeBuf *cb);
void codebuf_fork_parent(CodeBuf *cb, bool forked);
void codebuf_fork_child(CodeBuf *cb);
/* This process won't run the parent's code again, since it ends or executes another program. */
void codebuf_leave(CodeBuf *cb);
static inline bool codebuf_may_append(const CodeBuf *cb)
{
    return !cb->borrowed;
}
static inline bool codebuf_may_patch(const CodeBuf *cb)
{
    return !cb->borrowed &&
           (!cb->share || atomic_load_explicit(&cb->share->sharers, memory_order_acquire) == 0);
}
/* Maps a copy of all code in place of what is shared, at the same addresses; other threads may be
 * running it, but none may be writing. 0 or -errno: nothing has changed. */
int codebuf_own(CodeBuf *cb);
/* A fresh chunk, or NULL when the arena is full (or memory is). */
CodeChunk *codebuf_chunk(CodeBuf *cb);
/* n chunks side by side; false: none. Their pages aren't asked for in advance. Without pieces
 * nothing can be committed to them. */
bool codebuf_chunks(CodeBuf *cb, unsigned n, bool pieces, CodeChunk **out);
/* Pages [first, first + n) of the chunk, of CODEBUF_PAGE bytes, show the file's from `at` on, which
 * nobody changes: they cost nothing until they are run, and no other process anything then. 0 or
 * -errno (-EPERM: nothing of that file may be executed). */
enum { CODEBUF_PAGE = 4096 };
int codebuf_share(CodeChunk *c, uint32_t first, uint32_t n, int fd, uint64_t at);
/* Under the lock that keeps others from patching: what is written to the writable view of the bytes
 * at arena offset `at` (within a page, or two) will be seen in the executable one. False: it can't
 * be. */
bool codebuf_patchable(CodeBuf *cb, uint32_t at, uint32_t len);
/* Should an exit there be linked? Not at once in pages that would have to be copied for that. */
bool codebuf_worth_patching(CodeBuf *cb, uint32_t at);
/* The chunk that the host pc is in, or NULL. Async-signal-safe. */
const CodeChunk *codebuf_chunk_at(const CodeBuf *cb, uintptr_t host_pc);
/* Records that [rx, rx + len) at chunk->next belongs to block, and moves next behind it (aligned up
 * to 16). */
void codebuf_commit(CodeBuf *cb, CodeChunk *chunk, uint32_t len, struct Block *block);
/* The block whose code contains the host pc, or NULL. Async-signal-safe. */
struct Block *codebuf_find(const CodeBuf *cb, uintptr_t host_pc);

/* Room for any block's part. */
static inline bool codebuf_has_room(const CodeChunk *c)
{
    return c->end - c->next >= CODEBUF_CHUNK / 4 && c->count < CODEBUF_CHUNK_PIECES;
}
static inline bool codebuf_contains(const CodeBuf *cb, uintptr_t pc)
{
    return pc - (uintptr_t)cb->rx < cb->size;
}
static inline uint8_t *codebuf_rw(const CodeBuf *cb, uintptr_t rx)
{
    return (uint8_t *)rx + cb->rw_delta;
}

#endif
