/*
 * dead_flags.c - are the flags overwritten before the guest code at some pc reads them?
 *
 * Asked for the exits of a block that ends with flags set: where they are dead, they aren't stored.
 * A short walk from pc follows direct branches, both ways of compare-and-branch, and calls.
 * It says "dead" when each way meets an instruction that writes all four flags and reads none,
 * "read" when one way meets an instruction that reads them, else "unknown".
 *
 * Calls are followed like branches. AAPCS64 (6.1.1) leaves NZCV undefined on entry to a function,
 * but hand-written code may pass flags to a function of its own, so nothing is concluded from it.
 * Returns, indirect branches and the end of the walk leave it unknown.
 *
 * A load or store in between may fault, and then the flags of the fault are older than they should
 * be; what runs afterwards doesn't notice, since it writes them first. Programs that handle memory
 * faults might look (CPU_MODE_PRECISE): for them loads and stores leave it unknown.
 */
#include <string.h>

#include "frontend/aarch64/fetch.h"
#include "frontend/aarch64/translate.h"

enum { MAX_INSNS = 20, MAX_PATHS = 8 };

typedef struct Walk {
    const TranslateRequest *req;
    FetchRun run;               /* fetched last */
    GuestAddr paths[MAX_PATHS]; /* ways still to be walked */
    unsigned npaths;
    unsigned budget; /* instructions that may still be looked at */
} Walk;

/* What an instruction means to the flags: C4.1 of the Arm ARM, by bits 28..25. */
typedef enum Meaning { NEUTRAL, ACCESSES, WRITES, READS, BRANCHES, UNKNOWN } Meaning;

static Meaning of_system(uint32_t insn)
{
    if ((insn & 0xfffff01f) == 0xd503201f || (insn & 0xfffff01f) == 0xd503301f) {
        return NEUTRAL; /* hints, barriers */
    }
    if ((insn & 0xffd00000) == 0xd5100000) {                        /* MRS, MSR (register) */
        return (insn & 0x001fffe0) == 0x001b4200 ? READS : NEUTRAL; /* NZCV */
    }
    return UNKNOWN;
}

static Meaning of_register(uint32_t insn)
{
    switch (insn >> 24 & 31) {
    case 0x0a: /* logical: ANDS, BICS */ return (insn >> 29 & 3) == 3 ? WRITES : NEUTRAL;
    case 0x0b: /* add, subtract */ return insn >> 29 & 1 ? WRITES : NEUTRAL;
    case 0x1a: /* with carry, conditional; one and two sources */
        return (insn >> 21 & 7) == 6 ? NEUTRAL : READS;
    default: /* three sources */ return NEUTRAL;
    }
}

static Meaning meaning_of(uint32_t insn)
{
    switch (insn >> 25 & 15) {
    case 8:
    case 9: /* immediate */
        if ((insn & 0x3f800000) == 0x31000000 || (insn & 0x7f800000) == 0x72000000) {
            return WRITES; /* ADDS, SUBS; ANDS */
        }
        return NEUTRAL;
    case 10:
    case 11:
        if (insn >> 26 == 0x05 || insn >> 26 == 0x25 || (insn & 0x7c000000) == 0x34000000) {
            return BRANCHES; /* B, BL; CBZ, CBNZ, TBZ, TBNZ */
        }
        return (insn & 0xff000010) == 0x54000000 ? READS
               : insn >> 24 == 0xd5              ? of_system(insn)
                                                 : UNKNOWN;
    case 4:
    case 6:
    case 12:
    case 14: /* loads and stores */ return ACCESSES;
    case 5:
    case 13: return of_register(insn);
    case 7:
    case 15: /* floating point and SIMD */
        if ((insn & 0xff20fc07) == 0x1e202000) {
            return WRITES; /* FCMP, FCMPE */
        }
        return (insn & 0xff200400) == 0x1e200400 ? READS : NEUTRAL; /* FCCMP, FCSEL */
    default: return UNKNOWN;
    }
}

bool a64_reads_flags(uint32_t insn)
{
    return meaning_of(insn) == READS;
}

static GuestAddr displaced(GuestAddr pc, uint32_t insn, unsigned lsb, unsigned width)
{
    int32_t words = (int32_t)(insn << (32 - lsb - width)) >> (32 - width);
    return pc + (uint64_t)((int64_t)words * 4);
}

static bool push(Walk *w, GuestAddr pc)
{
    if (w->npaths == MAX_PATHS) {
        return false;
    }
    w->paths[w->npaths++] = pc;
    return true;
}

/* Goes on behind a branch; false: there are too many ways. */
static bool branch(Walk *w, GuestAddr *pc, uint32_t insn)
{
    if ((insn >> 26 & 0x1f) == 0x05) { /* B, BL */
        *pc = displaced(*pc, insn, 0, 26);
        return true;
    }
    bool bit = insn >> 25 & 1; /* TBZ, TBNZ */
    if (!push(w, bit ? displaced(*pc, insn, 5, 14) : displaced(*pc, insn, 5, 19))) {
        return false;
    }
    *pc += 4;
    return true;
}

static UopFlagsUse walk(Walk *w, GuestAddr pc)
{
    uint32_t insn;
    while (w->budget && !(pc & 3) && a64_fetch(w->req, &w->run, pc, &insn)) {
        w->budget--;
        switch (meaning_of(insn)) {
        case WRITES: return UOP_FLAGS_DEAD;
        case READS: return UOP_FLAGS_READ;
        case UNKNOWN: return UOP_FLAGS_UNKNOWN;
        case BRANCHES:
            if (!branch(w, &pc, insn)) {
                return UOP_FLAGS_UNKNOWN;
            }
            break;
        case ACCESSES:
            if (w->req->mode & CPU_MODE_PRECISE) {
                return UOP_FLAGS_UNKNOWN;
            }
            pc += 4;
            break;
        case NEUTRAL: pc += 4; break;
        }
    }
    return UOP_FLAGS_UNKNOWN;
}

UopFlagsUse a64_flags_use_at(const TranslateRequest *req, GuestAddr pc)
{
    Walk w = {.req = req, .budget = MAX_INSNS};
    if (req->run) {
        w.run = *req->run; /* most targets are near */
    }
    push(&w, pc);
    UopFlagsUse use = UOP_FLAGS_DEAD;
    while (w.npaths && use != UOP_FLAGS_READ) {
        UopFlagsUse there = walk(&w, w.paths[--w.npaths]);
        use = there > use ? there : use;
    }
    return use;
}
