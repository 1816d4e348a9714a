// Calls in calls, as regions of tier 2 take them in: a callee that never comes back, recursion within callees, a
// function called at two places, one that does something else later on.
#include <setjmp.h>

#include "guest.h"

#define NOINLINE __attribute__((noinline))

static jmp_buf out;
static volatile unsigned odd_ones;

NOINLINE static uint64_t leaf(uint64_t x, unsigned i)
{
    for (unsigned k = 0; k < (i & 3); k++)
        x = x * 33 + k;
    return x ^ x >> 7;
}

NOINLINE static uint64_t twice(uint64_t x, unsigned i)
{
    return leaf(x, i) + leaf(x ^ i, i + 1);
}

NOINLINE static uint64_t countdown(uint64_t x, unsigned n)
{
    return n ? countdown(leaf(x, n), n - 1) * 3 + n : x;
}

NOINLINE static uint64_t leaves(uint64_t x, unsigned i)
{
    if (i % 997 == 996)
        longjmp(out, (int)(i % 5) + 1);
    return twice(x, i) + countdown(x, i % 6);
}

NOINLINE static uint64_t chain(uint64_t x, unsigned i)
{
    uint64_t r = leaves(x, i);
    if (i > 60000) { // never before: no trace has it
        odd_ones++;
        r ^= twice(r, odd_ones);
    }
    return r + 1;
}

NOINLINE static uint64_t loop(uint64_t x, unsigned from, unsigned to, volatile unsigned *at)
{
    for (unsigned i = from; i < to; i++) {
        *at = i;
        x = chain(x, i);
    }
    *at = to;
    return x;
}

int main(void)
{
    volatile unsigned at = 0, jumps = 0;
    volatile uint64_t x = 1;
    int why = setjmp(out);
    if (why) {
        jumps++;
        x += (unsigned)why;
        at++;
    }
    while (at < 90000)
        x = loop(x, at, at + 500 < 90000 ? at + 500 : 90000, &at);
    printf("x %016" PRIx64 " jumps %u odd %u\n", x, jumps, odd_ones);
    return 0;
}
