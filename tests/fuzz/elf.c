/* Any bytes as a program file: elf_read() refuses it, or what it accepts keeps the promises of
 * elf.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/load/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Bytes {
    const uint8_t *data;
    size_t size;
} Bytes;

static long read_bytes(void *ctx, void *buf, size_t n, uint64_t offset)
{
    const Bytes *b = ctx;
    if (offset >= b->size) {
        return 0;
    }
    if (n > b->size - offset) {
        n = b->size - offset;
    }
    memcpy(buf, b->data + offset, n);
    return (long)n;
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "broken: %s\n", #condition);                                           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Bytes bytes = {data, size};
    ElfFile *elf = calloc(1, sizeof *elf);
    const char *why = NULL;
    if (elf_read(elf, EM_AARCH64, read_bytes, &bytes, size, &why) != 0) {
        MUST(why != NULL);
        elf_free(elf);
        free(elf);
        return 0;
    }
    MUST(elf->type == ET_EXEC || elf->type == ET_DYN);
    MUST(!elf->has_interp || memchr(elf->interp, 0, sizeof elf->interp));
    uint64_t last = 0;
    bool any = false;
    for (unsigned i = 0; i < elf->phnum; i++) {
        const Elf64_Phdr *p = &elf->ph[i];
        if (p->p_type != PT_LOAD || p->p_memsz == 0) {
            continue;
        }
        any = true;
        MUST(p->p_filesz <= p->p_memsz);
        MUST(p->p_filesz == 0 || (p->p_offset <= size && p->p_filesz <= size - p->p_offset));
        MUST(p->p_vaddr >= last && p->p_memsz <= UINT64_MAX - p->p_vaddr);
        MUST(p->p_filesz == 0 || (p->p_vaddr - p->p_offset) % 4096 == 0);
        MUST(p->p_vaddr >= elf->low && p->p_vaddr + p->p_memsz <= elf->high);
        last = p->p_vaddr + p->p_memsz;
    }
    MUST(any && elf->low < elf->high && elf->low % 4096 == 0 && elf->high % 4096 == 0);
    elf_free(elf);
    free(elf);
    return 0;
}
