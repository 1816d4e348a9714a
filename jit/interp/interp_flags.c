/* interp_flags.c - condition flags: four bytes N, Z, C, V in a value's u8[0..3]. */
#include "frontend/uop/softfp.h"
#include "jit/interp/ops.h"

static void set_flags(const Op *o, bool n, bool z, bool c, bool v)
{
    o->dst->u64[0] = (uint64_t)n | (uint64_t)z << 8 | (uint64_t)c << 16 | (uint64_t)v << 24;
}

/* N,Z,C,V from bits 3..0. */
static void set_nzcv(const Op *o, unsigned nzcv)
{
    set_flags(o, nzcv & 8, nzcv & 4, nzcv & 2, nzcv & 1);
}

/* Flags of a + b + carry (subtraction: a + ~b + 1, where the carry then means "no borrow"). */
static void add_with_carry(const Op *o, uint64_t a, uint64_t b, bool carry)
{
    unsigned bits = o->u->type == T_I32 ? 32 : 64;
    a = low_bits(a, bits);
    b = low_bits(b, bits);
    unsigned __int128 sum = (unsigned __int128)a + b + carry;
    uint64_t r = low_bits((uint64_t)sum, bits);
    uint64_t overflow = (a ^ r) & (b ^ r);
    set_flags(o, r >> (bits - 1) & 1, r == 0, sum >> bits & 1, overflow >> (bits - 1) & 1);
}

void interp_flags_of(const Op *o, UopFlagsKind kind, uint64_t b, bool carry)
{
    uint64_t a = o->a->u64[0];
    switch (kind) {
    case UOP_FLAGS_ADD: add_with_carry(o, a, b, false); break;
    case UOP_FLAGS_SUB: add_with_carry(o, a, ~b, true); break;
    case UOP_FLAGS_ADC: add_with_carry(o, a, b, carry); break;
    case UOP_FLAGS_LOGIC: {
        unsigned bits = o->u->type == T_I32 ? 32 : 64;
        a = low_bits(a, bits);
        set_flags(o, a >> (bits - 1) & 1, a == 0, false, false);
        break;
    }
    case UOP_FLAGS_FCMP: {
        FpEnv env = softfp_env(o->cpu, o->cpu->frontend->fp_policy);
        set_nzcv(o, softfp_compare(&env, uop_lane(o->u->type), a, b, o->u->flags & UOPF_SIGNALING));
        o->cpu->fp_flags |= env.flags;
        break;
    }
    case UOP_FLAGS_NZCV: set_nzcv(o, (unsigned)(a >> 28 & 15)); break;
    }
}

void interp_FLAGS(const Op *o)
{
    uint64_t b = o->u->b == VAL_NONE ? (uint64_t)(int64_t)o->u->imm : o->b->u64[0];
    interp_flags_of(o, (UopFlagsKind)o->u->sub, b, o->c && (o->c->u64[0] & 1));
}

void interp_FLAGSIF(const Op *o)
{
    if (o->c->u64[0] & 1) {
        interp_flags_of(o, (UopFlagsKind)o->u->sub, o->b->u64[0], false);
    } else {
        set_nzcv(o, (unsigned)o->u->imm & 15);
    }
}

void interp_TEST(const Op *o)
{
    bool n = o->a->u8[0], z = o->a->u8[1], c = o->a->u8[2], v = o->a->u8[3];
    bool yes;
    switch (o->u->sub & ~1u) {
    case UOP_EQ: yes = z; break;
    case UOP_CS: yes = c; break;
    case UOP_MI: yes = n; break;
    case UOP_VS: yes = v; break;
    case UOP_HI: yes = c && !z; break;
    case UOP_GE: yes = n == v; break;
    default: yes = n == v && !z; break; /* GT */
    }
    set_bool(o, yes != (o->u->sub & 1)); /* inverses differ in bit 0 */
}

void interp_PACKFLAGS(const Op *o)
{
    const uint8_t *f = o->a->u8;
    o->dst->u64[0] =
        (uint32_t)f[0] << 31 | (uint32_t)f[1] << 30 | (uint32_t)f[2] << 29 | (uint32_t)f[3] << 28;
}
