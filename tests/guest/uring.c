/* io_uring and Linux AIO, by system calls: files read and written, opened with flags that architectures have otherwise, epoll. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fd;
static char *sq, *cq;
static struct io_uring_params params;
static struct io_uring_sqe *sqes;

static struct io_uring_sqe *entry(int opcode, int file, const void *addr, unsigned len, unsigned long long off)
{
    unsigned tail = *(unsigned *)(sq + params.sq_off.tail), at = tail & (params.sq_entries - 1);
    struct io_uring_sqe *e = &sqes[at];
    memset(e, 0, sizeof *e);
    e->opcode = opcode;
    e->fd = file;
    e->addr = (unsigned long)addr;
    e->len = len;
    e->off = off;
    e->user_data = 1000 + tail;
    ((unsigned *)(sq + params.sq_off.array))[at] = at;
    __atomic_store_n((unsigned *)(sq + params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
    return e;
}

static void finish(unsigned n)
{
    unsigned results[32] = {0};
    long r = syscall(SYS_io_uring_enter, fd, n, n, IORING_ENTER_GETEVENTS, NULL, 0);
    printf("submitted %ld\n", r);
    unsigned head = *(unsigned *)(cq + params.cq_off.head), tail = __atomic_load_n((unsigned *)(cq + params.cq_off.tail), __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
        struct io_uring_cqe *c = (struct io_uring_cqe *)(cq + params.cq_off.cqes) + (head & *(unsigned *)(cq + params.cq_off.ring_mask));
        results[c->user_data % 32] = c->res;
    }
    __atomic_store_n((unsigned *)(cq + params.cq_off.head), head, __ATOMIC_RELEASE);
    for (int i = 0; i < 32; i++) {
        if (results[i]) {
            printf("result %d\n", (int)results[i]);
        }
    }
}

static void linux_aio(void)
{
    aio_context_t context = 0;
    char text[32] = "";
    int file = open("file", O_RDONLY);
    struct iocb cb = {.aio_data = 77, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = file, .aio_buf = (unsigned long)text, .aio_nbytes = 5};
    struct iocb *list[] = {&cb};
    struct io_event event;
    long r = syscall(SYS_io_setup, 4, &context);
    printf("aio setup %ld %d\n", r, context != 0);
    r = syscall(SYS_io_submit, context, 1, list);
    printf("submit %ld\n", r);
    r = syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
    printf("events %ld data %lld result %lld '%s'\n", r, event.data, event.res, text);
    printf("destroy %ld\n", syscall(SYS_io_destroy, context));
    close(file);
}

int main(void)
{
    char text[64] = "";
    fd = (int)syscall(SYS_io_uring_setup, 8, &params);
    if (fd < 0) {
        printf("io_uring: %s\n", strerror(errno));
        return 0;
    }
    size_t sq_size = params.sq_off.array + 4 * params.sq_entries, cq_size = params.cq_off.cqes + 16 * params.cq_entries;
    sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
    cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_CQ_RING);
    sqes = mmap(NULL, 64 * params.sq_entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
    printf("mapped %d\n", sq != MAP_FAILED && cq != MAP_FAILED && sqes != MAP_FAILED);

    int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    entry(IORING_OP_WRITE, file, "hello ring", 10, 0)->flags = IOSQE_IO_LINK;
    entry(IORING_OP_READ, file, text, 5, 6);
    finish(2);
    printf("read '%s'\n", text);

    /* Flags of open. */
    mkdir("folder", 0700);
    symlink("file", "link");
    entry(IORING_OP_OPENAT, AT_FDCWD, "file", 0, 0)->open_flags = O_RDONLY | O_DIRECTORY;
    finish(1);
    entry(IORING_OP_OPENAT, AT_FDCWD, "link", 0, 0)->open_flags = O_RDONLY | O_NOFOLLOW;
    finish(1);
    struct {
        unsigned long long flags, mode, resolve;
    } how = {O_RDONLY | O_DIRECTORY, 0, 0};
    entry(IORING_OP_OPENAT2, AT_FDCWD, "link", sizeof how, (unsigned long)&how);
    finish(1);

    int ep = epoll_create1(0), pipes[2];
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0};
    pipe(pipes);
    entry(IORING_OP_EPOLL_CTL, ep, &event, EPOLL_CTL_ADD, pipes[0]);
    write(pipes[1], "x", 1);
    entry(IORING_OP_NOP, -1, NULL, 0, 0);
    finish(2);
    memset(&event, 0, sizeof event);
    int n = epoll_wait(ep, &event, 1, 1000);
    printf("epoll %d %#x %llx\n", n, event.events, (unsigned long long)event.data.u64);
    linux_aio();
    unlink("link");
    unlink("file");
    rmdir("folder");
    return 0;
}
