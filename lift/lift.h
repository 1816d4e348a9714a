/* lift.h - tier 2's compiler: the micro-ops of a region become LLVM IR, and that a code object.
 *
 * A pure function: what it is given decides alone what comes out. A code object holds
 * position-independent code, read-only data behind it, and what has to be filled in where it is
 * placed: exits (links to other translated code) and stubs (the runtime's entry points). No other
 * address is in it but those of the guest, as numbers in the micro-ops.
 *
 * The code of a region is a function of LLVM's calling convention preserve_nonecc, which is the
 * register convention of jit/conv.h.
 */
#ifndef XEMU_LIFT_LIFT_H
#define XEMU_LIFT_LIFT_H

#include "frontend/frontend.h"

/* A call whose callee is part of the region: the callee's blocks are there once more for it.
 * Context 0 is the region's own code. */
typedef struct LiftContext {
    uint16_t parent;
    GuestAddr return_pc;
} LiftContext;

typedef struct LiftBlock {
    const UopBlock *ub; /* optimized (uop_optimize) */
    uint16_t context;
    uint64_t count; /* how often it ran, as far as is known; 0: unknown */
} LiftBlock;

typedef struct LiftRegion {
    const Frontend *frontend;
    uint32_t mode;           /* CPU_MODE_* of all its blocks */
    bool precise;            /* a fault finds all guest registers */
    bool picky;              /* not if tier 1's code is likely to be the better one */
    bool spoilt;             /* for tests: LLVM can't compile it, and ends the process */
    bool relocatable;        /* guest addresses may be moved later: all by CodeObject.moved */
    const LiftBlock *blocks; /* [0] is where it is entered */
    uint32_t nblocks;
    const LiftContext *contexts; /* [0] unused */
    uint32_t ncontexts;
    FILE *dump; /* where the dumps below go */
    bool dump_ir, dump_ir_opt, dump_asm;
} LiftRegion;

/* The runtime's entry points that code of tier 2 goes to. */
typedef enum LiftStub {
    LIFT_LEAVE,         /* jump: struct Cpu's pc is set: CPU_EXIT_NONE */
    LIFT_LEAVE_SYSCALL, /* jump */
    LIFT_LEAVE_TRAP,    /* jump: exit_trap, exit_arg, pc are set */
    LIFT_LOOK_UP, /* jump: an indirect branch to the pc in struct Cpu: by the thread's table */
    LIFT_OP, /* call, keeps all registers: interp_op(cpu, uop, NULL, tmp, tmp + 1, tmp + 2, tmp + 3)
              */
    LIFT_HELPER, /* call, keeps all registers: Frontend.helpers[id].fn(cpu, tmp[1], tmp[2], tmp[3])
                    to tmp[0] */
    LIFT_HELPER_ALONE, /* the same of one with no effects; call, keeps what preserve_most does */
    LIFT_STUBS
} LiftStub;

typedef enum LiftExitKind {
    LIFT_EXIT_JUMP, /* jump to the code of a guest pc */
    LIFT_EXIT_LEA,  /* the address of the code of a guest pc */
    /* An inline cache of an indirect branch; `target` is its number. */
    LIFT_EXIT_CACHED, /* jump to the code of the pc that stands in its cell */
    LIFT_EXIT_CELL,   /* the address of its cell: eight bytes, the guest pc; negative: none yet */
    LIFT_EXIT_EMPTY,  /* jump: struct Cpu's pc is where it goes; the cell may be filled with that */
} LiftExitKind;

/* A rel32 that ends at `site`. */
typedef struct LiftExit {
    GuestAddr target;
    uint32_t site;
    uint8_t kind;  /* LiftExitKind */
    int8_t behind; /* the address is that of what is meant and so much more */
} LiftExit;
typedef struct LiftReloc {
    uint32_t site;
    uint32_t stub; /* LiftStub */
} LiftReloc;

/* What is somewhere else than in struct Cpu when an access to memory faults, in the code of a
 * precise region. One record an access, FaultPlaces behind it; the table isn't aligned. An access
 * without one has stored all before it, the pc as well. */
typedef enum FaultWhat {
    FAULT_INT,        /* eight bytes */
    FAULT_FLAGS_KIND, /* how the flags follow from a and b, the next two: FAULT_FLAGS_* */
    FAULT_FLAGS_A,
    FAULT_FLAGS_B,
    FAULT_F32, /* from here on in vector registers */
    FAULT_F64,
    FAULT_VECTOR,
} FaultWhat;
/* The kind: UopFlagsKind ADD, SUB or LOGIC of a and b, of 32 bits or, with FAULT_FLAGS_64, of 64;
 * or a is the four bytes N, Z, C, V. */
enum { FAULT_FLAGS_BYTES = 15, FAULT_FLAGS_64 = 16 };
typedef enum FaultWhere {
    FAULT_IN_REGISTER, /* `at`: its number in instructions */
    FAULT_AT_RBP,      /* in memory, so far from it */
    FAULT_AT_RSP,
    FAULT_CONSTANT,     /* `at`, sign-extended */
    FAULT_CONSTANT_LOW, /* `high`, `at` */
} FaultWhere;
typedef struct FaultPlace {
    uint16_t off; /* where it belongs, in struct Cpu */
    uint8_t what, where;
    int32_t at, high;
} FaultPlace;
typedef struct FaultRecord {
    uint32_t site; /* of the instruction, from the code's beginning */
    int32_t guest; /* of the guest's, from the region's entry */
    uint32_t nplaces;
} FaultRecord;

typedef struct CodeObject {
    uint8_t *code; /* owned; the entry is at 0 */
    uint32_t len;  /* of code and read-only data; the address must be a multiple of 64 */
    uint32_t text_len;
    uint32_t moved;  /* offset of eight bytes that are added to each guest address in the code; 0:
                        none is */
    LiftExit *exits; /* owned */
    uint32_t nexits;
    LiftReloc *relocs; /* owned */
    uint32_t nrelocs;
    /* Precise regions: where the guest's registers are at accesses that may fault: FaultRecords. */
    uint8_t *faults; /* owned */
    uint32_t faults_len;
    uint32_t fallbacks;                      /* micro-ops that call the interpreter's routine */
    uint64_t lift_ns, passes_ns, codegen_ns; /* processor time */
    char *dump; /* owned: what the optimizer's process has written of it; NULL: nothing */
    uint32_t dump_len;
} CodeObject;

/* 0, -EOPNOTSUPP (LLVM or the lifter can't), -ENOMEM. On success code_object_free(out) is the
 * caller's. One thread at a time. */
int lift_compile(const LiftRegion *region, CodeObject *out);
void code_object_free(CodeObject *o);

#endif
