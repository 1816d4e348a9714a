/*
 * emit_mem16.c - exclusives and compare-and-swap of 16 bytes: lock cmpxchg16b.
 *
 * It takes rdx:rax and rcx:rbx, of which rdx and rcx are pinned: they wait in vector registers
 * meanwhile. That memory is there and writable is tried out before, while a fault still finds every
 * guest register in its place.
 */
#include "jit/template/x86_64/emit_ops.h"

enum {
    LL_ADDR = offsetof(Cpu, ll_addr),
    LL_VALUE = offsetof(Cpu, ll_value),
    LL_SIZE = offsetof(Cpu, ll_size)
};

bool emit_can_16(const Emit *e)
{
    return asm_has(&e->a, JIT_HOST_CX16 | JIT_HOST_SSE41 | JIT_HOST_AVX);
}

/* The address in a register that cmpxchg16b leaves alone. */
static unsigned safe_address(Emit *e, unsigned a)
{
    if (a != HR_RDX && a != HR_RCX) {
        return a;
    }
    unsigned t = ra_tmp_g(e);
    asm_mov_rr(&e->a, 3, t, a);
    return t;
}

static void halves_to(Emit *e, unsigned lo, unsigned hi, unsigned x)
{
    asm_movq_rx(&e->a, 3, lo, x);
    asm_v2i(&e->a, V_PEXTRQ, x, hi, 1);
}

typedef struct Saved {
    unsigned rdx, rcx;
} Saved;

/* Before anything that isn't always run: a temporary may cost another value its register. */
static Saved saved(Emit *e)
{
    return (Saved){ra_tmp_x(e), ra_tmp_x(e)};
}

static void take_registers(Emit *e, Saved s, unsigned address)
{
    asm_u8(&e->a, 0xf0);
    asm_alu_mi(&e->a, ALU_OR, 2, asm_mem(address, 0), 0);
    asm_movq_xr(&e->a, 3, s.rdx, HR_RDX);
    asm_movq_xr(&e->a, 3, s.rcx, HR_RCX);
}

static void give_back(Emit *e, Saved s)
{
    asm_movq_rx(&e->a, 3, HR_RDX, s.rdx);
    asm_movq_rx(&e->a, 3, HR_RCX, s.rcx);
}

static void cmpxchg16b(Emit *e, unsigned address)
{
    asm_u8(&e->a, 0xf0);
    asm_rm(&e->a, 3, 0x0fc7, 1, asm_mem(address, 0));
}

bool emit_cas16(Emit *e, const Uop *u)
{
    emit_clobber_flags(e);
    ra_tmp_g_fixed(e, HR_RAX);
    ra_tmp_g_fixed(e, HR_RBX);
    unsigned a = ra_use_g(e, u->a), b = ra_use_x(e, u->b), c = ra_use_x(e, u->c);
    unsigned d = ra_def_x(e, u->dst), at = safe_address(e, a);
    Saved s = saved(e);
    take_registers(e, s, at);
    halves_to(e, HR_RAX, HR_RDX, b);
    halves_to(e, HR_RBX, HR_RCX, c);
    cmpxchg16b(e, at);
    asm_movq_xr(&e->a, 3, d, HR_RAX);
    asm_v3i(&e->a, V_PINSRQ, d, d, HR_RDX, 1);
    give_back(e, s);
    return true;
}

bool emit_ll16(Emit *e, const Uop *u)
{
    unsigned a = ra_use_g(e, u->a), d = ra_def_x(e, u->dst);
    asm_vload(&e->a, 16, d, asm_mem(a, 0)); /* aligned, and so atomic with AVX */
    asm_mov_mr(&e->a, 3, asm_cpu(LL_ADDR), a);
    asm_vstore(&e->a, 16, asm_cpu(LL_VALUE), d);
    asm_mov_mi(&e->a, 2, asm_cpu(LL_SIZE), 16);
    return true;
}

bool emit_sc16(Emit *e, const Uop *u)
{
    emit_clobber_flags(e);
    ra_tmp_g_fixed(e, HR_RAX);
    ra_tmp_g_fixed(e, HR_RBX);
    unsigned a = ra_use_g(e, u->a), c = ra_use_x(e, u->c), at = safe_address(e, a),
             expected = ra_tmp_x(e);
    Saved s = saved(e);
    asm_mov_ri(&e->a, HR_RAX, 1);
    asm_alu_rm(&e->a, ALU_CMP, 3, at, asm_cpu(LL_ADDR));
    uint8_t *no = asm_jcc8(&e->a, CC_NE);
    asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu(LL_SIZE), 16);
    uint8_t *no2 = asm_jcc8(&e->a, CC_NE);
    asm_vload(&e->a, 16, expected, asm_cpu(LL_VALUE));
    take_registers(e, s, at);
    halves_to(e, HR_RAX, HR_RDX, expected);
    halves_to(e, HR_RBX, HR_RCX, c);
    cmpxchg16b(e, at);
    give_back(e, s);
    asm_setcc(&e->a, CC_NE, HR_RAX);
    asm_movzx_rr(&e->a, 0, HR_RAX, HR_RAX);
    asm_patch8(&e->a, no);
    asm_patch8(&e->a, no2);
    asm_mov_mi(&e->a, 3, asm_cpu(LL_ADDR), -1);
    e->tmp_g &= ~(1u << HR_RAX);
    ra_def_at(e, u->dst, VK_GPR, HR_RAX);
    ra_set_upper_zero(e, u->dst);
    return true;
}
