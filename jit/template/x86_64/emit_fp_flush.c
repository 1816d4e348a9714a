/*
 * emit_fp_flush.c - flush-to-zero mode (FPCR.FZ) of singles and doubles: what the host's own modes
 * leave to do.
 *
 * The host flushes denormal operands and tiny results, or traps (frontend/uop/fpenv.h, fptrap.c).
 * Arithmetic and comparisons signal their denormal operands by themselves; conversions and rounding
 * don't, and a comparison, a quotient or a root doesn't if an exception of higher rank hides it.
 * There each operand is first compared with itself:
 *
 *     vucomisd x, x
 */
#include "jit/template/x86_64/vec.h"

int fp_operand(Emit *e, uint8_t type, Val v, int x)
{
    enum { EQ_OQ = 0 };
    bool wide = uop_lane(type) == LANE_F64;
    x = fp_clear_upper(e, type, v, x);
    if (!(e->mode & CPU_MODE_FZ) || emit_val(e, v)->flags & VF_FLUSHED) {
        return x;
    }
    if (uop_is_vec(type)) {
        int t = vec_tmp(e);
        vec_op_imm(e, wide ? V_CMPPD : V_CMPPS, t, x, x, EQ_OQ);
        vec_tmp_free(e, t);
    } else {
        vec_mov_op(e, wide ? V_UCOMISD : V_UCOMISS, x, x);
    }
    return x;
}
