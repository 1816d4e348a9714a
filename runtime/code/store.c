#include "runtime/code/store.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "cache/blake3.h"
#include "cache/manage.h"
#include "jit/ownmem.h"
#include "runtime/mem/mem.h"

enum { KIND_TIER1 = 1 };
enum { OPTION_AHEAD = 1 }; /* CacheTarget.options */
enum { AHEAD_LEVEL = 9 };  /* a tenth smaller than the default, in eight times the time */

struct CodeFile {
    CodeFile *next;
    CodeStore *store;
    CacheFile id;
    bool plain; /* at plain_at: code_store_note_plain() */
    uint64_t plain_at;
    struct {
        bool looked_up;
        CacheEntry *entry; /* NULL: nothing is known */
    } learned, ahead;      /* two entries, so that what runs learn is written without the other */
};

struct CodeStore {
    Lock lock;
    Cache *cache;
    CacheTarget target;
    CodeFile *files;
    uint64_t root_dev, root_ino;
    uint8_t command[BLAKE3_SIZE]; /* what is run: code_store_command() */
    char build[64];
    char guest[512];
};

/* Programs whose ways depend on random numbers always find some blocks that are new: once an entry
 * has been added to several times, so few don't pay for writing it anew; sooner if it is large. */
enum { FEW_PARTS = 16, FEW_LARGE_PARTS = 6, LEAST_BLOCKS = 16, LARGE = 512 << 10 };

/* ---- opening --------------------------------------------------------------------------------- */

/* The linker's hash of this executable: another build makes other code. */
static void build_id(char *text, size_t size)
{
    const ElfW(Phdr) *ph = (const void *)getauxval(AT_PHDR);
    uintptr_t bias = 0;
    size_t n = getauxval(AT_PHNUM), at = 0;

    text[0] = 0;
    for (size_t i = 0; ph && i < n; i++) {
        if (ph[i].p_type == PT_PHDR) {
            bias = (uintptr_t)ph - ph[i].p_vaddr;
        }
    }
    for (size_t i = 0; ph && i < n; i++) {
        const uint8_t *p = (const uint8_t *)(bias + ph[i].p_vaddr), *end = p + ph[i].p_memsz;
        while (ph[i].p_type == PT_NOTE && p + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const void *)p;
            const uint8_t *desc = p + sizeof *note + ((note->n_namesz + 3) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4) {
                for (size_t k = 0; k < note->n_descsz && at + 2 < size; k++) {
                    static const char digits[] = "0123456789abcdef";
                    text[at++] = digits[desc[k] >> 4];
                    text[at++] = digits[desc[k] & 15];
                }
                text[at] = 0;
            }
            p = desc + ((note->n_descsz + 3) & ~3u);
        }
    }
}

/* After chroot() the folders' names mean something else. */
static bool same_root(const CodeStore *s)
{
    struct stat st;
    return !stat("/", &st) && st.st_dev == s->root_dev && st.st_ino == s->root_ino;
}

CodeStore *code_store_open(const Options *o, const Frontend *frontend)
{
    struct stat st;
    CacheConfig config = {.path = o->cache_path,
                          .mode = (CacheMode)o->cache,
                          .secure = getauxval(AT_SECURE) != 0,
                          .limit = o->cache_size,
                          .shared = o->cache_shared,
                          .place = ownmem_hint};
    Cache *cache = cache_open(&config);
    CodeStore *s = cache ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        cache_close(cache);
        return NULL;
    }
    s->cache = cache;
    build_id(s->build, sizeof s->build);
    snprintf(s->guest, sizeof s->guest, "%s %llx %llx", frontend->name,
             (unsigned long long)frontend->hwcap, (unsigned long long)frontend->hwcap2);
    s->target = (CacheTarget){.build = s->build, .guest = s->guest};
    if (!s->build[0] || stat("/", &st)) {
        cache_close(cache);
        free(s);
        return NULL;
    }
    s->root_dev = st.st_dev;
    s->root_ino = st.st_ino;
    return s;
}

void code_store_target(CodeStore *s, uint64_t host_features)
{
    s->target.host_features = host_features;
}

/* Linkers map each file twice and more: the second time only its times are looked at. */
static CodeFile *find_file(CodeStore *s, const CacheFile *id)
{
    CodeFile *f = s->files;
    while (f && !cache_same_file(&f->id, id)) {
        f = f->next;
    }
    return f;
}

CodeFile *code_store_file(CodeStore *s, int fd)
{
    CacheFile id;
    lock_take(&s->lock);
    CodeFile *f = cache_identity(fd, &id) ? find_file(s, &id) : NULL;
    if (!f && same_root(s) && cache_identify(s->cache, fd, &id) && !(f = find_file(s, &id)) &&
        (f = calloc(1, sizeof *f))) {
        f->store = s;
        f->id = id;
        f->next = s->files;
        s->files = f;
    }
    lock_release(&s->lock);
    return f;
}

void code_store_note_plain(CodeFile *f, uint64_t offset)
{
    lock_take(&f->store->lock);
    f->plain = true;
    f->plain_at = offset;
    lock_release(&f->store->lock);
}

bool code_store_is_plain(CodeFile *f, uint64_t offset)
{
    lock_take(&f->store->lock);
    bool plain = f->plain && f->plain_at == offset;
    lock_release(&f->store->lock);
    return plain;
}

CodeFile *code_store_memory(CodeStore *s, const char *name, const void *bytes, size_t size)
{
    CodeFile *f = calloc(1, sizeof *f);
    if (f) {
        f->store = s;
        cache_identify_memory(name, bytes, size, &f->id);
        lock_take(&s->lock);
        f->next = s->files;
        s->files = f;
        lock_release(&s->lock);
    }
    return f;
}

/* ---- what is noted of commands --------------------------------------------------------------- */

void code_store_command(CodeStore *s, const char *exe, char *const *argv)
{
    struct stat st = {0};
    uint8_t room[4096], last[BLAKE3_SIZE];
    (void)stat(exe, &st);
    struct {
        uint64_t dev, ino, size, mtime, ctime;
        char build[sizeof s->build];
    } file = {.dev = st.st_dev,
              .ino = st.st_ino,
              .size = (uint64_t)st.st_size,
              .mtime = (uint64_t)st.st_mtim.tv_nsec ^ (uint64_t)st.st_mtim.tv_sec << 30,
              .ctime = (uint64_t)st.st_ctim.tv_nsec ^ (uint64_t)st.st_ctim.tv_sec << 30};
    memcpy(file.build, s->build, sizeof file.build);
    blake3(&file, sizeof file, last);
    /* A chain: each piece behind the hash of all that is before it. */
    for (; *argv; argv++) {
        for (size_t at = 0, len = strlen(*argv) + 1, n; at < len; at += n) {
            n = len - at < sizeof room - sizeof last ? len - at : sizeof room - sizeof last;
            memcpy(room, last, sizeof last);
            memcpy(room + sizeof last, *argv + at, n);
            blake3(room, sizeof last + n, last);
        }
    }
    memcpy(s->command, last, sizeof last);
}

static uint64_t noted(void *ctx)
{
    CodeStore *s = ((const Mem *)ctx)->store;
    lock_take(&s->lock);
    uint64_t ns = same_root(s) ? cache_recall(s->cache, s->command) : 0;
    lock_release(&s->lock);
    return ns;
}

static void note(CodeStore *s, const Jit *jit)
{
    uint64_t n = jit_note(jit);
    lock_take(&s->lock);
    if (n) {
        cache_remember(s->cache, s->command, n);
    }
    lock_release(&s->lock);
}

/* ---- what the jit asks ----------------------------------------------------------------------- */

static CacheTarget target_of(const CodeStore *s, bool ahead)
{
    CacheTarget t = s->target;
    t.options = ahead ? OPTION_AHEAD : 0;
    return t;
}

static unsigned kept_parts(void *ctx, void *file, bool whole)
{
    CodeFile *f = file;
    CodeStore *s = f->store;
    CacheTarget target = target_of(s, whole);
    bool *looked_up = whole ? &f->ahead.looked_up : &f->learned.looked_up;
    CacheEntry **entry = whole ? &f->ahead.entry : &f->learned.entry;
    (void)ctx;
    lock_take(&s->lock);
    if (!*looked_up && same_root(s)) {
        *entry = cache_load(s->cache, &f->id, &target);
    }
    *looked_up = true;
    lock_release(&s->lock);
    return *entry ? cache_parts(*entry) : 0;
}

static const CacheEntry *entry_of(const CodeFile *f, unsigned *part)
{
    bool ahead = *part >= JIT_PART_WHOLE;
    *part -= ahead ? JIT_PART_WHOLE : 0;
    return ahead ? f->ahead.entry : f->learned.entry;
}

static bool kept_info(void *ctx, void *file, unsigned part, uint8_t info[JIT_PART_INFO])
{
    const CacheEntry *e = entry_of(file, &part);
    const PartHeader *p = cache_part(e, part);
    (void)ctx;
    memcpy(info, p->info, JIT_PART_INFO);
    return p->kind == KIND_TIER1;
}

static uint32_t kept_size(void *ctx, void *file, unsigned part, unsigned frame)
{
    const CacheEntry *e = entry_of(file, &part);
    (void)ctx;
    return cache_frame_size(e, part, frame);
}

static bool kept_frame(void *ctx, void *file, unsigned part, unsigned frame, void *to,
                       uint32_t size)
{
    CodeFile *f = file;
    const CacheEntry *e = entry_of(f, &part);
    (void)ctx;
    lock_take(&f->store->lock);
    bool good = cache_frame(f->store->cache, e, part, frame, to, size);
    lock_release(&f->store->lock);
    return good;
}

static unsigned kept_group(void *ctx, void *file, unsigned first)
{
    const CodeFile *f = file;
    (void)ctx;
    return cache_group(f->learned.entry, first);
}

static int shared(void *ctx, void *file, const unsigned *parts, unsigned n, uint32_t format,
                  uint64_t *at, uint64_t *size, uint64_t *of)
{
    CodeFile *f = file;
    (void)ctx;
    *at = CACHE_SHARED_AT;
    lock_take(&f->store->lock);
    int fd = same_root(f->store)
                 ? cache_shared_open(f->store->cache, f->learned.entry, parts, n, format, size, of)
                 : -ENOENT;
    lock_release(&f->store->lock);
    return fd;
}

static uint64_t share_room(void *ctx)
{
    CodeStore *s = ((const Mem *)ctx)->store;
    lock_take(&s->lock);
    uint64_t room = cache_shared_room(s->cache);
    lock_release(&s->lock);
    return room;
}

static void share(void *ctx, void *file, const unsigned *parts, unsigned n, uint32_t format,
                  const JitFrame *pieces, unsigned npieces)
{
    CodeFile *f = file;
    (void)ctx;
    lock_take(&f->store->lock);
    (void)cache_shared_store(f->store->cache, f->learned.entry, parts, n, format,
                             (const CacheFrame *)(const void *)pieces, npieces);
    lock_release(&f->store->lock);
}

void code_store_host(CodeStore *s, JitHost *host)
{
    _Static_assert((int)JIT_PART_INFO == (int)CACHE_INFO_SIZE, "the same bytes");
    host->module = mem_module;
    host->kept_parts = kept_parts;
    host->kept_info = kept_info;
    host->kept_size = kept_size;
    host->kept_frame = kept_frame;
    host->noted = noted;
    host->saves = cache_may_store(s->cache);
    if (cache_shared_path(s->cache)) {
        host->kept_group = kept_group;
        host->shared = shared;
        host->share_room = share_room;
        host->share = share;
    }
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* The list of a stored part's blocks; NULL: damaged, or none. */
static void *read_index(Cache *c, const CacheEntry *e, unsigned part, uint32_t *size)
{
    const PartHeader *p = cache_part(e, part);
    unsigned first, n;
    size_t all = 0, at = 0;

    if (p->kind != KIND_TIER1 || !jit_part_index(p->info, p->nframes, &first, &n) ||
        !cache_part_good(e, part)) {
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        all += cache_frame_size(e, part, first + i);
    }
    uint8_t *bytes = all <= UINT32_MAX ? malloc(all + 1) : NULL;
    for (unsigned i = 0; bytes && i < n; i++) {
        uint32_t len = cache_frame_size(e, part, first + i);
        if (!cache_frame(c, e, part, first + i, bytes + at, len)) {
            free(bytes);
            return NULL;
        }
        at += len;
    }
    *size = (uint32_t)all;
    return bytes;
}

void code_store_spots(CodeStore *s, CodeFile *f, FILE *archive, CodeStoreSpot *fn, void *ctx)
{
    if (!archive) {
        (void)kept_parts(NULL, f, false);
    }
    CacheEntry *read = archive ? cache_archive_find(archive, &f->id) : NULL;
    const CacheEntry *e = archive ? read : f->learned.entry;
    for (unsigned i = 0; e && i < cache_parts(e); i++) {
        uint32_t size;
        void *index = read_index(s->cache, e, i, &size);
        if (index) {
            jit_part_spots(cache_part(e, i)->info, index, size, fn, ctx);
        }
        free(index);
    }
    cache_entry_free(read);
}

/* Does what is worth so many blocks pay for writing the entry anew? e: NULL if there is none. */
static bool is_worth_it(const CacheEntry *e, uint32_t blocks)
{
    uint64_t packed = 0;

    for (unsigned i = 0; e && i < cache_parts(e); i++) {
        packed += cache_part(e, i)->packed;
    }
    unsigned few = packed < LARGE ? FEW_PARTS : FEW_LARGE_PARTS;
    return blocks >= (!e || cache_parts(e) < few ? 1 : LEAST_BLOCKS);
}

typedef struct Saving {
    const JitPart *part;
    const CacheEntry *had; /* what the process could use itself; NULL: nothing */
} Saving;

static bool had_part(const CacheEntry *had, const PartHeader *p)
{
    for (unsigned i = 0; had && i < cache_parts(had); i++) {
        if (!memcmp(cache_part(had, i)->id, p->id, sizeof p->id)) {
            return true;
        }
    }
    return false;
}

/* Others may have stored the same since. What was there before hasn't got it: else it wouldn't have
 * been translated. */
static bool wanted(void *ctx, Cache *c, const CacheEntry *e)
{
    const Saving *s = ctx;
    const JitPart *part = s->part;
    uint8_t *known = calloc(part->blocks / 8 + 1, 1);
    uint32_t unknown = part->worth;

    for (unsigned i = 0; e && known && i < cache_parts(e); i++) {
        uint32_t size;
        void *index = had_part(s->had, cache_part(e, i)) ? NULL : read_index(c, e, i, &size);
        if (index) {
            unknown = jit_part_unknown(part, cache_part(e, i)->info, index, size, known);
        }
        free(index);
    }
    free(known);
    return is_worth_it(e, unknown);
}

static void save_part(void *ctx, void *file, const JitPart *from)
{
    CodeStore *s = ctx;
    CodeFile *f = file;
    CachePart part = {.kind = KIND_TIER1,
                      .units = from->blocks,
                      .guest_bytes = from->guest_bytes,
                      .nframes = from->nframes,
                      .level = from->whole ? AHEAD_LEVEL : 0,
                      .frames = (const CacheFrame *)(const void *)from->frames};
    _Static_assert(sizeof(CacheFrame) == sizeof(JitFrame) &&
                       offsetof(CacheFrame, size) == offsetof(JitFrame, size),
                   "the same layout");

    /* wanted() would say so, but for that the entry is read anew. */
    if (!from->whole && !is_worth_it(f->learned.entry, from->worth)) {
        return;
    }
    memcpy(part.info, from->info, sizeof part.info);
    /* Not around jit_save(): the jit asks for parts with its own lock held. */
    lock_take(&s->lock);
    CacheTarget target = target_of(s, from->whole);
    Saving saving = {from, f->learned.entry};
    (void)cache_store(s->cache, &f->id, &target, &part, from->whole ? NULL : wanted, &saving);
    lock_release(&s->lock);
}

/* A limit on file sizes makes a write raise SIGXFSZ: nobody is to see that. */
void code_store_save(CodeStore *s, Jit *jit, bool waits)
{
    sigset_t all, before, pending, xfsz;
    struct timespec now = {0, 0};

    if (cache_mode(s->cache) != CACHE_RW || !same_root(s)) {
        return;
    }
    sigfillset(&all);
    sigemptyset(&xfsz);
    sigaddset(&xfsz, SIGXFSZ);
    sigpending(&pending);
    bool had = sigismember(&pending, SIGXFSZ) == 1;
    sigprocmask(SIG_BLOCK, &all, &before);
    cache_set_patience(s->cache, waits);
    jit_save(jit, 1, save_part, s);
    note(s, jit);
    jit_share(jit);
    if (!had) {
        sigtimedwait(&xfsz, NULL, &now);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void code_store_forked(CodeStore *s)
{
    lock_reset(&s->lock);
}

const CacheCounters *code_store_counters(const CodeStore *s)
{
    return s ? cache_counters(s->cache) : NULL;
}
