// Branch target identification: which first instructions of a guarded page take which indirect branch. The native
// program prints what the rules say (Arm ARM D8.4.2; Linux sets SCTLR_EL1.BT0 and refuses with SIGILL, ILL_ILLOPC).
#include "guest.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

enum { PADS = 6, BRANCHES = 5, BOTH_WAYS = 8000 };
static const char *const pad_names[PADS] = {"bti", "bti c", "bti j", "bti jc", "paciasp", "nop"};
static const char *const branch_names[BRANCHES] = {"blr", "br x16", "br x5", "ret", "blr to a tagged address"};

#ifdef __aarch64__
#include <ucontext.h>

static sigjmp_buf back;
static volatile int code, btype, at_target;
static uint32_t *page;

static void on_sigill(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)number;
    code = info->si_code;
    btype = u->uc_mcontext.pstate >> 10 & 3;
    at_target = u->uc_mcontext.pc == (uint64_t)page && info->si_addr == page;
    siglongjmp(back, 1);
}

static void fill(int pad, bool guarded)
{
    static const uint32_t pads[PADS] = {0xd503241f, 0xd503245f, 0xd503249f, 0xd50324df, 0xd503233f, 0xd503201f};
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t *at = page; at <= page + 4; at += 4) {
        at[0] = pads[pad];
        at[1] = 0xd2800540; // mov x0, #42
        at[2] = pads[pad] == 0xd503233f ? 0xd50323bf : 0xd503201f; // autiasp, nop
        at[3] = 0xd65f03c0; // ret
    }
    __builtin___clear_cache((char *)page, (char *)(page + 8));
    mprotect(page, 4096, PROT_READ | PROT_EXEC | (guarded ? 0x10 : 0));
}

static long go(int branch)
{
    uint64_t tag = branch == 4 ? UINT64_C(0xff) << 56 : 0; // the addresses above are the kernel's by bit 55 alone
    register void *target __asm__("x16") = (void *)((uintptr_t)page | tag);
    register long result __asm__("x0") = 0;
    switch (branch) {
    case 0:
    case 4:
        __asm__ volatile("blr x16" : "=r"(result) : "r"(target) : "x30", "memory");
        break;
    case 1:
        __asm__ volatile("adr x30, 1f\n br x16\n1: hint #38" : "=r"(result) : "r"(target) : "x30", "memory");
        break;
    case 2:
        __asm__ volatile("adr x30, 1f\n mov x5, x16\n br x5\n1: hint #38" : "=r"(result) : "r"(target)
                         : "x5", "x30", "memory");
        break;
    default:
        __asm__ volatile("adr x30, 1f\n ret x16\n1: nop" : "=r"(result) : "r"(target) : "x30", "memory");
    }
    return result;
}

static void attempt(int pad, int branch, bool guarded)
{
    // volatile: they live across siglongjmp
    volatile long result = 0;
    fill(pad, guarded);
    code = 0;
    if (!sigsetjmp(back, 1)) {
        result = go(branch);
    }
    if (code) {
        printf(" SIGILL/%d btype %d at target %d", code, btype, at_target);
    } else {
        printf(" %ld", result);
    }
    munmap(page, 4096);
}

// Two functions, each reached by both kinds of branch in turn (tests/cli counts what is looked up).
static long both_ways(void)
{
    long sum = 0;
    fill(1, true);
    uint32_t *first = page;
    for (int i = 0; i < BOTH_WAYS; i++) {
        page = first + (i >> 1 & 1) * 4;
        sum += go(i & 1);
    }
    munmap(first, 4096);
    return sum;
}

static void prepare(void)
{
    struct sigaction act = {.sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &act, NULL);
}
#else
static long both_ways(void)
{
    return BOTH_WAYS * 42L;
}

static void prepare(void)
{
}

// This program isn't on a guarded page itself, so that BTYPE is 1 for every BR.
static void attempt(int pad, int branch, bool guarded)
{
    static const uint8_t refused[PADS] = {1 << 1 | 1 << 2, 0, 1 << 2, 0, 0, 1 << 1 | 1 << 2};
    int btype = branch == 0 || branch == 4 ? 2 : branch == 3 ? 0 : 1;
    if (guarded && refused[pad] >> btype & 1) {
        printf(" SIGILL/1 btype %d at target 1", btype);
    } else {
        printf(" 42");
    }
}
#endif

int main(void)
{
    prepare();
    for (int guarded = 0; guarded < 2; guarded++) {
        for (int pad = 0; pad < PADS; pad++) {
            printf("%s page, %s:", guarded ? "guarded" : "plain", pad_names[pad]);
            for (int branch = 0; branch < BRANCHES; branch++) {
                printf("  %s", branch_names[branch]);
                attempt(pad, branch, guarded);
            }
            printf("\n");
        }
    }
    printf("both ways: %ld\n", both_ways());
    return 0;
}
