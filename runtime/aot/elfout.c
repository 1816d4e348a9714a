/* elfout.c - a relocatable file: .text, .symtab and their names. Code of a stretch keeps its
 * layout, since jumps in it are relative; what lay between its pieces is zero. A function's symbol
 * is the block at its beginning; the other blocks are local symbols, FUNCTION+offset.
 */
#include "runtime/aot/elfout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/host/host.h"

typedef struct Piece {
    uint64_t addr,
        at; /* of the guest; in .text, while its stretch isn't complete: on this machine */
    uint32_t len;
    uint8_t tag;
    bool cold;
} Piece;

typedef struct Bytes {
    uint8_t *p;
    size_t n, room;
    bool failed;
} Bytes;

typedef struct Name {
    uint64_t addr;
    const char *text;
} Name;

struct ElfOut {
    const Plan *plan;
    Piece *pieces;
    size_t npieces, room, done; /* those before `done` are copied */
    Bytes text;
    Name *names; /* ascending */
    size_t nnames;
    bool failed;
};

static void *add_bytes(Bytes *b, const void *from, size_t n)
{
    if (b->n + n > b->room) {
        size_t room = (b->n + n) * 2;
        uint8_t *p = realloc(b->p, room);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->room = room;
    }
    uint8_t *to = b->p + b->n;
    if (from) {
        memcpy(to, from, n);
    } else {
        memset(to, 0, n);
    }
    b->n += n;
    return to;
}

/* ---- names ----------------------------------------------------------------------------------- */

static int by_addr(const void *a, const void *b)
{
    const Name *x = a, *y = b;
    if (x->addr != y->addr) {
        return x->addr < y->addr ? -1 : 1;
    }
    return strcmp(x->text, y->text);
}

static void read_names(ElfOut *o, const View *v)
{
    for (unsigned i = 0; i < v->nsections; i++) {
        const Elf64_Shdr *s = &v->sections[i];
        uint64_t avail, strings_avail;
        if ((s->sh_type != SHT_SYMTAB && s->sh_type != SHT_DYNSYM) || s->sh_link >= v->nsections) {
            continue;
        }
        const uint8_t *p = view_at(v, s->sh_offset, s->sh_size, &avail);
        const Elf64_Shdr *t = &v->sections[s->sh_link];
        const uint8_t *strings = view_at(v, t->sh_offset, t->sh_size, &strings_avail);
        size_t n = s->sh_size / sizeof(Elf64_Sym);
        Name *names = p && strings ? realloc(o->names, (o->nnames + n + 1) * sizeof *names) : NULL;
        if (!names) {
            continue;
        }
        o->names = names;
        for (size_t k = 0; k < n; k++) {
            Elf64_Sym sym;
            memcpy(&sym, p + k * sizeof sym, sizeof sym);
            unsigned type = ELF64_ST_TYPE(sym.st_info);
            if ((type == STT_FUNC || type == STT_GNU_IFUNC) && sym.st_shndx != SHN_UNDEF &&
                sym.st_name < t->sh_size &&
                memchr(strings + sym.st_name, 0, t->sh_size - sym.st_name) &&
                strings[sym.st_name]) {
                o->names[o->nnames++] = (Name){sym.st_value, (const char *)strings + sym.st_name};
            }
        }
    }
    if (o->nnames) {
        qsort(o->names, o->nnames, sizeof *o->names, by_addr);
    }
}

static const char *name_at(const ElfOut *o, uint64_t addr)
{
    size_t lo = 0, hi = o->nnames;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (o->names[mid].addr < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < o->nnames && o->names[lo].addr == addr ? o->names[lo].text : NULL;
}

/* The function that addr is in; NULL: before all. */
static const Span *function_of(const Plan *p, uint64_t addr)
{
    uint32_t lo = 0, hi = p->nfunctions;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p->functions[mid].start <= addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo ? &p->functions[lo - 1] : NULL;
}

static bool piece_name(const ElfOut *o, const Piece *piece, char *text, size_t size)
{
    const Span *f = function_of(o->plan, piece->addr);
    uint64_t start = f ? f->start : piece->addr;
    const char *name = name_at(o, start);
    char made[32], tag[16] = "", plus[32] = "";
    snprintf(made, sizeof made, "sub_%llx", (unsigned long long)start);
    if (piece->tag) {
        snprintf(tag, sizeof tag, ".landing%u", piece->tag);
    }
    if (piece->addr != start) {
        snprintf(plus, sizeof plus, "+0x%llx", (unsigned long long)(piece->addr - start));
    }
    snprintf(text, size, "%s%s%s%s", name ? name : made, plus, tag, piece->cold ? ".cold" : "");
    return piece->addr == start && !piece->tag && !piece->cold;
}

/* ---- code ------------------------------------------------------------------------------------ */

ElfOut *elfout_new(const Plan *plan)
{
    ElfOut *o = calloc(1, sizeof *o);
    if (o) {
        o->plan = plan;
        read_names(o, plan->view);
    }
    return o;
}

static void add_piece(ElfOut *o, Piece piece)
{
    if (o->npieces == o->room) {
        size_t room = o->room ? 2 * o->room : 4096;
        Piece *pieces = realloc(o->pieces, room * sizeof *pieces);
        if (!pieces) {
            o->failed = true;
            return;
        }
        o->pieces = pieces;
        o->room = room;
    }
    o->pieces[o->npieces++] = piece;
}

void elfout_block(ElfOut *o, uint64_t addr, unsigned tag, const JitAhead *b)
{
    add_piece(o, (Piece){addr, (uintptr_t)b->code, b->code_len, (uint8_t)tag, false});
    if (b->cold_len) {
        add_piece(o, (Piece){addr, (uintptr_t)b->cold, b->cold_len, (uint8_t)tag, true});
    }
}

void elfout_stretch(ElfOut *o)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t i = o->done; i < o->npieces; i++) {
        const Piece *p = &o->pieces[i];
        low = p->at < low ? p->at : low;
        high = p->at + p->len > high ? p->at + p->len : high;
    }
    if (low >= high) {
        return;
    }
    low &= ~UINT64_C(63);
    size_t start = (o->text.n + 63) & ~(size_t)63;
    uint8_t *to = NULL;
    if (add_bytes(&o->text, NULL, start - o->text.n + (high - low))) {
        to = o->text.p + start;
    }
    for (; o->done < o->npieces; o->done++) {
        Piece *p = &o->pieces[o->done];
        if (to) {
            memcpy(to + (p->at - low), (const void *)(uintptr_t)p->at, p->len);
        }
        p->at = start + (p->at - low);
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

static void add_symbols(const ElfOut *o, bool global, Bytes *symbols, Bytes *strings)
{
    for (size_t i = 0; i < o->npieces; i++) {
        const Piece *p = &o->pieces[i];
        char name[512];
        if (piece_name(o, p, name, sizeof name) != global) {
            continue;
        }
        Elf64_Sym s = {.st_name = (uint32_t)strings->n,
                       .st_info = ELF64_ST_INFO(global ? STB_GLOBAL : STB_LOCAL, STT_FUNC),
                       .st_shndx = 1,
                       .st_value = p->at,
                       .st_size = p->len};
        add_bytes(strings, name, strlen(name) + 1);
        add_bytes(symbols, &s, sizeof s);
    }
}

static int write_file(const char *path, const Bytes *parts, unsigned n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int err = fd < 0 ? -errno : 0;
    for (unsigned i = 0; i < n && !err; i++) {
        err = host_write_all(fd, parts[i].p, parts[i].n);
    }
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

int elfout_write(ElfOut *o, const char *folder, const char *path)
{
    static const char names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
    enum { TEXT = 1, SYMTAB = 7, STRTAB = 15, SHSTRTAB = 23, SECTIONS = 5 };
    char to[4096];
    Bytes head = {0}, symbols = {0}, strings = {0}, tail = {0};
    const char *slash = strrchr(path, '/');
    Elf64_Sym none = {0};
    add_bytes(&symbols, &none, sizeof none);
    add_bytes(&strings, "", 1);
    add_symbols(o, false, &symbols, &strings);
    uint32_t locals = (uint32_t)(symbols.n / sizeof none);
    add_symbols(o, true, &symbols, &strings);
    add_bytes(&o->text, NULL, -o->text.n & 63);
    add_bytes(&strings, NULL, -strings.n & 7);
    uint64_t text_at = 64, symbols_at = text_at + o->text.n, strings_at = symbols_at + symbols.n,
             names_at = strings_at + strings.n, names_room = (sizeof names + 7) & ~(size_t)7;
    Elf64_Ehdr h = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_REL,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_shoff = names_at + names_room,
        .e_ehsize = sizeof h,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = SECTIONS,
        .e_shstrndx = 4};
    Elf64_Shdr s[SECTIONS] = {
        {0},
        {TEXT, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0, text_at, o->text.n, 0, 0, 64, 0},
        {SYMTAB, SHT_SYMTAB, 0, 0, symbols_at, symbols.n, 3, locals, 8, sizeof none},
        {STRTAB, SHT_STRTAB, 0, 0, strings_at, strings.n, 0, 0, 1, 0},
        {SHSTRTAB, SHT_STRTAB, 0, 0, names_at, sizeof names, 0, 0, 1, 0},
    };
    add_bytes(&head, &h, sizeof h);
    add_bytes(&tail, names, sizeof names);
    add_bytes(&tail, NULL, names_room - sizeof names);
    add_bytes(&tail, s, sizeof s);
    const Bytes parts[] = {head, o->text, symbols, strings, tail};
    bool failed = o->failed || head.failed || o->text.failed || symbols.failed || strings.failed ||
                  tail.failed;
    snprintf(to, sizeof to, "%s/%s.elf", folder, slash ? slash + 1 : path);
    int err = failed ? -ENOMEM : write_file(to, parts, sizeof parts / sizeof *parts);
    free(head.p);
    free(symbols.p);
    free(strings.p);
    free(tail.p);
    return err;
}

void elfout_free(ElfOut *o)
{
    if (o) {
        free(o->pieces);
        free(o->text.p);
        free(o->names);
        free(o);
    }
}
