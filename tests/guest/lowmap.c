// The low two gigabytes are the program's: gcl maps its heap over all of them but their end, behind
// its own image.
#include "guest.h"
#include <sys/mman.h>

int main(void)
{
    const uintptr_t low = 0x10000000, high = 0x74000000;
    char *heap = mmap((void *)low, high - low, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    bool ok = heap == (char *)low;
    for (uintptr_t at = low; ok && at < high; at += 64 << 20) {
        heap[at - low] = 1;
    }
    printf("%s\n", ok && !munmap(heap, high - low) ? "ok" : "WRONG");
    return 0;
}
