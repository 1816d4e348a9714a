/* lasting.c - computes until the process has used so many milliseconds of processor time as
 * LASTING says (none: one round), in a loop that is hot. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t compute(uint64_t x)
{
    for (int i = 0; i < 100000; i++) {
        x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + (uint64_t)i;
    }
    return x;
}

int main(void)
{
    const char *wanted = getenv("LASTING");
    long ms = wanted ? strtol(wanted, NULL, 10) : 0, rounds = 0;
    uint64_t once = compute(1), all = once;
    do {
        all &= compute(1);
        rounds++;
    } while (clock() < ms * (CLOCKS_PER_SEC / 1000));
    printf("%016llx %d\n", (unsigned long long)once, rounds > 0 && all == once);
    return 0;
}
