/* abi.h - what the runtime must know of a guest's system call and signal conventions; one
 * description per guest. */
#ifndef XEMU_RUNTIME_ABI_ABI_H
#define XEMU_RUNTIME_ABI_ABI_H

#include <signal.h>

#include "frontend/cpu.h"

struct Thread;
struct SigAction;
struct TraceState;
struct TraceDebug;

/* What a signal frame is made from. */
typedef struct AbiSignal {
    int number;
    const siginfo_t *info;
    GuestAddr handler, restorer;
    uint64_t flags;      /* SA_* */
    uint64_t saved_mask; /* goes into the frame */
    GuestAddr stack;     /* top of the stack to use; the frame is pushed below it */
    bool is_fault;       /* `fault_*` describe a synchronous memory fault */
    uint64_t fault_address;
    uint64_t syndrome; /* ESR_EL1, 0: none */
} AbiSignal;

typedef struct Abi {
    uint32_t audit_arch;   /* AUDIT_ARCH_* of seccomp */
    uint32_t min_sigstack; /* smallest size that sigaltstack takes */
    const char *machine;   /* uname -m */
    uint8_t syscall_len;   /* bytes of the system call instruction */
    uint16_t nr_execve;    /* number of execve */

    /* System call number and arguments; the result register. */
    uint64_t (*syscall_args)(const Cpu *cpu, uint64_t args[6]);
    void (*set_result)(Cpu *cpu, uint64_t value);
    uint64_t (*result)(const Cpu *cpu);
    /* Registers as before a call whose first argument was `arg0` (the pc is set already);
     * as_restart: so that it is restart_syscall instead. */
    void (*restart_call)(Cpu *cpu, uint64_t arg0, bool as_restart);
    /* Registers of a new program, and of the new thread of a clone (sp 0: the parent's). */
    void (*start_program)(Cpu *cpu, GuestAddr entry, GuestAddr sp);
    void (*start_thread)(Cpu *cpu, const Cpu *parent, GuestAddr sp, bool set_tls, uint64_t tls);
    uint64_t (*stack_pointer)(const Cpu *cpu);
    /* The paragraph of one processor in /proc/cpuinfo, appended to buf[size]; its length. */
    int (*cpuinfo)(char *buf, size_t size, unsigned processor);
    /* prctl(PR_PAC_*), with the arguments of prctl. */
    long (*pointer_auth)(Cpu *cpu, const uint64_t a[6]);

    /* Pushes a signal frame and points the registers at the handler: 0 or -EFAULT. */
    int (*push_frame)(struct Thread *t, const AbiSignal *signal);
    /* Takes back what the frame at the stack pointer holds; the mask in it. 0 or -EFAULT (then
     * SIGSEGV is due). */
    int (*pop_frame)(struct Thread *t, uint64_t *mask);
    /* ESR-like word for a fault: `error` is the x86 page fault code. */
    uint64_t (*fault_syndrome)(uint64_t error, bool mapped);
    /* The address that the load or store `insn` at the pc accesses, without a tag. Asked for those
     * that check their alignment. */
    GuestAddr (*access_address)(const Cpu *cpu, const void *insn);

    /* What the debug registers ask for. */
    void (*watches)(const struct TraceDebug *debug, CpuWatch *watch);
    /* The register sets of ptrace and of core files, by their NT_* type. buf has room for 1024
     * bytes. get: the size of the set or -EINVAL; *unit the size of its parts; host_flags: FPX_*
     * that stand in the host's control register. set: the first n bytes; *fp_control if the
     * rounding mode or the flags changed. 0 or -errno. */
    long (*get_regset)(const Cpu *cpu, uint32_t host_flags, const struct TraceState *state,
                       unsigned type, void *buf, unsigned *unit);
    long (*set_regset)(Cpu *cpu, struct TraceState *state, unsigned type, void *buf, size_t n,
                       bool *fp_control);
} Abi;

extern const Abi abi_aarch64;

#endif
