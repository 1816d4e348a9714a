/* A ring is memory that guest and kernel share, found by its mmap:
 *
 *     offset 0           head, tail, mask and array of the submission queue (places in
 * io_uring_params.sq_off) offset 0x10000000  the entries (SQEs), 64 or 128 bytes each
 *
 * io_uring_enter() submits [head, tail); each entry is looked at once, before that. Entries of a
 * ring with a kernel thread (IORING_SETUP_SQPOLL) are gone before anybody can look at them: open
 * flags that differ (O_DIRECTORY, O_NOFOLLOW, O_DIRECT) have the host's meaning there.
 */
#include "runtime/sys/uring.h"

#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sig/signal.h"
#include "runtime/sys/convert.h"
#include "runtime/sys/sys.h"

enum {
    SETUP_SQE128 = 1 << 10,
    SETUP_NO_MMAP = 1 << 14,
    SETUP_NO_SQARRAY = 1 << 16,
    ENTER_REGISTERED_RING = 1 << 4,
    REGISTER_RING_FDS = 20,
    REGISTER_USE_REGISTERED_RING = 1u << 31,
};
#define OFFSET_SQ_RING 0
#define OFFSET_SQES    0x10000000

/* What an entry points to when it isn't the guest's own structure. */
typedef union Side {
    HostEpollEvent event;
    struct open_how how;
} Side;

struct Uring {
    Uring *next;
    int fd, index; /* index: as a registered ring, -1: none */
    struct io_uring_params params;
    GuestAddr ring, sqes;
    uint32_t seen; /* entries before it are converted */
    Side *side;    /* one for each entry */
};

static Uring *find(Process *p, int fd, bool by_index)
{
    Uring *u = p->urings;
    while (u && (by_index ? u->index : u->fd) != fd) {
        u = u->next;
    }
    return u;
}

long sys_io_uring_setup(Thread *t, const uint64_t a[6])
{
    Process *p = t->process;
    struct io_uring_params params;
    long fd = host_syscall(&t->cpu, SYS_io_uring_setup, a);
    if (fd < 0 || guest_read(&params, a[1], sizeof params)) {
        return fd;
    }
    lock_take(&p->urings_lock);
    Uring *u = find(p, (int)fd, false);
    if (!u && (u = calloc(1, sizeof *u))) {
        u->next = p->urings;
        p->urings = u;
    }
    if (u) {
        Uring *next = u->next;
        free(u->side);
        *u = (Uring){.next = next, .fd = (int)fd, .index = -1, .params = params};
        if (params.flags & SETUP_NO_MMAP) {
            u->sqes = params.sq_off.resv2;
            memcpy(&u->ring, (const char *)&params.cq_off + sizeof params.cq_off - 8,
                   sizeof u->ring);
        }
    }
    lock_release(&p->urings_lock);
    return fd;
}

void uring_mapped(Process *p, int fd, uint64_t offset, GuestAddr at)
{
    lock_take(&p->urings_lock);
    Uring *u = find(p, fd, false);
    if (u && offset == OFFSET_SQ_RING) {
        u->ring = at;
    } else if (u && offset == OFFSET_SQES) {
        u->sqes = at;
    }
    lock_release(&p->urings_lock);
}

static void convert_epoll(struct io_uring_sqe *e, Side *side)
{
    GuestEpollEvent event;
    if (e->addr && !guest_read(&event, e->addr, sizeof event)) {
        side->event = (HostEpollEvent){event.events, event.data};
        e->addr = guest_addr(side);
    }
}

static void convert_how(struct io_uring_sqe *e, Side *side)
{
    struct open_how how;
    if (e->len == sizeof how && !guest_read(&how, e->addr2, sizeof how)) {
        how.flags = convert_open_flags_to_host(how.flags);
        side->how = how;
        e->addr2 = guest_addr(side);
    }
}

static void convert(Uring *u, uint32_t slot)
{
    size_t size = u->params.flags & SETUP_SQE128 ? 128 : 64;
    struct io_uring_sqe e;
    GuestAddr at = u->sqes + slot * size;
    if (slot >= u->params.sq_entries || guest_read(&e, at, sizeof e)) {
        return;
    }
    bool pointer = e.opcode == IORING_OP_EPOLL_CTL || e.opcode == IORING_OP_OPENAT2;
    if (pointer && !u->side && !(u->side = calloc(u->params.sq_entries, sizeof *u->side))) {
        return;
    }
    switch (e.opcode) {
    case IORING_OP_OPENAT: e.open_flags = (uint32_t)convert_open_flags_to_host(e.open_flags); break;
    case IORING_OP_EPOLL_CTL: convert_epoll(&e, &u->side[slot]); break;
    case IORING_OP_OPENAT2: convert_how(&e, &u->side[slot]); break;
    default: return;
    }
    guest_write(at, &e, sizeof e);
}

static void convert_new(Process *p, int fd, bool by_index, uint32_t most)
{
    uint32_t head, tail, slot;
    lock_take(&p->urings_lock);
    Uring *u = find(p, fd, by_index);
    if (!u || !u->ring || !u->sqes || (u->params.flags & IORING_SETUP_SQPOLL)) {
        goto out;
    }
    const struct io_sqring_offsets *o = &u->params.sq_off;
    if (guest_read_u32(u->ring + o->head, &head) || guest_read_u32(u->ring + o->tail, &tail)) {
        goto out;
    }
    if (tail - head > most) {
        tail = head + most;
    }
    if ((int32_t)(u->seen - head) < 0) {
        u->seen = head;
    }
    for (; (int32_t)(tail - u->seen) > 0; u->seen++) {
        uint32_t at = u->seen & (u->params.sq_entries - 1);
        if (!(u->params.flags & SETUP_NO_SQARRAY) &&
            guest_read_u32(u->ring + o->array + 4 * (uint64_t)at, &slot)) {
            break;
        }
        convert(u, u->params.flags & SETUP_NO_SQARRAY ? at : slot);
    }
out:
    lock_release(&p->urings_lock);
}

/* The mask of signals while it waits. */
static long with_mask(Thread *t, uint64_t args[6])
{
    struct io_uring_getevents_arg ext;
    GuestAddr mask_at = args[4];
    bool is_ext = args[3] & IORING_ENTER_EXT_ARG;
    if (is_ext) {
        if (args[5] != sizeof ext || guest_read(&ext, args[4], sizeof ext)) {
            return host_syscall(&t->cpu, SYS_io_uring_enter, args);
        }
        mask_at = ext.sigmask;
    }
    uint64_t mask, host;
    if (!mask_at || guest_read_u64(mask_at, &mask)) {
        return host_syscall(&t->cpu, SYS_io_uring_enter, args);
    }
    host = signal_host_mask(mask);
    if (is_ext) {
        ext.sigmask = (uintptr_t)&host;
        args[4] = (uintptr_t)&ext;
    } else {
        args[4] = (uintptr_t)&host;
    }
    t->wait_mask = mask;
    t->waiting = true;
    long r = host_syscall(&t->cpu, SYS_io_uring_enter, args);
    t->waiting = t->queued;
    return r;
}

long sys_io_uring_enter(Thread *t, const uint64_t a[6])
{
    uint64_t args[6];
    memcpy(args, a, sizeof args);
    if ((uint32_t)a[1]) {
        convert_new(t->process, (int)a[0], a[3] & ENTER_REGISTERED_RING, (uint32_t)a[1]);
    }
    return a[4] && (a[3] & IORING_ENTER_GETEVENTS)
               ? with_mask(t, args)
               : host_syscall(&t->cpu, SYS_io_uring_enter, args);
}

long sys_io_uring_register(Thread *t, const uint64_t a[6])
{
    Process *p = t->process;
    long r = host_syscall(&t->cpu, SYS_io_uring_register, a);
    if (((uint32_t)a[1] & ~REGISTER_USE_REGISTERED_RING) != REGISTER_RING_FDS) {
        return r;
    }
    for (long i = 0; i < r; i++) {
        struct {
            uint32_t offset, resv;
            uint64_t fd;
        } update;
        if (guest_read(&update, a[2] + (uint64_t)i * sizeof update, sizeof update)) {
            break;
        }
        lock_take(&p->urings_lock);
        Uring *u = find(p, (int)update.fd, false);
        if (u) {
            u->index = (int)update.offset;
        }
        lock_release(&p->urings_lock);
    }
    return r;
}
