/* abi.h - what the runtime must know of a guest's system call and signal conventions; one
 * description per guest. */
#ifndef XEMU_RUNTIME_ABI_ABI_H
#define XEMU_RUNTIME_ABI_ABI_H

#include <signal.h>

#include "frontend/cpu.h"

struct Thread;
struct SigAction;

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

    /* System call number and arguments; the result register. */
    uint64_t (*syscall_args)(const Cpu *cpu, uint64_t args[6]);
    void (*set_result)(Cpu *cpu, uint64_t value);
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
} Abi;

extern const Abi abi_aarch64;

#endif
