/* print.c - a block as text (text.h shows the form). */
#include "frontend/uop/text.h"

#include <inttypes.h>

static void print_sub(FILE *f, const Uop *u)
{
    const UopSub *sub = uop_sub(u->op);
    switch ((UopSubKind)sub->kind) {
    case SUB_NONE:
        if (u->sub) {
            fprintf(f, ".?%u", u->sub);
        }
        break;
    case SUB_ENUM:
        if (u->sub >= sub->count) {
            fprintf(f, ".?%u", u->sub);
        } else if (sub->names[u->sub][0]) {
            fprintf(f, ".%s", sub->names[u->sub]);
        }
        break;
    case SUB_BITS:
        for (unsigned i = 0; i < sub->count; i++) {
            if (u->sub >> i & 1) {
                fprintf(f, ".%s", sub->names[i]);
            }
        }
        break;
    case SUB_SIGN:
        fprintf(f, ".%s%s%s", sub->names[u->sub & 3], u->sub & UOP_ROUND ? ".round" : "",
                u->sub & UOP_SAT ? ".sat" : "");
        break;
    case SUB_BYTES: fprintf(f, ".%u", 1u << (u->sub & 7)); break;
    case SUB_MEM:
        fprintf(f, ".%u%s%s", 1u << uop_mem_log2(u->sub), uop_mem_signed(u->sub) ? ".s" : "",
                uop_mem_be(u->sub) ? ".be" : "");
        break;
    case SUB_NUMBER: fprintf(f, ".%u", u->sub); break;
    }
}

static void print_flags(FILE *f, const Uop *u)
{
    if (u->op == UOP_EXIT || u->op == UOP_EXIT_IF) {
        if (u->sub == UOP_EXIT_TRAP) {
            fprintf(f, ".%s", u->flags < UOP_TRAP_NAMES ? uop_trap_names[u->flags] : "?");
        }
        return;
    }
    if (u->flags & UOPF_ORDER_MASK) {
        fprintf(f, ".%s", uop_order_names[u->flags & UOPF_ORDER_MASK]);
    }
    for (unsigned bit = 2; bit < 8; bit++) {
        if (u->flags >> bit & 1) {
            const char *name = uop_flag_name(u->op, bit);
            fprintf(f, ".%s", name ? name : "?");
        }
    }
}

/* Prints operands with commas between them. */
typedef struct List {
    FILE *f;
    bool any;
} List;

static FILE *next(List *list)
{
    fputs(list->any ? ", " : " ", list->f);
    list->any = true;
    return list->f;
}

static void print_val(FILE *f, Val v)
{
    if (v == VAL_NONE) {
        fputc('_', f);
    } else {
        fprintf(f, "v%u", v);
    }
}

static void print_register(FILE *f, const Uop *u, UopRegName names)
{
    char buf[64];
    unsigned bytes = u->op == UOP_PUTFLAGS || u->op == UOP_GETFLAGS ? 4 : uop_type_bytes(u->type);
    if (names && names((uint32_t)u->imm, bytes, buf, sizeof buf)) {
        fprintf(f, "[%s]", buf);
    } else {
        fprintf(f, "[#%" PRId32 "]", u->imm);
    }
}

static void print_address(FILE *f, const Uop *u)
{
    bool indexed = uop_info[u->op].b == UF_PO && u->b != VAL_NONE;
    fprintf(f, "[v%u", u->a);
    if (indexed) {
        fprintf(f, "+v%u", u->b);
        if (uop_mem_scale(u->sub)) {
            fprintf(f, "<<%u", uop_mem_scale(u->sub));
        }
    }
    if (uop_info[u->op].imm == UI_D && u->imm) {
        fprintf(f, "%+" PRId32, u->imm);
    }
    fputc(']', f);
}

static bool is_value_field(uint8_t field)
{
    return field != UF_N && field != UF_A;
}

/* Operands a, b, c but for an address; trailing absent ones are left out. */
static void print_values(List *list, const Uop *u)
{
    const UopInfo *info = &uop_info[u->op];
    bool wide = info->imm == UI_K || info->imm == UI_G, address = uop_has_address(u->op);
    Val vals[3];
    bool is_imm[3] = {false, false, false};
    unsigned n = 0, used = 0;
    if (is_value_field(info->a) && !address) {
        vals[n++] = u->a;
        used = u->a != VAL_NONE ? n : used;
    }
    if (!wide && is_value_field(info->b) && !(address && info->b == UF_PO)) {
        is_imm[n] = u->b == VAL_NONE && uop_takes_imm(u);
        vals[n++] = u->b;
        used = u->b != VAL_NONE || is_imm[n - 1] ? n : used;
    }
    if (!wide && is_value_field(info->c)) {
        vals[n++] = u->c;
        used = u->c != VAL_NONE ? n : used;
    }
    for (unsigned i = 0; i < used; i++) {
        FILE *f = next(list);
        if (is_imm[i]) {
            fprintf(f, "#%" PRId32, u->imm);
        } else {
            print_val(f, vals[i]);
        }
    }
}

static void print_imm(List *list, const UopBlock *b, const Uop *u)
{
    switch ((UopImm)uop_info[u->op].imm) {
    case UI_K: fprintf(next(list), "0x%" PRIx64, u->imm64); return;
    case UI_G:
        if (u->a == VAL_NONE || u->op == UOP_EXIT_IF) {
            fprintf(next(list), "0x%" PRIx64, u->imm64);
        }
        return;
    case UI_V: {
        V128 v = (uint32_t)u->imm < b->npool ? b->pool[u->imm] : (V128){.u64 = {0, 0}};
        fprintf(next(list), "0x%016" PRIx64 "%016" PRIx64, v.u64[1], v.u64[0]);
        return;
    }
    case UI_R: fprintf(next(list), "#%d, #%d", u->imm & 255, u->imm >> 8); return;
    default: break;
    }
    if (u->op == UOP_INSLANE) {
        fprintf(next(list), "#%d, #%d", u->imm & 255, u->imm >> 8);
    } else if (uop_imm_is_written(u)) {
        fprintf(next(list), "#%" PRId32, u->imm);
    }
}

void uop_print_one(FILE *f, const UopBlock *b, const Uop *u, UopRegName names)
{
    if (u->op >= UOP_COUNT) {
        fprintf(f, "?%u\n", u->op);
        return;
    }
    if (u->op == UOP_INSN) {
        fprintf(f, "insn 0x%" PRIx64 " len=%u\n", u->imm64, u->sub);
        return;
    }
    if (u->dst != VAL_NONE) {
        fprintf(f, "v%u:%s = ", u->dst, uop_type_name(b->val_type[u->dst]));
    }
    fputs(uop_info[u->op].text, f);
    print_sub(f, u);
    if (u->op == UOP_RMW) {
        fprintf(f, ".%s", (uint32_t)u->imm < UOP_RMW_NAMES ? uop_rmw_names[u->imm] : "?");
    }
    print_flags(f, u);
    if (u->type != uop_implied_type(b, u)) {
        fprintf(f, ":%s", uop_type_name(u->type));
    }
    List list = {f, false};
    if (uop_info[u->op].imm == UI_O) {
        print_register(next(&list), u, names);
    } else if (uop_info[u->op].imm == UI_H) {
        fprintf(next(&list), "#%" PRId32, u->imm);
    } else if (uop_has_address(u->op)) {
        print_address(next(&list), u);
    }
    print_values(&list, u);
    print_imm(&list, b, u);
    fputc('\n', f);
}

void uop_print(FILE *f, const UopBlock *b, UopRegName names)
{
    if (b->mode) {
        fprintf(f, "mode 0x%" PRIx32 "\n", b->mode);
    }
    for (uint32_t i = 0; i < b->count; i++) {
        uop_print_one(f, b, &b->uops[i], names);
    }
}
