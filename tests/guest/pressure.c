// More values of 32 bits alive at once than a compiler of blocks has registers, some of them operands of shifted additions whose shift and
// sum become one host instruction: what was spilled stays where it is until then. And registers of the guest in memory that are overwritten while
// their old values are still wanted, when none of the host's is free.
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

/* Turns the eight words one place, adding to each what has moved on. */
static void turn(uint64_t *x)
{
    __asm__ volatile("ldp x6, x7, [%0]\n ldp x8, x9, [%0, #16]\n ldp x10, x11, [%0, #32]\n ldp x12, x13, [%0, #48]\n"
                     "mov x14, x6\n mov x15, x7\n mov x16, x8\n mov x17, x9\n"
                     "mov x6, x10\n mov x7, x11\n mov x8, x12\n mov x9, x13\n"
                     "add x10, x14, x6\n add x11, x15, x7\n add x12, x16, x8\n add x13, x17, x9\n"
                     "eor x6, x7, x8\n eor x7, x8, x9\n eor x8, x9, x10\n eor x9, x10, x11\n"
                     "add x6, x6, x14\n add x7, x7, x15\n add x8, x8, x16\n add x9, x9, x17\n"
                     "stp x6, x7, [%0]\n stp x8, x9, [%0, #16]\n stp x10, x11, [%0, #32]\n stp x12, x13, [%0, #48]\n"
                     :
                     : "r"(x)
                     : "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
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

static void turn(uint64_t *x)
{
    uint64_t a[8];
    for (int i = 0; i < 4; i++) {
        a[i] = x[i + 4];
        a[i + 4] = x[i] + x[i + 4];
    }
    uint64_t b[4] = {a[1] ^ a[2], a[2] ^ a[3], a[3] ^ a[4], a[4] ^ a[5]};
    for (int i = 0; i < 4; i++) {
        x[i] = b[i] + x[i];
        x[i + 4] = a[i + 4];
    }
}
#endif

int main(void)
{
    uint32_t state = 1, x[8];
    uint64_t wheel[8] = {1, 2, 3, 5, 7, 11, 13, 17};
    for (int i = 0; i < 20; i++) {
        Values r;
        for (int k = 0; k < 8; k++) {
            x[k] = state = state * 1664525 + 1013904223;
        }
        mix(&r, x);
        for (int k = 0; k < 8; k++) {
            printf("%08x ", r.v[k]);
        }
        turn(wheel);
        printf("%016llx %016llx\n", (unsigned long long)wheel[i % 8], (unsigned long long)wheel[(i + 3) % 8]);
    }
    return 0;
}
