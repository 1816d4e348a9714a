/* codebuf.c - see codebuf.h. */
#include "jit/codebuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jit/ownmem.h"

static int map_rx(const CodeBuf *cb, int fd, size_t from, size_t to)
{
    return from < to && mmap(cb->rx + from, to - from, PROT_READ | PROT_EXEC,
                             MAP_SHARED | MAP_FIXED, fd, (off_t)(from + cb->skip)) == MAP_FAILED
               ? -errno
               : 0;
}

/* The executable view of a copy, in place of what is there but for pages that are a file's. 0 or
 * -errno. */
static int map_around_shared(const CodeBuf *cb, int fd)
{
    size_t from = 0;
    bool begun = false;
    int err = 0;
    for (size_t i = 0; i < cb->size / CODEBUF_CHUNK && !err; i++) {
        const CodeChunk *c = cb->chunks[i];
        for (uint32_t n = 0; c && c->shared && n < CODEBUF_CHUNK / CODEBUF_PAGE && !err; n++) {
            size_t at = i * CODEBUF_CHUNK + n * (size_t)CODEBUF_PAGE;
            if (c->shared >> n & 1) {
                err = map_rx(cb, fd, from, at);
                begun |= !err && from < at;
                from = at + CODEBUF_PAGE;
            }
        }
    }
    err = err ? err : map_rx(cb, fd, from, cb->size);
    if (err && begun) {
        abort(); /* as below */
    }
    return err;
}

static int map_twice(CodeBuf *cb, int fd, void *rx_at, void *rw_at, int fixed)
{
    uint8_t *rx = rx_at;
    if (fixed) {
        int err = map_around_shared(cb, fd);
        if (err) {
            return err;
        }
    } else {
        rx = mmap(rx_at, cb->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, cb->skip);
    }
    if (rx == MAP_FAILED) {
        return -errno;
    }
    uint8_t *rw = mmap(rw_at, cb->size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd, cb->skip);
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
        CodeChunk *c = from->chunks[i];
        if (c) { /* pages of a file are replaced as well */
            c->filled |= c->shared;
            c->shared = 0;
        }
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
    *cb = (CodeBuf){.size = slots * CODEBUF_CHUNK,
                    .anonymous = anonymous,
                    .share_at = ownmem_hint(sizeof *cb->share)};
    cb->chunks = calloc(slots, sizeof *cb->chunks);
    if (!cb->chunks) {
        return -ENOMEM;
    }
    if (hint && !anonymous) {
        cb->skip = CODEBUF_HUGE - CODEBUF_HEAD;
        hint = (void *)((((uintptr_t)hint + CODEBUF_HUGE - 1) & ~(uintptr_t)(CODEBUF_HUGE - 1)) +
                        cb->skip);
    }
    void *twin = hint ? (uint8_t *)hint + cb->size : NULL;
    int fd = anonymous ? -1 : code_file(cb->skip + cb->size);
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
        void *p = mmap(cb->share_at, sizeof *cb->share, PROT_READ | PROT_WRITE,
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
        ssize_t n = pwrite(fd, cb->rx + from, to - from, (off_t)from + cb->skip);
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        from += (uint32_t)n;
    }
    return 0;
}

int codebuf_own(CodeBuf *cb)
{
    int fd = cb->anonymous ? -1 : code_file(cb->skip + cb->size), err = 0;
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

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* The other chunks in the same two megabytes: has one of them small pages already? (Making them one
 * page takes a copy, and waits for other processors.) *huge: it is one page. */
static bool has_small(const CodeBuf *cb, uint32_t start, bool *huge)
{
    *huge = false;
    for (uint32_t at = start; at < start + CODEBUF_HUGE; at += CODEBUF_CHUNK) {
        const CodeChunk *c = __atomic_load_n(&cb->chunks[at / CODEBUF_CHUNK], __ATOMIC_ACQUIRE);
        if (!c) {
            continue;
        }
        bool is_huge = __atomic_load_n(&c->huge, __ATOMIC_RELAXED);
        *huge |= is_huge;
        if (!is_huge && (c->bare || __atomic_load_n(&c->ready, __ATOMIC_RELAXED) > c->start)) {
            return true;
        }
    }
    return false;
}

/* Is the chunk, in which there's nothing yet, in a huge page now? One takes a twentieth of the time
 * of 512 small ones. An old kernel doesn't know how (EINVAL). */
static bool make_huge(CodeBuf *cb, CodeChunk *c)
{
    enum { ENOUGH = 256u << 10 }; /* bytes of small pages: the program isn't a small one */
    bool huge;
    if (!cb->skip || __atomic_load_n(&cb->asked, __ATOMIC_RELAXED) < ENOUGH ||
        c->ready > c->start || c->start < CODEBUF_HEAD) {
        return false;
    }
    uint32_t start = (c->start - CODEBUF_HEAD) / CODEBUF_HUGE * CODEBUF_HUGE + CODEBUF_HEAD;
    uint8_t *rw = c->rx + c->rw_delta + start;
    if (start + CODEBUF_HUGE > cb->size || (uintptr_t)rw % CODEBUF_HUGE ||
        (uintptr_t)c->rw_delta % CODEBUF_HUGE || has_small(cb, start, &huge)) {
        return false;
    }
    if (!huge) { /* it has to have a page that can become it */
        (void)madvise(rw + (c->start - start), CODEBUF_PAGE, MADV_POPULATE_WRITE);
        if (madvise(rw, CODEBUF_HUGE, MADV_COLLAPSE) != 0) {
            return false;
        }
    }
    __atomic_store_n(&c->huge, true, __ATOMIC_RELAXED);
    __atomic_store_n(&c->ready, c->end, __ATOMIC_RELAXED);
    return true;
}

/* Both views of the next pages at once: one by one, faults cost more than the code that goes there.
 * An old kernel doesn't know how (EINVAL): then by faults. */
static void populate(CodeBuf *cb, CodeChunk *c)
{
    enum { AHEAD = 32u << 10, MARGIN = AHEAD / 4 };
    if (c->ready < c->end && c->next + MARGIN > c->ready && !make_huge(cb, c)) {
        uint32_t ahead = c->start < CODEBUF_HEAD ? AHEAD : CODEBUF_CHUNK / 2;
        (void)madvise(c->rx + c->rw_delta + c->ready, ahead, MADV_POPULATE_WRITE);
        (void)madvise(c->rx + c->ready, ahead, MADV_POPULATE_READ);
        __atomic_store_n(&c->ready, c->ready + ahead, __ATOMIC_RELAXED);
        __atomic_fetch_add(&cb->asked, ahead, __ATOMIC_RELAXED);
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
        c->huge = c->stubs = false;
        c->bare = !pieces;
        c->segment = NULL;
        c->filled = ~UINT64_C(0);
        c->shared = 0;
        memset(c->put_off, 0, sizeof c->put_off);
        c->count = 0;
        __atomic_store_n(&cb->chunks[start / CODEBUF_CHUNK], c, __ATOMIC_RELEASE);
    }
    return true;
}

/* ---- pages of a file ------------------------------------------------------------------------- */

/* Of CodeChunk.shared and filled. */
static uint64_t page_bits(uint32_t first, uint32_t n)
{
    return (n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0)) << first;
}

int codebuf_share(CodeChunk *c, uint32_t first, uint32_t n, int fd, uint64_t at)
{
    _Static_assert(CODEBUF_CHUNK / CODEBUF_PAGE == 64, "a bit for each page");
    uint8_t *rx = c->rx + c->start + (size_t)first * CODEBUF_PAGE;
    if (mmap(rx, (size_t)n * CODEBUF_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd,
             (off_t)at) == MAP_FAILED) {
        return -errno;
    }
    uint64_t pages = page_bits(first, n);
    c->shared |= pages;
    c->filled &= ~pages;
    return 0;
}

/* Pages [first, first + n): the arena's own with the same bytes. Other threads may be running them:
 * the exchange is one step. */
static bool unshare(CodeChunk *c, uint32_t first, uint32_t n)
{
    size_t len = (size_t)n * CODEBUF_PAGE;
    uint8_t *rx = c->rx + c->start + (size_t)first * CODEBUF_PAGE, *rw = rx + c->rw_delta;
    (void)madvise(rw, len, MADV_POPULATE_WRITE);
    memcpy(rw, rx, len);
    void *hint = ownmem_hint(len);
    void *twin = mremap(rw, 0, len, MREMAP_MAYMOVE | (hint ? MREMAP_FIXED : 0), hint);
    if (twin == MAP_FAILED) {
        return false;
    }
    if (mprotect(twin, len, PROT_READ | PROT_EXEC) != 0 ||
        mremap(twin, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, rx) == MAP_FAILED) {
        munmap(twin, len);
        return false;
    }
    uint64_t pages = page_bits(first, n);
    c->shared &= ~pages;
    c->filled |= pages;
    return true;
}

static bool is_shared(const CodeBuf *cb, uint32_t at)
{
    const CodeChunk *c = cb->chunks[at / CODEBUF_CHUNK];
    return c && c->shared >> at % CODEBUF_CHUNK / CODEBUF_PAGE & 1;
}

/* Neighbours go with it: each exchange costs as much as copying some pages. */
static bool unshare_around(CodeBuf *cb, uint32_t at)
{
    enum { TOGETHER = 8 };
    CodeChunk *c = cb->chunks[at / CODEBUF_CHUNK];
    uint32_t page = at % CODEBUF_CHUNK / CODEBUF_PAGE, first = page, end = page + 1,
             low = page / TOGETHER * TOGETHER;
    while (first > low && c->shared >> (first - 1) & 1) {
        first--;
    }
    while (end < low + TOGETHER && c->shared >> end & 1) {
        end++;
    }
    return unshare(c, first, end - first);
}

bool codebuf_patchable(CodeBuf *cb, uint32_t at, uint32_t len)
{
    return (!is_shared(cb, at) || unshare_around(cb, at)) &&
           (!is_shared(cb, at + len - 1) || unshare_around(cb, at + len - 1));
}

bool codebuf_worth_patching(CodeBuf *cb, uint32_t at)
{
    enum {
        PUT_OFF = 64,
        EIGHTH = CODEBUF_CHUNK / 8
    }; /* going through the dispatcher costs 0.1 us */
    return !is_shared(cb, at) ||
           ++cb->chunks[at / CODEBUF_CHUNK]->put_off[at % CODEBUF_CHUNK / EIGHTH] > PUT_OFF;
}

CodeChunk *codebuf_chunk(CodeBuf *cb)
{
    CodeChunk *c;
    if (!codebuf_chunks(cb, 1, true, &c)) {
        return NULL;
    }
    populate(cb, c);
    return c;
}

void codebuf_commit(CodeBuf *cb, CodeChunk *chunk, uint32_t len, struct Block *block)
{
    CodePiece *p = &chunk->pieces[chunk->count];
    *p = (CodePiece){.start = chunk->next, .end = chunk->next + len, .block = block};
    chunk->next = (chunk->next + len + CODEBUF_ALIGN - 1) & ~(CODEBUF_ALIGN - 1);
    __atomic_store_n(&chunk->count, chunk->count + 1, __ATOMIC_RELEASE);
    populate(cb, chunk);
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
