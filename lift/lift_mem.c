/* lift_mem.c - guest memory. Guest addresses are host addresses; LLVM is told that they never meet
 * struct Cpu.
 *
 * Plain accesses may be reordered and combined as the guest's memory model allows. The host keeps
 * loads and stores in order (TSO), so acquire and release only hold the compiler back. Back edges
 * of loops do as well (lift_exit.c): a loop that waits for memory to change reads it each time
 * round.
 *
 * A store that is ordered with later ordered loads only notes that it was made (Cpu.stores_wait);
 * those loads, if nothing that is a barrier came since, make one. A region that has such loads in a
 * loop and no such store asks for it once, where it is entered.
 */
#include "lift/build.h"

static bool is_volatile(const Lift *l, const Uop *u)
{
    return l->r->precise || u->flags & (UOPF_ORDER_MASK | UOPF_ATOMIC);
}

V lift_pointer(Lift *l, const Uop *u)
{
    bool indexed = u->op == UOP_LOAD || u->op == UOP_STORE;
    if (indexed && u->b != VAL_NONE &&
        LLVMIsConstant(lift_val(l, u->a))) { /* no pointer to anything */
        V sum = LLVMBuildAdd(
            l->b, LLVMBuildShl(l->b, lift_val(l, u->b), lift_i64(l, uop_mem_scale(u->sub)), ""),
            lift_val(l, u->a), "");
        sum = LLVMBuildAdd(l->b, sum, lift_i64(l, (uint64_t)(int64_t)u->imm), "");
        return LLVMBuildIntToPtr(l->b, sum, l->ptr, "");
    }
    V p = LLVMBuildIntToPtr(l->b, lift_val(l, u->a), l->ptr, "");
    if (indexed && u->b != VAL_NONE) {
        V index = LLVMBuildShl(l->b, lift_val(l, u->b), lift_i64(l, uop_mem_scale(u->sub)), "");
        p = LLVMBuildGEP2(l->b, l->i8, p, &index, 1, "");
    }
    if (indexed && u->imm) {
        V disp = lift_i64(l, (uint64_t)(int64_t)u->imm);
        p = LLVMBuildGEP2(l->b, l->i8, p, &disp, 1, "");
    }
    return p;
}

V lift_mark(Lift *l, V access, bool vol)
{
    LLVMSetMetadata(access, l->kind_tbaa, l->tbaa_guest);
    LLVMSetVolatile(access, vol);
    return access;
}

static void compiler_fence(Lift *l)
{
    LLVMBuildFence(l->b, LLVMAtomicOrderingAcquireRelease, true, "");
}

static void set_stores_wait(Lift *l, unsigned wait)
{
    regs_cpu_store(l, LLVMConstInt(l->i8, wait, false), (uint32_t)offsetof(Cpu, stores_wait), true);
}

/* Any locked operation is a barrier. (MFENCE takes four times as long.) */
static void full_fence(Lift *l)
{
    V place = regs_cpu_field(l, (uint32_t)offsetof(Cpu, stores_wait));
    V barrier = LLVMBuildAtomicRMW(l->b, LLVMAtomicRMWBinOpXchg, place, LLVMConstNull(l->i8),
                                   LLVMAtomicOrderingSequentiallyConsistent, false);
    LLVMSetMetadata(barrier, l->kind_tbaa, l->tbaa_cpu);
    LLVMSetVolatile(barrier, true);
}

void lift_settle_stores(Lift *l)
{
    LLVMBasicBlockRef wait = lift_bb(l, "stores.wait"), on = lift_bb(l, "");
    compiler_fence(l);
    V any = regs_cpu_load(l, l->i8, (uint32_t)offsetof(Cpu, stores_wait), true);
    V is_any = LLVMBuildICmp(l->b, LLVMIntNE, any, LLVMConstNull(l->i8), "");
    lift_branch_unlikely(l, is_any, wait, on);
    LLVMPositionBuilderAtEnd(l->b, wait);
    full_fence(l);
    LLVMBuildBr(l->b, on);
    LLVMPositionBuilderAtEnd(l->b, on);
}

static V swapped(Lift *l, const Uop *u, V x)
{
    Ty t = LLVMTypeOf(x);
    return uop_mem_be(u->sub) && uop_mem_log2(u->sub)
               ? lift_intrinsic(l, "llvm.bswap", &t, 1, &x, 1)
               : x;
}

static Ty memory_type(Lift *l, const Uop *u)
{
    return LLVMIntTypeInContext(l->ctx, 8u << uop_mem_log2(u->sub));
}

/* An integer of the access's width as a value of the micro-op's type, and back. */
static V from_memory(Lift *l, const Uop *u, V x)
{
    Ty t = lift_type(l, u->type);
    x = swapped(l, u, x);
    if (!uop_is_int(u->type)) {
        return lift_cast(l, x, t);
    }
    if (LLVMTypeOf(x) == t) {
        return x;
    }
    return uop_mem_signed(u->sub) && u->op == UOP_LOAD ? LLVMBuildSExt(l->b, x, t, "")
                                                       : LLVMBuildZExt(l->b, x, t, "");
}

static V to_memory(Lift *l, const Uop *u, V x)
{
    Ty t = memory_type(l, u);
    if (uop_is_int(u->type)) {
        x = LLVMTypeOf(x) == t ? x : LLVMBuildTrunc(l->b, x, t, "");
    }
    return swapped(l, u, lift_cast(l, x, t));
}

static bool lift_load(Lift *l, const Uop *u)
{
    bool swap = uop_mem_be(u->sub) && uop_mem_log2(u->sub),
         by_value = !uop_is_int(u->type) && !swap;
    if (!uop_is_int(u->type) && (8u << uop_mem_log2(u->sub)) != 8 * uop_type_bytes(u->type)) {
        by_value = false;
        if (uop_type_bytes(u->type) > 1u << uop_mem_log2(u->sub)) {
            return false;
        }
    }
    if (uop_is_seq(u) && !l->settled) {
        lift_settle_stores(l);
    }
    if (faults_has(l, u)) {
        unsigned log2 = uop_mem_log2(u->sub);
        if (log2 == 4 || (by_value && log2 >= 2)) {
            V v = faults_load_vec(l, u);
            l->vals[u->dst] = by_value ? lift_cast(l, v, lift_type(l, u->type))
                                       : from_memory(l, u, lift_cast(l, v, memory_type(l, u)));
            return true;
        }
        bool sign = uop_is_int(u->type) && uop_mem_signed(u->sub) && !swap;
        V v = faults_load_int(l, u, sign);
        if (sign) {
            l->vals[u->dst] = LLVMBuildTrunc(l->b, v, lift_type(l, u->type), "");
        } else {
            v = log2 < 3 ? LLVMBuildTrunc(l->b, v, memory_type(l, u), "") : v;
            l->vals[u->dst] = from_memory(l, u, v);
        }
        return true;
    }
    lift_may_fault(l);
    V x = LLVMBuildLoad2(l->b, by_value ? lift_type(l, u->type) : memory_type(l, u),
                         lift_pointer(l, u), "");
    LLVMSetAlignment(x, 1);
    lift_mark(l, x, is_volatile(l, u));
    if (u->flags & UOPF_ORDER_MASK) {
        compiler_fence(l);
    }
    l->vals[u->dst] = by_value ? x : from_memory(l, u, x);
    return true;
}

static bool lift_store(Lift *l, const Uop *u)
{
    unsigned log2 = uop_mem_log2(u->sub), order = u->flags & UOPF_ORDER_MASK;
    uint8_t type = uop_val_type(l->ub, u->c);
    V x = lift_val(l, u->c);
    if (uop_is_int(type)) {
        x = to_memory(l, u, x);
    } else if (uop_type_bytes(type) != 1u << log2) { /* lane 0 of something wider */
        x = LLVMBuildExtractElement(l->b, lift_widen128(l, x, type), lift_i32(l, 0), "");
        x = log2 < 3 ? LLVMBuildTrunc(l->b, x, memory_type(l, u), "") : x;
        x = swapped(l, u, x);
    } else if (uop_mem_be(u->sub) && log2) {
        x = swapped(l, u, lift_cast(l, x, memory_type(l, u)));
    }
    if (faults_has(l, u)) {
        faults_store(l, u, x);
        return true;
    }
    lift_may_fault(l);
    V p = lift_pointer(l, u);
    if (order) {
        compiler_fence(l);
    }
    if (uop_is_seq(u)) {
        set_stores_wait(l, 1);
    }
    V s = LLVMBuildStore(l->b, x, p);
    LLVMSetAlignment(s, 1);
    lift_mark(l, s, is_volatile(l, u));
    return true;
}

/* ---- atomics --------------------------------------------------------------------------------- */

#define LL_ADDR  ((uint32_t)offsetof(Cpu, ll_addr))
#define LL_VALUE ((uint32_t)offsetof(Cpu, ll_value))
#define LL_SIZE  ((uint32_t)offsetof(Cpu, ll_size))

static V compare_exchange(Lift *l, V p, V old, V new)
{
    LLVMAtomicOrdering seq = LLVMAtomicOrderingSequentiallyConsistent;
    V x = LLVMBuildAtomicCmpXchg(l->b, p, old, new, seq, seq, false);
    lift_mark(l, x, l->r->precise);
    set_stores_wait(l, 0);
    return x;
}

/* The value is kept as it stands in memory. */
static bool lift_ll(Lift *l, const Uop *u)
{
    if (uop_is_seq(u) && !l->settled) {
        lift_settle_stores(l);
    }
    lift_may_fault(l);
    V x = LLVMBuildLoad2(l->b, uop_mem_log2(u->sub) == 4 ? l->v2i64 : memory_type(l, u),
                         lift_pointer(l, u), "");
    LLVMSetAlignment(x, 1);
    lift_mark(l, x, true);
    compiler_fence(l);
    regs_cpu_store(l, lift_val(l, u->a), LL_ADDR, false);
    regs_cpu_store(l, lift_i32(l, UINT32_C(1) << uop_mem_log2(u->sub)), LL_SIZE, false);
    V wide = uop_mem_log2(u->sub) < 3 ? LLVMBuildZExt(l->b, x, l->i64, "") : x;
    regs_cpu_store(l, wide, LL_VALUE, false);
    l->vals[u->dst] = from_memory(l, u, lift_cast(l, x, memory_type(l, u)));
    return true;
}

static bool lift_sc(Lift *l, const Uop *u)
{
    lift_may_fault(l);
    Ty t = memory_type(l, u);
    V addr = lift_val(l, u->a), p = lift_pointer(l, u), new = to_memory(l, u, lift_val(l, u->c));
    V same = LLVMBuildICmp(l->b, LLVMIntEQ, regs_cpu_load(l, l->i64, LL_ADDR, false), addr, "");
    V size = regs_cpu_load(l, l->i32, LL_SIZE, false);
    V fits =
        LLVMBuildICmp(l->b, LLVMIntEQ, size, lift_i32(l, UINT32_C(1) << uop_mem_log2(u->sub)), "");
    V old = regs_cpu_load(l, t, LL_VALUE, false);
    LLVMBasicBlockRef try = lift_bb(l, "sc.try"), done = lift_bb(l, "sc.done"),
                      from = LLVMGetInsertBlock(l->b);
    LLVMBuildCondBr(l->b, LLVMBuildAnd(l->b, same, fits, ""), try, done);
    LLVMPositionBuilderAtEnd(l->b, try);
    V stored = LLVMBuildExtractValue(l->b, compare_exchange(l, p, old, new), 1, "");
    LLVMBuildBr(l->b, done);
    LLVMPositionBuilderAtEnd(l->b, done);
    V phi = LLVMBuildPhi(l->b, l->i1, "");
    V in[2] = {stored, LLVMConstInt(l->i1, 0, false)};
    LLVMBasicBlockRef bb[2] = {try, from};
    LLVMAddIncoming(phi, in, bb, 2);
    regs_cpu_store(l, lift_i64(l, ~UINT64_C(0)), LL_ADDR, false);
    l->vals[u->dst] = LLVMBuildZExt(l->b, LLVMBuildNot(l->b, phi, ""), l->i32, "");
    return true;
}

static bool lift_rmw(Lift *l, const Uop *u)
{
    static const LLVMAtomicRMWBinOp ops[] = {
        LLVMAtomicRMWBinOpAdd,  LLVMAtomicRMWBinOpAnd,  LLVMAtomicRMWBinOpXor,
        LLVMAtomicRMWBinOpOr,   LLVMAtomicRMWBinOpMax,  LLVMAtomicRMWBinOpMin,
        LLVMAtomicRMWBinOpUMax, LLVMAtomicRMWBinOpUMin, LLVMAtomicRMWBinOpXchg,
    };
    if (uop_mem_be(u->sub) && uop_mem_log2(u->sub)) {
        return false;
    }
    lift_may_fault(l);
    V x = to_memory(l, u, lift_val(l, u->b));
    if (u->imm == UOP_RMW_CLR) {
        x = LLVMBuildNot(l->b, x, "");
    }
    LLVMAtomicOrdering order = u->flags & UOPF_ORDER_MASK ? LLVMAtomicOrderingSequentiallyConsistent
                                                          : LLVMAtomicOrderingMonotonic;
    V old = lift_mark(l, LLVMBuildAtomicRMW(l->b, ops[u->imm], lift_pointer(l, u), x, order, false),
                      l->r->precise);
    set_stores_wait(l, 0);
    l->vals[u->dst] = from_memory(l, u, old);
    return true;
}

static bool lift_cas(Lift *l, const Uop *u)
{
    lift_may_fault(l);
    V old = to_memory(l, u, lift_val(l, u->b)), new = to_memory(l, u, lift_val(l, u->c));
    V seen = LLVMBuildExtractValue(l->b, compare_exchange(l, lift_pointer(l, u), old, new), 0, "");
    l->vals[u->dst] = from_memory(l, u, seen);
    return true;
}

bool lift_mem(Lift *l, const Uop *u)
{
    switch (u->op) {
    case UOP_LOAD: return lift_load(l, u);
    case UOP_STORE: return lift_store(l, u);
    case UOP_LL: return lift_ll(l, u);
    case UOP_SC: return lift_sc(l, u);
    case UOP_RMW: return lift_rmw(l, u);
    case UOP_CAS: return lift_cas(l, u);
    case UOP_CLREX:
        regs_cpu_store(l, lift_i64(l, ~UINT64_C(0)), LL_ADDR, l->r->precise);
        return true;
    case UOP_FENCE:
        if (u->sub == UOP_FENCE_FULL) {
            full_fence(l);
        } else {
            compiler_fence(l);
        }
        return true;
    case UOP_PREFETCH: return true;
    default: return false;
    }
}
