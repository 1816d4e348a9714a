/* cpu.h - struct Cpu: one guest thread as translated code sees it.
 *
 * While translated code runs, one host register points to it (jit/conv.h). It opens with what
 * emitted code touches most; the guest's register file stands in `file`, laid out by the guest's
 * own header (aarch64/state.h), and micro-op GET/PUT offsets are offsets from the start of struct
 * Cpu (CPU_FILE + ...).
 *
 * struct Process (runtime/process.h) holds what the threads of a process share.
 */
#ifndef XEMU_FRONTEND_CPU_H
#define XEMU_FRONTEND_CPU_H

#include <string.h>

#include "frontend/uop/uop.h"

struct Process;
struct Frontend;

/* Mode bits: part of the key of a block: code translated under one mode isn't run under another.
 * Changed by frontends' helpers, followed by EXIT DISPATCH. The FP environment's rounding mode
 * isn't part of it: that lives in the host's control register (and fp_round). */
enum {
    CPU_MODE_FZ = 1,   /* denormal single / double inputs and results are flushed to zero */
    CPU_MODE_FZ16 = 2, /* the same for half precision */
    CPU_MODE_DN = 4,   /* every NaN result is the default NaN */
    CPU_MODE_AHP = 8,  /* alternative half precision */
    CPU_MODE_TAGGED =
        16, /* addresses are masked to 56 bits before use (after a tagged pointer was met) */
    CPU_MODE_PRECISE = 32,  /* a handler may look at the registers and flags of a memory fault */
    CPU_MODE_THREADS = 64,  /* memory is shared with another thread or process: what must be
                               single-copy atomic beyond 8 bytes is so */
    CPU_MODE_GUEST_0 = 256, /* bits from here belong to the guest (Thumb state, BTI page ...) */
};

/* Cumulative exception flags, guest-neutral (the x86 MXCSR order). */
enum {
    FPX_INVALID = 1,
    FPX_INPUT_DENORMAL = 2,
    FPX_DIV_ZERO = 4,
    FPX_OVERFLOW = 8,
    FPX_UNDERFLOW = 16,
    FPX_INEXACT = 32
};

/* Why jit_run() came back. */
typedef enum CpuExit {
    CPU_EXIT_NONE,
    CPU_EXIT_SYSCALL,   /* pc is after the instruction */
    CPU_EXIT_TRAP,      /* exit_trap (UopTrap), exit_arg its payload, pc at the instruction */
    CPU_EXIT_INTERRUPT, /* `interrupt` was set; pc is where to go on */
    CPU_EXIT_FAULT,     /* a host fault in translated code, made precise: pc at the instruction; the
                           runtime's handler noted the rest */
    CPU_EXIT_NO_MEMORY, /* pc can't be run: not even to interpret it there is memory */
} CpuExit;

/* A per-thread cache of indirect branch targets: by pc; looked up by emitted code. code 0: empty.
 * A target whose entry has the same address with other bits above it (Frontend.pc_mask) has another
 * one, where stubs look. */
typedef struct IbtcEntry {
    GuestAddr pc;
    uintptr_t code;
} IbtcEntry;
#define CPU_IBTC_SIZE  4096 /* entries; index (pc >> insn_shift) & (SIZE - 1) */
#define CPU_IBTC_OTHER 1    /* the other entry: index ^ OTHER, in the same cache line */

/* Return shadow stack: a ring; a return compares the popped guest address with its target. */
typedef struct ShadowEntry {
    GuestAddr pc;
    uintptr_t code; /* host continuation */
} ShadowEntry;
#define CPU_SHADOW_SIZE 128 /* entries: emitted code lets the index wrap as a byte */

#define CPU_FILE_SIZE 1024

/*
 * In place of the four bytes N Z C V translated code may leave what the flags are made of, which is
 * two stores and not eight micro-operations of the host: then the first byte has CPU_FLAGS_MADE,
 * and the flags are those of flags_a - flags_b (or +). Translated code asks the first byte before
 * it reads flags; C code has the bytes (cpu_settle_flags), where translated code was left or a
 * fault interrupted it.
 */
enum CpuFlags {
    CPU_FLAGS_MADE = 2,
    CPU_FLAGS_64 = 4, /* of 64 bits, else the low 32 */
    CPU_FLAGS_ADD = 8,
    CPU_FLAGS_RESULT = 16, /* flags_a is the result, not the first operand */
    CPU_FLAGS_IMM = 32,    /* the upper 24 bits of the word, signed, are the second operand */
};

/* Addresses whose use stops the thread before the instruction that uses them: the interpreter
 * looks. */
enum { CPU_WATCH_READ = 1, CPU_WATCH_WRITE = 2, CPU_WATCH_EXEC = 4 };
#define CPU_WATCH_MOST 16
typedef struct CpuWatch {
    unsigned n;
    struct {
        GuestAddr start, end;
        unsigned use; /* CPU_WATCH_* */
    } range[CPU_WATCH_MOST];
    bool is_hit; /* CPU_EXIT_FAULT came of `hit`, an address in one of them */
    GuestAddr hit;
} CpuWatch;

/* Critical sections of rseq(2): code that has to begin again, at `abort`, when the thread was
 * interrupted on its way through it. Stores in one go through CriticalHost, which makes a store and
 * the question whether there was an interruption one step; `armed` is where the host's kernel
 * leaves 0 after one. See runtime/thread/rseq.h. */
typedef struct CriticalSection {
    GuestAddr start, end, abort;
    GuestAddr descriptor; /* struct rseq_cs */
} CriticalSection;

struct Cpu;
struct CpuCritical;
typedef struct CriticalHost {
    /* Stores 1 << size bytes: 0, or 1 if it was interrupted and nothing is stored. */
    uint64_t (*store)(struct CpuCritical *critical, uint64_t address, uint64_t value,
                      uint64_t size);
    /* The thread is at the beginning of the section of that descriptor. */
    void (*enter)(struct Cpu *cpu, GuestAddr descriptor);
    /* What it has entered is interrupted. */
    void (*interrupt)(struct Cpu *cpu);
    /* It is about to go on at the section's abort address. */
    void (*aborts)(struct Cpu *cpu);
} CriticalHost;

typedef struct CpuCritical {
    volatile uint64_t *armed; /* `area`, or `none` where nobody looks; first (rseq.S) */
    const void *code;         /* what `area` points into meanwhile; second */
    volatile uint64_t none;   /* never 0 */
    volatile uint64_t *area;  /* rseq_cs of the registered area; NULL: there is none */
    CriticalSection now;      /* that was entered last, if armed == area */
    GuestAddr fault;          /* the last one in a section, and how often it came in a row */
    uint32_t faults;
    uint32_t signature;
    bool bad; /* an abort address without the signature was met: SIGSEGV */
} CpuCritical;

/* What jit_run() writes each time round: here, since a process that forks, and its child, have
 * copied this page anyway. */
typedef struct CpuLoop {
    uint64_t epoch;      /* of the last dispatch; JIT_OUTSIDE while not in jit_run (atomic) */
    uint64_t dispatches; /* JitStats.dispatches */
    uint32_t interpret;  /* so many blocks that aren't translated yet are interpreted instead: see
                            jit_fork_child */
    bool in_code;        /* in translated code or C called by it */
} CpuLoop;

typedef struct Cpu {
    /* -- touched by emitted code -- */
    _Alignas(64) GuestAddr pc; /* valid whenever C code runs, unless said otherwise */
    IbtcEntry *ibtc;           /* CPU_IBTC_SIZE entries, zeroed lazily */
    uint64_t exit_arg;
    uint32_t mode;        /* CPU_MODE_* of what runs */
    uint32_t exit_reason; /* CpuExit */
    uint32_t exit_trap;   /* UopTrap */
    uint32_t
        fp_round; /* UopRound NEAREST..ZERO: the guest's rounding mode (the host's MXCSR agrees) */
    uint32_t fp_flags; /* FPX_*: cumulative flags raised by C code; the host's sticky bits are the
                          rest */
    uint64_t flags_a, flags_b; /* see CpuFlags */
    /* exclusive monitor (LL/SC) */
    V128 ll_value;
    GuestAddr ll_addr; /* ~0: no reservation */
    uint32_t ll_size;
    void *host_sp; /* C stack pointer at jit_run, for leaving from a fault */
    void *jit;     /* this thread's part of the jit */
    /* From here on near CPU_ANCHOR. */
    _Alignas(16) uint8_t shadow_top; /* twice the index of the newest shadow entry */
    uint8_t
        stores_wait; /* not 0: a store that is ordered with later ordered loads (UOP_ORDER_SEQ)
                        was made as a plain one, without a barrier since: such a load makes one */
    _Atomic int32_t polls_left; /* where tier 2 follows: polls of tier 1's code until the runtime
                                   hears of one (jit/tier.c). An interrupt makes it negative; as
                                   another thread's it may get lost while code counts: then the code
                                   goes on for the polls that are left, some ten thousand */
    _Atomic uint32_t interrupt; /* nonzero: translated code leaves at the next poll (signal handlers
                                   and other threads set it) */
    int32_t
        quick_left; /* executions of quick blocks until the runtime looks at one (jit/quick.h) */
    uint8_t file[CPU_FILE_SIZE]; /* the guest's register file */
    V128 tmp[4]; /* operands and result of operations run by C for emitted code: [0] result, [1..3]
                    a, b, c */
    uint64_t spill[64]; /* tier 1 spill slots (vector values take two) */
    ShadowEntry shadow[CPU_SHADOW_SIZE];
    /* -- not touched by emitted code -- */
    const struct Frontend *frontend;
    struct Process *process;
    void *runtime; /* this thread's part of the runtime */
    struct CpuWatch
        *watch; /* what a debugger waits for, NULL: nothing; then it is run by jit_run_watched() */
    const CriticalHost *critical_host;
    CpuCritical critical;
    CpuLoop loop;
} Cpu;

#define CPU_FILE ((uint32_t)offsetof(Cpu, file))
_Static_assert(offsetof(Cpu, file) % 64 == 0, "vector registers are aligned");

/* Translated code holds the address of this place in struct Cpu: what lies 128 bytes before it or
 * behind it has a displacement of one byte. A tenth of tier 1's code was displacements. */
#define CPU_ANCHOR (CPU_FILE + 112)
_Static_assert(offsetof(Cpu, shadow_top) == CPU_ANCHOR - 128, "near");

/* offset: of the flags in struct Cpu. */
static inline void cpu_settle_flags(Cpu *cpu, uint32_t offset)
{
    uint8_t *nzcv = (uint8_t *)cpu + offset;
    unsigned of = nzcv[0];
    if (of < CPU_FLAGS_MADE) {
        return;
    }
    int32_t word;
    memcpy(&word, nzcv, 4);
    uint64_t a = cpu->flags_a, b = of & CPU_FLAGS_IMM ? (uint64_t)(word >> 8) : cpu->flags_b;
    unsigned shift = of & CPU_FLAGS_64 ? 0 : 32;
    bool add = of & CPU_FLAGS_ADD;
    if (of & CPU_FLAGS_RESULT) {
        a = add ? a - b : a + b;
    }
    a <<= shift;
    b <<= shift;
    uint64_t r = add ? a + b : a - b;
    nzcv[0] = r >> 63;
    nzcv[1] = r == 0;
    nzcv[2] = add ? r < a : a >= b;
    nzcv[3] = (add ? (a ^ r) & (b ^ r) : (a ^ b) & (a ^ r)) >> 63;
}

#endif
