// More values of 32 bits alive at once than a compiler of blocks has registers, some of them operands of shifted additions whose shift and
// sum become one host instruction: what was spilled stays where it is until then.
#include "guest.h"

typedef struct Values {
    uint32_t v[8];
} Values;

#ifdef __aarch64__
static void mix(Values *r, const uint32_t *x)
{
    register uint32_t *out __asm__("x19") = r->v;
    register const uint32_t *in __asm__("x28") = x;
    __asm__ volatile("ldp w6, w7, [x28]\n ldp w8, w9, [x28, #8]\n ldp w10, w11, [x28, #16]\n ldp w12, w13, [x28, #24]\n"
                     "sub w14, w6, w7\n sub w15, w7, w8\n sub w16, w8, w9\n sub w17, w9, w10\n"
                     "sub w20, w10, w11\n sub w21, w11, w12\n sub w22, w12, w13\n sub w23, w13, w6\n"
                     "add w14, w15, w14, lsl #2\n add w16, w17, w16, lsl #3\n add w20, w21, w20, lsl #1\n add w22, w23, w22, lsl #2\n"
                     "add w15, w14, w15, lsl #1\n add w17, w16, w17, lsl #2\n add w21, w20, w21, lsl #3\n add w23, w22, w23, lsl #1\n"
                     "stp w14, w15, [x19]\n stp w16, w17, [x19, #8]\n stp w20, w21, [x19, #16]\n stp w22, w23, [x19, #24]\n"
                     :
                     : "r"(out), "r"(in)
                     : "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x20", "x21", "x22", "x23", "memory");
}
#else
static void mix(Values *r, const uint32_t *x)
{
    static const int first[4] = {2, 3, 1, 2}, second[4] = {1, 2, 3, 1};
    uint32_t d[8];
    for (int i = 0; i < 8; i++) {
        d[i] = x[i] - x[(i + 1) % 8];
    }
    for (int i = 0; i < 4; i++) {
        r->v[2 * i] = d[2 * i + 1] + (d[2 * i] << first[i]);
        r->v[2 * i + 1] = r->v[2 * i] + (d[2 * i + 1] << second[i]);
    }
}
#endif

int main(void)
{
    uint32_t state = 1, x[8];
    for (int i = 0; i < 20; i++) {
        Values r;
        for (int k = 0; k < 8; k++) {
            x[k] = state = state * 1664525 + 1013904223;
        }
        mix(&r, x);
        for (int k = 0; k < 8; k++) {
            printf("%08x%c", r.v[k], k < 7 ? ' ' : '\n');
        }
    }
    return 0;
}
