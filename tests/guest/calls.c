/* System calls of the table whose structures or flags differ between architectures, or that are young: results and contents
 * as natively. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long r)
{
    printf("%s: %ld %s\n", what, r < 0 ? -1 : r, r < 0 ? strerror(errno) : "");
}

/* For what is a descriptor or another number that doesn't matter. */
static long some(long r)
{
    return r < 0 ? r : 1;
}

static void files(void)
{
    struct stat st;
    struct statfs fs;
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0640);
    show("write", write(fd, "0123456789", 10));
    fstat(fd, &st);
    printf("stat mode %o links %d size %d block %d\n", st.st_mode, (int)st.st_nlink, (int)st.st_size, (int)st.st_blksize);
    show("statfs", statfs(".", &fs));
    printf("names %ld block %d\n", (long)fs.f_namelen, fs.f_bsize > 0);
    symlink("file", "link");
    show("no follow", some(open("link", O_RDONLY | O_NOFOLLOW)));
    show("directory", some(open("file", O_RDONLY | O_DIRECTORY)));
    show("temporary", some(open(".", O_RDWR | O_TMPFILE, 0600)));
    printf("flags %x\n", fcntl(fd, F_GETFL) & ~0x20000 & ~0100000);
    fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
    printf("set %d %d\n", !!(fcntl(fd, F_GETFL) & O_APPEND), !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3};
    show("lock", fcntl(fd, F_SETLK, &lock));
    if (fork() == 0) {
        struct flock other = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 100};
        fcntl(fd, F_GETLK, &other);
        printf("locked by parent %d type %d start %d length %d\n", other.l_pid == getppid(), other.l_type, (int)other.l_start, (int)other.l_len);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    struct {
        unsigned long flags, mode, resolve;
    } how = {O_RDONLY | O_DIRECTORY, 0, 0};
    show("openat2", some(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how)));
    how.flags = O_RDONLY | O_NOFOLLOW;
    show("openat2 link", some(syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how)));
    how.flags = O_RDONLY;
    how.resolve = 4; /* RESOLVE_NO_SYMLINKS */
    show("openat2 resolve", some(syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how)));
    show("close_range", syscall(SYS_close_range, 900, 1000, 0));
    struct {
        unsigned long off, len;
    } range = {0, 0};
    unsigned long cache[5];
    show("cachestat flags", syscall(451, fd, &range, cache, 77));
    show("fchmodat2", syscall(452, AT_FDCWD, "file", 0600, 0));
    fstat(fd, &st);
    printf("mode %o\n", st.st_mode);
    close(fd);
    unlink("file");
    unlink("link");
}

static void events(void)
{
    int ep = epoll_create1(EPOLL_CLOEXEC), pipes[2], event = eventfd(3, EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = 0xfedcba9876543210}, got[3];
    unsigned long v = 0;
    pipe2(pipes, O_NONBLOCK | O_DIRECT);
    epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &ev);
    ev.data.u64 = 77;
    epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev);
    write(pipes[1], "packet", 6);
    int n = epoll_wait(ep, got, 3, 100);
    printf("epoll %d %llx %llx\n", n, (unsigned long long)got[0].data.u64 | (unsigned long long)got[1].data.u64, (unsigned long long)(got[0].events | got[1].events));
    show("eventfd", read(event, &v, 8));
    printf("value %lu\n", v);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int sfd = signalfd(-1, &set, SFD_NONBLOCK);
    union sigval value = {.sival_int = 1234};
    sigqueue(getpid(), SIGUSR2, value);
    struct signalfd_siginfo si;
    show("signalfd", read(sfd, &si, sizeof si));
    printf("signal %d code %d value %d pid %d\n", si.ssi_signo, si.ssi_code, si.ssi_int, si.ssi_pid == (unsigned)getpid());
    int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec its = {.it_value = {0, 1000000}}, old;
    timerfd_settime(tfd, 0, &its, NULL);
    struct pollfd p = {tfd, POLLIN};
    show("poll", poll(&p, 1, 2000));
    show("timerfd", read(tfd, &v, 8));
    timerfd_gettime(tfd, &old);
    printf("left %ld\n", (long)old.it_value.tv_nsec);
    int in = inotify_init1(IN_NONBLOCK);
    char buf[500];
    show("inotify", some(inotify_add_watch(in, ".", IN_CREATE)));
    close(open("made", O_CREAT | O_WRONLY, 0600));
    long r = read(in, buf, sizeof buf);
    struct inotify_event *ie = (void *)buf;
    printf("event %ld %x %s\n", r, ie->mask, ie->name);
    unlink("made");
    timer_t timer;
    struct sigevent sev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 55};
    show("timer_create", timer_create(CLOCK_MONOTONIC, &sev, &timer));
    its.it_value.tv_nsec = 2000000;
    timer_settime(timer, 0, &its, NULL);
    siginfo_t info;
    show("sigwaitinfo", sigwaitinfo(&set, &info));
    printf("code %d value %d\n", info.si_code, info.si_value.sival_int);
    timer_delete(timer);
}

static void sockets(void)
{
    int s[2], file = open("passed", O_RDWR | O_CREAT, 0600), one = 1;
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s);
    setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    char text[] = "text", room[200] = "";
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {text, 5};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &file, sizeof file);
    show("sendmsg", sendmsg(s[0], &m, 0));
    char got[300];
    iov.iov_base = room;
    iov.iov_len = sizeof room;
    m.msg_control = got;
    m.msg_controllen = sizeof got;
    show("recvmsg", recvmsg(s[1], &m, 0));
    int rights = 0, creds = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_type == SCM_RIGHTS) {
            int fd;
            memcpy(&fd, CMSG_DATA(c), sizeof fd);
            rights = fcntl(fd, F_GETFD) >= 0;
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred u;
            memcpy(&u, CMSG_DATA(c), sizeof u);
            creds = u.pid == getpid();
        }
    }
    printf("'%s' rights %d credentials %d flags %x\n", room, rights, creds, m.msg_flags);
    struct mmsghdr mm[2] = {{{.msg_iov = &iov, .msg_iovlen = 1}}, {{.msg_iov = &iov, .msg_iovlen = 1}}};
    iov.iov_len = 3;
    show("sendmmsg", sendmmsg(s[0], mm, 2, 0));
    printf("%u %u\n", mm[0].msg_len, mm[1].msg_len);
    int n = 0;
    show("FIONREAD", ioctl(s[1], FIONREAD, &n));
    printf("%d\n", n);
    show("no terminal", tcgetattr(s[0], &(struct termios){0}));
    unlink("passed");
}

static void sysv(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600 | IPC_CREAT);
    struct semid_ds sem;
    unsigned short values[3] = {1, 2, 3};
    show("semctl", semctl(id, 0, SETALL, values));
    show("stat", semctl(id, 0, IPC_STAT, &sem));
    printf("semaphores %d mode %o otime %d ctime %d\n", (int)sem.sem_nsems, sem.sem_perm.mode, (int)sem.sem_otime, sem.sem_ctime > 0);
    struct sembuf op = {1, -2, 0};
    show("semop", semop(id, &op, 1));
    semctl(id, 0, IPC_STAT, &sem);
    printf("otime %d value %d\n", sem.sem_otime > 0, semctl(id, 1, GETVAL));
    semctl(id, 0, IPC_RMID);
    int shm = shmget(IPC_PRIVATE, 10000, 0600 | IPC_CREAT);
    char *at = shmat(shm, NULL, 0);
    struct shmid_ds ds;
    strcpy(at, "shared");
    shmctl(shm, IPC_STAT, &ds);
    printf("shm size %d attached %d creator %d\n", (int)ds.shm_segsz, (int)ds.shm_nattch, ds.shm_cpid == getpid());
    shmctl(shm, IPC_RMID, NULL);
    show("shmdt", shmdt(at));
    int q = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
    struct {
        long type;
        char text[20];
    } message = {7, "message"}, back;
    struct msqid_ds mq;
    show("msgsnd", msgsnd(q, &message, 8, 0));
    msgctl(q, IPC_STAT, &mq);
    printf("queued %d bytes %d sender %d\n", (int)mq.msg_qnum, (int)mq.msg_cbytes, mq.msg_lspid == getpid());
    show("msgrcv", msgrcv(q, &back, 20, 0, IPC_NOWAIT));
    printf("%ld %s\n", back.type, back.text);
    msgctl(q, IPC_RMID, NULL);
}

static void limits(void)
{
    struct rlimit r;
    struct sysinfo info;
    struct tms tms;
    struct rusage usage;
    getrlimit(RLIMIT_NOFILE, &r);
    printf("files %d\n", r.rlim_cur > 0);
    r.rlim_cur = 99;
    show("setrlimit", setrlimit(RLIMIT_NOFILE, &r));
    show("F_DUPFD beyond", fcntl(0, F_DUPFD, 99));
    show("sysinfo", sysinfo(&info));
    printf("unit %u memory %d\n", info.mem_unit, info.totalram > 1000000 && info.procs > 0);
    show("times", some(times(&tms)));
    show("getrusage", getrusage(RUSAGE_SELF, &usage));
    printf("faults %d\n", usage.ru_minflt > 0 && usage.ru_maxrss > 100);
    struct {
        unsigned size, policy;
        unsigned long flags;
        int nice;
        unsigned priority;
        unsigned long runtime, deadline, period;
    } attr = {0};
    show("sched_getattr", syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
    printf("size %u policy %u\n", attr.size, attr.policy);
    cpu_set_t cpus;
    show("affinity", sched_getaffinity(0, sizeof cpus, &cpus));
    printf("processors %d\n", CPU_COUNT(&cpus) > 0);
    unsigned cpu = 99999, node;
    show("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL));
    printf("on %d\n", cpu < 99999);
    char random[10];
    show("getrandom", getrandom(random, 10, 1));
    show("getrandom flags", getrandom(random, 10, 0xff00));
}

static void processes(void)
{
    int status, pidfd = -1;
    struct {
        unsigned long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } args = {.flags = 0x1000, .pidfd = (unsigned long)&pidfd, .exit_signal = SIGCHLD};
    fflush(stdout);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        pause();
        _exit(1);
    }
    printf("clone3 %d pidfd %d\n", pid > 0, pidfd >= 0);
    show("pidfd_getfd", some(syscall(SYS_pidfd_getfd, pidfd, 1, 0)));
    show("pidfd_send_signal", syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0));
    siginfo_t info;
    memset(&info, 0, sizeof info);
    show("waitid", waitid(3 /* P_PIDFD */, pidfd, &info, WEXITED));
    printf("code %d status %d pid %d\n", info.si_code, info.si_status, info.si_pid == pid);
    show("pidfd_open gone", syscall(SYS_pidfd_open, pid, 0));
    show("kcmp", syscall(SYS_kcmp, getpid(), getpid(), 0, 1, 1));
    show("process_madvise", syscall(SYS_process_madvise, -1, NULL, 0, 0, 0));
    struct {
        unsigned long value, address;
        unsigned flags, pad;
    } waits[2] = {{1, (unsigned long)&status, 2, 0}, {1, (unsigned long)&pidfd, 2, 0}};
    status = 5;
    show("futex_waitv", syscall(449, waits, 2, 0, NULL, 0));
    show("futex_wake", syscall(454, &status, -1, 1, 2));
    show("membarrier", some(syscall(SYS_membarrier, 0, 0, 0)));
    show("userfaultfd flags", syscall(SYS_userfaultfd, 0x40000000));
    show("landlock", some(syscall(444, NULL, 0, 1)));
    show("memfd", some(memfd_create("x", MFD_CLOEXEC)));
    show("mseal", syscall(462, 1, 4096, 0));
    show("unknown", syscall(4000));
    show("bpf", syscall(SYS_bpf, 9999, NULL, 0));
    show("perf", syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0));
    struct timespec res;
    show("clock", clock_getres(CLOCK_BOOTTIME, &res));
    show("bad clock", clock_gettime(77, &res));
    show("adjtimex", some(syscall(SYS_clock_adjtime, 99, NULL)));
    show("kexec", syscall(SYS_kexec_load, 0, 99, NULL, 0x8000000) < 0);
}

int main(void)
{
    files();
    events();
    sockets();
    sysv();
    limits();
    processes();
    return 0;
}
