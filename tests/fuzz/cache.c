/* A file of the cache from anywhere: reading it as an entry, and all frames of its parts, never
 * touches what isn't its own. The checksums of the header are put right first, else nothing would
 * get past them. */
#include <stdlib.h>
#include <string.h>

#include "cache/check.h"
#include "cache/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_checks(uint8_t *bytes, size_t size)
{
    EntryHeader h;
    if (size < sizeof h)
        return;
    memcpy(&h, bytes, sizeof h);
    memcpy(h.magic, CACHE_MAGIC, 8);
    h.version = CACHE_VERSION;
    h.file_size = size;
    h.check = 0;
    if (h.header_size >= sizeof h && h.header_size <= size)
        h.check =
            check_sum(&h, sizeof h) ^
            check_fold(check_sum(bytes + sizeof h, h.header_size - sizeof h), 0x9e3779b97f4a7c15u);
    memcpy(bytes, &h, sizeof h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Cache cache;
    EntryImage image = {.bytes = malloc(size + 1), .size = size};
    memcpy(image.bytes, data, size);
    if (size && data[0] & 1)
        set_checks(image.bytes, size);
    if (entry_valid(image.bytes, image.size, NULL)) {
        const PartHeader *p = image_first(&image);
        for (uint32_t k = 0; k < image_header(&image)->nparts; k++, p = part_next(p)) {
            part_valid(&image, p);
            for (uint32_t n = 0; n < p->nframes; n++) {
                uint32_t raw = part_frames(p)[n].raw;
                if (raw > 1 << 20)
                    continue;
                void *room = malloc(raw + 1);
                frame_read(&cache, &image, p, n, room, raw);
                free(room);
            }
        }
    }
    free(image.bytes);
    return 0;
}
