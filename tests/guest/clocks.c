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

#ifdef __aarch64__
/* The sum of registers in use while the counter is read. */
static uint64_t registers_after_counter(uint64_t seed)
{
    uint64_t sum;
    __asm__ volatile("mov x0, %1\n add x1, x0, 1\n add x2, x0, 2\n add x3, x0, 3\n add x4, x0, 4\n"
                     "add x5, x0, 5\n add x6, x0, 6\n add x7, x0, 7\n add x8, x0, 8\n"
                     "dup v0.2d, x1\n dup v1.2d, x2\n dup v2.2d, x3\n dup v3.2d, x4\n"
                     "dup v4.2d, x5\n dup v5.2d, x6\n dup v6.2d, x7\n dup v7.2d, x8\n"
                     "dup v8.2d, x1\n dup v16.2d, x2\n dup v31.2d, x3\n"
                     "cmp x0, x1\n"
                     "add v16.2d, v16.2d, v31.2d\n"
                     "mrs x9, cntvct_el0\n"
                     "cinc x0, x0, ne\n"
                     "add v0.2d, v0.2d, v1.2d\n add v2.2d, v2.2d, v3.2d\n"
                     "add v4.2d, v4.2d, v5.2d\n add v6.2d, v6.2d, v7.2d\n"
                     "add v8.2d, v8.2d, v16.2d\n add v0.2d, v0.2d, v2.2d\n"
                     "add v4.2d, v4.2d, v6.2d\n add v0.2d, v0.2d, v4.2d\n"
                     "add v0.2d, v0.2d, v8.2d\n addp d0, v0.2d\n fmov x10, d0\n"
                     "add x0, x0, x1\n add x2, x2, x3\n add x4, x4, x5\n add x6, x6, x7\n"
                     "add x8, x8, x10\n add x0, x0, x2\n add x4, x4, x6\n add x0, x0, x8\n"
                     "add %0, x0, x4\n"
                     : "=r"(sum)
                     : "r"(seed)
                     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "v0",
                       "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v16", "v31", "cc");
    return sum;
}
#else
static uint64_t registers_after_counter(uint64_t seed)
{
    return 9 * seed + 37 + 2 * (11 * seed + 36 + 1 + 2 + 3);
}
#endif

int main(void)
{
    int lost = 0;
    for (uint64_t i = 0; i < 300000; i++)
        lost += registers_after_counter(i * 977) != 9 * i * 977 + 37 + 2 * (11 * i * 977 + 42);
    printf("registers lost %d\n", lost);

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
