/* interp.c - the interpreter's loop: values live in an array by number, one indirect call per
 * operation. */
#include "jit/interp/interp.h"

#include <string.h>

#include "jit/interp/ops.h"

static const OpFn op_table[UOP_COUNT] = {
#define UOP(name, text, dst, a, b, c, imm, effects) [UOP_##name] = interp_##name,
#include "frontend/uop/uop.def"
#undef UOP
};

/* Rows that belong to a block and not to one operation: the loop below does them, nobody calls
 * these. */
#define BLOCK_ONLY(name)                                                                           \
    void interp_##name(const Op *o)                                                                \
    {                                                                                              \
        (void)o;                                                                                   \
        __builtin_trap();                                                                          \
    }
BLOCK_ONLY(INSN)
BLOCK_ONLY(GET)
BLOCK_ONLY(PUT)
BLOCK_ONLY(GETFLAGS)
BLOCK_ONLY(PUTFLAGS)
BLOCK_ONLY(STICKY)
BLOCK_ONLY(EXIT)
BLOCK_ONLY(EXIT_IF)

void interp_op(Cpu *cpu, const Uop *u, const V128 *pool, InterpVal *dst, const InterpVal *a,
               const InterpVal *b, const InterpVal *c)
{
    Op o = {.cpu = cpu, .u = u, .pool = pool, .dst = dst, .a = a, .b = b, .c = c};
    op_table[u->op](&o);
}

static inline void get(const Cpu *cpu, const Uop *u, V128 *dst)
{
    const uint8_t *from = (const uint8_t *)cpu + u->imm;
    V128 v = {.u64 = {0, 0}};
    switch (uop_type_bytes(u->type)) {
    case 1: memcpy(&v, from, 1); break;
    case 2: memcpy(&v, from, 2); break;
    case 4: memcpy(&v, from, 4); break;
    case 8: memcpy(&v, from, 8); break;
    default: memcpy(&v, from, 16); break;
    }
    *dst = v;
}

static inline void put(Cpu *cpu, const Uop *u, const V128 *a)
{
    uint8_t *to = (uint8_t *)cpu + u->imm;
    switch (uop_type_bytes(u->type)) {
    case 1: memcpy(to, a, 1); break;
    case 2: memcpy(to, a, 2); break;
    case 4: memcpy(to, a, 4); break;
    case 8: memcpy(to, a, 8); break;
    default: memcpy(to, a, 16); break;
    }
}

static CpuExit leave(Cpu *cpu, const Uop *u, GuestAddr target)
{
    switch (u->sub) {
    case UOP_EXIT_TRAP:
        cpu->exit_trap = u->flags;
        cpu->exit_arg = target;
        return CPU_EXIT_TRAP; /* cpu->pc stays at the instruction */
    case UOP_EXIT_SYSCALL: cpu->pc = target; return CPU_EXIT_SYSCALL;
    default: /* JUMP, CALL, RET, DISPATCH: hints for tiers that link */
        cpu->pc = target;
        return CPU_EXIT_NONE;
    }
}

static const V128 *operand(const V128 *vals, uint16_t n)
{
    return n == VAL_NONE ? NULL : vals + n;
}

static CpuExit run(Cpu *cpu, const UopBlock *block, V128 *vals)
{
    for (const Uop *u = block->uops;; u++) {
        switch (u->op) {
        case UOP_INSN:
            cpu->pc = u->imm64;
            if (__builtin_expect(cpu->watch != NULL, 0) && interp_watched_pc(cpu, u->imm64)) {
                return CPU_EXIT_FAULT;
            }
            break;
        case UOP_GET: get(cpu, u, &vals[u->dst]); break;
        case UOP_PUT: put(cpu, u, &vals[u->a]); break;
        case UOP_GETFLAGS: memcpy(&vals[u->dst], (const uint8_t *)cpu + u->imm, 4); break;
        case UOP_PUTFLAGS: memcpy((uint8_t *)cpu + u->imm, &vals[u->a], 4); break;
        case UOP_STICKY: {
            V128 v;
            memcpy(&v, (const uint8_t *)cpu + u->imm, sizeof(v));
            v.u128 |= vals[u->a].u128;
            memcpy((uint8_t *)cpu + u->imm, &v, sizeof(v));
            break;
        }
        case UOP_CONST:
        case UOP_ADDR: { /* its b and c aren't operands */
            Op o = {.cpu = cpu, .u = u, .dst = &vals[u->dst]};
            interp_CONST(&o);
            break;
        }
        case UOP_EXIT: return leave(cpu, u, u->a == VAL_NONE ? u->imm64 : vals[u->a].u64[0]);
        case UOP_EXIT_IF:
            if (vals[u->a].u64[0] & 1) {
                return leave(cpu, u, u->imm64);
            }
            break;
        default: {
            Op o = {.cpu = cpu,
                    .u = u,
                    .pool = block->pool,
                    .dst = u->dst == VAL_NONE ? NULL : &vals[u->dst],
                    .a = operand(vals, u->a),
                    .b = operand(vals, u->b),
                    .c = operand(vals, u->c)};
            if (__builtin_expect(cpu->watch != NULL, 0) && interp_watched(&o)) {
                return CPU_EXIT_FAULT; /* before anything of the instruction was put */
            }
            op_table[u->op](&o);
            break;
        }
        }
    }
}

#define FEW_VALUES 512

/* A block of its own size class, so that the usual block has a small frame. */
static __attribute__((noinline)) CpuExit run_large(Cpu *cpu, const UopBlock *block)
{
    V128 vals[VAL_MAX];
    return run(cpu, block, vals);
}

CpuExit interp_run_block(Cpu *cpu, const UopBlock *block)
{
    if (block->nvals > FEW_VALUES) {
        return run_large(cpu, block);
    }
    V128 vals[FEW_VALUES];
    return run(cpu, block, vals);
}
