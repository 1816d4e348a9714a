#include "runtime/prof/prof.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "jit/ownmem.h"
#include "runtime/host/host.h"
#include "runtime/prof/symbols.h"

enum { BUFFER = 64 << 10 };

/* linux/tools/perf/Documentation/jitdump-specification.txt */
enum { DUMP_MAGIC = 0x4a695444, DUMP_VERSION = 1, DUMP_CODE_LOAD = 0 };
typedef struct DumpHeader {
    uint32_t magic, version, size, machine, pad, pid;
    uint64_t timestamp, flags;
} DumpHeader;
typedef struct DumpCode {
    uint32_t id, size;
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, address, len, index;
} DumpCode; /* name, 0, code */

typedef struct Output {
    char path[PATH_MAX]; /* "": not wanted */
    uint8_t bytes[BUFFER];
    size_t used;
} Output;

struct Prof {
    pthread_mutex_t lock;
    Symbols *symbols;
    char folder[PATH_MAX];
    uint64_t index;
    Output map, dump;
};

static uint64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void append(const Output *o, const void *bytes, size_t len)
{
    int fd = open(o->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        host_write_all(fd, bytes, len);
        close(fd);
    }
}

static void flush(Output *o)
{
    if (o->used) {
        append(o, o->bytes, o->used);
        o->used = 0;
    }
}

static void put(Output *o, const void *bytes, size_t len)
{
    if (len > sizeof o->bytes - o->used) {
        flush(o);
    }
    if (len > sizeof o->bytes) {
        append(o, bytes, len);
    } else {
        memcpy(o->bytes + o->used, bytes, len);
        o->used += len;
    }
}

/* A new file of our own, whatever was there. */
static bool make(const Output *o)
{
    unlink(o->path);
    int fd = open(o->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void name_files(Prof *p)
{
    if (p->map.path[0]) {
        snprintf(p->map.path, sizeof p->map.path, "/tmp/perf-%d.map", (int)getpid());
    }
    if (p->dump.path[0]) {
        int n =
            snprintf(p->dump.path, sizeof p->dump.path, "%s/jit-%d.dump", p->folder, (int)getpid());
        if (n >= (int)sizeof p->dump.path) {
            p->dump.path[0] = 0;
        }
    }
}

/* perf finds the file by a mapping of it that is executable. It stays. */
static void show_dump(const Output *o)
{
    int fd = open(o->path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)mmap(ownmem_hint(4096), 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        close(fd);
    }
}

static void begin_dump(Output *o)
{
    DumpHeader h = {.magic = DUMP_MAGIC,
                    .version = DUMP_VERSION,
                    .size = sizeof h,
                    .machine = EM_X86_64,
                    .pid = (uint32_t)getpid(),
                    .timestamp = now()};
    append(o, &h, sizeof h);
    show_dump(o);
}

Prof *prof_create(bool map, const char *folder)
{
    Prof *p = calloc(1, sizeof *p);
    if (!p || !(p->symbols = symbols_create())) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->map.path[0] = map;
    p->dump.path[0] = folder && realpath(folder, p->folder);
    name_files(p);
    if (p->map.path[0] && !make(&p->map)) {
        p->map.path[0] = 0;
    }
    if (p->dump.path[0] && make(&p->dump)) {
        begin_dump(&p->dump);
    } else {
        p->dump.path[0] = 0;
    }
    return p;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void put_code(Prof *p, const JitPiece *c, const char *name)
{
    size_t name_len = strlen(name) + 1;
    DumpCode d = {.id = DUMP_CODE_LOAD,
                  .size = (uint32_t)(sizeof d + name_len + c->len),
                  .timestamp = now(),
                  .pid = (uint32_t)getpid(),
                  .tid = (uint32_t)syscall(SYS_gettid),
                  .vma = (uintptr_t)c->code,
                  .address = (uintptr_t)c->code,
                  .len = c->len,
                  .index = p->index++};
    put(&p->dump, &d, sizeof d);
    put(&p->dump, name, name_len);
    put(&p->dump, c->code, c->len);
}

void prof_placed(void *ctx, const JitPiece *c)
{
    Prof *p = ctx;
    char name[512], line[600];
    pthread_mutex_lock(&p->lock);
    const char *function = symbols_find(p->symbols, c->pc);
    if (function) {
        snprintf(name, sizeof name, "%s [%u]", function, c->tier);
    } else {
        snprintf(name, sizeof name, "guest_%" PRIx64 " [%u]", c->pc, c->tier);
    }
    if (p->map.path[0]) {
        int n =
            snprintf(line, sizeof line, "%" PRIxPTR " %x %s\n", (uintptr_t)c->code, c->len, name);
        put(&p->map, line, (size_t)n);
    }
    if (p->dump.path[0]) {
        put_code(p, c, name);
    }
    pthread_mutex_unlock(&p->lock);
}

void prof_flush(Prof *p)
{
    pthread_mutex_lock(&p->lock);
    flush(&p->map);
    flush(&p->dump);
    pthread_mutex_unlock(&p->lock);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* What stands in the parent's file, mapped; NULL: nothing. */
static uint8_t *contents(const Output *o, size_t *len)
{
    struct stat st;
    void *bytes = MAP_FAILED;
    int fd = open(o->path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        *len = (size_t)st.st_size;
        bytes = mmap(ownmem_hint(*len), *len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    return bytes == MAP_FAILED ? NULL : bytes;
}

/* Code has been loaded in this process, as it were. */
static void adopt(uint8_t *dump, size_t len)
{
    DumpHeader *h = (void *)dump;
    h->pid = (uint32_t)getpid();
    for (size_t i = sizeof *h; len - i >= sizeof(DumpCode);) {
        DumpCode d;
        memcpy(&d, dump + i, sizeof d);
        d.pid = d.tid = h->pid;
        memcpy(dump + i, &d, sizeof d);
        if (d.size < sizeof d || d.size > len - i) {
            break;
        }
        i += d.size;
    }
}

static void copy_file(Output *o, uint8_t *bytes, size_t len)
{
    if (!make(o)) {
        o->path[0] = 0;
    } else if (bytes) {
        append(o, bytes, len);
    }
    if (bytes) {
        munmap(bytes, len);
    }
}

void prof_forked(Prof *p)
{
    size_t map_len = 0, dump_len = 0;
    pthread_mutex_init(&p->lock, NULL);
    uint8_t *map = p->map.path[0] ? contents(&p->map, &map_len) : NULL;
    uint8_t *dump = p->dump.path[0] ? contents(&p->dump, &dump_len) : NULL;
    p->map.used = p->dump.used = 0;
    name_files(p);
    if (p->map.path[0]) {
        copy_file(&p->map, map, map_len);
    }
    if (p->dump.path[0]) {
        if (dump && dump_len >= sizeof(DumpHeader)) {
            adopt(dump, dump_len);
        }
        copy_file(&p->dump, dump, dump_len);
        show_dump(&p->dump);
    }
}
