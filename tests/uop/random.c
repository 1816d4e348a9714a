#include "tests/uop/random.h"

#include <assert.h>

#include "frontend/uop/build.h"
#include "frontend/uop/text.h"
#include "tests/uop/text.h"

uint64_t random_next(void *seed)
{
    /* splitmix64 */
    uint64_t z = ((RandomSeed *)seed)->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static unsigned below(const Random *r, unsigned n)
{
    return (unsigned)(r->next(r->ctx) % n);
}

uint64_t random_special(const Random *r)
{
    static const uint64_t special[] = {
        0,
        1,
        ~0ull,
        0x8000000000000000,
        0x7fffffffffffffff,
        0x8000000080000000,
        0x7fffffff7fffffff,
        0x8080808080808080,
        0x7f807f807f807f80,
        0x0001000100010001,
        0x8000800080008000,
        0x3ff0000000000000,
        0x3f8000003f800000,
        0x7ff0000000000000,
        0xfff0000000000000,
        0x7ff8000000000001,
        0xfff8000000000000,
        0x7ff0000000000001,
        0x7f8000007f800000,
        0xff800000ff800000,
        0x7fc000017f800001,
        0xffc00000ff800001,
        0x0000000000000003,
        0x000fffffffffffff,
        0x0010000000000000,
        0x007fffff00800000,
        0x0000000180000001,
        0x7c007c01fc007e00,
        0x3c00bc0003ff0400,
        0x41e0000000000000,
        0x43e0000000000000,
        0x4f0000005f000000,
        0x3fe0000000000000,
        0x3f000000bf000000,
    };
    uint64_t x = r->next(r->ctx);
    switch (x % 4) {
    case 0: return special[(x >> 8) % (sizeof special / sizeof special[0])];
    case 1: return (uint64_t)((int64_t)(x >> 2) >> (x >> 2 & 63));
    default: return r->next(r->ctx);
    }
}

typedef struct Gen {
    UopBlock *b;
    const Random *r;
    unsigned what;
    GuestAddr memory;
    UopBlock probe; /* where candidates are verified */
} Gen;

static const uint8_t types[] = {
    T_I32,   T_I64,   T_F16,   T_F32,   T_F64,   T_I8X8,  T_I16X4, T_I32X2, T_F16X4,
    T_F32X2, T_I64X1, T_I8X16, T_I16X8, T_I32X4, T_I64X2, T_F16X8, T_F32X4, T_F64X2,
};

static uint8_t random_type(Gen *g)
{
    return types[below(g->r, sizeof types)];
}

/* Appends as it is: no folding, no forwarding. */
static Val append(UopBlock *b, uint8_t dst_type, Uop u)
{
    if (uop_info[u.op].imm == UI_K || uop_info[u.op].imm == UI_G) {
        return uop_append64(b, u.op, u.type, u.sub, u.flags, dst_type, u.a, u.imm64);
    }
    return uop_append3(b, u.op, u.type, u.sub, u.flags, dst_type, u.a, u.b, u.c, u.imm);
}

static Uop plain(UopOp op, uint8_t type)
{
    return (Uop){.op = (uint8_t)op, .type = type, .a = VAL_NONE, .b = VAL_NONE, .c = VAL_NONE};
}

/* ---- values ---------------------------------------------------------------------------------- */

static uint32_t random_register(Gen *g, uint8_t type)
{
    return uop_is_int(type) ? TEST_R + 8 * below(g->r, 16) : TEST_Q + 16 * below(g->r, 12);
}

static Val fresh(Gen *g, uint8_t type)
{
    if (type == T_FLAGS) {
        Uop u = plain(UOP_GETFLAGS, T_FLAGS);
        u.imm = TEST_NZCV;
        return append(g->b, type, u);
    }
    if (below(g->r, 4) == 0) {
        Uop u = plain(type == T_I64 && below(g->r, 3) == 0 ? UOP_ADDR : UOP_CONST, type);
        uint64_t bits = random_special(g->r);
        unsigned bytes = uop_type_bytes(type);
        u.imm64 = bytes < 8 ? bits & ((1ull << 8 * bytes) - 1) : bits;
        return append(g->b, type, u);
    }
    Uop u = plain(UOP_GET, type);
    u.imm = (int32_t)random_register(g, type);
    return append(g->b, type, u);
}

static Val operand(Gen *g, uint8_t type)
{
    const UopBlock *b = g->b;
    for (unsigned i = 0; i < 12 && b->nvals; i++) {
        Val v = (Val)(b->nvals - 1 - below(g->r, b->nvals < 24 ? b->nvals : 24));
        if (b->val_type[v] == type) {
            return v;
        }
    }
    return fresh(g, type);
}

/* 0 or 1. */
static Val boolean(Gen *g)
{
    Uop u = plain(UOP_ICMP, below(g->r, 2) ? T_I64 : T_I32);
    static const uint8_t conds[] = {UOP_EQ,  UOP_NE,  UOP_UGE, UOP_ULT, UOP_UGT, UOP_ULE,
                                    UOP_SGE, UOP_SLT, UOP_SGT, UOP_SLE, UOP_TST, UOP_NTST};
    if (below(g->r, 3) == 0) {
        u = plain(UOP_TEST, T_I32);
        u.sub = (uint8_t)below(g->r, 14);
        u.a = operand(g, T_FLAGS);
        return append(g->b, T_I32, u);
    }
    u.sub = conds[below(g->r, sizeof conds)];
    u.a = operand(g, u.type);
    u.b = below(g->r, 2) ? operand(g, u.type) : VAL_NONE;
    u.imm = u.b == VAL_NONE ? (int32_t)random_special(g->r) : 0;
    return append(g->b, T_I32, u);
}

/* The address of an aligned piece of the memory. */
static Val address(Gen *g, unsigned bytes)
{
    Uop mask = plain(UOP_AND, T_I64), add = plain(UOP_ADD, T_I64), base = plain(UOP_CONST, T_I64);
    mask.a = operand(g, T_I64);
    mask.imm =
        0xf0 | (int32_t)(16 - bytes); /* with a displacement of 15 and 16 bytes: within 288 */
    base.imm64 = g->memory;
    add.a = append(g->b, T_I64, mask);
    add.b = append(g->b, T_I64, base);
    return append(g->b, T_I64, add);
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool is_wanted(const Gen *g, unsigned op)
{
    uint8_t effects = uop_info[op].effects;
    if (effects & (UOPE_MARK | UOPE_CALL | UOPE_EXIT | UOPE_PUT) || op == UOP_GET ||
        op == UOP_GETFLAGS || op == UOP_VCONST) {
        return false;
    }
    if (effects & (UOPE_LOAD | UOPE_STORE)) {
        return g->what & RANDOM_MEMORY;
    }
    return !(effects & UOPE_FP) || op == UOP_FLAGS || op == UOP_FLAGSIF || (g->what & RANDOM_FP);
}

static uint8_t random_sub(Gen *g, unsigned op)
{
    const UopSub *sub = uop_sub(op);
    switch ((UopSubKind)sub->kind) {
    case SUB_ENUM: return (uint8_t)below(g->r, sub->count);
    case SUB_BITS: return (uint8_t)below(g->r, 1u << sub->count);
    case SUB_BYTES: return (uint8_t)below(g->r, sub->count);
    case SUB_SIGN: return (uint8_t)below(g->r, 16);
    case SUB_MEM: return (uint8_t)below(g->r, 128);
    case SUB_NONE:
    case SUB_NUMBER: break;
    }
    return 0;
}

static uint8_t random_flags(Gen *g, unsigned op)
{
    uint8_t flags = 0;
    for (unsigned bit = 2; bit < 8; bit++) {
        if (uop_flag_name(op, bit) && below(g->r, 2)) {
            flags |= (uint8_t)(1u << bit);
        }
    }
    if (uop_info[op].effects & (UOPE_LOAD | UOPE_STORE)) {
        flags |= (uint8_t)below(g->r, 4);
    }
    return flags;
}

static int32_t random_imm(Gen *g, const Uop *u)
{
    switch ((UopImm)uop_info[u->op].imm) {
    case UI_I: return below(g->r, 2) ? (int32_t)below(g->r, 70) : (int32_t)random_special(g->r);
    case UI_L:
        return (int32_t)(below(g->r, 16) | (u->op == UOP_INSLANE ? below(g->r, 16) << 8 : 0));
    case UI_R: {
        unsigned lsb = below(g->r, 64);
        return (int32_t)(lsb | (1 + below(g->r, 64 - lsb)) << 8);
    }
    case UI_D: return (int32_t)below(g->r, 2) * (int32_t)below(g->r, 16);
    case UI_W:
        return below(g->r, 2) ? 0 : (int32_t)(32 * below(g->r, 3)) | (int32_t)below(g->r, 16);
    default: return 0;
    }
}

/* Does the verifier take u, with operands of the types that it asks for? */
static bool is_valid(Gen *g, Uop u, uint8_t dst_type)
{
    UopBlock *p = &g->probe;
    uop_block_reset(p, 0, 0);
    uint16_t *fields[3] = {&u.a, &u.b, &u.c};
    for (unsigned i = 0; i < 3; i++) {
        if ((uop_info[u.op].values >> i & 1) && *fields[i] != VAL_NONE) {
            uint8_t type = uop_operand_type(&u, i);
            Uop get = plain(UOP_GET, type);
            get.op = type == T_FLAGS ? UOP_GETFLAGS : UOP_GET;
            get.imm = TEST_NZCV;
            *fields[i] = append(p, type, get);
        }
    }
    append(p, dst_type, u);
    Uop exit = plain(UOP_EXIT, T_NONE);
    exit.imm64 = 0;
    append(p, T_NONE, exit);
    char msg[200];
    return uop_verify(p, msg, sizeof msg) == 0;
}

static uint8_t result_type(const Uop *u)
{
    switch (uop_info[u->op].dst) {
    case UF_T: return u->type;
    case UF_F: return T_FLAGS;
    case UF_B: return T_I32;
    default: return T_NONE;
    }
}

/* Which operand fields u has: optional ones at random. */
static void choose_fields(Gen *g, Uop *u)
{
    const UopInfo *info = &uop_info[u->op];
    const uint8_t kinds[3] = {info->a, info->b, info->c};
    uint16_t *fields[3] = {&u->a, &u->b, &u->c};
    for (unsigned i = 0; i < 3; i++) {
        bool optional = kinds[i] == UF_TI || kinds[i] == UF_TO || kinds[i] == UF_PO;
        if (kinds[i] == UF_A) {
            *fields[i] = random_type(g);
        } else if ((info->values >> i & 1) && (!optional || below(g->r, 2))) {
            *fields[i] = 0;
        }
    }
}

static void fill_operands(Gen *g, Uop *u)
{
    uint16_t *fields[3] = {&u->a, &u->b, &u->c};
    bool memory = uop_info[u->op].effects & (UOPE_LOAD | UOPE_STORE);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t kind = i == 0 ? uop_info[u->op].a : i == 1 ? uop_info[u->op].b : uop_info[u->op].c;
        if (!(uop_info[u->op].values >> i & 1) || *fields[i] == VAL_NONE) {
            continue;
        }
        if (memory && i == 0) {
            *fields[i] = address(g, 1u << uop_mem_log2(u->sub));
        } else if (kind == UF_PO) {
            Uop zero = plain(UOP_CONST, T_I64);
            zero.imm64 = 0;
            *fields[i] = append(g->b, T_I64, zero);
        } else if (kind == UF_B || (u->op == UOP_FLAGS && i == 2)) {
            *fields[i] = boolean(g);
        } else {
            *fields[i] = operand(g, uop_operand_type(u, i));
        }
    }
}

static void random_op(Gen *g)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        Uop u = plain((UopOp)below(g->r, UOP_COUNT), random_type(g));
        if (!is_wanted(g, u.op)) {
            continue;
        }
        u.sub = random_sub(g, u.op);
        u.flags = random_flags(g, u.op);
        choose_fields(g, &u);
        u.imm = uop_info[u.op].b == UF_TI && u.b != VAL_NONE ? 0 : random_imm(g, &u);
        if (uop_info[u.op].imm == UI_K) {
            continue;
        }
        if (is_valid(g, u, result_type(&u))) {
            fill_operands(g, &u);
            append(g->b, result_type(&u), u);
            return;
        }
    }
}

static void random_put(Gen *g)
{
    UopBlock *b = g->b;
    Val v = (Val)(b->nvals - 1 - below(g->r, b->nvals < 16 ? b->nvals : 16));
    Uop u = plain(UOP_PUT, b->val_type[v]);
    u.a = v;
    if (u.type == T_FLAGS) {
        u.op = UOP_PUTFLAGS;
        u.imm = TEST_NZCV;
    } else if (uop_type_bytes(u.type) == 16 && below(g->r, 8) == 0) {
        u.op = UOP_STICKY;
        u.imm = TEST_QC;
    } else {
        u.imm = (int32_t)random_register(g, u.type);
        if (u.type == T_I64 && below(g->r, 8) == 0) {
            u.imm = (int32_t)(TEST_Q + 8 * below(g->r, 24)); /* a half of a vector register */
        }
    }
    append(b, T_NONE, u);
}

void random_block(UopBlock *b, const Random *r, unsigned ninsns, unsigned what, GuestAddr memory)
{
    Gen g = {.b = b, .r = r, .what = what, .memory = memory};
    uop_block_init(&g.probe);
    for (unsigned i = 0; i < ninsns; i++) {
        uop_insn(b, b->pc + 4 * i, 4);
        for (unsigned n = 1 + below(r, 4); n > 0; n--) {
            random_op(&g);
        }
        if ((what & RANDOM_EXITS) && below(r, 6) == 0) {
            Uop u = plain(UOP_EXIT_IF, T_NONE);
            u.a = boolean(&g);
            u.sub = UOP_EXIT_TRAP;
            u.flags = UOP_TRAP_BREAKPOINT;
            u.imm64 = i;
            append(b, T_NONE, u);
        }
        for (unsigned n = below(r, 4); n > 0 && b->nvals; n--) {
            random_put(&g);
        }
    }
    Uop u = plain(UOP_EXIT, T_NONE);
    u.sub = UOP_EXIT_SYSCALL;
    u.imm64 = b->pc + 4 * ninsns;
    append(b, T_NONE, u);
    uop_block_free(&g.probe);
}
