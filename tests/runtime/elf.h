/* elf.h - small AArch64 programs in memory for the loader's tests. */
#ifndef XEMU_TESTS_RUNTIME_ELF_H
#define XEMU_TESTS_RUNTIME_ELF_H

#include "runtime/load/elf.h"

enum { SAMPLE_BYTES = 0x3000 };

/* A well-formed position-independent program: code at 0, data at 0x2000 with BSS, an interpreter,
 * BTI property, stack note. */
typedef struct Sample {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[5];
    char interp[32];
    uint32_t property[8];
    uint8_t rest[SAMPLE_BYTES - sizeof(Elf64_Ehdr) - 5 * sizeof(Elf64_Phdr) - 32 - 32];
} Sample;
_Static_assert(sizeof(Sample) == SAMPLE_BYTES, "no padding");

void sample_make(Sample *s);

/* A file in memory for elf_read(). */
typedef struct MemoryFile {
    const uint8_t *bytes;
    size_t size;
} MemoryFile;
long memory_read(void *ctx, void *buf, size_t n, uint64_t offset);

#endif
