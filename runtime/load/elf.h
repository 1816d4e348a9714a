/* elf.h - reads and checks the headers of a 64-bit little-endian ELF program. Nothing is mapped
 * here, and nothing in the file is believed before it was checked, so the result can be used
 * without looking again:
 *
 *   - every PT_LOAD lies within the file and within the guest's address space, file offset and
 * address agree modulo the page, and the segments ascend without overlapping;
 *   - `interp` is a NUL-terminated string if the program wants an interpreter.
 */
#ifndef XEMU_RUNTIME_LOAD_ELF_H
#define XEMU_RUNTIME_LOAD_ELF_H

#include <elf.h>
#include <limits.h>
#include <stdbool.h>

#include "frontend/cpu.h"

/* Reads n bytes at offset: the number read (less only at the end of the file), or -errno. */
typedef long (*ElfRead)(void *ctx, void *buf, size_t n, uint64_t offset);

typedef struct ElfFile {
    uint16_t type; /* ET_EXEC or ET_DYN */
    uint64_t entry;
    uint64_t low, high; /* page-aligned span of the PT_LOADs, before relocation */
    uint64_t align;     /* largest p_align of a PT_LOAD, at least a page */
    uint64_t phdr;      /* address of the program headers in memory, 0 if no segment holds them */
    uint64_t end;       /* end of the last segment (where brk may begin) */
    Elf64_Phdr *ph;     /* owned; elf_free() */
    uint16_t phnum;
    bool stack_exec; /* PT_GNU_STACK asks for an executable stack */
    bool bti;        /* PT_GNU_PROPERTY: all code has BTI landing pads */
    bool has_interp;
    char interp[PATH_MAX];
} ElfFile;

/* 0, or -errno: -ENOEXEC if it isn't a program for this guest, another error if it can't be read or
 * is damaged; *why then says what is wrong in words. size: of the file. */
int elf_read(ElfFile *elf, uint16_t machine, ElfRead read, void *ctx, uint64_t size,
             const char **why);
void elf_free(ElfFile *elf);

/* True if these first bytes of a file look like an ELF program of the machine (for exec: is it a
 * guest's?). */
bool elf_is_for(const void *bytes, size_t n, uint16_t machine);

#endif
