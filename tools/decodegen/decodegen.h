/*
 * decodegen: compiles `.decode` pattern files into a C decoder. README.md here describes the input.
 *
 *   parse.c  lines -> Pattern            tree.c   overlap checks, decision tree
 *   expr.c   constraint expressions      text.c   disassembly templates
 *   emit.c   the generated files         main.c   command line
 */
#ifndef DECODEGEN_H
#define DECODEGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_PIECES = 32, MAX_FORMAT_ARGS = 8, MAX_PREFIX = 30 };

typedef struct Loc {
    const char *file;
    int line;
} Loc;

/* A run of instruction bits that is (a part of) a field: bits lsb .. lsb+width-1. */
typedef struct Piece {
    uint8_t field; /* index into Model.fields */
    uint8_t lsb;
    uint8_t width;
    bool is_signed; /* of the field's first piece: the field is sign-extended */
    bool more;      /* goes below the piece before it, which is of the same field */
} Piece;

typedef enum ExprKind { EXPR_NUMBER, EXPR_FIELD, EXPR_UNARY, EXPR_BINARY, EXPR_SELECT } ExprKind;

typedef struct Expr {
    ExprKind kind;
    int op;         /* EXPR_UNARY and EXPR_BINARY: index into the operator table of expr.c */
    int field;      /* EXPR_FIELD */
    int64_t number; /* EXPR_NUMBER */
    struct Expr *sub[3];
} Expr;

typedef enum TextKind { TEXT_LITERAL, TEXT_NUMBER, TEXT_FORMAT, TEXT_IF } TextKind;

/* One item of a disassembly template; items are linked in the order they're printed. */
typedef struct Text {
    TextKind kind;
    const char *literal; /* TEXT_LITERAL: C string contents */
    int format;          /* TEXT_FORMAT: index into Model.formats */
    int nargs;
    Expr *args[MAX_FORMAT_ARGS]; /* TEXT_FORMAT; [0] is TEXT_NUMBER's value, TEXT_IF's condition */
    struct Text *yes, *no;       /* TEXT_IF */
    struct Text *next;
} Text;

typedef struct Pattern {
    const char *name;
    Loc loc;
    uint32_t mask, value; /* the literal bits: word & mask == value */
    Piece pieces[MAX_PIECES];
    int npieces;
    Expr *constraint; /* NULL: none */
    int program;      /* number of its extraction program in the generated code */
    Text *text;
    int group; /* 0: outside groups */
} Pattern;

/* A formatter for the templates: `%format NAME NARGS`. */
typedef struct Format {
    const char *name;
    Loc loc;
    int nargs;
} Format;

typedef struct Chunk Chunk;

typedef struct Model {
    Pattern *patterns;
    int npatterns;
    const char **fields;
    int nfields;
    Format *formats;
    int nformats;
    int ngroups;
    int errors;
    Chunk *memory; /* everything in a model lives as long as it */
} Model;

/*
 * The decision tree, as the tables that are written out. An entry of `next` below nnodes is a node;
 * other entries, less nnodes, index `lists`: candidates in order, each list ended by LIST_END.
 */
enum { LIST_END = 0xffff };

typedef struct TreeNode {
    uint8_t shift;
    uint16_t mask;
    uint32_t base; /* of its 1 + mask entries in `next` */
} TreeNode;

typedef struct Tree {
    TreeNode *nodes;
    int nnodes;
    uint32_t *next; /* while being built: bit 31 marks a list */
    int nnext;
    uint16_t *lists;
    int nlists;
    uint32_t root;
} Tree;

/* main.c */
void *model_alloc(Model *m, size_t size);                     /* zeroed */
void *model_grow(Model *m, void *old, int used, size_t item); /* room for one more item */
char *model_strndup(Model *m, const char *s, size_t n);
void report(Model *m, Loc loc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* parse.c: adds the formats or the patterns of a file; what is wrong with it is reported. */
typedef enum ParsePass { PARSE_FORMATS, PARSE_PATTERNS } ParsePass;
void parse_file(Model *m, const char *path, ParsePass pass);
int model_field(const Model *m, const char *name, size_t len); /* -1: no such field */

/*
 * expr.c: parses a C expression over the fields of `p` from *at, and moves *at behind it.
 * NULL: wrong, and reported.
 */
Expr *expr_parse(Model *m, const Pattern *p, const char **at);
int64_t expr_eval(const Expr *e, const Pattern *p, uint32_t word);
void expr_print(FILE *out, const Model *m, const Expr *e);
uint32_t expr_bits(const Expr *e, const Pattern *p); /* instruction bits that it depends on */
bool expr_equal(const Expr *a, const Expr *b);

/* text.c */
Text *text_parse(Model *m, const Pattern *p, const char *s);
void text_print(FILE *out, const Model *m, const char *prefix, const Text *text, int indent);

/* tree.c */
void check_overlaps(Model *m);
void tree_build(Model *m, Tree *t);

/* emit.c: 0 or -errno */
int emit_files(Model *m, const Tree *t, const char *prefix, const char *dir);

#endif
