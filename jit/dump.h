/* dump.h - what -d and --dump print of translation. */
#ifndef XEMU_JIT_DUMP_H
#define XEMU_JIT_DUMP_H

#include "jit/internal.h"

bool jit_dump_wanted(const JitOptions *o, GuestAddr pc);
void jit_dump_uops(Jit *j, const UopBlock *b, const char *title);
/* The block's host code as bytes, with its host addresses: `objdump -D -b binary -m i386:x86-64`
 * reads it after `xxd -r -p`. */
void jit_dump_host(Jit *j, const Block *b);
void jit_dump_exec(Jit *j, const Cpu *cpu, const Block *b);

#endif
