#include "runtime/thread/stack.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>

#include "jit/ownmem.h"
#include "runtime/host/lock.h"

enum { STACK_SIZE = 512 << 10, GUARD_SIZE = 4096 };

/* Of the C library's dynamic linker (also in its static form): storage for a new thread,
 * initialized; returns the thread pointer. */
void *_dl_allocate_tls(void *mem);

static Lock lock;
static HostStack *all;

/* The head of the thread control block on x86-64 (tcbhead_t): words 0 and 2 point to itself, 5 and
 * 6 are the stack and pointer guards, the same in every thread. */
static void *make_tls(void)
{
    void **tcb = _dl_allocate_tls(NULL);
    if (tcb) {
        uint64_t guard, pointer_guard;
        __asm__("movq %%fs:0x28, %0" : "=r"(guard));
        __asm__("movq %%fs:0x30, %0" : "=r"(pointer_guard));
        tcb[0] = tcb[2] = tcb;
        memcpy(&tcb[5], &guard, sizeof guard);
        memcpy(&tcb[6], &pointer_guard, sizeof pointer_guard);
    }
    return tcb;
}

static HostStack *make(void)
{
    long at =
        host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(STACK_SIZE), STACK_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, (uint64_t)-1, 0);
    if (at < 0) {
        return NULL;
    }
    char *low = guest_ptr((uint64_t)at);
    host_raw3(SYS_mprotect, low, GUARD_SIZE, PROT_NONE);
    HostStack *s = (HostStack *)(void *)(low + STACK_SIZE - 64);
    _Static_assert(sizeof(HostStack) <= 64, "fits above the stack");
    s->base = low + GUARD_SIZE;
    s->size = STACK_SIZE - GUARD_SIZE - 64;
    s->tls = make_tls();
    if (!s->tls) {
        host_raw2(SYS_munmap, low, STACK_SIZE);
        return NULL;
    }
    return s;
}

HostStack *host_stack_get(void)
{
    /* The C library doesn't know of these threads: it must take its locks from now on. */
    __libc_single_threaded = 0;
    lock_take(&lock);
    HostStack *s = all;
    while (s && atomic_load(&s->in_use)) {
        s = s->next;
    }
    if (!s && (s = make())) {
        s->next = all;
        all = s;
    }
    if (s) {
        atomic_store(&s->in_use, 1);
    }
    lock_release(&lock);
    return s;
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
        }
    }
    lock_release(&lock);
}
