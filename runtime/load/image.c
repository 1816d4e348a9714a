#include "runtime/load/image.h"

#include <linux/mman.h>
#include <sys/mman.h>

static bool failed(long r)
{
    return r < 0 && r > -4096;
}

/* Takes the whole span first, so that every segment lands in memory that is known to be free. */
static long reserve(Mem *mem, const ElfFile *elf, GuestAddr hint)
{
    uint64_t len = elf->high - elf->low;
    uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (elf->type == ET_EXEC) {
        return mem_mmap(mem, elf->low, len, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
    }
    uint64_t slack = elf->align > MEM_PAGE ? elf->align : 0;
    if (len + slack < len) {
        return -ENOMEM;
    }
    /* With alignment beyond the page: take more, give back the ends. */
    long p = mem_mmap(mem, hint, len + slack, PROT_NONE, flags, -1, 0);
    if (failed(p) || !slack) {
        return p;
    }
    GuestAddr at = ((GuestAddr)p + slack - 1) & ~(slack - 1), end = (GuestAddr)p + len + slack;
    at += elf->low & (slack - 1);
    if (at + len > end) {
        at -= slack;
    }
    if (at > (GuestAddr)p) {
        mem_munmap(mem, (GuestAddr)p, at - (GuestAddr)p);
    }
    if (at + len < end) {
        mem_munmap(mem, at + len, end - (at + len));
    }
    return (long)at;
}

static int segment_prot(const ElfFile *elf, const Elf64_Phdr *p)
{
    int prot = (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
               (p->p_flags & PF_X ? PROT_EXEC : 0);
    return prot | (elf->bti && (p->p_flags & PF_X) ? (int)MEM_PROT_BTI : 0);
}

static long map_segment(Mem *mem, const ElfFile *elf, const Elf64_Phdr *p, uint64_t bias, int fd)
{
    GuestAddr start = mem_page_down(p->p_vaddr + bias);
    GuestAddr file_end = p->p_vaddr + bias + p->p_filesz, mem_end = p->p_vaddr + bias + p->p_memsz;
    GuestAddr zero = p->p_filesz ? mem_page_up(file_end) : start;
    int prot = segment_prot(elf, p);
    long r = 0;
    if (p->p_filesz) {
        r = mem_mmap(mem, start, file_end - start, (uint64_t)prot, MAP_PRIVATE | MAP_FIXED, fd,
                     mem_page_down(p->p_offset));
        /* Beyond the file's bytes the whole last page is zero, past the segment's end too: ld.so's
         * allocator relies on it. Only a writable segment can want that. */
        if (!failed(r) && mem_end > file_end && (prot & PROT_WRITE)) {
            r = guest_zero(file_end, zero - file_end);
        }
    }
    if (!failed(r) && mem_end > zero) {
        r = mem_mmap(mem, zero, mem_end - zero, (uint64_t)prot,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    return failed(r) ? r : 0;
}

int image_map(Image *image, Mem *mem, const ElfFile *elf, int fd, GuestAddr hint, const char **why)
{
    long at = reserve(mem, elf, hint);
    if (failed(at)) {
        *why = elf->type == ET_EXEC &&
                       (at == -EEXIST || at == -ENOMEM || at == -EPERM || at == -EINVAL)
                   ? "needs addresses that cannot be had here"
                   : "does not fit into memory";
        return (int)at;
    }
    uint64_t bias = (uint64_t)at - elf->low;
    GuestAddr previous = (GuestAddr)at;
    long r = 0;
    for (unsigned i = 0; i < elf->phnum && !r; i++) {
        const Elf64_Phdr *p = &elf->ph[i];
        if (p->p_type != PT_LOAD || !p->p_memsz) {
            continue;
        }
        r = map_segment(mem, elf, p, bias, fd);
        GuestAddr start = mem_page_down(p->p_vaddr + bias);
        if (!r && start > previous) {
            r = mem_munmap(mem, previous,
                           start - previous); /* a hole between segments is nobody's */
        }
        previous = mem_page_up(p->p_vaddr + p->p_memsz + bias);
    }
    if (r) {
        mem_munmap(mem, (GuestAddr)at, elf->high - elf->low);
        *why = r == -ENOMEM ? "does not fit into memory" : "cannot be mapped";
        return (int)r;
    }
    *image = (Image){
        .bias = bias,
        .entry = elf->entry + bias,
        .phdr = elf->phdr ? elf->phdr + bias : 0,
        .low = (GuestAddr)at,
        .end = elf->end + bias,
    };
    return 0;
}
