/* symbols.h - names of guest functions, from the ELF files that are mapped. For looking at only. */
#ifndef XEMU_RUNTIME_PROF_SYMBOLS_H
#define XEMU_RUNTIME_PROF_SYMBOLS_H

#include "frontend/frontend.h"

typedef struct Symbols Symbols;

/* NULL: out of memory. Under the caller's lock, all of it. */
Symbols *symbols_create(void);
/* The function that pc is in; NULL: not known. Good until the next call. */
const char *symbols_find(Symbols *s, GuestAddr pc);

#endif
