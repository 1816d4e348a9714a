/* stack.h - host stacks with thread-local storage, for guest threads.
 *
 * Guest threads are made with clone3 as the guest asked, not with pthread_create: thread ids,
 * CLONE_CHILD_CLEARTID, robust lists and the moment of death are the kernel's own then. The C
 * library still needs its thread-local storage in each, which its dynamic linker's allocator makes.
 * Stacks are never given back, only used again: at most as many exist as threads lived at once.
 */
#ifndef XEMU_RUNTIME_THREAD_STACK_H
#define XEMU_RUNTIME_THREAD_STACK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HostStack {
    struct HostStack *next;  /* in the list of all */
    _Atomic uint32_t in_use; /* cleared by the last instruction that uses the stack */
    void *base;
    size_t size; /* usable from base */
    void *tls;   /* thread pointer (fs base) */
} HostStack;

/* NULL if out of memory. Thread-safe. */
HostStack *host_stack_get(void);
/* For a stack that no thread runs on any more. */
static inline void host_stack_put(HostStack *s)
{
    atomic_store(&s->in_use, 0);
}
/* Around fork: the list must be consistent in the child, where the forking thread's stack is the
 * only one in use. */
void host_stack_fork_prepare(void);
void host_stack_fork_done(int in_child, const HostStack *mine);

#endif
