// A stack whose limit is changed while the program runs: it grows as far as the limit of the
// moment, and what it has grown to is kept.
#include "guest.h"
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP = 16 << 10, UNIT = 256 << 10 };

static volatile uintptr_t top;
static char other[64 << 10];

static void overflowed(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    printf("ends after %d units\n", (int)((top - (uintptr_t)info->si_addr + UNIT / 2) / UNIT));
    fflush(stdout);
    _exit(0);
}

static __attribute__((noinline)) int descend(int bytes, int value)
{
    volatile char room[STEP];
    for (int i = 0; i < STEP; i += 1024)
        room[i] = (char)(value & 63);
    int below = bytes > STEP ? descend(bytes - STEP, value + 1) : 0;
    return below + room[STEP / 2];
}

static void set(long bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = (rlim_t)bytes;
    printf("limit %d\n", setrlimit(RLIMIT_STACK, &limit));
}

static void in_child(long first, int use, long then)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
        struct sigaction act = {.sa_sigaction = overflowed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigaltstack(&stack, NULL);
        sigaction(SIGSEGV, &act, NULL);
        set(first);
        printf("used %d\n", descend(use, 0));
        if (then)
            set(then);
        printf("again %d\n", descend(use, 1));
        descend(64 << 20, 0);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    printf("status %d\n", status);
}

int main(void)
{
    top = (uintptr_t)__builtin_frame_address(0);
    in_child(1 << 20, 512 << 10, 0);
    in_child(1 << 20, 512 << 10, 3 << 20);
    in_child(3 << 20, 2 << 20, 1 << 20);
    return 0;
}
