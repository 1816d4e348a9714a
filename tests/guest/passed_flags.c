// Flags that pass through returns, indirect branches and calls, which compilers never do: of sums,
// differences and masks of both widths, with registers and numbers, whose operands and results are
// overwritten in between. The native program runs the model alone.
#include "guest.h"

#define CASES(F)                                                                                   \
    F(cmp_x, "cmp x0, x1", 1, 1, 0, 0, 0)                                                          \
    F(cmp_w, "cmp w0, w1", 0, 1, 0, 0, 0)                                                          \
    F(cmn_x, "cmn x0, x1", 1, 0, 0, 0, 0)                                                          \
    F(cmn_w, "cmn w0, w1", 0, 0, 0, 0, 0)                                                          \
    F(tst_x, "tst x0, x1", 1, 0, 1, 0, 0)                                                          \
    F(tst_w, "tst w0, w1", 0, 0, 1, 0, 0)                                                          \
    F(subs_x, "subs x0, x0, x1", 1, 1, 0, 0, 0)                                                    \
    F(subs_w, "subs w1, w0, w1", 0, 1, 0, 0, 0)                                                    \
    F(adds_x, "adds x1, x0, x1", 1, 0, 0, 0, 0)                                                    \
    F(adds_w, "adds w0, w0, w1", 0, 0, 0, 0, 0)                                                    \
    F(ands_w, "ands w0, w0, w1", 0, 0, 1, 0, 0)                                                    \
    F(far_x, "mov x9, x0\n mov x10, x1\n subs x11, x9, x10\n mov x9, #0", 1, 1, 0, 0, 0)           \
    F(cmp_xi, "cmp x0, #7", 1, 1, 0, 1, 7)                                                         \
    F(cmp_wi, "cmp w0, #4095, lsl #12", 0, 1, 0, 1, 0xfff000)                                      \
    F(cmn_xi, "cmn x0, #4095, lsl #12", 1, 0, 0, 1, 0xfff000)                                      \
    F(cmn_wi, "cmn w0, #1", 0, 0, 0, 1, 1)                                                         \
    F(tst_xi, "tst x0, #0x8000000000000001", 1, 0, 1, 1, INT64_MIN + 1)                            \
    F(tst_wi, "tst w0, #0xff00", 0, 0, 1, 1, 0xff00)                                               \
    F(subs_xi, "subs x0, x0, #1", 1, 1, 0, 1, 1)                                                   \
    F(adds_wi, "adds w20, w0, #0x800", 0, 0, 0, 1, 0x800)                                          \
    F(subs_wi, "subs w0, w0, #0", 0, 1, 0, 1, 0)                                                   \
    F(negs_x, "negs x0, x0\n", 1, 2, 0, 1, 0)                                                      \
    F(kept_w, "cmp w0, w1\n cset w2, hi\n adds w2, w2, w2\n cmp w0, w1\n eor x0, x0, x1", 0, 1, 0, \
      0, 0)

enum {
#define NAME(name, ...) name,
    CASES(NAME) COUNT
};

static unsigned model(bool wide, int sub, bool logic, bool has_imm, int64_t imm, uint64_t x,
                      uint64_t y)
{
    unsigned shift = wide ? 0 : 32;
    uint64_t a = x << shift, b = (has_imm ? (uint64_t)imm : y) << shift;
    if (sub == 2) {
        b = a;
        a = 0;
    }
    uint64_t r = logic ? a & b : sub ? a - b : a + b;
    bool c = !logic && (sub ? a >= b : r < a);
    bool v = !logic && ((sub ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r)) >> 63);
    return (unsigned)(r >> 63) << 3 | (unsigned)(r == 0) << 2 | (unsigned)c << 1 | v;
}

static unsigned expected(unsigned which, uint64_t x, uint64_t y)
{
    switch (which) {
#define MODEL(name, code, wide, sub, logic, has_imm, imm)                                          \
    case name: return model(wide, sub, logic, has_imm, imm, x, y);
        CASES(MODEL)
    default: return 0;
    }
}

static unsigned wrong;

#ifdef __aarch64__
extern const char first_maker[] __attribute__((visibility("hidden")));

// Each is 16 instructions long.
asm(".text\n .balign 64\nfirst_maker:\n"
#define MAKER(name, code, ...) ".balign 64\n" code "\n ret\n"
    CASES(MAKER));

// Makes the flags by a call and reads them by MRS, by conditions and in what an indirect branch and
// a call lead to; they must agree. Result: N Z C V, and bit 4 if they don't.
asm(".text\n .balign 4\n"
    "read_elsewhere:\n"
    " cset w13, eq\n cset w14, lt\n cset w15, hi\n b.vs 1f\n mov w16, #0\n ret\n"
    "1: mov w16, #1\n ret\n"
    "read_passed:\n"
    " stp x29, x30, [sp, #-48]!\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n"
    " mov x19, x0\n mov x21, x1\n mov x22, x2\n"
    " mov x0, x21\n mov x1, x22\n blr x19\n mrs x3, nzcv\n"
    " mov x0, x21\n mov x1, x22\n blr x19\n cset w4, mi\n cset w5, eq\n cset w6, cs\n cset w7, vs\n"
    " mov x0, x21\n mov x1, x22\n adr x8, 2f\n blr x19\n br x8\n"
    "2: b.hi 3f\n mov w17, #0\n b 4f\n3: mov w17, #1\n"
    "4: mov x0, x21\n mov x1, x22\n blr x19\n bl read_elsewhere\n"
    " mov w12, #0\n"
    " lsr w3, w3, #28\n"
    " orr w4, w5, w4, lsl #1\n orr w4, w6, w4, lsl #1\n orr w4, w7, w4, lsl #1\n"
    " cmp w4, w3\n csinc w12, w12, w12, eq\n"   // conditions and MRS
    " cmp w17, w15\n csinc w12, w12, w12, eq\n" // HI twice
    " cmp w13, w5\n csinc w12, w12, w12, eq\n"  // EQ twice
    " cmp w16, w7\n csinc w12, w12, w12, eq\n"  // VS twice
    " lsr w0, w3, #3\n eor w0, w0, w3\n and w0, w0, #1\n"
    " cmp w14, w0\n csinc w12, w12, w12, eq\n" // LT: N != V
    " and w0, w3, #6\n cmp w0, #2\n cset w0, eq\n"
    " cmp w17, w0\n csinc w12, w12, w12, eq\n" // HI: C and not Z
    " cmp w12, #0\n cset w12, ne\n orr w0, w3, w12, lsl #4\n"
    " ldp x21, x22, [sp, #32]\n ldp x19, x20, [sp, #16]\n ldp x29, x30, [sp], #48\n ret\n");
unsigned read_passed(const char *maker, uint64_t x, uint64_t y)
    __attribute__((visibility("hidden")));

static void check(unsigned which, uint64_t x, uint64_t y)
{
    wrong += read_passed(first_maker + 64 * which, x, y) != expected(which, x, y);
}
#else
static void check(unsigned which, uint64_t x, uint64_t y)
{
    (void)which, (void)x, (void)y;
}
#endif

int main(void)
{
    static const uint64_t edges[] = {0,          1,          7,
                                     0x7fffffff, 0x80000000, 0xffffffff,
                                     0xfff000,   INT64_MAX,  (uint64_t)INT64_MIN,
                                     UINT64_MAX, 0xff00,     0x7ffffffffffff000};
    enum { EDGES = sizeof edges / sizeof edges[0], ROUNDS = 1500 };
    for (unsigned which = 0; which < COUNT; which++) {
        for (unsigned k = 0; k < EDGES * EDGES + ROUNDS; k++) {
            uint64_t x = rnd(), y = k & 1 ? rnd() : x + (rnd() & 3);
            if (k < EDGES * EDGES) {
                x = edges[k / EDGES];
                y = edges[k % EDGES];
            }
            digest(expected(which, x, y));
            check(which, x, y);
        }
    }
    printf("%u wrong, %016" PRIx64 "\n", wrong, digest_state);
    return 0;
}
