/* generate.c - random states and instructions: special values often, memory operands that point to
 * the data window. */
#include "generate.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"
#include "machine.h"
#include "oracle.h"

uint64_t diff_random(void *state)
{ /* splitmix64 */
    uint64_t z = *(uint64_t *)state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#define FPCR_BITS 0x07c80000u /* AHP DN FZ RMode FZ16 */
#define FPSR_BITS 0x0800009fu /* QC IDC IXC UFC OFC DZC IOC */

/* ---- states ---------------------------------------------------------------------------------- */
static uint64_t random_integer(uint64_t *s)
{
    uint64_t r = diff_random(s);
    switch (diff_random(s) % 10) {
    case 0: return r & 0xff;
    case 1: return -(r & 0xff);
    case 2: return (UINT64_C(1) << (r & 63)) - (r >> 6 & 1);
    case 3: return (uint64_t)(int64_t)(int32_t)r;
    case 4: return (uint32_t)r;
    case 5: return UINT64_C(0x8000000080008080) >> (r & 63);
    case 6: return (r & 1) ? UINT64_C(0x7fffffffffffffff) : UINT64_C(0xffffffff80000000);
    default: return r;
    }
}

/* A float of the given format, special values often. */
static uint64_t random_float(uint64_t *s, unsigned exp_bits, unsigned frac_bits)
{
    uint64_t r = diff_random(s), max = (UINT64_C(1) << exp_bits) - 1,
             frac_mask = (UINT64_C(1) << frac_bits) - 1;
    uint64_t frac = r & frac_mask, exp = r >> 52 & max, sign = r >> 63 << (exp_bits + frac_bits),
             bias = max / 2;
    switch (diff_random(s) % 16) {
    case 0: exp = frac = 0; break;
    case 1:
        exp = max;
        frac = 0;
        break;
    case 2: exp = max; break;
    case 3: exp = 0; break;
    case 4:
        exp = 1;
        frac &= frac >> 3;
        break;
    case 5:
        exp = max - 1;
        frac |= frac << 3 & frac_mask;
        break;
    case 6:
        exp = bias;
        frac = 0;
        break;
    case 7: frac = 0; break;
    case 8:
        exp = bias + (r >> 40) % (exp_bits > 5 ? 66 : 15);
        frac &= ~(frac_mask >> (r >> 56 & 7));
        break;                                     /* integers and halves */
    case 9: exp = bias / 2 + (r >> 40 & 3); break; /* squares near the smallest normal */
    case 10: frac = frac_mask; break;
    default: exp = bias - 4 + (r >> 40 & 7); break;
    }
    return sign | exp << frac_bits | frac;
}

static void random_vector(uint64_t *s, uint64_t v[2])
{
    unsigned kind = diff_random(s) % 8;
    for (unsigned i = 0; i < 2; i++) {
        switch (kind) {
        case 0: v[i] = diff_random(s); break;
        case 1: v[i] = random_integer(s); break;
        case 2: /* bytes and halfwords at their bounds */
            v[i] = diff_random(s);
            v[i] = (v[i] & 0x8080808080808080) - (diff_random(s) & 0x0001010001010101);
            break;
        case 3:
        case 4: v[i] = random_float(s, 11, 52); break;
        case 5:
        case 6: v[i] = random_float(s, 8, 23) | random_float(s, 8, 23) << 32; break;
        default:
            v[i] = 0;
            for (unsigned k = 0; k < 4; k++) {
                v[i] |= random_float(s, 5, 10) << 16 * k;
            }
            break;
        }
    }
}

static void random_state(DiffCase *c, unsigned slot, uint64_t *s)
{
    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < 31; i++) {
        c->in.x[i] = random_integer(s);
    }
    for (unsigned i = 0; i < 32; i++) {
        random_vector(s, c->in.v[i]);
    }
    c->in.sp = DIFF_DATA + 16 * (diff_random(s) % (DIFF_DATA_SIZE / 16));
    c->in.pc = DIFF_CODE + (uint64_t)slot * DIFF_SLOT;
    c->in.nzcv = (uint32_t)diff_random(s) & 0xf0000000;
    uint32_t r = (uint32_t)diff_random(s);
    c->in.fpcr =
        r & 1 ? 0
              : (uint32_t)diff_random(s) & (r & 2 ? 0x00c00000u : FPCR_BITS); /* often RMode only */
    c->in.fpsr = r & 12 ? 0 : (uint32_t)diff_random(s) & FPSR_BITS;
}

/* ---- what an instruction is ------------------------------------------------------------------ */
static bool starts(int pattern, const char *with)
{
    return strncmp(a64_name(pattern), with, strlen(with)) == 0;
}

bool generate_skips(int pattern)
{
    const char *list = getenv("XEMU_DIFF_SKIP");
    for (size_t n; list && *list; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        if (n && strncmp(a64_name(pattern), list, n) == 0) {
            return true;
        }
    }
    return false;
}

bool pattern_is_system_call(int pattern)
{
    return pattern == A64_SVC;
}

bool pattern_branches(int pattern)
{
    static const char *const names[] = {"B",        "BL",        "B_cond", "CBZ",  "CBNZ",
                                        "TBZ",      "TBNZ",      "BR",     "BLR",  "RET",
                                        "BRA_zero", "BLRA_zero", "BRA",    "BLRA", "RETA"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(a64_name(pattern), names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool pattern_is_ambient(int pattern)
{
    static const char *const prefixes[] = {"MRS_tpidr",  "MSR_tpidr",  "MRS_ctr",   "MRS_dczid",
                                           "MRS_cntfrq", "MRS_cntvct", "MRS_clock", "MRS_id"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (starts(pattern, prefixes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_memory(uint32_t insn)
{
    return (insn & 0x0a000000) == 0x08000000;
}
static bool is_literal(uint32_t insn)
{
    return (insn & 0x3b000000) == 0x18000000;
}
static bool has_index(uint32_t insn)
{
    return (insn & 0x3b200c00) == 0x38200800;
}
static bool is_cache(int pattern)
{
    return starts(pattern, "DC_") || starts(pattern, "IC_");
}

static unsigned field(uint32_t insn, unsigned lsb)
{
    return insn >> lsb & 31;
}

/* The register with the address of a memory access, -1: none (x31 is sp). */
static int base_register(uint32_t insn, int pattern)
{
    if (is_cache(pattern)) {
        return field(insn, 0) == 31 ? -1 : (int)field(insn, 0);
    }
    return is_memory(insn) && !is_literal(insn) ? (int)field(insn, 5) : -1;
}

static void set_base(DiffState *s, int reg, uint64_t to)
{
    *(reg == 31 ? &s->sp : &s->x[reg]) = to;
}

/* Points the memory operand of the lone instruction into the window, most of the time aligned: runs
 * it, and moves the base by how far it missed. */
static uint64_t aim(DiffCase *c, int base, uint64_t *s)
{
    uint64_t align = diff_random(s) % 8 && base != 31 ? 16 : base == 31 ? 16 : 1;
    uint64_t to = (DIFF_DATA + diff_random(s) % DIFF_DATA_SIZE) & -align;
    if (has_index(c->insns[0]) && field(c->insns[0], 16) != 31) {
        c->in.x[field(c->insns[0], 16)] = diff_random(s) % 32 - 16;
    }
    for (unsigned i = 0; i < 4; i++) {
        DiffResult r;
        set_base(&c->in, base, to);
        machine_load_one(c);
        machine_run(DIFF_STEP, c, &r);
        if (r.signal != SIGSEGV || diff_random(s) % 64 == 0) {
            break;
        }
        to = (to - machine_fault_address() + DIFF_DATA + 256 +
              diff_random(s) % (DIFF_DATA_SIZE - 512)) &
             -align;
    }
    return to;
}

/* ---- cases ----------------------------------------------------------------------------------- */
bool generate_single(DiffCase *c, unsigned slot, int pattern, uint64_t *seed)
{
    random_state(c, slot, seed);
    c->pattern = pattern;
    c->insns[0] = a64_random(pattern, diff_random, seed);
    c->ninsns = 1;
    int base = base_register(c->insns[0], pattern);
    if (base >= 0) {
        aim(c, base, seed);
    }
    if (field(c->insns[0], 0) != 31 && diff_random(seed) % 8) {
        uint64_t *x = &c->in.x[field(c->insns[0], 0)];
        *x = pattern == A64_MSR_fpcr   ? diff_random(seed) & FPCR_BITS
             : pattern == A64_MSR_fpsr ? diff_random(seed) & FPSR_BITS
                                       : *x;
    }
    DiffResult r;
    machine_load_one(c);
    machine_run(DIFF_STEP, c, &r);
    return r.signal != 0;
}

static uint32_t movz(unsigned reg, uint32_t imm, unsigned part)
{
    return 0xd2800000u | part << 21 | imm << 5 | reg;
}
static uint32_t movk(unsigned reg, uint32_t imm, unsigned part)
{
    return 0xf2800000u | part << 21 | imm << 5 | reg;
}

static void append_address(DiffCase *c, unsigned reg, uint64_t at)
{
    c->insns[c->ninsns++] = movz(reg, at & 0xffff, 0);
    c->insns[c->ninsns++] = movk(reg, at >> 16 & 0xffff, 1);
    c->insns[c->ninsns++] = movk(reg, at >> 32 & 0xffff, 2);
}

/* Appends a memory access whose base register was set just before. */
static void append_memory(DiffCase *c, unsigned slot, int pattern, uint32_t insn, uint64_t *seed)
{
    DiffCase alone;
    random_state(&alone, slot, seed);
    int base = base_register(insn, pattern);
    if (base == 31) {
        insn ^= (uint32_t)(31 ^ 7) << 5;
        base = 7;
    }
    alone.insns[0] = insn;
    alone.ninsns = 1;
    uint64_t at = aim(&alone, base, seed);
    unsigned reg = (unsigned)base, index = field(insn, 16);
    if (has_index(insn) && index != 31) {
        c->insns[c->ninsns++] =
            (alone.in.x[index] >> 63 ? 0x92800000u : 0xd2800000u) | /* MOVN : MOVZ */
            (uint32_t)((alone.in.x[index] >> 63 ? ~alone.in.x[index] : alone.in.x[index]) & 0xffff)
                << 5 |
            index;
    }
    append_address(c, reg, at);
    c->insns[c->ninsns++] = insn;
}

/* Load-exclusive, something, store-exclusive: mostly to the same place, sometimes with a store, a
 * CLREX or another address in between. */
static void append_exclusives(DiffCase *c, uint64_t *seed)
{
    enum { CLREX = 0xd5033f5f, STR = 0xf9000000, STR_W = 0xb9000000 };
    uint32_t r = (uint32_t)diff_random(seed), first = r % 24, base = first, t = first + 1,
             t2 = first + 2, status = first + 3;
    bool pair = r >> 8 & 1;
    uint32_t size = pair ? 2 | (r >> 9 & 1) : r >> 9 & 3, ordered = r >> 12 & 1;
    uint64_t at = DIFF_DATA + (r >> 16) % (DIFF_DATA_SIZE / 16) * 16;
    uint32_t load = pair ? 0x087f0000 | t2 << 10 : 0x085f7c00,
             store = pair ? 0x08200000 | t2 << 10 : 0x08007c00;
    append_address(c, base, at);
    c->insns[c->ninsns++] = load | size << 30 | ordered << 15 | base << 5 | t;
    switch (r >> 13 & 7) {
    case 0: c->insns[c->ninsns++] = CLREX; break;
    case 1: c->insns[c->ninsns++] = STR | base << 5 | 31; break; /* zeros in the way */
    case 2: c->insns[c->ninsns++] = STR_W | 1 << 10 | base << 5 | t; break;
    case 3: append_address(c, base, at ^ 16); break;
    default: c->insns[c->ninsns++] = 0x91000400 | t << 5 | t; break; /* ADD Xt, Xt, #1 */
    }
    c->insns[c->ninsns++] = store | size << 30 | status << 16 | (r >> 14 & 1) << 15 | base << 5 | t;
}

/* A conditional branch of a random kind by `words`, which may be negative. */
static uint32_t branch_by(int words, uint64_t *seed)
{
    uint32_t r = (uint32_t)diff_random(seed), imm19 = (uint32_t)words & 0x7ffff,
             imm14 = (uint32_t)words & 0x3fff, reg = r % 31;
    switch (r >> 8 & 3) {
    case 0:
        return 0x34000000 | (r >> 10 & 1) << 31 | (r >> 11 & 1) << 24 | imm19 << 5 |
               reg; /* CBZ, CBNZ */
    case 1:
        return 0x36000000 | (r >> 10 & 1) << 31 | (r >> 11 & 1) << 24 | (r >> 12 & 31) << 19 |
               imm14 << 5 | reg;                              /* TBZ, TBNZ */
    default: return 0x54000000 | imm19 << 5 | (r >> 12) % 14; /* B.cond */
    }
}

/* Makes blocks of the sequence: branches ahead over some instructions, and a loop around all,
 * counted in a register that an instruction may change. `starts`: bit i, instruction i doesn't
 * belong to what is before it (an access belongs to the instructions that set its address). */
static void add_branches(DiffCase *c, uint64_t starts, uint64_t *seed)
{
    enum { COUNTER = 27 };
    uint32_t body[DIFF_MAX_INSNS], n = c->ninsns;
    memcpy(body, c->insns, n * sizeof(body[0]));
    c->ninsns = 0;
    c->insns[c->ninsns++] = movz(COUNTER, 1 + diff_random(seed) % 4, 0);
    uint32_t pending = 0, at = 0; /* a branch at `at` that goes `pending` starts ahead */
    for (uint32_t i = 0; i < n; i++) {
        bool start = starts >> i & 1;
        if (pending && start && --pending == 0) {
            c->insns[at] = branch_by((int)(c->ninsns - at), seed);
        }
        if (!pending && start && c->ninsns + (n - i) + 4 < DIFF_MAX_INSNS &&
            diff_random(seed) % 3 == 0) {
            at = c->ninsns++;
            pending = 1 + (uint32_t)diff_random(seed) % 4;
        }
        c->insns[c->ninsns++] = body[i];
    }
    if (pending) {
        c->insns[at] = branch_by((int)(c->ninsns - at), seed);
    }
    c->insns[c->ninsns++] = 0xd1000400 | COUNTER << 5 | COUNTER; /* SUB x27, x27, #1 */
    uint32_t back = (1 - c->ninsns) & 0x7ffff;
    c->insns[c->ninsns++] = 0xb5000000 | back << 5 | COUNTER; /* CBNZ x27, to behind the MOVZ */
}

bool generate_sequence(DiffCase *c, unsigned slot, unsigned length, uint64_t *seed)
{
    random_state(c, slot, seed);
    c->pattern = -1;
    unsigned n = 2 + diff_random(seed) % (length - 1);
    bool branches = diff_random(seed) % 4 == 0;
    uint64_t starts = 0;
    bool for_oracle = diff_random(seed) % 8 != 0; /* without what the oracle can't tell */
    for (unsigned i = 0; i < n && c->ninsns + 12 < DIFF_MAX_INSNS;) {
        starts |= UINT64_C(1) << c->ninsns;
        if (diff_random(seed) % 64 == 0) {
            append_exclusives(c, seed);
            i++;
            continue;
        }
        int p = (int)(diff_random(seed) % A64_PATTERNS);
        bool last = i + 1 == n && !branches;
        if (generate_skips(p) || pattern_is_system_call(p) || pattern_is_ambient(p) ||
            p == A64_BRK || p == A64_UDF || p == A64_BL || (pattern_branches(p) && !last)) {
            continue; /* BL: flags are taken as dead on entry to a function, which chance code isn't
                       */
        }
        uint32_t insn = a64_random(p, diff_random, seed);
        if (for_oracle && oracle_excuse_insn(insn)) {
            continue;
        }
        if (base_register(insn, p) >= 0) {
            append_memory(c, slot, p, insn, seed);
        } else {
            if (p == A64_MSR_fpcr || p == A64_MSR_fpsr) { /* bits that are there */
                bool control = p == A64_MSR_fpcr;
                uint32_t bits =
                    (control ? FPCR_BITS >> 16 : FPSR_BITS & 0xffff) & (uint32_t)diff_random(seed);
                c->insns[c->ninsns++] = movz(field(insn, 0), bits, control);
            }
            c->insns[c->ninsns++] = insn;
        }
        i++;
    }
    if (branches && c->ninsns + 4 < DIFF_MAX_INSNS) {
        add_branches(c, starts, seed);
    }
    DiffResult r;
    machine_load_one(c);
    machine_run(DIFF_STEP, c, &r);
    return r.signal != 0;
}
