// Ten thousand threads, in a row and in flocks, joined and detached; then hundreds that live at one time and fork among themselves.
#include "stress.h"
#include <semaphore.h>

enum { FLOCK = 25, CREATED = 10000, LIVING = 200, FORKS = 20 };
static __thread long mine = 7;
static long sum;
static sem_t left;
static pthread_barrier_t all;

static void *joined(void *arg)
{
    mine += (long)(intptr_t)arg;
    return (void *)(intptr_t)mine;
}

static void *detached(void *arg)
{
    __atomic_fetch_add(&sum, (long)(intptr_t)arg + mine, __ATOMIC_RELAXED);
    sem_post(&left);
    return NULL;
}

static void *lives(void *arg)
{
    long me = (long)(intptr_t)arg, bad = 0;
    pthread_barrier_wait(&all);
    if (me % (LIVING / FORKS) == 0) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit(mine == 7 ? (int)(me % 100) : 255);
        bad = waitpid(pid, &status, 0) != pid || status != (int)(me % 100) << 8;
    }
    pthread_barrier_wait(&all);
    return (void *)(intptr_t)bad;
}

int main(int argc, char **argv)
{
    static pthread_t t[LIVING];
    long n = factor(argc, argv), bad = 0;
    sem_init(&left, 0, 0);
    for (long i = 0; i < n * CREATED; i += FLOCK) {
        for (long k = 0; k < FLOCK; k++) {
            if (k % 5 == 4)
                pthread_detach(start(detached, i + k));
            else
                t[k] = start(joined, i + k);
        }
        for (long k = 0; k < FLOCK; k++) {
            if (k % 5 == 4)
                sem_wait(&left);
            else
                bad += finish(t[k]) != i + k + 7;
        }
    }
    printf("created: sum %ld wrong %ld\n", sum, bad);
    pthread_barrier_init(&all, NULL, LIVING);
    for (long round = bad = 0; round < n; round++) {
        for (long k = 0; k < LIVING; k++)
            t[k] = start(lives, k);
        for (long k = 0; k < LIVING; k++)
            bad += finish(t[k]);
    }
    printf("alive: wrong %ld\n", bad);
    return 0;
}
