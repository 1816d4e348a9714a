// Threads: many of them, locks and conditions, thread-local data, fork and signals among them, spawning programs.
#include "guest.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static long total, whose;
static __thread int mine;

static void *add(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        char *p = malloc((size_t)(i + 10));
        memset(p, i, (size_t)(i + 10));
        mine += p[i] == (char)i;
        free(p);
        pthread_mutex_lock(&lock);
        total++;
        pthread_mutex_unlock(&lock);
    }
    return (void *)(intptr_t)(mine + (arg != NULL));
}

static void *take_turns(void *arg)
{
    long me = (long)(intptr_t)arg;
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&lock);
        while (whose % 3 != me)
            pthread_cond_wait(&turn, &lock);
        whose++;
        pthread_cond_broadcast(&turn);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *fork_often(void *arg)
{
    long bad = 0;
    for (int i = 0; i < 10; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            char *p = malloc(1000);
            snprintf(p, 1000, "%d %f", i, i * 1.5);
            _exit(p[0] - '0');
        }
        bad += waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != i;
    }
    return (void *)(intptr_t)bad;
}

static volatile int stop;
static int signals;
static void count(int n) { __atomic_fetch_add(&signals, n > 0, __ATOMIC_SEQ_CST); }
static void *spin(void *arg)
{
    unsigned long n = 0;
    while (!stop)
        n++;
    return (void *)(intptr_t)(n > 0);
}

static void *leave(void *arg) { pthread_exit(arg); }
static void *sleep_forever(void *arg)
{
    sleep(1000);
    return arg;
}

int main(void)
{
    pthread_t t[16];
    void *result;
    long sum = 0;
    for (int i = 0; i < 16; i++)
        pthread_create(&t[i], NULL, add, &lock);
    for (int i = 0; i < 16; i++) {
        pthread_join(t[i], &result);
        sum += (long)(intptr_t)result;
    }
    printf("locked %ld, own %ld\n", total, sum);
    for (intptr_t i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, take_turns, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    printf("turns %ld\n", whose);
    for (int i = 0; i < 500; i++) {
        pthread_create(&t[0], NULL, leave, &t[i % 16]);
        pthread_join(t[0], &result);
        sum += result == &t[i % 16];
    }
    printf("left %ld\n", sum);
    sum = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, fork_often, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], &result);
        sum += (long)(intptr_t)result;
    }
    printf("bad forks %ld\n", sum);
    signal(SIGUSR1, count);
    pthread_create(&t[0], NULL, spin, NULL);
    for (int i = 1; i <= 20; i++) {
        pthread_kill(t[0], SIGUSR1);
        while (__atomic_load_n(&signals, __ATOMIC_SEQ_CST) < i)
            usleep(100);
    }
    stop = 1;
    pthread_join(t[0], &result);
    printf("signals %d, spun %d\n", signals, (int)(intptr_t)result);
    pthread_create(&t[0], NULL, sleep_forever, NULL);
    pthread_cancel(t[0]);
    pthread_join(t[0], &result);
    printf("canceled %d\n", result == PTHREAD_CANCELED);
    char *argv[] = { "true", NULL };
    pid_t pid;
    int status, error = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, argv + 1);
    waitpid(pid, &status, 0);
    printf("spawned %d %d\n", error, status);
    error = posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, argv + 1);
    printf("not spawned %d\n", error == ENOENT);
    return 0;
}
