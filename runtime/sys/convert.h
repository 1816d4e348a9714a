/* convert.h - what differs between the generic ABI and the host's (x86-64): bits and structures. */
#ifndef XEMU_RUNTIME_SYS_CONVERT_H
#define XEMU_RUNTIME_SYS_CONVERT_H

#include <stdint.h>
#include <sys/stat.h>

#include "frontend/cpu.h"

/* open flags: O_DIRECTORY, O_NOFOLLOW, O_DIRECT and O_LARGEFILE have other bits on AArch64
 * (arch/arm64/include/uapi/asm/fcntl.h). */
enum {
    GUEST_O_DIRECTORY = 040000,
    GUEST_O_NOFOLLOW = 0100000,
    GUEST_O_DIRECT = 0200000,
    GUEST_O_LARGEFILE = 0400000,
    HOST_O_DIRECT = 040000,
    HOST_O_LARGEFILE = 0100000,
    HOST_O_DIRECTORY = 0200000,
    HOST_O_NOFOLLOW = 0400000,
    O_BITS_THAT_MOVE = 0740000,
};
uint64_t convert_open_flags_to_host(uint64_t flags);
uint64_t convert_open_flags_to_guest(uint64_t flags);

/* struct stat of asm-generic/stat.h, 128 bytes. */
typedef struct GuestStat {
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev, pad1;
    int64_t size;
    int32_t blksize, pad2;
    int64_t blocks;
    int64_t atime_sec;
    uint64_t atime_nsec;
    int64_t mtime_sec;
    uint64_t mtime_nsec;
    int64_t ctime_sec;
    uint64_t ctime_nsec;
    uint32_t unused[2];
} GuestStat;
_Static_assert(sizeof(GuestStat) == 128, "asm-generic/stat.h");
void convert_stat(GuestStat *to, const struct stat *from);

/* struct epoll_event: 16 bytes with its natural alignment, but 12 packed ones on x86-64. */
typedef struct GuestEpollEvent {
    uint32_t events, pad;
    uint64_t data;
} GuestEpollEvent;
typedef struct __attribute__((packed)) HostEpollEvent {
    uint32_t events;
    uint64_t data;
} HostEpollEvent;

/* struct semid64_ds: x86-64 has unused words behind its times (asm-generic/sembuf.h, x86
 * asm/sembuf.h); ipc64_perm is the same. */
typedef struct GuestSemDs {
    uint8_t perm[48];
    int64_t otime, ctime;
    uint64_t nsems, unused[2];
} GuestSemDs;
typedef struct HostSemDs {
    uint8_t perm[48];
    int64_t otime, unused1, ctime, unused2;
    uint64_t nsems, unused[2];
} HostSemDs;

#endif
