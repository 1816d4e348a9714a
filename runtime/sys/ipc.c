/* System V IPC: only struct semid64_ds differs. */
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "runtime/sys/convert.h"
#include "runtime/sys/sys.h"

static long sem_stat(Thread *t, const uint64_t a[6])
{
    HostSemDs host;
    long r = host_call(&t->cpu, SYS_semctl, a[0], a[1], a[2], (uintptr_t)&host);
    if (r < 0) {
        return r;
    }
    GuestSemDs guest = {.otime = host.otime, .ctime = host.ctime, .nsems = host.nsems};
    memcpy(guest.perm, host.perm, sizeof guest.perm);
    int err = guest_write(a[3], &guest, sizeof guest);
    return err ? err : r;
}

static long sem_set(Thread *t, const uint64_t a[6])
{
    GuestSemDs guest;
    HostSemDs host = {0};
    if (guest_read(&guest, a[3], sizeof guest)) {
        return -EFAULT;
    }
    memcpy(host.perm, guest.perm, sizeof host.perm);
    return host_call(&t->cpu, SYS_semctl, a[0], a[1], a[2], (uintptr_t)&host);
}

long sys_semctl(Thread *t, const uint64_t a[6])
{
    enum { SEM_STAT_ANY_NR = 20, IPC_64_BIT = 0x100 };
    switch ((int)a[2] & ~IPC_64_BIT) {
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY_NR: return sem_stat(t, a);
    case IPC_SET: return sem_set(t, a);
    default: return host_syscall(&t->cpu, SYS_semctl, a);
    }
}
