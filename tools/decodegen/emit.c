/*
 * Writes PREFIX_decode.h and PREFIX_decode.c. The C code in them that doesn't depend on the
 * patterns is in the strings at the top.
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
    "/* Text under construction: from `at` up to, not including, `end`, where there's room for a "
    "0. */\n"
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
    " * A random encoding of a pattern: what isn't fixed is random, and its constraint and those "
    "of the\n"
    " * patterns before it in its group are respected. `rnd` gives 64 random bits.\n"
    " */\n"
    "uint32_t $p_random(int pattern, uint64_t (*rnd)(void *), void *opaque);\n"
    "/* Prints an instruction to buf (cut to size bytes, with the 0), and returns its pattern or "
    "-1. */\n"
    "int $p_disassemble(uint32_t insn, uint64_t pc, char *buf, size_t size);\n"
    "/* The translate function of each pattern. */\n"
    "extern $CTrans *const $p_trans[$U_PATTERNS];\n";

static const char source_types[] = "typedef struct Node {\n"
                                   "    uint8_t shift;\n"
                                   "    uint16_t mask;\n"
                                   "    uint32_t base;\n"
                                   "} Node;\n"
                                   "\n"
                                   "typedef struct Pattern {\n"
                                   "    uint32_t mask, value;\n"
                                   "    uint16_t program; /* of extract() */\n"
                                   "} Pattern;\n";

static const char source_functions[] =
    "int $p_decode(uint32_t insn, $CArgs *a)\n"
    "{\n"
    "    uint32_t at = ROOT;\n"
    "    while (at < NODES) {\n"
    "        const Node *n = &nodes[at];\n"
    "        at = next[n->base + (insn >> n->shift & n->mask)];\n"
    "    }\n"
    "    for (const uint16_t *c = &lists[at - NODES]; *c != LIST_END; c++) {\n"
    "        const Pattern *p = &patterns[*c];\n"
    "        if ((insn & p->mask) == p->value && extract(p->program, insn, a)) {\n"
    "            return *c;\n"
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

static const char source_text[] = "static void put_string($CText *out, const char *s)\n"
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
           "typedef struct $CArgs {\n");
    for (int i = 0; i < m->nfields; i++) {
        fprintf(e->out, "    int32_t %s;\n", m->fields[i]);
    }
    fputs(m->nfields ? "" : "    int32_t none;\n", e->out);
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
    fprintf(e->out, "\nenum { ROOT = %u, NODES = %d, LIST_END = %d };\n", t->root, t->nnodes,
            LIST_END);
    fprintf(e->out, "\nstatic const Node nodes[] = {\n");
    for (int i = 0; i < t->nnodes; i++) {
        fprintf(e->out, "    {%u, 0x%x, %u},\n", t->nodes[i].shift, t->nodes[i].mask,
                t->nodes[i].base);
    }
    fprintf(e->out, "%s};\n\nstatic const uint16_t next[] = {",
            t->nnodes ? "" : "    {0, 0, 0},\n");
    for (int i = 0; i < t->nnext; i++) {
        fprintf(e->out, "%s%u,", i % 16 ? " " : "\n    ", t->next[i]);
    }
    fprintf(e->out, "%s\n};\n\nstatic const uint16_t lists[] = {", t->nnext ? "" : "\n    0,");
    for (int i = 0; i < t->nlists; i++) {
        fprintf(e->out, "%s%u,", i % 16 ? " " : "\n    ", t->lists[i]);
    }
    fprintf(e->out, "\n};\n");
}

/* The expression of a piece; shifted left by `up` when it isn't the last of its field. */
static void emit_piece(Emitter *e, const Piece *c, int up)
{
    if (c->is_signed && !c->more) {
        fprintf(e->out, "((int32_t)(insn << %d) >> %d)", 32 - c->lsb - c->width, 32 - c->width);
    } else {
        fprintf(e->out, "(int32_t)(insn >> %d & 0x%x)", c->lsb,
                (unsigned)((UINT64_C(1) << c->width) - 1));
    }
    if (up) {
        fprintf(e->out, " * (1 << %d)", up);
    }
}

static void emit_program(Emitter *e, const Pattern *p)
{
    for (int i = 0; i < p->npieces; i++) {
        const Piece *c = &p->pieces[i];
        int up = 0;
        for (int k = i + 1; k < p->npieces && p->pieces[k].more; k++) {
            up += p->pieces[k].width;
        }
        if (c->more) {
            fputs(" + ", e->out);
        } else {
            fprintf(e->out, "        a->%s = ", e->m->fields[c->field]);
        }
        emit_piece(e, c, up);
        fputs(up ? "" : ";\n", e->out);
    }
    fputs("        return ", e->out);
    if (p->constraint) {
        expr_print(e->out, e->m, p->constraint);
    } else {
        fputs("1", e->out);
    }
    fputs(";\n", e->out);
}

static bool same_program(const Pattern *p, const Pattern *q)
{
    return p->npieces == q->npieces &&
           !memcmp(p->pieces, q->pieces, (size_t)p->npieces * sizeof(Piece)) &&
           expr_equal(p->constraint, q->constraint);
}

/*
 * Extraction programs are straight C in one switch: that is one indirect jump where a loop over a
 * table would have a misprediction at its end. Patterns with the same fields and constraint share
 * one.
 */
static void emit_programs(Emitter *e)
{
    Model *m = e->m;
    int programs = 0;
    put(e, "\n/* The fields of an instruction; 0: its pattern's constraint doesn't hold. */\n"
           "static inline int extract(unsigned program, uint32_t insn, $CArgs *a)\n{\n"
           "    switch (program) {\n");
    for (int i = 0; i < m->npatterns; i++) {
        int twin = 0;
        while (!same_program(&m->patterns[twin], &m->patterns[i])) {
            twin++;
        }
        m->patterns[i].program = twin < i ? m->patterns[twin].program : programs++;
        if (twin == i) {
            fprintf(e->out, "    case %d:\n", m->patterns[i].program);
            emit_program(e, &m->patterns[i]);
        }
    }
    put(e, "    default:\n        (void)insn;\n        (void)a;\n        return 1;\n    }\n}\n\n");
}

static void emit_patterns(Emitter *e)
{
    const Model *m = e->m;
    fprintf(e->out, "static const Pattern patterns[] = {\n");
    for (int i = 0; i < m->npatterns; i++) {
        const Pattern *p = &m->patterns[i];
        fprintf(e->out, "    {0x%08x, 0x%08x, %d}, /* %s */\n", p->mask, p->value, p->program,
                p->name);
    }
    fprintf(e->out, "%s};\n\n", m->npatterns ? "" : "    {0, 0, 0},\n");
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
    emit_programs(e); /* numbers them for emit_patterns */
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
