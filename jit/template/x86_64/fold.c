/* fold.c - code for storing: what leads to the same place or is the same way into a block's other
 * part has the same bytes wherever it stands, so that it compresses.
 *
 * The displacements of calls, jumps and conditional jumps are, as long as they stay within the pair
 * of chunks, that of the place they lead to: from the start of the pair for stubs, from the start
 * of the block's other part (behind the largest of those) for the rest. Which bytes are an opcode
 * is guessed, not known, so all of that is a permutation of what the four bytes may be, which is
 * undone whatever they were: the opcodes before them stay, so undoing it finds the same places. 0,
 * a displacement that was taken out (keep_pack.c), stays 0.
 */
#include <emmintrin.h>
#include <string.h>

#include "jit/template/x86_64/template.h"

enum { SPAN = 2 * CODEBUF_CHUNK, STUBS = 4096, REST = SPAN - STUBS };

/* How far the places behind the stubs are turned, so that the other part's first is the first. */
static uint32_t turn_of(uint32_t other)
{
    return (other + REST - STUBS) % REST;
}

/* The number of a place in the pair, and the place of a number. */
static uint32_t number(uint32_t place, uint32_t turn)
{
    if (place < STUBS)
        return place;
    return place - STUBS >= turn ? place - turn : place + REST - turn;
}

static uint32_t place_of(uint32_t number, uint32_t turn)
{
    if (number < STUBS)
        return number;
    return number - STUBS < REST - turn ? number + turn : number + turn - REST;
}

/* `end`: of the displacement, in the pair. */
static uint32_t folded(uint32_t v, uint32_t end, uint32_t turn)
{
    uint32_t x = number(v + end, turn);
    return x < SPAN - end ? x : x - SPAN;
}

static uint32_t unfolded(uint32_t x, uint32_t end, uint32_t turn)
{
    return place_of(x < SPAN - end ? x : x + SPAN, turn) - end;
}

/* 0 stays, what would become 0 is what 0 would become. */
static uint32_t fold(uint32_t v, uint32_t end, uint32_t turn)
{
    uint32_t x;

    if (!v || end >= SPAN || v + end >= SPAN)
        return v;
    x = folded(v, end, turn);
    return x ? x : folded(0, end, turn);
}

static uint32_t unfold(uint32_t x, uint32_t end, uint32_t turn)
{
    uint32_t v;

    if (!x || end >= SPAN || x + end >= SPAN)
        return x;
    v = unfolded(x, end, turn);
    return v ? v : unfolded(0, end, turn);
}

/* Where the next byte is that an opcode may begin with, or len. */
static uint32_t next_opcode(const uint8_t *code, uint32_t i, uint32_t len)
{
    const __m128i call = _mm_set1_epi8((char)0xe8), escape = _mm_set1_epi8(0x0f),
                  even = _mm_set1_epi8((char)0xfe);

    for (; len - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(code + i));
        int found = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(_mm_and_si128(v, even), call), _mm_cmpeq_epi8(v, escape)));
        if (found)
            return i + (uint32_t)__builtin_ctz((unsigned)found);
    }
    while (i < len && (code[i] & 0xfe) != 0xe8 && code[i] != 0x0f)
        i++;
    return i;
}

uint32_t template_displacement(const uint8_t *code, uint32_t i, uint32_t len)
{
    while ((i = next_opcode(code, i, len)) < len) {
        uint32_t k = code[i] != 0x0f ? 1 : len - i > 1 && (code[i + 1] & 0xf0) == 0x80 ? 2 : 0;
        if (k && len - i >= k + 4)
            return i + k;
        i++;
    }
    return len;
}

void template_fold(uint8_t *code, uint32_t len, uint32_t at, uint32_t other, bool undo)
{
    const uint32_t turn = turn_of(other);

    for (uint32_t i = 0, v; (i = template_displacement(code, i, len)) < len;) {
        i += 4;
        memcpy(&v, code + i - 4, 4);
        v = undo ? unfold(v, at + i, turn) : fold(v, at + i, turn);
        memcpy(code + i - 4, &v, 4);
    }
}

void template_fold_stub(uint8_t *stub, uint32_t n, uint32_t at)
{
    uint32_t tag;

    if (stub[0] != 0xe8)
        return;
    memcpy(&tag, stub + 5, 4);
    tag ^= n << TAG_LINK_SHIFT | (at + 5);
    memcpy(stub + 5, &tag, 4);
}
