/* checks_ask.c - is one of the float results that haven't been checked (checks.c) another than the
 * guest's? Comparisons of all of them, and a branch.
 *
 * What a result is an operand of needn't be asked of the result: a NaN would have come through.
 * With AVX-512's masks the smallest normal number isn't told from zero at first, by one VPTESTM a
 * result; whether there was one is found out of line.
 */
#include "lift/build.h"

#include <string.h>

/* What is wrong: bits of AVX-512's masks, where it is there; else the sign bits of vectors of 128
 * bits, by which of them count, as PMOVMSKB numbers them. Comparisons are the host's own: of all
 * that MOVMSKPS gives LLVM would make a VTESTPS, which takes longer (docs/decisions.md). */
enum { OF_F32X4, OF_F64X2, OF_F32, OF_F64, BAD_KINDS };
static const uint16_t sign_bits[BAD_KINDS] = {0x8888, 0x8080, 8, 0x80};
/* Intel SDM volume 2A, CMPPD; from 8 on AVX's */
enum { CMP_UNORD = 3, CMP_NOT = 4, CMP_EQ_UQ = 8 };
/* A scalar or two are compared by UCOMISD, each with a branch of its own: less than to bring a mask
 * to a general register. */
enum { MAX_COMPARED = 2 };
typedef struct Bad {
    V signs[BAD_KINDS]; /* <4 x i32>; NULL: nothing */
    V mask;             /* Lift.masks: AVX-512's, <8 x i1> */
    bool sure;          /* asked is what is sure to be right, by masks: */
    V good[BAD_KINDS];  /* of all lanes of such results; of scalars' in the lowest bit */
    struct {
        const char *how;
        V a, b;
    } compared[MAX_COMPARED];
    unsigned ncompared;
} Bad;

static void bad_if(Lift *l, Bad *bad, unsigned kind, V signs)
{
    V x = lift_cast(l, signs, LLVMVectorType(l->i32, 4)), *to = &bad->signs[kind];
    *to = *to ? LLVMBuildOr(l->b, *to, x, "") : x;
}

static bool is_vector(const Lift *l, uint8_t type)
{
    return l->wide || uop_is_vec(type);
}

static unsigned kind_of(const Lift *l, uint8_t type)
{
    bool wide = uop_lane(type) == LANE_F64;
    return is_vector(l, type) ? wide ? OF_F64X2 : OF_F32X4 : wide ? OF_F64 : OF_F32;
}

/* In 128 bits; above a scalar stands anything, above two floats both again. */
static V in_register(Lift *l, V x, uint8_t type)
{
    bool wide = uop_lane(type) == LANE_F64;
    Ty t = LLVMVectorType(wide ? l->f64 : l->f32, wide ? 2 : 4);
    if (l->wide) {
        return x;
    }
    if (!uop_is_vec(type)) {
        return LLVMBuildInsertElement(l->b, LLVMGetUndef(t), x, lift_i32(l, 0), "");
    }
    return LLVMTypeOf(x) == t ? x : lift_fp_doubled(l, x);
}

/* The mask that an instruction makes of lanes of a and b, of those in `of` if it isn't NULL; bits
 * above are zero. LLVM would make shifts of masks between its own comparisons and what is asked of
 * them all. */
static V mask_of(Lift *l, const char *insn, V a, V b, V of)
{
    static const char constraints[] = "=^Yk,v,v,^Yk";
    size_t length = sizeof constraints - 1 - (of ? 0 : sizeof ",^Yk" - 1);
    char text[48];
    snprintf(text, sizeof text, "%s $2, $1, $0%s", insn, of ? " {$3}" : "");
    V args[3] = {a, b, of};
    Ty mask = LLVMVectorType(l->i1, 8), types[3] = {LLVMTypeOf(a), LLVMTypeOf(b), mask};
    unsigned n = of ? 3 : 2;
    Ty fn = LLVMFunctionType(mask, types, n, false);
    V call = LLVMGetInlineAsm(fn, text, strlen(text), constraints, length, false, false,
                              LLVMInlineAsmDialectATT, false);
    return LLVMBuildCall2(l->b, fn, call, args, n, "");
}

static void bad_by_mask(Lift *l, Bad *bad, const char *insn, V a, V b)
{
    V x = mask_of(l, insn, a, b, NULL);
    bad->mask = bad->mask ? LLVMBuildOr(l->b, bad->mask, x, "") : x;
}

static const char *compare_insn(const Lift *l, char text[static 20], uint8_t type,
                                unsigned predicate)
{
    static const char *const lanes[BAD_KINDS] = {
        [OF_F32X4] = "ps", [OF_F64X2] = "pd", [OF_F32] = "ss", [OF_F64] = "sd"};
    snprintf(text, 20, "vcmp%s $$%u,", lanes[kind_of(l, type)], predicate);
    return text;
}

/* a and b hold results of the type. */
static void good_by_mask(Lift *l, Bad *bad, uint8_t type, const char *insn, V a, V b)
{
    V *to = &bad->good[is_vector(l, type) ? kind_of(l, type) : OF_F64];
    *to = mask_of(l, insn, in_register(l, a, type), in_register(l, b, type), *to);
}

/* Results of the type whose comparison with another holds. */
static void bad_where(Lift *l, Bad *bad, uint8_t type, unsigned predicate, V a, V b)
{
    char text[20];
    if (bad->sure) {
        good_by_mask(l, bad, type, compare_insn(l, text, type, predicate ^ CMP_NOT), a, b);
        return;
    }
    if (!l->masks && !uop_is_vec(type) && bad->ncompared < MAX_COMPARED) {
        bad->compared[bad->ncompared].how = predicate == CMP_UNORD ? "uno" : "ueq";
        bad->compared[bad->ncompared].a = a;
        bad->compared[bad->ncompared++].b = b;
        return;
    }
    V args[3] = {in_register(l, a, type), in_register(l, b, type),
                 LLVMConstInt(l->i8, predicate, false)};
    if (l->masks) {
        bad_by_mask(l, bad, compare_insn(l, text, type, predicate), args[0], args[1]);
        return;
    }
    static const char *const names[BAD_KINDS] = {
        [OF_F32X4] = "llvm.x86.sse.cmp.ps",
        [OF_F64X2] = "llvm.x86.sse2.cmp.pd",
        [OF_F32] = "llvm.x86.sse.cmp.ss", /* whatever stands above raises nothing */
        [OF_F64] = "llvm.x86.sse2.cmp.sd",
    };
    unsigned kind = kind_of(l, type);
    bad_if(l, bad, kind, lift_intrinsic(l, names[kind], NULL, 0, args, 3));
}

/* Is one of the lanes, numbered from 0, not in the mask? */
static V not_all(Lift *l, V mask, uint8_t lanes)
{
    V all = LLVMConstInt(l->i8, lanes, false);
    if (llvm_tests_masks()) {
        V args[2] = {mask, LLVMConstBitCast(all, LLVMTypeOf(mask))};
        V good = lift_intrinsic(l, "llvm.x86.avx512.ktestc.b", NULL, 0, args, 2);
        return LLVMBuildICmp(l->b, LLVMIntEQ, good, lift_i32(l, 0), "");
    }
    V bits = LLVMBuildBitCast(l->b, mask, l->i8, "");
    if (lanes == 1) { /* above a scalar's stands anything */
        bits = LLVMBuildAnd(l->b, bits, all, "");
    }
    return LLVMBuildICmp(l->b, LLVMIntNE, bits, all, "");
}

static void branch_unless_sure(Lift *l, const Bad *bad, LLVMBasicBlockRef unsure)
{
    static const uint8_t lanes[BAD_KINDS] = {[OF_F32X4] = 15, [OF_F64X2] = 3, [OF_F64] = 1};
    for (unsigned kind = 0; kind < BAD_KINDS; kind++) {
        if (bad->good[kind]) {
            LLVMBasicBlockRef on = lift_bb(l, "");
            uint8_t all = l->wide ? (kind == OF_F64X2 ? 15 : 255) : lanes[kind];
            lift_branch_unlikely(l, not_all(l, bad->good[kind], all), unsure, on);
            LLVMPositionBuilderAtEnd(l->b, on);
        }
    }
}

/* To `again` if something is wrong. */
static void branch_if_bad(Lift *l, const Bad *bad, LLVMBasicBlockRef again)
{
    V all = NULL;
    if (bad->sure) {
        branch_unless_sure(l, bad, again);
        return;
    }
    if (bad->mask) {
        all = LLVMBuildZExt(l->b, LLVMBuildBitCast(l->b, bad->mask, l->i8, ""), l->i32, "");
    }
    for (unsigned kind = 0; kind < BAD_KINDS; kind++) {
        if (bad->signs[kind]) {
            V signs = lift_cast(l, bad->signs[kind], LLVMVectorType(l->i8, 16));
            V x = lift_intrinsic(l, "llvm.x86.sse2.pmovmskb.128", NULL, 0, &signs, 1);
            x = LLVMBuildAnd(l->b, x, lift_i32(l, sign_bits[kind]), "");
            all = all ? LLVMBuildOr(l->b, all, x, "") : x;
        }
    }
    if (all) {
        LLVMBasicBlockRef on = lift_bb(l, "");
        lift_branch_unlikely(l, LLVMBuildICmp(l->b, LLVMIntNE, all, lift_i32(l, 0), ""), again, on);
        LLVMPositionBuilderAtEnd(l->b, on);
    }
    for (unsigned k = 0; k < bad->ncompared; k++) {
        LLVMBasicBlockRef on = lift_bb(l, "");
        V x =
            lift_fp_compare(l, bad->compared[k].how, bad->compared[k].a, bad->compared[k].b, true);
        lift_branch_unlikely(l, x, again, on);
        LLVMPositionBuilderAtEnd(l->b, on);
    }
}

static V size_of(Lift *l, V x)
{
    Ty t = LLVMTypeOf(x);
    return lift_intrinsic(l, "llvm.fabs", &t, 1, &x, 1);
}

/* Scalar results, side by side in a vector: 64 bits of doubles, 32 of floats each. */
static V side_by_side(Lift *l, const V *scalars, unsigned n, unsigned lanes)
{
    V v = LLVMConstNull(LLVMVectorType(LLVMTypeOf(scalars[0]), lanes));
    for (unsigned k = 0; k < n; k++) {
        v = LLVMBuildInsertElement(l->b, v, scalars[k], lift_i32(l, k), "");
    }
    return v;
}

/* Is a lane of the results of the lane type the smallest normal number? The minimum of what differs
 * from it is zero then, and less one negative. Of doubles the upper halves are looked at. */
static void bad_smallest(Lift *l, Bad *bad, unsigned lane)
{
    Ty v4 = LLVMVectorType(l->i32, 4);
    bool wide = lane == LANE_F64;
    unsigned lanes = wide ? 2 : 4, nscalars = 0, nwhole = 0;
    V size[4], smallest[4], scalars[MAX_PENDING], whole[MAX_PENDING], least = NULL;
    for (unsigned k = 0; k < 4; k++) {
        size[k] = lift_i32(l, !wide || k & 1 ? INT32_MAX : 0);
        smallest[k] = lift_i32(l, wide ? (k & 1) << 20 : 1u << 23);
    }
    for (unsigned k = 0; k < l->npending; k++) {
        const Uop *u = l->pending[k].u;
        if (l->pending[k].tiny && uop_lane(u->type) == lane) {
            if (uop_is_vec(u->type)) {
                whole[nwhole++] = lift_widen128(l, l->vals[u->dst], u->type);
            } else {
                scalars[nscalars++] = l->vals[u->dst];
            }
        }
    }
    for (unsigned k = 0; k < nscalars; k += lanes) {
        unsigned n = nscalars - k < lanes ? nscalars - k : lanes;
        whole[nwhole++] = side_by_side(l, scalars + k, n, lanes);
    }
    for (unsigned k = 0; k < nwhole; k++) {
        V x = LLVMBuildXor(
            l->b, LLVMBuildAnd(l->b, lift_cast(l, whole[k], v4), LLVMConstVector(size, 4), ""),
            LLVMConstVector(smallest, 4), "");
        V both[2] = {least, x};
        least = least ? lift_intrinsic(l, "llvm.umin", &v4, 1, both, 2) : x;
    }
    if (least && wide) {
        V upper = lift_i64(l, UINT64_C(0xffffffff00000000));
        V uppers[2] = {upper, upper};
        least = LLVMBuildAnd(l->b, lift_cast(l, least, l->v2i64), LLVMConstVector(uppers, 2), "");
    }
    if (least && l->masks) {
        bad_by_mask(l, bad, wide ? "vptestnmq" : "vptestnmd", least, least);
    } else if (least) {
        V less = LLVMBuildAdd(l->b, least, LLVMConstAllOnes(LLVMTypeOf(least)), "");
        bad_if(l, bad, wide ? OF_F64X2 : OF_F32X4, less);
    }
}

/* Bits but the sign and the smallest normal number's: neither zero nor that one has any. */
static void sure_of_others(Lift *l, Bad *bad)
{
    for (uint32_t k = 0; k < l->npending; k++) {
        const Uop *u = l->pending[k].u;
        bool wide = uop_lane(u->type) == LANE_F64;
        if (l->pending[k].tiny) {
            V bits = lift_const(l, u->type, wide ? UINT64_C(0x7fefffffffffffff) : 0x7f7fffff);
            good_by_mask(l, bad, u->type, wide ? "vptestmq" : "vptestmd", l->vals[u->dst], bits);
        }
    }
}

/* NaNs among results of one type, two in a comparison. */
static void bad_nans(Lift *l, Bad *bad, uint8_t type)
{
    V one = NULL;
    for (unsigned k = 0; k < l->npending; k++) {
        const Uop *u = l->pending[k].u;
        if (!l->pending[k].nan || u->type != type) {
            continue;
        }
        l->pending[k].nan = false;
        V x = l->vals[u->dst];
        if (l->pending[k].operands) {
            bad_where(l, bad, type, CMP_UNORD, l->vals[u->a], l->vals[u->b]);
        } else if (one) {
            bad_where(l, bad, type, CMP_UNORD, one, x);
            one = NULL;
        } else {
            one = x;
        }
    }
    if (one) {
        bad_where(l, bad, type, CMP_UNORD, one, one);
    }
}

static void count_tiny(const Lift *l, unsigned tiny[static LANE_F64 + 1])
{
    memset(tiny, 0, (LANE_F64 + 1) * sizeof *tiny);
    for (unsigned k = 0; k < l->npending; k++) {
        tiny[uop_lane(l->pending[k].u->type)] += l->pending[k].tiny;
    }
}

/* Is the result compared with the smallest normal number, in one comparison with that for a NaN?
 * One product alone is; but a vector takes less by VPTESTM where KTEST isn't used. */
static bool is_compared(const Pending *p, const unsigned tiny[static LANE_F64 + 1], bool sure)
{
    return p->tiny && tiny[uop_lane(p->u->type)] == 1 && llvm_has_avx() &&
           !(sure && uop_is_vec(p->u->type) && !llvm_tests_masks());
}

/* To `bad_ones` unless nothing is wrong, or unless that is sure. */
static void find_bad(Lift *l, bool sure, LLVMBasicBlockRef bad_ones)
{
    Bad bad = {.sure = sure};
    unsigned tiny[LANE_F64 + 1];
    count_tiny(l, tiny);
    for (unsigned k = 0; k < l->npending; k++) {
        const Uop *u = l->pending[k].u;
        if (is_compared(&l->pending[k], tiny, sure)) {
            uint64_t smallest = uop_lane(u->type) == LANE_F64 ? UINT64_C(1) << 52 : 1u << 23;
            V size = size_of(l, l->vals[u->dst]), c = lift_const(l, u->type, smallest);
            bad_where(l, &bad, u->type, CMP_EQ_UQ, size, c);
            l->pending[k].tiny = l->pending[k].nan = false;
        }
    }
    if (sure) {
        sure_of_others(l, &bad);
    } else {
        bad_smallest(l, &bad, LANE_F32);
        bad_smallest(l, &bad, LANE_F64);
    }
    for (unsigned k = 0; k < l->npending; k++) {
        if (l->pending[k].nan) {
            bad_nans(l, &bad, l->pending[k].u->type);
        }
    }
    branch_if_bad(l, &bad, bad_ones);
}

void checks_sure(Lift *l, LLVMBasicBlockRef unsure)
{
    Bad bad = {.sure = true};
    sure_of_others(l, &bad);
    for (unsigned k = 0; k < l->npending; k++) {
        if (l->pending[k].nan) {
            bad_nans(l, &bad, l->pending[k].u->type);
        }
    }
    branch_if_bad(l, &bad, unsure);
}

LLVMBasicBlockRef checks_ask(Lift *l, LLVMBasicBlockRef again, LLVMBasicBlockRef join)
{
    unsigned tiny[LANE_F64 + 1];
    count_tiny(l, tiny);
    bool at_once = true;
    for (unsigned k = 0; k < l->npending; k++) {
        at_once &= !l->pending[k].tiny || is_compared(&l->pending[k], tiny, true);
    }
    if (!l->masks || at_once) {
        bool products = tiny[LANE_F32] || tiny[LANE_F64];
        find_bad(l, l->masks && products && !llvm_tests_masks(), again);
        return NULL;
    }
    Pending pending[MAX_PENDING];
    memcpy(pending, l->pending, sizeof pending);
    LLVMBasicBlockRef unsure = lift_bb(l, "unsure");
    find_bad(l, true, unsure);
    LLVMBasicBlockRef on = LLVMGetInsertBlock(l->b);
    memcpy(l->pending, pending, sizeof pending);
    LLVMPositionBuilderAtEnd(l->b, unsure);
    find_bad(l, false, again);
    unsure = LLVMGetInsertBlock(l->b);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, on);
    return unsure;
}
