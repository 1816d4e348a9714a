/* unwind.c - functions and landing pads, as .eh_frame and the exception tables it leads to tell of
 * them (Linux Standard Base, "Exception Frames"; the tables of call sites as g++ and clang++ write
 * them).
 */
#include <string.h>

#include "runtime/aot/roots.h"

/* Encodings of pointers: DW_EH_PE_*. */
enum {
    PE_OMIT = 0xff,
    PE_ULEB = 1,
    PE_UDATA2 = 2,
    PE_UDATA4 = 3,
    PE_UDATA8 = 4,
    PE_SLEB = 9,
    PE_SDATA2 = 10,
    PE_SDATA4 = 11,
    PE_SDATA8 = 12,
    PE_PCREL = 0x10,
    PE_DATAREL = 0x30,
    PE_INDIRECT = 0x80,
};

/* Reads bytes of memory in order; `bad` once they ran out. */
typedef struct Reader {
    const uint8_t *p, *end;
    uint64_t addr; /* of p */
    bool bad;
} Reader;

static Reader reader(const View *v, uint64_t addr)
{
    uint64_t avail;
    const uint8_t *p = view_memory(v, addr, 1, &avail);
    return (Reader){p, p ? p + avail : NULL, addr, !p};
}

static uint64_t get(Reader *r, unsigned bytes)
{
    uint64_t v = 0;
    if (r->bad || (uint64_t)(r->end - r->p) < bytes) {
        r->bad = true;
        return 0;
    }
    memcpy(&v, r->p, bytes);
    r->p += bytes;
    r->addr += bytes;
    return v;
}

static uint64_t get_leb(Reader *r, bool is_signed)
{
    uint64_t v = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)get(r, 1);
        v |= shift < 64 ? (uint64_t)(byte & 127) << shift : 0;
        shift += 7;
    } while (byte & 128 && !r->bad);
    return is_signed && byte & 64 && shift < 64 ? v | UINT64_MAX << shift : v;
}

/* 0 stands for no pointer, as in the tables. */
static uint64_t get_pointer(Reader *r, uint8_t encoding, uint64_t data_base)
{
    uint64_t at = r->addr, v;
    switch (encoding & 15) {
    case 0:
    case PE_UDATA8:
    case PE_SDATA8: v = get(r, 8); break;
    case PE_ULEB: v = get_leb(r, false); break;
    case PE_SLEB: v = get_leb(r, true); break;
    case PE_UDATA2: v = get(r, 2); break;
    case PE_SDATA2: v = (uint64_t)(int16_t)get(r, 2); break;
    case PE_UDATA4: v = get(r, 4); break;
    case PE_SDATA4: v = (uint64_t)(int32_t)get(r, 4); break;
    default: r->bad = true; return 0;
    }
    switch (encoding & 0x70) {
    case 0: return v;
    case PE_PCREL: return v ? v + at : 0;
    case PE_DATAREL: return v ? v + data_base : 0;
    default: r->bad = true; return 0;
    }
}

/* ---- exception tables ------------------------------------------------------------------------ */

static void call_sites(const View *v, const Roots *roots, uint64_t table, uint64_t function)
{
    Reader r = reader(v, table);
    uint64_t base = function;
    uint8_t encoding = (uint8_t)get(&r, 1);
    if (encoding != PE_OMIT) {
        base = get_pointer(&r, encoding, 0);
    }
    encoding = (uint8_t)get(&r, 1); /* of types */
    if (encoding != PE_OMIT) {
        (void)get_leb(&r, false);
    }
    encoding = (uint8_t)get(&r, 1);
    uint64_t bytes = get_leb(&r, false), end = r.addr + bytes;
    while (!r.bad && r.addr < end) {
        (void)get_pointer(&r, encoding, 0); /* start */
        (void)get_pointer(&r, encoding, 0); /* length */
        uint64_t pad = get_pointer(&r, encoding, 0);
        (void)get_leb(&r, false); /* action */
        if (pad && !r.bad) {
            roots->found(roots->ctx, ROOT_PAD, base + pad, 0);
        }
    }
}

/* ---- .eh_frame ------------------------------------------------------------------------------- */

typedef struct Cie {
    uint64_t addr;
    uint8_t pointers, lsda; /* encodings */
    bool augmented;         /* its FDEs have data for that */
} Cie;

/* r: behind the CIE's id. */
static void read_cie(Reader r, uint64_t addr, Cie *cie)
{
    char text[8] = "";
    *cie = (Cie){.addr = addr, .pointers = 0, .lsda = PE_OMIT};
    uint8_t version = (uint8_t)get(&r, 1);
    for (unsigned i = 0; i < sizeof text - 1; i++) {
        text[i] = (char)get(&r, 1);
        if (!text[i]) {
            break;
        }
    }
    (void)get_leb(&r, false); /* code alignment */
    (void)get_leb(&r, true);  /* data alignment */
    (void)(version == 1 ? get(&r, 1) : get_leb(&r, false));
    cie->augmented = text[0] == 'z';
    if (cie->augmented) {
        (void)get_leb(&r, false);
    }
    for (unsigned i = 1; cie->augmented && text[i] && !r.bad; i++) {
        switch (text[i]) {
        case 'R': cie->pointers = (uint8_t)get(&r, 1); break;
        case 'L': cie->lsda = (uint8_t)get(&r, 1); break;
        case 'P': {
            uint8_t encoding = (uint8_t)get(&r, 1);
            (void)get_pointer(&r, encoding, 0);
            break;
        }
        default: break; /* S, B, G: nothing stands for them */
        }
    }
}

static void read_fde(const View *v, const Roots *roots, Reader r, const Cie *cie)
{
    uint64_t start = get_pointer(&r, cie->pointers, 0);
    uint64_t len = get_pointer(&r, cie->pointers & 15, 0), lsda = 0;
    if (cie->augmented) {
        (void)get_leb(&r, false);
        if (cie->lsda != PE_OMIT && !(cie->lsda & PE_INDIRECT)) {
            lsda = get_pointer(&r, cie->lsda, 0);
        }
    }
    if (r.bad || !start) {
        return;
    }
    roots->found(roots->ctx, ROOT_FUNCTION, start, len);
    if (lsda) {
        call_sites(v, roots, lsda, start);
    }
}

static void frames(const View *v, const Roots *roots, uint64_t addr, uint64_t bytes)
{
    Reader r = reader(v, addr);
    Cie cie = {.addr = UINT64_MAX};
    uint64_t end = addr + bytes;
    while (!r.bad && r.addr < end) {
        uint64_t len = get(&r, 4);
        if (len == 0xffffffff) {
            len = get(&r, 8);
        }
        uint64_t at = r.addr;
        if (r.bad || !len || len > (uint64_t)(r.end - r.p)) {
            break;
        }
        Reader entry = {r.p, r.p + len, r.addr, false};
        uint64_t id = get(&entry, 4);
        if (id) {
            uint64_t of = at - id;
            if (cie.addr != of) {
                Reader c = reader(v, of);
                uint64_t n = get(&c, 4);
                if (n == 0xffffffff) {
                    (void)get(&c, 8);
                }
                (void)get(&c, 4);
                read_cie(c, of, &cie);
            }
            read_fde(v, roots, entry, &cie);
        }
        r.p += len;
        r.addr += len;
    }
}

/* Where it is: a section says so, or the header that the unwinder itself goes by. */
void roots_unwind(const View *v, const Roots *roots)
{
    for (unsigned i = 0; i < v->elf.phnum; i++) {
        const Elf64_Phdr *p = &v->elf.ph[i];
        if (p->p_type == PT_GNU_EH_FRAME) {
            Reader r = reader(v, p->p_vaddr);
            uint64_t encodings = get(&r, 4);
            uint64_t at = get_pointer(&r, (uint8_t)(encodings >> 8), p->p_vaddr), avail;
            if (!r.bad && at && view_memory(v, at, 4, &avail)) {
                frames(v, roots, at, avail);
                return;
            }
        }
    }
    for (unsigned i = 0; i < v->nsections; i++) { /* a static program may have no such header */
        const Elf64_Shdr *s = &v->sections[i];
        uint64_t avail;
        const uint8_t *p = s->sh_flags & SHF_ALLOC && s->sh_type == SHT_PROGBITS && s->sh_size >= 16
                               ? view_memory(v, s->sh_addr, s->sh_size, &avail)
                               : NULL;
        uint32_t first[3];
        if (p && !(s->sh_flags & (SHF_WRITE | SHF_EXECINSTR))) {
            memcpy(first, p,
                   sizeof first); /* a CIE with an augmentation: length, 0, version 1 and "z" */
            if (first[0] >= 8 && first[0] < 64 && !first[1] &&
                (first[2] & 0xffff) == (1 | 'z' << 8)) {
                frames(v, roots, s->sh_addr, s->sh_size);
            }
        }
    }
}
