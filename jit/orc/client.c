/* client.c - starts the optimizer, asks it, takes its answers.
 *
 * The optimizer is nobody's child: a process in between starts it and ends, so that no wait of the
 * guest's can see it. It has its own session and no descriptor of the guest's. What it needs of the
 * guest process is the memory file.
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
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jit/orc/channel.h"
#include "jit/ownmem.h"

struct Client {
    Channel *ch;
    const int *exe_fd;
    uint32_t order, taken;
    uint64_t started;
    uint64_t wait_until, backoff; /* ns, CLOCK_MONOTONIC */
    uint64_t looked, begun;
    int pid; /* of the guest process, whose memory a vfork child uses, too */
};

enum { STACK = 64 << 10 };
#define SECOND UINT64_C(1000000000)

static uint64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

Client *client_create(const int *exe_fd)
{
    Client *c = calloc(1, sizeof *c);
    if (c) {
        c->exe_fd = exe_fd;
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

void client_close(const Client *c)
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

/* ---- starting -------------------------------------------------------------------------------- */

typedef struct Start {
    int memory, exe, nothing;
    uint8_t *stack; /* of the optimizer-to-be */
    volatile bool failed;
} Start;

/* (a debugger of this process has nothing to do with it) */
static const unsigned exec_flags = CLONE_VM | CLONE_VFORK | CLONE_UNTRACED;

/* Descriptors 0 to 2 can neither be read nor written, 3 is the memory, 4 the executable. All system
 * calls: the parent's memory is shared until exec. */
static int become_optimizer(void *arg)
{
    static char name[] = "xemu-optimizer";
    Start *s = arg;
    uint64_t none = 0;
    char *argv[] = {name, NULL}, *envp[] = {NULL};
    for (int fd = 0; fd < 3; fd++) {
        syscall(SYS_dup3, s->nothing, fd, 0);
    }
    syscall(SYS_dup3, s->memory, 3, 0);
    syscall(SYS_dup3, s->exe, 4, O_CLOEXEC);
    syscall(SYS_close_range, 5, ~0u, 0);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    syscall(SYS_execveat, 4, "", argv, envp, AT_EMPTY_PATH);
    s->failed = true;
    syscall(SYS_exit_group, 1);
    return 1;
}

/* The process in between. */
static int detach(void *arg)
{
    Start *s = arg;
    syscall(SYS_setsid);
    long pid = clone(become_optimizer, s->stack + STACK, (int)exec_flags, s);
    syscall(SYS_exit_group, pid > 0 ? 0 : 1);
    return 1;
}

/* High numbers: the guest's own count from 0. */
static int high(int fd)
{
    if (fd < 0) {
        return fd;
    }
    int to = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200);
    if (to >= 0) {
        close(fd);
        return to;
    }
    return fd;
}

static bool start(Client *c)
{
    int ends[2] = {-1, -1};
    bool ok = false;
    uint8_t *stacks = mmap(ownmem_hint(2 * STACK), 2 * STACK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Start s = {.memory = high(memfd_create("xemu-optimizer", MFD_CLOEXEC)),
               .exe = high(open("/proc/self/exe", O_PATH | O_CLOEXEC)),
               .nothing = -1};
    if (s.exe < 0 && *c->exe_fd >= 0) {
        s.exe = high(dup(*c->exe_fd));
    }
    if (pipe2(ends, O_CLOEXEC) == 0) {
        s.nothing = high(ends[0]);
        close(ends[1]);
    }
    if (s.memory < 0 || s.exe < 0 || s.nothing < 0 || stacks == MAP_FAILED ||
        ftruncate(s.memory, sizeof(Channel)) != 0) {
        goto done;
    }
    c->ch = mmap(ownmem_hint(sizeof(Channel)), sizeof(Channel), PROT_READ | PROT_WRITE, MAP_SHARED,
                 s.memory, 0);
    if (c->ch == MAP_FAILED) {
        c->ch = NULL;
        goto done;
    }
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&c->ch->life, &attr);
    c->ch->guest = c->pid;
    c->begun = c->looked = now();
    c->taken = 0;
    s.stack = stacks;
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    int pid = clone(detach, stacks + 2 * STACK, (int)exec_flags, &s), status = 1;
    while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    ok = pid > 0 && status == 0 && !s.failed;
done:
    if (!ok) {
        drop_channel(c);
    }
    int fds[] = {s.memory, s.exe, s.nothing};
    for (unsigned i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (stacks != MAP_FAILED) {
        munmap(stacks, 2 * STACK);
    }
    c->started += ok;
    return ok;
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool client_has_room(const Client *c)
{
    if (!c->ch) {
        return now() >= c->wait_until;
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
        uint64_t t = now();
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
    uint64_t t = now();
    if (t - c->looked < SECOND / 50) {
        return false;
    }
    c->looked = t;
    if (!__atomic_load_n(&c->ch->alive, __ATOMIC_ACQUIRE)) {
        return t - c->begun > 10 * SECOND;
    }
    /* The mutex's word as the kernel leaves it. Taking it would enter it into this thread's list of
     * robust locks, from which it would have to go before it is unmapped. */
    uint32_t word = (uint32_t)__atomic_load_n(&c->ch->life.__data.__lock, __ATOMIC_ACQUIRE);
    return (word & FUTEX_OWNER_DIED) || !(word & FUTEX_TID_MASK);
}

bool client_lost(Client *c)
{
    if (!c->ch || !is_dead(c)) {
        return false;
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
