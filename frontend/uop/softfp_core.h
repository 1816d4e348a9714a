/* softfp_core.h - within softfp: numbers taken apart, and rounded back.
 *
 * A finite number is sign, sig, exp: the value (-1)^sign * sig * 2^exp with an integer sig, so that
 * sums, products and shifts are exact in 128 bits.
 */
#ifndef XEMU_FRONTEND_UOP_SOFTFP_CORE_H
#define XEMU_FRONTEND_UOP_SOFTFP_CORE_H

#include "frontend/uop/softfp.h"

typedef unsigned __int128 Sig;

/* A binary format: 1 + exp_bits + frac_bits bits. */
typedef struct FpFormat {
    uint8_t exp_bits, frac_bits;
    bool half; /* F16: FZ16 is its flush mode, FZ that of the others */
} FpFormat;

/* LANE_F16, LANE_F32, LANE_F64 at index & 3 (1, 2, 3); bfloat16, which is no lane kind, at 0. */
extern const FpFormat softfp_formats[4];
#define SOFTFP_BF16 0u
static inline const FpFormat *softfp_format(unsigned fmt)
{
    return &softfp_formats[fmt & 3];
}

typedef enum FpClass {
    FP_CLASS_ZERO,
    FP_CLASS_FINITE,
    FP_CLASS_INF,
    FP_CLASS_QNAN,
    FP_CLASS_SNAN
} FpClass;

typedef struct FpNum {
    FpClass cls;
    bool sign;
    int exp;
    uint64_t sig; /* nonzero when FINITE */
} FpNum;

static inline bool fp_is_nan(FpNum n)
{
    return n.cls >= FP_CLASS_QNAN;
}
static inline bool fp_is_inf(FpNum n)
{
    return n.cls == FP_CLASS_INF;
}
static inline bool fp_is_zero(FpNum n)
{
    return n.cls == FP_CLASS_ZERO;
}

static inline uint64_t fp_sign_bit(const FpFormat *f)
{
    return UINT64_C(1) << (f->exp_bits + f->frac_bits);
}
static inline uint64_t fp_exp_mask(const FpFormat *f)
{
    return (UINT64_C(1) << f->exp_bits) - 1;
}
static inline uint64_t fp_quiet_bit(const FpFormat *f)
{
    return UINT64_C(1) << (f->frac_bits - 1);
}
static inline int fp_bias(const FpFormat *f)
{
    return (1 << (f->exp_bits - 1)) - 1;
}
static inline uint64_t fp_pack(const FpFormat *f, bool sign, uint64_t biased, uint64_t frac)
{
    return (sign ? fp_sign_bit(f) : 0) | biased << f->frac_bits | frac;
}
static inline uint64_t fp_zero(const FpFormat *f, bool sign)
{
    return fp_pack(f, sign, 0, 0);
}
static inline uint64_t fp_inf(const FpFormat *f, bool sign)
{
    return fp_pack(f, sign, fp_exp_mask(f), 0);
}
static inline uint64_t fp_max(const FpFormat *f, bool sign)
{
    return fp_inf(f, sign) - 1;
}
uint64_t fp_default_nan(const FpEnv *e, const FpFormat *f);
/* Raises invalid and gives the default NaN. */
uint64_t fp_invalid(FpEnv *e, const FpFormat *f);

static inline bool fp_flushes(const FpEnv *e, const FpFormat *f)
{
    return e->mode & (f->half ? CPU_MODE_FZ16 : CPU_MODE_FZ);
}

/* Takes a number apart; denormals become zeros in flush mode (raising FPX_INPUT_DENORMAL except for
 * F16). Arm FPUnpack. */
FpNum fp_unpack(FpEnv *e, const FpFormat *f, uint64_t bits);

/* The NaN that an operation gives whose operands (1 to 3) hold at least one. Arm FPProcessNaNs,
 * with FPProcessNaNs3's addend given first. */
uint64_t fp_nan_of(FpEnv *e, const FpFormat *f, unsigned n, const FpNum *num, const uint64_t *bits);
/* A NaN in another format, made quiet: the top of the payload is kept. Arm FPConvertNaN. */
uint64_t fp_convert_nan(const FpFormat *to, const FpFormat *from, uint64_t bits);

/* Whether the magnitude cut at some bit goes up. odd: its lowest bit; half: how what was cut
 * compares with half (-1, 0, 1); inexact: something was cut. */
bool fp_goes_up(UopRound round, bool sign, bool odd, int half, bool inexact);
/* sig >> n with what is cut described as above. n >= 0, sig < 2^126. */
Sig fp_cut(Sig sig, int n, int *half, bool *inexact);

/* sig * 2^exp rounded to the format, 0 < sig < 2^126; a sticky lowest bit is allowed when two bits
 * of sig lie below the result's. Arm FPRound; ahp: the format is Arm's alternative half precision.
 */
uint64_t fp_round_pack(FpEnv *e, const FpFormat *f, UopRound round, bool ahp, bool sign, int exp,
                       Sig sig);

/* The sum of two finite numbers (sig 0: zero) with sig < 2^120, rounded. An exact zero is negative
 * when rounding down only. */
uint64_t fp_sum(FpEnv *e, const FpFormat *f, bool sign_a, int exp_a, Sig sig_a, bool sign_b,
                int exp_b, Sig sig_b);

#endif
