/*
 * explore.c - what code leads to, read without being run: branches, calls, addresses that are made,
 * and tables of branch targets. Encodings: C4.1 of the Arm ARM.
 *
 * Compilers reach the cases of a switch by a table of distances from an anchor:
 *
 *     cmp  w0, 9;  b.hi default        says how many there are
 *     adrp x1, table;  add x1, x1, :lo12:table
 *     ldrh w1, [x1, w0, uxtw 1]        bytes, halves or words
 *     adr  x2, anchor                  or the table itself
 *     add  x1, x2, w1, sxth 2;  br x1
 *
 * What registers hold is followed from one instruction to the next, as far as it's one of these.
 */
#include <string.h>

#include "frontend/aarch64/state.h"
#include "frontend/aarch64/translate.h"

typedef enum Holds {
    UNKNOWN,
    ADDRESS, /* value */
    ENTRY,   /* an entry of the table at value */
    TARGET,  /* value, and an entry of the table at `table`, extended and shifted */
} Holds;

typedef struct Reg {
    uint8_t holds;
    uint8_t size; /* of an entry, log2 */
    uint8_t shift;
    bool is_signed;
    GuestAddr value, table;
} Reg;

typedef struct Walk {
    const Explore *e;
    GuestAddr pc;
    Reg reg[32]; /* the last stays unknown */
    uint32_t compared,
        entries; /* with the last CMP; of a table, as the branch behind it says; 0: unknown */
} Walk;

static int64_t field(uint32_t insn, unsigned lsb, unsigned width)
{
    return (int64_t)((uint64_t)insn << (64 - lsb - width)) >> (64 - width);
}

static void found(const Walk *w, GuestAddr addr, FoundKind kind)
{
    w->e->found(w->e->ctx, addr, kind);
}

static void set(Walk *w, unsigned rd, Reg r)
{
    w->reg[rd] = rd == 31 ? (Reg){0} : r;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Without a comparison in sight: as many as make sense. */
enum { GUESS_BYTES = 64, GUESS_OTHERS = 512, MOST_ENTRIES = 1 << 16 };

static bool read_entry(const Walk *w, const Reg *r, uint32_t n, int64_t *out)
{
    size_t avail, size = (size_t)1 << r->size;
    const uint8_t *p = w->e->bytes(w->e->ctx, r->table + ((uint64_t)n << r->size), &avail);
    uint64_t v = 0;
    if (!p || avail < size) {
        return false;
    }
    memcpy(&v, p, size);
    unsigned unused = 64 - 8 * (unsigned)size;
    *out = r->is_signed ? (int64_t)(v << unused) >> unused : (int64_t)v;
    return true;
}

static void read_table(const Walk *w, const Reg *r)
{
    uint32_t most = w->entries ? w->entries : r->size ? GUESS_OTHERS : GUESS_BYTES;
    int64_t distance;
    for (uint32_t n = 0; n < most && read_entry(w, r, n, &distance); n++) {
        GuestAddr target = r->value + (uint64_t)distance * (UINT64_C(1) << r->shift);
        size_t avail;
        if (target & 3 || !w->e->bytes(w->e->ctx, target, &avail)) {
            break;
        }
        found(w, target, FOUND_TABLE);
    }
}

/* LDR*, register offset */
static void load_entry(Walk *w, uint32_t insn)
{
    Reg base = w->reg[insn >> 5 & 31];
    unsigned opc = insn >> 22 & 3;
    Reg r = {0};
    if (base.holds == ADDRESS && opc && insn >> 30 < 3) {
        r = (Reg){.holds = ENTRY,
                  .size = (uint8_t)(insn >> 30),
                  .is_signed = opc > 1,
                  .table = base.value};
    }
    set(w, insn & 31, r);
}

static void add_entry(Walk *w, unsigned rd, const Reg *anchor, const Reg *entry, unsigned shift,
                      unsigned extend)
{
    Reg r = {0};
    if (anchor->holds == ADDRESS && entry->holds == ENTRY) {
        r = *entry;
        r.holds = TARGET;
        r.value = anchor->value;
        r.shift = (uint8_t)shift;
        /* SXTB ... of what was loaded with zeros */
        r.is_signed |= extend >= 4 && (extend & 3) == entry->size;
    }
    set(w, rd, r);
}

/* ---- instructions ---------------------------------------------------------------------------- */

static void immediate(Walk *w, uint32_t insn)
{
    unsigned rd = insn & 31;
    Reg r = {0};
    if ((insn & 0x1f000000) == 0x10000000) { /* ADR, ADRP */
        int64_t n = field(insn, 5, 19) * 4 | (insn >> 29 & 3);
        r.holds = ADDRESS;
        r.value =
            insn >> 31 ? (w->pc & ~UINT64_C(0xfff)) + (uint64_t)n * 4096 : w->pc + (uint64_t)n;
        if (!(insn >> 31)) {
            found(w, r.value, FOUND_ADDRESS);
        }
    } else if ((insn & 0xff800000) == 0x91000000) { /* ADD Xd, Xn, imm */
        r = w->reg[insn >> 5 & 31];
        if (r.holds == ADDRESS) {
            r.value += (uint64_t)(insn >> 10 & 0xfff) << (insn >> 22 & 1 ? 12 : 0);
            found(w, r.value, FOUND_ADDRESS);
        } else {
            r = (Reg){0};
        }
    } else if ((insn & 0x7fc0001f) == 0x7100001f) { /* CMP */
        w->compared = (insn >> 10 & 0xfff) + 1;
    }
    set(w, rd, r);
}

static void other(Walk *w, uint32_t insn)
{
    unsigned rd = insn & 31, rn = insn >> 5 & 31, rm = insn >> 16 & 31;
    if ((insn & 0x3f200c00) == 0x38200800) {
        load_entry(w, insn);
    } else if ((insn & 0xffe00000) == 0x8b200000) { /* ADD, extended */
        add_entry(w, rd, &w->reg[rn], &w->reg[rm], insn >> 10 & 7, insn >> 13 & 7);
    } else if ((insn & 0xffe00000) == 0x8b000000) { /* ADD, LSL */
        bool swapped = w->reg[rm].holds == ADDRESS && !(insn >> 10 & 63);
        add_entry(w, rd, &w->reg[swapped ? rm : rn], &w->reg[swapped ? rn : rm], insn >> 10 & 63,
                  0);
    } else {
        set(w, rd, (Reg){0});
        if ((insn & 0x3a000000) == 0x28000000) { /* pairs */
            set(w, insn >> 10 & 31, (Reg){0});
        }
    }
}

/* A conditional branch. Which conditions say how many entries a table has: HI, HS. */
static void branch(Walk *w, uint32_t insn, unsigned width)
{
    found(w, w->pc + (uint64_t)field(insn, 5, width) * 4, FOUND_NEXT);
    if (width == 19 && (insn & 0xff000000) == 0x54000000 && w->compared) {
        unsigned cond = insn & 15;
        w->entries = cond == 8 ? w->compared : cond == 2 ? w->compared - 1 : w->entries;
    }
}

/* True: the next instruction isn't reached from this one. */
static bool ends(Walk *w, uint32_t insn)
{
    GuestAddr next = w->pc + 4;
    if ((insn & 0x7c000000) == 0x14000000) { /* B, BL */
        found(w, w->pc + (uint64_t)field(insn, 0, 26) * 4, insn >> 31 ? FOUND_CALL : FOUND_NEXT);
        if (insn >> 31) {
            found(w, next, FOUND_NEXT);
        }
        return true;
    }
    if ((insn & 0xff000000) == 0x54000000 || (insn & 0x7e000000) == 0x34000000) {
        branch(w, insn, 19); /* B.cond, CBZ, CBNZ */
    } else if ((insn & 0x7e000000) == 0x36000000) {
        branch(w, insn, 14);                        /* TBZ, TBNZ */
    } else if ((insn & 0xfe000000) == 0xd6000000) { /* BR, BLR, RET, with authentication, too */
        unsigned kind = insn >> 21 & 7;
        if (kind == 1) {
            found(w, next, FOUND_NEXT);
        } else if (kind == 0 && w->reg[insn >> 5 & 31].holds == TARGET) {
            read_table(w, &w->reg[insn >> 5 & 31]);
        }
        return true;
    } else if ((insn & 0xff000000) == 0xd4000000) { /* exceptions */
        if ((insn & 0xffe0001f) == 0xd4000001) {    /* SVC */
            found(w, next, FOUND_NEXT);
        }
        return true;
    } else {
        return insn >> 16 == 0; /* UDF */
    }
    return false;
}

uint32_t a64_explore(const Explore *e, GuestAddr pc, uint32_t most)
{
    Walk w = {.e = e, .pc = pc};
    const uint8_t *bytes = NULL;
    size_t avail = 0;
    for (uint32_t n = 0; n < most; n++, w.pc += 4, bytes += 4, avail -= 4) {
        uint32_t insn;
        if (avail < 4 && (!(bytes = e->bytes(e->ctx, w.pc, &avail)) || avail < 4)) {
            break;
        }
        memcpy(&insn, bytes, sizeof insn);
        if ((insn & 0x1c000000) == 0x14000000 || insn >> 16 == 0) {
            if (ends(&w, insn)) {
                w.pc += 4;
                return (uint32_t)(w.pc - pc);
            }
        } else if ((insn & 0x1c000000) == 0x10000000) {
            immediate(&w, insn);
        } else {
            other(&w, insn);
        }
    }
    found(&w, w.pc, FOUND_NEXT);
    return (uint32_t)(w.pc - pc);
}

/* BTYPE: 1 after BR by x16 or x17, or from a page that isn't guarded; 2 after BLR; 3 after other
 * BRs. */
uint32_t a64_landings(const uint8_t *code, bool guarded, FoundKind kind)
{
    enum { PLT = 1 << 1, CALLED = 1 << 2, JUMPED = 1 << 3 };
    uint32_t may = kind == FOUND_TABLE ? JUMPED : PLT | CALLED;
    uint32_t insn;
    memcpy(&insn, code, sizeof insn);
    if (!guarded) {
        return kind == FOUND_TABLE ? PLT | JUMPED : may;
    }
    switch (insn) {
    case 0xd503245f: /* BTI c */
    case 0xd503233f: /* PACIASP */
    case 0xd503237f: /* PACIBSP */ return may & (PLT | CALLED);
    case 0xd503249f: /* BTI j */ return JUMPED;
    case 0xd50324df: /* BTI jc */ return may | JUMPED;
    default: return 0;
    }
}
