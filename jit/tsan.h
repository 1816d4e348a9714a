/* tsan.h - what ThreadSanitizer can't see.
 *
 * A block is published by patching a jump to it: a thread that runs into its code sees what was
 * written before (the patch is a plain store on a host that keeps stores in order), and reads the
 * block's structures when it comes out. Builds with ThreadSanitizer are told so.
 */
#ifndef XEMU_JIT_TSAN_H
#define XEMU_JIT_TSAN_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define JIT_PUBLISHED(jit) __tsan_release(jit)
#define JIT_RAN_CODE(jit)  __tsan_acquire(jit)
#endif
#endif
#ifndef JIT_PUBLISHED
#define JIT_PUBLISHED(jit) ((void)0)
#define JIT_RAN_CODE(jit)  ((void)0)
#endif

#endif
