/* watch.c - running a thread whose debugger watches addresses: by the interpreter, block by block.
 * Its micro-ops are kept for a while; whether they are still right is seen by their instructions'
 * bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "jit/internal.h"

enum { KEPT = 256, BYTES_MOST = 4 * JIT_MAX_INSNS };

typedef struct Kept {
    GuestAddr pc;
    uint32_t mode, len;
    UopBlock *uops;
    uint8_t bytes[BYTES_MOST];
} Kept;

struct WatchCache {
    Kept kept[KEPT];
};

static bool same(JitThread *t, const Kept *k, GuestAddr pc, uint32_t mode)
{
    size_t avail = 0;
    GuestAddr address = pc & t->jit->frontend->pc_mask;
    const uint8_t *bytes = k->uops && k->pc == pc && k->mode == mode
                               ? t->jit->host.fetch(t->jit->host.ctx, address, &avail)
                               : NULL;
    return bytes && avail >= k->len && memcmp(bytes, k->bytes, k->len) == 0;
}

/* The micro-ops of the block at pc: kept ones, or t->uops. NULL: no memory. */
static UopBlock *uops_at(JitThread *t)
{
    GuestAddr pc = t->cpu->pc;
    uint32_t mode = t->cpu->mode;
    if (!t->watch_cache) {
        t->watch_cache = calloc(1, sizeof *t->watch_cache);
    }
    Kept *k =
        t->watch_cache ? &t->watch_cache->kept[(pc >> t->jit->frontend->insn_shift) % KEPT] : NULL;
    if (k && same(t, k, pc, mode)) {
        return k->uops;
    }
    if (!jit_build_some(t)) {
        return NULL;
    }
    size_t avail = 0, len = t->uops.guest_len;
    const uint8_t *bytes =
        t->jit->host.fetch(t->jit->host.ctx, pc & t->jit->frontend->pc_mask, &avail);
    if (!k || !bytes || avail < len || len > BYTES_MOST || len == 0) {
        return &t->uops;
    }
    if (k->uops) {
        uop_block_free(k->uops);
        free(k->uops);
    }
    k->uops = jit_copy_uops(&t->uops);
    k->pc = pc;
    k->mode = mode;
    k->len = (uint32_t)len;
    memcpy(k->bytes, bytes, len);
    return k->uops ? k->uops : &t->uops;
}

void jit_watch_end(JitThread *t)
{
    for (unsigned i = 0; t->watch_cache && i < KEPT; i++) {
        if (t->watch_cache->kept[i].uops) {
            uop_block_free(t->watch_cache->kept[i].uops);
            free(t->watch_cache->kept[i].uops);
        }
    }
    free(t->watch_cache);
    t->watch_cache = NULL;
}

CpuExit jit_run_watched(Cpu *cpu)
{
    JitThread *t = cpu->jit;
    CpuExit r = CPU_EXIT_NONE;
    while (r == CPU_EXIT_NONE) {
        if (__atomic_load_n((uint32_t *)&cpu->interrupt, __ATOMIC_RELAXED)) {
            __atomic_store_n((uint32_t *)&cpu->interrupt, 0, __ATOMIC_SEQ_CST);
            r = CPU_EXIT_INTERRUPT;
            break;
        }
        Block b = {.pc = cpu->pc, .mode = cpu->mode};
        b.uops = jit_can_translate(t) ? uops_at(t) : NULL;
        r = b.uops ? jit_run_interp(t, &b) : CPU_EXIT_NO_MEMORY;
    }
    return cpu->exit_reason = r;
}
