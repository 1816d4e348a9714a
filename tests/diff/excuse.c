/* excuse.c - the explained list of the oracle's faults, and of what it can't tell: QEMU 7.2 in user
 * mode with -cpu max. */
#include <signal.h>
#include <string.h>

#include "a64_decode.h"
#include "generate.h"
#include "oracle.h"

/* Patterns by the start of their names. */
static const struct {
    const char *pattern, *why;
} excuses[] = {
    {"SVC", "would really call the kernel"},
    {"MRS_tpidr", "the thread pointer of the program that runs the cases"},
    {"MSR_tpidr", "the thread pointer of the program that runs the cases"},
    {"MRS_ctr", "identification differs"},
    {"MRS_dczid", "identification differs"},
    {"MRS_id", "identification differs"},
    {"MRS_cntfrq", "identification differs"},
    {"MRS_cntvct", "time goes on"},
    {"MRS_clock", "time goes on, and no other processor has it"},
    {"PAC",
     "codes of pointers depend on random keys; pointers with bit 55 set have another layout there"},
    {"AUT", "as PAC"},
    {"XPAC", "as PAC"},
    {"BRA", "as PAC"},
    {"BLRA", "as PAC"},
    {"RETA", "as PAC"},
    {"LDRA", "as PAC"},
    {"DC_ZVA", "its block is 512 bytes, not 64"},
    {"DC_C", "cache maintenance of unmapped memory doesn't fault; CVAP is undefined in user mode"},
    {"IC_IVAU", "cache maintenance of unmapped memory doesn't fault"},
    {"FJCVTZS", "a positive denormal that is flushed isn't exact (Z = 0), there it is"},
    {"FCVTZS_sfix", "the half-precision form extends its sign to 32 bits"},
    {"CFINV", "bits of CRm that should be zero make it undefined"},
    {"XAFLAG", "bits of CRm that should be zero make it undefined"},
    {"AXFLAG", "bits of CRm that should be zero make it undefined"},
};

/* CONSTRAINED UNPREDICTABLE (K1.1 of the manual): a base that is written back and is also
 * transferred, one register loaded twice, a store-exclusive's status register that is its operand.
 */
static bool unpredictable(uint32_t w)
{
    unsigned rt = w & 31, rn = w >> 5 & 31, rt2 = w >> 10 & 31, rs = w >> 16 & 31;
    bool vector = w >> 26 & 1, load = w >> 22 & 1;
    if ((w & 0x3a000000) == 0x28000000) { /* pairs */
        bool writeback = w >> 23 & 1;
        return (load && rt == rt2) || (writeback && !vector && rn != 31 && (rn == rt || rn == rt2));
    }
    if ((w & 0x3b200400) == 0x38000400) { /* one register, post- or pre-indexed */
        return !vector && rn != 31 && rn == rt;
    }
    if ((w & 0x3fa00000) == 0x08000000 || (w & 0x3fa00000) == 0x08200000) { /* exclusives */
        bool pair = w >> 21 & 1;
        return load ? pair && rt == rt2 : rs == rt || (pair && rs == rt2) || (rs == rn && rn != 31);
    }
    return false;
}

static bool same_but_vectors(const DiffState *a, const DiffState *b)
{
    DiffState x = *a;
    memcpy(x.v, b->v, sizeof(x.v));
    x.nzcv = b->nzcv;
    return memcmp(&x, b, sizeof(x)) == 0;
}

const char *oracle_excuse_insn(uint32_t insn)
{
    A64Args args;
    int p = a64_decode(insn, &args);
    for (size_t k = 0; p >= 0 && k < sizeof(excuses) / sizeof(excuses[0]); k++) {
        if (strncmp(a64_name(p), excuses[k].pattern, strlen(excuses[k].pattern)) == 0) {
            return excuses[k].why;
        }
    }
    return unpredictable(insn) ? "constrained unpredictable" : NULL;
}

/* Where a direct branch at pc leads to; pc if it isn't one. */
static uint64_t branch_target(uint32_t insn, uint64_t pc)
{
    A64Args args;
    switch (a64_decode(insn, &args)) {
    case A64_B:
    case A64_BL:
    case A64_B_cond:
    case A64_CBZ:
    case A64_CBNZ:
    case A64_TBZ:
    case A64_TBNZ: return pc + (uint64_t)(int64_t)args.imm * 4;
    default: return pc;
    }
}

/* What runs there may be anything, and may leave it again. */
static bool leads_to_another_case(const DiffCase *c, uint64_t pc)
{
    uint64_t to = pc - DIFF_CODE;
    return to < DIFF_SLOTS * DIFF_SLOT && to / DIFF_SLOT != (c->in.pc - DIFF_CODE) / DIFF_SLOT;
}

const char *oracle_excuse(const DiffCase *c, const DiffResult *ours, const DiffResult *its)
{
    bool elsewhere = leads_to_another_case(c, ours->out.pc);
    for (uint32_t i = 0; i < c->ninsns; i++) {
        const char *why = oracle_excuse_insn(c->insns[i]);
        if (why) {
            return why;
        }
        uint64_t pc = c->in.pc + (uint64_t)4 * i;
        elsewhere |= leads_to_another_case(c, branch_target(c->insns[i], pc));
    }
    if (elsewhere) {
        return "a branch went on in another case, whose instructions may be any of these";
    }
    if (its->signal == SIGBUS || ours->signal == SIGBUS) {
        return "alignment: no FEAT_LSE2, and some atomics aren't checked in user mode";
    }
    if (ours->signal == SIGSEGV && its->signal == SIGSEGV) {
        if (((ours->out.pc ^ its->out.pc) & (UINT64_MAX >> 8)) == 0 &&
            ours->out.pc != its->out.pc) {
            return "a branch to a tagged address: the tag is taken off with the fault, not before";
        }
        if (same_but_vectors(&ours->out, &its->out)) {
            return "LD2, LD3, LD4 that fault midway have loaded some of their registers";
        }
    }
    if ((ours->out.fpcr ^ its->out.fpcr) & ~0x07c80000u ||
        (ours->out.fpsr ^ its->out.fpsr) & ~0x0800009fu) {
        return "FPCR and FPSR keep AArch32's vector length and condition flags";
    }
    return NULL;
}
