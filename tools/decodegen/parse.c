/* Reads a .decode file: lines with their continuations, groups, `%format` lines and patterns. */
#include "tools/decodegen/decodegen.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int model_field(const Model *m, const char *name, size_t len)
{
    for (int i = 0; i < m->nfields; i++) {
        if (!strncmp(m->fields[i], name, len) && !m->fields[i][len]) {
            return i;
        }
    }
    return -1;
}

static int intern_field(Model *m, const char *name, size_t len)
{
    int i = model_field(m, name, len);
    if (i < 0) {
        m->fields = model_grow(m, m->fields, m->nfields, sizeof *m->fields);
        i = m->nfields++;
        m->fields[i] = model_strndup(m, name, len);
    }
    return i;
}

static size_t name_length(const char *s)
{
    size_t n = 0;
    if (isalpha((unsigned char)*s) || *s == '_') {
        while (isalnum((unsigned char)s[n]) || s[n] == '_') {
            n++;
        }
    }
    return n;
}

/* `field:N`, `field:sN` or `_:N`, s to end; *bit is the number of bits still to be described. */
static bool parse_field(Model *m, Pattern *p, const char *s, const char *end, int *bit)
{
    size_t len = name_length(s);
    if (!len || s[len] != ':') {
        report(m, p->loc, "bad token '%.*s'", (int)(end - s), s);
        return false;
    }
    const char *w = s + len + 1;
    bool is_signed = *w == 's';
    char *stop = (char *)w;
    long width = isdigit((unsigned char)w[is_signed]) ? strtol(w + is_signed, &stop, 10) : 0;
    if (stop != end || width < 1 || width > 32) {
        report(m, p->loc, "bad width in '%.*s'", (int)(end - s), s);
        return false;
    }
    *bit -= (int)width;
    if (*bit < 0 || (len == 1 && *s == '_')) {
        return true; /* too many bits are reported by the caller, once for the line */
    }
    int field = intern_field(m, s, len);
    if (field > UINT8_MAX) {
        report(m, p->loc, "more than %d field names", UINT8_MAX + 1);
        return false;
    }
    /* Pieces of one field are kept together, most significant first. */
    int at = p->npieces;
    bool more = false;
    for (int i = 0; i < p->npieces; i++) {
        if (p->pieces[i].field == field) {
            at = i + 1;
            more = true;
        }
    }
    memmove(&p->pieces[at + 1], &p->pieces[at], (size_t)(p->npieces - at) * sizeof(Piece));
    p->pieces[at] = (Piece){.field = (uint8_t)field,
                            .lsb = (uint8_t)*bit,
                            .width = (uint8_t)width,
                            .is_signed = is_signed,
                            .more = more};
    p->npieces++;
    return true;
}

static void parse_literal(Pattern *p, const char *s, const char *end, int *bit)
{
    for (; s < end; s++) {
        if (--*bit >= 0 && *s != '.') {
            p->mask |= UINT32_C(1) << *bit;
            p->value |= (uint32_t)(*s - '0') << *bit;
        }
    }
}

/* The bits of a pattern, up to its constraint or template. NULL: wrong, and reported. */
static const char *parse_bits(Model *m, Pattern *p, const char *s)
{
    int bit = 32;
    for (;;) {
        s += strspn(s, " \t");
        if (!*s || *s == '[' || *s == '"') {
            break;
        }
        const char *end = s + strcspn(s, " \t[\"");
        if (strspn(s, "01.") >= (size_t)(end - s)) {
            parse_literal(p, s, end, &bit);
        } else if (!parse_field(m, p, s, end, &bit)) {
            return NULL;
        }
        s = end;
    }
    if (bit) {
        report(m, p->loc, "%s has %d bits, not 32", p->name, 32 - bit);
        return NULL;
    }
    return s;
}

/* Drops what can't be: a constraint that no word meets. Only tried when that is quick. */
static bool constraint_can_hold(const Pattern *p)
{
    uint32_t free_bits = expr_bits(p->constraint, p) & ~p->mask;
    if (__builtin_popcount(free_bits) > 20) {
        return true;
    }
    uint32_t word = 0;
    do {
        if (expr_eval(p->constraint, p, word | p->value)) {
            return true;
        }
        word = (word - free_bits) & free_bits; /* the next subset of free_bits */
    } while (word);
    return false;
}

static const char *parse_constraint(Model *m, Pattern *p, const char *s)
{
    s++;
    p->constraint = expr_parse(m, p, &s);
    if (!p->constraint) {
        return NULL;
    }
    if (*s != ']') {
        report(m, p->loc, "bad constraint at '%s'", s);
        return NULL;
    }
    if (!constraint_can_hold(p)) {
        report(m, p->loc, "no encoding of %s meets its constraint", p->name);
        return NULL;
    }
    s++;
    return s + strspn(s, " \t");
}

static void parse_pattern(Model *m, const char *s, Loc loc, int group)
{
    size_t len = name_length(s);
    if (!len || (s[len] && !isspace((unsigned char)s[len]))) {
        report(m, loc, "pattern name expected at '%s'", s);
        return;
    }
    Pattern p = {.name = model_strndup(m, s, len), .loc = loc, .group = group};
    for (int i = 0; i < m->npatterns; i++) {
        if (!strcmp(m->patterns[i].name, p.name)) {
            report(m, loc, "%s is already defined at %s:%d", p.name, m->patterns[i].loc.file,
                   m->patterns[i].loc.line);
            return;
        }
    }
    if (!(s = parse_bits(m, &p, s + len)) || (*s == '[' && !(s = parse_constraint(m, &p, s)))) {
        return;
    }
    size_t n = strlen(s);
    if (n < 2 || *s != '"' || strchr(s + 1, '"') != s + n - 1) {
        report(m, loc, "%s: a quoted disassembly template must end the line", p.name);
        return;
    }
    p.text = text_parse(m, &p, model_strndup(m, s + 1, n - 2));
    if (!p.text) {
        return;
    }
    m->patterns = model_grow(m, m->patterns, m->npatterns, sizeof p);
    m->patterns[m->npatterns++] = p;
}

/* `%format NAME NARGS` */
static void parse_format(Model *m, const char *s, Loc loc)
{
    s += strspn(s, " \t");
    size_t len = name_length(s);
    char *end;
    long nargs = strtol(s + len, &end, 10);
    if (!len || end == s + len || *end || nargs < 1 || nargs > MAX_FORMAT_ARGS) {
        report(m, loc, "expected %%format NAME NUMBER-OF-ARGUMENTS");
        return;
    }
    for (int i = 0; i < m->nformats; i++) {
        if (!strncmp(m->formats[i].name, s, len) && !m->formats[i].name[len]) {
            report(m, loc, "format '%.*s' is already defined at %s:%d", (int)len, s,
                   m->formats[i].loc.file, m->formats[i].loc.line);
            return;
        }
    }
    m->formats = model_grow(m, m->formats, m->nformats, sizeof *m->formats);
    m->formats[m->nformats++] =
        (Format){.name = model_strndup(m, s, len), .loc = loc, .nargs = (int)nargs};
}

/* Cuts a comment and white space at the end; `#` inside a template, which may go over lines, is
 * text. */
static void cut_comment(char *s, bool *quoted)
{
    char *end = s;
    for (; *end && (*quoted || *end != '#'); end++) {
        *quoted ^= *end == '"';
    }
    while (end > s && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = 0;
}

typedef struct Reader {
    FILE *in;
    Loc loc; /* of the first line of the last logical line */
    int line;
    char *raw; /* getline's */
    size_t rawsize;
    char *text; /* the logical line */
    size_t size;
} Reader;

/* Reads a logical line: without its comment, joined with those it continues on. */
static bool read_line(Reader *r)
{
    size_t used = 0;
    bool any = false, joined = true, quoted = false;
    while (joined && getline(&r->raw, &r->rawsize, r->in) > 0) {
        r->line++;
        if (!any) {
            r->loc.line = r->line;
            any = true;
        }
        cut_comment(r->raw, &quoted);
        size_t len = strlen(r->raw);
        joined = len && r->raw[len - 1] == '\\';
        if (joined) {
            r->raw[--len] = 0;
        }
        if (used + len + 1 > r->size) {
            r->size = 2 * (used + len + 1);
            char *bigger = realloc(r->text, r->size);
            if (!bigger) {
                return false;
            }
            r->text = bigger;
        }
        memcpy(r->text + used, r->raw, len + 1);
        used += len;
    }
    return any;
}

static void parse_line(Model *m, const char *s, Loc loc, ParsePass pass, int *group)
{
    s += strspn(s, " \t");
    if (!strncmp(s, "%format", 7)) {
        if (pass == PARSE_FORMATS) {
            parse_format(m, s + 7, loc);
        }
    } else if (pass == PARSE_FORMATS) {
        return;
    } else if (!strcmp(s, "{")) {
        if (*group) {
            report(m, loc, "a group inside a group");
        }
        *group = ++m->ngroups;
    } else if (!strcmp(s, "}")) {
        if (!*group) {
            report(m, loc, "'}' without '{'");
        }
        *group = 0;
    } else if (*s) {
        parse_pattern(m, s, loc, *group);
    }
}

void parse_file(Model *m, const char *path, ParsePass pass)
{
    Reader r = {.in = fopen(path, "r"), .loc = {.file = path}};
    int group = 0;
    if (!r.in) {
        report(m, r.loc, "%s", strerror(errno));
        return;
    }
    while (read_line(&r)) {
        parse_line(m, r.text, r.loc, pass, &group);
    }
    if (group) {
        r.loc.line = r.line;
        report(m, r.loc, "'{' without '}'");
    }
    fclose(r.in);
    free(r.raw);
    free(r.text);
}
