/* build.h - within lift/: the state of one region being lifted, and what the families (lift_int.c,
 * lift_fp.c ...) share. */
#ifndef XEMU_LIFT_BUILD_H
#define XEMU_LIFT_BUILD_H

#include <llvm-c/Core.h>

#include "lift/lift.h"

typedef LLVMValueRef V;
typedef LLVMTypeRef Ty;

/* A part of the register file that the region keeps in SSA form: eight bytes, or a vector register
 * of sixteen. A vector register that is also used as a scalar float is kept as that scalar and the
 * rest, so that a chain of scalar operations doesn't pass through vector insertions. */
typedef struct Unit {
    uint16_t off; /* in struct Cpu */
    uint8_t bytes;
    uint8_t scalar;          /* T_F32, T_F64: kept as a scalar and the rest; T_NONE */
    int8_t pin_int, pin_vec; /* index among the pinned registers, or -1 */
    bool flags;              /* the four flag bytes: slots N Z C V of type i1 */
    V slot[4];               /* allocas */
    unsigned f32, f64;
} Unit;

enum { MAX_UNITS = 128, FILE_GRANULES = CPU_FILE_SIZE / 8 };
typedef struct UnitSet {
    uint64_t w[MAX_UNITS / 64];
} UnitSet;

static inline bool set_has(const UnitSet *s, unsigned i)
{
    return s->w[i / 64] >> (i % 64) & 1;
}
static inline void set_add(UnitSet *s, unsigned i)
{
    s->w[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void set_remove(UnitSet *s, unsigned i)
{
    s->w[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline UnitSet set_without(const UnitSet *a, const UnitSet *b)
{
    UnitSet r;
    for (unsigned w = 0; w < MAX_UNITS / 64; w++) {
        r.w[w] = a->w[w] & ~b->w[w];
    }
    return r;
}

/* A flags value, symbolic: of which operation on which operands. */
typedef struct FlagVal {
    uint8_t kind; /* UopFlagsKind, or FLAG_BITS, FLAG_IF */
    uint8_t type; /* of the operands */
    uint8_t signaling;
    uint8_t nzcv; /* FLAG_IF: when the condition doesn't hold */
    uint8_t of;   /* FLAG_IF: kind when it does */
    V a, b, c; /* operands; FLAG_IF: c the condition; FLAG_BITS: a, b, c, d the flags themselves */
    V d;
    bool raised; /* FCMP: the comparison that raises exceptions has been made */
} FlagVal;
enum { FLAG_BITS = 64, FLAG_IF };

typedef struct BlockState {
    LLVMBasicBlockRef entry;
    LLVMBasicBlockRef wide; /* where other blocks lead to instead (widen_find()), or NULL */
    UnitSet use, def;       /* read before written; written as a whole before read */
    UnitSet live_in;
    UnitSet dirty_in;        /* may differ from struct Cpu */
    bool commits;            /* precise: struct Cpu is made current within */
    bool polled;             /* a back edge leads here */
    UnitSet written;         /* precise, a loop begins here: what it writes */
    uint32_t back_to;        /* a back edge leads from here to that block; + 1 */
    uint64_t *loop;          /* the blocks it is made of: a bit each; NULL: it isn't known */
    uint32_t weight;         /* precise: how often it runs, as a guess: by loops around it */
    uint8_t flags_made;      /* precise: how the flags are made at its entry (flow_flags) */
    LLVMBasicBlockRef asked; /* the way out of those, once one was met */
    uint32_t npreds, pred;   /* within the region */
    bool reached;
    FlagVal flags_out; /* what stands in the flags unit at its end, if known */
    bool flags_known;
} BlockState;

/* A float result that may not be the guest's. */
typedef struct Pending {
    const Uop *u;
    bool nan, tiny; /* what is wrong with it if it is so */
    bool operands;  /* its operands are what mustn't be NaNs */
} Pending;
enum { MAX_PENDING = 24 };

enum { MAX_RETURNS = 4 };

/* The instruction of an access that may fault (faults.c): loads and stores of 8 to 64 bits (S:
 * sign-extended to 64), of floats, of vectors. */
typedef enum FaultForm {
    FAULT_LD8,
    FAULT_LD16,
    FAULT_LD32,
    FAULT_LD64,
    FAULT_LD8S,
    FAULT_LD16S,
    FAULT_LD32S,
    FAULT_LDSS,
    FAULT_LDSD,
    FAULT_LDV,
    FAULT_ST8,
    FAULT_ST16,
    FAULT_ST32,
    FAULT_ST64,
    FAULT_STSS,
    FAULT_STSD,
    FAULT_STV,
    FAULT_FORMS
} FaultForm;
typedef struct FaultLive {
    uint16_t off; /* in struct Cpu */
    uint8_t what; /* FaultWhat */
} FaultLive;
typedef struct FaultSite {
    GuestAddr pc;
    int32_t disp;
    uint8_t form, scale;
    bool indexed;
    uint16_t nlive;
    FaultLive live[2 * MAX_UNITS + 1];
} FaultSite;

typedef struct Lift {
    const LiftRegion *r;
    const Frontend *frontend;
    LLVMContextRef ctx;
    LLVMModuleRef mod;
    LLVMBuilderRef b;
    V fn, cpu;
    Ty fn_type, i1, i8, i16, i32, i64, i128, f32, f64, v2i64, ptr, void_type;
    Unit units[MAX_UNITS];
    unsigned nunits;
    uint8_t unit_at[FILE_GRANULES]; /* unit + 1 by granule; 0 none */
    BlockState *bs;
    /* the block being lifted */
    uint32_t index;
    const UopBlock *ub;
    const Uop *u;
    GuestAddr insn_pc;
    uint32_t insn_len;
    V *vals;
    FlagVal *flags; /* by value number; allocated for all */
    UnitSet dirty;
    FlagVal flags_now;
    bool flags_known;
    /* float results that haven't been checked (checks.c) */
    Pending pending[MAX_PENDING];
    uint32_t npending;
    uint64_t tainted_file; /* a bit for each 16 bytes of the register file that hold one */
    uint8_t *tainted;      /* by value number (checks.c) */
    uint8_t *mask_bits;    /* by value number: lanes so wide are all ones or all zeros */
    uint8_t *flushed;      /* by value number: flush-to-zero mode; no lane is denormal */
    V *fast;               /* while it is done again: by value number, as it was */
    bool again;
    bool masks;    /* AVX-512's may be used */
    unsigned wide; /* so many iterations are done at once: types are of lanes for all; or 0 */
    bool ints; /* no operation touches a vector register: the pinned ones stay in theirs, and aren't
                  arguments */
    /* Of loops that were unrolled: r is `unrolled` then, blocks from first_copy on are copies. */
    LiftRegion unrolled;
    LiftBlock *copies;               /* owned: its blocks */
    uint32_t first_copy, *next_copy; /* owned: where a jump of a block to itself leads; + 1 */
    /* results */
    uint32_t nexits, cap_exits, ncaches;
    struct PendingExit {
        GuestAddr target;
        uint8_t kind;
    } * exits;
    uint32_t fallbacks;
    bool failed;
    bool settled; /* its ordered loads needn't ask for stores that wait (lift_mem.c) */
    /* precise: what the flags are made of (FAULT_FLAGS_KIND); allocas */
    V flags_kind, flags_a, flags_b;
    UnitSet kept; /* precise: isn't stored on the way into a loop; there are registers for it */
    UnitSet told; /* precise: what isn't stored before accesses that faults_has() */
    FaultSite *sites;
    uint32_t nsites, cap_sites;
    uint64_t untold; /* registers stored before accesses, by weight */
    V top;           /* Cpu.shadow_top is kept here; NULL: the region neither calls nor returns */
    uint64_t *loops; /* of BlockState.loop */
    uint32_t returns[MAX_RETURNS]; /* blocks that returns may lead to within the region */
    unsigned nreturns;
    V stubs[LIFT_STUBS];
    V moved; /* the word behind CodeObject.moved; NULL: not needed so far */
    V md_strict, md_dynamic, tbaa_cpu, tbaa_guest, md_unlikely;
    unsigned kind_tbaa, kind_prof;
} Lift;

#define LIFT_MOVED "moved" /* symbol of CodeObject.moved */

/* ---- types and bits (types.c) ---------------------------------------------------------------- */
Ty lift_type(Lift *l, uint8_t type);
/* The integer-lane form of a vector type (F32X4: <4 x i32>), or the integer as wide as a scalar
 * float. */
Ty lift_int_type(Lift *l, uint8_t type);
V lift_const(Lift *l, uint8_t type, uint64_t bits); /* every lane */
V lift_cast(Lift *l, V v, Ty to);                   /* same width */
V lift_i32(Lift *l, uint64_t x);
V lift_i64(Lift *l, uint64_t x);
V lift_guest(Lift *l, GuestAddr addr); /* an address made of the pc */
V lift_intrinsic(Lift *l, const char *name, Ty *overloads, unsigned n, V *args, unsigned nargs);
static inline V lift_val(Lift *l, uint16_t v)
{
    return l->vals[v];
}
/* A value of any class but flags as the 128 bits that hold it, zeros above: <2 x i64>. */
V lift_widen128(Lift *l, V v, uint8_t type);
V lift_from128(Lift *l, V v, uint8_t type);
/* Goes to `unlikely` when cond, else to `go_on`, where building continues. */
void lift_branch_unlikely(Lift *l, V cond, LLVMBasicBlockRef unlikely, LLVMBasicBlockRef go_on);
LLVMBasicBlockRef lift_bb(Lift *l, const char *name);
/* How often a conditional branch is taken, and not. */
void lift_set_weights(Lift *l, V branch, uint64_t taken, uint64_t not_taken);

/* ---- what of the registers a region needs (regs_plan.c) -------------------------------------- */
void regs_plan(Lift *l); /* units, and the flow of what is live and dirty */
/* Are there ordered loads in a loop, and no store that is ordered with them? */
bool regs_settle_once(const Lift *l);
/* The unit that an offset in struct Cpu belongs to, or NO_UNIT. */
#define NO_UNIT UINT32_MAX
static inline uint32_t regs_unit(const Lift *l, uint32_t off)
{
    uint32_t g = (off - CPU_FILE) / 8;
    return g < FILE_GRANULES && l->unit_at[g] ? l->unit_at[g] - 1u : NO_UNIT;
}
/* Of what is dirty, what is stored on the way from block `from` (-1: into the region) to block k.
 */
UnitSet regs_stored_on_entry(const Lift *l, int from, uint32_t k, const UnitSet *dirty);
/* How flags of a kind and type are told of: from MADE_KINDS on it is the kind, with FAULT_FLAGS_64.
 */
enum { MADE_UNKNOWN, MADE_BITS, MADE_KINDS };
unsigned regs_flags_code(unsigned kind, unsigned type);
/* Precise mode, all blocks being lifted: are so many registers stored before accesses that tier 1's
 * code, which keeps those it pins where they are, is likely to be the better one? */
bool regs_cost_more(const Lift *l);

/* ---- registers (regs.c) ---------------------------------------------------------------------- */
void regs_prologue(Lift *l);
V regs_get(Lift *l, uint8_t type, uint32_t off);
void regs_put(Lift *l, uint8_t type, uint32_t off, V v);
/* What is in units, and that it be there again. */
void regs_save(Lift *l, const UnitSet *units, V saved[static MAX_UNITS][4]);
void regs_restore(Lift *l, const UnitSet *units, V saved[static MAX_UNITS][4]);
FlagVal regs_get_flags(Lift *l);
void regs_put_flags(Lift *l, const FlagVal *f);
/* At a block's beginning: what is known of its flags. */
void regs_enter_block(Lift *l);
/* On the way to block k of the region, `from` being a block or -1: precise mode stores what a loop
 * that begins there doesn't change, so that its accesses needn't tell where that is. */
void regs_enter_loop(Lift *l, int from, uint32_t k);
void regs_enter_region(Lift *l);
/* Before an access that faults_has(): stores what it doesn't tell of. */
void regs_store_untold(Lift *l);
/* Stores what is dirty to struct Cpu: all of it, or what isn't pinned. Doesn't make it clean. */
void regs_store(Lift *l, bool pinned_too);
/* On the way out, but for what is pinned; the shadow stack's top as well. */
void regs_leave(Lift *l);
/* The shadow stack's top within the region: i8. */
V regs_top(Lift *l);
void regs_move_top(Lift *l, int by);
void regs_commit(Lift *l);        /* stores all and makes it clean */
void regs_reload(Lift *l);        /* struct Cpu has changed */
void regs_args(Lift *l, V *args); /* cpu and pinned registers, for a jump: 1 + 10 + 8 */
V regs_cpu_field(Lift *l, uint32_t off);
V regs_cpu_load(Lift *l, Ty type, uint32_t off, bool is_volatile);
void regs_cpu_store(Lift *l, V v, uint32_t off, bool is_volatile);
V regs_load_slot(Lift *l, V slot, Ty type);

/* ---- flags (flags.c) ------------------------------------------------------------------------- */
V flags_test(Lift *l, FlagVal *f, unsigned cond);     /* i1 */
void flags_raise(Lift *l, FlagVal *f, unsigned cond); /* FCMP: the exceptions */

/* ---- checks of float results (checks.c): around each micro-op; instead of its result `fast` ---
 */
void checks_before(Lift *l, const Uop *u);
void checks_after(Lift *l, const Uop *u);
V checks_result(Lift *l, const Uop *u, V fast, bool tiny);
/* checks_ask.c. To `again` if something is wrong with what is pending, else on. With masks it is
 * asked first what needn't be looked at more closely; the block that does so, if there is one, goes
 * to `join`. */
LLVMBasicBlockRef checks_ask(Lift *l, LLVMBasicBlockRef again, LLVMBasicBlockRef join);
/* With Lift.masks and Lift.wide (of 32 bytes): to `unsure` unless nothing is wrong for certain. */
void checks_sure(Lift *l, LLVMBasicBlockRef unsure);
void lift_one(Lift *l, const Uop *u);

/* ---- floats (lift_fp.c) ---------------------------------------------------------------------- */
/* The value v as an operand; flush-to-zero mode: what is denormal has trapped, or counts as zero
 * (jit/template/x86_64/emit_fp_flush.c says of which operations an operand must be asked). */
V lift_fp_operand(Lift *l, uint16_t v);
/* All bits of the lanes where it holds; quiet: only signaling NaNs raise something. */
V lift_fp_compare(Lift *l, const char *pred, V a, V b, bool quiet);
/* Two floats, twice. */
V lift_fp_doubled(Lift *l, V x);

/* ---- families: true if lifted ---------------------------------------------------------------- */
bool lift_int(Lift *l, const Uop *u);
bool lift_vec(Lift *l, const Uop *u);
bool lift_perm(Lift *l, const Uop *u);
bool lift_fp(Lift *l, const Uop *u);
bool lift_mem(Lift *l, const Uop *u);
bool lift_flags(Lift *l, const Uop *u);
void lift_exit(Lift *l, const Uop *u);
void lift_exit_if(Lift *l, const Uop *u);
/* The interpreter's routine for the micro-op; result of u's type. */
V lift_by_interp(Lift *l, const Uop *u);
void lift_helper(Lift *l, const Uop *u);
/* A call of a helper that looks at no register of the guest. */
bool lift_helper_is_alone(const Lift *l, const Uop *u);
/* LLVM's number of the convention that the stub is called by. */
unsigned lift_call_convention(LiftStub stub);
/* The same with operands given (slow paths). */
V lift_call_op(Lift *l, const Uop *u, V a, V b, V c);
/* Before an ordered load: a barrier, if a store waits for one. */
void lift_settle_stores(Lift *l);
/* Memory (lift_mem.c): where u accesses it; an access that is of the guest's memory. */
V lift_pointer(Lift *l, const Uop *u);
V lift_mark(Lift *l, V access, bool vol);
/* Ways out (lift_exit.c): to the pc; before the jump back to block k. */
void lift_go_to(Lift *l, GuestAddr target);
void lift_poll(Lift *l, uint32_t k);
/* Loops that do several iterations at once (widen_lift.c): which they are; the code of one, before
 * the block itself is lifted. */
void widen_find(Lift *l);
void widen_loop(Lift *l, uint32_t index);
/* What the region's function and all that it jumps to take. */
static inline unsigned lift_nargs(const Lift *l)
{
    return 1 + FRONTEND_INT_PINS + (l->ints ? 0 : FRONTEND_VEC_PINS);
}
/* In precise mode: before something that may fault and isn't faults_has(). */
void lift_may_fault(Lift *l);
/* unroll.c. Once, before anything is done with the region's blocks; false: no memory. */
bool unroll_loops(Lift *l);
/* The region's block, or copy of one, that a jump of block `index` to the pc leads to, or -1. */
int lift_next(const Lift *l, uint32_t index, GuestAddr pc);
/* The region's block for a pc in a context, or -1. */
int lift_find(const LiftRegion *r, GuestAddr pc, unsigned context);
/* The region's block that a call at the end of block `index` leads to, or -1: of a context made for
 * the call, or of the function itself that the region is part of, which calls itself. */
int lift_callee(const LiftRegion *r, uint32_t index, GuestAddr target);
uint8_t lift_result_type(const Lift *l, const Uop *u);

/* ---- accesses of precise mode (faults.c, faults_emit.c) ---------------------------------------
 */
/* Is the access made by the functions below? Others store all registers first. */
bool faults_has(const Lift *l, const Uop *u);
V faults_load_int(Lift *l, const Uop *u, bool sign); /* i64 */
V faults_load_vec(Lift *l, const Uop *u);            /* F32, F64, or sixteen bytes as <2 x i64> */
void faults_store(Lift *l, const Uop *u, V x);
unsigned faults_room(const FaultSite *s); /* bytes of its instruction */
/* Puts the instructions where LLVM's stack map says, and makes the table of a code object. */
int faults_finish(const Lift *l, const uint8_t *map, size_t len, CodeObject *out);

/* ---- llvm.c, object.c ------------------------------------------------------------------------ */
/* Before anything else of LLVM. False: there is no code generator. */
bool llvm_start(void);
bool llvm_has_avx(void); /* of the host, as the code may use it */
bool llvm_has_masks(void);
bool llvm_tests_masks(void); /* KTEST and KORTEST cost no more than KMOV and a comparison */
/* 0, -EOPNOTSUPP, or -EAGAIN: not with Lift.masks. */
int llvm_emit(Lift *l, CodeObject *out);
int object_parse(const uint8_t *elf, size_t len, const Lift *l, CodeObject *out);

#endif
