/* critical.h - where the critical sections of rseq(2) are in the guest's code.
 *
 * Programs list them in an ELF section __rseq_cs, one struct rseq_cs each, for debuggers and for
 * what is done here:
 *
 *     0  uint32_t version, 0      8  uint64_t start        16  uint64_t bytes from there to behind
 * the commit 4  uint32_t flags           24 uint64_t abort address; the four bytes before it are
 * the signature
 *
 * The addresses in it are relocated by the program itself, so they are read when they are needed.
 * Guarded by the lock of struct Mem.
 */
#ifndef XEMU_RUNTIME_CODE_CRITICAL_H
#define XEMU_RUNTIME_CODE_CRITICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/cpu.h"

/* struct rseq_cs as it is in memory. */
typedef struct CriticalRecord {
    uint32_t version, flags;
    uint64_t start, length, abort;
} CriticalRecord;

/* The list of one mapping of a file. */
typedef struct CriticalList {
    GuestAddr code, code_end; /* the mapping */
    GuestAddr records;
    size_t n;
} CriticalList;

typedef struct CriticalTable {
    CriticalList *lists;
    unsigned n, cap;
} CriticalTable;

/* Has the ELF file a list? Then *vaddr is where it is, if the executable segment at file offset
 * `offset` is at *code_vaddr, and *n its number of records. */
bool critical_in_file(int fd, uint64_t offset, uint64_t *vaddr, uint64_t *code_vaddr, size_t *n);
void critical_add(CriticalTable *t, const CriticalList *list);
/* [start, end) is code of something else. */
void critical_cut(CriticalTable *t, GuestAddr start, GuestAddr end);
/* The section that pc is in, or else the next one behind it; false: there is none. */
bool critical_find(const CriticalTable *t, GuestAddr pc, CriticalSection *out);

#endif
