// Signals: faults with their codes and addresses, masks, restart and EINTR, alternate stacks, fatal ones.
#include "guest.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int number, code, count;
static char *volatile address;

static void fault(int n, siginfo_t *info, void *context)
{
    number = n;
    code = info->si_code;
    address = info->si_addr;
    siglongjmp(back, 1);
}

static void tick(int n) { __atomic_fetch_add(&count, n > 0, __ATOMIC_SEQ_CST); }

static void install(int n, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
    sigaction(n, &sa, NULL);
}

static void timer(long microseconds)
{
    struct itimerval t = { { 0, microseconds }, { 0, microseconds } };
    setitimer(ITIMER_REAL, &t, NULL);
}

__attribute__((noinline)) static int deep(int x)
{
    volatile char room[1000];
    room[x % 1000] = (char)x;
    return deep(x + 1) + room[5];
}

static void faults(void)
{
    char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install(SIGSEGV, fault, 0);
    install(SIGBUS, fault, 0);
    if (!sigsetjmp(back, 1))
        *(volatile int *)16 = 1;
    printf("null %d %d %ld\n", number, code, (long)address);
    if (!sigsetjmp(back, 1))
        ((volatile char *)page)[4100] = 1;
    printf("read-only %d %d %ld\n", number, code, (long)(address - page));
    munmap(page + 4096, 4096);
    if (!sigsetjmp(back, 1))
        count += ((volatile char *)page)[4096];
    printf("unmapped %d %d %ld\n", number, code, (long)(address - page));
    if (!sigsetjmp(back, 1))
        ((void (*)(void))page)();
    printf("not executable %d %d %ld\n", number, code, (long)(address - page));
    FILE *f = tmpfile();
    ftruncate(fileno(f), 100);
    char *map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fileno(f), 0);
    if (!sigsetjmp(back, 1))
        count += ((volatile char *)map)[5000];
    printf("behind the file %d %d %ld\n", number, code, (long)(address - map));
}

static void waits(void)
{
    int p[2], status;
    char c;
    struct sigaction sa = { .sa_handler = tick, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &sa, NULL);
    count = 0;
    timer(500);
    while (count < 100)
        ;
    if (pipe(p) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        usleep(20000);
        _exit(write(p[1], "x", 1) == 1 ? 7 : 1);
    }
    printf("restarted read %zd\n", read(p[0], &c, 1));
    pid_t got = waitpid(pid, &status, 0);
    printf("restarted wait %d %d\n", got == pid, WEXITSTATUS(status));
    sa.sa_flags = 0;
    sigaction(SIGALRM, &sa, NULL);
    ssize_t n = read(p[0], &c, 1);
    printf("interrupted read %zd %d\n", n, errno == EINTR);
    int polled = poll(NULL, 0, 1000);
    printf("interrupted poll %d %d\n", polled, errno == EINTR);
    timer(0);
}

static void masks(void)
{
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGUSR1, tick);
    signal(SIGSEGV, tick);
    count = 0;
    raise(SIGUSR1);
    kill(getpid(), SIGSEGV);
    sigpending(&pending);
    printf("pending %d %d %d, taken %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGSEGV),
           sigismember(&pending, SIGUSR2), count);
    sigsuspend(&old);
    printf("after sigsuspend %d\n", count > 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("after unblocking %d\n", count);
    siginfo_t info;
    sigprocmask(SIG_BLOCK, &set, &old);
    union sigval value = { .sival_int = 42 };
    sigqueue(getpid(), SIGUSR1, value);
    int got = sigwaitinfo(&set, &info);
    printf("waited %d %d %d\n", got, info.si_value.sival_int, info.si_code == SI_QUEUE);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void fatal(const char *name, int n, void (*act)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        signal(n, SIG_DFL);
        act();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("%s: signaled %d by %d\n", name, WIFSIGNALED(status), WTERMSIG(status));
}

static void write_null(void) { *(volatile int *)0 = 1; }
static void terminate(void) { kill(getpid(), SIGTERM); }
static void real_time(void) { raise(SIGRTMIN + 3); }

int main(void)
{
    faults();
    waits();
    masks();
    stack_t alt = { .ss_sp = malloc(65536), .ss_size = 65536 };
    sigaltstack(&alt, NULL);
    install(SIGSEGV, fault, SA_ONSTACK);
    if (!sigsetjmp(back, 1))
        deep(1);
    printf("stack overflow %d\n", number);
    fatal("fault", SIGSEGV, write_null);
    fatal("abort", SIGABRT, abort);
    fatal("terminate", SIGTERM, terminate);
    fatal("real-time", SIGRTMIN + 3, real_time);
    return 0;
}
