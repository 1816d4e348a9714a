/* block.c - the memory of a block, the plain appender, and what is known of the register file.
 *
 * While a block is built, slots[] remembers for every eight bytes of the register file which value
 * stands there since the last PUT or GET, so that most GETs never become micro-ops:
 *
 *     put [q1], v7        ; v7:i64x2 = zextv v6:f64         slots[q1] = {v7, low}, slots[q1 + 8] =
 * {v7, high} get.f64 [q1]        -> v6
 *
 * A slot is valid while its `gen` is the block's: forgetting everything (a helper that may write
 * registers) is one increment.
 */
#include "frontend/uop/build.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 2048, LAST_CAP = VAL_MAX };

static bool set_cap(UopBlock *b, uint32_t cap)
{
    Uop *uops = realloc(b->uops, cap * sizeof *uops);
    if (uops) {
        b->uops = uops;
    }
    uint8_t *types = realloc(b->val_type, cap * sizeof *types);
    if (types) {
        b->val_type = types;
    }
    if (!uops || !types) {
        return false;
    }
    b->cap = b->val_cap = cap;
    return true;
}

void uop_block_init(UopBlock *b)
{
    memset(b, 0, sizeof *b);
    /* Full size; only what is used gets touched. */
    b->val_def = malloc((VAL_NONE + 1) * sizeof *b->val_def);
    b->val_use = malloc((VAL_NONE + 1) * sizeof *b->val_use);
    if (b->val_def && b->val_use) {
        set_cap(b, FIRST_CAP);
    }
    uop_block_reset(b, 0, 0);
}

void uop_block_free(UopBlock *b)
{
    free(b->uops);
    free(b->val_type);
    free(b->val_def);
    free(b->val_use);
    free(b->pool);
    memset(b, 0, sizeof *b);
}

void uop_block_reset(UopBlock *b, GuestAddr pc, uint32_t mode)
{
    b->count = b->nvals = b->npool = 0;
    b->pc = pc;
    b->guest_len = b->ninsns = 0;
    b->mode = mode;
    b->relocatable = false;
    b->error = b->cap == 0;
    b->insn_start = 0;
    b->critical = NULL;
    b->is_critical = b->stored = false;
    b->gen++;
}

bool uop_block_grow(UopBlock *b)
{
    uint32_t cap = b->cap * 2 < LAST_CAP ? b->cap * 2 : LAST_CAP;
    if (cap <= b->cap || !set_cap(b, cap)) {
        b->error = true;
        return false;
    }
    return true;
}

/* ---- the register file ----------------------------------------------------------------------- */

static bool tracked(uint32_t offset, unsigned bytes)
{
    return offset % 8 == 0 && offset + bytes <= 8 * UOP_SLOTS;
}

static bool slot_valid(const UopBlock *b, uint32_t slot)
{
    return b->slots[slot].gen == b->gen;
}

static void remember(UopBlock *b, uint32_t offset, unsigned bytes, Val v)
{
    uint32_t slot = offset / 8;
    b->slots[slot] = (UopSlot){b->gen, v, 0};
    if (bytes == 16) {
        b->slots[slot + 1] = (UopSlot){b->gen, v, 1};
    }
}

static void forget(UopBlock *b, uint32_t offset, unsigned bytes)
{
    for (uint32_t slot = offset / 8; slot <= (offset + bytes - 1) / 8 && slot < UOP_SLOTS; slot++) {
        b->slots[slot].gen = b->gen - 1;
    }
}

static void forget_flags_at(UopBlock *b, uint32_t offset, unsigned bytes)
{
    if (offset < b->flags_offset + 4 && b->flags_offset < offset + bytes) {
        b->flags_gen = b->gen - 1;
    }
}

/* Value v, of the vector class or an integer, stands at the offset: its first bytes as a value of
 * `type`, without memory; VAL_NONE if that has no cheap form. */
static Val low_part(UopBlock *b, Val v, uint8_t type)
{
    uint8_t have = b->val_type[v];
    unsigned want_bytes = uop_type_bytes(type), have_bytes = uop_type_bytes(have);
    if (have == type) {
        return v;
    }
    if (uop_is_int(have)) {
        return have == T_I64 && type == T_I32 ? uop_trunc(b, v) : VAL_NONE;
    }
    if (uop_is_int(type)) {
        if (have_bytes < 8) {
            return VAL_NONE;
        }
        uint8_t lanes = have_bytes == 16 ? (type == T_I64 ? T_I64X2 : T_I32X4)
                                         : (type == T_I64 ? T_I64X1 : T_I32X2);
        v = uop_conv(b, UOP_BITCAST, lanes, have, 0, 0, v, 0);
        return uop_conv(b, UOP_GETLANE, type, lanes, 0, 0, v, 0);
    }
    if (have_bytes == want_bytes) {
        return uop_conv(b, UOP_BITCAST, type, have, 0, 0, v, 0);
    }
    return have_bytes == 16 && want_bytes < 16 ? uop_conv(b, UOP_LOWV, type, have, 0, 0, v, 0)
                                               : VAL_NONE;
}

static Val known(UopBlock *b, uint8_t type, uint32_t offset, unsigned bytes)
{
    uint32_t slot = offset / 8;
    if (!slot_valid(b, slot)) {
        return VAL_NONE;
    }
    UopSlot s = b->slots[slot];
    if (s.high) {
        if (type != T_I64) {
            return VAL_NONE;
        }
        Val v = uop_conv(b, UOP_BITCAST, T_I64X2, b->val_type[s.val], 0, 0, s.val, 0);
        return uop_conv(b, UOP_GETLANE, T_I64, T_I64X2, 0, 0, v, 1);
    }
    if (bytes == 16) {
        UopSlot next = b->slots[slot + 1];
        if (next.gen != b->gen || next.val != s.val || !next.high) {
            return VAL_NONE;
        }
    }
    return low_part(b, s.val, type);
}

static __attribute__((noinline)) Val get_any(UopBlock *b, uint8_t type, uint32_t offset)
{
    unsigned bytes = uop_type_bytes(type);
    bool track = tracked(offset, bytes);
    if (track) {
        Val v = known(b, type, offset, bytes);
        if (v != VAL_NONE) {
            return v;
        }
    }
    Val v =
        uop_append3(b, UOP_GET, type, 0, 0, type, VAL_NONE, VAL_NONE, VAL_NONE, (int32_t)offset);
    /* What a slot knows already is worth keeping if it is the wider. */
    if (track && (bytes >= 8 || !slot_valid(b, offset / 8)) &&
        !(slot_valid(b, offset / 8) && b->slots[offset / 8].high)) {
        remember(b, offset, bytes, v);
    }
    return v;
}

Val uop_get(UopBlock *b, uint8_t type, uint32_t offset)
{
    /* What is there, if it is what is wanted; or nothing is known. */
    if (type == T_I64 && offset % 8 == 0 && offset < 8 * UOP_SLOTS) {
        UopSlot *s = &b->slots[offset / 8];
        if (s->gen != b->gen) {
            Val v = uop_append3(b, UOP_GET, T_I64, 0, 0, T_I64, VAL_NONE, VAL_NONE, VAL_NONE,
                                (int32_t)offset);
            *s = (UopSlot){b->gen, v, 0};
            return v;
        }
        if (!s->high && b->val_type[s->val] == T_I64) {
            return s->val;
        }
    }
    return get_any(b, type, offset);
}

/* Is v what stands there anyway? */
static bool is_there(const UopBlock *b, uint32_t offset, unsigned bytes, Val v)
{
    uint32_t slot = offset / 8;
    UopSlot s = b->slots[slot];
    if (s.gen != b->gen || s.val != v || s.high) {
        return false;
    }
    if (bytes < 16) {
        return true;
    }
    UopSlot next = b->slots[slot + 1];
    return next.gen == b->gen && next.val == v && next.high;
}

static __attribute__((noinline)) void put_any(UopBlock *b, uint32_t offset, Val v)
{
    uint8_t type = b->val_type[v];
    unsigned bytes = uop_type_bytes(type);
    bool track = tracked(offset, bytes);
    if (track && is_there(b, offset, bytes, v)) {
        return;
    }
    uop_append3(b, UOP_PUT, type, 0, 0, T_NONE, v, VAL_NONE, VAL_NONE, (int32_t)offset);
    if (track) {
        remember(b, offset, bytes, v);
    } else {
        forget(b, offset, bytes);
    }
    forget_flags_at(b, offset, bytes);
}

void uop_put(UopBlock *b, uint32_t offset, Val v)
{
    if (b->val_type[v] == T_I64 && offset % 8 == 0 && offset < 8 * UOP_SLOTS) {
        UopSlot *s = &b->slots[offset / 8];
        if (s->gen == b->gen && s->val == v && !s->high) {
            return;
        }
        uop_append3(b, UOP_PUT, T_I64, 0, 0, T_NONE, v, VAL_NONE, VAL_NONE, (int32_t)offset);
        *s = (UopSlot){b->gen, v, 0};
        forget_flags_at(b, offset, 8);
        return;
    }
    put_any(b, offset, v);
}

Val uop_getflags(UopBlock *b, uint32_t offset)
{
    if (b->flags_gen == b->gen && b->flags_offset == offset) {
        return b->flags_val;
    }
    Val v = uop_append3(b, UOP_GETFLAGS, T_FLAGS, 0, 0, T_FLAGS, VAL_NONE, VAL_NONE, VAL_NONE,
                        (int32_t)offset);
    b->flags_gen = b->gen;
    b->flags_offset = offset;
    b->flags_val = v;
    return v;
}

void uop_putflags(UopBlock *b, uint32_t offset, Val flags)
{
    if (b->flags_gen == b->gen && b->flags_offset == offset && b->flags_val == flags) {
        return;
    }
    uop_append3(b, UOP_PUTFLAGS, T_FLAGS, 0, 0, T_NONE, flags, VAL_NONE, VAL_NONE, (int32_t)offset);
    forget(b, offset, 4);
    b->flags_gen = b->gen;
    b->flags_offset = offset;
    b->flags_val = flags;
}

Val uop_emit(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, uint8_t flags, uint8_t dst_type,
             Val a, Val bb, Val c, int32_t imm)
{
    switch (op) {
    case UOP_GET: return uop_get(b, type, (uint32_t)imm);
    case UOP_PUT: uop_put(b, (uint32_t)imm, a); return VAL_NONE;
    case UOP_GETFLAGS: return uop_getflags(b, (uint32_t)imm);
    case UOP_PUTFLAGS: uop_putflags(b, (uint32_t)imm, a); return VAL_NONE;
    case UOP_STICKY: forget(b, (uint32_t)imm, 16); break;
    case UOP_HELPER:
        b->gen++; /* it may write registers */
        break;
    case UOP_RMW:
    case UOP_CAS:
    case UOP_SC: uop_critical_check(b); break;
    default: break;
    }
    return uop_append3(b, op, type, sub, flags, dst_type, a, bb, c, imm);
}

Val uop_emit64(UopBlock *b, UopOp op, uint8_t type, uint8_t sub, uint8_t flags, uint8_t dst_type,
               Val a, uint64_t imm64)
{
    return uop_append64(b, op, type, sub, flags, dst_type, a, imm64);
}
