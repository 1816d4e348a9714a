/* coverage.h - which decode patterns a run translates, counted in builds of the preset `coverage`.
 *
 * The environment variable XEMU_COVERAGE names a file that all processes of a run share: an array
 * of A64Cover, one for each pattern. tests/coverage.py reads it.
 */
#ifndef XEMU_FRONTEND_AARCH64_COVERAGE_H
#define XEMU_FRONTEND_AARCH64_COVERAGE_H

#include <stdint.h>

typedef struct A64Cover {
    char name[28];
    uint32_t count;
} A64Cover;

#ifdef XEMU_COVERAGE
void a64_cover(int pattern);
#else
static inline void a64_cover(int pattern)
{
    (void)pattern;
}
#endif

#endif
