#include "runtime/mem/mem.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "runtime/code/store.h"

/* Flags of the host's mmap that a guest of the generic ABI doesn't know: MAP_32BIT and MAP_ABOVE4G
 * of x86. */
enum { HOST_ONLY_MAP_FLAGS = 0x40 | 0x80 };

void mem_init(Mem *mem, GuestAddr limit)
{
    *mem =
        (Mem){.limit = limit ? limit : MEM_TASK_SIZE, .most = UINT64_MAX, .most_data = UINT64_MAX};
    map_init(&mem->map);
}

static int host_prot(uint64_t prot)
{
    return (int)(prot & (PROT_READ | PROT_WRITE | PROT_GROWSDOWN | PROT_GROWSUP)) |
           (prot & PROT_EXEC ? PROT_READ : 0);
}

static uint32_t map_prot(uint64_t prot)
{
    return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

static long host_mmap(GuestAddr addr, uint64_t len, int prot, uint64_t flags, int fd,
                      uint64_t offset)
{
    return host_raw6(SYS_mmap, addr, len, (uint64_t)prot, flags & ~(uint64_t)HOST_ONLY_MAP_FLAGS,
                     (uint64_t)fd, offset);
}

static bool failed(long r)
{
    return r < 0 && r > -4096;
}

/* Drops translations of what was executable in the range; call it with the lock held, before the
 * map changes. */
static bool had_code(const Mem *mem, GuestAddr start, GuestAddr end)
{
    return mem->jit && map_any_prot(&mem->map, start, end, PROT_EXEC);
}

static void drop_code(Mem *mem, bool had, GuestAddr start, GuestAddr end)
{
    if (had) {
        jit_invalidate(mem->jit, start, end - start);
    }
}

/* Code on a guarded page. Translations made before the first one don't care for the targets of
 * indirect branches. */
static void guard(Mem *mem, uint64_t prot)
{
    if ((prot & MEM_PROT_BTI) && (prot & PROT_EXEC) && !mem->guarded) {
        __atomic_store_n(&mem->guarded, true, __ATOMIC_RELEASE);
        drop_code(mem, mem->jit != NULL, 0, mem->limit);
    }
}

/* Gives back what reserve_gaps() took and nobody used. */
static void unreserve_gaps(Mem *mem, GuestAddr start, GuestAddr end)
{
    MapRange r;
    for (GuestAddr at = start; at < end; at = r.end) {
        bool more = map_next(&mem->map, at, &r);
        GuestAddr stop = more && r.start < end ? r.start : end;
        if (stop > at) {
            host_raw2(SYS_munmap, at, stop - at);
        }
        if (!more || r.start >= end) {
            break;
        }
    }
}

/* Takes the parts of [start, end) that are not in the map; -ENOMEM if something of xemu is there.
 */
static int reserve_gaps(Mem *mem, GuestAddr start, GuestAddr end)
{
    GuestAddr at = start;
    while (at < end) {
        MapRange r;
        bool more = map_next(&mem->map, at, &r);
        GuestAddr gap_end = more && r.start < end ? r.start : end;
        if (more && r.start <= at) {
            at = r.end;
            continue;
        }
        long p =
            host_mmap(at, gap_end - at, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != (long)at) {
            if (!failed(p)) {
                host_raw2(SYS_munmap, p, gap_end - at);
            }
            unreserve_gaps(mem, start, at);
            return -ENOMEM;
        }
        at = gap_end;
    }
    return 0;
}

/* Below the stack is what it may grow into, which a kernel doesn't set aside: what the guest maps
 * there is its own, and the stack grows no further. */
static void cut_stack_reserve(Mem *mem, GuestAddr start, GuestAddr end)
{
    GuestAddr low = mem->stack_reserve - MEM_PAGE;
    end = end < mem->stack_low ? end : mem->stack_low;
    if (mem->stack_high && start < end && end > low) {
        host_raw2(SYS_munmap, low, end - low);
        mem->stack_reserve = end + MEM_PAGE; /* a guard page; behind stack_low: nothing left */
    }
}

/* The guest wants exactly [addr, addr + len), whatever is there: makes sure that nothing of xemu's
 * is. */
static int claim_fixed(Mem *mem, GuestAddr addr, uint64_t len)
{
    if ((addr & MEM_PAGE_MASK) || addr + len < addr || addr + len > MEM_TASK_SIZE) {
        return addr & MEM_PAGE_MASK ? -EINVAL : -ENOMEM;
    }
    cut_stack_reserve(mem, addr, addr + len);
    return map_covers(&mem->map, addr, addr + len) ? 0 : reserve_gaps(mem, addr, addr + len);
}

/* Files of a file system mounted noexec can't be mapped executable. */
static bool noexec_file(int fd)
{
    struct statfs fs = {0};
    return !host_raw2(SYS_fstatfs, fd, &fs) && (fs.f_flags & ST_NOEXEC);
}

static long place_below_limit(Mem *mem, uint64_t len, int prot, uint64_t flags, int fd,
                              uint64_t offset)
{
    GuestAddr high = mem->limit;
    for (;;) {
        GuestAddr at = map_gap(&mem->map, len, 0x10000, high);
        if (!at) {
            return -ENOMEM;
        }
        long p = host_mmap(at, len, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
        if (p != -EEXIST) {
            return p;
        }
        high = at > 0x100000 ? at - 0x100000 + len : 0; /* something of xemu's: look lower */
        if (high < 0x10000 + len) {
            return -ENOMEM;
        }
    }
}

static uint32_t flags_of(uint64_t flags, uint64_t prot)
{
    uint32_t f = prot & MEM_PROT_BTI ? MAP_FLAG_BTI : 0;
    if ((flags & MAP_TYPE) != MAP_PRIVATE) {
        f |= MAP_FLAG_SHARED;
    }
    return f | (flags & MAP_ANONYMOUS ? 0 : MAP_FLAG_FILE);
}

/* The file, if translations of its code can be kept: nobody else writes to the mapping. */
static struct CodeFile *code_file(Mem *mem, uint64_t prot, uint64_t flags, int fd)
{
    bool code = mem->store && (prot & PROT_EXEC) && !(prot & PROT_WRITE) &&
                !(flags & MAP_ANONYMOUS) && (flags & MAP_TYPE) == MAP_PRIVATE;
    return code ? code_store_file(mem->store, fd) : NULL;
}

/* include/linux/mm.h, is_data_mapping() */
static bool is_data(uint64_t prot, uint32_t flags)
{
    return prot & PROT_WRITE && !(flags & (MAP_FLAG_SHARED | MAP_FLAG_STACK));
}

bool mem_fits(const Mem *mem, uint64_t len, bool data)
{
    uint64_t have = mem_bytes(mem);
    if (have > mem->most || len > mem->most - have) {
        return false;
    }
    if (!data || mem->most_data == UINT64_MAX) {
        return true;
    }
    uint64_t sum = 0;
    MapRange r;
    for (GuestAddr at = 0; map_next(&mem->map, at, &r); at = r.end) {
        sum += is_data(r.prot, r.flags) ? r.end - r.start : 0;
    }
    return sum <= mem->most_data && len <= mem->most_data - sum;
}

static long mmap_locked(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, uint64_t flags,
                        int fd, uint64_t offset, struct CodeFile *file)
{
    int err = map_reserve(&mem->map);
    if (err) {
        return err;
    }
    if (!mem_fits(mem, len, (prot & PROT_WRITE) && (flags & MAP_TYPE) == MAP_PRIVATE)) {
        return -ENOMEM;
    }
    long p;
    bool fixed = (flags & MAP_FIXED) && !(flags & MAP_FIXED_NOREPLACE);
    bool code = false;
    if (fixed) {
        if ((err = claim_fixed(mem, addr, len))) {
            return err;
        }
        code = had_code(mem, addr, addr + len);
        p = host_mmap(addr, len, host_prot(prot), flags, fd, offset);
        if (failed(p)) {
            /* What the guest had stays: the host failed before unmapping it. */
            unreserve_gaps(mem, addr, addr + len);
            return p;
        }
    } else {
        p = host_mmap(addr, len, host_prot(prot), flags, fd, offset);
        if (!failed(p) && (GuestAddr)p + len > mem->limit) {
            host_raw2(SYS_munmap, p, len);
            p = flags & MAP_FIXED_NOREPLACE
                    ? -ENOMEM
                    : place_below_limit(mem, len, host_prot(prot), flags, fd, offset);
        }
        if (failed(p)) {
            return p;
        }
    }
    /* A mapping of huge pages is longer than asked for, but can only be unmapped as a whole. */
    map_set(&mem->map, (GuestAddr)p, (GuestAddr)p + len, map_prot(prot), flags_of(flags, prot));
    files_cut(&mem->files, (GuestAddr)p, (GuestAddr)p + len);
    critical_cut(&mem->critical, (GuestAddr)p, (GuestAddr)p + len);
    if (file) {
        files_add(&mem->files, (GuestAddr)p, (GuestAddr)p + len, offset, file);
    }
    drop_code(mem, code, (GuestAddr)p, (GuestAddr)p + len);
    guard(mem, prot);
    if ((err = (int)mem_lock_new(mem, (GuestAddr)p, len))) {
        host_raw2(SYS_munmap, p, len);
        map_remove(&mem->map, (GuestAddr)p, (GuestAddr)p + len);
        return err;
    }
    return p;
}

/* A file is looked for before the size is looked at. */
static long refuse_size(uint64_t flags, int fd, long err)
{
    long mode = flags & MAP_ANONYMOUS ? 0 : host_raw3(SYS_fcntl, fd, F_GETFL, 0);
    return mode < 0 || mode & O_PATH ? -EBADF : err;
}

long mem_mmap(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, uint64_t flags, int fd,
              uint64_t offset)
{
    uint64_t size = mem_page_up(len);
    if (offset & MEM_PAGE_MASK) {
        return -EINVAL;
    }
    if (len == 0) {
        return refuse_size(flags, fd, -EINVAL);
    }
    if (size == 0 || size > MEM_TASK_SIZE) {
        return refuse_size(flags, fd, -ENOMEM);
    }
    if (prot & MEM_PROT_MTE) {
        return -EINVAL;
    }
    if (mem->no_exec_gain && (prot & PROT_EXEC) && (prot & PROT_WRITE)) {
        return -EACCES;
    }
    if ((prot & PROT_EXEC) && !(flags & MAP_ANONYMOUS) && noexec_file(fd)) {
        return -EPERM;
    }
    struct CodeFile *file = code_file(mem, prot, flags, fd);
    CriticalList list = {.n = 0};
    uint64_t records = 0, code = 0;
    bool looks = (prot & PROT_EXEC) && !(flags & MAP_ANONYMOUS) &&
                 !(file && code_store_is_plain(file, offset));
    if (looks && critical_in_file(fd, offset, &records, &code, &list.n)) {
        file = NULL; /* code of critical sections is of this run alone */
    } else if (looks && file) {
        code_store_note_plain(file, offset);
    }
    lock_take(&mem->lock);
    long r = mmap_locked(mem, addr, size, prot, flags, fd, offset, file);
    if (!failed(r) && list.n) {
        list.code = (GuestAddr)r;
        list.code_end = (GuestAddr)r + size;
        list.records = (GuestAddr)r - code + records;
        critical_add(&mem->critical, &list);
        __atomic_store_n(&mem->any_critical, true, __ATOMIC_RELEASE);
    }
    lock_release(&mem->lock);
    return r;
}

long mem_munmap(Mem *mem, GuestAddr addr, uint64_t len)
{
    uint64_t size = mem_page_up(len);
    if ((addr & MEM_PAGE_MASK) || size == 0 || addr > MEM_TASK_SIZE ||
        size > MEM_TASK_SIZE - addr) {
        return -EINVAL;
    }
    GuestAddr end = addr + size;
    lock_take(&mem->lock);
    long r = map_reserve(&mem->map);
    if (!r) {
        bool code = had_code(mem, addr, end);
        MapRange part;
        for (GuestAddr at = addr; !r && map_next(&mem->map, at, &part) && part.start < end;
             at = part.end) {
            GuestAddr from = part.start > addr ? part.start : addr,
                      to = part.end < end ? part.end : end;
            r = host_raw2(SYS_munmap, from, to - from);
            if (!r) {
                map_remove(&mem->map, from, to);
                files_cut(&mem->files, from, to);
                critical_cut(&mem->critical, from, to);
                r = map_reserve(&mem->map);
            }
        }
        drop_code(mem, code, addr, end);
    }
    lock_release(&mem->lock);
    return r;
}

/* PR_SET_MDWE (include/linux/mman.h, map_deny_write_exec()). */
static bool gains_exec(const Mem *mem, GuestAddr start, GuestAddr end, uint64_t prot)
{
    if (!mem->no_exec_gain || !(prot & PROT_EXEC)) {
        return false;
    }
    MapRange r;
    for (GuestAddr at = start; map_next(&mem->map, at, &r) && r.start < end; at = r.end) {
        if (!(r.prot & PROT_EXEC)) {
            return true;
        }
    }
    return prot & PROT_WRITE;
}

long mem_mprotect(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, int key)
{
    const uint64_t grows = PROT_GROWSDOWN | PROT_GROWSUP;
    const uint64_t known = PROT_READ | PROT_WRITE | PROT_EXEC | MEM_PROT_SEM | MEM_PROT_BTI;
    uint64_t size = mem_page_up(len);
    if ((addr & MEM_PAGE_MASK) || (prot & grows) == grows) {
        return -EINVAL;
    }
    if (len == 0) {
        return 0;
    }
    GuestAddr end = addr + size;
    if (end <= addr) {
        return -ENOMEM;
    }
    /* Without FEAT_S1POE there are no keys but the one of all memory. */
    if ((prot & ~(known | grows)) || (key != -1 && key != 0)) {
        return -EINVAL;
    }
    if (end > MEM_TASK_SIZE) {
        return -ENOMEM;
    }
    lock_take(&mem->lock);
    long r = gains_exec(mem, addr, end, prot) ? -EACCES : map_reserve(&mem->map);
    if (!r) {
        bool keeps = (prot & PROT_EXEC) && !(prot & PROT_WRITE);
        bool code = (!keeps || (prot & MEM_PROT_BTI)) && had_code(mem, addr, end);
        MapRange part;
        GuestAddr at = addr;
        while (!r && at < end && map_find(&mem->map, at, &part)) {
            /* As much as is contiguous goes in one call. */
            GuestAddr to = part.end;
            while (to < end && map_find(&mem->map, to, &part)) {
                to = part.end;
            }
            to = to < end ? to : end;
            r = host_raw3(SYS_mprotect, at, to - at, host_prot(prot));
            if (!r) {
                map_protect(&mem->map, at, to, map_prot(prot), MAP_FLAG_BTI,
                            prot & MEM_PROT_BTI ? MAP_FLAG_BTI : 0);
                if (!keeps) {
                    files_cut(&mem->files, at, to);
                    critical_cut(&mem->critical, at, to);
                }
                r = map_reserve(&mem->map);
            }
            at = to;
        }
        if (!r && at < end) {
            r = -ENOMEM; /* a hole: what lies before it has been changed, as the kernel does */
        }
        drop_code(mem, code, addr, end);
        guard(mem, prot);
    }
    lock_release(&mem->lock);
    return r;
}

static long mremap_locked(Mem *mem, GuestAddr old, uint64_t old_len, uint64_t new_len,
                          uint64_t flags, GuestAddr fixed)
{
    MapRange r;
    int err = map_reserve(&mem->map);
    if (err) {
        return err;
    }
    if (!map_find(&mem->map, old, &r) || (old_len && !map_covers(&mem->map, old, old + old_len))) {
        return -EFAULT;
    }
    if (new_len > old_len && !mem_fits(mem, new_len - old_len, is_data(r.prot, r.flags))) {
        return -ENOMEM;
    }
    bool code = had_code(mem, old, old + (old_len > new_len ? old_len : new_len));
    bool target_code = false;
    if (flags & MREMAP_FIXED) {
        if (!(flags & MREMAP_MAYMOVE) || (fixed < old + old_len && old < fixed + new_len)) {
            return -EINVAL;
        }
        if ((err = claim_fixed(mem, fixed, new_len))) {
            return err == -ENOMEM && fixed + new_len > MEM_TASK_SIZE ? -EINVAL : err;
        }
        target_code = had_code(mem, fixed, fixed + new_len);
    }
    long p = host_raw5(SYS_mremap, old, old_len, new_len, flags, fixed);
    if (failed(p)) {
        if (flags & MREMAP_FIXED) {
            unreserve_gaps(mem, fixed, fixed + new_len);
        }
        return p;
    }
    if (old_len && !(flags & MREMAP_DONTUNMAP)) {
        map_remove(&mem->map, old, old + old_len);
    }
    map_set(&mem->map, (GuestAddr)p, (GuestAddr)p + new_len, r.prot,
            r.flags & ~(uint32_t)MAP_FLAG_HEAP);
    files_cut(&mem->files, old, old + old_len);
    critical_cut(&mem->critical, old, old + old_len);
    files_cut(&mem->files, (GuestAddr)p, (GuestAddr)p + new_len);
    critical_cut(&mem->critical, (GuestAddr)p, (GuestAddr)p + new_len);
    drop_code(mem, code, old, old + old_len);
    drop_code(mem, target_code, (GuestAddr)p, (GuestAddr)p + new_len);
    return p;
}

long mem_mremap(Mem *mem, GuestAddr old, uint64_t old_len, uint64_t new_len, uint64_t flags,
                GuestAddr fixed)
{
    const uint64_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    old_len = mem_page_up(old_len);
    new_len = mem_page_up(new_len);
    if ((flags & ~known) || ((flags & known) && !(flags & MREMAP_MAYMOVE)) ||
        ((flags & MREMAP_DONTUNMAP) && old_len != new_len)) {
        return -EINVAL;
    }
    if ((old & MEM_PAGE_MASK) || new_len == 0 || old > MEM_TASK_SIZE || old_len > MEM_TASK_SIZE ||
        new_len > MEM_TASK_SIZE || ((flags & MREMAP_FIXED) && (fixed & MEM_PAGE_MASK))) {
        return -EINVAL;
    }
    lock_take(&mem->lock);
    long r = mremap_locked(mem, old, old_len, new_len, flags, fixed);
    lock_release(&mem->lock);
    return r;
}

long mem_madvise(Mem *mem, GuestAddr addr, uint64_t len, int advice)
{
    uint64_t size = mem_page_up(len);
    GuestAddr end = addr + size;
    if ((addr & MEM_PAGE_MASK) || end <= addr) {
        return host_raw3(SYS_madvise, addr, len, advice);
    }
    /* Of what isn't the guest's the kernel says what it says of a place without memory: that, or
     * that there's no such advice. What is mapped beside it gets it all the same. */
    long gap = 0, r = 0;
    bool drops = advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE;
    for (GuestAddr at = addr; !r && at < end;) {
        MapRange part;
        lock_take(&mem->lock);
        bool more = map_next(&mem->map, at, &part) && part.start < end;
        GuestAddr from = more && part.start > at ? part.start : at, to = more ? part.end : end;
        while (more && to < end && map_find(&mem->map, to, &part)) {
            to = part.end; /* as much as is contiguous goes in one call */
        }
        to = to < end ? to : end;
        bool code = more && drops && had_code(mem, from, to);
        lock_release(&mem->lock);
        if (!more || from > at) {
            gap = host_raw3(SYS_madvise, MEM_TASK_SIZE, MEM_PAGE, advice);
            r = gap == -ENOMEM ? 0 : gap;
        }
        if (more && !r) {
            r = host_raw3(SYS_madvise, from, to - from, advice);
            drop_code(mem, code, from, to);
        }
        at = to;
    }
    return r ? r : gap;
}

long mem_shmat(Mem *mem, int id, GuestAddr addr, int flags)
{
    struct shmid_ds ds = {0};
    long r = host_raw3(SYS_shmctl, id, IPC_STAT, &ds);
    lock_take(&mem->lock);
    /* The size is known only to who may read the segment; so may anyone who can attach it. */
    uint64_t size = r ? 0 : mem_page_up(ds.shm_segsz);
    GuestAddr at = flags & SHM_RND ? mem_page_down(addr) : addr;
    r = map_reserve(&mem->map);
    bool code = false, claimed = false;
    if (!r && addr && (flags & SHM_REMAP) && size) {
        r = claim_fixed(mem, at, size);
        claimed = !r;
        code = claimed && had_code(mem, at, at + size);
    }
    if (!r) {
        r = host_raw3(SYS_shmat, id, addr, flags & ~SHM_EXEC);
        if (failed(r) && claimed) {
            unreserve_gaps(mem, at, at + size);
        }
        if (!failed(r)) {
            uint64_t prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
                            (flags & SHM_EXEC ? PROT_EXEC : 0);
            map_set(&mem->map, (GuestAddr)r, (GuestAddr)r + size, map_prot(prot),
                    MAP_FLAG_SHARED | MAP_FLAG_FILE);
            files_cut(&mem->files, (GuestAddr)r, (GuestAddr)r + size);
            critical_cut(&mem->critical, (GuestAddr)r, (GuestAddr)r + size);
            drop_code(mem, code, (GuestAddr)r, (GuestAddr)r + size);
            mem_lock_new(mem, (GuestAddr)r, size);
        }
    }
    lock_release(&mem->lock);
    return r;
}

long mem_shmdt(Mem *mem, GuestAddr addr)
{
    lock_take(&mem->lock);
    MapRange range;
    long r = map_reserve(&mem->map);
    if (!r && !map_find(&mem->map, addr, &range)) {
        r = -EINVAL;
    }
    if (!r) {
        bool code = had_code(mem, addr, range.end);
        r = host_raw1(SYS_shmdt, addr);
        /* Which pages went is the kernel's knowledge: ask it, page run by page run. */
        for (GuestAddr at = addr; !r && at < range.end; at += MEM_PAGE) {
            uint8_t present;
            if (host_raw3(SYS_mincore, at, MEM_PAGE, &present) != -ENOMEM) {
                break;
            }
            map_remove(&mem->map, at, at + MEM_PAGE);
            files_cut(&mem->files, at, at + MEM_PAGE);
            critical_cut(&mem->critical, at, at + MEM_PAGE);
        }
        drop_code(mem, code, addr, range.end);
    }
    lock_release(&mem->lock);
    return r;
}

long mem_remap_file_pages(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, uint64_t pgoff,
                          uint64_t flags)
{
    MapRange r;
    if (!mem_lookup(mem, addr, &r)) {
        return -EINVAL;
    }
    long ret = host_raw5(SYS_remap_file_pages, addr, len, prot, pgoff, flags);
    lock_take(&mem->lock);
    files_cut(&mem->files, addr, addr + mem_page_up(len));
    critical_cut(&mem->critical, addr, addr + mem_page_up(len));
    lock_release(&mem->lock);
    drop_code(mem, !ret && mem->jit && (r.prot & PROT_EXEC), addr, addr + mem_page_up(len));
    return ret;
}

bool mem_covers(Mem *mem, GuestAddr start, GuestAddr end)
{
    lock_take(&mem->lock);
    bool covered = map_covers(&mem->map, start, end);
    lock_release(&mem->lock);
    return covered;
}

bool mem_lookup(Mem *mem, GuestAddr addr, MapRange *out)
{
    lock_take(&mem->lock);
    bool found = map_find(&mem->map, addr, out);
    lock_release(&mem->lock);
    return found;
}

void mem_mark(Mem *mem, GuestAddr start, GuestAddr end, uint32_t flags)
{
    lock_take(&mem->lock);
    MapRange r;
    if (!map_reserve(&mem->map) && map_find(&mem->map, start, &r)) {
        map_protect(&mem->map, start, end, r.prot, flags, flags);
    }
    lock_release(&mem->lock);
}

bool mem_guarded(void *ctx, GuestAddr pc)
{
    MapRange r;
    return mem_lookup(ctx, pc, &r) && (r.flags & MAP_FLAG_BTI);
}

bool mem_module(void *ctx, GuestAddr pc, JitModule *out)
{
    Mem *mem = ctx;
    FileRange f;
    MapRange r;
    lock_take(&mem->lock);
    bool found = files_find(&mem->files, pc, &f) && map_find(&mem->map, pc, &r) &&
                 (r.prot & PROT_EXEC) && !(r.prot & PROT_WRITE);
    lock_release(&mem->lock);
    if (found) {
        /* No program that can be elsewhere is put as low as that. */
        *out = (JitModule){.file = f.file,
                           .serial = f.serial,
                           .start = f.start > r.start ? f.start : r.start,
                           .end = f.end < r.end ? f.end : r.end,
                           .base = f.base,
                           .guarded = r.flags & MAP_FLAG_BTI,
                           .fixed = f.base < UINT64_C(1) << 32};
    }
    return found;
}

bool mem_critical(void *ctx, GuestAddr pc, CriticalSection *out)
{
    Mem *mem = ctx;
    lock_take(&mem->lock);
    bool found = critical_find(&mem->critical, pc, out);
    lock_release(&mem->lock);
    return found;
}

bool mem_any_guarded(void *ctx)
{
    return __atomic_load_n(&((Mem *)ctx)->guarded, __ATOMIC_ACQUIRE);
}

const uint8_t *mem_fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    Mem *mem = ctx;
    MapRange r;
    if (!mem_lookup(mem, pc, &r) || !(r.prot & PROT_EXEC) || guest_peek(pc)) {
        return NULL;
    }
    /* A page of a file may be beyond its end (SIGBUS): only what was looked at is promised. */
    GuestAddr next = mem_page_down(pc) + MEM_PAGE;
    GuestAddr end = next;
    if (next < r.end && !guest_peek(next)) {
        end = next + MEM_PAGE < r.end ? next + MEM_PAGE : r.end;
    }
    *avail = end - pc;
    return guest_ptr(pc);
}
