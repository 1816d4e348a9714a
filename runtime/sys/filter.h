/* filter.h - seccomp filters of the guest.
 *
 * They see the guest's calls and numbers, so xemu runs them itself. Only a notification to a
 * supervisor needs the host: the first filter with a listener makes the host watch system calls
 * from FILTER_NOTIFY on, which don't exist otherwise; a guest call that is to be notified is
 * announced by such a call with its number and its arguments.
 */
#ifndef XEMU_RUNTIME_SYS_FILTER_H
#define XEMU_RUNTIME_SYS_FILTER_H

#include <linux/filter.h>

#include "runtime/process.h"

enum { FILTER_NOTIFY = 0x10000 };

typedef struct Filter {
    const struct Filter *earlier; /* asked too; of equal answers the later one's counts */
    uint32_t depth;
    uint16_t count;
    bool notifies; /* has a listener */
    struct sock_filter insn[];
} Filter;

/* May seccomp take the program? 0 or -EINVAL. */
int filter_check(const struct sock_filter *insn, unsigned count);
struct seccomp_data;
/* What the program says of the call. */
uint32_t filter_run(const struct sock_filter *insn, const struct seccomp_data *data);

/* At the entry of a system call of a thread with filters. True if the call is made; else *result is
 * what it gets. */
bool seccomp_entry(Thread *t, uint64_t *number, uint64_t args[6], long *result);

/* Filters over exec: a descriptor that holds them, -1 if there are none or they don't fit; and back
 * (closes it). */
int seccomp_save(const Thread *t);
void seccomp_load(Thread *t, int fd);

#endif
