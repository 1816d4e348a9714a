/* named.c - calls that do something to the file of a name.
 *
 * What the name means is looked up as for opening it (path.h): a program that looks at, mounts or
 * changes /proc/self/exe means itself, not xemu.
 */
#include "runtime/sys/path.h"
#include "runtime/sys/sys.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* Numbers that are common to all architectures; headers of 2022 don't have all of them. */
enum {
    NR_OPEN_TREE = 428,
    NR_FSPICK = 433,
    NR_MOUNT_SETATTR = 442,
    NR_FCHMODAT2 = 452,
    NR_SETXATTRAT = 463,
    NR_GETXATTRAT,
    NR_LISTXATTRAT,
    NR_REMOVEXATTRAT,
    NR_OPEN_TREE_ATTR,
    NR_FILE_GETATTR,
    NR_FILE_SETATTR,
};
#define FSPICK_KEEPS_LINK 2u /* FSPICK_SYMLINK_NOFOLLOW */

static bool follows(uint64_t flags)
{
    return !(flags & AT_SYMLINK_NOFOLLOW);
}

/* ---- by name alone --------------------------------------------------------------------------- */

long sys_setxattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_setxattr, a, 0, true);
}

long sys_getxattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_getxattr, a, 0, true);
}

long sys_listxattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_listxattr, a, 0, true);
}

long sys_removexattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_removexattr, a, 0, true);
}

long sys_truncate(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_truncate, a, 0, true);
}

/* ---- by folder and name ---------------------------------------------------------------------- */

long sys_linkat(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_linkat, a, 1, a[4] & AT_SYMLINK_FOLLOW);
}

long sys_fchmodat(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_fchmodat, a, 1, true);
}

long sys_fchmodat2(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_FCHMODAT2, a, 1, follows(a[3]));
}

long sys_fchownat(Thread *t, const uint64_t a[6])
{
    return path_call(t, SYS_fchownat, a, 1, follows(a[4]));
}

long sys_setxattrat(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_SETXATTRAT, a, 1, follows(a[2]));
}

long sys_getxattrat(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_GETXATTRAT, a, 1, follows(a[2]));
}

long sys_listxattrat(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_LISTXATTRAT, a, 1, follows(a[2]));
}

long sys_removexattrat(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_REMOVEXATTRAT, a, 1, follows(a[2]));
}

long sys_file_getattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_FILE_GETATTR, a, 1, follows(a[4]));
}

long sys_file_setattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_FILE_SETATTR, a, 1, follows(a[4]));
}

/* ---- as something to mount ------------------------------------------------------------------- */

long sys_open_tree(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_OPEN_TREE, a, 1, follows(a[2]));
}

long sys_open_tree_attr(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_OPEN_TREE_ATTR, a, 1, follows(a[2]));
}

long sys_mount_setattr(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_MOUNT_SETATTR, a, 1, follows(a[2]));
}

long sys_fspick(Thread *t, const uint64_t a[6])
{
    return path_call(t, NR_FSPICK, a, 1, !(a[2] & FSPICK_KEEPS_LINK));
}
