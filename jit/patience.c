/* patience.c - tier 2 isn't for programs that end soon, unless they do so again and again.
 *
 * A run that ends before it could ask, or before all answers had come, adds its processor time to
 * what is remembered of the command: the next run asks the sooner. One that got what it asked for
 * is remembered as having learned: what it left in tier 1 is worth asking for only in a run that is
 * longer by far. A command that never gets all (there is always something new) is taken for learned
 * after ENOUGH runs, or one that is LONG, in which what comes at its end matters little.
 */
#ifdef XEMU_LLVM
#include "jit/patience.h"

#include <time.h>

#include "jit/keep.h"

enum {
    NS_PER_INSN = 180000,
    NS_PER_BLOCK = 2000, /* of tier 1: starting isn't computing */
    SHARE = 10,
    ENOUGH = 4
};

/* ONCE: where nothing is kept. A run of less than LEAST isn't worth a note. */
static const uint64_t ONCE = 300000000, KEPT = 100000000, LEAST = 50000000, ADVANCE = 30000000,
                      LONG = 1000000000;

uint64_t patience_used_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static PatienceNote recall(const Jit *j)
{
    uint64_t n = j->host.noted ? j->host.noted(j->host.ctx) : 0;
    return (PatienceNote){n >> PATIENCE_BITS, n & PATIENCE_DONE};
}

static bool has_learned(const PatienceNote *n)
{
    return n->vain == PATIENCE_DONE;
}

/* How long this run has to compute. */
static uint64_t first(const Patience *p, const Jit *j)
{
    if (!j->host.saves) {
        return ONCE;
    }
    if (has_learned(&p->before)) {
        return KEPT;
    }
    return p->before.ns < KEPT - LEAST ? KEPT - p->before.ns : LEAST;
}

PatienceAnswer patience_lets(Patience *p, const JitThread *t)
{
    if (!p->on) {
        return PATIENCE_YES;
    }
    uint64_t used = patience_used_ns();
    p->wanting = true;
    if (used < LEAST) {
        return PATIENCE_NO;
    }
    if (!p->recalled) {
        p->before = recall(t->jit);
        p->recalled = true;
    }
    if (has_learned(&p->before) && keep_has_some(t) && used / 2 < p->before.ns) {
        p->wanting = false;
        return PATIENCE_NO;
    }
    bool early = used < first(p, t->jit) + t->stats.blocks * (uint64_t)NS_PER_BLOCK;
    p->wanting = early || p->spent_ns >= used / SHARE + ADVANCE;
    return early ? PATIENCE_NO : p->wanting ? PATIENCE_BROKE : PATIENCE_YES;
}

void patience_asked(Patience *p, uint32_t insns)
{
    p->asked = true;
    p->spent_ns += (uint64_t)NS_PER_INSN * insns;
}

static uint64_t as_number(uint64_t ns, unsigned vain)
{
    return ns << PATIENCE_BITS | vain;
}

/* (Threads that go on are counted as they are.) */
static uint64_t computed_ns(const Jit *j, uint64_t used)
{
    uint64_t blocks = j->ended.blocks;
    for (const JitThread *t = j->threads; t; t = t->next) {
        blocks += t->stats.blocks;
    }
    return used > blocks * NS_PER_BLOCK ? used - blocks * NS_PER_BLOCK : 0;
}

uint64_t patience_note(const Patience *p, const Jit *j, bool answered)
{
    if (!p->on || !j->host.saves || (!p->asked && !p->wanting)) {
        return 0;
    }
    uint64_t used = patience_used_ns(), computed = computed_ns(j, used);
    if (!p->asked && computed < LEAST) {
        return 0;
    }
    PatienceNote now = recall(j); /* others may have run since */
    if (has_learned(&now)) {
        return p->asked && used > now.ns ? as_number(used, PATIENCE_DONE) : 0;
    }
    now.vain += p->asked || now.ns >= KEPT;
    if ((p->asked && (used >= LONG || (answered && !p->wanting))) || now.vain >= ENOUGH) {
        return as_number(used, PATIENCE_DONE);
    }
    return as_number(now.ns + computed, now.vain);
}
#else
typedef int no_patience;
#endif
