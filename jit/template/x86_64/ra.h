/* ra.h - the allocator's functions for the emitter itself; those for emitter functions are in
 * emit.h. */
#ifndef XEMU_JIT_TEMPLATE_X86_64_RA_H
#define XEMU_JIT_TEMPLATE_X86_64_RA_H

#include "jit/template/x86_64/emit.h"

void ra_begin_block(Emit *e);
/* Before the first jump out of line of an operation (emit_slow). */
void ra_before_slow(Emit *e);
/* After each micro-op: temporaries and locks end. */
static inline void ra_end(Emit *e)
{
    if (e->lock_g | e->lock_x | e->tmp_g | e->tmp_x) {
        e->free_g |= e->tmp_g;
        e->free_x |= e->tmp_x;
        e->tmp_g = e->tmp_x = 0;
        e->lock_g = e->lock_x = 0;
    }
}
/* The value isn't used any more. */
void ra_kill_shared(Emit *e, Val v);
static inline void ra_kill(Emit *e, Val v)
{
    ValState *s = emit_val(e, v);

    if (s->kind == VK_GPR && e->head_g[s->reg] == v && s->next == VAL_NONE) {
        s->kind = VK_NONE;
        e->head_g[s->reg] = VAL_NONE;
        e->free_g |= (1u << s->reg) & e->scratch_g;
    } else if (s->kind == VK_MEM || s->kind == VK_CONST) {
        s->kind = VK_NONE;
    } else {
        ra_kill_shared(e, v);
    }
}
/* The operand v of the current micro-op, or VAL_NONE: if this is its last use. */
static inline void ra_kill_operand(Emit *e, Val v)
{
    if (v != VAL_NONE && e->vals[v].last == e->i)
        ra_kill(e, v);
}
/* v is defined in this register (which the caller took care of). */
void ra_def_at(Emit *e, Val v, ValKind kind, unsigned reg);
/* A spill slot for `bytes` (1..16) that is the caller's up to micro-op `until`; its offset in
 * struct Cpu. */
uint32_t ra_slot(Emit *e, unsigned bytes, uint32_t until);
/* v is used up to micro-op `until`, which its definition didn't know; so is the slot that it may
 * have been spilled to. */
void ra_extend(Emit *e, Val v, uint32_t until);
/* v also stands at this offset of the register file. */
void ra_note_home(Emit *e, Val v, uint32_t off);
/* [off, off + bytes) of the register file is about to change: values that are read from there later
 * are saved. */
void ra_overwrite(Emit *e, uint32_t off, unsigned bytes);
/* The register is about to change: values in it that are used later move elsewhere. */
void ra_move_out(Emit *e, ValKind kind, unsigned reg);
/* v and what shares its register are in `reg` from now on (the caller has copied it; reg's own list
 * is empty). */
void ra_rename(Emit *e, Val v, ValKind kind, unsigned reg);
/* The whole register file may change. */
void ra_spill_all_files(Emit *e);

#endif
