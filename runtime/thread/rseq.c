#include "runtime/thread/rseq.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>

#include "jit/ownmem.h"
#include "runtime/sys/sys.h"

/* struct rseq of the kernel's first version: what lies behind rseq_cs varies. */
enum { AREA_CS = 8, AREA_SIZE = 32, UNREGISTER = 1, LIBRARY_SIGNATURE = 0x53053053 };
enum { GUEST_SIGNATURE = (int)0xd428bc00 };

/* What the host's rseq_cs points to: a section for stores of 1, 2, 4 and 8 bytes. */
typedef struct CriticalCode {
    _Alignas(32) CriticalRecord store[4]; /* first (rseq.S) */
    struct CriticalCode *next;
    uint32_t signature;
    _Alignas(16) uint8_t abort[16]; /* signature, then code */
} CriticalCode;

_Static_assert(offsetof(CpuCritical, armed) == 0 && offsetof(CpuCritical, code) == 8, "rseq.S");
_Static_assert(offsetof(CriticalCode, store) == 0 && sizeof(CriticalRecord) == 32, "rseq.S");
uint64_t rseq_store(CpuCritical *critical, uint64_t address, uint64_t value, uint64_t size);
extern const char rseq_begin0[], rseq_end0[], rseq_begin1[], rseq_end1[], rseq_begin2[],
    rseq_end2[], rseq_begin3[], rseq_end3[], rseq_abort_code[], rseq_abort[], rseq_abort_end[];

static void fill(CriticalCode *c, uint32_t signature, const void *abort)
{
    static const char *const at[4][2] = {{rseq_begin0, rseq_end0},
                                         {rseq_begin1, rseq_end1},
                                         {rseq_begin2, rseq_end2},
                                         {rseq_begin3, rseq_end3}};
    c->signature = signature;
    for (unsigned i = 0; i < 4; i++) {
        c->store[i] = (CriticalRecord){.start = (uintptr_t)at[i][0],
                                       .length = (uintptr_t)at[i][1] - (uintptr_t)at[i][0],
                                       .abort = (uintptr_t)abort};
    }
}

/* For programs with signatures of their own; those made so far. */
static Lock code_lock;
static CriticalCode common, *others;

static CriticalCode *make_code(uint32_t signature)
{
    size_t size = mem_page_up(sizeof(CriticalCode));
    long at = host_raw6(SYS_mmap, (uintptr_t)ownmem_hint(size), size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    if (at < 0) {
        return NULL;
    }
    CriticalCode *c = guest_ptr((uint64_t)at);
    memcpy(c->abort, rseq_abort_code, (size_t)(rseq_abort_end - rseq_abort_code));
    memcpy(c->abort, &signature, sizeof signature);
    fill(c, signature, c->abort + (rseq_abort - rseq_abort_code));
    c->next = others;
    others = c;
    if (host_raw3(SYS_mprotect, c, size, PROT_READ | PROT_EXEC)) {
        others = c->next;
        host_raw2(SYS_munmap, c, size);
        return NULL;
    }
    return c;
}

/* NULL: no memory. */
static const CriticalCode *code_for(uint32_t signature)
{
    lock_take(&code_lock);
    CriticalCode *c = &common;
    if (signature == (uint32_t)GUEST_SIGNATURE) {
        if (!common.signature) {
            fill(&common, signature, rseq_abort);
        }
    } else {
        for (c = others; c && c->signature != signature; c = c->next) {
        }
        c = c ? c : make_code(signature);
    }
    lock_release(&code_lock);
    return c;
}

/* Most stores are of 8 bytes. */
static uint64_t first_store(const CriticalCode *c)
{
    return (uintptr_t)&c->store[3];
}

static bool is_own(const CriticalCode *c, uint64_t v)
{
    return c && v - (uintptr_t)c->store < sizeof c->store;
}

/* ---- what blocks in sections call ------------------------------------------------------------ */

static void enter(Cpu *cpu, GuestAddr descriptor)
{
    CpuCritical *c = &cpu->critical;
    CriticalRecord r;
    c->armed = &c->none;
    if (!c->area || guest_read(&r, descriptor, sizeof r)) {
        return;
    }
    /* 0: an interruption since the guest wrote it. Nothing of the section has been done yet. */
    uint64_t v = *c->area;
    if (v == descriptor || v == 0 || is_own(c->code, v)) {
        c->now = (CriticalSection){r.start, r.start + r.length, r.abort, descriptor};
        c->armed = c->area;
        *c->area = first_store(c->code);
    }
}

static void interrupt(Cpu *cpu)
{
    CpuCritical *c = &cpu->critical;
    if (c->armed == c->area && c->area && cpu->pc - c->now.start < c->now.end - c->now.start) {
        *c->area = 0;
    }
}

static void aborts(Cpu *cpu)
{
    CpuCritical *c = &cpu->critical;
    uint32_t word;
    if (guest_read_u32(c->now.abort - sizeof word, &word) || word != c->signature) {
        c->bad = true;
        jit_interrupt(cpu);
    }
    c->armed = &c->none;
}

static const CriticalHost critical_host = {
    .store = rseq_store, .enter = enter, .interrupt = interrupt, .aborts = aborts};

/* ---- threads, signals ------------------------------------------------------------------------ */

void rseq_thread(Thread *t)
{
    CpuCritical *c = &t->cpu.critical;
    memset(c, 0, sizeof *c);
    c->armed = &c->none;
    c->code = code_for((uint32_t)GUEST_SIGNATURE);
    c->none = first_store(c->code);
    t->cpu.critical_host = &critical_host;
}

bool rseq_interrupted(Thread *t)
{
    CpuCritical *c = &t->cpu.critical;
    if (!c->area || c->armed != c->area) {
        return false;
    }
    GuestAddr pc = t->cpu.pc & t->process->frontend->pc_mask;
    if (pc - c->now.start >= c->now.end - c->now.start) {
        return false;
    }
    uint64_t zero = 0;
    (void)guest_write(guest_addr((const void *)c->area), &zero, sizeof zero);
    t->cpu.pc = c->now.abort;
    aborts(&t->cpu);
    return true;
}

bool rseq_fault(Thread *t, GuestAddr address)
{
    enum { TRIES = 3 };
    CpuCritical *c = &t->cpu.critical;
    if (!rseq_interrupted(t)) {
        return false;
    }
    c->faults = address == c->fault ? c->faults + 1 : 1;
    c->fault = address;
    if (c->faults < TRIES) {
        return true;
    }
    c->faults = 0;
    return false;
}

bool rseq_is_bad(Thread *t)
{
    bool bad = t->cpu.critical.bad;
    t->cpu.critical.bad = false;
    return bad;
}

/* The C library registers an area for xemu's first thread. */
static bool unregister_own(void)
{
    uintptr_t area = (uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset;
    return __rseq_size && host_raw4(SYS_rseq, area, AREA_SIZE, UNREGISTER, LIBRARY_SIGNATURE) == 0;
}

long sys_rseq(Thread *t, const uint64_t a[6])
{
    CpuCritical *c = &t->cpu.critical;
    bool leaves = (uint32_t)a[2] == UNREGISTER;
    const CriticalCode *code = leaves ? c->code : code_for((uint32_t)a[3]);
    if (!code) {
        return -ENOMEM;
    }
    long r = host_raw4(SYS_rseq, a[0], (uint32_t)a[1], (uint32_t)a[2], (uint32_t)a[3]);
    if (r && !leaves && !c->area && !t->host_stack && unregister_own()) {
        r = host_raw4(SYS_rseq, a[0], (uint32_t)a[1], (uint32_t)a[2], (uint32_t)a[3]);
    }
    if (r == 0) {
        c->armed = &c->none;
        c->area = leaves ? NULL : guest_ptr(a[0] + AREA_CS);
        c->code = code;
        c->none = first_store(code);
        c->signature = (uint32_t)a[3];
    }
    return r;
}
