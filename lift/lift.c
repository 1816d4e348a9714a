/* lift.c - a region's micro-operations to one LLVM function: block by block, one function per
 * family (lift_int.c ...); what none of them lifts is run by the interpreter's routine.
 */
#include "lift/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int lift_find(const LiftRegion *r, GuestAddr pc, unsigned context)
{
    for (uint32_t i = 0; i < r->nblocks; i++) {
        if (r->blocks[i].ub->pc == pc && r->blocks[i].context == context) {
            return (int)i;
        }
    }
    return -1;
}

int lift_callee(const LiftRegion *r, uint32_t index, GuestAddr target)
{
    const LiftBlock *b = &r->blocks[index];
    GuestAddr back = b->ub->pc + b->ub->guest_len;
    int k = -1;
    for (unsigned c = 1; c < r->ncontexts && k < 0; c++) {
        if (r->contexts[c].parent == b->context && r->contexts[c].return_pc == back) {
            k = lift_find(r, target, c);
        }
    }
    return k < 0 && !b->context ? lift_find(r, target, 0) : k;
}

/* ---- the module ------------------------------------------------------------------------------ */

static V string_md(Lift *l, const char *s)
{
    return LLVMMetadataAsValue(l->ctx, LLVMMDStringInContext2(l->ctx, s, strlen(s)));
}

static V node_md(Lift *l, LLVMMetadataRef *parts, unsigned n)
{
    return LLVMMetadataAsValue(l->ctx, LLVMMDNodeInContext2(l->ctx, parts, n));
}

static V weights_md(Lift *l, uint64_t a, uint64_t b)
{
    LLVMMetadataRef weights[3] = {LLVMMDStringInContext2(l->ctx, "branch_weights", 14),
                                  LLVMValueAsMetadata(lift_i32(l, a)),
                                  LLVMValueAsMetadata(lift_i32(l, b))};
    return node_md(l, weights, 3);
}

void lift_set_weights(Lift *l, V branch, uint64_t taken, uint64_t not_taken)
{
    LLVMSetMetadata(branch, l->kind_prof, weights_md(l, taken, not_taken));
}

/* Two kinds of memory below one root: the type system of TBAA. */
static V access_tag(Lift *l, LLVMMetadataRef root, const char *name)
{
    LLVMMetadataRef zero = LLVMValueAsMetadata(lift_i64(l, 0));
    LLVMMetadataRef type[3] = {LLVMMDStringInContext2(l->ctx, name, strlen(name)), root, zero};
    LLVMMetadataRef t = LLVMMDNodeInContext2(l->ctx, type, 3);
    LLVMMetadataRef tag[3] = {t, t, zero};
    return node_md(l, tag, 3);
}

static void make_metadata(Lift *l)
{
    LLVMMetadataRef name = LLVMMDStringInContext2(l->ctx, "memory", 6);
    LLVMMetadataRef root = LLVMMDNodeInContext2(l->ctx, &name, 1);
    l->tbaa_cpu = access_tag(l, root, "cpu");
    l->tbaa_guest = access_tag(l, root, "guest");
    l->kind_tbaa = LLVMGetMDKindIDInContext(l->ctx, "tbaa", 4);
    l->kind_prof = LLVMGetMDKindIDInContext(l->ctx, "prof", 4);
    l->md_strict = string_md(l, "fpexcept.strict");
    l->md_dynamic = string_md(l, "round.dynamic");
    l->md_unlikely = weights_md(l, 1, 100000);
}

static void attribute(Lift *l, V fn, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(l->ctx, kind, 0));
}

static void make_stubs(Lift *l)
{
    Ty params[2] = {l->ptr, l->ptr};
    Ty c_type = LLVMFunctionType(l->void_type, params, 2, false);
    for (unsigned k = 0; k < LIFT_STUBS; k++) {
        char name[8];
        bool is_call = k >= LIFT_OP;
        snprintf(name, sizeof name, "s%u", k);
        l->stubs[k] = LLVMAddFunction(l->mod, name, is_call ? c_type : l->fn_type);
        LLVMSetFunctionCallConv(l->stubs[k], is_call ? lift_call_convention(k) : 21);
        LLVMSetVisibility(l->stubs[k], LLVMHiddenVisibility);
        if (is_call) {
            attribute(l, l->stubs[k], "nounwind");
        }
    }
}

static void make_function(Lift *l)
{
    Ty params[1 + FRONTEND_INT_PINS + FRONTEND_VEC_PINS];
    params[0] = l->ptr;
    for (unsigned k = 0; k < FRONTEND_INT_PINS; k++) {
        params[1 + k] = l->i64;
    }
    for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++) {
        params[1 + FRONTEND_INT_PINS + k] = l->v2i64;
    }
    l->fn_type = LLVMFunctionType(l->void_type, params, lift_nargs(l), false);
    l->fn = LLVMAddFunction(l->mod, "region", l->fn_type);
    LLVMSetFunctionCallConv(l->fn, 21);
    LLVMSetVisibility(l->fn, LLVMHiddenVisibility);
    attribute(l, l->fn, "nounwind");
    attribute(l, l->fn, "strictfp");
    if (l->r->mode & CPU_MODE_FZ) {
        static const char name[] = "denormal-fp-math", both[] = "preserve-sign,preserve-sign";
        LLVMAddAttributeAtIndex(
            l->fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
            LLVMCreateStringAttribute(l->ctx, name, sizeof name - 1, both, sizeof both - 1));
    }
    attribute(l, l->fn,
              "null_pointer_is_valid"); /* a guest's base may be 0, and its index the address */
    attribute(l, l->fn,
              "noimplicitfloat"); /* two registers copied as a vector: eight bytes that were just
                                     stored aren't forwarded to a load of sixteen */
    l->cpu = LLVMGetParam(l->fn, 0);
}

static void make_types(Lift *l)
{
    l->i1 = LLVMInt1TypeInContext(l->ctx);
    l->i8 = LLVMInt8TypeInContext(l->ctx);
    l->i16 = LLVMInt16TypeInContext(l->ctx);
    l->i32 = LLVMInt32TypeInContext(l->ctx);
    l->i64 = LLVMInt64TypeInContext(l->ctx);
    l->i128 = LLVMInt128TypeInContext(l->ctx);
    l->f32 = LLVMFloatTypeInContext(l->ctx);
    l->f64 = LLVMDoubleTypeInContext(l->ctx);
    l->v2i64 = LLVMVectorType(l->i64, 2);
    l->ptr = LLVMPointerTypeInContext(l->ctx, 0);
    l->void_type = LLVMVoidTypeInContext(l->ctx);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void sticky(Lift *l, const Uop *u)
{
    V now = lift_cast(l, regs_get(l, T_I64X2, (uint32_t)u->imm), l->v2i64);
    regs_put(l, T_I64X2, (uint32_t)u->imm,
             LLVMBuildOr(l->b, now, lift_cast(l, lift_val(l, u->a), l->v2i64), ""));
}

void lift_one(Lift *l, const Uop *u)
{
    switch (u->op) {
    case UOP_INSN:
        l->insn_pc = u->imm64;
        l->insn_len = u->sub;
        return;
    case UOP_GET: l->vals[u->dst] = regs_get(l, u->type, (uint32_t)u->imm); return;
    case UOP_PUT: regs_put(l, u->type, (uint32_t)u->imm, lift_val(l, u->a)); return;
    case UOP_STICKY: sticky(l, u); return;
    case UOP_EXIT: lift_exit(l, u); return;
    case UOP_EXIT_IF: lift_exit_if(l, u); return;
    case UOP_HELPER: lift_helper(l, u); return;
    default: break;
    }
    if (lift_flags(l, u) || lift_mem(l, u) || lift_int(l, u) || lift_perm(l, u) || lift_fp(l, u) ||
        lift_vec(l, u)) {
        return;
    }
    V r = lift_by_interp(l, u);
    l->fallbacks++;
    if (u->dst != VAL_NONE) {
        l->vals[u->dst] = r;
    }
}

static void lift_block(Lift *l, uint32_t index)
{
    BlockState *s = &l->bs[index];
    l->index = index;
    l->ub = l->r->blocks[index].ub;
    l->insn_pc = l->ub->pc;
    l->dirty = s->dirty_in;
    l->flags_known = s->flags_known;
    l->flags_now = s->flags_out;
    if (s->wide) {
        widen_loop(l, index);
        l->insn_pc = l->ub->pc;
        l->dirty = s->dirty_in;
        l->flags_known = s->flags_known;
        l->flags_now = s->flags_out;
    }
    LLVMPositionBuilderAtEnd(l->b, s->entry);
    regs_enter_block(l);
    for (uint32_t i = 0; i < l->ub->count && !l->failed; i++) {
        const Uop *u = &l->ub->uops[i];
        l->u = u;
        checks_before(l, u);
        lift_one(l, u);
        checks_after(l, u);
    }
}

/* A block with one predecessor comes after it: it takes its flags over. */
static void lift_blocks(Lift *l)
{
    for (bool more = true; more && !l->failed;) {
        more = false;
        for (uint32_t i = 0; i < l->r->nblocks && !l->failed; i++) {
            BlockState *s = &l->bs[i];
            if (!s->reached && (s->npreds != 1 || l->bs[s->pred].reached)) {
                s->reached = true;
                lift_block(l, i);
                more = true;
            }
        }
    }
    for (uint32_t i = 0; i < l->r->nblocks; i++) { /* a cycle that nothing enters */
        if (!l->bs[i].reached && !l->failed) {
            LLVMPositionBuilderAtEnd(l->b, l->bs[i].entry);
            LLVMBuildUnreachable(l->b);
            if (l->bs[i].wide) {
                LLVMPositionBuilderAtEnd(l->b, l->bs[i].wide);
                LLVMBuildUnreachable(l->b);
            }
        }
    }
}

static bool allocate(Lift *l)
{
    uint32_t nvals = 1, exits = 16;
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        const UopBlock *ub = l->r->blocks[i].ub;
        nvals = ub->nvals > nvals ? ub->nvals : nvals;
        for (uint32_t k = 0; k < ub->count; k++) {
            exits += (ub->uops[k].op == UOP_EXIT || ub->uops[k].op == UOP_EXIT_IF) * 3u;
        }
    }
    l->cap_exits = exits;
    l->bs = calloc(l->r->nblocks, sizeof *l->bs);
    l->vals = calloc(nvals, sizeof(V));
    l->flags = calloc(nvals, sizeof *l->flags);
    l->tainted = calloc(nvals, 1);
    l->mask_bits = calloc(nvals, 1);
    l->flushed = calloc(nvals, 1);
    l->fast = calloc(nvals, sizeof(V));
    l->exits = calloc(exits, sizeof *l->exits);
    return l->bs && l->vals && l->flags && l->exits && l->tainted && l->mask_bits && l->flushed &&
           l->fast;
}

/* Does nothing in the region use vector registers of the guest's or the host's? Then passing those
 * that are pinned from the entry to each exit, which costs LLVM time, is as well left out. */
static bool only_ints(const LiftRegion *r)
{
    bool ints = !r->precise;
    for (uint32_t i = 0; i < r->nblocks && ints; i++) {
        const UopBlock *ub = r->blocks[i].ub;
        for (Val v = 1; v < ub->nvals && ints; v++) {
            uint8_t type = uop_val_type(ub, v);
            ints = type == T_NONE || type == T_FLAGS || uop_is_int(type);
        }
        for (const Uop *u = ub->uops; u < ub->uops + ub->count && ints; u++) {
            switch (u->op) {
            case UOP_GET:
            case UOP_PUT:
                for (unsigned k = 0; k < FRONTEND_VEC_PINS; k++) {
                    ints = ints && (uint32_t)u->imm - r->frontend->vec_pins[k] >= 16;
                }
                break;
            case UOP_STICKY:
            case UOP_HELPER:
            case UOP_BITREV: /* LLVM makes shuffles of it */
            case UOP_CRC: ints = false; break;
            default: break;
            }
        }
    }
    return ints;
}

/* As lift_compile(); -EAGAIN: not with AVX-512's masks, or not as only_ints(). */
static int compile(const LiftRegion *region, CodeObject *out, bool masks, bool ints)
{
    uint64_t start = now_ns();
    *out = (CodeObject){0};
    Lift *l = calloc(1, sizeof *l);
    int err = -ENOMEM;
    if (!l) {
        return err;
    }
    if (!llvm_start()) {
        free(l);
        return -EOPNOTSUPP;
    }
    l->r = region;
    l->frontend = region->frontend;
    l->ints = ints;
    l->masks = masks && llvm_has_masks() && !region->precise; /* its registers are AVX's */
    l->ctx = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(l->ctx, !region->dump);
    l->mod = LLVMModuleCreateWithNameInContext("tier2", l->ctx);
    l->b = LLVMCreateBuilderInContext(l->ctx);
    if (!unroll_loops(l) || !allocate(l)) {
        goto done;
    }
    make_types(l);
    make_metadata(l);
    make_function(l);
    make_stubs(l);
    regs_plan(l);
    LLVMBasicBlockRef prologue = lift_bb(l, "");
    for (uint32_t i = 0; i < l->r->nblocks; i++) {
        char name[24];
        snprintf(name, sizeof name, "b%llx", (unsigned long long)l->r->blocks[i].ub->pc);
        l->bs[i].entry = lift_bb(l, name);
    }
    widen_find(l);
    LLVMPositionBuilderAtEnd(l->b, prologue);
    regs_prologue(l);
    if (region->spoilt) { /* an instruction that this host hasn't got: LLVM can't select it */
        V number = LLVMConstInt(LLVMInt32TypeInContext(l->ctx), 0, false);
        lift_intrinsic(l, "llvm.aarch64.hint", NULL, 0, &number, 1);
    }
    regs_enter_region(l);
    if (regs_settle_once(l)) {
        lift_settle_stores(l);
        l->settled = true;
    }
    LLVMBuildBr(l->b, l->bs[0].wide ? l->bs[0].wide : l->bs[0].entry);
    lift_blocks(l);
    err = l->failed && ints ? -EAGAIN : -EOPNOTSUPP;
    if (!l->failed && !(region->picky && region->precise && regs_cost_more(l))) {
        out->lift_ns = now_ns() - start;
        out->fallbacks = l->fallbacks;
        err = llvm_emit(l, out);
    }
    if (err) {
        code_object_free(out);
    }
done:
    LLVMDisposeBuilder(l->b);
    LLVMDisposeModule(l->mod);
    LLVMContextDispose(l->ctx);
    free(l->bs);
    free(l->vals);
    free(l->flags);
    free(l->tainted);
    free(l->mask_bits);
    free(l->flushed);
    free(l->fast);
    free(l->exits);
    free(l->sites);
    free(l->loops);
    free(l->copies);
    free(l->next_copy);
    free(l);
    return err;
}

int lift_compile(const LiftRegion *region, CodeObject *out)
{
    int err = only_ints(region) ? compile(region, out, true, true) : -EAGAIN;
    err = err == -EAGAIN ? compile(region, out, true, false) : err;
    return err == -EAGAIN ? compile(region, out, false, false) : err;
}

void code_object_free(CodeObject *o)
{
    free(o->code);
    free(o->exits);
    free(o->relocs);
    free(o->faults);
    free(o->dump);
    *o = (CodeObject){0};
}
