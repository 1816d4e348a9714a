// Shows what it was started with: arguments, the environment variables that begin with T_, the size of its stack.
// (The tests of the command line use it with arguments.)
#include "guest.h"
#include <sys/resource.h>

extern char **environ;

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Uses about n kilobytes of stack.
__attribute__((noinline)) static unsigned use_stack(unsigned n)
{
    volatile char block[1024];
    block[n % 1024] = (char)n;
    return n == 0 ? 0 : use_stack(n - 1) + (block[n % 1024] == (char)n);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "stack") == 0) {
        printf("stack %u\n", use_stack((unsigned)atoi(argv[2])));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "quiet") == 0) {
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
        return 0;
    }
    for (int i = argc > 1 ? 0 : 1; i < argc; i++)
        printf("argv[%d] %s\n", i, argv[i]);
    size_t n = 0;
    while (environ[n])
        n++;
    qsort(environ, n, sizeof *environ, by_string);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "T_", 2) == 0)
            puts(environ[i]);
    return argc > 1 ? argc : 0;
}
