/* trans_crypto.c - AES, SHA-1, SHA-256, SHA-512, SHA-3, SM3 and SM4 (crypto.decode). */
#include "frontend/aarch64/simd.h"

/* Which registers are the operands, in the order of UopCrypto. */
typedef enum Operands { N, D_N, N_M, D_N_M, N_M_A } Operands;

static void crypto(A64Ctx *ctx, const A64Args *a, UopCrypto kind, Operands operands, int imm)
{
    int regs[5][3] = {{a->rn, -1, -1},
                      {a->rd, a->rn, -1},
                      {a->rn, a->rm, -1},
                      {a->rd, a->rn, a->rm},
                      {a->rn, a->rm, a->ra}};
    Val v[3];
    for (int i = 0; i < 3; i++) {
        int reg = regs[operands][i];
        v[i] = reg < 0 ? VAL_NONE : a64_v(ctx, T_I32X4, reg);
    }
    a64_set_v(
        ctx, a->rd,
        uop_emit(ctx->b, UOP_CRYPTO, T_I32X4, (uint8_t)kind, 0, T_I32X4, v[0], v[1], v[2], imm));
}

TRANS(AESE, crypto, UOP_AESE, D_N, 0)
TRANS(AESD, crypto, UOP_AESD, D_N, 0)
TRANS(AESMC, crypto, UOP_AESMC, N, 0)
TRANS(AESIMC, crypto, UOP_AESIMC, N, 0)

TRANS(SHA1C, crypto, UOP_SHA1C, D_N_M, 0)
TRANS(SHA1P, crypto, UOP_SHA1P, D_N_M, 0)
TRANS(SHA1M, crypto, UOP_SHA1M, D_N_M, 0)
TRANS(SHA1H, crypto, UOP_SHA1H, N, 0)
TRANS(SHA1SU0, crypto, UOP_SHA1SU0, D_N_M, 0)
TRANS(SHA1SU1, crypto, UOP_SHA1SU1, D_N, 0)

TRANS(SHA256H, crypto, UOP_SHA256H, D_N_M, 0)
TRANS(SHA256H2, crypto, UOP_SHA256H2, D_N_M, 0)
TRANS(SHA256SU0, crypto, UOP_SHA256SU0, D_N, 0)
TRANS(SHA256SU1, crypto, UOP_SHA256SU1, D_N_M, 0)

TRANS(SHA512H, crypto, UOP_SHA512H, D_N_M, 0)
TRANS(SHA512H2, crypto, UOP_SHA512H2, D_N_M, 0)
TRANS(SHA512SU0, crypto, UOP_SHA512SU0, D_N, 0)
TRANS(SHA512SU1, crypto, UOP_SHA512SU1, D_N_M, 0)

TRANS(SM3PARTW1, crypto, UOP_SM3PARTW1, D_N_M, 0)
TRANS(SM3PARTW2, crypto, UOP_SM3PARTW2, D_N_M, 0)
TRANS(SM3SS1, crypto, UOP_SM3SS1, N_M_A, 0)
TRANS(SM3TT1A, crypto, UOP_SM3TT1A, D_N_M, a->index)
TRANS(SM3TT1B, crypto, UOP_SM3TT1B, D_N_M, a->index)
TRANS(SM3TT2A, crypto, UOP_SM3TT2A, D_N_M, a->index)
TRANS(SM3TT2B, crypto, UOP_SM3TT2B, D_N_M, a->index)

TRANS(SM4E, crypto, UOP_SM4E, D_N, 0)
TRANS(SM4EKEY, crypto, UOP_SM4EKEY, N_M, 0)

/* ---- SHA-3: first-class operations ----------------------------------------------------------- */

void trans_EOR3(A64Ctx *ctx, const A64Args *a)
{
    Val n = a64_v(ctx, T_I64X2, a->rn);
    Val m = a64_v(ctx, T_I64X2, a->rm);
    Val c = a64_v(ctx, T_I64X2, a->ra);
    n = uop_bin(ctx->b, UOP_XOR, T_I64X2, n, m);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_XOR, T_I64X2, n, c));
}

void trans_BCAX(A64Ctx *ctx, const A64Args *a)
{
    Val n = a64_v(ctx, T_I64X2, a->rn);
    Val m = a64_v(ctx, T_I64X2, a->rm);
    Val c = a64_v(ctx, T_I64X2, a->ra);
    m = uop_bin(ctx->b, UOP_ANDN, T_I64X2, m, c);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_XOR, T_I64X2, n, m));
}

void trans_RAX1(A64Ctx *ctx, const A64Args *a)
{
    Val n = a64_v(ctx, T_I64X2, a->rn);
    Val m = a64_v(ctx, T_I64X2, a->rm);
    m = uop_bini(ctx->b, UOP_ROR, T_I64X2, m, 63);
    a64_set_v(ctx, a->rd, uop_bin(ctx->b, UOP_XOR, T_I64X2, n, m));
}

void trans_XAR(A64Ctx *ctx, const A64Args *a)
{
    Val n = a64_v(ctx, T_I64X2, a->rn);
    Val m = a64_v(ctx, T_I64X2, a->rm);
    n = uop_bin(ctx->b, UOP_XOR, T_I64X2, n, m);
    a64_set_v(ctx, a->rd, uop_bini(ctx->b, UOP_ROR, T_I64X2, n, a->imm6));
}
