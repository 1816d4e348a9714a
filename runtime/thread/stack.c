#include "runtime/thread/stack.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>

#include "jit/ownmem.h"
#include "runtime/host/lock.h"

enum { STACK_SIZE = 512 << 10, GUARD_SIZE = 4096, IDLE_MOST = 8 };
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Of the C library's dynamic linker (also in its static form): storage for a new thread,
 * initialized; returns the thread pointer. */
void *_dl_allocate_tls(void *mem);

static Lock lock;
static HostStack *all;
static HostStack *idle, *bare; /* not taken: with memory, and without */
static unsigned nidle;         /* changed under the lock, looked at without it */

static void count_idle(int n)
{
    __atomic_store_n(&nidle, nidle + (unsigned)n, __ATOMIC_RELAXED);
}

/* The head of the thread control block on x86-64 (tcbhead_t): words 0 and 2 point to itself, the
 * first half of 3 says whether there are several threads, 5 and 6 are the stack and pointer guards,
 * the same in every thread. */
enum { TCB_MULTIPLE_THREADS = 0x18 };

/* The C library doesn't know of these threads: it must take its locks from now on, and lock the
 * atomic operations of its allocator, which it does by a word of the thread's own. */
static void be_one_of_several(void)
{
    if (__libc_single_threaded) { /* (other threads may be here too, or read it) */
        __libc_single_threaded = 0;
    }
    __asm__ volatile("movl $1, %%fs:%c0" : : "i"(TCB_MULTIPLE_THREADS) : "memory");
}

static void *make_tls(void)
{
    void **tcb = _dl_allocate_tls(NULL);
    if (tcb) {
        uint64_t guard, pointer_guard;
        const uint32_t several = 1;
        __asm__("movq %%fs:0x28, %0" : "=r"(guard));
        __asm__("movq %%fs:0x30, %0" : "=r"(pointer_guard));
        tcb[0] = tcb[2] = tcb;
        memcpy((char *)tcb + TCB_MULTIPLE_THREADS, &several, sizeof several);
        memcpy(&tcb[5], &guard, sizeof guard);
        memcpy(&tcb[6], &pointer_guard, sizeof pointer_guard);
    }
    return tcb;
}

static int map_stack(HostStack *s)
{
    long at =
        host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(STACK_SIZE), STACK_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, (uint64_t)-1, 0);
    if (at < 0) {
        return -ENOMEM;
    }
    s->low = guest_ptr((uint64_t)at);
    /* Linux 6.13 can guard a page without making a mapping of its own of it, which fork would copy.
     */
    if (host_raw3(SYS_madvise, s->low, GUARD_SIZE, MADV_GUARD_INSTALL)) {
        host_raw3(SYS_mprotect, s->low, GUARD_SIZE, PROT_NONE);
    }
    s->base = s->low + GUARD_SIZE;
    s->size = STACK_SIZE - GUARD_SIZE;
    return 0;
}

static void unmap_stack(HostStack *s)
{
    host_raw2(SYS_munmap, s->low, STACK_SIZE);
    s->low = NULL;
}

static HostStack *make(void)
{
    HostStack *s = calloc(1, sizeof *s);
    if (s && !(s->tls = make_tls())) {
        free(s);
        s = NULL;
    }
    if (s) {
        s->next = all;
        all = s;
    }
    return s;
}

/* Takes the first that its thread has really left. */
static HostStack *take_idle(void)
{
    for (HostStack **at = &idle, *s; (s = *at); at = &s->idle) {
        if (!atomic_load(&s->in_use)) {
            *at = s->idle;
            count_idle(-1);
            return s;
        }
    }
    return NULL;
}

static void put_bare(HostStack *s)
{
    s->idle = bare;
    bare = s;
}

HostStack *host_stack_get(void)
{
    be_one_of_several();
    lock_take(&lock);
    HostStack *s = take_idle();
    if (!s) {
        if ((s = bare)) {
            bare = s->idle;
        } else {
            s = make();
        }
        if (s && map_stack(s)) {
            put_bare(s);
            s = NULL;
        }
    }
    if (s) {
        s->taken = true;
        atomic_store(&s->in_use, 1);
    }
    lock_release(&lock);
    return s;
}

static void put(HostStack *s)
{
    s->taken = false;
    s->idle = idle;
    idle = s;
    count_idle(1);
}

static void trim(void)
{
    for (HostStack *old; nidle >= IDLE_MOST && (old = take_idle());) {
        unmap_stack(old);
        put_bare(old);
    }
}

void host_stack_put(HostStack *s)
{
    lock_take(&lock);
    trim();
    put(s);
    lock_release(&lock);
}

void host_stack_trim(void)
{
    if (__atomic_load_n(&nidle, __ATOMIC_RELAXED) >
        IDLE_MOST) { /* threads that ended at one time kept each other's stacks */
        lock_take(&lock);
        trim();
        lock_release(&lock);
    }
}

void host_stack_fork_prepare(void)
{
    lock_take(&lock);
}

void host_stack_fork_done(int in_child, const HostStack *mine)
{
    for (HostStack *s = in_child ? all : NULL; s; s = s->next) {
        if (s != mine) {
            atomic_store(&s->in_use, 0);
            if (s->taken) {
                put(s);
            }
        }
    }
    lock_release(&lock);
}
