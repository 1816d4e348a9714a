// The clocks by the C library (the vDSO) and by system call agree; time goes forward.
#include "guest.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(void)
{
    for (int id = 0; id < 12; id++) {
        struct timespec a = {0, 0}, b = {0, 0}, c = {0, 0}, res = {0, 0};
        int r1 = clock_gettime(id, &a);
        long r2 = syscall(SYS_clock_gettime, id, &b);
        int r3 = clock_gettime(id, &c);
        bool order = ns(a) <= ns(b) && ns(b) <= ns(c) && ns(c) - ns(a) < 10000000000;
        int r4 = clock_getres(id, &res);
        printf("clock %d: %d %ld %d in order %d resolution %d %d\n", id, r1, r2, r3, order, r4,
               res.tv_sec == 0);
    }
    struct timespec last = {0, 0}, now;
    int backwards = 0;
    for (int i = 0; i < 100000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        backwards += ns(now) < ns(last) || now.tv_nsec < 0 || now.tv_nsec >= 1000000000;
        last = now;
    }
    printf("backwards %d\n", backwards);
    struct timeval tv = {0, 0};
    struct timezone tz = {-1, -1};
    int r0 = gettimeofday(&tv, NULL);
    printf("%d %d\n", r0, tv.tv_usec >= 0 && tv.tv_usec < 1000000);
    clock_gettime(CLOCK_REALTIME, &now);
    printf("time of day %d\n",
           now.tv_sec - tv.tv_sec <= 10 && now.tv_sec >= tv.tv_sec && time(NULL) - tv.tv_sec <= 10);
    int r = gettimeofday(&tv, (void *)&tz);
    printf("with zone %d %d\n", r, tz.tz_minuteswest);
    return 0;
}
