/* ownmem.h - where xemu's own memory goes.
 *
 * The kernel places mappings without a wish from the top down, where the guest's go as well. If
 * xemu's did, they would fill holes that the guest made with munmap(), and a guest that maps such a
 * place again with MAP_FIXED, as it may, would be refused. So xemu's own mappings wish for an area
 * of their own, where the kernel puts nothing by itself.
 */
#ifndef XEMU_JIT_OWNMEM_H
#define XEMU_JIT_OWNMEM_H

#include <stddef.h>

/* The address to ask mmap() for, without MAP_FIXED, for `bytes` bytes of xemu's. */
void *ownmem_hint(size_t bytes);

#endif
