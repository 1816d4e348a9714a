/* What /proc says of a process's own memory and of calls that are waiting, and memory that is
 * locked. */
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 18];

static const char *contents(const char *path)
{
    int fd = open(path, O_RDONLY);
    size_t n = 0;
    for (ssize_t r; fd >= 0 && (r = read(fd, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)r;
    close(fd);
    text[n] = 0;
    return text;
}

typedef struct {
    unsigned long start, end;
} Range;

static Range mapping(const char *name)
{
    Range r = {0, 0};
    const char *at = strstr(contents("/proc/self/maps"), name);
    while (at && at > text && at[-1] != '\n')
        at--;
    if (at)
        sscanf(at, "%lx-%lx", &r.start, &r.end);
    return r;
}

static unsigned long status(const char *key)
{
    const char *at = strstr(contents("/proc/self/status"), key);
    return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

static __attribute__((noinline)) int deep(int n)
{
    volatile char room[4096];
    room[0] = (char)n;
    return n ? deep(n - 1) + room[0] : 0;
}

static unsigned long field(int n)
{
    const char *at = strrchr(contents("/proc/self/stat"), ')');
    for (int i = 2; i < n; i++)
        at = strchr(at + 1, ' ');
    return strtoul(at, NULL, 10);
}

static void memory(void)
{
    unsigned long here = (unsigned long)&here;
    Range stack = mapping("[stack]");
    printf("stack: small %d, here %d\n", stack.end - stack.start < 1 << 20,
           here >= stack.start && here < stack.end);
    deep(200);
    Range grown = mapping("[stack]");
    printf("grown %d, same end %d, VmStk %d\n", grown.end - grown.start >= 200 * 4096,
           grown.end == stack.end, status("VmStk:") * 1024 == grown.end - grown.start);
    Range vdso = mapping("[vdso]");
    char before[32];
    snprintf(before, sizeof before, "-%lx r", vdso.start);
    const char *line = strstr(contents("/proc/self/maps"), before),
               *end = line ? strchr(line, '\n') : NULL;
    const char *name = line ? strstr(line, "[vvar") : NULL;
    printf("data before the vdso %d\n", name && name < end);

    unsigned long start = field(26), stop = field(27), main_at = (unsigned long)status;
    unsigned long text_kb = (((stop + 4095) & ~4095ul) - (start & ~4095ul)) / 1024;
    printf("code: %d, VmExe %d, VmLib %d\n", main_at >= start && main_at < stop,
           status("VmExe:") == text_kb, status("VmLib:") < 8192);
    char *data = malloc(4 << 20);
    unsigned long first = status("VmData:");
    mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mmap(NULL, 4 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("data: +%lu kB\n", status("VmData:") - first);
    free(data);
    unsigned long size, resident, shared, code, lib, all, size_kb = status("VmSize:");
    sscanf(contents("/proc/self/statm"), "%lu %lu %lu %lu %lu %lu", &size, &resident, &shared,
           &code, &lib, &all);
    printf("statm: %d %d %lu %d\n", size * 4 == size_kb, code * 4 == text_kb, lib,
           all * 4 == status("VmData:") + status("VmStk:"));
    char *brk_now = sbrk(0);
    printf("brk: %d\n", field(47) <= (unsigned long)brk_now && field(47) >= field(46));
}

static int pipes[2];

static void *reader(void *arg)
{
    char room[77];
    *(volatile int *)arg = (int)syscall(SYS_gettid);
    read(pipes[0], room, sizeof room);
    return NULL;
}

// Until it waits there.
static void watch(const char *path)
{
    long number;
    unsigned long a[6], sp, pc;
    while (sscanf(contents(path), "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &number, a, a + 1, a + 2,
                  a + 3, a + 4, a + 5, &sp, &pc) != 9 ||
           number != SYS_read || a[2] != 77)
        usleep(1000);
    printf("it reads from %d to its stack: %d\n", a[0] == pipes[0], a[1] - sp < 65536);
}

static void waiting(void)
{
    char path[64], room[256];
    pthread_t thread;
    volatile int tid = 0;
    int fd = open("/proc/self/syscall", O_RDONLY);
    ssize_t n = read(fd, room, sizeof room - 1);
    room[n < 0 ? 0 : n] = 0;
    long number = 0;
    unsigned long a[6] = {0}, sp = 0, pc = 0;
    sscanf(room, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &number, a, a + 1, a + 2, a + 3, a + 4,
           a + 5, &sp, &pc);
    printf("this: read %d, from %d, to %d, %lu bytes, sp %d\n", number == SYS_read, a[0] == fd,
           a[1] == (unsigned long)room, a[2],
           sp <= (unsigned long)&tid + 4096 && sp + 4096 > (unsigned long)room - 4096);
    close(fd);
    pipe(pipes);
    pthread_create(&thread, NULL, reader, (void *)&tid);
    while (!tid)
        usleep(100);
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    watch(path);
    write(pipes[1], "", 1);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        reader((void *)&tid);
        _exit(0);
    }
    snprintf(path, sizeof path, "/proc/%d/syscall", child);
    watch(path);
    write(pipes[1], "", 1);
    waitpid(child, NULL, 0);
}

static void show(const char *what, bool good)
{
    printf("%s: %s\n", what, good ? "fine" : strerrorname_np(errno));
    fflush(stdout);
}

static bool map(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    munmap(p, n);
    return true;
}

// As an ordinary user, with a limit that suffices for what the program has.
static void locked(void)
{
    enum { MB = 1 << 20 };
    struct rlimit limit;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    limit.rlim_cur = limit.rlim_max < 8 * MB ? 0 : 8 * MB;
    setrlimit(RLIMIT_MEMLOCK, &limit);
    if (geteuid() == 0)
        setuid(65534);
    munmap(mmap(NULL, 64 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 64 * MB);
    show("wrong", !mlockall(64));
    show("only on fault", !mlockall(MCL_ONFAULT));
    show("all", !mlockall(MCL_CURRENT | MCL_FUTURE));
    show("a little", map(4096));
    show("too much", map(64 * MB));
    pid_t child = fork();
    if (child == 0) {
        show("not inherited", map(64 * MB));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    show("unlocked", !munlockall());
    show("much", map(64 * MB));
    mmap(NULL, 64 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("more than the limit", !mlockall(MCL_CURRENT));
    show("in future", !mlockall(MCL_FUTURE | MCL_ONFAULT));
    show("too much", map(64 * MB));
}

int main(void)
{
    pid_t child = fork();
    if (child == 0) {
        locked();
        _exit(0);
    }
    waitpid(child, NULL, 0);
    memory();
    waiting();
    return 0;
}
