/* Start of a program, the run loop of its threads, and its end. */
#include "runtime/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#include "jit/ownmem.h"
#include "jit/ready.h"
#include "runtime/code/store.h"
#include "runtime/load/program.h"
#include "runtime/prof/prof.h"
#include "runtime/sig/signal.h"
#include "runtime/stats.h"
#include "runtime/sys/filter.h"
#include "runtime/sys/own_fd.h"
#include "runtime/sys/path.h"
#include "runtime/sys/procfs.h"
#include "runtime/sys/sys.h"
#include "runtime/thread/rseq.h"

__thread Thread *thread_current;
Process *process_first;

enum { POOL_MOST = 8 };

static Thread *thread_from_pool(ThreadPool *pool)
{
    lock_take(&pool->lock);
    Thread *t = pool->first;
    if (t) {
        pool->first = t->next;
        pool->count--;
    }
    lock_release(&pool->lock);
    if (t) {
        /* Registers and modes are set by the abi; the jit's caches of code are good for any thread.
         */
        t->cpu.interrupt = 0;
        t->cpu.ll_addr = ~(GuestAddr)0;
        t->cpu.watch = NULL;
        memset((char *)t + sizeof t->cpu, 0, offsetof(Thread, held_info) - sizeof t->cpu);
    }
    return t;
}

static Thread *thread_new(Process *p)
{
    /* Pages of its own, zeroed by the kernel as they are touched. */
    long at =
        host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(sizeof(Thread)), mem_page_up(sizeof(Thread)),
                  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    if (at < 0) {
        return NULL;
    }
    Thread *t = guest_ptr((uint64_t)at);
    t->cpu.frontend = p->frontend;
    if (jit_thread_start(p->jit, &t->cpu)) {
        host_raw2(SYS_munmap, t, mem_page_up(sizeof(Thread)));
        return NULL;
    }
    return t;
}

Thread *thread_alloc(Process *p, ThreadPool *pool)
{
    Thread *t = thread_from_pool(pool);
    if (!t && !(t = thread_new(p))) {
        return NULL;
    }
    t->process = p;
    t->cpu.process = p;
    t->cpu.runtime = t;
    t->alt_flags = SS_DISABLE;
    t->tagged = false;
    rseq_thread(t);
    return t;
}

void thread_dispose(Thread *t, ThreadPool *pool)
{
    lock_take(&pool->lock);
    bool keep = pool->count < POOL_MOST;
    if (keep) {
        t->next = pool->first;
        pool->first = t;
        pool->count++;
    }
    lock_release(&pool->lock);
    if (!keep) {
        jit_thread_end(&t->cpu);
        host_raw2(SYS_munmap, t, mem_page_up(sizeof(Thread)));
    }
}

void process_add_thread(Process *p, Thread *t)
{
    lock_take(&p->threads_lock);
    t->next = p->threads;
    t->prev = NULL;
    if (p->threads) {
        p->threads->prev = t;
    }
    p->threads = t;
    p->nthreads++;
    lock_release(&p->threads_lock);
}

void process_remove_thread(Process *p, Thread *t)
{
    lock_take(&p->threads_lock);
    *(t->prev ? &t->prev->next : &p->threads) = t->next;
    if (t->next) {
        t->next->prev = t->prev;
    }
    p->nthreads--;
    lock_release(&p->threads_lock);
}

/* As a kernel ends a process that it finds no memory for. */
static void no_memory(void)
{
    static const char text[] =
        "xemu: no memory to run the program; raise the limit on address space\n";
    host_raw3(SYS_write, STDERR_FILENO, text, sizeof text - 1);
    host_raw2(SYS_kill, (uint64_t)getpid(), SIGKILL);
}

void thread_loop(Thread *t)
{
    Cpu *cpu = &t->cpu;
    for (;;) {
        bool steps = trace_steps(&t->trace);
        if (steps && cpu->interrupt) {
            cpu->interrupt = 0;
            t->trace.handler = 0;
            signal_deliver(t);
            if (t->trace.handler) {
                trace_stepped(t);
            }
            continue;
        }
        CpuExit exit = steps ? jit_step(cpu) : cpu->watch ? jit_run_watched(cpu) : jit_run(cpu);
        switch (exit) {
        case CPU_EXIT_SYSCALL: sys_call(t); break;
        case CPU_EXIT_TRAP: signal_trap(t); break;
        case CPU_EXIT_FAULT: signal_fault(t); break;
        case CPU_EXIT_NO_MEMORY: no_memory(); break;
        case CPU_EXIT_INTERRUPT: /* jit_run() has cleared the request */
        case CPU_EXIT_NONE: break;
        }
        if (steps) {
            if (exit == CPU_EXIT_INTERRUPT || exit == CPU_EXIT_SYSCALL || t->trace.handler) {
                trace_stepped(t);
            }
        } else if (exit == CPU_EXIT_INTERRUPT || cpu->interrupt) {
            cpu->interrupt = 0;
            signal_deliver(t);
        }
    }
}

void process_save(Process *p, bool waits)
{
    if (p->mem->store && p->jit && !p->vforked && jit_may_save(p->jit)) {
        code_store_save(p->mem->store, p->jit, waits);
    }
    if (p->prof && !p->vforked) {
        prof_flush(p->prof);
    }
}

/* What the guest closes, or may not open any more, it opens now. */
static void open_reports(Process *p)
{
    const char *count = p->options->count;
    if (p->options->stats) {
        int fd = dup(STDERR_FILENO);
        p->report_fd = fd < 0 ? -1 : own_fd_high(fd);
    }
    if (count && count[0]) {
        int fd = open(count, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        p->count_fd = fd < 0 ? -1 : own_fd_high(fd);
    }
}

/* The last of several processes to end leaves its own. */
static void write_counts(const Process *p)
{
    int fd = dup(p->count_fd);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
    if (to && !ftruncate(fd, 0) && lseek(fd, 0, SEEK_SET) == 0) {
        jit_print_counts(p->jit, to);
    }
    if (to) {
        (void)fclose(to);
    }
}

void process_finish(Process *p)
{
    if (p->vforked) {
        return; /* the parent, in whose memory this runs, has more to count */
    }
    if (thread_current && thread_current->process == p) {
        jit_await_optimizer(&thread_current->cpu);
    }
    process_save(p, true);
    if (p->count_fd >= 0) {
        write_counts(p);
    }
    if (p->options->stats) {
        stats_print(p->jit, code_store_counters(p->mem->store), p->options->stats == 2,
                    p->report_fd);
    }
    if (p->options->log && p->options->log != stderr) {
        fflush(p->options->log);
    }
    jit_close_optimizer(p->jit);
    if (process_is_alone(p)) {
        jit_exec_prepare(p->jit);
    }
}

void process_exit(Process *p, int status)
{
    process_finish(p);
    for (;;) {
        host_raw1(SYS_exit_group, status);
    }
}

/* The limits that the guest set before it executed this program, or what the host says. */
static void set_space_limits(Process *p)
{
    if (p->options->limits_data) {
        p->data_limit = (struct rlimit){p->options->data_soft, p->options->data_hard};
        p->mem->most_data = p->options->data_soft;
    } else {
        getrlimit(RLIMIT_DATA, &p->data_limit);
    }
    if (p->options->limits_as) {
        p->as_limit = (struct rlimit){p->options->as_soft, p->options->as_hard};
        p->mem->most = p->options->as_soft;
    } else {
        getrlimit(RLIMIT_AS, &p->as_limit);
    }
}

/* An optimized block costs as much as it saves in about so many executions. */
enum { QUICK_DEFAULT = 18000 };

uint32_t process_tiers(const Options *o)
{
    return o->tiers ? o->tiers : JIT_TIER_INTERP | JIT_TIER_TEMPLATE | JIT_TIER_LLVM;
}

static int start_jit(Process *p)
{
    const Options *o = p->options;
    JitOptions jit_options = {
        .tiers = process_tiers(o),
        .hot = o->hot,
        .spoil = o->spoil,
        .optimizer_memory = o->optimizer_memory,
        .stress = o->stress,
        .quick = o->quick == OPTIONS_QUICK_OFF ? 0
                 : o->quick                    ? o->quick
                                               : QUICK_DEFAULT,
        .ready = &ready_aarch64,
        .dump = o->dump,
        .dump_from = o->dump_from,
        .dump_to = o->dump_to,
        .log = o->log ? o->log : stderr,
        .count_insns = o->count != NULL,
        .one_insn_per_block = o->one_insn_per_block,
        .time_translation = o->stats,
        .host_features_off = o->host_features_off,
        .arena_hint = PROCESS_ARENA,
    };
    JitHost host = {.fetch = mem_fetch,
                    .ctx = p->mem,
                    .map_version = &p->mem->map.version,
                    .guarded = mem_guarded,
                    .any_guarded = mem_any_guarded,
                    .critical = mem_critical,
                    .any_critical = &p->mem->any_critical,
                    .exe_fd = &p->exe_fd,
                    .reaped = &p->reaped,
                    .new_namespace = &p->new_namespace};
    if (p->mem->store) {
        code_store_host(p->mem->store, &host);
    }
    if (p->prof) {
        host.placed = prof_placed;
        host.placed_ctx = p->prof;
    }
    int err = jit_create(&p->jit, p->frontend, &jit_options, &host);
    if (err == -ENOSYS && !o->tiers) {
        jit_options.tiers = JIT_TIER_INTERP; /* a host that tier 1 can't emit code for */
        err = jit_create(&p->jit, p->frontend, &jit_options, &host);
    }
    /* Under a limit of the host's (ulimit -v) less has to do. */
    for (size_t size = (size_t)64 << 20; err == -ENOMEM && size >= (size_t)1 << 20; size /= 4) {
        jit_options.arena_size = size;
        err = jit_create(&p->jit, p->frontend, &jit_options, &host);
    }
    p->mem->jit = p->jit;
    if (!err && p->mem->store) {
        code_store_target(p->mem->store, jit_features(p->jit));
    }
    return err;
}

static void fail(const char *text)
{
    fprintf(stderr, "xemu: %s\n", text);
}

int process_run(const Options *options, const char *path, char *const *argv, char *const *envp)
{
    static Process process;
    static Mem memory;
    static SigTable signals;
    static ThreadPool pool;
    static Tracer tracer;
    static TraceCode trace_code;
    Process *p = &process;
    *p = (Process){
        .options = options,
        .frontend = &frontend_aarch64,
        .abi = &abi_aarch64,
        .mem = &memory,
        .sig = &signals,
        .pool = &pool,
        .tracer = &tracer,
        .trace_code = &trace_code,
        .exe_fd = options->exe_fd,
        .reaps = getpid() == 1,
        .reaped = options->reaped,
        .prefix_fd = -1,
        .program_fd = -1,
        .log_fd = options->log && options->log != stderr ? fileno(options->log) : -1,
        .report_fd = -1,
        .count_fd = -1,
        .personality = (uint64_t)host_raw1(SYS_personality, 0xffffffff),
    };
    process_first = p;
    open_reports(p);
    mallopt(M_ARENA_MAX, 1); /* one per thread would be 64 MB of the guest's address space each */
    mem_init(p->mem, options->reserved_va);
    if (options->perf_map || options->jitdump) { /* of kept code nobody would be told */
        p->prof = prof_create(options->perf_map, options->jitdump);
    } else {
        p->mem->store = code_store_open(options, p->frontend);
    }
    path_set_prefix(p, options->prefix);
    set_space_limits(p);

    LoadError error;
    GuestAddr entry, sp;
    if (program_load(p, path, argv, envp, &entry, &sp, &error)) {
        fail(error.text);
        return error.status;
    }
    procfs_publish(p); /* early: until then others see xemu's own command line */
    if (p->mem->store) {
        code_store_command(p->mem->store, p->exe, argv);
    }
    int err = start_jit(p);
    Thread *t = err ? NULL : thread_alloc(p, p->pool);
    if (!t) {
        fprintf(stderr,
                "xemu: %s: no memory for translated code: %s; raise the limit on address space\n",
                path, strerror(err ? -err : ENOMEM));
        return 126;
    }
    thread_current = t;
    t->alt_flags = 0; /* as execve() leaves it */
    t->tid = (int)host_raw0(SYS_gettid);
    process_add_thread(p, t);
    signal_init(p, t);
    if (options->filters >= 0) {
        seccomp_load(t, options->filters);
    }
    p->abi->start_program(&t->cpu, entry, sp);
    if (trace_at_start) {
        trace_exec(t);
    }
    if (!setjmp(t->leave)) {
        thread_loop(t);
    }
    /* The first thread ended alone: its host thread is the process's leader and stays until the
     * others are gone. */
    int status = t->exit_status;
    uint64_t all = ~(uint64_t)0;
    host_raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all);
    process_remove_thread(p, t);
    thread_current = NULL;
    thread_dispose(t, p->pool);
    for (;;) {
        host_raw1(SYS_exit, status);
    }
}
