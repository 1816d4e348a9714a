/* polls.c - polls that count, and those that don't any more.
 *
 *     sub dword [r12 + polls_left], 1      counts, and asks whether the counter has run out
 *     cmp dword [r12 + polls_left], 1      asks the same
 *
 * They differ in one bit of one byte, which is written while others may run it. A counter of 0 is
 * one that has run out, too: nothing may be left that would count on.
 *
 * Which of an exit's bytes are its poll is known by where they lead while it counts down: to the
 * exit's own stub, which nothing else does.
 */
#include <string.h>

#include "jit/template/x86_64/emit_ops.h"
#include "jit/template/x86_64/template.h"
#include "jit/tsan.h"

enum { COUNTS = 0x6c, ASKS = 0x7c, WHICH = 2, JCC = 0x0f, JNS = 0x89, JS = 0x88, JMP = 0xe9 };

static bool leads(const uint8_t *displacement, uint32_t distance)
{
    uint32_t rel;

    memcpy(&rel, displacement, sizeof rel);
    return rel == distance;
}

/* Where the poll begins, ahead of `site`; 0: there is none. */
static uint32_t poll_ahead(const uint8_t *site, uint32_t stub, uint8_t kind)
{
    static const uint8_t poll[POLL_SIZE] = {
        0x41, 0x83, 0, 0x24, (uint8_t)(OFF(polls_left) - CPU_ANCHOR), 1};
    uint32_t ahead = 0;

    if (kind == LINK_CACHE)
        ahead = POLL_TO_CACHE + 4;
    else if (kind == LINK_JUMP && site[-6] == JCC && site[-5] == JNS && site[0] == JMP &&
             leads(site + 1, stub - 5))
        ahead = POLL_TO_JUMP + 4;
    else if (kind == LINK_JUMP && site[-11] == JCC && site[-10] == JS && leads(site - 9, stub + 5))
        ahead = POLL_TO_CALL + 4;
    const uint8_t *at = site - ahead;
    return ahead && !memcmp(at, poll, WHICH) && (at[WHICH] == COUNTS || at[WHICH] == ASKS) &&
                   !memcmp(at + WHICH + 1, poll + WHICH + 1, POLL_SIZE - WHICH - 1)
               ? ahead
               : 0;
}

bool template_poll_asks(const uint8_t *site, uint32_t stub, uint8_t kind)
{
    uint32_t ahead = poll_ahead(site, stub, kind);

    return ahead && site[WHICH - (int32_t)ahead] == ASKS;
}

bool template_set_poll(Jit *jit, TemplatePoll at, bool counts)
{
    uint8_t *site = codebuf_rw(&jit->code, (uintptr_t)jit->code.rx) + at.site;
    uint32_t ahead = poll_ahead(site, at.stub - at.site, at.kind);
    uint8_t *which = site + WHICH - ahead, wanted = counts ? COUNTS : ASKS;

    if (!ahead || *which == wanted || !codebuf_patchable(&jit->code, at.site + WHICH - ahead, 1))
        return false;
    __atomic_store_n(which, wanted, __ATOMIC_RELEASE);
    return true;
}
