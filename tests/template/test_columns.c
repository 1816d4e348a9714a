/* test_columns.c - tables laid down for compression are what they were. */
#include <criterion/criterion.h>

#include "jit/columns.h"

Test(columns, round_trip)
{
    enum { MOST = 300, SIZE = 28 };
    static uint8_t records[MOST * SIZE], columns[MOST * SIZE], back[MOST * SIZE];
    uint32_t x = 1;

    for (uint32_t n = 0; n < MOST; n = n * 2 + 1) {
        for (unsigned size = 2; size <= SIZE; size += 2) {
            for (size_t i = 0; i < n * size; i++)
                records[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
            columns_put(columns, records, n, size, x);
            columns_get(back, columns, n, size, x);
            cr_assert(!memcmp(records, back, n * size), "%u records of %u bytes", n, size);
        }
    }
}

Test(columns, layout)
{
    const uint16_t records[] = {1, 10, 2, 30, 0x304, 20};
    uint8_t columns[12];

    columns_put(columns, records, 3, 4, 1 << 1);
    const uint8_t want[] = {1, 2, 4, 0, 0, 3, 10, 20, (uint8_t)-10, 0, 0, 0xff};
    cr_assert(!memcmp(columns, want, sizeof want));
}
