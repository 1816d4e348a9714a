// clone and clone3 with flags that the C library doesn't use, and spawning.
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static volatile int shared;
static int fds[2];
static char stacks[4][65536] __attribute__((aligned(64)));

static int child_writes(void *arg)
{
    shared += 10 + (int)(intptr_t)arg;
    return 7;
}

static int child_opens(void *arg)
{
    fds[0] = open("/dev/null", O_RDONLY);
    chdir("/proc");
    umask(027);
    return 0;
}

static int child_handles(void *arg)
{
    signal(SIGUSR2, SIG_IGN);
    return 0;
}

static int run(int flags, int (*fn)(void *), void *arg)
{
    int status = -1;
    pid_t pid = clone(fn, stacks[0] + sizeof stacks[0], flags | SIGCHLD, arg);
    if (pid < 0)
        return -errno;
    return waitpid(pid, &status, 0) == pid ? status : -1000;
}

static long clone3(struct clone_args *a)
{
    long r = syscall(SYS_clone3, a, sizeof *a);
    return r < 0 ? -errno : r;
}

static long refused(uint64_t flags, uint64_t signal)
{
    struct clone_args a = {.flags = flags, .exit_signal = signal};
    long r = clone3(&a);
    if (r == 0)
        _exit(99);
    if (r > 0)
        waitpid((pid_t)r, NULL, __WALL);
    return r > 0 ? 1 : r;
}

int main(void)
{
    // Memory shared with a process of its own, with and without waiting for it.
    int status = run(CLONE_VM, child_writes, (void *)1);
    printf("vm %x shared %d\n", status, shared);
    status = run(CLONE_VM | CLONE_VFORK, child_writes, (void *)2);
    printf("vfork %x shared %d\n", status, shared);
    status = run(0, child_writes, (void *)3);
    printf("copy %x shared %d\n", status, shared);

    // Descriptors, the current directory, signal actions.
    status = run(CLONE_VM | CLONE_FILES | CLONE_FS, child_opens, NULL);
    char dir[64];
    getcwd(dir, sizeof dir);
    printf("files %x %d dir %s mask %o\n", status, fcntl(fds[0], F_GETFD), dir, umask(022));
    close(fds[0]);
    status = run(CLONE_FILES, child_opens, NULL);
    printf("only files %x %d\n", status, fcntl(fds[0], F_GETFD) >= 0);
    run(CLONE_VM, child_handles, NULL);
    printf("own actions %d\n", signal(SIGUSR2, SIG_DFL) == SIG_DFL);
    run(CLONE_VM | CLONE_SIGHAND, child_handles, NULL);
    printf("shared actions %d\n", signal(SIGUSR2, SIG_DFL) == SIG_IGN);

    // A child of the same parent; clone() takes no notice of the signal then.
    pid_t brother_of = fork();
    if (!brother_of) {
        int brother = (int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        _exit(brother < 0 ? 1 : brother ? 2 : 3);
    }
    int first = 0, second = 0;
    wait(&first);
    wait(&second);
    printf("brothers %d\n", WEXITSTATUS(first) + WEXITSTATUS(second));

    // Ids in memory, a descriptor of the child, a given exit signal.
    static int parent_tid, child_tid, pidfd = -1;
    struct clone_args a = {.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_PIDFD,
                           .pidfd = (uintptr_t)&pidfd,
                           .parent_tid = (uintptr_t)&parent_tid,
                           .child_tid = (uintptr_t)&child_tid,
                           .exit_signal = SIGCHLD};
    long pid = clone3(&a);
    if (pid == 0)
        _exit(child_tid == getpid() ? 5 : 6);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int polled = poll(&p, 1, 10000);
    printf("tid %d poll %d", parent_tid == pid && child_tid == 0, polled);
    waitpid((pid_t)pid, &status, 0);
    printf(" status %x\n", status);
    a = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = 0};
    signal(SIGUSR1, SIG_IGN);
    struct sigaction act = {.sa_handler = (void (*)(int))run};
    sigaction(SIGUSR2, &act, NULL);
    pid = clone3(&a);
    if (pid == 0) {
        struct sigaction now;
        sigaction(SIGUSR2, NULL, &now);
        int r = now.sa_handler == SIG_DFL;
        sigaction(SIGUSR1, NULL, &now);
        _exit(r * 2 + (now.sa_handler == SIG_IGN));
    }
    printf("no signal: %d", waitpid((pid_t)pid, &status, 0));
    bool found = waitpid((pid_t)pid, &status, __WCLONE) == pid;
    printf(" %d %x\n", found, status);
    signal(SIGUSR2, SIG_DFL);

    printf("refused %ld %ld %ld %ld %ld\n", refused(CLONE_THREAD, 0),
           refused(CLONE_SIGHAND, SIGCHLD),
           refused(CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM, SIGCHLD),
           refused(CLONE_FS | CLONE_NEWNS, SIGCHLD), refused(0, 77));

    // Spawning reports what went wrong with executing.
    char *argv[] = {"true", NULL};
    pid_t child;
    printf("spawn %d", posix_spawn(&child, "/nonexistent/true", NULL, NULL, argv, environ));
    printf(" %d", posix_spawn(&child, "/dev", NULL, NULL, argv, environ));
    int r = posix_spawn(&child, "/bin/true", NULL, NULL, argv, environ);
    waitpid(child, &status, 0);
    printf(" %d %x\n", r, status);
    pid = vfork();
    if (pid == 0) {
        shared = 1234;
        _exit(3);
    }
    waitpid((pid_t)pid, &status, 0);
    printf("vfork %d %x\n", shared, status);
    return 0;
}
