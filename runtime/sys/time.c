/* Clocks: answered by the host's vDSO, without entering its kernel. */
#include <sys/time.h>
#include <time.h>

#include "runtime/sys/sys.h"

/* Those that every kernel has; of others the vDSO may know more than the system call admits. */
enum { CLOCKS = 16 };

long sys_clock_gettime(Thread *t, const uint64_t a[6])
{
    struct timespec now;
    if ((uint32_t)a[0] >= CLOCKS) {
        return host_syscall(&t->cpu, SYS_clock_gettime, a);
    }
    if (clock_gettime((clockid_t)a[0], &now)) {
        return -errno;
    }
    return guest_write(a[1], &now, sizeof now);
}

long sys_clock_getres(Thread *t, const uint64_t a[6])
{
    struct timespec res;
    if ((uint32_t)a[0] >= CLOCKS) {
        return host_syscall(&t->cpu, SYS_clock_getres, a);
    }
    if (clock_getres((clockid_t)a[0], &res)) {
        return -errno;
    }
    return a[1] ? guest_write(a[1], &res, sizeof res) : 0;
}

long sys_gettimeofday(Thread *t, const uint64_t a[6])
{
    struct timeval now;
    if (a[1]) {
        return host_syscall(&t->cpu, SYS_gettimeofday, a); /* the time zone is the kernel's */
    }
    gettimeofday(&now, NULL);
    return a[0] ? guest_write(a[0], &now, sizeof now) : 0;
}
