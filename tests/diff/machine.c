/* machine.c - cases run in this process. */
#include "machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "a64_decode.h"
#include "frontend/aarch64/helpers.h"
#include "frontend/aarch64/state.h"
#include "jit/jit.h"

const char *const diff_tier_names[DIFF_MACHINES] = {"interpreter, stepping", "interpreter",
                                                    "tier 1", "tier 1, quick", "tier 2"};

static struct {
    Jit *jit;
    Cpu *cpu;
} machines[DIFF_MACHINES];
static uint64_t fresh_data[DIFF_DATA_SIZE / 8];

static uint8_t *code_writable; /* the code area once more: the guest's own view is read-only */

static uint32_t mode_after_reset, llvm_mode = CPU_MODE_PRECISE;
static Cpu *running;
static const DiffCase *running_case;
static DiffTier running_tier;
static volatile int fault_signal;
static volatile bool fault_has_address;
static uint64_t fault_address;

uint64_t machine_fallbacks(void)
{
    JitStats stats = {0};
    if (machines[DIFF_TEMPLATE].jit) {
        jit_stats(machines[DIFF_TEMPLATE].jit, &stats);
    }
    return stats.emit_fallbacks;
}

void machine_precise(bool on)
{
    mode_after_reset = llvm_mode = on ? CPU_MODE_PRECISE : 0;
}

uint64_t machine_fault_address(void)
{
    return fault_address;
}

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    (void)ctx;
    uint64_t at = pc - DIFF_CODE;
    if (at >= DIFF_SLOTS * DIFF_SLOT) {
        return NULL;
    }
    *avail = DIFF_SLOTS * DIFF_SLOT - at;
    return (const uint8_t *)(uintptr_t)pc;
}

static void show_case(const char *what, int sig, void *address)
{
    fprintf(stderr, "%s %d in %s, address %p\n", what, sig, diff_tier_names[running_tier], address);
    for (uint32_t i = 0; running_case && i < running_case->ninsns; i++) {
        char text[128];
        a64_disassemble(running_case->insns[i], running_case->in.pc + 4 * i, text, sizeof(text));
        fprintf(stderr, "    %08x  %s\n", running_case->insns[i], text);
    }
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    GuestAddr pc;
    if (running && sig == SIGFPE && jit_handle_fp(running, context)) {
        return;
    }
    if (running && jit_handle_fault(running, context, &pc)) {
        /* A non-canonical address with rsp or rbp as its base is a stack fault to the host, and the
         * kernel's signal is another one. */
        fault_has_address = info->si_code != SI_KERNEL;
        fault_signal = sig == SIGBUS && info->si_code == SI_KERNEL ? SIGSEGV : sig;
        fault_address = (uint64_t)(uintptr_t)info->si_addr;
        return;
    }
    show_case("signal", sig, info->si_addr);
    signal(sig, SIG_DFL);
}

/* Of the alarm (it hangs) and of abort(). */
static void on_end(int sig)
{
    show_case("signal", sig, NULL);
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void *map(uint64_t at, size_t size, int prot, int fd)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *p =
        mmap((void *)(uintptr_t)at, size, prot, flags | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

static void map_areas(void)
{
    size_t size = DIFF_SLOTS * DIFF_SLOT;
    int fd = memfd_create("code", 0);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        perror("memfd_create");
        exit(1);
    }
    map(DIFF_CODE, size, PROT_READ, fd);
    code_writable = map(0, size, PROT_READ | PROT_WRITE, fd);
    close(fd);
    map(DIFF_DATA, DIFF_DATA_SIZE, PROT_READ | PROT_WRITE, -1);
    diff_fill(fresh_data);
}

static bool make(DiffTier tier, uint64_t off)
{
    static const uint32_t tiers[DIFF_MACHINES] = {
        JIT_TIER_INTERP, JIT_TIER_INTERP, JIT_TIER_TEMPLATE, JIT_TIER_TEMPLATE, JIT_TIER_LLVM};
    JitOptions options = {.tiers = tiers[tier],
                          .quick = tier == DIFF_QUICK ? JIT_QUICK_ONLY : 0,
                          .host_features_off = off};
    JitHost host = {.fetch = fetch};
    Cpu *cpu = aligned_alloc(64, sizeof(Cpu));
    if (!cpu || jit_create(&machines[tier].jit, &frontend_aarch64, &options, &host) != 0) {
        return false;
    }
    memset(cpu, 0, sizeof(*cpu));
    machines[tier].cpu = cpu;
    return jit_thread_start(machines[tier].jit, cpu) == 0;
}

bool machine_open(uint64_t host_features_off)
{
    map_areas();
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    signal(SIGALRM, on_end);
    signal(SIGABRT, on_end);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &sa, NULL);
    }
    if (!make(DIFF_STEP, 0) || !make(DIFF_INTERP, 0)) {
        exit(1);
    }
    return make(DIFF_TEMPLATE, host_features_off) && make(DIFF_QUICK, host_features_off);
}

bool machine_open_llvm(void)
{
#ifdef XEMU_LLVM
    return make(DIFF_LLVM, 0);
#else
    return false;
#endif
}

static void place(const DiffCase *c)
{
    uint32_t *at = (uint32_t *)(void *)(code_writable + (c->in.pc - DIFF_CODE));
    memset(at, 0, DIFF_SLOT);
    memcpy(at, c->insns, c->ninsns * 4);
    at[c->ninsns] = DIFF_BRK;
}

static void forget(uint64_t at, uint64_t len)
{
    for (unsigned t = 0; t < DIFF_MACHINES; t++) {
        if (machines[t].cpu) {
            jit_invalidate(machines[t].jit, at, len);
        }
    }
}

void machine_load(const DiffCase *cases, unsigned n)
{
    memset(code_writable, 0, DIFF_SLOTS * DIFF_SLOT);
    for (unsigned i = 0; i < n; i++) {
        place(&cases[i]);
    }
    forget(DIFF_CODE, DIFF_SLOTS * DIFF_SLOT);
}

void machine_load_one(const DiffCase *c)
{
    place(c);
    forget(c->in.pc, DIFF_SLOT);
}

static uint32_t trap_signal(UopTrap trap)
{
    switch (trap) {
    case UOP_TRAP_BREAKPOINT: return SIGTRAP;
    case UOP_TRAP_ALIGNMENT: return SIGBUS;
    case UOP_TRAP_FETCH: return SIGSEGV;
    default: return SIGILL;
    }
}

/* The state after reset with the case's registers: what isn't in DiffState starts anew. */
static void enter(Cpu *cpu, const DiffCase *c)
{
    A64State *s = a64_state(cpu);
    cpu->mode = mode_after_reset;
    cpu->interrupt = 0;
    cpu->ll_addr = ~(GuestAddr)0;
    memset(cpu->file, 0, sizeof(cpu->file));
    frontend_aarch64.reset(cpu);
    memcpy(s->x, c->in.x, sizeof(c->in.x));
    s->sp = c->in.sp;
    memcpy(s->v, c->in.v, sizeof(c->in.v));
    for (unsigned i = 0; i < 4; i++) {
        s->nzcv[i] = c->in.nzcv >> (31 - i) & 1;
    }
    cpu->pc = c->in.pc;
    memcpy((void *)(uintptr_t)DIFF_DATA, fresh_data, DIFF_DATA_SIZE);
    a64_helper_write_fpcr(cpu, c->in.fpcr, 0, 0);
    a64_helper_write_fpsr(cpu, c->in.fpsr, 0, 0);
}

static void leave(Cpu *cpu, CpuExit why, DiffResult *r)
{
    const A64State *s = a64_state(cpu);
    memset(r, 0, sizeof(*r));
    r->out.fpsr = (uint32_t)a64_helper_read_fpsr(cpu, 0, 0, 0);
    r->out.fpcr = s->fpcr;
    memcpy(r->out.x, s->x, sizeof(r->out.x));
    r->out.sp = s->sp;
    memcpy(r->out.v, s->v, sizeof(r->out.v));
    for (unsigned i = 0; i < 4; i++) {
        r->out.nzcv |= (uint32_t)s->nzcv[i] << (31 - i);
    }
    r->out.pc = cpu->pc;
    r->memory = diff_hash((const uint64_t *)(uintptr_t)DIFF_DATA);
    r->signal = why == CPU_EXIT_TRAP      ? trap_signal((UopTrap)cpu->exit_trap)
                : why == CPU_EXIT_FAULT   ? (uint32_t)fault_signal
                : why == CPU_EXIT_SYSCALL ? SIGSYS
                                          : 0;
}

#define MAX_STEPS    256
#define HANG_SECONDS 20 /* of a run that takes microseconds */

void machine_run(DiffTier tier, const DiffCase *c, DiffResult *r)
{
    Cpu *cpu = machines[tier].cpu;
    unsigned csr = _mm_getcsr();
    running = cpu;
    running_case = c;
    running_tier = tier;
    enter(cpu, c);
    cpu->mode |= tier == DIFF_LLVM ? llvm_mode : 0;
    CpuExit why = CPU_EXIT_INTERRUPT;
    alarm(HANG_SECONDS);
    for (unsigned i = 0; why == CPU_EXIT_INTERRUPT && (tier != DIFF_STEP || i < MAX_STEPS); i++) {
        why = tier == DIFF_STEP ? jit_step(cpu) : jit_run(cpu);
        if (why == CPU_EXIT_FAULT && !fault_has_address && !(cpu->mode & CPU_MODE_TAGGED)) {
            cpu->mode |= CPU_MODE_TAGGED; /* as the runtime does: once more, without the tag */
            why = CPU_EXIT_INTERRUPT;
        }
    }
    alarm(0);
    leave(cpu, why, r);
    running = NULL;
    _mm_setcsr(csr);
}
