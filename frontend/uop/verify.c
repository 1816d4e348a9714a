/* verify.c - checks a block against the rules of uop.def.
 *
 * What a HELPER does is the frontend's knowledge (helpers.def): its effects aren't checked here.
 */
#include "frontend/uop/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct Verifier {
    const UopBlock *b;
    const Uop *u;
    uint8_t *defined; /* by value */
    bool put;         /* the guest instruction has written already */
    bool failed;
    char *msg;
    size_t msg_size;
} Verifier;

static bool fail(Verifier *v, const char *format, ...)
{
    if (!v->failed && v->msg_size) {
        va_list args;
        va_start(args, format);
        int n = snprintf(v->msg, v->msg_size, "#%ld %s: ", (long)(v->u - v->b->uops),
                         uop_name(v->u->op));
        if (n > 0 && (size_t)n < v->msg_size) {
            vsnprintf(v->msg + n, v->msg_size - (size_t)n, format, args);
        }
        va_end(args);
    }
    v->failed = true;
    return false;
}

static bool is_type(uint8_t type)
{
    return type != T_NONE && strcmp(uop_type_name(type), "?") != 0;
}

static bool has_imm64(const UopInfo *info)
{
    return info->imm == UI_K || info->imm == UI_G;
}

/* ---- operands and result --------------------------------------------------------------------- */

static bool check_value(Verifier *v, unsigned field, uint8_t kind, Val val)
{
    static const char names[] = "abc";
    bool optional = kind == UF_TI || kind == UF_TO || kind == UF_PO;
    if (kind == UF_N) {
        return val == VAL_NONE || fail(v, "operand %c isn't used by this operation", names[field]);
    }
    if (kind == UF_A) {
        return is_type((uint8_t)val) && val < 256 ? true
                                                  : fail(v, "field %c is not a type", names[field]);
    }
    if (val == VAL_NONE) {
        return optional || fail(v, "operand %c is missing", names[field]);
    }
    if (val >= v->b->nvals || !v->defined[val]) {
        return fail(v, "operand %c, v%u, is used before it is defined", names[field], val);
    }
    uint8_t want = uop_operand_type(v->u, field), have = v->b->val_type[val];
    if (want != T_NONE && want != have) {
        return fail(v, "operand %c is %s, not %s", names[field], uop_type_name(have),
                    uop_type_name(want));
    }
    return true;
}

/* How many operands the kinds of an operation with optional ones have (a first). */
static unsigned operands_of(const Uop *u)
{
    static const uint8_t crypto[UOP_CRYPTO_COUNT] = {
        [UOP_AESE] = 2,      [UOP_AESD] = 2,      [UOP_AESMC] = 1,     [UOP_AESIMC] = 1,
        [UOP_SHA1C] = 3,     [UOP_SHA1P] = 3,     [UOP_SHA1M] = 3,     [UOP_SHA1H] = 1,
        [UOP_SHA1SU0] = 3,   [UOP_SHA1SU1] = 2,   [UOP_SHA256H] = 3,   [UOP_SHA256H2] = 3,
        [UOP_SHA256SU0] = 2, [UOP_SHA256SU1] = 3, [UOP_SHA512H] = 3,   [UOP_SHA512H2] = 3,
        [UOP_SHA512SU0] = 2, [UOP_SHA512SU1] = 3, [UOP_SM3PARTW1] = 3, [UOP_SM3PARTW2] = 3,
        [UOP_SM3SS1] = 3,    [UOP_SM3TT1A] = 3,   [UOP_SM3TT1B] = 3,   [UOP_SM3TT2A] = 3,
        [UOP_SM3TT2B] = 3,   [UOP_SM4E] = 2,      [UOP_SM4EKEY] = 2,
    };
    static const uint8_t flags[] = {
        [UOP_FLAGS_ADD] = 2,   [UOP_FLAGS_SUB] = 2,  [UOP_FLAGS_ADC] = 3,
        [UOP_FLAGS_LOGIC] = 1, [UOP_FLAGS_FCMP] = 2, [UOP_FLAGS_NZCV] = 1,
    };
    return u->op == UOP_CRYPTO      ? crypto[u->sub]
           : u->op == UOP_FLAGS     ? flags[u->sub]
           : u->sub >= UOP_BF16_CVT ? 1
                                    : 3;
}

static bool check_count(Verifier *v)
{
    const Uop *u = v->u;
    if (u->op != UOP_CRYPTO && u->op != UOP_FLAGS && u->op != UOP_BF16) {
        return true;
    }
    unsigned n = operands_of(u);
    bool b = u->b != VAL_NONE || (n >= 2 && uop_takes_imm(u)), c = u->c != VAL_NONE;
    return (u->a != VAL_NONE && b == (n >= 2) && c == (n == 3)) || fail(v, "has %u operands", n);
}

static bool check_operands(Verifier *v)
{
    if (!check_count(v)) {
        return false;
    }
    const Uop *u = v->u;
    const UopInfo *info = &uop_info[u->op];
    if (!check_value(v, 0, info->a, u->a)) {
        return false;
    }
    return has_imm64(info) ||
           (check_value(v, 1, info->b, u->b) && check_value(v, 2, info->c, u->c));
}

static bool check_result(Verifier *v)
{
    const Uop *u = v->u;
    uint8_t want = T_NONE;
    switch (uop_info[u->op].dst) {
    case UF_T: want = u->type; break;
    case UF_F: want = T_FLAGS; break;
    case UF_B: want = T_I32; break;
    case UF_TO: want = u->dst == VAL_NONE ? T_NONE : T_I64; break;
    default: break;
    }
    if ((want == T_NONE) != (u->dst == VAL_NONE)) {
        return fail(v, want == T_NONE ? "has no result" : "has a result");
    }
    if (want == T_NONE) {
        return true;
    }
    if (u->dst >= v->b->nvals) {
        return fail(v, "v%u is beyond the block's values", u->dst);
    }
    if (v->defined[u->dst]) {
        return fail(v, "v%u is defined twice", u->dst);
    }
    if (v->b->val_type[u->dst] != want) {
        return fail(v, "the result is %s, not %s", uop_type_name(v->b->val_type[u->dst]),
                    uop_type_name(want));
    }
    v->defined[u->dst] = 1;
    return true;
}

/* ---- types that an operation works on -------------------------------------------------------- */

enum {
    INT = 1,    /* I32, I64 */
    FLOAT = 2,  /* F16, F32, F64 */
    IVEC = 4,   /* vectors of integer lanes */
    FVEC = 8,   /* vectors of float lanes */
    V128_ = 16, /* only 128-bit ones of those */
    FLAG = 32,
    ANY = INT | FLOAT | IVEC | FVEC,
};

static unsigned class_of(uint8_t type)
{
    if (type == T_FLAGS) {
        return FLAG;
    }
    if (uop_is_int(type)) {
        return INT;
    }
    return uop_is_vec(type) ? (uop_is_float(type) ? FVEC : IVEC) : FLOAT;
}

/* What the row's type may be; 0: the row has none. */
static unsigned classes_of(unsigned op)
{
    switch (op) {
    case UOP_INSN:
    case UOP_CLREX:
    case UOP_FENCE:
    case UOP_PREFETCH:
    case UOP_ICACHE:
    case UOP_HELPER:
    case UOP_EXIT:
    case UOP_EXIT_IF:
    case UOP_TEST: return 0;
    case UOP_GETFLAGS:
    case UOP_PUTFLAGS: return FLAG;
    case UOP_GET:
    case UOP_PUT:
    case UOP_CONST:
    case UOP_SELECT:
    case UOP_LOAD:
    case UOP_STORE:
    case UOP_BITCAST: return ANY;
    case UOP_STICKY:
    case UOP_VCONST:
    case UOP_ZEXTV: return IVEC | FVEC | V128_;
    case UOP_CRYPTO:
    case UOP_DOTMM:
    case UOP_BF16: return IVEC | V128_;
    case UOP_ADDR: return INT;
    case UOP_ADD:
    case UOP_SUB:
    case UOP_MUL:
    case UOP_AND:
    case UOP_OR:
    case UOP_XOR:
    case UOP_ANDN:
    case UOP_NOT:
    case UOP_NEG:
    case UOP_SHL:
    case UOP_LSR:
    case UOP_ASR:
    case UOP_CLZ:
    case UOP_CLS:
    case UOP_CTZ:
    case UOP_POPCNT:
    case UOP_BITREV:
    case UOP_MIN:
    case UOP_MAX:
    case UOP_ROR: return INT | IVEC;
    case UOP_ADC:
    case UOP_MULHU:
    case UOP_MULHS:
    case UOP_UDIV:
    case UOP_SDIV:
    case UOP_UREM:
    case UOP_SREM:
    case UOP_FUNNEL:
    case UOP_BSWAP:
    case UOP_EXTRACT:
    case UOP_SEXTRACT:
    case UOP_INSERT:
    case UOP_ZEXT:
    case UOP_SEXT:
    case UOP_TRUNC:
    case UOP_ICMP:
    case UOP_CRC:
    case UOP_PACKFLAGS:
    case UOP_FJCVT:
    case UOP_GETLANE: return INT;
    case UOP_FLAGS: return INT | FLOAT;
    case UOP_FLAGSIF: return INT | FLOAT;
    case UOP_FADD:
    case UOP_FSUB:
    case UOP_FMUL:
    case UOP_FDIV:
    case UOP_FSQRT:
    case UOP_FMA:
    case UOP_FMIN:
    case UOP_FMAX:
    case UOP_FNEG:
    case UOP_FABS:
    case UOP_FCMP:
    case UOP_FROUND:
    case UOP_FRECPE:
    case UOP_FRSQRTE:
    case UOP_FRECPS:
    case UOP_FRSQRTS:
    case UOP_FCVT:
    case UOP_ITOF: return FLOAT | FVEC;
    case UOP_FRECPX: return FLOAT;
    case UOP_FTOI: return INT | IVEC;
    case UOP_FMLAL: return FVEC;
    case UOP_LOWV: return FLOAT | IVEC | FVEC;
    case UOP_RMW: return INT;
    case UOP_LL:
    case UOP_SC:
    case UOP_CAS: return INT | IVEC;
    case UOP_SPLAT:
    case UOP_SPLATL:
    case UOP_SETLANE:
    case UOP_INSLANE:
    case UOP_ZIP1:
    case UOP_ZIP2:
    case UOP_UZP1:
    case UOP_UZP2:
    case UOP_TRN1:
    case UOP_TRN2:
    case UOP_EXTV:
    case UOP_REVL:
    case UOP_BSEL: return IVEC | FVEC;
    default: return IVEC;
    }
}

/* The sizes of lane (bit n: 1 << n bytes) that an operation has, where they aren't all. */
static unsigned lanes_of(unsigned op)
{
    enum { B = 1, H = 2, W = 4, D = 8, ALL = B | H | W | D | 16 };
    switch (op) {
    case UOP_TBL:
    case UOP_EXTV: return B;
    case UOP_MULHSAT: return H | W;
    case UOP_CRC:
    case UOP_TRUNC:
    case UOP_PACKFLAGS:
    case UOP_FJCVT:
    case UOP_URECPE:
    case UOP_URSQRTE:
    case UOP_DOT:
    case UOP_DOTMM:
    case UOP_BF16:
    case UOP_FMLAL: return W;
    case UOP_MULHU:
    case UOP_MULHS: return D;
    case UOP_CLMUL: return B | H | D;
    case UOP_NARROW: return B | H | W;
    case UOP_WIDEN:
    case UOP_WMUL: return H | W | D;
    default: return ALL;
    }
}

static bool check_type(Verifier *v)
{
    const Uop *u = v->u;
    unsigned classes = classes_of(u->op);
    if (classes == 0) {
        return true;
    }
    if (!is_type(u->type) || !(class_of(u->type) & classes) ||
        !(lanes_of(u->op) >> uop_lane_log2(u->type) & 1)) {
        return fail(v, "can't be of type %s", uop_type_name(u->type));
    }
    if ((classes & V128_) && uop_type_bytes(u->type) != 16) {
        return fail(v, "needs a 128-bit type, not %s", uop_type_name(u->type));
    }
    return true;
}

/* ---- sub, flags and immediates --------------------------------------------------------------- */

static bool sign_is_valid(const Uop *u)
{
    switch (u->op) {
    case UOP_ADDSAT: return u->sub <= UOP_SAT_US;
    case UOP_SHLSAT: return u->sub <= UOP_SAT_SU;
    case UOP_HADD: return (u->sub & ~(UOP_SIGNED | UOP_ROUND)) == 0;
    case UOP_SHLV: return (u->sub & ~(UOP_SIGNED | UOP_ROUND | UOP_SAT)) == 0;
    default: return u->sub <= UOP_SIGNED;
    }
}

static bool check_sub(Verifier *v)
{
    const Uop *u = v->u;
    const UopSub *sub = uop_sub(u->op);
    bool good = true;
    switch ((UopSubKind)sub->kind) {
    case SUB_NONE: good = u->sub == 0; break;
    case SUB_ENUM: good = u->sub < sub->count; break;
    case SUB_BITS:
        for (unsigned bit = 0; bit < 8 && good; bit++) {
            good = !(u->sub >> bit & 1) || (bit < sub->count && sub->names[bit][0]);
        }
        break;
    case SUB_SIGN: good = sign_is_valid(u); break;
    case SUB_BYTES: good = u->sub < sub->count; break;
    case SUB_MEM: good = u->sub >> 7 == 0 && uop_mem_log2(u->sub) <= 4; break;
    case SUB_NUMBER: break;
    }
    if (!good) {
        return fail(v, "no such sub: %u", u->sub);
    }
    switch (u->op) {
    case UOP_ICMP:
    case UOP_VCMP: good = u->sub <= UOP_NE || (u->sub >= UOP_UGE && u->sub <= UOP_NTST); break;
    case UOP_TEST: good = u->sub <= UOP_LE; break;
    case UOP_FCMP: good = u->sub >= UOP_FEQ; break;
    case UOP_FLAGSIF:
        good = u->sub == UOP_FLAGS_ADD || u->sub == UOP_FLAGS_SUB || u->sub == UOP_FLAGS_FCMP;
        break;
    case UOP_EXIT_IF: good = u->sub == UOP_EXIT_JUMP || u->sub == UOP_EXIT_TRAP; break;
    case UOP_FCVT:
        good = u->sub == UOP_ROUND_CURRENT ||
               (u->sub == UOP_ROUND_ODD && uop_lane(u->type) == LANE_F32);
        break;
    case UOP_FROUND:
    case UOP_FTOI: good = u->sub != UOP_ROUND_ODD; break;
    default: break;
    }
    return good || fail(v, "no such sub: %u", u->sub);
}

static bool check_memory(Verifier *v)
{
    const Uop *u = v->u;
    unsigned bytes = 1u << uop_mem_log2(u->sub);
    bool plain = u->op == UOP_LOAD || u->op == UOP_STORE;
    if ((uop_mem_signed(u->sub) && (u->op != UOP_LOAD || !uop_is_int(u->type))) ||
        (uop_mem_be(u->sub) && !plain)) {
        return fail(v, "no such sub: %u", u->sub);
    }
    if (!plain && uop_is_vec(u->type) && u->type != T_I64X2) {
        return fail(v, "can't be of type %s", uop_type_name(u->type));
    }
    if (uop_is_int(u->type) ? bytes > uop_type_bytes(u->type) : bytes != uop_type_bytes(u->type)) {
        return fail(v, "%u bytes of memory don't make %s", bytes, uop_type_name(u->type));
    }
    if (uop_mem_scale(u->sub) && (uop_info[u->op].b != UF_PO || u->b == VAL_NONE)) {
        return fail(v, "a scale without an index");
    }
    return true;
}

static bool check_shift(Verifier *v)
{
    const Uop *u = v->u;
    if (u->b != VAL_NONE) {
        return uop_is_int(u->type) || fail(v, "vectors are shifted by immediates only");
    }
    int32_t bits = (int32_t)uop_lane_bits(u->type);
    return (u->imm >= 0 && u->imm <= bits - (uop_is_int(u->type) ? 1 : 0)) ||
           fail(v, "shift by %d", u->imm);
}

static bool check_field(Verifier *v)
{
    const Uop *u = v->u;
    unsigned lsb = (unsigned)u->imm & 255, width = (unsigned)u->imm >> 8;
    return (width > 0 && lsb + width <= uop_lane_bits(u->type)) ||
           fail(v, "no such bits: %u, %u", lsb, width);
}

static bool check_lane(Verifier *v, unsigned lane, uint8_t type)
{
    return lane < uop_lanes(type) || fail(v, "no lane %u in %s", lane, uop_type_name(type));
}

static bool check_range(Verifier *v, int32_t min, int32_t max)
{
    return (v->u->imm >= min && v->u->imm <= max) ||
           fail(v, "immediate %d out of range", v->u->imm);
}

static bool check_imm(Verifier *v)
{
    const Uop *u = v->u;
    switch (u->op) {
    case UOP_GET:
    case UOP_PUT:
    case UOP_STICKY:
    case UOP_GETFLAGS:
    case UOP_PUTFLAGS: return check_range(v, 0, 1 << 16);
    case UOP_VCONST:
        return (uint32_t)u->imm < v->b->npool || fail(v, "no such constant: %d", u->imm);
    case UOP_SHL:
    case UOP_LSR:
    case UOP_ASR:
    case UOP_ROR: return check_shift(v);
    case UOP_FUNNEL: return check_range(v, 0, (int32_t)uop_lane_bits(u->type) - 1);
    case UOP_EXTRACT:
    case UOP_SEXTRACT:
    case UOP_INSERT: return check_field(v);
    case UOP_BSWAP:
        return (u->sub >= 1 && 1u << u->sub <= uop_lane_bytes(u->type)) || fail(v, "no such unit");
    case UOP_REVL:
        return (u->sub <= 3 && 1u << u->sub > uop_lane_bytes(u->type)) ||
               fail(v, "no such container");
    case UOP_SPLATL:
    case UOP_GETLANE: return check_lane(v, (uint32_t)u->imm, (uint8_t)u->c);
    case UOP_SETLANE: return check_lane(v, (uint32_t)u->imm, u->type);
    case UOP_INSLANE:
        return check_lane(v, (uint32_t)u->imm & 255, u->type) &&
               check_lane(v, (uint32_t)u->imm >> 8, u->type);
    case UOP_EXTV: return check_range(v, 0, (int32_t)uop_type_bytes(u->type) - 1);
    case UOP_RSHR: return check_range(v, 1, (int32_t)uop_lane_bits(u->type));
    case UOP_SHLSAT: return check_range(v, 0, (int32_t)uop_lane_bits(u->type) - 1);
    case UOP_FLAGSIF: return check_range(v, 0, 15);
    case UOP_FTOI:
    case UOP_ITOF: return check_range(v, 0, 64);
    case UOP_FROUND:
        return u->imm == 0 ||
               ((u->imm == 32 || u->imm == 64) && (u->flags & UOPF_EXACT) &&
                uop_lane(u->type) != LANE_F16) ||
               fail(v, "immediate %d out of range", u->imm);
    case UOP_CRC: return check_range(v, 0, 1);
    case UOP_CRYPTO:
        return check_range(v, 0, u->sub >= UOP_SM3TT1A && u->sub <= UOP_SM3TT2B ? 3 : 0);
    case UOP_TBL: return check_range(v, 0, 255);
    case UOP_RMW: return check_range(v, 0, UOP_RMW_SWAP) && check_memory(v);
    case UOP_LOAD:
    case UOP_STORE:
    case UOP_LL:
    case UOP_SC:
    case UOP_CAS: return check_memory(v);
    default: return true;
    }
}

/* Float to float: scalars; or vectors, to twice or half the width of lane. */
static bool fcvt_is_valid(const Uop *u)
{
    uint8_t to = u->type, from = (uint8_t)u->c;
    unsigned to_log2 = uop_lane_log2(to), from_log2 = uop_lane_log2(from);
    if (!uop_is_float(from) || uop_is_vec(to) != uop_is_vec(from)) {
        return false;
    }
    if (!uop_is_vec(to)) {
        return to != from && !(u->flags & UOPF_HIGH);
    }
    if (uop_type_bytes(from) != 16) {
        return false;
    }
    return uop_type_bytes(to) == 16 ? to_log2 == from_log2 + 1
                                    : to_log2 + 1 == from_log2 && !(u->flags & UOPF_HIGH);
}

/* Between floats and integers: scalars of any two sizes; or vectors of as many lanes. */
static bool to_and_from_int_is_valid(uint8_t integer, uint8_t real)
{
    if (uop_is_float(integer) || !uop_is_float(real) || uop_is_vec(integer) != uop_is_vec(real)) {
        return false;
    }
    return !uop_is_vec(real) || (uop_lane_log2(integer) == uop_lane_log2(real) &&
                                 uop_type_bytes(integer) == uop_type_bytes(real));
}

/* The two types of conversions. */
static bool check_conversion(Verifier *v)
{
    const Uop *u = v->u;
    uint8_t aux = uop_info[u->op].c == UF_A ? (uint8_t)u->c : T_NONE;
    unsigned to = uop_type_bytes(u->type), from = aux == T_NONE ? 0 : uop_type_bytes(aux);
    unsigned to_log2 = uop_lane_log2(u->type), from_log2 = uop_lane_log2(aux);
    bool good = true;
    switch (u->op) {
    case UOP_BITCAST: good = to == from && uop_is_int(u->type) == uop_is_int(aux); break;
    case UOP_ZEXT:
    case UOP_SEXT: good = uop_is_int(aux) && 1u << u->sub <= to && 1u << u->sub <= from; break;
    case UOP_CRC: good = uop_is_int(aux) && 1u << u->sub <= from; break;
    case UOP_TRUNC: good = u->type == T_I32 && aux == T_I64; break;
    case UOP_ADDR: good = u->type == T_I64; break;
    case UOP_ZEXTV: good = from < 16; break;
    case UOP_LOWV: good = to < from && from == 16; break;
    case UOP_SPLATL: good = uop_lane(aux) == uop_lane(u->type) && from == 16; break;
    case UOP_GETLANE: good = class_of(aux) == IVEC && from_log2 <= to_log2; break;
    case UOP_WIDEN:
    case UOP_WMUL:
        good = class_of(aux) == IVEC && to == 16 && from == 16 && from_log2 + 1 == to_log2;
        break;
    case UOP_NARROW:
        good = class_of(aux) == IVEC && to == 8 && from == 16 && to_log2 + 1 == from_log2;
        break;
    case UOP_FCVT: good = fcvt_is_valid(u); break;
    case UOP_FTOI:
        good = to_and_from_int_is_valid(u->type, aux) && u->imm <= (int32_t)uop_lane_bits(u->type);
        break;
    case UOP_ITOF:
        good = to_and_from_int_is_valid(aux, u->type) && u->imm <= (int32_t)uop_lane_bits(aux);
        break;
    case UOP_FJCVT: good = aux == T_F64; break;
    case UOP_ZIP1:
    case UOP_ZIP2:
    case UOP_UZP1:
    case UOP_UZP2:
    case UOP_TRN1:
    case UOP_TRN2: good = uop_lanes(u->type) > 1; break;
    case UOP_CLMUL:
        good = u->type == T_I16X8 || u->type == T_I64X2 ||
               (uop_lane(u->type) == LANE_I8 && !(u->flags & UOPF_HIGH));
        break;
    case UOP_FLAGS:
    case UOP_FLAGSIF:
        good = u->sub == UOP_FLAGS_FCMP ? uop_is_float(u->type) : uop_is_int(u->type);
        break;
    default: break;
    }
    return good || fail(v, "can't be %s of %s", uop_type_name(u->type), uop_type_name(aux));
}

/* ---- order ----------------------------------------------------------------------------------- */

static bool check_order(Verifier *v, bool last)
{
    const Uop *u = v->u;
    uint8_t effects = uop_info[u->op].effects;
    if ((u->op == UOP_EXIT) != last) {
        return fail(v, last ? "the block doesn't end in exit" : "exit before the end of the block");
    }
    if (u->op == UOP_INSN) {
        v->put = false;
    } else if (effects & UOPE_PUT) {
        v->put = true;
    } else if (v->put && !last && (effects & (UOPE_LOAD | UOPE_STORE | UOPE_EXIT))) {
        return fail(v, "may fault or leave after a put of the same instruction");
    }
    return true;
}

int uop_verify(const UopBlock *b, char *msg, size_t msg_size)
{
    Verifier v = {.b = b, .u = b->uops, .msg = msg, .msg_size = msg_size};
    v.defined = calloc(b->nvals + 1, 1);
    if (!v.defined || b->error || b->count == 0) {
        snprintf(msg, msg_size, "%s",
                 !v.defined ? "out of memory"
                 : b->error ? "the block is cut"
                            : "empty block");
        free(v.defined);
        return -1;
    }
    for (uint32_t i = 0; i < b->count && !v.failed; i++) {
        v.u = &b->uops[i];
        if (v.u->op >= UOP_COUNT) {
            fail(&v, "no such operation: %u", v.u->op);
            break;
        }
        (void)(check_sub(&v) && check_type(&v) && check_operands(&v) && check_conversion(&v) &&
               check_imm(&v) && check_result(&v) && check_order(&v, i + 1 == b->count));
    }
    free(v.defined);
    return v.failed ? -1 : 0;
}
