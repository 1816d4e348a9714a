/* strace.h - prints system calls and signals as they happen (-strace), on standard error, one write
 * a line:
 *
 *     1234 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *     1234 openat(AT_FDCWD, "/nix", O_RDONLY) = -1 ENOENT (No such file or directory)
 *     1234 --- SIGCHLD {si_code=1} ---
 */
#ifndef XEMU_RUNTIME_STRACE_STRACE_H
#define XEMU_RUNTIME_STRACE_STRACE_H

#include "runtime/sys/sys.h"

void strace_enter(Thread *t, uint64_t number, const SysEntry *entry, const uint64_t args[6]);
void strace_leave(Thread *t, const SysEntry *entry, const uint64_t args[6], long result);
void strace_signal(Thread *t, const siginfo_t *info);

/* The text of a call or of its result, for tests too: appended to buf at *at, cut at size. */
void strace_format_call(char *buf, size_t size, size_t *at, const SysEntry *entry,
                        const uint64_t args[6], long result);
void strace_format_result(char *buf, size_t size, size_t *at, const SysEntry *entry, long result);
/* True if every word of an argument description is known (for the table's test). */
bool strace_types_known(const char *types);

#endif
