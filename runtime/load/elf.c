#include "runtime/load/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mem/mem.h"

/* The kernel takes at most 64 KiB of program headers (fs/binfmt_elf.c, load_elf_phdrs). */
enum { PHDRS_MAX_BYTES = 65536, PROPERTY_MAX_BYTES = 1024 };

bool elf_is_for(const void *bytes, size_t n, uint16_t machine)
{
    Elf64_Ehdr h;
    if (n < sizeof h) {
        return false;
    }
    memcpy(&h, bytes, sizeof h);
    return memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 && h.e_ident[EI_CLASS] == ELFCLASS64 &&
           h.e_ident[EI_DATA] == ELFDATA2LSB && h.e_machine == machine &&
           (h.e_type == ET_EXEC || h.e_type == ET_DYN);
}

static int check_header(const Elf64_Ehdr *h, uint16_t machine, uint64_t size, const char **why)
{
    if (h->e_ident[EI_CLASS] != ELFCLASS64) {
        *why = "is an ELF file of the wrong class (not 64-bit)";
    } else if (h->e_ident[EI_DATA] != ELFDATA2LSB) {
        *why = "is an ELF file of the wrong byte order (not little-endian)";
    } else if (h->e_machine != machine) {
        *why = "is an ELF file for another machine";
    } else if (h->e_type != ET_EXEC && h->e_type != ET_DYN) {
        *why = "is an ELF file, but not a program (object or core file)";
    } else if (h->e_ident[EI_VERSION] != EV_CURRENT) {
        *why = "has an unknown ELF version";
    } else if (h->e_phentsize != sizeof(Elf64_Phdr)) {
        *why = "has program headers of a wrong size";
    } else if (h->e_phnum == 0) {
        *why = "has no program headers";
    } else if ((uint64_t)h->e_phnum * sizeof(Elf64_Phdr) > PHDRS_MAX_BYTES) {
        *why = "has too many program headers";
    } else if (h->e_phoff > size || size - h->e_phoff < (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)) {
        *why = "is truncated: its program headers lie beyond its end";
    } else {
        return 0;
    }
    return -ENOEXEC;
}

static int check_load(const Elf64_Phdr *p, uint64_t size, uint64_t previous_end, const char **why)
{
    if (p->p_filesz > p->p_memsz) {
        *why = "is damaged: a segment is larger in the file than in memory";
    } else if (p->p_memsz > MEM_TASK_SIZE || p->p_vaddr > MEM_TASK_SIZE - p->p_memsz) {
        *why = "is damaged: a segment lies outside the address space";
    } else if (p->p_filesz && ((p->p_offset ^ p->p_vaddr) & MEM_PAGE_MASK)) {
        *why = "is damaged: a segment's file offset and address don't agree modulo the page size";
    } else if (p->p_align & (p->p_align - 1)) {
        *why = "is damaged: a segment's alignment is not a power of two";
    } else if (p->p_vaddr < previous_end) {
        *why = "is damaged: its segments overlap or are out of order";
    } else if (p->p_filesz && (p->p_offset > size || size - p->p_offset < p->p_filesz)) {
        *why = "is truncated: a segment lies beyond its end";
    } else {
        return 0;
    }
    return -ENOEXEC;
}

/* GNU property note: n_namesz 4, n_descsz, NT_GNU_PROPERTY_TYPE_0, "GNU", then {type, size, data
 * padded to 8}. */
static bool property_says_bti(const uint8_t *note, size_t n)
{
    enum { TYPE_FEATURE_1_AND = 0xc0000000, FEATURE_BTI = 1, PROPERTY_TYPE_0 = 5 };
    uint32_t w[4];
    if (n < 16) {
        return false;
    }
    memcpy(w, note, sizeof w);
    if (w[0] != 4 || w[2] != PROPERTY_TYPE_0 || memcmp(note + 12, "GNU", 4) != 0) {
        return false;
    }
    size_t end = w[1] < n - 16 ? 16 + w[1] : n;
    for (size_t at = 16; end - at >= 12;) {
        memcpy(w, note + at, 12);
        if (w[0] == TYPE_FEATURE_1_AND && w[1] >= 4) {
            return w[2] & FEATURE_BTI;
        }
        size_t step = 8 + (((size_t)w[1] + 7) & ~(size_t)7);
        if (step > end - at) {
            return false;
        }
        at += step;
    }
    return false;
}

static int read_exact(ElfRead read, void *ctx, void *buf, size_t n, uint64_t offset,
                      const char **why)
{
    long got = read(ctx, buf, n, offset);
    if (got != (long)n) {
        *why = got < 0 ? "cannot be read" : "is truncated";
        return got < 0 ? (int)got : -ENOEXEC;
    }
    return 0;
}

static int read_interp(ElfFile *elf, const Elf64_Phdr *p, ElfRead read, void *ctx, const char **why)
{
    if (p->p_filesz < 2 || p->p_filesz > sizeof elf->interp) {
        *why = "is damaged: the name of its interpreter has an impossible length";
        return -ENOEXEC;
    }
    int err = read_exact(read, ctx, elf->interp, p->p_filesz, p->p_offset, why);
    if (!err && elf->interp[p->p_filesz - 1]) {
        *why = "is damaged: the name of its interpreter has no end";
        err = -ENOEXEC;
    }
    elf->has_interp = true;
    return err;
}

static int read_segments(ElfFile *elf, const Elf64_Ehdr *h, ElfRead read, void *ctx, uint64_t size,
                         const char **why)
{
    int err = 0;
    uint64_t end = 0;
    bool any = false;
    for (unsigned i = 0; i < elf->phnum && !err; i++) {
        const Elf64_Phdr *p = &elf->ph[i];
        uint8_t note[PROPERTY_MAX_BYTES];
        long n;
        switch (p->p_type) {
        case PT_LOAD:
            if (!p->p_memsz) {
                break;
            }
            if ((err = check_load(p, size, end, why))) {
                break;
            }
            if (!any) {
                elf->low = mem_page_down(p->p_vaddr);
            }
            any = true;
            end = p->p_vaddr + p->p_memsz;
            if (p->p_align > elf->align) {
                elf->align = p->p_align;
            }
            if (h->e_phoff >= p->p_offset && h->e_phoff - p->p_offset < p->p_filesz) {
                elf->phdr = p->p_vaddr + (h->e_phoff - p->p_offset);
            }
            break;
        case PT_INTERP: err = elf->has_interp ? 0 : read_interp(elf, p, read, ctx, why); break;
        case PT_GNU_STACK: elf->stack_exec = p->p_flags & PF_X; break;
        case PT_GNU_PROPERTY:
            n = p->p_filesz > sizeof note ? -1 : read(ctx, note, p->p_filesz, p->p_offset);
            elf->bti = n > 0 && property_says_bti(note, (size_t)n);
            break;
        default: break;
        }
    }
    if (!err && !any) {
        *why = "has nothing to load";
        err = -ENOEXEC;
    }
    elf->end = end;
    elf->high = mem_page_up(end);
    return err;
}

int elf_read(ElfFile *elf, uint16_t machine, ElfRead read, void *ctx, uint64_t size,
             const char **why)
{
    Elf64_Ehdr h;
    memset(elf, 0, offsetof(ElfFile, interp));
    elf->align = MEM_PAGE;
    long got = read(ctx, &h, sizeof h, 0);
    if (got < 0) {
        *why = "cannot be read";
        return (int)got;
    }
    if (got < SELFMAG || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0) {
        *why = got == 0 ? "is empty" : "is not an ELF program";
        return -ENOEXEC;
    }
    if (got < (long)sizeof h) {
        *why = "is truncated: its ELF header is cut off";
        return -ENOEXEC;
    }
    int err = check_header(&h, machine, size, why);
    if (err) {
        return err;
    }
    elf->type = h.e_type;
    elf->entry = h.e_entry;
    elf->phnum = h.e_phnum;
    elf->ph = malloc(sizeof(Elf64_Phdr) * h.e_phnum);
    if (!elf->ph) {
        *why = "cannot be loaded: out of memory";
        return -ENOMEM;
    }
    err = read_exact(read, ctx, elf->ph, sizeof(Elf64_Phdr) * h.e_phnum, h.e_phoff, why);
    if (!err) {
        err = read_segments(elf, &h, read, ctx, size, why);
    }
    if (err) {
        elf_free(elf);
    }
    return err;
}

void elf_free(ElfFile *elf)
{
    free(elf->ph);
    elf->ph = NULL;
}
