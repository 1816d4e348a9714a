/* interp_fp.c - floating point: every lane through softfp; raised flags go to Cpu.fp_flags. */
#include "frontend/uop/softfp.h"
#include "jit/interp/ops.h"

static inline FpEnv begin(const Op *o)
{
    return softfp_env(o->cpu, o->cpu->frontend->fp_policy);
}
static inline void end(const Op *o, const FpEnv *e)
{
    o->cpu->fp_flags |= e->flags;
}

/* ---- lane-wise ------------------------------------------------------------------------------- */
typedef uint64_t (*Fp1)(FpEnv *e, unsigned fmt, uint64_t a);
typedef uint64_t (*Fp2)(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b);

static void each1(const Op *o, Fp1 fn)
{
    FpEnv e = begin(o);
    uint8_t t = o->u->type;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        lane_set(&r, uop_lane_log2(t), i, fn(&e, uop_lane(t), lane_u(o->a, uop_lane_log2(t), i)));
    }
    *o->dst = r;
    end(o, &e);
}

static void each2(const Op *o, Fp2 fn)
{
    FpEnv e = begin(o);
    uint8_t t = o->u->type;
    unsigned log2 = uop_lane_log2(t);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        lane_set(&r, log2, i, fn(&e, uop_lane(t), lane_u(o->a, log2, i), lane_u(o->b, log2, i)));
    }
    *o->dst = r;
    end(o, &e);
}

void interp_FADD(const Op *o)
{
    each2(o, softfp_add);
}
void interp_FSUB(const Op *o)
{
    each2(o, softfp_sub);
}
void interp_FMUL(const Op *o)
{
    each2(o, o->u->sub == UOP_FMUL_X ? softfp_mulx : softfp_mul);
}
void interp_FDIV(const Op *o)
{
    each2(o, softfp_div);
}
void interp_FSQRT(const Op *o)
{
    each1(o, softfp_sqrt);
}
void interp_FRECPE(const Op *o)
{
    each1(o, softfp_recip_estimate);
}
void interp_FRSQRTE(const Op *o)
{
    each1(o, softfp_rsqrt_estimate);
}
void interp_FRECPX(const Op *o)
{
    each1(o, softfp_recip_exponent);
}
void interp_FRECPS(const Op *o)
{
    each2(o, softfp_recip_step);
}
void interp_FRSQRTS(const Op *o)
{
    each2(o, softfp_rsqrt_step);
}

static uint64_t do_min(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return softfp_min(e, fmt, a, b, false, false);
}
static uint64_t do_minnum(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return softfp_min(e, fmt, a, b, false, true);
}
static uint64_t do_max(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return softfp_min(e, fmt, a, b, true, false);
}
static uint64_t do_maxnum(FpEnv *e, unsigned fmt, uint64_t a, uint64_t b)
{
    return softfp_min(e, fmt, a, b, true, true);
}

void interp_FMIN(const Op *o)
{
    each2(o, o->u->sub == UOP_MINMAX_NUM ? do_minnum : do_min);
}
void interp_FMAX(const Op *o)
{
    each2(o, o->u->sub == UOP_MINMAX_NUM ? do_maxnum : do_max);
}

static inline uint64_t sign_bit(unsigned log2)
{
    return UINT64_C(1) << ((8u << log2) - 1);
}

static uint64_t do_neg(FpEnv *e, unsigned fmt, uint64_t a)
{
    (void)e;
    return a ^ sign_bit(fmt & 7);
}
static uint64_t do_abs(FpEnv *e, unsigned fmt, uint64_t a)
{
    (void)e;
    return a & ~sign_bit(fmt & 7);
}

void interp_FNEG(const Op *o)
{
    each1(o, do_neg);
}
void interp_FABS(const Op *o)
{
    each1(o, do_abs);
}

void interp_FMA(const Op *o)
{
    FpEnv e = begin(o);
    uint8_t t = o->u->type;
    unsigned log2 = uop_lane_log2(t);
    uint64_t neg_a = o->u->sub & UOP_FMA_NEG_A ? sign_bit(log2) : 0,
             neg_c = o->u->sub & UOP_FMA_NEG_C ? sign_bit(log2) : 0;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        lane_set(&r, log2, i,
                 softfp_fma(&e, uop_lane(t), lane_u(o->a, log2, i) ^ neg_a, lane_u(o->b, log2, i),
                            lane_u(o->c, log2, i) ^ neg_c));
    }
    *o->dst = r;
    end(o, &e);
}

void interp_FCMP(const Op *o)
{
    FpEnv e = begin(o);
    uint8_t t = o->u->type;
    unsigned log2 = uop_lane_log2(t);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        bool yes = softfp_test(&e, uop_lane(t), (UopCond)o->u->sub, lane_u(o->a, log2, i),
                               lane_u(o->b, log2, i));
        lane_set(&r, log2, i, yes ? ~UINT64_C(0) : 0);
    }
    *o->dst = r;
    end(o, &e);
}

/* ---- conversions ----------------------------------------------------------------------------- */
void interp_FROUND(const Op *o)
{
    FpEnv e = begin(o);
    uint8_t t = o->u->type;
    unsigned log2 = uop_lane_log2(t);
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(t); i++) {
        lane_set(&r, log2, i,
                 softfp_round(&e, uop_lane(t), lane_u(o->a, log2, i), round_of(o->cpu, o->u->sub),
                              o->u->flags & UOPF_EXACT, (unsigned)o->u->imm));
    }
    *o->dst = r;
    end(o, &e);
}

/* How many lanes a conversion does: those of the shorter of result and source. */
static inline unsigned conv_lanes(uint8_t to, uint8_t from)
{
    return uop_lanes(to) < uop_lanes(from) ? uop_lanes(to) : uop_lanes(from);
}

void interp_FCVT(const Op *o)
{
    FpEnv e = begin(o);
    uint8_t to = o->u->type, from = (uint8_t)o->u->c;
    unsigned n = conv_lanes(to, from), first = o->u->flags & UOPF_HIGH ? n : 0;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < n; i++) {
        uint64_t x = lane_u(o->a, uop_lane_log2(from), first + i);
        lane_set(&r, uop_lane_log2(to), i,
                 softfp_convert(&e, uop_lane(to), uop_lane(from), x, round_of(o->cpu, o->u->sub)));
    }
    *o->dst = r;
    end(o, &e);
}

void interp_FTOI(const Op *o)
{
    FpEnv e = begin(o);
    uint8_t to = o->u->type, from = (uint8_t)o->u->c;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < conv_lanes(to, from); i++) {
        uint64_t x = lane_u(o->a, uop_lane_log2(from), i);
        x = softfp_to_int(&e, uop_lane(from), x, uop_lane_bits(to), o->u->flags & UOPF_UNSIGNED,
                          round_of(o->cpu, o->u->sub), (unsigned)o->u->imm);
        lane_set(&r, uop_lane_log2(to), i, x);
    }
    *o->dst = r;
    end(o, &e);
}

void interp_ITOF(const Op *o)
{
    FpEnv e = begin(o);
    uint8_t to = o->u->type, from = (uint8_t)o->u->c;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < conv_lanes(to, from); i++) {
        uint64_t x = lane_u(o->a, uop_lane_log2(from), i);
        x = softfp_from_int(&e, uop_lane(to), x, uop_lane_bits(from), o->u->flags & UOPF_UNSIGNED,
                            (unsigned)o->u->imm);
        lane_set(&r, uop_lane_log2(to), i, x);
    }
    *o->dst = r;
    end(o, &e);
}

void interp_FJCVT(const Op *o)
{
    FpEnv e = begin(o);
    bool exact;
    uint32_t value = softfp_js_to_int(&e, o->a->u64[0], &exact);
    o->dst->u64[0] = !(o->u->flags & UOPF_EXACT) ? value : exact ? 1u << 30 : 0;
    end(o, &e);
}

void interp_URECPE(const Op *o)
{
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(o->u->type); i++) {
        r.u32[i] = softfp_urecip_estimate(o->a->u32[i]);
    }
    *o->dst = r;
}

void interp_URSQRTE(const Op *o)
{
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < uop_lanes(o->u->type); i++) {
        r.u32[i] = softfp_ursqrt_estimate(o->a->u32[i]);
    }
    *o->dst = r;
}

/* ---- mixed widths ---------------------------------------------------------------------------- */
/* Accumulator (2 x 2) + b (2 x 4) * c (2 x 4, transposed): two dot steps for each element. */
static void bf16_mmla(FpEnv *e, V128 *r, const Op *o)
{
    for (unsigned k = 0; k < 4; k++) {
        const uint16_t *x = o->b->u16 + 4 * (k >> 1), *y = o->c->u16 + 4 * (k & 1);
        uint32_t sum = softfp_bf16_dot(e, o->a->u32[k], x[0], y[0], x[1], y[1]);
        r->u32[k] = softfp_bf16_dot(e, sum, x[2], y[2], x[3], y[3]);
    }
}

void interp_BF16(const Op *o)
{
    FpEnv e = begin(o);
    V128 r = {.u64 = {0, 0}};
    unsigned n = uop_lanes(o->u->type);
    switch (o->u->sub) {
    case UOP_BF16_DOT:
        for (unsigned i = 0; i < n; i++) {
            const uint16_t *x = o->b->u16 + 2 * i, *y = o->c->u16 + 2 * i;
            r.u32[i] = softfp_bf16_dot(&e, o->a->u32[i], x[0], y[0], x[1], y[1]);
        }
        break;
    case UOP_BF16_MMLA: bf16_mmla(&e, &r, o); break;
    case UOP_BF16_CVT:
        for (unsigned i = 0; i < 4; i++) {
            r.u16[i] = softfp_bf16_from_f32(&e, o->a->u32[i]);
        }
        break;
    default: /* CVT1 */ r.u16[0] = softfp_bf16_from_f32(&e, o->a->u32[0]); break;
    }
    *o->dst = r;
    end(o, &e);
}

void interp_FMLAL(const Op *o)
{
    FpEnv e = begin(o);
    unsigned n = uop_lanes(o->u->type), first = o->u->flags & UOPF_HIGH ? n : 0;
    uint16_t neg = o->u->sub & UOP_FMA_NEG_A ? 0x8000 : 0;
    V128 r = {.u64 = {0, 0}};
    for (unsigned i = 0; i < n; i++) {
        r.u32[i] = softfp_fmlal(&e, o->a->u32[i], o->b->u16[first + i] ^ neg, o->c->u16[first + i]);
    }
    *o->dst = r;
    end(o, &e);
}
