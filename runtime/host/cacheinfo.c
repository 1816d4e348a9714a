/* The processor's caches, for libc's start. In a virtual machine each CPUID costs 4 to 20 us and
 * more; handle_intel() of libc.a asks some fifty times, handle_amd() twenty. tools/startcpuid puts
 * jumps to these in their places. They run before anything is set up and may change no vector
 * register. */
#include <cpuid.h>
#include <stdbool.h>
#include <unistd.h>

#include "runtime/host/cacheinfo.h"

/* Intel SDM volume 2, CPUID, leaf 4. */
typedef struct Leaf {
    unsigned eax, ebx, ecx;
} Leaf;
enum { MOST = 16 };
static Leaf leaves[MOST];
static int nleaves; /* those before the first that is no cache; 0: not read */

CACHE_INFO_IN_START long host_cache_info(int name)
{
    enum { DATA = 1, CODE = 2 };
    unsigned edx, what = (unsigned)(name - _SC_LEVEL1_ICACHE_SIZE), level = what / 3;

    if (!nleaves) {
        unsigned most, b, c;
        __cpuid(0, most, b, c, edx);
        while (most >= 4 && nleaves < MOST) {
            Leaf *l = &leaves[nleaves];
            __cpuid_count(4, nleaves, l->eax, l->ebx, l->ecx, edx);
            if (!(l->eax & 31))
                break;
            nleaves++;
        }
    }
    for (int i = 0; i < nleaves; i++) {
        const Leaf *l = &leaves[i];
        unsigned kind = l->eax & 31, ways = (l->ebx >> 22) + 1, line = (l->ebx & 0xfff) + 1;
        /* Asked for are, by threes: code of level 1, data of level 1, levels 2 to 4. */
        if ((l->eax >> 5 & 7) != (level ? level : 1) || (level == 0 && kind != CODE) ||
            (level == 1 && kind != DATA))
            continue;
        return what % 3 == 1   ? ways
               : what % 3 == 2 ? line
                               : (long)ways * line * ((l->ebx >> 12 & 0x3ff) + 1) * (l->ecx + 1UL);
    }
    return nleaves ? -1 : 0; /* as libc has it */
}

/* AMD64 Architecture Programmer's Manual volume 3, appendix E.4: functions 8000_0005 and 8000_0006.
 */
static struct {
    bool read;
    unsigned most, l1_data, l1_code, l2, l3;
} amd;

static inline __attribute__((always_inline)) CACHE_INFO_IN_START void read_amd(void)
{
    unsigned a, b, c, d;

    amd.read = true;
    __cpuid(0x80000000, amd.most, b, c, d);
    if (amd.most >= 0x80000005)
        __cpuid(0x80000005, a, b, amd.l1_data, amd.l1_code);
    if (amd.most >= 0x80000006)
        __cpuid(0x80000006, a, b, amd.l2, amd.l3);
}

/* The field of four bits in `word` that says so in levels 2 and 3, of `size` bytes. */
static inline __attribute__((always_inline)) CACHE_INFO_IN_START long amd_ways(unsigned word,
                                                                               unsigned size)
{
    static const unsigned char ways[15] = {[1] = 1,   [2] = 2,   [4] = 4,   [6] = 8,   [8] = 16,
                                           [10] = 32, [11] = 48, [12] = 64, [13] = 96, [14] = 128};
    unsigned code = word >> 12 & 15, line = word & 255;

    return code < 15 ? ways[code] : line ? size / line : 0;
}

CACHE_INFO_IN_START long host_cache_info_amd(int name)
{
    enum { SIZE, WAYS, LINE };
    unsigned what = (unsigned)(name - _SC_LEVEL1_ICACHE_SIZE), level = what / 3, field = what % 3;

    if (!amd.read)
        read_amd();
    if (level > 3 || amd.most < (level < 2 ? 0x80000005 : 0x80000006))
        return 0;
    if (level < 2) {
        unsigned word = level ? amd.l1_data : amd.l1_code, ways = word >> 16 & 255;
        return field == SIZE   ? word >> 14 & 0x3fc00
               : field == LINE ? word & 255
               : ways == 255   ? word >> 14 & 0x3fc00 /* all of it */
                               : ways;
    }
    unsigned word = level == 2 ? amd.l2 : amd.l3,
             size = level == 2 ? word >> 6 & 0x3fffc00 : (word & 0x3ffc0000) << 1;
    return field == WAYS      ? amd_ways(word, size)
           : !(word & 0xf000) ? 0
           : field == SIZE    ? size
                              : word & 255;
}
