/* compare.c - differences of results, in words. */
#include "compare.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "a64_decode.h"

static bool faulted(const DiffResult *r)
{
    return r->signal == SIGSEGV || r->signal == SIGBUS;
}

bool compare_equal(const DiffResult *a, const DiffResult *b, bool precise)
{
    DiffState sa = a->out, sb = b->out;
    if (a->signal != b->signal) {
        return false;
    }
    if (faulted(a) && !precise) {
        sa.nzcv = sb.nzcv = 0;
    }
    return memcmp(&sa, &sb, sizeof sa) == 0 && a->memory == b->memory;
}

static void show_inputs(FILE *f, const DiffCase *c)
{
    uint32_t xs = 0, used = 0;
    for (uint32_t i = 0; i < c->ninsns; i++) {
        uint32_t w = c->insns[i];
        used |= UINT32_C(1) << (w & 31) | UINT32_C(1) << (w >> 5 & 31) |
                UINT32_C(1) << (w >> 10 & 31) | UINT32_C(1) << (w >> 16 & 31);
        xs |= used;
    }
    fprintf(f, "  nzcv=%x fpcr=%08x fpsr=%08x pc=%" PRIx64 "\n", c->in.nzcv >> 28, c->in.fpcr,
            c->in.fpsr, c->in.pc);
    for (unsigned r = 0; r < 32; r++) {
        if (xs >> r & 1) {
            fprintf(f, "  x%-2u %016" PRIx64 "  v%-2u %016" PRIx64 "_%016" PRIx64 "\n", r,
                    r == 31 ? c->in.sp : c->in.x[r], r, c->in.v[r][1], c->in.v[r][0]);
        }
    }
}

static void show(FILE *f, const char *what, uint64_t a, uint64_t b)
{
    if (a != b) {
        fprintf(f, "  %-6s %016" PRIx64 " | %016" PRIx64 "\n", what, a, b);
    }
}

void compare_report(FILE *f, const DiffCase *c, const char *name_a, const DiffResult *a,
                    const char *name_b, const DiffResult *b)
{
    for (uint32_t i = 0; i < c->ninsns; i++) {
        char text[128];
        int p = a64_disassemble(c->insns[i], c->in.pc + 4 * i, text, sizeof(text));
        fprintf(f, "%08" PRIx32 "  %-40s ; %s\n", c->insns[i], text, p < 0 ? "?" : a64_name(p));
    }
    show_inputs(f, c);
    fprintf(f, " result: %s | %s\n", name_a, name_b);
    show(f, "signal", a->signal, b->signal);
    show(f, "pc", a->out.pc, b->out.pc);
    show(f, "nzcv", a->out.nzcv >> 28, b->out.nzcv >> 28);
    show(f, "fpcr", a->out.fpcr, b->out.fpcr);
    show(f, "fpsr", a->out.fpsr, b->out.fpsr);
    show(f, "sp", a->out.sp, b->out.sp);
    char name[8];
    for (unsigned i = 0; i < 31; i++) {
        snprintf(name, sizeof(name), "x%u", i);
        show(f, name, a->out.x[i], b->out.x[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (memcmp(a->out.v[i], b->out.v[i], 16) != 0) {
            fprintf(f, "  v%-5u %016" PRIx64 "_%016" PRIx64 " | %016" PRIx64 "_%016" PRIx64 "\n", i,
                    a->out.v[i][1], a->out.v[i][0], b->out.v[i][1], b->out.v[i][0]);
        }
    }
    show(f, "memory", a->memory, b->memory);
}
