/* object.c - from LLVM's ELF object to a code object: the sections laid out behind each other,
 * relocations among them applied, the others by name: "x<k>" exits, "s<k>" stubs.
 */
#include "lift/build.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SECTIONS = 64 };
#define STACK_MAP ".llvm_stackmaps"

typedef struct Object {
    const uint8_t *elf;
    size_t len;
    const Elf64_Shdr *sections;
    unsigned n;
    uint32_t
        at[MAX_SECTIONS]; /* where the section stands in the code object; UINT32_MAX: not in it */
} Object;

static const char *section_name(const Object *o, unsigned i)
{
    const Elf64_Ehdr *h = (const void *)o->elf;
    return (const char *)o->elf + o->sections[h->e_shstrndx].sh_offset + o->sections[i].sh_name;
}

static uint32_t place(Object *o, bool text, uint32_t end)
{
    for (unsigned i = 0; i < o->n; i++) {
        const Elf64_Shdr *s = &o->sections[i];
        bool wanted = s->sh_flags & SHF_ALLOC && s->sh_type == SHT_PROGBITS &&
                      strcmp(section_name(o, i), ".eh_frame") != 0 &&
                      strcmp(section_name(o, i), STACK_MAP) != 0;
        if (wanted && text == !!(s->sh_flags & SHF_EXECINSTR)) {
            uint32_t align = s->sh_addralign ? (uint32_t)s->sh_addralign : 1;
            end = (end + align - 1) & ~(align - 1);
            o->at[i] = end;
            end += (uint32_t)s->sh_size;
        }
    }
    return end;
}

static int add_exit(CodeObject *out, const Lift *l, unsigned k, uint32_t site, int64_t behind)
{
    if (k >= l->nexits || (behind && l->exits[k].kind != LIFT_EXIT_CELL)) {
        return -EOPNOTSUPP;
    }
    LiftExit *more = realloc(out->exits, (out->nexits + 1) * sizeof *more);
    if (!more) {
        return -ENOMEM;
    }
    out->exits = more;
    out->exits[out->nexits++] = (LiftExit){.target = l->exits[k].target,
                                           .site = site,
                                           .kind = l->exits[k].kind,
                                           .behind = (int8_t)behind};
    return 0;
}

static int add_reloc(CodeObject *out, unsigned k, uint32_t site)
{
    LiftReloc *more = realloc(out->relocs, (out->nrelocs + 1) * sizeof *more);
    if (k >= LIFT_STUBS || !more) {
        return more ? -EOPNOTSUPP : -ENOMEM;
    }
    out->relocs = more;
    out->relocs[out->nrelocs++] = (LiftReloc){.site = site, .stub = k};
    return 0;
}

/* The symbol's place in the code object; 0: there's no such symbol. */
static uint32_t symbol_at(const Object *o, const char *name)
{
    for (unsigned i = 0; i < o->n; i++) {
        const Elf64_Shdr *t = &o->sections[i];
        const Elf64_Sym *s = (const void *)(o->elf + t->sh_offset);
        const char *names = (const char *)o->elf + o->sections[t->sh_link].sh_offset;
        for (size_t k = 0; t->sh_type == SHT_SYMTAB && k < t->sh_size / sizeof *s; k++) {
            if (s[k].st_shndx != SHN_UNDEF && s[k].st_shndx < o->n &&
                o->at[s[k].st_shndx] != UINT32_MAX && !strcmp(names + s[k].st_name, name)) {
                return o->at[s[k].st_shndx] + (uint32_t)s[k].st_value;
            }
        }
    }
    return 0;
}

static int relocate(const Object *o, const Lift *l, CodeObject *out, unsigned index)
{
    const Elf64_Shdr *rs = &o->sections[index], *symtab = &o->sections[rs->sh_link];
    const Elf64_Rela *r = (const void *)(o->elf + rs->sh_offset);
    const Elf64_Sym *syms = (const void *)(o->elf + symtab->sh_offset);
    const char *names = (const char *)o->elf + o->sections[symtab->sh_link].sh_offset;
    uint32_t base = o->at[rs->sh_info];
    if (base == UINT32_MAX) {
        return 0;
    }
    for (size_t k = 0; k < rs->sh_size / sizeof *r; k++) {
        const Elf64_Sym *s = &syms[ELF64_R_SYM(r[k].r_info)];
        uint32_t type = ELF64_R_TYPE(r[k].r_info), at = base + (uint32_t)r[k].r_offset;
        if (type != R_X86_64_PC32 && type != R_X86_64_PLT32) {
            return -EOPNOTSUPP;
        }
        if (s->st_shndx != SHN_UNDEF) {
            if (s->st_shndx >= o->n || o->at[s->st_shndx] == UINT32_MAX) {
                return -EOPNOTSUPP;
            }
            int32_t rel = (int32_t)((int64_t)o->at[s->st_shndx] + (int64_t)s->st_value +
                                    r[k].r_addend - (int64_t)at);
            memcpy(out->code + at, &rel, 4);
            continue;
        }
        const char *name = names + s->st_name;
        unsigned number = (unsigned)strtoul(name + 1, NULL, 10);
        int64_t behind = r[k].r_addend + 4; /* an immediate follows the displacement: negative */
        if ((*name != 'x' && *name != 's') || behind > 0 || behind < -8 ||
            (*name == 's' && behind)) {
            return -EOPNOTSUPP;
        }
        int err = *name == 'x' ? add_exit(out, l, number, at + 4, behind)
                               : add_reloc(out, number, at + 4);
        if (err) {
            return err;
        }
    }
    return 0;
}

int object_parse(const uint8_t *elf, size_t len, const Lift *l, CodeObject *out)
{
    const Elf64_Ehdr *h = (const void *)elf;
    Object o = {
        .elf = elf, .len = len, .sections = (const void *)(elf + h->e_shoff), .n = h->e_shnum};
    if (o.n > MAX_SECTIONS) {
        return -EOPNOTSUPP;
    }
    memset(o.at, 0xff, sizeof o.at);
    out->text_len = place(&o, true, 0);
    out->len = place(&o, false, out->text_len);
    out->moved = symbol_at(&o, LIFT_MOVED);
    out->code = calloc(1, out->len + 1u);
    if (!out->code) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < o.n; i++) {
        if (o.at[i] != UINT32_MAX) {
            memcpy(out->code + o.at[i], elf + o.sections[i].sh_offset, o.sections[i].sh_size);
        }
    }
    for (unsigned i = 0; i < o.n; i++) {
        const Elf64_Shdr *s = &o.sections[i];
        int err = s->sh_type == SHT_RELA ? relocate(&o, l, out, i) : 0;
        if (!err && !strcmp(section_name(&o, i), STACK_MAP)) {
            err = faults_finish(l, elf + s->sh_offset, s->sh_size, out);
        }
        if (err) {
            return err;
        }
    }
    return 0;
}
