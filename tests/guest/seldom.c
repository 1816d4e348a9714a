/* System calls that few programs make: message queues that notify, timers of one thread, protection keys, keys, handles, memory policies, and those that came
 * with the last kernels. Whatever this host's kernel says, natively it says the same. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { /* since Linux 6.7; the same numbers everywhere */
    NR_futex_wake = 454,
    NR_futex_wait,
    NR_futex_requeue,
    NR_statmount,
    NR_listmount,
    NR_lsm_get_self_attr,
    NR_lsm_set_self_attr,
    NR_lsm_list_modules,
    NR_mseal,
    NR_setxattrat,
    NR_getxattrat,
    NR_listxattrat,
    NR_removexattrat,
    NR_open_tree_attr,
    NR_file_getattr,
    NR_file_setattr,
    NR_cachestat = 451,
};
enum { PAGE = 4096 };

static void show(const char *what, long r)
{
    printf("%s: %ld %s\n", what, r < 0 ? -1 : r, r < 0 ? strerrorname_np(errno) : "");
}

static long some(long r)
{
    return r < 0 ? r : 1;
}

/* ---- signals with values ---------------------------------------------------------------------- */

static volatile int seen_value, seen_code, seen_thread, thread_value;
static void note(int n, siginfo_t *info, void *context)
{
    seen_value = info->si_value.sival_int;
    seen_code = info->si_code;
    seen_thread = (int)syscall(SYS_gettid) != getpid();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static void in_thread(union sigval v)
{
    pthread_mutex_lock(&mutex);
    thread_value = v.sival_int;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
}

static void wait_thread(void)
{
    pthread_mutex_lock(&mutex);
    while (!thread_value) {
        pthread_cond_wait(&cond, &mutex);
    }
    printf("in a thread: %d\n", thread_value);
    thread_value = 0;
    pthread_mutex_unlock(&mutex);
}

static void queues(void)
{
    char name[64], text[64];
    unsigned priority;
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = sizeof text}, got;
    sprintf(name, "/seldom-%d", getpid());
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
    if (q < 0) {
        show("mq_open", q);
        return;
    }
    struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &act, NULL);
    struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 4711};
    struct sigevent by_thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 99};
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    show("mq_notify", mq_notify(q, &by_signal));
    show("mq_notify twice", mq_notify(q, &by_signal));
    show("mq_send", mq_send(q, "hello", 6, 3));
    printf("value %d code %d\n", seen_value, seen_code);
    show("mq_receive", mq_receive(q, text, sizeof text, &priority));
    printf("%s %u\n", text, priority);
    show("mq_notify by thread", mq_notify(q, &by_thread));
    mq_send(q, "again", 6, 1);
    wait_thread();
    mq_receive(q, text, sizeof text, NULL);
    show("mq_notify none", mq_notify(q, &none));
    show("mq_notify off", mq_notify(q, NULL));
    mq_getattr(q, &got);
    printf("attr %ld %ld %ld %ld\n", got.mq_flags, got.mq_maxmsg, got.mq_msgsize, got.mq_curmsgs);
    struct timespec past = {1, 0};
    show("mq_timedreceive", mq_timedreceive(q, text, sizeof text, NULL, &past));
    mq_close(q);
    mq_unlink(name);
}

static void *one_thread(void *arg)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 17};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    struct itimerspec once = {.it_value = {0, 1000000}}, left;
    timer_t timer;
    show("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    timer_settime(timer, 0, &once, NULL);
    while (!seen_value) {
        usleep(1000);
    }
    printf("timer: value %d code %d in its thread %d\n", seen_value, seen_code, seen_thread);
    timer_gettime(timer, &left);
    printf("left %ld overrun %d\n", left.it_value.tv_nsec, timer_getoverrun(timer));
    timer_delete(timer);
    event._sigev_un._tid = 1;
    show("a foreign thread", timer_create(CLOCK_MONOTONIC, &event, &timer));
    return NULL;
}

static void timers(void)
{
    struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN + 3, &act, NULL);
    seen_value = 0;
    pthread_t t;
    pthread_create(&t, NULL, one_thread, NULL);
    pthread_join(t, NULL);
    struct sigevent by_thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 5};
    struct itimerspec once = {.it_value = {0, 1000000}};
    timer_t timer;
    show("SIGEV_THREAD", timer_create(CLOCK_REALTIME, &by_thread, &timer));
    timer_settime(timer, 0, &once, NULL);
    wait_thread();
    timer_delete(timer);
}

/* ---- sockets ---------------------------------------------------------------------------------- */

static void sockets(void)
{
    int s[2], on = 1;
    char a[8], b[8], control[256];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    struct iovec one = {"first", 6}, two = {"second", 7}, to_a = {a, sizeof a}, to_b = {b, sizeof b};
    struct mmsghdr out[2] = {{.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &two, .msg_iovlen = 1}}};
    struct mmsghdr in[2] = {{.msg_hdr = {.msg_iov = &to_a, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control}}, {.msg_hdr = {.msg_iov = &to_b, .msg_iovlen = 1}}};
    show("SO_TIMESTAMPNS", setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
    show("SO_PASSCRED", setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    show("sendmmsg", sendmmsg(s[0], out, 2, 0));
    show("recvmmsg", recvmmsg(s[1], in, 2, MSG_DONTWAIT, NULL));
    printf("%s %u %s %u\n", a, in[0].msg_len, b, in[1].msg_len);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&in[0].msg_hdr); c; c = CMSG_NXTHDR(&in[0].msg_hdr, c)) {
        printf("control %d %d, %zu bytes", c->cmsg_level, c->cmsg_type, c->cmsg_len - sizeof *c);
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t, now;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            clock_gettime(CLOCK_REALTIME, &now);
            printf(" just now %d", now.tv_sec - t.tv_sec < 60 && now.tv_sec >= t.tv_sec);
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred u;
            memcpy(&u, CMSG_DATA(c), sizeof u);
            printf(" me %d", u.pid == getpid() && u.uid == getuid());
        }
        puts("");
    }
    printf("flags %x\n", in[0].msg_hdr.msg_flags & ~MSG_CMSG_CLOEXEC);
    /* Several descriptors and a message that is cut off. */
    int fds[3] = {0, 1, 2};
    char room[CMSG_SPACE(sizeof fds)], little[CMSG_SPACE(sizeof(int))];
    struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fds, sizeof fds);
    int off = 0;
    setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof off);
    setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &off, sizeof off);
    show("sendmsg", sendmsg(s[0], &m, 0));
    to_a.iov_len = 2;
    struct msghdr r = {.msg_iov = &to_a, .msg_iovlen = 1, .msg_control = little, .msg_controllen = sizeof little};
    show("recvmsg", recvmsg(s[1], &r, MSG_TRUNC));
    printf("cut off: flags %x, %zu of control\n", r.msg_flags, r.msg_controllen);
    /* 64 bits of data in each event, by all of the calls. */
    int e = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u64 = 0x0123456789abcdefULL}, got[4];
    show("EPOLL_CTL_ADD", epoll_ctl(e, EPOLL_CTL_ADD, s[1], &event));
    event.events = EPOLLOUT | EPOLLONESHOT;
    event.data.u64 = 0xfedcba9876543210ULL;
    show("EPOLL_CTL_ADD", epoll_ctl(e, EPOLL_CTL_ADD, s[0], &event));
    send(s[0], "x", 1, 0);
    struct timespec soon = {0, 1000};
    long n = syscall(SYS_epoll_pwait2, e, got, 4, &soon, NULL, 0);
    for (long i = 0; i < n; i++) {
        printf("event %x %llx\n", got[i].events, (unsigned long long)got[i].data.u64);
    }
    show("EPOLL_CTL_MOD of an exclusive one", epoll_ctl(e, EPOLL_CTL_MOD, s[1], &event));
}

/* ---- files ------------------------------------------------------------------------------------- */

static void files(void)
{
    char text[64] = "", name[] = "seldom-XXXXXX";
    int fd = mkstemp(name), second = open(name, O_RDWR);
    unlink(name);
    write(fd, "0123456789", 10);
    loff_t from = 2, to = 20;
    show("copy_file_range", copy_file_range(fd, &from, second, &to, 5, 0));
    struct iovec v[2] = {{text, 2}, {text + 2, 3}};
    show("preadv2", preadv2(fd, v, 2, 20, 0));
    printf("%s, at %ld %ld\n", text, (long)from, (long)to);
    lseek(fd, 3, SEEK_SET);
    show("preadv2 here", preadv2(fd, v, 2, -1, RWF_HIPRI));
    show("pwritev2", pwritev2(fd, v, 2, 0, RWF_APPEND));
    show("pwritev2, unknown flag", pwritev2(fd, v, 2, 0, 0x40000000));
    printf("at %ld", (long)lseek(fd, 0, SEEK_CUR));
    printf(" of %ld\n", (long)lseek(fd, 0, SEEK_END));
    show("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536));
    show("fallocate, collapse", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 1, 3));
    show("sync_file_range", sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
    show("readahead", readahead(fd, 0, 10));
    off_t at = 0;
    int p[2];
    pipe(p);
    show("sendfile", sendfile(p[1], fd, &at, 4));
    show("splice", splice(p[0], NULL, second, NULL, 100, SPLICE_F_NONBLOCK));
    show("tee", tee(p[0], p[1], 1, 0));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10};
    show("F_OFD_SETLK", fcntl(fd, F_OFD_SETLK, &lock));
    lock.l_pid = 0;
    show("F_OFD_GETLK", fcntl(second, F_OFD_GETLK, &lock));
    printf("%d %ld %ld %d\n", lock.l_type, (long)lock.l_start, (long)lock.l_len, lock.l_pid);
    lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    show("F_OFD_SETLK, locked", fcntl(second, F_OFD_SETLK, &lock));
    show("F_SETPIPE_SZ", fcntl(p[0], F_SETPIPE_SZ, 65536));
    show("F_SETLEASE", fcntl(fd, F_SETLEASE, F_RDLCK));
    struct f_owner_ex owner = {F_OWNER_PID, getpid()}, back = {0, 0};
    show("F_SETOWN_EX", fcntl(p[0], F_SETOWN_EX, &owner));
    show("F_GETOWN_EX", fcntl(p[0], F_GETOWN_EX, &back));
    printf("%d %d\n", back.type, back.pid == getpid());
    struct {
        struct file_handle h;
        unsigned char bytes[128];
    } handle = {.h.handle_bytes = 0};
    int mount;
    show("name_to_handle_at", name_to_handle_at(AT_FDCWD, ".", &handle.h, &mount, 0));
    char entries[4096];
    int dir = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY), dots = 0;
    for (long n; (n = syscall(SYS_getdents64, dir, entries, sizeof entries)) > 0;) {
        for (long i = 0; i < n; i += ((struct dirent64 *)(entries + i))->d_reclen) {
            const char *d = ((struct dirent64 *)(entries + i))->d_name;
            dots += !strcmp(d, ".") || !strcmp(d, "..");
        }
    }
    printf("dots %d\n", dots);
    struct {
        uint64_t value, size;
        uint64_t flags;
    } args = {(uintptr_t) "value", 5, 0};
    show("setxattrat", syscall(NR_setxattrat, fd, "", AT_EMPTY_PATH, "user.name", &args, 16));
    struct {
        uint64_t value;
        uint32_t size, flags;
    } get = {(uintptr_t)text, sizeof text, 0};
    show("getxattrat", syscall(NR_getxattrat, fd, "", AT_EMPTY_PATH, "user.name", &get, sizeof get));
    show("listxattrat", syscall(NR_listxattrat, fd, "", AT_EMPTY_PATH, text, sizeof text));
    show("removexattrat", syscall(NR_removexattrat, fd, "", AT_EMPTY_PATH, "user.name"));
    uint64_t attr[4] = {0};
    show("file_getattr", syscall(NR_file_getattr, fd, "", attr, 24, AT_EMPTY_PATH));
    show("file_getattr, short", syscall(NR_file_getattr, fd, "", attr, 4, AT_EMPTY_PATH));
    uint64_t range[2] = {0, 4096}, stat[5];
    show("cachestat", syscall(NR_cachestat, fd, range, stat, 0));
    struct {
        uint32_t size, spare;
        uint64_t mnt_id, param, ns;
    } request = {24, 0, (uint64_t)-1, 0, 0};
    uint64_t mounts[2];
    show("listmount", some(syscall(NR_listmount, &request, mounts, 2, 0)));
    request.mnt_id = mounts[0];
    request.param = 2; /* STATMOUNT_MNT_BASIC */
    uint64_t about[128];
    show("statmount", syscall(NR_statmount, &request, about, sizeof about, 0));
    show("open_tree_attr", some(syscall(NR_open_tree_attr, AT_FDCWD, "/nowhere", 0, NULL, 0)));
}

/* ---- memory ------------------------------------------------------------------------------------- */

static void memory(void)
{
    char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8; i++) {
        p[i * PAGE] = (char)('a' + i);
    }
    show("remap_file_pages", remap_file_pages(p, PAGE, 0, 3, 0));
    printf("%c%c\n", p[0], p[PAGE]);
    show("mseal", syscall(NR_mseal, p + 4 * PAGE, PAGE, 0));
    show("munmap of sealed", munmap(p, 8 * PAGE));
    show("mprotect of sealed", mprotect(p + 4 * PAGE, PAGE, PROT_READ));
    show("mremap of sealed", some((long)mremap(p + 4 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE)));
    unsigned long mask = 1;
    int status[1];
    void *pages[1] = {p};
    show("mbind", syscall(SYS_mbind, p, PAGE, 2, &mask, 64, 0));
    show("set_mempolicy", syscall(SYS_set_mempolicy, 0, NULL, 0));
    show("get_mempolicy", syscall(SYS_get_mempolicy, status, NULL, 0, p, 2));
    show("move_pages", syscall(SYS_move_pages, 0, 1, pages, NULL, status, 0));
    show("mincore", mincore(p, PAGE, (unsigned char *)status));
    show("mlock2", syscall(SYS_mlock2, p, PAGE, 1));
    show("memfd_secret", some(syscall(SYS_memfd_secret, 0)));
    show("MADV_POPULATE_WRITE", madvise(p, PAGE, 23));
    show("MADV_GUARD_INSTALL", madvise(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE, 102));
}

/* ---- futex2, the scheduler, keys ------------------------------------------------------------------ */

static uint32_t word = 1, other;
static void *sleeper(void *arg)
{
    long r;
    while ((r = syscall(NR_futex_wait, &word, 1L, 0xffffffffL, 2 | FUTEX_PRIVATE_FLAG, NULL, 0)) && errno == EINTR) {
    }
    return (void *)r;
}

static void threads(void)
{
    struct timespec past = {1, 0};
    show("futex_wait, another value", syscall(NR_futex_wait, &word, 2L, 0xffffffffL, 2 | FUTEX_PRIVATE_FLAG, NULL, 0));
    show("futex_wait, in the past", syscall(NR_futex_wait, &word, 1L, 0xffffffffL, 2 | FUTEX_PRIVATE_FLAG, &past, CLOCK_MONOTONIC));
    show("futex_wait, of a byte", syscall(NR_futex_wait, &word, 1L, 0xffL, 0, NULL, 0));
    if (errno != ENOSYS) {
        pthread_t t;
        void *r;
        long woken = 0;
        pthread_create(&t, NULL, sleeper, NULL);
        while ((woken = syscall(NR_futex_wake, &word, 0xffffffffL, 1, 2 | FUTEX_PRIVATE_FLAG)) == 0) {
            usleep(1000);
        }
        pthread_join(t, &r);
        printf("woken %ld %ld\n", woken, (long)r);
        struct {
            uint64_t value, address;
            uint32_t flags, spare;
        } two[2] = {{1, (uintptr_t)&word, 2 | FUTEX_PRIVATE_FLAG, 0}, {0, (uintptr_t)&other, 2 | FUTEX_PRIVATE_FLAG, 0}};
        show("futex_requeue", syscall(NR_futex_requeue, two, 0, 1, 1));
        two[0].value = 7;
        show("futex_requeue, another value", syscall(NR_futex_requeue, two, 0, 1, 1));
    }
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
        uint32_t min, max;
    } attr = {.size = sizeof attr, .policy = SCHED_BATCH, .nice = 3};
    show("sched_setattr", syscall(SYS_sched_setattr, 0, &attr, 0));
    memset(&attr, 0, sizeof attr);
    show("sched_getattr", syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
    printf("%u %u %d\n", attr.size, attr.policy, attr.nice);
    show("ioprio_set", syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4));
    printf("ioprio %lx\n", syscall(SYS_ioprio_get, 1, 0));
    long key = syscall(SYS_add_key, "user", "seldom", "payload", 7, KEY_SPEC_PROCESS_KEYRING);
    show("add_key", some(key));
    if (key > 0) {
        char text[16] = "";
        show("keyctl read", syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text));
        printf("%s\n", text);
        show("request_key", syscall(SYS_request_key, "user", "seldom", NULL, 0) == key);
        show("keyctl revoke", syscall(SYS_keyctl, KEYCTL_REVOKE, key));
        show("keyctl read", syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text));
    }
    uint32_t size = 0;
    show("lsm_list_modules", syscall(NR_lsm_list_modules, NULL, &size, 0));
    uint64_t modules[16];
    size = sizeof modules;
    show("lsm_list_modules", some(syscall(NR_lsm_list_modules, modules, &size, 0)));
    show("lsm_get_self_attr", syscall(NR_lsm_get_self_attr, 0, modules, &size, 0));
}

int main(void)
{
    queues();
    timers();
    sockets();
    files();
    memory();
    threads();
    return 0;
}
