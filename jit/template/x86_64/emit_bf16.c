/* emit_bf16.c - operations that mix float formats: FMLAL (half precision into single) and bfloat16.
 */
#include "jit/template/x86_64/vec.h"

/*
 * The products' operands as single precision, which is exact: halfwords 0-3 or 4-7; for results of
 * 64 bits halfwords 0-1 or 2-3, with zeros above, so that the lanes that don't count raise nothing.
 */
static int factor(Emit *e, const Uop *u, Val v)
{
    bool high = u->flags & UOPF_HIGH, half_register = uop_type_bytes(u->type) == 8;
    int s = vec_use(e, v), t = vec_tmp(e);
    if (half_register) {
        vec_shift_imm(e, high ? V_PSRLQ_I : V_PSLLQ_I, t, s, 32);
        if (!high) {
            vec_shift_imm(e, V_PSRLQ_I, t, t, 32);
        }
        s = t;
    } else if (high) {
        vec_mov_op_imm(e, V_PSHUFD, t, s, 0xee);
        s = t;
    }
    vec_mov_op(e, V_CVTPH2PS, t, s);
    return t;
}

static bool emit_fmlal(Emit *e, const Uop *u)
{
    bool half_register = uop_type_bytes(u->type) == 8;
    if (e->mode & (CPU_MODE_FZ | CPU_MODE_FZ16)) {
        return fp_by_softfp(e, u);
    }
    emit_clobber_flags(e);
    int a = vec_use(e, u->a);
    vec_use(e, u->b);
    vec_use(e, u->c);
    int x = factor(e, u, u->b), y = factor(e, u, u->c), d = vec_def(e, u);
    if (half_register) {
        vec_mov_op(e, V_MOVQ, d, a); /* -0 + 0 above may become -0 */
    } else {
        vec_move(e, d, a);
    }
    vec_op(e, u->sub & UOP_FMA_NEG_A ? V_FNMADD231PS : V_FMADD231PS, d, x, y);
    fp_check_tiny(e, u->type, d);
    emit_slow_back(e);
    return true;
}

bool emit_bf16(Emit *e, const Uop *u)
{
    switch (u->op) {
    case UOP_FMLAL: return emit_fmlal(e, u);
    case UOP_BF16: /* rounds to odd, or to a format that the host rounds to in another way: by
                      softfp */
        return fp_by_softfp(e, u);
    default: return false;
    }
}
