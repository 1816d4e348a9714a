/* mlockall: for the guest's mappings alone. The host would hold all that xemu has mapped against
 * the limit, and lock it; so each of the guest's is locked by itself, and what it maps later too
 * (mm/mlock.c, apply_mlockall_flags()). */
#include <linux/capability.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "runtime/mem/mem.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
enum { FLAGS = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT };

/* The pages that aren't there yet come afterwards; that some can't is no error. */
static long lock_range(GuestAddr start, uint64_t len, uint64_t flags)
{
    long r = host_raw3(SYS_mlock2, start, len, MLOCK_ONFAULT);
    if (!r && !(flags & MCL_ONFAULT)) {
        host_raw2(SYS_mlock, start, len);
    }
    return r;
}

static bool may_lock_all(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    return !host_raw2(SYS_capget, &header, data) && (data[0].effective & 1u << CAP_IPC_LOCK);
}

static long lock_present(Mem *mem, uint64_t flags)
{
    struct rlimit limit;
    if (!getrlimit(RLIMIT_MEMLOCK, &limit) && mem_bytes(mem) > limit.rlim_cur && !may_lock_all()) {
        return -ENOMEM;
    }
    MapRange r;
    for (GuestAddr at = 0; map_next(&mem->map, at, &r); at = r.end) {
        GuestAddr start =
            r.start == mem->stack_low && mem->stack_shown ? mem->stack_shown : r.start;
        if (start < r.end && lock_range(start, r.end - start, flags)) {
            return -ENOMEM;
        }
    }
    return 0;
}

long mem_mlockall(Mem *mem, uint64_t flags)
{
    if (!flags || (flags & ~(uint64_t)FLAGS) || flags == MCL_ONFAULT) {
        return -EINVAL;
    }
    long r = host_raw2(SYS_mlock, 0, 0); /* is it allowed at all? */
    if (r) {
        return r;
    }
    lock_take(&mem->lock);
    r = flags & MCL_CURRENT ? lock_present(mem, flags) : 0;
    if (!r) {
        mem->lock_future = flags & MCL_FUTURE ? (uint32_t)flags : 0;
    }
    lock_release(&mem->lock);
    return r;
}

long mem_munlockall(Mem *mem)
{
    lock_take(&mem->lock);
    mem->lock_future = 0;
    long r = host_raw0(SYS_munlockall); /* nothing of xemu's own is locked */
    lock_release(&mem->lock);
    return r;
}

long mem_lock_new(const Mem *mem, GuestAddr start, uint64_t len)
{
    return mem->lock_future && lock_range(start, len, mem->lock_future) ? -EAGAIN : 0;
}
