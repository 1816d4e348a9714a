/* interp_vec.c - vector operations: lanes moved, saturating arithmetic, widening and narrowing,
 * across lanes. */
#include "jit/interp/ops.h"

#define LANES(o) uop_lanes((o)->u->type)
#define LOG2(o)  uop_lane_log2((o)->u->type)

/* ---- between classes and lanes --------------------------------------------------------------- */
/* v with all but its low `bytes` bytes zero. */
static V128 low_bytes(V128 v, unsigned bytes)
{
    if (bytes < 16) {
        v.u64[1] = 0;
        v.u64[0] = low_bits(v.u64[0], 8 * bytes);
    }
    return v;
}

void interp_ZEXTV(const Op *o)
{
    *o->dst = low_bytes(*o->a, uop_type_bytes((uint8_t)o->u->c));
}
void interp_LOWV(const Op *o)
{
    *o->dst = low_bytes(*o->a, uop_type_bytes(o->u->type));
}

static void splat(const Op *o, uint64_t x)
{
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        lane_set(&r, LOG2(o), i, x);
    }
    *o->dst = r;
}

void interp_SPLAT(const Op *o)
{
    splat(o, o->a->u64[0]);
}
void interp_SPLATL(const Op *o)
{
    splat(o, lane_u(o->a, LOG2(o), (unsigned)o->u->imm));
}

void interp_GETLANE(const Op *o)
{
    unsigned log2 = uop_lane_log2((uint8_t)o->u->c), i = (unsigned)o->u->imm;
    set_int(o, o->u->flags & UOPF_SIGNED ? (uint64_t)lane_s(o->a, log2, i) : lane_u(o->a, log2, i));
}

void interp_SETLANE(const Op *o)
{
    V128 r = *o->a;
    lane_set(&r, LOG2(o), (unsigned)o->u->imm, o->b->u64[0]);
    *o->dst = r;
}

void interp_INSLANE(const Op *o)
{
    V128 r = *o->a;
    unsigned imm = (unsigned)o->u->imm;
    lane_set(&r, LOG2(o), imm & 255, lane_u(o->b, LOG2(o), imm >> 8));
    *o->dst = r;
}

/* ---- permutations ---------------------------------------------------------------------------- */
/* Result lane i is lane pick(i, n) of the 2n lanes of a then b. */
static inline __attribute__((always_inline)) void permute(const Op *o,
                                                          unsigned (*pick)(unsigned i, unsigned n))
{
    unsigned n = LANES(o), log2 = LOG2(o);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < n; i++) {
        unsigned from = pick(i, n);
        lane_set(&r, log2, i, lane_u(from < n ? o->a : o->b, log2, from % n));
    }
    *o->dst = r;
}

static unsigned pick_zip1(unsigned i, unsigned n)
{
    return i / 2 + (i & 1) * n;
}
static unsigned pick_zip2(unsigned i, unsigned n)
{
    return n / 2 + i / 2 + (i & 1) * n;
}
static unsigned pick_uzp1(unsigned i, unsigned n)
{
    (void)n;
    return 2 * i;
}
static unsigned pick_uzp2(unsigned i, unsigned n)
{
    (void)n;
    return 2 * i + 1;
}
static unsigned pick_trn1(unsigned i, unsigned n)
{
    return (i & ~1u) + (i & 1) * n;
}
static unsigned pick_trn2(unsigned i, unsigned n)
{
    return (i | 1) + (i & 1) * n;
}

void interp_ZIP1(const Op *o)
{
    permute(o, pick_zip1);
}
void interp_ZIP2(const Op *o)
{
    permute(o, pick_zip2);
}
void interp_UZP1(const Op *o)
{
    permute(o, pick_uzp1);
}
void interp_UZP2(const Op *o)
{
    permute(o, pick_uzp2);
}
void interp_TRN1(const Op *o)
{
    permute(o, pick_trn1);
}
void interp_TRN2(const Op *o)
{
    permute(o, pick_trn2);
}

void interp_EXTV(const Op *o)
{
    unsigned n = LANES(o);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < n; i++) {
        unsigned from = i + (unsigned)o->u->imm;
        r.u8[i] = from < n ? o->a->u8[from] : o->b->u8[from - n];
    }
    *o->dst = r;
}

void interp_REVL(const Op *o)
{
    unsigned log2 = LOG2(o), flip = (1u << (o->u->sub - log2)) - 1;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        lane_set(&r, log2, i, lane_u(o->a, log2, i ^ flip));
    }
    *o->dst = r;
}

void interp_TBL(const Op *o)
{
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        uint8_t at = (uint8_t)(o->b->u8[i] - o->u->imm);
        r.u8[i] = at < 16 ? o->a->u8[at] : o->u->c != VAL_NONE ? o->c->u8[i] : 0;
    }
    *o->dst = r;
}

void interp_BSEL(const Op *o)
{
    o->dst->u128 = (o->a->u128 & o->c->u128) | (o->b->u128 & ~o->c->u128);
}

/* ---- arithmetic at infinite precision, then cut or saturated --------------------------------- */
typedef __int128 Wide; /* holds every intermediate of 64-bit lanes */

static Wide lane_wide(const V128 *v, unsigned log2, unsigned i, bool is_signed)
{
    return is_signed ? (Wide)lane_s(v, log2, i) : (Wide)lane_u(v, log2, i);
}

static uint64_t saturate(Wide x, unsigned bits, bool is_signed)
{
    Wide max = ((Wide)1 << (is_signed ? bits - 1 : bits)) - 1, min = is_signed ? -max - 1 : 0;
    return (uint64_t)(x > max ? max : x < min ? min : x);
}

/* Signedness of a, b and the result by `sub` (UOP_UNSIGNED, UOP_SIGNED, UOP_SAT_SU, UOP_SAT_US). */
static void add_sub_sat(const Op *o, bool sub)
{
    unsigned kind = o->u->sub & 3, log2 = LOG2(o);
    bool sa = kind == UOP_SIGNED || kind == UOP_SAT_SU,
         sb = kind == UOP_SIGNED || kind == UOP_SAT_US;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide x = lane_wide(o->a, log2, i, sa), y = lane_wide(o->b, log2, i, sb);
        lane_set(&r, log2, i, saturate(sub ? x - y : x + y, 8u << log2, sa));
    }
    *o->dst = r;
}

void interp_ADDSAT(const Op *o)
{
    add_sub_sat(o, false);
}
void interp_SUBSAT(const Op *o)
{
    add_sub_sat(o, true);
}

void interp_HADD(const Op *o)
{
    bool s = o->u->sub & UOP_SIGNED, round = o->u->sub & UOP_ROUND;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide sum = lane_wide(o->a, LOG2(o), i, s) + lane_wide(o->b, LOG2(o), i, s) + round;
        lane_set(&r, LOG2(o), i, (uint64_t)(sum >> 1));
    }
    *o->dst = r;
}

void interp_HSUB(const Op *o)
{
    bool s = o->u->sub & UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide diff = lane_wide(o->a, LOG2(o), i, s) - lane_wide(o->b, LOG2(o), i, s);
        lane_set(&r, LOG2(o), i, (uint64_t)(diff >> 1));
    }
    *o->dst = r;
}

void interp_ABD(const Op *o)
{
    bool s = o->u->sub & UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide diff = lane_wide(o->a, LOG2(o), i, s) - lane_wide(o->b, LOG2(o), i, s);
        lane_set(&r, LOG2(o), i, (uint64_t)(diff < 0 ? -diff : diff));
    }
    *o->dst = r;
}

void interp_RSHR(const Op *o)
{
    bool s = o->u->sub & UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide x = lane_wide(o->a, LOG2(o), i, s) + ((Wide)1 << (o->u->imm - 1));
        lane_set(&r, LOG2(o), i, (uint64_t)(x >> o->u->imm));
    }
    *o->dst = r;
}

/* x << n (n negative: right, rounded if asked for). |x| < 2^64, so what is shifted past bit 66 on
 * the right or the lane's width on the left no longer depends on n. */
static uint64_t shift(Wide x, int n, unsigned bits, bool is_signed, bool round, bool sat)
{
    if (n < 0) {
        int right = -n > 66 ? 66 : -n;
        x = (x + (round ? (Wide)1 << (right - 1) : 0)) >> right;
    } else if ((unsigned)n >= bits) {
        if (!sat || x == 0) {
            return 0;
        }
        x = x < 0 ? -((Wide)1 << 64) : (Wide)1 << 64;
    } else {
        x = (Wide)((unsigned __int128)x << n);
    }
    return sat ? saturate(x, bits, is_signed) : (uint64_t)x;
}

void interp_SHLV(const Op *o)
{
    unsigned log2 = LOG2(o), sub = o->u->sub;
    bool s = sub & UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        int n = (int8_t)lane_u(o->b, log2, i);
        lane_set(
            &r, log2, i,
            shift(lane_wide(o->a, log2, i, s), n, 8u << log2, s, sub & UOP_ROUND, sub & UOP_SAT));
    }
    *o->dst = r;
}

void interp_SHLSAT(const Op *o)
{
    unsigned log2 = LOG2(o), kind = o->u->sub & 3;
    bool in_signed = kind != UOP_UNSIGNED, out_signed = kind == UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide x = lane_wide(o->a, log2, i, in_signed);
        lane_set(&r, log2, i, shift(x, o->u->imm, 8u << log2, out_signed, false, true));
    }
    *o->dst = r;
}

/* ---- other widths ---------------------------------------------------------------------------- */
void interp_WIDEN(const Op *o)
{
    unsigned log2 = LOG2(o), n = LANES(o), first = o->u->flags & UOPF_HIGH ? n : 0;
    bool s = o->u->sub & UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < n; i++) {
        lane_set(&r, log2, i, (uint64_t)lane_wide(o->a, log2 - 1, first + i, s));
    }
    *o->dst = r;
}

void interp_NARROW(const Op *o)
{
    unsigned log2 = LOG2(o), kind = o->u->sub;
    bool in_signed = kind == UOP_NARROW_SAT_S || kind == UOP_NARROW_SAT_SU,
         out_signed = kind == UOP_NARROW_SAT_S;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide x = lane_wide(o->a, log2 + 1, i, in_signed);
        lane_set(&r, log2, i,
                 kind == UOP_NARROW_TRUNC ? (uint64_t)x : saturate(x, 8u << log2, out_signed));
    }
    *o->dst = r;
}

void interp_WMUL(const Op *o)
{
    unsigned log2 = LOG2(o), n = LANES(o), first = o->u->flags & UOPF_HIGH ? n : 0;
    bool s = o->u->sub & UOP_SIGNED;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < n; i++) {
        Wide product =
            lane_wide(o->a, log2 - 1, first + i, s) * lane_wide(o->b, log2 - 1, first + i, s);
        lane_set(&r, log2, i, (uint64_t)product);
    }
    *o->dst = r;
}

void interp_MULHSAT(const Op *o)
{
    unsigned log2 = LOG2(o), bits = 8u << log2;
    Wide round = o->u->sub & UOP_ROUND ? (Wide)1 << (bits - 1) : 0;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        Wide x = 2 * (Wide)lane_s(o->a, log2, i) * lane_s(o->b, log2, i) + round;
        lane_set(&r, log2, i, saturate(x >> bits, bits, true));
    }
    *o->dst = r;
}

/* Product of polynomials over GF(2). */
static unsigned __int128 clmul(uint64_t a, uint64_t b)
{
    unsigned __int128 r = 0;
    for (unsigned i = 0; i < 64; i++) {
        r ^= b >> i & 1 ? (unsigned __int128)a << i : 0;
    }
    return r;
}

void interp_CLMUL(const Op *o)
{
    unsigned log2 = LOG2(o), n = LANES(o);
    bool high = o->u->flags & UOPF_HIGH;
    V128 r = {.u64 = {0, 0}};
    if (log2 >= 3) {
        r.u128 = clmul(o->a->u64[high], o->b->u64[high]);
    } else {
        unsigned first = log2 == 1 && high ? n : 0; /* 8-bit lanes in all remaining types */
        for (unsigned i = 0; i < n; i++) {
            lane_set(&r, log2, i, (uint64_t)clmul(o->a->u8[first + i], o->b->u8[first + i]));
        }
    }
    *o->dst = r;
}

void interp_REDUCE(const Op *o)
{
    unsigned log2 = LOG2(o), kind = o->u->sub;
    bool s = kind == UOP_REDUCE_SMAX || kind == UOP_REDUCE_SMIN || kind == UOP_REDUCE_SADDL;
    bool longer = kind == UOP_REDUCE_SADDL || kind == UOP_REDUCE_UADDL;
    Wide acc = lane_wide(o->a, log2, 0, s);
    for (unsigned i = 1; i < LANES(o); i++) {
        Wide x = lane_wide(o->a, log2, i, s);
        switch (kind) {
        case UOP_REDUCE_SMAX:
        case UOP_REDUCE_UMAX: acc = x > acc ? x : acc; break;
        case UOP_REDUCE_SMIN:
        case UOP_REDUCE_UMIN: acc = x < acc ? x : acc; break;
        default: acc += x; break;
        }
    }
    V128 r = {.u64 = {0, 0}};
    lane_set(&r, log2 + longer, 0, (uint64_t)acc);
    *o->dst = r;
}

/* ---- dot products ---------------------------------------------------------------------------- */
/* Sum of n byte products. */
static uint32_t dot(const uint8_t *x, const uint8_t *y, unsigned n, unsigned sub)
{
    int32_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        int32_t p = sub == UOP_DOT_SS ? (int8_t)x[i] : x[i],
                q = sub == UOP_DOT_UU ? y[i] : (int8_t)y[i];
        sum += p * q;
    }
    return (uint32_t)sum;
}

void interp_DOT(const Op *o)
{
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < LANES(o); i++) {
        r.u32[i] = o->a->u32[i] + dot(o->b->u8 + 4 * i, o->c->u8 + 4 * i, 4, o->u->sub);
    }
    *o->dst = r;
}

void interp_DOTMM(const Op *o)
{
    V128 r;
    for (unsigned k = 0; k < 4; k++) {
        r.u32[k] =
            o->a->u32[k] + dot(o->b->u8 + 8 * (k >> 1), o->c->u8 + 8 * (k & 1), 8, o->u->sub);
    }
    *o->dst = r;
}
