/* samples.c - see samples.h. */
#include "jit/samples.h"

#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jit/ownmem.h"

enum { PERIOD_NS = 1000000, PAGE = 4096, DATA_PAGES = 16, RING = (1 + DATA_PAGES) * PAGE };

typedef struct Record {
    struct perf_event_header header;
    uint64_t ip;   /* PERF_RECORD_SAMPLE; PERF_RECORD_LOST: an id */
    uint64_t lost; /* PERF_RECORD_LOST */
} Record;

void samples_start(JitThread *t)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_TASK_CLOCK,
                                   .sample_period = PERIOD_NS,
                                   .sample_type = PERF_SAMPLE_IP,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    t->sampling = true;
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0) {
        void *p = mmap(ownmem_hint(RING), RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        t->samples = p == MAP_FAILED ? NULL : p;
        close(fd); /* the mapping keeps it */
    }
}

/* Copies n bytes from position `at` of the ring. */
static void copy(void *to, const uint8_t *data, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)to)[i] = data[(at + i) % (DATA_PAGES * PAGE)];
    }
}

static uint64_t *counter(JitThread *t, uintptr_t host_pc)
{
    Block room;
    if (!jit_is_code(t->jit, host_pc)) {
        return &t->stats.other_ms;
    }
    const Block *b = jit_block_of_code(t->jit, host_pc, &room);
    return b && b->tier2 ? &t->stats.tier2_ms : &t->stats.tier1_ms;
}

void samples_count(JitThread *t)
{
    struct perf_event_mmap_page *page = t->samples;
    if (!page || __atomic_exchange_n(&t->counting, true, __ATOMIC_ACQUIRE)) {
        return;
    }
    const uint8_t *data = (const uint8_t *)page + PAGE;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), at = page->data_tail;
    uint64_t *last = &t->stats.other_ms;
    while (at < head) {
        Record r = {0};
        copy(&r.header, data, at, sizeof r.header);
        copy(&r, data, at, r.header.size < sizeof r ? r.header.size : sizeof r);
        if (r.header.type == PERF_RECORD_SAMPLE) {
            last = counter(t, r.ip);
            ++*last;
        } else if (r.header.type == PERF_RECORD_LOST) {
            *last += r.lost; /* a thread that doesn't come by stays where it is */
        }
        at += r.header.size ? r.header.size : head - at;
    }
    __atomic_store_n(&page->data_tail, at, __ATOMIC_RELEASE);
    __atomic_store_n(&t->counting, false, __ATOMIC_RELEASE);
}

void samples_look(JitThread *t)
{
    const struct perf_event_mmap_page *page = t->samples;
    if (page && __atomic_load_n(&page->data_head, __ATOMIC_RELAXED) - page->data_tail >
                    DATA_PAGES * PAGE / 4) {
        samples_count(t);
    }
}

void samples_end(JitThread *t)
{
    samples_count(t);
    while (t->samples && __atomic_exchange_n(&t->counting, true, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    if (t->samples) {
        munmap(t->samples, RING);
        t->samples = NULL;
    }
}

void samples_forked(JitThread *t)
{
    t->samples = NULL;
    t->sampling = t->counting = false;
    t->stats.tier1_ms = t->stats.tier2_ms = t->stats.other_ms = 0;
}
