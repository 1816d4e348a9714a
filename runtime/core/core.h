/* core.h - core files of the guest: what a kernel of its own would write when a signal ends it.
 *
 * The host can't do that: its image of the process is xemu's. So, for as long as the limit on core
 * files isn't 0, the signals that end a process with one are handled by xemu even where the guest
 * left them to the kernel.
 */
#ifndef XEMU_RUNTIME_CORE_CORE_H
#define XEMU_RUNTIME_CORE_CORE_H

#include "runtime/process.h"

/* Signals whose default action is a core file. */
#define CORE_SIGNALS                                                                               \
    (1ull << (SIGQUIT - 1) | 1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1) |                        \
     1ull << (SIGABRT - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) | 1ull << (SIGSEGV - 1) | \
     1ull << (SIGSYS - 1) | 1ull << (SIGXCPU - 1) | 1ull << (SIGXFSZ - 1))

/* The limit allows one. */
bool core_wanted(void);
/* t ends its process by info's signal: writes the core file if there is to be one. When it returns,
 * the signal's default action of the host is due, and the limits are such that the host adds
 * nothing but the mark in the status. */
void core_die(Thread *t, const siginfo_t *info);
/* The handler of a signal that asks this thread to stand still while the core is written (in a
 * handler). */
void core_park(Thread *t, uintptr_t host_pc);
/* At a point where the registers are complete: the same for a thread that was in translated code.
 */
void core_park_here(Thread *t);

/* si_code of the SIGTRAP that asks for it. */
#define CORE_PARK_CODE (-0x58454e)

/* Writes the file to fd, at most `limit` bytes of it (dump.c). 0 or -errno. */
int core_dump(const Thread *t, const siginfo_t *info, int fd, uint64_t limit);

#endif
