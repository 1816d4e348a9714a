#include "jit/host.h"

#include <stdbool.h>
#include <sys/platform/x86.h>

static uint64_t read_xcr0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* What libc has read when it started: in a virtual machine each CPUID costs some microseconds. What
 * the processor hasn't got is 0. */
static const unsigned *leaf(unsigned index)
{
    return __x86_get_cpuid_feature_leaf(index)->cpuid_array;
}

/* Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. */
uint64_t jit_host_features(uint64_t off)
{
    enum { A, B, C, D };
    const unsigned *leaf1 = leaf(CPUID_INDEX_1), *leaf7 = leaf(CPUID_INDEX_7);
    uint32_t c = leaf1[C], b7 = leaf7[B], c7 = leaf7[C], d7 = leaf7[D],
             a71 = leaf(CPUID_INDEX_7_ECX_1)[A], c81 = leaf(CPUID_INDEX_80000001)[C];
    uint64_t f = 0, xcr0 = 0;

    if (c >> 27 & 1) /* OSXSAVE */
        xcr0 = read_xcr0();
/* clang-format off */
#define BIT(word, n, name) \
    if ((word) >> (n) & 1) \
        f |= JIT_HOST_##name;
    BIT(c, 0, SSE3) BIT(c, 9, SSSE3) BIT(c, 19, SSE41) BIT(c, 20, SSE42) BIT(c, 23, POPCNT) BIT(c, 22, MOVBE)
    BIT(c, 25, AES) BIT(c, 1, PCLMUL) BIT(c, 13, CX16) BIT(c81, 5, LZCNT) BIT(c81, 0, LAHF)
    BIT(b7, 3, BMI1) BIT(b7, 8, BMI2) BIT(b7, 29, SHA) BIT(d7, 4, FSRM) BIT(c7, 8, GFNI)
    if ((xcr0 & 6) == 6) {
        BIT(c, 28, AVX) BIT(c, 12, FMA) BIT(c, 29, F16C) BIT(b7, 5, AVX2) BIT(c7, 9, VAES) BIT(c7, 10, VPCLMUL)
    }
    /* F 16, DQ 17, BW 30, VL 31; opmask and both halves of the upper state saved. */
    if ((xcr0 & 0xe6) == 0xe6 && (b7 >> 16 & b7 >> 17 & b7 >> 30 & b7 >> 31 & 1)) {
        f |= JIT_HOST_AVX512;
        BIT(c7, 1, VBMI) BIT(c7, 11, VNNI) BIT(c7, 12, BITALG) BIT(c7, 14, VPOPCNT) BIT(a71, 5, BF16)
    }
#undef BIT
    /* clang-format on */
    f &= ~off;
    /* Levels build on each other. */
    if (!(f & JIT_HOST_SSE3))
        f &= ~(uint64_t)JIT_HOST_SSSE3;
    if (!(f & JIT_HOST_SSSE3))
        f &= ~(uint64_t)JIT_HOST_SSE41;
    if (!(f & JIT_HOST_SSE41))
        f &= ~(uint64_t)(JIT_HOST_SSE42 | JIT_HOST_AVX);
    if (!(f & JIT_HOST_AVX)) /* BMI's instructions are VEX-encoded, but need no AVX state */
        f &= ~(uint64_t)(JIT_HOST_AVX2 | JIT_HOST_FMA | JIT_HOST_F16C | JIT_HOST_VAES |
                         JIT_HOST_VPCLMUL);
    if (!(f & JIT_HOST_AVX2) || !(f & JIT_HOST_FMA))
        f &= ~(uint64_t)JIT_HOST_AVX512;
    if (!(f & JIT_HOST_AVX512))
        f &= ~(uint64_t)(JIT_HOST_VBMI | JIT_HOST_BITALG | JIT_HOST_VNNI | JIT_HOST_BF16 |
                         JIT_HOST_VPOPCNT);
    return f;
}
