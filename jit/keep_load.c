/* keep_load.c - segments: what is stored of a module, placed into the arena when the first of its blocks is wanted. */
#include "jit/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/ownmem.h"
#include "jit/template/template.h"

/* ---- memory --------------------------------------------------------------------------------------- */

static void *map_memory(size_t size)
{
    void *p = mmap(ownmem_hint(size), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void keep_free_segment(KeepSegment *s)
{
    if (s->memory)
        munmap(s->memory, s->memory_size);
    free(s);
}

/* Under the lock: zeroed, lives as long as the arena. */
static void *slab_alloc(Jit *j, size_t size)
{
    enum { SLAB = 64 << 10 };
    MetaSlab *s = j->keep_slab;

    size = (size + 15) & ~(size_t)15;
    if (!s || s->size - s->used < size) {
        size_t bytes = sizeof *s + size > SLAB ? (sizeof *s + size + 4095) & ~(size_t)4095 : SLAB;
        s = map_memory(bytes);
        if (!s)
            return NULL;
        s->size = bytes - sizeof *s;
        s->next = j->slabs;
        j->slabs = s;
        j->keep_slab = s;
    }
    void *p = s->bytes + s->used;
    s->used += size;
    return p;
}

/* ---- what is stored ------------------------------------------------------------------------------- */

static bool frame(Jit *j, const KeepSegment *s, unsigned n, void *to, uint32_t size)
{
    return !size || j->host.kept_frame(j->host.ctx, s->module->info.file, s->part, n, to, size);
}

static uint32_t frame_size(Jit *j, const KeepSegment *s, unsigned n)
{
    return j->host.kept_size(j->host.ctx, s->module->info.file, s->part, n);
}

static bool fits_module(const KeepModule *m, const KeepInfo *i)
{
    return i->format == KEEP_FORMAT && i->flags == keep_flags(m) && i->low < i->high &&
           i->low >= m->info.start - m->info.base && i->high <= m->info.end - m->info.base &&
           i->npairs && i->npairs <= 128 && (!m->info.fixed || i->base == m->info.base);
}

/* The list of blocks: all that is needed to know whether one is there. */
static bool load_blocks(Jit *j, KeepSegment *s)
{
    uint32_t n = s->info.nblocks, size = frame_size(j, s, KEEP_BLOCKS);
    size_t at = ((size_t)size + 7) & ~(size_t)7;

    if (!n || size != n * sizeof(KeepBlock) || n > UINT32_MAX / sizeof(KeepBlock))
        return false;
    s->memory_size = at + (2 * sizeof(uint32_t) + sizeof(Block *)) * (size_t)n;
    s->memory = map_memory(s->memory_size);
    if (!s->memory || !frame(j, s, KEEP_BLOCKS, s->memory, size))
        return false;
    s->blocks = s->memory;
    s->made = (Block **)(void *)((uint8_t *)s->memory + at);
    s->links_at = (uint32_t *)(void *)(s->made + n);
    s->faults_at = s->links_at + n;
    for (uint32_t i = 0; i < n; i++) {
        s->links_at[i] = s->nlinks;
        s->faults_at[i] = s->nfaults;
        s->nlinks += s->blocks[i].nlinks;
        s->nfaults += s->blocks[i].faults_len;
    }
    return true;
}

void keep_ask(Jit *j, KeepModule *m)
{
    unsigned n = j->host.kept_parts(j->host.ctx, m->info.file);

    m->asked = true;
    for (unsigned i = 0; i < n; i++) {
        KeepSegment *s = calloc(1, sizeof *s);
        if (!s)
            return;
        s->module = m;
        s->part = i;
        if (j->host.kept_info(j->host.ctx, m->info.file, i, (uint8_t *)&s->info) &&
            fits_module(m, &s->info)) {
            s->next = m->segments;
            m->segments = s;
        } else {
            keep_free_segment(s);
        }
    }
}

/* ---- placing it ------------------------------------------------------------------------------------- */

static void populate(CodeChunk *c, uint32_t len)
{
    len = (len + 4095) & ~4095u;
    if (len) {
        (void)madvise(c->rx + c->rw_delta + c->start, len, MADV_POPULATE_WRITE);
        (void)madvise(c->rx + c->start, len, MADV_POPULATE_READ);
    }
}

static bool load_code(Jit *j, KeepSegment *s, CodeChunk **chunks)
{
    for (uint32_t i = 0; i < 2 * s->info.npairs; i++) {
        CodeChunk *c = chunks[i];
        uint32_t size = frame_size(j, s, KEEP_CODE + i);
        if (size > CODEBUF_CHUNK)
            return false;
        populate(c, size);
        if (!frame(j, s, KEEP_CODE + i, c->rx + c->rw_delta + c->start, size))
            return false;
        c->next = c->start + size;
        if (i % 2 == 0)
            template_stubs(j, c);
    }
    return true;
}

/* What depends on where the guest's file is. */
static bool relocate(Jit *j, KeepSegment *s)
{
    uint32_t size = frame_size(j, s, KEEP_RELOCS), n = size / 4;
    uint64_t delta = s->module->info.base - s->info.base, window = (uint64_t)s->info.npairs * KEEP_PAIR;
    uint32_t *at = delta && n ? malloc(size) : NULL;
    bool good = !delta || !n || (at && frame(j, s, KEEP_RELOCS, at, size));

    for (uint32_t i = 0; good && at && i < n; i++) {
        uint64_t value;
        uint8_t *p = s->window + j->code.rw_delta + at[i];
        if (at[i] > window - 8) {
            good = false;
            break;
        }
        memcpy(&value, p, 8);
        value += delta;
        memcpy(p, &value, 8);
    }
    free(at);
    return good;
}

static bool load_tables(Jit *j, KeepSegment *s)
{
    uint32_t links = frame_size(j, s, KEEP_LINKS), faults = frame_size(j, s, KEEP_FAULTS);
    size_t at = ((size_t)links + 15) & ~(size_t)15;

    if (links != s->nlinks * sizeof(KeepLink) || faults != s->nfaults)
        return false;
    uint8_t *p = slab_alloc(j, at + faults + 1);
    s->links = (const KeepLink *)(const void *)p;
    s->faults = p + at;
    return p && frame(j, s, KEEP_LINKS, p, links) && frame(j, s, KEEP_FAULTS, p + at, faults);
}

static bool in_window(const KeepSegment *s, uint32_t at, uint32_t len)
{
    return at <= s->info.npairs * KEEP_PAIR && len <= s->info.npairs * KEEP_PAIR - at;
}

static bool sound(const KeepSegment *s)
{
    for (uint32_t i = 0; i < s->info.nblocks; i++) {
        const KeepBlock *b = &s->blocks[i];
        if (!in_window(s, b->hot, b->host_len) || !in_window(s, b->cold, b->cold_len) || b->cold % 8)
            return false;
    }
    return true;
}

/* Under the lock. A segment that can't be placed is spent. */
static bool place(Jit *j, KeepSegment *s)
{
    unsigned n = 2 * s->info.npairs;
    CodeChunk **chunks;

    if (!codebuf_may_append(&j->code)) {
        uint64_t generation = j->generation;
        if (jit_own_code(j) != 0 || generation != j->generation)
            return false;
    }
    /* Code that is stored may take three quarters of the arena, the rest is for what is new. */
    chunks = calloc(n, sizeof *chunks);
    bool room = chunks && j->code.used + n * (uint64_t)CODEBUF_CHUNK <= j->code.size / 4 * 3 &&
                codebuf_chunks(&j->code, n, false, chunks);

    s->placed = true;
    if (room) {
        s->window = j->code.rx + chunks[0]->start;
        bool good = load_code(j, s, chunks) && relocate(j, s) && load_tables(j, s) && sound(s);
        for (unsigned i = 0; i < n; i++) {
            if (good)
                __atomic_store_n(&chunks[i]->segment, s, __ATOMIC_RELEASE);
        }
        s->spent = !good;
        if (good)
            j->ended.kept_blocks += s->info.nblocks;
    } else {
        s->spent = true;
    }
    free(chunks);
    return !s->spent;
}

/* ---- blocks ------------------------------------------------------------------------------------------ */

static GuestAddr block_pc(const KeepSegment *s, const KeepBlock *k)
{
    return (s->module->info.base + k->pc) | (uint64_t)k->tag << 56;
}

static uint64_t order(uint32_t pc, uint32_t mode, uint8_t tag)
{
    return (uint64_t)pc << 24 | (mode & 0xffff) << 8 | tag;
}

static uint32_t search(const KeepSegment *s, GuestAddr pc, uint32_t mode)
{
    uint64_t offset = (pc & ~(UINT64_C(0xff) << 56)) - s->module->info.base;
    uint64_t want = order((uint32_t)offset, mode, (uint8_t)(pc >> 56));
    uint32_t lo = 0, hi = s->info.nblocks;

    if (offset > UINT32_MAX || mode > UINT16_MAX)
        return UINT32_MAX;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const KeepBlock *k = &s->blocks[mid];
        if (order(k->pc, k->mode, k->tag) < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    const KeepBlock *k = &s->blocks[lo];
    return lo < s->info.nblocks && order(k->pc, k->mode, k->tag) == want ? lo : UINT32_MAX;
}

static GuestAddr link_target(const KeepSegment *s, uint32_t i, const KeepLink *l)
{
    GuestAddr from = s->module->info.base + s->blocks[i].pc;

    if ((l->flags & KEEP_KIND) == LINK_CACHE && !(l->flags & KEEP_LINKED))
        return 0;
    return (from + (uint64_t)(int64_t)l->target) | (uint64_t)l->tag << 56;
}

static void fill_in(const KeepSegment *s, uint32_t i, Block *b)
{
    const KeepBlock *k = &s->blocks[i];

    b->pc = block_pc(s, k);
    b->mode = k->mode;
    b->guest_len = k->guest_len;
    b->code = (uintptr_t)s->window + k->hot;
    b->host_len = k->host_len;
    b->cold = (uintptr_t)s->window + k->cold;
    b->cold_len = k->cold_len;
    b->faultmap = s->faults + s->faults_at[i];
    b->faultmap_len = k->faults_len;
}

/* Under the lock: makes the block, with its exits (those linked have no `to` yet). There may be another of the same pc already, in another segment or translated meanwhile: the table has room for
 * both, and finds the first. NULL: out of memory. */
static Block *make(Jit *j, KeepSegment *s, uint32_t i)
{
    const KeepBlock *k = &s->blocks[i];
    uint32_t window = (uint32_t)(s->window - j->code.rx);
    Block *b = slab_alloc(j, sizeof *b + k->nlinks * sizeof(Link));

    if (!b)
        return NULL;
    b->arena = j->code.rx;
    fill_in(s, i, b);
    b->ninsns = (uint32_t)k->guest_len >> j->frontend->insn_shift;
    b->links = (Link *)(b + 1);
    b->nlinks = k->nlinks;
    for (uint32_t n = 0; n < k->nlinks; n++) {
        const KeepLink *from = &s->links[s->links_at[i] + n];
        b->links[n] = (Link){
            .from = b,
            .target = link_target(s, i, from),
            .site = window + from->site + (from->flags & KEEP_COLD_SITE ? k->cold : k->hot),
            .stub = window + from->stub + k->cold,
            .cache = window + from->cache + k->cold,
            .kind = from->flags & KEEP_KIND,
        };
    }
    if (blockmap_insert(&j->blocks, b) != 0)
        return NULL;
    s->made[i] = b;
    j->ended.kept_found++;
    return b;
}

/* Under the lock. The index of the block; UINT32_MAX: none. Of what lies elsewhere not even the list is read. */
static uint32_t look_up(Jit *j, KeepSegment *s, GuestAddr pc, uint32_t mode, bool may_load)
{
    uint64_t offset = (pc & j->frontend->pc_mask) - s->module->info.base;

    if (s->spent || offset < s->info.low || offset >= s->info.high || (!s->blocks && !may_load))
        return UINT32_MAX;
    if (!s->blocks && !load_blocks(j, s)) {
        s->spent = true;
        return UINT32_MAX;
    }
    return search(s, pc, mode);
}

bool keep_known(JitThread *t, GuestAddr pc, uint32_t mode, uint32_t *guest_len)
{
    Jit *j = t->jit;
    KeepModule *m = t->module;
    bool found = false;

    pthread_mutex_lock(&j->lock);
    if (m && !m->asked)
        keep_ask(j, m);
    for (KeepSegment *s = m ? m->segments : NULL; s && !found; s = s->next) {
        uint32_t i = look_up(j, s, pc, mode, true);
        found = i != UINT32_MAX;
        if (found)
            *guest_len = s->blocks[i].guest_len;
    }
    pthread_mutex_unlock(&j->lock);
    return found;
}

Block *keep_find(JitThread *t, GuestAddr pc, uint32_t mode, bool may_place)
{
    Jit *j = t->jit;
    KeepModule *m = t->module;
    Block *b = NULL;

    if (!m || (m->asked && !m->segments))
        return NULL;
    pthread_mutex_lock(&j->lock);
    if (t->generation == j->generation && !m->closed) {
        if (!m->asked && may_place)
            keep_ask(j, m);
        b = blockmap_find(&j->blocks, pc, mode); /* another thread may have been quicker */
        for (KeepSegment *s = m->segments; s && !b; s = s->next) {
            uint32_t i = look_up(j, s, pc, mode, may_place);
            if (i != UINT32_MAX && (s->placed || (may_place && place(j, s))))
                b = make(j, s, i);
        }
    }
    pthread_mutex_unlock(&j->lock);
    return b;
}

static Block *block_of(Jit *j, KeepSegment *s, uint32_t i)
{
    return s->made[i] ? s->made[i] : make(j, s, i);
}

/* Links between blocks that are live become known to those they lead to. */
static void connect(Jit *j, KeepSegment *s, Block *b, uint32_t i)
{
    for (uint32_t n = 0; n < b->nlinks; n++) {
        Link *l = &b->links[n];
        if (!(s->links[s->links_at[i] + n].flags & KEEP_LINKED) || l->to)
            continue;
        uint32_t target = search(s, l->target, b->mode);
        Block *to = target == UINT32_MAX ? NULL : block_of(j, s, target);
        if (to) {
            l->to = to;
            l->next_in = to->incoming;
            to->incoming = l;
        }
    }
}

void keep_make_all(Jit *j, KeepSegment *s)
{
    for (uint32_t i = 0; i < s->info.nblocks; i++)
        (void)block_of(j, s, i);
    for (uint32_t i = 0; i < s->info.nblocks; i++) {
        Block *b = block_of(j, s, i);
        if (b && !b->dead)
            connect(j, s, b, i);
    }
}

static KeepSegment *segment_at(const CodeBuf *cb, uintptr_t pc)
{
    const CodeChunk *c = codebuf_chunk_at(cb, pc);
    return c ? __atomic_load_n(&c->segment, __ATOMIC_ACQUIRE) : NULL;
}

Link *keep_link(Jit *j, uintptr_t cold, uint64_t mark, unsigned n, GuestAddr *target)
{
    uint32_t i = (uint32_t)(mark >> 1);
    Link *l = NULL;

    pthread_mutex_lock(&j->lock);
    KeepSegment *s = segment_at(&j->code, cold);
    if (s) {
        /* The block is made for the sake of the link: not if that can't be made yet. */
        Block *b = s->made[i] ? s->made[i] : jit_may_link(j) ? make(j, s, i) : NULL;
        l = b ? &b->links[n] : NULL;
    }
    for (const Retired *r = j->retired; r && !s; r = r->next)
        s = segment_at(&r->code, cold);
    if (!s || i >= s->info.nblocks)
        abort();
    *target = l ? l->target : link_target(s, i, &s->links[s->links_at[i] + n]);
    pthread_mutex_unlock(&j->lock);
    return l;
}

bool keep_fault_block(const CodeChunk *c, uintptr_t host_pc, Block *b)
{
    KeepSegment *s = __atomic_load_n(&c->segment, __ATOMIC_ACQUIRE);

    if (!s)
        return false;
    uint32_t off = (uint32_t)(host_pc - (uintptr_t)s->window), *recent = &s->recent[(off >> 6) % 64];
    for (uint32_t n = 0; n <= s->info.nblocks; n++) {
        uint32_t i = n ? n - 1 : *recent; /* where the last fault around here was first */
        const KeepBlock *k = &s->blocks[i];
        if (off - k->hot < k->host_len || off - k->cold < k->cold_len) {
            *recent = i;
            *b = (Block){.arena = c->rx};
            fill_in(s, i, b);
            return true;
        }
    }
    return false;
}
