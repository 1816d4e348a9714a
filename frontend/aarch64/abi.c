/* abi.c - the descriptor of AArch64: register names and offsets, pinned registers, hwcaps. */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/aarch64/helpers.h"
#include "frontend/aarch64/translate.h"

static const HelperInfo helpers[] = {
#define HELPER(name, effects) {#name, a64_helper_##name, (effects)},
#include "frontend/aarch64/helpers.def"
#undef HELPER
};

/* ---- names ----------------------------------------------------------------------------------- */

/* Registers that aren't numbered; the bytes that a name stands for. */
static const struct {
    const char *name;
    uint32_t offset, bytes;
} special[] = {
    {"sp", A64_SP, 8},
    {"wsp", A64_SP, 4},
    {"nzcv", A64_NZCV, 4},
    {"fpcr", A64_OFF(fpcr), 4},
    {"qc", A64_OFF(qc), 16},
    {"tpidr_el0", A64_OFF(tpidr), 8},
    {"pstate", A64_OFF(ssbs), 4},
    {"apiakeylo", A64_OFF(pac_keys[0][0]), 8},
    {"apiakeyhi", A64_OFF(pac_keys[0][1]), 8},
    {"apibkeylo", A64_OFF(pac_keys[1][0]), 8},
    {"apibkeyhi", A64_OFF(pac_keys[1][1]), 8},
    {"apdakeylo", A64_OFF(pac_keys[2][0]), 8},
    {"apdakeyhi", A64_OFF(pac_keys[2][1]), 8},
    {"apdbkeylo", A64_OFF(pac_keys[3][0]), 8},
    {"apdbkeyhi", A64_OFF(pac_keys[3][1]), 8},
    {"apgakeylo", A64_OFF(pac_keys[4][0]), 8},
    {"apgakeyhi", A64_OFF(pac_keys[4][1]), 8},
};

/* Numbered registers: `letter` n is at base + stride * n. */
static const struct {
    char letter;
    uint8_t count, bytes, stride;
    uint32_t base;
} numbered[] = {
    {'x', 31, 8, 8, A64_OFF(x)},  {'w', 31, 4, 8, A64_OFF(x)},  {'q', 32, 16, 16, A64_OFF(v)},
    {'d', 32, 8, 16, A64_OFF(v)}, {'s', 32, 4, 16, A64_OFF(v)}, {'h', 32, 2, 16, A64_OFF(v)},
    {'b', 32, 1, 16, A64_OFF(v)},
};

static bool reg_name(uint32_t offset, unsigned bytes, char *buf, size_t size)
{
    for (size_t i = 0; i < sizeof numbered / sizeof numbered[0]; i++) {
        uint32_t n = (offset - numbered[i].base) / numbered[i].stride;
        if (offset >= numbered[i].base && n < numbered[i].count && bytes == numbered[i].bytes &&
            offset == numbered[i].base + n * numbered[i].stride) {
            snprintf(buf, size, "%c%" PRIu32, numbered[i].letter, n);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (offset == special[i].offset && bytes == special[i].bytes) {
            snprintf(buf, size, "%s", special[i].name);
            return true;
        }
    }
    /* The upper half of a vector register. */
    if (offset >= A64_V(0) && offset < A64_V(32) && bytes == 8) {
        snprintf(buf, size, "d%" PRIu32 "+8", (offset - A64_V(0)) / 16);
        return true;
    }
    return false;
}

static bool reg_offset(const char *name, uint32_t *offset)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (!strcmp(name, special[i].name)) {
            *offset = special[i].offset;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof numbered / sizeof numbered[0]; i++) {
        char *end;
        if (*name != numbered[i].letter || name[1] < '0' || name[1] > '9') {
            continue;
        }
        unsigned long n = strtoul(name + 1, &end, 10);
        uint32_t upper = strcmp(end, "+8") == 0 && *name == 'd' ? 8 : 0;
        if ((*end && !upper) || n >= numbered[i].count) {
            return false;
        }
        *offset = numbered[i].base + (uint32_t)n * numbered[i].stride + upper;
        return true;
    }
    return false;
}

/* ---- state ----------------------------------------------------------------------------------- */

/* As the kernel leaves it at exec: pointer authentication on, everything else zero. */
static void reset(Cpu *cpu)
{
    memset(cpu->file, 0, sizeof cpu->file);
    a64_set_fpsr(cpu, 0);
    a64_set_fpcr(cpu, 0);
    a64_set_pac_keys(cpu, 15);
}

static void dump(FILE *f, const Cpu *cpu)
{
    const A64State *s = (const A64State *)(const void *)cpu->file;
    fprintf(f, " PC=%016" PRIx64, cpu->pc & A64_PC_MASK);
    for (int i = 0; i < 31; i++) {
        fprintf(f, "%cX%02d=%016" PRIx64, i % 4 == 3 ? '\n' : ' ', i, s->x[i]);
    }
    fprintf(f, "  SP=%016" PRIx64 "\nNZCV=%c%c%c%c FPCR=%08" PRIx32 "\n", s->sp,
            s->nzcv[0] ? 'N' : '-', s->nzcv[1] ? 'Z' : '-', s->nzcv[2] ? 'C' : '-',
            s->nzcv[3] ? 'V' : '-', s->fpcr);
    for (int i = 0; i < 32; i++) {
        fprintf(f, "Q%02d=%016" PRIx64 ":%016" PRIx64 "%c", i, s->v[i].u64[1], s->v[i].u64[0],
                i % 2 ? '\n' : ' ');
    }
}

/* ---- what is implemented --------------------------------------------------------------------- */

const Frontend frontend_aarch64 = {
    .name = "aarch64",
    .elf_machine = EM_AARCH64,
    .elf_class = ELFCLASS64,
    .elf_data = ELFDATA2LSB,
    .insn_shift = 2,
    .pc_mask = A64_PC_MASK,
    .fp_policy = FP_POLICY_ARM,
    .tagged_addresses = true,
    .file_size = sizeof(A64State),
    .flags_offset = A64_NZCV,
    .sp_offset = A64_SP,
    .tp_offset = A64_OFF(tpidr),
    .int_pins = {A64_SP, A64_X(0), A64_X(1), A64_X(2), A64_X(3), A64_X(19), A64_X(20), A64_X(21),
                 A64_X(29), A64_X(30)},
    .vec_pins = {A64_V(0), A64_V(1), A64_V(2), A64_V(3), A64_V(4), A64_V(5), A64_V(6), A64_V(7)},
    .helpers = helpers,
    .nhelpers = sizeof helpers / sizeof helpers[0],
    .translate = a64_translate,
    .shapes = a64_shapes,
    .shape_example = a64_shape_example,
    .explore = a64_explore,
    .landings = a64_landings,
    .flags_use_at = a64_flags_use_at,
    .reg_name = reg_name,
    .reg_offset = reg_offset,
    .reset = reset,
    .dump = dump,
#define HWCAP(word, bit, name) | (uint64_t)((word) == 1) << (bit)
    .hwcap = 0
#include "frontend/aarch64/hwcap.def"
    ,
#undef HWCAP
#define HWCAP(word, bit, name) | (uint64_t)((word) == 2) << (bit)
    .hwcap2 = 0
#include "frontend/aarch64/hwcap.def"
    ,
#undef HWCAP
#define HWCAP(word, bit, name) name " "
    .features =
#include "frontend/aarch64/hwcap.def"
#undef HWCAP
};
