/* codebuf.c - see codebuf.h. */
#include "jit/codebuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jit/ownmem.h"

static int map_twice(CodeBuf *cb, int fd, void *rx_at, void *rw_at, int fixed)
{
    uint8_t *rx = mmap(rx_at, cb->size, PROT_READ | PROT_EXEC, MAP_SHARED | fixed, fd, 0);
    if (rx == MAP_FAILED) {
        return -errno;
    }
    uint8_t *rw = mmap(rw_at, cb->size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd, 0);
    if (rw == MAP_FAILED) {
        int err = -errno;
        if (fixed) {
            abort(); /* code without its writable twin: only for want of kernel memory */
        }
        munmap(rx, cb->size);
        return err;
    }
    cb->rx = rx;
    cb->rw_delta = rw - rx;
    return 0;
}

/* The next stretch of a chunk that holds code, from *at on (offsets in the chunk); false: none. */
static bool next_filled(const CodeChunk *c, uint32_t *at, uint32_t *to)
{
    enum { UNIT = CODEBUF_CHUNK / 64 };
    uint32_t len = c->next - c->start;
    while (*at < len && !(c->filled >> *at / UNIT & 1)) {
        *at = (*at / UNIT + 1) * UNIT;
    }
    *to = *at;
    while (*to < len && (c->filled >> *to / UNIT & 1)) {
        *to = (*to / UNIT + 1) * UNIT;
    }
    *to = *to < len ? *to : len;
    return *at < len;
}

/* The same of shared memory without a name: perf looks for the names of code in /tmp/perf-PID.map
 * for that only, and sees an executable mapping by its protection being set. `from`: what it holds
 * at first, at rx_at until then; its twin at rw_at is replaced. */
static int map_anonymous(CodeBuf *cb, void *rx_at, void *rw_at, const CodeBuf *from)
{
    int fixed = from ? MAP_FIXED : 0;
    uint8_t *rx =
        from ? from->rx
             : mmap(rx_at, cb->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (rx == MAP_FAILED) {
        return -errno;
    }
    uint8_t *rw = mmap(rw_at, cb->size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (rw == MAP_FAILED) {
        int err = -errno;
        if (from) {
            abort();
        }
        munmap(rx, cb->size);
        return err;
    }
    for (size_t i = 0; from && i < from->size / CODEBUF_CHUNK && i * CODEBUF_CHUNK < from->used;
         i++) {
        const CodeChunk *c = from->chunks[i];
        for (uint32_t at = 0, to; c && next_filled(c, &at, &to); at = to) {
            memcpy(rw + c->start + at, rx + c->start + at, to - at);
        }
    }
    if (mremap(rw, 0, cb->size, MREMAP_MAYMOVE | MREMAP_FIXED, rx) == MAP_FAILED ||
        mprotect(rx, cb->size, PROT_READ | PROT_EXEC) != 0) {
        abort(); /* neither changes what is mapped where */
    }
    cb->rx = rx;
    cb->rw_delta = rw - rx;
    return 0;
}

/* A negative error where the guest has used up its descriptors, or may not write files of this size
 * (trying ends it by SIGXFSZ). */
static int code_file(size_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
        return -EFBIG;
    }
    int fd = memfd_create("xemu-code", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)size) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int codebuf_create(CodeBuf *cb, size_t size, void *hint, bool anonymous)
{
    size_t slots = size / CODEBUF_CHUNK;
    *cb = (CodeBuf){.size = slots * CODEBUF_CHUNK, .anonymous = anonymous};
    cb->chunks = calloc(slots, sizeof *cb->chunks);
    if (!cb->chunks) {
        return -ENOMEM;
    }
    void *twin = hint ? (uint8_t *)hint + cb->size : NULL;
    int fd = anonymous ? -1 : code_file(cb->size);
    int err = fd < 0 ? map_anonymous(cb, hint, twin, NULL) : map_twice(cb, fd, hint, twin, 0);
    if (fd >= 0) { /* the mappings keep the file: no descriptor is left for the guest to meet */
        close(fd);
    }
    if (err < 0) {
        free(cb->chunks);
        *cb = (CodeBuf){.rx = NULL};
        return err;
    }
    return 0;
}

/* ---- fork ------------------------------------------------------------------------------------ */

int codebuf_fork_prepare(CodeBuf *cb)
{
    if (!cb->share) {
        void *p = mmap(ownmem_hint(sizeof *cb->share), sizeof *cb->share, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return -errno;
        }
        cb->share = p;
    }
    atomic_fetch_add(&cb->share->sharers, 1);
    return 0;
}

void codebuf_fork_parent(CodeBuf *cb, bool forked)
{
    if (!forked && cb->share) {
        atomic_fetch_sub(&cb->share->sharers, 1);
    }
}

void codebuf_fork_child(CodeBuf *cb)
{
    cb->borrowed = true;
}

void codebuf_leave(CodeBuf *cb)
{
    if (cb->borrowed && !cb->left) {
        atomic_fetch_sub(&cb->share->sharers, 1);
        cb->left = true;
    }
}

static void stop_sharing(CodeBuf *cb)
{
    codebuf_leave(cb);
    if (cb->share) {
        munmap(cb->share, sizeof *cb->share);
    }
    cb->share = NULL;
    cb->borrowed = cb->left = false;
}

static int copy_out(int fd, const CodeBuf *cb, uint32_t from, uint32_t to)
{
    while (from < to) {
        ssize_t n = pwrite(fd, cb->rx + from, to - from, from);
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        from += (uint32_t)n;
    }
    return 0;
}

int codebuf_own(CodeBuf *cb)
{
    int fd = cb->anonymous ? -1 : code_file(cb->size), err = 0;
    if (fd < 0) {
        err = map_anonymous(cb, cb->rx, cb->rx + cb->rw_delta, cb);
        if (!err) {
            stop_sharing(cb);
        }
        return err;
    }
    for (size_t i = 0; !err && i < cb->size / CODEBUF_CHUNK && i * CODEBUF_CHUNK < cb->used; i++) {
        const CodeChunk *c = cb->chunks[i];
        for (uint32_t at = 0, to; !err && c && next_filled(c, &at, &to); at = to) {
            err = copy_out(fd, cb, c->start + at, c->start + to);
        }
    }
    if (!err) {
        err = map_twice(cb, fd, cb->rx, cb->rx + cb->rw_delta, MAP_FIXED);
    }
    close(fd);
    if (!err) {
        stop_sharing(cb);
    }
    return err;
}

void codebuf_destroy(CodeBuf *cb)
{
    if (!cb->rx) {
        return;
    }
    munmap(cb->rx, cb->size);
    munmap(cb->rx + cb->rw_delta, cb->size);
    for (size_t i = 0; i < cb->size / CODEBUF_CHUNK; i++) {
        free(cb->chunks[i]);
    }
    free(cb->chunks);
    stop_sharing(cb);
    *cb = (CodeBuf){.rx = NULL};
}

/* ---- chunks ---------------------------------------------------------------------------------- */

/* Both views of the next pages at once: one by one, faults cost more than the code that goes there.
 * An old kernel doesn't know how (EINVAL): then by faults. */
static void populate(CodeChunk *c)
{
    enum { AHEAD = 32u << 10, MARGIN = AHEAD / 4, SMALL = 1u << 20 };
    if (c->ready < c->end && c->next + MARGIN > c->ready) {
        uint32_t ahead = c->start < SMALL ? AHEAD : CODEBUF_CHUNK / 2;
        (void)madvise(c->rx + c->rw_delta + c->ready, ahead, MADV_POPULATE_WRITE);
        (void)madvise(c->rx + c->ready, ahead, MADV_POPULATE_READ);
        c->ready += ahead;
    }
}

bool codebuf_chunks(CodeBuf *cb, unsigned n, bool pieces, CodeChunk **out)
{
    uint32_t bytes = n * CODEBUF_CHUNK;
    for (unsigned i = 0; i < n; i++) {
        out[i] = malloc(pieces ? sizeof *out[i] : offsetof(CodeChunk, pieces));
        if (!out[i]) {
            while (i--) {
                free(out[i]);
            }
            return false;
        }
    }
    uint32_t start = __atomic_fetch_add(&cb->used, bytes, __ATOMIC_RELAXED);
    if (start > cb->size || bytes > cb->size - start) {
        __atomic_fetch_sub(&cb->used, bytes, __ATOMIC_RELAXED);
        for (unsigned i = 0; i < n; i++) {
            free(out[i]);
        }
        return false;
    }
    for (unsigned i = 0; i < n; i++, start += CODEBUF_CHUNK) {
        CodeChunk *c = out[i];
        c->spare = NULL;
        c->rx = cb->rx;
        c->rw_delta = cb->rw_delta;
        c->start = c->next = c->ready = start;
        c->end = start + CODEBUF_CHUNK;
        c->stubs = false;
        c->segment = NULL;
        c->filled = ~UINT64_C(0);
        c->count = 0;
        __atomic_store_n(&cb->chunks[start / CODEBUF_CHUNK], c, __ATOMIC_RELEASE);
    }
    return true;
}

CodeChunk *codebuf_chunk(CodeBuf *cb)
{
    CodeChunk *c;
    if (!codebuf_chunks(cb, 1, true, &c)) {
        return NULL;
    }
    populate(c);
    return c;
}

void codebuf_commit(CodeChunk *chunk, uint32_t len, struct Block *block)
{
    CodePiece *p = &chunk->pieces[chunk->count];
    *p = (CodePiece){.start = chunk->next, .end = chunk->next + len, .block = block};
    chunk->next = (chunk->next + len + 15u) & ~15u;
    __atomic_store_n(&chunk->count, chunk->count + 1, __ATOMIC_RELEASE);
    populate(chunk);
}

const CodeChunk *codebuf_chunk_at(const CodeBuf *cb, uintptr_t host_pc)
{
    if (!cb->rx || !codebuf_contains(cb, host_pc)) {
        return NULL;
    }
    return __atomic_load_n(&cb->chunks[(host_pc - (uintptr_t)cb->rx) / CODEBUF_CHUNK],
                           __ATOMIC_ACQUIRE);
}

struct Block *codebuf_find(const CodeBuf *cb, uintptr_t host_pc)
{
    const CodeChunk *c = codebuf_chunk_at(cb, host_pc);
    if (!c) {
        return NULL;
    }
    uint32_t off = (uint32_t)(host_pc - (uintptr_t)cb->rx);
    uint32_t lo = 0, hi = __atomic_load_n(&c->count, __ATOMIC_ACQUIRE);
    while (lo < hi) { /* the first piece that ends behind off */
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->pieces[mid].end <= off) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < c->count && c->pieces[lo].start <= off ? c->pieces[lo].block : NULL;
}
