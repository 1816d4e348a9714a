// Memory that another thread fills as it is touched, by userfaultfd; "refused" where the kernel has none for this user.
#include "stress.h"
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

enum { READERS = 4, PAGES = 256, PAGE = 4096, ROUNDS = 10 };
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
static uint8_t *memory;
static int uffd;
static long filled;

static void *pager(void *arg)
{
    static uint8_t page[PAGE] __attribute__((aligned(PAGE)));
    struct uffd_msg m;
    while (read(uffd, &m, sizeof m) == sizeof m && m.event == UFFD_EVENT_PAGEFAULT) {
        uintptr_t at = m.arg.pagefault.address & ~(uintptr_t)(PAGE - 1);
        if (at == (uintptr_t)memory + PAGES * PAGE)
            break; // the page behind: the end
        memset(page, (int)((at - (uintptr_t)memory) / PAGE), PAGE);
        struct uffdio_copy copy = {.dst = at, .src = (uintptr_t)page, .len = PAGE};
        filled += !ioctl(uffd, UFFDIO_COPY, &copy); // EEXIST: another had touched it, too
    }
    struct uffdio_zeropage zero = {.range = {(uintptr_t)memory + PAGES * PAGE, PAGE}};
    ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
    return NULL;
}

static void *reader(void *arg)
{
    long me = (long)(intptr_t)arg, bad = 0;
    for (long i = 0; i < PAGES; i++) {
        long p = (i * (2 * me + 1) + me) % PAGES;
        bad += ((volatile uint8_t *)memory)[p * PAGE + (p * 37 + me) % PAGE] != (uint8_t)p;
    }
    return (void *)(intptr_t)bad;
}

int main(int argc, char **argv)
{
    long n = ROUNDS * factor(argc, argv), bad = 0;
    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    struct uffdio_api api = {.api = UFFD_API};
    if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api)) {
        puts("refused");
        return 0;
    }
    memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register reg = {.range = {(uintptr_t)memory, (PAGES + 1) * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    must(!ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
    pthread_t p = start(pager, 0), t[READERS];
    for (long round = 0; round < n; round++) {
        madvise(memory, PAGES * PAGE, MADV_DONTNEED);
        for (long k = 0; k < READERS; k++)
            t[k] = start(reader, k);
        for (long k = 0; k < READERS; k++)
            bad += finish(t[k]);
    }
    bad += ((volatile uint8_t *)memory)[PAGES * PAGE] != 0;
    finish(p);
    printf("pages %ld, wrong %ld\n", filled, bad);
    return 0;
}
