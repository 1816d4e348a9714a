/* widen.c - which loops can do the float operations of several iterations at once.
 *
 *     for (i = 0; i < n; i++)         d0 = load [x0]     d1 = load [x1]
 *         a[i] = a[i] - f * b[i];     d0 = d0 - d4 * d1  store [x0], d0   x0 += 8, x1 += 8 ...
 *
 * Loads and stores of which each goes on by its own size from one iteration to the next are
 * accesses of WIDEN_BYTES then, and what is computed in between works on lanes of its own. So
 * nothing of an iteration may depend on another but by the integer registers: sums, products and
 * the like that are carried round stay as they are.
 */
#include "lift/widen.h"

#include <string.h>

/* A step from an iteration to the next: of an address, a register. */
typedef struct Step {
    bool known, exact; /* exact: in 64 bits, whatever the operands are */
    int64_t by;
} Step;

typedef struct Plan {
    const UopBlock *ub;
    Widening *w;
    const Uop *def[WIDEN_VALS];
    uint8_t lane[WIDEN_VALS]; /* made of float results: their lane type + 1 */
    bool hides[WIDEN_VALS];   /* ... among them FMIN, FMAX: what is a NaN may be a number here */
    uint8_t mask[WIDEN_VALS]; /* lanes so wide are all ones or all zeros */
    unsigned results;
} Plan;

static WidenClass class_of(const Plan *p, Val v)
{
    return (WidenClass)p->w->of[v];
}

static bool is_vector_file(const Uop *u)
{
    return (u->op == UOP_GET || u->op == UOP_PUT) && !uop_is_int(u->type);
}

static bool meet(const Uop *a, const Uop *b)
{
    return a->imm < b->imm + (int32_t)uop_type_bytes(b->type) &&
           b->imm < a->imm + (int32_t)uop_type_bytes(a->type);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Is what u gets or puts changed in the block by an access to the register file other than whole
 * integers or whole vectors, or, for a vector, at all? */
static bool is_put(const Plan *p, const Uop *get)
{
    for (const Uop *u = p->ub->uops; u < p->ub->uops + p->ub->count; u++) {
        if (u->op == UOP_PUT && meet(u, get) && (is_vector_file(get) || is_vector_file(u))) {
            return true;
        }
    }
    return false;
}

/* How far the PUT's value is from its register's at the beginning of an iteration. */
static Step net(const Plan *p, const Uop *put)
{
    Step s = {.known = true, .exact = put->type == T_I64};
    for (const Uop *u = p->def[put->a]; u; u = p->def[u->a]) {
        switch (u->op) {
        case UOP_GET:
            s.known = u->imm == put->imm;
            s.exact &= u->type == T_I64;
            return s;
        case UOP_ADD:
        case UOP_SUB:
            if (u->b != VAL_NONE) {
                return (Step){0};
            }
            s.by += u->op == UOP_ADD ? u->imm : -(int64_t)u->imm;
            s.exact &= u->type == T_I64;
            break;
        case UOP_ZEXT:
        case UOP_SEXT:
        case UOP_TRUNC: s.exact = false; break;
        default: return (Step){0};
        }
    }
    return (Step){0};
}

static Step step_of_register(const Plan *p, const Uop *get)
{
    Step s = {.known = true, .exact = true};
    for (const Uop *u = p->ub->uops; u < p->ub->uops + p->ub->count; u++) {
        if (u->op == UOP_PUT && meet(u, get)) {
            bool again = s.by || !s.known;
            s = u->imm == get->imm ? net(p, u) : (Step){0};
            s.exact &= !again;
        }
    }
    s.exact &= get->type == T_I64 || !s.by;
    return s;
}

enum { MAX_DEPTH = 12 };
static Step step_of(const Plan *p, Val v, unsigned depth)
{
    const Uop *u = p->def[v];
    if (!u || depth == MAX_DEPTH) {
        return (Step){0};
    }
    Val vals[3];
    unsigned n = uop_operands(u, vals);
    Step a = n ? step_of(p, vals[0], depth + 1) : (Step){.known = true, .exact = true};
    Step b = n > 1 ? step_of(p, vals[1], depth + 1) : (Step){.known = true, .exact = true};
    Step r = {.known = a.known && b.known && n < 3, .exact = a.exact && b.exact};
    switch (u->op) {
    case UOP_GET: return step_of_register(p, u);
    case UOP_CONST:
    case UOP_ADDR: return a;
    case UOP_ADD: r.by = a.by + b.by; break;
    case UOP_SUB: r.by = a.by - b.by; break;
    case UOP_SHL:
        r.known &= n == 1 && u->imm < 32;
        r.by = a.by * (INT64_C(1) << (u->imm & 31));
        break;
    case UOP_ZEXT:
    case UOP_SEXT:
    case UOP_TRUNC: r.by = a.by; break;
    default: r.known &= !a.by && !b.by; break;
    }
    r.exact &= u->type == T_I64 && u->op != UOP_ZEXT && u->op != UOP_SEXT;
    r.exact |= a.known && b.known && a.exact && b.exact && !a.by && !b.by;
    return r;
}

static Step step_of_address(const Plan *p, const Uop *u)
{
    Step s = step_of(p, u->a, 0);
    if (u->b != VAL_NONE) {
        Step index = step_of(p, u->b, 0);
        s.by += index.by * (INT64_C(1) << uop_mem_scale(u->sub));
        s.known &= index.known;
        s.exact &= index.exact;
    }
    return s;
}

/* The load of which the register has the result when the next iteration gets it, or VAL_NONE. */
static Val carried_load(const Plan *p, const Uop *get)
{
    const Uop *put = NULL;
    for (const Uop *u = p->ub->uops; u < p->ub->uops + p->ub->count; u++) {
        if (u->op == UOP_PUT && meet(u, get)) {
            if (u < get || u->imm != get->imm || uop_type_bytes(u->type) != 16) {
                return VAL_NONE;
            }
            put = u;
        }
    }
    const Uop *u = put ? p->def[put->a] : NULL;
    while (u && (u->op == UOP_BITCAST || u->op == UOP_ZEXTV)) {
        u = p->def[u->a];
    }
    bool whole = u && u->op == UOP_LOAD && uop_type_bytes(u->type) == uop_type_bytes(get->type);
    return whole && !uop_is_int(u->type) ? u->dst : VAL_NONE;
}

/* ---- the micro-ops --------------------------------------------------------------------------- */

static bool all_are(const Plan *p, const Uop *u, WidenClass a, WidenClass b)
{
    Val vals[3];
    unsigned n = uop_operands(u, vals);
    for (unsigned k = 0; k < n; k++) {
        if (class_of(p, vals[k]) != a && class_of(p, vals[k]) != b) {
            return false;
        }
    }
    return true;
}

static bool access(Plan *p, const Uop *u, uint8_t type)
{
    Widening *w = p->w;
    unsigned bytes = 1u << uop_mem_log2(u->sub);
    if (w->naccesses == WIDEN_ACCESSES || uop_is_int(type) || uop_type_bytes(type) != bytes ||
        bytes < 4 || uop_mem_be(u->sub) || u->flags & (UOPF_ORDER_MASK | UOPF_ATOMIC) ||
        class_of(p, u->a) != WIDEN_INT || (u->b != VAL_NONE && class_of(p, u->b) != WIDEN_INT)) {
        return false;
    }
    Step s = step_of_address(p, u);
    if (!s.known || s.by != bytes || (w->stride && w->stride != bytes)) {
        return false;
    }
    w->stride = bytes;
    w->access[w->naccesses].uop = (uint32_t)(u - p->ub->uops);
    w->access[w->naccesses++].exact = s.exact;
    return true;
}

/* What u's operands are made of: a lane type + 1, UINT8_MAX if they differ. */
static uint8_t lanes_of(const Plan *p, const Uop *u, bool *hides)
{
    Val vals[3];
    unsigned n = uop_operands(u, vals), seen = 0;
    *hides = false;
    for (unsigned k = 0; k < n; k++) {
        unsigned t = p->lane[vals[k]];
        *hides |= p->hides[vals[k]];
        seen = !t || seen == t ? seen : !seen ? t : UINT8_MAX;
    }
    return (uint8_t)seen;
}

/* Lanes of all iterations are WIDEN_BYTES. (Loads come first in loops that have any, and a loop
 * that has none stores what isn't computed.) */
static bool is_whole(const Plan *p, const Uop *u)
{
    return uop_type_bytes(u->type) == p->w->stride;
}

/* Masks make masks; of float results they leave whole lanes, or none. */
static bool logic(Plan *p, const Uop *u, uint8_t made_of)
{
    if (!uop_is_vec(u->type)) {
        return false;
    }
    uint8_t a = p->mask[u->a], b = u->b == VAL_NONE ? 0 : p->mask[u->b];
    p->mask[u->dst] = a < b ? a : b;
    unsigned bits = made_of - 1 == LANE_F64 ? 64 : 32;
    if (!made_of || made_of == UINT8_MAX || u->b == VAL_NONE) {
        return !made_of;
    }
    return (u->op == UOP_AND || u->op == UOP_ANDN) &&
           ((b >= bits && !p->lane[u->b]) || (u->op == UOP_AND && a >= bits && !p->lane[u->a]));
}

/* An operation on lanes. Which of them may go on with results that haven't been checked: see
 * lift/checks.c. */
static bool on_lanes(Plan *p, const Uop *u, bool extremes)
{
    bool hides, is_float = uop_lane(u->type) == LANE_F32 || uop_lane(u->type) == LANE_F64;
    uint8_t made_of = lanes_of(p, u, &hides), own = (uint8_t)(uop_lane(u->type) + 1);
    bool fits = !made_of || made_of == own;
    p->lane[u->dst] = made_of;
    p->hides[u->dst] = hides;
    switch (u->op) {
    case UOP_FADD:
    case UOP_FSUB:
    case UOP_FMUL:
    case UOP_FDIV:
    case UOP_FSQRT:
    case UOP_FMA:
        p->lane[u->dst] = own;
        return is_float && fits && !hides && is_whole(p, u) && ++p->results <= WIDEN_RESULTS &&
               !(u->op == UOP_FMUL && u->sub == UOP_FMUL_X);
    case UOP_FMIN:
    case UOP_FMAX:
        p->lane[u->dst] = own;
        p->hides[u->dst] = true;
        return is_float && fits && extremes && is_whole(p, u) && ++p->results <= WIDEN_RESULTS;
    case UOP_FCMP:
        p->lane[u->dst] = 0;
        p->mask[u->dst] = (uint8_t)uop_lane_bits(u->type);
        return is_float && fits && !hides && uop_is_vec(u->type);
    case UOP_FNEG:
    case UOP_FABS: return is_float && fits;
    case UOP_BITCAST: p->mask[u->dst] = p->mask[u->a]; return uop_type_bytes(u->type) > 8;
    case UOP_BSEL:
        return !p->lane[u->c] && made_of != UINT8_MAX && uop_type_bytes(u->type) > 8 &&
               (!made_of || p->mask[u->c] >= (made_of - 1 == LANE_F64 ? 64 : 32));
    case UOP_AND:
    case UOP_OR:
    case UOP_XOR:
    case UOP_ANDN: return logic(p, u, made_of);
    case UOP_ADD:
    case UOP_SUB: return !made_of && uop_is_vec(u->type);
    default: return false;
    }
}

static bool is_pure(const Uop *u)
{
    return !(uop_info[u->op].effects & ~(unsigned)UOPE_MARK);
}

/* Vectors and floats that are the same in every iteration are moved about as ever. */
static bool only_moves(const Uop *u)
{
    switch (u->op) {
    case UOP_BITCAST:
    case UOP_ZEXTV:
    case UOP_LOWV:
    case UOP_SPLAT:
    case UOP_SPLATL:
    case UOP_INSLANE:
    case UOP_VCONST:
    case UOP_CONST: return true;
    default: return false;
    }
}

static bool classify(Plan *p, const Uop *u, bool extremes)
{
    WidenClass c;
    switch (u->op) {
    case UOP_INSN:
    case UOP_PREFETCH: return true;
    case UOP_GET:
        c = is_vector_file(u) ? WIDEN_SAME : WIDEN_INT;
        if (is_put(p, u)) {
            c = WIDEN_LANES;
            p->w->carried[u->dst] = is_vector_file(u) ? carried_load(p, u) : VAL_NONE;
            if (p->w->carried[u->dst] == VAL_NONE) {
                return false;
            }
        }
        break;
    case UOP_PUT:
        return is_vector_file(u) ? uop_type_bytes(u->type) == 16 && class_of(p, u->a) > WIDEN_INT
                                 : class_of(p, u->a) == WIDEN_INT && !is_put(p, u);
    case UOP_PUTFLAGS: return class_of(p, u->a) == WIDEN_INT;
    case UOP_LOAD:
        if (!access(p, u, u->type)) {
            return false;
        }
        c = WIDEN_LANES;
        break;
    case UOP_STORE:
        return (class_of(p, u->c) == WIDEN_LANES || class_of(p, u->c) == WIDEN_SAME) &&
               access(p, u, uop_val_type(p->ub, u->c));
    case UOP_FLAGS:
        if (u->sub == UOP_FLAGS_FCMP || !all_are(p, u, WIDEN_INT, WIDEN_INT)) {
            return false;
        }
        c = WIDEN_INT;
        break;
    default:
        if (u->dst == VAL_NONE) {
            return false;
        }
        if (is_pure(u) && all_are(p, u, WIDEN_INT, WIDEN_INT) &&
            (uop_is_int(u->type) || u->type == T_FLAGS)) {
            c = WIDEN_INT;
        } else if (only_moves(u) && all_are(p, u, WIDEN_SAME, WIDEN_SAME)) {
            c = WIDEN_SAME;
        } else if (u->op == UOP_ZEXTV && class_of(p, u->a) == WIDEN_LANES) {
            c = WIDEN_TOP;
        } else if (all_are(p, u, WIDEN_LANES, WIDEN_SAME) && on_lanes(p, u, extremes)) {
            c = WIDEN_LANES;
        } else {
            return false;
        }
        break;
    }
    p->w->of[u->dst] = (uint8_t)c;
    return true;
}

/* The condition, and what follows if it doesn't hold. */
static bool ends(const Plan *p)
{
    const UopBlock *ub = p->ub;
    const Uop *branch = ub->uops + p->w->branch, *last = ub->uops + ub->count - 1;
    for (const Uop *u = branch + 1; u < last; u++) {
        if (u->op != UOP_INSN && (u->op != UOP_PUTFLAGS || class_of(p, u->a) != WIDEN_INT)) {
            return false;
        }
    }
    GuestAddr round = (p->w->leaves ? last : branch)->imm64;
    return uop_is_direct_jump(branch) && uop_is_direct_jump(last) &&
           class_of(p, branch->a) == WIDEN_INT && round == ub->pc &&
           (!p->w->leaves || (last == branch + 1 && branch->imm64 != ub->pc));
}

bool widen_plan(const UopBlock *ub, bool extremes, Widening *w)
{
    Plan p = {.ub = ub, .w = w};
    memset(w, 0, sizeof *w);
    if (ub->nvals > WIDEN_VALS) {
        return false;
    }
    while (w->branch < ub->count && ub->uops[w->branch].op != UOP_EXIT_IF) {
        w->branch++;
    }
    if (w->branch == ub->count) {
        return false;
    }
    w->leaves = ub->uops[w->branch].imm64 != ub->pc;
    for (const Uop *u = ub->uops; u < ub->uops + ub->count; u++) {
        if (u->dst != VAL_NONE) {
            p.def[u->dst] = u;
        }
    }
    for (const Uop *u = ub->uops; u < ub->uops + w->branch; u++) {
        if (!classify(&p, u, extremes)) {
            return false;
        }
    }
    w->times = w->stride ? WIDEN_BYTES / w->stride : 0;
    return w->times && ends(&p);
}
