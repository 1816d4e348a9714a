/* stress.c - see stress.h. */
#include "jit/stress.h"

/* The first drops of a process are close together, later ones are rare: a program that runs for
 * long ends all the same. */
enum {
    FREQUENT_DROPS = 300,
    FREQUENT = 64,
    RARE = 8192,
    EMPTYINGS = 100,
    LONGEST_COUNT = 200,
    ALL_COMPILED = 16
};

static uint32_t draw(JitThread *t)
{
    uint32_t x = t->stress;
    if (!x) {
        /* Odd seeds and even ones differ in more than one bit; threads differ, too. */
        x = (t->jit->options.stress + ++t->jit->stressed) * 2654435761u | 1;
    }
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return t->stress = x;
}

bool stress_chance(JitThread *t, uint32_t of)
{
    return t->jit->options.stress && (draw(t) >> 8) % of == 0;
}

void stress_loop(JitThread *t)
{
    Jit *j = t->jit;
    if (!stress_chance(t, t->stress_drops < FREQUENT_DROPS ? FREQUENT : RARE)) {
        return;
    }
    GuestAddr pc = t->cpu->pc & j->frontend->pc_mask;
    t->stress_drops++;
    if (stress_chance(t, EMPTYINGS) && j->code.rx) {
        pthread_mutex_lock(&j->lock);
        (void)jit_empty_arena(j);
        pthread_mutex_unlock(&j->lock);
    } else if (stress_chance(t, 4)) {
        jit_invalidate(j, pc & ~(GuestAddr)4095, 4096);
    } else {
        jit_invalidate(j, pc, 4);
    }
}

bool stress_unlinked(JitThread *t)
{
    return stress_chance(t, 3);
}

/* A region takes the optimizer some 10 ms, and what was dropped is wanted again: programs of
 * thousands of threads or of many processes would compile for hours. So, of n that are wanted,
 * about the square root of 2 * ALL_COMPILED * n are compiled. */
bool stress_compiles(JitThread *t)
{
    Jit *j = t->jit;
    if (!j->options.stress) {
        return true;
    }
    uint32_t done = __atomic_load_n(&j->stress_regions, __ATOMIC_RELAXED);
    if (!stress_chance(t, 1 + done / ALL_COMPILED)) {
        return false;
    }
    __atomic_fetch_add(&j->stress_regions, 1, __ATOMIC_RELAXED);
    return true;
}

uint32_t stress_counter(JitThread *t)
{
    return (draw(t) >> 8) % LONGEST_COUNT;
}
