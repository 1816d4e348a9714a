// Robust and priority-inheriting mutexes whose owners die, futex calls that the C library doesn't
// make, storms of threads.
#include "guest.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Shared {
    pthread_mutex_t mutex[4];
    int value;
} Shared;

static void *lock_and_die(void *arg)
{
    pthread_mutex_lock(arg);
    return NULL;
}

// Dead owners: threads, and processes that exit or are killed.
static void owners_die(void)
{
    Shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int k = 0; k < 4; k++) {
        pthread_mutexattr_t a;
        pthread_mutexattr_init(&a);
        pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
        pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setprotocol(&a, k & 1 ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
        pthread_mutex_init(&s->mutex[k], &a);
    }
    for (int round = 0; round < 30; round++) {
        pthread_mutex_t *m = &s->mutex[round & 3];
        if (round % 3 == 0) {
            pthread_t t;
            pthread_create(&t, NULL, lock_and_die, m);
            pthread_join(t, NULL);
        } else {
            pid_t pid = fork();
            if (pid == 0) {
                pthread_mutex_lock(m);
                if (round % 3 == 1)
                    _exit(0);
                raise(SIGKILL);
            }
            waitpid(pid, NULL, 0);
        }
        int r1 = pthread_mutex_lock(m), r2 = pthread_mutex_consistent(m),
            r3 = pthread_mutex_unlock(m);
        if (r1 != EOWNERDEAD || r2 || r3)
            printf("round %d: %d %d %d\n", round, r1, r2, r3);
    }
    puts("owners died");
}

static uint32_t words[4];
static void *wait_for_any(void *arg)
{
    struct futex_waitv v[4];
    memset(v, 0, sizeof v);
    for (int i = 0; i < 4; i++)
        v[i] = (struct futex_waitv){
            .uaddr = (uintptr_t)&words[i], .val = 0, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG};
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 20;
    return (void *)syscall(SYS_futex_waitv, v, 4, 0, &end, CLOCK_MONOTONIC);
}

static void *wait_on(void *arg)
{
    return (void *)(intptr_t)(syscall(SYS_futex, arg, FUTEX_WAIT_PRIVATE, 0, NULL) ? -errno : 0);
}

static long futex(uint32_t *at, int op, unsigned long val, unsigned long val2, uint32_t *at2,
                  uint32_t val3)
{
    long r = syscall(SYS_futex, at, op, val, val2, at2, val3);
    return r < 0 ? -errno : r;
}

static void rare_calls(void)
{
    pthread_t t[8];
    void *result;
    pthread_create(&t[0], NULL, wait_for_any, NULL);
    long woken = 0;
    while (!woken) {
        usleep(1000);
        woken = futex(&words[2], FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0);
    }
    pthread_join(t[0], &result);
    printf("waitv %ld %ld\n", woken, (long)(intptr_t)result);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, wait_on, &words[0]);
    long moved = 0;
    woken = 0;
    while (moved + woken < 8) {
        usleep(1000);
        long r = futex(&words[0], FUTEX_CMP_REQUEUE_PRIVATE, woken ? 0 : 1, 100, &words[1], 0);
        moved += r - (woken ? 0 : r > 0);
        woken += woken == 0 && r > 0;
    }
    printf("requeued %ld woken %ld\n", moved, woken);
    long rest = 0;
    while (rest < moved)
        rest += futex(&words[1], FUTEX_WAKE_PRIVATE, 100, 0, NULL, 0);
    long bad = 0;
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], &result);
        bad += result != NULL;
    }
    printf("rest %ld bad %ld\n", rest, bad);
    long r0 = futex(&words[3], FUTEX_WAKE_OP_PRIVATE, 1, 1, &words[3],
                    FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GT, 3));
    printf("wake op %ld value %u\n", r0, words[3]);
    printf("errors %ld %ld %ld\n", futex(&words[3], FUTEX_WAIT_PRIVATE, 1, 0, NULL, 0),
           futex(NULL, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0),
           futex((uint32_t *)((char *)words + 1), FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0));
    uint32_t pi = 0;
    long r1 = futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0),
         mine = pi == (uint32_t)syscall(SYS_gettid);
    long r2 = futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0),
         r3 = futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0);
    printf("pi %ld %ld %ld %ld %u\n", r1, mine, r2, r3, pi);
}

static void *nothing(void *arg)
{
    return arg;
}

enum { STORM = 64 };
static pthread_mutex_t lock[3];
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter, waves;
static int pipes[2];
static volatile sig_atomic_t got;
static void count(int n)
{
    __atomic_fetch_add(&got, 1, __ATOMIC_RELAXED);
}

static void *storm(void *arg)
{
    long me = (long)(intptr_t)arg;
    char c = 'x';
    for (int i = 0; i < 60; i++) {
        pthread_mutex_t *m = &lock[(me + i) % 3];
        pthread_mutex_lock(m);
        if (m == &lock[0]) {
            counter++;
            if (counter % 16 == 0)
                pthread_cond_broadcast(&cond);
        }
        pthread_mutex_unlock(m);
        while (write(pipes[1], &c, 1) != 1)
            ;
        if (i % 8 == 0)
            kill(getpid(), SIGUSR1);
        while (read(pipes[0], &c, 1) != 1)
            ;
        if (i % 20 == 0)
            sched_yield();
    }
    return NULL;
}

int main(void)
{
    owners_die();
    rare_calls();
    pthread_t t[STORM];
    long sum = 0;
    for (long i = 0; i < 1000; i++) {
        void *r;
        pthread_create(&t[0], NULL, nothing, (void *)(intptr_t)i);
        pthread_join(t[0], &r);
        sum += (long)(intptr_t)r;
    }
    printf("threads %ld\n", sum);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutex_init(&lock[0], NULL);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock[1], &a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&lock[2], &a);
    struct sigaction act = {.sa_handler = count, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &act, NULL);
    pipe(pipes);
    for (long i = 0; i < STORM; i++)
        pthread_create(&t[i], NULL, storm, (void *)(intptr_t)i);
    for (int i = 0; i < STORM; i++)
        pthread_join(t[i], NULL);
    printf("storm %ld signals %d\n", counter, got > 0);
    return 0;
}
