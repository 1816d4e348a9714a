#include "runtime/sys/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/sys/own_fd.h"
#include "runtime/sys/proc_view.h"

static void open_prefix(Process *p)
{
    long fd = host_raw3(SYS_openat, AT_FDCWD, p->prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
    p->prefix_fd = fd < 0 ? -1 : own_fd_high((int)fd);
}

void path_set_prefix(Process *p, const char *prefix)
{
    p->prefix[0] = 0;
    p->prefix_fd = -1;
    if (!prefix || !prefix[0] || !realpath(prefix, p->prefix) || !strcmp(p->prefix, "/")) {
        p->prefix[0] = 0;
        return;
    }
    open_prefix(p);
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return !strncmp(path, folder, n) && (path[n] == '/' || path[n] == 0);
}

static long open_in_prefix(const Process *p, const char *path, bool follow)
{
    struct open_how how = {
        .flags = (uint64_t)(O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW)),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return host_raw4(SYS_openat2, p->prefix_fd, path, &how, sizeof how);
}

const char *path_lookup(Process *p, const char *path, bool follow, char buf[PATH_MAX])
{
    if (!p->prefix[0] || path[0] != '/' || is_below(path, "/proc") || is_below(path, "/sys") ||
        is_below(path, "/dev") || is_below(path, p->prefix)) {
        return path;
    }
    if (p->prefix_fd < 0) {
        open_prefix(p);
    }
    long fd = open_in_prefix(p, path, follow);
    if (fd == -EBADF) {
        open_prefix(p); /* the guest closed all that it could */
        fd = open_in_prefix(p, path, follow);
    }
    if (fd >= 0) {
        char link[48];
        snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
        long n = host_raw4(SYS_readlinkat, AT_FDCWD, link, buf, PATH_MAX - 1);
        host_raw1(SYS_close, fd);
        if (n > 0) {
            buf[n] = 0;
            return buf;
        }
    }
    if (fd >= 0 || fd == -ENOSYS) {
        /* No openat2, or no /proc: the plain join, where absolute links lead out of the prefix. */
        if (snprintf(buf, PATH_MAX, "%s%s", p->prefix, path) < PATH_MAX &&
            !host_raw4(SYS_faccessat2, AT_FDCWD, buf, F_OK, follow ? 0 : AT_SYMLINK_NOFOLLOW)) {
            return buf;
        }
    }
    return path;
}

long path_arg(Process *p, GuestAddr path, bool follow, PathRoom *room, const char **host)
{
    long n = guest_read_str(room->guest, path, sizeof room->guest);
    if (n < 0) {
        return n;
    }
    *host = room->guest;
    if (room->guest[0] != '/') {
        return 0;
    }
    ProcPath pp;
    if (proc_path_parse(room->guest, &pp)) {
        if (follow && !strcmp(pp.name, "exe")) {
            if (pp.own && p->program_fd < 0) {
                *host = p->exe;
            } else if (pp.own) {
                snprintf(room->host, sizeof room->host, "/proc/self/fd/%d", p->program_fd);
                *host = room->host;
            } else if (proc_exe_file(pp.pid, room->host) > 0) {
                *host = room->host;
            }
        }
        return 0;
    }
    *host = path_lookup(p, room->guest, follow, room->host);
    return 0;
}

long path_call(Thread *t, long nr, const uint64_t a[6], unsigned at, bool follow)
{
    PathRoom room;
    const char *path;
    uint64_t args[6];
    if (!a[at]) {
        return host_syscall(&t->cpu, nr, a); /* some take the descriptor itself then */
    }
    if (path_arg(t->process, a[at], follow, &room, &path)) {
        return host_syscall(&t->cpu, nr, a); /* refused, for that or for what is looked at first */
    }
    memcpy(args, a, sizeof args);
    args[at] = (uintptr_t)path;
    return host_syscall(&t->cpu, nr, args);
}
