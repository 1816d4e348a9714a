// group: system
// Children after 500 threads have lived at once.
// flags: -O2 -pthread
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { THREADS = 500 };
static pthread_barrier_t all;

static void *body(void *arg)
{
    pthread_barrier_wait(&all);
    return arg;
}

BENCH(60, system)
{
    static pthread_t t[THREADS];
    uint64_t sum = 0;
    pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&t[i], NULL, body, NULL))
            exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (uint32_t i = 0; i < n; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit((int)i & 127);
        waitpid(pid, &status, 0);
        sum += (uint64_t)status;
    }
    return sum;
}
