// Faults within loops that have become hot: the handler finds every register, the flags, the pc and
// the address as they are at the instruction, repairs the base register, and the loop goes on. In
// each round the registers are those of a model that computes the same in C. The native program
// runs the model alone.
#include "guest.h"

#include <signal.h>
#include <sys/mman.h>

enum { ROUNDS = 60000, EVERY = 977 };

// x1 to x12, v0 and v1, and the flags.
typedef struct State {
    uint64_t x[16], v[4];
    unsigned nzcv;
} State;

static uint64_t rotated(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint64_t digest_of(const State *s, uint64_t before)
{
    for (int i = 1; i < 13; i++) {
        before = rotated(before, 13) * 31 + s->x[i];
    }
    for (int i = 0; i < 4; i++) {
        before = rotated(before, 17) * 31 + s->v[i];
    }
    return before * 16 + s->nzcv;
}

static uint64_t word;
static uint64_t seen;
static unsigned faults, wrong;

#ifdef __aarch64__
#include <ucontext.h>

static char *closed; // a page that can't be accessed
extern char the_load[], the_store[];

static void on_fault(int n, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    uint64_t *x = (uint64_t *)u->uc_mcontext.regs;
    struct fpsimd_context *fp = (struct fpsimd_context *)u->uc_mcontext.__reserved;
    State s = {.nzcv = (unsigned)(u->uc_mcontext.pstate >> 28)};
    for (int i = 0; i < 13; i++) {
        s.x[i] = x[i];
    }
    memcpy(s.v, fp->vregs, 32);
    bool load = u->uc_mcontext.pc == (uint64_t)the_load,
         store = u->uc_mcontext.pc == (uint64_t)the_store;
    wrong += n != SIGSEGV || (!load && !store) ||
             (uint64_t)info->si_addr != (uint64_t)closed + (load ? 8 : 16) ||
             x[13] != (uint64_t)closed;
    seen = digest_of(&s, seen);
    faults++;
    x[13] = x[14]; // the same access again, to `word`
}

static void __attribute__((noinline)) run(State *s)
{
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &act, NULL);
    static uint64_t room[4];
    room[1] = word;
    register uint64_t *state __asm__("x19") = s->x;
    register uint64_t good __asm__("x20") = (uint64_t)room, bad __asm__("x21") = (uint64_t)closed,
                           rounds __asm__("x22") = ROUNDS, every __asm__("x23") = EVERY;
    __asm__ volatile("ldp x1, x2, [x19, #8]\n"
                     "ldp x3, x4, [x19, #24]\n"
                     "ldp x5, x6, [x19, #40]\n"
                     "ldp x7, x8, [x19, #56]\n"
                     "ldp x9, x10, [x19, #72]\n"
                     "ldp x11, x12, [x19, #88]\n"
                     "ldp q0, q1, [x19, #128]\n"
                     "mov x8, #0\n"
                     "mov x14, x20\n"
                     "mov x15, x23\n"
                     "1: subs x15, x15, #1\n"
                     "csel x13, x21, x20, eq\n"
                     "csel x15, x23, x15, eq\n"
                     "add x1, x1, x2\n"
                     "eor x2, x2, x1\n"
                     "ror x2, x2, #7\n"
                     "add x3, x3, x3, lsl #1\n"
                     "add x3, x3, x1\n"
                     "eor x4, x4, x3, lsr #11\n"
                     "add x5, x4, x2\n"
                     "sub x6, x6, x5\n"
                     "mov w7, w6\n"
                     "fmov d4, x1\n"
                     "mov v4.d[1], x2\n"
                     "add v0.2d, v0.2d, v4.2d\n"
                     "eor v1.16b, v1.16b, v0.16b\n"
                     "cmp x1, x6\n"
                     "b 2f\n"
                     "nop\n"
                     ".globl the_load\n"
                     "2:\n"
                     "the_load: ldr x9, [x13, #8]\n"
                     "add x10, x10, x9\n"
                     "eor x11, x10, x5\n"
                     "add x12, x12, #5\n"
                     "add x8, x8, #1\n"
                     "tst x8, #1\n"
                     "csel x13, x20, x13, eq\n"
                     "cmp x15, x23\n"
                     "csel x13, x21, x13, eq\n"
                     "cmp x12, x11\n"
                     ".globl the_store\n"
                     "the_store: str x10, [x13, #16]\n"
                     "cmp x8, x22\n"
                     "b.ne 1b\n"
                     "stp x1, x2, [x19, #8]\n"
                     "stp x3, x4, [x19, #24]\n"
                     "stp x5, x6, [x19, #40]\n"
                     "stp x7, x8, [x19, #56]\n"
                     "stp x9, x10, [x19, #72]\n"
                     "stp x11, x12, [x19, #88]\n"
                     "stp q0, q1, [x19, #128]\n" ::"r"(state),
                     "r"(good), "r"(bad), "r"(rounds), "r"(every)
                     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                       "x13", "x14", "x15", "v0", "v1", "v4", "cc", "memory");
}
#else
static void look(const State *s, unsigned nzcv)
{
    State copy = *s;
    copy.nzcv = nzcv;
    seen = digest_of(&copy, seen);
    faults++;
}

static unsigned flags_of(uint64_t a, uint64_t b)
{
    uint64_t r = a - b;
    return (unsigned)(r >> 63 << 3 | (uint64_t)(r == 0) << 2 | (uint64_t)(a >= b) << 1 |
                      ((a ^ b) & (a ^ r)) >> 63);
}

static void __attribute__((noinline)) run(State *s)
{
    uint64_t *x = s->x, *v = s->v;
    x[8] = 0;
    for (unsigned left = EVERY, round = 0; round < ROUNDS; round++) {
        left = left == 1 ? EVERY : left - 1;
        x[1] += x[2];
        x[2] = rotated(x[2] ^ x[1], 7);
        x[3] = x[3] * 3 + x[1];
        x[4] ^= x[3] >> 11;
        x[5] = x[4] + x[2];
        x[6] -= x[5];
        x[7] = (uint32_t)x[6];
        v[0] += x[1];
        v[1] += x[2];
        v[2] ^= v[0];
        v[3] ^= v[1];
        if (left == EVERY) {
            look(s, flags_of(x[1], x[6]));
        }
        x[9] = word;
        x[10] += x[9];
        x[11] = x[10] ^ x[5];
        x[12] += 5;
        x[8]++;
        if (left == EVERY) {
            look(s, flags_of(x[12], x[11]));
        }
    }
}
#endif

int main(void)
{
    State s = {.nzcv = 0};
    word = UINT64_C(0x0123456789abcdef);
    for (unsigned i = 0; i < 16; i++) {
        s.x[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        s.v[i % 4] = i * UINT64_C(0xbf58476d1ce4e5b9);
    }
    run(&s);
    s.nzcv = 0;
    printf("faults %u, wrong %u, seen %016llx, at the end %016llx\n", faults, wrong,
           (unsigned long long)seen, (unsigned long long)digest_of(&s, 0));
    return 0;
}
