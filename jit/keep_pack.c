/* keep_pack.c - cells as they are stored: without what follows from something else, and so that
 * what is alike looks alike. All of it is done in place and can be undone.
 *
 * Of a block: where the guest's code, the hot and the cold one begin, from where those of the block
 * before end. Of an exit: its site from the end of the block's code, its stub from where stubs
 * stand if nothing is between them, where it leads from the end of the guest's code; of a linked
 * one which block after its own it leads to, and nothing else if that block's address says it. In
 * the code: no mark, no displacement of an exit, no tag of a stub; other displacements as the
 * template compiler folds them.
 */
#include "jit/keep.h"

#include <string.h>

#include "jit/template/template.h"

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

/* An exit that its block's code can't have is only found in damaged cells. */
static bool in_block(const KeepBlock *b, const KeepLink *l)
{
    return l->site >= 4 && l->site <= (l->flags & KEEP_COLD_SITE ? b->cold_len : b->host_len) &&
           l->stub <= b->cold_len &&
           ((l->flags & KEEP_KIND) != LINK_CACHE ||
            (b->cold_len >= 8 && l->cache <= b->cold_len - 8));
}

static uint16_t site_end(const KeepBlock *b, const KeepLink *l)
{
    return l->flags & KEEP_COLD_SITE ? b->cold_len : b->host_len;
}

/* Where the stub of exit n would be if nothing but stubs followed. */
static uint16_t stub_place(const KeepBlock *b, uint32_t n)
{
    return (uint16_t)(b->cold_len - (b->nlinks - b->nanchors - n) * TEMPLATE_STUB_SIZE);
}

static bool has_target(const KeepLink *l)
{
    return (l->flags & KEEP_KIND) != LINK_CACHE || l->flags & KEEP_LINKED;
}

static void fold_block(const KeepCell *c, const KeepBlock *b, uint8_t *hot, uint8_t *cold,
                       bool unfold)
{
    uint32_t hot_at = (c->hot + b->hot) % KEEP_PAIR, cold_at = (c->cold + b->cold) % KEEP_PAIR;

    template_fold(hot + b->hot, b->host_len, hot_at, cold_at, unfold);
    template_fold(cold + b->cold, b->cold_len, cold_at, hot_at, unfold);
}

static void fold_stub(const KeepBlock *b, const KeepLink *l, uint32_t n, uint8_t *cold)
{
    if (b->cold_len - l->stub >= TEMPLATE_STUB_SIZE)
        template_fold_stub(cold + b->cold + l->stub, n, l->stub);
}

static uint8_t *site_in(const KeepBlock *b, const KeepLink *l, uint8_t *hot, uint8_t *cold)
{
    return (l->flags & KEEP_COLD_SITE ? cold + b->cold : hot + b->hot) + l->site - 4;
}

/* ---- packing --------------------------------------------------------------------------------- */

static void pack_link(const KeepBlock *blocks, uint32_t i, KeepLink *l, uint32_t n)
{
    const KeepBlock *b = &blocks[i];

    if (l->flags & KEEP_LINKED) {
        const KeepBlock *to = &blocks[l->n];
        if ((uint32_t)l->target == to->pc - b->pc && l->tag == to->tag) {
            l->target = 0;
            l->tag = 0;
            l->flags |= KEEP_SAME;
        }
        l->n = (uint16_t)(l->n - i - 1);
        l->cell = 0;
    }
    if (has_target(l) && !(l->flags & KEEP_SAME))
        l->target = (int32_t)((uint32_t)l->target - b->guest_len);
    l->site = (uint16_t)(site_end(b, l) - l->site);
    l->stub = (uint16_t)(stub_place(b, n) - l->stub);
}

void keep_pack(const KeepCell *c, KeepBlock *blocks, KeepLink *links, uint8_t *hot, uint8_t *cold)
{
    for (uint32_t i = 0; i < c->nblocks; i++) {
        const KeepBlock *b = &blocks[i];
        memset(cold + b->cold, 0, sizeof(uint64_t));
        for (uint32_t n = 0; n + b->nanchors < b->nlinks; n++) {
            fold_stub(b, &links[n], n, cold);
            put32(site_in(b, &links[n], hot, cold), 0);
            if (links[n].site > 4)
                template_plain(site_in(b, &links[n], hot, cold) + 4);
            pack_link(blocks, i, &links[n], n);
        }
        links += b->nlinks;
        fold_block(c, b, hot, cold, false);
    }
    for (uint32_t i = c->nblocks; i-- > 1;) {
        const KeepBlock *last = &blocks[i - 1];
        blocks[i].pc -= last->pc + last->guest_len;
        blocks[i].hot -= last->hot + last->host_len;
        blocks[i].cold -= last->cold + last->cold_len;
    }
}

/* ---- unpacking ------------------------------------------------------------------------------- */

static bool sound_blocks(const KeepCell *c, const KeepBlock *blocks)
{
    uint64_t links = 0, faults = 0;

    for (uint32_t i = 0; i < c->nblocks; i++) {
        const KeepBlock *b = &blocks[i];
        if (b->hot > c->hot_len || b->host_len > c->hot_len - b->hot || b->cold > c->cold_len ||
            b->cold_len > c->cold_len - b->cold || (b->cold + c->cold) % 8 ||
            b->cold_len < sizeof(uint64_t))
            return false;
        if (b->nanchors > b->nlinks)
            return false;
        links += b->nlinks;
        faults += b->faults_len;
    }
    return links == c->nlinks && faults == c->faults_len;
}

static bool unpack_link(const KeepInfo *info, const KeepCell *cells, uint32_t cell,
                        const KeepBlock *blocks, uint32_t i, KeepLink *l, uint32_t n)
{
    const KeepBlock *b = &blocks[i];

    l->site = (uint16_t)(site_end(b, l) - l->site);
    l->stub = (uint16_t)(stub_place(b, n) - l->stub);
    if (!in_block(b, l))
        return false;
    if (has_target(l) && !(l->flags & KEEP_SAME))
        l->target = (int32_t)((uint32_t)l->target + b->guest_len);
    if (l->flags & KEEP_LINKED) {
        l->cell = (uint16_t)cell;
        l->n = (uint16_t)(l->n + i + 1);
        if (l->flags & KEEP_FAR || l->n >= cells[cell].nblocks)
            return false;
        if (l->flags & KEEP_SAME) {
            l->target = (int32_t)(blocks[l->n].pc - b->pc);
            l->tag = blocks[l->n].tag;
        }
    }
    l->flags &= (uint8_t)~KEEP_SAME;
    return !(l->flags & KEEP_FAR) ||
           (l->cell < info->ncells && l->cell != cell && l->n < cells[l->cell].nblocks);
}

/* The exit's displacement: to the block that it is linked to, or its stub. */
static void lead(const KeepCell *c, const KeepBlock *blocks, const KeepBlock *b, const KeepLink *l,
                 uint8_t *hot, uint8_t *cold)
{
    uint32_t to = l->flags & KEEP_LINKED ? c->hot + blocks[l->n].hot : c->cold + b->cold + l->stub;

    template_point_at(site_in(b, l, hot, cold) + 4, to - keep_site(c, b, l), l->site <= 4);
}

/* What stands between a block and the next one, which the stored code hasn't. */
static void pad_end(const KeepBlock *b, const KeepBlock *next, uint8_t *hot)
{
    uint32_t end = b->hot + b->host_len;

    if (next->hot > end && next->hot - end < CODEBUF_ALIGN)
        template_pad(hot + end, next->hot - end);
}

static bool unpack_links(const KeepInfo *info, const KeepCell *cells, uint32_t cell,
                         const KeepBlock *blocks, KeepLink *l, uint8_t *hot, uint8_t *cold)
{
    for (uint32_t i = 0; i < cells[cell].nblocks; l += blocks[i++].nlinks) {
        const KeepBlock *b = &blocks[i];
        uint64_t mark = keep_mark(i);
        fold_block(&cells[cell], b, hot, cold, true);
        if (i + 1 < cells[cell].nblocks)
            pad_end(b, b + 1, hot);
        for (uint32_t n = 0; n + b->nanchors < b->nlinks; n++) {
            if (!unpack_link(info, cells, cell, blocks, i, &l[n], n))
                return false;
            lead(&cells[cell], blocks, b, &l[n], hot, cold);
            fold_stub(b, &l[n], n, cold);
        }
        memcpy(cold + b->cold, &mark, sizeof mark);
    }
    return true;
}

bool keep_unpack(const KeepInfo *info, const KeepCell *cells, uint32_t cell, uint8_t *frame,
                 KeepPlaced *to)
{
    const KeepCell *c = &cells[cell];
    KeepRest rest = keep_rest(c, frame);
    uint32_t nlinks = 0, nfaults = 0;

    columns_get(to->blocks, frame, c->nblocks, sizeof *to->blocks, KEEP_BLOCK_DIFFERENCES);
    columns_get(to->links, rest.links, c->nlinks, sizeof *to->links, KEEP_LINK_DIFFERENCES);
    memcpy((uint8_t *)(uintptr_t)to->faults, rest.faults, c->faults_len);
    for (uint32_t i = 1; i < c->nblocks; i++) {
        const KeepBlock *last = &to->blocks[i - 1];
        to->blocks[i].pc += last->pc + last->guest_len;
        to->blocks[i].hot += last->hot + last->host_len;
        to->blocks[i].cold += last->cold + last->cold_len;
    }
    if (!sound_blocks(c, to->blocks) ||
        !unpack_links(info, cells, cell, to->blocks, to->links, rest.hot, rest.cold))
        return false;
    for (uint32_t i = 0; i < c->nblocks; i++) {
        to->links_at[i] = nlinks;
        to->faults_at[i] = nfaults;
        nlinks += to->blocks[i].nlinks;
        nfaults += to->blocks[i].faults_len;
    }
    return true;
}
