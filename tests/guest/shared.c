// Pairs of registers in memory that processes share are single-copy atomic (FEAT_LSE2): neither a store nor a load of one is ever seen
// half done.
#include "guest.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Pair {
    _Alignas(16) uint64_t lo, hi;
    volatile int stop;
} Pair;

#ifdef __aarch64__
static void store(Pair *p, uint64_t v)
{
    __asm__ volatile("stp %0, %0, [%1]" ::"r"(v), "r"(p) : "memory");
}

static bool load_whole(const Pair *p)
{
    uint64_t a, b;
    __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(a), "=r"(b) : "r"(p) : "memory");
    return a == b;
}
#else
static void store(Pair *p, uint64_t v)
{
    *(volatile uint64_t *)&p->lo = v;
}

static bool load_whole(const Pair *p)
{
    (void)p;
    return true;
}
#endif

int main(void)
{
    Pair *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int child = fork(), torn = 0;
    if (child == 0) {
        alarm(60); /* in case nobody is left to say stop */
        for (uint64_t i = 0; !p->stop; i++) {
            store(p, i & 1 ? UINT64_MAX : i);
        }
        _exit(0);
    }
    while (!*(volatile uint64_t *)&p->lo) {
    }
    for (int i = 0; i < 3000000; i++) {
        torn += !load_whole(p);
    }
    p->stop = 1;
    waitpid(child, NULL, 0);
    printf("torn %d\n", torn);
    return 0;
}
