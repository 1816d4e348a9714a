/* oracle.h - what LLVM's disassembler says of an A64 instruction, with the features that xemu
 * claims. */
#ifndef XEMU_TESTS_DECODE_ORACLE_H
#define XEMU_TESTS_DECODE_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Oracle Oracle;

Oracle *oracle_new(void);
void oracle_free(Oracle *o);
/* Is it an instruction? Its text goes to buf then. */
bool oracle_decodes(Oracle *o, uint32_t insn, char *buf, size_t size);
/* Do xemu and LLVM have to agree on this word? What isn't so stands in the list of oracle.c. */
bool oracle_excepts(uint32_t insn, bool llvm_decodes);

#endif
