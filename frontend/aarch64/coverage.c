#include "frontend/aarch64/coverage.h"

#ifdef XEMU_COVERAGE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "a64_decode.h"

static A64Cover *open_file(void)
{
    const char *path = getenv("XEMU_COVERAGE");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    size_t size = sizeof(A64Cover) * A64_PATTERNS;
    if (fd < 0) {
        return NULL;
    }
    void *p = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0) {
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (p == MAP_FAILED) {
        return NULL;
    }
    A64Cover *cover = p;
    for (int i = 0; i < A64_PATTERNS; i++) { /* the same by every process */
        strncpy(cover[i].name, a64_name(i), sizeof cover[i].name - 1);
    }
    return cover;
}

void a64_cover(int pattern)
{
    static A64Cover *cover;
    static int tried;
    if (!__atomic_exchange_n(&tried, 1, __ATOMIC_RELAXED)) {
        __atomic_store_n(&cover, open_file(), __ATOMIC_RELEASE);
    }
    A64Cover *c = __atomic_load_n(&cover, __ATOMIC_ACQUIRE);
    if (c) {
        __atomic_fetch_add(&c[pattern].count, 1, __ATOMIC_RELAXED);
    }
}
#endif
