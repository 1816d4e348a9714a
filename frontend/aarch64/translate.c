/*
 * translate.c - the block loop: fetch, decode, call the pattern's translate function, until one of them
 * ends the block.
 */
#include "frontend/aarch64/translate.h"

#include <inttypes.h>
#include <string.h>

#include "frontend/aarch64/ctx.h"

/* The instruction at pc; false: there's none. pc is a multiple of 4, so it doesn't cross pages. */
static bool fetch(const TranslateRequest *req, FetchRun *run, GuestAddr pc, uint32_t *insn)
{
    GuestAddr at = pc - run->pc;
    if (!run->bytes || at >= run->len) {
        run->len = 0;
        run->bytes = req->fetch(req->fetch_ctx, pc, &run->len);
        run->pc = pc;
        run->guarded = run->bytes && req->guarded && req->guarded(req->fetch_ctx, pc);
        at = 0;
    }
    if (!run->bytes || run->len - at < 4) {
        return false;
    }
    memcpy(insn, run->bytes + at, sizeof *insn);
    return true;
}

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
    uop_trap(out, trap, 0);
    out->guest_len = 4;
    out->ninsns = 1;
}

/* ---- branch target identification (D8.4.2, FEAT_BTI) ----------------------------------------------- */

/*
 * Whether an instruction on a guarded page may be the target of an indirect branch depends on the branch's
 * BTYPE: 1 (BR x16, x17, or from a page that isn't guarded), 2 (BLR), 3 (other BR). That state lasts for one
 * instruction only, so it isn't kept as such: each indirect branch leaves its target and BTYPE, and the head
 * of a block on a guarded page compares. (A direct branch there is mistaken only for an indirect one that
 * went to the same place and was trapped.)
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
    bool is_call_pad = insn == (uint32_t)BTI_C || insn == (uint32_t)PACIASP || insn == (uint32_t)PACIBSP;
    return is_call_pad ? 1 << 3 : 1 << 1 | 1 << 2 | 1 << 3;
}

static void check_landing(A64Ctx *ctx, uint32_t insn)
{
    uint32_t refused = refused_btypes(insn);
    UopBlock *b = ctx->b;
    if (!refused) {
        return;
    }
    Val last = uop_get(b, T_I64, A64_OFF(branch_target));
    uint64_t wrong = ctx->pc;
    if (refused & (refused - 1)) {
        last = uop_bini(b, UOP_AND, T_I64, last, ~INT64_C(3));
    } else {
        wrong |= (uint64_t)__builtin_ctz(refused);
    }
    uop_trap_if(b, uop_icmp(b, T_I64, UOP_EQ, last, uop_const(b, T_I64, wrong)), UOP_TRAP_BRANCH_TARGET, 0);
}

void a64_translate(const TranslateRequest *req, UopBlock *out)
{
    A64Ctx ctx = {.b = out, .pc = req->pc, .mode = req->mode, .bti = req->guarded != NULL};
    FetchRun own = {.bytes = NULL}, *run = req->run ? req->run : &own;
    uint32_t n = 0, insn;
    uop_block_reset(out, req->pc, req->mode);
    if (req->pc & 3) {
        trap_block(out, req->pc, UOP_TRAP_ALIGNMENT);
        return;
    }
    while (!ctx.ended && n < req->max_insns && !uop_block_full(out) &&
           fetch(req, run, ctx.pc, &insn)) {
        A64Args args;
        int pattern = a64_decode(insn, &args);
        if (req->log_insns) {
            log_insn(req->log_insns, ctx.pc, insn);
        }
        uop_insn(out, ctx.pc, 4);
        ctx.guarded = run->guarded;
        if (!n && ctx.guarded) {
            check_landing(&ctx, insn);
        }
        if (pattern >= 0) {
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
    out->guest_len = 4 * n;
    out->ninsns = n;
}
