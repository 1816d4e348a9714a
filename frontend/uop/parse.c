/* parse.c - the textual form back to a block: what text.h shows, one micro-op a line.
 *
 * Values keep their numbers, so that text and block can be held side by side; numbers that no line
 * defines have type T_NONE.
 */
#include "frontend/uop/build.h"
#include "frontend/uop/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct Parser {
    UopBlock *b;
    const char *at;  /* the next character of the line */
    const char *end; /* of the line, without its comment */
    unsigned line;
    UopRegOffset offset_of;
    char *msg;
    size_t msg_size;
    bool failed;
} Parser;

static bool fail(Parser *p, const char *format, ...)
{
    if (!p->failed && p->msg_size) {
        va_list args;
        va_start(args, format);
        int n = snprintf(p->msg, p->msg_size, "line %u: ", p->line);
        if (n > 0 && (size_t)n < p->msg_size) {
            vsnprintf(p->msg + n, p->msg_size - (size_t)n, format, args);
        }
        va_end(args);
    }
    p->failed = true;
    return false;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void skip_space(Parser *p)
{
    while (p->at < p->end && isspace((unsigned char)*p->at)) {
        p->at++;
    }
}

static bool at_end(Parser *p)
{
    skip_space(p);
    return p->at == p->end;
}

static bool accept(Parser *p, char c)
{
    skip_space(p);
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static bool expect(Parser *p, char c)
{
    return accept(p, c) || fail(p, "'%c' expected", c);
}

/* Letters, digits, '_' and '?' into buf; false if there are none. */
static bool word(Parser *p, char *buf, size_t size)
{
    skip_space(p);
    size_t n = 0;
    while (p->at < p->end && (isalnum((unsigned char)*p->at) || *p->at == '_' || *p->at == '?') &&
           n + 1 < size) {
        buf[n++] = *p->at++;
    }
    buf[n] = 0;
    return n > 0;
}

static bool number(Parser *p, uint64_t *value)
{
    skip_space(p);
    bool negative = p->at < p->end && *p->at == '-';
    if (p->at < p->end && (*p->at == '-' || *p->at == '+')) {
        p->at++;
    }
    char *end;
    if (p->at == p->end || !isdigit((unsigned char)*p->at)) {
        return fail(p, "number expected");
    }
    *value = strtoull(p->at, &end, 0);
    if (negative) {
        *value = 0 - *value;
    }
    p->at = end;
    return true;
}

static bool immediate(Parser *p, int32_t *imm)
{
    uint64_t value;
    if (!expect(p, '#') || !number(p, &value)) {
        return false;
    }
    if ((int64_t)value != (int32_t)value) {
        return fail(p, "immediate too large");
    }
    *imm = (int32_t)value;
    return true;
}

/* vN, or `_` for none. */
static bool value(Parser *p, Val *v)
{
    uint64_t n;
    if (accept(p, '_')) {
        *v = VAL_NONE;
        return true;
    }
    if (!expect(p, 'v') || !number(p, &n)) {
        return false;
    }
    if (n >= VAL_MAX || n >= p->b->nvals || p->b->val_type[n] == T_NONE) {
        return fail(p, "v%" PRIu64 " is not defined", n);
    }
    *v = (Val)n;
    return true;
}

static uint8_t type_by_name(const char *name)
{
    for (unsigned t = 0; t < 256; t++) {
        if (strcmp(name, uop_type_name((uint8_t)t)) == 0) {
            return (uint8_t)t;
        }
    }
    return T_NONE;
}

static bool type(Parser *p, uint8_t *t)
{
    char name[16];
    if (!word(p, name, sizeof name)) {
        return fail(p, "type expected");
    }
    *t = type_by_name(name);
    if (*t == T_NONE && strcmp(name, "none") != 0) {
        return fail(p, "no such type: %s", name);
    }
    return true;
}

/* ---- the name and its attributes ------------------------------------------------------------- */

static int name_index(const char *name, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int log2_of(const char *name)
{
    static const char *const sizes[] = {"1", "2", "4", "8", "16"};
    return name_index(name, sizes, 5);
}

/* One word as (part of) the sub field. */
static bool sub_attribute(Uop *u, const char *name)
{
    const UopSub *sub = uop_sub(u->op);
    int i = sub->names ? name_index(name, sub->names, sub->count) : -1;
    switch ((UopSubKind)sub->kind) {
    case SUB_NONE: return false;
    case SUB_ENUM:
        if (i > 0) {
            u->sub = (uint8_t)i;
        }
        return i >= 0;
    case SUB_BITS:
        if (i >= 0) {
            u->sub |= (uint8_t)(1u << i);
        }
        return i >= 0;
    case SUB_SIGN:
        if (i >= 0) {
            u->sub |= (uint8_t)i;
            return true;
        }
        u->sub |= strcmp(name, "round") == 0 ? UOP_ROUND : strcmp(name, "sat") == 0 ? UOP_SAT : 0;
        return strcmp(name, "round") == 0 || strcmp(name, "sat") == 0;
    case SUB_BYTES:
        i = log2_of(name);
        u->sub = (uint8_t)(i >= 0 ? i : 0);
        return i >= 0;
    case SUB_MEM:
        i = log2_of(name);
        u->sub |= i >= 0                    ? (uint8_t)i
                  : strcmp(name, "s") == 0  ? UOP_MEM(0, 1, 0, 0)
                  : strcmp(name, "be") == 0 ? UOP_MEM(0, 0, 1, 0)
                                            : 0;
        return i >= 0 || strcmp(name, "s") == 0 || strcmp(name, "be") == 0;
    case SUB_NUMBER:
        if (!isdigit((unsigned char)name[0])) {
            return false;
        }
        u->sub = (uint8_t)strtoul(name, NULL, 10);
        return true;
    }
    return false;
}

static bool flag_attribute(Uop *u, const char *name)
{
    int i;
    if (u->op == UOP_EXIT || u->op == UOP_EXIT_IF) {
        i = u->sub == UOP_EXIT_TRAP ? name_index(name, uop_trap_names, UOP_TRAP_NAMES) : -1;
        u->flags = (uint8_t)(i >= 0 ? i : 0);
        return i >= 0;
    }
    i = name_index(name, uop_order_names, 4);
    if (i > 0) {
        u->flags |= (uint8_t)i;
        return true;
    }
    for (unsigned bit = 2; bit < 8; bit++) {
        const char *known = uop_flag_name(u->op, bit);
        if (known && strcmp(known, name) == 0) {
            u->flags |= (uint8_t)(1u << bit);
            return true;
        }
    }
    return false;
}

static bool rmw_attribute(Uop *u, const char *name)
{
    int i = u->op == UOP_RMW ? name_index(name, uop_rmw_names, UOP_RMW_NAMES) : -1;
    if (i >= 0) {
        u->imm = i;
    }
    return i >= 0;
}

static bool operation(Parser *p, Uop *u)
{
    char name[32];
    if (!word(p, name, sizeof name)) {
        return fail(p, "operation expected");
    }
    unsigned op = 0;
    while (op < UOP_COUNT && strcmp(uop_info[op].text, name) != 0) {
        op++;
    }
    if (op == UOP_COUNT) {
        return fail(p, "no such operation: %s", name);
    }
    u->op = (uint8_t)op;
    while (accept(p, '.')) {
        if (!word(p, name, sizeof name) ||
            !(rmw_attribute(u, name) || sub_attribute(u, name) || flag_attribute(u, name))) {
            return fail(p, "%s has no attribute '%s'", uop_info[op].text, name);
        }
    }
    return true;
}

/* ---- operands -------------------------------------------------------------------------------- */

static bool comma(Parser *p, bool *any)
{
    if (*any && !accept(p, ',')) {
        return false;
    }
    *any = true;
    return true;
}

static bool register_operand(Parser *p, Uop *u)
{
    char name[64];
    size_t n = 0;
    if (!expect(p, '[')) {
        return false;
    }
    skip_space(p);
    if (p->at < p->end && *p->at == '#') {
        return immediate(p, &u->imm) && expect(p, ']');
    }
    while (p->at < p->end && *p->at != ']' && n + 1 < sizeof name) {
        name[n++] = *p->at++;
    }
    name[n] = 0;
    uint32_t offset;
    if (!p->offset_of || !p->offset_of(name, &offset)) {
        return fail(p, "no such register: %s", name);
    }
    u->imm = (int32_t)offset;
    return expect(p, ']');
}

static bool address_operand(Parser *p, Uop *u)
{
    uint64_t n;
    if (!expect(p, '[') || !value(p, &u->a)) {
        return false;
    }
    skip_space(p);
    if (p->end - p->at > 1 && p->at[0] == '+' && p->at[1] == 'v') {
        p->at++;
        if (uop_info[u->op].b != UF_PO) {
            return fail(p, "%s takes no index", uop_info[u->op].text);
        }
        if (!value(p, &u->b)) {
            return false;
        }
        if (accept(p, '<')) {
            if (!expect(p, '<') || !number(p, &n) || n > 3) {
                return fail(p, "scale expected");
            }
            u->sub |= (uint8_t)(n << 5);
        }
    }
    skip_space(p);
    if (p->at < p->end && *p->at != ']') {
        if (uop_info[u->op].imm != UI_D || !number(p, &n) || (int64_t)n != (int32_t)n) {
            return fail(p, "displacement out of place");
        }
        u->imm = (int32_t)n;
    }
    return expect(p, ']');
}

static bool is_value_field(uint8_t field)
{
    return field != UF_N && field != UF_A;
}

/* One operand field; `optional` ones may be missing at the end. */
static bool value_field(Parser *p, Uop *u, uint8_t field, Val *v, bool *any)
{
    bool optional = field == UF_TO || field == UF_PO || field == UF_TI;
    if (!is_value_field(field)) {
        return true;
    }
    if (optional && at_end(p)) {
        return true;
    }
    skip_space(p);
    const char *before = p->at;
    bool any_before = *any;
    if (!comma(p, any)) {
        return fail(p, "',' expected");
    }
    skip_space(p);
    if (p->at < p->end && *p->at == '#') {
        if (field == UF_TI && uop_takes_imm(u)) {
            return immediate(p, &u->imm);
        }
        if (optional) { /* the row's immediate follows */
            p->at = before;
            *any = any_before;
            return true;
        }
    }
    return value(p, v);
}

static bool vector_constant(Parser *p, Uop *u)
{
    skip_space(p);
    if (p->end - p->at < 34 || p->at[0] != '0' || p->at[1] != 'x') {
        return fail(p, "a constant of 32 hexadecimal digits expected");
    }
    uint64_t half[2] = {0, 0};
    for (unsigned i = 0; i < 32; i++) {
        char c = p->at[2 + i];
        if (!isxdigit((unsigned char)c)) {
            return fail(p, "a constant of 32 hexadecimal digits expected");
        }
        unsigned digit = isdigit((unsigned char)c)
                             ? (unsigned)(c - '0')
                             : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
        half[i / 16] = half[i / 16] << 4 | digit;
    }
    p->at += 34;
    u->imm = uop_pool_add(p->b, half[1], half[0]);
    return true;
}

static bool pair_immediate(Parser *p, Uop *u)
{
    int32_t first, second;
    if (!immediate(p, &first) || !expect(p, ',') || !immediate(p, &second)) {
        return false;
    }
    u->imm = first | second << 8;
    return true;
}

static bool trailing_immediate(Parser *p, Uop *u, bool *any)
{
    const UopInfo *info = &uop_info[u->op];
    bool wide =
        info->imm == UI_K || (info->imm == UI_G && (u->a == VAL_NONE || u->op == UOP_EXIT_IF));
    bool optional = info->imm == UI_W || u->op == UOP_CRYPTO;
    if (!wide && info->imm != UI_V && !optional && !uop_imm_is_written(u)) {
        return true;
    }
    if (optional && at_end(p)) {
        return true;
    }
    if (!comma(p, any)) {
        return fail(p, "',' expected");
    }
    if (wide) {
        return number(p, &u->imm64);
    }
    if (info->imm == UI_V) {
        return vector_constant(p, u);
    }
    return info->imm == UI_R || u->op == UOP_INSLANE ? pair_immediate(p, u) : immediate(p, &u->imm);
}

static bool operands(Parser *p, Uop *u)
{
    const UopInfo *info = &uop_info[u->op];
    bool wide = info->imm == UI_K || info->imm == UI_G, address = uop_has_address(u->op),
         any = false;
    if (info->imm == UI_O || info->imm == UI_H || address) {
        any = true;
        if (!(info->imm == UI_O ? register_operand(p, u)
              : address         ? address_operand(p, u)
                                : immediate(p, &u->imm))) {
            return false;
        }
    }
    if (info->imm == UI_G && u->op == UOP_EXIT) {
        skip_space(p);
        if (p->at < p->end && *p->at != 'v') { /* a constant target */
            return trailing_immediate(p, u, &any);
        }
    }
    if (!address && !value_field(p, u, info->a, &u->a, &any)) {
        return false;
    }
    if (!wide) {
        Val b = u->b, c = u->c;
        if ((!(address && info->b == UF_PO) && !value_field(p, u, info->b, &b, &any)) ||
            !value_field(p, u, info->c, &c, &any)) {
            return false;
        }
        u->b = b;
        u->c = c;
    }
    return trailing_immediate(p, u, &any);
}

/* The aux field of rows that have one: the type of the operand that it describes. */
static void set_aux(const UopBlock *b, Uop *u)
{
    const UopInfo *info = &uop_info[u->op];
    if (info->c != UF_A) {
        return;
    }
    Val v = info->a == UF_X ? u->a : u->b;
    u->c = v == VAL_NONE ? VAL_NONE : b->val_type[v];
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool define(Parser *p, uint64_t n, uint8_t t)
{
    UopBlock *b = p->b;
    if (n >= VAL_MAX) {
        return fail(p, "value number too large");
    }
    while (n >= b->val_cap) {
        if (!uop_block_grow(b)) {
            return fail(p, "out of memory");
        }
    }
    while (b->nvals <= n) {
        b->val_type[b->nvals++] = T_NONE;
    }
    if (b->val_type[n] != T_NONE) {
        return fail(p, "v%" PRIu64 " is defined twice", n);
    }
    b->val_type[n] = t;
    b->val_def[n] = b->count;
    return true;
}

static bool insn_line(Parser *p)
{
    uint64_t pc, len;
    char name[8];
    if (!number(p, &pc) || !word(p, name, sizeof name) || strcmp(name, "len") != 0 ||
        !expect(p, '=') || !number(p, &len) || len > 255) {
        return fail(p, "insn PC len=N expected");
    }
    if (p->b->ninsns == 0) {
        p->b->pc = pc;
    }
    uop_insn(p->b, pc, (unsigned)len);
    return true;
}

static bool uop_line(Parser *p)
{
    UopBlock *b = p->b;
    Uop u = {
        .dst = VAL_NONE, .type = T_NONE, .a = VAL_NONE, .b = VAL_NONE, .c = VAL_NONE, .imm = 0};
    uint64_t n = 0;
    uint8_t t = T_NONE, explicit_type = T_NONE;
    bool has_dst = p->end - p->at > 1 && p->at[0] == 'v' && isdigit((unsigned char)p->at[1]);
    if (has_dst) {
        p->at++;
        if (!number(p, &n) || !expect(p, ':') || !type(p, &t) || !expect(p, '=')) {
            return false;
        }
    }
    if (!operation(p, &u)) {
        return false;
    }
    if (has_dst != (uop_info[u.op].dst != UF_N) && uop_info[u.op].dst != UF_TO) {
        return fail(p, "%s %s a result", uop_info[u.op].text, has_dst ? "has not" : "has");
    }
    if (uop_info[u.op].imm == UI_K || uop_info[u.op].imm == UI_G) {
        u.imm64 = 0;
    }
    bool has_type = accept(p, ':');
    if ((has_type && !type(p, &explicit_type)) || !operands(p, &u)) {
        return false;
    }
    if (!at_end(p)) {
        return fail(p, "unexpected '%.*s'", (int)(p->end - p->at), p->at);
    }
    set_aux(b, &u);
    if (has_dst) {
        if (!define(p, n, t)) {
            return false;
        }
        u.dst = (Val)n;
    }
    u.type = has_type ? explicit_type : uop_implied_type(b, &u);
    if (b->count == b->cap && !uop_block_grow(b)) {
        return fail(p, "out of memory");
    }
    b->uops[b->count++] = u;
    return true;
}

static bool parse_line(Parser *p)
{
    uint64_t mode;
    if (at_end(p)) {
        return true;
    }
    if (p->end - p->at > 5 && strncmp(p->at, "insn ", 5) == 0) {
        p->at += 5;
        return insn_line(p);
    }
    if (p->end - p->at > 5 && strncmp(p->at, "mode ", 5) == 0) {
        p->at += 5;
        if (!number(p, &mode)) {
            return false;
        }
        p->b->mode = (uint32_t)mode;
        return true;
    }
    return uop_line(p);
}

int uop_parse(UopBlock *b, const char *text, UopRegOffset offset_of, char *msg, size_t msg_size)
{
    Parser p = {.b = b, .offset_of = offset_of, .msg = msg, .msg_size = msg_size};
    uop_block_reset(b, 0, 0);
    while (*text && !p.failed) {
        const char *eol = strchrnul(text, '\n');
        const char *comment = memchr(text, ';', (size_t)(eol - text));
        p.line++;
        p.at = text;
        p.end = comment ? comment : eol;
        parse_line(&p);
        text = *eol ? eol + 1 : eol;
    }
    return p.failed ? -1 : 0;
}
