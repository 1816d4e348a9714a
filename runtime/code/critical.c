#include "runtime/code/critical.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/host/host.h"

enum { MOST_HEADERS = 4096, MOST_SECTIONS = 256, MOST_NAMES = 1 << 16 };

static bool read_all(int fd, void *to, size_t n, uint64_t at)
{
    return host_raw4(SYS_pread64, fd, to, n, at) == (long)n;
}

/* The section's header in *out; false: there is none. */
static bool find_section(int fd, const Elf64_Ehdr *e, Elf64_Shdr *out)
{
    static const char wanted[] = "__rseq_cs";
    Elf64_Shdr sections[MOST_SECTIONS];
    if (e->e_shentsize != sizeof sections[0] || !e->e_shnum || e->e_shnum > MOST_SECTIONS ||
        e->e_shstrndx >= e->e_shnum ||
        !read_all(fd, sections, e->e_shnum * sizeof sections[0], e->e_shoff)) {
        return false;
    }
    const Elf64_Shdr *names = &sections[e->e_shstrndx];
    for (unsigned i = 0; i < e->e_shnum; i++) {
        char name[sizeof wanted];
        const Elf64_Shdr *s = &sections[i];
        /* Most are left by what they are: few are data of records of that size. */
        bool fits = s->sh_type == SHT_PROGBITS && (s->sh_flags & SHF_ALLOC) &&
                    !(s->sh_flags & SHF_EXECINSTR) && s->sh_addralign == sizeof(CriticalRecord) &&
                    s->sh_size % sizeof(CriticalRecord) == 0;
        if (fits && read_all(fd, name, sizeof name, names->sh_offset + s->sh_name) &&
            !memcmp(name, wanted, sizeof wanted)) {
            *out = *s;
            return true;
        }
    }
    return false;
}

bool critical_in_file(int fd, uint64_t offset, uint64_t *vaddr, uint64_t *code_vaddr, size_t *n)
{
    union {
        uint8_t bytes[MOST_HEADERS];
        Elf64_Ehdr e;
    } head;
    Elf64_Shdr found;
    long got = host_raw4(SYS_pread64, fd, &head, sizeof head, 0);
    if (got < (long)sizeof head.e || memcmp(head.e.e_ident, ELFMAG, SELFMAG) ||
        head.e.e_ident[EI_CLASS] != ELFCLASS64 || head.e.e_phentsize != sizeof(Elf64_Phdr) ||
        !find_section(fd, &head.e, &found)) {
        return false;
    }
    for (unsigned i = 0; i < head.e.e_phnum; i++) {
        Elf64_Phdr p;
        uint64_t at = head.e.e_phoff + i * sizeof p;
        if (at > (uint64_t)got || (uint64_t)got - at < sizeof p) {
            return false;
        }
        memcpy(&p, head.bytes + at, sizeof p);
        uint64_t slack = p.p_offset & 4095;
        if (p.p_type == PT_LOAD && (p.p_flags & PF_X) && p.p_offset - slack <= offset &&
            offset < p.p_offset + p.p_filesz) {
            *vaddr = found.sh_addr;
            *code_vaddr = p.p_vaddr - slack + (offset - (p.p_offset - slack));
            *n = found.sh_size / sizeof(CriticalRecord);
            return true;
        }
    }
    return false;
}

void critical_add(CriticalTable *t, const CriticalList *list)
{
    if (t->n == t->cap) {
        unsigned cap = t->cap ? 2 * t->cap : 4;
        CriticalList *more = realloc(t->lists, cap * sizeof *more);
        if (!more) {
            return;
        }
        t->lists = more;
        t->cap = cap;
    }
    t->lists[t->n++] = *list;
}

void critical_cut(CriticalTable *t, GuestAddr start, GuestAddr end)
{
    for (unsigned i = 0; i < t->n;) {
        const CriticalList *l = &t->lists[i];
        if (l->code >= start && l->code_end <= end) {
            t->lists[i] = t->lists[--t->n];
        } else {
            i++;
        }
    }
}

bool critical_find(const CriticalTable *t, GuestAddr pc, CriticalSection *out)
{
    bool found = false;
    for (unsigned i = 0; i < t->n; i++) {
        const CriticalList *l = &t->lists[i];
        for (size_t k = 0; pc >= l->code && pc < l->code_end && k < l->n; k++) {
            CriticalRecord r;
            GuestAddr at = l->records + k * sizeof r;
            if (guest_read(&r, at, sizeof r) || r.version || !r.length || r.start < l->code ||
                r.start >= l->code_end || r.length > l->code_end - r.start) {
                continue; /* not relocated yet */
            }
            GuestAddr end = r.start + r.length;
            if (pc < end && (!found || r.start < out->start)) {
                *out = (CriticalSection){r.start, end, r.abort, at};
                found = true;
            }
        }
    }
    return found;
}
