// Signal handlers that jump out, run on a stack that overflowed, follow writes by protection;
// timers at high rates.
#include "guest.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int depth;
static volatile uintptr_t where;
static void jump(int n)
{
    siglongjmp(back, n);
}
static void note(int n, siginfo_t *info, void *context)
{
    where = (uintptr_t)info->si_addr;
    siglongjmp(back, info->si_code);
}

static __attribute__((noinline)) int overflow(int n)
{
    volatile char room[512];
    room[0] = (char)n;
    depth++;
    return overflow(n + 1) + room[0];
}

enum { PAGE = 4096, PAGES = 64 };
static uint8_t *tracked;
static volatile int faults;
static void track(int n, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);
    if (info->si_code != SEGV_ACCERR || at - (uintptr_t)tracked >= PAGES * PAGE)
        _exit(77);
    faults++;
    mprotect((void *)at, PAGE, PROT_READ | PROT_WRITE);
}

static void *writer(void *arg)
{
    uint8_t *mine = tracked + (intptr_t)arg * PAGE * (PAGES / 4);
    for (int i = 0; i < PAGES / 4; i++)
        memset(mine + i * PAGE + 100, i + 1, 200);
    return NULL;
}

static volatile int ticks, inside, nested;
static void tick(int n)
{
    ticks++;
    nested += inside;
    inside = 1;
    for (volatile int i = 0; i < 20; i++)
        ;
    inside = 0;
}

static __attribute__((noipa)) double work(int n)
{
    double x = 1;
    for (int i = 0; i < n; i++)
        x = x * 1.0000001 + 0.5 / (i + 1);
    return x;
}

int main(void)
{
    struct sigaction act = {.sa_handler = jump};
    sigaction(SIGUSR1, &act, NULL);
    volatile int jumps = 0;
    for (volatile int i = 0; i < 2000; i++) {
        if (!sigsetjmp(back, 1))
            raise(SIGUSR1);
        else
            jumps++;
    }
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("jumps %d blocked %d\n", jumps, sigismember(&now, SIGUSR1));

    // The alternate stack is usable again and again after it was left by a jump.
    stack_t alt = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&alt, NULL);
    act = (struct sigaction){.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    for (volatile int i = 0; i < 20; i++) {
        depth = 0;
        int code = sigsetjmp(back, 1);
        if (!code)
            overflow(0);
        else if (code != SEGV_MAPERR || depth < 1000)
            printf("overflow: code %d depth %d\n", code, depth);
    }
    volatile uint8_t *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (volatile int i = 0; i < 500; i++) {
        int code = sigsetjmp(back, 1);
        if (!code)
            none[i] = 1;
        else if (code != SEGV_ACCERR || where != (uintptr_t)none + (unsigned)i)
            printf("access: code %d\n", code);
    }
    puts("faults");

    tracked = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    act = (struct sigaction){.sa_sigaction = track, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &act, NULL);
    int total = 0;
    for (int round = 0; round < 20; round++) {
        mprotect(tracked, PAGES * PAGE, PROT_READ);
        faults = 0;
        for (long k = 0; k < 4; k++)
            writer((void *)(intptr_t)k);
        total += faults;
    }
    pthread_t t[4];
    mprotect(tracked, PAGES * PAGE, PROT_READ);
    for (long k = 0; k < 4; k++)
        pthread_create(&t[k], NULL, writer, (void *)(intptr_t)k);
    for (int k = 0; k < 4; k++)
        pthread_join(t[k], NULL);
    for (int i = 0; i < PAGES * PAGE; i++)
        digest(tracked[i]);
    printf("tracked %d\n", total);
    digest_print("pages");

    // 10 kHz by two timers and the profiling timer; what is computed meanwhile stays exact.
    act = (struct sigaction){.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    sigaction(SIGPROF, &act, NULL);
    sigaction(SIGRTMIN + 3, &act, NULL);
    double quiet = work(3000000);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, &ev, &timer);
    struct itimerspec rate = {{0, 100000}, {0, 100000}};
    timer_settime(timer, 0, &rate, NULL);
    struct itimerval slow = {{0, 100}, {0, 100}}, off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &slow, NULL);
    setitimer(ITIMER_PROF, &slow, NULL);
    double busy = 0;
    for (int i = 0; i < 5; i++)
        busy = work(3000000);
    setitimer(ITIMER_REAL, &off, NULL);
    setitimer(ITIMER_PROF, &off, NULL);
    timer_delete(timer);
    printf("ticks %d same %d nested %d\n", ticks > 20, quiet == busy, nested > ticks);
    return 0;
}
