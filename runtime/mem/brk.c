/* The two areas that grow: the brk heap upwards, the first thread's stack downwards into its
 * reserve. */
#include <linux/mman.h>
#include <sys/mman.h>

#include "runtime/mem/mem.h"

void mem_set_brk(Mem *mem, GuestAddr start)
{
    mem->brk_start = mem->brk = start;
}

GuestAddr mem_brk(Mem *mem, GuestAddr want)
{
    lock_take(&mem->lock);
    GuestAddr have_end = mem_page_up(mem->brk), want_end = mem_page_up(want);
    if (want < mem->brk_start || want > mem->limit || map_reserve(&mem->map)) {
        goto out;
    }
    if (want_end > have_end) {
        uint64_t len = want_end - have_end;
        if (!mem_fits(mem, len, true)) {
            goto out;
        }
        long p = host_raw6(SYS_mmap, have_end, len, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1, 0);
        if (p != (long)have_end) {
            if (p > 0) {
                host_raw2(SYS_munmap, p, len);
            }
            goto out;
        }
        if (mem_lock_new(mem, have_end, len)) {
            host_raw2(SYS_munmap, have_end, len);
            goto out;
        }
        map_set(&mem->map, have_end, want_end, PROT_READ | PROT_WRITE, MAP_FLAG_HEAP);
    } else if (want_end < have_end) {
        if (host_raw2(SYS_munmap, want_end, have_end - want_end)) {
            goto out;
        }
        bool code = mem->jit && map_any_prot(&mem->map, want_end, have_end, PROT_EXEC);
        map_remove(&mem->map, want_end, have_end);
        if (code) {
            jit_invalidate(mem->jit, want_end, have_end - want_end);
        }
    }
    mem->brk = want;
out:;
    GuestAddr now = mem->brk;
    lock_release(&mem->lock);
    return now;
}

int mem_make_stack(Mem *mem, uint64_t size, uint64_t reserve, bool executable)
{
    size = mem_page_up(size);
    reserve = mem_page_up(reserve > size ? reserve : size) + MEM_PAGE; /* and a guard page */
    int err = map_reserve(&mem->map);
    if (err) {
        return err;
    }
    uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    GuestAddr at = 0;
    if (mem->limit < MEM_TASK_SIZE) {
        at = map_gap(&mem->map, reserve, 0x10000, mem->limit);
        flags |= MAP_FIXED_NOREPLACE;
    }
    long p = host_raw6(SYS_mmap, at, reserve, PROT_NONE, flags, (uint64_t)-1, 0);
    if (p < 0) {
        return (int)p;
    }
    mem->stack_reserve = (GuestAddr)p + MEM_PAGE;
    mem->stack_high = (GuestAddr)p + reserve;
    mem->stack_low = mem->stack_high - size;
    long r = host_raw3(SYS_mprotect, mem->stack_low, size, PROT_READ | PROT_WRITE);
    host_raw3(SYS_madvise, p, reserve, MADV_NOHUGEPAGE); /* it grows by the page */
    if (r) {
        return (int)r;
    }
    map_set(&mem->map, mem->stack_low, mem->stack_high,
            PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0), MAP_FLAG_STACK);
    return 0;
}

/* Moves the stack's lower end from `from` to `to`; r is the stack. */
static void move_stack_end(Mem *mem, GuestAddr from, GuestAddr to, const MapRange *r)
{
    if (to < from && !host_raw3(SYS_mprotect, to, from - to, PROT_READ | PROT_WRITE)) {
        map_set(&mem->map, to, from, r->prot, r->flags);
        mem->stack_low = to;
    } else if (to > from && !host_raw3(SYS_mprotect, from, to - from, PROT_NONE)) {
        map_remove(&mem->map, from, to);
        mem->stack_low = to;
    }
}

void mem_size_stack(Mem *mem, uint64_t size, GuestAddr used)
{
    lock_take(&mem->lock);
    GuestAddr low = mem->stack_high - mem->stack_reserve < size
                        ? mem->stack_reserve
                        : mem_page_down(mem->stack_high - size);
    low = low < used ? low : used;
    MapRange r;
    if (mem->stack_high && !map_reserve(&mem->map) && map_find(&mem->map, mem->stack_low, &r) &&
        r.start == mem->stack_low && (r.flags & MAP_FLAG_STACK) && r.end > low) {
        move_stack_end(mem, mem->stack_low, low, &r);
    }
    lock_release(&mem->lock);
}
