/* columns.h - tables laid down for compression: of their records' first 16 bits the low bytes, one
 * behind the other, then the high ones, then those of the second 16 bits and so on; of some of
 * these columns the differences. Records that follow each other resemble each other field by field,
 * and most numbers are small.
 */
#ifndef XEMU_JIT_COLUMNS_H
#define XEMU_JIT_COLUMNS_H

#include <stdint.h>
#include <string.h>

/* n records of `size` bytes, an even number; bit k of `differences`: of column k the differences.
 * Both forms take n * size bytes. */
static inline void columns_put(uint8_t *to, const void *records, uint32_t n, unsigned size,
                               uint32_t differences)
{
    for (unsigned k = 0; k < size / 2; k++) {
        const uint8_t *from = (const uint8_t *)records + (size_t)2 * k;
        uint16_t last = 0, value, out;
        for (uint32_t i = 0; i < n; i++, from += size) {
            memcpy(&value, from, 2);
            out = (uint16_t)(value - last);
            to[i] = (uint8_t)out;
            to[n + (size_t)i] = (uint8_t)(out >> 8);
            last = differences >> k & 1 ? value : 0;
        }
        to += 2 * (size_t)n;
    }
}

static inline void columns_get(void *records, const uint8_t *from, uint32_t n, unsigned size,
                               uint32_t differences)
{
    for (unsigned k = 0; k < size / 2; k++) {
        uint8_t *to = (uint8_t *)records + (size_t)2 * k;
        uint16_t last = 0, value;
        for (uint32_t i = 0; i < n; i++, to += size) {
            value = (uint16_t)((from[i] | from[n + (size_t)i] << 8) + last);
            memcpy(to, &value, 2);
            last = differences >> k & 1 ? value : 0;
        }
        from += 2 * (size_t)n;
    }
}

#endif
