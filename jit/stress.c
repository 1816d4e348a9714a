/* stress.c - see stress.h. */
#include "jit/stress.h"

/* The first drops of a process are close together, later ones are rare: a program that runs for
 * long ends all the same. */
enum { FREQUENT_DROPS = 300, FREQUENT = 64, RARE = 8192, EMPTYINGS = 100, LONGEST_COUNT = 200 };

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

uint32_t stress_counter(JitThread *t)
{
    return (draw(t) >> 8) % LONGEST_COUNT;
}
