/*
 * Disassembly templates. Text stands for itself; items in braces are
 *   {expr}                 the value in decimal
 *   {format: expr, ...}    printed by PREFIX_format_FORMAT (declared by a %format line)
 *   {if expr; yes; no}     one of two templates; `; no` may be left out
 */
#include "tools/decodegen/decodegen.h"

#include <ctype.h>
#include <string.h>

typedef struct Parser {
    Model *m;
    const Pattern *p;
    const char *at;
} Parser;

static bool parse_items(Parser *ps, Text **link, const char *stop);

static Text *new_text(Parser *ps, TextKind kind)
{
    Text *t = model_alloc(ps->m, sizeof *t);
    t->kind = kind;
    return t;
}

static bool expect(Parser *ps, char c)
{
    ps->at += strspn(ps->at, " ");
    if (*ps->at != c) {
        report(ps->m, ps->p->loc, "template: '%c' expected at '%s'", c, ps->at);
        return false;
    }
    ps->at++;
    return true;
}

static Text *parse_if(Parser *ps)
{
    Text *t = new_text(ps, TEXT_IF);
    if (!(t->args[0] = expr_parse(ps->m, ps->p, &ps->at)) || !expect(ps, ';')) {
        return NULL;
    }
    ps->at += *ps->at == ' ';
    if (!parse_items(ps, &t->yes, ";}")) {
        return NULL;
    }
    if (*ps->at == ';') {
        ps->at++;
        ps->at += *ps->at == ' ';
        if (!parse_items(ps, &t->no, "}")) {
            return NULL;
        }
    }
    return t;
}

static Text *parse_format_item(Parser *ps, const char *name, size_t len)
{
    Text *t = new_text(ps, TEXT_FORMAT);
    const Format *f = NULL;
    for (int i = 0; i < ps->m->nformats; i++) {
        if (!strncmp(ps->m->formats[i].name, name, len) && !ps->m->formats[i].name[len]) {
            f = &ps->m->formats[i];
            t->format = i;
        }
    }
    if (!f) {
        report(ps->m, ps->p->loc, "template: unknown format '%.*s'", (int)len, name);
        return NULL;
    }
    do {
        if (t->nargs == f->nargs) {
            t->nargs++;
            break;
        }
        if (!(t->args[t->nargs++] = expr_parse(ps->m, ps->p, &ps->at))) {
            return NULL;
        }
    } while (*ps->at == ',' && ps->at++);
    if (t->nargs != f->nargs) {
        report(ps->m, ps->p->loc, "template: format '%s' takes %d arguments", f->name, f->nargs);
        return NULL;
    }
    return t;
}

static Text *parse_item(Parser *ps)
{
    ps->at += strspn(ps->at, " ");
    const char *s = ps->at;
    size_t len = 0;
    while (isalnum((unsigned char)s[len]) || s[len] == '_') {
        len++;
    }
    if (len == 2 && !strncmp(s, "if ", 3)) {
        ps->at += 3;
        return parse_if(ps);
    }
    if (len && s[len] == ':') {
        ps->at += len + 1;
        return parse_format_item(ps, s, len);
    }
    Text *t = new_text(ps, TEXT_NUMBER);
    t->nargs = 1;
    t->args[0] = expr_parse(ps->m, ps->p, &ps->at);
    return t->args[0] ? t : NULL;
}

/* Parses items into *link until one of the characters in `stop`, or the end when that's empty. */
static bool parse_items(Parser *ps, Text **link, const char *stop)
{
    while (*ps->at && !strchr(stop, *ps->at)) {
        Text *t;
        if (*ps->at == '{') {
            ps->at++;
            if (!(t = parse_item(ps)) || !expect(ps, '}')) {
                return false;
            }
        } else {
            size_t len = strcspn(ps->at, *stop == ';' ? "{;}" : "{}");
            if (!len || memchr(ps->at, '\\', len)) {
                report(ps->m, ps->p->loc, "template: stray character at '%s'", ps->at);
                return false;
            }
            t = new_text(ps, TEXT_LITERAL);
            t->literal = model_strndup(ps->m, ps->at, len);
            ps->at += len;
        }
        *link = t;
        link = &t->next;
    }
    return true;
}

Text *text_parse(Model *m, const Pattern *p, const char *s)
{
    Parser ps = {.m = m, .p = p, .at = s};
    Text *first = NULL;
    int before = m->errors;
    if (!parse_items(&ps, &first, "") || !first) {
        if (m->errors == before) {
            report(m, p->loc, "%s: empty template", p->name);
        }
        return NULL;
    }
    return first;
}

void text_print(FILE *out, const Model *m, const char *prefix, const Text *text, int indent)
{
    for (const Text *t = text; t; t = t->next) {
        fprintf(out, "%*s", indent, "");
        switch (t->kind) {
        case TEXT_LITERAL: fprintf(out, "put_string(out, \"%s\");\n", t->literal); break;
        case TEXT_NUMBER:
            fputs("put_number(out, ", out);
            expr_print(out, m, t->args[0]);
            fputs(");\n", out);
            break;
        case TEXT_FORMAT:
            fprintf(out, "%s_format_%s(out", prefix, m->formats[t->format].name);
            for (int i = 0; i < t->nargs; i++) {
                fputs(", ", out);
                expr_print(out, m, t->args[i]);
            }
            fputs(");\n", out);
            break;
        case TEXT_IF:
            fputs("if (", out);
            expr_print(out, m, t->args[0]);
            fputs(") {\n", out);
            text_print(out, m, prefix, t->yes, indent + 4);
            if (t->no) {
                fprintf(out, "%*s} else {\n", indent, "");
                text_print(out, m, prefix, t->no, indent + 4);
            }
            fprintf(out, "%*s}\n", indent, "");
            break;
        }
    }
}
