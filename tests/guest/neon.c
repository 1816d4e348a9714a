// Advanced SIMD intrinsics against plain C models of them; natively only the models run.
// guest: flags=-march=armv8.2-a+dotprod+crypto+crc
#include "guest.h"
#ifdef __aarch64__
#include <arm_neon.h>
#endif

typedef union {
    uint8_t b[16];
    int8_t sb[16];
    uint16_t h[8];
    int16_t sh[8];
    uint32_t w[4];
    int32_t sw[4];
    uint64_t d[2];
    int64_t sd[2];
    float f[4];
} Vector;

static int wrong;

// Digest of the model's result; where the instruction gives another, says so.
static void put(const char *what, Vector model, Vector real)
{
    digest(model.d[0]);
    digest(model.d[1]);
    if (memcmp(&model, &real, 16) != 0 && wrong++ < 10)
        printf("%s: model %016" PRIx64 "%016" PRIx64 " got %016" PRIx64 "%016" PRIx64 "\n", what, model.d[1], model.d[0],
               real.d[1], real.d[0]);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

#ifdef __aarch64__
#define REAL(member, expr) vst1q_##member((void *)&real, expr)
#else
#define REAL(member, expr) (real = model)
#endif
#define LANES(n, expr)                                                                                         \
    for (int i = 0; i < (n); i++) {                                                                            \
        expr;                                                                                                  \
    }

static uint32_t crc32c(uint32_t crc, uint64_t v, int bytes, uint32_t poly)
{
    for (int i = 0; i < bytes * 8; i++, v >>= 1)
        crc = (crc >> 1) ^ (((crc ^ v) & 1) ? poly : 0);
    return crc;
}

static uint8_t gmul(uint8_t a, uint8_t b)
{
    uint8_t r = 0;
    for (; b; b >>= 1, a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1b : 0)))
        if (b & 1)
            r ^= a;
    return r;
}

static uint8_t sbox(uint8_t x)
{
    uint8_t inv = 0;
    for (int y = 1; y < 256 && x; y++)
        if (gmul(x, (uint8_t)y) == 1)
            inv = (uint8_t)y;
    uint8_t r = 0x63;
    for (int k = 0; k < 5; k++)
        r ^= (uint8_t)(inv << k | inv >> (8 - k));
    return r;
}

int main(void)
{
    static uint8_t box[256];
    for (int i = 0; i < 256; i++)
        box[i] = sbox((uint8_t)i);
    for (int round = 0; round < 300; round++) {
        Vector a, b, c, model, real;
        a.d[0] = rnd(), a.d[1] = rnd(), b.d[0] = rnd(), b.d[1] = rnd(), c.d[0] = rnd(), c.d[1] = rnd();
        if (round % 5 == 0)
            a.b[3] = 0x80, b.b[3] = 0x80, a.sh[3] = INT16_MIN, b.sh[3] = INT16_MIN, a.sw[3] = INT32_MIN, b.sw[3] = INT32_MIN;
#ifdef __aarch64__
        uint8x16_t ab = vld1q_u8(a.b), bb = vld1q_u8(b.b), cb = vld1q_u8(c.b);
        int8x16_t asb = vreinterpretq_s8_u8(ab), bsb = vreinterpretq_s8_u8(bb);
        uint16x8_t ah = vreinterpretq_u16_u8(ab), bh = vreinterpretq_u16_u8(bb);
        int16x8_t ash = vreinterpretq_s16_u8(ab), bsh = vreinterpretq_s16_u8(bb);
        uint32x4_t aw = vreinterpretq_u32_u8(ab), bw = vreinterpretq_u32_u8(bb), cw = vreinterpretq_u32_u8(cb);
        int32x4_t asw = vreinterpretq_s32_u8(ab), bsw = vreinterpretq_s32_u8(bb), csw = vreinterpretq_s32_u8(cb);
        uint64x2_t ad = vreinterpretq_u64_u8(ab), bd = vreinterpretq_u64_u8(bb);
        int64x2_t asd = vreinterpretq_s64_u8(ab), bsd = vreinterpretq_s64_u8(bb);
        (void)bd, (void)ad, (void)asd, (void)bsd;
#endif
        LANES(16, model.sb[i] = (int8_t)clamp(a.sb[i] + b.sb[i], -128, 127))
        REAL(s8, vqaddq_s8(asb, bsb));
        put("sqadd", model, real);
        LANES(16, model.b[i] = (uint8_t)clamp(a.b[i] - b.b[i], 0, 255))
        REAL(u8, vqsubq_u8(ab, bb));
        put("uqsub", model, real);
        LANES(8, model.sh[i] = (int16_t)clamp(((int32_t)a.sh[i] * b.sh[i] * 2) >> 16, -32768, 32767))
        if (a.sh[3] == INT16_MIN && b.sh[3] == INT16_MIN)
            model.sh[3] = INT16_MAX;
        LANES(8, if (a.sh[i] == INT16_MIN && b.sh[i] == INT16_MIN) model.sh[i] = INT16_MAX)
        REAL(s16, vqdmulhq_s16(ash, bsh));
        put("sqdmulh", model, real);
        LANES(4, model.sw[i] = (int32_t)clamp((int64_t)(((__int128)a.sw[i] * b.sw[i] * 2 + (1ll << 31)) >> 32), INT32_MIN, INT32_MAX))
        REAL(s32, vqrdmulhq_s32(asw, bsw));
        put("sqrdmulh", model, real);
        LANES(16, model.b[i] = (uint8_t)((a.b[i] + b.b[i] + 1) >> 1))
        REAL(u8, vrhaddq_u8(ab, bb));
        put("urhadd", model, real);
        LANES(8, model.sh[i] = (int16_t)((a.sh[i] - b.sh[i]) >> 1))
        REAL(s16, vhsubq_s16(ash, bsh));
        put("shsub", model, real);
        LANES(8, model.h[i] = (uint16_t)(a.b[i] * b.b[i]))
        REAL(u16, vmull_u8(vget_low_u8(ab), vget_low_u8(bb)));
        put("umull", model, real);
        LANES(4, model.sw[i] = c.sw[i] + a.sh[i + 4] * b.sh[i + 4])
        REAL(s32, vmlal_high_s16(csw, ash, bsh));
        put("smlal2", model, real);
        LANES(16, model.b[i] = i < 8 ? (uint8_t)clamp(a.sh[i], 0, 255) : (uint8_t)clamp(b.sh[i - 8], 0, 255))
        REAL(u8, vqmovun_high_s16(vqmovun_s16(ash), bsh));
        put("sqxtun", model, real);
        LANES(16, model.b[i] = b.b[i] < 16 ? a.b[b.b[i]] : 0)
        REAL(u8, vqtbl1q_u8(ab, bb));
        put("tbl", model, real);
        LANES(16, uint8_t k = b.b[i] & 63; model.b[i] = k < 16 ? a.b[k] : k < 32 ? c.b[k - 16] : a.b[i])
#ifdef __aarch64__
        uint8x16x2_t two = {{ab, cb}};
#endif
        REAL(u8, vqtbx2q_u8(ab, two, vandq_u8(bb, vdupq_n_u8(63))));
        put("tbx", model, real);
        LANES(16, model.b[i] = (uint8_t)__builtin_popcount(a.b[i]))
        REAL(u8, vcntq_u8(ab));
        put("cnt", model, real);
        LANES(4, model.w[i] = a.w[i] ? (uint32_t)__builtin_clz(a.w[i]) : 32)
        REAL(u32, vclzq_u32(aw));
        put("clz", model, real);
        LANES(8, model.h[i] = (uint16_t)(i < 4 ? a.h[2 * i] + a.h[2 * i + 1] : b.h[2 * i - 8] + b.h[2 * i - 7]))
        REAL(u16, vpaddq_u16(ah, bh));
        put("addp", model, real);
        LANES(8, model.h[i] = i & 1 ? b.h[i / 2] : a.h[i / 2])
        REAL(u16, vzip1q_u16(ah, bh));
        put("zip1", model, real);
        LANES(4, model.w[i] = i < 2 ? a.w[2 * i + 1] : b.w[2 * i - 3])
        REAL(u32, vuzp2q_u32(aw, bw));
        put("uzp2", model, real);
        LANES(16, model.b[i] = i < 11 ? a.b[i + 5] : b.b[i - 11])
        REAL(u8, vextq_u8(ab, bb, 5));
        put("ext", model, real);
        LANES(16, model.b[i] = a.b[i ^ 7])
        REAL(u8, vrev64q_u8(ab));
        put("rev64", model, real);
        LANES(8, int s = b.sb[2 * i] % 20; model.sh[i] = (int16_t)(s >= 16 || s <= -16 ? (s > 0 ? 0 : a.sh[i] >> 15) : s >= 0 ? a.sh[i] << s : a.sh[i] >> -s))
#ifdef __aarch64__
        int16_t shifts[8];
        for (int i = 0; i < 8; i++)
            shifts[i] = (int16_t)(b.sb[2 * i] % 20);
#endif
        REAL(s16, vshlq_s16(ash, vld1q_s16(shifts)));
        put("sshl", model, real);
        LANES(4, model.w[i] = (uint32_t)((a.w[i] >> 7) + (a.w[i] >> 6 & 1) + c.w[i]))
        REAL(u32, vrsraq_n_u32(cw, aw, 7));
        put("ursra", model, real);
        LANES(4, model.sw[i] = c.sw[i]; for (int k = 0; k < 4; k++) model.sw[i] += a.sb[4 * i + k] * b.sb[4 * i + k])
        REAL(s32, vdotq_s32(csw, asb, bsb));
        put("sdot", model, real);
        uint64_t low = 0, high = 0;
        LANES(64, if (a.d[0] >> i & 1) { low ^= b.d[0] << i; high ^= i ? b.d[0] >> (64 - i) : 0; })
        model.d[0] = low, model.d[1] = high;
        REAL(u64, vreinterpretq_u64_p128(vmull_p64((poly64_t)a.d[0], (poly64_t)b.d[0])));
        put("pmull", model, real);
        Vector t;
        LANES(16, t.b[i] = box[(a.b[(i + 4 * (i & 3)) & 15] ^ b.b[(i + 4 * (i & 3)) & 15])])
        LANES(16, int k = i & 12; model.b[i] = (uint8_t)(gmul(t.b[i], 2) ^ gmul(t.b[k + ((i + 1) & 3)], 3) ^ t.b[k + ((i + 2) & 3)] ^ t.b[k + ((i + 3) & 3)]))
        REAL(u8, vaesmcq_u8(vaeseq_u8(ab, bb)));
        put("aese", model, real);
        model.d[0] = crc32c((uint32_t)a.d[1], b.d[0], 8, 0x82f63b78u);
        model.d[1] = crc32c((uint32_t)a.d[1], b.d[0] & 0xffff, 2, 0xedb88320u);
#ifdef __aarch64__
        real.d[0] = __builtin_aarch64_crc32cx((uint32_t)a.d[1], b.d[0]);
        real.d[1] = __builtin_aarch64_crc32h((uint32_t)a.d[1], (uint16_t)b.d[0]);
#else
        real = model;
#endif
        put("crc32", model, real);
        LANES(4, model.f[i] = (float)a.sw[i] / 256)
        REAL(f32, vcvtq_n_f32_s32(asw, 8));
        put("scvtf", model, real);
        Vector m2 = model;
        LANES(4, double v = m2.f[i] * 3.0f; model.sw[i] = v >= 2147483647.0 ? INT32_MAX : v <= -2147483648.0 ? INT32_MIN : (int32_t)v)
        REAL(s32, vcvtq_s32_f32(vmulq_n_f32(vld1q_f32(m2.f), 3)));
        put("fcvtzs", model, real);
        LANES(4, model.f[i] = i < 2 ? m2.f[2 * i] + m2.f[2 * i + 1] : m2.f[2 * i - 4] + m2.f[2 * i - 3])
        REAL(f32, vpaddq_f32(vld1q_f32(m2.f), vld1q_f32(m2.f)));
        put("faddp", model, real);
        memset(&model, 0, 16);
        LANES(16, model.w[0] += a.b[i])
        model.w[1] = a.w[0];
        LANES(4, if (a.w[i] > model.w[1]) model.w[1] = a.w[i])
#ifdef __aarch64__
        memset(&real, 0, 16);
        real.w[0] = vaddlvq_u8(ab);
        real.w[1] = vmaxvq_u32(aw);
#else
        real = model;
#endif
        put("across", model, real);
        uint8_t flat[48], back[48];
        LANES(48, flat[i] = (uint8_t)rnd())
        LANES(16, model.b[i] = (uint8_t)(flat[3 * i] ^ flat[3 * i + 1] + flat[3 * i + 2]))
#ifdef __aarch64__
        uint8x16x3_t three = vld3q_u8(flat);
        REAL(u8, veorq_u8(three.val[0], vaddq_u8(three.val[1], three.val[2])));
        vst3q_u8(back, three);
#else
        real = model;
        memcpy(back, flat, 48);
#endif
        put("ld3", model, real);
        if (memcmp(flat, back, 48) != 0)
            puts("st3 differs");
        if (round % 50 == 0)
            digest_print("vectors");
    }
    digest_print("vectors");
    printf("wrong %d\n", wrong);
    return 0;
}
