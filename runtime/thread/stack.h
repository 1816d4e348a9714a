/* stack.h - host stacks with thread-local storage, for guest threads.
 *
 * Guest threads are made with clone3 as the guest asked, not with pthread_create: thread ids,
 * CLONE_CHILD_CLEARTID, robust lists and the moment of death are the kernel's own then. The C
 * library still needs its thread-local storage in each, which its dynamic linker's allocator makes.
 *
 * Stacks are used again. Beyond a few, the memory of stacks that nobody uses is given back; the
 * thread-local storage, which is small, stays: the C library keeps things in it (its allocator's
 * cache) that only it could free.
 */
#ifndef XEMU_RUNTIME_THREAD_STACK_H
#define XEMU_RUNTIME_THREAD_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HostStack {
    struct HostStack *next; /* in the list of all */
    struct HostStack *idle; /* the next one that isn't taken */
    bool taken;
    _Atomic uint32_t in_use; /* cleared by the last instruction that uses the stack */
    char *low;               /* the mapping, from its guard page; NULL: given back */
    void *base;
    size_t size; /* usable from base */
    void *tls;   /* thread pointer (fs base) */
} HostStack;

/* NULL if out of memory. Thread-safe. */
HostStack *host_stack_get(void);
/* By the thread that runs on it, shortly before it ends (all signals blocked), and by others for a
 * stack that no thread runs on any more: `in_use` says when it really is free. */
void host_stack_put(HostStack *s);
/* Gives back what is idle beyond a few; worth it before a fork. */
void host_stack_trim(void);
/* Around fork: the list must be consistent in the child, where the forking thread's stack is the
 * only one in use. */
void host_stack_fork_prepare(void);
void host_stack_fork_done(int in_child, const HostStack *mine);

#endif
