/* lock.h - a futex mutex that needs no thread-local state of the C library: it works between the
 * threads of a process and with the child of a clone(CLONE_VM | CLONE_VFORK), and can be taken
 * before fork and released in parent and child.
 */
#ifndef XEMU_RUNTIME_HOST_LOCK_H
#define XEMU_RUNTIME_HOST_LOCK_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>

#include "runtime/host/host.h"

typedef struct Lock {
    _Atomic uint32_t state; /* 0 free, 1 taken, 2 taken and waited for */
} Lock;

static inline void lock_take(Lock *l)
{
    uint32_t seen = 0;
    if (atomic_compare_exchange_strong(&l->state, &seen, 1)) {
        return;
    }
    while (atomic_exchange(&l->state, 2) != 0) {
        host_raw4(SYS_futex, &l->state, FUTEX_WAIT_PRIVATE, 2, 0);
    }
}

static inline void lock_release(Lock *l)
{
    if (atomic_exchange(&l->state, 0) == 2) {
        host_raw3(SYS_futex, &l->state, FUTEX_WAKE_PRIVATE, 1);
    }
}

/* In the child of fork, whose only thread held it. */
static inline void lock_reset(Lock *l)
{
    if (atomic_load(&l->state)) { /* a store would copy the page */
        atomic_store(&l->state, 0);
    }
}

#endif
