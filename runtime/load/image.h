/* image.h - maps the segments of a checked ELF file into guest memory. */
#ifndef XEMU_RUNTIME_LOAD_IMAGE_H
#define XEMU_RUNTIME_LOAD_IMAGE_H

#include "runtime/load/elf.h"
#include "runtime/mem/mem.h"

typedef struct Image {
    uint64_t bias; /* added to the file's addresses */
    GuestAddr entry, phdr;
    GuestAddr low, end; /* first page, end of the last segment */
} Image;

/* Maps elf, whose file is fd. A position-independent one goes near `hint`, or where the kernel
 * likes if hint is 0; one with fixed addresses goes there and nowhere else. 0 or -errno, with words
 * in *why. Nothing stays mapped on failure. */
int image_map(Image *image, Mem *mem, const ElfFile *elf, int fd, GuestAddr hint, const char **why);

#endif
