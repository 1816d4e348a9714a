/* tagged.h - pointers that carry a tag in their top byte, in system calls.
 *
 * AArch64 ignores the top byte of addresses in loads and stores. Its kernel does so in the pointers
 * that system calls are given, too, for threads that ask for it (PR_SET_TAGGED_ADDR_CTRL;
 * Documentation/arch/arm64/tagged-address-abi.rst). The host's kernel doesn't know of tags, so they
 * are taken off:
 *
 *     arguments        by their types in syscalls.def; "addr" is an address that keeps its tag
 *     pointers in      lists of buffers and messages, which the host reads: they are copied
 *     what xemu reads  guest_read() and its kin (host.h) ignore tags once a thread has asked
 *
 * Some calls about mappings ignore tags always.
 */
#ifndef XEMU_RUNTIME_SYS_TAGGED_H
#define XEMU_RUNTIME_SYS_TAGGED_H

#include "runtime/sys/sys.h"

/* Of an address of the upper half the top byte stays. */
static inline GuestAddr untagged(GuestAddr a)
{
    return a >> 55 & 1 ? a : a & ~(UINT64_C(0xff) << 56);
}

/* The call of a thread with tags: run(t, entry, arguments without tags). */
long tagged_call(Thread *t, const SysEntry *entry, const uint64_t args[6],
                 long (*run)(Thread *t, const SysEntry *entry, const uint64_t args[6]));

long tagged_prctl_set(Thread *t, const uint64_t a[6]);
long tagged_prctl_get(Thread *t, const uint64_t a[6]);

#endif
