/* emit_mem.c - guest memory: guest addresses are host addresses. x86-64 keeps loads in order and
 * stores in order (TSO), so plain and acquire loads, plain and release stores are plain moves.
 *
 * A store that is ordered with later ordered loads (STLR with LDAR) is a plain move, too, and says
 * so in Cpu.stores_wait; the ordered load asks that first, and makes the barrier if none came in
 * between. Locked operations are barriers. So a lock that is taken by one and given up by STLR
 * costs one locked operation, as it does natively.
 */
#include "jit/template/x86_64/emit_ops.h"

/* a + (b << scale) + imm */
static AsmMem address(Emit *e, const Uop *u, int32_t disp)
{
    uint64_t base;

    if (emit_is_const(e, u->a, &base) && base + (uint64_t)(int64_t)disp < 0x7fffffff) {
        AsmMem m = asm_mem(ASM_NO_REG, (int32_t)(base + (uint64_t)(int64_t)disp));
        if (u->op == UOP_LOAD || u->op == UOP_STORE) {
            if (u->b != VAL_NONE) {
                m.index = (uint8_t)ra_use_g(e, u->b);
                m.scale = (uint8_t)uop_mem_scale(u->sub);
            }
        }
        return m;
    }
    AsmMem m = asm_mem(ra_use_g(e, u->a), disp);
    if ((u->op == UOP_LOAD || u->op == UOP_STORE) && u->b != VAL_NONE) {
        m.index = (uint8_t)ra_use_g(e, u->b);
        m.scale = (uint8_t)uop_mem_scale(u->sub);
    }
    return m;
}

static unsigned type_size(uint8_t type)
{
    return type == T_I64 ? 3 : 2;
}

/* ---- order ----------------------------------------------------------------------------------- */

static void set_stores_wait(Emit *e, int wait)
{
    asm_mov_mi(&e->a, 0, asm_cpu((uint32_t)offsetof(Cpu, stores_wait)), wait);
}

/* Any locked operation is a barrier. */
static void full_fence(Emit *e)
{
    emit_clobber_flags(e);
    asm_u8(&e->a, 0xf0);
    asm_alu_mi(&e->a, ALU_AND, 0, asm_cpu((uint32_t)offsetof(Cpu, stores_wait)), 0);
}

static void cold_fence(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    full_fence(e);
    asm_jmp(&e->a, p->back);
}

/* Before an ordered load. (Pieces of quick blocks have nothing out of line.) */
static void settle_stores(Emit *e)
{
    emit_clobber_flags(e);
    asm_alu_mi(&e->a, ALU_CMP, 0, asm_cpu((uint32_t)offsetof(Cpu, stores_wait)), 0);
    if (e->quick) {
        uint8_t *none = asm_jcc8(&e->a, CC_E);
        full_fence(e);
        asm_patch8(&e->a, none);
        return;
    }
    ColdPiece *p = emit_cold(e, cold_fence, asm_jcc32(&e->a, CC_NE));
    p->back = e->a.p;
}

/* ---- load ------------------------------------------------------------------------------------ */

static void load_int(Emit *e, const Uop *u, AsmMem m)
{
    unsigned log2 = uop_mem_log2(u->sub), size = type_size(u->type), d = ra_def_g_over(e, u->dst);
    bool sign = uop_mem_signed(u->sub) && log2 < size;

    if (!uop_mem_be(u->sub) || log2 == 0) {
        if (sign)
            asm_movsx_rm(&e->a, size, log2, d, m);
        else
            asm_movzx_rm(&e->a, log2, d, m);
    } else {
        asm_movzx_rm(&e->a, log2, d, m);
        asm_bswap(&e->a, log2 == 3 ? 3 : 2, d);
        if (log2 == 1) {
            emit_clobber_flags(e);
            asm_shift_ri(&e->a, SHIFT_SHR, 2, d, 16);
        }
        if (sign)
            asm_movsx_rr(&e->a, size, log2, d, d);
    }
    if (u->type == T_I32)
        ra_set_upper_zero(e, u->dst);
}

/* Aligned 16-byte accesses are single-copy atomic on hosts with AVX (Intel SDM volume 3, 9.1.1; AMD
 * APM volume 2, 7.3.2), whichever instruction makes them. */
bool emit_load(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);

    if (!uop_is_int(u->type)) {
        if ((uop_mem_be(u->sub) && log2 > 0) ||
            (log2 == 4 && (u->flags & UOPF_ATOMIC) && !asm_has(&e->a, JIT_HOST_AVX)))
            return false;
        AsmMem m = address(e, u, u->imm);
        unsigned d;
        if (log2 == 1) {
            unsigned t = ra_tmp_g(e);
            d = ra_def_x_over(e, u->dst);
            asm_movzx_rm(&e->a, 1, t, m);
            asm_movq_xr(&e->a, 2, d, t);
        } else if (log2 == 0) {
            unsigned t = ra_tmp_g(e);
            d = ra_def_x_over(e, u->dst);
            asm_movzx_rm(&e->a, 0, t, m);
            asm_movq_xr(&e->a, 2, d, t);
        } else {
            d = ra_def_x_over(e, u->dst);
            asm_vload(&e->a, 1u << log2, d, m);
        }
        if (log2 < 4)
            ra_set_upper_zero(e, u->dst);
        return true;
    }
    if (uop_is_seq(u))
        settle_stores(e);
    if (uop_mem_be(u->sub) && log2 == 1)
        emit_clobber_flags(e);
    load_int(e, u, address(e, u, u->imm));
    return true;
}

/* ---- store ----------------------------------------------------------------------------------- */

bool emit_store(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);
    uint64_t imm;

    if (!uop_is_int(u->type)) {
        if ((uop_mem_be(u->sub) && log2 > 0) ||
            (log2 == 4 && (u->flags & UOPF_ATOMIC) && !asm_has(&e->a, JIT_HOST_AVX)))
            return false;
        if (log2 < 2) {
            unsigned x = ra_use_x(e, u->c);
            AsmMem m = address(e, u, u->imm);
            if (log2 == 1 && asm_has(&e->a, JIT_HOST_SSE41)) {
                asm_v2mi(&e->a, V_PEXTRW, x, m, 0);
            } else {
                unsigned t = ra_tmp_g(e);
                asm_movq_rx(&e->a, 2, t, x);
                asm_mov_mr(&e->a, log2, m, t);
            }
        } else {
            unsigned x = ra_use_x(e, u->c);
            asm_vstore(&e->a, 1u << log2, address(e, u, u->imm), x);
        }
        if (uop_is_seq(u))
            full_fence(e);
        return true;
    }
    bool be = uop_mem_be(u->sub) && log2 > 0;
    if (uop_is_seq(u))
        set_stores_wait(e, 1);
    if (emit_is_const(e, u->c, &imm) && !be && (log2 < 3 || (int64_t)imm == (int32_t)imm)) {
        asm_mov_mi(&e->a, log2, address(e, u, u->imm), (int32_t)imm);
        return true;
    }
    if (be)
        emit_clobber_flags(e);
    unsigned r = ra_use_g(e, u->c);
    AsmMem m = address(e, u, u->imm);
    if (be) {
        unsigned t = ra_tmp_g(e);
        asm_mov_rr(&e->a, 3, t, r);
        asm_bswap(&e->a, log2 == 3 ? 3 : 2, t);
        if (log2 == 1)
            asm_shift_ri(&e->a, SHIFT_SHR, 2, t, 16);
        r = t;
    }
    asm_mov_mr(&e->a, log2, m, r);
    return true;
}

/* ---- exclusives: the reservation is address, size and value ---------------------------------- */

bool emit_ll(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);

    if (uop_mem_be(u->sub) || (log2 == 4 && !emit_can_16(e)))
        return false;
    if (uop_is_seq(u))
        settle_stores(e);
    if (log2 == 4)
        return emit_ll16(e, u);
    unsigned a = ra_use_g(e, u->a), t = ra_tmp_g(e);
    asm_movzx_rm(&e->a, log2, t, asm_mem(a, 0));
    asm_mov_mr(&e->a, 3, asm_cpu((uint32_t)offsetof(Cpu, ll_addr)), a);
    asm_mov_mr(&e->a, 3, asm_cpu((uint32_t)offsetof(Cpu, ll_value)), t);
    asm_mov_mi(&e->a, 2, asm_cpu((uint32_t)offsetof(Cpu, ll_size)), 1 << log2);
    e->tmp_g &= ~(1u << t);
    ra_def_at(e, u->dst, VK_GPR, t);
    if (u->type == T_I32)
        ra_set_upper_zero(e, u->dst);
    return true;
}

bool emit_sc(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);

    if (uop_mem_be(u->sub) || (log2 == 4 && !emit_can_16(e)))
        return false;
    if (log2 == 4)
        return emit_sc16(e, u);
    emit_clobber_flags(e);
    ra_tmp_g_fixed(e, HR_RAX);
    unsigned a = ra_use_g(e, u->a), c = ra_use_g(e, u->c), t = ra_tmp_g(e);
    asm_mov_ri(&e->a, t, 1);
    asm_alu_rm(&e->a, ALU_CMP, 3, a, asm_cpu((uint32_t)offsetof(Cpu, ll_addr)));
    uint8_t *no = asm_jcc8(&e->a, CC_NE);
    asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu((uint32_t)offsetof(Cpu, ll_size)), 1 << log2);
    uint8_t *no2 = asm_jcc8(&e->a, CC_NE);
    asm_mov_rm(&e->a, 3, HR_RAX, asm_cpu((uint32_t)offsetof(Cpu, ll_value)));
    asm_u8(&e->a, 0xf0);
    asm_rm(&e->a, log2, log2 ? 0x0fb1 : 0x0fb0, c, asm_mem(a, 0)); /* lock cmpxchg */
    asm_setcc(&e->a, CC_NE, t);
    set_stores_wait(e, 0);
    asm_patch8(&e->a, no);
    asm_patch8(&e->a, no2);
    asm_mov_mi(&e->a, 3, asm_cpu((uint32_t)offsetof(Cpu, ll_addr)), -1);
    e->tmp_g &= ~(1u << t);
    ra_def_at(e, u->dst, VK_GPR, t);
    ra_set_upper_zero(e, u->dst);
    return true;
}

bool emit_clrex(Emit *e, const Uop *u)
{
    (void)u;
    asm_mov_mi(&e->a, 3, asm_cpu((uint32_t)offsetof(Cpu, ll_addr)), -1);
    return true;
}

/* ---- read-modify-write ----------------------------------------------------------------------- */

/* The old value is in r, of the memory's size: to the result, zero-extended. */
static void old_value(Emit *e, const Uop *u, unsigned r, unsigned log2)
{
    if (u->dst == VAL_NONE || emit_val(e, u->dst)->last == 0) {
        return;
    }
    if (emit_val(e, u->dst)->hint) {
        unsigned d = ra_def_g_over(e, u->dst);
        if (log2 < 3)
            asm_movzx_rr(&e->a, log2, d, r);
        else
            asm_mov_rr(&e->a, 3, d, r);
    } else {
        if (log2 < 3)
            asm_movzx_rr(&e->a, log2, r, r);
        e->tmp_g &= ~(1u << r);
        ra_def_at(e, u->dst, VK_GPR, r);
    }
    if (u->type == T_I32)
        ra_set_upper_zero(e, u->dst);
}

/* lock add / and / or / xor [a], value; nothing is returned. */
static void rmw_plain(Emit *e, const Uop *u, unsigned log2, AsmAlu op, bool invert)
{
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b);

    if (invert) {
        unsigned t = ra_tmp_g(e);
        asm_mov_rr(&e->a, 3, t, b);
        asm_unary(&e->a, UNARY_NOT, 3, t);
        b = t;
    }
    asm_u8(&e->a, 0xf0);
    asm_alu_mr(&e->a, op, log2, asm_mem(a, 0), b);
    set_stores_wait(e, 0);
}

/* new = old op b, until nobody interferes. */
static void rmw_loop(Emit *e, const Uop *u, unsigned log2)
{
    ra_tmp_g_fixed(e, HR_RAX);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), t = ra_tmp_g(e),
             wide = log2 == 3 ? 3 : 2;

    asm_movzx_rm(&e->a, log2, HR_RAX, asm_mem(a, 0));
    const uint8_t *again = e->a.p;
    switch (u->imm) {
    case UOP_RMW_CLR:
        asm_mov_rr(&e->a, wide, t, b);
        asm_unary(&e->a, UNARY_NOT, wide, t);
        asm_alu_rr(&e->a, ALU_AND, wide, t, HR_RAX);
        break;
    case UOP_RMW_OR:
    case UOP_RMW_XOR:
        asm_mov_rr(&e->a, wide, t, b);
        asm_alu_rr(&e->a, u->imm == UOP_RMW_OR ? ALU_OR : ALU_XOR, wide, t, HR_RAX);
        break;
    default: { /* minimum, maximum: of the operands at their width; the first choice is b */
        static const uint8_t keep_old[4] = {CC_G, CC_L, CC_A,
                                            CC_B}; /* SMAX SMIN UMAX UMIN: old cc b */
        if (log2 <
            2) { /* compare extended: b goes to the temporary, old is compared at its own width */
            asm_alu_rr(&e->a, ALU_CMP, log2, HR_RAX, b);
        } else {
            asm_alu_rr(&e->a, ALU_CMP, wide, HR_RAX, b);
        }
        asm_mov_rr(&e->a, wide, t, b);
        asm_cmov_rr(&e->a, keep_old[u->imm - UOP_RMW_SMAX], wide, t, HR_RAX);
        break;
    }
    }
    asm_u8(&e->a, 0xf0);
    asm_rm(&e->a, log2, log2 ? 0x0fb1 : 0x0fb0, t, asm_mem(a, 0));
    asm_jcc(&e->a, CC_NE, again);
    set_stores_wait(e, 0);
    old_value(e, u, HR_RAX, log2);
}

bool emit_rmw(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);
    bool wanted = u->dst != VAL_NONE && emit_val(e, u->dst)->last != 0;

    if (uop_mem_be(u->sub) || !uop_is_int(u->type))
        return false;
    emit_clobber_flags(e);
    if (u->imm == UOP_RMW_ADD || u->imm == UOP_RMW_SWAP) {
        if (!wanted && u->imm == UOP_RMW_ADD) {
            rmw_plain(e, u, log2, ALU_ADD, false);
            return true;
        }
        unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), t = ra_tmp_g(e);
        asm_mov_rr(&e->a, 3, t, b);
        if (u->imm == UOP_RMW_SWAP) {
            asm_xchg_mr(&e->a, log2, asm_mem(a, 0), t);
        } else {
            asm_u8(&e->a, 0xf0);
            asm_rm(&e->a, log2, log2 ? 0x0fc1 : 0x0fc0, t, asm_mem(a, 0)); /* lock xadd */
        }
        set_stores_wait(e, 0);
        old_value(e, u, t, log2);
        return true;
    }
    if (!wanted && u->imm < UOP_RMW_SMAX) {
        rmw_plain(e, u, log2,
                  u->imm == UOP_RMW_CLR   ? ALU_AND
                  : u->imm == UOP_RMW_XOR ? ALU_XOR
                                          : ALU_OR,
                  u->imm == UOP_RMW_CLR);
        return true;
    }
    rmw_loop(e, u, log2);
    return true;
}

bool emit_cas(Emit *e, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub);

    if (uop_mem_be(u->sub) || (log2 == 4 && !emit_can_16(e)))
        return false;
    if (log2 == 4)
        return emit_cas16(e, u);
    emit_clobber_flags(e);
    ra_tmp_g_fixed(e, HR_RAX);
    unsigned a = ra_use_g(e, u->a), b = ra_use_g(e, u->b), c = ra_use_g(e, u->c);
    asm_mov_rr(&e->a, 3, HR_RAX, b);
    asm_u8(&e->a, 0xf0);
    asm_rm(&e->a, log2, log2 ? 0x0fb1 : 0x0fb0, c, asm_mem(a, 0));
    set_stores_wait(e, 0);
    old_value(e, u, HR_RAX, log2);
    return true;
}

/* ---- barriers, hints ------------------------------------------------------------------------- */

bool emit_fence(Emit *e, const Uop *u)
{
    if (u->sub == UOP_FENCE_FULL)
        full_fence(e);
    return true;
}

bool emit_prefetch(Emit *e, const Uop *u)
{
    AsmMem m = address(e, u, u->imm);

    asm_rm(&e->a, 2, 0x0f18, 1, m); /* prefetcht0 */
    return true;
}
