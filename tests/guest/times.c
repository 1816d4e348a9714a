// Clocks and calendars; only what is the same at every run is printed.
#include "guest.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static int64_t ns(struct timespec t)
{
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// The counter that programs read themselves, and its frequency.
static uint64_t counter(void)
{
#ifdef __aarch64__
    uint64_t v;
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(v)::"memory");
    return v;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)ns(t);
#endif
}

static uint64_t frequency(void)
{
    uint64_t v = 1000000000;
#ifdef __aarch64__
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
#endif
    return v;
}

int main(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                       CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct timespec a, b, r;
        int ok = clock_gettime(clocks[i], &a) == 0 && clock_gettime(clocks[i], &b) == 0 && clock_getres(clocks[i], &r) == 0;
        printf("clock %zu %d monotone %d\n", i, ok, ns(b) >= ns(a));
    }
    struct timespec a, b, t = {0, 20000000};
    clock_gettime(CLOCK_MONOTONIC, &a);
    printf("nanosleep %d\n", nanosleep(&t, NULL));
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("slept %d\n", ns(b) - ns(a) >= 20000000);
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t first = counter();
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    double counted = (double)(counter() - first) / (double)frequency();
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("counter %d %d\n", counted >= 0.02, counted <= (double)(ns(b) - ns(a)) * 1e-9 + 0.001);
    t.tv_nsec = 1000000000;
    int bad = nanosleep(&t, NULL);
    printf("bad %d %d\n", bad, errno == EINVAL);
    struct timespec coarse; /* time()'s clock: it comes to a new second up to a tick later */
    clock_gettime(CLOCK_REALTIME_COARSE, &coarse);
    time_t now = time(NULL);
    struct timeval tv;
    gettimeofday(&tv, NULL);
    printf("agree %d\n", now >= coarse.tv_sec && now <= tv.tv_sec && tv.tv_sec - now <= 1);
    time_t fixed = 1700000000;
    struct tm tm;
    char text[100];
    gmtime_r(&fixed, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a %j %U", &tm);
    puts(text);
    printf("back %d\n", timegm(&tm) == fixed);
    tm.tm_mon += 14;
    tm.tm_mday += 40;
    fixed = timegm(&tm);
    printf("normalized %lld\n", (long long)fixed);
    struct rusage usage;
    printf("rusage %d\n", getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_utime.tv_sec >= 0);
    struct tms tms;
    printf("times %d\n", times(&tms) != (clock_t)-1);
    printf("page %ld ticks %ld\n", sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK));
    struct rlimit limit;
    printf("limit %d\n", getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > 0);
    return 0;
}
