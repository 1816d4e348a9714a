// exec under load: threads that keep running, others that fork and execute this program again, from the forked thread and from a
// thread that the child made, whose siblings exec must end.
#include "stress.h"

enum { RUNNERS = 2, EXECUTORS = 6, EACH = 12 };
static long each;
static volatile int stop;
static const char *self;

static void *run(void *arg)
{
    unsigned long x = 1;
    while (!stop)
        x = x * 6364136223846793005u + 1;
    return (void *)(intptr_t)(x == 0);
}

static void execute(int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    char *args[] = {(char *)"execs", (char *)"exit", text, NULL}, *env[] = {(char *)"LC_ALL=C", NULL};
    execve(self, args, env);
    _exit(254);
}

static void *executes(void *arg)
{
    execute((int)(intptr_t)arg);
    return NULL;
}

static void *fork_and_execute(void *arg)
{
    long me = (long)(intptr_t)arg, bad = 0;
    for (long i = 0; i < each; i++) {
        int value = (int)((me * 31 + i * 7) % 200), status;
        pid_t pid = i % 3 == 2 ? vfork() : fork();
        if (pid == 0) {
            if (i % 3 == 1) {
                start(run, 0);
                start(executes, value);
                for (;;)
                    pause();
            }
            execute(value);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != value << 8)
            bad++;
    }
    return (void *)(intptr_t)bad;
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "exit"))
        return atoi(argv[2]);
    pthread_t runners[RUNNERS], t[EXECUTORS];
    long bad = 0;
    self = "/proc/self/exe";
    each = EACH * factor(argc, argv);
    for (long k = 0; k < RUNNERS; k++)
        runners[k] = start(run, k);
    for (long k = 0; k < EXECUTORS; k++)
        t[k] = start(fork_and_execute, k);
    for (long k = 0; k < EXECUTORS; k++)
        bad += finish(t[k]);
    stop = 1;
    for (long k = 0; k < RUNNERS; k++)
        finish(runners[k]);
    printf("executed %ld, wrong %ld\n", each * EXECUTORS, bad);
    return 0;
}
