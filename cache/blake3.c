/* blake3.c - see blake3.h. */
#include "cache/blake3.h"

#include <string.h>
#include <sys/platform/x86.h>

enum { CHUNK = 1024, BLOCK = 64, LANES = 8 };
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

typedef uint32_t Vec __attribute__((vector_size(4 * LANES)));
typedef uint32_t VecUnaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* The message words of each round: the permutation of table 2, applied again and again. */
static const uint8_t schedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* The quarter round and the round, for words as for vectors of words. */
#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define G(a, b, c, d, x, y)                                                                        \
    do {                                                                                           \
        v[a] = v[a] + v[b] + (x);                                                                  \
        v[d] = ROTR(v[d] ^ v[a], 16);                                                              \
        v[c] = v[c] + v[d];                                                                        \
        v[b] = ROTR(v[b] ^ v[c], 12);                                                              \
        v[a] = v[a] + v[b] + (y);                                                                  \
        v[d] = ROTR(v[d] ^ v[a], 8);                                                               \
        v[c] = v[c] + v[d];                                                                        \
        v[b] = ROTR(v[b] ^ v[c], 7);                                                               \
    } while (0)
#define ROUND(m, s)                                                                                \
    do {                                                                                           \
        G(0, 4, 8, 12, m[s[0]], m[s[1]]);                                                          \
        G(1, 5, 9, 13, m[s[2]], m[s[3]]);                                                          \
        G(2, 6, 10, 14, m[s[4]], m[s[5]]);                                                         \
        G(3, 7, 11, 15, m[s[6]], m[s[7]]);                                                         \
        G(0, 5, 10, 15, m[s[8]], m[s[9]]);                                                         \
        G(1, 6, 11, 12, m[s[10]], m[s[11]]);                                                       \
        G(2, 7, 8, 13, m[s[12]], m[s[13]]);                                                        \
        G(3, 4, 9, 14, m[s[14]], m[s[15]]);                                                        \
    } while (0)

/* ---- one block ------------------------------------------------------------------------------- */

static void compress(uint32_t cv[8], const uint8_t block[BLOCK], uint32_t len, uint64_t counter,
                     uint32_t flags)
{
    uint32_t m[16], v[16];

    memcpy(m, block, sizeof m);
    memcpy(v, cv, 32);
    memcpy(v + 8, iv, 16);
    v[12] = (uint32_t)counter;
    v[13] = (uint32_t)(counter >> 32);
    v[14] = len;
    v[15] = flags;
    for (unsigned r = 0; r < 7; r++)
        ROUND(m, schedule[r]);
    for (unsigned i = 0; i < 8; i++)
        cv[i] = v[i] ^ v[i + 8];
}

static void chunk_cv(uint32_t cv[8], const uint8_t *data, size_t len, uint64_t counter,
                     uint32_t root)
{
    uint32_t flags = CHUNK_START;

    memcpy(cv, iv, 32);
    for (; len > BLOCK; len -= BLOCK, data += BLOCK) {
        compress(cv, data, BLOCK, counter, flags);
        flags = 0;
    }
    uint8_t last[BLOCK] = {0};
    if (len)
        memcpy(last, data, len);
    compress(cv, last, (uint32_t)len, counter, flags | CHUNK_END | root);
}

static void parent_cv(uint32_t cv[8], const uint32_t left[8], const uint32_t right[8],
                      uint32_t root)
{
    uint8_t block[BLOCK];

    memcpy(block, left, 32);
    memcpy(block + 32, right, 32);
    memcpy(cv, iv, 32);
    compress(cv, block, BLOCK, 0, PARENT | root);
}

/* ---- eight inputs side by side --------------------------------------------------------------- */

/* Interleaves of two vectors, as the steps of an 8 x 8 transposition. */
#define LO32(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HI32(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LO64(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HI64(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW(a, b)  __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#define TRANSPOSE(r)                                                                               \
    do {                                                                                           \
        Vec p0 = LO32(r[0], r[1]), p1 = HI32(r[0], r[1]), p2 = LO32(r[2], r[3]),                   \
            p3 = HI32(r[2], r[3]), p4 = LO32(r[4], r[5]), p5 = HI32(r[4], r[5]),                   \
            p6 = LO32(r[6], r[7]), p7 = HI32(r[6], r[7]);                                          \
        Vec q0 = LO64(p0, p2), q1 = HI64(p0, p2), q2 = LO64(p1, p3), q3 = HI64(p1, p3),            \
            q4 = LO64(p4, p6), q5 = HI64(p4, p6), q6 = LO64(p5, p7), q7 = HI64(p5, p7);            \
        r[0] = LOW(q0, q4), r[1] = LOW(q1, q5), r[2] = LOW(q2, q6), r[3] = LOW(q3, q7);            \
        r[4] = HIGH(q0, q4), r[5] = HIGH(q1, q5), r[6] = HIGH(q2, q6), r[7] = HIGH(q3, q7);        \
    } while (0)

/* Eight inputs of `blocks` blocks each, one every `stride` bytes, to eight chaining values. */
typedef void HashLanes(const uint8_t *data, size_t stride, unsigned blocks, uint64_t counter,
                       bool count, uint32_t first, uint32_t last, uint32_t flags,
                       uint32_t out[LANES][8]);

static inline __attribute__((always_inline)) void
hash_lanes(const uint8_t *data, size_t stride, unsigned blocks, uint64_t counter, bool count,
           uint32_t first, uint32_t last, uint32_t flags, uint32_t out[LANES][8])
{
    Vec cv[8], low = {0}, high = {0};

    for (unsigned i = 0; i < 8; i++)
        cv[i] = (Vec){0} + iv[i];
    for (unsigned i = 0; i < LANES; i++) {
        low[i] = (uint32_t)(counter + (count ? i : 0));
        high[i] = (uint32_t)((counter + (count ? i : 0)) >> 32);
    }
    for (unsigned b = 0; b < blocks; b++) {
        Vec m[16], v[16];
        for (unsigned i = 0; i < LANES; i++) {
            const VecUnaligned *at = (const void *)(data + i * stride + (size_t)b * BLOCK);
            m[i] = at[0];
            m[8 + i] = at[1];
        }
        Vec *upper = m + 8;
        TRANSPOSE(m);
        TRANSPOSE(upper);
        for (unsigned i = 0; i < 8; i++)
            v[i] = cv[i];
        for (unsigned i = 0; i < 4; i++)
            v[8 + i] = (Vec){0} + iv[i];
        v[12] = low;
        v[13] = high;
        v[14] = (Vec){0} + BLOCK;
        v[15] = (Vec){0} + (flags | (b == 0 ? first : 0) | (b + 1 == blocks ? last : 0));
#pragma GCC unroll 7
        for (unsigned r = 0; r < 7; r++)
            ROUND(m, schedule[r]);
        for (unsigned i = 0; i < 8; i++)
            cv[i] = v[i] ^ v[i + 8];
    }
    TRANSPOSE(cv);
    memcpy(out, cv, sizeof cv);
}

#define VERSION(name, ...)                                                                         \
    __VA_ARGS__ static void name(const uint8_t *data, size_t stride, unsigned blocks,              \
                                 uint64_t counter, bool count, uint32_t first, uint32_t last,      \
                                 uint32_t flags, uint32_t out[LANES][8])                           \
    {                                                                                              \
        hash_lanes(data, stride, blocks, counter, count, first, last, flags, out);                 \
    }
VERSION(hash_lanes_plain)
VERSION(hash_lanes_avx2, __attribute__((target("avx2"))))
VERSION(hash_lanes_avx512, __attribute__((target("avx2,avx512f,avx512vl"))))

/* index: x86_cpu_<feature>. As CPU_FEATURE_ACTIVE() of libc, which shifts a one to the sign of an
 * int. */
static bool is_active(unsigned index)
{
    enum { WORD = 32, LEAF = 4 * WORD };
    const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(index / LEAF);
    return leaf->active_array[index % LEAF / WORD] >> index % WORD & 1;
}

/* By what libc found when it started. */
static HashLanes *best_version(void)
{
    if (is_active(x86_cpu_AVX512F) && is_active(x86_cpu_AVX512VL))
        return hash_lanes_avx512;
    return is_active(x86_cpu_AVX2) ? hash_lanes_avx2 : hash_lanes_plain;
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* A complete subtree of n chunks, n a power of two from 8 to BLAKE3_PIECE / CHUNK. */
static void complete_cv(uint32_t cv[8], const uint8_t *data, unsigned n, uint64_t counter)
{
    _Static_assert(BLAKE3_PIECE / CHUNK == 64, "the size of the levels below");
    uint32_t level[64][8];
    HashLanes *hash = best_version();

    for (unsigned i = 0; i < n; i += LANES)
        hash(data + (size_t)i * CHUNK, CHUNK, CHUNK / BLOCK, counter + i, true, CHUNK_START,
             CHUNK_END, 0, &level[i]);
    for (n /= 2; n >= LANES; n /= 2) {
        for (unsigned i = 0; i < n; i += LANES)
            hash((const uint8_t *)level[2 * i], BLOCK, 1, 0, false, 0, 0, PARENT, &level[i]);
    }
    for (; n; n /= 2) {
        for (unsigned i = 0; i < n; i++)
            parent_cv(level[i], level[2 * i], level[2 * i + 1], 0);
    }
    memcpy(cv, level[0], 32);
}

typedef struct Input {
    Blake3Read read;
    void *ctx;
    uint8_t *room;
} Input;

/* The left subtree: the most chunks that are a power of two and leave something. */
static uint64_t left_size(uint64_t len)
{
    return (uint64_t)1 << (63 - __builtin_clzll(len - 1));
}

static bool subtree_cv(const Input *in, uint32_t cv[8], const uint8_t *data, uint64_t offset,
                       uint64_t len, uint32_t root)
{
    if (!data && len <= BLAKE3_PIECE) {
        if (len && !in->read(in->ctx, offset, in->room, len))
            return false;
        data = in->room;
    }
    if (len <= CHUNK) {
        chunk_cv(cv, data, len, offset / CHUNK, root);
        return true;
    }
    if (data && !root && len >= LANES * CHUNK && len <= BLAKE3_PIECE && !(len & (len - 1))) {
        complete_cv(cv, data, (unsigned)(len / CHUNK), offset / CHUNK);
        return true;
    }
    uint64_t left = left_size(len);
    uint32_t a[8], b[8];
    if (!subtree_cv(in, a, data, offset, left, 0) ||
        !subtree_cv(in, b, data ? data + left : NULL, offset + left, len - left, 0))
        return false;
    parent_cv(cv, a, b, root);
    return true;
}

void blake3(const void *data, size_t len, uint8_t out[BLAKE3_SIZE])
{
    static const uint8_t nothing;
    uint32_t cv[8];

    subtree_cv(NULL, cv, data ? data : &nothing, 0, len, ROOT);
    memcpy(out, cv, BLAKE3_SIZE);
}

bool blake3_read(Blake3Read read, void *ctx, uint64_t len, uint8_t *room, uint8_t out[BLAKE3_SIZE])
{
    Input in = {read, ctx, room};
    uint32_t cv[8];

    if (!subtree_cv(&in, cv, NULL, 0, len, ROOT))
        return false;
    memcpy(out, cv, BLAKE3_SIZE);
    return true;
}
