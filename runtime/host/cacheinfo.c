/* The processor's caches, for libc's start. In a virtual machine each CPUID costs 20 us and more,
 * and handle_intel() of libc.a asks some fifty times; tools/startcpuid puts a jump to this in its
 * place. It runs before anything is set up and may change no vector register. */
#include <cpuid.h>
#include <unistd.h>

#include "runtime/host/cacheinfo.h"

/* Intel SDM volume 2, CPUID, leaf 4. */
typedef struct Leaf {
    unsigned eax, ebx, ecx;
} Leaf;
enum { MOST = 16 };
static Leaf leaves[MOST];
static int nleaves; /* those before the first that is no cache; 0: not read */

__attribute__((target("general-regs-only"), no_stack_protector)) long host_cache_info(int name)
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
