#include "runtime/aot/roots.h"

#include <string.h>

static void found(const Roots *r, RootKind kind, uint64_t addr, uint64_t size)
{
    r->found(r->ctx, kind, addr, size);
}

/* ---- symbols --------------------------------------------------------------------------------- */

static void symbols(const Roots *r, RootKind kind, const uint8_t *p, uint64_t bytes)
{
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= bytes; at += sizeof(Elf64_Sym)) {
        Elf64_Sym s;
        memcpy(&s, p + at, sizeof s);
        unsigned type = ELF64_ST_TYPE(s.st_info);
        if (s.st_shndx != SHN_UNDEF && s.st_shndx < SHN_LORESERVE &&
            (type == STT_FUNC || type == STT_GNU_IFUNC)) {
            found(r, kind, s.st_value, s.st_size);
        }
    }
}

/* How many symbols the dynamic table has is only said by its hash table. */
static uint64_t gnu_hash_symbols(const View *v, uint64_t addr)
{
    uint32_t h[4], most = 0;
    uint64_t avail;
    const uint8_t *p = view_memory(v, addr, sizeof h, &avail);
    if (!p) {
        return 0;
    }
    memcpy(h, p, sizeof h); /* buckets, first symbol, words of the filter */
    uint64_t buckets = sizeof h + (uint64_t)h[2] * 8, chains = buckets + (uint64_t)h[0] * 4;
    if (chains > avail) {
        return 0;
    }
    for (uint32_t i = 0; i < h[0]; i++) {
        uint32_t b;
        memcpy(&b, p + buckets + 4 * (uint64_t)i, 4);
        most = b > most ? b : most;
    }
    for (uint64_t i = most < h[1] ? UINT64_MAX : most - h[1]; i != UINT64_MAX; i++) {
        uint32_t c;
        if (chains + 4 * i + 4 > avail) {
            break;
        }
        memcpy(&c, p + chains + 4 * i, 4);
        if (c & 1) {
            return h[1] + i + 1;
        }
    }
    return h[1];
}

static void dynamic_symbols(const View *v, const Roots *r)
{
    uint64_t table, hash, avail, n = 0;
    if (!view_dynamic(v, DT_SYMTAB, &table)) {
        return;
    }
    if (view_dynamic(v, DT_GNU_HASH, &hash)) {
        n = gnu_hash_symbols(v, hash);
    } else if (view_dynamic(v, DT_HASH, &hash)) {
        const uint8_t *p = view_memory(v, hash, 8, &avail);
        uint32_t chains = 0;
        if (p) {
            memcpy(&chains, p + 4, 4);
        }
        n = chains;
    }
    const uint8_t *p = view_memory(v, table, n * sizeof(Elf64_Sym), &avail);
    if (p) {
        symbols(r, ROOT_EXPORT, p, n * sizeof(Elf64_Sym));
    }
}

static void section_symbols(const View *v, const Roots *r)
{
    for (unsigned i = 0; i < v->nsections; i++) {
        const Elf64_Shdr *s = &v->sections[i];
        uint64_t avail;
        const uint8_t *p =
            s->sh_type == SHT_SYMTAB ? view_at(v, s->sh_offset, s->sh_size, &avail) : NULL;
        if (p) {
            symbols(r, ROOT_FUNCTION, p, s->sh_size);
        }
    }
}

/* ---- pointers -------------------------------------------------------------------------------- */

static void words(const View *v, const Roots *r, uint64_t addr, uint64_t bytes)
{
    uint64_t avail;
    const uint8_t *p = view_memory(v, addr, 8, &avail);
    bytes = bytes < avail ? bytes : avail;
    for (uint64_t at = 0; p && at + 8 <= bytes; at += 8) {
        uint64_t word;
        memcpy(&word, p + at, 8);
        if (view_is_code(v, word)) {
            found(r, ROOT_POINTER, word, 0);
        }
    }
}

static void relocations(const View *v, const Roots *r, int table, int size)
{
    uint64_t addr, bytes, avail;
    const uint8_t *p = view_dynamic(v, table, &addr) && view_dynamic(v, size, &bytes)
                           ? view_memory(v, addr, bytes, &avail)
                           : NULL;
    for (uint64_t at = 0; p && at + sizeof(Elf64_Rela) <= bytes; at += sizeof(Elf64_Rela)) {
        Elf64_Rela rel;
        memcpy(&rel, p + at, sizeof rel);
        uint32_t type = ELF64_R_TYPE(rel.r_info);
        if ((type == R_AARCH64_RELATIVE || type == R_AARCH64_IRELATIVE) &&
            view_is_code(v, (uint64_t)rel.r_addend)) {
            found(r, ROOT_POINTER, (uint64_t)rel.r_addend, 0);
        }
    }
}

/* DT_RELR: an address, then bits for the words behind it. */
static void relative(const View *v, const Roots *r)
{
    enum { TAG_RELRSZ = 35, TAG_RELR = 36 };
    uint64_t addr, bytes, avail, next = 0;
    const uint8_t *p = view_dynamic(v, TAG_RELR, &addr) && view_dynamic(v, TAG_RELRSZ, &bytes)
                           ? view_memory(v, addr, bytes, &avail)
                           : NULL;
    for (uint64_t at = 0; p && at + 8 <= bytes; at += 8) {
        uint64_t word;
        memcpy(&word, p + at, 8);
        if (!(word & 1)) {
            words(v, r, word, 8);
            next = word + 8;
            continue;
        }
        for (unsigned bit = 0; bit < 63; bit++) {
            if (word >> (bit + 1) & 1) {
                words(v, r, next + 8 * bit, 8);
            }
        }
        next += 63 * 8;
    }
}

static void array(const View *v, const Roots *r, int table, int size)
{
    uint64_t addr, bytes;
    if (view_dynamic(v, table, &addr) && view_dynamic(v, size, &bytes)) {
        words(v, r, addr, bytes);
    }
}

static void function_at(const View *v, const Roots *r, int tag)
{
    uint64_t addr;
    if (view_dynamic(v, tag, &addr)) {
        found(r, ROOT_FUNCTION, addr, 0);
    }
}

void roots_file(const View *v, const Roots *r)
{
    found(r, ROOT_FUNCTION, v->elf.entry, 0);
    section_symbols(v, r);
    dynamic_symbols(v, r);
    relocations(v, r, DT_RELA, DT_RELASZ);
    relocations(v, r, DT_JMPREL, DT_PLTRELSZ);
    relative(v, r);
    array(v, r, DT_INIT_ARRAY, DT_INIT_ARRAYSZ);
    array(v, r, DT_FINI_ARRAY, DT_FINI_ARRAYSZ);
    array(v, r, DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ);
    function_at(v, r, DT_INIT);
    function_at(v, r, DT_FINI);
    for (unsigned i = 0; i < v->elf.phnum && v->elf.type == ET_EXEC; i++) {
        const Elf64_Phdr *p = &v->elf.ph[i];
        if (p->p_type == PT_LOAD && !(p->p_flags & PF_X)) {
            words(v, r, (p->p_vaddr + 7) & ~UINT64_C(7), p->p_filesz);
        }
    }
}
