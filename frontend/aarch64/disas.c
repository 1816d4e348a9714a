/* disas.c - the formats of the disassembly templates; format.decode describes them. */
#include "a64_decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "frontend/aarch64/bits.h"

static const char size_letter[] = "bhsdq";
static const char *const extend_name[] = {"uxtb", "uxth", "uxtw", "uxtx",
                                          "sxtb", "sxth", "sxtw", "sxtx"};

__attribute__((format(printf, 2, 3))) static void put(A64Text *out, const char *fmt, ...)
{
    va_list ap;
    size_t room = (size_t)(out->end - out->at) + 1;
    va_start(ap, fmt);
    int n = vsnprintf(out->at, room, fmt, ap);
    va_end(ap);
    out->at = n > 0 && (size_t)n >= room ? out->end : out->at + (n > 0 ? n : 0);
}

void a64_format_r(A64Text *out, int32_t sf, int32_t n)
{
    if (n == 31) {
        put(out, "%czr", sf ? 'x' : 'w');
    } else {
        put(out, "%c%" PRId32, sf ? 'x' : 'w', n);
    }
}

void a64_format_x(A64Text *out, int32_t n)
{
    a64_format_r(out, 1, n);
}

void a64_format_w(A64Text *out, int32_t n)
{
    a64_format_r(out, 0, n);
}

void a64_format_rsp(A64Text *out, int32_t sf, int32_t n)
{
    if (n == 31) {
        put(out, sf ? "sp" : "wsp");
    } else {
        a64_format_r(out, sf, n);
    }
}

void a64_format_xsp(A64Text *out, int32_t n)
{
    a64_format_rsp(out, 1, n);
}

void a64_format_wsp(A64Text *out, int32_t n)
{
    a64_format_rsp(out, 0, n);
}

void a64_format_f(A64Text *out, int32_t size, int32_t n)
{
    put(out, "%c%" PRId32, size_letter[size & 7], n);
}

void a64_format_v(A64Text *out, int32_t q, int32_t size, int32_t n)
{
    put(out, "v%" PRId32 ".%d%c", n, (q ? 16 : 8) >> size, size_letter[size & 7]);
}

void a64_format_ve(A64Text *out, int32_t size, int32_t n, int32_t index)
{
    put(out, "v%" PRId32 ".%c[%" PRId32 "]", n, size_letter[size & 7], index);
}

void a64_format_vlist(A64Text *out, int32_t q, int32_t size, int32_t n, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        put(out, i ? ", " : "{ ");
        a64_format_v(out, q, size, (n + i) & 31);
    }
    put(out, " }");
}

void a64_format_velist(A64Text *out, int32_t size, int32_t n, int32_t count, int32_t index)
{
    for (int32_t i = 0; i < count; i++) {
        put(out, "%sv%" PRId32 ".%c", i ? ", " : "{ ", (n + i) & 31, size_letter[size & 7]);
    }
    put(out, " }[%" PRId32 "]", index);
}

/* log2 of the element size in bytes that an imm5 field says; it isn't 0. */
static int imm5_size(int32_t imm5)
{
    return __builtin_ctz((unsigned)imm5 | 16);
}

void a64_format_vi(A64Text *out, int32_t q, int32_t imm5, int32_t n)
{
    a64_format_v(out, q, imm5_size(imm5), n);
}

void a64_format_vei(A64Text *out, int32_t imm5, int32_t n)
{
    a64_format_ve(out, imm5_size(imm5), n, imm5 >> (imm5_size(imm5) + 1));
}

void a64_format_hex(A64Text *out, int32_t value)
{
    put(out, "0x%" PRIx32, (uint32_t)value);
}

void a64_format_bitmask(A64Text *out, int32_t sf, int32_t n, int32_t imms, int32_t immr)
{
    uint64_t mask = a64_bitmask(n, imms, immr);
    put(out, "0x%" PRIx64, sf ? mask : mask & UINT32_MAX);
}

void a64_format_fpimm(A64Text *out, int32_t imm8)
{
    int exponent = ((imm8 >> 4 & 7) ^ 4) - 3;
    double v = (16 + (imm8 & 15)) / 16.0;
    v = exponent < 0 ? v / (1 << -exponent) : v * (1 << exponent);
    put(out, "%.8f", imm8 & 128 ? -v : v);
}

void a64_format_imm64(A64Text *out, int32_t imm8)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v |= imm8 >> i & 1 ? UINT64_C(0xff) << (8 * i) : 0;
    }
    put(out, "0x%016" PRIx64, v);
}

void a64_format_shift(A64Text *out, int32_t type, int32_t amount)
{
    static const char *const name[] = {"lsl", "lsr", "asr", "ror"};
    if (type || amount) {
        put(out, ", %s #%" PRId32, name[type & 3], amount);
    }
}

void a64_format_ext(A64Text *out, int32_t option, int32_t amount)
{
    put(out, ", %s", extend_name[option & 7]);
    if (amount) {
        put(out, " #%" PRId32, amount);
    }
}

void a64_format_memext(A64Text *out, int32_t option, int32_t amount)
{
    if (option != 3) {
        put(out, ", %s", extend_name[option & 7]);
    } else if (amount >= 0) {
        put(out, ", lsl");
    }
    if (amount >= 0) {
        put(out, " #%" PRId32, amount);
    }
}

void a64_format_cond(A64Text *out, int32_t cond)
{
    static const char name[] = "eqnehslomiplvsvchilsgeltgtlealnv";
    put(out, "%.2s", name + 2 * (cond & 15));
}

void a64_format_pc(A64Text *out, int32_t offset)
{
    put(out, "0x%" PRIx64, out->pc + (uint64_t)(int64_t)offset);
}

void a64_format_page(A64Text *out, int32_t n)
{
    put(out, "0x%" PRIx64, (out->pc & ~UINT64_C(0xfff)) + (uint64_t)((int64_t)n * 4096));
}

void a64_format_sysreg(A64Text *out, int32_t op0, int32_t op1, int32_t crn, int32_t crm,
                       int32_t op2)
{
    put(out, "s%" PRId32 "_%" PRId32 "_c%" PRId32 "_c%" PRId32 "_%" PRId32, op0, op1, crn, crm,
        op2);
}

void a64_format_barrier(A64Text *out, int32_t crm)
{
    static const char *const domain[] = {"osh", "nsh", "ish", ""};
    static const char *const kind[] = {NULL, "ld", "st", ""};
    if (crm == 15) {
        put(out, "sy");
    } else if (crm & 3) {
        put(out, "%s%s", crm >> 2 == 3 ? "" : domain[crm >> 2 & 3], kind[crm & 3]);
    } else {
        put(out, "#%" PRId32, crm);
    }
}

void a64_format_prfop(A64Text *out, int32_t rt)
{
    static const char *const kind[] = {"pld", "pli", "pst"};
    if ((rt >> 3 & 3) < 3 && (rt >> 1 & 3) < 3) {
        put(out, "%sl%d%s", kind[rt >> 3 & 3], (rt >> 1 & 3) + 1, rt & 1 ? "strm" : "keep");
    } else {
        put(out, "#%" PRId32, rt);
    }
}
