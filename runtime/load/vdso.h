/* vdso.h - the guest's vDSO: a small AArch64 ELF library that stands in guest memory and is named
 * by AT_SYSINFO_EHDR. */
#ifndef XEMU_RUNTIME_LOAD_VDSO_H
#define XEMU_RUNTIME_LOAD_VDSO_H

#include "runtime/mem/mem.h"

/* Maps it; sets mem->vdso and vdso_end. 0 or -errno. */
int vdso_map(Mem *mem);
/* Address of __kernel_rt_sigreturn in the mapped vDSO: where handlers without SA_RESTORER return
 * to. */
GuestAddr vdso_sigreturn(const Mem *mem);
/* The image, for tests. */
const void *vdso_image(size_t *size);

#endif
