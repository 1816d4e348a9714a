/* decodegen's command line, error reports and memory. */
#include "tools/decodegen/decodegen.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct Chunk {
    Chunk *next;
    max_align_t data[];
};

void *model_alloc(Model *m, size_t size)
{
    Chunk *c = calloc(1, sizeof *c + size);
    if (!c) {
        fputs("decodegen: out of memory\n", stderr);
        abort();
    }
    c->next = m->memory;
    m->memory = c;
    return c->data;
}

void *model_grow(Model *m, void *old, int used, size_t item)
{
    if (used & (used - 1)) {
        return old; /* capacity is the power of two at or above `used` */
    }
    void *bigger = model_alloc(m, item * (used ? 2 * (size_t)used : 1));
    if (used) {
        memcpy(bigger, old, item * (size_t)used);
    }
    return bigger;
}

char *model_strndup(Model *m, const char *s, size_t n)
{
    char *copy = model_alloc(m, n + 1);
    memcpy(copy, s, n);
    return copy;
}

static void model_free(Model *m)
{
    while (m->memory) {
        Chunk *c = m->memory;
        m->memory = c->next;
        free(c);
    }
}

void report(Model *m, Loc loc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: ", loc.file, loc.line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    m->errors++;
}

static int usage(void)
{
    fputs("usage: decodegen --prefix NAME --out-dir DIR FILE...\n", stderr);
    return 2;
}

static bool is_prefix(const char *s)
{
    if (!islower((unsigned char)*s) || strlen(s) > MAX_PREFIX) {
        return false;
    }
    while (islower((unsigned char)*s) || isdigit((unsigned char)*s)) {
        s++;
    }
    return !*s;
}

int main(int argc, char **argv)
{
    const char *prefix = NULL, *dir = NULL;
    int i = 1;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (!strcmp(argv[i], "--prefix")) {
            prefix = argv[i + 1];
        } else if (!strcmp(argv[i], "--out-dir")) {
            dir = argv[i + 1];
        } else {
            return usage();
        }
    }
    if (!prefix || !is_prefix(prefix) || !dir || i >= argc) {
        return usage();
    }
    Model m = {0};
    Tree tree = {0};
    for (int file = i; file < argc; file++) {
        parse_file(&m, argv[file], PARSE_FORMATS);
    }
    for (int file = i; file < argc && !m.errors; file++) {
        parse_file(&m, argv[file], PARSE_PATTERNS);
    }
    if (!m.errors) {
        check_overlaps(&m);
    }
    if (!m.errors) {
        tree_build(&m, &tree);
    }
    if (!m.errors) {
        int err = emit_files(&m, &tree, prefix, dir);
        if (err) {
            fprintf(stderr, "decodegen: cannot write to %s: %s\n", dir, strerror(-err));
            m.errors++;
        }
    }
    int status = m.errors ? 1 : 0;
    model_free(&m);
    return status;
}
