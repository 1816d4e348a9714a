// What an emulator does beside the program isn't seen by it: hot loops in processes that adopt
// orphans, are the first of a namespace, have closed everything, can't start processes, have
// another root or another user; and children, descriptors, threads and signals are only the
// program's own.
#include "guest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Loops of the same form, each code of its own that gets hot for itself.
enum { ROUNDS = 60000 };
#define LOOP(n)                                                                                    \
    static __attribute__((noinline)) unsigned loop##n(unsigned x)                                  \
    {                                                                                              \
        for (unsigned i = 0; i < ROUNDS; i++)                                                      \
            x = x * (2 * n + 1664525u) + (i ^ x >> (n + 3));                                       \
        return x;                                                                                  \
    }
#define LOOPS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
LOOPS(LOOP)
#define NAME(n) loop##n,
static unsigned (*const loops[])(unsigned) = {LOOPS(NAME)};

static unsigned heat(unsigned n)
{
    unsigned x = n + 1;
    for (int i = 0; i < 8; i++)
        x = loops[n](x);
    return x;
}

static volatile sig_atomic_t signals;
static void on_child(int sig)
{
    (void)sig;
    signals++;
}

// Every way to wait says that there is no child.
static unsigned no_children(void)
{
    static const int flags[] = {0,       __WALL,           __WCLONE,
                                WNOHANG, __WALL | WNOHANG, __WALL | __WNOTHREAD};
    unsigned seen = 0;
    siginfo_t info;
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        int status;
        errno = 0;
        seen |= (waitpid(-1, &status, flags[i]) != -1 || errno != ECHILD) << i;
    }
    errno = 0;
    seen |= (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) != -1 || errno != ECHILD) << 8;
    errno = 0;
    seen |= (waitid(P_PGID, 0, &info, WEXITED | WNOHANG) != -1 || errno != ECHILD) << 9;
    return seen;
}

static unsigned entries(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned n = 0;
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

// What a process can see of itself, after it was hot.
static unsigned check(unsigned n, unsigned fds)
{
    unsigned x = heat(n), bad = no_children();
    if (fds && entries("/proc/self/fd") != fds)
        bad |= 1u << 16;
    if (fds && entries("/proc/self/task") != 3)
        bad |= 1u << 17;
    if (signals)
        bad |= 1u << 18;
    return x ^ bad << 4;
}

static void result(int to, unsigned value)
{
    if (write(to, &value, sizeof value) != sizeof value)
        _exit(1);
    _exit(0);
}

static int to;
static unsigned plain(void)
{
    return check(0, entries("/proc/self/fd"));
}

static unsigned subreaper(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return check(1, entries("/proc/self/fd"));
}

// Children of one that adopts: one ends, one executes the program anew.
static unsigned below_subreaper(void)
{
    unsigned fds = entries("/proc/self/fd"), n = 0;
    int status;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (fork() == 0)
        _exit((int)(check(2, fds) & 127));
    for (; wait(&status) > 0; n++)
        n += (unsigned)WEXITSTATUS(status) << 8;
    if (fork() == 0) {
        execl("/proc/self/exe", "alone", "again", NULL);
        _exit(126);
    }
    for (; wait(&status) > 0; n++)
        n += (unsigned)WEXITSTATUS(status) << 16;
    signals = 0;
    return n ^ check(3, fds);
}

static unsigned first_of_namespace(void)
{
    int pipes[2], status;
    unsigned value = 0;
    pid_t pid;
    if (pipe(pipes) || (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID)))
        return 1;
    heat(4); // no process of the emulator's may be the namespace's first
    pid = fork();
    if (pid == 0) {
        signal(SIGCHLD, on_child);
        signals = 0;
        value = heat(5) ^ no_children() << 4 ^ (getpid() == 1) ^ (signals ? 1u << 20 : 0);
        pid = fork();
        if (pid == 0) // below the first
            _exit((int)(heat(6) & 127));
        value ^= wait(&status) == pid ? (unsigned)WEXITSTATUS(status) << 8 : 1u << 21;
        result(pipes[1], value ^ no_children() << 4);
    }
    value = pid < 0 ? 99 : 0;
    read(pipes[0], &value, sizeof value);
    return wait(&status) == pid ? value : 98;
}

static unsigned closed_all(void)
{
    int most = to + 1;
    for (int fd = 0; fd < 3000; fd++)
        if (fd != to)
            close(fd);
    syscall(SYS_close_range, most, ~0u, 0);
    return heat(7) ^ no_children() << 4;
}

static unsigned no_processes(void)
{
    struct rlimit none = {0, 0};
    (void)!setgid(65534);
    (void)!setuid(65534);
    setrlimit(RLIMIT_NPROC, &none);
    return heat(8) ^ no_children() << 4;
}

static unsigned other_user(void)
{
    (void)!setgid(65534);
    (void)!setuid(65534);
    return check(9, 0);
}

static unsigned other_root(void)
{
    char folder[] = "/tmp/alone-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    int here = open("/", O_RDONLY | O_DIRECTORY);
    if (geteuid())
        unshare(CLONE_NEWUSER);
    int moved = chroot(folder) == 0 && chdir("/") == 0;
    unsigned x = heat(10) ^ no_children() << 4;
    if (moved) { // back, to take it away
        (void)!fchdir(here);
        (void)!chroot(".");
    }
    rmdir(folder);
    return x;
}

// Small files only, few descriptors.
static unsigned few(void)
{
    struct rlimit small = {100, 100}, n = {(rlim_t)to + 4, (rlim_t)to + 4};
    setrlimit(RLIMIT_FSIZE, &small);
    setrlimit(RLIMIT_NOFILE, &n);
    return heat(11) ^ no_children() << 4;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned (*run)(void);
    } cases[] = {{"plain", plain},
                 {"subreaper", subreaper},
                 {"below a subreaper", below_subreaper},
                 {"first of a namespace", first_of_namespace},
                 {"closed all", closed_all},
                 {"no processes", no_processes},
                 {"other user", other_user},
                 {"other root", other_root},
                 {"few", few}};
    signal(SIGCHLD, on_child);
    if (argc > 1)
        return (int)(check(3, 0) & 127);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int pipes[2], status;
        unsigned value = 0;
        fflush(stdout);
        pipe(pipes);
        pid_t pid = fork();
        if (pid == 0) {
            signals = 0;
            to = pipes[1];
            value = cases[i].run();
            result(to, value);
        }
        close(pipes[1]);
        read(pipes[0], &value, sizeof value);
        close(pipes[0]);
        int ended = waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
        printf("%s %08x %d\n", cases[i].name, value, ended);
    }
    printf("children %x\n", no_children());
    return 0;
}
