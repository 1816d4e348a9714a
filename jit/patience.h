/* patience.h - when a program deserves tier 2's code: how long it has to run before the optimizer
 * is asked, how much may be spent, and what later runs of the same command are to know of it.
 *
 * Belongs to tier.c, under its lock. */
#ifndef XEMU_JIT_PATIENCE_H
#define XEMU_JIT_PATIENCE_H

#include "jit/internal.h"

/* What is remembered of a command as one number, JitHost.noted: nanoseconds of processor time and,
 * in the lowest bits, how often it asked in vain; PATIENCE_DONE: it has learned. */
typedef struct PatienceNote {
    uint64_t ns; /* the most that a run took which learned; before that: the sum of all runs */
    unsigned vain;
} PatienceNote;
enum { PATIENCE_BITS = 3, PATIENCE_DONE = (1 << PATIENCE_BITS) - 1 };

typedef struct Patience {
    bool on;      /* false: everything that is hot is asked for, and nothing noted */
    bool asked;   /* for anything */
    bool wanting; /* what was hot last wasn't asked for */
    bool recalled;
    PatienceNote before;
    uint64_t spent_ns; /* what compiling has cost, by estimate */
} Patience;

/* Of this process, user and system. */
uint64_t patience_used_ns(void);
/* May the thread, which has entered the module of what is hot, ask for it? BROKE: not now, too much
 * has been spent. */
typedef enum PatienceAnswer { PATIENCE_NO, PATIENCE_BROKE, PATIENCE_YES } PatienceAnswer;
PatienceAnswer patience_lets(Patience *p, const JitThread *t);
void patience_asked(Patience *p, uint32_t insns);
/* jit_note(); answered: all that was asked for. */
uint64_t patience_note(const Patience *p, const Jit *j, bool answered);

#endif
