/* interp_mem.c - guest memory: direct accesses by the host, which may fault, and C helpers.
 *
 * An x86-64 host orders loads as acquire and stores as release anyway; what is left is that the
 * compiler keeps the accesses (volatile) and the full barrier between a store and ordered loads
 * behind it: here after the store. Aligned accesses up to 8 bytes are single instructions and so
 * single-copy atomic; aligned 16-byte SSE accesses are atomic on hosts with AVX, and go by
 * cmpxchg16b on others.
 */
#include <sys/platform/x86.h>

#include "jit/internal.h"
#include "jit/interp/ops.h"

#if !defined(__x86_64__)
#error "16-byte atomics are written for x86-64 hosts"
#endif

typedef volatile uint16_t __attribute__((aligned(1), may_alias)) Any16;
typedef volatile uint32_t __attribute__((aligned(1), may_alias)) Any32;
typedef volatile uint64_t __attribute__((aligned(1), may_alias)) Any64;

static GuestAddr address(const Op *o)
{
    GuestAddr a = o->a->u64[0];
    return o->cpu->mode & CPU_MODE_TAGGED ? a & (UINT64_MAX >> 8) : a;
}

/* a + (b << scale) + imm, for LOAD and STORE. */
static void *operand_address(const Op *o)
{
    GuestAddr a = o->a->u64[0] + (uint64_t)(int64_t)o->u->imm;
    if (o->u->b != VAL_NONE) {
        a += o->b->u64[0] << uop_mem_scale(o->u->sub);
    }
    return (void *)(uintptr_t)(o->cpu->mode & CPU_MODE_TAGGED ? a & (UINT64_MAX >> 8) : a);
}

static inline void *host(GuestAddr a)
{
    return (void *)(uintptr_t)a;
}

/* Value bytes reversed where memory is big-endian. */
static uint64_t swap_bytes(uint64_t x, unsigned log2)
{
    return __builtin_bswap64(x) >> (64 - (8u << log2));
}

static V128 swap16(V128 v)
{
    return (V128){.u64 = {__builtin_bswap64(v.u64[1]), __builtin_bswap64(v.u64[0])}};
}

static inline uint64_t load_raw(const void *p, unsigned log2)
{
    switch (log2) {
    case 0: return *(const volatile uint8_t *)p;
    case 1: return *(const Any16 *)p;
    case 2: return *(const Any32 *)p;
    default: return *(const Any64 *)p;
    }
}

static inline void store_raw(void *p, unsigned log2, uint64_t x)
{
    switch (log2) {
    case 0: *(volatile uint8_t *)p = (uint8_t)x; break;
    case 1: *(Any16 *)p = (uint16_t)x; break;
    case 2: *(Any32 *)p = (uint32_t)x; break;
    default: *(Any64 *)p = x; break;
    }
}

/* ---- 16 bytes -------------------------------------------------------------------------------- */
/* If *p == old then *p = new; returns the old contents. p is 16-byte aligned and writable. */
static V128 cas16(void *p, V128 old, V128 new)
{
    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*(V128 *)p), "+a"(old.u64[0]), "+d"(old.u64[1])
                     : "b"(new.u64[0]), "c"(new.u64[1])
                     : "cc", "memory");
    return old;
}

static bool sse_is_atomic(void)
{
    return CPU_FEATURE_ACTIVE(AVX);
}

static V128 load16(void *p, bool atomic)
{
    V128 v;
    if (!atomic || (uintptr_t)p % 16 != 0) {
        v.u64[0] = ((const Any64 *)p)[0];
        v.u64[1] = ((const Any64 *)p)[1];
    } else if (sse_is_atomic()) {
        __asm__ volatile("movdqa %1, %%xmm0\n\tmovdqa %%xmm0, %0"
                         : "=m"(v)
                         : "m"(*(const V128 *)p)
                         : "xmm0", "memory");
    } else {
        V128 zero = {.u64 = {0, 0}};
        v = cas16(p, zero, zero);
    }
    return v;
}

static void store16(void *p, V128 v, bool atomic)
{
    if (!atomic || (uintptr_t)p % 16 != 0) {
        ((Any64 *)p)[0] = v.u64[0];
        ((Any64 *)p)[1] = v.u64[1];
    } else if (sse_is_atomic()) {
        __asm__ volatile("movdqa %1, %%xmm0\n\tmovdqa %%xmm0, %0"
                         : "=m"(*(V128 *)p)
                         : "m"(v)
                         : "xmm0", "memory");
    } else {
        V128 seen = {.u64 = {0, 0}}, old;
        do {
            old = seen;
            seen = cas16(p, old, v);
        } while (seen.u128 != old.u128);
    }
}

/* ---- load and store -------------------------------------------------------------------------- */

/* Before an ordered load: what a tier left undone behind a store. */
static void settle_stores(const Op *o)
{
    if (uop_is_seq(o->u) && o->cpu->stores_wait) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        o->cpu->stores_wait = 0;
    }
}

void interp_LOAD(const Op *o)
{
    settle_stores(o);
    void *p = operand_address(o);
    unsigned log2 = uop_mem_log2(o->u->sub);
    bool be = uop_mem_be(o->u->sub);
    if (log2 == 4) {
        V128 v = load16(p, o->u->flags & UOPF_ATOMIC);
        *o->dst = be ? swap16(v) : v;
        return;
    }
    uint64_t x = load_raw(p, log2);
    x = be ? swap_bytes(x, log2) : x;
    if (uop_is_int(o->u->type)) {
        set_int(o, uop_mem_signed(o->u->sub) ? (uint64_t)sign_extend(x, 8u << log2) : x);
    } else {
        *o->dst = (V128){.u64 = {x, 0}};
    }
}

void interp_STORE(const Op *o)
{
    void *p = operand_address(o);
    unsigned log2 = uop_mem_log2(o->u->sub);
    bool be = uop_mem_be(o->u->sub);
    if (log2 == 4) {
        store16(p, be ? swap16(*o->c) : *o->c, o->u->flags & UOPF_ATOMIC);
    } else {
        uint64_t x = o->c->u64[0];
        store_raw(p, log2, be ? swap_bytes(x, log2) : x);
    }
    if (uop_is_seq(o->u)) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

/* ---- compare and swap ------------------------------------------------------------------------ */
/* As cas16 for 1 << log2 bytes; unaligned addresses are the host's lock prefix's business. */
__attribute__((no_sanitize("alignment"))) static uint64_t cas_raw(void *p, unsigned log2,
                                                                  uint64_t old, uint64_t new)
{
    switch (log2) {
    case 0: {
        uint8_t seen = (uint8_t)old;
        __atomic_compare_exchange_n((uint8_t *)p, &seen, (uint8_t) new, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return seen;
    }
    case 1: {
        uint16_t seen = (uint16_t)old;
        __atomic_compare_exchange_n((uint16_t *)p, &seen, (uint16_t) new, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return seen;
    }
    case 2: {
        uint32_t seen = (uint32_t)old;
        __atomic_compare_exchange_n((uint32_t *)p, &seen, (uint32_t) new, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return seen;
    }
    default: {
        uint64_t seen = old;
        __atomic_compare_exchange_n((uint64_t *)p, &seen, new, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        return seen;
    }
    }
}

void interp_CAS(const Op *o)
{
    unsigned log2 = uop_mem_log2(o->u->sub);
    bool be = uop_mem_be(o->u->sub);
    void *p = host(address(o));
    if (log2 == 4) {
        V128 old = *o->b, new = *o->c;
        old = cas16(p, be ? swap16(old) : old, be ? swap16(new) : new);
        *o->dst = be ? swap16(old) : old;
        return;
    }
    uint64_t old = low_bits(o->b->u64[0], 8u << log2), new = o->c->u64[0];
    old = cas_raw(p, log2, be ? swap_bytes(old, log2) : old, be ? swap_bytes(new, log2) : new);
    set_int(o, be ? swap_bytes(old, log2) : old);
}

static uint64_t rmw_value(UopRmw kind, uint64_t old, uint64_t x, unsigned bits)
{
    x = low_bits(x, bits);
    switch (kind) {
    case UOP_RMW_ADD: return old + x;
    case UOP_RMW_CLR: return old & ~x;
    case UOP_RMW_XOR: return old ^ x;
    case UOP_RMW_OR: return old | x;
    case UOP_RMW_SMAX: return interp_compare(UOP_SGT, old, x, bits) ? old : x;
    case UOP_RMW_SMIN: return interp_compare(UOP_SLT, old, x, bits) ? old : x;
    case UOP_RMW_UMAX: return old > x ? old : x;
    case UOP_RMW_UMIN: return old < x ? old : x;
    default: return x; /* SWAP */
    }
}

void interp_RMW(const Op *o)
{
    unsigned log2 = uop_mem_log2(o->u->sub), bits = 8u << log2;
    bool be = uop_mem_be(o->u->sub);
    void *p = host(address(o));
    uint64_t seen = load_raw(p, log2), old, value;
    do {
        old = seen;
        value = be ? swap_bytes(old, log2) : old;
        uint64_t new = rmw_value((UopRmw)o->u->imm, value, o->b->u64[0], bits);
        seen = cas_raw(p, log2, old, be ? swap_bytes(new, log2) : new);
    } while (seen != old);
    set_int(o, value);
}

/* ---- load-linked, store-conditional ---------------------------------------------------------- */
/* The reservation is address, size and value: a store-conditional is a compare-and-swap against the
 * value that was loaded. */
#define NO_RESERVATION (~(GuestAddr)0)

void interp_LL(const Op *o)
{
    unsigned log2 = uop_mem_log2(o->u->sub);
    bool be = uop_mem_be(o->u->sub);
    GuestAddr at = address(o);
    settle_stores(o);
    V128 raw = log2 == 4 ? load16(host(at), true) : (V128){.u64 = {load_raw(host(at), log2), 0}};
    o->cpu->ll_value = raw;
    o->cpu->ll_size = 1u << log2;
    o->cpu->ll_addr = at;
    if (log2 == 4) {
        *o->dst = be ? swap16(raw) : raw;
    } else {
        set_int(o, be ? swap_bytes(raw.u64[0], log2) : raw.u64[0]);
    }
}

void interp_SC(const Op *o)
{
    unsigned log2 = uop_mem_log2(o->u->sub);
    bool be = uop_mem_be(o->u->sub);
    GuestAddr at = address(o);
    bool stored = false;
    if (o->cpu->ll_addr == at && o->cpu->ll_size == 1u << log2) {
        V128 old = o->cpu->ll_value;
        if (log2 == 4) {
            stored = cas16(host(at), old, be ? swap16(*o->c) : *o->c).u128 == old.u128;
        } else {
            uint64_t new = o->c->u64[0];
            stored =
                cas_raw(host(at), log2, old.u64[0], be ? swap_bytes(new, log2) : new) == old.u64[0];
        }
    }
    o->cpu->ll_addr = NO_RESERVATION;
    set_bool(o, !stored);
}

void interp_CLREX(const Op *o)
{
    o->cpu->ll_addr = NO_RESERVATION;
}

/* ---- barriers, hints, calls ------------------------------------------------------------------ */
void interp_FENCE(const Op *o)
{
    switch (o->u->sub) {
    case UOP_FENCE_FULL: __atomic_thread_fence(__ATOMIC_SEQ_CST); break;
    case UOP_FENCE_LOAD: __atomic_thread_fence(__ATOMIC_ACQUIRE); break;
    case UOP_FENCE_STORE: __atomic_thread_fence(__ATOMIC_RELEASE); break;
    default: break; /* INSN: blocks start anew at the exit that follows */
    }
}

void interp_PREFETCH(const Op *o)
{
    (void)o;
}

/* A Cpu without a jit (a lone block being interpreted) has no translations to drop. */
void interp_ICACHE(const Op *o)
{
    uint64_t len = (uint32_t)o->u->imm;
    if (o->cpu->jit) {
        jit_invalidate(jit_thread(o->cpu)->jit, address(o) & ~(len - 1), len);
    }
}

void interp_HELPER(const Op *o)
{
    const HelperInfo *h = &o->cpu->frontend->helpers[o->u->imm];
    uint64_t r =
        h->fn(o->cpu, o->a ? o->a->u64[0] : 0, o->b ? o->b->u64[0] : 0, o->c ? o->c->u64[0] : 0);
    if (o->dst) {
        o->dst->u64[0] = r;
    }
}

/* ---- watched addresses ----------------------------------------------------------------------- */

static bool hits(CpuWatch *w, GuestAddr start, GuestAddr end, unsigned use)
{
    for (unsigned i = 0; i < w->n; i++) {
        if ((w->range[i].use & use) && start < w->range[i].end && end > w->range[i].start) {
            w->hit = start > w->range[i].start ? start : w->range[i].start;
            w->is_hit = true;
            return true;
        }
    }
    return false;
}

bool interp_watched_pc(Cpu *cpu, GuestAddr pc)
{
    GuestAddr at = pc & cpu->frontend->pc_mask;
    return hits(cpu->watch, at, at + 1, CPU_WATCH_EXEC);
}

bool interp_watched(const Op *o)
{
    unsigned use;
    GuestAddr at;
    switch (o->u->op) {
    case UOP_LOAD:
    case UOP_STORE:
        at = (GuestAddr)(uintptr_t)operand_address(o);
        use = o->u->op == UOP_LOAD ? CPU_WATCH_READ : CPU_WATCH_WRITE;
        break;
    case UOP_LL:
        at = address(o);
        use = CPU_WATCH_READ;
        break;
    case UOP_SC:
    case UOP_RMW:
    case UOP_CAS:
        at = address(o);
        use = CPU_WATCH_READ | CPU_WATCH_WRITE;
        break;
    default: return false;
    }
    return hits(o->cpu->watch, at, at + (1u << uop_mem_log2(o->u->sub)), use);
}
