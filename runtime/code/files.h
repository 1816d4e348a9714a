/* files.h - which executable memory is a file's, unchanged: what translations of may be kept for
 * other runs (jit/keep.h).
 *
 * A range is in the table from the moment it is mapped, private, executable and not writable, until
 * it is unmapped, mapped over, or made writable once. Guarded by the lock of struct Mem.
 */
#ifndef XEMU_RUNTIME_CODE_FILES_H
#define XEMU_RUNTIME_CODE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/cpu.h"

struct CodeFile;

typedef struct FileRange {
    GuestAddr start, end;
    GuestAddr base; /* where the file's first byte would be */
    struct CodeFile *file;
    uint64_t serial; /* tells mappings apart */
} FileRange;

typedef struct FileTable {
    FileRange *ranges;
    unsigned n, cap;
    uint64_t serial;
} FileTable;

/* Out of memory: the range is left out. */
void files_add(FileTable *t, GuestAddr start, GuestAddr end, uint64_t offset,
               struct CodeFile *file);
void files_cut(FileTable *t, GuestAddr start, GuestAddr end);
bool files_find(const FileTable *t, GuestAddr addr, FileRange *out);
void files_free(FileTable *t);

#endif
