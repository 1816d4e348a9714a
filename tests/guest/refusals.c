/* What a kernel refuses, or answers in a way of its own: keys of pages, personalities, executable memory, counts of io events. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

static void show(const char *what, long r)
{
    printf("%s: %ld %s\n", what, r < 0 ? -1 : r, r < 0 ? strerror(errno) : "");
}

static volatile int got;

static void note(int number)
{
    got++;
}

int main(void)
{
    errno = 0;
    show("pkey_alloc with flags", syscall(SYS_pkey_alloc, 1, 0));
    show("pkey_mprotect with a key that isn't", syscall(SYS_pkey_mprotect, 0x1000, 4096, PROT_READ, 9));
    show("pkey_free", syscall(SYS_pkey_free, 9));
    show("personality", personality(0xffffffff));
    show("dispatch", prctl(99999, 1, 0, 0, 0));

    /* io_pgetevents unblocks a signal that is pending: nothing is lost. */
    unsigned long context = 0, mask = 0;
    struct {
        unsigned long *mask, size;
    } pair = {&mask, 8};
    struct timespec wait = {5, 0};
    char events[64];
    sigset_t set;
    signal(SIGUSR1, note);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    show("io_setup", syscall(SYS_io_setup, 4, &context));
    raise(SIGUSR1);
    show("io_pgetevents", syscall(SYS_io_pgetevents, context, 1, 1, events, &wait, &pair));
    printf("signals %d\n", got);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("blocked again %d\n", sigismember(&now, SIGUSR1));

    fflush(stdout);
    if (fork() == 0) {
        char *data = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        show("no inherit alone", prctl(PR_SET_MDWE, 2, 0, 0, 0));
        show("set", prctl(PR_SET_MDWE, 1, 0, 0, 0));
        show("get", prctl(PR_GET_MDWE, 0, 0, 0, 0));
        show("take back", prctl(PR_SET_MDWE, 0, 0, 0, 0));
        show("becomes executable", mprotect(data, 4096, PROT_READ | PROT_EXEC));
        show("stays executable", mprotect(code, 4096, PROT_READ | PROT_EXEC));
        show("becomes writable too", mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
        show("loses it", mprotect(code, 4096, PROT_READ | PROT_WRITE));
        show("both", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
        show("only executable", mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
        fflush(stdout);
        _exit(0);
    }
    wait4(-1, NULL, 0, NULL);
    return 0;
}
