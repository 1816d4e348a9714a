/* roots.h - where code begins that an ELF file tells of: addresses in it, to begin reading at.
 */
#ifndef XEMU_RUNTIME_AOT_ROOTS_H
#define XEMU_RUNTIME_AOT_ROOTS_H

#include "runtime/aot/view.h"

/* How it is known. */
typedef enum RootKind {
    ROOT_FUNCTION, /* a function begins there, of `size` bytes (0: unknown) */
    ROOT_EXPORT,   /* the same, and other files may call it */
    ROOT_POINTER,  /* data points there */
    ROOT_PAD,      /* the unwinder goes there */
} RootKind;

typedef struct Roots {
    void *ctx;
    void (*found)(void *ctx, RootKind kind, uint64_t addr, uint64_t size);
} Roots;

/* Entry, symbols, relocations, arrays of functions, data of a program that isn't relocated.
 * Addresses may be anything. */
void roots_file(const View *v, const Roots *r);
/* Unwind tables and what they say of exceptions. */
void roots_unwind(const View *v, const Roots *r);
/* Functions of a Go program; false: it is none. */
bool roots_go(const View *v, const Roots *r);

#endif
