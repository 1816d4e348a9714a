/* client.c - starts the optimizer, asks it, takes its answers.
 *
 * The optimizer is nobody's child: a process in between starts it and ends, so that no wait of the
 * guest's can see it. Where a guest would adopt it (pid 1 of a namespace, a subreaper) there is
 * none. It has its own session and no descriptor of the guest's. What it needs of the guest process
 * is the memory file, which is made in the new process's own table of descriptors, so that the
 * guest's is never touched.
 */
#ifdef XEMU_LLVM
#include "jit/orc/client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jit/orc/channel.h"
#include "jit/ownmem.h"

struct Client {
    Channel *ch;
    ClientHost host;
    uint32_t order, taken;
    uint64_t started;
    uint64_t wait_until, backoff; /* ns, CLOCK_MONOTONIC */
    uint64_t looked, begun;
    int pid;         /* of the guest process, whose memory a vfork child uses, too */
    int optimizer;   /* the optimizer's, as this process sees it */
    unsigned hidden; /* threads in whose sight no child may be */
};

enum { STACK = 64 << 10 };
/* Regions need a tenth of it; one that needs more has gone wrong. */
#define DEFAULT_MEMORY (UINT64_C(300) << 20)
#define SECOND         UINT64_C(1000000000)

uint64_t client_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

Client *client_create(const ClientHost *host)
{
    Client *c = calloc(1, sizeof *c);
    if (c) {
        c->host = *host;
        c->pid = getpid();
    }
    return c;
}

static void drop_channel(Client *c)
{
    if (c->ch) {
        munmap(c->ch, sizeof *c->ch);
        c->ch = NULL;
    }
}

void client_close(Client *c)
{
    Channel *ch = c->ch;
    if (ch) {
        __atomic_store_n(&ch->closed, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &ch->asked, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

void client_destroy(Client *c, bool forked)
{
    if (!forked) {
        client_close(c);
    }
    drop_channel(c);
    free(c);
}

bool client_forked(Client *c)
{
    if (c->ch) {
        return false;
    }
    c->pid = getpid();
    return true;
}

void client_hide(Client *c, bool on)
{
    c->hidden += on ? 1 : -1u;
}

/* ---- starting -------------------------------------------------------------------------------- */

typedef struct Start {
    Channel *ch;    /* is made by the new process, in the memory that it shares */
    uint8_t *stack; /* of the optimizer-to-be */
    int exe;        /* as in the guest's table; -1: /proc leads to it */
    rlim_t memory;
    volatile int pid;
    volatile bool failed;
} Start;

/* (a debugger of this process has nothing to do with it) */
static const unsigned start_flags = CLONE_VM | CLONE_VFORK | CLONE_UNTRACED;

static int become_optimizer(void *arg)
{
    static char name[] = "xemu-optimizer";
    Start *s = arg;
    uint64_t none = 0;
    char *argv[] = {name, NULL}, *envp[] = {NULL};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    syscall(SYS_execveat, 4, "", argv, envp, AT_EMPTY_PATH);
    s->failed = true;
    syscall(SYS_exit_group, 1);
    return 1;
}

static void close_between(unsigned first, unsigned last)
{
    enum { OLD_KERNEL = 65536 };
    if (first <= last && syscall(SYS_close_range, first, last, 0) != 0) {
        for (unsigned fd = first; fd <= last && fd < OLD_KERNEL; fd++) {
            syscall(SYS_close, fd);
        }
    }
}

static int above(int fd)
{
    enum { ABOVE = 5 };
    return fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, ABOVE);
}

/* Descriptors 0 to 2 can neither be read nor written, 3 is the memory, 4 the executable. */
static bool make_descriptors(Start *s)
{
    int ends[2];
    unsigned exe = (unsigned)s->exe;
    if (s->exe > 0) {
        close_between(0, exe - 1);
    }
    close_between(exe + 1, ~0u); /* (from 0 on if there is none) */
    int from = above(s->exe >= 0 ? s->exe : open("/proc/self/exe", O_PATH));
    int memory = above(memfd_create("xemu-optimizer", 0));
    int nothing = pipe(ends) == 0 ? above(ends[0]) : -1;
    if (from < 0 || memory < 0 || nothing < 0 || ftruncate(memory, sizeof(Channel)) != 0) {
        return false;
    }
    void *p = mmap(ownmem_hint(sizeof(Channel)), sizeof(Channel), PROT_READ | PROT_WRITE,
                   MAP_SHARED, memory, 0);
    if (p == MAP_FAILED) {
        return false;
    }
    s->ch = p;
    close_between(0, 4);
    for (int fd = 0; fd < 3; fd++) {
        syscall(SYS_dup3, nothing, fd, 0);
    }
    return syscall(SYS_dup3, memory, 3, 0) == 3 && syscall(SYS_dup3, from, 4, O_CLOEXEC) == 4;
}

/* The guest's limits aren't the optimizer's, as far as may be. */
static void limit(int resource, rlim_t most)
{
    struct rlimit r;
    if (getrlimit(resource, &r) == 0) {
        r.rlim_cur = r.rlim_max < most ? r.rlim_max : most;
        (void)setrlimit(resource, &r);
    }
}

/* The process in between. Its memory is its parent's, which waits;
 * descriptors, limits and folders are its own. */
static int begin(void *arg)
{
    static const struct rlimit no_core = {0, 0};
    Start *s = arg;
    syscall(SYS_setsid);
    (void)setrlimit(RLIMIT_CORE, &no_core); /* would lie where the guest's are looked for */
    limit(RLIMIT_NOFILE, RLIM_INFINITY);
    limit(RLIMIT_FSIZE, RLIM_INFINITY);
    limit(RLIMIT_CPU, RLIM_INFINITY);
    limit(RLIMIT_AS, RLIM_INFINITY);
    limit(RLIMIT_DATA, s->memory);
    if (!make_descriptors(s) || chdir("/") != 0) {
        s->failed = true;
        syscall(SYS_exit_group, 1);
    }
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->ch->life, &attr);
    s->pid = clone(become_optimizer, s->stack + STACK, (int)start_flags, s);
    syscall(SYS_exit_group, 0);
    return 1;
}

/* Would the first process started now be the first of another namespace of processes, or can't that
 * be known? Then it isn't the optimizer's to be. */
static bool makes_namespace(const Client *c)
{
    struct stat own, children;
    if (stat("/proc/self/ns/pid", &own) == 0) {
        return stat("/proc/self/ns/pid_for_children", &children) != 0 ||
               own.st_ino != children.st_ino;
    }
    return *c->host.new_namespace;
}

/* Would a guest adopt the optimizer, were it nobody's child? */
static bool has_guest_reaper(const Client *c)
{
    struct stat first, own;
    int reaps = 0;
    return *c->host.reaped || getpid() == 1 || prctl(PR_GET_CHILD_SUBREAPER, &reaps) != 0 ||
           reaps ||
           (stat("/proc/1/exe", &first) == 0 && stat("/proc/self/exe", &own) == 0 &&
            first.st_ino == own.st_ino && first.st_dev == own.st_dev);
}

static bool start(Client *c)
{
    /* (A vfork child's children would be its own.) */
    if (c->hidden || getpid() != c->pid || makes_namespace(c) || has_guest_reaper(c)) {
        return false;
    }
    uint8_t *stacks = mmap(ownmem_hint(2 * STACK), 2 * STACK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stacks == MAP_FAILED) {
        return false;
    }
    Start s = {.stack = stacks,
               .exe = *c->host.exe_fd,
               .memory = c->host.memory ? c->host.memory : DEFAULT_MEMORY};
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    int pid = clone(begin, stacks + 2 * STACK, (int)start_flags, &s);
    bool ok = pid > 0 && s.pid > 0 && !s.failed;
    while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    munmap(stacks, 2 * STACK);
    c->ch = s.ch;
    if (!ok) {
        drop_channel(c);
        return false;
    }
    c->ch->guest = c->pid;
    c->begun = c->looked = client_now();
    c->taken = 0;
    c->optimizer = s.pid;
    c->started++;
    return true;
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool client_has_room(const Client *c)
{
    if (!c->ch) {
        return !c->hidden && client_now() >= c->wait_until;
    }
    for (int i = 0; i < CHANNEL_SLOTS; i++) {
        if (__atomic_load_n(&c->ch->slots[i].state, __ATOMIC_ACQUIRE) == SLOT_FREE) {
            return true;
        }
    }
    return false;
}

int client_ask(Client *c, const LiftRegion *r)
{
    if (!c->ch) {
        uint64_t t = client_now();
        if (t < c->wait_until) {
            return -EAGAIN;
        }
        c->backoff = c->backoff ? 2 * c->backoff : SECOND / 20;
        c->backoff = c->backoff > 30 * SECOND ? 30 * SECOND : c->backoff;
        c->wait_until = t + c->backoff;
        if (!start(c)) {
            return -EAGAIN;
        }
    }
    for (int i = 0; i < CHANNEL_SLOTS; i++) {
        Slot *s = &c->ch->slots[i];
        if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_FREE) {
            if (!request_write(s->data, sizeof s->data, r)) {
                return -E2BIG;
            }
            s->order = c->order++;
            __atomic_store_n(&s->state, SLOT_ASKED, __ATOMIC_SEQ_CST);
            __atomic_add_fetch(&c->ch->asked, 1, __ATOMIC_SEQ_CST);
            syscall(SYS_futex, &c->ch->asked, FUTEX_WAKE, 1, NULL, NULL, 0);
            return i;
        }
    }
    return -EAGAIN;
}

bool client_answers(const Client *c)
{
    const Channel *ch = c->ch;
    return ch && __atomic_load_n(&ch->answered, __ATOMIC_ACQUIRE) != c->taken;
}

void client_wait(const Client *c)
{
    struct timespec most = {.tv_nsec = 25000000};
    if (c->ch) {
        syscall(SYS_futex, &c->ch->answered, FUTEX_WAIT, c->taken, &most, NULL, 0);
    }
}

/* The optimizer is no more, or hasn't come to life in time. */
static bool is_dead(Client *c)
{
    uint64_t t = client_now();
    if (t - c->looked < SECOND / 50) {
        return false;
    }
    c->looked = t;
    if (!__atomic_load_n(&c->ch->alive, __ATOMIC_ACQUIRE)) {
        return t - c->begun > 10 * SECOND || (kill(c->optimizer, 0) != 0 && errno == ESRCH);
    }
    /* The mutex's word as the kernel leaves it. Taking it would enter it into this thread's list of
     * robust locks, from which it would have to go before it is unmapped. */
    uint32_t word = (uint32_t)__atomic_load_n(&c->ch->life.__data.__lock, __ATOMIC_ACQUIRE);
    return (word & FUTEX_OWNER_DIED) || !(word & FUTEX_TID_MASK);
}

bool client_lost(Client *c, uint32_t *at_work)
{
    if (!c->ch || !is_dead(c)) {
        return false;
    }
    *at_work = 0;
    for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
        *at_work |= (__atomic_load_n(&c->ch->slots[i].state, __ATOMIC_ACQUIRE) == SLOT_AT_WORK)
                    << i;
    }
    drop_channel(c);
    return true;
}

int client_take(Client *c, CodeObject *o, int *err)
{
    if (!c->ch) {
        return -EAGAIN;
    }
    for (int i = 0; i < CHANNEL_SLOTS; i++) {
        Slot *s = &c->ch->slots[i];
        uint32_t state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
        if (state == SLOT_DONE || state == SLOT_REFUSED) {
            *err = state == SLOT_DONE ? answer_read(s->data, sizeof s->data, o) : -EOPNOTSUPP;
            c->taken++;
            c->backoff = 0;
            __atomic_store_n(&s->state, SLOT_FREE, __ATOMIC_SEQ_CST);
            return i;
        }
    }
    return -EAGAIN;
}

void client_counters(const Client *c, uint64_t *started, uint64_t *peak_kb)
{
    *started = c->started;
    *peak_kb = c->ch ? c->ch->peak_kb : 0;
}
#else
typedef int no_client;
#endif
