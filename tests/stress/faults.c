// Faults at a high rate: writes tracked by protection in several threads, stacks that overflow and
// are left by a jump from the alternate stack, jumps out of handlers of signals that come from
// elsewhere, addresses that are bad.
#include "stress.h"

#include <setjmp.h>

enum { PAGE = 4096, PAGES = 64, THREADS = 4, ROUNDS = 40, JUMPS = 3000, OVERFLOWS = 60 };

static unsigned char *tracked;
static _Atomic long dirty[THREADS * PAGES];
static _Thread_local sigjmp_buf back;
static _Thread_local volatile int expecting;

static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)tracked;
    if (tracked && at < (uintptr_t)THREADS * PAGES * PAGE) {
        dirty[at / PAGE]++;
        if (info->si_code != SEGV_ACCERR ||
            mprotect(tracked + at / PAGE * PAGE, PAGE, PROT_READ | PROT_WRITE))
            _exit(77);
        return;
    }
    if (!expecting)
        _exit(78);
    siglongjmp(back, info->si_code);
}

static void alternate(void)
{
    enum { SIZE = 65536 };
    stack_t alt = {.ss_sp = malloc(SIZE), .ss_size = SIZE};
    must(!sigaltstack(&alt, NULL), "sigaltstack");
}

// Marks its own pages, protects them, writes; each write is noted once a round.
static void *track(void *arg)
{
    long id = (long)(intptr_t)arg;
    unsigned char *own = tracked + id * PAGES * PAGE;
    unsigned seed = (unsigned)id + 1;
    long writes = 0, sum = 0;
    alternate();
    for (int r = 0; r < ROUNDS; r++) {
        must(!mprotect(own, PAGES * PAGE, PROT_READ), "mprotect");
        for (int k = 0; k < PAGES; k++) {
            seed = seed * 1103515245 + 12345;
            if (seed >> 16 & 1) {
                own[k * PAGE + (seed >> 20) % PAGE] += 1;
                own[k * PAGE + 7] ^= 3;
                writes++;
            }
        }
    }
    for (int k = 0; k < PAGES; k++)
        sum += dirty[id * PAGES + k];
    return (void *)(intptr_t)(sum == writes);
}

static __attribute__((noinline)) int down(volatile char *above)
{
    volatile char room[1024];
    room[0] = above[0];
    return down(room) + room[0];
}

static void *overflow(void *arg)
{
    volatile long caught = 0;
    volatile char first = 1;
    alternate();
    expecting = 1;
    for (volatile int i = 0; i < OVERFLOWS; i++) {
        if (!sigsetjmp(back, 1))
            down(&first);
        else
            caught++;
        volatile int code = sigsetjmp(back, 1);
        if (!code)
            *(volatile char *)(intptr_t)(i * 8) = 1;
        else
            caught += code == SEGV_MAPERR;
    }
    expecting = 0;
    return (void *)(intptr_t)caught;
}

static void on_signal(int number)
{
    siglongjmp(back, number);
}

static void *jump(void *arg)
{
    volatile long jumps = 0;
    for (volatile int i = 0; i < JUMPS; i++) {
        if (!sigsetjmp(back, 1)) {
            pthread_kill(pthread_self(), SIGUSR1);
            _exit(79);
        }
        jumps++;
    }
    return (void *)(intptr_t)jumps;
}

int main(int argc, char **argv)
{
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK},
                     act = {.sa_handler = on_signal};
    sigaction(SIGSEGV, &fault, NULL);
    sigaction(SIGBUS, &fault, NULL);
    sigaction(SIGUSR1, &act, NULL);
    static void *(*const kinds[])(void *) = {track, overflow, jump};
    static const char *const names[] = {"tracked", "overflows", "jumps"};
    for (long i = factor(argc, argv); i > 0; i--) {
        tracked = mmap(NULL, THREADS * PAGES * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(tracked, 0, THREADS * PAGES * PAGE);
        memset((void *)dirty, 0, sizeof dirty);
        pthread_t t[3][THREADS];
        for (int k = 0; k < 3; k++)
            for (int n = 0; n < THREADS; n++)
                t[k][n] = start(kinds[k], n);
        for (int k = 0; k < 3; k++) {
            long sum = 0;
            for (int n = 0; n < THREADS; n++)
                sum += finish(t[k][n]);
            printf("%s %ld\n", names[k], sum);
        }
        munmap(tracked, THREADS * PAGES * PAGE);
    }
}
