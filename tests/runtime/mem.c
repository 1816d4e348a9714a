/* Guest memory: the map and the host agree, and what is xemu's is never touched. */
#include "runtime/mem/mem.h"

#include <criterion/criterion.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>

enum { ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static Mem fresh(void)
{
    Mem m;
    mem_init(&m, 0);
    return m;
}

static GuestAddr map(Mem *m, uint64_t pages, int prot)
{
    long p = mem_mmap(m, 0, pages * MEM_PAGE, (uint64_t)prot, ANON, -1, 0);
    cr_assert_gt(p, 0);
    return (GuestAddr)p;
}

Test(mem, executable_for_the_guest_only)
{
    Mem m = fresh();
    MapRange r;
    GuestAddr at = map(&m, 2, PROT_EXEC);
    cr_assert(mem_lookup(&m, at, &r));
    cr_assert_eq(r.prot, PROT_EXEC);
    size_t avail;
    const uint8_t *bytes = mem_fetch(&m, at + 4, &avail);
    cr_assert_eq(bytes, guest_ptr(at + 4), "readable for the translator");
    cr_assert_eq(avail, 2 * MEM_PAGE - 4);
    cr_assert_eq(mem_mprotect(&m, at + MEM_PAGE, MEM_PAGE, PROT_READ, -1), 0);
    cr_assert_not_null(mem_fetch(&m, at, &avail));
    cr_assert_eq(avail, MEM_PAGE);
    cr_assert_null(mem_fetch(&m, at + MEM_PAGE, &avail));
    /* The host never gets PROT_EXEC. */
    char line[256];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        unsigned long start;
        char perm[5];
        if (sscanf(line, "%lx-%*x %4s", &start, perm) == 2 && start == at) {
            cr_assert_eq(perm[2], '-');
        }
    }
    fclose(maps);
}

Test(mem, own_memory_is_out_of_reach)
{
    Mem m = fresh();
    static char own[3 * 4096];
    GuestAddr page = mem_page_up((uintptr_t)own);
    own[page - (uintptr_t)own] = 'x';
    cr_assert_eq(mem_mmap(&m, page, MEM_PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0), -ENOMEM);
    cr_assert_eq(mem_mmap(&m, page, MEM_PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0),
                 -EEXIST);
    cr_assert_eq(mem_munmap(&m, page, MEM_PAGE), 0, "as of unmapped memory");
    cr_assert_eq(mem_mprotect(&m, page, MEM_PAGE, PROT_NONE, -1), -ENOMEM);
    cr_assert_eq(mem_madvise(&m, page, MEM_PAGE, MADV_DONTNEED), -ENOMEM);
    cr_assert_eq(mem_mremap(&m, page, MEM_PAGE, 2 * MEM_PAGE, MREMAP_MAYMOVE, 0), -EFAULT);
    cr_assert_eq(own[page - (uintptr_t)own], 'x');
    /* A range half the guest's, half xemu's: the guest's half survives the refusal. */
    GuestAddr at = map(&m, 1, PROT_READ | PROT_WRITE);
    void *next =
        mmap(guest_ptr(at + MEM_PAGE), MEM_PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    *(char *)guest_ptr(at) = 'y';
    cr_assert_eq(mem_mmap(&m, at, 2 * MEM_PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0), -ENOMEM);
    cr_assert_eq(*(char *)guest_ptr(at), 'y');
    if (next == guest_ptr(at + MEM_PAGE)) {
        munmap(next, MEM_PAGE);
    }
}

Test(mem, fixed_over_own_and_free)
{
    Mem m = fresh();
    GuestAddr at = map(&m, 4, PROT_READ | PROT_WRITE);
    cr_assert_eq(mem_munmap(&m, at + MEM_PAGE, MEM_PAGE), 0);
    MapRange r;
    cr_assert_not(mem_lookup(&m, at + MEM_PAGE, &r));
    cr_assert_eq(mem_mprotect(&m, at, 3 * MEM_PAGE, PROT_READ, -1), -ENOMEM, "a hole");
    cr_assert(mem_lookup(&m, at, &r) && r.prot == PROT_READ,
              "what lies before the hole was changed");
    cr_assert_eq(mem_mmap(&m, at, 4 * MEM_PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0),
                 (long)at);
    memset(guest_ptr(at), 1, 4 * MEM_PAGE);
    cr_assert_eq(m.map.count, 1);
    cr_assert_eq(mem_munmap(&m, at, 4 * MEM_PAGE), 0);
    cr_assert_eq(m.map.count, 0);
}

Test(mem, bad_arguments)
{
    Mem m = fresh();
    GuestAddr at = map(&m, 1, PROT_READ);
    cr_assert_eq(mem_mmap(&m, 0, 0, PROT_READ, ANON, -1, 0), -EINVAL);
    cr_assert_eq(mem_mmap(&m, 0, UINT64_MAX, PROT_READ, ANON, -1, 0), -ENOMEM);
    cr_assert_eq(mem_mmap(&m, 0, MEM_PAGE, PROT_READ, ANON, -1, 1), -EINVAL);
    cr_assert_eq(mem_mmap(&m, at + 1, MEM_PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0), -EINVAL);
    cr_assert_eq(mem_mmap(&m, MEM_TASK_SIZE, MEM_PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0),
                 -ENOMEM);
    cr_assert_eq(mem_mmap(&m, 0, MEM_PAGE, PROT_READ, MAP_PRIVATE, 12345, 0), -EBADF);
    cr_assert_eq(mem_munmap(&m, at + 1, MEM_PAGE), -EINVAL);
    cr_assert_eq(mem_munmap(&m, at, 0), -EINVAL);
    cr_assert_eq(mem_mprotect(&m, at + 1, MEM_PAGE, PROT_READ, -1), -EINVAL);
    cr_assert_eq(mem_mprotect(&m, at, 0, PROT_READ, -1), 0);
    cr_assert_eq(mem_mremap(&m, at, MEM_PAGE, 0, 0, 0), -EINVAL);
}

Test(mem, mremap_moves_and_grows)
{
    Mem m = fresh();
    MapRange r;
    GuestAddr at = map(&m, 2, PROT_READ | PROT_WRITE);
    *(int *)guest_ptr(at) = 42;
    long moved = mem_mremap(&m, at, 2 * MEM_PAGE, 1000 * MEM_PAGE, MREMAP_MAYMOVE, 0);
    cr_assert_gt(moved, 0);
    cr_assert_eq(*(int *)guest_ptr((GuestAddr)moved), 42);
    cr_assert_eq(m.map.bytes, 1000 * MEM_PAGE);
    GuestAddr target = map(&m, 4, PROT_READ);
    cr_assert_eq(
        mem_mremap(&m, (GuestAddr)moved, MEM_PAGE, MEM_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target),
        (long)target);
    cr_assert_eq(*(int *)guest_ptr(target), 42);
    cr_assert(mem_lookup(&m, target, &r) && r.prot == (PROT_READ | PROT_WRITE));
    cr_assert(mem_lookup(&m, target + MEM_PAGE, &r) && r.prot == PROT_READ);
    cr_assert_not(mem_lookup(&m, (GuestAddr)moved, &r));
}

Test(mem, brk_grows_and_shrinks)
{
    Mem m = fresh();
    GuestAddr at = map(&m, 256, PROT_READ);
    mem_munmap(&m, at, 256 * MEM_PAGE);
    mem_set_brk(&m, at);
    cr_assert_eq(mem_brk(&m, 0), at);
    cr_assert_eq(mem_brk(&m, at + 10), at + 10);
    *(char *)guest_ptr(at + 9) = 1;
    cr_assert_eq(mem_brk(&m, at + 5 * MEM_PAGE), at + 5 * MEM_PAGE);
    memset(guest_ptr(at), 2, 5 * MEM_PAGE);
    cr_assert_eq(mem_brk(&m, at + MEM_PAGE), at + MEM_PAGE);
    cr_assert_eq(mem_brk(&m, at + 2 * MEM_PAGE), at + 2 * MEM_PAGE);
    cr_assert_eq(*(char *)guest_ptr(at + MEM_PAGE), 0, "zero again");
    cr_assert_eq(mem_brk(&m, at - 1), at + 2 * MEM_PAGE);
    cr_assert_eq(mem_brk(&m, MEM_TASK_SIZE), at + 2 * MEM_PAGE);
}

Test(mem, stack_grows_into_its_reserve)
{
    Mem m = fresh();
    cr_assert_eq(mem_make_stack(&m, 64 << 10, 1 << 20, false), 0);
    cr_assert_eq(m.stack_high - m.stack_low, 64 << 10);
    memset(guest_ptr(m.stack_low), 1, 64 << 10);
    mem_size_stack(&m, 512 << 10, m.stack_low);
    cr_assert_eq(m.stack_high - m.stack_low, 512 << 10);
    memset(guest_ptr(m.stack_low), 1, 512 << 10);
    mem_size_stack(&m, 1 << 30, m.stack_low);
    cr_assert_eq(m.stack_high - m.stack_low, 1 << 20, "no further than the reserve");
    cr_assert_eq(m.map.count, 1);
}

Test(mem, below_a_limit)
{
    Mem m;
    mem_init(&m, (GuestAddr)1 << 32);
    for (int i = 0; i < 10; i++) {
        cr_assert_leq(map(&m, 100, PROT_READ) + 100 * MEM_PAGE, (GuestAddr)1 << 32);
    }
}
