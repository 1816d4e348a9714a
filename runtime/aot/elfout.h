/* elfout.h - the host code of one guest file as an ELF file of this machine, to look at: objdump,
 * nm, gdb and perf read it. */
#ifndef XEMU_RUNTIME_AOT_ELFOUT_H
#define XEMU_RUNTIME_AOT_ELFOUT_H

#include "jit/ahead.h"
#include "runtime/aot/plan.h"

typedef struct ElfOut ElfOut;

/* NULL: out of memory. */
ElfOut *elfout_new(const Plan *plan);
/* A block of the current stretch: guest address in the file, tag of the address, where its code is.
 */
void elfout_block(ElfOut *o, uint64_t addr, unsigned tag, const JitAhead *block);
/* The stretch is complete and its exits are linked: its code is copied, as it lies. */
void elfout_stretch(ElfOut *o);
/* Writes folder/NAME.elf, NAME being the last of path. 0 or -errno. */
int elfout_write(ElfOut *o, const char *folder, const char *path);
void elfout_free(ElfOut *o);

#endif
