/*
 * emit_crypto.c - CRYPTO (AES, SHA-1, SHA-256, SHA-512, SM3, SM4) and carry-less products.
 *
 * The host's AES and SHA instructions are cut differently: what they add or reorder is undone
 * around them. Operands a, b, c as UopCrypto says; lane 0 is the low one. Functions below may use
 * up to four temporaries besides the result.
 */
#include "jit/template/x86_64/vec.h"

/* ---- steps ----------------------------------------------------------------------------------- */

/* d = lanes of s rotated left; t: a temporary. d may be s. */
static void rotate(Emit *e, unsigned lane, int d, int s, int t, unsigned n)
{
    if (vec_has(e, JIT_HOST_AVX512)) {
        vec_shift_imm(e, lane == 2 ? E(V_PROLD_I_E) : E(V_PROLQ_I_E), d, s, n);
        return;
    }
    vec_shift_imm(e, lane == 2 ? V_PSRLD_I : V_PSRLQ_I, t, s, (8u << lane) - n);
    vec_shift_imm(e, lane == 2 ? V_PSLLD_I : V_PSLLQ_I, d, s, n);
    vec_op(e, V_POR, d, d, t);
}

/* d = s ^ s <<< n1 ^ s <<< n2; d isn't s. */
static void xor_rotated(Emit *e, int d, int s, int t1, int t2, unsigned n1, unsigned n2)
{
    rotate(e, 2, d, s, t1, n1);
    vec_op(e, V_PXOR, d, d, s);
    rotate(e, 2, t2, s, t1, n2);
    vec_op(e, V_PXOR, d, d, t2);
}

/* d = x ? y : z by bits. d is neither x nor z. */
static void choose(Emit *e, int d, int x, int y, int z)
{
    vec_op(e, V_PXOR, d, y, z);
    vec_op(e, V_PAND, d, d, x);
    vec_op(e, V_PXOR, d, d, z);
}

/* d = the majority of x, y, z by bits; d and t are none of them. */
static void majority(Emit *e, int d, int t, int x, int y, int z)
{
    vec_op(e, V_PXOR, t, x, y);
    vec_op(e, V_PAND, t, t, z);
    vec_op(e, V_PAND, d, x, y);
    vec_op(e, V_PXOR, d, d, t);
}

/* ---- AES ------------------------------------------------------------------------------------- */

/*
 * AESE whose only use is an AESMC: both together are one AESENC. The first one emits it, the second
 * is another name of its result.
 */
static bool is_aes_pair(const Emit *e, const Uop *first, const Uop *second)
{
    return first->op == UOP_CRYPTO && second->op == UOP_CRYPTO && e->ub->val_use &&
           uop_uses(e->ub, first->dst) == 1 && second->a == first->dst &&
           ((first->sub == UOP_AESE && second->sub == UOP_AESMC) ||
            (first->sub == UOP_AESD && second->sub == UOP_AESIMC));
}

/* a state, b key: the key is added first, where the host adds one last. */
static bool emit_aes_round(Emit *e, const Uop *u)
{
    bool pair = is_aes_pair(e, u, &e->ub->uops[emit_val(e, u->dst)->last]),
         decrypt = u->sub == UOP_AESD;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), zero = vec_tmp(e), d = vec_def_over(e, u);
    vec_op(e, V_PXOR, d, a, b);
    vec_zero(e, zero);
    vec_op(e,
           decrypt ? pair ? V_AESDEC : V_AESDECLAST
           : pair  ? V_AESENC
                   : V_AESENCLAST,
           d, d, zero);
    return true;
}

static bool emit_aes_mix(Emit *e, const Uop *u)
{
    if (is_aes_pair(e, &e->ub->uops[emit_val(e, u->a)->def], u)) {
        ra_alias(e, u->dst, u->a);
        return true;
    }
    int a = vec_use(e, u->a);
    if (u->sub == UOP_AESIMC) {
        vec_mov_op(e, V_AESIMC, vec_def_over(e, u), a);
        return true;
    }
    int zero = vec_tmp(e), d = vec_def_over(e, u);
    vec_zero(e, zero);
    vec_op(e, V_AESDECLAST, d, a, zero); /* undone by the next but for the mixing */
    vec_op(e, V_AESENC, d, d, zero);
    return true;
}

/* ---- SHA-1: the host has the words in reverse order, and adds the constant itself ------------ */

static bool emit_sha1_rounds(Emit *e, const Uop *u)
{
    static const uint32_t constant[3] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};
    unsigned kind = u->sub == UOP_SHA1C ? 0 : u->sub == UOP_SHA1P ? 1 : 2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), t = vec_tmp(e),
        d = vec_def(e, u);
    vec_op_imm(e, V_INSERTPS, t, b, b, 0x0e); /* the fifth word, zeros above */
    vec_op(e, V_PADDD, t, t, c);
    vec_op_const(e, V_PSUBD, t, t, vec_repeat(2, constant[kind]));
    vec_mov_op_imm(e, V_PSHUFD, t, t, 0x1b);
    vec_mov_op_imm(e, V_PSHUFD, d, a, 0x1b);
    asm_sse2i(&e->a, V_SHA1RNDS4, (unsigned)d, (unsigned)t, kind);
    vec_mov_op_imm(e, V_PSHUFD, d, d, 0x1b);
    return true;
}

static bool emit_sha1h(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), t = vec_tmp(e), d = vec_def_over(e, u);
    vec_op_imm(e, V_INSERTPS, d, a, a, 0x0e);
    rotate(e, 2, d, d, t, 30);
    return true;
}

/* a ^ (the middle of a:b) ^ c */
static bool emit_sha1su0(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), d = vec_def(e, u);
    vec_op_imm(e, V_PALIGNR, d, b, a, 8);
    vec_op(e, V_PXOR, d, d, a);
    vec_op(e, V_PXOR, d, d, c);
    return true;
}

/* a and the upper words of b, rotated by 1; the top lane takes the lowest one's result too, rotated
 * again. */
static bool emit_sha1su1(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), t = vec_tmp(e), x = vec_tmp(e),
        d = vec_def(e, u);
    vec_shift_imm(e, V_PSRLDQ_I, d, b, 4);
    vec_op(e, V_PXOR, d, d, a);
    rotate(e, 2, d, d, t, 1);
    vec_shift_imm(e, V_PSLLDQ_I, x, d, 12);
    rotate(e, 2, x, x, t, 1);
    vec_op(e, V_PXOR, d, d, x);
    return true;
}

/* ---- SHA-256: the host has a, b, e, f in one register and c, d, g, h in another -------------- */

static bool emit_sha256_rounds(Emit *e, const Uop *u)
{
    bool second = u->sub == UOP_SHA256H2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    int abcd = second ? b : a, efgh = second ? a : b;
    int abef = vec_tmp(e), cdgh = vec_tmp(e), w = vec_tmp(e), saved = vec_tmp(e), d = vec_def(e, u);
    vec_op_imm(e, V_SHUFPS, abef, efgh, abcd, 0x11);
    vec_op_imm(e, V_SHUFPS, cdgh, efgh, abcd, 0xbb);
    vec_mov_op_imm(e, V_PSHUFD, w, c, 0x0e); /* the words of the last two rounds */
    vec_move(e, saved, 0);
    vec_move(e, 0, c); /* xmm0 is an operand */
    asm_sse2(&e->a, V_SHA256RNDS2, (unsigned)cdgh, (unsigned)abef);
    vec_move(e, 0, w);
    asm_sse2(&e->a, V_SHA256RNDS2, (unsigned)abef,
             (unsigned)cdgh); /* cdgh: a, b, e, f after two rounds */
    vec_move(e, 0, saved);
    vec_op_imm(e, V_SHUFPS, d, abef, cdgh, second ? 0x11 : 0xbb);
    return true;
}

static bool emit_sha256su0(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), d = vec_def(e, u);
    vec_move(e, d, a);
    asm_sse2(&e->a, V_SHA256MSG1, (unsigned)d, (unsigned)b);
    return true;
}

static bool emit_sha256su1(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), d = vec_def(e, u);
    vec_op_imm(e, V_PALIGNR, d, c, b, 4);
    vec_op(e, V_PADDD, d, d, a);
    asm_sse2(&e->a, V_SHA256MSG2, (unsigned)d, (unsigned)c);
    return true;
}

/* ---- SHA-512: no instructions of the host; in lane 0 of quadwords ---------------------------- */

/* d = s >>> n1 ^ s >>> n2 ^ (s >>> n3, or s >> n3 when `shift`) */
static void sigma(Emit *e, int d, int s, int t1, int t2, unsigned n1, unsigned n2, unsigned n3,
                  bool shift)
{
    rotate(e, 3, d, s, t1, 64 - n1);
    rotate(e, 3, t2, s, t1, 64 - n2);
    vec_op(e, V_PXOR, d, d, t2);
    if (shift) {
        vec_shift_imm(e, V_PSRLQ_I, t2, s, n3);
    } else {
        rotate(e, 3, t2, s, t1, 64 - n3);
    }
    vec_op(e, V_PXOR, d, d, t2);
}

/*
 * Two half rounds, the first one's sum (high lane of the result) feeds the second. With c = (y0,
 * y1) and b = (x0, x1): H:  hi = Sigma1(y1) + (y1 ? x0 : x1) + a1     lo = Sigma1(t) + (t ? y1 :
 * x0) + a0, t = hi + y0 H2: hi = Sigma0(y0) + maj(x0, y0, y1) + a1    lo = Sigma0(hi) + maj(hi, y0,
 * y1) + a0
 */
static bool emit_sha512_rounds(Emit *e, const Uop *u)
{
    bool h2 = u->sub == UOP_SHA512H2;
    unsigned n1 = h2 ? 28 : 14, n2 = h2 ? 34 : 18, n3 = h2 ? 39 : 41;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    int y = vec_tmp(e), hi = vec_tmp(e), t = vec_tmp(e), x = vec_tmp(e), d = vec_def(e, u);
    vec_mov_op_imm(e, V_PSHUFD, y, c, 0xee); /* y1 */
    sigma(e, hi, h2 ? c : y, t, x, n1, n2, n3, false);
    if (h2) {
        majority(e, t, x, b, c, y);
    } else {
        vec_mov_op_imm(e, V_PSHUFD, x, b, 0xee); /* x1 */
        choose(e, t, y, b, x);
    }
    vec_op(e, V_PADDQ, hi, hi, t);
    vec_mov_op_imm(e, V_PSHUFD, t, a, 0xee);
    vec_op(e, V_PADDQ, hi, hi, t);
    if (h2) {
        sigma(e, d, hi, t, x, n1, n2, n3, false);
        majority(e, t, x, hi, c, y);
    } else {
        vec_op(e, V_PADDQ, x, hi, c);
        sigma(e, d, x, t, y, n1, n2, n3, false);
        vec_mov_op_imm(e, V_PSHUFD, y, c, 0xee);
        choose(e, t, x, y, b);
    }
    vec_op(e, V_PADDQ, d, d, t);
    vec_op(e, V_PADDQ, d, d, a);
    vec_op(e, V_PUNPCKLQDQ, d, d, hi);
    return true;
}

static bool emit_sha512su0(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), next = vec_tmp(e), t1 = vec_tmp(e),
        t2 = vec_tmp(e), d = vec_def(e, u);
    vec_op_imm(e, V_PALIGNR, next, b, a, 8);
    sigma(e, d, next, t1, t2, 1, 8, 7, true);
    vec_op(e, V_PADDQ, d, d, a);
    return true;
}

static bool emit_sha512su1(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), t1 = vec_tmp(e),
        t2 = vec_tmp(e), d = vec_def(e, u);
    sigma(e, d, b, t1, t2, 19, 61, 6, true);
    vec_op(e, V_PADDQ, d, d, a);
    vec_op(e, V_PADDQ, d, d, c);
    return true;
}

/* ---- SM3 ------------------------------------------------------------------------------------- */

/*
 * PARTW1: p = P1(a ^ b ^ (upper words of c <<< 15)); PARTW2: p = a ^ s with s = b ^ c <<< 7. To the
 * top lane P1(p0 <<< 15), P1(s0 <<< 15) is added: P1 is linear, and what it makes of zero lanes is
 * zero.
 */
static bool emit_sm3_expand(Emit *e, const Uop *u)
{
    bool second = u->sub == UOP_SM3PARTW2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    int x = vec_tmp(e), t = vec_tmp(e), y = vec_tmp(e), d = vec_def(e, u);
    if (second) {
        rotate(e, 2, x, c, t, 7);
        vec_op(e, V_PXOR, x, x, b);
        vec_op(e, V_PXOR, d, x, a);
    } else {
        vec_shift_imm(e, V_PSRLDQ_I, x, c, 4);
        rotate(e, 2, x, x, t, 15);
        vec_op(e, V_PXOR, x, x, a);
        vec_op(e, V_PXOR, x, x, b);
        xor_rotated(e, d, x, t, y, 15, 23);
        vec_move(e, x, d);
    }
    vec_shift_imm(e, V_PSLLDQ_I, x, x, 12);
    rotate(e, 2, x, x, t, 15);
    vec_op(e, V_PXOR, d, d, x);
    rotate(e, 2, y, x, t, 15);
    vec_op(e, V_PXOR, d, d, y);
    rotate(e, 2, y, x, t, 23);
    vec_op(e, V_PXOR, d, d, y);
    return true;
}

/* Top lane: ((a <<< 12) + b + c) <<< 7; zeros below. */
static bool emit_sm3ss1(Emit *e, const Uop *u)
{
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c), t = vec_tmp(e),
        d = vec_def(e, u);
    rotate(e, 2, d, a, t, 12);
    vec_op(e, V_PADDD, d, d, b);
    vec_op(e, V_PADDD, d, d, c);
    rotate(e, 2, d, d, t, 7);
    vec_op_imm(e, V_INSERTPS, d, d, d, 0xf7);
    return true;
}

/* a1 and a3 move down a lane, a2 is rotated; on top comes the sum, every term of which is computed
 * in all lanes. */
static bool emit_sm3_round(Emit *e, const Uop *u)
{
    bool first = u->sub == UOP_SM3TT1A || u->sub == UOP_SM3TT1B;
    int a = vec_use(e, u->a), b = vec_use(e, u->b), c = vec_use(e, u->c);
    int x = vec_tmp(e), a2 = vec_tmp(e), a3 = vec_tmp(e), t = vec_tmp(e), d = vec_def(e, u);
    vec_mov_op_imm(e, V_PSHUFD, x, a, 0x55);
    vec_mov_op_imm(e, V_PSHUFD, a2, a, 0xaa);
    vec_mov_op_imm(e, V_PSHUFD, a3, a, 0xff);
    if (u->sub == UOP_SM3TT1B) {
        majority(e, d, t, x, a2, a3);
    } else if (u->sub == UOP_SM3TT2B) {
        choose(e, d, a3, a2, x);
    } else {
        vec_op(e, V_PXOR, d, x, a2);
        vec_op(e, V_PXOR, d, d, a3);
    }
    vec_mov_op_imm(e, V_PSHUFD, x, a, 0);
    vec_op(e, V_PADDD, d, d, x);
    vec_mov_op_imm(e, V_PSHUFD, x, c, 0x55u * ((unsigned)u->imm & 3));
    vec_op(e, V_PADDD, d, d, x);
    vec_mov_op_imm(e, V_PSHUFD, x, b, 0xff);
    if (first) {
        rotate(e, 2, a3, a3, t, 12);
        vec_op(e, V_PXOR, x, x, a3);
    }
    vec_op(e, V_PADDD, d, d, x);
    if (!first) {
        xor_rotated(e, x, d, t, a3, 9, 17);
        vec_move(e, d, x);
    }
    rotate(e, 2, a2, a2, t, first ? 9 : 19);
    vec_shift_imm(e, V_PSRLDQ_I, x, a, 4);
    vec_op_imm(e, V_PBLENDW, x, x, a2, 0x0c);
    vec_op_imm(e, V_PBLENDW, d, x, d, 0xc0);
    return true;
}

/* ---- SM4 ------------------------------------------------------------------------------------- */

/*
 * The S-box is an affine map, the inverse in GF(2^8) and another affine map; the inverse is moved
 * to the field of AES, whose inverse GFNI has, by an isomorphism (x of SM4's polynomial 0x1f5
 * becomes 0x23) that is part of the two maps.
 */
static void sm4_sbox(Emit *e, int x)
{
    vec_op_const_imm(e, V_GF2P8AFFINEQB, x, x, vec_repeat(3, UINT64_C(0x4c287db91a22505d)), 0x3e);
    vec_op_const_imm(e, V_GF2P8AFFINEINVQB, x, x, vec_repeat(3, UINT64_C(0xf3ab34a974a6b589)),
                     0xd3);
}

/* Four rounds of the cipher or of the key schedule: the new word is made in lane 0 and shifted in
 * from above. */
static bool emit_sm4(Emit *e, const Uop *u)
{
    static const uint8_t cipher[4] = {2, 10, 18, 24}, schedule[2] = {13, 23};
    const uint8_t *rot = u->sub == UOP_SM4E ? cipher : schedule;
    int nrot = u->sub == UOP_SM4E ? 4 : 2;
    int a = vec_use(e, u->a), b = vec_use(e, u->b);
    int x = vec_tmp(e), y = vec_tmp(e), t = vec_tmp(e), sum = vec_tmp(e), d = vec_def(e, u);
    vec_move(e, d, a);
    for (unsigned i = 0; i < 4; i++) {
        vec_shift_imm(e, V_PSRLDQ_I, x, b, 4 * i);
        for (unsigned k = 1; k < 4; k++) {
            vec_shift_imm(e, V_PSRLDQ_I, y, d, 4 * k);
            vec_op(e, V_PXOR, x, x, y);
        }
        sm4_sbox(e, x);
        vec_op(e, V_PXOR, sum, x, d);
        for (int k = 0; k < nrot; k++) {
            rotate(e, 2, y, x, t, rot[k]);
            vec_op(e, V_PXOR, sum, sum, y);
        }
        vec_op_imm(e, V_PALIGNR, d, sum, d, 4);
    }
    return true;
}

/* ---- carry-less products --------------------------------------------------------------------- */

/* Bit by bit from the top of a: d = 2 d ^ (top bit of a ? b : 0). Bytes: the top bit selects;
 * words: it's spread. */
static void product_bits(Emit *e, bool bytes, int d, int a, int b, int t)
{
    vec_zero(e, d);
    for (int i = 0; i < 8; i++) {
        vec_op(e, bytes ? V_PADDB : V_PADDW, d, d, d);
        if (bytes) {
            vec_zero(e, t);
            vec_blend(e, t, t, b, a);
        } else {
            vec_shift_imm(e, V_PSRAW_I, t, a, 15);
            vec_op(e, V_PAND, t, t, b);
        }
        vec_op(e, V_PXOR, d, d, t);
        vec_op(e, bytes ? V_PADDB : V_PADDW, a, a, a);
    }
}

static bool emit_clmul(Emit *e, const Uop *u)
{
    bool high = u->flags & UOPF_HIGH;
    if (u->type == T_I64X2 || u->type == T_I128) {
        if (!vec_has(e, JIT_HOST_PCLMUL)) {
            return false;
        }
        int a = vec_use(e, u->a), b = vec_use(e, u->b);
        vec_op_imm(e, V_PCLMULQDQ, vec_def_over(e, u), a, b, high ? 0x11 : 0);
        return true;
    }
    int a = vec_use(e, u->a), b = vec_use(e, u->b), x = vec_tmp(e), y = vec_tmp(e), t = vec_tmp(e),
        d = vec_def(e, u);
    if (u->type != T_I16X8) {
        vec_move(e, x, a);
        product_bits(e, true, d, x, b, t);
        return true;
    }
    vec_zero(e, t);
    vec_op(e, high ? V_PUNPCKHBW : V_PUNPCKLBW, x, t, a); /* in the upper byte of a word */
    vec_op(e, high ? V_PUNPCKHBW : V_PUNPCKLBW, y, b, t);
    product_bits(e, false, d, x, y, t);
    return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct {
    uint64_t needs; /* JIT_HOST_* */
    bool (*emit)(Emit *e, const Uop *u);
} crypto[UOP_CRYPTO_COUNT] = {
    [UOP_AESE] = {JIT_HOST_AES, emit_aes_round},
    [UOP_AESD] = {JIT_HOST_AES, emit_aes_round},
    [UOP_AESMC] = {JIT_HOST_AES, emit_aes_mix},
    [UOP_AESIMC] = {JIT_HOST_AES, emit_aes_mix},
    [UOP_SHA1C] = {JIT_HOST_SHA, emit_sha1_rounds},
    [UOP_SHA1P] = {JIT_HOST_SHA, emit_sha1_rounds},
    [UOP_SHA1M] = {JIT_HOST_SHA, emit_sha1_rounds},
    [UOP_SHA1H] = {0, emit_sha1h},
    [UOP_SHA1SU0] = {0, emit_sha1su0},
    [UOP_SHA1SU1] = {0, emit_sha1su1},
    [UOP_SHA256H] = {JIT_HOST_SHA, emit_sha256_rounds},
    [UOP_SHA256H2] = {JIT_HOST_SHA, emit_sha256_rounds},
    [UOP_SHA256SU0] = {JIT_HOST_SHA, emit_sha256su0},
    [UOP_SHA256SU1] = {JIT_HOST_SHA, emit_sha256su1},
    [UOP_SHA512H] = {0, emit_sha512_rounds},
    [UOP_SHA512H2] = {0, emit_sha512_rounds},
    [UOP_SHA512SU0] = {0, emit_sha512su0},
    [UOP_SHA512SU1] = {0, emit_sha512su1},
    [UOP_SM3PARTW1] = {0, emit_sm3_expand},
    [UOP_SM3PARTW2] = {0, emit_sm3_expand},
    [UOP_SM3SS1] = {0, emit_sm3ss1},
    [UOP_SM3TT1A] = {0, emit_sm3_round},
    [UOP_SM3TT1B] = {0, emit_sm3_round},
    [UOP_SM3TT2A] = {0, emit_sm3_round},
    [UOP_SM3TT2B] = {0, emit_sm3_round},
    [UOP_SM4E] = {JIT_HOST_GFNI, emit_sm4},
    [UOP_SM4EKEY] = {JIT_HOST_GFNI, emit_sm4},
};

bool emit_crypto(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_CLMUL: return emit_clmul(e, u);
    case UOP_CRYPTO:
        return u->sub < UOP_CRYPTO_COUNT && vec_has(e, crypto[u->sub].needs) &&
               crypto[u->sub].emit(e, u);
    default: return false;
    }
}
