/*
 * emit_crc.c - CRC-32 (polynomial 0x04c11db7, reflected) by carry-less multiplication; the host has
 * an instruction for CRC-32C alone.
 *
 * Reflected, the lowest bits are those of the highest degree. With P = 0x1db710641 and I its
 * inverse modulo x^64, adding to the n data bits D (with the CRC so far) the multiple q P, q = D I
 * mod x^n, makes the low n bits 0, and what is left above is the new CRC:
 *
 *     crc = (D + q P) >> n        (n < 32: and the bits of the old CRC that the data didn't meet)
 */
#include "jit/template/x86_64/emit_ops.h"

static const uint64_t POLYNOMIAL = UINT64_C(0x1db710641), INVERSE = UINT64_C(0xb4e5b025f7011641);

/* dst = the multiple's bits from n on, from D in `data`. */
static void reduce(Emit *e, unsigned log2_size, unsigned d, unsigned data)
{
    unsigned x = ra_tmp_x(e);
    AsmMem constants = emit_const128(e, INVERSE, POLYNOMIAL),
           mask = emit_const128(e, (UINT64_C(1) << (8u << (log2_size & 1))) - 1, 0);
    asm_movq_xr(&e->a, 3, x, data);
    asm_v3mi(&e->a, V_PCLMULQDQ, x, x, constants, 0x00);
    if (log2_size == 2) {
        asm_v2(&e->a, V_PMOVZXDQ, x, x);
    } else if (log2_size < 2) {
        asm_v3m(&e->a, V_PAND, x, x, mask);
    }
    asm_v3mi(&e->a, V_PCLMULQDQ, x, x, constants, 0x10);
    if (log2_size >= 2) {
        asm_v2i(&e->a, V_PEXTRD, x, d, log2_size - 1); /* bits 32 to 63, or 64 to 95 */
    } else {
        asm_movq_rx(&e->a, 3, d, x);
        asm_shift_ri(&e->a, SHIFT_SHR, 3, d, 8u << log2_size);
    }
}

bool emit_crc(Emit *e, const Uop *u)
{
    bool castagnoli = u->imm == 1;
    if (!asm_has(&e->a, castagnoli ? JIT_HOST_SSE42 : JIT_HOST_PCLMUL | JIT_HOST_SSE41)) {
        return false;
    }
    emit_clobber_flags(e);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), d = ra_def_g(e, u->dst);
    asm_mov_rr(&e->a, 2, d, a);
    ra_set_upper_zero(e, u->dst);
    if (castagnoli) {
        asm_crc32(&e->a, u->sub, d, b);
        return true;
    }
    asm_alu_rr(&e->a, ALU_XOR, u->sub == 3 ? 3 : 2, d, b);
    if (u->sub < 2) {
        unsigned t = ra_tmp_g(e);
        asm_movzx_rr(&e->a, u->sub, t, d);
        reduce(e, u->sub, d, t);
        asm_mov_rr(&e->a, 2, t, a);
        asm_shift_ri(&e->a, SHIFT_SHR, 2, t, 8u << u->sub);
        asm_alu_rr(&e->a, ALU_XOR, 2, d, t);
    } else {
        reduce(e, u->sub, d, d);
    }
    return true;
}
