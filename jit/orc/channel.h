/* channel.h - what a guest process and its optimizer share: a memory file with slots, each a
 * request that becomes its answer.
 *
 *     FREE --guest--> ASKED --optimizer--> AT_WORK --optimizer--> DONE or REFUSED --guest--> FREE
 *
 * No descriptor stays open in the guest process: it has the mapping, and wakes the optimizer by a
 * futex in it. Whoever finds the other dead goes on without it.
 */
#ifndef XEMU_JIT_ORC_CHANNEL_H
#define XEMU_JIT_ORC_CHANNEL_H

#include <pthread.h>

#include "lift/lift.h"

enum { CHANNEL_SLOTS = 8, CHANNEL_SLOT_SIZE = 1 << 20 };
enum { SLOT_FREE, SLOT_ASKED, SLOT_AT_WORK, SLOT_DONE, SLOT_REFUSED };

typedef struct Slot {
    uint32_t state; /* SLOT_* (atomic) */
    uint32_t order; /* of asking: the oldest is served first */
    _Alignas(64) uint8_t data[CHANNEL_SLOT_SIZE - 64];
} Slot;

typedef struct Channel {
    uint32_t asked;       /* futex: counts requests */
    uint32_t answered;    /* futex: counts answers */
    uint32_t closed;      /* the guest process doesn't want the optimizer any more */
    int32_t guest;        /* its process id, in its own view */
    uint32_t alive;       /* the optimizer has taken the lock */
    pthread_mutex_t life; /* robust: the optimizer holds it, so the kernel says when it has died */
    uint32_t peak_kb;     /* its peak memory */
    _Alignas(4096) Slot slots[CHANNEL_SLOTS];
} Channel;

/* Writes the region to data (size bytes); the bytes used, 0 if it doesn't fit. */
size_t request_write(uint8_t *data, size_t size, const LiftRegion *r);
/* The region that stands there: everything that it points to is checked to be within. One
 * allocation, freed by free(). NULL: nonsense, or out of memory. */
typedef struct Request {
    LiftRegion region;
    Frontend frontend;
} Request;
Request *request_read(const uint8_t *data, size_t size);
/* The same for the answer. */
size_t answer_write(uint8_t *data, size_t size, const CodeObject *o);
int answer_read(const uint8_t *data, size_t size,
                CodeObject *o); /* 0 or -errno; code_object_free(o) is the caller's */

/* The optimizer's main program: `fd` is the memory file. Returns its exit status. */
int optimizer_main(int fd);

#endif
