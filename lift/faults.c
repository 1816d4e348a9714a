/* faults.c - precise mode: accesses to guest memory that may fault at any place, without storing
 * the guest's registers first.
 *
 * An access is a patchpoint of LLVM's (convention anyregcc): a call of nothing that becomes room
 * for an instruction. Its operands are the address, the value, and all registers of the guest that
 * differ from struct Cpu; LLVM's stack map says where each of them is at that instruction: in a
 * register, in the frame, a number. faults_emit.c writes the instruction into its room, and makes a
 * table of the rest (FaultRecord, lift.h), which fills struct Cpu if it faults.
 *
 * Flags stay what they were made of: their kind and two operands. Of more registers than the host
 * has, those that are written seldom are stored all the same (regs.c).
 */
#include "lift/build.h"

#include <stdlib.h>
#include <string.h>

/* anyregcc */
enum { ANY_REGISTER = 13 };

/* Instructions that read or write what they are told in a single access. */
bool faults_has(const Lift *l, const Uop *u)
{
    return l->r->precise && (u->op == UOP_LOAD ||
                             (u->op == UOP_STORE && (u->flags & UOPF_ORDER_MASK) != UOP_ORDER_SEQ));
}

static FaultSite *new_site(Lift *l)
{
    if (l->nsites == l->cap_sites) {
        uint32_t cap = l->cap_sites ? 2 * l->cap_sites : 64;
        FaultSite *more = realloc(l->sites, cap * sizeof *more);
        if (!more) {
            l->failed = true;
            return NULL;
        }
        l->sites = more;
        l->cap_sites = cap;
    }
    FaultSite *s = &l->sites[l->nsites++];
    *s = (FaultSite){.pc = l->insn_pc};
    return s;
}

typedef struct Operands {
    V args[8 + 3 * MAX_UNITS];
    unsigned n;
} Operands;

static void add(Operands *o, V v)
{
    o->args[o->n++] = v;
}

static void add_live(FaultSite *s, Operands *o, unsigned what, uint32_t off, V v)
{
    s->live[s->nlive++] = (FaultLive){.off = (uint16_t)off, .what = (uint8_t)what};
    add(o, v);
}

static void add_unit(Lift *l, FaultSite *s, Operands *o, unsigned k)
{
    const Unit *u = &l->units[k];
    if (u->flags) {
        add_live(s, o, FAULT_FLAGS_KIND, u->off, regs_load_slot(l, l->flags_kind, l->i64));
        add_live(s, o, FAULT_FLAGS_A, u->off, regs_load_slot(l, l->flags_a, l->i64));
        add_live(s, o, FAULT_FLAGS_B, u->off, regs_load_slot(l, l->flags_b, l->i64));
    } else if (u->bytes == 8) {
        add_live(s, o, FAULT_INT, u->off, regs_load_slot(l, u->slot[0], l->i64));
    } else {
        add_live(s, o, FAULT_VECTOR, u->off, regs_load_slot(l, u->slot[1], l->v2i64));
        if (u->scalar != T_NONE) { /* over the vector's lane */
            add_live(s, o, u->scalar == T_F64 ? FAULT_F64 : FAULT_F32, u->off,
                     regs_load_slot(l, u->slot[0], lift_type(l, u->scalar)));
        }
    }
}

static V patchpoint(Lift *l, Ty result, const Operands *o)
{
    unsigned id;
    LLVMTypeRef params[4] = {l->i64, l->i32, l->ptr, l->i32};
    if (result == l->void_type) {
        id = LLVMLookupIntrinsicID("llvm.experimental.patchpoint.void", 33);
    } else {
        id = LLVMLookupIntrinsicID("llvm.experimental.patchpoint", 28);
    }
    bool overloaded = LLVMIntrinsicIsOverloaded(id);
    V fn = LLVMGetIntrinsicDeclaration(l->mod, id, &result, overloaded);
    Ty type = LLVMFunctionType(result, params, 4, true);
    V call = LLVMBuildCall2(l->b, type, fn, (V *)(uintptr_t)o->args, o->n, "");
    LLVMSetInstructionCallConv(call, ANY_REGISTER);
    return call;
}

/* The access of u in that form: loads give `result`, stores take x. */
static V make_access(Lift *l, const Uop *u, FaultForm form, Ty result, V x)
{
    FaultSite *s = new_site(l);
    if (!s) {
        return LLVMGetUndef(result);
    }
    Operands o = {.n = 4};
    V base = lift_val(l, u->a);
    s->form = (uint8_t)form;
    s->disp = u->imm;
    s->indexed = u->b != VAL_NONE;
    s->scale = (uint8_t)uop_mem_scale(u->sub);
    add(&o, base);
    if (s->indexed) {
        add(&o, lift_val(l, u->b));
    }
    if (x) {
        add(&o, x);
    }
    unsigned nargs = o.n - 4;
    regs_store_untold(l);
    for (unsigned k = 0; k < l->nunits; k++) {
        if (set_has(&l->dirty, k)) {
            add_unit(l, s, &o, k);
        }
    }
    o.args[0] = lift_i64(l, l->nsites - 1);
    o.args[1] = lift_i32(l, faults_room(s));
    o.args[2] = LLVMConstNull(l->ptr);
    o.args[3] = lift_i32(l, nargs);
    return patchpoint(l, result, &o);
}

V faults_load_int(Lift *l, const Uop *u, bool sign)
{
    static const uint8_t forms[2][4] = {{FAULT_LD8, FAULT_LD16, FAULT_LD32, FAULT_LD64},
                                        {FAULT_LD8S, FAULT_LD16S, FAULT_LD32S, FAULT_LD64}};
    return make_access(l, u, forms[sign][uop_mem_log2(u->sub)], l->i64, NULL);
}

/* F32, F64, or sixteen bytes as <2 x i64>. */
V faults_load_vec(Lift *l, const Uop *u)
{
    switch (uop_mem_log2(u->sub)) {
    case 2: return make_access(l, u, FAULT_LDSS, l->f32, NULL);
    case 3: return make_access(l, u, FAULT_LDSD, l->f64, NULL);
    default: return make_access(l, u, FAULT_LDV, l->v2i64, NULL);
    }
}

void faults_store(Lift *l, const Uop *u, V x)
{
    static const uint8_t forms[4] = {FAULT_ST8, FAULT_ST16, FAULT_ST32, FAULT_ST64};
    Ty t = LLVMTypeOf(x);
    unsigned log2 = uop_mem_log2(u->sub);
    if (LLVMGetTypeKind(t) == LLVMIntegerTypeKind && log2 < 4) {
        x = t == l->i64 ? x : LLVMBuildZExt(l->b, x, l->i64, "");
        (void)make_access(l, u, forms[log2], l->void_type, x);
    } else if (log2 == 4) {
        (void)make_access(l, u, FAULT_STV, l->void_type, lift_cast(l, x, l->v2i64));
    } else {
        x = lift_cast(l, x, log2 == 3 ? l->f64 : l->f32);
        (void)make_access(l, u, log2 == 3 ? FAULT_STSD : FAULT_STSS, l->void_type, x);
    }
}
