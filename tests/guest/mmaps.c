// Memory mapping: many maps, fixed addresses, protection, remapping, files, shared and private, the
// break.
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

static void check(bool ok, const char *what)
{
    printf("%s %s\n", what, ok ? "ok" : "WRONG");
}

static void many(void)
{
    enum { N = 300 };
    static uint8_t *map[N];
    static size_t size[N];
    bool ok = true;
    for (int round = 0; round < 3000; round++) {
        int i = (int)(rnd() % N);
        if (map[i]) {
            ok &= map[i][0] == (uint8_t)i && map[i][size[i] - 1] == (uint8_t)(i * 3);
            ok &= munmap(map[i], size[i]) == 0;
            map[i] = NULL;
        } else {
            size[i] = (rnd() % 64 + 1) * PAGE;
            map[i] =
                mmap(NULL, size[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            ok &= map[i] != MAP_FAILED && map[i][size[i] / 2] == 0;
            map[i][0] = (uint8_t)i;
            map[i][size[i] - 1] = (uint8_t)(i * 3);
        }
    }
    check(ok, "many");
}

static void fixed(void)
{
    uint8_t *area = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *p = mmap(area + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    check(p == area + 4 * PAGE, "fixed");
    memset(p, 0x5a, 2 * PAGE);
    check(mprotect(p, PAGE, PROT_READ) == 0 && p[PAGE - 1] == 0x5a, "mprotect");
    void *taken = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0);
    check(taken == MAP_FAILED && errno == EEXIST, "noreplace");
    check(munmap(area + 5 * PAGE, PAGE) == 0 && p[0] == 0x5a, "hole");
    check(mprotect(area, 16 * PAGE, PROT_READ) == -1 && errno == ENOMEM, "mprotect over a hole");
    check(munmap(area, 16 * PAGE) == 0, "munmap over a hole");
    check(munmap(area + 1, PAGE) == -1 && errno == EINVAL, "misaligned");
    check(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
              errno == EINVAL,
          "empty");
    check(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF,
          "bad file");
}

static void remap(void)
{
    uint32_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < 4 * PAGE / 4; i++)
        p[i] = i * 2654435761u;
    size_t size = 4 * PAGE;
    bool ok = true;
    for (int i = 0; i < 8; i++) {
        p = mremap(p, size, size * 2, MREMAP_MAYMOVE);
        ok &= p != MAP_FAILED;
        size *= 2;
        ok &= p[1000] == 1000 * 2654435761u && p[size / 4 - 1] == 0;
    }
    check(ok, "grow");
    p = mremap(p, size, PAGE, 0);
    check(p != MAP_FAILED && p[1023] == 1023 * 2654435761u, "shrink");
    munmap(p, PAGE);
}

static void files(void)
{
    char name[] = "/tmp/guest-mmap-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    check(fd >= 0 && ftruncate(fd, 3 * PAGE + 100) == 0, "file");
    char *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *copy = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(shared + PAGE, "through the map");
    char text[32] = "";
    check(pread(fd, text, 15, PAGE) == 15 && strcmp(text, "through the map") == 0, "shared write");
    check(strcmp(copy + PAGE, "through the map") == 0, "private sees it");
    copy[PAGE] = 'T';
    check(shared[PAGE] == 't', "copy on write");
    check(pwrite(fd, "by write", 8, 2 * PAGE) == 8 && memcmp(shared + 2 * PAGE, "by write", 8) == 0,
          "shared read");
    char *tail = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    check(memcmp(tail, "through", 7) == 0, "offset");
    check(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100) == MAP_FAILED && errno == EINVAL,
          "misaligned offset");
    check(msync(shared, 4 * PAGE, MS_SYNC) == 0, "msync");
    munmap(shared, 4 * PAGE);
    munmap(copy, 4 * PAGE);
    munmap(tail, PAGE);
    close(fd);
}

static void advice(void)
{
    size_t size = 1u << 20;
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, size);
    check(madvise(p, size, MADV_DONTNEED) == 0 && p[12345] == 0, "madvise");
    unsigned char in_core[256];
    check(mincore(p, size, in_core) == 0, "mincore");
    munmap(p, size);
    uint8_t *sparse = mmap(NULL, (size_t)1 << 36, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(sparse != MAP_FAILED, "sparse");
    if (sparse != MAP_FAILED) {
        for (size_t i = 0; i < (size_t)1 << 36; i += (size_t)1 << 32)
            sparse[i] = 7;
        check(sparse[(size_t)15 << 32] == 7 && sparse[12345] == 0, "sparse use");
        munmap(sparse, (size_t)1 << 36);
    }
    char *old = sbrk(0);
    check(sbrk(123456) == old && (char *)sbrk(0) == old + 123456, "sbrk");
    memset(old, 9, 123456);
    check(sbrk(-123456) == old + 123456, "sbrk back");
}

// Where the emulator itself may be is no memory to the program.
static void elsewhere(void)
{
    unsigned char in_core[1];
    bool ok = true;
    for (uintptr_t at = 0x58000000; at < 0x100000000; at += 1 << 20) {
        void *p = (void *)at;
        ok &= mincore(p, PAGE, in_core) < 0 && errno == ENOMEM;
        ok &= msync(p, PAGE, MS_ASYNC) < 0 && errno == ENOMEM;
        ok &= mlock(p, PAGE) < 0 && munlock(p, PAGE) < 0 && madvise(p, PAGE, MADV_NORMAL) < 0;
    }
    ok &= msync((void *)0x58000001, PAGE, MS_ASYNC) < 0 && errno == EINVAL;
    check(ok, "elsewhere");
}

// A place that was unmapped is still free, whatever the emulator needed meanwhile.
static void again(void)
{
    const size_t size = (size_t)64 << 20;
    char *code = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ok = code != MAP_FAILED;
    for (int i = 0; i < 3; i++) {
        char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(p, size);
        // Calls that fail leave nothing there.
        ok &= mmap(p, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1, 0) == MAP_FAILED;
        ok &= mremap(code, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 1) == MAP_FAILED;
        ok &= mremap(code, PAGE, size, MREMAP_MAYMOVE | MREMAP_FIXED | 8, p) == MAP_FAILED;
        if (!vfork()) {
            _exit(0);
        }
        char text[64];
        snprintf(text, sizeof text, "%g %a %Lf %s", i / 7.0, strtod("1e-300", NULL), 3.5L,
                 "new code");
        ok &=
            mmap(p, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p;
        munmap(p, size);
    }
    check(ok, "again");
}

// The stack's room to grow is no mapping: a program may map what lies below the stack, as by a page
// of /proc/self/maps.
static void below_stack(void)
{
    char line[256];
    uintptr_t low = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f)) {
        if (strstr(line, "[stack]")) {
            low = strtoul(line, NULL, 16);
        }
    }
    fclose(f);
    bool ok = low != 0;
    for (uintptr_t at = low - (24 << 20); at < low - (10 << 20); at += 1 << 20) {
        for (int i = 0; i < 2; i++) {
            char *p = mmap((void *)at, 3 * PAGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            ok &= p == (char *)at && p[PAGE] == 0;
            p[PAGE] = 1;
        }
    }
    for (uintptr_t at = low - (24 << 20); at < low - (10 << 20); at += 1 << 20) {
        ok &= ((char *)at)[PAGE] == 1;
    }
    check(ok, "below the stack");
}

int main(void)
{
    below_stack();
    again();
    many();
    fixed();
    remap();
    files();
    advice();
    elsewhere();
    return 0;
}
