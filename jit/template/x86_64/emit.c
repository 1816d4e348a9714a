/* emit.c - the pass over a block: liveness and hints backward, then one emitter function per
 * micro-op, then what lies out of line. */
#include "jit/template/x86_64/emit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "jit/keep.h"
#include "jit/ownmem.h"
#include "jit/template/x86_64/emit_ops.h"
#include "jit/template/x86_64/template.h"

/* ---- tables ---------------------------------------------------------------------------------- */

const EmitFn emit_table[UOP_COUNT] = {
    [UOP_GET] = emit_get,
    [UOP_PUT] = emit_put,
    [UOP_GETFLAGS] = emit_getflags,
    [UOP_PUTFLAGS] = emit_putflags,
    [UOP_STICKY] = emit_sticky,
    [UOP_CONST] = emit_const,
    [UOP_VCONST] = emit_vconst,
    [UOP_ADDR] = emit_addr,
    [UOP_ADD] = emit_add,
    [UOP_SUB] = emit_sub,
    [UOP_ADC] = emit_adc,
    [UOP_MUL] = emit_mul,
    [UOP_MULHU] = emit_mulh,
    [UOP_MULHS] = emit_mulh,
    [UOP_UDIV] = emit_div,
    [UOP_SDIV] = emit_div,
    [UOP_UREM] = emit_div,
    [UOP_SREM] = emit_div,
    [UOP_AND] = emit_logic,
    [UOP_OR] = emit_logic,
    [UOP_XOR] = emit_logic,
    [UOP_ANDN] = emit_andn,
    [UOP_NOT] = emit_not_neg,
    [UOP_NEG] = emit_not_neg,
    [UOP_SHL] = emit_shift,
    [UOP_LSR] = emit_shift,
    [UOP_ASR] = emit_shift,
    [UOP_ROR] = emit_shift,
    [UOP_FUNNEL] = emit_funnel,
    [UOP_CLZ] = emit_count,
    [UOP_CLS] = emit_count,
    [UOP_CTZ] = emit_count,
    [UOP_POPCNT] = emit_count,
    [UOP_BSWAP] = emit_bswap,
    [UOP_BITREV] = emit_bitrev,
    [UOP_EXTRACT] = emit_extract,
    [UOP_SEXTRACT] = emit_extract,
    [UOP_INSERT] = emit_insert,
    [UOP_ZEXT] = emit_extend,
    [UOP_SEXT] = emit_extend,
    [UOP_TRUNC] = emit_trunc,
    [UOP_ICMP] = emit_icmp,
    [UOP_SELECT] = emit_select,
    [UOP_MIN] = emit_minmax,
    [UOP_MAX] = emit_minmax,
    [UOP_CRC] = emit_crc,
    [UOP_FLAGS] = emit_flags_op,
    [UOP_FLAGSIF] = emit_flagsif,
    [UOP_TEST] = emit_test_op,
    [UOP_PACKFLAGS] = emit_packflags,
    [UOP_LOAD] = emit_load,
    [UOP_STORE] = emit_store,
    [UOP_LL] = emit_ll,
    [UOP_SC] = emit_sc,
    [UOP_CLREX] = emit_clrex,
    [UOP_RMW] = emit_rmw,
    [UOP_CAS] = emit_cas,
    [UOP_FENCE] = emit_fence,
    [UOP_PREFETCH] = emit_prefetch,
    [UOP_ICACHE] = emit_call,
    [UOP_HELPER] = emit_call,
    [UOP_EXIT] = emit_exit,
    [UOP_EXIT_IF] = emit_exit_if,
};

/* What the passes ask of an operation. */
enum {
    OP_A = 1,
    OP_B = 2,
    OP_C = 4,       /* these fields may be values */
    OP_BARRIER = 8, /* may fault, leave or call C that sees the register file */
    OP_PURE = 16,
    OP_ANY_TYPE = 32, /* emit_table serves float and vector types too */
    OP_QUICK = 64,    /* emit_quick has forms of it */
};
static uint8_t op_info[UOP_COUNT];

static bool is_value_field(unsigned field)
{
    return field != UF_N && field != UF_A;
}

static void make_op_info(void)
{
    static const uint8_t any_type[] = {
        UOP_GET,    UOP_PUT,    UOP_GETFLAGS, UOP_PUTFLAGS, UOP_STICKY,    UOP_CONST, UOP_VCONST,
        UOP_SELECT, UOP_FLAGS,  UOP_FLAGSIF,  UOP_TEST,     UOP_PACKFLAGS, UOP_LOAD,  UOP_STORE,
        UOP_LL,     UOP_SC,     UOP_CLREX,    UOP_RMW,      UOP_CAS,       UOP_FENCE, UOP_PREFETCH,
        UOP_ICACHE, UOP_HELPER, UOP_EXIT,     UOP_EXIT_IF};
    for (unsigned op = 0; op < UOP_COUNT; op++) {
        const UopInfo *i = &uop_info[op];
        bool wide_imm = i->imm == UI_K || i->imm == UI_G;
        op_info[op] =
            (uint8_t)((is_value_field(i->a) ? OP_A : 0) |
                      (!wide_imm && is_value_field(i->b) ? OP_B : 0) |
                      (!wide_imm && is_value_field(i->c) ? OP_C : 0) |
                      (i->effects & (UOPE_LOAD | UOPE_STORE | UOPE_EXIT | UOPE_CALL) ? OP_BARRIER
                                                                                     : 0) |
                      (i->effects == UOPE_PURE ? OP_PURE : 0));
    }
    for (unsigned k = 0; k < sizeof any_type; k++)
        op_info[any_type[k]] |= OP_ANY_TYPE;
    op_info[UOP_GET] |= OP_QUICK;
    op_info[UOP_PUT] |= OP_QUICK;
    op_info[UOP_LOAD] |= OP_QUICK;
    op_info[UOP_STORE] |= OP_QUICK;
}

/* ---- a new value ----------------------------------------------------------------------------- */

/* How far a definition looks for the PUT of its value. */
enum { HINT_REACH = 6 };

/*
 * The pinned register (+ 1) that the new value of u is about to be PUT to: it is computed right
 * into it if nothing on the way touches the pin, faults or leaves.
 */
static unsigned find_hint(const Emit *e, const Uop *u)
{
    Val v = u->dst;
    uint32_t touched = 0;
    bool int_class = uop_is_int(e->ub->val_type[v]);

    for (const Uop *n = u + 1; n <= u + HINT_REACH; n++) {
        if (n->op == UOP_PUT || n->op == UOP_GET) {
            uint32_t off = (uint32_t)n->imm;
            if (!e->pin_granule[off / 8])
                continue;
            bool is_int = uop_is_int(n->type);
            int pin = is_int ? emit_int_pin(e, off) : emit_vec_pin(e, off);
            if (pin < 0)
                return 0;
            unsigned bit = is_int ? conv_int_pins[pin] : (unsigned)pin;
            bool whole = n->type == T_I64 || uop_type_bytes(n->type) == 16;
            if (n->op == UOP_PUT && !whole)
                return 0;
            if (n->op == UOP_PUT && n->a == v)
                return is_int == int_class && !(touched >> bit & 1) ? bit + 1 : 0;
            if (is_int == int_class)
                touched |= 1u << bit;
        } else if ((n->op == UOP_ZEXT && n->a == v && n->sub == 2 && e->ub->val_type[v] == T_I32) ||
                   (n->op == UOP_ZEXTV && n->a == v && !uop_is_int((uint8_t)n->c)) ||
                   (n->op == UOP_BITCAST && n->a == v)) { /* free if the operand is there already */
            v = n->dst;
        } else if (op_info[n->op] & OP_BARRIER) {
            return 0;
        }
    }
    return 0;
}

/* Mostly the PUT comes next. */
static inline unsigned hint_of(const Emit *e, const Uop *u)
{
    const Uop *n = u + 1;

    if (n->op == UOP_PUT && n->type == T_I64 && n->a == u->dst && n->imm % 8 == 0) {
        unsigned pin = e->int_pin_at[(uint32_t)n->imm / 8];
        return pin ? conv_int_pins[pin - 1] + 1u : 0;
    }
    return find_hint(e, u);
}

/* The micro-op beside an operation's FLAGS that computes the result of the same, or NULL. */
const Uop *emit_result_beside(const Emit *e, const Uop *flags)
{
    static const uint8_t op_of[] = {[UOP_FLAGS_ADD] = UOP_ADD, [UOP_FLAGS_SUB] = UOP_SUB};
    const Uop *uops = e->ub->uops;

    if (flags->sub > UOP_FLAGS_SUB)
        return NULL;
    for (int k = -1; k <= 1; k += 2) {
        const Uop *n = flags + k;
        if (n >= uops && n < uops + e->ub->count && n->op == op_of[flags->sub] &&
            n->type == flags->type && n->a == flags->a && n->b == flags->b &&
            (n->b != VAL_NONE || n->imm == flags->imm) && uop_last_use(e->ub, n->dst))
            return n;
    }
    return NULL;
}

/* The index of the micro-op that stores what these flags are made of, or 0. */
static uint32_t stored_at(const Emit *e, const Uop *flags)
{
    const Uop *uops = e->ub->uops;

    if (flags->op != UOP_FLAGS || flags->sub == UOP_FLAGS_ADC || flags->sub > UOP_FLAGS_LOGIC)
        return 0;
    for (uint32_t k = uop_last_use(e->ub, flags->dst); &uops[k] > flags; k--) {
        if (uops[k].op == UOP_PUTFLAGS && uops[k].a == flags->dst)
            return uops[k].flags & UOPF_UNSEEN ? k : 0;
    }
    return 0;
}

/* Is v in a pinned register that is overwritten between u and micro-op `until`? */
static bool is_overwritten(const Emit *e, Val v, const Uop *u, uint32_t until)
{
    const ValState *s = emit_val(e, v);

    if (s->kind != VK_GPR || (e->scratch_g >> s->reg & 1))
        return false;
    for (const Uop *n = u + 1; n < e->ub->uops + until; n++) {
        int pin = n->op == UOP_PUT && uop_is_int(n->type) ? emit_int_pin(e, (uint32_t)n->imm) : -1;
        if (pin >= 0 && conv_int_pins[pin] == s->reg)
            return true;
    }
    return false;
}

/* What the flags are made of stays until it is stored. */
static void keep_operands(Emit *e, const Uop *u, ValState *d, uint32_t until)
{
    const Uop *result = emit_result_beside(e, u);

    d->need |= EMIT_NEED_MADE;
    if (!result && is_overwritten(e, u->a, u, until)) {
        d->need |= EMIT_HAS_A;
        asm_mov_mr(&e->a, 3, asm_cpu(OFF(flags_a)), emit_val(e, u->a)->reg);
    } else if (!result) {
        ra_extend(e, u->a, until);
    } else if (result < u) {
        ra_extend(e, result->dst, until); /* else when it is defined */
    }
    if (u->b != VAL_NONE)
        ra_extend(e, u->b, until);
}

/* The result of an operation whose flags are made of it. */
static void keep_result(const Emit *e, const Uop *u, ValState *d)
{
    const Uop *flags = u->op == UOP_AND || u->op == UOP_ANDN ? u + 1 : u - 1;
    uint32_t until = 0;

    if (u == e->ub->uops || flags->op != UOP_FLAGS)
        return;
    if (flags > u ? flags->sub == UOP_FLAGS_LOGIC && flags->a == u->dst
                  : emit_result_beside(e, flags) == u)
        until = stored_at(e, flags);
    d->last = d->last > until ? d->last : until;
}

/* What will be asked of flags; they live as long as the booleans that are tested of them. */
static void find_needs(Emit *e, const Uop *u, ValState *d)
{
    const Uop *uops = e->ub->uops;
    uint32_t tested = 0, stored = stored_at(e, u);

    for (uint32_t k = d->def + 1, end = d->last; k <= end; k++) {
        const Uop *n = &uops[k];
        if (n->a != u->dst)
            continue;
        if (n->op == UOP_TEST) {
            uint32_t last = uop_last_use(e->ub, n->dst);
            d->need |= 1u << n->sub;
            d->last = last > d->last ? last : d->last;
            tested = last > tested ? last : tested;
        } else if ((n->op == UOP_PUTFLAGS && k != stored) || n->op == UOP_PACKFLAGS) {
            d->need |= EMIT_NEED_ALL;
        }
    }
    if (stored) {
        d->imm = tested;
        keep_operands(e, u, d, stored);
    }
}

/* A shift right before a sum that alone uses it: one lea does both. */
static void fold_shift(Emit *e, const Uop *u, ValState *d)
{
    const Uop *add = u + 1;

    if (add->op == UOP_ADD && add->b == u->dst && add->a != u->dst && u->b == VAL_NONE &&
        (uint32_t)u->imm - 1 < 3 && add->type == u->type && d->last == e->i + 1 &&
        uop_last_use(e->ub, add->dst) && uop_is_int(u->type) && e->i + 3 < e->ub->count &&
        add[1].op != UOP_FLAGS && add[2].op != UOP_FLAGS) {
        d->flags |= VF_FOLDED;
        ra_extend(e, u->a, e->i + 1);
    }
}

static ValState *define(Emit *e, const Uop *u, uint32_t at)
{
    ValState *d = &e->vals[u->dst];

    *d =
        (ValState){.type = e->ub->val_type[u->dst], .def = at, .last = uop_last_use(e->ub, u->dst)};
    if (d->type == T_FLAGS)
        find_needs(e, u, d);
    else if (u->op == UOP_ADD || u->op == UOP_SUB || u->op == UOP_AND || u->op == UOP_ANDN)
        keep_result(e, u, d);
    return d;
}

bool emit_ahead(Emit *e, const Uop *u)
{
    ValState *d = define(e, u, (uint32_t)(u - e->ub->uops));

    e->ahead = u->dst;
    if (d->type != T_FLAGS)
        d->hint = (uint8_t)hint_of(e, u);
    return d->last != 0;
}

/* ---- out of line ----------------------------------------------------------------------------- */

uint32_t emit_arena_off(const Emit *e, const uint8_t *p)
{
    return (uint32_t)(p - e->arena);
}

void emit_mov_guest(Emit *e, unsigned r, GuestAddr addr)
{
    if (!e->relocatable) {
        e->placed = true;
        asm_mov_ri(&e->a, r, addr);
        return;
    }
    int64_t in_file = (int64_t)(addr - e->file);
    if (e->file_word && in_file == (int32_t)in_file) {
        asm_mov_rm(&e->a, 3, r, asm_mem_rip(e->file_word));
        asm_lea(&e->a, 3, r, asm_mem(r, (int32_t)in_file));
        return;
    }
    asm_mov_ri64(&e->a, r, addr);
    if (e->nrelocs < EMIT_MAX_RELOCS)
        e->relocs[e->nrelocs++] = emit_arena_off(e, e->a.p - 8);
    else
        e->failed = true;
}

void emit_tagged_call(Emit *e, unsigned stub, uint32_t link)
{
    asm_call(&e->a, emit_stub(e, stub));
    asm_u32(&e->a, link << TAG_LINK_SHIFT | (uint32_t)(e->a.p - e->cold_start));
}

void emit_pad_patchable(Emit *e, unsigned ahead)
{
    while ((((uintptr_t)e->a.p + ahead) & 63) > 60)
        asm_nop(&e->a, 64 - (unsigned)(((uintptr_t)e->a.p + ahead) & 63));
}

ColdPiece *emit_cold(Emit *e, void (*fn)(Emit *, const ColdPiece *), uint8_t *from)
{
    ColdPiece *p = &e->cold[e->ncold];

    if (e->ncold < EMIT_MAX_COLD - 1)
        e->ncold++;
    else
        e->failed = true;
    p->emit = fn;
    p->from = from;
    p->back = NULL;
    p->insn = e->insn_off;
    p->link = TAG_NO_LINK;
    p->u = e->u;
    return p;
}

/* Data near the code, aligned to its size; only while the hot part is emitted. */
uint8_t *emit_data(Emit *e, unsigned bytes)
{
    uint8_t *at = (uint8_t *)(((uintptr_t)e->cold_next + bytes - 1) & ~(uintptr_t)(bytes - 1));

    e->placed = true;
    if (e->in_cold || at + bytes > e->cold_limit) {
        e->failed = true;
        return e->cold_start;
    }
    while (e->cold_next < at) /* so that the same block has the same bytes (jit/stock.h) */
        *e->cold_next++ = 0;
    e->cold_next = at + bytes;
    return at;
}

AsmMem emit_const128(Emit *e, uint64_t lo, uint64_t hi)
{
    e->placed = true;
    for (uint32_t k = 0; k < e->nconsts; k++) {
        if (e->consts[k].lo == lo && e->consts[k].hi == hi)
            return asm_mem_rip(e->consts[k].at);
    }
    uint8_t *at = emit_data(e, 16);
    memcpy(at, &lo, 8);
    memcpy(at + 8, &hi, 8);
    if (e->nconsts < EMIT_MAX_CONSTS) {
        e->consts[e->nconsts].lo = lo;
        e->consts[e->nconsts].hi = hi;
        e->consts[e->nconsts++].at = at;
    }
    return asm_mem_rip(at);
}

/* ---- operations run by C --------------------------------------------------------------------- */

typedef struct ColdOperand ColdOperand;

/* Where the operand is now. Booleans and flags that are in EFLAGS go to a register or memory first.
 */
static void capture(Emit *e, Val v, ColdOperand *o)
{
    ValState *s = emit_val(e, v);

    if (s->type == T_FLAGS) {
        o->off = emit_flags_bytes(e, v);
        o->kind = VK_MEM;
        o->type = T_FLAGS;
        return;
    }
    if (s->kind == VK_COND || s->kind == VK_FLAGS || s->kind == VK_MEMCOND)
        ra_use_g(e, v);
    o->kind = s->kind;
    o->reg = s->reg;
    o->type = s->type;
    o->off = s->off;
    o->imm = s->imm;
    if (s->kind == VK_GPR)
        e->lock_g |= 1u << s->reg;
    else if (s->kind == VK_XMM)
        e->lock_x |= 1u << s->reg;
}

static void capture_all(Emit *e, const Uop *u, ColdOperand opnd[4])
{
    unsigned info = op_info[u->op];

    opnd[1].kind = opnd[2].kind = opnd[3].kind = VK_NONE;
    if ((info & OP_A) && u->a != VAL_NONE)
        capture(e, u->a, &opnd[1]);
    if ((info & OP_B) && u->b != VAL_NONE)
        capture(e, u->b, &opnd[2]);
    if ((info & OP_C) && u->c != VAL_NONE)
        capture(e, u->c, &opnd[3]);
}

/* The interpreter's form of a value: bits beyond its own width are zero. Uses no register. */
static void store_operand(Emit *e, const ColdOperand *o, uint32_t off)
{
    unsigned bytes = o->type == T_FLAGS ? 4 : uop_type_bytes(o->type);

    switch (o->kind) {
    case VK_GPR: asm_mov_mr(&e->a, bytes == 8 ? 3 : 2, asm_cpu(off), o->reg); break;
    case VK_XMM: asm_vstore(&e->a, bytes > 8 ? 16 : 8, asm_cpu(off), o->reg); break;
    case VK_CONST:
        asm_mov_mi(&e->a, 2, asm_cpu(off), (int32_t)o->imm);
        asm_mov_mi(&e->a, 2, asm_cpu(off + 4), (int32_t)(o->imm >> 32));
        if (bytes == 16) {
            asm_mov_mi(&e->a, 2, asm_cpu(off + 8), (int32_t)o->imm);
            asm_mov_mi(&e->a, 2, asm_cpu(off + 12), (int32_t)(o->imm >> 32));
        }
        return;
    default: /* memory: through the stack */
        for (unsigned k = 0; k < bytes; k += 8) {
            asm_rm(&e->a, 2, 0xff, 6, asm_cpu(o->off + k)); /* push, 64 bits */
            asm_rm(&e->a, 2, 0x8f, 0, asm_cpu(off + k));    /* pop */
        }
        break;
    }
    if (bytes == 4)
        asm_mov_mi(&e->a, 2, asm_cpu(off + 4), 0);
    else if (bytes == 2)
        asm_mov_mi(&e->a, 1, asm_cpu(off + 2), 0), asm_mov_mi(&e->a, 2, asm_cpu(off + 4), 0);
    if (bytes < 16 && !uop_is_int(o->type))
        asm_mov_mi(&e->a, 3, asm_cpu(off + 8), 0);
}

static void store_operands(Emit *e, const ColdOperand opnd[4])
{
    for (unsigned k = 1; k < 4; k++) {
        if (opnd[k].kind != VK_NONE)
            store_operand(e, &opnd[k], (uint32_t)offsetof(Cpu, tmp) + 16 * k);
    }
}

static void call_op(Emit *e, const Uop *u, const ColdOperand opnd[4])
{
    store_operands(e, opnd);
    /* The micro-op is aligned. */
    asm_nop(&e->a, (unsigned)(-((uintptr_t)e->a.p + 5 + TEMPLATE_OP_JUMP) & 7));
    e->placed = true;
    asm_call(&e->a, emit_stub(e, STUB_OP));
    asm_u8(&e->a, 0xeb); /* jmp, over the micro-op */
    asm_u8(&e->a, sizeof *u);
    memcpy(e->a.p, u, sizeof *u);
    e->a.p += sizeof *u;
}

/* Scratch vector registers hold nothing, and the helper looks at no register of the guest. */
static bool helper_is_alone(const Emit *e, const Uop *u)
{
    return u->op == UOP_HELPER && frontend_helper_is_alone(e->jit->frontend, u->imm) &&
           e->free_x == e->scratch_x;
}

static void call_helper(Emit *e, const Uop *u, const ColdOperand opnd[4])
{
    store_operands(e, opnd);
    asm_mov_mi(&e->a, 3, asm_cpu((uint32_t)offsetof(Cpu, tmp)), (int32_t)u->imm);
    e->placed = true;
    asm_call(&e->a, emit_stub(e, STUB_HELPER));
}

void emit_by_interp(Emit *e, const Uop *u)
{
    ColdOperand opnd[4];
    uint32_t tmp = (uint32_t)offsetof(Cpu, tmp);

    capture_all(e, u, opnd);
    emit_clobber_flags(e);
    if (helper_is_alone(e, u))
        call_helper(e, u, opnd);
    else
        call_op(e, u, opnd);
    if (u->dst == VAL_NONE || emit_val(e, u->dst)->last == 0)
        return;
    ValState *d = emit_val(e, u->dst);
    e->lock_g = e->lock_x = 0; /* operands have been read */
    if (d->type == T_FLAGS) {
        unsigned t = ra_tmp_g(e);
        d->off = ra_slot(e, 4, d->last);
        asm_mov_rm(&e->a, 2, t, asm_cpu(tmp));
        asm_mov_mr(&e->a, 2, asm_cpu(d->off), t);
        d->kind = VK_MEM;
    } else if (uop_is_int(d->type)) {
        unsigned r = ra_def_g_over(e, u->dst);
        asm_mov_rm(&e->a, d->type == T_I64 ? 3 : 2, r, asm_cpu(tmp));
        if (d->type == T_I32)
            ra_set_upper_zero(e, u->dst);
    } else {
        unsigned r = ra_def_x_over(e, u->dst), bytes = uop_type_bytes(d->type);
        asm_vload(&e->a, bytes <= 4 ? 4 : bytes, r, asm_cpu(tmp));
        if (bytes < 16)
            ra_set_upper_zero(e, u->dst);
    }
}

/* Calls of C that belong to the guest's program, not to what the emitter lacks. */
bool emit_call(Emit *e, const Uop *u)
{
    if (u->op == UOP_HELPER &&
        frontend_helper_effects(e->jit->frontend, u->imm) & HELPER_WRITES_FILE)
        ra_spill_all_files(e);
    emit_by_interp(e, u);
    return true;
}

/* ---- slow paths ------------------------------------------------------------------------------ */

static void cold_slow(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    call_op(e, p->u, p->opnd);
    unsigned bytes = uop_type_bytes(p->opnd[0].type);
    uint32_t tmp = (uint32_t)offsetof(Cpu, tmp);
    if (p->opnd[0].kind == VK_GPR)
        asm_mov_rm(&e->a, bytes == 8 ? 3 : 2, p->opnd[0].reg, asm_cpu(tmp));
    else if (p->opnd[0].kind == VK_XMM)
        asm_vload(&e->a, bytes <= 4 ? 4 : bytes, p->opnd[0].reg, asm_cpu(tmp));
    asm_jmp(&e->a, p->back);
}

void emit_slow(Emit *e, unsigned cc)
{
    ColdOperand opnd[4];
    const Uop *u = e->u;

    if (e->ncold == e->slow_first)
        ra_before_slow(e);
    capture_all(e, u, opnd);
    uint8_t *from = cc == EMIT_SLOW_JMP ? asm_jmp32(&e->a) : asm_jcc32(&e->a, cc);
    ColdPiece *p = emit_cold(e, cold_slow, from);
    memcpy(p->opnd, opnd, sizeof opnd);
    const ValState *d = emit_val(e, u->dst);
    p->opnd[0] = (ColdOperand){.kind = d->kind, .reg = d->reg, .type = d->type};
    p->back = e->a.p;
}

void emit_slow_back(Emit *e)
{
    for (uint32_t k = e->slow_first; k < e->ncold; k++) {
        if (e->cold[k].emit == cold_slow)
            e->cold[k].back = e->a.p;
    }
}

/* ---- the pass -------------------------------------------------------------------------------- */

static inline void one(Emit *e, const Uop *u, unsigned info)
{
    EmitFn fn = emit_table[u->op];

    /* Conversions between the classes have an integer type but a vector operand. */
    if (!(info & OP_ANY_TYPE) &&
        (!fn || !uop_is_int(u->type) ||
         ((info & OP_A) && u->a != VAL_NONE && !uop_is_int(e->vals[u->a].type))))
        fn = emit_vec_uop;
    e->slow_first = e->ncold;
    if (!fn(e, u)) {
        emit_by_interp(e, u);
        e->t->stats.emit_fallbacks++;
    }
    if (u->dst != VAL_NONE && !e->vals[u->dst].last)
        ra_kill(e, u->dst);
    if (info & OP_A)
        ra_kill_operand(e, u->a);
    if (info & OP_B)
        ra_kill_operand(e, u->b);
    if (info & OP_C)
        ra_kill_operand(e, u->c);
    ra_end(e);
}

void emit_mark_fault(Emit *e)
{
    e->marked_insn = e->insn_off;
    if (!faultmap_add(&e->faults, (uint32_t)(e->a.p - e->entry), e->insn_off))
        e->failed = true;
}

void emit_uops(Emit *e, const UopBlock *ub, const Uop *end)
{
    e->ub = ub;
    e->fl.val = e->fl.zero_of = e->ahead = VAL_NONE;
    for (const Uop *u = ub->uops; u < end; u++) {
        if (u->op == UOP_INSN) {
            e->insn_off = (uint32_t)(u->imm64 - e->pc);
            e->insn_len = u->sub;
            continue;
        }
        unsigned info = op_info[u->op];
        e->i = (uint32_t)(u - ub->uops);
        e->u = u;
        if (u->dst != VAL_NONE && u->dst != e->ahead) {
            ValState *d = define(e, u, e->i);
            if (!d->last && (info & OP_PURE))
                continue;
            if (u->op == UOP_CONST) {
                emit_const(e, u);
                continue;
            }
            if (u->op != UOP_GET && d->type != T_FLAGS) {
                d->hint = (uint8_t)hint_of(e, u);
                if (u->op == UOP_SHL)
                    fold_shift(e, u, d);
            }
        }
        if (e->failed || e->a.p > e->limit) {
            e->failed = true;
            return;
        }
        if ((info & OP_BARRIER) && e->marked_insn != e->insn_off)
            emit_mark_fault(e);
        if ((info & OP_QUICK) && emit_quick(e, u))
            continue;
        one(e, u, info);
    }
}

/* Stubs of exits and slow paths, in the order of the code they belong to. */
static void out_of_line(Emit *e, uint32_t hot_len)
{
    e->in_cold = true;
    e->a.p = e->cold_next;
    for (uint32_t k = 0; k < e->ncold && !e->failed; k++) {
        const ColdPiece *p = &e->cold[k];
        if (e->a.p > e->cold_limit ||
            !faultmap_add(&e->faults, hot_len + (uint32_t)(e->a.p - e->cold_start), p->insn))
            e->failed = true;
        p->emit(e, p);
    }
    const uint8_t *link_stub = emit_stub(e, STUB_LINK);
    for (uint32_t k = 0; k < e->nlinks && !e->failed; k++) {
        Link *l = &e->links[k];
        if (l->kind == LINK_CACHE)
            continue;
        uint8_t *p = e->a.p;
        l->stub = emit_arena_off(e, p);
        asm_patch32(emit_rw(e, l->site), p);
        if (e->also[k])
            asm_patch32(e->also[k], p);
        uint32_t to_stub = (uint32_t)(link_stub - (p + 5)),
                 tag = k << TAG_LINK_SHIFT | (uint32_t)(p + 5 - e->cold_start);
        p[0] = 0xe8; /* emit_tagged_call, of which there are two in most blocks */
        memcpy(p + 1, &to_stub, 4);
        memcpy(p + 5, &tag, 4);
        e->a.p = p + TEMPLATE_STUB_SIZE;
    }
    if (e->a.p > e->cold_limit)
        e->failed = true;
}

/* The links are where they stay; and the fault map, if it was begun there. */
static int put_tables(Emit *e)
{
    JitThread *t = e->t;
    Block *b = e->b;
    bool map_stays = e->faults.bytes != e->fault_bytes;

    b->links = jit_meta_alloc(t, sizeof(Link) * e->nlinks);
    b->nlinks = e->nlinks;
    b->nrelocs = e->nrelocs;
    b->faultmap = e->faults.bytes;
    b->faultmap_len = e->faults.len;
    if (map_stays) {
        t->slab->maps += e->faults.len;
        t->slab->maps_left -= e->faults.len;
    }
    if (map_stays && !e->nrelocs)
        return 0;
    uint32_t *relocs = jit_meta_alloc(t, sizeof *relocs * e->nrelocs + e->faults.len);
    if (!relocs)
        return -ENOMEM;
    memcpy(relocs, e->relocs, sizeof *relocs * e->nrelocs);
    b->relocs = relocs;
    if (!map_stays) {
        memcpy(relocs + e->nrelocs, e->faults.bytes, e->faults.len);
        b->faultmap = (const uint8_t *)(relocs + e->nrelocs);
    }
    return 0;
}

static int finish(Emit *e, uint32_t hot_len)
{
    JitThread *t = e->t;
    Block *b = e->b;
    uint32_t cold_len = (uint32_t)(e->a.p - e->cold_start);
    int err = put_tables(e);

    if (err)
        return err;
    b->bound = e->bound;
    b->arena = t->hot->rx;
    b->code = (uintptr_t)b->arena + t->hot->next;
    b->host_len = hot_len;
    b->cold = (uintptr_t)b->arena + t->cold->next;
    b->cold_len = cold_len;
    codebuf_commit(&t->jit->code, t->hot, hot_len, b);
    codebuf_commit(&t->jit->code, t->cold, cold_len, b);
    return 0;
}

Emit *emit_begin(JitThread *t, Block *b, bool relocatable)
{
    TemplateThread *tt = t->tpl;
    const TemplateShared *shared = t->jit->tpl;
    Emit *e = tt->emit;

    e->links = jit_meta_room(t, sizeof(Link) * EMIT_MAX_LINKS);
    if (!e->links)
        return NULL;
    e->mode = b->mode;
    e->pc = b->pc;
    e->relocatable = relocatable;
    e->bound = !relocatable;
    e->quick = false;
    e->t = t;
    e->jit = t->jit;
    e->b = b;
    e->failed = e->in_cold = false;
    e->arena = t->hot->rx + t->hot->rw_delta;
    e->stubs = e->arena + (t->hot->stubs ? t->hot->start : 0);
    bool moves = keep_relocatable(t);
    e->file = moves ? t->module->info.base : 0;
    e->file_word = moves && t->hot->stubs ? e->stubs + shared->file_base : NULL;
    e->a.features = t->jit->features;
    e->a.p = e->entry = e->arena + t->hot->next;
    e->limit = e->arena + t->hot->end - ASM_MARGIN;
    e->cold_start = e->cold_next = e->arena + t->cold->next;
    memcpy(e->cold_next, &b, sizeof b); /* for the stubs' tags */
    e->cold_next += sizeof b;
    e->cold_limit = e->arena + t->cold->end - ASM_MARGIN;
    e->int_pin_at = shared->int_pin_at;
    e->vec_pin_at = shared->vec_pin_at;
    e->pin_granule = shared->pin_granule;
    e->ncold = e->nconsts = e->nlinks = e->nrelocs = 0;
    e->insn_off = 0;
    e->pin_const_insn = e->marked_insn = UINT32_MAX;
    /* Quick blocks add two bytes for each instruction without looking. */
    faultmap_begin(&e->faults, e->fault_bytes, sizeof e->fault_bytes - (size_t)2 * JIT_MAX_INSNS);
    ra_begin_block(e);
    return e;
}

int emit_end(Emit *e)
{
    uint32_t hot_len = (uint32_t)(e->a.p - e->entry);

    asm_align(&e->a, CODEBUF_ALIGN); /* what precedes the next block may run on into it */
    out_of_line(e, hot_len);
    return e->failed ? emit_abandon(e) : finish(e, hot_len);
}

int emit_abandon(Emit *e)
{
    memset(e->links, 0, sizeof(Link) * EMIT_MAX_LINKS); /* what others get is zero */
    return -ENOSPC;
}

int template_emit(JitThread *t, const UopBlock *ub, Block *b)
{
    Emit *e = emit_begin(t, b, ub->relocatable);

    if (!e)
        return -ENOMEM;
    if (t->jit->options.count_blocks) {
        asm_mov_ri(&e->a, HR_RAX, (uint64_t)(uintptr_t)&b->counter);
        asm_alu_mi(&e->a, ALU_ADD, 2, asm_mem(HR_RAX, 0), 1);
    }
    emit_uops(e, ub, ub->uops + ub->count);
    return emit_end(e);
}

/* ---- state ----------------------------------------------------------------------------------- */

int emit_create_tables(TemplateShared *s, const Frontend *f)
{
    make_op_info();
    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++) {
        s->int_pin_at[f->int_pins[k] / 8] = (uint8_t)(k + 1);
        s->pin_granule[f->int_pins[k] / 8] = 1;
    }
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++) {
        s->vec_pin_at[f->vec_pins[k] / 8] = (uint8_t)(k + 1);
        s->pin_granule[f->vec_pins[k] / 8] = s->pin_granule[f->vec_pins[k] / 8 + 1] = 1;
    }
    return 0;
}

#define VALS_BYTES ((VAL_MAX + 16) * sizeof(ValState))

Emit *emit_new(void)
{
    Emit *e = calloc(1, sizeof *e);
    /* Of these two megabytes a few pages are ever touched. */
    void *vals = e ? mmap(ownmem_hint(VALS_BYTES), VALS_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                   : MAP_FAILED;

    if (vals == MAP_FAILED) {
        free(e);
        return NULL;
    }
    e->vals = vals;
    return e;
}

void emit_free(Emit *e)
{
    if (e)
        munmap(e->vals, VALS_BYTES);
    free(e);
}
