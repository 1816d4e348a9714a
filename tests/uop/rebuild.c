#include "tests/uop/rebuild.h"

#include <assert.h>
#include <stdlib.h>

static Val build_exit(UopBlock *b, const Uop *u, Val a)
{
    if (u->op == UOP_EXIT_IF && u->sub == UOP_EXIT_TRAP) {
        uop_trap_if(b, a, (UopTrap)u->flags, u->imm64);
    } else if (u->op == UOP_EXIT_IF) {
        uop_exit_if(b, a, u->imm64);
    } else if (u->sub == UOP_EXIT_TRAP) {
        uop_trap(b, (UopTrap)u->flags, u->imm64);
    } else if (a != VAL_NONE) {
        uop_exit_to(b, (UopExit)u->sub, a);
    } else {
        uop_exit(b, (UopExit)u->sub, u->imm64);
    }
    return VAL_NONE;
}

/* Builder calls for what has a folding function; else, the plain appender. */
static Val build(UopBlock *b, const UopBlock *in, const Uop *u, Val x, Val y, Val z)
{
    uint8_t dst_type = u->dst == VAL_NONE ? T_NONE : in->val_type[u->dst];
    switch (u->op) {
    case UOP_EXIT:
    case UOP_EXIT_IF: return build_exit(b, u, x);
    case UOP_GET: return uop_get(b, u->type, (uint32_t)u->imm);
    case UOP_PUT: uop_put(b, (uint32_t)u->imm, x); return VAL_NONE;
    case UOP_GETFLAGS: return uop_getflags(b, (uint32_t)u->imm);
    case UOP_PUTFLAGS: uop_putflags(b, (uint32_t)u->imm, x); return VAL_NONE;
    case UOP_CONST: return uop_const(b, u->type, u->imm64);
    case UOP_ADDR: b->relocatable = true; return uop_addr(b, u->imm64);
    case UOP_VCONST:
        return uop_vconst(b, u->type, in->pool[u->imm].u64[0], in->pool[u->imm].u64[1]);
    case UOP_ZEXT: return uop_zext(b, u->type, u->sub, x);
    case UOP_SEXT: return uop_sext(b, u->type, u->sub, x);
    case UOP_TRUNC: return uop_trunc(b, x);
    case UOP_EXTRACT:
    case UOP_SEXTRACT:
        return uop_field(b, (UopOp)u->op, u->type, x, (unsigned)u->imm & 255,
                         (unsigned)u->imm >> 8);
    case UOP_INSERT:
        return uop_insert(b, u->type, x, y, (unsigned)u->imm & 255, (unsigned)u->imm >> 8);
    case UOP_GETLANE:
    case UOP_BITCAST:
    case UOP_ZEXTV:
    case UOP_LOWV:
        return uop_conv(b, (UopOp)u->op, u->type, (uint8_t)u->c, u->sub, u->flags, x, u->imm);
    case UOP_SELECT: return uop_select(b, u->type, x, y, z);
    case UOP_FLAGS:
        if (u->flags || z != VAL_NONE || u->sub > UOP_FLAGS_LOGIC) {
            break;
        }
        return y == VAL_NONE && u->sub != UOP_FLAGS_LOGIC
                   ? uop_flagsi(b, u->type, (UopFlagsKind)u->sub, x, u->imm)
                   : uop_flags(b, u->type, (UopFlagsKind)u->sub, x, y, z);
    case UOP_TEST: return uop_test(b, (UopCond)u->sub, x);
    case UOP_LOAD: return uop_load(b, u->type, u->sub, u->flags, x, y, u->imm);
    case UOP_STORE: uop_store(b, u->type, u->sub, u->flags, x, y, u->imm, z); return VAL_NONE;
    case UOP_ADC: return uop_tern_sub(b, UOP_ADC, u->type, u->sub, x, y, z);
    default: {
        const UopInfo *info = &uop_info[u->op];
        if ((info->dst != UF_T && info->dst != UF_B) || info->a != UF_T || info->c != UF_N ||
            u->flags) {
            break;
        }
        if (info->b == UF_TI && y == VAL_NONE) {
            return uop_bini_sub(b, (UopOp)u->op, u->type, u->sub, x, u->imm);
        }
        if ((info->b == UF_TI || info->b == UF_T) && info->imm != UI_L && info->imm != UI_I) {
            return uop_bin_sub(b, (UopOp)u->op, u->type, u->sub, x, y);
        }
        if (info->b == UF_TI) {
            return uop_bin_sub(b, (UopOp)u->op, u->type, u->sub, x, y);
        }
        if (info->b == UF_N && info->imm == UI_N) {
            return uop_un_sub(b, (UopOp)u->op, u->type, u->sub, x);
        }
        break;
    }
    }
    return uop_emit(b, (UopOp)u->op, u->type, u->sub, u->flags, dst_type, x, y, z, u->imm);
}

void rebuild(UopBlock *out, const UopBlock *in)
{
    Val *map = calloc(in->nvals + 1, sizeof *map);
    assert(map);
    uop_block_reset(out, in->pc, in->mode);
    for (uint32_t i = 0; i < in->count; i++) {
        const Uop *u = &in->uops[i];
        const UopInfo *info = &uop_info[u->op];
        bool wide = info->imm == UI_K || info->imm == UI_G;
        if (u->op == UOP_INSN) {
            uop_insn(out, u->imm64, u->sub);
            continue;
        }
        Val x = u->a == VAL_NONE ? VAL_NONE : map[u->a];
        Val y = wide || u->b == VAL_NONE ? VAL_NONE : map[u->b];
        Val z = wide || u->c == VAL_NONE ? VAL_NONE : info->c == UF_A ? u->c : map[u->c];
        Val v = build(out, in, u, x, y, z);
        if (u->dst != VAL_NONE) {
            map[u->dst] = v;
        }
    }
    free(map);
}
