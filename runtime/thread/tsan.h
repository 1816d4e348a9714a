/* tsan.h - builds with ThreadSanitizer: how guest threads start there. */
#ifndef XEMU_RUNTIME_THREAD_TSAN_H
#define XEMU_RUNTIME_THREAD_TSAN_H

#include "runtime/host/host.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define XEMU_TSAN 1
#endif
#endif
#ifndef XEMU_TSAN
#define XEMU_TSAN 0
#endif

struct clone_args;

#if XEMU_TSAN
/* As host_clone3() for threads; args: clone3's. Its stack and thread pointer aren't used. */
long tsan_thread(const struct clone_args *args, void (*run)(void *), void *arg);
/* As clone3 without CLONE_VM, in a way that ThreadSanitizer knows of: other threads of the parent
 * may hold its locks. */
long tsan_fork(const struct clone_args *args);
#endif

#endif
