/* The memory calls: their arguments, handed to mem/. */
#include "runtime/sys/sys.h"

#include "runtime/sys/uring.h"

long sys_mmap(Thread *t, const uint64_t a[6])
{
    long r = mem_mmap(t->process->mem, a[0], a[1], a[2], a[3], (int)a[4], a[5]);
    if (t->process->urings && r > 0) {
        uring_mapped(t->process, (int)a[4], a[5], (GuestAddr)r);
    }
    return r;
}

long sys_munmap(Thread *t, const uint64_t a[6])
{
    return mem_munmap(t->process->mem, a[0], a[1]);
}

long sys_mprotect(Thread *t, const uint64_t a[6])
{
    return mem_mprotect(t->process->mem, a[0], a[1], a[2]);
}

long sys_pkey_mprotect(Thread *t, const uint64_t a[6])
{
    /* Without FEAT_S1POE there are no keys: only "no key" is valid. */
    return (int)a[3] == -1 ? mem_mprotect(t->process->mem, a[0], a[1], a[2]) : -EINVAL;
}

long sys_pkey_alloc(Thread *t, const uint64_t a[6])
{
    enum { ACCESS_BITS = 3 };
    (void)t;
    return a[0] || (a[1] & ~(uint64_t)ACCESS_BITS) ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(Thread *t, const uint64_t a[6])
{
    (void)t;
    (void)a;
    return -EINVAL;
}

long sys_mremap(Thread *t, const uint64_t a[6])
{
    return mem_mremap(t->process->mem, a[0], a[1], a[2], a[3], a[4]);
}

long sys_madvise(Thread *t, const uint64_t a[6])
{
    return mem_madvise(t->process->mem, a[0], a[1], (int)a[2]);
}

long sys_brk(Thread *t, const uint64_t a[6])
{
    return (long)mem_brk(t->process->mem, a[0]);
}

long sys_shmat(Thread *t, const uint64_t a[6])
{
    return mem_shmat(t->process->mem, (int)a[0], a[1], (int)a[2]);
}

long sys_shmdt(Thread *t, const uint64_t a[6])
{
    return mem_shmdt(t->process->mem, a[0]);
}

long sys_remap_file_pages(Thread *t, const uint64_t a[6])
{
    return mem_remap_file_pages(t->process->mem, a[0], a[1], a[2], a[3], a[4]);
}
