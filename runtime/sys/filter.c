/* Classic BPF as seccomp runs it (kernel/seccomp.c, net/core/filter.c). */
#include "runtime/sys/filter.h"

#include <linux/seccomp.h>
#include <string.h>

/* Loads of seccomp_data are BPF_LD | BPF_W | BPF_ABS only; everything of packets is refused. */
static bool known(uint16_t code)
{
    switch (code) {
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
    case BPF_ALU | BPF_NEG:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_JMP | BPF_JA: return true;
    default: break;
    }
    unsigned op = BPF_OP(code);
    if (BPF_CLASS(code) == BPF_ALU) {
        return (code & ~0xf8) == 0 + BPF_ALU && (op <= BPF_RSH || op == BPF_XOR) && op != BPF_NEG;
    }
    if (BPF_CLASS(code) == BPF_JMP) {
        return (code & ~0xf8) == 0 + BPF_JMP && op >= BPF_JEQ && op <= BPF_JSET;
    }
    return false;
}

static bool sound(const struct sock_filter *f, unsigned at, unsigned count)
{
    unsigned left = count - at - 1;
    switch (BPF_CLASS(f->code)) {
    case BPF_LD:
        if (BPF_MODE(f->code) == BPF_ABS) {
            return f->k < sizeof(struct seccomp_data) && !(f->k & 3);
        }
        return BPF_MODE(f->code) != BPF_MEM || f->k < BPF_MEMWORDS;
    case BPF_LDX: return BPF_MODE(f->code) != BPF_MEM || f->k < BPF_MEMWORDS;
    case BPF_ST:
    case BPF_STX: return f->k < BPF_MEMWORDS;
    case BPF_ALU:
        if (BPF_SRC(f->code) == BPF_K) {
            unsigned op = BPF_OP(f->code);
            return !(op == BPF_DIV && f->k == 0) &&
                   !((op == BPF_LSH || op == BPF_RSH) && f->k >= 32);
        }
        return true;
    case BPF_JMP: return BPF_OP(f->code) == BPF_JA ? f->k < left : f->jt < left && f->jf < left;
    default: return true;
    }
}

/* Memory words must be stored before they are read on every way (check_load_and_stores()). */
static bool stores_first(const struct sock_filter *insn, unsigned count)
{
    uint16_t valid = 0;
    uint16_t masks[BPF_MAXINSNS];
    memset(masks, 0xff, count * sizeof masks[0]);
    for (unsigned i = 0; i < count; i++) {
        const struct sock_filter *f = &insn[i];
        valid &= masks[i];
        switch (f->code) {
        case BPF_ST:
        case BPF_STX: valid |= (uint16_t)(1u << f->k); break;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
            if (!(valid & 1u << f->k)) {
                return false;
            }
            break;
        case BPF_JMP | BPF_JA:
            masks[i + 1 + f->k] &= valid;
            valid = 0xffff;
            break;
        default:
            if (BPF_CLASS(f->code) == BPF_JMP) {
                masks[i + 1 + f->jt] &= valid;
                masks[i + 1 + f->jf] &= valid;
                valid = 0xffff;
            }
            break;
        }
    }
    return true;
}

int filter_check(const struct sock_filter *insn, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!known(insn[i].code) || !sound(&insn[i], i, count)) {
            return -EINVAL;
        }
    }
    return BPF_CLASS(insn[count - 1].code) == BPF_RET && stores_first(insn, count) ? 0 : -EINVAL;
}

static uint32_t alu(unsigned op, uint32_t a, uint32_t v)
{
    switch (op) {
    case BPF_ADD: return a + v;
    case BPF_SUB: return a - v;
    case BPF_MUL: return a * v;
    case BPF_DIV: return v ? a / v : 0;
    case BPF_OR: return a | v;
    case BPF_AND: return a & v;
    case BPF_LSH: return a << (v & 31);
    case BPF_RSH: return a >> (v & 31);
    default: return a ^ v;
    }
}

static bool jumps(unsigned op, uint32_t a, uint32_t v)
{
    switch (op) {
    case BPF_JEQ: return a == v;
    case BPF_JGT: return a > v;
    case BPF_JGE: return a >= v;
    default: return a & v;
    }
}

uint32_t filter_run(const struct sock_filter *insn, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = {0};
    for (const struct sock_filter *f = insn;; f++) {
        uint32_t v = BPF_SRC(f->code) == BPF_X ? x : f->k;
        switch (BPF_CLASS(f->code)) {
        case BPF_LD:
            switch (BPF_MODE(f->code)) {
            case BPF_ABS: memcpy(&a, (const char *)data + f->k, sizeof a); break;
            case BPF_MEM: a = mem[f->k]; break;
            case BPF_LEN: a = sizeof *data; break;
            default: a = f->k; break;
            }
            break;
        case BPF_LDX:
            x = BPF_MODE(f->code) == BPF_MEM   ? mem[f->k]
                : BPF_MODE(f->code) == BPF_LEN ? sizeof *data
                                               : f->k;
            break;
        case BPF_ST: mem[f->k] = a; break;
        case BPF_STX: mem[f->k] = x; break;
        case BPF_ALU:
            if (BPF_OP(f->code) == BPF_DIV && v == 0) {
                return 0; /* the program ends */
            }
            a = BPF_OP(f->code) == BPF_NEG ? 0 - a : alu(BPF_OP(f->code), a, v);
            break;
        case BPF_JMP:
            f += BPF_OP(f->code) == BPF_JA ? f->k : jumps(BPF_OP(f->code), a, v) ? f->jt : f->jf;
            break;
        case BPF_RET: return BPF_RVAL(f->code) == BPF_A ? a : f->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(f->code) == BPF_TAX) {
                x = a;
            } else {
                a = x;
            }
            break;
        }
    }
}
