#include "tests/uop/tiers.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#include "frontend/uop/fpenv.h"
#include "jit/interp/interp.h"
#include "jit/jit.h"
#include "tests/uop/rebuild.h"
#include "tests/uop/text.h"

/* What the translator of the guest makes; blocks at different pcs are different. */
typedef struct Recipe {
    uint64_t seed;
    unsigned ninsns, what;
} Recipe;

struct Tiers {
    Jit *jit;
    Cpu *cpu, *start, *interp;
    UopBlock block;
    GuestAddr next_pc;
    Recipe recipe;
    bool no_room; /* tier 1 has refused the block */
    unsigned run, refused;
    uint8_t start_memory[RANDOM_MEMORY_SIZE], interp_memory[RANDOM_MEMORY_SIZE];
};

/* The memory that the blocks know the address of; its contents are set before each run. */
static _Alignas(64) uint8_t memory[RANDOM_MEMORY_SIZE];

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    static const uint8_t nothing[64];
    (void)ctx;
    (void)pc;
    *avail = sizeof nothing;
    return nothing;
}

static void make(UopBlock *out, const Recipe *recipe, GuestAddr pc, uint32_t mode)
{
    RandomSeed state = {recipe->seed};
    Random r = {random_next, &state};
    uop_block_reset(out, pc, mode);
    random_block(out, &r, recipe->ninsns, recipe->what, (uintptr_t)memory);
    out->mode = mode;
}

/* What a translator would: built by the folding functions; some as they are, for operations that
 * these never leave. */
static void translate(const TranslateRequest *req, UopBlock *out)
{
    Tiers *t = req->fetch_ctx;
    make(&t->block, &t->recipe, req->pc, req->mode);
    if (t->recipe.seed % 4) {
        rebuild(out, &t->block);
    } else {
        make(out, &t->recipe, req->pc, req->mode);
    }
    if (req->max_insns < t->recipe.ninsns) { /* it has no registers for so many values at once; a
                                                random block can't be cut */
        t->no_room = true;
        uop_block_reset(out, req->pc, req->mode);
        uop_insn(out, req->pc, 4);
        uop_exit(out, UOP_EXIT_SYSCALL, req->pc);
    }
}

static void reset(Cpu *cpu)
{
    (void)cpu;
}

static void dump(FILE *f, const Cpu *cpu)
{
    for (unsigned i = 0; i < 32; i++) {
        uint64_t r;
        memcpy(&r, (const uint8_t *)cpu + TEST_R + 8 * i, 8);
        fprintf(f, "r%u %016" PRIx64 "\n", i, r);
    }
}

#define R(n) (TEST_R + 8 * (n))
#define Q(n) (TEST_Q + 16 * (n))

static const Frontend guest = {
    .name = "test",
    .insn_shift = 2,
    .fp_policy = FP_POLICY_ARM,
    .file_size = TEST_QC + 16 - TEST_R,
    .flags_offset = TEST_NZCV,
    .sp_offset = R(0),
    .tp_offset = R(31),
    .pc_mask = ~(GuestAddr)0,
    .int_pins = {R(0), R(1), R(2), R(3), R(4), R(5), R(6), R(7), R(8), R(9)},
    .vec_pins = {Q(0), Q(1), Q(2), Q(3), Q(4), Q(5), Q(6), Q(7)},
    .translate = translate,
    .reg_name = test_reg_name,
    .reg_offset = test_reg_offset,
    .reset = reset,
    .dump = dump,
};

static Cpu *new_cpu(void)
{
    Cpu *cpu = aligned_alloc(64, sizeof *cpu);
    memset(cpu, 0, sizeof *cpu);
    cpu->frontend = &guest;
    return cpu;
}

static Cpu *running;

static void on_fp(int sig, siginfo_t *info, void *context)
{
    (void)info;
    if (!running || !jit_handle_fp(running, context)) {
        signal(sig, SIG_DFL);
    }
}

Tiers *tiers_create(uint32_t tiers, uint64_t host_features_off)
{
    Tiers *t = calloc(1, sizeof *t);
    JitOptions options = {.tiers = tiers,
                          .log = stderr,
                          .host_features_off = host_features_off,
                          .arena_size = 64 << 20};
    JitHost host = {.fetch = fetch, .ctx = t};
    struct sigaction sa = {.sa_sigaction = on_fp, .sa_flags = SA_SIGINFO};
    sigaction(SIGFPE, &sa, NULL);
    uop_block_init(&t->block);
    t->cpu = new_cpu();
    t->start = new_cpu();
    t->interp = new_cpu();
    t->next_pc = 0x10000;
    if (jit_create(&t->jit, &guest, &options, &host) != 0 ||
        jit_thread_start(t->jit, t->cpu) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

void tiers_destroy(Tiers *t)
{
    jit_thread_end(t->cpu);
    jit_destroy(t->jit);
    uop_block_free(&t->block);
    free(t->cpu);
    free(t->start);
    free(t->interp);
    free(t);
}

double tiers_refused(const Tiers *t)
{
    return t->run ? (double)t->refused / t->run : 0;
}

static void random_state(Tiers *t, uint32_t mode)
{
    RandomSeed state = {~t->recipe.seed};
    Random r = {random_next, &state};
    Cpu *cpu = t->start;
    for (unsigned i = 0; i < (TEST_NZCV - TEST_R) / 8; i++) {
        uint64_t x = random_special(&r);
        memcpy(cpu->file + 8 * i, &x, 8);
    }
    memset((uint8_t *)cpu + TEST_QC, 0, 16);
    for (unsigned i = 0; i < 4; i++) {
        ((uint8_t *)cpu)[TEST_NZCV + i] = random_next(&state) & 1;
    }
    for (unsigned i = 0; i < sizeof t->start_memory; i++) {
        t->start_memory[i] = (uint8_t)random_next(&state);
    }
    cpu->pc = t->next_pc;
    cpu->mode = mode;
    cpu->fp_round = random_next(&state) & 3;
    cpu->fp_flags =
        mode & CPU_MODE_FZ ? random_next(&state) & (FPX_INEXACT | FPX_INPUT_DENORMAL) : 0;
    cpu->ll_addr = ~(GuestAddr)0;
}

/* Everything of `from` that the guest sees. */
static void copy_guest(Cpu *to, const Cpu *from)
{
    memcpy(to->file, from->file, sizeof to->file);
    to->pc = from->pc;
    to->mode = from->mode;
    to->fp_round = from->fp_round;
    to->fp_flags = from->fp_flags;
    to->ll_addr = from->ll_addr;
    to->exit_trap = 0;
    to->exit_arg = 0;
}

static CpuExit run_interp(Tiers *t)
{
    copy_guest(t->interp, t->start);
    memcpy(memory, t->start_memory, sizeof memory);
    make(&t->block, &t->recipe, t->start->pc, t->start->mode);
    CpuExit exit = interp_run_block(t->interp, &t->block);
    memcpy(t->interp_memory, memory, sizeof memory);
    return exit;
}

static CpuExit run_tier1(Tiers *t)
{
    unsigned csr = _mm_getcsr();
    copy_guest(t->cpu, t->start);
    memcpy(memory, t->start_memory, sizeof memory);
    fpenv_set_flags(t->cpu, t->cpu->fp_flags);
    running = t->cpu;
    CpuExit exit;
    do {
        exit = jit_run(t->cpu);
    } while (exit == CPU_EXIT_INTERRUPT); /* the arena was full */
    t->cpu->fp_flags = fpenv_flags(t->cpu);
    _mm_setcsr(csr);
    running = NULL;
    return exit;
}

static void explain(const Tiers *t, CpuExit interp, CpuExit tier1)
{
    const Cpu *x = t->interp, *y = t->cpu;
    uop_print(stderr, &t->block, test_reg_name);
    fprintf(stderr,
            "seed %" PRIu64 ", %u instructions, what %u, mode %#" PRIx32 ", rounding %" PRIu32
            "; interpreter and tier 1:\n",
            t->recipe.seed, t->recipe.ninsns, t->recipe.what, t->start->mode, t->start->fp_round);
    fprintf(stderr,
            "exit %d %d, pc %#" PRIx64 " %#" PRIx64 ", trap %" PRIu64 " %" PRIu64
            ", FP flags %#" PRIx32 " %#" PRIx32 "\n",
            interp, tier1, x->pc, y->pc, x->exit_arg, y->exit_arg, x->fp_flags, y->fp_flags);
    for (unsigned at = 0; at < guest.file_size; at += 8) {
        uint64_t before, a, b;
        char name[16] = "?";
        memcpy(&before, t->start->file + at, 8);
        memcpy(&a, x->file + at, 8);
        memcpy(&b, y->file + at, 8);
        test_reg_name(TEST_R + at, 8, name, sizeof name);
        if (a != b) {
            fprintf(stderr, "%s: %016" PRIx64 " %016" PRIx64 " (before: %016" PRIx64 ")\n", name, a,
                    b, before);
        }
    }
    for (unsigned at = 0; at < sizeof memory; at++) {
        if (t->interp_memory[at] != memory[at]) {
            fprintf(stderr, "memory+%u: %02x %02x\n", at, t->interp_memory[at], memory[at]);
        }
    }
}

bool tiers_agree(Tiers *t, uint64_t seed, unsigned ninsns, unsigned what, uint32_t mode)
{
    t->recipe = (Recipe){seed, ninsns, what};
    t->no_room = false;
    random_state(t, mode);
    t->next_pc += 0x1000;
    CpuExit interp = run_interp(t), tier1 = run_tier1(t);
    const Cpu *x = t->interp, *y = t->cpu;
    t->run++;
    t->refused += t->no_room;
    if (t->no_room) {
        return true;
    }
    bool trap = interp == CPU_EXIT_TRAP;
    bool same = interp == tier1 && x->pc == y->pc && x->fp_flags == y->fp_flags &&
                (!trap || x->exit_arg == y->exit_arg) &&
                memcmp(x->file, y->file, guest.file_size) == 0 &&
                memcmp(t->interp_memory, memory, sizeof memory) == 0;
    if (!same) {
        explain(t, interp, tier1);
    }
    return same;
}
