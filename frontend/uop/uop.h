/* uop.h - micro-operations: the small, typed, guest-neutral instruction set that all guests are
 * translated to.
 *
 * A block is straight-line: one entry, any number of conditional side exits (EXIT_IF), one final
 * EXIT. Values are in SSA form: numbered 0.. within the block, defined once, by the micro-op whose
 * `dst` they are. The register file (struct Cpu, cpu.h) is read and written by GET and PUT at byte
 * offsets. uop.def defines each operation.
 *
 *     insn 0x400580 len=4            ; ADDS w0, w1, #1
 *     v0:i32 = get [x1]
 *     v1:i32 = add v0, #1
 *     v2:flags = flags.add v0, #1
 *     v3:i64 = zext.4 v1
 *     put [x0], v3
 *     putflags [nzcv], v2
 *
 * struct Uop, 16 bytes:
 *
 *      0    1     2     3      4    5   6    7   8    9   10   11  12      15
 *     +----+-----+-----+------+--------+--------+--------+--------+----------+
 *     | op | type| sub | flags|   dst  |    a   |    b   |    c   |    imm   |
 *     +----+-----+-----+------+--------+--------+--------+--------+----------+
 *                                               |           imm64            |   (rows with K or G
 * in uop.def)
 *
 * I32 values: the upper half of a wider host register that holds one is unspecified; ZEXT makes it
 * an I64. Float scalars and 64-bit vectors likewise occupy the low part of a vector register whose
 * rest is unspecified; ZEXTV clears it.
 */
#ifndef XEMU_FRONTEND_UOP_UOP_H
#define XEMU_FRONTEND_UOP_UOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A guest virtual address; never mixed with host pointers. */
typedef uint64_t GuestAddr;

/* ---- types: one byte: lane kind in bits 0-3, log2 of the number of lanes in bits 4-6 --------- */
enum {
    LANE_I8 = 0,
    LANE_I16,
    LANE_I32,
    LANE_I64,
    LANE_I128,
    LANE_F16 = 9, /* bit 3: float; bits 0-2: log2 of the size in bytes, for all */
    LANE_F32,
    LANE_F64,
};
#define UOP_TYPE(lane, log2_lanes) ((uint8_t)((lane) | (log2_lanes) << 4))

typedef enum UopType {
    T_I32 = UOP_TYPE(LANE_I32, 0),
    T_I64 = UOP_TYPE(LANE_I64, 0),
    T_F16 = UOP_TYPE(LANE_F16, 0),
    T_F32 = UOP_TYPE(LANE_F32, 0),
    T_F64 = UOP_TYPE(LANE_F64, 0),
    /* 64-bit vectors */
    T_I8X8 = UOP_TYPE(LANE_I8, 3),
    T_I16X4 = UOP_TYPE(LANE_I16, 2),
    T_I32X2 = UOP_TYPE(LANE_I32, 1),
    T_F16X4 = UOP_TYPE(LANE_F16, 2),
    T_F32X2 = UOP_TYPE(LANE_F32, 1),
    /* 128-bit vectors */
    T_I8X16 = UOP_TYPE(LANE_I8, 4),
    T_I16X8 = UOP_TYPE(LANE_I16, 3),
    T_I32X4 = UOP_TYPE(LANE_I32, 2),
    T_I64X2 = UOP_TYPE(LANE_I64, 1),
    T_F16X8 = UOP_TYPE(LANE_F16, 3),
    T_F32X4 = UOP_TYPE(LANE_F32, 2),
    T_F64X2 = UOP_TYPE(LANE_F64, 1),
    T_I128 = UOP_TYPE(LANE_I128, 0), /* a 128-bit vector of one lane (carry-less products) */
    /* A 64-bit vector of one 64-bit lane is I64X1: distinct from the scalar I64, which lives in the
       integer class. */
    T_I64X1 = 0x83,
    T_FLAGS = 0xf0, /* a flags value */
    T_NONE = 0xff,
} UopType;

static inline unsigned uop_lane(uint8_t t)
{
    return t & 15;
}
static inline unsigned uop_lane_log2(uint8_t t)
{
    return t & 7;
}
static inline unsigned uop_lane_bytes(uint8_t t)
{
    return 1u << (t & 7);
}
static inline unsigned uop_lane_bits(uint8_t t)
{
    return 8u << (t & 7);
}
static inline unsigned uop_lanes(uint8_t t)
{
    return 1u << (t >> 4 & 7);
}
static inline unsigned uop_type_bytes(uint8_t t)
{
    return uop_lane_bytes(t) * uop_lanes(t);
}
static inline bool uop_is_float(uint8_t t)
{
    return t & 8;
}
/* The integer class (general registers); everything else but flags is of the vector class. */
static inline bool uop_is_int(uint8_t t)
{
    return t == T_I32 || t == T_I64;
}
static inline bool uop_is_vec(uint8_t t)
{
    return (t & 0x70) || t == T_I64X1 || t == T_I128;
}

/* ---- operations ------------------------------------------------------------------------------ */
enum {
    UOPE_PURE = 0,
    UOPE_GET = 1,
    UOPE_PUT = 2,
    UOPE_LOAD = 4,
    UOPE_STORE = 8,
    UOPE_FP = 16,
    UOPE_EXIT = 32,
    UOPE_CALL = 64,
    UOPE_MARK = 128,
};

typedef enum UopOp {
#define UOP(name, text, dst, a, b, c, imm, effects) UOP_##name,
#include "frontend/uop/uop.def"
#undef UOP
    UOP_COUNT
} UopOp;

#define VAL_NONE 0xffffu
#define VAL_MAX  0xfff0u

typedef struct Uop {
    uint8_t op;    /* UopOp */
    uint8_t type;  /* UopType */
    uint8_t sub;   /* by operation: condition, rounding, kind, memory size ... */
    uint8_t flags; /* UOPF_* */
    uint16_t dst, a;
    union {
        struct {
            uint16_t b, c;
            int32_t imm;
        };
        uint64_t imm64;
    };
} Uop;
_Static_assert(sizeof(Uop) == 16, "struct Uop is 16 bytes");

/* flags. Bits 0-1: memory order. The meaning of the rest depends on the operation. */
enum {
    UOP_ORDER_PLAIN = 0,
    UOP_ORDER_ACQUIRE = 1,
    UOP_ORDER_RELEASE = 2,
    UOP_ORDER_SEQ = 3, /* acquire + release, and ordered with other SEQ accesses (Arm LDAR/STLR
                          pairs): see Cpu.stores_wait */
    UOPF_ORDER_MASK = 3,
    UOPF_ATOMIC = 4,    /* memory: single-copy atomic (16 bytes) */
    UOPF_SIGNALING = 4, /* FLAGS.FCMP: any NaN is invalid */
    UOPF_UNSIGNED = 8,  /* FTOI, ITOF */
    UOPF_SIGNED = 8,    /* GETLANE */
    UOPF_EXACT = 16,    /* FROUND: raises inexact; FJCVT: asks whether it is */
    UOPF_HIGH = 32,     /* the high half of the lanes */
    UOPF_UNSEEN = 32,   /* PUTFLAGS: mostly overwritten before they are read (UOP_FLAGS_UNKNOWN) */
};

/* Conditions. EQ..LE: of flags (and inverses differ in bit 0); the last group: of operands. */
typedef enum UopCond {
    UOP_EQ,
    UOP_NE,
    UOP_CS,
    UOP_CC,
    UOP_MI,
    UOP_PL,
    UOP_VS,
    UOP_VC,
    UOP_HI,
    UOP_LS,
    UOP_GE,
    UOP_LT,
    UOP_GT,
    UOP_LE,
    UOP_UGE,
    UOP_ULT,
    UOP_UGT,
    UOP_ULE,
    UOP_SGE,
    UOP_SLT,
    UOP_SGT,
    UOP_SLE, /* ICMP, VCMP, with EQ and NE */
    UOP_TST,
    UOP_NTST, /* (a & b) != 0, == 0 */
    UOP_FEQ,
    UOP_FGE,
    UOP_FGT, /* FCMP */
    UOP_COND_COUNT
} UopCond;

typedef enum UopFlagsKind {
    UOP_FLAGS_ADD,
    UOP_FLAGS_SUB,
    UOP_FLAGS_ADC,
    UOP_FLAGS_LOGIC,
    UOP_FLAGS_FCMP,
    UOP_FLAGS_NZCV,
} UopFlagsKind;

typedef enum UopDiv { UOP_DIV_ZERO_GIVES_0, UOP_DIV_ZERO_GIVES_ONES } UopDiv;
enum {
    UOP_UNSIGNED = 0,
    UOP_SIGNED = 1,
    UOP_SAT_SU = 2,
    UOP_SAT_US = 3,
    UOP_ROUND = 4,
    UOP_SAT = 8
}; /* sub of vector integer operations */
enum { UOP_FMUL_PLAIN = 0, UOP_FMUL_X = 1 };
enum { UOP_FMA_NEG_A = 1, UOP_FMA_NEG_C = 2 };
typedef enum UopMinMax { UOP_MINMAX_ARM, UOP_MINMAX_NUM } UopMinMax;
typedef enum UopRound {
    UOP_ROUND_NEAREST,
    UOP_ROUND_UP,
    UOP_ROUND_DOWN,
    UOP_ROUND_ZERO,    /* the order of FPCR.RMode */
    UOP_ROUND_AWAY,    /* to nearest, ties away */
    UOP_ROUND_ODD,     /* FCVTXN */
    UOP_ROUND_CURRENT, /* what the guest's FP environment says */
} UopRound;
typedef enum UopNarrow {
    UOP_NARROW_TRUNC,
    UOP_NARROW_SAT_S,
    UOP_NARROW_SAT_U,
    UOP_NARROW_SAT_SU
} UopNarrow;
typedef enum UopReduce {
    UOP_REDUCE_ADD,
    UOP_REDUCE_SMAX,
    UOP_REDUCE_SMIN,
    UOP_REDUCE_UMAX,
    UOP_REDUCE_UMIN,
    UOP_REDUCE_SADDL,
    UOP_REDUCE_UADDL
} UopReduce;
typedef enum UopDot { UOP_DOT_SS, UOP_DOT_UU, UOP_DOT_US } UopDot;
typedef enum UopBf16 { UOP_BF16_DOT, UOP_BF16_MMLA, UOP_BF16_CVT, UOP_BF16_CVT1 } UopBf16;
typedef enum UopRmw {
    UOP_RMW_ADD,
    UOP_RMW_CLR,
    UOP_RMW_XOR,
    UOP_RMW_OR,
    UOP_RMW_SMAX,
    UOP_RMW_SMIN,
    UOP_RMW_UMAX,
    UOP_RMW_UMIN,
    UOP_RMW_SWAP,
} UopRmw;
typedef enum UopFence { UOP_FENCE_LOAD, UOP_FENCE_STORE, UOP_FENCE_FULL, UOP_FENCE_INSN } UopFence;
/* a, b, c as the Arm instruction's Vd (read and written), Vn, Vm / Va; see each name's instruction.
 */
typedef enum UopCrypto {
    UOP_AESE,
    UOP_AESD,
    UOP_AESMC,
    UOP_AESIMC, /* AESE/AESD: a state, b key; AESMC/AESIMC: a */
    UOP_SHA1C,
    UOP_SHA1P,
    UOP_SHA1M,
    UOP_SHA1H,
    UOP_SHA1SU0,
    UOP_SHA1SU1,
    UOP_SHA256H,
    UOP_SHA256H2,
    UOP_SHA256SU0,
    UOP_SHA256SU1,
    UOP_SHA512H,
    UOP_SHA512H2,
    UOP_SHA512SU0,
    UOP_SHA512SU1,
    UOP_SM3PARTW1,
    UOP_SM3PARTW2,
    UOP_SM3SS1,
    UOP_SM3TT1A,
    UOP_SM3TT1B,
    UOP_SM3TT2A,
    UOP_SM3TT2B, /* SM3SS1: a Vn, b Vm, c Va; imm lane */
    UOP_SM4E,
    UOP_SM4EKEY, /* SM4E: a Vd, b Vn; SM4EKEY: a Vn, b Vm */
    UOP_CRYPTO_COUNT
} UopCrypto;

/* Memory operands: sub byte: bits 0-2 log2 size in bytes (0..4), bit 3 sign-extend, bit 4
 * big-endian, bits 5-6 scale of b (shift 0..3). */
#define UOP_MEM(log2_size, sign, be, scale)                                                        \
    ((uint8_t)((log2_size) | (sign) << 3 | (be) << 4 | (scale) << 5))
static inline unsigned uop_mem_log2(uint8_t sub)
{
    return sub & 7;
}
static inline bool uop_mem_signed(uint8_t sub)
{
    return sub >> 3 & 1;
}
static inline bool uop_mem_be(uint8_t sub)
{
    return sub >> 4 & 1;
}
static inline unsigned uop_mem_scale(uint8_t sub)
{
    return sub >> 5 & 3;
}

typedef enum UopExit {
    UOP_EXIT_JUMP,
    UOP_EXIT_CALL,
    UOP_EXIT_RET,
    UOP_EXIT_SYSCALL,
    UOP_EXIT_TRAP,
    UOP_EXIT_DISPATCH
} UopExit;
/* A memory access that is ordered with other such ones (Arm's LDAR and STLR). */
static inline bool uop_is_seq(const Uop *u)
{
    return (u->flags & UOPF_ORDER_MASK) == UOP_ORDER_SEQ;
}
/* A jump to a constant pc, conditional or not: to u->imm64. */
static inline bool uop_is_direct_jump(const Uop *u)
{
    return u->sub == UOP_EXIT_JUMP &&
           (u->op == UOP_EXIT_IF || (u->op == UOP_EXIT && u->a == VAL_NONE));
}
typedef enum UopTrap {
    UOP_TRAP_UNDEFINED,     /* SIGILL */
    UOP_TRAP_BREAKPOINT,    /* SIGTRAP; payload: the instruction's immediate */
    UOP_TRAP_ALIGNMENT,     /* SIGBUS, BUS_ADRALN; payload unused */
    UOP_TRAP_BRANCH_TARGET, /* SIGILL (BTI) */
    UOP_TRAP_PAC,           /* SIGILL, ILL_ILLOPN (FPAC) */
    UOP_TRAP_FETCH,         /* the next instruction can't be fetched: SIGSEGV at the pc */
} UopTrap;

typedef union V128 {
    uint8_t u8[16];
    int8_t s8[16];
    uint16_t u16[8];
    int16_t s16[8];
    uint32_t u32[4];
    int32_t s32[4];
    uint64_t u64[2];
    int64_t s64[2];
    float f32[4];
    double f64[2];
    unsigned __int128 u128;
} __attribute__((aligned(16))) V128;

/* ---- a block --------------------------------------------------------------------------------- */
/* What the builder knows of eight bytes of the register file at this place of the block (build.c).
 */
typedef struct UopSlot {
    uint32_t gen; /* valid if equal to UopBlock.gen */
    uint16_t val; /* the value of which they are a part ... */
    uint8_t high; /* ... its bytes 8..15 if 1, else its first bytes (at most eight) */
} UopSlot;
#define UOP_SLOTS                                                                                  \
    160 /* register-file offsets below 8 * UOP_SLOTS are forwarded from PUT to GET                 \
         */

/* A critical section, as the builder needs it: its code, where it goes when it was interrupted, and
 * helpers of the frontend (frontend/cpu.h: CriticalHost). */
typedef struct UopCritical {
    GuestAddr start, end, abort;
    uint32_t store, check; /* HELPER numbers: (address, value, log2 size), () -> 1: interrupted */
} UopCritical;

typedef struct UopBlock {
    Uop *uops; /* owned; capacity `cap` */
    uint32_t count, cap;
    uint8_t
        *val_type; /* owned: UopType of each value; capacity VAL_MAX grows with nvals (val_cap) */
    uint32_t nvals, val_cap;
    V128 *pool; /* owned */
    uint32_t npool, pool_cap;
    GuestAddr pc;       /* of the first instruction */
    uint32_t guest_len; /* bytes of guest code covered (contiguous from pc) */
    uint32_t ninsns;
    uint32_t mode;    /* the block key's mode bits (cpu.h CPU_MODE_*) */
    bool relocatable; /* addresses made of the pc are ADDR, not CONST; set by translate from its
                         request */
    bool error;       /* out of values or memory: the block is cut (see uop_block_full) */
    const UopCritical *critical; /* stores and exits are those of a critical section (critical.c);
                                    NULL. While building */
    bool is_critical;            /* they were */
    uint32_t *val_use; /* owned; valid after uop_optimize: see uop_uses() and uop_last_use() */
    uint32_t use_base;
    /* -- the builder's and the optimizer's own -- */
    uint32_t *val_def;   /* owned: while building, index of the micro-op that defines each value */
    uint32_t insn_start; /* index of the newest INSN */
    bool stored;         /* in that instruction, in a critical section */
    uint32_t gen;
    uint32_t flags_gen, flags_offset; /* flags_val stands at flags_offset if flags_gen == gen */
    uint16_t flags_val;
    UopSlot slots[UOP_SLOTS];
    uint16_t consts[32]; /* recent CONSTs by hash */
} UopBlock;

void uop_block_init(UopBlock *b);
void uop_block_free(UopBlock *b);
/* Empties it for reuse (keeps its memory). */
void uop_block_reset(UopBlock *b, GuestAddr pc, uint32_t mode);
/* True when too little room is left for one more guest instruction (512 micro-ops, 512 values). */
static inline bool uop_block_full(const UopBlock *b)
{
    return b->error || b->count > VAL_MAX - 512;
}

/* ---- builder (build.c): appends; folds constants and identities on the way ------------------- */
typedef uint16_t Val;

/* The general appender: no folding but for GET and GETFLAGS of what the block knows already, and
 * PUT of what is there. Returns the new value (type `dst_type`, T_NONE: no result, returns
 * VAL_NONE). */
Val uop_emit(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, uint8_t flags, uint8_t dst_type,
             Val a, Val bb, Val c, int32_t imm);
Val uop_emit64(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, uint8_t flags, uint8_t dst_type,
               Val a, uint64_t imm64);

/* Convenience, folding: constants, x+0, x&-1, zext of zext, select of constants, shifts by 0,
 * extract of the whole ... */
void uop_insn(UopBlock *b, GuestAddr pc, unsigned len);
Val uop_const(UopBlock *b, uint8_t type, uint64_t bits);
/* An address made of the pc: ADDR in a relocatable block, else CONST. */
Val uop_addr(UopBlock *b, GuestAddr addr);
Val uop_vconst(UopBlock *b, uint8_t type, uint64_t lo, uint64_t hi);
bool uop_is_const(const UopBlock *b, Val v, uint64_t *bits);
/* The value that an earlier PUT or GET of the block left there, if it is known, else a GET. */
Val uop_get(UopBlock *b, uint8_t type, uint32_t offset);
void uop_put(UopBlock *b, uint32_t offset, Val v);
Val uop_getflags(UopBlock *b, uint32_t offset);
void uop_putflags(UopBlock *b, uint32_t offset, Val flags);
/* Any PURE/FP operation with a result of `type`: unary, binary, binary with immediate, ternary; sub
 * and flags 0 unless given. */
Val uop_un(UopBlock *b, UopOp op, uint8_t type, Val a);
Val uop_bin(UopBlock *b, UopOp op, uint8_t type, Val a, Val c);
Val uop_bini(UopBlock *b, UopOp op, uint8_t type, Val a,
             int64_t imm); /* imm beyond 32 bits becomes a CONST */
Val uop_tern(UopBlock *b, UopOp op, uint8_t type, Val x, Val y, Val z);
Val uop_un_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val a);
Val uop_bin_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val a, Val c);
Val uop_bini_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val a, int64_t imm);
Val uop_tern_sub(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, Val y, Val z);
Val uop_zext(UopBlock *b, uint8_t type, unsigned from_log2, Val a);
Val uop_sext(UopBlock *b, uint8_t type, unsigned from_log2, Val a);
Val uop_trunc(UopBlock *b, Val a);
/* EXTRACT or SEXTRACT (op) and INSERT of bits lsb .. lsb + width - 1, 1 <= width, lsb + width <=
 * the type's bits. */
Val uop_field(UopBlock *b, UopOp op, uint8_t type, Val a, unsigned lsb, unsigned width);
Val uop_insert(UopBlock *b, uint8_t type, Val a, Val c, unsigned lsb, unsigned width);
Val uop_icmp(UopBlock *b, uint8_t type, UopCond cond, Val x, Val y); /* y VAL_NONE: use uop_icmpi */
Val uop_icmpi(UopBlock *b, uint8_t type, UopCond cond, Val x, int64_t imm);
Val uop_select(UopBlock *b, uint8_t type, Val cond, Val x, Val y);
Val uop_flags(UopBlock *b, uint8_t type, UopFlagsKind kind, Val x, Val y, Val carry);
Val uop_flagsi(UopBlock *b, uint8_t type, UopFlagsKind kind, Val x, int64_t imm);
Val uop_test(UopBlock *b, UopCond cond, Val flags);
/* Conversions with an aux type: op one of BITCAST ZEXTV LOWV SPLATL GETLANE WIDEN NARROW FCVT FTOI
 * ITOF ...; `from` is a's type. */
Val uop_conv(UopBlock *b, UopOp op, uint8_t type, uint8_t from, uint8_t sub, uint8_t flags, Val a,
             int32_t imm);
Val uop_load(UopBlock *b, uint8_t type, uint8_t mem, uint8_t flags, Val addr, Val index,
             int32_t disp);
void uop_store(UopBlock *b, uint8_t type, uint8_t mem, uint8_t flags, Val addr, Val index,
               int32_t disp, Val v);
Val uop_helper(UopBlock *b, unsigned helper, bool result, Val a, Val c, Val d);
void uop_exit(UopBlock *b, UopExit kind, GuestAddr target);
void uop_exit_to(UopBlock *b, UopExit kind, Val target);
void uop_exit_if(UopBlock *b, Val cond, GuestAddr target);
void uop_trap(UopBlock *b, UopTrap trap, uint64_t payload);
void uop_trap_if(UopBlock *b, Val cond, UopTrap trap, uint64_t payload);

static inline uint8_t uop_val_type(const UopBlock *b, Val v)
{
    return b->val_type[v];
}

/* After uop_optimize: how many operands v is, and the index of the last micro-op that has it (0:
 * none). */
enum { UOP_LAST_SHIFT = 16, UOP_USES_MASK = 0xffff };
static inline uint32_t uop_uses(const UopBlock *b, Val v)
{
    return b->val_use[v] & UOP_USES_MASK;
}
static inline uint32_t uop_last_use(const UopBlock *b, Val v)
{
    uint32_t use = b->val_use[v];
    return use ? (use >> UOP_LAST_SHIFT) - b->use_base : 0;
}

/* ---- passes (opt.c) -------------------------------------------------------------------------- */
/* What becomes of flags: certainly overwritten before they are read; nobody knows; there is a way
 * on which they are read. */
typedef enum UopFlagsUse { UOP_FLAGS_DEAD, UOP_FLAGS_UNKNOWN, UOP_FLAGS_READ } UopFlagsUse;

/* What a pass must know of the guest's register file. */
typedef struct UopFile {
    uint32_t flags_offset; /* of N,Z,C,V */
    /* What becomes of flags at the entry of a successor at this pc (NULL: unknown, and PUTFLAGS
     * isn't marked). Looks at guest code, so it may be conservative only. */
    UopFlagsUse (*flags_use_at)(void *ctx, GuestAddr pc);
    bool faults_see_flags; /* memory accesses are readers of flags */
    void *ctx;
    const struct HelperInfo
        *helpers; /* frontend.h; NULL: every helper may read and write the file, and fault */
    uint32_t nhelpers;
} UopFile;

/* Dead PUTs and dead flags, dead code, and what needs to know that a value has one use only. In
 * place, one pass backward (forwarding of PUTs to GETs and folding are done by the builder). Leaves
 * the uses of values. Keeps the precise-fault rule: a PUT is removed only when another covers it
 * with nothing that may fault or leave between. */
void uop_optimize(UopBlock *b, const UopFile *file);

/* ---- verifier, printer, parser --------------------------------------------------------------- */
/* 0, or -1 with a line in msg that names the micro-op and the broken rule. */
int uop_verify(const UopBlock *b, char *msg, size_t msg_size);
/* Register names for printing: writes the name of the register at the offset ("x3", "q1+8") or
 * returns false. */
typedef bool (*UopRegName)(uint32_t offset, unsigned bytes, char *buf, size_t size);
void uop_print(FILE *f, const UopBlock *b, UopRegName names);
void uop_print_one(FILE *f, const UopBlock *b, const Uop *u, UopRegName names);
/* Parses what uop_print prints (register names through `offset_of`, or #offsets). 0, or -1 with a
 * message "line N: ...". */
typedef bool (*UopRegOffset)(const char *name, uint32_t *offset);
int uop_parse(UopBlock *b, const char *text, UopRegOffset offset_of, char *msg, size_t msg_size);
const char *uop_type_name(uint8_t type);
const char *uop_name(unsigned op);

/* ---- row information (info.c) ---------------------------------------------------------------- */
typedef enum UopField {
    UF_N,
    UF_T,
    UF_TI,
    UF_TO,
    UF_B,
    UF_F,
    UF_P,
    UF_PO,
    UF_S,
    UF_X,
    UF_A
} UopField;
typedef enum UopImm { UI_N, UI_I, UI_O, UI_K, UI_V, UI_D, UI_L, UI_R, UI_G, UI_H, UI_W } UopImm;
typedef struct UopInfo {
    const char *text;
    uint8_t dst, a, b, c; /* UopField */
    uint8_t imm;          /* UopImm */
    uint8_t effects;      /* UOPE_* */
    uint8_t values;       /* which of a (bit 0), b (1), c (2) are values, when not VAL_NONE */
} UopInfo;
extern const UopInfo uop_info[UOP_COUNT];
/* The operands that are values of u: fills vals[3] in the order a, b, c and returns how many. */
static inline unsigned uop_operands(const Uop *u, Val vals[3])
{
    unsigned values = uop_info[u->op].values, n = 0;
    vals[n] = u->a;
    n += (values & 1) & (u->a != VAL_NONE);
    vals[n] = u->b;
    n += (values >> 1 & 1) & (u->b != VAL_NONE);
    if (values & 4) {
        vals[n] = u->c;
        n += u->c != VAL_NONE;
    }
    return n;
}
/* The type of the value in operand field `field` (0 a, 1 b, 2 c) as the definition demands, T_NONE
 * if any will do. */
uint8_t uop_operand_type(const Uop *u, unsigned field);
bool uop_may_fault(const Uop *u);

#endif
