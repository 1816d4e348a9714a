/* mem.h - the guest's address space.
 *
 * Guest memory is host memory at the same addresses. Every change goes through here, so that `map`
 * knows what the guest has, and translated code goes when its bytes do. xemu's own memory (image,
 * heap, code arena, host stacks, vDSO of the host) is simply not in the map: guest requests never
 * change what is neither in the map nor free.
 *
 *     guest asks                      host gets
 *     PROT_EXEC                       PROT_READ          (only the map knows)
 *     MAP_FIXED over own mappings     MAP_FIXED
 *     MAP_FIXED over anything else    the gaps are reserved first with MAP_FIXED_NOREPLACE: -ENOMEM
 * if xemu sits there munmap, mprotect, madvise       applied to what the map has
 */
#ifndef XEMU_RUNTIME_MEM_MEM_H
#define XEMU_RUNTIME_MEM_MEM_H

#include "jit/jit.h"
#include "runtime/code/critical.h"
#include "runtime/code/files.h"
#include "runtime/host/lock.h"
#include "runtime/mem/map.h"

#define MEM_PAGE      4096u
#define MEM_PAGE_MASK ((uint64_t)MEM_PAGE - 1)
#define MEM_TASK_SIZE                                                                              \
    ((GuestAddr)1 << 47) /* first address that a guest can't have, on an x86-64 host */

/* Protection bits that the guest's kernel takes (AArch64 uapi asm/mman.h). */
#define MEM_PROT_SEM 0x8u
#define MEM_PROT_BTI 0x10u
#define MEM_PROT_MTE 0x20u

typedef struct Mem {
    Lock lock; /* guards map and the brk fields, and makes a change of the map and of the host's
                  mappings one step */
    GuestMap map;
    struct CodeStore *store; /* NULL: nothing is kept of the code of files */
    FileTable files;         /* what is executed as it stands in a file */
    CriticalTable critical;  /* of that, what must not be interrupted */
    bool any_critical;       /* there was some once */
    Jit *jit;                /* told when executable bytes go; NULL before it exists and in tests */
    uint32_t no_exec_gain;   /* PR_SET_MDWE: memory neither becomes executable nor is writable and
                                executable */
    bool guarded;            /* there is, or was, a guarded page */
    GuestAddr limit;         /* the kernel-chosen addresses lie below */
    uint64_t most;           /* bytes that may be mapped: the guest's RLIMIT_AS */
    uint64_t most_data;      /* of private memory to write to: its RLIMIT_DATA */
    GuestAddr brk_start, brk; /* brk area: [brk_start, page_up(brk)) is mapped */
    GuestAddr stack_low,
        stack_high; /* stack mapping of the first thread; below stack_low lies its reserve */
    GuestAddr stack_reserve;
    GuestAddr stack_shown; /* a kernel's stack would begin there at first, and grow when it is
                              touched; 0: not known yet */
    uint32_t lock_future;  /* MCL_*: what will be mapped is locked in memory */
    GuestAddr code_start, code_end, data_start, data_end; /* of the program's file */
    GuestAddr vdso, vdso_end;
} Mem;

/* What a kernel would say is mapped: not all of the stack from the beginning. */
static inline uint64_t mem_bytes(const Mem *mem)
{
    uint64_t idle = mem->stack_shown ? mem->stack_shown - mem->stack_low : 0;
    return mem->map.bytes > idle ? mem->map.bytes - idle : 0;
}
/* Under the lock: do the guest's limits allow so many bytes more? data: private, to be written. */
bool mem_fits(const Mem *mem, uint64_t len, bool data);

static inline uint64_t mem_page_down(uint64_t a)
{
    return a & ~MEM_PAGE_MASK;
}
static inline uint64_t mem_page_up(uint64_t a)
{
    return (a + MEM_PAGE_MASK) & ~MEM_PAGE_MASK;
}

void mem_init(Mem *mem, GuestAddr limit);

/* The system calls' semantics: an address or -errno, 0 or -errno. Flags and protections as the
 * guest's kernel takes them. */
long mem_mmap(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, uint64_t flags, int fd,
              uint64_t offset);
long mem_munmap(Mem *mem, GuestAddr addr, uint64_t len);
/* key: of pkey_mprotect(), -1 without one. */
long mem_mprotect(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, int key);
long mem_mremap(Mem *mem, GuestAddr old, uint64_t old_len, uint64_t new_len, uint64_t flags,
                GuestAddr fixed);
long mem_madvise(Mem *mem, GuestAddr addr, uint64_t len, int advice);
long mem_shmat(Mem *mem, int id, GuestAddr addr, int flags);
long mem_shmdt(Mem *mem, GuestAddr addr);
long mem_remap_file_pages(Mem *mem, GuestAddr addr, uint64_t len, uint64_t prot, uint64_t pgoff,
                          uint64_t flags);
long mem_mlockall(Mem *mem, uint64_t flags);
long mem_munlockall(Mem *mem);
/* Under the lock: what was mapped just now is locked, if everything is to be. -EAGAIN: it can't be.
 */
long mem_lock_new(const Mem *mem, GuestAddr start, uint64_t len);
/* The new (or, if it can't be had, the old) break. */
GuestAddr mem_brk(Mem *mem, GuestAddr want);
void mem_set_brk(Mem *mem, GuestAddr start);

/* A stack of `size` bytes with room reserved to become `reserve` bytes; sets the stack fields. 0 or
 * -errno. */
int mem_make_stack(Mem *mem, uint64_t size, uint64_t reserve, bool executable);
/* The stack's resource limit was set: the stack takes as much of its reserve, or gives back what is
 * below both that and `used`, the lowest address that was touched. */
void mem_size_stack(Mem *mem, uint64_t size, GuestAddr used);

/* FetchFn of frontend.h; ctx is the Mem. */
const uint8_t *mem_fetch(void *ctx, GuestAddr pc, size_t *avail);
/* GuardedFn of frontend.h. */
bool mem_guarded(void *ctx, GuestAddr pc);
bool mem_any_guarded(void *ctx);
/* JitHost.module; ctx is the Mem. */
bool mem_module(void *ctx, GuestAddr pc, JitModule *out);
/* JitHost.critical; ctx is the Mem. */
bool mem_critical(void *ctx, GuestAddr pc, CriticalSection *out);
/* What is mapped at addr, if anything. */
bool mem_lookup(Mem *mem, GuestAddr addr, MapRange *out);
/* Is all of [start, end) mapped? */
bool mem_covers(Mem *mem, GuestAddr start, GuestAddr end);
/* Sets flag bits of ranges (MAP_FLAG_*), for names in /proc/self/maps. */
void mem_mark(Mem *mem, GuestAddr start, GuestAddr end, uint32_t flags);

#endif
