/* lift_call.c - C from translated code: the interpreter's routine for what has no LLVM form, and
 * the front end's helpers. The stubs keep all registers. */
#include "lift/build.h"

#include <string.h>

#define TMP(k) ((uint32_t)offsetof(Cpu, tmp) + 16u * (k))

unsigned lift_call_convention(LiftStub stub)
{
    enum { PRESERVE_MOST = 14, PRESERVE_ALL = 15 };
    return stub == LIFT_HELPER_ALONE ? PRESERVE_MOST : PRESERVE_ALL;
}

static void call_stub(Lift *l, LiftStub stub, V arg)
{
    V args[2] = {l->cpu, arg};
    Ty params[2] = {l->ptr, l->ptr};
    Ty type = LLVMFunctionType(l->void_type, params, 2, false);
    V call = LLVMBuildCall2(l->b, type, l->stubs[stub], args, 2, "");
    LLVMSetInstructionCallConv(call, lift_call_convention(stub));
}

/* The micro-op itself, in the code object's read-only data. */
static V uop_constant(Lift *l, const Uop *u)
{
    V bytes = LLVMConstStringInContext(l->ctx, (const char *)u, sizeof *u, true);
    V g = LLVMAddGlobal(l->mod, LLVMTypeOf(bytes), "");
    LLVMSetInitializer(g, bytes);
    LLVMSetGlobalConstant(g, true);
    LLVMSetLinkage(g, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(g, 8);
    return g;
}

static V operand(Lift *l, uint16_t v)
{
    uint8_t type = uop_val_type(l->ub, v);
    if (type != T_FLAGS) {
        return lift_widen128(l, lift_val(l, v), type);
    }
    static const uint8_t conds[4] = {UOP_MI, UOP_EQ, UOP_CS, UOP_VS};
    V r = lift_i64(l, 0);
    for (unsigned k = 0; k < 4; k++) {
        V t = LLVMBuildZExt(l->b, flags_test(l, &l->flags[v], conds[k]), l->i64, "");
        r = LLVMBuildOr(l->b, r, LLVMBuildShl(l->b, t, lift_i64(l, 8 * k), ""), "");
    }
    return LLVMBuildInsertElement(l->b, LLVMConstNull(l->v2i64), r, lift_i32(l, 0), "");
}

V lift_by_interp(Lift *l, const Uop *u)
{
    uint8_t values = uop_info[u->op].values;
    uint16_t vals[3] = {u->a, u->b, u->c};
    if (uop_may_fault(u) || /* a fault in C would not be found to be the region's */
        l->ints) {          /* operands and results are vectors */
        l->failed = true;
        return NULL;
    }
    for (unsigned k = 0; k < 3; k++) {
        if (values >> k & 1 && vals[k] != VAL_NONE) {
            regs_cpu_store(l, operand(l, vals[k]), TMP(k + 1), false);
        }
    }
    call_stub(l, LIFT_OP, uop_constant(l, u));
    if (u->dst == VAL_NONE) {
        return NULL;
    }
    uint8_t type = lift_result_type(l, u);
    if (type == T_FLAGS) {
        return regs_cpu_load(l, l->i32, TMP(0), false);
    }
    if (uop_is_int(type)) {
        return regs_cpu_load(l, lift_type(l, type), TMP(0), false);
    }
    return lift_from128(l, regs_cpu_load(l, l->v2i64, TMP(0), false), type);
}

bool lift_helper_is_alone(const Lift *l, const Uop *u)
{
    return u->op == UOP_HELPER && frontend_helper_is_alone(l->r->frontend, u->imm);
}

void lift_helper(Lift *l, const Uop *u)
{
    uint16_t vals[3] = {u->a, u->b, u->c};
    bool alone = lift_helper_is_alone(l, u);
    if (!alone) {
        regs_commit(l);
        regs_cpu_store(l, lift_guest(l, l->insn_pc), 0, l->r->precise);
    }
    for (unsigned k = 0; k < 3; k++) {
        if (alone && vals[k] == VAL_NONE) {
            continue;
        }
        V x = vals[k] == VAL_NONE ? lift_i64(l, 0) : lift_val(l, vals[k]);
        x = LLVMTypeOf(x) == l->i64 ? x : LLVMBuildZExt(l->b, x, l->i64, "");
        regs_cpu_store(l, x, TMP(k + 1), false);
    }
    V id = LLVMConstIntToPtr(lift_i64(l, (uint32_t)u->imm), l->ptr);
    call_stub(l, alone ? LIFT_HELPER_ALONE : LIFT_HELPER, id);
    if (!alone) {
        regs_reload(l);
    }
    if (u->dst != VAL_NONE) {
        l->vals[u->dst] = regs_cpu_load(l, l->i64, TMP(0), false);
    }
}

void lift_may_fault(Lift *l)
{
    if (l->r->precise) {
        regs_commit(l);
        regs_cpu_store(l, lift_guest(l, l->insn_pc), 0, true);
    }
}
