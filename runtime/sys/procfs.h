/* procfs.h - files of /proc that have to tell of the guest instead of xemu. */
#ifndef XEMU_RUNTIME_SYS_PROCFS_H
#define XEMU_RUNTIME_SYS_PROCFS_H

#include "runtime/process.h"

#define PROCFS_NOT_OURS (-100000L)

/* Opens path if it is such a file: a descriptor or -errno; PROCFS_NOT_OURS if it isn't. flags: the
 * host's open flags. */
long procfs_open(Thread *t, const char *path, int flags);

/* Before a read from a file of the guest's that begins at `at`: what procfs_open() has made is made
 * again if it is read from the beginning once more, as the kernel makes it for each such read. 0,
 * or -ESRCH: its process is gone. */
long procfs_read(Thread *t, int fd, uint64_t at);
/* fd is another descriptor of the open file of `old`. */
void procfs_dup(Process *p, int old, int fd);
#define PROCFS_HERE UINT64_MAX /* at: where the descriptor stands */

/* Tells the host kernel where the guest's arguments, environment and auxiliary vector are, so that
 * /proc/PID/cmdline and so on show them to everybody, and names the process after its program. */
void procfs_publish(Process *p);

#endif
