// The same operations as single instructions of the Large System Extensions.
// guest: flags=-march=armv8.1-a -mno-outline-atomics
// guest: native-flags=
#include "atomics.c"
