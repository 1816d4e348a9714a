/* path.h - which host path a guest path means.
 *
 * With -L PREFIX, an absolute path that exists below the prefix (symbolic links in it are followed
 * as if the prefix were the root) means that; every other path means itself. Files of the kernel
 * (/proc, /sys, /dev) are never looked for there.
 */
#ifndef XEMU_RUNTIME_SYS_PATH_H
#define XEMU_RUNTIME_SYS_PATH_H

#include "runtime/process.h"

void path_set_prefix(Process *p, const char *prefix);

/* The path to use: `path` itself or buf, filled in. follow: a symbolic link at the end is followed.
 */
const char *path_lookup(Process *p, const char *path, bool follow, char buf[PATH_MAX]);

/* A guest path argument: read, looked up, /proc/self/exe replaced if `follow`. Returns 0 with *host
 * pointing into one of the buffers of `room`, or -errno. */
typedef struct PathRoom {
    char guest[PATH_MAX], host[PATH_MAX];
} PathRoom;
long path_arg(Process *p, GuestAddr path, bool follow, PathRoom *room, const char **host);

/* Makes the host's call `nr`, its argument number `at` being a path that is looked up so. One that
 * can't be read goes to the host as it is, which finds the error that comes first. */
long path_call(Thread *t, long nr, const uint64_t a[6], unsigned at, bool follow);

#endif
