#include "runtime/stats.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct Counter {
    const char *name, *text;
    size_t offset;
} Counter;

static const Counter jit_counters[] = {
#define JIT_STAT(name, text) {#name, text, offsetof(JitStats, name)},
#include "jit/stats.def"
#undef JIT_STAT
};

static const Counter cache_counter[] = {
#define CACHE_COUNTER(name, text) {"cache_" #name, text, offsetof(CacheCounters, name)},
    CACHE_COUNTERS(CACHE_COUNTER)
#undef CACHE_COUNTER
};

typedef struct Line {
    char text[16384];
    size_t at;
    bool json;
} Line;

static void add(Line *l, const Counter *c, size_t n, const void *values)
{
    for (size_t i = 0; i < n && l->at < sizeof l->text; i++) {
        uint64_t value = *(const uint64_t *)(const void *)((const char *)values + c[i].offset);
        size_t room = sizeof l->text - l->at;
        l->at += (size_t)(l->json ? snprintf(l->text + l->at, room, "%s\"%s\":%" PRIu64,
                                             l->at ? "," : "{", c[i].name, value)
                                  : snprintf(l->text + l->at, room, "%-20s %14" PRIu64 "  %s\n",
                                             c[i].name, value, c[i].text));
    }
}

void stats_print(const Jit *jit, const CacheCounters *cache, bool json, int fd)
{
    JitStats stats;
    Line l = {.json = json};
    jit_stats(jit, &stats);
    add(&l, jit_counters, sizeof jit_counters / sizeof *jit_counters, &stats);
    if (cache) {
        add(&l, cache_counter, sizeof cache_counter / sizeof *cache_counter, cache);
    }
    l.at = l.at < sizeof l.text ? l.at : sizeof l.text - 1;
    /* One write, so that lines of several processes don't mix. */
    dprintf(fd, "%.*s%s", (int)l.at, l.text, json ? "}\n" : "");
}
