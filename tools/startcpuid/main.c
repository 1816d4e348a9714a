/*
 * startcpuid - has libc's start ask runtime/host/cacheinfo.c for the processor's caches
 *
 *     startcpuid PROGRAM       a static executable with symbols: jumps are put in place of its
 *                              handle_intel() and handle_amd(); left as they are if they aren't
 *                              those that are known
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "startcpuid: %s\n", what);
    exit(1);
}

static uint8_t *read_all(FILE *f, size_t *size)
{
    uint8_t *p;

    if (fseek(f, 0, SEEK_END) || (*size = (size_t)ftell(f)) < sizeof(Elf64_Ehdr) ||
        !(p = malloc(*size)))
        fail("can't read it");
    rewind(f);
    if (fread(p, 1, *size, f) != *size || memcmp(p, ELFMAG, SELFMAG))
        fail("can't read it");
    return p;
}

/* Functions of glibc 2.36, and what is called instead; `name` is in edi. -1: any byte. */
enum { KNOWN = 23 };
typedef struct Place {
    const char *from, *to;
    short code[KNOWN];
    const Elf64_Sym *from_at, *to_at;
} Place;
static Place places[] = {
    /* cmpl $1, max_cpuid; jbe; push %r15; mov $2, %eax; mov %edi, %r15d */
    {.from = "handle_intel",
     .to = "host_cache_info",
     .code = {0x83, 0x3d, -1,   -1,   -1,   -1,   1, 0x0f, 0x86, -1,   -1,  -1,
              -1,   0x41, 0x57, 0xb8, 0x02, 0x00, 0, 0,    0x41, 0x89, 0xff}},
    /* push %rbx; mov %edi, %esi; mov $0x80000000, %eax; cpuid; cmp $_SC_LEVEL3_CACHE_LINESIZE - ..,
     * %edi; jle; cmp .., %eax */
    {.from = "handle_amd",
     .to = "host_cache_info_amd",
     .code = {0x53, 0x89, 0xfe, 0xb8, 0x00, 0x00, 0x00, 0x80, 0x0f, 0xa2, 0x81, 0xff,
              -1,   0x00, 0x00, 0x00, 0x7e, -1,   0x3d, 0x05, 0x00, 0x00, 0x80}},
};
enum { NPLACES = sizeof places / sizeof places[0] };

static int is_known(const Place *p, const uint8_t *code)
{
    for (int i = 0; i < KNOWN; i++) {
        if (p->code[i] >= 0 && code[i] != p->code[i])
            return 0;
    }
    return 1;
}

/* "handle_intel.constprop.0" is handle_intel. */
static int is_named(const char *name, const char *wanted)
{
    size_t n = strlen(wanted);
    return !strncmp(name, wanted, n) && (!name[n] || name[n] == '.');
}

static void put_jump(FILE *f, const uint8_t *file, const Elf64_Shdr *sections, const Place *p)
{
    const Elf64_Sym *from = p->from_at, *to = p->to_at;

    if (!from || !to || from->st_size < KNOWN)
        return;
    const Elf64_Shdr *text = &sections[from->st_shndx];
    size_t at = text->sh_offset + (from->st_value - text->sh_addr);
    if (!is_known(p, file + at))
        return;
    int32_t rel = (int32_t)(to->st_value - (from->st_value + 5));
    uint8_t jump[5] = {0xe9};
    memcpy(jump + 1, &rel, sizeof rel);
    if (fseek(f, (long)at, SEEK_SET) || fwrite(jump, 1, sizeof jump, f) != sizeof jump)
        fail("can't write it");
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r+b") : NULL;
    size_t size;

    if (!f)
        fail("usage: startcpuid PROGRAM");
    uint8_t *file = read_all(f, &size);
    const Elf64_Ehdr *e = (const void *)file;
    const Elf64_Shdr *sections = (const void *)(file + e->e_shoff);

    for (int i = 0; i < e->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Sym *s = (const void *)(file + sections[i].sh_offset);
        const char *names = (const char *)file + sections[sections[i].sh_link].sh_offset;
        for (size_t n = sections[i].sh_size / sizeof *s; n--; s++) {
            for (int k = 0; k < NPLACES && ELF64_ST_TYPE(s->st_info) == STT_FUNC; k++) {
                if (is_named(names + s->st_name, places[k].from))
                    places[k].from_at = s;
                if (!strcmp(names + s->st_name, places[k].to))
                    places[k].to_at = s;
            }
        }
    }
    for (int k = 0; k < NPLACES; k++)
        put_jump(f, file, sections, &places[k]);
    if (fclose(f))
        fail("can't write it");
    free(file);
    return 0;
}
