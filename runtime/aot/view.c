#include "runtime/aot/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/ownmem.h"

static long read_bytes(void *ctx, void *buf, size_t n, uint64_t offset)
{
    const View *v = ctx;
    uint64_t avail;
    const uint8_t *p = view_at(v, offset, 0, &avail);
    n = n < avail ? n : avail;
    if (p) {
        memcpy(buf, p, n);
    }
    return p ? (long)n : 0;
}

static void find_sections(View *v)
{
    uint64_t avail;
    const uint8_t *p = view_at(v, 0, sizeof(Elf64_Ehdr), &avail);
    Elf64_Ehdr h;
    memcpy(&h, p, sizeof h);
    p = h.e_shoff && h.e_shnum && h.e_shentsize == sizeof(Elf64_Shdr) && h.e_shoff % 8 == 0
            ? view_at(v, h.e_shoff, h.e_shnum * sizeof(Elf64_Shdr), &avail)
            : NULL;
    v->sections = (const Elf64_Shdr *)(const void *)p;
    v->nsections = p ? h.e_shnum : 0;
}

int view_open(View *v, int fd, uint16_t machine, const char **why)
{
    struct stat st;
    *v = (View){.fd = fd};
    *why = "cannot be read";
    if (fstat(fd, &st)) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        *why = S_ISDIR(st.st_mode) ? "is a directory, not a program" : "is not a regular file";
        return -EACCES;
    }
    if (!st.st_size) {
        *why = "is empty";
        return -ENOEXEC;
    }
    v->size = (uint64_t)st.st_size;
    void *p = mmap(ownmem_hint(v->size), v->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        return -errno;
    }
    v->bytes = p;
    int err = elf_read(&v->elf, machine, read_bytes, v, v->size, why);
    if (err) {
        munmap(p, v->size);
        return err;
    }
    find_sections(v);
    return 0;
}

void view_close(View *v)
{
    if (v->bytes) {
        munmap((void *)(uintptr_t)v->bytes, v->size);
    }
    elf_free(&v->elf);
    close(v->fd);
}

const uint8_t *view_at(const View *v, uint64_t offset, uint64_t least, uint64_t *avail)
{
    if (offset > v->size || v->size - offset < least) {
        return NULL;
    }
    *avail = v->size - offset;
    return v->bytes + offset;
}

static const uint8_t *in_segment(const View *v, uint64_t addr, uint64_t least, uint64_t *avail,
                                 uint32_t flags)
{
    for (unsigned i = 0; i < v->elf.phnum; i++) {
        const Elf64_Phdr *p = &v->elf.ph[i];
        if (p->p_type == PT_LOAD && (p->p_flags & flags) == flags &&
            addr - p->p_vaddr < p->p_filesz && p->p_filesz - (addr - p->p_vaddr) >= least) {
            *avail = p->p_filesz - (addr - p->p_vaddr);
            return v->bytes + p->p_offset + (addr - p->p_vaddr);
        }
    }
    return NULL;
}

const uint8_t *view_memory(const View *v, uint64_t addr, uint64_t least, uint64_t *avail)
{
    return in_segment(v, addr, least, avail, 0);
}

const char *view_string(const View *v, uint64_t addr)
{
    uint64_t avail;
    const uint8_t *p = view_memory(v, addr, 1, &avail);
    return p && memchr(p, 0, avail) ? (const char *)p : NULL;
}

bool view_is_code(const View *v, uint64_t addr)
{
    uint64_t avail;
    return !(addr & 3) && in_segment(v, addr, 4, &avail, PF_X);
}

static int by_start(const void *a, const void *b)
{
    const Span *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

unsigned view_code(const View *v, Span *out, unsigned most)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->nsections && n < most; i++) {
        const Elf64_Shdr *s = &v->sections[i];
        uint64_t avail;
        if (s->sh_type == SHT_PROGBITS && s->sh_flags & SHF_EXECINSTR && s->sh_size >= 4 &&
            in_segment(v, s->sh_addr, s->sh_size, &avail, PF_X)) {
            out[n++] = (Span){(s->sh_addr + 3) & ~UINT64_C(3), s->sh_addr + s->sh_size};
        }
    }
    for (unsigned i = 0; i < v->elf.phnum && n < most && !v->nsections; i++) {
        const Elf64_Phdr *p = &v->elf.ph[i];
        if (p->p_type == PT_LOAD && p->p_flags & PF_X && p->p_filesz >= 4) {
            out[n++] = (Span){(p->p_vaddr + 3) & ~UINT64_C(3), p->p_vaddr + p->p_filesz};
        }
    }
    qsort(out, n, sizeof *out, by_start);
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!kept || out[i].start >= out[kept - 1].end) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

/* ---- the dynamic segment --------------------------------------------------------------------- */

void view_each_dynamic(const View *v, void (*fn)(void *ctx, int64_t tag, uint64_t value), void *ctx)
{
    for (unsigned i = 0; i < v->elf.phnum; i++) {
        const Elf64_Phdr *p = &v->elf.ph[i];
        uint64_t avail;
        const uint8_t *at =
            p->p_type == PT_DYNAMIC ? view_at(v, p->p_offset, p->p_filesz, &avail) : NULL;
        for (uint64_t k = 0; at && k + sizeof(Elf64_Dyn) <= p->p_filesz; k += sizeof(Elf64_Dyn)) {
            Elf64_Dyn d;
            memcpy(&d, at + k, sizeof d);
            if (d.d_tag == DT_NULL) {
                return;
            }
            fn(ctx, d.d_tag, d.d_un.d_val);
        }
    }
}

typedef struct Wanted {
    int64_t tag;
    uint64_t value;
    bool found;
} Wanted;

static void look(void *ctx, int64_t tag, uint64_t value)
{
    Wanted *w = ctx;
    if (tag == w->tag && !w->found) {
        w->value = value;
        w->found = true;
    }
}

bool view_dynamic(const View *v, int64_t tag, uint64_t *value)
{
    Wanted w = {.tag = tag};
    view_each_dynamic(v, look, &w);
    *value = w.value;
    return w.found;
}
