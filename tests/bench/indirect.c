// group: indirect
// Indirect calls to changing targets.
#include "bench.h"

typedef uint64_t (*Op)(uint64_t, uint64_t);
static NOINLINE uint64_t add(uint64_t a, uint64_t b) { return a + b; }
static NOINLINE uint64_t sub(uint64_t a, uint64_t b) { return a - b; }
static NOINLINE uint64_t mix(uint64_t a, uint64_t b) { return (a ^ b) * 31; }
static NOINLINE uint64_t rot(uint64_t a, uint64_t b) { return (a << 7 | a >> 57) + b; }
static NOINLINE uint64_t low(uint64_t a, uint64_t b) { return (a & 0xffffffff) + b; }

BENCH(20000000, indirect)
{
    static Op volatile ops[8] = {add, sub, mix, rot, low, mix, add, rot};
    uint64_t x = 1;
    for (uint32_t i = 0; i < n; i++)
        x = ops[(i ^ i >> 3) & 7](x, i);
    return x;
}
