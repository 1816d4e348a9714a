/* clone and clone3: new processes, threads, and processes that share memory.
 *
 *     CLONE_VM not set               fork: the child goes on on a copy of this host stack
 *     CLONE_VM | CLONE_VFORK         the child runs on a stack of its own, with the thread-local
 * storage of the parent, which waits CLONE_VM (| CLONE_THREAD)      a stack and thread-local
 * storage of its own
 *
 * A child that is a process of its own has a struct Process of its own: same memory, its own signal
 * actions unless CLONE_SIGHAND.
 */
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/ownmem.h"
#include "runtime/code/store.h"
#include "runtime/prof/prof.h"
#include "runtime/sig/signal.h"
#include "runtime/sys/sys.h"
#include "runtime/thread/stack.h"
#include "runtime/thread/tsan.h"

/* Of the C library: character tables of a new thread; its allocator's locks around fork (its own
 * fork() can't be used: it expects threads of its own making). Another allocator, as sanitizers
 * bring it, hasn't got those. */
void __ctype_init(void);
void __malloc_fork_lock_parent(void) __attribute__((weak));
void __malloc_fork_unlock_parent(void) __attribute__((weak));
void __malloc_fork_unlock_child(void) __attribute__((weak));

/* What a new thread or vfork child starts with. */
typedef struct Start {
    Thread *thread;
    HostStack *stack;
    bool shares_tls; /* vfork */
} Start;

static uint64_t block_all(void)
{
    uint64_t all = ~(uint64_t)0, old = 0;
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof all);
    return old;
}

static void restore_mask(uint64_t old)
{
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, sizeof old);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* In a process of one thread locks that nobody else can hold stay as they are: taking and releasing
 * them in parent and child costs a copy of each page that they are in.
 *
 * prepare: 0 or -errno; fork_done() undoes it in any case. */
static int fork_prepare(Process *p)
{
    if (p->prof) {
        prof_flush(p->prof);
    }
    if (process_is_alone(p)) {
        return jit_fork_prepare(p->jit, true);
    }
    lock_take(&p->threads_lock);
    lock_take(&p->sig->lock);
    lock_take(&p->mem->lock);
    lock_take(&p->pool->lock);
    host_stack_fork_prepare();
    int err = jit_fork_prepare(p->jit, false);
    if (__malloc_fork_lock_parent) {
        __malloc_fork_lock_parent();
    }
    return err;
}

static void fork_done(Process *p, Thread *t, long result)
{
    bool was_alone = process_is_alone(p), in_child = result == 0;
    void (*unlock)(void) = in_child ? __malloc_fork_unlock_child : __malloc_fork_unlock_parent;
    if (unlock && !was_alone) {
        unlock();
    }
    if (in_child) {
        jit_fork_child(p->jit, &t->cpu, was_alone);
        if (p->mem->store) {
            code_store_forked(p->mem->store);
        }
        if (p->prof) {
            prof_forked(p->prof);
        }
        if (p->mem->lock_future) {
            p->mem->lock_future = 0; /* locks aren't inherited */
        }
        t->tid = (int)host_raw0(SYS_gettid);
        if (p->reaps || p->new_namespace || t->tid == 1) { /* else its page stays shared */
            p->reaped |= p->reaps;
            p->reaps = t->tid == 1;
            p->new_namespace = false;
        }
        if (!was_alone) {
            lock_reset(&p->snapshots_lock);
        }
        tracer_forget(p);
    } else {
        jit_fork_parent(p->jit, was_alone, result > 0);
    }
    if (was_alone) {
        return;
    }
    host_stack_fork_done(in_child, t->host_stack);
    lock_release(&p->pool->lock);
    lock_release(&p->mem->lock);
    lock_release(&p->sig->lock);
    if (in_child) {
        /* Their parts of the jit belong to the parent's threads. */
        p->pool->first = NULL;
        p->pool->count = 0;
        atomic_store(&p->pool->others, 0);
        /* The other threads' memory stays: nobody can tell what they were about to do with it. */
        p->threads = t;
        t->next = t->prev = NULL;
        p->nthreads = 1;
    }
    lock_release(&p->threads_lock);
}

static long fork_process(Thread *t, struct clone_args *args, GuestAddr sp)
{
    Process *p = t->process;
    jit_fork_learn(&t->cpu);
    uint64_t mask = block_all();
    host_stack_trim();
    long r = fork_prepare(p);
    if (t->trace.on) {
        t->trace.newborn = t->trace.on;
    }
    uint64_t held = t->held;
    args->stack = args->stack_size = args->tls = 0;
    args->flags &= ~(uint64_t)CLONE_SETTLS;
#if XEMU_TSAN
    r = r ? r : tsan_fork(args);
#else
    r = r ? r : host_raw2(SYS_clone3, args, sizeof *args);
#endif
    fork_done(p, t, r);
    bool traced = t->trace.newborn;
    if (traced) {
        t->trace.newborn = 0;
    }
    if (r == 0) {
        if (held) {
            t->held &= ~held; /* not what a tracer of this child has sent meanwhile */
        }
        if (traced) {
            memset(&t->trace, 0, sizeof t->trace);
            t->cpu.watch = NULL;
        }
        if (args->flags & CLONE_CLEAR_SIGHAND) {
            memset(p->sig->action, 0, sizeof p->sig->action);
        }
        if (sp) {
            p->abi->start_thread(&t->cpu, &t->cpu, sp, false, 0);
        }
    }
    restore_mask(mask);
    if (r == 0 && traced) {
        p->abi->set_result(&t->cpu, 0);
        trace_born(t);
    }
    return r;
}

/* ---- threads and vfork ----------------------------------------------------------------------- */

static void end_thread(Thread *t, HostStack *stack)
{
    Process *p = t->process;
    block_all();
    process_remove_thread(p, t);
    thread_current = NULL;
    thread_dispose(t, p->pool);
    host_stack_put(stack);
    atomic_fetch_sub(&p->pool->others, 1);
    host_exit_thread(&stack->in_use);
}

static void run(void *arg)
{
    Start start = *(Start *)arg;
    Thread *t = start.thread;
    if (!start.shares_tls) {
        __ctype_init();
    }
    thread_current = t;
    t->tid = (int)host_raw0(SYS_gettid);
    if (!setjmp(t->leave)) {
        signal_set_mask(t, t->mask);
        if (t->trace.newborn) {
            trace_born(t);
        }
        thread_loop(t);
    }
    end_thread(t, start.stack);
}

/* The copy of a process for a child that shares its memory; in one mapping of its own. */
typedef struct ProcessCopy {
    Process process;
    SigTable sig;
} ProcessCopy;

static Process *copy_process(const Process *p, uint64_t flags)
{
    long at = host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(sizeof(ProcessCopy)),
                        mem_page_up(sizeof(ProcessCopy)), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    if (at < 0) {
        return NULL;
    }
    ProcessCopy *copy = guest_ptr((uint64_t)at);
    copy->process = *p;
    lock_reset(&copy->process.threads_lock);
    copy->process.threads = NULL;
    copy->process.nthreads = 0;
    copy->process.vforked = true;
    if (!(flags & CLONE_SIGHAND)) {
        lock_take(&p->sig->lock);
        copy->sig = *p->sig;
        lock_release(&p->sig->lock);
        lock_reset(&copy->sig.lock);
        copy->process.sig = &copy->sig;
        if (flags & CLONE_CLEAR_SIGHAND) {
            memset(copy->sig.action, 0, sizeof copy->sig.action);
        }
    }
    return &copy->process;
}

static void free_process(Process *p)
{
    host_raw2(SYS_munmap, p, mem_page_up(sizeof(ProcessCopy)));
}

static long start_sharing(Thread *t, struct clone_args *args, GuestAddr sp)
{
    bool is_thread = args->flags & CLONE_THREAD, waits = args->flags & CLONE_VFORK;
    Process *p = is_thread ? t->process : copy_process(t->process, args->flags);
    Thread *child = p ? thread_alloc(p, t->process->pool) : NULL;
    HostStack *stack = child ? host_stack_get() : NULL;
    long r = -ENOMEM;
    if (!stack) {
        goto fail;
    }
    child->host_stack = stack;
    child->mask = t->mask;
    child->filter = t->filter;
    child->seccomp = t->seccomp;
    child->tagged = t->tagged;
    child->trace.newborn = t->trace.newborn = t->trace.on;
    if (waits) {
        /* fork() keeps the alternate stack, vfork() too; a new thread has none. */
        child->alt_sp = t->alt_sp;
        child->alt_size = t->alt_size;
        child->alt_flags = t->alt_flags;
    }
    if (is_thread || (args->flags & CLONE_VM && !waits)) {
        t->cpu.mode |= CPU_MODE_THREADS; /* for good, and the new thread's as well */
    }
    p->abi->start_thread(&child->cpu, &t->cpu, sp, args->flags & CLONE_SETTLS, args->tls);
    Start start = {child, stack, waits};
    /* The child reads it from its own stack: the parent of a thread doesn't wait. */
    Start *kept = stack->base;
    *kept = start;
    struct clone_args host = *args;
    host.stack = (uintptr_t)stack->base;
    host.stack_size = stack->size & ~(uint64_t)15;
    host.tls = waits ? 0 : (uintptr_t)stack->tls;
    host.flags = waits ? host.flags & ~(uint64_t)CLONE_SETTLS : host.flags | CLONE_SETTLS;
    uint64_t mask = block_all();
    process_add_thread(p, child);
    atomic_fetch_add(&p->pool->others, 1);
#if XEMU_TSAN
    r = is_thread ? tsan_thread(&host, run, kept) : host_clone3(&host, sizeof host, run, kept);
#else
    r = host_clone3(&host, sizeof host, run, kept);
#endif
    if (waits || r < 0) {
        atomic_fetch_sub(&p->pool->others, 1);
    }
    t->trace.newborn = 0;
    if (waits) {
        thread_current = t; /* the thread-local storage was shared */
    }
    if (r < 0) {
        process_remove_thread(p, child);
    }
    restore_mask(mask);
    if (r >= 0 && !waits) {
        return r;
    }
    /* A vfork child has executed another program or ended: what it had in this memory is free. */
    atomic_store(&stack->in_use, 0);
    host_stack_put(stack);
fail:
    if (child) {
        thread_dispose(child, t->process->pool);
    }
    if (p && !is_thread) {
        free_process(p);
    }
    return r;
}

static long do_clone(Thread *t, struct clone_args *args, GuestAddr sp)
{
    /* A signal that is noted waits for delivery; the child must not inherit it. */
    if (t->queued) {
        return -HOST_ERESTART;
    }
    t->trace.cloning = 1;
    long r = args->flags & CLONE_VM ? start_sharing(t, args, sp) : fork_process(t, args, sp);
    t->trace.cloning = 0;
    return r;
}

long sys_clone(Thread *t, const uint64_t a[6])
{
    /* Arguments of the generic ABI (CLONE_BACKWARDS): flags, stack, parent_tid, tls, child_tid. */
    struct clone_args args = {
        .flags = (uint32_t)a[0] & ~(uint64_t)CSIGNAL,
        .exit_signal = a[0] & CSIGNAL,
        .pidfd = a[0] & CLONE_PIDFD ? a[2] : 0,
        .parent_tid = a[2],
        .child_tid = a[4],
        .tls = a[3],
    };
    if ((args.flags & CLONE_PIDFD) && (args.flags & CLONE_PARENT_SETTID)) {
        return -EINVAL;
    }
    args.flags &= ~(uint64_t)CLONE_DETACHED;
    if (args.flags & (CLONE_THREAD | CLONE_PARENT)) {
        args.exit_signal = 0; /* clone() takes no notice of it, clone3() refuses it */
    }
    return do_clone(t, &args, a[1]);
}

long sys_clone3(Thread *t, const uint64_t a[6])
{
    struct clone_args args;
    memset(&args, 0, sizeof args);
    if (a[1] < CLONE_ARGS_SIZE_VER0) {
        return -EINVAL;
    }
    if (a[1] > MEM_PAGE) {
        return -E2BIG;
    }
    if (guest_read(&args, a[0], a[1] < sizeof args ? a[1] : sizeof args)) {
        return -EFAULT;
    }
    for (uint64_t i = sizeof args; i < a[1]; i++) {
        uint8_t byte;
        if (guest_read(&byte, a[0] + i, 1)) {
            return -EFAULT;
        }
        if (byte) {
            return -E2BIG;
        }
    }
    if (!args.stack != !args.stack_size || (args.exit_signal & ~(uint64_t)CSIGNAL)) {
        return -EINVAL;
    }
    return do_clone(t, &args, args.stack ? args.stack + args.stack_size : 0);
}

long sys_exit(Thread *t, const uint64_t a[6])
{
    Process *p = t->process;
    lock_take(&p->threads_lock);
    bool last = p->nthreads == 1;
    lock_release(&p->threads_lock);
    if (last) {
        process_exit(p, (int)a[0]);
    }
    t->exit_status = (int)a[0];
    longjmp(t->leave, 1);
}

long sys_exit_group(Thread *t, const uint64_t a[6])
{
    process_exit(t->process, (int)a[0]);
}
