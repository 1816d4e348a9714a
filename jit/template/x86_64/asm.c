#include "jit/template/x86_64/asm.h"

/* ---- general --------------------------------------------------------------------------------- */

void asm_nop(Asm *a, unsigned n)
{
    static const uint8_t nops[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };

    while (n) {
        unsigned k = n < 9 ? n : 9;
        memcpy(a->p, nops[k - 1], k);
        a->p += k;
        n -= k;
    }
}

void asm_align(Asm *a, unsigned align)
{
    asm_nop(a, (unsigned)(-(uintptr_t)a->p & (align - 1)));
}

uint8_t *asm_put_mem(uint8_t *p, unsigned reg, AsmMem m, unsigned imm_len)
{
    unsigned r = (reg & 7) << 3;

    if (m.base < 16) {
        unsigned base = m.base & 7;
        /* mod 00 with base rbp or r13 means a displacement instead of the base. */
        unsigned mod = m.disp == 0 && base != 5 ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;
        if (m.index != ASM_NO_REG || base == 4) {
            unsigned index = m.index == ASM_NO_REG ? 4 : m.index & 7u;
            *p++ = (uint8_t)(mod << 6 | r | 4);
            *p++ = (uint8_t)((unsigned)m.scale << 6 | index << 3 | base);
        } else {
            *p++ = (uint8_t)(mod << 6 | r | base);
        }
        memcpy(p, &m.disp, 4);
        return p + (0x410 >> 4 * mod & 15);
    }
    if (m.base == ASM_RIP) {
        *p++ = (uint8_t)(r | 5);
        int32_t rel = (int32_t)(m.target - (p + 4 + imm_len));
        memcpy(p, &rel, 4);
        return p + 4;
    }
    *p++ = (uint8_t)(r | 4);
    *p++ = (uint8_t)((unsigned)m.scale << 6 | (m.index == ASM_NO_REG ? 4 : m.index & 7u) << 3 | 5);
    memcpy(p, &m.disp, 4);
    return p + 4;
}

void asm_mov_mi(Asm *a, unsigned size, AsmMem m, int32_t imm)
{
    asm_rm_n(a, size, size ? 0xc7 : 0xc6, 0, m, asm_imm_bytes(size));
    asm_imm(a, asm_imm_bytes(size), imm);
}

void asm_mov_ri(Asm *a, unsigned d, uint64_t imm)
{
    uint8_t *p = a->p;

    if (imm == (uint32_t)imm) {
        *p = 0x41;
        p += d >> 3;
        *p = (uint8_t)(0xb8 | (d & 7));
        memcpy(p + 1, &imm, 4);
        a->p = p + 5;
    } else if ((int64_t)imm == (int32_t)imm) {
        asm_rr(a, 3, 0xc7, 0, d);
        asm_u32(a, (uint32_t)imm);
    } else {
        p[0] = (uint8_t)(0x48 | d >> 3);
        p[1] = (uint8_t)(0xb8 | (d & 7));
        memcpy(p + 2, &imm, 8);
        a->p = p + 10;
    }
}

void asm_movzx_rr(Asm *a, unsigned ssize, unsigned d, unsigned s)
{
    if (ssize >= 2)
        asm_mov_rr(a, ssize, d, s);
    else
        asm_rr_b(a, 2, ssize ? 0x0fb7 : 0x0fb6, d, s, ssize == 0);
}

void asm_movsx_rr(Asm *a, unsigned dsize, unsigned ssize, unsigned d, unsigned s)
{
    if (ssize >= dsize)
        asm_mov_rr(a, dsize, d, s);
    else if (ssize == 2)
        asm_rr(a, 3, 0x63, d, s);
    else
        asm_rr_b(a, dsize, ssize ? 0x0fbf : 0x0fbe, d, s, ssize == 0);
}

void asm_movsx_rm(Asm *a, unsigned dsize, unsigned ssize, unsigned d, AsmMem m)
{
    if (ssize >= dsize)
        asm_mov_rm(a, dsize, d, m);
    else if (ssize == 2)
        asm_rm(a, 3, 0x63, d, m);
    else
        asm_rm(a, dsize, ssize ? 0x0fbf : 0x0fbe, d, m);
}

void asm_alu_ri(Asm *a, AsmAlu op, unsigned size, unsigned d, int32_t imm)
{
    if (size == 0) {
        asm_rr(a, 0, 0x80, op, d);
        asm_u8(a, (uint8_t)imm);
    } else if (imm == (int8_t)imm) {
        asm_rr(a, size, 0x83, op, d);
        asm_u8(a, (uint8_t)imm);
    } else {
        asm_rr(a, size, 0x81, op, d);
        asm_imm(a, asm_imm_bytes(size), imm);
    }
}

void asm_test_ri(Asm *a, unsigned size, unsigned r, int32_t imm)
{
    /* A mask in the low byte (or a positive one in 32 bits) gives the same ZF at the narrow size;
     * SF too when the top bit of the mask is clear. */
    if (size == 3 && imm >= 0)
        size = 2;
    if (size && imm >= 0 && imm < 0x80) {
        size = 0;
        asm_rr_b(a, 0, 0xf6, 0, r, true);
    } else {
        asm_rr(a, size, size ? 0xf7 : 0xf6, 0, r);
    }
    asm_imm(a, asm_imm_bytes(size), imm);
}

void asm_test_mi(Asm *a, unsigned size, AsmMem m, int32_t imm)
{
    asm_rm_n(a, size ? size : 2, size ? 0xf7 : 0xf6, 0, m, asm_imm_bytes(size));
    asm_imm(a, asm_imm_bytes(size), imm);
}

void asm_imul_rri(Asm *a, unsigned size, unsigned d, unsigned s, int32_t imm)
{
    if (imm == (int8_t)imm) {
        asm_rr(a, size, 0x6b, d, s);
        asm_u8(a, (uint8_t)imm);
    } else {
        asm_rr(a, size, 0x69, d, s);
        asm_imm(a, asm_imm_bytes(size), imm);
    }
}

void asm_shift_ri(Asm *a, AsmShift op, unsigned size, unsigned r, unsigned n)
{
    if (n == 1) {
        asm_rr(a, size, size ? 0xd1 : 0xd0, op, r);
    } else {
        asm_rr(a, size, size ? 0xc1 : 0xc0, op, r);
        asm_u8(a, n);
    }
}

void asm_shld(Asm *a, unsigned size, unsigned d, unsigned s, unsigned n)
{
    asm_rr(a, size, 0x0fa4, s, d);
    asm_u8(a, n);
}

void asm_shrd(Asm *a, unsigned size, unsigned d, unsigned s, unsigned n)
{
    asm_rr(a, size, 0x0fac, s, d);
    asm_u8(a, n);
}

void asm_bswap(Asm *a, unsigned size, unsigned r)
{
    unsigned rex = (size == 3 ? 8 : 0) | r >> 3;

    if (rex)
        asm_u8(a, 0x40 | rex);
    asm_u8(a, 0x0f);
    asm_u8(a, 0xc8 | (r & 7));
}

void asm_bt_ri(Asm *a, unsigned size, unsigned r, unsigned n)
{
    asm_rr(a, size, 0x0fba, 4, r);
    asm_u8(a, n);
}

void asm_crc32(Asm *a, unsigned ssize, unsigned d, unsigned s)
{
    asm_u8(a, 0xf2);
    if (ssize == 1)
        asm_u8(a, 0x66);
    asm_rr_b(a, ssize == 3 ? 3 : 2, ssize ? 0x0f38f1 : 0x0f38f0, d, s, ssize == 0);
}

void asm_movbe_rm(Asm *a, unsigned size, unsigned d, AsmMem m)
{
    asm_rm(a, size, 0x0f38f0, d, m);
}
void asm_movbe_mr(Asm *a, unsigned size, AsmMem m, unsigned s)
{
    asm_rm(a, size, 0x0f38f1, s, m);
}

/* rel32 forms */
void asm_jmp(Asm *a, const uint8_t *target)
{
    asm_patch32(asm_jmp32(a), target);
}

void asm_jcc(Asm *a, unsigned cc, const uint8_t *target)
{
    asm_patch32(asm_jcc32(a, cc), target);
}

void asm_call(Asm *a, const uint8_t *target)
{
    asm_u8(a, 0xe8);
    asm_u32(a, (uint32_t)(target - (a->p + 4)));
}

/* ---- VEX (Intel SDM volume 2A, 2.3) ---------------------------------------------------------- */

static unsigned desc_map(uint32_t desc)
{
    return desc >> 10 & 3;
}
static unsigned desc_pp(uint32_t desc)
{
    return desc >> 8 & 3;
}
static unsigned desc_w(uint32_t desc)
{
    return desc >> 12 & 1;
}

/* rex bits: 4 R, 2 X, 1 B */
static void vex(Asm *a, uint32_t desc, unsigned rex, unsigned vvvv)
{
    unsigned tail = (~vvvv & 15) << 3 | (desc >> 17 & 1) << 2 | desc_pp(desc);
    uint8_t *p = a->p;

    if (desc_map(desc) == 1 && !desc_w(desc) && !(rex & 3)) {
        *p++ = 0xc5;
        *p++ = (uint8_t)((rex & 4 ? 0 : 0x80) | tail);
    } else {
        *p++ = 0xc4;
        *p++ = (uint8_t)((~rex & 7) << 5 | desc_map(desc));
        *p++ = (uint8_t)(desc_w(desc) << 7 | tail);
    }
    *p++ = (uint8_t)desc;
    a->p = p;
}

static void vex_rr(Asm *a, uint32_t desc, unsigned reg, unsigned vvvv, unsigned rm)
{
    vex(a, desc, (reg >> 3) << 2 | rm >> 3, vvvv);
    asm_u8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void vex_rm(Asm *a, uint32_t desc, unsigned reg, unsigned vvvv, AsmMem m, unsigned imm_len)
{
    vex(a, desc, (reg >> 3) << 2 | asm_mem_rex(m), vvvv);
    asm_modrm_mem(a, reg, m, imm_len);
}

#define BMI(pp, map, op, size) ASM_VDESC(pp, map, op, (size) == 3)

void asm_andn(Asm *a, unsigned size, unsigned d, unsigned inverted, unsigned s)
{
    vex_rr(a, BMI(0, 2, 0xf2, size), d, inverted, s);
}
void asm_shlx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count)
{
    vex_rr(a, BMI(1, 2, 0xf7, size), d, count, s);
}
void asm_shrx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count)
{
    vex_rr(a, BMI(3, 2, 0xf7, size), d, count, s);
}
void asm_sarx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count)
{
    vex_rr(a, BMI(2, 2, 0xf7, size), d, count, s);
}
void asm_rorx(Asm *a, unsigned size, unsigned d, unsigned s, unsigned n)
{
    vex_rr(a, BMI(3, 3, 0xf0, size), d, 0, s);
    asm_u8(a, n);
}
void asm_mulx(Asm *a, unsigned size, unsigned hi, unsigned lo, unsigned s)
{
    vex_rr(a, BMI(3, 2, 0xf6, size), hi, lo, s);
}
void asm_pdep(Asm *a, unsigned size, unsigned d, unsigned s, unsigned mask)
{
    vex_rr(a, BMI(3, 2, 0xf5, size), d, s, mask);
}
void asm_pext(Asm *a, unsigned size, unsigned d, unsigned s, unsigned mask)
{
    vex_rr(a, BMI(2, 2, 0xf5, size), d, s, mask);
}
void asm_bzhi(Asm *a, unsigned size, unsigned d, unsigned s, unsigned count)
{
    vex_rr(a, BMI(0, 2, 0xf5, size), d, count, s);
}

/* ---- legacy SSE ------------------------------------------------------------------------------ */

static void sse_head(Asm *a, uint32_t desc, unsigned rex)
{
    static const uint8_t prefix[4] = {0, 0x66, 0xf3, 0xf2};

    if (desc_pp(desc))
        asm_u8(a, prefix[desc_pp(desc)]);
    rex |= desc_w(desc) << 3;
    if (rex)
        asm_u8(a, 0x40 | rex);
    asm_u8(a, 0x0f);
    if (desc_map(desc) == 2)
        asm_u8(a, 0x38);
    else if (desc_map(desc) == 3)
        asm_u8(a, 0x3a);
    asm_u8(a, desc);
}

static void sse_rr(Asm *a, uint32_t desc, unsigned reg, unsigned rm)
{
    sse_head(a, desc, (reg >> 3) << 2 | rm >> 3);
    asm_u8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void sse_rm(Asm *a, uint32_t desc, unsigned reg, AsmMem m, unsigned imm_len)
{
    sse_head(a, desc, (reg >> 3) << 2 | asm_mem_rex(m));
    asm_modrm_mem(a, reg, m, imm_len);
}

void asm_sse2(Asm *a, uint32_t desc, unsigned d, unsigned s)
{
    sse_rr(a, desc, d, s);
}
void asm_sse2i(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm)
{
    sse_rr(a, desc, d, s);
    asm_u8(a, imm);
}

/* Is the last operand a general register (so that it can't be the same as d)? */
static bool gpr_source(uint32_t desc)
{
    uint32_t base = desc & ~(ASM_W | ASM_COMM);

    return base == V_CVTSI2SS || base == V_CVTSI2SD || base == V_PINSRB || base == V_PINSRW ||
           base == V_PINSRD;
}

void asm_v3(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2)
{
    if (asm_has(a, JIT_HOST_AVX)) {
        /* A low s2 allows the short prefix. */
        if ((desc & ASM_COMM) && s2 >= 8 && s1 < 8) {
            unsigned t = s1;
            s1 = s2;
            s2 = t;
        }
        vex_rr(a, desc, d, s1, s2);
        return;
    }
    if (d != s1 && d == s2 && !gpr_source(desc)) {
        if (desc & ASM_COMM) {
            sse_rr(a, desc, d, s1);
            return;
        }
        asm_vmov(a, ASM_SSE_TEMP, s2);
        s2 = ASM_SSE_TEMP;
    }
    asm_vmov(a, d, s1);
    sse_rr(a, desc, d, s2);
}

void asm_v3m(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m)
{
    if (asm_has(a, JIT_HOST_AVX)) {
        vex_rm(a, desc, d, s1, m, 0);
    } else {
        asm_vmov(a, d, s1);
        sse_rm(a, desc, d, m, 0);
    }
}

void asm_v3i(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned imm)
{
    asm_v3(a, desc & ~ASM_COMM, d, s1, s2);
    asm_u8(a, imm);
}

void asm_v3mi(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m, unsigned imm)
{
    if (asm_has(a, JIT_HOST_AVX)) {
        vex_rm(a, desc, d, s1, m, 1);
    } else {
        asm_vmov(a, d, s1);
        sse_rm(a, desc, d, m, 1);
    }
    asm_u8(a, imm);
}

/* Mask moves exist only in VEX form. */
void asm_v2(Asm *a, uint32_t desc, unsigned d, unsigned s)
{
    if (asm_has(a, JIT_HOST_AVX))
        vex_rr(a, desc, d, 0, s);
    else
        sse_rr(a, desc, d, s);
}

void asm_v2m(Asm *a, uint32_t desc, unsigned d, AsmMem m)
{
    if (asm_has(a, JIT_HOST_AVX))
        vex_rm(a, desc, d, 0, m, 0);
    else
        sse_rm(a, desc, d, m, 0);
}

void asm_v2i(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm)
{
    asm_v2(a, desc, d, s);
    asm_u8(a, imm);
}

void asm_v2mi(Asm *a, uint32_t desc, unsigned d, AsmMem m, unsigned imm)
{
    if (asm_has(a, JIT_HOST_AVX))
        vex_rm(a, desc, d, 0, m, 1);
    else
        sse_rm(a, desc, d, m, 1);
    asm_u8(a, imm);
}

void asm_vshift(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm)
{
    unsigned digit = desc >> 14 & 7;

    if (asm_has(a, JIT_HOST_AVX)) {
        vex_rr(a, desc, digit, d, s);
    } else {
        asm_vmov(a, d, s);
        sse_rr(a, desc, digit, d);
    }
    asm_u8(a, imm);
}

void asm_v4(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned s3)
{
    vex_rr(a, desc, d, s1, s2);
    asm_u8(a, s3 << 4);
}

/* ---- EVEX ------------------------------------------------------------------------------------ */

/* Intel SDM volume 2A, 2.7:
 *
 *     62 | R X B R' 0 m m m | W v v v v 1 p p | z L' L b V' a a a | opcode | modrm ...
 */
static void evex(Asm *a, uint32_t desc, unsigned reg, unsigned vvvv, unsigned rex_xb, unsigned k,
                 bool zero)
{
    unsigned w = desc_w(desc) || (desc & ASM_EW);

    asm_u8(a, 0x62);
    asm_u8(a, (reg & 8 ? 0 : 0x80) | (~rex_xb & 3) << 5 | (reg & 16 ? 0 : 0x10) | desc_map(desc));
    asm_u8(a, w << 7 | (~vvvv & 15) << 3 | 4 | desc_pp(desc));
    asm_u8(a, (unsigned)zero << 7 | (desc >> 17 & 3) << 5 | (vvvv & 16 ? 0 : 8) | k);
    asm_u8(a, desc);
}

static void evex_rr(Asm *a, uint32_t desc, unsigned reg, unsigned vvvv, unsigned rm, unsigned k,
                    bool zero)
{
    evex(a, desc, reg, vvvv, (rm >> 4 & 1) << 1 | (rm >> 3 & 1), k, zero);
    asm_u8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* Short displacements are scaled in EVEX: only none and 32-bit ones are used. */
static void evex_rm(Asm *a, uint32_t desc, unsigned reg, unsigned vvvv, AsmMem m, unsigned imm_len,
                    unsigned k, bool zero)
{
    evex(a, desc, reg, vvvv, asm_mem_rex(m), k, zero);
    if (m.base >= 16 || (m.disp == 0 && (m.base & 7) != 5)) {
        asm_modrm_mem(a, reg, m, imm_len);
        return;
    }
    unsigned base = m.base & 7u, r = (reg & 7) << 3;
    if (m.index != ASM_NO_REG || base == 4) {
        asm_u8(a, 0x80 | r | 4);
        asm_u8(a, (unsigned)m.scale << 6 | (m.index == ASM_NO_REG ? 4 : m.index & 7u) << 3 | base);
    } else {
        asm_u8(a, 0x80 | r | base);
    }
    asm_u32(a, (uint32_t)m.disp);
}

void asm_e3(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned k, bool zero)
{
    evex_rr(a, desc, d, s1, s2, k, zero);
}
void asm_e3i(Asm *a, uint32_t desc, unsigned d, unsigned s1, unsigned s2, unsigned imm, unsigned k,
             bool zero)
{
    evex_rr(a, desc, d, s1, s2, k, zero);
    asm_u8(a, imm);
}
void asm_e3m(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m, unsigned k, bool zero)
{
    evex_rm(a, desc, d, s1, m, 0, k, zero);
}
void asm_e3mi(Asm *a, uint32_t desc, unsigned d, unsigned s1, AsmMem m, unsigned imm, unsigned k,
              bool zero)
{
    evex_rm(a, desc, d, s1, m, 1, k, zero);
    asm_u8(a, imm);
}
void asm_e2(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned k, bool zero)
{
    evex_rr(a, desc, d, 0, s, k, zero);
}
void asm_e2i(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm, unsigned k, bool zero)
{
    evex_rr(a, desc, d, 0, s, k, zero);
    asm_u8(a, imm);
}
void asm_e2m(Asm *a, uint32_t desc, unsigned d, AsmMem m, unsigned k, bool zero)
{
    evex_rm(a, desc, d, 0, m, 0, k, zero);
}
void asm_eshift(Asm *a, uint32_t desc, unsigned d, unsigned s, unsigned imm)
{
    evex_rr(a, desc, desc >> 14 & 7, d, s, 0, false);
    asm_u8(a, imm);
}

/* ---- moves ----------------------------------------------------------------------------------- */

void asm_vmov(Asm *a, unsigned d, unsigned s)
{
    if (d == s)
        return;
    /* The store form lets a high source have the short prefix. */
    if (s >= 8 && d < 8)
        asm_v2(a, V_MOVAPS_ST, s, d);
    else
        asm_v2(a, V_MOVAPS, d, s);
}

void asm_movq_xr(Asm *a, unsigned size, unsigned x, unsigned r)
{
    asm_v2(a, V_MOVD_XR | (size == 3 ? ASM_W : 0), x, r);
}
void asm_movq_rx(Asm *a, unsigned size, unsigned r, unsigned x)
{
    asm_v2(a, V_MOVD_RX | (size == 3 ? ASM_W : 0), x, r);
}

void asm_vload(Asm *a, unsigned bytes, unsigned x, AsmMem m)
{
    asm_v2m(a, bytes == 16 ? V_MOVUPS : bytes == 8 ? V_MOVQ : V_MOVSS, x, m);
}

void asm_vstore(Asm *a, unsigned bytes, AsmMem m, unsigned x)
{
    asm_v2m(a, bytes == 16 ? V_MOVUPS_ST : bytes == 8 ? V_MOVQ_ST : V_MOVSS_ST, x, m);
}
