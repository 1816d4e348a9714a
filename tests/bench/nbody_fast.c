// group: -Ofast
// flags: -Ofast
// scalar double with denormals flushed to zero (FPCR.FZ).
#include "nbody.c"
