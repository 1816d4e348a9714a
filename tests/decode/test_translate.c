/*
 * test_translate.c - random encodings of every pattern become micro-ops that the verifier accepts,
 * as built and after the optimizer, in every mode of a block. XEMU_TRANSLATE_EACH and
 * XEMU_TRANSLATE_SEQUENCES ask for more of them.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "a64_decode.h"
#include "frontend/aarch64/state.h"
#include "frontend/frontend.h"
#include "tests/decode/random.h"

enum { PC = 0x400000, SEQUENCE_LENGTH = 24 };

typedef struct Code {
    uint32_t insns[SEQUENCE_LENGTH];
    size_t n;
} Code;

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    const Code *c = ctx;
    uint64_t at = pc - PC;
    if (at >= 4 * c->n) {
        return NULL;
    }
    *avail = 4 * c->n - at;
    return (const uint8_t *)c->insns + at;
}

static bool guarded(void *ctx, GuestAddr pc)
{
    (void)ctx;
    (void)pc;
    return true;
}

static const uint32_t modes[] = {
    0,
    CPU_MODE_TAGGED,
    A64_MODE_PAC_ALL,
    CPU_MODE_FZ | CPU_MODE_DN,
    CPU_MODE_FZ16 | CPU_MODE_AHP | A64_MODE_PAC_IB,
};

static void print_block(const UopBlock *b, const Code *code)
{
    char text[128];
    for (size_t i = 0; i < code->n; i++) {
        a64_disassemble(code->insns[i], PC + 4 * i, text, sizeof text);
        fprintf(stderr, "%08" PRIx32 " %s\n", code->insns[i], text);
    }
    uop_print(stderr, b, frontend_aarch64.reg_name);
}

/* false, with all there is to know on stderr, if the block isn't valid. */
static bool check(UopBlock *b, Code *code, uint32_t mode)
{
    char msg[256];
    TranslateRequest req = {.pc = PC,
                            .mode = mode,
                            .max_insns = SEQUENCE_LENGTH,
                            .fetch = fetch,
                            .fetch_ctx = code,
                            .guarded = mode ? guarded : NULL};
    frontend_aarch64.translate(&req, b);
    if (b->ninsns > code->n || b->guest_len != 4 * b->ninsns || b->pc != PC ||
        uop_verify(b, msg, sizeof msg)) {
        cr_log_error("built: %s", msg);
        print_block(b, code);
        return false;
    }
    UopFile file = {.flags_offset = A64_NZCV};
    uop_optimize(b, &file);
    if (uop_verify(b, msg, sizeof msg)) {
        cr_log_error("optimized: %s", msg);
        print_block(b, code);
        return false;
    }
    return true;
}

Test(decode, every_pattern_translates)
{
    UopBlock b;
    uint64_t state = 3;
    long each = test_setting("XEMU_TRANSLATE_EACH", 60);
    uop_block_init(&b);
    for (int pattern = 0; pattern < A64_PATTERNS; pattern++) {
        bool good = true;
        for (long i = 0; good && i < each; i++) {
            Code code = {.insns = {a64_random(pattern, random_bits, &state)}, .n = 1};
            good = check(&b, &code, modes[i % (sizeof modes / sizeof modes[0])]);
        }
        cr_expect(good, "%s (%s)", a64_name(pattern), a64_origin(pattern));
    }
    uop_block_free(&b);
}

Test(decode, random_sequences_translate)
{
    UopBlock b;
    uint64_t state = 4;
    bool good = true;
    long sequences = test_setting("XEMU_TRANSLATE_SEQUENCES", 20000);
    uop_block_init(&b);
    for (long i = 0; good && i < sequences; i++) {
        Code code = {.n = SEQUENCE_LENGTH};
        for (size_t k = 0; k < code.n; k++) {
            code.insns[k] =
                a64_random((int)(random_bits(&state) % A64_PATTERNS), random_bits, &state);
        }
        good = check(&b, &code, modes[i % (sizeof modes / sizeof modes[0])]);
    }
    cr_expect(good);
    uop_block_free(&b);
}

/* The ends of blocks: no code, unaligned, cut short, undefined. */
static void expect_end(Code *code, GuestAddr pc, uint32_t max, unsigned sub, unsigned trap,
                       GuestAddr target)
{
    UopBlock b;
    uop_block_init(&b);
    TranslateRequest req = {.pc = pc, .max_insns = max, .fetch = fetch, .fetch_ctx = code};
    frontend_aarch64.translate(&req, &b);
    const Uop *last = &b.uops[b.count - 1];
    cr_expect(last->op == UOP_EXIT && last->sub == sub, "%#" PRIx64, pc);
    cr_expect(sub != UOP_EXIT_TRAP || last->flags == trap, "%#" PRIx64, pc);
    cr_expect(sub != UOP_EXIT_JUMP || last->imm64 == target, "%#" PRIx64, pc);
    uop_block_free(&b);
}

Test(decode, block_ends)
{
    Code code = {.insns = {0xd503201f, 0xd503201f, 0xffffffff, 0xd4000001}, .n = 4};
    expect_end(&code, PC + 1, 8, UOP_EXIT_TRAP, UOP_TRAP_ALIGNMENT, 0);
    expect_end(&code, PC - 4, 8, UOP_EXIT_TRAP, UOP_TRAP_FETCH, 0);
    expect_end(&code, PC, 8, UOP_EXIT_TRAP, UOP_TRAP_UNDEFINED, 0);
    expect_end(&code, PC, 1, UOP_EXIT_JUMP, 0, PC + 4);
    expect_end(&code, PC + 12, 8, UOP_EXIT_SYSCALL, 0, 0);
    code.n = 2;
    expect_end(&code, PC, 8, UOP_EXIT_JUMP, 0, PC + 8);
}

/* Whether flags are looked for where they can be. */
Test(decode, dead_flags)
{
    static const struct {
        uint32_t insns[3];
        UopFlagsUse use;
    } cases[] = {
        {{0xeb01001f}, UOP_FLAGS_DEAD},                            /* cmp x0, x1 */
        {{0x91000400, 0xf100041f}, UOP_FLAGS_DEAD},                /* add; cmp x0, #1 */
        {{0xf9400000, 0xea000000}, UOP_FLAGS_DEAD},                /* ldr; ands */
        {{0x1e602000}, UOP_FLAGS_DEAD},                            /* fcmp d0, d0 */
        {{0x9a9f17e0, 0xeb01001f}, UOP_FLAGS_READ},                /* cset */
        {{0xba000000}, UOP_FLAGS_READ},                            /* adcs */
        {{0xfa400800, 0xeb01001f}, UOP_FLAGS_READ},                /* ccmp */
        {{0xb4000040, 0xd65f03c0, 0x9a9f17e0}, UOP_FLAGS_READ},    /* cbz over ret to cset */
        {{0xd65f03c0, 0xeb01001f}, UOP_FLAGS_UNKNOWN},             /* ret */
        {{0x14000002, 0x9a9f17e0, 0xeb01001f}, UOP_FLAGS_DEAD},    /* b over cset */
        {{0xd503201f, 0xd503201f, 0xd503201f}, UOP_FLAGS_UNKNOWN}, /* nothing known */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Code code = {.n = 3};
        memcpy(code.insns, cases[i].insns, sizeof cases[i].insns);
        TranslateRequest req = {.pc = PC, .max_insns = 1, .fetch = fetch, .fetch_ctx = &code};
        cr_expect(frontend_aarch64.flags_use_at(&req, PC) == cases[i].use, "case %zu", i);
    }
}

/* What an indirect branch to a guarded page finds: bit n of `refused` stands for BTYPE n. */
Test(decode, landing_pads)
{
    static const struct {
        uint32_t insn;
        unsigned refused;
    } cases[] = {
        {0xd503241f, 14}, /* bti */
        {0xd503245f, 8},  /* bti c */
        {0xd503249f, 4},  /* bti j */
        {0xd50324df, 0},  /* bti jc */
        {0xd503233f, 8},  /* paciasp */
        {0xd503237f, 8},  /* pacibsp */
        {0xd4200020, 0},  /* brk #1 */
        {0xd503201f, 14}, /* nop */
        {0xf9400000, 14}, /* ldr */
    };
    UopBlock b;
    uop_block_init(&b);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Code code = {.insns = {cases[i].insn}, .n = 1};
        for (uint64_t btype = 1; btype < 4; btype++) {
            TranslateRequest req = {.pc = PC | btype << A64_BTYPE_SHIFT,
                                    .max_insns = 1,
                                    .fetch = fetch,
                                    .fetch_ctx = &code,
                                    .guarded = guarded};
            frontend_aarch64.translate(&req, &b);
            const Uop *last = &b.uops[b.count - 1];
            bool refused = cases[i].refused >> btype & 1;
            cr_expect(last->op == UOP_EXIT &&
                      last->sub == (refused ? UOP_EXIT_TRAP : UOP_EXIT_JUMP));
            cr_expect(refused ? last->flags == UOP_TRAP_BRANCH_TARGET : last->imm64 == PC,
                      "%08" PRIx32, cases[i].insn);
            req.guarded = NULL;
            frontend_aarch64.translate(&req, &b);
            cr_expect(b.uops[b.count - 1].sub == UOP_EXIT_JUMP);
        }
    }
    uop_block_free(&b);
}

/*
 * An instruction that flags_use_at passes over doesn't read flags and goes on behind itself, and
 * one that it takes for a writer writes them: known from the micro-ops. (A call may end the search:
 * see dead_flags.c.)
 */
Test(decode, dead_flags_agree_with_meaning)
{
    UopBlock b;
    uint64_t state = 5;
    uop_block_init(&b);
    for (int pattern = 0; pattern < A64_PATTERNS; pattern++) {
        for (int i = 0; i < 20 && pattern != A64_B && pattern != A64_BL; i++) {
            uint32_t insn = a64_random(pattern, random_bits, &state);
            Code before_adds = {.insns = {insn, 0xb1000400}, .n = 2},
                 before_ret = {.insns = {insn, 0xd65f03c0}, .n = 2};
            TranslateRequest req = {
                .pc = PC, .max_insns = 1, .fetch = fetch, .fetch_ctx = &before_adds};
            bool passes = frontend_aarch64.flags_use_at(&req, PC) == UOP_FLAGS_DEAD;
            req.fetch_ctx = &before_ret;
            bool writes = frontend_aarch64.flags_use_at(&req, PC) == UOP_FLAGS_DEAD;
            bool reads = false, puts = false;
            frontend_aarch64.translate(&req, &b);
            for (uint32_t k = 0; k < b.count; k++) {
                reads |= b.uops[k].op == UOP_GETFLAGS;
                puts |= b.uops[k].op == UOP_PUTFLAGS;
            }
            const Uop *last = &b.uops[b.count - 1];
            bool goes_on = (last->sub == UOP_EXIT_JUMP || last->sub == UOP_EXIT_DISPATCH) &&
                           last->a == VAL_NONE && last->imm64 == PC + 4;
            cr_expect(!passes || (!reads && goes_on), "%s: %08" PRIx32, a64_name(pattern), insn);
            cr_expect(!writes || puts, "%s: %08" PRIx32, a64_name(pattern), insn);
        }
    }
    uop_block_free(&b);
}
