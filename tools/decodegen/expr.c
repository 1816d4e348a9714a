/*
 * Expressions over the fields of a pattern, in C's grammar and precedence: ?: || && | ^ & == != <
 * <= > >= << >> + - * / % and the unary ! ~ -. They are checked and evaluated here (to find out
 * whether two patterns can meet) and printed as C into the decoder.
 */
#include "tools/decodegen/decodegen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct Operator {
    char text[3];
    int level; /* binds tighter the higher it is; 0: unary */
} Operator;

/* A longer operator stands before those that it starts with. */
static const Operator operators[] = {
    {"||", 1}, {"&&", 2}, {"==", 6}, {"!=", 6}, {"<=", 7}, {">=", 7}, {"<<", 8},
    {">>", 8}, {"|", 3},  {"^", 4},  {"&", 5},  {"<", 7},  {">", 7},  {"+", 9},
    {"-", 9},  {"*", 10}, {"/", 10}, {"%", 10}, {"!", 0},  {"~", 0},  {"-", 0},
};

enum { NOPERATORS = sizeof operators / sizeof operators[0], MAX_LEVEL = 10 };

typedef struct Parser {
    Model *m;
    const Pattern *p;
    const char *at;
    int depth;
} Parser;

static Expr *parse_select(Parser *ps);

static Expr *new_expr(Parser *ps, ExprKind kind)
{
    Expr *e = model_alloc(ps->m, sizeof *e);
    e->kind = kind;
    return e;
}

static void skip_space(Parser *ps)
{
    while (isspace((unsigned char)*ps->at)) {
        ps->at++;
    }
}

/* The operator at ps->at of the given level, or -1. */
static int peek_operator(Parser *ps, int level)
{
    skip_space(ps);
    for (int i = 0; i < NOPERATORS; i++) {
        size_t len = strlen(operators[i].text);
        bool unary = !operators[i].level;
        if (unary == !level && !strncmp(ps->at, operators[i].text, len)) {
            return unary || operators[i].level == level ? i : -1;
        }
    }
    return -1;
}

static bool pattern_has(const Pattern *p, int field)
{
    for (int i = 0; i < p->npieces; i++) {
        if (p->pieces[i].field == field) {
            return true;
        }
    }
    return false;
}

static Expr *parse_name(Parser *ps)
{
    const char *s = ps->at;
    while (isalnum((unsigned char)*ps->at) || *ps->at == '_') {
        ps->at++;
    }
    int len = (int)(ps->at - s);
    int field = model_field(ps->m, s, (size_t)len);
    if (field < 0 || !pattern_has(ps->p, field)) {
        report(ps->m, ps->p->loc, "%s has no field '%.*s'", ps->p->name, len, s);
        return NULL;
    }
    Expr *e = new_expr(ps, EXPR_FIELD);
    e->field = field;
    return e;
}

static Expr *parse_number(Parser *ps)
{
    char *end;
    Expr *e = new_expr(ps, EXPR_NUMBER);
    if (ps->at[0] == '0' && ps->at[1] == 'b') {
        e->number = (int64_t)strtoull(ps->at + 2, &end, 2);
    } else {
        e->number = (int64_t)strtoull(ps->at, &end, 0);
    }
    if (isalnum((unsigned char)*end) || *end == '_' || e->number > INT32_MAX || e->number < 0) {
        report(ps->m, ps->p->loc, "bad number at '%s'", ps->at);
        return NULL;
    }
    ps->at = end;
    return e;
}

static Expr *parse_operand(Parser *ps)
{
    int op = peek_operator(ps, 0);
    if (op >= 0) {
        ps->at++;
        Expr *e = new_expr(ps, EXPR_UNARY);
        e->op = op;
        e->sub[0] = parse_operand(ps);
        return e->sub[0] ? e : NULL;
    }
    if (*ps->at == '(') {
        ps->at++;
        Expr *e = parse_select(ps);
        skip_space(ps);
        if (e && *ps->at != ')') {
            report(ps->m, ps->p->loc, "missing ')' at '%s'", ps->at);
            return NULL;
        }
        ps->at++;
        return e;
    }
    if (isdigit((unsigned char)*ps->at)) {
        return parse_number(ps);
    }
    if (isalpha((unsigned char)*ps->at) || *ps->at == '_') {
        return parse_name(ps);
    }
    report(ps->m, ps->p->loc, "operand expected at '%s'", ps->at);
    return NULL;
}

static Expr *parse_binary(Parser *ps, int level)
{
    Expr *left = level < MAX_LEVEL ? parse_binary(ps, level + 1) : parse_operand(ps);
    int op;
    while (left && (op = peek_operator(ps, level)) >= 0) {
        ps->at += strlen(operators[op].text);
        Expr *e = new_expr(ps, EXPR_BINARY);
        e->op = op;
        e->sub[0] = left;
        e->sub[1] = level < MAX_LEVEL ? parse_binary(ps, level + 1) : parse_operand(ps);
        left = e->sub[1] ? e : NULL;
    }
    return left;
}

static Expr *parse_select(Parser *ps)
{
    if (++ps->depth > 100) {
        report(ps->m, ps->p->loc, "expression is nested too deeply");
        return NULL;
    }
    Expr *cond = parse_binary(ps, 1);
    skip_space(ps);
    if (cond && *ps->at == '?') {
        ps->at++;
        Expr *e = new_expr(ps, EXPR_SELECT);
        e->sub[0] = cond;
        if (!(e->sub[1] = parse_select(ps))) {
            return NULL;
        }
        skip_space(ps);
        if (*ps->at != ':') {
            report(ps->m, ps->p->loc, "missing ':' at '%s'", ps->at);
            return NULL;
        }
        ps->at++;
        cond = (e->sub[2] = parse_select(ps)) ? e : NULL;
    }
    ps->depth--;
    return cond;
}

Expr *expr_parse(Model *m, const Pattern *p, const char **at)
{
    Parser ps = {.m = m, .p = p, .at = *at};
    Expr *e = parse_select(&ps);
    skip_space(&ps);
    *at = ps.at;
    return e;
}

static int64_t field_value(const Pattern *p, int field, uint32_t word)
{
    int64_t v = 0;
    for (int i = 0; i < p->npieces; i++) {
        const Piece *c = &p->pieces[i];
        if (c->field == field) {
            int64_t bits = word >> c->lsb & (uint32_t)((UINT64_C(1) << c->width) - 1);
            if (!c->more && c->is_signed && bits >> (c->width - 1)) {
                bits -= INT64_C(1) << c->width;
            }
            v = c->more ? v * (INT64_C(1) << c->width) + bits : bits;
        }
    }
    return v;
}

static int64_t eval_binary(const char *op, int64_t a, int64_t b)
{
    switch (op[0] << 8 | op[1]) {
    case '=' << 8 | '=': return a == b;
    case '!' << 8 | '=': return a != b;
    case '<' << 8 | '=': return a <= b;
    case '>' << 8 | '=': return a >= b;
    case '<' << 8 | '<': return b < 0 || b > 31 ? 0 : a * (INT64_C(1) << b);
    case '>' << 8 | '>': return b < 0 || b > 31 ? 0 : a >> b;
    case '|' << 8: return a | b;
    case '^' << 8: return a ^ b;
    case '&' << 8: return a & b;
    case '<' << 8: return a < b;
    case '>' << 8: return a > b;
    case '+' << 8: return a + b;
    case '-' << 8: return a - b;
    case '*' << 8: return a * b;
    case '/' << 8: return b ? a / b : 0;
    default: return b ? a % b : 0;
    }
}

int64_t expr_eval(const Expr *e, const Pattern *p, uint32_t word)
{
    int64_t a;
    switch (e->kind) {
    case EXPR_NUMBER: return e->number;
    case EXPR_FIELD: return field_value(p, e->field, word);
    case EXPR_UNARY:
        a = expr_eval(e->sub[0], p, word);
        return operators[e->op].text[0] == '!' ? !a : operators[e->op].text[0] == '~' ? ~a : -a;
    case EXPR_SELECT:
        return expr_eval(expr_eval(e->sub[0], p, word) ? e->sub[1] : e->sub[2], p, word);
    case EXPR_BINARY: break;
    }
    a = expr_eval(e->sub[0], p, word);
    if (operators[e->op].level == 1) {
        return a || expr_eval(e->sub[1], p, word);
    }
    if (operators[e->op].level == 2) {
        return a && expr_eval(e->sub[1], p, word);
    }
    return eval_binary(operators[e->op].text, a, expr_eval(e->sub[1], p, word));
}

static void print_operand(FILE *out, const Model *m, const Expr *e)
{
    bool simple = e->kind == EXPR_NUMBER || e->kind == EXPR_FIELD;
    fputs(simple ? "" : "(", out);
    expr_print(out, m, e);
    fputs(simple ? "" : ")", out);
}

void expr_print(FILE *out, const Model *m, const Expr *e)
{
    switch (e->kind) {
    case EXPR_NUMBER: fprintf(out, "%lld", (long long)e->number); break;
    case EXPR_FIELD: fprintf(out, "a->%s", m->fields[e->field]); break;
    case EXPR_UNARY:
        fputs(operators[e->op].text, out);
        print_operand(out, m, e->sub[0]);
        break;
    case EXPR_BINARY:
        print_operand(out, m, e->sub[0]);
        fprintf(out, " %s ", operators[e->op].text);
        print_operand(out, m, e->sub[1]);
        break;
    case EXPR_SELECT:
        print_operand(out, m, e->sub[0]);
        fputs(" ? ", out);
        print_operand(out, m, e->sub[1]);
        fputs(" : ", out);
        print_operand(out, m, e->sub[2]);
        break;
    }
}

uint32_t expr_bits(const Expr *e, const Pattern *p)
{
    uint32_t bits = 0;
    if (!e) {
        return 0;
    }
    for (int i = 0; e->kind == EXPR_FIELD && i < p->npieces; i++) {
        if (p->pieces[i].field == e->field) {
            bits |= (uint32_t)((UINT64_C(1) << p->pieces[i].width) - 1) << p->pieces[i].lsb;
        }
    }
    return bits | expr_bits(e->sub[0], p) | expr_bits(e->sub[1], p) | expr_bits(e->sub[2], p);
}

bool expr_equal(const Expr *a, const Expr *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->kind == b->kind && a->op == b->op && a->field == b->field && a->number == b->number &&
           expr_equal(a->sub[0], b->sub[0]) && expr_equal(a->sub[1], b->sub[1]) &&
           expr_equal(a->sub[2], b->sub[2]);
}
