#include "runtime/sys/convert.h"

uint64_t convert_open_flags_to_host(uint64_t flags)
{
    return (flags & ~(uint64_t)O_BITS_THAT_MOVE) |
           (flags & GUEST_O_DIRECTORY ? HOST_O_DIRECTORY : 0) |
           (flags & GUEST_O_NOFOLLOW ? HOST_O_NOFOLLOW : 0) |
           (flags & GUEST_O_DIRECT ? HOST_O_DIRECT : 0) |
           (flags & GUEST_O_LARGEFILE ? HOST_O_LARGEFILE : 0);
}

uint64_t convert_open_flags_to_guest(uint64_t flags)
{
    return (flags & ~(uint64_t)O_BITS_THAT_MOVE) |
           (flags & HOST_O_DIRECTORY ? GUEST_O_DIRECTORY : 0) |
           (flags & HOST_O_NOFOLLOW ? GUEST_O_NOFOLLOW : 0) |
           (flags & HOST_O_DIRECT ? GUEST_O_DIRECT : 0) |
           (flags & HOST_O_LARGEFILE ? GUEST_O_LARGEFILE : 0);
}

void convert_stat(GuestStat *to, const struct stat *from)
{
    *to = (GuestStat){
        .dev = from->st_dev,
        .ino = from->st_ino,
        .mode = from->st_mode,
        .nlink = (uint32_t)from->st_nlink,
        .uid = from->st_uid,
        .gid = from->st_gid,
        .rdev = from->st_rdev,
        .size = from->st_size,
        .blksize = (int32_t)from->st_blksize,
        .blocks = from->st_blocks,
        .atime_sec = from->st_atim.tv_sec,
        .atime_nsec = (uint64_t)from->st_atim.tv_nsec,
        .mtime_sec = from->st_mtim.tv_sec,
        .mtime_nsec = (uint64_t)from->st_mtim.tv_nsec,
        .ctime_sec = from->st_ctim.tv_sec,
        .ctime_nsec = (uint64_t)from->st_ctim.tv_nsec,
    };
}
