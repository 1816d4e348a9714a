/* seccomp: what filters see and decide, how they are inherited, and a supervisor that answers for the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif

#define NR   offsetof(struct seccomp_data, nr)
#define ARG0 offsetof(struct seccomp_data, args[0])

/* `action` for the call `nr` with first argument arg (low word), else allowed. */
static long filter(unsigned flags, unsigned nr, unsigned arg, unsigned action)
{
    struct sock_filter insn[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arg, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof insn / sizeof insn[0], insn};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void report(const char *name, int status)
{
    printf("%s: %s %d\n", name, WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void in_child(const char *name, void (*fn)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        fn();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    report(name, status);
}

static long call(void)
{
    errno = 0;
    return syscall(SYS_dup, 77);
}

static void errors(void)
{
    long r = call();
    printf("before %ld %d, mode %d\n", r, errno, prctl(PR_GET_SECCOMP));
    r = filter(0, SYS_dup, 77, SECCOMP_RET_ERRNO | 123);
    printf("set %ld, mode %d\n", r, prctl(PR_GET_SECCOMP));
    r = call();
    printf("now %ld %d\n", r, errno);
    printf("set %ld\n", filter(0, SYS_dup, 77, SECCOMP_RET_ERRNO | 55));
    r = call();
    printf("the later of equal answers: %ld %d\n", r, errno);
    printf("set %ld\n", filter(0, SYS_dup, 77, SECCOMP_RET_ALLOW));
    r = call();
    printf("the stricter: %ld %d\n", r, errno);
    r = syscall(SYS_dup, 78);
    printf("other argument: %ld %d\n", r, errno);
    fflush(stdout);
    if (fork() == 0) {
        r = call();
        printf("inherited: %ld %d\n", r, errno);
        fflush(stdout);
        execl("/proc/self/exe", "filters", "again", NULL);
    }
    int status;
    wait(&status);
    report("executed", status);
}

static void on_sys(int number, siginfo_t *info, void *context)
{
    printf("SIGSYS: code %d errno %d call %d arch %d address %d\n", info->si_code, info->si_errno,
           info->si_syscall == SYS_dup, info->si_arch == ARCH, info->si_call_addr != NULL);
}

static void traps(void)
{
    struct sigaction act = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &act, NULL);
    filter(0, SYS_dup, 77, SECCOMP_RET_TRAP | 9);
    call();
    printf("after\n");
    fflush(stdout);
    signal(SIGSYS, SIG_DFL);
    call();
}

static void kills(void)
{
    filter(0, SYS_dup, 77, SECCOMP_RET_KILL_PROCESS);
    call();
}

static volatile pid_t caller;

static void *call_in_thread(void *arg)
{
    caller = (pid_t)syscall(SYS_gettid);
    long r = call();
    printf("in a thread: %ld %d\n", r, errno);
    return arg;
}

static void kills_thread(void)
{
    pthread_t thread;
    filter(0, SYS_dup, 77, SECCOMP_RET_KILL_THREAD);
    pthread_create(&thread, NULL, call_in_thread, NULL);
    while (!caller || syscall(SYS_tgkill, getpid(), caller, 0) == 0) {
        usleep(1000);
    }
    printf("the thread is gone\n");
}

static int pipes[2];

static void *waits(void *arg)
{
    char c;
    read(pipes[0], &c, 1);
    return call_in_thread(arg);
}

static void synchronizes(void)
{
    pthread_t thread;
    pipe(pipes);
    pthread_create(&thread, NULL, waits, NULL);
    printf("set %ld\n", filter(SECCOMP_FILTER_FLAG_TSYNC, SYS_dup, 77, SECCOMP_RET_ERRNO | 5));
    write(pipes[1], "x", 1);
    pthread_join(thread, NULL);
}

static void is_strict(void)
{
    printf("strict\n");
    fflush(stdout);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    write(1, "write is allowed\n", 17);
    syscall(SYS_getpid);
}

static void refused(void)
{
    struct sock_filter outside[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_filter no_end[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
    struct sock_filter jump[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_filter unset[] = {BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_RET | BPF_A, 0)};
    struct sock_fprog programs[] = {{2, outside}, {1, no_end}, {2, jump}, {2, unset}, {0, jump}};
    for (int i = 0; i < 5; i++) {
        long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs[i]);
        printf("%ld %d ", r, errno);
    }
    unsigned log = SECCOMP_RET_LOG, none = 0x12340000;
    long r = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &log);
    printf("log %ld ", r);
    r = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &none);
    printf("none %ld %d\n", r, errno);
}

/* ---- a supervisor -------------------------------------------------------------------------- */

static void supervised(void)
{
    int sockets[2], status;
    pipe(sockets);
    int fd = (int)filter(SECCOMP_FILTER_FLAG_NEW_LISTENER, SYS_dup, 77, SECCOMP_RET_USER_NOTIF);
    printf("listener %d\n", fd >= 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 4; i++) {
            long r = call();
            printf("answer %ld %d\n", r, errno);
        }
        fflush(stdout);
        _exit(3);
    }
    for (int i = 0; i < 4; i++) {
        struct seccomp_notif n;
        struct seccomp_notif_resp answer;
        memset(&n, 0, sizeof n);
        memset(&answer, 0, sizeof answer);
        long r = ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n);
        printf("notified %ld: call %d arch %d argument %lld pid %d\n", r, n.data.nr == SYS_dup, n.data.arch == ARCH,
               n.data.args[0], n.pid == (unsigned)pid);
        fflush(stdout);
        answer.id = n.id;
        answer.val = i == 0 ? 1234 : 0;
        answer.error = i == 1 ? -EXDEV : i == 2 ? -ENOSYS : 0;
        answer.flags = i == 3 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    waitpid(pid, &status, 0);
    report("supervised", status);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        long r = call();
        printf("executed: %ld %d\n", r, errno);
        return 6;
    }
    in_child("errors", errors);
    in_child("traps", traps);
    in_child("kills", kills);
    in_child("kills_thread", kills_thread);
    in_child("synchronizes", synchronizes);
    in_child("strict", is_strict);
    in_child("refused", refused);
    in_child("supervised", supervised);
    return 0;
}
