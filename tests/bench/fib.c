// group: calls
// Calls and returns: the recursive Fibonacci function.
#include "bench.h"

static NOINLINE uint64_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

BENCH(38, calls)
{
    return fib(n);
}
