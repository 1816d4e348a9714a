// 64 threads that wait for each other by futexes, by pipes and for queued signals: none may be lost, none may come twice.
#include "stress.h"
#include <linux/futex.h>

enum { THREADS = 64, LAPS = 100, SIGNALS = 100 };
static long laps;
static uint32_t turn[THREADS];
static int pipes[THREADS][2];
static pthread_t threads[THREADS];
static pthread_barrier_t all;
static __thread long got, values;

static void await(uint32_t *word, uint32_t value)
{
    for (uint32_t now; (now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value;)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

// A token goes round: lap l is thread k's turn when turn[k] is l + 1.
static void by_futex(long me)
{
    for (uint32_t lap = 0; lap < (uint32_t)laps; lap++) {
        uint32_t *next = &turn[(me + 1) % THREADS];
        if (me || lap)
            await(&turn[me], me ? lap + 1 : lap);
        __atomic_store_n(next, lap + 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, next, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static long by_pipe(long me)
{
    long bad = 0, token = 0;
    for (long lap = 0; lap < laps; lap++) {
        if (me || lap)
            bad += read(pipes[me][0], &token, sizeof token) != sizeof token;
        bad += token != lap * THREADS + me;
        token++;
        bad += write(pipes[(me + 1) % THREADS][1], &token, sizeof token) != sizeof token;
    }
    return bad;
}

static void receive(int signal, siginfo_t *info, void *context)
{
    got++;
    values += info->si_value.sival_int;
}

// Each sends to the one across while it is sent to; waits with the signal blocked until all have come.
static long by_signal(long me)
{
    sigset_t mask, old;
    long n = laps * SIGNALS / LAPS, want = n * (n - 1) / 2;
    pthread_t to = threads[(me + THREADS / 2) % THREADS];
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN);
    pthread_barrier_wait(&all);
    for (long i = 0; i < n; i++) {
        union sigval v = {.sival_int = (int)i};
        while (pthread_sigqueue(to, SIGRTMIN, v) == EAGAIN)
            sched_yield(); // the queue is full
    }
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    while (got < n)
        sigsuspend(&old);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return got != n || values != want;
}

static void *storm(void *arg)
{
    long me = (long)(intptr_t)arg;
    pthread_barrier_wait(&all);
    by_futex(me);
    long bad = by_pipe(me);
    pthread_barrier_wait(&all);
    bad += by_signal(me);
    pthread_barrier_wait(&all);
    return (void *)(intptr_t)bad;
}

int main(int argc, char **argv)
{
    long bad = 0;
    laps = LAPS * factor(argc, argv);
    struct sigaction act = {.sa_sigaction = receive, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN, &act, NULL);
    pthread_barrier_init(&all, NULL, THREADS);
    for (int k = 0; k < THREADS; k++)
        must(!pipe(pipes[k]), "pipe");
    for (long k = 0; k < THREADS; k++)
        threads[k] = start(storm, k);
    for (long k = 0; k < THREADS; k++)
        bad += finish(threads[k]);
    printf("storms: %ld laps, wrong %ld\n", laps, bad);
    return 0;
}
