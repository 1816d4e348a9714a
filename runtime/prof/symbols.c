#include "runtime/prof/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/ownmem.h"

typedef struct Function {
    uint64_t start, size; /* size 0: up to the next one */
    const char *name;
} Function;

typedef struct File {
    struct File *next;
    char path[PATH_MAX];
    const uint8_t *bytes; /* stays mapped: names point into it */
    size_t len;
    Function *functions; /* by start */
    size_t count;
} File;

/* Where a file was mapped when it was last looked for. */
typedef struct Place {
    GuestAddr start, end;
    uint64_t offset;
    File *file;
} Place;

struct Symbols {
    File *files;
    Place last;
};

Symbols *symbols_create(void)
{
    return calloc(1, sizeof(Symbols));
}

/* ---- a file's functions ---------------------------------------------------------------------- */

static const void *at(const File *f, uint64_t offset, uint64_t n, uint64_t size)
{
    return n <= f->len / size && offset <= f->len - n * size ? f->bytes + offset : NULL;
}

static bool valid_header(const File *f)
{
    const Elf64_Ehdr *h = at(f, 0, 1, sizeof *h);
    return h && !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
           h->e_ident[EI_DATA] == ELFDATA2LSB;
}

static int by_start(const void *a, const void *b)
{
    const Function *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->size < y->size ? 1 : x->size > y->size ? -1 : strcmp(x->name, y->name);
}

static void add_table(File *f, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
    size_t n = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *syms = at(f, table->sh_offset, n, sizeof *syms);
    const char *names = at(f, strings->sh_offset, strings->sh_size, 1);
    Function *more = syms && names && strings->sh_size && !names[strings->sh_size - 1]
                         ? realloc(f->functions, (f->count + n) * sizeof *more + 1)
                         : NULL;
    if (!more) {
        return;
    }
    f->functions = more;
    for (size_t i = 0; i < n; i++) {
        unsigned type = ELF64_ST_TYPE(syms[i].st_info);
        if ((type == STT_FUNC || type == STT_GNU_IFUNC) && syms[i].st_shndx != SHN_UNDEF &&
            syms[i].st_name < strings->sh_size) {
            f->functions[f->count++] =
                (Function){syms[i].st_value, syms[i].st_size, names + syms[i].st_name};
        }
    }
}

/* The full table if there is one, else what the dynamic linker needs. */
static void read_functions(File *f)
{
    const Elf64_Ehdr *h = (const void *)f->bytes;
    const Elf64_Shdr *s = at(f, h->e_shoff, h->e_shnum, sizeof *s);
    static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
    for (unsigned k = 0; k < 2 && s && !f->count; k++) {
        for (unsigned i = 0; i < h->e_shnum; i++) {
            if (s[i].sh_type == kinds[k] && s[i].sh_link < h->e_shnum) {
                add_table(f, &s[i], &s[s[i].sh_link]);
            }
        }
    }
    if (f->count) {
        qsort(f->functions, f->count, sizeof *f->functions, by_start);
    }
}

static File *open_file(Symbols *s, const char *path)
{
    for (File *f = s->files; f; f = f->next) {
        if (!strcmp(f->path, path)) {
            return f;
        }
    }
    File *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    snprintf(f->path, sizeof f->path, "%s", path);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *p = mmap(ownmem_hint((size_t)st.st_size), (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
                       fd, 0);
        f->bytes = p == MAP_FAILED ? NULL : p;
        f->len = (size_t)st.st_size;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (f->bytes && valid_header(f)) {
        read_functions(f);
    }
    f->next = s->files;
    s->files = f;
    return f;
}

/* ---- what is where --------------------------------------------------------------------------- */

static bool find_place(Symbols *s, GuestAddr pc)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (maps && !found && getline(&line, &room, maps) > 0) {
        uint64_t start, end, offset;
        int path = 0;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &start, &end,
                   &offset, &path) == 3 &&
            pc >= start && pc < end && path && line[path] == '/') {
            line[strcspn(line, "\n")] = 0;
            s->last = (Place){start, end, offset, open_file(s, line + path)};
            found = s->last.file != NULL;
        }
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
    return found;
}

/* The address in the file's own view of what stands at `offset` in it. */
static bool own_address(const File *f, uint64_t offset, uint64_t *address)
{
    const Elf64_Ehdr *h = (const void *)f->bytes;
    const Elf64_Phdr *p = at(f, h->e_phoff, h->e_phnum, sizeof *p);
    for (unsigned i = 0; p && i < h->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD && offset >= p[i].p_offset &&
            offset - p[i].p_offset < p[i].p_filesz) {
            *address = p[i].p_vaddr + (offset - p[i].p_offset);
            return true;
        }
    }
    return false;
}

static const char *function_at(const File *f, uint64_t address)
{
    size_t low = 0, high = f->count;
    while (low < high) { /* the first that begins behind it */
        size_t middle = low + (high - low) / 2;
        if (f->functions[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (!low) {
        return NULL;
    }
    /* Of several names for one place the first, which is the largest. */
    const Function *fn = &f->functions[low - 1];
    while (fn > f->functions && fn[-1].start == fn->start) {
        fn--;
    }
    return !fn->size || address - fn->start < fn->size ? fn->name : NULL;
}

const char *symbols_find(Symbols *s, GuestAddr pc)
{
    if ((pc < s->last.start || pc >= s->last.end) && !find_place(s, pc)) {
        return NULL;
    }
    uint64_t address;
    const File *f = s->last.file;
    return f->count && own_address(f, s->last.offset + (pc - s->last.start), &address)
               ? function_at(f, address)
               : NULL;
}
