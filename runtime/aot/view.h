/* view.h - an ELF file of the guest as bytes, to look for code in. Nothing in it is believed: every
 * access says how much there is.
 */
#ifndef XEMU_RUNTIME_AOT_VIEW_H
#define XEMU_RUNTIME_AOT_VIEW_H

#include "runtime/load/elf.h"

typedef struct View {
    ElfFile elf;
    int fd;
    const uint8_t *bytes; /* the file, mapped */
    uint64_t size;
    const Elf64_Shdr *sections; /* NULL: there are none */
    unsigned nsections;
} View;

/* A range of addresses. */
typedef struct Span {
    uint64_t start, end;
} Span;

/* 0, or -errno with words in *why. The descriptor is the view's from then on. */
int view_open(View *v, int fd, uint16_t machine, const char **why);
void view_close(View *v);

/* The file's bytes at an offset, or at an address of a segment, and how many follow (at least
 * `least`); NULL: not so many. */
const uint8_t *view_at(const View *v, uint64_t offset, uint64_t least, uint64_t *avail);
const uint8_t *view_memory(const View *v, uint64_t addr, uint64_t least, uint64_t *avail);
/* A NUL-terminated string at an address; NULL: none. */
const char *view_string(const View *v, uint64_t addr);
/* Is addr, of an instruction, in an executable segment? */
bool view_is_code(const View *v, uint64_t addr);
/* Where there is code: executable sections, or where there are no sections, executable segments;
 * ascending. Their number, at most `most`. */
unsigned view_code(const View *v, Span *out, unsigned most);

/* The value of the first dynamic entry with that tag; false: none. */
bool view_dynamic(const View *v, int64_t tag, uint64_t *value);
/* Calls fn for each dynamic entry. */
void view_each_dynamic(const View *v, void (*fn)(void *ctx, int64_t tag, uint64_t value),
                       void *ctx);

#endif
