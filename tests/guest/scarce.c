// A limit on address space that another process sets, below what is mapped already: nothing more
// can be had, and the program goes on: in code that it never ran before, in a thread that has
// waited, in a handler of a signal; and with memory again when the limit is lifted.
#include "guest.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Functions of the same form, each code of its own.
#define MIX(n)                                                                                     \
    static __attribute__((noinline)) unsigned mix##n(unsigned x)                                   \
    {                                                                                              \
        for (unsigned i = 0; i < 300; i++)                                                         \
            x = (x * (2 * (n) + 1664525u) ^ x >> (n) % 13) + (x % 7 == (n) % 7 ? i : n);           \
        return x;                                                                                  \
    }
#define NAME(n)     mix##n,
#define EIGHT(F, n) F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) F(n##5) F(n##6) F(n##7)
#define ALL(F)                                                                                     \
    EIGHT(F, 1)                                                                                    \
    EIGHT(F, 2) EIGHT(F, 3) EIGHT(F, 4) EIGHT(F, 5) EIGHT(F, 6) EIGHT(F, 7) EIGHT(F, 8) EIGHT(F, 9)
ALL(MIX)
static unsigned (*const mixes[])(unsigned) = {ALL(NAME)};
enum { N = sizeof mixes / sizeof *mixes };

static unsigned run(unsigned from, unsigned to, unsigned x)
{
    for (unsigned i = from; i < to; i++)
        x = mixes[i](x);
    return x;
}

static unsigned in_handler;

// The second thread to go this way runs nothing new before it waits.
typedef struct Waiter {
    pthread_mutex_t gate;
    pthread_barrier_t *there;
    unsigned from, to, result;
} Waiter;

static void *wait_and_run(void *arg)
{
    Waiter *w = arg;
    pthread_barrier_wait(w->there);
    pthread_mutex_lock(&w->gate);
    pthread_mutex_unlock(&w->gate);
    w->result = run(w->from, w->to, 2);
    return NULL;
}

static void on_signal(int sig)
{
    in_handler = run(N * 3 / 4, N, (unsigned)sig);
}

// Its own limit a process may set by itself; but who asks for it doesn't matter here.
static void limit_parent(rlim_t to)
{
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        struct rlimit l;
        _exit(prlimit(self, RLIMIT_AS, NULL, &l) || (l.rlim_cur = to, 0) ||
              prlimit(self, RLIMIT_AS, &l, NULL));
    }
    int status = -1;
    waitpid(child, &status, 0);
    printf("limit: %d\n", status);
}

static int can_map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int err = p == MAP_FAILED ? errno : 0;
    if (!err)
        munmap(p, size);
    return err;
}

int main(void)
{
    enum { WAITERS = 2, SHARE = N / 4 };
    static Waiter waiter[WAITERS];
    pthread_t thread[WAITERS];
    pthread_barrier_t there;
    pthread_barrier_init(&there, NULL, 2);
    for (unsigned i = 0; i < WAITERS; i++) {
        waiter[i] = (Waiter){PTHREAD_MUTEX_INITIALIZER, &there, i * SHARE, (i + 1) * SHARE, 0};
        pthread_mutex_lock(&waiter[i].gate);
        if (pthread_create(&thread[i], NULL, wait_and_run, &waiter[i]) != 0)
            return 1;
        pthread_barrier_wait(&there);
    }
    signal(SIGUSR1, on_signal);
    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    limit_parent(1 << 20);
    printf("map: %d\n", can_map(1 << 20));
    for (unsigned i = WAITERS; i-- > 0;) {
        pthread_mutex_unlock(&waiter[i].gate);
        pthread_join(thread[i], NULL);
        printf("thread: %08x\n", waiter[i].result);
    }
    printf("main: %08x\n", run(WAITERS * SHARE, N * 3 / 4, 1));
    raise(SIGUSR1);
    printf("handler: %08x, again: %08x\n", in_handler, run(0, N, 5));
    if (prlimit(getpid(), RLIMIT_AS, &before, NULL) != 0)
        return 1;
    printf("map: %d\n", can_map(1 << 20));
    return 0;
}
