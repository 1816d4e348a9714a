/* keep_save.c - what was translated of a module as a segment (keep.h): copies of its pairs in which exits between blocks of the segment are linked and all others lead to their stubs. */
#include "jit/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jit/ownmem.h"

typedef struct KeepSave {
    Jit *j;
    const KeepModule *m;
    uint32_t npairs, nblocks, nlinks, nfaults, nrelocs, guest_bytes;
    uint32_t *window_of; /* by chunk of the arena: window offset + 1; 0: none of ours */
    uint8_t *window;     /* the copy */
    Block **blocks;      /* by (pc, mode) once sorted */
    KeepBlock *out;
    KeepLink *links;
    uint8_t *faults;
    uint32_t *relocs;
    uint32_t *lens;      /* of each chunk */
} Save;

/* ---- which blocks ----------------------------------------------------------------------------------- */

static bool can_save(const Save *s, const Block *b)
{
    const JitModule *m = &s->m->info;
    GuestAddr pc = b->pc & s->j->frontend->pc_mask;

    return !b->dead && pc >= m->start && pc + b->guest_len <= m->end &&
           pc - m->base <= UINT32_MAX && b->mode <= UINT16_MAX && b->guest_len <= UINT16_MAX &&
           b->host_len <= UINT16_MAX && b->cold_len <= UINT16_MAX &&
           b->faultmap_len <= UINT16_MAX && b->nlinks <= UINT8_MAX && (!b->bound || m->fixed);
}

static uint32_t window_offset(const Save *s, uint32_t arena_offset)
{
    return s->window_of[arena_offset / CODEBUF_CHUNK] - 1 + arena_offset % CODEBUF_CHUNK;
}

static uint64_t order_of(const Save *s, const Block *b)
{
    GuestAddr pc = b->pc & s->j->frontend->pc_mask;
    return (pc - s->m->info.base) << 24 | (uint64_t)b->mode << 8 | b->pc >> 56;
}

/* By pc (32 bits), mode and tag: a radix sort, eight bits at a time, of the digits that differ. */
static bool sort_blocks(Save *s)
{
    Block **from = s->blocks, **to = malloc(s->nblocks * sizeof *to);
    uint64_t any = 0, all = ~UINT64_C(0);

    if (!to)
        return false;
    for (uint32_t i = 0; i < s->nblocks; i++) {
        any |= order_of(s, from[i]);
        all &= order_of(s, from[i]);
    }
    for (unsigned shift = 0; shift < 56; shift += 8) {
        uint32_t at[257] = {0};
        if (!((any ^ all) >> shift & 255))
            continue;
        for (uint32_t i = 0; i < s->nblocks; i++)
            at[(order_of(s, from[i]) >> shift & 255) + 1]++;
        for (unsigned k = 0; k < 256; k++)
            at[k + 1] += at[k];
        for (uint32_t i = 0; i < s->nblocks; i++)
            to[at[order_of(s, from[i]) >> shift & 255]++] = from[i];
        Block **swap = from;
        from = to;
        to = swap;
    }
    s->blocks = from;
    free(to);
    return true;
}

/* ---- copies ------------------------------------------------------------------------------------------- */

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, 8);
}

/* The exit as it is in the copy: linked if it leads to a block of the segment. */
static void save_link(Save *s, const KeepBlock *of, const Block *b, const Link *l)
{
    KeepLink *k = &s->links[s->nlinks++];
    const Block *to = l->to && l->to->kept_index ? l->to : NULL;
    GuestAddr mask = s->j->frontend->pc_mask;
    uint32_t site = window_offset(s, l->site), stub = window_offset(s, l->stub);
    bool cold = site - of->cold <= of->cold_len;

    *k = (KeepLink){.site = (uint16_t)(site - (cold ? of->cold : of->hot)),
                    .stub = (uint16_t)(stub - of->cold),
                    .flags = (uint8_t)(l->kind | (to ? KEEP_LINKED : 0) | (cold ? KEEP_COLD_SITE : 0))};
    if (l->kind != LINK_CACHE || to) {
        k->target = (int32_t)(uint32_t)((l->target & mask) - (b->pc & mask));
        k->tag = (uint8_t)(l->target >> 56);
    }
    uint32_t goal = to ? window_offset(s, (uint32_t)(to->code - (uintptr_t)s->j->code.rx)) : stub;
    put32(s->window + site - 4, goal - site);
    if (l->kind == LINK_CACHE) {
        uint32_t cache = window_offset(s, l->cache);
        k->cache = (uint16_t)(cache - of->cold);
        put64(s->window + cache, to ? l->target : JIT_NO_PC);
        if (to && !s->m->info.fixed)
            s->relocs[s->nrelocs++] = cache;
    }
}

static void save_block(Save *s, uint32_t i)
{
    const Block *b = s->blocks[i];
    GuestAddr pc = b->pc & s->j->frontend->pc_mask;
    uintptr_t rx = (uintptr_t)s->j->code.rx;

    s->out[i] = (KeepBlock){.pc = (uint32_t)(pc - s->m->info.base),
                            .mode = (uint16_t)b->mode,
                            .guest_len = (uint16_t)b->guest_len,
                            .hot = window_offset(s, (uint32_t)(b->code - rx)),
                            .cold = window_offset(s, (uint32_t)(b->cold - rx)),
                            .host_len = (uint16_t)b->host_len,
                            .cold_len = (uint16_t)b->cold_len,
                            .faults_len = (uint16_t)b->faultmap_len,
                            .nlinks = (uint8_t)b->nlinks,
                            .tag = (uint8_t)(b->pc >> 56)};
    put64(s->window + s->out[i].cold, keep_mark(i));
    for (uint32_t n = 0; n < b->nlinks; n++)
        save_link(s, &s->out[i], b, &b->links[n]);
    memcpy(s->faults + s->nfaults, b->faultmap, b->faultmap_len);
    s->nfaults += b->faultmap_len;
    for (uint32_t n = 0; n < b->nrelocs; n++)
        s->relocs[s->nrelocs++] = window_offset(s, b->relocs[n]);
    s->guest_bytes += b->guest_len;
}

/* ---- the segment ----------------------------------------------------------------------------------------- */

static bool collect(Save *s)
{
    uint32_t links = 0, faults = 0, relocs = 0, most = 0;

    for (const KeepPair *p = s->m->pairs; p; p = p->next)
        most += __atomic_load_n(&p->hot->count, __ATOMIC_ACQUIRE);
    s->blocks = malloc((most + 1) * sizeof *s->blocks);
    if (!s->blocks)
        return false;
    for (const KeepPair *p = s->m->pairs; p; p = p->next) {
        uint32_t count = __atomic_load_n(&p->hot->count, __ATOMIC_ACQUIRE);
        for (uint32_t i = 0; i < count && s->nblocks < most; i++) {
            Block *b = p->hot->pieces[i].block;
            if (can_save(s, b)) {
                s->blocks[s->nblocks++] = b;
                links += b->nlinks;
                faults += b->faultmap_len;
                relocs += b->nrelocs + b->nlinks;
            }
        }
    }
    s->out = malloc((s->nblocks + 1) * sizeof *s->out);
    s->links = malloc((links + 1) * sizeof *s->links);
    s->faults = malloc(faults + 1);
    s->relocs = malloc((relocs + 1) * sizeof *s->relocs);
    return s->out && s->links && s->faults && s->relocs;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Under the lock. Lays out the window. */
static void copy_pairs(Save *s)
{
    uint8_t *rw = s->j->code.rx + s->j->code.rw_delta;
    uint32_t n = 0;

    for (const KeepPair *p = s->m->pairs; p; p = p->next, n++) {
        const CodeChunk *chunks[2] = {p->hot, p->cold};
        for (unsigned k = 0; k < 2; k++) {
            const CodeChunk *c = chunks[k];
            uint32_t at = n * KEEP_PAIR + k * CODEBUF_CHUNK;
            s->lens[2 * n + k] = c->next - c->start;
            s->window_of[c->start / CODEBUF_CHUNK] = at + 1;
            memcpy(s->window + at, rw + c->start, c->next - c->start);
        }
    }
}

static void call(Save *s, JitSaveFn fn, void *ctx)
{
    JitFrame *frames = calloc(KEEP_CODE + 2 * s->npairs, sizeof *frames);
    JitPart part = {.blocks = s->nblocks, .guest_bytes = s->guest_bytes,
                    .nframes = KEEP_CODE + 2 * s->npairs, .frames = frames};
    const JitModule *m = &s->m->info;
    KeepInfo info = {.format = KEEP_FORMAT,
                     .flags = keep_flags(s->m),
                     .base = m->base,
                     .low = s->out[0].pc,
                     .nblocks = s->nblocks,
                     .npairs = s->npairs};

    if (!frames)
        return;
    for (uint32_t i = 0; i < s->nblocks; i++) {
        uint64_t end = (uint64_t)s->out[i].pc + s->out[i].guest_len;
        info.high = end > info.high ? end : info.high;
    }
    memcpy(part.info, &info, sizeof info);
    frames[KEEP_BLOCKS] = (JitFrame){s->out, s->nblocks * (uint32_t)sizeof *s->out};
    frames[KEEP_LINKS] = (JitFrame){s->links, s->nlinks * (uint32_t)sizeof *s->links};
    frames[KEEP_FAULTS] = (JitFrame){s->faults, s->nfaults};
    frames[KEEP_RELOCS] = (JitFrame){s->relocs, s->nrelocs * 4};
    for (uint32_t i = 0; i < 2 * s->npairs; i++)
        frames[KEEP_CODE + i] = (JitFrame){s->window + (size_t)i * CODEBUF_CHUNK, s->lens[i]};
    fn(ctx, m->file, &part);
    free(frames);
}

/* Under the lock. What was saved isn't again: the pairs are let go of. */
static bool prepare(Save *s, KeepModule *m, uint32_t least)
{
    for (const KeepPair *p = m->pairs; p; p = p->next)
        s->npairs++;
    if (!s->npairs || s->npairs > 128 || !collect(s) || !s->nblocks || s->nblocks < least || !sort_blocks(s))
        return false;
    void *window = mmap(ownmem_hint((size_t)s->npairs * KEEP_PAIR), (size_t)s->npairs * KEEP_PAIR, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    s->window = window == MAP_FAILED ? NULL : window;
    s->window_of = calloc(s->j->code.size / CODEBUF_CHUNK, sizeof *s->window_of);
    s->lens = calloc(2 * s->npairs, sizeof *s->lens);
    if (!s->window || !s->window_of || !s->lens)
        return false;
    copy_pairs(s);
    for (uint32_t i = 0; i < s->nblocks; i++)
        s->blocks[i]->kept_index = i + 1;
    for (uint32_t i = 0; i < s->nblocks; i++)
        save_block(s, i);
    for (uint32_t i = 0; i < s->nblocks; i++)
        s->blocks[i]->kept_index = 0;
    qsort(s->relocs, s->nrelocs, sizeof *s->relocs, by_value);
    for (KeepPair *p; (p = m->pairs);) {
        m->pairs = p->next;
        p->next = m->saved;
        m->saved = p;
    }
    m->idle = NULL;
    return true;
}

void keep_free_save(Save *s)
{
    if (!s)
        return;
    if (s->window)
        munmap(s->window, (size_t)s->npairs * KEEP_PAIR);
    free(s->lens);
    free(s->window_of);
    free(s->blocks);
    free(s->out);
    free(s->links);
    free(s->faults);
    free(s->relocs);
    free(s);
}

/* Under the lock; NULL: less than `least`, or no memory. */
static Save *save_module(Jit *j, KeepModule *m, uint32_t least)
{
    Save *s = m->pairs ? calloc(1, sizeof *s) : NULL;

    if (!s)
        return NULL;
    s->j = j;
    s->m = m;
    if (!prepare(s, m, least)) {
        keep_free_save(s);
        return NULL;
    }
    return s;
}

void keep_stash(Jit *j, KeepModule *m)
{
    if (!m->closed && !m->stash)
        m->stash = save_module(j, m, 1);
}

bool jit_may_save(const Jit *j)
{
    const KeepModule *m = j->modules;

    while (m && !m->pairs && !m->stash)
        m = m->next;
    return m != NULL;
}

unsigned jit_save(Jit *j, uint32_t least, JitSaveFn fn, void *ctx)
{
    unsigned calls = 0;

    for (KeepModule *m = j->modules; m; m = m->next) {
        pthread_mutex_lock(&j->lock);
        Save *s = m->closed ? m->stash : save_module(j, m, least);
        m->stash = NULL;
        pthread_mutex_unlock(&j->lock);
        if (s) {
            call(s, fn, ctx);
            calls++;
        }
        keep_free_save(s);
    }
    return calls;
}

uint32_t jit_part_unknown(const JitPart *part, const uint8_t info[JIT_PART_INFO],
                          const void *blocks, uint32_t size, uint8_t *known)
{
    KeepInfo mine, theirs;
    const KeepBlock *a = part->frames[KEEP_BLOCKS].data, *b = blocks;
    uint32_t n = size / (uint32_t)sizeof *b, unknown = 0;

    memcpy(&mine, part->info, sizeof mine);
    memcpy(&theirs, info, sizeof theirs);
    bool comparable = mine.format == theirs.format && mine.flags == theirs.flags &&
                      (!(mine.flags & KEEP_FIXED) || mine.base == theirs.base);
    for (uint32_t i = 0, k = 0; i < part->blocks; i++) {
        while (comparable && k < n &&
               (b[k].pc < a[i].pc || (b[k].pc == a[i].pc && b[k].mode < a[i].mode)))
            k++;
        /* Blocks of the same pc and mode differ in the tag alone, which the few jumps of landing blocks have. */
        if (comparable && k < n && b[k].pc == a[i].pc && b[k].mode == a[i].mode)
            known[i / 8] |= (uint8_t)(1 << i % 8);
        unknown += !(known[i / 8] >> i % 8 & 1);
    }
    return unknown;
}
