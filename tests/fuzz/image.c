/* image.c - arbitrary files through the ELF reader and the mapper: refused or loaded, and nothing
 * is left behind. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/load/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long read_file(void *ctx, void *buf, size_t n, uint64_t offset)
{
    return offset > INT64_MAX ? 0 : pread(*(int *)ctx, buf, n, (off_t)offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    ElfFile elf;
    const char *why = NULL;
    if (fd < 0) {
        fd = memfd_create("fuzz", 0);
    }
    if (fd < 0 || ftruncate(fd, (off_t)size) || pwrite(fd, data, size, 0) != (ssize_t)size) {
        return 0;
    }
    int err = elf_read(&elf, EM_AARCH64, read_file, &fd, size, &why);
    if (err) {
        if (!why || elf.ph) {
            __builtin_trap();
        }
        return 0;
    }
    Mem mem;
    Image image;
    mem_init(&mem, 0);
    err = image_map(&image, &mem, &elf, fd, 0, &why);
    if (err && (!why || mem.map.count)) {
        __builtin_trap();
    }
    /* Everything that was mapped can be unmapped again, and nothing else was. */
    MapRange r;
    while (map_next(&mem.map, 0, &r)) {
        if (mem_munmap(&mem, r.start, r.end - r.start)) {
            __builtin_trap();
        }
    }
    map_free(&mem.map);
    elf_free(&elf);
    return 0;
}
