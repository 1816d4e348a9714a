// Timers at 10 kHz: an interval timer, timers of threads, and calls that they interrupt and that go
// on.
#include "stress.h"

#include <poll.h>
#include <sys/time.h>
#include <time.h>

enum { TICKS = 3000, THREADS = 4, PERIOD = 100 };

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    alarms++;
}

static long mixed(long n)
{
    unsigned long v = 88172645463325252;
    for (long i = 0; i < n; i++)
        v ^= v << 13, v ^= v >> 7, v ^= v << 17;
    return (long)(v >> 40);
}

static void interval(int which, int number, const char *name)
{
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, PERIOD}, {0, PERIOD}}, off = {{0, 0}, {0, 0}};
    sigaction(number, &act, NULL);
    alarms = 0;
    long first = mixed(100000), same = 1;
    setitimer(which, &every, NULL);
    while (alarms < TICKS)
        same &= mixed(100000) == first;
    setitimer(which, &off, NULL);
    printf("%s: %d\n", name, (int)same);
}

static _Thread_local volatile long mine;

static void on_own(int number, siginfo_t *info, void *context)
{
    mine += 1 + info->si_overrun;
    if (info->si_value.sival_int != (int)(intptr_t)syscall(SYS_gettid))
        _exit(77);
}

// Each thread has a timer of its own, and adds doubles meanwhile.
static void *timed(void *arg)
{
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1};
    struct itimerspec every = {{0, PERIOD * 1000}, {0, PERIOD * 1000}};
    timer_t timer;
    ev.sigev_value.sival_int = (int)syscall(SYS_gettid);
    ev._sigev_un._tid = ev.sigev_value.sival_int;
    must(!timer_create(CLOCK_MONOTONIC, &ev, &timer), "timer_create");
    must(!timer_settime(timer, 0, &every, NULL), "timer_settime");
    double sum = 0, want = 0;
    for (int k = 1; k <= 1000; k++)
        want += 1.0 / k;
    long good = 1;
    while (mine < TICKS) {
        sum = 0;
        for (int k = 1; k <= 1000; k++)
            sum += 1.0 / k;
        good &= sum == want;
    }
    timer_delete(timer);
    return (void *)(intptr_t)good;
}

// Bytes through a pipe whose reader and writer are interrupted all the time.
static void *feed(void *arg)
{
    int fd = (int)(intptr_t)arg;
    unsigned char piece[97];
    for (long i = 0; i < 4000; i++) {
        memset(piece, (int)i, sizeof piece);
        for (size_t done = 0; done < sizeof piece;) {
            ssize_t n = write(fd, piece + done, sizeof piece - done);
            must(n > 0 || errno == EINTR, "write");
            done += n > 0 ? (size_t)n : 0;
        }
    }
    close(fd);
    return NULL;
}

static void interrupted(void)
{
    struct sigaction act = {.sa_handler = on_alarm};
    struct itimerval every = {{0, PERIOD}, {0, PERIOD}}, off = {{0, 0}, {0, 0}};
    int fds[2];
    unsigned long sum = 0, bytes = 0;
    must(!pipe(fds), "pipe");
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    pthread_t t = start(feed, fds[1]);
    for (;;) {
        unsigned char piece[61];
        struct pollfd p = {fds[0], POLLIN, 0};
        if (poll(&p, 1, -1) < 0)
            continue;
        ssize_t n = read(fds[0], piece, sizeof piece);
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            sum += piece[i] * (bytes++ % 251 + 1);
    }
    finish(t);
    struct timespec wait = {0, 3000000};
    while (nanosleep(&wait, &wait) < 0 && errno == EINTR)
        ;
    setitimer(ITIMER_REAL, &off, NULL);
    close(fds[0]);
    printf("through the pipe: %lu bytes, %lu\n", bytes, sum);
}

int main(int argc, char **argv)
{
    struct sigaction act = {.sa_sigaction = on_own, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN + 1, &act, NULL);
    for (long i = factor(argc, argv); i > 0; i--) {
        interval(ITIMER_REAL, SIGALRM, "real time");
        pthread_t t[THREADS];
        long good = 0;
        for (int k = 0; k < THREADS; k++)
            t[k] = start(timed, k);
        for (int k = 0; k < THREADS; k++)
            good += finish(t[k]);
        printf("threads: %ld\n", good);
        interrupted();
    }
}
