/*
 * LD1 to LD4, ST1 to ST4, LD1R to LD4R (C4.1.94): structures of lanes of one to four consecutive
 * registers.
 */
#include "frontend/aarch64/mem.h"

#include <string.h>

/* The types of whole registers by lane size: 8 bytes (q 0) and 16. */
static uint8_t vec_type(int q, unsigned size)
{
    static const uint8_t types[2][4] = {{T_I8X8, T_I16X4, T_I32X2, T_I64X1},
                                        {T_I8X16, T_I16X8, T_I32X4, T_I64X2}};
    return types[q][size];
}

static int next_reg(int n, unsigned by)
{
    return (n + (int)by) & 31;
}

static void update_base(A64Ctx *ctx, const A64Args *a, unsigned bytes)
{
    if (a->post) {
        Val base = a64_xsp(ctx, a->rn);
        a64_set_xsp(ctx, a->rn,
                    a->rm == 31 ? uop_bini(ctx->b, UOP_ADD, T_I64, base, (int64_t)bytes)
                                : uop_bin(ctx->b, UOP_ADD, T_I64, base, a64_x(ctx, a->rm)));
    }
}

/* ---- multiple structures --------------------------------------------------------------------- */

static void load_regs(A64Ctx *ctx, const A64Args *a, uint8_t type, unsigned count, Val *v)
{
    A64Mem m = a64_mem(ctx, a64_xsp(ctx, a->rn), 0);
    for (unsigned i = 0; i < count; i++, m.disp += 8 << a->q) {
        v[i] = a64_load(ctx, &m, type, 3 + (unsigned)a->q, false, 0);
    }
}

static void store_regs(A64Ctx *ctx, const A64Args *a, unsigned count, const Val *v)
{
    A64Mem m = a64_mem(ctx, a64_xsp(ctx, a->rn), 0);
    for (unsigned i = 0; i < count; i++, m.disp += 8 << a->q) {
        a64_store(ctx, &m, 3 + (unsigned)a->q, 0, v[i]);
    }
    update_base(ctx, a, count * (8u << a->q));
}

static void get_regs(A64Ctx *ctx, const A64Args *a, uint8_t type, unsigned count, Val *v)
{
    for (unsigned i = 0; i < count; i++) {
        v[i] = a64_v(ctx, type, next_reg(a->rt, i));
    }
}

static void set_regs(A64Ctx *ctx, const A64Args *a, unsigned count, const Val *v)
{
    for (unsigned i = 0; i < count; i++) {
        a64_set_v(ctx, next_reg(a->rt, i), v[i]);
    }
    update_base(ctx, a, count * (8u << a->q));
}

static unsigned plain_count(const A64Args *a)
{
    return a->op == 7 ? 1 : a->op == 10 ? 2 : a->op == 6 ? 3 : 4;
}

void trans_LD1_multi(A64Ctx *ctx, const A64Args *a)
{
    Val v[4];
    load_regs(ctx, a, vec_type(a->q, (unsigned)a->size), plain_count(a), v);
    set_regs(ctx, a, plain_count(a), v);
}

void trans_ST1_multi(A64Ctx *ctx, const A64Args *a)
{
    Val v[4];
    get_regs(ctx, a, vec_type(a->q, (unsigned)a->size), plain_count(a), v);
    store_regs(ctx, a, plain_count(a), v);
}

void trans_LD2_multi(A64Ctx *ctx, const A64Args *a)
{
    uint8_t t = vec_type(a->q, (unsigned)a->size);
    Val m[2];
    load_regs(ctx, a, t, 2, m);
    Val v[2] = {uop_bin(ctx->b, UOP_UZP1, t, m[0], m[1]), uop_bin(ctx->b, UOP_UZP2, t, m[0], m[1])};
    set_regs(ctx, a, 2, v);
}

void trans_ST2_multi(A64Ctx *ctx, const A64Args *a)
{
    uint8_t t = vec_type(a->q, (unsigned)a->size);
    Val v[2];
    get_regs(ctx, a, t, 2, v);
    Val m[2] = {uop_bin(ctx->b, UOP_ZIP1, t, v[0], v[1]), uop_bin(ctx->b, UOP_ZIP2, t, v[0], v[1])};
    store_regs(ctx, a, 2, m);
}

/* Four fields: twice the parting of even and odd lanes. */
void trans_LD4_multi(A64Ctx *ctx, const A64Args *a)
{
    UopBlock *b = ctx->b;
    uint8_t t = vec_type(a->q, (unsigned)a->size);
    Val m[4];
    load_regs(ctx, a, t, 4, m);
    Val even[2] = {uop_bin(b, UOP_UZP1, t, m[0], m[1]), uop_bin(b, UOP_UZP1, t, m[2], m[3])};
    Val odd[2] = {uop_bin(b, UOP_UZP2, t, m[0], m[1]), uop_bin(b, UOP_UZP2, t, m[2], m[3])};
    Val v[4] = {uop_bin(b, UOP_UZP1, t, even[0], even[1]), uop_bin(b, UOP_UZP1, t, odd[0], odd[1]),
                uop_bin(b, UOP_UZP2, t, even[0], even[1]), uop_bin(b, UOP_UZP2, t, odd[0], odd[1])};
    set_regs(ctx, a, 4, v);
}

void trans_ST4_multi(A64Ctx *ctx, const A64Args *a)
{
    UopBlock *b = ctx->b;
    uint8_t t = vec_type(a->q, (unsigned)a->size);
    Val v[4];
    get_regs(ctx, a, t, 4, v);
    Val even[2] = {uop_bin(b, UOP_ZIP1, t, v[0], v[2]), uop_bin(b, UOP_ZIP2, t, v[0], v[2])};
    Val odd[2] = {uop_bin(b, UOP_ZIP1, t, v[1], v[3]), uop_bin(b, UOP_ZIP2, t, v[1], v[3])};
    Val m[4] = {uop_bin(b, UOP_ZIP1, t, even[0], odd[0]), uop_bin(b, UOP_ZIP2, t, even[0], odd[0]),
                uop_bin(b, UOP_ZIP1, t, even[1], odd[1]), uop_bin(b, UOP_ZIP2, t, even[1], odd[1])};
    store_regs(ctx, a, 4, m);
}

/*
 * Three fields: byte tables. Byte i of an output comes from byte from[i] of the concatenated
 * inputs, each of 16 bytes; those of each input are picked by one TBL, which leaves the others to
 * the one before.
 */
static Val pick(A64Ctx *ctx, uint8_t type, const Val *in, unsigned count, const uint8_t from[16])
{
    UopBlock *b = ctx->b;
    V128 table = {0};
    for (unsigned i = 0; i < 16; i++) {
        table.u8[i] = from[i];
    }
    Val index = type == T_I8X16 ? uop_vconst(b, T_I8X16, table.u64[0], table.u64[1])
                                : uop_const(b, T_I8X8, table.u64[0]);
    Val out = VAL_NONE;
    for (unsigned i = 0; i < count; i++) {
        out = uop_emit(b, UOP_TBL, type, 0, 0, type, in[i], index, out, (int32_t)(16 * i));
    }
    return out;
}

/* The 24 or 48 bytes of three registers as bytes of 16-byte vectors; returns how many of them. */
static unsigned bytes_of_three(A64Ctx *ctx, const Val *in, int q, Val *out)
{
    UopBlock *b = ctx->b;
    if (q) {
        memcpy(out, in, 3 * sizeof(*in));
        return 3;
    }
    Val half[3];
    for (unsigned i = 0; i < 3; i++) {
        half[i] = uop_conv(b, UOP_ZEXTV, T_I64X2, T_I8X8, 0, 0, in[i], 0);
    }
    out[0] = uop_conv(b, UOP_BITCAST, T_I8X16, T_I64X2, 0, 0,
                      uop_bin(b, UOP_ZIP1, T_I64X2, half[0], half[1]), 0);
    out[1] = uop_conv(b, UOP_BITCAST, T_I8X16, T_I64X2, 0, 0, half[2], 0);
    return 2;
}

void trans_LD3_multi(A64Ctx *ctx, const A64Args *a)
{
    uint8_t t = vec_type(a->q, 0);
    Val m[3], bytes[3], v[3];
    load_regs(ctx, a, t, 3, m);
    unsigned count = bytes_of_three(ctx, m, a->q, bytes);
    for (unsigned k = 0; k < 3; k++) {
        uint8_t from[16] = {0};
        for (unsigned i = 0; i < 8u << a->q; i++) {
            unsigned lane = i >> a->size, byte = i & ((1u << a->size) - 1);
            from[i] = (uint8_t)(((3 * lane + k) << a->size) + byte);
        }
        v[k] = pick(ctx, t, bytes, count, from);
    }
    set_regs(ctx, a, 3, v);
}

void trans_ST3_multi(A64Ctx *ctx, const A64Args *a)
{
    uint8_t t = vec_type(a->q, 0);
    unsigned width = 8u << a->q;
    Val v[3], bytes[3], m[3];
    get_regs(ctx, a, t, 3, v);
    unsigned count = bytes_of_three(ctx, v, a->q, bytes);
    for (unsigned k = 0; k < 3; k++) {
        uint8_t from[16] = {0};
        for (unsigned i = 0; i < width; i++) {
            unsigned at = k * width + i;
            unsigned element = at >> a->size, byte = at & ((1u << a->size) - 1);
            from[i] = (uint8_t)(element % 3 * width + (element / 3 << a->size) + byte);
        }
        m[k] = pick(ctx, t, bytes, count, from);
    }
    store_regs(ctx, a, 3, m);
}

/* ---- single structures ----------------------------------------------------------------------- */

static unsigned single_size(const A64Args *a)
{
    return a->opc == 2 && a->lane & 1 ? 3 : (unsigned)a->opc;
}

static void load_scalars(A64Ctx *ctx, const A64Args *a, unsigned size, unsigned count, Val *v)
{
    A64Mem m = a64_mem(ctx, a64_xsp(ctx, a->rn), 0);
    for (unsigned i = 0; i < count; i++, m.disp += 1 << size) {
        v[i] = a64_load(ctx, &m, a64_int_type(size), size, false, 0);
    }
}

static void load_single(A64Ctx *ctx, const A64Args *a, unsigned count)
{
    unsigned size = single_size(a);
    uint8_t t = vec_type(1, size);
    Val v[4];
    load_scalars(ctx, a, size, count, v);
    for (unsigned i = 0; i < count; i++) {
        int n = next_reg(a->rt, i);
        a64_set_v(ctx, n,
                  uop_emit(ctx->b, UOP_SETLANE, t, 0, 0, t, a64_v(ctx, t, n), v[i], VAL_NONE,
                           a->lane >> size));
    }
    update_base(ctx, a, count << size);
}

static void store_single(A64Ctx *ctx, const A64Args *a, unsigned count)
{
    unsigned size = single_size(a);
    uint8_t t = vec_type(1, size);
    A64Mem m = a64_mem(ctx, a64_xsp(ctx, a->rn), 0);
    for (unsigned i = 0; i < count; i++, m.disp += 1 << size) {
        Val reg = a64_v(ctx, t, next_reg(a->rt, i));
        a64_store(ctx, &m, size, 0,
                  uop_conv(ctx->b, UOP_GETLANE, a64_int_type(size), t, 0, 0, reg, a->lane >> size));
    }
    update_base(ctx, a, count << size);
}

static void load_replicate(A64Ctx *ctx, const A64Args *a, unsigned count)
{
    unsigned size = (unsigned)a->size;
    uint8_t t = vec_type(a->q, size);
    Val v[4];
    load_scalars(ctx, a, size, count, v);
    for (unsigned i = 0; i < count; i++) {
        a64_set_v(ctx, next_reg(a->rt, i), uop_un(ctx->b, UOP_SPLAT, t, v[i]));
    }
    update_base(ctx, a, count << size);
}

void trans_LD1_single(A64Ctx *ctx, const A64Args *a)
{
    load_single(ctx, a, 1);
}

void trans_LD2_single(A64Ctx *ctx, const A64Args *a)
{
    load_single(ctx, a, 2);
}

void trans_LD3_single(A64Ctx *ctx, const A64Args *a)
{
    load_single(ctx, a, 3);
}

void trans_LD4_single(A64Ctx *ctx, const A64Args *a)
{
    load_single(ctx, a, 4);
}

void trans_ST1_single(A64Ctx *ctx, const A64Args *a)
{
    store_single(ctx, a, 1);
}

void trans_ST2_single(A64Ctx *ctx, const A64Args *a)
{
    store_single(ctx, a, 2);
}

void trans_ST3_single(A64Ctx *ctx, const A64Args *a)
{
    store_single(ctx, a, 3);
}

void trans_ST4_single(A64Ctx *ctx, const A64Args *a)
{
    store_single(ctx, a, 4);
}

void trans_LD1R(A64Ctx *ctx, const A64Args *a)
{
    load_replicate(ctx, a, 1);
}

void trans_LD2R(A64Ctx *ctx, const A64Args *a)
{
    load_replicate(ctx, a, 2);
}

void trans_LD3R(A64Ctx *ctx, const A64Args *a)
{
    load_replicate(ctx, a, 3);
}

void trans_LD4R(A64Ctx *ctx, const A64Args *a)
{
    load_replicate(ctx, a, 4);
}
