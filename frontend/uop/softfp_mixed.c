/* softfp_mixed.c - bfloat16, and products of halves into singles. */
#include "frontend/uop/softfp_core.h"

/* Arm FPConvertBF. */
uint16_t softfp_bf16_from_f32(FpEnv *e, uint32_t a)
{
    return (uint16_t)softfp_convert(e, SOFTFP_BF16, LANE_F32, a, (UopRound)e->round);
}

/* The environment of BFDOT and BFMMLA (FEAT_BF16 without extended behaviour: BFAdd, BFMulH): round
 * to odd, denormals flushed on both sides, the default NaN, no flags. */
static FpEnv dot_env(void)
{
    return (FpEnv){
        .policy = FP_POLICY_ARM, .round = UOP_ROUND_ODD, .mode = CPU_MODE_FZ | CPU_MODE_DN};
}

/* Round to odd would stop at the largest number; here overflow gives infinity. */
static uint64_t with_infinity(FpEnv *e, uint64_t r)
{
    bool overflowed = e->flags & FPX_OVERFLOW;
    e->flags = 0;
    return overflowed ? r + 1 : r;
}

static uint64_t dot_mul(FpEnv *e, uint16_t a, uint16_t b)
{
    return with_infinity(e, softfp_mul(e, LANE_F32, (uint32_t)a << 16, (uint32_t)b << 16));
}

static uint64_t dot_add(FpEnv *e, uint64_t a, uint64_t b)
{
    return with_infinity(e, softfp_add(e, LANE_F32, a, b));
}

/* The environment says how NaNs look; nothing is raised in it. */
uint32_t softfp_bf16_dot(FpEnv *e, uint32_t acc, uint16_t a0, uint16_t b0, uint16_t a1, uint16_t b1)
{
    FpEnv own = dot_env();
    own.policy = e->policy;
    uint64_t sum = dot_add(&own, dot_mul(&own, a0, b0), dot_mul(&own, a1, b1));
    return (uint32_t)dot_add(&own, acc, sum);
}

/* Arm FPMulAddH: the halves are widened exactly (after FZ16), so a single's fused multiply-add of
 * them is meant; NaNs of halves are widened before the choice, which keeps signaling ones
 * signaling. */
static uint64_t widen(FpEnv *e, uint16_t a)
{
    const FpFormat *h = softfp_format(LANE_F16), *s = softfp_format(LANE_F32);
    FpNum n = fp_unpack(e, h, a);
    switch (n.cls) {
    case FP_CLASS_ZERO: return fp_zero(s, n.sign);
    case FP_CLASS_INF: return fp_inf(s, n.sign);
    case FP_CLASS_QNAN: return fp_convert_nan(s, h, a);
    case FP_CLASS_SNAN: return fp_convert_nan(s, h, a) & ~fp_quiet_bit(s);
    default: return fp_round_pack(e, s, UOP_ROUND_ZERO, false, n.sign, n.exp, n.sig);
    }
}

uint32_t softfp_fmlal(FpEnv *e, uint32_t acc, uint16_t a, uint16_t b)
{
    return (uint32_t)softfp_fma(e, LANE_F32, widen(e, a), widen(e, b), acc);
}
