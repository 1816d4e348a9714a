/* lift_exit.c - the ways out of a block: to another block of the region, to other translated code
 * by a tail call in the register convention, to the runtime.
 *
 *     within the region   br; with a look at Cpu.interrupt where a cycle may close
 *     constant pc         jmp exit<k>: the placer links it (or to the dispatcher)
 *     call                pushes {return pc, its code} on the shadow stack; the code's address is a
 * link of its own (lea) return, indirect    shadow stack, then the thread's table of targets, then
 * the runtime
 */
#include "lift/build.h"

#include <string.h>

#define OFF(field) ((uint32_t)offsetof(Cpu, field))

static void jump_to(Lift *l, V target)
{
    V args[1 + FRONTEND_INT_PINS + FRONTEND_VEC_PINS];
    regs_args(l, args);
    V call = LLVMBuildCall2(l->b, l->fn_type, target, args, lift_nargs(l), "");
    LLVMSetInstructionCallConv(call, 21);
    LLVMSetTailCallKind(call, LLVMTailCallKindMustTail);
    LLVMBuildRetVoid(l->b);
}

/* Notes the exit, and names its symbol. False: there is no room for more. */
static bool note_exit(Lift *l, GuestAddr target, LiftExitKind kind, char name[24])
{
    if (l->nexits == l->cap_exits) {
        l->failed = true;
        return false;
    }
    snprintf(name, 24, "x%u", l->nexits);
    l->exits[l->nexits].target = target;
    l->exits[l->nexits++].kind = (uint8_t)kind;
    return true;
}

static V new_exit(Lift *l, GuestAddr target, LiftExitKind kind)
{
    char name[24];
    if (!note_exit(l, target, kind, name)) {
        return l->fn;
    }
    V fn = LLVMAddFunction(l->mod, name, l->fn_type);
    LLVMSetFunctionCallConv(fn, 21);
    LLVMSetVisibility(fn, LLVMHiddenVisibility);
    return fn;
}

/* Memory behind the code, named as exits are. */
static V new_cell(Lift *l, GuestAddr number)
{
    char name[24];
    if (!note_exit(l, number, LIFT_EXIT_CELL, name)) {
        return l->cpu;
    }
    V cell = LLVMAddGlobal(l->mod, l->i64, name);
    LLVMSetVisibility(cell, LLVMHiddenVisibility);
    return cell;
}

static void leave_by(Lift *l, V stub, V pc)
{
    regs_leave(l);
    regs_cpu_store(l, pc, 0, false);
    jump_to(l, stub);
}

static void leave(Lift *l, LiftStub stub, V pc)
{
    leave_by(l, l->stubs[stub], pc);
}

static void exit_to(Lift *l, GuestAddr target)
{
    regs_leave(l);
    if (target == l->r->blocks[0].ub->pc) {
        jump_to(l, l->fn);
    } else {
        jump_to(l, new_exit(l, target, LIFT_EXIT_JUMP));
    }
}

static V is_asked(Lift *l)
{
    return LLVMBuildICmp(l->b, LLVMIntNE, regs_cpu_load(l, l->i32, OFF(interrupt), true),
                         lift_i32(l, 0), "");
}

static void into_block(Lift *l, uint32_t k)
{
    BlockState *s = &l->bs[k];
    if (s->npreds == 1) {
        s->flags_known = l->flags_known;
        s->flags_out = l->flags_now;
    }
    bool round = l->index == k || (l->next_copy && l->next_copy[l->index] == k + 1);
    LLVMBuildBr(l->b, s->wide && !round ? s->wide : s->entry);
}

static void to_block(Lift *l, uint32_t k)
{
    regs_enter_loop(l, (int)l->index, k);
    into_block(l, k);
}

/* Where a cycle closes, perhaps: the memory that a loop waits for is read anew. (The fence comes
 * before the poll: behind that stands nothing but the jump.) */
static void compiler_fence(Lift *l)
{
    LLVMBuildFence(l->b, LLVMAtomicOrderingAcquireRelease, true, "");
}

/* Leaves for the dispatcher if somebody asks for it. */
static void look(Lift *l, GuestAddr target)
{
    LLVMBasicBlockRef out = lift_bb(l, "asked"), on = lift_bb(l, "");
    compiler_fence(l);
    lift_branch_unlikely(l, is_asked(l), out, on);
    LLVMPositionBuilderAtEnd(l->b, out);
    leave(l, LIFT_LEAVE, lift_guest(l, target));
    LLVMPositionBuilderAtEnd(l->b, on);
}

/* The back edges to a block share one way out, whatever is dirty at each. */
void lift_poll(Lift *l, uint32_t k)
{
    BlockState *s = &l->bs[k];
    GuestAddr pc = l->r->blocks[k].ub->pc;
    if (!s->asked) {
        LLVMBasicBlockRef from = LLVMGetInsertBlock(l->b);
        UnitSet dirty = l->dirty;
        s->asked = lift_bb(l, "asked");
        l->dirty = s->dirty_in;
        if (!set_has(&s->live_in, 0)) {
            set_remove(&l->dirty, 0);
        }
        LLVMPositionBuilderAtEnd(l->b, s->asked);
        leave(l, LIFT_LEAVE, lift_guest(l, pc));
        l->dirty = dirty;
        LLVMPositionBuilderAtEnd(l->b, from);
    }
    LLVMBasicBlockRef on = lift_bb(l, "");
    compiler_fence(l);
    lift_branch_unlikely(l, is_asked(l), s->asked, on);
    LLVMPositionBuilderAtEnd(l->b, on);
}

static void back_to_block(Lift *l, uint32_t k)
{
    regs_enter_loop(l, (int)l->index, k);
    if (l->r->precise && set_has(&l->bs[k].live_in, 0)) { /* each makes flags of its own */
        look(l, l->r->blocks[k].ub->pc);
    } else {
        lift_poll(l, k);
    }
    into_block(l, k);
}

/* To the region's block k, if there is one (else -1), or to other code. */
static void go_on(Lift *l, GuestAddr target, int k)
{
    bool back = target <= l->insn_pc && k < (int)l->first_copy;
    if (k >= 0 && back && l->bs[k].polled) {
        back_to_block(l, (uint32_t)k);
        return;
    }
    if (back) {
        look(l, target);
    }
    if (k >= 0) {
        to_block(l, (uint32_t)k);
    } else {
        exit_to(l, target);
    }
}

void lift_go_to(Lift *l, GuestAddr target)
{
    go_on(l, target, lift_next(l, l->index, target));
}

/* ---- calls, returns, indirect jumps ---------------------------------------------------------- */

static V shadow_slot(Lift *l, V top, uint32_t field)
{
    V at = LLVMBuildShl(l->b, LLVMBuildZExt(l->b, top, l->i64, ""), lift_i64(l, 3), "");
    V base = regs_cpu_field(l, OFF(shadow) + field);
    return LLVMBuildGEP2(l->b, l->i8, base, &at, 1, "");
}

static V cpu_access(Lift *l, V access)
{
    LLVMSetMetadata(access, l->kind_tbaa, l->tbaa_cpu);
    LLVMSetAlignment(access, 8);
    return access;
}

static void push_return(Lift *l, GuestAddr pc)
{
    regs_move_top(l, 2);
    V top = regs_top(l);
    V code = LLVMBuildPtrToInt(l->b, new_exit(l, pc, LIFT_EXIT_LEA), l->i64, "");
    cpu_access(l, LLVMBuildStore(l->b, lift_guest(l, pc), shadow_slot(l, top, 0)));
    cpu_access(l, LLVMBuildStore(l->b, code, shadow_slot(l, top, 8)));
}

/* Leaves for the stub that looks at Cpu.interrupt and in the thread's table. Non-pinned registers
 * have been stored. */
static void look_up(Lift *l, V target)
{
    regs_cpu_store(l, target, 0, false);
    jump_to(l, l->stubs[LIFT_LOOK_UP]);
}

static void indirect(Lift *l, V target)
{
    regs_leave(l);
    LLVMBasicBlockRef hit = lift_bb(l, "cached"), other = lift_bb(l, ""), on = lift_bb(l, ""),
                      empty = lift_bb(l, "empty"), quiet = lift_bb(l, "");
    lift_branch_unlikely(l, is_asked(l), on, quiet);
    LLVMPositionBuilderAtEnd(l->b, quiet);
    GuestAddr number = l->ncaches++;
    V cached = cpu_access(l, LLVMBuildLoad2(l->b, l->i64, new_cell(l, number), ""));
    LLVMSetOrdering(cached, LLVMAtomicOrderingMonotonic);
    LLVMBuildCondBr(l->b, LLVMBuildICmp(l->b, LLVMIntEQ, cached, target, ""), hit, other);
    LLVMPositionBuilderAtEnd(l->b, hit);
    jump_to(l, new_exit(l, number, LIFT_EXIT_CACHED));
    V missed = new_exit(l, number, LIFT_EXIT_EMPTY);
    LLVMPositionBuilderAtEnd(l->b, other);
    lift_branch_unlikely(l, LLVMBuildICmp(l->b, LLVMIntSLT, cached, lift_i64(l, 0), ""), empty, on);
    LLVMPositionBuilderAtEnd(l->b, empty);
    leave_by(l, missed, target);
    LLVMPositionBuilderAtEnd(l->b, on);
    look_up(l, target);
}

static void do_return(Lift *l, V target)
{
    V top = regs_top(l);
    V pc = cpu_access(l, LLVMBuildLoad2(l->b, l->i64, shadow_slot(l, top, 0), ""));
    regs_move_top(l, -2);
    regs_leave(l);
    LLVMBasicBlockRef miss = lift_bb(l, "return.miss"), hit = lift_bb(l, "return");
    lift_branch_unlikely(l, LLVMBuildICmp(l->b, LLVMIntNE, pc, target, ""), miss, hit);
    jump_to(l, cpu_access(l, LLVMBuildLoad2(l->b, l->ptr, shadow_slot(l, top, 8), "")));
    LLVMPositionBuilderAtEnd(l->b, miss);
    look_up(l, target);
}

/* From a callee that is part of the region. The shadow stack has an entry for the call, as side
 * exits of the callee need it. */
static void inlined_return(Lift *l, V target)
{
    const LiftContext *c = &l->r->contexts[l->r->blocks[l->index].context];
    int k = lift_find(l->r, c->return_pc, c->parent);
    if (k < 0) {
        do_return(l, target);
        return;
    }
    LLVMBasicBlockRef other = lift_bb(l, "other"), back = lift_bb(l, "");
    lift_branch_unlikely(l, LLVMBuildICmp(l->b, LLVMIntNE, target, lift_guest(l, c->return_pc), ""),
                         other, back);
    regs_move_top(l, -2);
    to_block(l, (uint32_t)k);
    LLVMPositionBuilderAtEnd(l->b, other);
    do_return(l, target);
}

/* Of the function that the region is part of, which calls itself. */
static void return_inside(Lift *l, V target)
{
    for (unsigned n = 0; n < l->nreturns; n++) {
        GuestAddr pc = l->r->blocks[l->returns[n]].ub->pc;
        LLVMBasicBlockRef back = lift_bb(l, "back"), other = lift_bb(l, "other");
        LLVMBuildCondBr(l->b, LLVMBuildICmp(l->b, LLVMIntEQ, target, lift_guest(l, pc), ""), back,
                        other);
        LLVMPositionBuilderAtEnd(l->b, back);
        regs_move_top(l, -2);
        go_on(l, pc, (int)l->returns[n]);
        LLVMPositionBuilderAtEnd(l->b, other);
    }
    do_return(l, target);
}

static void call(Lift *l, GuestAddr target)
{
    push_return(l, l->insn_pc + l->insn_len);
    go_on(l, target, lift_callee(l->r, l->index, target));
}

/* ---- the micro-operations -------------------------------------------------------------------- */

static void trap(Lift *l, const Uop *u)
{
    regs_cpu_store(l, lift_i32(l, u->flags), OFF(exit_trap), false);
    regs_cpu_store(l, lift_i64(l, u->imm64), OFF(exit_arg), false);
    leave(l, LIFT_LEAVE_TRAP, lift_guest(l, l->insn_pc));
}

void lift_exit(Lift *l, const Uop *u)
{
    V target = u->a != VAL_NONE ? lift_val(l, u->a) : NULL;
    switch (u->sub) {
    case UOP_EXIT_TRAP: trap(l, u); break;
    case UOP_EXIT_SYSCALL:
        leave(l, LIFT_LEAVE_SYSCALL, target ? target : lift_guest(l, u->imm64));
        break;
    case UOP_EXIT_DISPATCH: leave(l, LIFT_LEAVE, target ? target : lift_guest(l, u->imm64)); break;
    case UOP_EXIT_RET:
        if (!target) {
            lift_go_to(l, u->imm64);
        } else if (l->r->blocks[l->index].context) {
            inlined_return(l, target);
        } else {
            return_inside(l, target);
        }
        break;
    case UOP_EXIT_CALL:
        if (target) {
            push_return(l, l->insn_pc + l->insn_len);
            indirect(l, target);
        } else {
            call(l, u->imm64);
        }
        break;
    default:
        if (target) {
            indirect(l, target);
        } else {
            lift_go_to(l, u->imm64);
        }
        break;
    }
}

/* How a block is left by a jump to `target`, as far as that is known. */
static void weigh(Lift *l, V branch, GuestAddr target)
{
    uint64_t all = l->r->blocks[l->index].count;
    if (!l->r->blocks[0].count) {
        return;
    }
    int k = lift_next(l, l->index, target);
    uint64_t taken = k < 0 ? 0 : l->r->blocks[k].count;
    taken = taken < all ? taken : all;
    lift_set_weights(l, branch, 16 * taken + 1, 16 * (all - taken) + 1);
}

void lift_exit_if(Lift *l, const Uop *u)
{
    V cond = LLVMBuildTrunc(l->b, lift_val(l, u->a), l->i1, "");
    LLVMBasicBlockRef out = lift_bb(l, ""), on = lift_bb(l, "");
    if (u->sub == UOP_EXIT_TRAP) {
        lift_branch_unlikely(l, cond, out, on);
        LLVMPositionBuilderAtEnd(l->b, out);
        trap(l, u);
    } else {
        weigh(l, LLVMBuildCondBr(l->b, cond, out, on), u->imm64);
        LLVMPositionBuilderAtEnd(l->b, out);
        lift_go_to(l, u->imm64);
    }
    LLVMPositionBuilderAtEnd(l->b, on);
}
