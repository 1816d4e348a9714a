/* tier.c - tier 2's control: its state through fork and exit, and when code is hot. What is asked
 * for then: tier_ask.c; what comes of it: tier_answers.c.
 */
#ifdef XEMU_LLVM
#include "jit/tier_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "jit/keep.h"
#include "jit/stress.h"

enum { COUNTER = 16000, MOST_CALM = 2 };

Client *tier_client(const Jit *j)
{
    ClientHost host = {j->host.exe_fd, j->host.reaped, j->host.new_namespace,
                       j->options.optimizer_memory};
    return client_create(&host);
}

int tier_create(Jit *j)
{
    struct Tier *tier = calloc(1, sizeof *tier);
    if (!tier || !j->host.exe_fd || !(tier->client = tier_client(j))) {
        free(tier);
        return -ENOMEM;
    }
    pthread_mutex_init(&tier->lock, NULL);
    tier->patience.on = !j->options.hot && !j->options.stress;
    j->tier = tier;
    return 0;
}

void tier_destroy(Jit *j, bool forked)
{
    if (j->tier) {
        client_destroy(j->tier->client, forked);
        if (!forked) { /* another thread may have been at it, as at what it holds */
            uopcache_clear(&j->tier->kept);
        }
        free(j->tier);
        j->tier = NULL;
    }
}

static void renew(Jit *j)
{
    tier_destroy(j, true);
    (void)tier_create(j);
}

/* What is there is the parent's: whatever a child does about it writes to memory that both share so
 * far, so it is done when the child needs it. Where another thread may have been at it, a new one
 * is made. */
void tier_forked(Jit *j, bool alone)
{
    if (j->tier && !alone) {
        renew(j);
    }
    j->parents_tier = j->tier && alone;
}

struct Tier *tier_own(Jit *j)
{
    if (j->parents_tier) {
        j->parents_tier = false;
        if (!client_forked(j->tier->client)) {
            renew(j);
        }
    }
    return j->tier;
}

/* The process is about to end: another thread that is at it isn't waited for for long. */
void tier_close(Jit *j)
{
    struct Tier *tier = j->tier;
    if (!tier || j->parents_tier) {
        return;
    }
    static const struct timespec pause = {.tv_nsec = 1000000};
    bool locked = pthread_mutex_trylock(&tier->lock) == 0;
    for (unsigned i = 0; i < 50 && !locked; i++) {
        nanosleep(&pause, NULL);
        locked = pthread_mutex_trylock(&tier->lock) == 0;
    }
    client_close(tier->client);
    if (locked) {
        pthread_mutex_unlock(&tier->lock);
    }
}

void tier_hide(Jit *j, bool on)
{
    struct Tier *tier = tier_own(j);
    if (tier) {
        pthread_mutex_lock(&tier->lock);
        client_hide(tier->client, on);
        pthread_mutex_unlock(&tier->lock);
    }
}

uint32_t tier_heat(const Jit *j)
{
    return j->options.hot ? j->options.hot : TIER_HOT;
}

/* How far a counter counts, and how often it has to run out. */
static uint32_t counter_start(const Jit *j)
{
    return tier_heat(j) < COUNTER ? tier_heat(j) - 1 : COUNTER;
}

static uint32_t heat_wanted(const Jit *j)
{
    uint32_t n = tier_heat(j) / (counter_start(j) + 1);
    return n < UINT8_MAX ? n : UINT8_MAX;
}

/* Samples that lead to nothing, as nearly all do, become rarer (and count for more): one costs half
 * a microsecond. At random about that number: a loop of which each round has as many edges as
 * divide it would be met at the same one for ever. */
static int32_t fresh_counter(JitThread *t)
{
    const Jit *j = t->jit;
    if (!j->tier) {
        return INT32_MAX;
    }
    if (j->options.stress) {
        return (int32_t)stress_counter(t);
    }
    uint32_t mean = counter_start(j) << t->calm;
    t->sampled = t->sampled * 1664525u + 1013904223u;
    return (int32_t)(mean / 2 + (t->sampled >> 8) % (mean + 1));
}

void tier_reset_counter(Cpu *cpu)
{
    cpu->polls_left = fresh_counter(jit_thread(cpu));
}

void tier_stats(const Jit *j, JitStats *out)
{
    if (j->tier && !j->parents_tier) {
        client_counters(j->tier->client, &out->optimizers, &out->optimizer_kb);
        out->optimizers_lost += j->tier->lost;
    }
}

uint64_t tier_note(const Jit *j)
{
    const struct Tier *tier = j->parents_tier ? NULL : j->tier;
    bool answered = tier && !tier->lost;
    for (unsigned i = 0; i < CHANNEL_SLOTS && answered; i++) {
        answered = !tier->pending[i].entry;
    }
    return tier ? patience_note(&tier->patience, j, answered) : 0;
}

bool tier_may_note(const Jit *j)
{
    const struct Tier *tier = j->parents_tier ? NULL : j->tier;
    return tier && (tier->patience.asked || tier->patience.wanting);
}

CpuExit tier_hot(JitThread *t, GuestAddr pc)
{
    CpuExit left = CPU_EXIT_NONE;
    struct Tier *tier = tier_own(t->jit);
    Cpu *cpu = t->cpu;
    uint32_t weight = 1u << t->calm;
    t->calm += tier && tier->patience.on && t->calm < MOST_CALM;
    tier_reset_counter(cpu);
    if (!tier || !(t->jit->options.tiers & JIT_TIER_TEMPLATE) || t->jit->options.count_insns ||
        pthread_mutex_trylock(&tier->lock) != 0) {
        return left;
    }
    if (client_answers(tier->client)) {
        tier_take_answers(t, tier);
    } else {
        (void)tier_look_for_death(t, tier);
    }
    keep_enter(t, pc);
    Block *b = region_known(t, pc, cpu->mode);
    if (b && !b->tier2 && b->heat == 0 && tier_use_stored(t, b)) {
        b = NULL;
    }
    if (b && !b->tier2 && !b->no_promotion) {
        b->heat = (uint8_t)(b->heat + weight < UINT8_MAX ? b->heat + weight : UINT8_MAX);
        if (b->heat >= heat_wanted(t->jit) || stress_chance(t, 8)) {
            t->calm = tier_ask(t, tier, b, &left) ? 0 : t->calm;
            if (t->jit->options.hot == 1 || stress_chance(t, 2)) {
                tier_wait(t, tier);
            }
        }
    }
    pthread_mutex_unlock(&tier->lock);
    return left;
}
#endif
