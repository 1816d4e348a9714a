/* sys.h - system calls of the guest. */
#ifndef XEMU_RUNTIME_SYS_SYS_H
#define XEMU_RUNTIME_SYS_SYS_H

#include "runtime/process.h"

/* A handler returns what the guest's register gets, -HOST_ERESTART to have the call made again
 * after signals were delivered, or SYS_REGISTERS_SET if the registers are already as they should
 * be. */
#define SYS_REGISTERS_SET (-(long)(HOST_ERESTART + 1))

typedef long (*SysHandler)(Thread *t, const uint64_t a[6]);

typedef struct SysEntry {
    const char *name; /* NULL: no such call */
    const char *args; /* types for strace */
    int16_t host;     /* the host's number, -1: `handler` does it */
    SysHandler handler;
} SysEntry;

/* The row of a number, NULL if there is none. */
const SysEntry *sys_entry(uint64_t number);
#define SYS_TABLE_SIZE 470u

/* prctl(PR_SET_SECCOMP), and the ioctls of a supervisor of filters (seccomp.c). */
long sys_prctl_seccomp(Thread *t, uint64_t mode, GuestAddr program);
long seccomp_ioctl(Thread *t, const uint64_t a[6]);

/* Does what the registers of t ask for. */
void sys_call(Thread *t);

/* One handler for each FN row of syscalls.def. */
#define PASS(name)
#define SAME(name)
#define NONE(name)
#define FN(name)                         long sys_##name(Thread *t, const uint64_t a[6]);
#define SYSCALL(number, name, how, args) how(name)
#include "runtime/sys/syscalls.def"
#undef SYSCALL
#undef FN
#undef NONE
#undef SAME
#undef PASS

#endif
