/*
 * trans_pac.c - pointer authentication (D8.10 of the Arm ARM), with an algorithm of our own
 * (ID_AA64ISAR1_EL1.API): the code of a pointer must depend on the pointer, a modifier and a key, and be
 * cheap, because compilers sign every return address.
 *
 *     63    56 55 54   48 47                                0
 *    +--------+--+-------+-----------------------------------+
 *    |  tag   |s |  PAC  |             address               |   as Linux has it for 48-bit addresses
 *    +--------+--+-------+-----------------------------------+   and tagged pointers (TBI)
 *
 *     PAC = top 7 bits of ((address << 16 ^ key.lo) * K1 ^ modifier ^ key.hi) * K2
 *
 * A multiplication carries every bit of its operand to the top bits of the product.
 */
#include "frontend/aarch64/ctx.h"

enum { PAC_LSB = 48, PAC_WIDTH = 7 };
static const uint64_t K1 = UINT64_C(0x9e3779b97f4a7c15), K2 = UINT64_C(0xd6e8feb86659fd93);

static bool enabled(const A64Ctx *ctx, A64PacKey key)
{
    return ctx->mode & (uint32_t)A64_MODE_PAC_IA << key;
}

static Val insert(A64Ctx *ctx, Val into, Val bits, unsigned lsb, unsigned width)
{
    return uop_emit(ctx->b, UOP_INSERT, T_I64, 0, 0, T_I64, into, bits, VAL_NONE,
                    (int32_t)(lsb | width << 8));
}

static Val sextract(A64Ctx *ctx, Val v, unsigned lsb, unsigned width)
{
    return uop_emit(ctx->b, UOP_SEXTRACT, T_I64, 0, 0, T_I64, v, VAL_NONE, VAL_NONE,
                    (int32_t)(lsb | width << 8));
}

static Val mix(A64Ctx *ctx, A64PacKey key, Val v, Val modifier)
{
    UopBlock *b = ctx->b;
    uint32_t offset = A64_OFF(pac_keys) + 16 * (uint32_t)key;
    v = uop_bin(b, UOP_XOR, T_I64, v, uop_get(b, T_I64, offset));
    v = uop_bin(b, UOP_MUL, T_I64, v, uop_const(b, T_I64, K1));
    v = uop_bin(b, UOP_XOR, T_I64, v, modifier);
    v = uop_bin(b, UOP_XOR, T_I64, v, uop_get(b, T_I64, offset + 8));
    return uop_bin(b, UOP_MUL, T_I64, v, uop_const(b, T_I64, K2));
}

/* The 7 bits. */
static Val code(A64Ctx *ctx, A64PacKey key, Val pointer, Val modifier)
{
    Val v = uop_bini(ctx->b, UOP_SHL, T_I64, pointer, 64 - PAC_LSB);
    return uop_bini(ctx->b, UOP_LSR, T_I64, mix(ctx, key, v, modifier), 64 - PAC_WIDTH);
}

/* Bits 48 to 54 made what bit 55 is. */
static Val strip(A64Ctx *ctx, Val pointer)
{
    return insert(ctx, pointer, sextract(ctx, pointer, 55, 1), PAC_LSB, PAC_WIDTH);
}

/* AddPAC: a pointer that isn't canonical gets a code with its top bit wrong. */
static Val sign(A64Ctx *ctx, A64PacKey key, Val pointer, Val modifier)
{
    UopBlock *b = ctx->b;
    if (!enabled(ctx, key)) {
        return pointer;
    }
    Val top = sextract(ctx, pointer, PAC_LSB, PAC_WIDTH + 1); /* 0 or -1 when canonical */
    Val bad = uop_icmpi(b, T_I64, UOP_UGT, uop_bini(b, UOP_ADD, T_I64, top, 1), 1);
    Val flip = uop_bini(b, UOP_SHL, T_I64, uop_zext(b, T_I64, 2, bad), PAC_WIDTH - 1);
    Val pac = uop_bin(b, UOP_XOR, T_I64, code(ctx, key, pointer, modifier), flip);
    return insert(ctx, pointer, pac, PAC_LSB, PAC_WIDTH);
}

/* Auth, without FEAT_FPAC: a wrong code leaves an error code in bits 54:53, 01 for A keys, 10 for B. */
Val a64_pac_auth(A64Ctx *ctx, A64PacKey key, Val pointer, Val modifier)
{
    UopBlock *b = ctx->b;
    if (!enabled(ctx, key)) {
        return pointer;
    }
    Val good = strip(ctx, pointer);
    Val error = uop_const(b, T_I64, key == A64_KEY_IA || key == A64_KEY_DA ? 1 : 2);
    Val found = uop_emit(b, UOP_EXTRACT, T_I64, 0, 0, T_I64, pointer, VAL_NONE, VAL_NONE,
                         PAC_LSB | PAC_WIDTH << 8);
    Val same = uop_icmp(b, T_I64, UOP_EQ, found, code(ctx, key, pointer, modifier));
    return uop_select(b, T_I64, same, good, insert(ctx, good, error, 53, 2));
}

static A64PacKey key_of(int data, int b)
{
    return (A64PacKey)(2 * data + b);
}

static void sign_register(A64Ctx *ctx, int rd, A64PacKey key, Val modifier)
{
    a64_set_x(ctx, rd, sign(ctx, key, a64_x(ctx, rd), modifier));
}

static void auth_register(A64Ctx *ctx, int rd, A64PacKey key, Val modifier)
{
    a64_set_x(ctx, rd, a64_pac_auth(ctx, key, a64_x(ctx, rd), modifier));
}

static Val zero(A64Ctx *ctx)
{
    return uop_const(ctx->b, T_I64, 0);
}

void trans_PAC(A64Ctx *ctx, const A64Args *a)
{
    sign_register(ctx, a->rd, key_of(a->data, a->b), a64_xsp(ctx, a->rn));
}

void trans_AUT(A64Ctx *ctx, const A64Args *a)
{
    auth_register(ctx, a->rd, key_of(a->data, a->b), a64_xsp(ctx, a->rn));
}

void trans_PAC_zero(A64Ctx *ctx, const A64Args *a)
{
    sign_register(ctx, a->rd, key_of(a->data, a->b), zero(ctx));
}

void trans_AUT_zero(A64Ctx *ctx, const A64Args *a)
{
    auth_register(ctx, a->rd, key_of(a->data, a->b), zero(ctx));
}

void trans_XPAC(A64Ctx *ctx, const A64Args *a)
{
    a64_set_x(ctx, a->rd, strip(ctx, a64_x(ctx, a->rd)));
}

/* The forms among the hints: x17 with modifier x16, or the link register with zero or sp. */
void trans_PAC_1716(A64Ctx *ctx, const A64Args *a)
{
    sign_register(ctx, 17, key_of(0, a->b), a64_x(ctx, 16));
}

void trans_AUT_1716(A64Ctx *ctx, const A64Args *a)
{
    auth_register(ctx, 17, key_of(0, a->b), a64_x(ctx, 16));
}

void trans_PAC_lrz(A64Ctx *ctx, const A64Args *a)
{
    sign_register(ctx, 30, key_of(0, a->b), zero(ctx));
}

void trans_AUT_lrz(A64Ctx *ctx, const A64Args *a)
{
    auth_register(ctx, 30, key_of(0, a->b), zero(ctx));
}

void trans_PAC_sp(A64Ctx *ctx, const A64Args *a)
{
    sign_register(ctx, 30, key_of(0, a->b), a64_xsp(ctx, 31));
}

void trans_AUT_sp(A64Ctx *ctx, const A64Args *a)
{
    auth_register(ctx, 30, key_of(0, a->b), a64_xsp(ctx, 31));
}

void trans_XPACLRI(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    a64_set_x(ctx, 30, strip(ctx, a64_x(ctx, 30)));
}

/* The generic key is always on: a code of 32 bits in the upper half. */
void trans_PACGA(A64Ctx *ctx, const A64Args *a)
{
    Val v = mix(ctx, A64_KEY_GA, a64_x(ctx, a->rn), a64_xsp(ctx, a->rm));
    a64_set_x(ctx, a->rd, uop_bini(ctx->b, UOP_AND, T_I64, v, ~(int64_t)UINT32_MAX));
}
