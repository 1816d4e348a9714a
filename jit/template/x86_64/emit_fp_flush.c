/*
 * emit_fp_flush.c - flush-to-zero mode (FPCR.FZ) of singles and doubles on the host's FPU, with AVX-512.
 *
 * The host's own modes don't do: theirs raises inexact with every flushed result and tells nothing of flushed operands. So arithmetic on denormal operands is
 * slow; conversions and comparisons make them zeros first and note it in Cpu.fp_flags,
 *
 *     vfpclasspd k1, x, denormal
 *     vmovaps  t, x
 *     vpandq   t{k1}, t, [sign bits]
 *     kortestb k1, k2 ; jz +  ; or [fp_flags], input denormal
 *
 * and whether a result will be tiny is found without raising anything, by the same operation on magnitudes rounded up: then, and only then, it is at most
 * the smallest normal number and not zero. Those are slow.
 */
#include "jit/template/x86_64/vec.h"

enum { CLASS_DENORMAL = 0x20, PREDICATE_LT = 1 };
static const uint32_t korb = ASM_VDESC(1, 1, 0x45, 0) | ASM_L256;

static bool is_f64(uint8_t type)
{
    return uop_lane(type) == LANE_F64;
}

/* A constant in the lanes of the type: of a scalar, with zeros above. */
static V128 lanes(uint8_t type, uint64_t bits)
{
    return uop_is_vec(type) ? vec_repeat(uop_lane_log2(type), bits) : vec_pair(bits, 0);
}

static uint64_t sign_bit(uint8_t type)
{
    return UINT64_C(1) << (uop_lane_bits(type) - 1);
}

static void classify(Emit *e, uint8_t type, int x, unsigned k)
{
    static const VecOp forms[4] = { V_FPCLASSPS_E, V_FPCLASSPD_E, V_FPCLASSSS_E, V_FPCLASSSD_E };
    asm_e2i(&e->a, forms[is_f64(type) | !uop_is_vec(type) << 1], k, (unsigned)x, CLASS_DENORMAL, 0, false);
}

unsigned fp_denormals(Emit *e, uint8_t type, Val v, int x, unsigned k)
{
    if (!(e->mode & CPU_MODE_FZ) || emit_val(e, v)->flags & VF_FLUSHED) {
        return 0;
    }
    classify(e, type, x, k);
    return 1u << k;
}

void fp_slow_if(Emit *e, unsigned masks)
{
    if (!masks) {
        return;
    }
    unsigned k = (unsigned)__builtin_ctz(masks), last = 31 - (unsigned)__builtin_clz(masks);
    for (unsigned rest = masks & ~(1u << k | 1u << last); rest; rest &= rest - 1) {
        asm_v3(&e->a, korb, k, k, (unsigned)__builtin_ctz(rest));
    }
    asm_v2(&e->a, V_KORTESTB, k, last);
    emit_slow(e, CC_NE);
}

int fp_operand(Emit *e, uint8_t type, Val v, int x, unsigned k)
{
    int c = fp_clear_upper(e, type, v, x);
    if (!(e->mode & CPU_MODE_FZ)) {
        return c;
    }
    classify(e, type, c, k);
    int t = c;
    if (c == x) {
        t = vec_tmp(e);
        vec_move(e, t, x);
    }
    V128 sign = vec_repeat(uop_lane_log2(type), sign_bit(type));
    AsmMem m = emit_const128(e, sign.u64[0], sign.u64[1]);
    asm_e3m(&e->a, V_PANDD_E | (is_f64(type) ? ASM_W : 0), (unsigned)t, (unsigned)t, m, k, false);
    return t;
}

void fp_note_flushed(Emit *e, unsigned operands)
{
    if (!(e->mode & CPU_MODE_FZ)) {
        return;
    }
    if (operands == 3) {
        asm_v3(&e->a, korb, 1, 1, 3);
    }
    asm_v2(&e->a, V_KORTESTB, 1, operands == 1 ? 1 : 2);
    uint8_t *none = asm_jcc8(&e->a, CC_E);
    asm_alu_mi(&e->a, ALU_OR, 2, asm_cpu(offsetof(Cpu, fp_flags)), FPX_INPUT_DENORMAL);
    asm_patch8(&e->a, none);
}

/* k = the lanes of t, magnitudes, that are in 1 .. bound as integers. Changes t. */
static void compare_tiny(Emit *e, uint8_t type, unsigned k, int t, uint64_t bound)
{
    V128 c = vec_repeat(uop_lane_log2(type), bound);
    vec_op_const(e, is_f64(type) ? V_PADDQ : V_PADDD, t, t, vec_repeat(3, ~UINT64_C(0)));
    asm_e3mi(&e->a, is_f64(type) ? V_PCMPUQ_E : V_PCMPUD_E, k, (unsigned)t, emit_const128(e, c.u64[0], c.u64[1]), PREDICATE_LT, 0, false);
}

static uint64_t min_normal(uint8_t type)
{
    return is_f64(type) ? UINT64_C(1) << 52 : UINT64_C(1) << 23;
}

static void magnitude(Emit *e, uint8_t type, int d, int x)
{
    vec_op_const(e, V_ANDPS, d, x, lanes(type, sign_bit(type) - 1));
}

/* EVEX takes the width of doubles from W. */
static VecOp evex_form(uint8_t type, VecOp op)
{
    return (op & ~ASM_COMM) | (is_f64(type) ? ASM_W : 0);
}

/* scratch = the operation on magnitudes, rounded up. */
static void upper_bound(Emit *e, uint8_t type, VecOp op, int scratch, int x, int y)
{
    int t = vec_tmp(e);
    magnitude(e, type, t, x);
    magnitude(e, type, scratch, y);
    vec_op_round(e, evex_form(type, op), VEC_ROUND_UP, scratch, t, scratch);
    vec_tmp_free(e, t);
}

unsigned fp_will_flush(Emit *e, uint8_t type, VecOp op, int scratch, int x, int y)
{
    upper_bound(e, type, op, scratch, x, y);
    compare_tiny(e, type, 4, scratch, min_normal(type));
    return 1u << 4;
}

/*
 * A fused result is tiny if, to the nearest, it is at most the smallest normal number and not zero; or zero, because even that is too small. The latter
 * needs bits of the product far below those of a normal number: products so small are slow altogether.
 */
unsigned fp_will_flush_fma(Emit *e, uint8_t type, VecOp mul, VecOp fma, int scratch, int x, int y, int z)
{
    uint64_t small_product = is_f64(type) ? (uint64_t)(1023 - 960) << 52 : (uint64_t)(127 - 100) << 23;
    upper_bound(e, type, mul, scratch, x, y);
    compare_tiny(e, type, 4, scratch, small_product);
    vec_move(e, scratch, z);
    vec_op_round(e, evex_form(type, fma), VEC_ROUND_NEAREST, scratch, x, y);
    magnitude(e, type, scratch, scratch);
    compare_tiny(e, type, 5, scratch, min_normal(type));
    return 1u << 4 | 1u << 5;
}

void fp_check_flush_narrow(Emit *e, bool vector, int x)
{
    int t = vec_tmp(e);
    magnitude(e, vector ? T_F64X2 : T_F64, t, x);
    if (vector) {
        vec_op_round(e, V_CVTPD2PS | ASM_W, VEC_ROUND_UP, t, 0, t);
    } else {
        int zero = vec_tmp(e);
        vec_zero(e, zero);
        vec_op_round(e, V_CVTSD2SS | ASM_W, VEC_ROUND_UP, t, zero, t);
        vec_tmp_free(e, zero);
    }
    compare_tiny(e, T_F32X4, 1, t, min_normal(T_F32));
    fp_slow_if(e, 1u << 1);
    vec_tmp_free(e, t);
}
