/* Register sets of AArch64 as arch/arm64/kernel/ptrace.c has them. */
#include <elf.h>
#include <fenv.h>
#include <string.h>

#include "frontend/aarch64/helpers.h"
#include "runtime/abi/aarch64.h"
#include "runtime/host/host.h"
#include "runtime/trace/trace.h"

#ifndef NT_ARM_PAC_ENABLED_KEYS
#define NT_ARM_PAC_ENABLED_KEYS 0x40a
#endif

/* struct user_pt_regs */
typedef struct GeneralRegs {
    uint64_t x[31], sp, pc, pstate;
} GeneralRegs;

/* struct user_fpsimd_state */
typedef struct FpRegs {
    V128 v[32];
    uint32_t fpsr, fpcr, pad[2];
} FpRegs;
_Static_assert(sizeof(FpRegs) == 528, "uapi asm/ptrace.h");

/* struct user_hwdebug_state */
typedef struct DebugRegs {
    uint32_t info, pad;
    struct {
        uint64_t addr;
        uint32_t ctrl, pad;
    } slot[16];
} DebugRegs;
_Static_assert(sizeof(DebugRegs) == 264, "uapi asm/ptrace.h");

/* DBGBCR, DBGWCR: bit 0 enabled, 4..3 load 1 or store 2 (0: execution), 12..5 which bytes of the
 * aligned eight. */
enum { CTRL_ENABLED = 1, CTRL_TYPE_SHIFT = 3, CTRL_BYTES_SHIFT = 5, CTRL_KEPT = 0x1ff9 };

enum {
    DEBUG_ARCH_8 = 6 << 8,
    PAC_MASK_LSB = 48,
    PAC_MASK_MSB = 54,
};

static const A64State *state_of(const Cpu *cpu)
{
    return (const A64State *)(const void *)cpu->file;
}

static long give(void *buf, const void *from, size_t n)
{
    memcpy(buf, from, n);
    return (long)n;
}

long a64_get_regset(const Cpu *cpu, uint32_t host_flags, const TraceState *state, unsigned type,
                    void *buf, unsigned *unit)
{
    const A64State *s = state_of(cpu);
    *unit = 8;
    switch (type) {
    case NT_PRSTATUS: {
        GeneralRegs r = {.sp = s->sp, .pc = cpu->pc & A64_PC_MASK, .pstate = a64_pstate(cpu)};
        memcpy(r.x, s->x, sizeof r.x);
        return give(buf, &r, sizeof r);
    }
    case NT_FPREGSET: {
        FpRegs r = {.fpsr = a64_fpsr_of(cpu, host_flags), .fpcr = s->fpcr};
        memcpy(r.v, s->v, sizeof r.v);
        *unit = 4;
        return give(buf, &r, sizeof r);
    }
    case NT_ARM_TLS: return give(buf, (const uint64_t[2]){s->tpidr, 0}, 16);
    case NT_ARM_HW_BREAK:
    case NT_ARM_HW_WATCH: {
        DebugRegs r = {.info = DEBUG_ARCH_8 | TRACE_SLOTS};
        unsigned kind = type == NT_ARM_HW_WATCH;
        for (unsigned i = 0; i < TRACE_SLOTS; i++) {
            r.slot[i].addr = state->debug.addr[kind][i];
            r.slot[i].ctrl = state->debug.ctrl[kind][i];
        }
        *unit = 4;
        return give(buf, &r, sizeof r);
    }
    case NT_ARM_SYSTEM_CALL: *unit = 4; return give(buf, &state->nr, sizeof state->nr);
    case NT_ARM_PAC_MASK: {
        uint64_t mask =
            ((UINT64_C(1) << (PAC_MASK_MSB + 1)) - 1) & ~((UINT64_C(1) << PAC_MASK_LSB) - 1);
        return give(buf, (const uint64_t[2]){mask, mask}, 16);
    }
    case NT_ARM_PAC_ENABLED_KEYS: return give(buf, (const uint64_t[1]){s->pac_enabled}, 8);
    default: return -EINVAL;
    }
}

static unsigned bytes_of(uint32_t ctrl)
{
    return ctrl >> CTRL_BYTES_SHIFT & 0xff;
}

static long set_debug(TraceDebug *d, unsigned kind, const uint8_t *from, size_t n)
{
    DebugRegs r;
    memcpy(&r, from, sizeof r);
    for (unsigned i = 0; i < 16 && n >= offsetof(DebugRegs, slot) + (i + 1) * sizeof r.slot[0];
         i++) {
        uint32_t ctrl = r.slot[i].ctrl;
        bool enabled = ctrl & CTRL_ENABLED;
        if (i >= TRACE_SLOTS) {
            if (enabled) {
                return -ENOSPC;
            }
            continue;
        }
        if (enabled && (!bytes_of(ctrl) || (!kind && (ctrl >> CTRL_TYPE_SHIFT & 3)))) {
            return -EINVAL;
        }
        d->addr[kind][i] = r.slot[i].addr;
        d->ctrl[kind][i] = ctrl & CTRL_KEPT;
    }
    d->changed = 1;
    return 0;
}

void a64_watches(const TraceDebug *d, CpuWatch *watch)
{
    watch->n = 0;
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned i = 0; i < TRACE_SLOTS; i++) {
            uint32_t ctrl = d->ctrl[kind][i], bytes = bytes_of(ctrl);
            if (!(ctrl & CTRL_ENABLED) || !bytes) {
                continue;
            }
            GuestAddr at = d->addr[kind][i] & ~(GuestAddr)(kind ? 7 : 3);
            watch->range[watch->n].start = kind ? at + (unsigned)__builtin_ctz(bytes) : at;
            watch->range[watch->n].end = kind ? at + 32 - (unsigned)__builtin_clz(bytes) : at + 4;
            watch->range[watch->n].use =
                kind ? (ctrl >> CTRL_TYPE_SHIFT & 1 ? CPU_WATCH_READ : 0u) |
                           (ctrl >> CTRL_TYPE_SHIFT & 2 ? CPU_WATCH_WRITE : 0u)
                     : CPU_WATCH_EXEC;
            watch->n++;
        }
    }
}

long a64_set_regset(Cpu *cpu, TraceState *state, unsigned type, void *buf, size_t n,
                    bool *fp_control)
{
    A64State *s = a64_state(cpu);
    uint8_t now[1024];
    unsigned unit;
    long size = a64_get_regset(cpu, 0, state, type, now, &unit);
    if (size < 0) {
        return size;
    }
    memcpy(now, buf, n < (size_t)size ? n : (size_t)size); /* what isn't written stays */
    switch (type) {
    case NT_PRSTATUS: {
        GeneralRegs r;
        memcpy(&r, now, sizeof r);
        memcpy(s->x, r.x, sizeof s->x);
        s->sp = r.sp;
        cpu->pc = r.pc & A64_PC_MASK;
        a64_set_pstate(cpu, r.pstate);
        return 0;
    }
    case NT_FPREGSET: {
        FpRegs r;
        memcpy(&r, now, sizeof r);
        memcpy(s->v, r.v, sizeof s->v);
        if (n > offsetof(FpRegs, fpsr)) {
            /* The copy's control registers change, this thread's own stay. */
            fenv_t own;
            fegetenv(&own);
            a64_set_fpcr(cpu, r.fpcr);
            a64_set_fpsr(cpu, r.fpsr);
            fesetenv(&own);
            *fp_control = true;
        }
        return 0;
    }
    case NT_ARM_TLS: memcpy(&s->tpidr, now, sizeof s->tpidr); return 0;
    case NT_ARM_HW_BREAK:
    case NT_ARM_HW_WATCH: return set_debug(&state->debug, type == NT_ARM_HW_WATCH, now, n);
    case NT_ARM_SYSTEM_CALL: memcpy(&state->nr, now, sizeof state->nr); return 0;
    case NT_ARM_PAC_ENABLED_KEYS: {
        uint64_t keys;
        memcpy(&keys, now, sizeof keys);
        if (keys & ~UINT64_C(15)) {
            return -EINVAL;
        }
        a64_set_pac_keys(cpu, (uint32_t)keys);
        return 0;
    }
    default: return -EINVAL;
    }
}
