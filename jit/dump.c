/* dump.c - see dump.h. */
#include "jit/dump.h"

#include <stdio.h>

bool jit_dump_wanted(const JitOptions *o, GuestAddr pc)
{
    return (o->dump_from == 0 && o->dump_to == 0) || (pc >= o->dump_from && pc < o->dump_to);
}

void jit_dump_uops(Jit *j, const UopBlock *b, const char *title)
{
    FILE *f = j->options.log;
    fprintf(f, "---- %s of %#llx (mode %#x, %u instructions)\n", title, (unsigned long long)b->pc,
            b->mode, b->ninsns);
    uop_print(f, b, j->frontend->reg_name);
    fflush(f);
}

static void dump_bytes(FILE *f, const char *what, uintptr_t at, uint32_t len)
{
    fprintf(f, "%s %#llx, %u bytes\n", what, (unsigned long long)at, len);
    for (uint32_t i = 0; i < len; i++) {
        fprintf(f, "%02x%s", ((const uint8_t *)at)[i], i % 32 == 31 || i + 1 == len ? "\n" : " ");
    }
}

void jit_dump_host(Jit *j, const Block *b)
{
    FILE *f = j->options.log;
    fprintf(f, "---- host code of %#llx\n", (unsigned long long)b->pc);
    dump_bytes(f, "hot", b->code, b->host_len);
    dump_bytes(f, "cold", b->cold, b->cold_len);
    fflush(f);
}

void jit_dump_exec(Jit *j, const Cpu *cpu, const Block *b)
{
    FILE *f = j->options.log;
    if (j->options.dump & JIT_DUMP_EXEC) {
        fprintf(f, "Trace %#llx\n", (unsigned long long)b->pc);
    }
    if (j->options.dump & JIT_DUMP_CPU) {
        j->frontend->dump(f, cpu);
    }
}
