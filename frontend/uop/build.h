/* build.h - what the builder's files share: appending, and looking at what is there already. */
#ifndef XEMU_FRONTEND_UOP_BUILD_H
#define XEMU_FRONTEND_UOP_BUILD_H

#include "frontend/uop/uop.h"

/* Makes room for one more micro-op and value; false (and b->error) if there is none. */
bool uop_block_grow(UopBlock *b);

/* In a critical section: a store that isn't made when the section was interrupted, and leaving it
 * if it was. Without one: false, and nothing. */
bool uop_critical_store(UopBlock *b, uint8_t type, uint8_t mem, uint8_t flags, Val addr, Val index,
                        int32_t disp, Val v);
void uop_critical_check(UopBlock *b);
/* Before an exit to target. */
void uop_critical_exit(UopBlock *b, GuestAddr target);

/* The index of a 128-bit constant in the pool. */
int32_t uop_pool_add(UopBlock *b, uint64_t lo, uint64_t hi);

/* Appends an operation and returns its value. The fields are stored one by one in place: a copy of
 * a struct just put together would wait for its parts. */
static inline Uop *uop_next(UopBlock *b)
{
    /* There are never more values than micro-ops: one capacity serves both. */
    if (__builtin_expect(b->count == b->cap, 0) && !uop_block_grow(b)) {
        return NULL;
    }
    return &b->uops[b->count];
}

static inline Val uop_new_value(UopBlock *b, uint8_t type)
{
    if (type == T_NONE) {
        return VAL_NONE;
    }
    Val v = (Val)b->nvals++;
    b->val_type[v] = type;
    b->val_def[v] = b->count;
    return v;
}

static inline Val uop_append3(UopBlock *b, uint8_t op, uint8_t type, uint8_t sub, uint8_t flags,
                              uint8_t dst_type, Val x, Val y, Val z, int32_t imm)
{
    Uop *u = uop_next(b);
    if (!u) {
        return 0;
    }
    Val v = uop_new_value(b, dst_type);
    u->op = op;
    u->type = type;
    u->sub = sub;
    u->flags = flags;
    u->dst = v;
    u->a = x;
    u->b = y;
    u->c = z;
    u->imm = imm;
    b->count++;
    return v;
}

static inline Val uop_append64(UopBlock *b, uint8_t op, uint8_t type, uint8_t sub, uint8_t flags,
                               uint8_t dst_type, Val x, uint64_t imm64)
{
    Uop *u = uop_next(b);
    if (!u) {
        return 0;
    }
    Val v = uop_new_value(b, dst_type);
    u->op = op;
    u->type = type;
    u->sub = sub;
    u->flags = flags;
    u->dst = v;
    u->a = x;
    u->imm64 = imm64;
    b->count++;
    return v;
}

static inline void uop_begin_insn(UopBlock *b, GuestAddr pc, unsigned len)
{
    b->insn_start = b->count;
    b->stored = false;
    uop_append64(b, UOP_INSN, T_NONE, (uint8_t)len, 0, T_NONE, VAL_NONE, pc);
    b->ninsns++;
    b->guest_len += len;
}

static inline const Uop *uop_def(const UopBlock *b, Val v)
{
    return &b->uops[b->val_def[v]];
}

/* The definition of v if it is the operation `op`, else NULL. */
static inline const Uop *uop_def_is(const UopBlock *b, Val v, UopOp op)
{
    const Uop *u = uop_def(b, v);
    return u->op == op ? u : NULL;
}

/* Was v made by the guest instruction that is being built? Then no PUT stands between its operands
 * and here, so that using them in its stead makes nobody keep an overwritten register alive. */
static inline bool uop_is_fresh(const UopBlock *b, Val v)
{
    return b->val_def[v] >= b->insn_start;
}

static inline bool uop_fits32(int64_t x)
{
    return x == (int32_t)x;
}

/* A constant of an integer scalar type, as the type holds it. */
static inline uint64_t uop_mask(uint8_t type, uint64_t x)
{
    return type == T_I32 ? (uint32_t)x : x;
}

static inline int64_t uop_sext_to(uint8_t type, uint64_t x)
{
    return type == T_I32 ? (int32_t)x : (int64_t)x;
}

/* The integer-scalar folding that the public functions do (fold_int.c). */
Val uop_fold_un(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x);
Val uop_fold_bin(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, Val y);
Val uop_fold_bini(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, Val x, int64_t imm);
/* The boolean with the opposite meaning, or VAL_NONE if it has no cheap form. */
Val uop_fold_inverse(UopBlock *b, Val boolean);

#endif
