// New code where no file can be made: with no descriptor left, and with a limit on the size of
// files; in children, and from the start of a program.
#include "guest.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Code that only a child reaches.
static __attribute__((noinline)) unsigned once(unsigned k, unsigned x)
{
    switch (k) {
    case 0: return x * 3 + 1;
    case 1: return x ^ x >> 3;
    case 2: return x % 1000 + 7;
    case 3: return ~x / 5;
    default: return x - k;
    }
}

// Often enough to be translated in a child, too.
static unsigned fresh(unsigned k, unsigned x)
{
    for (unsigned i = 0; i < 20000; i++)
        x = once(k, x) + i;
    return x;
}

// Several generations deep, each with code of its own.
static int descend(unsigned k, unsigned x)
{
    pid_t child = fork();
    if (child == 0)
        _exit(k ? descend(k - 1, fresh(k, x)) : (int)(fresh(k, x) & 63));
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 99;
    return WIFEXITED(status) ? WEXITSTATUS(status) + 1 : 100 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    struct rlimit size = {4096, 4096}, files = {64, 64};
    if (argc > 1) {
        printf("started anew: %d\n", descend(3, 300));
        return 0;
    }
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        return 1;
    int first = dup(0), last = first;
    for (int fd; (fd = dup(0)) >= 0; last = fd)
        ;
    printf("no descriptor: %d\n", descend(3, 100));
    for (int fd = first; fd <= last; fd++)
        close(fd);
    if (setrlimit(RLIMIT_FSIZE, &size) != 0)
        return 1;
    printf("small files: %d\n", descend(4, 200));
    fflush(stdout);
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
