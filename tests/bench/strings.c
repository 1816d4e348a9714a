// group: strings
// Searching and comparing strings by the C library.
#include "bench.h"

BENCH(30000, strings)
{
    enum { WORDS = 200 };
    static char text[WORDS][64], all[WORDS * 64];
    uint32_t seed = 13;
    uint64_t sum = 0;
    all[0] = 0;
    for (int i = 0; i < WORDS; i++) {
        uint32_t length = next(&seed) % 50 + 5;
        for (uint32_t k = 0; k < length; k++)
            text[i][k] = (char)('a' + next(&seed) % 26);
        text[i][length] = 0;
        strcat(all, text[i]);
    }
    for (uint32_t r = 0; r < n; r++) {
        const char *last = text[r % WORDS];
        for (int i = 0; i < WORDS; i++) {
            sum += strlen(text[i]);
            sum += (uint64_t)(strcmp(text[i], last) > 0);
            sum += strchr(text[i], 'q') != NULL;
            sum += memchr(text[i], 0, 64) != NULL;
            last = text[i];
        }
        if (r % 8 == 0)
            sum += (uint64_t)(strstr(all, last) - all) + strlen(all);
    }
    return sum;
}
