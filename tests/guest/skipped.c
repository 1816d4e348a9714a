// A comparison that a branch skips raises nothing, whatever of its flags is read behind the branch.
#include "guest.h"

#include <stdint.h>
#include <string.h>

#define ROUNDS 300

#ifdef __aarch64__
// The comparison's flags, or those from before.
static uint64_t __attribute__((noinline)) compare(unsigned w, float a, float b)
{
    uint64_t flags;
    __asm__ volatile("mov x9, #3\n\t"
                     "cmp w9, #3\n"
                     "1:\n\t"
                     "b.lt 2f\n"
                     "2:\n\t"
                     "tbz %w1, #4, 3f\n\t"
                     "fccmpe %s2, %s3, #6, al\n"
                     "3:\n\t"
                     "sub x9, x9, #1\n\t"
                     "cbnz x9, 1b\n\t"
                     "mrs %0, nzcv"
                     : "=r"(flags)
                     : "r"(w), "w"(a), "w"(b)
                     : "cc", "x9");
    return flags >> 28;
}

static unsigned invalid_raised(unsigned w, float a, float b)
{
    uint64_t fpsr;
    __asm__ volatile("msr fpsr, xzr");
    (void)compare(w, a, b);
    __asm__ volatile("mrs %0, fpsr" : "=r"(fpsr));
    return fpsr & 1;
}
#else
static uint64_t compare(unsigned w, float a, float b)
{
    return !(w & 16) ? 6 : a != a || b != b ? 3 : a < b ? 8 : a > b ? 2 : 6;
}

static unsigned invalid_raised(unsigned w, float a, float b)
{
    return w & 16 && (a != a || b != b);
}
#endif

int main(void)
{
    uint32_t bits = 0x7f800001; // a signaling NaN
    float nan;
    unsigned flags = 0, invalid = 0;
    memcpy(&nan, &bits, sizeof bits);
    for (unsigned k = 0; k < ROUNDS; k++) {
        flags += (unsigned)(compare(0, nan, 1) + compare(16, nan, 1) + compare(16, 1, 2));
        invalid += invalid_raised(0, nan, 1);
        invalid += invalid_raised(0, 1, nan);
        if (k % 3 == 0)
            invalid += invalid_raised(16, 1, nan);
    }
    printf("%u %u\n", flags, invalid);
    return 0;
}
