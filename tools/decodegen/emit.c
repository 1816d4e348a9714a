/*
 * Writes PREFIX_decode.h and PREFIX_decode.c. The C code in them that doesn't depend on the patterns is
 * in the strings at the top.
 */
#include "tools/decodegen/decodegen.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Emitter {
    Model *m;
    const Tree *t;
    FILE *out;
    const char *prefix;
    char upper[MAX_PREFIX + 1]; /* A64 */
    char camel[MAX_PREFIX + 1]; /* A64 */
} Emitter;

/* In these, `$p`, `$U` and `$C` stand for the prefix as a64, A64 and A64 (riscv: RISCV, Riscv). */
static const char header_functions[] =
    "\n"
    "struct $CCtx;\n"
    "typedef void $CTrans(struct $CCtx *ctx, const $CArgs *a);\n"
    "\n"
    "/* Text under construction: from `at` up to, not including, `end`, where there's room for a 0. */\n"
    "typedef struct $CText {\n"
    "    char *at, *end;\n"
    "    uint64_t pc; /* of the instruction */\n"
    "} $CText;\n"
    "\n"
    "/* The pattern of an instruction, and its fields in *a; -1: undefined (then *a is too). */\n"
    "int $p_decode(uint32_t insn, $CArgs *a);\n"
    "/* The name of a pattern, as in the .decode file. */\n"
    "const char *$p_name(int pattern);\n"
    "/* Where it is defined: FILE:LINE, the file without its folder. */\n"
    "const char *$p_origin(int pattern);\n"
    "/*\n"
    " * A random encoding of a pattern: what isn't fixed is random, and its constraint and those of the\n"
    " * patterns before it in its group are respected. `rnd` gives 64 random bits.\n"
    " */\n"
    "uint32_t $p_random(int pattern, uint64_t (*rnd)(void *), void *opaque);\n"
    "/* Prints an instruction to buf (cut to size bytes, with the 0), and returns its pattern or -1. */\n"
    "int $p_disassemble(uint32_t insn, uint64_t pc, char *buf, size_t size);\n"
    "/* The translate function of each pattern. */\n"
    "extern $CTrans *const $p_trans[$U_PATTERNS];\n";

static const char source_types[] =
    "typedef struct Node {\n"
    "    uint8_t shift;\n"
    "    uint16_t mask;\n"
    "    uint32_t base;\n"
    "} Node;\n"
    "\n"
    "/* A part of a field: bits (insn << left) >> right; `more` puts them below those before. */\n"
    "typedef struct Piece {\n"
    "    uint8_t field, left, right;\n"
    "    uint8_t is_signed : 1, more : 1;\n"
    "} Piece;\n"
    "\n"
    "typedef struct Pattern {\n"
    "    uint32_t mask, value;\n"
    "    uint16_t pieces, check;\n"
    "    uint8_t npieces;\n"
    "} Pattern;\n";

static const char source_functions[] =
    "static void extract(const Pattern *p, uint32_t insn, $CArgs *a)\n"
    "{\n"
    "    const Piece *c = &pieces[p->pieces], *end = c + p->npieces;\n"
    "    for (; c < end; c++) {\n"
    "        uint32_t bits = insn << c->left;\n"
    "        int32_t v = c->is_signed ? (int32_t)bits >> c->right : (int32_t)(bits >> c->right);\n"
    "        int32_t *field = &a->all_fields[c->field];\n"
    "        *field = c->more ? (int32_t)((uint32_t)*field << (32 - c->right) | (uint32_t)v) : v;\n"
    "    }\n"
    "}\n"
    "\n"
    "int $p_decode(uint32_t insn, $CArgs *a)\n"
    "{\n"
    "    uint32_t at = ROOT;\n"
    "    while (at < NODES) {\n"
    "        const Node *n = &nodes[at];\n"
    "        at = next[n->base + (insn >> n->shift & n->mask)];\n"
    "    }\n"
    "    for (const uint16_t *c = &lists[at - NODES]; *c != LIST_END; c++) {\n"
    "        const Pattern *p = &patterns[*c];\n"
    "        if ((insn & p->mask) == p->value) {\n"
    "            extract(p, insn, a);\n"
    "            if (!p->check || holds(p->check, a)) {\n"
    "                return *c;\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "    return -1;\n"
    "}\n"
    "\n"
    "const char *$p_name(int pattern)\n"
    "{\n"
    "    return names[pattern];\n"
    "}\n"
    "\n"
    "const char *$p_origin(int pattern)\n"
    "{\n"
    "    return origins[pattern];\n"
    "}\n"
    "\n"
    "uint32_t $p_random(int pattern, uint64_t (*rnd)(void *), void *opaque)\n"
    "{\n"
    "    const Pattern *p = &patterns[pattern];\n"
    "    $CArgs a;\n"
    "    uint32_t insn;\n"
    "    do {\n"
    "        insn = ((uint32_t)rnd(opaque) & ~p->mask) | p->value;\n"
    "    } while ($p_decode(insn, &a) != pattern);\n"
    "    return insn;\n"
    "}\n"
    "\n"
    "int $p_disassemble(uint32_t insn, uint64_t pc, char *buf, size_t size)\n"
    "{\n"
    "    $CArgs args;\n"
    "    $CText text = {.at = buf, .end = buf + size - 1, .pc = pc};\n"
    "    int pattern = $p_decode(insn, &args);\n"
    "    if (pattern >= 0) {\n"
    "        print(&text, pattern, &args);\n"
    "    } else {\n"
    "        put_string(&text, \"undefined\");\n"
    "    }\n"
    "    *text.at = 0;\n"
    "    return pattern;\n"
    "}\n";

static const char source_text[] =
    "static void put_string($CText *out, const char *s)\n"
    "{\n"
    "    while (*s && out->at < out->end) {\n"
    "        *out->at++ = *s++;\n"
    "    }\n"
    "}\n"
    "\n"
    "static inline void put_number($CText *out, int32_t v)\n"
    "{\n"
    "    char digits[16];\n"
    "    snprintf(digits, sizeof digits, \"%\" PRId32, v);\n"
    "    put_string(out, digits);\n"
    "}\n"
    "\n";

static void put(const Emitter *e, const char *s)
{
    for (; *s; s++) {
        if (*s == '$') {
            s++;
            fputs(*s == 'p' ? e->prefix : *s == 'U' ? e->upper : e->camel, e->out);
        } else {
            fputc(*s, e->out);
        }
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void emit_header(Emitter *e)
{
    const Model *m = e->m;
    put(e, "/* Generated by decodegen: don't edit. */\n#ifndef $U_DECODE_H\n#define $U_DECODE_H\n\n"
           "#include <stddef.h>\n#include <stdint.h>\n\ntypedef enum $CPattern {\n");
    for (int i = 0; i < m->npatterns; i++) {
        fprintf(e->out, "    %s_%s,\n", e->upper, m->patterns[i].name);
    }
    put(e, "    $U_PATTERNS\n} $CPattern;\n\n"
           "/* The fields of an instruction. Only those of its pattern are valid. */\n"
           "typedef struct $CArgs {\n    union {\n        struct {\n");
    for (int i = 0; i < m->nfields; i++) {
        fprintf(e->out, "            int32_t %s;\n", m->fields[i]);
    }
    fprintf(e->out, "        };\n        int32_t all_fields[%d];\n    };\n", m->nfields ? m->nfields : 1);
    put(e, "} $CArgs;\n");
    put(e, header_functions);
    put(e, "\n/* The front end implements these: the formats of disassembly templates ... */\n");
    for (int i = 0; i < m->nformats; i++) {
        fprintf(e->out, "void %s_format_%s(%sText *out", e->prefix, m->formats[i].name, e->camel);
        for (int k = 0; k < m->formats[i].nargs; k++) {
            fputs(", int32_t", e->out);
        }
        fputs(");\n", e->out);
    }
    put(e, "\n/* ... and the translate functions. */\n");
    for (int i = 0; i < m->npatterns; i++) {
        fprintf(e->out, "%sTrans trans_%s;\n", e->camel, m->patterns[i].name);
    }
    put(e, "\n#endif\n");
}

static void emit_tree(Emitter *e)
{
    const Tree *t = e->t;
    fprintf(e->out, "\nenum { ROOT = %u, NODES = %d, LIST_END = %d };\n", t->root, t->nnodes, LIST_END);
    fprintf(e->out, "\nstatic const Node nodes[] = {\n");
    for (int i = 0; i < t->nnodes; i++) {
        fprintf(e->out, "    {%u, 0x%x, %u},\n", t->nodes[i].shift, t->nodes[i].mask,
                t->nodes[i].base);
    }
    fprintf(e->out, "%s};\n\nstatic const uint16_t next[] = {", t->nnodes ? "" : "    {0, 0, 0},\n");
    for (int i = 0; i < t->nnext; i++) {
        fprintf(e->out, "%s%u,", i % 16 ? " " : "\n    ", t->next[i]);
    }
    fprintf(e->out, "%s\n};\n\nstatic const uint16_t lists[] = {", t->nnext ? "" : "\n    0,");
    for (int i = 0; i < t->nlists; i++) {
        fprintf(e->out, "%s%u,", i % 16 ? " " : "\n    ", t->lists[i]);
    }
    fprintf(e->out, "\n};\n");
}

static bool same_pieces(const Pattern *p, const Pattern *q)
{
    return p->npieces == q->npieces &&
           !memcmp(p->pieces, q->pieces, (size_t)p->npieces * sizeof(Piece));
}

/* Patterns with the same fields at the same places share one extraction program. */
static void emit_patterns(Emitter *e)
{
    Model *m = e->m;
    int *start = model_alloc(m, sizeof(int) * ((size_t)m->npatterns + 1));
    int used = 0;
    fprintf(e->out, "\nstatic const Piece pieces[] = {\n");
    for (int i = 0; i < m->npatterns; i++) {
        const Pattern *p = &m->patterns[i];
        int twin = 0;
        while (!same_pieces(p, &m->patterns[twin])) {
            twin++;
        }
        start[i] = twin < i ? start[twin] : used;
        used += twin < i ? 0 : p->npieces;
        for (int k = 0; twin == i && k < p->npieces; k++) {
            const Piece *c = &p->pieces[k];
            fprintf(e->out, "    {%u, %u, %u, %u, %u},\n", c->field, 32 - c->lsb - c->width,
                    32 - c->width, c->is_signed && !c->more, c->more);
        }
    }
    fprintf(e->out, "%s};\n\nstatic const Pattern patterns[] = {\n", used ? "" : "    {0},\n");
    for (int i = 0; i < m->npatterns; i++) {
        const Pattern *p = &m->patterns[i];
        fprintf(e->out, "    {0x%08x, 0x%08x, %d, %d, %d}, /* %s */\n", p->mask, p->value, start[i],
                p->check, p->npieces, p->name);
    }
    fprintf(e->out, "%s};\n", m->npatterns ? "" : "    {0},\n");
}

static void emit_constraints(Emitter *e)
{
    Model *m = e->m;
    int checks = 0;
    put(e, "\nstatic inline int holds(unsigned check, const $CArgs *a)\n{\n    switch (check) {\n");
    for (int i = 0; i < m->npatterns; i++) {
        Pattern *p = &m->patterns[i];
        for (int k = 0; p->constraint && !p->check && k < i; k++) {
            if (expr_equal(p->constraint, m->patterns[k].constraint)) {
                p->check = m->patterns[k].check;
            }
        }
        if (p->constraint && !p->check) {
            p->check = ++checks;
            fprintf(e->out, "    case %d:\n        return ", p->check);
            expr_print(e->out, m, p->constraint);
            fputs(";\n", e->out);
        }
    }
    /* A decoder without constraints doesn't use the fields. */
    put(e, "    default:\n        (void)a;\n        return 1;\n    }\n}\n\n");
}

static void emit_names(Emitter *e)
{
    const Model *m = e->m;
    put(e, "static const char *const names[] = {\n");
    for (int i = 0; i < m->npatterns; i++) {
        fprintf(e->out, "    \"%s\",\n", m->patterns[i].name);
    }
    put(e, "    \"\",\n};\n\nstatic const char *const origins[] = {\n");
    for (int i = 0; i < m->npatterns; i++) {
        const Loc *loc = &m->patterns[i].loc;
        fprintf(e->out, "    \"%s:%d\",\n", base_name(loc->file), loc->line);
    }
    put(e, "    \"\",\n};\n\n$CTrans *const $p_trans[$U_PATTERNS] = {\n");
    for (int i = 0; i < m->npatterns; i++) {
        fprintf(e->out, "    trans_%s,\n", m->patterns[i].name);
    }
    put(e, "};\n\n");
}

static void emit_texts(Emitter *e)
{
    const Model *m = e->m;
    put(e, source_text);
    put(e, "static void print($CText *out, int pattern, const $CArgs *a)\n{\n    (void)a;\n"
           "    switch (pattern) {\n");
    for (int i = 0; i < m->npatterns; i++) {
        fprintf(e->out, "    case %s_%s:\n", e->upper, m->patterns[i].name);
        text_print(e->out, m, e->prefix, m->patterns[i].text, 8);
        put(e, "        break;\n");
    }
    put(e, "    }\n}\n\n");
}

static void emit_source(Emitter *e)
{
    put(e, "/* Generated by decodegen: don't edit. */\n#include \"$p_decode.h\"\n\n"
           "#include <inttypes.h>\n#include <stdio.h>\n\n");
    put(e, source_types);
    emit_tree(e);
    emit_constraints(e); /* numbers them for emit_patterns */
    emit_patterns(e);
    emit_names(e);
    emit_texts(e);
    put(e, source_functions);
}

static int emit_file(Emitter *e, const char *dir, const char *suffix, void (*emit)(Emitter *))
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s_decode%s", dir, e->prefix, suffix) < 0) {
        return -ENOMEM;
    }
    e->out = fopen(path, "w");
    if (!e->out) {
        int err = -errno;
        free(path);
        return err;
    }
    emit(e);
    bool bad = ferror(e->out);
    bad |= fclose(e->out) != 0;
    if (bad) {
        remove(path); /* half a file must not look like a new one */
    }
    free(path);
    return bad ? -EIO : 0;
}

int emit_files(Model *m, const Tree *t, const char *prefix, const char *dir)
{
    Emitter e = {.m = m, .t = t, .prefix = prefix};
    for (size_t i = 0; prefix[i]; i++) {
        e.upper[i] = (char)toupper((unsigned char)prefix[i]);
        e.camel[i] = i ? prefix[i] : e.upper[i];
    }
    int err = emit_file(&e, dir, ".h", emit_header);
    return err ? err : emit_file(&e, dir, ".c", emit_source);
}
