// What a store-release orders: two threads that store and then look at what the other stored (STLR with LDAR or LDAXR,
// with a barrier or an atomic operation between). Natively sequentially consistent, so that both looking too early
// is never seen; nor is a message before its contents.
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { BATCHES = 4000, BATCH = 16, ROUNDS = BATCHES * BATCH };
typedef struct Line {
    _Alignas(128) _Atomic uint64_t v;
} Line;
static Line lines[2][BATCH];
static _Alignas(128) _Atomic uint64_t x;
static _Alignas(128) _Atomic uint64_t y;
static _Alignas(128) _Atomic uint64_t at[2];
static _Alignas(128) _Atomic uint64_t gate[2];
static uint64_t seen[2][ROUNDS];

#ifdef __aarch64__
static inline void stlr(_Atomic uint64_t *p, uint64_t v)
{
    __asm__ volatile("stlr %1, [%0]" : : "r"(p), "r"(v) : "memory");
}
static inline uint64_t ldar(_Atomic uint64_t *p)
{
    uint64_t v;
    __asm__ volatile("ldar %0, [%1]" : "=r"(v) : "r"(p) : "memory");
    return v;
}
static inline uint64_t ldaxr(_Atomic uint64_t *p)
{
    uint64_t v;
    __asm__ volatile("ldaxr %0, [%1]\n\tclrex" : "=r"(v) : "r"(p) : "memory");
    return v;
}
static inline uint64_t ldr(_Atomic uint64_t *p)
{
    uint64_t v;
    __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(p) : "memory");
    return v;
}
static inline void dmb(void)
{
    __asm__ volatile("dmb ish" : : : "memory");
}
#else
#define stlr(p, v) atomic_store(p, v)
#define ldar(p)    atomic_load(p)
#define ldaxr(p)   atomic_load(p)
#define ldr(p)     atomic_load(p)
#define dmb()      atomic_thread_fence(memory_order_seq_cst)
#endif

// Both threads begin a batch of rounds at about the same time, now the one, now the other a little later: who was
// waited for sees that the other is there later than that one saw him. Within a batch stores wait for lines that the
// other thread has, while loads go ahead.
static void meet(int me, uint64_t i)
{
    atomic_store_explicit(&gate[me], i, memory_order_relaxed);
    for (unsigned n = 0; atomic_load_explicit(&gate[!me], memory_order_relaxed) < i; n++) {
        if (n % 1000 == 999) // the other may wait for this processor
            sched_yield();
    }
    for (volatile uint64_t n = (i / BATCH & 1) == (uint64_t)me ? i / BATCH / 2 % 50 : 0; n; n--)
        ;
}

__attribute__((noinline)) static uint64_t look_by_ldar(_Atomic uint64_t *p)
{
    return ldar(p);
}

static int kind;
static void *thread(void *arg)
{
    int me = (int)(intptr_t)arg;
    uint64_t dummy = 0, unused = 0;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        unsigned k = i % BATCH;
        _Atomic uint64_t *mine = &lines[me][k].v, *other = &lines[!me][k].v;
        if (k == 1)
            meet(me, i);
        switch (kind) {
        case 0:
            stlr(mine, i);
            seen[me][i - 1] = ldar(other);
            break;
        case 1: // in another function
            stlr(mine, i);
            seen[me][i - 1] = look_by_ldar(other);
            break;
        case 2:
            stlr(mine, i);
            seen[me][i - 1] = ldaxr(other);
            break;
        case 3: // the atomic operation is no acquire
            stlr(mine, i);
            atomic_fetch_add_explicit(&at[me], 1, memory_order_relaxed);
            seen[me][i - 1] = ldar(other);
            break;
        case 4: // nothing that is left of the load before
            unused += ldar(&at[me]);
            stlr(mine, i);
            unused += ldr(&at[me]);
            seen[me][i - 1] = ldar(other);
            break;
        case 5:
            atomic_store_explicit(mine, i, memory_order_relaxed);
            dmb();
            seen[me][i - 1] = ldr(other);
            break;
        default: // an exclusive pair that stores, or fails
            stlr(mine, i);
            atomic_compare_exchange_strong(&at[me], &dummy, i);
            seen[me][i - 1] = ldar(other);
            break;
        }
    }
    return (void *)(intptr_t)(unused == 1);
}

static void both(int k)
{
    pthread_t t[2];
    kind = k;
    gate[0] = gate[1] = 0;
    memset(lines, 0, sizeof lines);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, thread, (void *)(intptr_t)i);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    unsigned early = 0;
    for (int i = 0; i < ROUNDS; i++)
        early += seen[0][i] < (uint64_t)i + 1 && seen[1][i] < (uint64_t)i + 1;
    printf("kind %d: both too early %u times\n", k, early);
}

// A message and its contents.
static uint64_t contents[64];
static void *sender(void *arg)
{
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        contents[i % 64] = i;
        stlr(&x, i);
        while (ldar(&y) + 32 < i)
            sched_yield();
    }
    return arg;
}

static void messages(void)
{
    pthread_t t;
    unsigned bad = 0;
    x = y = 0;
    pthread_create(&t, NULL, sender, NULL);
    for (uint64_t last = 0; last < ROUNDS;) {
        uint64_t now = ldar(&x);
        bad += now < last || (now && contents[now % 64] < now);
        if (now == last)
            sched_yield();
        last = now;
        stlr(&y, now);
    }
    pthread_join(t, NULL);
    printf("messages: %u bad\n", bad);
}

int main(void)
{
    for (int k = 0; k <= 6; k++)
        both(k);
    messages();
    return 0;
}
