/* The memory calls: their arguments, handed to mem/. */
#include <fcntl.h>

#include "runtime/sys/sys.h"
#include "runtime/sys/tagged.h"
#include "runtime/sys/uring.h"

/* Memory that another process may write as well: pairs are single-copy atomic from now on, as
 * between threads. A file that this process can't write is taken as data that stays. */
static void note_shared(Thread *t, const uint64_t a[6])
{
    enum { TYPE = 3, SHARED = 1, SHARED_VALIDATE = 3, ANONYMOUS = 0x20 };
    if ((a[3] & TYPE) != SHARED && (a[3] & TYPE) != SHARED_VALIDATE) {
        return;
    }
    long flags = a[3] & ANONYMOUS ? O_RDWR : host_raw3(SYS_fcntl, (int)a[4], F_GETFL, 0);
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) {
        t->cpu.mode |= CPU_MODE_THREADS;
    }
}

long sys_mmap(Thread *t, const uint64_t a[6])
{
    long r = mem_mmap(t->process->mem, a[0], a[1], a[2], a[3], (int)a[4], a[5]);
    if (r > 0) {
        note_shared(t, a);
    }
    if (t->process->urings && r > 0) {
        uring_mapped(t->process, (int)a[4], a[5], (GuestAddr)r);
    }
    return r;
}

long sys_munmap(Thread *t, const uint64_t a[6])
{
    return mem_munmap(t->process->mem, untagged(a[0]), a[1]);
}

long sys_mprotect(Thread *t, const uint64_t a[6])
{
    return mem_mprotect(t->process->mem, untagged(a[0]), a[1], a[2], -1);
}

long sys_pkey_mprotect(Thread *t, const uint64_t a[6])
{
    return mem_mprotect(t->process->mem, untagged(a[0]), a[1], a[2], (int)a[3]);
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
    return mem_mremap(t->process->mem, untagged(a[0]), a[1], a[2], a[3], a[4]);
}

long sys_madvise(Thread *t, const uint64_t a[6])
{
    return mem_madvise(t->process->mem, untagged(a[0]), a[1], (int)a[2]);
}

long sys_brk(Thread *t, const uint64_t a[6])
{
    return (long)mem_brk(t->process->mem, a[0]);
}

long sys_shmat(Thread *t, const uint64_t a[6])
{
    t->cpu.mode |= CPU_MODE_THREADS; /* as note_shared() */
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

/* What lies beside the guest's mappings may be xemu's, which is no memory to the guest: then the
 * kernel is asked about a place where there never is any, and gives its own error. */
static long on_mapped(Thread *t, long number, const uint64_t a[6])
{
    const GuestAddr at = untagged(a[0]);
    const uint64_t args[6] = {at, a[1], a[2], a[3], a[4], a[5]};
    GuestAddr start = mem_page_down(at), end = at + a[1];
    if (start < end && !mem_covers(t->process->mem, start, mem_page_up(end))) {
        const uint64_t nowhere[6] = {MEM_TASK_SIZE | (at & MEM_PAGE_MASK), 1, a[2]};
        return host_syscall(&t->cpu, number, nowhere);
    }
    return host_syscall(&t->cpu, number, args);
}

long sys_msync(Thread *t, const uint64_t a[6])
{
    return on_mapped(t, SYS_msync, a);
}

long sys_mlock(Thread *t, const uint64_t a[6])
{
    return on_mapped(t, SYS_mlock, a);
}

long sys_mlock2(Thread *t, const uint64_t a[6])
{
    return on_mapped(t, SYS_mlock2, a);
}

long sys_munlock(Thread *t, const uint64_t a[6])
{
    return on_mapped(t, SYS_munlock, a);
}

long sys_mlockall(Thread *t, const uint64_t a[6])
{
    return mem_mlockall(t->process->mem, (uint32_t)a[0]);
}

long sys_munlockall(Thread *t, const uint64_t a[6])
{
    (void)a;
    return mem_munlockall(t->process->mem);
}

long sys_mincore(Thread *t, const uint64_t a[6])
{
    return on_mapped(t, SYS_mincore, a);
}

long sys_mseal(Thread *t, const uint64_t a[6])
{
    enum { NUMBER = 462 }; /* newer than the C library's headers */
    return on_mapped(t, NUMBER, a);
}
