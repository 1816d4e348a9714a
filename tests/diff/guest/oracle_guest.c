/* oracle_guest.c - runs cases under the oracle: an AArch64 Linux program, static.
 *
 *     oracle_guest < cases > results       (arrays of DiffCase and DiffResult)
 *
 * A case starts by returning from a signal handler with its registers in the signal frame, and ends in the next signal, whose frame has the result. No thread-local
 * data is used between, so cases may change every register.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../case.h"

static DiffCase *cases;
static DiffResult *results;
static size_t count, current;
static uint64_t fresh_data[DIFF_DATA_SIZE / 8];

static struct fpsimd_context *fpsimd(ucontext_t *uc) {
    struct _aarch64_ctx *c = (struct _aarch64_ctx *)(void *)uc->uc_mcontext.__reserved;
    while (c->magic && c->magic != FPSIMD_MAGIC) {
        c = (struct _aarch64_ctx *)(void *)((char *)c + c->size);
    }
    return (struct fpsimd_context *)c;
}

static void leave(void) {
    const char *at = (const char *)results;
    for (size_t left = count * sizeof(*results); left;) {
        ssize_t n = write(1, at, left);
        if (n <= 0) {
            _exit(1);
        }
        at += n;
        left -= (size_t)n;
    }
    _exit(0);
}

static void finish(int sig, ucontext_t *uc) {
    DiffResult *r = &results[current];
    const mcontext_t *m = &uc->uc_mcontext;
    const struct fpsimd_context *f = fpsimd(uc);
    memcpy(r->out.x, m->regs, sizeof(r->out.x));
    r->out.sp = m->sp;
    r->out.pc = m->pc;
    r->out.nzcv = (uint32_t)m->pstate & 0xf0000000;
    memcpy(r->out.v, f->vregs, sizeof(r->out.v));
    r->out.fpcr = f->fpcr;
    r->out.fpsr = f->fpsr;
    r->memory = diff_hash((const uint64_t *)DIFF_DATA);
    r->signal = (uint32_t)sig;
}

static void start(ucontext_t *uc) {
    const DiffCase *c = &cases[current];
    mcontext_t *m = &uc->uc_mcontext;
    struct fpsimd_context *f = fpsimd(uc);
    memcpy((void *)DIFF_DATA, fresh_data, DIFF_DATA_SIZE);
    memcpy(m->regs, c->in.x, sizeof(c->in.x));
    m->sp = c->in.sp;
    m->pc = c->in.pc;
    m->pstate = (m->pstate & ~UINT64_C(0xf1001000)) | c->in.nzcv; /* N Z C V, DIT, SSBS */
    memcpy(f->vregs, c->in.v, sizeof(c->in.v));
    f->fpcr = c->in.fpcr;
    f->fpsr = c->in.fpsr;
}

/* Every second: a case that was running a second ago already never ends. */
static int hangs(void) {
    static size_t seen = SIZE_MAX;
    int same = seen == current;
    seen = current;
    return same;
}

static void handler(int sig, siginfo_t *info, void *context) {
    static int started;
    (void)info;
    if (sig == SIGALRM && !hangs()) {
        return;
    }
    if (started) {
        finish(sig, context);
        if (++current == count) {
            leave();
        }
    }
    started = 1;
    start(context);
}

static void *map(uint64_t at, size_t size, int prot) {
    void *p = mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) {
        _exit(2);
    }
    return p;
}

int main(void) {
    size_t room = DIFF_SLOTS * sizeof(*cases), have = 0;
    cases = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (ssize_t n; (n = read(0, (char *)cases + have, room - have)) > 0;) {
        have += (size_t)n;
    }
    count = have / sizeof(*cases);
    results = calloc(count, sizeof(*results));
    if (!results) {
        return 2;
    }
    uint32_t *code = map(DIFF_CODE, DIFF_SLOTS * DIFF_SLOT, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (size_t i = 0; i < count; i++) {
        uint32_t *at = code + i * DIFF_SLOT / 4;
        memcpy(at, cases[i].insns, cases[i].ninsns * 4);
        at[cases[i].ninsns] = DIFF_BRK;
    }
    __builtin___clear_cache((char *)code, (char *)code + DIFF_SLOTS * DIFF_SLOT);
    mprotect(code, DIFF_SLOTS * DIFF_SLOT, PROT_READ | PROT_EXEC);
    map(DIFF_DATA, DIFF_DATA_SIZE, PROT_READ | PROT_WRITE);
    diff_fill(fresh_data);

    static char stack[1 << 16];
    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    static const int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGALRM, SIGUSR1 };
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &sa, NULL);
    }
    struct itimerval second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
    setitimer(ITIMER_REAL, &second, NULL);
    raise(SIGUSR1); /* never comes back */
    return 3;
}
