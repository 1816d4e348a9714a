/* tier2_fault.c - a fault in precise code of tier 2: where the guest's registers are stands in the
 * block's table (FaultRecord, lift/lift.h).
 *
 * Runs in a signal handler.
 */
#include <string.h>
#include <ucontext.h>

#include "jit/template/x86_64/template.h"
#include "lift/lift.h"

/* Sixteen bytes, of which a number or a float are the first. */
static V128 value_of(const FaultPlace *p, const ucontext_t *uc)
{
    const greg_t *g = uc->uc_mcontext.gregs;
    V128 v = {.u64 = {0, 0}};
    uintptr_t frame;

    switch (p->where) {
    case FAULT_IN_REGISTER:
        if (p->what >= FAULT_F32)
            memcpy(&v, &uc->uc_mcontext.fpregs->_xmm[p->at], 16);
        else
            v.u64[0] = (uint64_t)g[template_greg_of[p->at]];
        break;
    case FAULT_CONSTANT: v.u64[0] = (uint64_t)(int64_t)p->at; break;
    case FAULT_CONSTANT_LOW: v.u64[0] = (uint64_t)(uint32_t)p->high << 32 | (uint32_t)p->at; break;
    default:
        frame = (uintptr_t)g[p->where == FAULT_AT_RBP ? REG_RBP : REG_RSP];
        memcpy(&v, (const void *)(frame + (uintptr_t)(intptr_t)p->at),
               p->what == FAULT_VECTOR ? 16
               : p->what == FAULT_F32  ? 4
                                       : 8);
        break;
    }
    return v;
}

typedef struct Flags {
    uint64_t kind, a, b;
} Flags;

static void set_flags(uint8_t *nzcv, const Flags *f)
{
    unsigned kind = f->kind & 15, bits = f->kind & FAULT_FLAGS_64 ? 64 : 32;
    uint64_t mask = bits == 64 ? UINT64_MAX : UINT32_MAX, top = UINT64_C(1) << (bits - 1),
             a = f->a & mask, b = f->b & mask;

    if (kind == FAULT_FLAGS_BYTES) {
        memcpy(nzcv, &f->a, 4);
        return;
    }
    uint64_t r = (kind == UOP_FLAGS_ADD ? a + b : kind == UOP_FLAGS_SUB ? a - b : a) & mask;
    uint64_t may_overflow = kind == UOP_FLAGS_ADD ? ~(a ^ b) : a ^ b;
    bool logic = kind == UOP_FLAGS_LOGIC;

    nzcv[0] = (r & top) != 0;
    nzcv[1] = r == 0;
    nzcv[2] = !logic && (kind == UOP_FLAGS_ADD ? r < a : a >= b);
    nzcv[3] = !logic && (may_overflow & (a ^ r) & top) != 0;
}

static void fill(Cpu *cpu, const uint8_t *places, uint32_t n, const ucontext_t *uc)
{
    Flags f = {0, 0, 0};
    FaultPlace p;

    for (; n; n--, places += sizeof p) {
        memcpy(&p, places, sizeof p);
        V128 v = value_of(&p, uc);
        uint8_t *to = (uint8_t *)cpu + p.off;
        switch (p.what) {
        case FAULT_FLAGS_KIND: f.kind = v.u64[0]; break;
        case FAULT_FLAGS_A: f.a = v.u64[0]; break;
        case FAULT_FLAGS_B:
            f.b = v.u64[0];
            set_flags(to, &f);
            break;
        default: memcpy(to, &v, p.what == FAULT_VECTOR ? 16 : p.what == FAULT_F32 ? 4 : 8); break;
        }
    }
}

void tier2_fault(Cpu *cpu, const Block *b, const void *ucontext)
{
    const ucontext_t *uc = ucontext;
    uintptr_t site = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP] - b->code;
    const uint8_t *at = b->faultmap, *end = at + b->faultmap_len;
    FaultRecord r;

    for (; at < end; at += sizeof r + r.nplaces * sizeof(FaultPlace)) {
        memcpy(&r, at, sizeof r);
        if (r.site == site) {
            cpu->pc = b->pc + (uint64_t)(int64_t)r.guest;
            fill(cpu, at + sizeof r, r.nplaces, uc);
            return;
        }
    }
}
