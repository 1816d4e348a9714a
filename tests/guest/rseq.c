// guest: flags=-march=armv8.1-a
/* Restartable sequences: counters of each processor, counted up by more threads than there are
 * processors, with signals among it. No count is lost, and a section that was interrupted goes to
 * its abort address. What varies (how often, which processors) isn't printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__aarch64__)
#define SIGNATURE 0xd428bc00u
#else
#define SIGNATURE 0x53053053u
#endif
enum { THREADS = 6, ROUNDS = 30000, PROCESSORS = 4096 };

typedef struct Counter {
    _Alignas(64) intptr_t n;
} Counter;
static Counter counters[PROCESSORS];
static atomic_long aborts;
static int rounds = ROUNDS;

static struct rseq *area(void)
{
    return (struct rseq *)(void *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

/* *at += 1 if the thread runs on `cpu` all the time from its comparison to the store, `spins` times
 * round later. 0, or 1: it doesn't, or -1: it was interrupted. */
static int add_one(struct rseq *r, intptr_t *at, uint32_t cpu, long spins)
{
#if defined(__aarch64__)
    __asm__ goto(".pushsection __rseq_cs, \"aw\"\n"
                 ".balign 32\n"
                 "9: .long 0, 0\n"
                 ".quad 1f, 2f - 1f, 4f\n"
                 ".popsection\n"
                 "adrp x9, 9b\n"
                 "add x9, x9, :lo12:9b\n"
                 "str x9, [%[r], 8]\n"
                 "1: ldr w10, [%[r], 4]\n"
                 "cmp w10, %w[cpu]\n"
                 "b.ne %l[other]\n"
                 "ldr x10, [%[at]]\n"
                 "mov x11, %[spins]\n"
                 "5: subs x11, x11, 1\n"
                 "b.gt 5b\n"
                 "add x10, x10, 1\n"
                 "str x10, [%[at]]\n"
                 "2: b 6f\n"
                 ".inst 0xd428bc00\n"
                 "4: b %l[abort]\n"
                 "6:\n"
                 :
                 : [r] "r"(r), [at] "r"(at), [cpu] "r"(cpu), [spins] "r"(spins)
                 : "x9", "x10", "x11", "cc", "memory"
                 : other, abort);
#else
    __asm__ goto(".pushsection __rseq_cs, \"aw\"\n"
                 ".balign 32\n"
                 "9: .long 0, 0\n"
                 ".quad 1f, 2f - 1f, 4f\n"
                 ".popsection\n"
                 "leaq 9b(%%rip), %%rax\n"
                 "movq %%rax, 8(%[r])\n"
                 "1: cmpl %[cpu], 4(%[r])\n"
                 "jne %l[other]\n"
                 "movq (%[at]), %%rax\n"
                 "movq %[spins], %%rcx\n"
                 "5: decq %%rcx\n"
                 "jg 5b\n"
                 "incq %%rax\n"
                 "movq %%rax, (%[at])\n"
                 "2: jmp 6f\n"
                 ".byte 0x0f, 0xb9, 0x3d\n"
                 ".long 0x53053053\n"
                 "4: jmp %l[abort]\n"
                 "6:\n"
                 :
                 : [r] "r"(r), [at] "r"(at), [cpu] "r"(cpu), [spins] "r"(spins)
                 : "rax", "rcx", "cc", "memory"
                 : other, abort);
#endif
    return 0;
other:
    return 1;
abort:
    return -1;
}

/* Stores of each kind in one section, which is begun again until it gets through: the bytes that
 * they leave. */
static void store_all(struct rseq *r, uint8_t bytes[96])
{
    static const uint8_t from[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    memset(bytes, 0, 96);
#if defined(__aarch64__)
    __asm__ volatile(".pushsection __rseq_cs, \"aw\"\n"
                     ".balign 32\n"
                     "9: .long 0, 0\n"
                     ".quad 1f, 2f - 1f, 4f\n"
                     ".popsection\n"
                     "3: adrp x9, 9b\n"
                     "add x9, x9, :lo12:9b\n"
                     "str x9, [%[r], 8]\n"
                     "1: mov x10, %[b]\n"
                     "ldp x11, x12, [%[from]]\n"
                     "ldr q0, [%[from]]\n"
                     "strb w11, [x10], 1\n"
                     "strh w11, [x10, 1]\n"
                     "stur w11, [x10, 3]\n"
                     "str x11, [x10, 7]!\n"
                     "stp x11, x12, [x10, 8]\n"
                     "mov x13, 3\n"
                     "str q0, [x10, x13, lsl 4]\n"
                     "add x13, x10, 24\n"
                     "stlr w12, [x13]\n"
                     "str d0, [x10, 28]\n"
                     "str s0, [x10, 36]\n"
                     "str h0, [x10, 40]\n"
                     "stp w11, w12, [x10, 72]\n"
                     "mov x13, 80\n"
                     "ldadd x13, x13, [%[b]]\n"
                     "str b0, [x10, 42]\n"
                     "2: b 6f\n"
                     ".inst 0xd428bc00\n"
                     "4: mov w0, 0\n"
                     "b 3b\n"
                     "6:\n"
                     :
                     : [r] "r"(r), [b] "r"(bytes), [from] "r"(from)
                     : "x0", "x9", "x10", "x11", "x12", "x13", "v0", "cc", "memory");
#else
    (void)r;
    uint8_t *x10 = bytes + 1;
    bytes[0] = from[0];
    memcpy(x10 + 1, from, 2);
    memcpy(x10 + 3, from, 4);
    x10 += 7;
    memcpy(x10, from, 8);
    memcpy(x10 + 8, from, 16);
    memcpy(x10 + 48, from, 16);
    memcpy(x10 + 24, from + 8, 4);
    memcpy(x10 + 28, from, 8);
    memcpy(x10 + 36, from, 4);
    memcpy(x10 + 40, from, 2);
    memcpy(x10 + 72, from, 4);
    memcpy(x10 + 76, from + 8, 4);
    uint64_t word;
    memcpy(&word, bytes, 8);
    word += 80;
    memcpy(bytes, &word, 8);
    x10[42] = from[0];
#endif
}

static void stores(struct rseq *r)
{
    _Alignas(16) uint8_t bytes[96];
    store_all(r, bytes);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        printf("%d%c", bytes[i], i % 32 == 31 ? '\n' : ' ');
    }
}

static uint32_t current(const struct rseq *r)
{
    return *(const volatile uint32_t *)&r->cpu_id_start;
}

static void count(long spins)
{
    struct rseq *r = area();
    for (int how = 1; how;) {
        uint32_t cpu = current(r);
        how = add_one(r, &counters[cpu].n, cpu, spins);
        if (how < 0) {
            atomic_fetch_add(&aborts, 1);
        }
    }
}

static void on_signal(int n)
{
    (void)n;
    count(0);
    count(0);
}

static atomic_long in_handlers;
static void on_timer(int n)
{
    int saved = errno;
    on_signal(n);
    atomic_fetch_add(&in_handlers, 2);
    errno = saved;
}

static void *run(void *arg)
{
    long spins = (long)(intptr_t)arg * 40;
    for (int i = 0; i < rounds; i++) {
        count(spins);
    }
    return NULL;
}

static long total(void)
{
    long sum = 0;
    for (int i = 0; i < PROCESSORS; i++) {
        sum += counters[i].n;
    }
    return sum;
}

/* A signal in the middle of a section: the handler is there, then the section begins again. */
static void signalled(void)
{
    struct sigaction act = {.sa_handler = on_signal}, old;
    sigaction(SIGVTALRM, &act, &old);
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    struct rseq *r = area();
    for (int how = 0; how >= 0;) {
        uint32_t cpu = current(r);
        how = add_one(r, &counters[cpu].n, cpu, 2000000);
    }
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    sigaction(SIGVTALRM, &old, NULL);
    puts("a signal interrupts");
}

static void calls(void)
{
    static _Alignas(32) struct rseq other;
    long r = syscall(SYS_rseq, &other, 32, 0, SIGNATURE);
    printf("second area: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, area(), 32, 0, SIGNATURE);
    printf("again: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, area(), 32, 0, SIGNATURE + 1);
    printf("another signature: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, area(), 32, 4, SIGNATURE);
    printf("flags: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, area(), 32, 1, SIGNATURE + 1);
    printf("leaving with another signature: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, area(), 32, 1, SIGNATURE);
    printf("leaving: %ld, cpu_id %d\n", r, (int)area()->cpu_id);
    r = syscall(SYS_rseq, area(), 32, 1, SIGNATURE);
    printf("leaving twice: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, (char *)&other + 4, 32, 0, SIGNATURE);
    printf("not aligned: %ld %s\n", r, strerrorname_np(errno));
    r = syscall(SYS_rseq, &other, 32, 0, 0x12345678);
    printf("an area of our own: %ld, cpu_id is %s\n", r,
           (int)other.cpu_id >= 0 ? "set" : "not set");
    r = syscall(SYS_rseq, &other, 32, 1, 0x12345678);
    printf("and back: %ld %ld\n", r, syscall(SYS_rseq, area(), 32, 0, SIGNATURE));
}

static void pinned(void)
{
    cpu_set_t all, one;
    bool good = true;
    sched_getaffinity(0, sizeof all, &all);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &all)) {
            CPU_ZERO(&one);
            CPU_SET(i, &one);
            sched_setaffinity(0, sizeof one, &one);
            good &= (int)current(area()) == i && (int)area()->cpu_id == i && sched_getcpu() == i;
        }
    }
    sched_setaffinity(0, sizeof all, &all);
    puts(good ? "the processor is known" : "the processor isn't known");
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int times = argc > 1 ? atoi(argv[1]) : 1;
    if (!__rseq_size) {
        puts("no rseq");
        return 0;
    }
    pinned();
    struct sigaction act = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    rounds *= times;
    setitimer(ITIMER_REAL, &often, NULL);
    for (intptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, run, (void *)i);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    long counted = total() - atomic_load(&in_handlers);
    printf("%ld threads' counts %s\n", counted / rounds,
           counted == (long)THREADS * rounds ? "complete" : "LOST");
    if (fflush(stdout), fork() == 0) {
        memset(counters, 0, sizeof counters);
        run((void *)1);
        printf("child: %s\n", total() == rounds ? "complete" : "LOST");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    stores(area());
    signalled();
    calls();
    return 0;
}
