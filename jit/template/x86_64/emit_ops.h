/* emit_ops.h - the emitter functions of the integer side, by file, and what they share. */
#ifndef XEMU_JIT_TEMPLATE_X86_64_EMIT_OPS_H
#define XEMU_JIT_TEMPLATE_X86_64_EMIT_OPS_H

#include "jit/template/x86_64/ra.h"

/* emit_flags.c */
void emit_flags_made(Emit *e, Val v, FlagsHeld held, unsigned cc); /* EFLAGS are v's now */
Cond emit_test(Emit *e, Val flags, unsigned cond);
Cond emit_cond_not(Cond c);
uint32_t emit_flags_bytes(Emit *e, Val flags);
bool emit_carry_in(Emit *e, Val c, bool want_inverted);
bool emit_flags_op(Emit *e, const Uop *u);
bool emit_flagsif(Emit *e, const Uop *u);
bool emit_test_op(Emit *e, const Uop *u);
bool emit_packflags(Emit *e, const Uop *u);
bool emit_getflags(Emit *e, const Uop *u);
bool emit_putflags(Emit *e, const Uop *u);
/* The flags at that offset become four bytes if they aren't (CpuFlags). Changes EFLAGS. */
void emit_settle_flags(Emit *e, uint32_t off);

/* emit_int.c, emit_shift.c */
/* FLAGS u of an ADD, SUB or ADC that comes next: both at once. False if it isn't so. */
bool emit_flags_with_result(Emit *e, const Uop *u);
bool emit_add(Emit *e, const Uop *u);
bool emit_sub(Emit *e, const Uop *u);
bool emit_adc(Emit *e, const Uop *u);
bool emit_logic(Emit *e, const Uop *u);
bool emit_andn(Emit *e, const Uop *u);
bool emit_not_neg(Emit *e, const Uop *u);
bool emit_mul(Emit *e, const Uop *u);
bool emit_mulh(Emit *e, const Uop *u);
bool emit_div(Emit *e, const Uop *u);
bool emit_shift(Emit *e, const Uop *u);
bool emit_funnel(Emit *e, const Uop *u);
bool emit_count(Emit *e, const Uop *u);
bool emit_bswap(Emit *e, const Uop *u);
bool emit_bitrev(Emit *e, const Uop *u);
bool emit_extract(Emit *e, const Uop *u);
bool emit_insert(Emit *e, const Uop *u);
bool emit_extend(Emit *e, const Uop *u);
bool emit_trunc(Emit *e, const Uop *u);
bool emit_icmp(Emit *e, const Uop *u);
bool emit_select(Emit *e, const Uop *u);
bool emit_minmax(Emit *e, const Uop *u);

/* emit_mem16.c: of 16 bytes, if emit_can_16 */
bool emit_can_16(const Emit *e);
bool emit_ll16(Emit *e, const Uop *u);
bool emit_sc16(Emit *e, const Uop *u);
bool emit_cas16(Emit *e, const Uop *u);

/* emit_crc.c */
bool emit_crc(Emit *e, const Uop *u);

/* emit_state.c: the register file */
bool emit_const(Emit *e, const Uop *u);
bool emit_vconst(Emit *e, const Uop *u);
bool emit_addr(Emit *e, const Uop *u);
bool emit_get(Emit *e, const Uop *u);
bool emit_put(Emit *e, const Uop *u);
bool emit_sticky(Emit *e, const Uop *u);
#define OFF(field) ((uint32_t)offsetof(Cpu, field))

/* emit_mem.c */
bool emit_load(Emit *e, const Uop *u);
bool emit_store(Emit *e, const Uop *u);
bool emit_ll(Emit *e, const Uop *u);
bool emit_sc(Emit *e, const Uop *u);
bool emit_clrex(Emit *e, const Uop *u);
bool emit_rmw(Emit *e, const Uop *u);
bool emit_cas(Emit *e, const Uop *u);
bool emit_fence(Emit *e, const Uop *u);
bool emit_prefetch(Emit *e, const Uop *u);

/* emit_quick.c: GET, PUT, LOAD, STORE, if of a form that is there (else false, and nothing was
 * done) */
bool emit_quick(Emit *e, const Uop *u);

/* emit_exit.c */
bool emit_exit(Emit *e, const Uop *u);
bool emit_exit_if(Emit *e, const Uop *u);
/* The last instruction of a block goes to target: if EFLAGS say c, and in any case; calls it;
 * returns to what the register holds. */
void emit_branch_if(Emit *e, Cond c, GuestAddr target);
void emit_go_to(Emit *e, GuestAddr target);
void emit_call_to(Emit *e, GuestAddr target);
void emit_return_to(Emit *e, unsigned target);
void emit_go_to_value(Emit *e, unsigned target, bool call);

/* emit.c */
/* A block begins in the thread's chunks; at its end 0 or -errno, as template_emit. */
Emit *emit_begin(JitThread *t, Block *b, bool relocatable);
int emit_end(Emit *e);
/* In place of emit_end(): nothing is made. -ENOSPC. */
int emit_abandon(Emit *e);
/* The micro-op beside an operation's FLAGS that computes the result of the same, or NULL. */
const Uop *emit_result_beside(const Emit *e, const Uop *flags);
/* The micro-ops of ub up to `end`. */
void emit_uops(Emit *e, const UopBlock *ub, const Uop *end);
/* Code from here on that faults, or is returned to from C, belongs to the current guest
 * instruction. */
void emit_mark_fault(Emit *e);
/* The micro-op u, which comes soon, is emitted together with the current one: its value is defined
 * from now on. False if it has no use. */
bool emit_ahead(Emit *e, const Uop *u);
/* The pin (index) of the guest register that begins at this offset of struct Cpu, or -1. */
static inline int emit_int_pin(const Emit *e, uint32_t off)
{
    return off % 8 ? -1 : e->int_pin_at[off / 8] - 1;
}
static inline int emit_vec_pin(const Emit *e, uint32_t off)
{
    return off % 8 ? -1 : e->vec_pin_at[off / 8] - 1;
}
/* A piece of code out of line, reached from the jump that ends at `from` (NULL: none yet). Room for
 * it was checked. */
ColdPiece *emit_cold(Emit *e, void (*fn)(Emit *, const ColdPiece *), uint8_t *from);
/* Runs the current micro-op through interp_op in line. */
void emit_by_interp(Emit *e, const Uop *u);
bool emit_call(Emit *e, const Uop *u);
/* Room for data near the code, aligned to its size (8, 16). */
uint8_t *emit_data(Emit *e, unsigned bytes);
/* Pads so that the four bytes `ahead` from here lie in one cache line: a patchable displacement is
 * written at once. */
void emit_pad_patchable(Emit *e, unsigned ahead);
/* A call of STUB_LINK or STUB_MISS and the tag behind it (template.h). */
void emit_tagged_call(Emit *e, unsigned stub, uint32_t link);
/* r = an address in the guest's file. */
void emit_mov_guest(Emit *e, unsigned r, GuestAddr addr);
uint32_t emit_arena_off(const Emit *e, const uint8_t *p);

#endif
