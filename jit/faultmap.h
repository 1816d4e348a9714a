/* faultmap.h - from a host pc in a block's code to the guest instruction it belongs to.
 *
 * One entry for each change of guest instruction as code is laid down, in ascending host order, hot
 * code then cold code (offsets continue, see Block.cold): two LEB128 numbers:
 *
 *     host delta (bytes since the last entry), guest delta (bytes, zig-zag: cold code goes back)
 *
 * An entry covers the host bytes from its offset to the next entry's.
 */
#ifndef XEMU_JIT_FAULTMAP_H
#define XEMU_JIT_FAULTMAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct FaultMap {
    uint8_t *bytes; /* owned by the builder's user; capacity cap */
    uint32_t len, cap;
    uint32_t last_host;
    int64_t last_guest;
} FaultMap;

void faultmap_begin(FaultMap *m, uint8_t *bytes, uint32_t cap);
/* From host offset `host` on, code belongs to the guest instruction at offset `guest` from the
 * block's pc. False: no room. */
bool faultmap_add(FaultMap *m, uint32_t host, int64_t guest);
/* The guest offset for a host offset; false if the map has none. Async-signal-safe. */
bool faultmap_find(const uint8_t *bytes, uint32_t len, uint32_t host, int64_t *guest);

#endif
