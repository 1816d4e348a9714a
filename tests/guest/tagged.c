/* Pointers with a tag in their top byte, given to system calls: refused until the program asks for
 * them. This machine's twin has no tags, and knows what the answers about them are. */
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SET = 55, GET = 56, ENABLE = 1 };
static unsigned char turn;

static void *tag(const void *p)
{
#ifdef __aarch64__
    turn = turn * 5 + 113;
    return (void *)((unsigned long)p | (unsigned long)(turn | 1) << 56);
#else
    return (void *)p;
#endif
}

static void show(const char *what, long r)
{
    printf("%s: %s\n", what, r >= 0 ? "fine" : strerrorname_np(errno));
    fflush(stdout);
}

// What only the guest can be asked; elsewhere the answer is known.
static void ask(const char *what, long known, int err, long r)
{
#ifndef __aarch64__
    r = known;
    errno = err;
#endif
    printf("%s: %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
}

static int pipes[2];

static void *thread(void *arg)
{
    ask("a thread has it", 1, 0, prctl(GET, 0, 0, 0, 0));
    show("and writes", write(pipes[1], tag("x"), 1));
    return NULL;
}

static volatile int handled;
static void handle(int number)
{
    handled++;
}

static long refused(void)
{
#ifdef __aarch64__
    return write(pipes[1], tag("x"), 1);
#else
    return -1;
#endif
}

static void mappings(void)
{
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char present[3];
    show("mprotect", mprotect(tag(p), 4096, PROT_READ));
    show("madvise", madvise(tag(p + 4096), 4096, MADV_DONTNEED));
    show("mincore", mincore(tag(p), 4096, present));
    show("msync", msync(tag(p), 4096, MS_ASYNC));
    p = mremap(tag(p), 3 * 4096, 2 * 4096, 0);
    show("mremap", p == MAP_FAILED ? -1 : 0);
    show("munmap", munmap(tag(p), 2 * 4096));
    ask("mmap there", -1, ENOMEM,
        (long)mmap((void *)((unsigned long)p | 1ul << 60), 4096, PROT_READ,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void buffers(void)
{
    char text[16] = "0123456789", back[16] = "";
    struct iovec out[2] = {{tag(text), 4}, {tag(text + 4), 3}},
                 in[2] = {{tag(back), 2}, {tag(back + 2), 9}};
    int pair[2];
    show("write", write(pipes[1], tag(text), 5));
    show("read", read(pipes[0], tag(back), 5));
    show("writev", writev(pipes[1], tag(out), 2));
    show("readv", readv(pipes[0], tag(in), 2));
    printf("%s\n", back);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    struct msghdr m = {.msg_iov = tag(out), .msg_iovlen = 2},
                  r = {.msg_iov = tag(in), .msg_iovlen = 2};
    char control[CMSG_SPACE(sizeof(int))] = "";
    struct cmsghdr *c = (void *)control;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), pipes, sizeof(int));
    m.msg_control = tag(control);
    m.msg_controllen = sizeof control;
    show("sendmsg", sendmsg(pair[0], tag(&m), 0));
    memset(back, 0, sizeof back);
    char got[64];
    r.msg_control = tag(got);
    r.msg_controllen = sizeof got;
    show("recvmsg", recvmsg(pair[1], tag(&r), 0));
    printf("%s, %zu bytes of control data, flags %d\n", back, r.msg_controllen, r.msg_flags);
    close(*(int *)CMSG_DATA((struct cmsghdr *)got));
    struct mmsghdr several[2] = {{{.msg_iov = tag(out), .msg_iovlen = 1}},
                                 {{.msg_iov = tag(out + 1), .msg_iovlen = 1}}};
    show("sendmmsg", sendmmsg(pair[0], tag(several), 2, 0));
    printf("%u %u\n", several[0].msg_len, several[1].msg_len);
    struct mmsghdr two[2] = {{{.msg_iov = tag(in + 1), .msg_iovlen = 1}},
                             {{.msg_iov = tag(in + 1), .msg_iovlen = 1}}};
    show("recvmmsg", recvmmsg(pair[1], tag(two), 2, 0, NULL));
    printf("%u %u\n", two[0].msg_len, two[1].msg_len);
    struct iovec local = {tag(back), 3}, remote = {tag(text), 3};
    show("process_vm_readv", process_vm_readv(getpid(), tag(&local), 1, tag(&remote), 1, 0));
    printf("%.3s\n", back);
}

static void others(void)
{
    struct stat st;
    struct pollfd p = {pipes[0], POLLIN, 0};
    struct timespec now, soon = {0, 1000};
    sigset_t set;
    char name[256];
    int word = 5, available;
    show("stat", stat(tag("/"), tag(&st)));
    show("open", close(open(tag("/dev/null"), O_RDWR)));
    show("getcwd", syscall(SYS_getcwd, tag(name), sizeof name));
    sigemptyset(&set);
    show("ppoll", syscall(SYS_ppoll, tag(&p), 1, tag(&soon), tag(&set), 8));
    struct {
        void *mask;
        size_t size;
    } mask = {tag(&set), 8};
    fd_set none;
    FD_ZERO(&none);
    show("pselect", syscall(SYS_pselect6, 1, tag(&none), NULL, NULL, tag(&soon), tag(&mask)));
    show("clock", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, tag(&now)));
    show("sleep", syscall(SYS_nanosleep, tag(&soon), NULL));
    show("futex", syscall(SYS_futex, tag(&word), 0x81, 1, NULL, NULL, 0));
    struct futex_waitv words[2] = {{5, (uintptr_t)tag(&word), FUTEX_32 | FUTEX_PRIVATE_FLAG, 0},
                                   {4, (uintptr_t)tag(&word), FUTEX_32 | FUTEX_PRIVATE_FLAG, 0}};
    show("futex_waitv", syscall(SYS_futex_waitv, tag(words), 2, 0, NULL, 0));
    show("ioctl", ioctl(pipes[0], FIONREAD, tag(&available)));
    struct flock lock = {.l_type = F_RDLCK};
    int fd = open("/proc/self/exe", O_RDONLY);
    show("fcntl", fcntl(fd, F_GETLK, tag(&lock)));
    close(fd);
    int epoll = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLOUT, .data.u64 = 77}, out[2];
    show("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[1], tag(&ev)));
    show("epoll_wait", epoll_pwait(epoll, tag(out), 2, 0, tag(&set)));
    printf("%d\n", (int)out[0].data.u64);
    struct sigaction act = {.sa_handler = handle, .sa_flags = SA_ONSTACK}, old;
    stack_t stack = {.ss_sp = tag(malloc(65536)), .ss_size = 65536};
    show("sigaltstack", sigaltstack(tag(&stack), NULL));
    show("sigaction", sigaction(SIGUSR1, tag(&act), tag(&old)));
    raise(SIGUSR1);
    printf("handled %d\n", handled);
    prctl(PR_SET_NAME, tag("tagged-name"));
    prctl(PR_GET_NAME, tag(name));
    printf("%s\n", name);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        ask(argv[1], 0, 0, prctl(GET, 0, 0, 0, 0));
        return 0;
    }
    pipe(pipes);
    ask("not at first", 0, 0, prctl(GET, 0, 0, 0, 0));
    ask("with more arguments", -1, EINVAL, prctl(GET, 1, 0, 0, 0));
    ask("unknown bits", -1, EINVAL, prctl(SET, ENABLE | 1ul << 40, 0, 0, 0));
    ask("refused", -1, EFAULT, refused());
    mappings();
    ask("set", 0, 0, prctl(SET, ENABLE, 0, 0, 0));
    ask("get", 1, 0, prctl(GET, 0, 0, 0, 0));
    mappings();
    buffers();
    others();
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    pid_t child = fork();
    if (child == 0) {
        ask("a child has it", 1, 0, prctl(GET, 0, 0, 0, 0));
        char *words[] = {tag(argv[0]), tag("another program hasn't"), NULL}, *none[] = {NULL};
        execve(tag("/proc/self/exe"), tag(words), tag(none));
        show("exec", -1);
        _exit(1);
    }
    waitpid(child, tag(&(int){0}), 0);
    ask("unset", 0, 0, prctl(SET, 0, 0, 0, 0));
    ask("refused", -1, EFAULT, refused());
    return 0;
}
