/* host.h - the only ways in which the runtime enters the host kernel and touches guest memory.
 *
 * Raw system calls return -errno and leave errno alone. Guest memory is host memory at the same
 * addresses, but a guest pointer may be wrong at any time: it is only followed by the guest_*
 * functions below, whose faults the signal handler turns into -EFAULT (host.S, host_fixup()).
 */
#ifndef XEMU_RUNTIME_HOST_HOST_H
#define XEMU_RUNTIME_HOST_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "frontend/cpu.h"

/* Internal result of a system call that did not run or has to run again: never seen by the guest.
 */
#define HOST_ERESTART 512

static inline long host_raw6(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                             uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    long ret;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
#define HOST_RAW_ARG(x)     ((uint64_t)(uintptr_t)(x))
#define host_raw0(nr)       host_raw6(nr, 0, 0, 0, 0, 0, 0)
#define host_raw1(nr, a)    host_raw6(nr, HOST_RAW_ARG(a), 0, 0, 0, 0, 0)
#define host_raw2(nr, a, b) host_raw6(nr, HOST_RAW_ARG(a), HOST_RAW_ARG(b), 0, 0, 0, 0)
#define host_raw3(nr, a, b, c)                                                                     \
    host_raw6(nr, HOST_RAW_ARG(a), HOST_RAW_ARG(b), HOST_RAW_ARG(c), 0, 0, 0)
#define host_raw4(nr, a, b, c, d)                                                                  \
    host_raw6(nr, HOST_RAW_ARG(a), HOST_RAW_ARG(b), HOST_RAW_ARG(c), HOST_RAW_ARG(d), 0, 0)
#define host_raw5(nr, a, b, c, d, e)                                                               \
    host_raw6(nr, HOST_RAW_ARG(a), HOST_RAW_ARG(b), HOST_RAW_ARG(c), HOST_RAW_ARG(d),              \
              HOST_RAW_ARG(e), 0)

/* xemu's own writing of n bytes, however often a signal interrupts it: 0 or -errno. */
int host_write_all(int fd, const void *bytes, size_t n);

/* A system call on behalf of the guest. If cpu->interrupt is set, or becomes set before the kernel
 * is entered, it does not run and -HOST_ERESTART comes back; a signal that arrives while it blocks
 * ends it as the kernel defines. There is no window between the check and the block: the signal
 * handler moves a thread that stands between them out (host_rewind()). */
long host_syscall(Cpu *cpu, long nr, const uint64_t args[6]);

#define host_call(cpu, nr, ...) host_syscall(cpu, nr, (const uint64_t[6]){__VA_ARGS__})

/* For the signal handler: if *pc stands in host_syscall() before the kernel has done anything,
 * moves it to the exit that returns -HOST_ERESTART; true if so. */
bool host_rewind(uintptr_t *pc);
/* Does pc stand in host_syscall(), up to its return from the kernel? */
bool host_in_syscall(uintptr_t pc);
/* For the signal handler: if *pc is a guest memory access below, moves it to its failure exit; true
 * if so. */
bool host_fixup(uintptr_t *pc);

/* From now on the top byte of guest addresses doesn't count in the functions below. */
void guest_ignore_tags(void);
/* Copies; 0 or -EFAULT (then part of it may have been done). */
int guest_read(void *dst, GuestAddr src, size_t n);
/* Can the byte be read? */
int guest_peek(GuestAddr src);
int guest_write(GuestAddr dst, const void *src, size_t n);
int guest_zero(GuestAddr dst, size_t n);
/* Copies a string with its end into dst[size]. Its length, -EFAULT, or -ENAMETOOLONG if it doesn't
 * fit. */
long guest_read_str(char *dst, GuestAddr src, size_t size);
/* Length of the string at src, or -EFAULT; stops looking after max bytes and returns max. */
long guest_strnlen(GuestAddr src, size_t max);

static inline int guest_read_u64(GuestAddr src, uint64_t *v)
{
    return guest_read(v, src, sizeof *v);
}
static inline int guest_read_u32(GuestAddr src, uint32_t *v)
{
    return guest_read(v, src, sizeof *v);
}
static inline int guest_write_u32(GuestAddr dst, uint32_t v)
{
    return guest_write(dst, &v, sizeof v);
}

struct clone_args;
/* clone3 with a stack of its own (host.S): the child runs fn(arg), which must not return. The
 * child's id or -errno. */
long host_clone3(struct clone_args *args, size_t size, void (*fn)(void *), void *arg);
/* Ends this host thread; *stack_in_use becomes 0 when its stack is no longer needed. All signals
 * must be blocked. */
_Noreturn void host_exit_thread(_Atomic uint32_t *stack_in_use);

/* A guest range as the kernel, or a checked access, wants it. */
static inline void *guest_ptr(GuestAddr a)
{
    return (void *)(uintptr_t)a;
}
static inline GuestAddr guest_addr(const void *p)
{
    return (GuestAddr)(uintptr_t)p;
}

#endif
