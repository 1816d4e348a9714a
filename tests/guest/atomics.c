// Atomic operations of all sizes and orders, exclusives (the compiler's outline atomics choose at run time).
#include "guest.h"
#include <stdatomic.h>

#define SIZE(BITS)                                                                                             \
    __attribute__((noinline)) static void ops##BITS(void)                                                      \
    {                                                                                                          \
        static _Atomic uint##BITS##_t v;                                                                       \
        for (int i = 0; i < 200; i++) {                                                                        \
            uint##BITS##_t x = (uint##BITS##_t)rnd();                                                          \
            digest(atomic_fetch_add(&v, x));                                                                   \
            digest(atomic_fetch_sub_explicit(&v, 3, memory_order_relaxed));                                    \
            digest(atomic_fetch_or_explicit(&v, x >> 1, memory_order_acquire));                                \
            digest(atomic_fetch_and_explicit(&v, ~x, memory_order_release));                                   \
            digest(atomic_fetch_xor_explicit(&v, x, memory_order_acq_rel));                                    \
            digest(atomic_exchange(&v, x));                                                                    \
            uint##BITS##_t expected = (i & 1) ? x : (uint##BITS##_t)(x + 1);                                   \
            digest(atomic_compare_exchange_strong(&v, &expected, (uint##BITS##_t)~x));                         \
            digest(expected);                                                                                  \
            expected = atomic_load_explicit(&v, memory_order_acquire);                                         \
            while (!atomic_compare_exchange_weak(&v, &expected, (uint##BITS##_t)(expected * 5)))               \
                ;                                                                                              \
            atomic_store_explicit(&v, (uint##BITS##_t)(atomic_load(&v) + 1), memory_order_release);            \
            digest(atomic_load(&v));                                                                           \
        }                                                                                                      \
    }

SIZE(8)
SIZE(16)
SIZE(32)
SIZE(64)

#ifdef __aarch64__
// 128 bits by exclusive pairs.
static unsigned __int128 swap128(unsigned __int128 *p, uint64_t low, uint64_t high)
{
    uint64_t old_low, old_high;
    uint32_t failed;
    do
        __asm__ volatile("ldaxp %0, %1, [%3]\n\tstlxp %w2, %4, %5, [%3]"
                         : "=&r"(old_low), "=&r"(old_high), "=&r"(failed)
                         : "r"(p), "r"(low), "r"(high)
                         : "memory");
    while (failed);
    return (unsigned __int128)old_high << 64 | old_low;
}
#else
static unsigned __int128 swap128(unsigned __int128 *p, uint64_t low, uint64_t high)
{
    unsigned __int128 old = *p;
    *p = (unsigned __int128)high << 64 | low;
    return old;
}
#endif

int main(void)
{
    ops8();
    ops16();
    ops32();
    ops64();
    digest_print("sizes");
    static _Alignas(16) unsigned __int128 pair;
    for (int i = 0; i < 100; i++) {
        uint64_t low = rnd(), high = rnd();
        unsigned __int128 old = swap128(&pair, low, high);
        digest((uint64_t)old ^ (uint64_t)(old >> 64));
    }
    digest_print("pair");
    atomic_flag flag = ATOMIC_FLAG_INIT;
    bool before = atomic_flag_test_and_set(&flag);
    printf("%d %d\n", before, atomic_flag_test_and_set(&flag));
    atomic_thread_fence(memory_order_seq_cst);
    return 0;
}
