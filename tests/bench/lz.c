// group: compression
// A match finder: hashing, byte comparison, unpredictable lengths.
#include "bench.h"

BENCH(240, compression)
{
    enum { N = 200000 };
    static uint8_t text[N + 8];
    static uint32_t table[1 << 14];
    uint32_t seed = 31;
    uint64_t out = 0;
    for (uint32_t i = 0; i < N; i++)
        text[i] = (uint8_t)(i > 100 && next(&seed) % 10 ? text[i - 1 - next(&seed) % 60] : next(&seed) % 40);
    for (uint32_t r = 0; r < n; r++) {
        memset(table, 0, sizeof table);
        for (uint32_t i = 0; i + 4 < N;) {
            uint32_t word;
            memcpy(&word, text + i, 4);
            uint32_t *slot = &table[word * 2654435761u >> 18], at = *slot, length = 0;
            *slot = i + 1;
            if (at)
                while (i + length < N && length < 255 && text[at - 1 + length] == text[i + length])
                    length++;
            out = out * 5 + length;
            i += length > 3 ? length : 1;
        }
    }
    return out;
}
