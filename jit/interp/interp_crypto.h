/* interp_crypto.h - within the interpreter: the SM3 and SM4 steps. */
#ifndef XEMU_JIT_INTERP_INTERP_CRYPTO_H
#define XEMU_JIT_INTERP_INTERP_CRYPTO_H

#include "frontend/uop/uop.h"

/* SM3* and SM4*; lane: of SM3TT*. */
V128 interp_crypto_sm(UopCrypto kind, V128 a, V128 b, V128 c, unsigned lane);

#endif
