/* store.h - translations kept on disk, between the jit, which makes and uses them, and cache/,
 * which keeps them.
 *
 * A guest file is looked for when the first of its code is run, and added to when the process ends
 * or executes another program.
 */
#ifndef XEMU_RUNTIME_CODE_STORE_H
#define XEMU_RUNTIME_CODE_STORE_H

#include "cache/cache.h"
#include "jit/jit.h"
#include "runtime/options.h"

typedef struct CodeStore CodeStore;
typedef struct CodeFile CodeFile;

/* NULL: nothing is kept. */
CodeStore *code_store_open(const Options *options, const Frontend *frontend);
/* The command line that is run, and its executable: how long it takes is remembered. */
void code_store_command(CodeStore *s, const char *exe, char *const *argv);
/* The file that is open as fd; NULL if it isn't one that code is kept of. */
CodeFile *code_store_file(CodeStore *s, int fd);
/* What is mapped of it from `offset` on has no critical sections (critical.h): the last offset that
 * this was noted of is remembered. */
void code_store_note_plain(CodeFile *f, uint64_t offset);
bool code_store_is_plain(CodeFile *f, uint64_t offset);
/* Bytes that are the same in every process and stand in no file. */
CodeFile *code_store_memory(CodeStore *s, const char *name, const void *bytes, size_t size);
/* The parts of JitHost that have to do with it; ctx there must be the Mem whose `store` this is. */
void code_store_host(CodeStore *s, JitHost *host);
/* What makes code differ beside what the options said is known once the jit exists. */
void code_store_target(CodeStore *s, uint64_t host_features);
/* Keeps what was translated since; waits: as for process_save(). */
void code_store_save(CodeStore *s, Jit *jit, bool waits);
/* Tells what runs have learned of the file, where in it (an offset): those whose cache this is, or
 * that an exported cache is of, under whatever target. */
typedef void CodeStoreSpot(void *ctx, uint64_t offset, uint32_t mode, bool hot);
void code_store_spots(CodeStore *s, CodeFile *f, FILE *archive, CodeStoreSpot *fn, void *ctx);
/* The child of a fork has locks of its own. */
void code_store_forked(CodeStore *s);
/* NULL: there is none. */
const CacheCounters *code_store_counters(const CodeStore *s);

#endif
