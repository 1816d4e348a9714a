/* emit.h - the template emitter: one pass over the micro-ops of a block, one function per operation
 * (emit_table).
 *
 * Where a value is (ValState.kind):
 *   VK_GPR / VK_XMM   in a host register: a scratch register, or a pinned one - then the value is
 * an alias of the guest register that lives there VK_MEM            in struct Cpu at `off`: a spill
 * slot, or an unpinned guest register that nobody has changed since it was read VK_CONST nowhere:
 * `imm` VK_COND           a condition of a flags value, not computed yet (TEST) VK_FLAGS          a
 * flags value that is in EFLAGS (Emit.fl), or VK_MEM: as four bytes; one condition as a byte:
 * VK_GPR or VK_MEMCOND
 *
 * Pinned registers are complete whenever something may fault or leave: a result goes straight into
 * the pinned register that a later PUT names (ValState.hint) only where the pre-pass saw nothing of
 * that kind between.
 *
 * How an emitter function works:
 *
 *     static bool emit_foo(Emit *e, const Uop *u)
 *     {
 *         unsigned a = ra_use_x(e, u->a), b = ra_use_x(e, u->b);   operands: registers, locked
 * until the micro-op ends; never write to them unsigned d = ra_def_x(e, u->dst); the result's
 * register: none of the operands' asm_v3(&e->a, V_ADDPD, d, a, b); return true;
 *     }
 *
 * ra_def_*_over: the result's register may be that of an operand that dies here: fine when the last
 * instruction that reads operands is the first that writes d. ra_tmp_*: scratch until the micro-op
 * ends. All operands are `use`d before a `def` or `tmp`. False may be returned only before anything
 * was emitted or allocated: the micro-op is then run by the interpreter's routine.
 *
 * EFLAGS may hold a flags value or boolean that is used later: whoever emits an instruction that
 * changes EFLAGS calls emit_clobber_flags(e) first (before reading operands is best; it never moves
 * values). lea, mov, cmov, setcc, not, BMI2 shifts and vector instructions other than (u)comis,
 * ptest don't change them.
 */
#ifndef XEMU_JIT_TEMPLATE_X86_64_EMIT_H
#define XEMU_JIT_TEMPLATE_X86_64_EMIT_H

#include "jit/faultmap.h"
#include "jit/internal.h"
#include "jit/template/x86_64/asm.h"

typedef enum ValKind {
    VK_NONE,
    VK_GPR,
    VK_XMM,
    VK_MEM,
    VK_CONST,
    VK_COND,
    VK_FLAGS,
    VK_MEMCOND
} ValKind;

enum {
    VF_CONST = 1,      /* imm is the value, wherever it is now */
    VF_UPPER_ZERO = 2, /* bits of the host register above the value's own width are zero */
    VF_FOLDED = 4,     /* not computed: the only user takes it into its own instruction */
    VF_FLUSHED = 8,    /* flush-to-zero mode: a result of arithmetic, so no lane is denormal */
};

typedef struct ValState {
    uint8_t kind, reg, type, flags;
    uint8_t hint;  /* host register + 1 to compute it into, of its class; 0: none */
    uint8_t cond;  /* VK_COND, VK_MEMCOND: UopCond */
    uint16_t next; /* next value in the same register */
    uint32_t last; /* index of the last micro-op that uses it; 0: none */
    uint16_t off;  /* VK_MEM, VK_MEMCOND: offset in struct Cpu; VK_COND: the flags value */
    uint16_t home; /* offset in struct Cpu where the value also stands; 0: nowhere */
    uint32_t def;  /* index of the micro-op that defines it */
    uint32_t need; /* flags values: bit per UopCond that is tested; EMIT_NEED_ALL: all four flags;
                      EMIT_NEED_MADE: what they are made of, and imm: the last micro-op that asks
                      for a condition */
    uint64_t imm;
} ValState;
_Static_assert(sizeof(Cpu) < 65536, "offsets in ValState");
_Static_assert(sizeof(ValState) == 32, "two of them in a cache line");
#define EMIT_NEED_ALL  (1u << 31)
#define EMIT_NEED_MADE (1u << 30)
#define EMIT_HAS_A     (1u << 29) /* and flags_a holds it already */

/* What EFLAGS hold: */
typedef enum FlagsHeld {
    FL_ADD,       /* N Z C V = SF ZF CF OF (also LOGIC: CF = OF = 0) */
    FL_SUB,       /* C = !CF */
    FL_FCMP,      /* of ucomis a, b */
    FL_FCMP_SWAP, /* of ucomis b, a */
    FL_ONE,       /* of a flags value only condition `cc` (a UopCond) is known: NE */
    FL_BOOL,      /* the value `val` (a boolean) is condition `cc` */
} FlagsHeld;

/* A condition as host code sees it. */
typedef enum CondKind { COND_CC, COND_AND_NP, COND_OR_P, COND_NEVER, COND_ALWAYS } CondKind;
typedef struct Cond {
    uint8_t kind, cc;
} Cond;

struct Emit;
typedef struct ColdPiece {
    void (*emit)(struct Emit *e, const struct ColdPiece *p);
    uint8_t *from, *back; /* end of the jump to it; where it goes on */
    uint32_t insn;        /* guest offset of the instruction it belongs to */
    uint32_t imm;
    uint64_t arg;
    const Uop *u;
    uint32_t link; /* index of the link it serves */
    struct ColdOperand {
        uint8_t kind, reg, type;
        uint32_t off;
        uint64_t imm;
    } opnd[4]; /* result, a, b, c */
} ColdPiece;

enum {
    EMIT_MAX_LINKS = 64,
    EMIT_MAX_COLD = 1024,
    EMIT_MAX_KEPT = 256,
    EMIT_MAX_HOMES = 48,
    EMIT_MAX_CONSTS = 256,
    EMIT_MAX_RELOCS = 512,
    EMIT_SLOTS = 64
};

typedef struct Emit {
    Asm a;
    /* the block */
    const UopBlock *ub;
    const Uop *u; /* the micro-op being emitted, and its index */
    uint32_t i;
    uint16_t
        ahead; /* the value of a later micro-op that is defined already (emit_ahead), or VAL_NONE */
    uint32_t insn_off, insn_len; /* of the current guest instruction, from the block's pc */
    JitThread *t;
    Jit *jit;
    Block *b;
    uint32_t mode;
    GuestAddr pc;             /* of the block */
    bool relocatable;         /* addresses in the guest's file are told apart */
    GuestAddr file;           /* where the file is, if so */
    const uint8_t *file_word; /* the word that says so (template_stubs); NULL: none */
    bool quick;               /* a quick block is being emitted (emit_snippets.c) */
    bool settled;             /* quick: flags in memory are bytes from here on */
    bool placed; /* what was emitted since this was cleared is good for its place only */
    bool failed;
    uint8_t *arena; /* its start (writable view) */
    uint8_t *stubs; /* where those are that the block uses (writable view) */
    uint8_t *entry, *limit;
    uint8_t *cold_start, *cold_limit;
    bool in_cold; /* the out-of-line part is being emitted */
    const uint8_t *int_pin_at,
        *vec_pin_at;            /* by offset / 8: index of the pin that begins there + 1 */
    const uint8_t *pin_granule; /* by offset / 8: part of a pinned register */
    /* registers */
    uint32_t free_g, lock_g, tmp_g, scratch_g;
    uint32_t free_x, lock_x, tmp_x, scratch_x;
    uint16_t head_g[16], head_x[32]; /* first value in each register; VAL_NONE */
    uint32_t slot_until[EMIT_SLOTS];
    uint32_t nslots; /* of them were used in this block */
    uint16_t homes[EMIT_MAX_HOMES];
    uint32_t nhomes;
    /* EFLAGS */
    struct {
        uint16_t val;     /* flags or boolean value; VAL_NONE */
        uint8_t held, cc; /* FlagsHeld */
        uint16_t zero_of; /* ZF and SF are of this value (in `zero_size`); VAL_NONE */
        uint8_t zero_size;
        bool sub_like; /* zero_of was set by a subtraction or addition: only ZF, SF are of use */
    } fl;
    /* out of line */
    ColdPiece cold[EMIT_MAX_COLD];
    Uop kept[EMIT_MAX_KEPT]; /* what pieces of a quick block refer to */
    uint32_t ncold;
    struct {
        uint64_t lo, hi;
        const uint8_t *at;
    } consts[EMIT_MAX_CONSTS];
    uint32_t nconsts;
    uint8_t
        *cold_next; /* where constants go while the hot part is emitted, the cold part after them */
    uint8_t
        *slow_back; /* where slow paths of this micro-op come back to; NULL: behind their jumps */
    uint32_t slow_first; /* the first cold piece of this micro-op */
    uint64_t pin_const;  /* the constant that was put into pin_const_reg by the guest instruction at
                            pin_const_insn */
    uint32_t pin_const_insn;
    uint32_t marked_insn; /* guest offset of the newest entry in the fault map */
    uint8_t pin_const_reg;
    uint32_t relocs[EMIT_MAX_RELOCS]; /* see Block.relocs */
    uint32_t nrelocs;
    bool bound;  /* the code is good for this place of the guest file only */
    Link *links; /* [EMIT_MAX_LINKS], where they stay: room of the thread's slab */
    uint8_t *also[EMIT_MAX_LINKS]; /* another jump to the stub of the link; NULL: none */
    uint32_t nlinks;
    FaultMap faults;
    uint8_t fault_bytes[16384];
    ValState *vals; /* [VAL_MAX] */
} Emit;

typedef bool (*EmitFn)(Emit *e, const Uop *u);

/* Micro-ops of the integer class are emitted by emit_table[op]; those whose `type` is a float or
 * vector type (and that aren't GET, PUT, CONST, LOAD, STORE, SELECT, STICKY, FLAGS ... which are in
 * the table) by emit_vec_uop. */
extern const EmitFn emit_table[UOP_COUNT];
/* True if emitted. (emit_fp.c, emit_vec*.c) */
bool emit_vec_uop(Emit *e, const Uop *u);
/* FLAGS of kind FCMP: leaves EFLAGS as (u)comis of (a, b), swapped: (b, a). Only if the host can in
 * the block's mode. */
bool emit_fcmp_can(const Emit *e, const Uop *u);
void emit_fcmp(Emit *e, const Uop *u, bool swapped);

static inline ValState *emit_val(const Emit *e, Val v)
{
    return &e->vals[v];
}
static inline bool emit_is_const(const Emit *e, Val v, uint64_t *imm)
{
    *imm = e->vals[v].imm;
    return e->vals[v].flags & VF_CONST;
}
/* Is this use (in the current micro-op) the last one? */
static inline bool emit_dies(const Emit *e, Val v)
{
    return e->vals[v].last <= e->i;
}
/* Is v used by the next micro-op and not later? */
static inline bool emit_dies_next(const Emit *e, Val v)
{
    return e->vals[v].last == e->i + 1;
}

/* ---- registers (ra.c) ------------------------------------------------------------------------ */
unsigned ra_bring_g(Emit *e, Val v); /* into a register */
unsigned ra_bring_x(Emit *e, Val v);
static inline unsigned ra_use_g(Emit *e, Val v)
{
    const ValState *s = emit_val(e, v);

    if (s->kind != VK_GPR)
        return ra_bring_g(e, v);
    e->lock_g |= 1u << s->reg;
    return s->reg;
}
static inline unsigned ra_use_x(Emit *e, Val v)
{
    const ValState *s = emit_val(e, v);

    if (s->kind != VK_XMM)
        return ra_bring_x(e, v);
    e->lock_x |= 1u << s->reg;
    return s->reg;
}
unsigned ra_def_g(Emit *e, Val v);
unsigned ra_def_x(Emit *e, Val v);
unsigned ra_def_g_over(Emit *e, Val v);
unsigned ra_def_x_over(Emit *e, Val v);
unsigned ra_tmp_g(Emit *e);
unsigned ra_tmp_x(Emit *e);
/* This scratch register (rax ...) as a temporary: what is in it moves away. Not if it's locked. */
void ra_tmp_g_fixed(Emit *e, unsigned r);
/* dst is another name of a's register contents (conversions that cost nothing). a may die or live.
 * Same class only. */
void ra_alias(Emit *e, Val dst, Val a);
/* Upper-zero knowledge: bits above the width of the value's type in its host register. Set by the
 * emitter of the result. */
static inline bool ra_upper_zero(const Emit *e, Val v)
{
    return e->vals[v].flags & VF_UPPER_ZERO;
}
static inline void ra_set_upper_zero(Emit *e, Val v)
{
    e->vals[v].flags |= VF_UPPER_ZERO;
}
/* The operand as memory if that is where it is and it is better read there: true and *m. Width: the
 * value's own type's; vectors and 16-byte operands are aligned. */
bool ra_mem(Emit *e, Val v, AsmMem *m);

/* ---- flags (emit_flags.c) -------------------------------------------------------------------- */
void emit_save_flags(Emit *e);
/* EFLAGS are about to change: saves what is still needed of them. */
static inline void emit_clobber_flags(Emit *e)
{
    e->fl.zero_of = VAL_NONE;
    if (e->fl.val != VAL_NONE) {
        emit_save_flags(e);
    }
}
/* Makes EFLAGS tell the boolean v. May change EFLAGS (saving what they held). */
Cond emit_bool(Emit *e, Val v);

/* ---- out of line (emit.c) -------------------------------------------------------------------- */
/* When cc holds, the current micro-op is run by interp_op on its operands where they are now (their
 * registers must be intact at this point), the result goes to the register of u->dst (already
 * defined), everything else stays, and execution goes on at the place of emit_slow_back(), or right
 * here if there is none. Several per micro-op may be made; emit_slow_back() then is for all of
 * them. `jump`: CC_* or EMIT_SLOW_JMP. */
enum { EMIT_SLOW_JMP = 16 };
void emit_slow(Emit *e, unsigned cc);
void emit_slow_back(Emit *e);
/* A 128-bit constant (16-byte aligned) near the code. Scalars: in the low part. */
AsmMem emit_const128(Emit *e, uint64_t lo, uint64_t hi);

#endif
