/* interp_crypto.c - AES and SHA steps: UOP_CRYPTO, after the Arm manual's pseudo-code of the instructions of the same names (operands a, b, c: see
 * UopCrypto). interp_crypto_sm.c has SM3 and SM4.
 */
#include "jit/interp/interp_crypto.h"
#include "jit/interp/ops.h"

/* ---- AES (FIPS 197): bytes 4 * column + row ------------------------------------------------------------------------------------ */
static const uint8_t aes_sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const uint8_t aes_inv_sbox[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};

static uint8_t times2(uint8_t x) { return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0)); }

static V128 aes_sub_shift(V128 s, bool inverse) {
    const uint8_t *sbox = inverse ? aes_inv_sbox : aes_sbox;
    V128 r;
    for (unsigned col = 0; col < 4; col++) {
        for (unsigned row = 0; row < 4; row++) {
            unsigned from = (inverse ? col - row : col + row) & 3;
            r.u8[4 * col + row] = sbox[s.u8[4 * from + row]];
        }
    }
    return r;
}

/* Columns times 3x^3 + x^2 + x + 2; the inverse first multiplies by 4x^2 + 5. */
static V128 aes_mix(V128 s, bool inverse) {
    V128 r;
    for (unsigned col = 0; col < 4; col++) {
        uint8_t *in = s.u8 + 4 * col, *out = r.u8 + 4 * col;
        if (inverse) {
            uint8_t even = times2(times2(in[0] ^ in[2])), odd = times2(times2(in[1] ^ in[3]));
            in[0] ^= even;
            in[2] ^= even;
            in[1] ^= odd;
            in[3] ^= odd;
        }
        uint8_t all = in[0] ^ in[1] ^ in[2] ^ in[3];
        for (unsigned row = 0; row < 4; row++) {
            out[row] = (uint8_t)(in[row] ^ all ^ times2(in[row] ^ in[(row + 1) & 3]));
        }
    }
    return r;
}

/* ---- SHA-1 and SHA-256 (FIPS 180-4) ------------------------------------------------------------------------------------------------ */
static uint32_t rol(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }
static uint32_t ror(uint32_t x, unsigned n) { return rol(x, 32 - n); }
static uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return (x & y) | (~x & z); }
static uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) | (x & z) | (y & z); }
static uint32_t parity(uint32_t x, uint32_t y, uint32_t z) { return x ^ y ^ z; }

typedef uint32_t (*Mix)(uint32_t x, uint32_t y, uint32_t z);

/* Four rounds: x holds a, b, c, d, `e` the fifth word, w the four schedule words with the constant added. */
static V128 sha1_rounds(V128 x, uint32_t e, V128 w, Mix mix) {
    for (unsigned i = 0; i < 4; i++) {
        uint32_t next = e + rol(x.u32[0], 5) + mix(x.u32[1], x.u32[2], x.u32[3]) + w.u32[i];
        e = x.u32[3];
        x = (V128){ .u32 = { next, x.u32[0], rol(x.u32[1], 30), x.u32[2] } };
    }
    return x;
}

static V128 sha1_su1(V128 d, V128 n) {
    V128 t = { .u128 = d.u128 ^ n.u128 >> 32 };
    return (V128){ .u32 = { rol(t.u32[0], 1), rol(t.u32[1], 1), rol(t.u32[2], 1), rol(t.u32[3], 1) ^ rol(t.u32[0], 2) } };
}

/* Four rounds on x = a, b, c, d and y = e, f, g, h: the first half of the result, or the second. */
static V128 sha256_rounds(V128 x, V128 y, V128 w, bool second) {
    for (unsigned i = 0; i < 4; i++) {
        uint32_t sigma1 = ror(y.u32[0], 6) ^ ror(y.u32[0], 11) ^ ror(y.u32[0], 25);
        uint32_t sigma0 = ror(x.u32[0], 2) ^ ror(x.u32[0], 13) ^ ror(x.u32[0], 22);
        uint32_t t = y.u32[3] + sigma1 + choose(y.u32[0], y.u32[1], y.u32[2]) + w.u32[i];
        uint32_t e = x.u32[3] + t, a = t + sigma0 + majority(x.u32[0], x.u32[1], x.u32[2]);
        x = (V128){ .u32 = { a, x.u32[0], x.u32[1], x.u32[2] } };
        y = (V128){ .u32 = { e, y.u32[0], y.u32[1], y.u32[2] } };
    }
    return second ? y : x;
}

static V128 sha256_su0(V128 d, V128 n) {
    uint32_t next[4] = { d.u32[1], d.u32[2], d.u32[3], n.u32[0] };
    V128 r;
    for (unsigned i = 0; i < 4; i++) {
        r.u32[i] = d.u32[i] + (ror(next[i], 7) ^ ror(next[i], 18) ^ next[i] >> 3);
    }
    return r;
}

static V128 sha256_su1(V128 d, V128 n, V128 m) {
    uint32_t t0[4] = { n.u32[1], n.u32[2], n.u32[3], m.u32[0] };
    V128 r;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t t1 = i < 2 ? m.u32[i + 2] : r.u32[i - 2];
        r.u32[i] = d.u32[i] + t0[i] + (ror(t1, 17) ^ ror(t1, 19) ^ t1 >> 10);
    }
    return r;
}

/* ---- SHA-512 ---------------------------------------------------------------------------------------------------------------------------- */
static uint64_t ror64(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }
static uint64_t big_sigma1(uint64_t x) { return ror64(x, 14) ^ ror64(x, 18) ^ ror64(x, 41); }
static uint64_t big_sigma0(uint64_t x) { return ror64(x, 28) ^ ror64(x, 34) ^ ror64(x, 39); }
static uint64_t small_sigma1(uint64_t x) { return ror64(x, 19) ^ ror64(x, 61) ^ x >> 6; }
static uint64_t small_sigma0(uint64_t x) { return ror64(x, 1) ^ ror64(x, 8) ^ x >> 7; }

static V128 sha512_h(V128 d, V128 n, V128 m) {
    uint64_t x0 = n.u64[0], x1 = n.u64[1], y0 = m.u64[0], y1 = m.u64[1];
    uint64_t hi = ((y1 & x0) ^ (~y1 & x1)) + big_sigma1(y1) + d.u64[1];
    uint64_t t = hi + y0;
    uint64_t lo = ((t & y1) ^ (~t & x0)) + big_sigma1(t) + d.u64[0];
    return (V128){ .u64 = { lo, hi } };
}

static V128 sha512_h2(V128 d, V128 n, V128 m) {
    uint64_t x0 = n.u64[0], y0 = m.u64[0], y1 = m.u64[1];
    uint64_t hi = ((x0 & y1) ^ (x0 & y0) ^ (y1 & y0)) + big_sigma0(y0) + d.u64[1];
    uint64_t lo = ((hi & y0) ^ (hi & y1) ^ (y1 & y0)) + big_sigma0(hi) + d.u64[0];
    return (V128){ .u64 = { lo, hi } };
}

void interp_CRYPTO(const Op *o) {
    static const V128 zero;
    V128 a = o->a ? *o->a : zero, b = o->b ? *o->b : zero, c = o->c ? *o->c : zero, r;
    switch (o->u->sub) {
    case UOP_AESE:
    case UOP_AESD:
        r = aes_sub_shift((V128){ .u128 = a.u128 ^ b.u128 }, o->u->sub == UOP_AESD);
        break;
    case UOP_AESMC: r = aes_mix(a, false); break;
    case UOP_AESIMC: r = aes_mix(a, true); break;
    case UOP_SHA1C: r = sha1_rounds(a, b.u32[0], c, choose); break;
    case UOP_SHA1P: r = sha1_rounds(a, b.u32[0], c, parity); break;
    case UOP_SHA1M: r = sha1_rounds(a, b.u32[0], c, majority); break;
    case UOP_SHA1H: r = (V128){ .u32 = { rol(a.u32[0], 30), 0, 0, 0 } }; break;
    case UOP_SHA1SU0: r = (V128){ .u64 = { a.u64[0] ^ a.u64[1] ^ c.u64[0], a.u64[1] ^ b.u64[0] ^ c.u64[1] } }; break;
    case UOP_SHA1SU1: r = sha1_su1(a, b); break;
    case UOP_SHA256H: r = sha256_rounds(a, b, c, false); break;
    case UOP_SHA256H2: r = sha256_rounds(b, a, c, true); break;
    case UOP_SHA256SU0: r = sha256_su0(a, b); break;
    case UOP_SHA256SU1: r = sha256_su1(a, b, c); break;
    case UOP_SHA512H: r = sha512_h(a, b, c); break;
    case UOP_SHA512H2: r = sha512_h2(a, b, c); break;
    case UOP_SHA512SU0:
        r = (V128){ .u64 = { a.u64[0] + small_sigma0(a.u64[1]), a.u64[1] + small_sigma0(b.u64[0]) } };
        break;
    case UOP_SHA512SU1:
        r = (V128){ .u64 = { a.u64[0] + small_sigma1(b.u64[0]) + c.u64[0], a.u64[1] + small_sigma1(b.u64[1]) + c.u64[1] } };
        break;
    default: r = interp_crypto_sm((UopCrypto)o->u->sub, a, b, c, (unsigned)o->u->imm); break;
    }
    *o->dst = r;
}
