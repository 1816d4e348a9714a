#include "runtime/host/host.h"

_Static_assert(offsetof(Cpu, interrupt) == 120, "host.S");

int host_copy(void *dst, const void *src, size_t n);
int host_fill0(void *dst, size_t n);
int host_peek(const void *src);
long host_copy_str(char *dst, const char *src, size_t size);
long host_strnlen(const char *src, size_t max);

/* Labels of host.S. */
extern const char host_syscall_check[], host_syscall_done[], host_syscall_restart[];
extern const char host_peek_access[], host_copy_access[], host_fill0_access[],
    host_copy_str_access[], host_strnlen_access[];
extern const char host_access_failed[];

int host_write_all(int fd, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        long r = host_raw3(SYS_write, fd, (const char *)bytes + done, n - done);
        if (r > 0) {
            done += (size_t)r;
        } else if (r != -EINTR) {
            return r ? (int)r : -EIO;
        }
    }
    return 0;
}

bool host_rewind(uintptr_t *pc)
{
    if (*pc < (uintptr_t)host_syscall_check || *pc >= (uintptr_t)host_syscall_done) {
        return false;
    }
    *pc = (uintptr_t)host_syscall_restart;
    return true;
}

bool host_in_syscall(uintptr_t pc)
{
    return pc >= (uintptr_t)host_syscall_check && pc <= (uintptr_t)host_syscall_done;
}

bool host_fixup(uintptr_t *pc)
{
    if (*pc != (uintptr_t)host_peek_access && *pc != (uintptr_t)host_copy_access &&
        *pc != (uintptr_t)host_fill0_access &&
        (*pc < (uintptr_t)host_copy_str_access || *pc >= (uintptr_t)host_copy_str_access + 8) &&
        *pc != (uintptr_t)host_strnlen_access) {
        return false;
    }
    *pc = (uintptr_t)host_access_failed;
    return true;
}

/* Of the process; all threads of one that uses tags use them. */
static uint64_t tag_bits;

void guest_ignore_tags(void)
{
    __atomic_store_n(&tag_bits, UINT64_C(0xff) << 56, __ATOMIC_RELAXED);
}

static void *at(GuestAddr a)
{
    /* (an address of the upper half is none of the guest's with or without it) */
    return guest_ptr(a & ~__atomic_load_n(&tag_bits, __ATOMIC_RELAXED));
}

int guest_read(void *dst, GuestAddr src, size_t n)
{
    return host_copy(dst, at(src), n);
}

int guest_peek(GuestAddr src)
{
    return host_peek(at(src));
}

int guest_write(GuestAddr dst, const void *src, size_t n)
{
    return host_copy(at(dst), src, n);
}

int guest_zero(GuestAddr dst, size_t n)
{
    return host_fill0(at(dst), n);
}

long guest_read_str(char *dst, GuestAddr src, size_t size)
{
    long n = host_copy_str(dst, at(src), size);
    return n == (long)size ? -ENAMETOOLONG : n;
}

long guest_strnlen(GuestAddr src, size_t max)
{
    return host_strnlen(at(src), max);
}
