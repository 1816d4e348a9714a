/* emit_exit.c - leaving a block: direct exits that get linked, calls and returns through the shadow
 * stack, indirect jumps, traps.
 *
 *     direct exit      jmp / jcc rel32 -> stub (cold): call stub_link
 *                      linked: -> the target
 *     backward exit    cmp [interrupt], 0; je rel32 -> as above; jmp -> the same stub
 *       (counted)      sub [polls_left], 1; jns rel32 -> as above; jmp -> the same stub
 *                      (once it is known what becomes of the target: cmp, polls.c)
 *     call             shadow[++top] = { return pc, continuation }; the continuation's address
 *                      comes from a lea, linked like an exit; then an exit
 *     return           cmp shadow[top].pc, target; jne miss; top--; jmp shadow[top + 1].code
 *     indirect         cmp target, [cache]; je rel32 -> the block cached here; ibtc look-up;
 *                      jmp [ibtc.code]; miss (cold): call stub_miss
 *
 * Shadow_top counts in units of 2 modulo 256 in a byte: times 8 it is the byte offset of a 16-byte
 * entry.
 */
#include "jit/template/x86_64/emit_ops.h"
#include "jit/template/x86_64/template.h"

_Static_assert(CPU_SHADOW_SIZE == 128 && sizeof(ShadowEntry) == 16, "shadow_top wraps as a byte");

static GuestAddr insn_pc(const Emit *e)
{
    return e->pc + e->insn_off;
}

/* ---- direct ---------------------------------------------------------------------------------- */

/* A patchable rel32 that ends at `site`. */
static uint32_t new_link(Emit *e, LinkKind kind, GuestAddr target, const uint8_t *site)
{
    if (e->nlinks == EMIT_MAX_LINKS) {
        e->failed = true;
        return 0;
    }
    e->also[e->nlinks] = NULL;
    e->links[e->nlinks] = (Link){
        .from = e->b, .target = target, .site = emit_arena_off(e, site), .kind = (uint8_t)kind};
    return e->nlinks++;
}

/* Do executions lead to tier 2? */
static bool promotes(const Emit *e)
{
    return (e->jit->options.tiers & JIT_TIERS_NATIVE) == JIT_TIERS_NATIVE && !e->quick;
}

/* Are executions counted? */
static bool counts(const Emit *e)
{
    return e->quick || promotes(e);
}

/* Without tier 2 nothing else may tell of quick blocks that only indirect jumps lead to. */
static bool counts_quick(const Emit *e)
{
    uint32_t quick = e->jit->options.quick;
    return e->quick || (!promotes(e) && quick && quick != JIT_QUICK_ONLY && !e->t->module);
}

/* jmp to a guest pc; out: NULL, or a jump to where that exit goes while it isn't linked. */
static void jump_to(Emit *e, GuestAddr target, uint8_t *out)
{
    emit_pad_patchable(e, 1);
    uint32_t link = new_link(e, LINK_JUMP, target, asm_jmp32(&e->a));
    e->also[link] = out;
}

static void jump_if(Emit *e, unsigned cc, GuestAddr target)
{
    emit_pad_patchable(e, 2);
    new_link(e, LINK_JUMP, target, asm_jcc32(&e->a, cc));
}

/* imm: the register with the guest pc */
static void cold_leave_reg(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    if (p->imm != HR_RAX)
        asm_mov_rr(&e->a, 3, HR_RAX, p->imm);
    asm_jmp(&e->a, emit_stub(e, STUB_LEAVE_PC));
}

/* arg: guest pc */
static void cold_hot(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    emit_mov_guest(e, HR_RAX, p->arg);
    asm_jmp(&e->a, emit_stub(e, STUB_HOT));
}

/* imm: the register with the guest pc */
static void cold_hot_reg(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    if (p->imm != HR_RAX)
        asm_mov_rr(&e->a, 3, HR_RAX, p->imm);
    asm_jmp(&e->a, emit_stub(e, STUB_HOT));
}

/* imm: the register with the guest pc; link: of the jump's inline cache */
static void cold_hot_at(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    if (p->imm != HR_RAX)
        asm_mov_rr(&e->a, 3, HR_RAX, p->imm);
    emit_tagged_call(e, STUB_HOT_AT, p->link);
}

/* Counts down the thread's counter, that of quick blocks or the other: when it has run out the
 * runtime hears of it. */
static void count_down(Emit *e)
{
    asm_alu_mi(&e->a, ALU_SUB, 2, asm_cpu(promotes(e) ? OFF(polls_left) : OFF(quick_left)), 1);
}

/* Goes to target, with a poll if that closes a cycle: of the counter where executions are counted
 * (cpu.h), else of Cpu.interrupt. What asks leads out as the unlinked exit does. */
void emit_go_to(Emit *e, GuestAddr target)
{
    bool counted = promotes(e);
    /* What leads to a block that only takes an indirect branch in has looked at both. */
    bool lands = insn_pc(e) > e->jit->frontend->pc_mask && !counted;

    if (target > insn_pc(e) || lands) {
        jump_to(e, target, NULL);
        return;
    }
    if (counted)
        emit_pad_patchable(e, POLL_TO_JUMP);
    if (counts(e))
        count_down(e);
    if (e->quick)
        emit_cold(e, cold_hot, asm_jcc32(&e->a, CC_S))->arg = target;
    if (!counted) {
        asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu(OFF(interrupt)), 0);
        emit_pad_patchable(e, 2);
    }
    uint32_t link = new_link(e, LINK_JUMP, target, asm_jcc32(&e->a, counted ? CC_NS : CC_E));
    e->also[link] = asm_jmp32(&e->a);
}

/* ---- conditional ----------------------------------------------------------------------------- */

typedef struct TrapInfo {
    uint32_t trap;
    uint64_t payload;
    GuestAddr pc;
} TrapInfo;

static void trap(Emit *e, TrapInfo t)
{
    asm_mov_mi(&e->a, 2, asm_cpu(OFF(exit_trap)), (int32_t)t.trap);
    if (t.payload > UINT32_MAX)
        e->bound = true; /* the pc, of code that can't be fetched */
    asm_mov_ri(&e->a, HR_RAX, t.payload);
    asm_mov_mr(&e->a, 3, asm_cpu(OFF(exit_arg)), HR_RAX);
    emit_mov_guest(e, HR_RAX, t.pc);
    e->placed = true;
    asm_jmp(&e->a, emit_stub(e, STUB_LEAVE_TRAP));
}

/* arg: payload; imm: UopTrap; insn: offset of the instruction; back: second jump here, or NULL */
static void cold_trap(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    if (p->back)
        asm_patch32(p->back, e->a.p);
    trap(e, (TrapInfo){p->imm, p->arg, e->pc + p->insn});
}

static void trap_if(Emit *e, const Uop *u, Cond c)
{
    uint8_t *from, *second = NULL, *skip = NULL;

    if (c.kind == COND_ALWAYS) {
        trap(e, (TrapInfo){u->flags, u->imm64, insn_pc(e)});
        return;
    }
    if (c.kind == COND_AND_NP)
        skip = asm_jcc8(&e->a, CC_P);
    else if (c.kind == COND_OR_P)
        second = asm_jcc32(&e->a, CC_P);
    from = asm_jcc32(&e->a, c.cc);
    if (skip)
        asm_patch8(&e->a, skip);
    ColdPiece *p = emit_cold(e, cold_trap, from);
    p->back = second;
    p->imm = u->flags;
    p->arg = u->imm64;
}

void emit_branch_if(Emit *e, Cond c, GuestAddr target)
{
    if (c.kind == COND_NEVER)
        return;
    if (c.kind == COND_ALWAYS) {
        emit_go_to(e, target);
    } else if (target > insn_pc(e)) {
        uint8_t *skip = NULL;
        if (c.kind == COND_AND_NP)
            skip = asm_jcc8(&e->a, CC_P);
        else if (c.kind == COND_OR_P)
            jump_if(e, CC_P, target);
        jump_if(e, c.cc, target);
        if (skip)
            asm_patch8(&e->a, skip);
    } else {
        uint8_t *skip2 = NULL, *go = NULL;
        if (c.kind == COND_AND_NP)
            skip2 = asm_jcc8(&e->a, CC_P);
        else if (c.kind == COND_OR_P)
            go = asm_jcc8(&e->a, CC_P);
        uint8_t *skip = asm_jcc8(&e->a, c.cc ^ 1u);
        if (go)
            asm_patch8(&e->a, go);
        /* EFLAGS are only lost on the way out. */
        emit_go_to(e, target);
        asm_patch8(&e->a, skip);
        if (skip2)
            asm_patch8(&e->a, skip2);
    }
}

bool emit_exit_if(Emit *e, const Uop *u)
{
    Cond c = emit_bool(e, u->a);

    if (u->sub == UOP_EXIT_TRAP) {
        if (c.kind != COND_NEVER)
            trap_if(e, u, c);
    } else {
        emit_branch_if(e, c, u->imm64);
    }
    return true;
}

/* ---- calls and returns ----------------------------------------------------------------------- */

static void push_return(Emit *e)
{
    GuestAddr pc = insn_pc(e) + e->insn_len;
    unsigned top = ra_tmp_g(e), t = ra_tmp_g(e), value = t;

    asm_movzx_rm(&e->a, 0, top, asm_cpu(OFF(shadow_top)));
    asm_alu_ri(&e->a, ALU_ADD, 0, top, 2);
    asm_mov_mr(&e->a, 0, asm_cpu(OFF(shadow_top)), top);
    if (e->pin_const_insn == e->insn_off && e->pin_const == pc)
        value = e->pin_const_reg; /* the link register holds it */
    else
        emit_mov_guest(e, t, pc);
    asm_mov_mr(&e->a, 3, asm_cpu_sib(top, 3, OFF(shadow)), value);
    emit_pad_patchable(e, 3);
    asm_lea(&e->a, 3, t, asm_mem_rip(e->a.p));
    new_link(e, LINK_LEA, pc, e->a.p);
    asm_mov_mr(&e->a, 3, asm_cpu_sib(top, 3, OFF(shadow) + 8), t);
}

/* The per-thread table of indirect targets: entry of the pc in `target`, jump through it, or to the
 * miss. */
static uint8_t *look_up(Emit *e, unsigned target, unsigned t1, unsigned t2)
{
    unsigned shift = e->jit->frontend->insn_shift;

    asm_mov_rr(&e->a, 2, t1, target);
    if (shift == 0)
        asm_shift_ri(&e->a, SHIFT_SHL, 2, t1, 1);
    asm_alu_ri(&e->a, ALU_AND, 2, t1, (CPU_IBTC_SIZE - 1) << (shift ? shift : 1));
    asm_mov_rm(&e->a, 3, t2, asm_cpu(OFF(ibtc)));
    asm_alu_rm(&e->a, ALU_CMP, 3, target, asm_mem_sib(t2, t1, shift ? 4 - shift : 3, 0));
    uint8_t *miss = asm_jcc32(&e->a, CC_NE);
    asm_jmp_m(&e->a, asm_mem_sib(t2, t1, shift ? 4 - shift : 3, 8));
    return miss;
}

/* imm: register with the target; link: the site's inline cache, or TAG_NO_LINK */
static void cold_miss(Emit *e, const ColdPiece *p)
{
    asm_patch32(p->from, e->a.p);
    if (p->link != TAG_NO_LINK) {
        e->links[p->link].stub = emit_arena_off(e, e->a.p);
        asm_patch32(emit_rw(e, e->links[p->link].site), e->a.p);
    }
    if (p->imm != HR_RAX)
        asm_mov_rr(&e->a, 3, HR_RAX, p->imm);
    emit_tagged_call(e, STUB_MISS, p->link);
}

static void indirect(Emit *e, unsigned target)
{
    unsigned t1 = ra_tmp_g(e), t2 = ra_tmp_g(e);

    ColdPiece *hot = NULL;
    if (promotes(e)) {
        emit_pad_patchable(e, POLL_TO_CACHE);
        count_down(e);
        hot = emit_cold(e, cold_hot_at, asm_jcc32(&e->a, CC_S));
        hot->imm = target;
    } else if (counts_quick(e)) {
        count_down(e);
        emit_cold(e, cold_hot_reg, asm_jcc32(&e->a, CC_S))->imm = target;
    }
    if (!promotes(e)) {
        asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu(OFF(interrupt)), 0);
        emit_cold(e, cold_leave_reg, asm_jcc32(&e->a, CC_NE))->imm = target;
    }
    uint8_t *cache = emit_data(e, 8);
    uint64_t none = JIT_NO_PC;
    memcpy(cache, &none, 8);
    asm_alu_rm(&e->a, ALU_CMP, 3, target, asm_mem_rip(cache));
    emit_pad_patchable(e, 2);
    uint32_t link = new_link(e, LINK_CACHE, 0, asm_jcc32(&e->a, CC_E));
    e->links[link].cache = emit_arena_off(e, cache);
    if (hot)
        hot->link = link;
    ColdPiece *p = emit_cold(e, cold_miss, look_up(e, target, t1, t2));
    p->imm = target;
    p->link = link;
}

/* The top of the shadow stack is another address: it goes, too. arg: registers for the look-up. */
static void cold_return_miss(Emit *e, const ColdPiece *p)
{
    unsigned target = p->imm, t1 = p->opnd[0].reg, t2 = p->opnd[1].reg;

    asm_patch32(p->from, e->a.p);
    asm_alu_mi(&e->a, ALU_SUB, 0, asm_cpu(OFF(shadow_top)), 2);
    asm_alu_mi(&e->a, ALU_CMP, 2, asm_cpu(OFF(interrupt)), 0);
    uint8_t *leave = asm_jcc32(&e->a, CC_NE), *miss = look_up(e, target, t1, t2);
    asm_patch32(miss, e->a.p);
    if (target != HR_RAX)
        asm_mov_rr(&e->a, 3, HR_RAX, target);
    emit_tagged_call(e, STUB_MISS, TAG_NO_LINK);
    asm_patch32(leave, e->a.p);
    if (target != HR_RAX)
        asm_mov_rr(&e->a, 3, HR_RAX, target);
    asm_jmp(&e->a, emit_stub(e, STUB_LEAVE_PC));
}

void emit_return_to(Emit *e, unsigned target)
{
    unsigned top = ra_tmp_g(e), t = ra_tmp_g(e);

    asm_movzx_rm(&e->a, 0, top, asm_cpu(OFF(shadow_top)));
    asm_alu_rm(&e->a, ALU_CMP, 3, target, asm_cpu_sib(top, 3, OFF(shadow)));
    ColdPiece *p = emit_cold(e, cold_return_miss, asm_jcc32(&e->a, CC_NE));
    p->imm = target;
    p->opnd[0].reg = (uint8_t)top;
    p->opnd[1].reg = (uint8_t)t;
    asm_alu_mi(&e->a, ALU_SUB, 0, asm_cpu(OFF(shadow_top)), 2);
    asm_jmp_m(&e->a, asm_cpu_sib(top, 3, OFF(shadow) + 8));
}

void emit_call_to(Emit *e, GuestAddr target)
{
    push_return(e);
    if (promotes(e) && target > insn_pc(e)) {
        emit_pad_patchable(e, POLL_TO_CALL);
        count_down(e);
        uint8_t *out = asm_jcc32(&e->a, CC_S);
        jump_to(e, target, out);
        return;
    }
    if (e->quick && target > insn_pc(e)) {
        count_down(e);
        emit_cold(e, cold_hot, asm_jcc32(&e->a, CC_S))->arg = target;
    }
    emit_go_to(e, target);
}

void emit_go_to_value(Emit *e, unsigned target, bool call)
{
    if (call) {
        push_return(e);
        e->lock_g &= ~e->tmp_g; /* its temporaries have done */
        e->free_g |= e->tmp_g;
        e->tmp_g = 0;
    }
    indirect(e, target);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void exit_to_value(Emit *e, const Uop *u)
{
    unsigned target = ra_use_g(e, u->a);

    if (u->sub == UOP_EXIT_RET) {
        emit_return_to(e, target);
    } else if (u->sub == UOP_EXIT_JUMP || u->sub == UOP_EXIT_CALL) {
        emit_go_to_value(e, target, u->sub == UOP_EXIT_CALL);
    } else {
        if (target != HR_RAX)
            asm_mov_rr(&e->a, 3, HR_RAX, target);
        asm_jmp(&e->a,
                emit_stub(e, u->sub == UOP_EXIT_SYSCALL ? STUB_LEAVE_SYSCALL : STUB_LEAVE_PC));
    }
}

bool emit_exit(Emit *e, const Uop *u)
{
    if (u->sub == UOP_EXIT_TRAP) {
        trap(e, (TrapInfo){u->flags, u->imm64, insn_pc(e)});
        return true;
    }
    e->fl.val = VAL_NONE;
    if (u->a != VAL_NONE) {
        exit_to_value(e, u);
        return true;
    }
    switch (u->sub) {
    case UOP_EXIT_CALL: emit_call_to(e, u->imm64); break;
    case UOP_EXIT_SYSCALL:
        emit_mov_guest(e, HR_RAX, u->imm64);
        asm_jmp(&e->a, emit_stub(e, STUB_LEAVE_SYSCALL));
        break;
    case UOP_EXIT_DISPATCH:
        emit_mov_guest(e, HR_RAX, u->imm64);
        asm_jmp(&e->a, emit_stub(e, STUB_LEAVE_PC));
        break;
    default: emit_go_to(e, u->imm64); break;
    }
    return true;
}
