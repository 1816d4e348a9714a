// One thread writes functions and others run them, the newest that they were told of, through a second mapping of the same memory. A
// place is written again when all have done with what stood there.
#include "stress.h"

typedef int (*Function)(void);
enum { RUNNERS = 6, PLACES = 16, VERSIONS = 3000, PAGE = 4096 };
static uint8_t *writable, *executable;
static uint32_t newest, versions;
static struct {
    _Alignas(64) uint32_t version;
} done[RUNNERS];

// "return v & 0xffff" as version v; a function on a page of its own.
static void emit(uint32_t v)
{
    size_t offset = v % PLACES * PAGE + v % 8 * 64;
#ifdef __aarch64__
    uint32_t text[2] = {0x52800000u | (v & 0xffff) << 5, 0xd65f03c0u};
    memcpy(writable + offset, text, sizeof text);
    __builtin___clear_cache((char *)executable + offset, (char *)executable + offset + sizeof text);
#else
    uint8_t text[6] = {0xb8, (uint8_t)v, (uint8_t)(v >> 8), 0, 0, 0xc3};
    memcpy(writable + offset, text, sizeof text);
#endif
}

// What was written before must be what is executed after.
static void synchronize(void)
{
#ifdef __aarch64__
    __asm__ volatile("isb" ::: "memory");
#else
    unsigned a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)::"memory");
#endif
}

static void *run(void *arg)
{
    long me = (long)(intptr_t)arg, bad = 0;
    for (uint32_t v = 0; v < versions;) {
        uint32_t to = __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
        if (to == v) {
            sched_yield();
            continue;
        }
        synchronize();
        for (; v < to; v++) {
            uint8_t *at = executable + (v + 1) % PLACES * PAGE + (v + 1) % 8 * 64;
            bad += ((Function)(uintptr_t)at)() != (int)((v + 1) & 0xffff);
        }
        __atomic_store_n(&done[me].version, v, __ATOMIC_RELEASE);
    }
    return (void *)(intptr_t)bad;
}

static uint32_t slowest(void)
{
    uint32_t least = UINT32_MAX;
    for (int k = 0; k < RUNNERS; k++) {
        uint32_t v = __atomic_load_n(&done[k].version, __ATOMIC_ACQUIRE);
        least = v < least ? v : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    pthread_t t[RUNNERS];
    long bad = 0;
    versions = (uint32_t)(VERSIONS * factor(argc, argv));
    int fd = memfd_create("code", 0);
    must(fd >= 0 && !ftruncate(fd, PLACES * PAGE), "memfd_create");
    writable = mmap(NULL, PLACES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    executable = mmap(NULL, PLACES * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    must(writable != MAP_FAILED && executable != MAP_FAILED, "mmap");
    for (long k = 0; k < RUNNERS; k++)
        t[k] = start(run, k);
    for (uint32_t v = 1; v <= versions; v++) {
        while (v > slowest() + PLACES)
            sched_yield();
        emit(v);
        __atomic_store_n(&newest, v, __ATOMIC_RELEASE);
    }
    for (long k = 0; k < RUNNERS; k++)
        bad += finish(t[k]);
    printf("versions %u, wrong %ld\n", versions, bad);
    return 0;
}
