/* ready.h - snippets made when xemu was built (tools/snippets), for JitOptions.ready. */
#ifndef XEMU_JIT_READY_H
#define XEMU_JIT_READY_H

struct ReadySnippets;
extern const struct ReadySnippets ready_aarch64;

#endif
