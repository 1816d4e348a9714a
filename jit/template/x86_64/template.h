/* template.h - the x86-64 template tier: its stubs in the arena, its state per process and thread.
 */
#ifndef XEMU_JIT_TEMPLATE_X86_64_TEMPLATE_H
#define XEMU_JIT_TEMPLATE_X86_64_TEMPLATE_H

#include "jit/template/template.h"
#include "jit/template/x86_64/emit.h"

/* Pieces of code that all blocks share, at the same offsets of every arena (stubs.c). */
typedef enum Stub {
    STUB_ENTER, /* C function: uint32_t (Cpu *cpu, uintptr_t code): loads the pinned registers, goes
                   to code; returns why it was left */
    STUB_LEAVE_PC,      /* rax: guest pc. Leaves with CPU_EXIT_NONE */
    STUB_LEAVE_SYSCALL, /* rax: guest pc */
    STUB_LEAVE_TRAP,    /* rax: guest pc */
    STUB_LEAVE_FAULT,   /* the register file is complete already; rsp = Cpu.host_sp */
    STUB_LINK,   /* called by the stub of an unlinked exit; a tag follows. Leaves with TEMPLATE_LINK
                  */
    STUB_MISS,   /* called with rax = guest pc; a tag follows. Leaves with TEMPLATE_MISS */
    STUB_OP,     /* called with operands in Cpu.tmp[1..3]; a jump of TEMPLATE_OP_JUMP bytes and the
                    struct Uop that it leads over follow the call: interp_op. Result in
                    Cpu.tmp[0]; keeps all registers */
    STUB_SETTLE, /* called: the flags become four bytes (CpuFlags); keeps all registers */
    STUB_HELPER, /* called with a helper's number in Cpu.tmp[0], one that looks at no register, and
                    operands as above: keeps the pinned registers and general ones */
    STUB_HOT,    /* jumped to, rax: guest pc. Leaves with TEMPLATE_HOT */
    STUB_HOT_AT, /* called with rax = guest pc; a tag follows. Leaves with TEMPLATE_HOT_AT */
    /* Tier 2 (lift/lift.h, LiftStub): */
    STUB_T2_LEAVE,   /* jumped to, the guest pc stands in Cpu.pc: leaves with CPU_EXIT_NONE */
    STUB_T2_SYSCALL, /* the same with CPU_EXIT_SYSCALL */
    STUB_T2_TRAP,    /* with CPU_EXIT_TRAP */
    STUB_T2_LOOK_UP, /* jumps to the code of that pc that the thread's table has, else leaves with
                        TEMPLATE_MISS_T2 */
    STUB_T2_EMPTY,   /* called, the guest pc stands in Cpu.pc; a tag follows. TEMPLATE_MISS */
    STUB_T2_OP,      /* called (Cpu *, const Uop *): interp_op as STUB_OP; keeps all registers */
    STUB_T2_HELPER,  /* called (Cpu *, helper's number): on Cpu.tmp; keeps all registers */
    STUB_T2_HELPER_ALONE, /* the same, of one that looks at no register; keeps general registers but
                             r11 */
    STUB_COUNT
} Stub;
enum { TEMPLATE_OP_JUMP = 2 };

/* Reasons to leave beyond CpuExit: Cpu.exit_arg is the return address. */
enum { TEMPLATE_LINK = 64, TEMPLATE_MISS, TEMPLATE_MISS_T2, TEMPLATE_HOT, TEMPLATE_HOT_AT };

/* Behind calls of STUB_LINK, STUB_MISS and STUB_HOT_AT: link index << 22 | distance of the return
 * address from the start of the cold part, where the Block * stands. */
enum { TAG_LINK_SHIFT = 22, TAG_NO_LINK = 1023 };
_Static_assert((unsigned)EMIT_MAX_LINKS < TAG_NO_LINK + 0u && CODEBUF_CHUNK <= 1u << TAG_LINK_SHIFT,
               "tags");

/* From the beginning of a poll that counts to the displacement of its exit: a jump with that
 * condition, a call's jump behind one, an indirect jump's behind that and a comparison. */
enum {
    POLL_SIZE = 6,
    POLL_TO_JUMP = POLL_SIZE + 2,
    POLL_TO_CALL = POLL_SIZE + 6 + 1,
    POLL_TO_CACHE = POLL_SIZE + 6 + 7 + 2
};

typedef struct TemplateShared {
    uint32_t stubs[STUB_COUNT]; /* arena offsets */
    uint32_t stubs_end;
    uint32_t file_base; /* the word behind them (template_stubs) */
    uint8_t int_pin_at[(CPU_FILE + CPU_FILE_SIZE) / 8 + 16],
        vec_pin_at[(CPU_FILE + CPU_FILE_SIZE) / 8 + 16],
        pin_granule[(CPU_FILE + CPU_FILE_SIZE) / 8 + 16];
} TemplateShared;

typedef struct TemplateThread {
    Emit *emit;
    struct Snippets *snippets;
    bool filled;   /* the ibtc and the shadow stack may hold something */
    bool fill;     /* the block that is run next belongs into the ibtc */
    uint32_t mode; /* of what the ibtc and the shadow stack hold */
} TemplateThread;

/* emit.c */
int emit_create_tables(TemplateShared *s, const Frontend *f);
Emit *emit_new(void);
void emit_free(Emit *e);

/* template.c: the places of a ucontext's general registers, by number. */
extern const uint8_t template_greg_of[16];

/* tier2_fault.c: struct Cpu is made current for a fault in b, of tier 2 in precise mode. */
void tier2_fault(Cpu *cpu, const Block *b, const void *ucontext);

/* Writes the stubs at the start of a fresh arena. 0 or -errno. */
int stubs_emit(Jit *jit, CodeBuf *code);

/* Where the emitter must call or jump to for a stub (writable view). */
static inline const uint8_t *emit_stub(const Emit *e, Stub s)
{
    const TemplateShared *shared = e->jit->tpl;

    return e->stubs + shared->stubs[s];
}
/* Writable address of an arena offset. */
static inline uint8_t *emit_rw(const Emit *e, uint32_t off)
{
    return e->arena + off;
}

#endif
