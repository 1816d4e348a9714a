#include "runtime/stats.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *text;
    size_t offset;
} counters[] = {
#define JIT_STAT(name, text) {#name, text, offsetof(JitStats, name)},
#include "jit/stats.def"
#undef JIT_STAT
};

void stats_print(const Jit *jit, bool json)
{
    JitStats stats;
    char line[4096];
    size_t at = 0;
    jit_stats(jit, &stats);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0] && at < sizeof line; i++) {
        uint64_t value =
            *(const uint64_t *)(const void *)((const char *)&stats + counters[i].offset);
        int n = json ? snprintf(line + at, sizeof line - at, "%s\"%s\":%" PRIu64, at ? "," : "{",
                                counters[i].name, value)
                     : snprintf(line + at, sizeof line - at, "%-20s %14" PRIu64 "  %s\n",
                                counters[i].name, value, counters[i].text);
        at += (size_t)n;
    }
    at = at < sizeof line ? at : sizeof line - 1;
    /* One write, so that lines of several processes don't mix. */
    fprintf(stderr, "%.*s%s", (int)at, line, json ? "}\n" : "");
}
