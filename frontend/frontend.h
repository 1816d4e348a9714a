/* frontend.h - what a guest architecture gives to the rest of xemu: one descriptor. Nothing to the
 * right of the micro-ops knows more of a guest.
 */
#ifndef XEMU_FRONTEND_FRONTEND_H
#define XEMU_FRONTEND_FRONTEND_H

#include "frontend/cpu.h"
#include "frontend/uop/uop.h"

#define FRONTEND_INT_PINS                                                                          \
    10 /* guest integer registers that live in host registers (jit/conv.h has the host side) */
#define FRONTEND_VEC_PINS 8

/* C helpers called by UOP_HELPER. The function sees a Cpu whose register file is complete for what
 * it declares. */
typedef uint64_t (*HelperFn)(Cpu *cpu, uint64_t a, uint64_t b, uint64_t c);
enum {
    HELPER_READS_FILE = 1,  /* reads registers of the file */
    HELPER_WRITES_FILE = 2, /* writes registers of the file */
    HELPER_MAY_FAULT = 4,   /* touches guest memory */
    HELPER_PURE = 8,        /* result depends on a, b, c alone; no effect */
    HELPER_CHANGES_MODE =
        16, /* may change cpu->mode or the FP control state; an EXIT DISPATCH follows */
};
typedef struct HelperInfo {
    const char *name;
    HelperFn fn;
    uint32_t effects;
} HelperInfo;

/* How NaNs come out of operations (softfp.h has the rules). */
typedef enum FpPolicy { FP_POLICY_ARM, FP_POLICY_X86, FP_POLICY_CANONICAL } FpPolicy;

/* Guest code for the translator: bytes at pc that are mapped and executable; *avail how many follow
 * contiguously (at least 1), NULL if none (a fetch fault). The bytes stay readable while the call
 * of translate lasts. */
typedef const uint8_t *(*FetchFn)(void *ctx, GuestAddr pc, size_t *avail);
/* Is the code at pc, which can be fetched, on a guarded page (AArch64's PROT_BTI)? Bytes that come
 * from one call of FetchFn agree in that. */
typedef bool (*GuardedFn)(void *ctx, GuestAddr pc);

/* What FetchFn said last, for translate and flags_use_at to share: all zero at first, and for one
 * request only. */
typedef struct FetchRun {
    const uint8_t *bytes; /* NULL: none */
    GuestAddr pc;
    size_t len;
    bool guarded;
} FetchRun;

typedef struct TranslateRequest {
    GuestAddr pc;
    uint32_t mode;      /* CPU_MODE_* */
    bool relocatable;   /* addresses made of the pc are to be told apart from other constants
                           (UOP_ADDR) */
    uint32_t max_insns; /* stop after this many (1: single step) */
    const CriticalSection *critical; /* the instructions are in it, all of them; NULL: in none */
    FetchFn fetch;
    void *fetch_ctx;
    GuardedFn guarded; /* ctx is fetch_ctx; NULL: no page of the process is guarded */
    FetchRun *run;     /* NULL: bytes are fetched anew by each call */
    FILE *log_insns;   /* not NULL: print each instruction's disassembly (-d in_asm) */
} TranslateRequest;

/* How an instruction ends, if it does, and what may be left out of its key. */
typedef enum InsnKind {
    INSN_PLAIN,   /* the key says all: it decides the micro-ops, whatever they are */
    INSN_ADDRESS, /* as PLAIN but for `target`, the one address that it makes */
    INSN_JUMP,    /* goes to target, nothing else */
    INSN_CALL,    /* the same, and the address behind it is put into the register at `link` */
    INSN_BRANCH,  /* if a condition that the key decides holds: to target, else to the next */
    INSN_RETURN,  /* to the address in the register at `reg` */
    INSN_JUMP_TO, /* the same, not as a return; if target isn't 0 it stands where Cpu.pc has more
                     than the address (pc_mask), whatever the register has there */
    INSN_CALL_TO, /* the same, and the address behind it is put into the register at `link` */
} InsnKind;

/* One instruction, looked at without translating it. Instructions that have key, kind, form and
 * mode in common and are PLAIN, ADDRESS or BRANCH have the same micro-ops but for target; so code
 * that was made for one of them serves all. */
typedef struct InsnShape {
    GuestAddr target;
    uint32_t key;
    int32_t imm;        /* varies: of this instruction */
    uint16_t reg, link; /* offsets from the start of struct Cpu */
    uint8_t kind;       /* InsnKind */
    uint8_t len;
    uint8_t form; /* the frontend's; the key decides it */
    bool varies;  /* PLAIN: the key doesn't say the number `imm`, which appears in the micro-ops as
                     an immediate or displacement, perhaps with a few bytes more, or as a constant,
                     and has no other effect */
} InsnShape;

/* What reading code, without running it, says of other code (Frontend.explore). */
typedef enum FoundKind {
    FOUND_NEXT,    /* execution may go on there */
    FOUND_CALL,    /* a function is called there */
    FOUND_TABLE,   /* an indirect branch goes there, by a table */
    FOUND_ADDRESS, /* the address is made: of code, perhaps */
} FoundKind;
typedef struct Explore {
    void *ctx;
    /* Bytes at an address, code or constants, and how many follow; NULL: unknown. */
    const uint8_t *(*bytes)(void *ctx, GuestAddr addr, size_t *avail);
    void (*found)(void *ctx, GuestAddr addr, FoundKind kind);
} Explore;

typedef struct Frontend {
    const char *name;     /* "aarch64" */
    uint16_t elf_machine; /* EM_* */
    uint8_t elf_class, elf_data;
    uint8_t insn_shift; /* log2 of the instruction alignment: 2 for A64 */
    uint64_t pc_mask; /* bits of Cpu.pc and of a block's pc that are the address; the others are the
                         guest's (A64: BTYPE) */
    uint8_t fp_policy;     /* FpPolicy */
    bool tagged_addresses; /* bits 56 to 63 of an address may hold anything: CPU_MODE_TAGGED is set
                              when that is met */
    uint32_t file_size;    /* bytes of Cpu.file used */
    uint32_t flags_offset; /* of the N,Z,C,V bytes, from the start of struct Cpu */
    uint32_t sp_offset,
        tp_offset; /* stack pointer, thread pointer (from the start of struct Cpu, 64 bits) */
    uint32_t int_pins[FRONTEND_INT_PINS]; /* offsets from the start of struct Cpu of the pinned
                                             registers, hottest first */
    uint32_t vec_pins[FRONTEND_VEC_PINS];
    const HelperInfo *helpers;
    uint32_t nhelpers;
    /* Translates one block starting at req->pc into `out` (reset by the callee): ends at a branch,
     * at max_insns, at the end of fetchable bytes (then an EXIT JUMP to the next pc; if not even
     * the first instruction can be fetched: TRAP FETCH), or when `out` is full. Unoptimized: the
     * caller runs uop_optimize. */
    void (*translate)(const TranslateRequest *req, UopBlock *out);
    /* The shapes of the instructions from pc on, at most max, up to one that ends a block, to the
     * conditional branch number `branches` (at least 1) or to the end of what is fetched at once;
     * 0: nothing can be fetched. Of req fetch, fetch_ctx and run (not NULL) matter. NULL: this
     * guest has none of that. */
    unsigned (*shapes)(const TranslateRequest *req, GuestAddr pc, InsnShape *out, unsigned max,
                       unsigned branches);
    /* varies: an instruction of that key, with the number that is returned. At most 16 bytes. */
    int32_t (*shape_example)(const InsnShape *s, uint8_t *bytes);
    /* Reads on from pc to the first instruction that doesn't lead to the next, or `most`
     * instructions, and tells what it finds; the number of bytes read. */
    uint32_t (*explore)(const Explore *e, GuestAddr pc, uint32_t most);
    /* Bit n: a block's pc there may have n in the bits that aren't the address, after an indirect
     * branch; `guarded` as GuardedFn says, in a process that has guarded pages. */
    uint32_t (*landings)(const uint8_t *code, bool guarded, FoundKind kind);
    /* What becomes of the flags in code at pc (looks a few instructions ahead). */
    UopFlagsUse (*flags_use_at)(const TranslateRequest *req, GuestAddr pc);
    bool (*reg_name)(uint32_t offset, unsigned bytes, char *buf, size_t size);
    bool (*reg_offset)(const char *name, uint32_t *offset);
    /* A new thread's state: zero but for what the architecture says. */
    void (*reset)(Cpu *cpu);
    /* Prints the registers (-d cpu). */
    void (*dump)(FILE *f, const Cpu *cpu);
    /* AT_HWCAP, AT_HWCAP2, and the "Features" of /proc/cpuinfo: exactly what is implemented. */
    uint64_t hwcap, hwcap2;
    const char *features;
} Frontend;

/* HELPER_*; of a number that is no helper's, what may be anything. */
static inline uint32_t frontend_helper_effects(const Frontend *f, int64_t number)
{
    return (uint32_t)number < f->nhelpers ? f->helpers[(uint32_t)number].effects : HELPER_MAY_FAULT;
}

/* Does the helper look at no register of the guest, and not fault? */
static inline bool frontend_helper_is_alone(const Frontend *f, int64_t number)
{
    return !(frontend_helper_effects(f, number) & ~(uint32_t)HELPER_PURE);
}

extern const Frontend frontend_aarch64;

#endif
