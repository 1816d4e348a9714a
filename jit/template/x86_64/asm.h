/* asm.h - a small x86-64 assembler: writes machine code at Asm.p. No buffer checks per instruction:
 * the emitter makes sure before each micro-op that ASM_MARGIN bytes are left.
 *
 * General registers: functions asm_<op>_<operands>(a, size, ...), size = log2 of the operand size
 * in bytes (0..3), operands in Intel order (destination first): r register, m memory, i immediate.
 *     asm_alu_rr(a, ALU_ADD, 3, HR_RAX, HR_RCX);      add rax, rcx
 *     asm_mov_rm(a, 2, HR_RAX, asm_mem(HR_RSI, 8));   mov eax, [rsi+8]
 *
 * Vector registers (xmm0..15; EVEX-only functions too): instructions are descriptors V_*
 * (vector.def), functions say the operand form: asm_v3(a, V_ADDPD, d, s1, s2)     vaddpd d, s1, s2
 * without AVX: movaps d, s1; addpd d, s2 asm_v2(a, V_SQRTPD, d, s)         vsqrtpd d, s         (no
 * second source) asm_v3i / asm_v2i: with an immediate byte; ..m: the last source (asm_v2m: also the
 * destination of stores) in memory `desc | ASM_L256` for 256 bits (AVX only), `desc | ASM_L512` and
 * masks with the asm_e* functions (EVEX; need JIT_HOST_AVX512).
 *
 * Code is written through the writable view of the arena and runs in the executable one:
 * rip-relative operands and jumps are computed with targets in terms of the writable view, which
 * has the same distances.
 */
#ifndef XEMU_JIT_TEMPLATE_X86_64_ASM_H
#define XEMU_JIT_TEMPLATE_X86_64_ASM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "jit/conv.h"
#include "jit/host.h"

#define ASM_MARGIN 2048

typedef struct Asm {
    uint8_t *p;        /* where the next byte goes (writable view) */
    uint64_t features; /* JIT_HOST_* that may be used */
} Asm;

static inline bool asm_has(const Asm *a, uint64_t features)
{
    return (a->features & features) == features;
}

/* [base + index * 2^scale + disp]. base ASM_NO_REG: absolute; ASM_RIP: `target` is the address
 * (writable view). index ASM_NO_REG: none; never rsp. */
enum { ASM_NO_REG = 0xff, ASM_RIP = 0xfe };
typedef struct AsmMem {
    uint8_t base, index, scale;
    int32_t disp;
    const uint8_t *target;
} AsmMem;

static inline AsmMem asm_mem(unsigned base, int32_t disp)
{
    return (AsmMem){.base = (uint8_t)base, .index = ASM_NO_REG, .disp = disp};
}
static inline AsmMem asm_mem_sib(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (AsmMem){
        .base = (uint8_t)base, .index = (uint8_t)index, .scale = (uint8_t)scale, .disp = disp};
}
static inline AsmMem asm_mem_rip(const uint8_t *target)
{
    return (AsmMem){.base = ASM_RIP, .index = ASM_NO_REG, .target = target};
}
/* A field of struct Cpu. */
static inline AsmMem asm_cpu(uint32_t offset)
{
    return asm_mem(CONV_CPU, (int32_t)offset - (int32_t)CPU_ANCHOR);
}
static inline AsmMem asm_cpu_sib(unsigned index, unsigned scale, uint32_t offset)
{
    return asm_mem_sib(CONV_CPU, index, scale, (int32_t)offset - (int32_t)CPU_ANCHOR);
}

/* ---- raw bytes ------------------------------------------------------------------------------- */
static inline void asm_u8(Asm *a, unsigned v)
{
    *a->p++ = (uint8_t)v;
}
static inline void asm_u32(Asm *a, uint32_t v)
{
    memcpy(a->p, &v, 4);
    a->p += 4;
}
static inline void asm_u64(Asm *a, uint64_t v)
{
    memcpy(a->p, &v, 8);
    a->p += 8;
}
/* n bytes of nops (the recommended long forms). */
void asm_nop(Asm *a, unsigned n);
/* Pads with nops to a multiple of `align`. */
void asm_align(Asm *a, unsigned align);

/* ---- general instructions: the encoder ------------------------------------------------------- */
/* op: opcode bytes: 0xNN, 0x0FNN, 0x0F38NN, 0x0F3ANN, mandatory prefix in bits 24-31. size picks 66
 * / REX.W; for size 0 byte registers are meant. */
/* These work on a pointer of their own: a store through Asm.p might change Asm.p for all the
 * compiler knows, and each byte would wait for the last. */
static inline uint8_t *asm_put_opcode(uint8_t *p, uint32_t op)
{
    if (op & 0xff0000)
        *p++ = (uint8_t)(op >> 16);
    if (op & 0xffff00)
        *p++ = (uint8_t)(op >> 8);
    *p++ = (uint8_t)op;
    return p;
}
static inline uint8_t *asm_put_prefix(uint8_t *p, unsigned size, uint32_t op, unsigned rex,
                                      bool byte_regs)
{
    if (op >> 24)
        *p++ = (uint8_t)(op >> 24);
    if (size == 1)
        *p++ = 0x66;
    rex |= size == 3 ? 8 : 0;
    *p = (uint8_t)(0x40 | rex);
    return p + (rex || byte_regs);
}
/* reg and rm registers. byte_regs: rm or reg is an 8-bit register (4..7 need a REX prefix). */
static inline void asm_rr_b(Asm *a, unsigned size, uint32_t op, unsigned reg, unsigned rm,
                            bool byte_regs)
{
    uint8_t *p = asm_put_prefix(a->p, size, op, (reg >> 3) << 2 | rm >> 3,
                                byte_regs && (reg >= 4 || rm >= 4));

    p = asm_put_opcode(p, op);
    *p = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
    a->p = p + 1;
}
static inline void asm_rr(Asm *a, unsigned size, uint32_t op, unsigned reg, unsigned rm)
{
    asm_rr_b(a, size, op, reg, rm, size == 0);
}
/* ModRM, SIB and displacement of m at p; imm_len: bytes that follow (for rip-relative). Returns
 * what is behind. */
uint8_t *asm_put_mem(uint8_t *p, unsigned reg, AsmMem m, unsigned imm_len);
/* The same of a field of struct Cpu, as asm_cpu has it. */
static inline uint8_t *asm_put_cpu(uint8_t *p, unsigned reg, int32_t disp)
{
    bool is_short = disp == (int8_t)disp;

    p[0] = (uint8_t)((is_short ? 0x40 : 0x80) | (reg & 7) << 3 | 4);
    p[1] = 0x24; /* base r12, no index */
    memcpy(p + 2, &disp, 4);
    return p + (is_short ? 3 : 6);
}
static inline void asm_modrm_mem(Asm *a, unsigned reg, AsmMem m, unsigned imm_len)
{
    a->p = asm_put_mem(a->p, reg, m, imm_len);
}
static inline unsigned asm_mem_rex(AsmMem m)
{
    return (m.base < 16 ? m.base >> 3 : 0) | (m.index < 16 ? (m.index >> 3) << 1 : 0);
}
static inline void asm_rm_n(Asm *a, unsigned size, uint32_t op, unsigned reg, AsmMem m,
                            unsigned imm_len)
{
    uint8_t *p =
        asm_put_prefix(a->p, size, op, (reg >> 3) << 2 | asm_mem_rex(m), size == 0 && reg >= 4);

    p = asm_put_opcode(p, op);
    /* Known when compiled, mostly. */
    if (__builtin_constant_p(m.base) && m.base == CONV_CPU && __builtin_constant_p(m.index) &&
        m.index == ASM_NO_REG)
        a->p = asm_put_cpu(p, reg, m.disp);
    else
        a->p = asm_put_mem(p, reg, m, imm_len);
}
static inline void asm_rm(Asm *a, unsigned size, uint32_t op, unsigned reg, AsmMem m)
{
    asm_rm_n(a, size, op, reg, m, 0);
}

/* An immediate of the operand size, at most 32 bits. */
static inline unsigned asm_imm_bytes(unsigned size)
{
    return size == 0 ? 1 : size == 1 ? 2 : 4;
}

static inline void asm_imm(Asm *a, unsigned bytes, int32_t imm)
{
    memcpy(a->p, &imm, 4);
    a->p += bytes;
}

/* ---- moves ----------------------------------------------------------------------------------- */
static inline void asm_mov_rr(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size == 3 ? 3 : 2, 0x8b, d, s);
}
static inline void asm_mov_rm(Asm *a, unsigned size, unsigned d, AsmMem m)
{
    asm_rm(a, size, size ? 0x8b : 0x8a, d, m);
}
static inline void asm_mov_mr(Asm *a, unsigned size, AsmMem m, unsigned s)
{
    asm_rm(a, size, size ? 0x89 : 0x88, s, m);
}
/* mov [m], imm (sign-extended from 32 bits for size 3) */
void asm_mov_mi(Asm *a, unsigned size, AsmMem m, int32_t imm);
/* The shortest way to load a constant; leaves EFLAGS alone. */
void asm_mov_ri(Asm *a, unsigned d, uint64_t imm);
/* A constant in its longest form, whose last eight bytes are the constant. */
static inline void asm_mov_ri64(Asm *a, unsigned d, uint64_t imm)
{
    asm_u8(a, 0x48 | d >> 3);
    asm_u8(a, 0xb8 | (d & 7));
    asm_u64(a, imm);
}
/* d (32 or 64 bits: dsize 2, 3) = zero- / sign-extended low 1 << ssize bytes. */
void asm_movzx_rr(Asm *a, unsigned ssize, unsigned d, unsigned s);
static inline void asm_movzx_rm(Asm *a, unsigned ssize, unsigned d, AsmMem m)
{
    if (ssize >= 2)
        asm_mov_rm(a, ssize, d, m);
    else
        asm_rm(a, 2, ssize ? 0x0fb7 : 0x0fb6, d, m);
}
void asm_movsx_rr(Asm *a, unsigned dsize, unsigned ssize, unsigned d, unsigned s);
void asm_movsx_rm(Asm *a, unsigned dsize, unsigned ssize, unsigned d, AsmMem m);
static inline void asm_lea(Asm *a, unsigned size, unsigned d, AsmMem m)
{
    asm_rm(a, size, 0x8d, d, m);
}
static inline void asm_xchg_rr(Asm *a, unsigned size, unsigned x, unsigned y)
{
    asm_rr(a, size, size ? 0x87 : 0x86, x, y);
}
/* Atomic. */
static inline void asm_xchg_mr(Asm *a, unsigned size, AsmMem m, unsigned s)
{
    asm_rm(a, size, size ? 0x87 : 0x86, s, m);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */
typedef enum AsmAlu {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP
} AsmAlu;
static inline void asm_alu_rr(Asm *a, AsmAlu op, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, op * 8u + (size ? 3 : 2), d, s);
}
static inline void asm_alu_rm(Asm *a, AsmAlu op, unsigned size, unsigned d, AsmMem m)
{
    asm_rm(a, size, op * 8u + (size ? 3 : 2), d, m);
}
static inline void asm_alu_mr(Asm *a, AsmAlu op, unsigned size, AsmMem m, unsigned s)
{
    asm_rm(a, size, op * 8u + (size ? 1 : 0), s, m);
}
void asm_alu_ri(Asm *a, AsmAlu op, unsigned size, unsigned d, int32_t imm);
static inline void asm_alu_mi(Asm *a, AsmAlu op, unsigned size, AsmMem m, int32_t imm)
{
    if (size == 0 || imm == (int8_t)imm) {
        asm_rm_n(a, size ? size : 2, size ? 0x83 : 0x80, op, m, 1);
        asm_u8(a, (uint8_t)imm);
    } else {
        asm_rm_n(a, size, 0x81, op, m, asm_imm_bytes(size));
        asm_imm(a, asm_imm_bytes(size), imm);
    }
}
static inline void asm_test_rr(Asm *a, unsigned size, unsigned x, unsigned y)
{
    asm_rr(a, size, size ? 0x85 : 0x84, y, x);
}
void asm_test_ri(Asm *a, unsigned size, unsigned r, int32_t imm);
void asm_test_mi(Asm *a, unsigned size, AsmMem m, int32_t imm);
static inline void asm_imul_rr(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, 0x0faf, d, s);
}
static inline void asm_imul_rm(Asm *a, unsigned size, unsigned d, AsmMem m)
{
    asm_rm(a, size, 0x0faf, d, m);
}
void asm_imul_rri(Asm *a, unsigned size, unsigned d, unsigned s, int32_t imm);
/* One-operand group F7 (F6): not neg mul imul div idiv, on rdx:rax. */
typedef enum AsmUnary {
    UNARY_NOT = 2,
    UNARY_NEG,
    UNARY_MUL,
    UNARY_IMUL,
    UNARY_DIV,
    UNARY_IDIV
} AsmUnary;
static inline void asm_unary(Asm *a, AsmUnary op, unsigned size, unsigned r)
{
    asm_rr_b(a, size, size ? 0xf7 : 0xf6, op, r, size == 0);
}
/* cdq / cqo */
static inline void asm_cqo(Asm *a, unsigned size)
{
    if (size == 3)
        asm_u8(a, 0x48);
    asm_u8(a, 0x99);
}
typedef enum AsmShift {
    SHIFT_ROL,
    SHIFT_ROR,
    SHIFT_RCL,
    SHIFT_RCR,
    SHIFT_SHL,
    SHIFT_SHR,
    SHIFT_SAR = 7
} AsmShift;
void asm_shift_ri(Asm *a, AsmShift op, unsigned size, unsigned r, unsigned n);
static inline void asm_shift_cl(Asm *a, AsmShift op, unsigned size, unsigned r)
{
    asm_rr(a, size, 0xd3, op, r);
}
/* d:s double shifts: SHLD / SHRD d, s, n */
void asm_shld(Asm *a, unsigned size, unsigned d, unsigned s, unsigned n);
void asm_shrd(Asm *a, unsigned size, unsigned d, unsigned s, unsigned n);
void asm_bswap(Asm *a, unsigned size, unsigned r);
static inline void asm_bsr(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, 0x0fbd, d, s);
}
static inline void asm_bsf(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, 0x0fbc, d, s);
}
static inline void asm_lzcnt(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, 0xf3000fbdu, d, s);
}
static inline void asm_tzcnt(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, 0xf3000fbcu, d, s);
}
static inline void asm_popcnt(Asm *a, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size, 0xf3000fb8u, d, s);
}
/* bt r, n: CF = bit n */
void asm_bt_ri(Asm *a, unsigned size, unsigned r, unsigned n);
/* crc32 d, s (source size): CRC-32C */
void asm_crc32(Asm *a, unsigned ssize, unsigned d, unsigned s);
void asm_movbe_rm(Asm *a, unsigned size, unsigned d, AsmMem m);
void asm_movbe_mr(Asm *a, unsigned size, AsmMem m, unsigned s);

/* BMI1 / BMI2 (VEX-encoded general instructions), size 2 or 3. */
void asm_andn(Asm *a, unsigned size, unsigned d, unsigned inverted,
              unsigned s); /* d = ~inverted & s */
void asm_shlx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count);
void asm_shrx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count);
void asm_sarx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count);
void asm_rorx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned n);
void asm_mulx(Asm *a, unsigned size, unsigned hi, unsigned lo, unsigned s); /* hi:lo = rdx * s */
void asm_pdep(Asm *a, unsigned size, unsigned d, unsigned s, unsigned mask);
void asm_pext(Asm *a, unsigned size, unsigned d, unsigned s, unsigned mask);
void asm_bzhi(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count);

/* ---- conditions and control ------------------------------------------------------------------ */
/* x86 condition codes; the inverse differs in bit 0. */
typedef enum AsmCc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
} AsmCc;
static inline void asm_setcc(Asm *a, unsigned cc, unsigned r)
{
    asm_rr_b(a, 0, 0x0f90u + cc, 0, r, true);
}
static inline void asm_setcc_m(Asm *a, unsigned cc, AsmMem m)
{
    asm_rm(a, 2, 0x0f90u + cc, 0, m);
}
static inline void asm_cmov_rr(Asm *a, unsigned cc, unsigned size, unsigned d, unsigned s)
{
    asm_rr(a, size == 3 ? 3 : 2, 0x0f40u + cc, d, s);
}
static inline void asm_cmov_rm(Asm *a, unsigned cc, unsigned size, unsigned d, AsmMem m)
{
    asm_rm(a, size == 3 ? 3 : 2, 0x0f40u + cc, d, m);
}

/* Jumps to known places (writable view). */
void asm_jmp(Asm *a, const uint8_t *target); /* rel32 always */
void asm_jcc(Asm *a, unsigned cc, const uint8_t *target);
void asm_call(Asm *a, const uint8_t *target);
static inline void asm_jmp_r(Asm *a, unsigned r)
{
    asm_rr(a, 2, 0xff, 4, r);
}
static inline void asm_jmp_m(Asm *a, AsmMem m)
{
    asm_rm(a, 2, 0xff, 4, m);
}
static inline void asm_call_r(Asm *a, unsigned r)
{
    asm_rr(a, 2, 0xff, 2, r);
}
static inline void asm_call_m(Asm *a, AsmMem m)
{
    asm_rm(a, 2, 0xff, 2, m);
}
/* Forward jumps: the returned place is given to asm_patch8 / asm_patch32 when the target is
 * reached. */
static inline uint8_t *asm_jcc8(Asm *a, unsigned cc)
{
    uint8_t *p = a->p;

    p[0] = (uint8_t)(0x70 + cc);
    return a->p = p + 2;
}
static inline uint8_t *asm_jmp8(Asm *a)
{
    asm_u8(a, 0xeb);
    asm_u8(a, 0);
    return a->p;
}
/* The target of the short jump that ended at `place` is here. */
static inline void asm_patch8(Asm *a, uint8_t *place)
{
    place[-1] = (uint8_t)(a->p - place);
}
static inline uint8_t *asm_jcc32(Asm *a, unsigned cc)
{
    uint8_t *p = a->p;

    p[0] = 0x0f;
    p[1] = (uint8_t)(0x80 + cc);
    return a->p = p + 6;
}
static inline uint8_t *asm_jmp32(Asm *a)
{
    uint8_t *p = a->p;

    p[0] = 0xe9;
    return a->p = p + 5;
}
/* The rel32 that ends at `place` points to `target`. */
static inline void asm_patch32(uint8_t *place, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - place);
    memcpy(place - 4, &rel, 4);
}

/* ---- vectors --------------------------------------------------------------------------------- */
/* Descriptor: bits 0-7 opcode, 8-9 prefix (0 none, 1 66, 2 F3, 3 F2), 10-11 map (1 0F, 2 0F38, 3
 * 0F3A), 12 W, 13 commutative, 14-16 /digit of shift groups, 17-18 vector length (0 128, 1 256, 2
 * 512), 19 W applies to EVEX only, 20 W is 0 in EVEX (unused otherwise), 21 map 5, 22 map 6 (FP16).
 */
#define ASM_VDESC(prefix, map, opcode, w)                                                          \
    ((uint32_t)(opcode) | (uint32_t)(prefix) << 8 | (uint32_t)(map) << 10 | (uint32_t)(w) << 12)
#define ASM_W        (1u << 12)
#define ASM_COMM     (1u << 13)
#define ASM_DIGIT(n) ((uint32_t)(n) << 14)
#define ASM_L256     (1u << 17)
#define ASM_L512     (2u << 17)
#define ASM_EW       (1u << 19)
typedef enum AsmVec {
    V_INVALID = 0,
#define VEC(name, desc) V_##name = (int)(desc),
#include "jit/template/x86_64/vector.def"
#undef VEC
} AsmVec;

/* Hosts without AVX: a three-operand form with d == s2 != s1 of a non-commutative instruction needs
 * a temporary: this register, which the allocator then keeps out of use. */
#define ASM_SSE_TEMP 15

void asm_v3(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2);
void asm_v3m(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m);
void asm_v3i(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned imm);
void asm_v3mi(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m, unsigned imm);
/* Two operands; for stores the register is first all the same: asm_v2m(a, V_MOVUPS_ST, s, m). */
void asm_v2(Asm *a, uint32_t desc, unsigned d, unsigned s);
void asm_v2m(Asm *a, uint32_t desc, unsigned d, AsmMem m);
void asm_v2i(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm);
void asm_v2mi(Asm *a, uint32_t desc, unsigned d, AsmMem m, unsigned imm);
/* Shifts by an immediate (V_PSLLW_I ...): d = s shifted. */
void asm_vshift(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm);
/* Two operands, legacy encoding on every host (SHA has no other): d = d op s. */
void asm_sse2(Asm *a, uint32_t desc, unsigned d, unsigned s);
void asm_sse2i(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm);
/* Four registers, VEX only (vblendvpd d, s1, s2, mask). AVX. */
void asm_v4(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned s3);

/* EVEX (AVX-512VL): mask k (0: none), zeroing; registers 0..31. The rounding form (128-bit scalars
 * and 512 bits only) isn't offered. */
void asm_e3(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned k, bool zero);
void asm_e3i(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned imm, unsigned k,
             bool zero);
void asm_e3m(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m, unsigned k, bool zero);
void asm_e3mi(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m, unsigned imm, unsigned k,
              bool zero);
void asm_e2(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned k, bool zero);
void asm_e2i(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm, unsigned k, bool zero);
void asm_e2m(Asm *a, uint32_t desc, unsigned d, AsmMem m, unsigned k, bool zero);
/* EVEX shift by immediate (vpsraq, vprold ...). */
void asm_eshift(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm);

/* Register moves. asm_vmov: nothing when d == s. */
void asm_vmov(Asm *a, unsigned d, unsigned s); /* movaps */
void asm_movq_xr(Asm *a, unsigned size, unsigned x,
                 unsigned r); /* movd / movq x, r (rest cleared) */
void asm_movq_rx(Asm *a, unsigned size, unsigned r, unsigned x); /* movd / movq r, x */
void asm_vload(Asm *a, unsigned bytes, unsigned x,
               AsmMem m); /* 4, 8 (rest cleared) or 16 bytes, any alignment */
void asm_vstore(Asm *a, unsigned bytes, AsmMem m, unsigned x);

#endif
