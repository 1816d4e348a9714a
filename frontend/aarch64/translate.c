/*
 * translate.c - the block loop: fetch, decode, call the pattern's translate function, until one of
 * them ends the block.
 *
 * Where the next instruction reads the flags that a conditional branch has read, the block goes on
 * behind the branch (cmp; b.eq; b.hi): as another block it would find them in memory.
 */
#include "frontend/aarch64/translate.h"

#include <inttypes.h>
#include <string.h>

#include "frontend/aarch64/coverage.h"
#include "frontend/aarch64/ctx.h"
#include "frontend/aarch64/fetch.h"
#include "frontend/uop/build.h"

static void log_insn(FILE *log, GuestAddr pc, uint32_t insn)
{
    char text[128];
    a64_disassemble(insn, pc, text, sizeof text);
    fprintf(log, "0x%08" PRIx64 ":  %08" PRIx32 "      %s\n", pc, insn, text);
}

/* A block of no instruction but a trap that belongs to pc. */
static void trap_block(UopBlock *out, GuestAddr pc, UopTrap trap)
{
    uop_insn(out, pc, 4);
    uop_trap(out, trap, pc);
    out->guest_len = 4;
    out->ninsns = 1;
}

/* ---- branch target identification (D8.4.2, FEAT_BTI) ----------------------------------------- */

/*
 * Whether an instruction on a guarded page may be the target of an indirect branch depends on the
 * branch's BTYPE: 1 (BR x16, x17, or from a page that isn't guarded), 2 (BLR), 3 (other BR). These:
 * bit n for BTYPE n.
 */
static uint32_t refused_btypes(uint32_t insn)
{
    enum { BTI_ = 0xd503241f, BTI_C = 0xd503245f, BTI_J = 0xd503249f, BTI_JC = 0xd50324df };
    enum { PACIASP = 0xd503233f, PACIBSP = 0xd503237f };
    if (insn == (uint32_t)BTI_JC || (insn & 0xffe0001f) == 0xd4200000 /* BRK */) {
        return 0;
    }
    if (insn == (uint32_t)BTI_J) {
        return 1 << 2;
    }
    /* Linux sets SCTLR_EL1.BT0: PACIxSP don't take a BR. */
    bool is_call_pad =
        insn == (uint32_t)BTI_C || insn == (uint32_t)PACIASP || insn == (uint32_t)PACIBSP;
    return is_call_pad ? 1 << 3 : 1 << 1 | 1 << 2 | 1 << 3;
}

/*
 * The block at a pc with something in bits 56 to 63: BTYPE, or the tag of an address, which isn't
 * part of it (AArch64.BranchAddr; an address with bit 55 set is the kernel's). It is a jump to the
 * block at the address itself, or a trap; which of them depends on the first instruction there.
 */
A64Landing a64_land(const TranslateRequest *req, FetchRun *run, GuestAddr pc, uint32_t *insn)
{
    GuestAddr address = pc & A64_PC_MASK;
    uint64_t top = pc >> A64_BTYPE_SHIFT;
    bool found = !(address & 3) && a64_fetch(req, run, address, insn);
    if (address >> 55) {
        return A64_LAND_NOWHERE;
    }
    return found && run->guarded && top <= 3 && (refused_btypes(*insn) >> top & 1)
               ? A64_LAND_REFUSED
               : A64_LAND;
}

static void landing_block(const TranslateRequest *req, FetchRun *run, UopBlock *out)
{
    GuestAddr address = req->pc & A64_PC_MASK;
    uint32_t insn = 0;
    uop_insn(out, req->pc, 4);
    switch (a64_land(req, run, req->pc, &insn)) {
    case A64_LAND_NOWHERE: uop_trap(out, UOP_TRAP_FETCH, address); break;
    case A64_LAND_REFUSED: uop_trap(out, UOP_TRAP_BRANCH_TARGET, insn); break;
    default: uop_exit(out, UOP_EXIT_JUMP, address); break;
    }
    out->guest_len = 4;
    out->ninsns = 1;
}

/* Of the instruction at pc: see above. */
static bool goes_on_behind(const TranslateRequest *req, FetchRun *run, GuestAddr pc, uint32_t insn)
{
    uint32_t next;
    return insn >> 24 == 0x54 /* B.cond */ && !req->critical &&
           a64_fetch(req, run, pc + 4, &next) && a64_reads_flags(next);
}

void a64_translate(const TranslateRequest *req, UopBlock *out)
{
    A64Ctx ctx = {.b = out, .pc = req->pc, .mode = req->mode, .bti = req->guarded != NULL};
    FetchRun own = {.bytes = NULL}, *run = req->run ? req->run : &own;
    uint32_t n = 0, insn;
    uop_block_reset(out, req->pc, req->mode);
    UopCritical critical;
    out->relocatable = req->relocatable;
    if (req->pc > A64_PC_MASK) {
        landing_block(req, run, out);
        return;
    }
    if (req->pc & 3) {
        trap_block(out, req->pc, UOP_TRAP_ALIGNMENT);
        return;
    }
    if (req->critical) {
        critical = (UopCritical){req->critical->start, req->critical->end, req->critical->abort,
                                 A64_HELPER_critical_store, A64_HELPER_critical_check};
        out->critical = &critical;
        out->is_critical = true;
    }
    while (!ctx.ended && n < req->max_insns && !uop_block_full(out) &&
           a64_fetch(req, run, ctx.pc, &insn)) {
        A64Args args;
        int pattern = a64_decode(insn, &args);
        if (req->log_insns) {
            log_insn(req->log_insns, ctx.pc, insn);
        }
        uop_begin_insn(out, ctx.pc, 4);
        ctx.guarded = run->guarded;
        ctx.goes_on = n + 1 < req->max_insns && goes_on_behind(req, run, ctx.pc, insn);
        if (req->critical && ctx.pc == req->critical->start) {
            uop_helper(out, A64_HELPER_critical_enter, false,
                       uop_const(out, T_I64, req->critical->descriptor), VAL_NONE, VAL_NONE);
        }
        if (pattern >= 0) {
            a64_cover(pattern);
            a64_trans[pattern](&ctx, &args);
        } else {
            a64_trap(&ctx, UOP_TRAP_UNDEFINED, insn);
        }
        ctx.pc += 4;
        n++;
    }
    if (!n) {
        trap_block(out, req->pc, UOP_TRAP_FETCH);
        return;
    }
    if (!ctx.ended) {
        uop_exit(out, UOP_EXIT_JUMP, ctx.pc);
    }
    out->critical = NULL;
    out->guest_len = 4 * n;
    out->ninsns = n;
}
