/* maps, smaps and smaps_rollup: the host's lines, cut to what is the guest's. */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/sys/procfs_text.h"

/* "start-end rwxp offset dev inode   path" */
typedef struct HostLine {
    uint64_t start, end, offset;
    char shared;
    const char *rest; /* "dev inode   path" */
} HostLine;

static bool hex(const char **at, uint64_t *v, char stop)
{
    *v = 0;
    for (; **at != stop; (*at)++) {
        int c = **at, digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                     : -1;
        if (digit < 0) {
            return false;
        }
        *v = *v << 4 | (unsigned)digit;
    }
    (*at)++;
    return true;
}

static bool parse_line(const char *line, HostLine *h)
{
    if (!hex(&line, &h->start, '-') || !hex(&line, &h->end, ' ') || strlen(line) < 5) {
        return false;
    }
    h->shared = line[3];
    line += 5;
    if (!hex(&line, &h->offset, ' ')) {
        return false;
    }
    h->rest = line;
    return true;
}

/* The first range of v that ends after addr. */
static size_t find(const ProcView *v, GuestAddr addr)
{
    size_t low = 0, high = v->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (v->ranges[mid].end <= addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void put_part(Text *x, const HostLine *h, const MapRange *r, uint64_t from, uint64_t to)
{
    bool has_file = strncmp(h->rest, "00:00 0", 7);
    const char *name = r->flags & MAP_FLAG_STACK  ? "[stack]"
                       : r->flags & MAP_FLAG_VDSO ? "[vdso]"
                       : r->flags & MAP_FLAG_VVAR ? "[vvar]"
                       : r->flags & MAP_FLAG_HEAP ? "[heap]"
                                                  : NULL;
    char *out = text_room(x, PATH_MAX + 256);
    int n = snprintf(out, PATH_MAX + 256, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " ",
                     from, to, r->prot & PROT_READ ? 'r' : '-', r->prot & PROT_WRITE ? 'w' : '-',
                     r->prot & PROT_EXEC ? 'x' : '-', h->shared,
                     has_file ? h->offset + (from - h->start) : 0);
    if (name && !has_file) {
        n += snprintf(out + n, (size_t)(PATH_MAX + 256 - n), "%-*s%s\n", 73 - n, "00:00 0", name);
    } else {
        n += snprintf(out + n, (size_t)(PATH_MAX + 256 - n), "%s\n", h->rest);
    }
    x->at += (size_t)n;
}

/* Calls each for the parts of a host mapping that are the guest's; how many there are. */
static unsigned each_part(const ProcView *v, const HostLine *h,
                          void (*each)(void *, const MapRange *, uint64_t, uint64_t), void *ctx)
{
    unsigned n = 0;
    for (size_t i = find(v, h->start); i < v->count && v->ranges[i].start < h->end; i++, n++) {
        const MapRange *r = &v->ranges[i];
        if (each) {
            each(ctx, r, r->start > h->start ? r->start : h->start,
                 r->end < h->end ? r->end : h->end);
        }
    }
    return n;
}

/* One mapping of the host's: its line in maps, and in smaps what follows it. */
typedef struct Mapping {
    Text *x;
    HostLine h;
    char line[PATH_MAX + 256];
    char details[4096];
    size_t used;
    unsigned parts;
} Mapping;

static void put_maps(void *ctx, const MapRange *r, uint64_t from, uint64_t to)
{
    const Mapping *m = ctx;
    put_part(m->x, &m->h, r, from, to);
}

void procfs_maps(Text *x, const ProcView *v, const char *path)
{
    Mapping m = {.x = x};
    Lines l;
    if (!lines_open(&l, path)) {
        return;
    }
    for (char *line; (line = lines_next(&l));) {
        if (parse_line(line, &m.h)) {
            each_part(v, &m.h, put_maps, &m);
        }
    }
    lines_close(&l);
}

/* What the host counts for a mapping of several parts is told of the first one. */
static void put_smaps(void *ctx, const MapRange *r, uint64_t from, uint64_t to)
{
    Mapping *m = ctx;
    put_part(m->x, &m->h, r, from, to);
    for (const char *at = m->details; *at;) {
        const char *end = strchr(at, '\n'), *colon = strchr(at, ':');
        int width = (int)(colon ? colon + 1 - at : 0);
        if (!strncmp(at, "Size:", 5)) {
            text_print(m->x, "%-16s%8" PRIu64 " kB\n", "Size:", (to - from) / 1024);
        } else if (m->parts && end > at + 3 && !strncmp(end - 3, " kB", 3) &&
                   !strstr(at, "PageSize:")) {
            text_print(m->x, "%-16.*s%8d kB\n", width, at, 0);
        } else {
            text_print(m->x, "%.*s\n", (int)(end - at), at);
        }
        at = end + 1;
    }
    m->parts++;
}

/* Calls whole for each mapping with its details. */
static void each_mapping(const ProcView *v, const char *path, Text *x,
                         void (*whole)(const ProcView *, Mapping *, void *), void *ctx)
{
    Mapping m = {.x = x};
    bool any = false;
    Lines l;
    if (!lines_open(&l, path)) {
        return;
    }
    for (char *line;;) {
        HostLine h;
        line = lines_next(&l);
        bool head = line && parse_line(line, &h);
        if (any && (head || !line)) {
            whole(v, &m, ctx);
        }
        if (!line) {
            break;
        }
        if (head) {
            snprintf(m.line, sizeof m.line, "%s", line);
            parse_line(m.line, &m.h);
            m.used = 0;
            m.details[0] = 0;
            m.parts = 0;
            any = true;
        } else if (m.used + strlen(line) + 2 < sizeof m.details) {
            m.used += (size_t)snprintf(m.details + m.used, sizeof m.details - m.used, "%s\n", line);
        }
    }
    lines_close(&l);
}

static void whole_smaps(const ProcView *v, Mapping *m, void *ctx)
{
    (void)ctx;
    each_part(v, &m->h, put_smaps, m);
}

void procfs_smaps(Text *x, const ProcView *v, const char *path)
{
    each_mapping(v, path, x, whole_smaps, NULL);
}

enum { SUMS = 40 };
typedef struct Sums {
    struct {
        char key[32];
        uint64_t kb;
    } row[SUMS];
    unsigned n;
} Sums;

static void whole_sum(const ProcView *v, Mapping *m, void *ctx)
{
    Sums *s = ctx;
    if (!each_part(v, &m->h, NULL, NULL)) {
        return;
    }
    for (const char *at = m->details; *at; at = strchr(at, '\n') + 1) {
        char key[32];
        unsigned long long kb;
        if (sscanf(at, "%30[^:]: %llu kB", key, &kb) != 2) {
            continue;
        }
        unsigned i = 0;
        while (i < s->n && strcmp(s->row[i].key, key)) {
            i++;
        }
        if (i < SUMS) {
            snprintf(s->row[i].key, sizeof s->row[i].key, "%s", key);
            s->row[i].kb += kb;
            s->n = i == s->n ? i + 1 : s->n;
        }
    }
}

void procfs_smaps_rollup(Text *x, const ProcView *v, const char *path)
{
    char smaps[PATH_MAX];
    const char *slash = strrchr(path, '/');
    Sums sums = {.n = 0};
    snprintf(smaps, sizeof smaps, "%.*s/smaps", (int)(slash - path), path);
    each_mapping(v, smaps, x, whole_sum, &sums);
    char head[96];
    snprintf(head, sizeof head, "%08" PRIx64 "-%08" PRIx64 " ---p 00000000 00:00 0",
             v->ranges[0].start, v->ranges[v->count - 1].end);
    text_print(x, "%-73s[rollup]\n", head);
    for (unsigned i = 0; i < sums.n; i++) {
        const char *key = sums.row[i].key;
        if (strcmp(key, "Size") && strcmp(key, "KernelPageSize") && strcmp(key, "MMUPageSize")) {
            text_print(x, "%s:%*s%8" PRIu64 " kB\n", key, (int)(15 - strlen(key)), "",
                       sums.row[i].kb);
        }
    }
}
