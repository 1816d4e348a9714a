/* faults_emit.c - from LLVM's stack map: the instructions that go into the room of patchpoints
 * (faults.c), and the table that a fault is looked up in (FaultRecord, lift.h).
 *
 * An instruction always has a SIB byte and a displacement, so that its length doesn't depend on
 * registers:
 *
 *     [66] REX [0F] opcode ModRM SIB disp8|disp32       integers
 *     C4 RXB.00001 W.1111.L.pp opcode ModRM SIB disp    vectors; without AVX [F2|F3] REX 0F opcode
 */
#include "lift/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <llvm-c/TargetMachine.h>

/* ---- instructions ---------------------------------------------------------------------------- */

typedef struct Form {
    uint8_t prefix, opcode;
    bool escape, wide, vector, store;
} Form;

static const Form forms[FAULT_FORMS] = {
    [FAULT_LD8] = {0, 0xb6, true, false, false, false},
    [FAULT_LD16] = {0, 0xb7, true, false, false, false},
    [FAULT_LD32] = {0, 0x8b, false, false, false, false},
    [FAULT_LD64] = {0, 0x8b, false, true, false, false},
    [FAULT_LD8S] = {0, 0xbe, true, true, false, false},
    [FAULT_LD16S] = {0, 0xbf, true, true, false, false},
    [FAULT_LD32S] = {0, 0x63, false, true, false, false},
    [FAULT_LDSS] = {0xf3, 0x10, true, false, true, false},
    [FAULT_LDSD] = {0xf2, 0x10, true, false, true, false},
    [FAULT_LDV] = {0, 0x10, true, false, true, false},
    [FAULT_ST8] = {0, 0x88, false, false, false, true},
    [FAULT_ST16] = {0x66, 0x89, false, false, false, true},
    [FAULT_ST32] = {0, 0x89, false, false, false, true},
    [FAULT_ST64] = {0, 0x89, false, true, false, true},
    [FAULT_STSS] = {0xf3, 0x11, true, false, true, true},
    [FAULT_STSD] = {0xf2, 0x11, true, false, true, true},
    [FAULT_STV] = {0, 0x11, true, false, true, true},
};

static bool is_small(int32_t disp)
{
    return disp == (int8_t)disp;
}

static bool has_avx(void)
{
    static int known;
    if (!known) {
        char *features = LLVMGetHostCPUFeatures();
        known = strstr(features, "+avx,") != NULL ? 1 : -1;
        LLVMDisposeMessage(features);
    }
    return known > 0;
}

unsigned faults_room(const FaultSite *s)
{
    const Form *f = &forms[s->form];
    unsigned n = f->vector && has_avx() ? 4 : (f->prefix != 0) + 1u + f->escape + 1u;
    return n + 2 + (is_small(s->disp) ? 1 : 4);
}

/* `reg` from or to [base + (index << scale) + disp]; index 4: there is none. */
static void write_access(uint8_t *p, const FaultSite *s, unsigned reg, unsigned base,
                         unsigned index)
{
    const Form *f = &forms[s->form];
    unsigned r = reg >> 3, x = index >> 3, b = base >> 3;
    bool small = is_small(s->disp);
    if (f->vector && has_avx()) {
        unsigned pp = f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;
        *p++ = 0xc4;
        *p++ = (uint8_t)((r ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | 1);
        *p++ = (uint8_t)(15 << 3 | pp);
    } else {
        if (f->prefix) {
            *p++ = f->prefix;
        }
        *p++ = (uint8_t)(0x40 | f->wide << 3 | r << 2 | x << 1 | b);
        if (f->escape) {
            *p++ = 0x0f;
        }
    }
    *p++ = f->opcode;
    *p++ = (uint8_t)((small ? 1u : 2u) << 6 | (reg & 7) << 3 | 4);
    *p++ = (uint8_t)((index == 4 ? 0u : s->scale) << 6 | (index & 7) << 3 | (base & 7));
    memcpy(p, &s->disp, small ? 1 : 4);
}

/* ---- the stack map (version 3) --------------------------------------------------------------- */

typedef struct MapHeader {
    uint8_t version, unused[3];
    uint32_t nfunctions, nconstants, nrecords;
} MapHeader;
typedef struct MapFunction {
    uint64_t address, stack, nrecords;
} MapFunction;
typedef struct MapRecord {
    uint64_t id;
    uint32_t offset; /* of the room from the function's beginning */
    uint16_t unused, nlocations;
} MapRecord;
typedef struct MapLocation {
    uint8_t kind, unused;
    uint16_t size, reg; /* DWARF's number */
    uint16_t unused2;
    int32_t offset;
} MapLocation;
enum { IN_REGISTER = 1, IN_MEMORY = 3, SMALL_CONSTANT = 4, CONSTANT = 5 };
enum { FIRST_XMM = 17, DWARF_RBP = 6, DWARF_RSP = 7 };

/* The number in instructions; 16 and more: not the register that is wanted. */
static unsigned encoding_of(const MapLocation *l, bool vector)
{
    static const uint8_t ints[8] = {0, 2, 1, 3, 6, 7, 5, 4};
    if (l->kind != IN_REGISTER || vector != (l->reg >= FIRST_XMM)) {
        return 16;
    }
    return vector ? l->reg - FIRST_XMM : l->reg < 8 ? ints[l->reg] : l->reg;
}

static int write_site(uint8_t *room, const FaultSite *s, const MapLocation *l)
{
    const Form *f = &forms[s->form];
    const MapLocation *address = f->store ? l : l + 1, *value = f->store ? l + 1 + s->indexed : l;
    unsigned reg = encoding_of(value, f->vector), base = encoding_of(address, false),
             index = s->indexed ? encoding_of(address + 1, false) : 4;
    if (reg > 15 || base > 15 || index > 15 || (s->indexed && index == 4)) {
        return -EOPNOTSUPP;
    }
    write_access(room, s, reg, base, index);
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

static bool has_room(CodeObject *out, uint32_t more, uint32_t *cap)
{
    if (out->faults_len + more > *cap) {
        uint32_t n = 2 * *cap + more;
        uint8_t *p = realloc(out->faults, n);
        if (!p) {
            return false;
        }
        out->faults = p;
        *cap = n;
    }
    return true;
}

static int add_record(CodeObject *out, const Lift *l, const FaultSite *s, const MapRecord *r,
                      const MapLocation *at, const uint64_t *constants, uint32_t *cap)
{
    uint32_t size = (uint32_t)(sizeof(FaultRecord) + s->nlive * sizeof(FaultPlace));
    if (!has_room(out, size, cap)) {
        return -ENOMEM;
    }
    FaultRecord h = {
        .site = r->offset, .guest = (int32_t)(s->pc - l->r->blocks[0].ub->pc), .nplaces = s->nlive};
    uint8_t *p = out->faults + out->faults_len;
    memcpy(p, &h, sizeof h);
    p += sizeof h;
    for (unsigned k = 0; k < s->nlive; k++, p += sizeof(FaultPlace)) {
        FaultPlace f = {.off = s->live[k].off, .what = s->live[k].what, .at = at[k].offset};
        bool vector = f.what >= FAULT_F32;
        unsigned reg = encoding_of(&at[k], vector);
        uint64_t constant = at[k].kind == CONSTANT ? constants[at[k].offset] : 0;
        if (at[k].kind == IN_REGISTER && reg < 16) {
            f.where = FAULT_IN_REGISTER;
            f.at = (int32_t)reg;
        } else if (at[k].kind == IN_MEMORY && (at[k].reg == DWARF_RBP || at[k].reg == DWARF_RSP)) {
            f.where = at[k].reg == DWARF_RBP ? FAULT_AT_RBP : FAULT_AT_RSP;
        } else if (at[k].kind == SMALL_CONSTANT && !vector) {
            f.where = FAULT_CONSTANT;
        } else if (at[k].kind == CONSTANT && !vector) {
            f.where = FAULT_CONSTANT_LOW;
            f.at = (int32_t)(uint32_t)constant;
            f.high = (int32_t)(uint32_t)(constant >> 32);
        } else {
            return -EOPNOTSUPP;
        }
        memcpy(p, &f, sizeof f);
    }
    out->faults_len += size;
    return 0;
}

/* `map` is the section's contents. */
int faults_finish(const Lift *l, const uint8_t *map, size_t len, CodeObject *out)
{
    const MapHeader *h = (const void *)map;
    const uint8_t *p = map + sizeof *h, *end = map + len;
    uint32_t cap = 0;
    if (len < sizeof *h || h->version != 3 || h->nfunctions != 1) {
        return -EOPNOTSUPP;
    }
    const uint64_t *constants = (const void *)(p + sizeof(MapFunction));
    p += sizeof(MapFunction) + sizeof *constants * h->nconstants;
    for (uint32_t i = 0; i < h->nrecords; i++) {
        const MapRecord *r = (const void *)p;
        const MapLocation *at = (const void *)(r + 1);
        if (p + sizeof *r > end || r->id >= l->nsites) {
            return -EOPNOTSUPP;
        }
        const FaultSite *s = &l->sites[r->id];
        unsigned nargs = 2u + s->indexed;
        p = (const uint8_t *)(at + r->nlocations);
        p += (p - map) & 4; /* aligned to eight; the number of what is live behind, none of which
                               is asked for */
        if (p + 8 > end || r->nlocations != nargs + s->nlive ||
            r->offset + faults_room(s) > out->text_len) {
            return -EOPNOTSUPP;
        }
        p += (4 + 4 * (size_t)(p[2] | p[3] << 8) + 7) & ~(size_t)7;
        int err = write_site(out->code + r->offset, s, at);
        err = err ? err : add_record(out, l, s, r, at + nargs, constants, &cap);
        if (err) {
            return err;
        }
    }
    return 0;
}
