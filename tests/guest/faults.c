// What the frame of a memory fault says: the flags, although nothing reads them before they are written again; the address and
// the code of faults. The native program prints what it must be.
#include "guest.h"
// guest: flags=-march=armv8.4-a

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#ifdef __aarch64__
#include <ucontext.h>

static sigjmp_buf back;
static volatile unsigned nzcv;
static volatile int number, code;
static volatile uint64_t address;

static void on_fault(int n, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    number = n;
    code = info->si_code;
    address = (uint64_t)info->si_addr;
    nzcv = u->uc_mcontext.pstate >> 28;
    siglongjmp(back, 1);
}

// The flags of a - b when the load in the next block faults.
static unsigned flags_at_fault(uint64_t a, uint64_t b)
{
    nzcv = 16;
    if (!sigsetjmp(back, 1)) {
        __asm__ volatile("cmp %0, %1\n"
                         "b 1f\n"
                         "nop\n"
                         "1: ldr x9, [%2]\n"
                         "cmp x9, #1\n"
                         "cset x9, eq" ::"r"(a), "r"(b), "r"(16)
                         : "x9", "cc", "memory");
    }
    return nzcv;
}

static char *area;

static void misaligned(const char *name, int which)
{
    number = code = 0;
    address = 0;
    if (!sigsetjmp(back, 1)) {
        switch (which) {
        case 0: __asm__ volatile("ldxr x9, [%0]" ::"r"(area + 12) : "x9", "memory"); break;
        case 1: __asm__ volatile("ldar x9, [%0]" ::"r"(area + 12) : "x9", "memory"); break;
        case 2: __asm__ volatile("stlr w9, [%0]" ::"r"(area + 14) : "x9", "memory"); break;
        case 3: __asm__ volatile("ldxp x9, x10, [%0]" ::"r"(area + 8) : "x9", "x10", "memory"); break;
        default: __asm__ volatile("ldapur x9, [%0, #-4]" ::"r"(area + 16) : "x9", "memory"); break;
        }
    }
    printf("%s: SIGBUS %d, code %d, address +%d\n", name, number == SIGBUS, code, (int)(address - (uint64_t)area));
}

static void prepare(void)
{
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
#else
static void prepare(void)
{
}

static unsigned flags_at_fault(uint64_t a, uint64_t b)
{
    uint64_t r = a - b;
    return (unsigned)(r >> 63 << 3 | (uint64_t)(r == 0) << 2 | (uint64_t)(a >= b) << 1 | ((a ^ b) & (a ^ r)) >> 63);
}

static void misaligned(const char *name, int which)
{
    static const int at[] = {12, 12, 14, 8, 12};
    printf("%s: SIGBUS 1, code 1, address +%d\n", name, at[which]);
}
#endif

int main(void)
{
    static const uint64_t values[] = {0, 1, 2, ~UINT64_C(0), UINT64_C(1) << 63, ~UINT64_C(0) >> 1};
    static const char *const names[] = {"ldxr", "ldar", "stlr", "ldxp", "ldapur"};
    prepare();
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned k = 0; k < 6; k++) {
            printf(" %x", flags_at_fault(values[i], values[k]));
        }
        printf("\n");
    }
    for (int i = 0; i < 5; i++) {
        misaligned(names[i], i);
    }
    return 0;
}
