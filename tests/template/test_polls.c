/* test_polls.c - polls count until it is known what becomes of what they lead to (jit/settle.h),
 * and again where their exits are taken back.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/internal.h"
#include "jit/settle.h"
#include "jit/template/template.h"

enum { BASE = 0x10000, LOOP = BASE + 4, CALL = BASE + 12, JUMP = BASE + 16, ROUNDS = 100 };

static const uint32_t words[] = {
    0xd2800c80, /* mov x0, 100 */
    0xd1000400, /* LOOP: sub x0, x0, 1 */
    0xb5ffffe0, /* cbnz x0, LOOP */
    0x94000002, /* CALL: bl JUMP + 4 */
    0xd61f0020, /* JUMP: br x1 */
    0xd4000001, /* svc 0 */
};

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    (void)ctx;
    if (pc < BASE || pc >= BASE + sizeof words)
        return NULL;
    *avail = BASE + sizeof words - pc;
    return (const uint8_t *)words + (pc - BASE);
}

typedef struct Fixture {
    Jit *jit;
    Cpu *cpu;
    JitThread *t;
} Fixture;

static Fixture begin(void)
{
    JitOptions options = {
        .tiers = JIT_TIER_TEMPLATE, .host_features_off = ~(uint64_t)0, .arena_size = 4 << 20};
    JitHost host = {.fetch = fetch};
    Fixture f = {.cpu = aligned_alloc(64, (sizeof *f.cpu + 63) & ~(size_t)63)};

    memset(f.cpu, 0, sizeof *f.cpu);
    cr_assert_eq(jit_create(&f.jit, &frontend_aarch64, &options, &host), 0);
    f.jit->options.tiers = JIT_TIERS_NATIVE; /* as if there were an optimizer */
    cr_assert_eq(jit_thread_start(f.jit, f.cpu), 0);
    f.t = jit_thread(f.cpu);
    return f;
}

static void end(Fixture *f)
{
    jit_thread_end(f->cpu);
    jit_destroy(f->jit);
    free(f->cpu);
}

static Link *exit_to(Fixture *f, GuestAddr from, LinkKind kind, GuestAddr target)
{
    Block *b = jit_block(f->t, from, f->cpu->mode);

    for (uint32_t i = 0; b && i < b->nlinks; i++) {
        if (b->links[i].kind == kind && b->links[i].target == target)
            return &b->links[i];
    }
    return NULL;
}

static bool asks(const Fixture *f, const Link *l)
{
    return template_poll_asks(codebuf_rw(&f->jit->code, (uintptr_t)f->jit->code.rx) + l->site,
                              l->stub - l->site, l->kind);
}

/* How many polls a run from BASE to the system call counts. */
static int32_t counted(Fixture *f)
{
    int32_t before = 1 << 20;

    f->cpu->polls_left = before;
    f->cpu->pc = BASE;
    cr_assert_eq(jit_run(f->cpu), CPU_EXIT_SYSCALL);
    return before - f->cpu->polls_left;
}

Test(polls, loops_and_calls)
{
    Fixture f = begin();

    (void)counted(&f); /* the exits are linked now */
    cr_expect_eq(counted(&f), ROUNDS);
    Link *loop = exit_to(&f, LOOP, LINK_JUMP, LOOP), *call = exit_to(&f, CALL, LINK_JUMP, JUMP + 4);
    cr_assert(loop && call && loop->to && call->to);
    cr_expect(!asks(&f, loop) && !asks(&f, call));

    settle_block(f.t, loop->to);
    cr_expect(asks(&f, loop) && !asks(&f, call));
    cr_expect_lt(counted(&f), 3, "the call's");
    settle_block(f.t, call->to);
    cr_expect(asks(&f, call));

    /* What runs out is noticed all the same, by a counter of 0 as well. */
    for (int32_t left = -1; left <= 0; left++) {
        f.cpu->polls_left = left;
        f.cpu->pc = BASE;
        cr_expect_eq(jit_run(f.cpu), CPU_EXIT_SYSCALL);
        cr_expect_gt(f.cpu->polls_left, 0);
    }

    pthread_mutex_lock(&f.jit->lock);
    cr_expect(template_unlink(f.jit, loop));
    pthread_mutex_unlock(&f.jit->lock);
    cr_expect_not(asks(&f, loop), "it may lead elsewhere now");
    end(&f);
}

Test(polls, indirect_jumps)
{
    Fixture f = begin();
    Link *jump = exit_to(&f, JUMP, LINK_CACHE, 0);

    cr_assert(jump && !asks(&f, jump));
    settle_exit(f.t, NULL);
    settle_exit(f.t, jump);
    cr_expect(asks(&f, jump));
    end(&f);
}
