/*
 * trans_pac.c - pointer authentication (D8.10 of the Arm ARM) as FEAT_PAuth2 has it: signing a
 * pointer XORs a code into the bits between its address and bit 55, authenticating it XORs the code
 * again. If pointer, modifier and key are those it was signed with, these bits are again what bit
 * 55 is; else the result isn't an address, and using it faults.
 *
 *     63    56 55 54   48 47                                0
 *    +--------+--+-------+-----------------------------------+
 *    |  tag   |s |  PAC  |             address               |   as Linux has it for 48-bit
 * addresses
 *    +--------+--+-------+-----------------------------------+   and tagged pointers (TBI)
 *
 *     PAC = top 7 bits of ((address << 16) + modifier + key.lo) * key.hi
 *
 * The algorithm is our own (ID_AA64ISAR1_EL1.API). It must depend on all its inputs and be cheap,
 * because compilers sign every return address: a random multiplier carries every bit of a
 * difference to the top. Codes of inputs that differ by d differ if d * key.hi is far from 0; keys
 * for which it isn't, for some usual d, aren't taken (a64_pac_key_is_good).
 */
#include "frontend/aarch64/ctx.h"
#include "frontend/aarch64/helpers.h"

enum { PAC_LSB = 48, PAC_WIDTH = 7 };

static bool enabled(const A64Ctx *ctx, A64PacKey key)
{
    return ctx->mode & (uint32_t)A64_MODE_PAC_IA << key;
}

static Val mix(A64Ctx *ctx, A64PacKey key, Val v, Val modifier)
{
    UopBlock *b = ctx->b;
    uint32_t offset = A64_OFF(pac_keys) + 16 * (uint32_t)key;
    v = uop_bin(b, UOP_ADD, T_I64, v, modifier);
    v = uop_bin(b, UOP_ADD, T_I64, v, uop_get(b, T_I64, offset));
    return uop_bin(b, UOP_MUL, T_I64, v, uop_get(b, T_I64, offset + 8));
}

/* Signs or authenticates. */
static Val with_code(A64Ctx *ctx, A64PacKey key, Val pointer, Val modifier)
{
    UopBlock *b = ctx->b;
    if (!enabled(ctx, key)) {
        return pointer;
    }
    Val address = uop_bini(b, UOP_SHL, T_I64, pointer, 64 - PAC_LSB);
    Val code = uop_bini(b, UOP_LSR, T_I64, mix(ctx, key, address, modifier), 64 - PAC_WIDTH);
    return uop_bin(b, UOP_XOR, T_I64, pointer, uop_bini(b, UOP_SHL, T_I64, code, PAC_LSB));
}

/* The usual differences of two modifiers or addresses: neighbours on the stack and in a structure,
 * and powers of two. Signs don't matter. */
bool a64_pac_key_is_good(uint64_t hi)
{
    const uint64_t near = UINT64_C(1) << (64 - PAC_WIDTH);
    for (uint64_t d = 8; d <= 256; d += 8) {
        if (d * hi + near < 2 * near) {
            return false;
        }
    }
    for (unsigned bit = 0; bit < 56; bit++) {
        if ((hi << bit) + near < 2 * near) {
            return false;
        }
    }
    return true;
}

Val a64_pac_auth(A64Ctx *ctx, A64PacKey key, Val pointer, Val modifier)
{
    return with_code(ctx, key, pointer, modifier);
}

/* Bits 48 to 54 made what bit 55 is. */
static Val strip(A64Ctx *ctx, Val pointer)
{
    Val sign = uop_field(ctx->b, UOP_SEXTRACT, T_I64, pointer, 55, 1);
    return uop_insert(ctx->b, T_I64, pointer, sign, PAC_LSB, PAC_WIDTH);
}

static A64PacKey key_of(int data, int b)
{
    return (A64PacKey)(2 * data + b);
}

/* PACxx and AUTxx of a register. */
static void toggle(A64Ctx *ctx, int rd, A64PacKey key, Val modifier)
{
    a64_set_x(ctx, rd, with_code(ctx, key, a64_x(ctx, rd), modifier));
}

static Val zero(A64Ctx *ctx)
{
    return uop_const(ctx->b, T_I64, 0);
}

void trans_PAC(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, a->rd, key_of(a->data, a->b), a64_xsp(ctx, a->rn));
}

void trans_AUT(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, a->rd, key_of(a->data, a->b), a64_xsp(ctx, a->rn));
}

void trans_PAC_zero(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, a->rd, key_of(a->data, a->b), zero(ctx));
}

void trans_AUT_zero(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, a->rd, key_of(a->data, a->b), zero(ctx));
}

void trans_XPAC(A64Ctx *ctx, const A64Args *a)
{
    a64_set_x(ctx, a->rd, strip(ctx, a64_x(ctx, a->rd)));
}

/* The forms among the hints: x17 with modifier x16, or the link register with zero or sp. */
void trans_PAC_1716(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, 17, key_of(0, a->b), a64_x(ctx, 16));
}

void trans_AUT_1716(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, 17, key_of(0, a->b), a64_x(ctx, 16));
}

void trans_PAC_lrz(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, 30, key_of(0, a->b), zero(ctx));
}

void trans_AUT_lrz(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, 30, key_of(0, a->b), zero(ctx));
}

void trans_PAC_sp(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, 30, key_of(0, a->b), a64_xsp(ctx, 31));
}

void trans_AUT_sp(A64Ctx *ctx, const A64Args *a)
{
    toggle(ctx, 30, key_of(0, a->b), a64_xsp(ctx, 31));
}

void trans_XPACLRI(A64Ctx *ctx, const A64Args *a)
{
    (void)a;
    a64_set_x(ctx, 30, strip(ctx, a64_x(ctx, 30)));
}

/* The generic key is always on: a code of 32 bits in the upper half. */
void trans_PACGA(A64Ctx *ctx, const A64Args *a)
{
    Val v = uop_bini(ctx->b, UOP_ROR, T_I64, a64_x(ctx, a->rn), PAC_LSB);
    v = mix(ctx, A64_KEY_GA, v, a64_xsp(ctx, a->rm));
    a64_set_x(ctx, a->rd, uop_bini(ctx->b, UOP_AND, T_I64, v, ~(int64_t)UINT32_MAX));
}
