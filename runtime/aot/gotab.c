/* gotab.c - functions of programs that the Go compiler made, by the table that their runtime finds
 * them with (debug/gosym of Go; "Go 1.2 Runtime Symbol Information"). It stays when symbols are
 * stripped, and there are no unwind tables.
 *
 *     0  magic (4 bytes, by version)   0   0   4: size of an instruction   8: size of a pointer
 *     8  1.2   number of functions; functions
 *        1.16  number of functions; of files; offsets: names, units, files, tables, functions
 *        1.18  number of functions; of files; where the text starts; the same offsets
 *
 * A function is { address; offset of what is known of it }, 8 bytes each; from 1.18 on
 * { offset in the text; the other offset }, 4 bytes each. Behind the last one stands where it ends.
 */
#include <string.h>

#include "runtime/aot/roots.h"

enum { GO_1_2, GO_1_16, GO_1_18, VERSIONS };
enum { MOST_FUNCTIONS = 1 << 22, HEAD = 8 };

static const uint8_t after_magic[4] = {0, 0, 4, 8};

typedef struct GoTable {
    const uint8_t *p;
    uint64_t avail, addr;
    unsigned version;
} GoTable;

static uint64_t word(const GoTable *t, unsigned n)
{
    uint64_t v = 0;
    memcpy(&v, t->p + HEAD + 8 * (size_t)n, 8);
    return v;
}

/* The text's start is an address, and in programs that lie anywhere the addend of a relocation. */
static uint64_t text_start(const View *v, const GoTable *t)
{
    uint64_t start = word(t, 2), at = t->addr + HEAD + 16, table, bytes, avail;
    const uint8_t *p =
        !start && view_dynamic(v, DT_RELA, &table) && view_dynamic(v, DT_RELASZ, &bytes)
            ? view_memory(v, table, bytes, &avail)
            : NULL;
    for (uint64_t i = 0; p && i + sizeof(Elf64_Rela) <= bytes; i += sizeof(Elf64_Rela)) {
        Elf64_Rela rel;
        memcpy(&rel, p + i, sizeof rel);
        if (rel.r_offset == at && ELF64_R_TYPE(rel.r_info) == R_AARCH64_RELATIVE) {
            return (uint64_t)rel.r_addend;
        }
    }
    return start;
}

static uint64_t entry(const uint8_t *functions, unsigned size, uint64_t i)
{
    uint64_t v = 0;
    memcpy(&v, functions + 2 * size * i, size);
    return v;
}

/* Believed only if all of it lies in the file, ascends, and begins in code. */
static bool functions(const View *v, const Roots *r, const GoTable *t)
{
    static const unsigned words[VERSIONS] = {1, 7, 8};
    unsigned size = t->version == GO_1_18 ? 4 : 8;
    if (t->avail < HEAD + 8 * (uint64_t)words[t->version]) {
        return false;
    }
    uint64_t n = word(t, 0), from = HEAD + 8, start = 0;
    if (t->version != GO_1_2) {
        from = word(t, words[t->version] - 1);
    }
    if (!n || n > MOST_FUNCTIONS || from > t->avail || t->avail - from < 2 * size * n + size) {
        return false;
    }
    if (t->version == GO_1_18) {
        start = text_start(v, t);
    }
    const uint8_t *p = t->p + from;
    for (uint64_t i = 0; i < n; i++) {
        if (entry(p, size, i) > entry(p, size, i + 1) ||
            !view_is_code(v, start + entry(p, size, i))) {
            return false;
        }
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = entry(p, size, i);
        r->found(r->ctx, ROOT_FUNCTION, start + at, entry(p, size, i + 1) - at);
    }
    return true;
}

static int version_of(const uint8_t *p)
{
    static const uint8_t lowest[] = {0xfb, 0xfa, 0xf0, 0xf1};
    static const uint8_t versions[] = {GO_1_2, GO_1_16, GO_1_18, GO_1_18};
    for (unsigned i = 0; i < sizeof lowest; i++) {
        if (p[0] == lowest[i] && p[1] == 0xff && p[2] == 0xff && p[3] == 0xff &&
            !memcmp(p + 4, after_magic, sizeof after_magic)) {
            return versions[i];
        }
    }
    return -1;
}

bool roots_go(const View *v, const Roots *r)
{
    bool found = false;
    for (unsigned i = 0; i < v->elf.phnum && !found; i++) {
        const Elf64_Phdr *ph = &v->elf.ph[i];
        uint64_t avail, at = -ph->p_vaddr & 7;
        const uint8_t *p =
            ph->p_type == PT_LOAD ? view_memory(v, ph->p_vaddr, ph->p_filesz, &avail) : NULL;
        for (; p && at + HEAD <= ph->p_filesz && !found; at += 8) {
            int version = version_of(p + at);
            if (version >= 0) {
                GoTable t = {p + at, ph->p_filesz - at, ph->p_vaddr + at, (unsigned)version};
                found = functions(v, r, &t);
            }
        }
    }
    return found;
}
