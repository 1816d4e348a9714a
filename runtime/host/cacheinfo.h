#ifndef XEMU_HOST_CACHEINFO_H
#define XEMU_HOST_CACHEINFO_H

/* What libc's sysconf() says of an Intel processor's caches: name is _SC_LEVEL1_ICACHE_SIZE to
 * _SC_LEVEL4_CACHE_SIZE. */
long host_cache_info(int name);
/* The same of an AMD processor. */
long host_cache_info_amd(int name);

#endif
