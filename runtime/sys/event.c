/* Waiting for events: structures that differ, and masks that hold while the call waits. */
#include <poll.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/convert.h"
#include "runtime/sys/sys.h"

/* Calls that replace the signal mask while they wait: the host gets its form of the mask, and a
 * signal that ends the wait is handled with the mask of the wait in force (kernel/signal.c,
 * set_user_sigmask). */
static long call_with_mask(Thread *t, long nr, uint64_t args[6], unsigned at, GuestAddr mask_addr,
                           uint64_t size)
{
    uint64_t mask, host;
    if (mask_addr) {
        if (size != sizeof mask || guest_read_u64(mask_addr, &mask)) {
            args[at] = mask_addr; /* refused, unless the host finds something else before */
            args[at + 1] = size;
            return host_syscall(&t->cpu, nr, args);
        }
        host = signal_host_mask(mask);
        args[at] = (uintptr_t)&host;
        t->wait_mask = mask;
        t->waiting = true;
    }
    long r = host_syscall(&t->cpu, nr, args);
    if (t->waiting && !t->queued) {
        t->waiting = false;
    }
    return r;
}

long sys_ppoll(Thread *t, const uint64_t a[6])
{
    uint64_t args[6] = {a[0], a[1], a[2], 0, 8};
    return call_with_mask(t, SYS_ppoll, args, 3, a[3], a[4]);
}

/* The sixth argument points to { mask, its size }. */
static long call_with_pair(Thread *t, long nr, const uint64_t a[6])
{
    uint64_t pair[2] = {0, 0}, host_pair[2] = {0, 8};
    uint64_t args[6] = {a[0], a[1], a[2], a[3], a[4], 0};
    if (a[5] && guest_read(pair, a[5], sizeof pair)) {
        return host_syscall(&t->cpu, nr, a);
    }
    if (!pair[0]) {
        return host_syscall(&t->cpu, nr, args);
    }
    uint64_t mask, host;
    if (pair[1] != sizeof mask || guest_read_u64(pair[0], &mask)) {
        return host_syscall(&t->cpu, nr, a);
    }
    host = signal_host_mask(mask);
    host_pair[0] = (uintptr_t)&host;
    args[5] = (uintptr_t)host_pair;
    t->wait_mask = mask;
    t->waiting = true;
    long r = host_syscall(&t->cpu, nr, args);
    t->waiting = t->queued;
    return r;
}

long sys_pselect6(Thread *t, const uint64_t a[6])
{
    return call_with_pair(t, SYS_pselect6, a);
}

long sys_io_pgetevents(Thread *t, const uint64_t a[6])
{
    return call_with_pair(t, SYS_io_pgetevents, a);
}

long sys_epoll_ctl(Thread *t, const uint64_t a[6])
{
    GuestEpollEvent guest;
    HostEpollEvent host = {0};
    if (a[3]) {
        if (guest_read(&guest, a[3], sizeof guest)) {
            return host_syscall(&t->cpu, SYS_epoll_ctl, a); /* which may not ask for it */
        }
        host.events = guest.events;
        host.data = guest.data;
    }
    return host_call(&t->cpu, SYS_epoll_ctl, a[0], a[1], a[2], a[3] ? (uintptr_t)&host : 0);
}

/* The host writes its packed events to the guest's larger array; they are spread from the last to
 * the first. */
static long spread_events(GuestAddr events, long n)
{
    for (long i = n; i-- > 0;) {
        HostEpollEvent host;
        if (guest_read(&host, events + (uint64_t)i * sizeof host, sizeof host)) {
            return -EFAULT;
        }
        GuestEpollEvent guest = {.events = host.events, .data = host.data};
        if (guest_write(events + (uint64_t)i * sizeof guest, &guest, sizeof guest)) {
            return -EFAULT;
        }
    }
    return n;
}

long sys_epoll_pwait(Thread *t, const uint64_t a[6])
{
    uint64_t args[6] = {a[0], a[1], a[2], a[3], 0, 8};
    return spread_events(a[1], call_with_mask(t, SYS_epoll_pwait, args, 4, a[4], a[5]));
}

long sys_epoll_pwait2(Thread *t, const uint64_t a[6])
{
    uint64_t args[6] = {a[0], a[1], a[2], a[3], 0, 8};
    return spread_events(a[1], call_with_mask(t, SYS_epoll_pwait2, args, 4, a[4], a[5]));
}
