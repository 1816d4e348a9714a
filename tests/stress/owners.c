// Owners of robust mutexes that end, threads and processes, while others wait for them.
#include "stress.h"

enum { MUTEXES = 16, THREADS = 8, ROUNDS = 60, PROCESSES = 4 };

typedef struct {
    pthread_mutex_t mutex[MUTEXES];
    long made[MUTEXES]; // deaths with the mutex held, by it
    long seen[MUTEXES]; // deaths that a later owner was told of
} Shared;
static Shared *shared;

static void make(Shared *s)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    for (int i = 0; i < MUTEXES; i++) {
        if (i % 4 == 3)
            pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
        pthread_mutex_init(&s->mutex[i], &attr);
        pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_NONE);
    }
}

static void take(int i)
{
    int err = pthread_mutex_lock(&shared->mutex[i]);
    if (err == EOWNERDEAD) {
        shared->seen[i]++;
        err = pthread_mutex_consistent(&shared->mutex[i]);
    }
    errno = err;
    must(!err, "lock");
}

// Takes some in ascending order, gives back half of them, ends with the rest.
static void *die(void *arg)
{
    unsigned seed = (unsigned)(intptr_t)arg * 2654435761u + 1;
    int held[MUTEXES], n = 0;
    for (int i = 0; i < MUTEXES; i++) {
        seed = seed * 1103515245 + 12345;
        if ((seed >> 16) % 3 == 0) {
            take(i);
            held[n++] = i;
        }
    }
    for (int k = 0; k < n; k++) {
        if (k % 2)
            pthread_mutex_unlock(&shared->mutex[held[k]]);
        else
            shared->made[held[k]]++;
    }
    return NULL;
}

static void *storm(void *arg)
{
    for (int r = 0; r < ROUNDS; r++) {
        pthread_t t[THREADS];
        for (int k = 0; k < THREADS; k++)
            t[k] = start(die, (long)(intptr_t)arg * 1000 + r * THREADS + k);
        for (int k = 0; k < THREADS; k++)
            finish(t[k]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    for (long i = factor(argc, argv); i > 0; i--) {
        shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        make(shared);
        pid_t child[PROCESSES];
        for (int k = 0; k < PROCESSES; k++) {
            child[k] = fork();
            if (child[k] == 0) {
                storm((void *)(intptr_t)k);
                die((void *)(intptr_t)(k + 99)); // and so does the process
                raise(SIGKILL);
            }
        }
        long made = 0, seen = 0, killed = 0;
        for (int k = 0; k < PROCESSES; k++) {
            int status;
            waitpid(child[k], &status, 0);
            killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        }
        for (int k = 0; k < MUTEXES; k++) {
            take(k);
            pthread_mutex_unlock(&shared->mutex[k]);
            made += shared->made[k];
            seen += shared->seen[k];
        }
        printf("killed %ld, deaths %ld, noticed %ld\n", killed, made, seen);
        munmap(shared, sizeof *shared);
    }
}
