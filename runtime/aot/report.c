#include "runtime/aot/report.h"

#include <string.h>
#include <unistd.h>

void report_count(FileReport *r, const Plan *p)
{
    r->functions = p->nfunctions;
    for (uint32_t i = 0; i < p->nfunctions; i++) {
        uint64_t at = p->functions[i].start;
        r->functions_covered += plan_has(p, at) && *plan_insn(p, at) & PLAN_MADE;
    }
    for (uint64_t at = p->low; at < p->high; at += 4) {
        uint8_t flags = *plan_insn(p, at);
        if (!(flags & PLAN_CODE)) {
            continue;
        }
        r->code_bytes += 4;
        if (flags & PLAN_MADE) {
            r->covered_bytes += 4;
        } else if (plan_is_padding(p, at)) {
            r->padding_bytes += 4;
        } else if (flags & PLAN_READ) {
            r->refused_bytes += 4;
        } else {
            r->unread_bytes += 4;
        }
    }
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

void report_line(const char *path, const FileReport *r)
{
    if (r->failed) {
        printf("%s: %s\n", path, r->why);
        return;
    }
    printf(
        "%s: %u of %u functions, %.1f%% of %llu bytes of code; %llu blocks translated (%llu KiB), "
        "%llu known; %llu regions of tier 2 (%llu instructions); "
        "left out: %llu bytes of padding, %llu not reached, %llu behind what can't go on; %.2f s\n",
        path, r->functions_covered, r->functions, percent(r->covered_bytes, r->code_bytes),
        (unsigned long long)r->code_bytes, (unsigned long long)r->made.blocks,
        (unsigned long long)r->made.host_bytes >> 10, (unsigned long long)r->made.kept,
        (unsigned long long)r->made.regions, (unsigned long long)r->made.region_insns,
        (unsigned long long)r->padding_bytes, (unsigned long long)r->unread_bytes,
        (unsigned long long)r->refused_bytes, r->seconds);
}

void report_sum(const FileReport *reports, unsigned n)
{
    FileReport sum = {0};
    unsigned failed = 0;
    for (unsigned i = 0; i < n; i++) {
        const FileReport *r = &reports[i];
        failed += r->failed;
        sum.functions += r->functions;
        sum.functions_covered += r->functions_covered;
        sum.code_bytes += r->code_bytes;
        sum.covered_bytes += r->covered_bytes;
        sum.made.blocks += r->made.blocks;
        sum.made.kept += r->made.kept;
        sum.made.host_bytes += r->made.host_bytes;
        sum.seconds += r->seconds;
    }
    printf("%u files (%u failed): %u of %u functions, %.1f%% of %llu bytes of code; %llu blocks "
           "translated "
           "(%llu KiB), %llu known; %.2f s\n",
           n, failed, sum.functions_covered, sum.functions,
           percent(sum.covered_bytes, sum.code_bytes), (unsigned long long)sum.code_bytes,
           (unsigned long long)sum.made.blocks, (unsigned long long)sum.made.host_bytes >> 10,
           (unsigned long long)sum.made.kept, sum.seconds);
}

static void json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c < ' ') {
            printf("\\u%04x", *c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

void report_json(char *const *paths, const FileReport *reports, unsigned n)
{
    printf("{\"files\":[");
    for (unsigned i = 0; i < n; i++) {
        const FileReport *r = &reports[i];
        printf("%s{\"path\":", i ? "," : "");
        json_text(paths[i]);
        if (r->failed) {
            printf(",\"error\":");
            json_text(r->why);
            printf("}");
            continue;
        }
        printf(
            ",\"functions\":%u,\"functions_covered\":%u,\"code_bytes\":%llu,\"covered_bytes\":%llu,"
            "\"padding_bytes\":%llu,\"unreached_bytes\":%llu,\"refused_bytes\":%llu,\"blocks\":%"
            "llu,"
            "\"known_blocks\":%llu,\"guest_bytes\":%llu,\"host_bytes\":%llu,\"parts\":%llu,"
            "\"regions\":%llu,\"region_insns\":%llu,\"region_bytes\":%llu,\"regions_refused\":%llu,"
            "\"profile_regions\":%llu,"
            "\"cpu_"
            "seconds\":%.3f}",
            r->functions, r->functions_covered, (unsigned long long)r->code_bytes,
            (unsigned long long)r->covered_bytes, (unsigned long long)r->padding_bytes,
            (unsigned long long)r->unread_bytes, (unsigned long long)r->refused_bytes,
            (unsigned long long)r->made.blocks, (unsigned long long)r->made.kept,
            (unsigned long long)r->made.guest_bytes, (unsigned long long)r->made.host_bytes,
            (unsigned long long)r->made.parts, (unsigned long long)r->made.regions,
            (unsigned long long)r->made.region_insns, (unsigned long long)r->made.region_bytes,
            (unsigned long long)r->made.regions_refused,
            (unsigned long long)r->made.profile_regions, r->seconds);
    }
    printf("]}\n");
}

void report_progress(unsigned done, unsigned n, const char *path)
{
    enum { WIDTH = 30 };
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    char bar[WIDTH + 1];
    unsigned full = n ? done * WIDTH / n : WIDTH;
    memset(bar, '.', WIDTH);
    memset(bar, '#', full);
    bar[WIDTH] = 0;
    const char *slash = strrchr(path, '/');
    fprintf(stderr, "\r[%s] %u/%u %-40.40s%s", bar, done, n, slash ? slash + 1 : path,
            done == n ? "\r\033[K" : "");
    fflush(stderr);
}
