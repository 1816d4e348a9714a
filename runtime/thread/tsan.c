/* A guest thread on a thread that ThreadSanitizer knows: it needs its own state in each, which
 * clone3 doesn't make. */
#include "runtime/thread/tsan.h"

#if XEMU_TSAN
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

typedef struct Go {
    const struct clone_args *args;
    void (*run)(void *);
    void *arg;
    int tid; /* 0: not there yet */
} Go;

static void *enter(void *p)
{
    Go *go = p;
    void (*run)(void *) = go->run;
    void *arg = go->arg;
    int tid = (int)host_raw0(SYS_gettid);
    /* Before the thread runs: it may end, and the kernel clear the same word, before the parent
     * goes on. */
    if (go->args->flags & CLONE_PARENT_SETTID) {
        *(int *)(uintptr_t)go->args->parent_tid = tid;
    }
    if (go->args->flags & CLONE_CHILD_SETTID) {
        *(int *)(uintptr_t)go->args->child_tid = tid;
    }
    if (go->args->flags & CLONE_CHILD_CLEARTID) {
        host_raw1(SYS_set_tid_address, go->args->child_tid);
    }
    __atomic_store_n(&go->tid, tid, __ATOMIC_RELEASE); /* `go` is the parent's again */
    run(arg);
    return NULL;
}

long tsan_thread(const struct clone_args *args, void (*run)(void *), void *arg)
{
    Go go = {.args = args, .run = run, .arg = arg};
    pthread_t thread;
    int err = pthread_create(&thread, NULL, enter, &go);
    if (err) {
        return -err;
    }
    pthread_detach(thread);
    int tid;
    while ((tid = __atomic_load_n(&go.tid, __ATOMIC_ACQUIRE)) == 0) {
        sched_yield();
    }
    return tid;
}

long tsan_fork(const struct clone_args *args)
{
    const uint64_t known = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
    if ((args->flags & ~known) || args->exit_signal != SIGCHLD) {
        return host_raw2(SYS_clone3, args, sizeof *args);
    }
    int pid = fork();
    if (pid < 0) {
        return -errno;
    }
    int tid = pid ? pid : (int)host_raw0(SYS_gettid);
    if (args->flags & CLONE_PARENT_SETTID) {
        *(int *)(uintptr_t)args->parent_tid = tid;
    }
    if (pid == 0 && (args->flags & CLONE_CHILD_SETTID)) {
        *(int *)(uintptr_t)args->child_tid = tid;
    }
    if (pid == 0 && (args->flags & CLONE_CHILD_CLEARTID)) {
        host_raw1(SYS_set_tid_address, args->child_tid);
    }
    return pid;
}
#endif
