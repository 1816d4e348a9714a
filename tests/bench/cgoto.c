// group: dispatch
// A byte-code interpreter with computed goto.
#include "bench.h"

enum { PUSH, ADD, MUL, DUP, SWAP, OVER, JNZ, DEC, XOR, DROP, HALT };

BENCH(600000, dispatch)
{
    static void *const label[] = {&&push, &&add, &&mul, &&dup_, &&swap, &&over, &&jnz, &&dec, &&xor_, &&drop, &&halt};
    static const uint8_t code[] = {PUSH, 1,    PUSH, 16,  SWAP, PUSH, 3,   MUL, OVER,        ADD,
                                   OVER, XOR,  SWAP, DEC, DUP,  JNZ,  244, DROP, HALT};
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t stack[32], *sp = stack, t;
        const uint8_t *pc = code;
#define NEXT goto *label[*pc++]
        NEXT;
    push: *sp++ = *pc++; NEXT;
    add: sp--, sp[-1] += sp[0]; NEXT;
    mul: sp--, sp[-1] *= sp[0]; NEXT;
    dup_: sp[0] = sp[-1], sp++; NEXT;
    swap: t = sp[-1], sp[-1] = sp[-2], sp[-2] = t; NEXT;
    over: sp[0] = sp[-2], sp++; NEXT;
    jnz: pc += *--sp ? (int8_t)*pc : 1; NEXT;
    dec: sp[-1]--; NEXT;
    xor_: sp--, sp[-1] ^= sp[0]; NEXT;
    drop: sp--; NEXT;
    halt: total += sp[-1] ^ i;
    }
    return total;
}
