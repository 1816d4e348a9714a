/* System call and signal conventions of Linux on AArch64: number in x8, arguments in x0 to x5,
 * result in x0; the signal frame of arch/arm64/kernel/signal.c with uapi asm/sigcontext.h:
 *
 *     old sp ->  (16-byte aligned)
 *                frame record: fp, lr                         16 bytes; x29 points here in the
 * handler
 *                ... end of the used part of __reserved: { magic 0, size 0 }
 *     0x130+     __reserved[4096] of sigcontext: fpsimd record (magic, size 528, fpsr, fpcr,
 * v0..v31), esr record (faults) sigcontext: fault_address, regs[31], sp, pc, pstate; __reserved
 * aligned to 16 ucontext: flags, link, stack, sigmask (8 bytes, padded to 128) sp ->      siginfo,
 * 128 bytes
 */
#include <linux/audit.h>
#include <linux/prctl.h>
#include <string.h>

#include "frontend/aarch64/helpers.h"
#include "runtime/abi/aarch64.h"
#include "runtime/abi/abi.h"
#include "runtime/load/vdso.h"
#include "runtime/process.h"
#include "runtime/sig/signal.h"

enum {
    FPSIMD_MAGIC = 0x46508001,
    ESR_MAGIC = 0x45535201,
    RESERVED_BYTES = 4096,
};

typedef struct RecordHead {
    uint32_t magic, size;
} RecordHead;

typedef struct FpsimdRecord {
    RecordHead head;
    uint32_t fpsr, fpcr;
    V128 v[32];
} FpsimdRecord;
_Static_assert(sizeof(FpsimdRecord) == 528, "uapi asm/sigcontext.h: struct fpsimd_context");

typedef struct EsrRecord {
    RecordHead head;
    uint64_t esr;
} EsrRecord;

typedef struct SigContext {
    uint64_t fault_address;
    uint64_t regs[31];
    uint64_t sp, pc, pstate;
    _Alignas(16) uint8_t reserved[RESERVED_BYTES];
} SigContext;

typedef struct UContext {
    uint64_t flags, link;
    uint64_t stack_sp;
    uint32_t stack_flags, pad;
    uint64_t stack_size;
    uint64_t mask;
    uint8_t mask_room[120]; /* for 1024 signals */
    SigContext mc;
} UContext;
_Static_assert(offsetof(UContext, mc) == 176, "uapi asm/ucontext.h");

typedef struct Frame {
    uint8_t info[128];
    UContext uc;
} Frame;
_Static_assert(sizeof(Frame) == 4688, "struct rt_sigframe");

/* The part of a frame that is written: up to the end of the records. */
enum {
    FRAME_USED = offsetof(Frame, uc.mc.reserved) + sizeof(FpsimdRecord) + sizeof(EsrRecord) +
                 sizeof(RecordHead)
};

static const A64State *state_of(const Cpu *cpu)
{
    return (const A64State *)(const void *)cpu->file;
}

static uint64_t syscall_args(const Cpu *cpu, uint64_t args[6])
{
    const A64State *s = state_of(cpu);
    memcpy(args, s->x, 6 * sizeof args[0]);
    return s->x[8];
}

static void set_result(Cpu *cpu, uint64_t value)
{
    a64_state(cpu)->x[0] = value;
}

static uint64_t result(const Cpu *cpu)
{
    return state_of(cpu)->x[0];
}

static void restart_call(Cpu *cpu, uint64_t arg0, bool as_restart)
{
    enum { NR_RESTART_SYSCALL = 128 };
    a64_state(cpu)->x[0] = arg0;
    if (as_restart) {
        a64_state(cpu)->x[8] = NR_RESTART_SYSCALL;
    }
}

static uint64_t stack_pointer(const Cpu *cpu)
{
    return state_of(cpu)->sp;
}

static void random_keys(Cpu *cpu, unsigned first, unsigned last)
{
    A64State *s = a64_state(cpu);
    host_raw3(SYS_getrandom, s->pac_keys[first], (last - first + 1) * sizeof s->pac_keys[0], 0);
    for (unsigned i = first; i <= last; i++) {
        uint64_t *hi = &s->pac_keys[i][1];
        while (!a64_pac_key_is_good(*hi)) {
            *hi = *hi * UINT64_C(6364136223846793005) + (s->pac_keys[i][0] | 1);
        }
    }
}

static void start_program(Cpu *cpu, GuestAddr entry, GuestAddr sp)
{
    random_keys(cpu, 0, 4);
    a64_state(cpu)->sp = sp;
    cpu->pc = entry;
}

static void start_thread(Cpu *cpu, const Cpu *parent, GuestAddr sp, bool set_tls, uint64_t tls)
{
    A64State *s = a64_state(cpu);
    memcpy(cpu->file, parent->file, sizeof cpu->file);
    cpu->pc = parent->pc;
    cpu->mode = parent->mode;
    cpu->fp_round = parent->fp_round;
    cpu->fp_flags = parent->fp_flags;
    s->x[0] = 0;
    if (sp) {
        s->sp = sp;
    }
    if (set_tls) {
        s->tpidr = tls;
    }
}

/* arch/arm64/kernel/cpuinfo.c; the numbers are fields of MIDR_EL1. */
static int cpuinfo(char *buf, size_t size, unsigned processor)
{
    uint32_t midr = (uint32_t)a64_id_register(0, 0);
    return snprintf(buf, size,
                    "processor\t: %u\nBogoMIPS\t: %u.00\nFeatures\t: %s\nCPU implementer\t: "
                    "0x%02x\nCPU architecture: 8\n"
                    "CPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
                    processor, 2 * (A64_COUNTER_HZ / 1000000), frontend_aarch64.features,
                    midr >> 24, midr >> 20 & 15, midr >> 4 & 0xfff, midr & 15);
}

/* arch/arm64/kernel/pointer_auth.c. Keys in the order of PR_PAC_APIAKEY, APIBKEY, APDAKEY, APDBKEY,
 * APGAKEY. */
static long pointer_auth(Cpu *cpu, const uint64_t a[6])
{
    enum { ENABLED_KEYS = 15, ALL_KEYS = 31 };
    switch ((int)a[0]) {
    case PR_PAC_RESET_KEYS:
        if (a[2] || a[3] || a[4] || (a[1] & ~(uint64_t)ALL_KEYS)) {
            return -EINVAL;
        }
        for (unsigned i = 0; i < 5; i++) {
            if (!a[1] || (a[1] >> i & 1)) {
                random_keys(cpu, i, i);
            }
        }
        return 0;
    case PR_PAC_SET_ENABLED_KEYS:
        if (a[3] || a[4] || (a[1] & ~(uint64_t)ENABLED_KEYS) || (a[2] & ~a[1])) {
            return -EINVAL;
        }
        a64_set_pac_keys(cpu, (a64_state(cpu)->pac_enabled & ~(uint32_t)a[1]) | (uint32_t)a[2]);
        return 0;
    default: return a[1] || a[2] || a[3] || a[4] ? -EINVAL : (long)a64_state(cpu)->pac_enabled;
    }
}

uint64_t a64_pstate(const Cpu *cpu)
{
    const A64State *s = state_of(cpu);
    return (uint64_t)s->nzcv[0] << 31 | (uint64_t)s->nzcv[1] << 30 | (uint64_t)s->nzcv[2] << 29 |
           (uint64_t)s->nzcv[3] << 28 | (uint64_t)(s->dit & 1) << 24 |
           (uint64_t)(s->ssbs & 1) << 12 | (uint64_t)a64_btype(cpu) << 10;
}

/* cpu->pc is set already. */
void a64_set_pstate(Cpu *cpu, uint64_t pstate)
{
    A64State *s = a64_state(cpu);
    for (int i = 0; i < 4; i++) {
        s->nzcv[i] = pstate >> (31 - i) & 1;
    }
    s->dit = pstate >> 24 & 1;
    s->ssbs = pstate >> 12 & 1;
    a64_set_btype(cpu, pstate >> 10 & 3);
}

static void write_records(uint8_t *at, Cpu *cpu, const AbiSignal *signal)
{
    A64State *s = a64_state(cpu);
    FpsimdRecord fp = {
        .head = {FPSIMD_MAGIC, sizeof fp},
        .fpsr = a64_fpsr(cpu),
        .fpcr = a64_fpcr(cpu),
    };
    memcpy(fp.v, s->v, sizeof fp.v);
    memcpy(at, &fp, sizeof fp);
    at += sizeof fp;
    if (signal->is_fault && signal->syndrome) {
        EsrRecord esr = {{ESR_MAGIC, sizeof esr}, signal->syndrome};
        memcpy(at, &esr, sizeof esr);
        at += sizeof esr;
    }
    memset(at, 0, sizeof(RecordHead));
}

static int push_frame(Thread *t, const AbiSignal *signal)
{
    Cpu *cpu = &t->cpu;
    A64State *s = a64_state(cpu);
    GuestAddr record = (signal->stack & ~(GuestAddr)15) - 16;
    GuestAddr sp = record - sizeof(Frame);
    union {
        Frame frame;
        uint8_t bytes[sizeof(Frame)];
    } u;
    memset(u.bytes, 0, offsetof(Frame, uc.mc.reserved));
    memcpy(u.frame.info, signal->info, sizeof u.frame.info);
    UContext *uc = &u.frame.uc;
    uc->stack_sp = t->alt_sp;
    uc->stack_flags = t->alt_flags;
    uc->stack_size = t->alt_size;
    uc->mask = signal->saved_mask;
    uc->mc.fault_address = signal->is_fault ? signal->fault_address : 0;
    memcpy(uc->mc.regs, s->x, sizeof uc->mc.regs);
    uc->mc.sp = s->sp;
    uc->mc.pc = cpu->pc & A64_PC_MASK;
    uc->mc.pstate = a64_pstate(cpu);
    write_records(uc->mc.reserved, cpu, signal);

    uint64_t link[2] = {s->x[29], s->x[30]};
    if (guest_write(sp, u.bytes, FRAME_USED) || guest_write(record, link, sizeof link)) {
        return -EFAULT;
    }
    s->x[0] = (uint64_t)signal->number;
    if (signal->flags & SA_SIGINFO) {
        s->x[1] = sp;
        s->x[2] = sp + offsetof(Frame, uc);
    }
    s->sp = sp;
    s->x[29] = record;
    s->x[30] = signal->restorer ? signal->restorer : vdso_sigreturn(t->process->mem);
    /* setup_return(): the handler is entered as by an indirect call. */
    cpu->pc = signal->handler;
    a64_set_btype(cpu, 2);
    return 0;
}

/* Walks the records as parse_user_sigframe() does; the FP/SIMD record must be there. */
static int read_records(const uint8_t *reserved, const FpsimdRecord **fp)
{
    size_t at = 0;
    *fp = NULL;
    for (;;) {
        RecordHead head;
        memcpy(&head, reserved + at, sizeof head);
        if (head.magic == 0) {
            return head.size == 0 && *fp ? 0 : -EFAULT;
        }
        if (head.size < sizeof head || (head.size & 15) ||
            head.size > RESERVED_BYTES - sizeof head - at) {
            return -EFAULT;
        }
        if (head.magic == FPSIMD_MAGIC) {
            if (*fp || head.size != sizeof **fp) {
                return -EFAULT;
            }
            *fp = (const FpsimdRecord *)(const void *)(reserved + at);
        } else if (head.magic != ESR_MAGIC) {
            return -EFAULT;
        }
        at += head.size;
    }
}

static int pop_frame(Thread *t, uint64_t *mask)
{
    Cpu *cpu = &t->cpu;
    A64State *s = a64_state(cpu);
    GuestAddr sp = s->sp;
    Frame frame;
    const FpsimdRecord *fp;
    if ((sp & 15) || guest_read(&frame, sp, sizeof frame) ||
        read_records(frame.uc.mc.reserved, &fp)) {
        return -EFAULT;
    }
    memcpy(s->x, frame.uc.mc.regs, sizeof s->x);
    s->sp = frame.uc.mc.sp;
    cpu->pc = frame.uc.mc.pc;
    a64_set_pstate(cpu, frame.uc.mc.pstate);
    memcpy(s->v, fp->v, sizeof s->v);
    a64_set_fpcr(cpu, fp->fpcr);
    a64_set_fpsr(cpu, fp->fpsr);
    *mask = frame.uc.mask;
    /* restore_altstack(): errors are ignored, such as a change while on it. */
    stack_t alt = {.ss_sp = guest_ptr(frame.uc.stack_sp),
                   .ss_flags = (int)frame.uc.stack_flags,
                   .ss_size = frame.uc.stack_size};
    signal_set_altstack(t, &alt);
    return 0;
}

/* ESR_EL1 of a data or instruction abort from EL0 (Arm ARM D19.2.37): EC in bits 31..26, IL, ISS:
 * WnR bit 6, DFSC bits 5..0. */
static uint64_t fault_syndrome(uint64_t error, bool mapped)
{
    enum {
        EC_INSN_ABORT = 0x20,
        EC_DATA_ABORT = 0x24,
        IL = 1 << 25,
        TRANSLATION_L3 = 7,
        PERMISSION_L3 = 15
    };
    bool fetch = error & 16, write = error & 2;
    return (uint64_t)(fetch ? EC_INSN_ABORT : EC_DATA_ABORT) << 26 | IL |
           (write && !fetch ? 1u << 6 : 0) | (mapped ? PERMISSION_L3 : TRANSLATION_L3);
}

/* Exclusive, ordered and atomic accesses: [Xn], and [Xn, #simm9] of LDAPUR and STLUR (C4.1). */
static GuestAddr access_address(const Cpu *cpu, const void *insn)
{
    const A64State *s = (const A64State *)(const void *)cpu->file;
    uint32_t w;
    memcpy(&w, insn, sizeof w);
    unsigned rn = w >> 5 & 31;
    uint64_t address = rn == 31 ? s->sp : s->x[rn];
    if ((w & 0x3f200c00) == 0x19000000) {
        address += (uint64_t)((int64_t)(int32_t)(w << 11) >> 23);
    }
    return (GuestAddr)((int64_t)(address << 8) >> 8);
}

const Abi abi_aarch64 = {
    .audit_arch = AUDIT_ARCH_AARCH64,
    .min_sigstack = 5120,
    .machine = "aarch64",
    .syscall_len = 4,
    .nr_execve = 221,
    .syscall_args = syscall_args,
    .set_result = set_result,
    .result = result,
    .restart_call = restart_call,
    .start_program = start_program,
    .start_thread = start_thread,
    .stack_pointer = stack_pointer,
    .pointer_auth = pointer_auth,
    .cpuinfo = cpuinfo,
    .push_frame = push_frame,
    .pop_frame = pop_frame,
    .fault_syndrome = fault_syndrome,
    .access_address = access_address,
    .watches = a64_watches,
    .get_regset = a64_get_regset,
    .set_regset = a64_set_regset,
};
