/* The C library's allocator on threads that it doesn't know of. */
#include <criterion/criterion.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/host/host.h"
#include "runtime/thread/stack.h"

enum { THREADS = 3, ROUNDS = 4000, BLOCKS = 40 };

static _Atomic uint32_t ready, done;

/* More blocks of a size than a thread keeps for itself: the others go to lists that all threads
 * share. Each must still be what its owner wrote when it is freed. */
static void churn(unsigned seed)
{
    unsigned char *blocks[BLOCKS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = 24 + (round + seed) % 3 * 16;
        for (unsigned i = 0; i < BLOCKS; i++) {
            blocks[i] = malloc(size);
            memset(blocks[i], (int)(seed + i), size);
        }
        for (unsigned i = 0; i < BLOCKS; i++) {
            for (size_t k = 0; k < size; k++) {
                if (blocks[i][k] != (unsigned char)(seed + i)) {
                    abort();
                }
            }
            free(blocks[i]);
        }
        if (round % 500 == 0) {
            free(malloc(100000)); /* collects those lists */
        }
    }
}

static void run(void *arg)
{
    HostStack *stack = *(HostStack **)arg;
    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) != THREADS + 1) {
        sched_yield();
    }
    churn((unsigned)((uintptr_t)stack->low >> 12));
    atomic_fetch_add(&done, 1);
    uint64_t all = ~UINT64_C(0);
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all);
    host_exit_thread(&stack->in_use);
}

static void *nothing(void *arg)
{
    return arg;
}

Test(heap, threads_share_it)
{
    /* A C library that is linked dynamically may keep to itself whether it has one thread. */
    pthread_t known;
    cr_assert_eq(pthread_create(&known, NULL, nothing, NULL), 0);
    pthread_join(known, NULL);
    mallopt(M_ARENA_MAX, 1);
    for (unsigned i = 0; i < THREADS; i++) {
        HostStack *stack = host_stack_get();
        cr_assert_not_null(stack);
        *(HostStack **)stack->base = stack;
        struct clone_args args = {
            .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                     CLONE_SYSVSEM | CLONE_SETTLS,
            .stack = (uintptr_t)stack->base,
            .stack_size = stack->size & ~(uint64_t)15,
            .tls = (uintptr_t)stack->tls,
        };
        cr_assert_gt(host_clone3(&args, sizeof args, run, stack->base), 0);
    }
    atomic_fetch_add(&ready, 1);
    churn(0);
    while (atomic_load(&done) != THREADS) {
        sched_yield();
    }
}
