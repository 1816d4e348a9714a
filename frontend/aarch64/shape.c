/*
 * shape.c - what of an instruction decides its micro-ops (InsnShape), by the groups of C4.1 of the
 * Arm ARM.
 *
 * The key is the instruction's word, without the displacement if that only goes into `target` and
 * without a number that varies. Instructions that this file doesn't tell apart are PLAIN, whatever
 * they do. Translating code for the first time looks at each instruction of it here: all but
 * branches are told by a table of their upper bits.
 */
#include <stddef.h>
#include <string.h>

#include "frontend/aarch64/fetch.h"
#include "frontend/aarch64/state.h"
#include "frontend/aarch64/translate.h"

/* Where the number is that isn't part of the key, and what it is times; what a shape says besides.
 */
typedef struct Form {
    uint32_t key, mask, sign; /* of the word; of the number, and its sign */
    uint8_t lsb, shift;
    struct {
        uint8_t kind, len, form, varies;
    } says;
} Form;

enum {
    FORM_UNKNOWN,
    FORM_PLAIN,
    FORM_BRANCHES,
    FORM_ADDRESS,
    FORM_NUMBER,
    FORM_PAIR = FORM_NUMBER,     /* + 0..2: of 4, 8, 16 bytes */
    FORM_SCALED = FORM_PAIR + 3, /* + 0..4: of 1 to 16 bytes */
    FORM_UNSCALED = FORM_SCALED + 5,
    FORM_SUM, /* + 1: shifted */
    FORM_MOVE = FORM_SUM + 2,
    FORM_COUNT,
};

_Static_assert(offsetof(InsnShape, varies) - offsetof(InsnShape, kind) == 3, "as in Form.says");

#define FORM(form, lsb, width, is_signed, shift)                                                   \
    [form] = {~(((1u << (width)) - 1) << (lsb)),                                                   \
              (1u << (width)) - 1,                                                                 \
              (is_signed) * ((1u << (width)) / 2),                                                 \
              lsb,                                                                                 \
              shift,                                                                               \
              {INSN_PLAIN, 4, form, (form) >= FORM_NUMBER}}

static const Form forms[FORM_COUNT] = {
    FORM(FORM_PLAIN, 0, 0, 0, 0),        FORM(FORM_BRANCHES, 0, 0, 0, 0),
    FORM(FORM_ADDRESS, 0, 0, 0, 0),      FORM(FORM_PAIR, 15, 7, 1, 2),
    FORM(FORM_PAIR + 1, 15, 7, 1, 3),    FORM(FORM_PAIR + 2, 15, 7, 1, 4),
    FORM(FORM_SCALED, 10, 12, 0, 0),     FORM(FORM_SCALED + 1, 10, 12, 0, 1),
    FORM(FORM_SCALED + 2, 10, 12, 0, 2), FORM(FORM_SCALED + 3, 10, 12, 0, 3),
    FORM(FORM_SCALED + 4, 10, 12, 0, 4), FORM(FORM_UNSCALED, 12, 9, 1, 0),
    FORM(FORM_SUM, 10, 12, 0, 0),        FORM(FORM_SUM + 1, 10, 12, 0, 12),
    FORM(FORM_MOVE, 5, 16, 0, 0),
};

/* Loads and stores: displacements from a base. */
static unsigned form_of_memory(uint32_t insn)
{
    unsigned size = insn >> 30, vector = insn >> 26 & 1, opc = insn >> 22 & 3;

    if ((insn & 0x3a000000) == 0x28000000) { /* pairs */
        if (vector) {
            return size == 3 ? FORM_PLAIN : FORM_PAIR + size;
        }
        return FORM_PAIR + size / 2;
    }
    if (!vector && size == 3 && opc == 2) {
        return FORM_PLAIN; /* prefetch */
    }
    if ((insn & 0x3b000000) == 0x39000000) {
        return FORM_SCALED + (vector && opc & 2 ? 4 : size);
    }
    return (insn & 0x3b200000) == 0x38000000 ? FORM_UNSCALED : FORM_PLAIN;
}

/* By bits 31 to 21. */
static unsigned form_of(uint32_t insn)
{
    if ((insn & 0x0a000000) == 0x08000000) {
        return form_of_memory(insn);
    }
    if ((insn & 0x1c000000) == 0x14000000) {
        return FORM_BRANCHES;
    }
    if ((insn & 0x1f800000) == 0x11000000) { /* ADD, ADDS, SUB, SUBS (immediate) */
        return FORM_SUM + (insn >> 22 & 1);
    }
    if ((insn & 0x7fe00000) == 0x52800000) { /* MOVZ, not shifted */
        return FORM_MOVE;
    }
    return (insn & 0x1f000000) == 0x10000000 ? FORM_ADDRESS : FORM_PLAIN; /* ADR, ADRP */
}

/* Filled as asked: threads that meet write the same. */
static inline unsigned known_form(uint32_t insn)
{
    static uint8_t known[1 << 11];
    unsigned form = __atomic_load_n(&known[insn >> 21], __ATOMIC_RELAXED);

    if (__builtin_expect(form == FORM_UNKNOWN, 0)) {
        form = form_of(insn);
        __atomic_store_n(&known[insn >> 21], (uint8_t)form, __ATOMIC_RELAXED);
    }
    return form;
}

static GuestAddr displaced(GuestAddr pc, uint32_t insn, unsigned lsb, unsigned width)
{
    int32_t words = (int32_t)(insn << (32 - lsb - width)) >> (32 - width);
    return pc + (uint64_t)((int64_t)words * 4);
}

static bool branch(InsnShape *s, GuestAddr pc, uint32_t insn, unsigned width)
{
    s->key = insn & ~(((1u << width) - 1) << 5);
    s->kind = INSN_BRANCH;
    s->target = displaced(pc, insn, 5, width);
    return true;
}

static bool to_register(InsnShape *s, InsnKind kind, unsigned rn, unsigned btype)
{
    s->kind = (uint8_t)kind;
    s->reg = A64_X(rn);
    s->link = A64_X(30);
    s->target = (GuestAddr)btype << A64_BTYPE_SHIFT;
    return true;
}

/* BR, BLR, RET */
static bool of_registers(InsnShape *s, const TranslateRequest *req, uint32_t insn)
{
    unsigned rn = insn >> 5 & 31;
    switch (insn >> 21 & 3) {
    case 0:
        return to_register(s, INSN_JUMP_TO, rn,
                           req->guarded ? a64_btype_of_br(req->run->guarded, (int)rn) : 0);
    case 1: return to_register(s, INSN_CALL_TO, rn, req->guarded ? A64_BTYPE_OF_BLR : 0);
    default: return to_register(s, INSN_RETURN, rn, 0);
    }
}

/* Branches, exception generation, system instructions. Does it end a block? */
static bool of_branches(InsnShape *s, const TranslateRequest *req, GuestAddr pc, uint32_t insn)
{
    if ((insn & 0x7c000000) == 0x14000000) { /* B, BL */
        s->kind = insn >> 31 ? INSN_CALL : INSN_JUMP;
        s->link = A64_X(30);
        s->target = displaced(pc, insn, 0, 26);
        return true;
    }
    if ((insn & 0xff000010) == 0x54000000 && (insn & 15) < 14) { /* B.cond but for AL, NV */
        return branch(s, pc, insn, 19);
    }
    if ((insn & 0x7e000000) == 0x34000000) { /* CBZ, CBNZ */
        return branch(s, pc, insn, 19);
    }
    if ((insn & 0x7e000000) == 0x36000000) { /* TBZ, TBNZ */
        return branch(s, pc, insn, 14);
    }
    if ((insn & 0xff9ffc1f) == 0xd61f0000 && (insn >> 21 & 3) != 3 && (insn >> 5 & 31) != 31) {
        return of_registers(s, req, insn);
    }
    return (insn & 0xfe000000) == 0xd6000000 || (insn & 0xff000000) == 0xd4000000;
}

static void address(InsnShape *s, GuestAddr pc, uint32_t insn)
{
    int64_t offset = (int64_t)((uint64_t)(insn >> 5 & 0x7ffff) << 45) >> 43 | (insn >> 29 & 3);

    s->key = insn & 0x9f00001f;
    s->kind = INSN_ADDRESS;
    s->target =
        insn >> 31 ? (pc & ~UINT64_C(0xfff)) + ((uint64_t)offset << 12) : pc + (uint64_t)offset;
}

/* ADDS, SUBS of 0: their carry isn't that of a sum with the number's negative. A key of its own. */
static void zero(InsnShape *s, uint32_t insn)
{
    s->key = insn | 0xfffu << 10;
    s->varies = false;
}

/* The block where an indirect branch lands, if it's but a jump. */
static unsigned landing(const TranslateRequest *req, GuestAddr pc, InsnShape *s)
{
    uint32_t insn;

    if (a64_land(req, req->run, pc, &insn) != A64_LAND) {
        return 0;
    }
    *s = (InsnShape){.kind = INSN_JUMP, .len = 4, .target = pc & A64_PC_MASK};
    return 1;
}

unsigned a64_shapes(const TranslateRequest *req, GuestAddr pc, InsnShape *out, unsigned max,
                    unsigned branches)
{
    FetchRun *run = req->run;
    uint32_t insn;

    if (pc > A64_PC_MASK) {
        return landing(req, pc, out);
    }
    if (pc & 3 || !a64_fetch(req, run, pc, &insn)) {
        return 0;
    }
    const uint8_t *bytes = run->bytes + (pc - run->pc);
    size_t there = (run->len - (size_t)(pc - run->pc)) / 4;
    bool ended = false;
    unsigned n;
    if (max > there) {
        max = (unsigned)there;
    }
    for (n = 0; n < max && !ended; n++, pc += 4) {
        InsnShape *s = &out[n];
        memcpy(&insn, bytes + 4 * (size_t)n, sizeof insn);
        unsigned form = known_form(insn);
        const Form *f = &forms[form];
        uint32_t bits = insn >> f->lsb & f->mask;
        s->key = insn & f->key;
        s->imm = (int32_t)((bits ^ f->sign) - f->sign) * (1 << f->shift);
        memcpy(&s->kind, &f->says, sizeof f->says);
        if (__builtin_expect((insn & 0x3fbffc00) == 0x31000000, 0)) {
            zero(s, insn);
        }
        if (form == FORM_BRANCHES) {
            ended = of_branches(s, req, pc, insn) && (s->kind != INSN_BRANCH || !--branches);
        } else if (form == FORM_ADDRESS) {
            address(s, pc, insn);
        }
    }
    return n;
}

int32_t a64_shape_example(const InsnShape *s, uint8_t *bytes)
{
    enum {
        EXAMPLE = 0x2d
    }; /* fits all, and isn't what a micro-op has for other reasons once it's scaled */
    const Form *f = &forms[s->form];
    uint32_t number = f->mask > 0x1ff ? 0x700 + EXAMPLE : f->mask > 0x7f ? 0x80 + EXAMPLE : EXAMPLE;
    uint32_t word = s->key | number << f->lsb;

    memcpy(bytes, &word, sizeof word);
    return (int32_t)(number << f->shift);
}
