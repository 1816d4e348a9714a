// Chains of short blocks, each of which runs on into the one behind it, executed by several threads
// while another one rewrites them: now and then as a whole, so that threads meet code that is being
// linked, else one instruction of theirs, so that a jump in code that others run is turned away and
// back. What is written is a NOP or a branch to the next instruction, which may be changed while it
// is executed (B2.2.5 of the Arm ARM) and both lead to the same result.
#include "guest.h"
#include <pthread.h>
#include <sys/mman.h>

enum { RUNNERS = 4, CHAINS = 6, LINKS = 24, WORDS = 3 * LINKS + 1, ROUNDS = 400 };

// What chain c adds to its argument in link k.
static uint32_t term(unsigned c, unsigned k)
{
    return (c * 131 + k * 17) % 4000;
}

static uint32_t expected(unsigned c, uint32_t x)
{
    for (unsigned k = 0; k < LINKS; k++)
        x += term(c, k);
    return x;
}

#ifdef __aarch64__
typedef uint32_t (*Function)(uint32_t x, uint32_t one);
enum { NOP = 0xd503201f, NEXT = 0x14000001 /* b .+4 */ };
static uint32_t (*code)[1024];
static int finished;

static void flush(unsigned c, unsigned from, unsigned words)
{
    char *at = (char *)&code[c][from];
    __builtin___clear_cache(at, at + 4 * words);
}

static void write_chain(unsigned c)
{
    for (unsigned k = 0; k < LINKS; k++) {
        code[c][3 * k] = 0x11000000u | term(c, k) << 10; // add w0, w0, #term
        code[c][3 * k + 1] = NOP;
        code[c][3 * k + 2] = 0x34000001u | (WORDS - 1 - (3 * k + 2)) << 5; // cbz w1, the end
    }
    code[c][WORDS - 1] = 0xd65f03c0u; // ret
}

static void *run(void *arg)
{
    unsigned c = (unsigned)(intptr_t)arg, n = 0;
    uintptr_t bad = 0;
    while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE) || n < 1000) {
        c = (c + 1) % CHAINS;
        uint32_t got = ((Function)(uintptr_t)code[c])(n, 1);
        bad += got != expected(c, n);
        n++;
    }
    return (void *)bad;
}

static uintptr_t all(void)
{
    pthread_t t[RUNNERS];
    uintptr_t bad = 0;
    code = mmap(NULL, sizeof *code * CHAINS, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        return 1;
    for (unsigned c = 0; c < CHAINS; c++) {
        write_chain(c);
        flush(c, 0, WORDS);
    }
    for (intptr_t k = 0; k < RUNNERS; k++)
        pthread_create(&t[k], NULL, run, (void *)k);
    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned c = rnd() % CHAINS;
        if (n % 8 == 0) {
            flush(c, 0, WORDS);
        } else {
            unsigned at = 3 * (rnd() % LINKS) + 1;
            uint32_t to = code[c][at] == NOP ? NEXT : NOP;
            __atomic_store_n(&code[c][at], to, __ATOMIC_RELAXED);
            flush(c, at, 1);
        }
        if (n % 16 == 0)
            sched_yield();
        for (unsigned k = 0; k < 20; k++)
            bad += ((Function)(uintptr_t)code[c])(k, 1) != expected(c, k);
    }
    __atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
    for (unsigned k = 0; k < RUNNERS; k++) {
        void *r;
        pthread_join(t[k], &r);
        bad += (uintptr_t)r;
    }
    return bad;
}
#else
static uintptr_t all(void)
{
    return 0;
}
#endif

int main(void)
{
    printf("%u %u wrong %lu\n", expected(0, 0), expected(CHAINS - 1, 1), (unsigned long)all());
    return 0;
}
