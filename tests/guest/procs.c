/* /proc of this process and of a child: mappings, sizes, programs, signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char global[100000];

/* Sums up the file: the bytes mapped, and whether it holds what a process has. */
static unsigned long maps(const char *path, const void *heap)
{
    char line[5000];
    unsigned long total = 0, last = 0;
    int names = 0, ordered = 1, has_global = 0, has_heap = 0, has_stack = 0, code = 0;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long start, end;
        char prot[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, prot) != 3) {
            continue; /* a detail of smaps */
        }
        total += end - start;
        ordered &= start >= last;
        last = end;
        names |= strstr(line, "[heap]")    ? 1
                 : strstr(line, "[stack]") ? 2
                 : strstr(line, "[vdso]")  ? 4
                                           : 0;
        has_global |=
            (unsigned long)global >= start && (unsigned long)global < end && !strcmp(prot, "rw-p");
        has_heap |=
            (unsigned long)heap >= start && (unsigned long)heap < end && strstr(line, "[heap]");
        has_stack |=
            (unsigned long)line >= start && (unsigned long)line < end && strstr(line, "[stack]");
        code |= (unsigned long)maps >= start && (unsigned long)maps < end && prot[2] == 'x';
    }
    fclose(f);
    printf("%s: names %d ordered %d global %d heap %d stack %d code %d\n", strrchr(path, '/') + 1,
           names, ordered, has_global, has_heap, has_stack, code);
    return total;
}

static unsigned long number(const char *path, const char *key, int base)
{
    char line[5000];
    unsigned long v = 0;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, key, strlen(key))) {
            v = strtoul(line + strlen(key), NULL, base);
        }
    }
    fclose(f);
    return v;
}

static void handler(int number) {}

/* Is there a mapping of that many pages at the address, in what fd says from its beginning on? by: how it is read. */
static int shows(int fd, const void *at, unsigned long pages, int by)
{
    static char text[200000];
    unsigned long have = 0;
    if (by == 'r') {
        lseek(fd, 0, SEEK_SET);
    }
    for (ssize_t n; (n = by == 'p' ? pread(fd, text + have, sizeof text - 1 - have, have)
                                   : read(fd, text + have, sizeof text - 1 - have)) > 0;) {
        have += n;
    }
    text[have] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= (unsigned long)at && end >= (unsigned long)at + 4096 * pages) {
            return 1;
        }
    }
    return 0;
}

/* What is open tells of the moment when it is read. */
static void again(void)
{
    int fd = open("/proc/self/maps", O_RDONLY), second, status = open("/proc/self/status", O_RDONLY);
    char *p = mmap(NULL, 4096 * 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("mapped after opening: %d", shows(fd, p, 16, 'c'));
    munmap(p, 4096 * 16);
    printf(" unmapped: %d", shows(fd, p, 1, 'r'));
    p = mmap(p, 4096 * 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf(" pread: %d", shows(fd, p, 16, 'p'));
    second = dup2(fd, 50);
    munmap(p, 4096 * 16);
    printf(" dup: %d", shows(second, p, 1, 'r'));
    close(second);
    p = mmap(p, 4096 * 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf(" again: %d\n", shows(fd, p, 16, 'r'));
    char text[4000];
    read(status, text, sizeof text);
    signal(SIGUSR2, handler);
    text[pread(status, text, sizeof text - 1, 0)] = 0;
    unsigned long caught = strtoul(strstr(text, "SigCgt:") + 7, NULL, 16);
    printf("caught later %lx\n", caught & 0xffffffff);
    close(fd);
    close(status);
}

/* The signals in stat are those of status, in its old form. */
static void in_stat(void)
{
    char text[2000];
    FILE *f = fopen("/proc/self/stat", "r");
    unsigned long ignored = 0, caught = 0;
    fgets(text, sizeof text, f);
    fclose(f);
    int fields = 2;
    for (char *at = strrchr(text, ')') + 2; *at > ' '; at += strcspn(at, " \n") + 1) {
        fields++;
        ignored = fields == 33 ? strtoul(at, NULL, 10) : ignored;
        caught = fields == 34 ? strtoul(at, NULL, 10) : caught;
    }
    printf("%d fields, ignored %lx caught %lx\n", fields, ignored & 0x7fff, caught);
}

/* Of a process that has ended there's nothing more to read. */
static void gone(void)
{
    char path[100], c;
    int pipes[2];
    pipe(pipes);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        read(pipes[0], &c, 1);
        _exit(0);
    }
    sprintf(path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    printf("there %zd", read(fd, path, 3));
    write(pipes[1], "x", 1);
    waitpid(pid, NULL, 0);
    ssize_t n = pread(fd, path, 3, 0);
    printf(" gone %zd %s\n", n, n < 0 ? strerrorname_np(errno) : "");
}

int main(int argc, char **argv)
{
    char own[200], other[200], path[100];
    void *heap = malloc(100);
    signal(SIGSEGV, handler);
    signal(SIGUSR1, handler);
    signal(SIGFPE, SIG_IGN);
    unsigned long total = maps("/proc/self/maps", heap);
    maps("/proc/self/smaps", heap);
    unsigned long size = number("/proc/self/statm", "", 10) * 4096,
                  kb = number("/proc/self/status", "VmSize:", 10);
    printf("sizes %d %d\n", size / 2 < total && total / 2 < size, kb * 1024 / 2 < total);
    printf("resident %d\n", number("/proc/self/smaps_rollup", "Rss:", 10) > 10);
    printf("caught %lx ignored %lx\n", number("/proc/self/status", "SigCgt:", 16) & 0xffffffff,
           number("/proc/self/status", "SigIgn:", 16) & 0x7fff);
    ssize_t n = readlink("/proc/self/exe", own, sizeof own);
    fflush(stdout);
    int pipes[2];
    pipe(pipes);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        read(pipes[0], &c, 1);
        _exit(0);
    }
    sprintf(path, "/proc/%d/exe", pid);
    printf("child's program %d\n",
           readlink(path, other, sizeof other) == n && !memcmp(own, other, n));
    sprintf(path, "/proc/%d", pid);
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    memset(other, 0, sizeof other);
    printf("by descriptor %d\n",
           readlinkat(dir, "exe", other, sizeof other) == n && !memcmp(own, other, n));
    sprintf(path, "/proc/%d/maps", pid);
    unsigned long child = maps(path, heap);
    printf("as large %d\n", child / 2 < total && total / 2 < child);
    sprintf(path, "/proc/%d/status", pid);
    printf("caught %lx\n", number(path, "SigCgt:", 16) & 0xffffffff);
    int fd = openat(dir, "maps", O_RDONLY);
    printf("opened %d\n", fd >= 0 && read(fd, path, 10) == 10);
    printf("to be read only %d, writing %zd\n", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY,
           write(fd, "x", 1));
    write(pipes[1], "x", 1);
    wait(NULL);
    again();
    in_stat();
    gone();
    return 0;
}
