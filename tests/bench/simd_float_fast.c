// group: -Ofast
// flags: -Ofast
// SIMD float with denormals flushed to zero (FPCR.FZ).
#include "simd_float.c"
