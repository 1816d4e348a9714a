/*
 * shape.c - what of an instruction decides its micro-ops (InsnShape), by the groups of C4.1 of the
 * Arm ARM.
 *
 * The key is the instruction's word, without the displacement if that only goes into `target`.
 * Instructions that this file doesn't tell apart are PLAIN, whatever they do.
 */
#include <string.h>

#include "frontend/aarch64/fetch.h"
#include "frontend/aarch64/state.h"
#include "frontend/aarch64/translate.h"

static GuestAddr displaced(GuestAddr pc, uint32_t insn, unsigned lsb, unsigned width)
{
    int32_t words = (int32_t)(insn << (32 - lsb - width)) >> (32 - width);
    return pc + (uint64_t)((int64_t)words * 4);
}

static void branch(InsnShape *s, GuestAddr pc, uint32_t insn, unsigned width)
{
    s->key = insn & ~(((1u << width) - 1) << 5);
    s->kind = INSN_BRANCH;
    s->target = displaced(pc, insn, 5, width);
}

/* Branches, exception generation, system instructions. */
static void of_branches(InsnShape *s, GuestAddr pc, uint32_t insn)
{
    if ((insn & 0x7c000000) == 0x14000000) { /* B, BL */
        s->kind = insn >> 31 ? INSN_CALL : INSN_JUMP;
        s->reg = A64_X(30);
        s->target = displaced(pc, insn, 0, 26);
    } else if ((insn & 0xff000010) == 0x54000000 && (insn & 15) < 14) { /* B.cond but for AL, NV */
        branch(s, pc, insn, 19);
    } else if ((insn & 0x7e000000) == 0x34000000) { /* CBZ, CBNZ */
        branch(s, pc, insn, 19);
    } else if ((insn & 0x7e000000) == 0x36000000) { /* TBZ, TBNZ */
        branch(s, pc, insn, 14);
    } else if ((insn & 0xfffffc1f) == 0xd65f0000 && (insn >> 5 & 31) != 31) { /* RET Xn */
        s->kind = INSN_RETURN;
        s->reg = A64_X(insn >> 5 & 31);
    }
}

/* A number in `width` bits from `lsb` on that isn't part of the key: times `scale`. */
static void varies(InsnShape *s, uint32_t insn, unsigned lsb, unsigned width, bool is_signed,
                   unsigned shift)
{
    enum {
        EXAMPLE = 0x2d
    }; /* fits all, and isn't what a micro-op has for other reasons once it's scaled */
    uint32_t mask = (1u << width) - 1, bits = insn >> lsb & mask,
             sign = is_signed ? 1u << (width - 1) : 0;
    uint32_t example = width > 9 ? 0x700 + EXAMPLE : width > 7 ? 0x80 + EXAMPLE : EXAMPLE, word;
    s->key = insn & ~(mask << lsb);
    s->varies = true;
    s->imm = (int32_t)((bits ^ sign) - sign) * (1 << shift);
    s->example_imm = (int32_t)(example << shift);
    word = s->key | example << lsb;
    memcpy(s->example, &word, sizeof word);
}

/* Loads and stores: displacements from a base. */
static void of_memory(InsnShape *s, uint32_t insn)
{
    unsigned size = insn >> 30, vector = insn >> 26 & 1, opc = insn >> 22 & 3;
    if ((insn & 0x3a000000) == 0x28000000) { /* pairs */
        if (!(vector && size == 3)) {
            varies(s, insn, 15, 7, true, vector ? 2 + size : size & 2 ? 3 : 2);
        }
    } else if (!vector && size == 3 && opc == 2) {
        return; /* prefetch */
    } else if ((insn & 0x3b000000) == 0x39000000) {
        varies(s, insn, 10, 12, false, vector && opc & 2 ? 4 : size);
    } else if ((insn & 0x3b200000) == 0x38000000 && (insn >> 10 & 3) != 2) {
        varies(s, insn, 12, 9, true, 0);
    }
}

bool a64_shape(const TranslateRequest *req, GuestAddr pc, InsnShape *s)
{
    uint32_t insn;
    if (pc & 3 || pc > A64_PC_MASK || !a64_fetch(req, req->run, pc, &insn)) {
        return false;
    }
    s->key = insn;
    s->kind = INSN_PLAIN;
    s->varies = false;
    s->len = 4;
    if ((insn & 0x0a000000) == 0x08000000) {
        of_memory(s, insn);
    } else if ((insn & 0x1c000000) == 0x14000000) {
        of_branches(s, pc, insn);
    } else if ((insn & 0x1f800000) == 0x11000000) { /* ADD, ADDS, SUB, SUBS (immediate) */
        varies(s, insn, 10, 12, false, insn & 1u << 22 ? 12 : 0);
    } else if ((insn & 0x7fe00000) == 0x52800000) { /* MOVZ, not shifted */
        varies(s, insn, 5, 16, false, 0);
    } else if ((insn & 0x1f000000) == 0x10000000) { /* ADR, ADRP */
        int64_t offset = (int64_t)((uint64_t)(insn >> 5 & 0x7ffff) << 45) >> 43 | (insn >> 29 & 3);
        s->key = insn & 0x9f00001f;
        s->kind = INSN_ADDRESS;
        s->target =
            insn >> 31 ? (pc & ~UINT64_C(0xfff)) + ((uint64_t)offset << 12) : pc + (uint64_t)offset;
    }
    return true;
}
