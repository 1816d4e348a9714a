/*
 * Loads and stores of pairs of registers (C4.1.94).
 *
 * A pair of X registers in 16 aligned bytes is one single-copy atomic access (FEAT_LSE2). Only
 * another thread or process can tell, and two accesses are faster (their halves forward to and from
 * other accesses of 8 bytes), so single-threaded code makes two: CPU_MODE_THREADS. So do accesses
 * through SP: another thread knows of a place in this one's frame only by its address, which then
 * is in another register here too.
 */
#include "frontend/aarch64/mem.h"

typedef struct Pair {
    Val first, second;
} Pair;

/* The pair's address. idx: 0 and 2 offset, 1 post-indexed, 3 pre-indexed. */
static A64Mem pair_address(A64Ctx *ctx, const A64Args *a, int idx, unsigned size, Val base)
{
    return a64_mem(ctx, base, idx == 1 ? 0 : a->imm * (1 << size));
}

/* What was the base is added to behind the accesses: then the sum is made where the register is. */
static void update_base(A64Ctx *ctx, const A64Args *a, int idx, unsigned size, Val base)
{
    if (idx & 1) {
        a64_set_xsp(ctx, a->rn, uop_bini(ctx->b, UOP_ADD, T_I64, base, a->imm * (1 << size)));
    }
}

static bool is_atomic_pair(const A64Ctx *ctx, const A64Args *a, unsigned size)
{
    return size == 3 && a->rn != 31 && ctx->mode & CPU_MODE_THREADS;
}

static Pair load_pair(A64Ctx *ctx, const A64Args *a, A64Mem m, uint8_t type, unsigned size,
                      bool sign)
{
    Pair p;
    if (type == T_I64 && is_atomic_pair(ctx, a, size)) {
        Val both = a64_load(ctx, &m, T_I64X2, 4, false, UOPF_ATOMIC);
        return (Pair){a64_pair_half(ctx, both, 0), a64_pair_half(ctx, both, 1)};
    }
    p.first = a64_load(ctx, &m, type, size, sign, 0);
    m.disp += 1 << size;
    p.second = a64_load(ctx, &m, type, size, sign, 0);
    return p;
}

static void store_pair(A64Ctx *ctx, const A64Args *a, A64Mem m, unsigned size, Pair p)
{
    if (uop_val_type(ctx->b, p.first) == T_I64 && is_atomic_pair(ctx, a, size)) {
        a64_store(ctx, &m, 4, UOPF_ATOMIC, a64_make_pair(ctx, p.first, p.second));
        return;
    }
    a64_store(ctx, &m, size, 0, p.first);
    m.disp += 1 << size;
    a64_store(ctx, &m, size, 0, p.second);
}

static void stp_int(A64Ctx *ctx, const A64Args *a, int idx)
{
    unsigned size = 2 + (unsigned)a->sf;
    Val base = a64_xsp(ctx, a->rn);
    Pair p = {a64_r(ctx, a->sf, a->rt), a64_r(ctx, a->sf, a->rt2)};
    store_pair(ctx, a, pair_address(ctx, a, idx, size, base), size, p);
    update_base(ctx, a, idx, size, base);
}

static void ldp_int(A64Ctx *ctx, const A64Args *a, int idx)
{
    unsigned size = 2 + (unsigned)a->sf;
    Val base = a64_xsp(ctx, a->rn);
    Pair p = load_pair(ctx, a, pair_address(ctx, a, idx, size, base), a64_type(a->sf), size, false);
    a64_set_r(ctx, a->sf, a->rt, p.first);
    a64_set_r(ctx, a->sf, a->rt2, p.second);
    update_base(ctx, a, idx, size, base);
}

static void stp_fp(A64Ctx *ctx, const A64Args *a, int idx)
{
    unsigned size = 2 + (unsigned)a->opc;
    Val base = a64_xsp(ctx, a->rn);
    Pair p = {a64_fp_value(ctx, size, a->rt), a64_fp_value(ctx, size, a->rt2)};
    store_pair(ctx, a, pair_address(ctx, a, idx, size, base), size, p);
    update_base(ctx, a, idx, size, base);
}

static void ldp_fp(A64Ctx *ctx, const A64Args *a, int idx)
{
    unsigned size = 2 + (unsigned)a->opc;
    Val base = a64_xsp(ctx, a->rn);
    Pair p =
        load_pair(ctx, a, pair_address(ctx, a, idx, size, base), a64_fp_type(size), size, false);
    a64_set_fp_value(ctx, a->rt, p.first);
    a64_set_fp_value(ctx, a->rt2, p.second);
    update_base(ctx, a, idx, size, base);
}

void trans_STNP(A64Ctx *ctx, const A64Args *a)
{
    stp_int(ctx, a, 0);
}

void trans_LDNP(A64Ctx *ctx, const A64Args *a)
{
    ldp_int(ctx, a, 0);
}

void trans_STP(A64Ctx *ctx, const A64Args *a)
{
    stp_int(ctx, a, a->idx);
}

void trans_LDP(A64Ctx *ctx, const A64Args *a)
{
    ldp_int(ctx, a, a->idx);
}

void trans_LDPSW(A64Ctx *ctx, const A64Args *a)
{
    Val base = a64_xsp(ctx, a->rn);
    Pair p = load_pair(ctx, a, pair_address(ctx, a, a->idx, 2, base), T_I64, 2, true);
    a64_set_x(ctx, a->rt, p.first);
    a64_set_x(ctx, a->rt2, p.second);
    update_base(ctx, a, a->idx, 2, base);
}

void trans_STNP_fp(A64Ctx *ctx, const A64Args *a)
{
    stp_fp(ctx, a, 0);
}

void trans_LDNP_fp(A64Ctx *ctx, const A64Args *a)
{
    ldp_fp(ctx, a, 0);
}

void trans_STP_fp(A64Ctx *ctx, const A64Args *a)
{
    stp_fp(ctx, a, a->idx);
}

void trans_LDP_fp(A64Ctx *ctx, const A64Args *a)
{
    ldp_fp(ctx, a, a->idx);
}
