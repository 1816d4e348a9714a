/* text.c - the words of the textual form. */
#include "frontend/uop/text.h"

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define COUNT(...) (sizeof(NAMES(__VA_ARGS__)) / sizeof(const char *))
#define ENUM(...)                                                                                  \
    {                                                                                              \
        SUB_ENUM, COUNT(__VA_ARGS__), NAMES(__VA_ARGS__)                                           \
    }
#define BITS(...)                                                                                  \
    {                                                                                              \
        SUB_BITS, COUNT(__VA_ARGS__), NAMES(__VA_ARGS__)                                           \
    }

const char *const uop_order_names[4] = {"", "acquire", "release", "seq"};
const char *const uop_rmw_names[UOP_RMW_NAMES] = {"add",  "clr",  "xor",  "or",  "smax",
                                                  "smin", "umax", "umin", "swap"};
const char *const uop_trap_names[UOP_TRAP_NAMES] = {"undefined",     "breakpoint", "alignment",
                                                    "branch_target", "pac",        "fetch"};

static const char *const cond_names[] = {
    "eq",  "ne",  "cs",  "cc",  "mi",  "pl",   "vs",  "vc",  "hi",
    "ls",  "ge",  "lt",  "gt",  "le",  "uge",  "ult", "ugt", "ule",
    "sge", "slt", "sgt", "sle", "tst", "ntst", "feq", "fge", "fgt",
};
_Static_assert(sizeof cond_names / sizeof cond_names[0] == UOP_COND_COUNT,
               "a name for each condition");

static const char *const crypto_names[] = {
    "aese",    "aesd",     "aesmc",     "aesimc",    "sha1c",     "sha1p",     "sha1m",
    "sha1h",   "sha1su0",  "sha1su1",   "sha256h",   "sha256h2",  "sha256su0", "sha256su1",
    "sha512h", "sha512h2", "sha512su0", "sha512su1", "sm3partw1", "sm3partw2", "sm3ss1",
    "sm3tt1a", "sm3tt1b",  "sm3tt2a",   "sm3tt2b",   "sm4e",      "sm4ekey",
};
_Static_assert(sizeof crypto_names / sizeof crypto_names[0] == UOP_CRYPTO_COUNT,
               "a name for each cryptographic step");

static const char *const sign_names[] = {"u", "s", "su", "us"};

enum {
    K_NONE,
    K_COND,
    K_FLAGS,
    K_DIV,
    K_BYTES,
    K_SIGN,
    K_ROUND_BIT,
    K_FMUL,
    K_FMA,
    K_MINMAX,
    K_ROUND,
    K_NARROW,
    K_REDUCE,
    K_DOT,
    K_BF16,
    K_CRYPTO,
    K_MEM,
    K_FENCE,
    K_EXIT,
    K_NUMBER,
};

static const UopSub kinds[] = {
    [K_NONE] = {SUB_NONE, 0, NULL},
    [K_COND] = {SUB_ENUM, UOP_COND_COUNT, cond_names},
    [K_FLAGS] = ENUM("add", "sub", "adc", "logic", "fcmp", "nzcv"),
    [K_DIV] = ENUM("", "ones"),
    [K_BYTES] = {SUB_BYTES, 4, NULL},
    [K_SIGN] = {SUB_SIGN, 4, sign_names},
    [K_ROUND_BIT] = BITS("", "", "round"),
    [K_FMUL] = ENUM("", "x"),
    [K_FMA] = BITS("nega", "negc"),
    [K_MINMAX] = ENUM("arm", "num"),
    [K_ROUND] = ENUM("nearest", "up", "down", "zero", "away", "odd", "current"),
    [K_NARROW] = ENUM("trunc", "sat_s", "sat_u", "sat_su"),
    [K_REDUCE] = ENUM("add", "smax", "smin", "umax", "umin", "saddl", "uaddl"),
    [K_DOT] = ENUM("ss", "uu", "us"),
    [K_BF16] = ENUM("dot", "mmla", "cvt", "cvt1"),
    [K_CRYPTO] = {SUB_ENUM, UOP_CRYPTO_COUNT, crypto_names},
    [K_MEM] = {SUB_MEM, 0, NULL},
    [K_FENCE] = ENUM("load", "store", "full", "insn"),
    [K_EXIT] = ENUM("jump", "call", "ret", "syscall", "trap", "dispatch"),
    [K_NUMBER] = {SUB_NUMBER, 0, NULL},
};

static const uint8_t kind_of[UOP_COUNT] = {
    [UOP_INSN] = K_NUMBER,     [UOP_ICMP] = K_COND,     [UOP_VCMP] = K_COND,
    [UOP_TEST] = K_COND,       [UOP_FCMP] = K_COND,     [UOP_FLAGS] = K_FLAGS,
    [UOP_FLAGSIF] = K_FLAGS,   [UOP_UDIV] = K_DIV,      [UOP_SDIV] = K_DIV,
    [UOP_ZEXT] = K_BYTES,      [UOP_SEXT] = K_BYTES,    [UOP_BSWAP] = K_BYTES,
    [UOP_REVL] = K_BYTES,      [UOP_CRC] = K_BYTES,     [UOP_MIN] = K_SIGN,
    [UOP_MAX] = K_SIGN,        [UOP_ABD] = K_SIGN,      [UOP_RSHR] = K_SIGN,
    [UOP_WIDEN] = K_SIGN,      [UOP_WMUL] = K_SIGN,     [UOP_ADDSAT] = K_SIGN,
    [UOP_SUBSAT] = K_SIGN,     [UOP_HADD] = K_SIGN,     [UOP_HSUB] = K_SIGN,
    [UOP_SHLV] = K_SIGN,       [UOP_SHLSAT] = K_SIGN,   [UOP_MULHSAT] = K_ROUND_BIT,
    [UOP_FMUL] = K_FMUL,       [UOP_FMA] = K_FMA,       [UOP_FMLAL] = K_FMA,
    [UOP_FMIN] = K_MINMAX,     [UOP_FMAX] = K_MINMAX,   [UOP_FROUND] = K_ROUND,
    [UOP_FCVT] = K_ROUND,      [UOP_FTOI] = K_ROUND,    [UOP_NARROW] = K_NARROW,
    [UOP_REDUCE] = K_REDUCE,   [UOP_DOT] = K_DOT,       [UOP_DOTMM] = K_DOT,
    [UOP_BF16] = K_BF16,       [UOP_CRYPTO] = K_CRYPTO, [UOP_LOAD] = K_MEM,
    [UOP_STORE] = K_MEM,       [UOP_LL] = K_MEM,        [UOP_SC] = K_MEM,
    [UOP_RMW] = K_MEM,         [UOP_CAS] = K_MEM,       [UOP_FENCE] = K_FENCE,
    [UOP_PREFETCH] = K_NUMBER, [UOP_EXIT] = K_EXIT,     [UOP_EXIT_IF] = K_EXIT,
};

const UopSub *uop_sub(unsigned op)
{
    return &kinds[kind_of[op]];
}

const char *uop_flag_name(unsigned op, unsigned bit)
{
    switch (1u << bit) {
    case UOPF_ATOMIC: /* = UOPF_SIGNALING */
        if (uop_info[op].effects & (UOPE_LOAD | UOPE_STORE)) {
            return "atomic";
        }
        return op == UOP_FLAGS || op == UOP_FLAGSIF ? "signaling" : NULL;
    case UOPF_UNSIGNED: /* = UOPF_SIGNED */
        if (op == UOP_GETLANE) {
            return "signed";
        }
        return op == UOP_FTOI || op == UOP_ITOF ? "unsigned" : NULL;
    case UOPF_EXACT: return op == UOP_FROUND || op == UOP_FJCVT ? "exact" : NULL;
    case UOPF_HIGH: /* = UOPF_UNSEEN */
        if (op == UOP_PUTFLAGS) {
            return "unseen";
        }
        return op == UOP_FCVT || op == UOP_FMLAL || op == UOP_WIDEN || op == UOP_WMUL ||
                       op == UOP_CLMUL
                   ? "high"
                   : NULL;
    default: return NULL;
    }
}

uint8_t uop_implied_type(const UopBlock *b, const Uop *u)
{
    const UopInfo *info = &uop_info[u->op];
    if (info->dst == UF_T || (info->dst == UF_TO && u->dst != VAL_NONE)) {
        return b->val_type[u->dst];
    }
    if (info->dst == UF_F && info->a == UF_N) {
        return T_FLAGS;
    }
    if (info->a == UF_T || info->a == UF_TO || info->a == UF_F) {
        return u->a == VAL_NONE                       ? T_NONE
               : info->a == UF_F && info->dst != UF_N ? T_I32
                                                      : b->val_type[u->a];
    }
    if (info->c == UF_T) {
        return b->val_type[u->c];
    }
    return u->type; /* the row has no use for it */
}

bool uop_has_address(unsigned op)
{
    return uop_info[op].imm == UI_D ||
           ((uop_info[op].effects & (UOPE_LOAD | UOPE_STORE)) && uop_info[op].a == UF_P);
}

bool uop_takes_imm(const Uop *u)
{
    if (uop_info[u->op].b != UF_TI) {
        return false;
    }
    return u->op != UOP_FLAGS || u->sub == UOP_FLAGS_ADD || u->sub == UOP_FLAGS_SUB;
}

bool uop_imm_is_written(const Uop *u)
{
    if (u->op == UOP_CRYPTO) {
        return u->imm != 0;
    }
    switch ((UopImm)uop_info[u->op].imm) {
    case UI_I: return uop_info[u->op].b != UF_TI;
    case UI_L:
    case UI_R: return true;
    case UI_W: return u->imm != 0 && u->op != UOP_RMW;
    default: return false;
    }
}
