/* host.h - what the host CPU can do beyond x86-64's baseline (SSE2), from CPUID at start.
 *
 * Bits of JitOptions.host_features_off switch them off one by one, for tests.
 */
#ifndef XEMU_JIT_HOST_H
#define XEMU_JIT_HOST_H

#include <stdint.h>

/* One row each: JIT_HOST(name, bit number, "name in XEMU_HOST_FEATURES"). */
/* clang-format off */
#define JIT_HOST_LIST(X) \
    X(SSE3, 0, "sse3") X(SSSE3, 1, "ssse3") X(SSE41, 2, "sse4.1") X(SSE42, 3, "sse4.2") X(POPCNT, 4, "popcnt") \
    X(LZCNT, 5, "lzcnt") X(BMI1, 6, "bmi1") X(BMI2, 7, "bmi2") X(MOVBE, 8, "movbe") X(AES, 9, "aes") \
    X(PCLMUL, 10, "pclmul") X(SHA, 11, "sha") X(AVX, 12, "avx") X(AVX2, 13, "avx2") X(FMA, 14, "fma") X(F16C, 15, "f16c") \
    X(AVX512, 16, "avx512") /* F, VL, BW, DQ together */ X(VBMI, 17, "avx512vbmi") X(BITALG, 18, "avx512bitalg") \
    X(GFNI, 19, "gfni") X(VAES, 20, "vaes") X(VPCLMUL, 21, "vpclmul") X(VNNI, 22, "avx512vnni") X(BF16, 23, "avx512bf16") \
    X(CX16, 24, "cx16") X(FSRM, 25, "fsrm") X(LAHF, 26, "lahf") X(VPOPCNT, 27, "avx512vpopcntdq")
/* clang-format on */

enum {
#define JIT_HOST_BIT(name, bit, text) JIT_HOST_##name = 1 << (bit),
    JIT_HOST_LIST(JIT_HOST_BIT)
#undef JIT_HOST_BIT
};

/* A clock that costs a few cycles and disturbs nothing, of a rate that is found by comparing it
 * with another. */
static inline uint64_t jit_host_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

/* JIT_HOST_* bits of this CPU (and of what the kernel saves), less those in `off`. What depends on
 * a masked bit goes with it. */
uint64_t jit_host_features(uint64_t off);

#endif
