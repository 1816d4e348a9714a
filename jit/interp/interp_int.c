/* interp_int.c - integer operations: scalars here; with a vector type, lane by lane. */
#include "jit/interp/ops.h"

#include "frontend/uop/uop.h"

/* Calls fn(a lane, b lane, bits) for every lane, or once for a scalar. The result is cut to the
 * lane. */
typedef uint64_t (*Fn1)(uint64_t a, unsigned bits);
typedef uint64_t (*Fn2)(uint64_t a, uint64_t b, unsigned bits);

static inline __attribute__((always_inline)) void each1(const Op *o, Fn1 fn)
{
    uint8_t t = o->u->type;
    if (!uop_is_vec(t)) {
        set_int(o, fn(o->a->u64[0], t == T_I32 ? 32 : 64));
        return;
    }
    unsigned log2 = uop_lane_log2(t);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        lane_set(&r, log2, i, fn(lane_u(o->a, log2, i), 8u << log2));
    }
    *o->dst = r;
}

static inline __attribute__((always_inline)) void each2(const Op *o, Fn2 fn)
{
    uint8_t t = o->u->type;
    if (!uop_is_vec(t)) {
        set_int(o, fn(o->a->u64[0], int_b(o), t == T_I32 ? 32 : 64));
        return;
    }
    unsigned log2 = uop_lane_log2(t);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        lane_set(&r, log2, i, fn(lane_u(o->a, log2, i), lane_b(o, log2, i), 8u << log2));
    }
    *o->dst = r;
}

/* ---- constants and bits that move unchanged -------------------------------------------------- */
void interp_CONST(const Op *o)
{
    uint64_t k = o->u->imm64;
    V128 r = {.u64 = {k, 0}};
    if (uop_is_vec(o->u->type)) {
        r.u64[1] = uop_type_bytes(o->u->type) == 16 ? k : 0;
    } else {
        r.u64[0] = low_bits(k, 8 * uop_type_bytes(o->u->type));
    }
    *o->dst = r;
}

void interp_ADDR(const Op *o)
{
    interp_CONST(o);
}
void interp_VCONST(const Op *o)
{
    *o->dst = o->pool[o->u->imm];
}
void interp_BITCAST(const Op *o)
{
    *o->dst = *o->a;
}
void interp_SELECT(const Op *o)
{
    *o->dst = o->a->u64[0] & 1 ? *o->b : *o->c;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */
static inline uint64_t do_add(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a + b;
}
static inline uint64_t do_sub(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a - b;
}
static inline uint64_t do_mul(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a * b;
}

void interp_ADD(const Op *o)
{
    each2(o, do_add);
}
void interp_SUB(const Op *o)
{
    each2(o, do_sub);
}
void interp_MUL(const Op *o)
{
    each2(o, do_mul);
}
void interp_ADC(const Op *o)
{
    set_int(o, o->a->u64[0] + o->b->u64[0] + (o->c->u64[0] & 1));
}

void interp_MULHU(const Op *o)
{
    set_int(o, (uint64_t)((unsigned __int128)o->a->u64[0] * o->b->u64[0] >> 64));
}

void interp_MULHS(const Op *o)
{
    set_int(o, (uint64_t)((__int128)o->a->s64[0] * o->b->s64[0] >> 64));
}

static uint64_t div_by_zero(const Op *o)
{
    return o->u->sub == UOP_DIV_ZERO_GIVES_ONES ? ~UINT64_C(0) : 0;
}

void interp_UDIV(const Op *o)
{
    uint64_t b = o->b->u64[0];
    set_int(o, b == 0 ? div_by_zero(o) : o->a->u64[0] / b);
}

/* Division by -1 is negation, which also keeps the minimum: the host's division would trap there.
 */
void interp_SDIV(const Op *o)
{
    unsigned bits = o->u->type == T_I32 ? 32 : 64;
    int64_t a = sign_extend(o->a->u64[0], bits), b = sign_extend(o->b->u64[0], bits);
    set_int(o, b == 0 ? div_by_zero(o) : b == -1 ? -(uint64_t)a : (uint64_t)(a / b));
}

void interp_UREM(const Op *o)
{
    uint64_t a = o->a->u64[0], b = o->b->u64[0];
    set_int(o, b == 0 ? a : a % b);
}

void interp_SREM(const Op *o)
{
    unsigned bits = o->u->type == T_I32 ? 32 : 64;
    int64_t a = sign_extend(o->a->u64[0], bits), b = sign_extend(o->b->u64[0], bits);
    set_int(o, b == 0 ? (uint64_t)a : b == -1 ? 0 : (uint64_t)(a % b));
}

static inline uint64_t do_and(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a & b;
}
static inline uint64_t do_or(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a | b;
}
static inline uint64_t do_xor(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a ^ b;
}
static inline uint64_t do_andn(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a & ~b;
}
static inline uint64_t do_not(uint64_t a, unsigned bits)
{
    (void)bits;
    return ~a;
}
static inline uint64_t do_neg(uint64_t a, unsigned bits)
{
    (void)bits;
    return -a;
}
static inline uint64_t do_abs(uint64_t a, unsigned bits)
{
    return sign_extend(a, bits) < 0 ? -a : a;
}

void interp_AND(const Op *o)
{
    each2(o, do_and);
}
void interp_OR(const Op *o)
{
    each2(o, do_or);
}
void interp_XOR(const Op *o)
{
    each2(o, do_xor);
}
void interp_ANDN(const Op *o)
{
    each2(o, do_andn);
}
void interp_NOT(const Op *o)
{
    each1(o, do_not);
}
void interp_NEG(const Op *o)
{
    each1(o, do_neg);
}
void interp_ABS(const Op *o)
{
    each1(o, do_abs);
}

/* ---- shifts ---------------------------------------------------------------------------------- */
/* By 0 .. bits. */
static inline uint64_t shl(uint64_t a, uint64_t n, unsigned bits)
{
    return n >= bits ? 0 : a << n;
}
static inline uint64_t lsr(uint64_t a, uint64_t n, unsigned bits)
{
    return n >= bits ? 0 : a >> n;
}
static inline uint64_t asr(uint64_t a, uint64_t n, unsigned bits)
{
    return (uint64_t)(sign_extend(a, bits) >> (n >= bits ? bits - 1 : n));
}
static inline uint64_t ror(uint64_t a, uint64_t n, unsigned bits)
{
    n &= bits - 1;
    return n == 0 ? a : a >> n | a << (bits - n);
}

/* A scalar's amount is taken modulo the width; a vector's immediate may be the whole width. */
static inline __attribute__((always_inline)) void shift(const Op *o, Fn2 fn)
{
    if (uop_is_vec(o->u->type)) {
        each2(o, fn);
    } else {
        unsigned bits = o->u->type == T_I32 ? 32 : 64;
        set_int(o, fn(o->a->u64[0], int_b(o) & (bits - 1), bits));
    }
}

void interp_SHL(const Op *o)
{
    shift(o, shl);
}
void interp_LSR(const Op *o)
{
    shift(o, lsr);
}
void interp_ASR(const Op *o)
{
    shift(o, asr);
}
void interp_ROR(const Op *o)
{
    shift(o, ror);
}

void interp_FUNNEL(const Op *o)
{
    unsigned bits = o->u->type == T_I32 ? 32 : 64;
    unsigned __int128 pair = (unsigned __int128)o->a->u64[0] << bits | o->b->u64[0];
    set_int(o, (uint64_t)(pair >> o->u->imm));
}

/* ---- counting and reversing ------------------------------------------------------------------ */
static inline uint64_t do_clz(uint64_t a, unsigned bits)
{
    return a == 0 ? bits : (unsigned)__builtin_clzll(a) - (64 - bits);
}
static inline uint64_t do_cls(uint64_t a, unsigned bits)
{
    uint64_t x = (uint64_t)sign_extend(a, bits);
    return do_clz(low_bits(x ^ (uint64_t)((int64_t)x >> 63), bits), bits) - 1;
}
static inline uint64_t do_ctz(uint64_t a, unsigned bits)
{
    return a == 0 ? bits : (unsigned)__builtin_ctzll(a);
}
static inline uint64_t do_popcnt(uint64_t a, unsigned bits)
{
    (void)bits;
    return (unsigned)__builtin_popcountll(a);
}
static inline uint64_t do_bitrev(uint64_t a, unsigned bits)
{
    a = (a & 0x5555555555555555) << 1 | (a >> 1 & 0x5555555555555555);
    a = (a & 0x3333333333333333) << 2 | (a >> 2 & 0x3333333333333333);
    a = (a & 0x0f0f0f0f0f0f0f0f) << 4 | (a >> 4 & 0x0f0f0f0f0f0f0f0f);
    return __builtin_bswap64(a) >> (64 - bits);
}

void interp_CLZ(const Op *o)
{
    each1(o, do_clz);
}
void interp_CLS(const Op *o)
{
    each1(o, do_cls);
}
void interp_CTZ(const Op *o)
{
    each1(o, do_ctz);
}
void interp_POPCNT(const Op *o)
{
    each1(o, do_popcnt);
}
void interp_BITREV(const Op *o)
{
    each1(o, do_bitrev);
}

void interp_BSWAP(const Op *o)
{
    uint64_t a = o->a->u64[0];
    switch (o->u->sub) {
    case 1: a = (a & 0x00ff00ff00ff00ff) << 8 | (a >> 8 & 0x00ff00ff00ff00ff); break;
    case 2:
        a = __builtin_bswap64(a);
        a = a << 32 | a >> 32;
        break;
    default: a = __builtin_bswap64(a); break;
    }
    set_int(o, a);
}

/* ---- bit fields ------------------------------------------------------------------------------ */
static inline unsigned range_lsb(const Op *o)
{
    return (unsigned)o->u->imm & 0xff;
}
static inline unsigned range_width(const Op *o)
{
    return (unsigned)o->u->imm >> 8 & 0xff;
}

void interp_EXTRACT(const Op *o)
{
    set_int(o, low_bits(o->a->u64[0] >> range_lsb(o), range_width(o)));
}
void interp_SEXTRACT(const Op *o)
{
    set_int(o, (uint64_t)sign_extend(o->a->u64[0] >> range_lsb(o), range_width(o)));
}
void interp_INSERT(const Op *o)
{
    uint64_t mask = low_bits(~UINT64_C(0), range_width(o)) << range_lsb(o);
    set_int(o, (o->a->u64[0] & ~mask) | (o->b->u64[0] << range_lsb(o) & mask));
}

void interp_ZEXT(const Op *o)
{
    set_int(o, low_bits(o->a->u64[0], 8u << o->u->sub));
}
void interp_SEXT(const Op *o)
{
    set_int(o, (uint64_t)sign_extend(o->a->u64[0], 8u << o->u->sub));
}
void interp_TRUNC(const Op *o)
{
    o->dst->u64[0] = (uint32_t)o->a->u64[0];
}

/* ---- comparison ------------------------------------------------------------------------------ */
bool interp_compare(UopCond cond, uint64_t a, uint64_t b, unsigned bits)
{
    int64_t sa = sign_extend(a, bits), sb = sign_extend(b, bits);
    switch (cond) {
    case UOP_EQ: return a == b;
    case UOP_NE: return a != b;
    case UOP_UGE: return a >= b;
    case UOP_ULT: return a < b;
    case UOP_UGT: return a > b;
    case UOP_ULE: return a <= b;
    case UOP_SGE: return sa >= sb;
    case UOP_SLT: return sa < sb;
    case UOP_SGT: return sa > sb;
    case UOP_SLE: return sa <= sb;
    case UOP_TST: return (a & b) != 0;
    case UOP_NTST: return (a & b) == 0;
    default: __builtin_trap(); /* the verifier lets no other through */
    }
}

void interp_ICMP(const Op *o)
{
    set_bool(o, interp_compare((UopCond)o->u->sub, o->a->u64[0], int_b(o),
                               o->u->type == T_I32 ? 32 : 64));
}

void interp_VCMP(const Op *o)
{
    unsigned log2 = uop_lane_log2(o->u->type);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(o->u->type); i++) {
        bool yes = interp_compare((UopCond)o->u->sub, lane_u(o->a, log2, i), lane_b(o, log2, i),
                                  8u << log2);
        lane_set(&r, log2, i, yes ? ~UINT64_C(0) : 0);
    }
    *o->dst = r;
}

static inline uint64_t do_smin(uint64_t a, uint64_t b, unsigned bits)
{
    return sign_extend(a, bits) < sign_extend(b, bits) ? a : b;
}
static inline uint64_t do_smax(uint64_t a, uint64_t b, unsigned bits)
{
    return sign_extend(a, bits) > sign_extend(b, bits) ? a : b;
}
static inline uint64_t do_umin(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a < b ? a : b;
}
static inline uint64_t do_umax(uint64_t a, uint64_t b, unsigned bits)
{
    (void)bits;
    return a > b ? a : b;
}

void interp_MIN(const Op *o)
{
    each2(o, o->u->sub == UOP_SIGNED ? do_smin : do_umin);
}
void interp_MAX(const Op *o)
{
    each2(o, o->u->sub == UOP_SIGNED ? do_smax : do_umax);
}

/* ---- CRC ------------------------------------------------------------------------------------- */
/* Reflected polynomials: bit 31 is the coefficient of x^0. */
void interp_CRC(const Op *o)
{
    uint32_t poly = o->u->imm ? 0x82f63b78 : 0xedb88320;
    uint32_t crc = o->a->u32[0];
    for (unsigned i = 0; i < 1u << o->u->sub; i++) {
        crc ^= o->b->u8[i];
        for (unsigned k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (crc & 1 ? poly : 0);
        }
    }
    o->dst->u64[0] = crc;
}
