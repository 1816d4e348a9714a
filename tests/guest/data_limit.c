// guest: link=static
// guest: native-flags=-static
// RLIMIT_DATA: large allocations fail, small ones don't; it is what it was after exec, and /proc
// says it.
#include "guest.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int maps(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED)
        munmap(p, bytes);
    return p != MAP_FAILED;
}

static void show(const char *who)
{
    char line[256];
    struct rlimit l;
    FILE *f = fopen("/proc/self/limits", "r");
    getrlimit(RLIMIT_DATA, &l);
    printf("%s: limit %llu, 8 MB %d, 1 MB %d\n", who, (unsigned long long)l.rlim_cur,
           maps(8 << 20), maps(1 << 20));
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "data size"))
            fputs(line, stdout);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct rlimit l = {5000000, 5000000};
    if (argc > 1) {
        show("executed");
        return 0;
    }
    printf("set %d\n", setrlimit(RLIMIT_DATA, &l));
    void *large = malloc(6000000), *small = malloc(1000000);
    printf("malloc %d %d\n", large != NULL, small != NULL);
    free(small);
    show("set");
    if (!fork()) {
        execl(argv[0], argv[0], "again", NULL);
        _exit(3);
    }
    wait(NULL);
    return 0;
}
