#ifndef XEMU_HOST_CACHEINFO_H
#define XEMU_HOST_CACHEINFO_H

/* libc's start knows which registers its own functions change, and keeps things in the others. */
#define CACHE_INFO_IN_START                                                                        \
    __attribute__((target("general-regs-only"), no_stack_protector, no_caller_saved_registers))

/* What libc's sysconf() says of an Intel processor's caches: name is _SC_LEVEL1_ICACHE_SIZE to
 * _SC_LEVEL4_CACHE_SIZE. */
CACHE_INFO_IN_START long host_cache_info(int name);
/* The same of an AMD processor, to _SC_LEVEL3_CACHE_LINESIZE. */
CACHE_INFO_IN_START long host_cache_info_amd(int name);

#endif
