/* fptrap.c - what happens when the host's floating point traps: flush-to-zero mode only
 * (frontend/uop/fpenv.h).
 *
 * A denormal operand: the guest's flag goes up, operands are flushed from now on, the instruction
 * runs again.
 *
 * A tiny or inexact result while the guest's inexact flag is down: if the result isn't tiny, or the
 * flag has come up meanwhile, results are flushed from now on, and the instruction runs again. Else
 * the guest's flags are underflow without inexact, which the host can't tell. Templates of
 * operations whose result may be tiny check it, and send NaNs and the smallest normal number to
 * softfp (emit_fp.c, emit_fp_half.c): so the result is made such a number, the instruction is left
 * out, and softfp does the rest.
 */
#include <cpuid.h>
#include <string.h>
#include <ucontext.h>

#include "frontend/uop/mxcsr.h"
#include "jit/template/x86_64/template.h"

enum { TRAP_SIMD_FP = 19 }; /* #XM */

/* An instruction on vector registers, as far as this needs it. */
typedef struct Insn {
    unsigned length, map, opcode, prefix; /* prefix: 0, 0x66, 0xf3, 0xf2 */
    unsigned dest;
} Insn;

static unsigned modrm_length(const uint8_t *p)
{
    unsigned mod = p[0] >> 6, rm = p[0] & 7, n = 1;
    if (mod == 3) {
        return n;
    }
    unsigned base = rm == 4 ? p[1] & 7 : rm;
    n += rm == 4;
    return n + (mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0);
}

/* Intel SDM volume 2A, 2.1, 2.3 and 2.7. */
static bool decode(const uint8_t *p, Insn *i)
{
    static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
    const uint8_t *start = p;
    unsigned r = 0, b = 0; /* bits 3 and 4 of reg and rm */
    memset(i, 0, sizeof *i);
    if (*p == 0xc5 || *p == 0xc4 || *p == 0x62) {
        bool evex = *p == 0x62, two = *p == 0xc5;
        r = (~p[1] >> 4 & 8) | (evex ? ~p[1] & 16 : 0);
        b = two ? 0 : (~p[1] >> 2 & 8) | (evex ? ~p[1] >> 2 & 16 : 0);
        i->map = two ? 1 : p[1] & 7;
        i->prefix = prefixes[(two ? p[1] : p[2]) & 3];
        p += two ? 2 : evex ? 4 : 3;
    } else {
        for (; *p == 0x66 || *p == 0xf2 || *p == 0xf3; p++) {
            i->prefix = *p;
        }
        if ((*p & 0xf0) == 0x40) {
            r = *p << 1 & 8;
            b = *p << 3 & 8;
            p++;
        }
        if (*p++ != 0x0f) {
            return false;
        }
        i->map = *p == 0x38 ? 2 : *p == 0x3a ? 3 : 1;
        p += i->map > 1;
    }
    i->opcode = *p++;
    bool to_rm = i->map == 3 && i->opcode == 0x1d; /* vcvtps2ph */
    i->dest = to_rm ? (p[0] & 7) | b : (p[0] >> 3 & 7) | r;
    p += modrm_length(p);
    i->length = (unsigned)(p - start) + (i->map == 3 || (i->map == 1 && i->opcode == 0xc2));
    return true;
}

/* Sums are exact where they are tiny. */
static bool tiny_may_be_inexact(const Insn *i)
{
    switch (i->map) {
    case 1:
        return i->opcode == 0x59 || i->opcode == 0x5e ||
               (i->opcode == 0x5a && (i->prefix == 0x66 || i->prefix == 0xf2));
    case 2: return i->opcode >= 0x96 && i->opcode <= 0xbf; /* fused multiply-add */
    default: return i->map == 3 && i->opcode == 0x1d;
    }
}

/* Where the signal's frame has xmm16 to xmm31 of 64 bytes each; NULL: nowhere. Intel SDM volume 1,
 * 13.4 (the standard format); component 7 is these registers. */
static uint8_t *upper_registers(uint8_t *state)
{
    enum { SW_SIZE = 480, XSTATE_BV = 512, HI16_ZMM = 7, BYTES = 16 * 64 };
    unsigned size, offset, c, d;
    uint32_t whole;
    memcpy(&whole, state + SW_SIZE, 4); /* xstate_size */
    if (!__get_cpuid_count(0xd, HI16_ZMM, &size, &offset, &c, &d) || size != BYTES ||
        offset + size > whole) {
        return NULL;
    }
    if (!(state[XSTATE_BV] >> HI16_ZMM & 1)) { /* zeros, not what stands there */
        memset(state + offset, 0, BYTES);
        state[XSTATE_BV] |= 1u << HI16_ZMM;
    }
    return state + offset;
}

/* The result that is taken to softfp. False: it can't be written. */
static bool spoil(ucontext_t *uc, const Insn *i)
{
    enum { SW_RESERVED = 464, XSTATE_BV = 512, XSTATE_SSE = 2 };
    const uint32_t xstate_magic = 0x46505853; /* FP_XSTATE_MAGIC1 */
    uint8_t *state = (uint8_t *)uc->uc_mcontext.fpregs;
    uint32_t magic;
    uint16_t smallest_half[8];
    for (unsigned k = 0; k < 8; k++) {
        smallest_half[k] = 0x0400;
    }
    memcpy(&magic, state + SW_RESERVED, 4);
    void *x = &uc->uc_mcontext.fpregs->_xmm[i->dest & 15];
    if (i->dest & 16) {
        uint8_t *upper = magic == xstate_magic ? upper_registers(state) : NULL;
        if (!upper) {
            return false;
        }
        x = upper + (i->dest & 15) * 64;
    } else if (magic == xstate_magic) {
        state[XSTATE_BV] |= XSTATE_SSE;
    }
    if (i->map == 3) {
        memcpy(x, smallest_half, 16);
    } else {
        memset(x, 0xff, 16); /* NaNs of every width */
    }
    return true;
}

bool template_fp_trap(Cpu *cpu, void *ucontext)
{
    ucontext_t *uc = ucontext;
    if (uc->uc_mcontext.gregs[REG_TRAPNO] != TRAP_SIMD_FP) {
        return false;
    }
    uint32_t csr = uc->uc_mcontext.fpregs->mxcsr;
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    Insn insn;
    if (csr & MXCSR_DE && !(csr & MXCSR_DM)) {
        cpu->fp_flags |= FPX_INPUT_DENORMAL;
        csr = mxcsr_flush_operands(csr, true);
    } else if (!(csr & (MXCSR_UE | MXCSR_PE)) || csr & MXCSR_PM) {
        return false;
    } else if (!(cpu->fp_flags & FPX_INEXACT) && jit_is_code(jit_thread(cpu)->jit, pc) &&
               decode((const uint8_t *)pc, &insn) &&
               (csr & MXCSR_UE || tiny_may_be_inexact(&insn)) && spoil(uc, &insn)) {
        uc->uc_mcontext.gregs[REG_RIP] += insn.length;
        csr = mxcsr_flush_results(csr, false);
    } else {
        csr = mxcsr_flush_results(csr, true);
    }
    uc->uc_mcontext.fpregs->mxcsr = csr;
    return true;
}
