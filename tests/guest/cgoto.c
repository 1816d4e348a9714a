// Interpreters: the same byte code run by computed goto, by a switch and by a table of functions.
#include "guest.h"

enum { PUSH, ADD, MUL, SUB, DUP, SWAP, DROP, OVER, JNZ, DEC, XOR, HALT };

static const uint8_t program[] = {
    // acc n -- : acc = (acc * 3 + n) ^ n, n times
    PUSH, 1,    PUSH, 250,  // acc n
    SWAP, PUSH, 3,    MUL,  // n acc*3
    OVER, ADD,  OVER, XOR,  // n acc'
    SWAP, DEC,  DUP,  JNZ,  (uint8_t)-12, // acc' n-1
    DROP, HALT,
};

static uint64_t by_goto(const uint8_t *pc)
{
    static void *const label[] = {&&push, &&add, &&mul, &&sub, &&dup_, &&swap, &&drop, &&over, &&jnz, &&dec, &&xor_,
                                  &&halt};
    uint64_t stack[32], *sp = stack;
#define NEXT goto *label[*pc++]
    NEXT;
push:
    *sp++ = *pc++;
    NEXT;
add:
    sp--, sp[-1] += sp[0];
    NEXT;
mul:
    sp--, sp[-1] *= sp[0];
    NEXT;
sub:
    sp--, sp[-1] -= sp[0];
    NEXT;
dup_:
    sp[0] = sp[-1], sp++;
    NEXT;
swap : {
    uint64_t t = sp[-1];
    sp[-1] = sp[-2], sp[-2] = t;
    NEXT;
}
drop:
    sp--;
    NEXT;
over:
    sp[0] = sp[-2], sp++;
    NEXT;
jnz:
    pc += *--sp ? (int8_t)*pc : 1;
    NEXT;
dec:
    sp[-1]--;
    NEXT;
xor_:
    sp--, sp[-1] ^= sp[0];
    NEXT;
halt:
    return sp[-1];
}

static uint64_t by_switch(const uint8_t *pc)
{
    uint64_t stack[32], *sp = stack, t;
    for (;;) {
        switch (*pc++) {
        case PUSH: *sp++ = *pc++; break;
        case ADD: sp--, sp[-1] += sp[0]; break;
        case MUL: sp--, sp[-1] *= sp[0]; break;
        case SUB: sp--, sp[-1] -= sp[0]; break;
        case DUP: sp[0] = sp[-1], sp++; break;
        case SWAP: t = sp[-1], sp[-1] = sp[-2], sp[-2] = t; break;
        case DROP: sp--; break;
        case OVER: sp[0] = sp[-2], sp++; break;
        case JNZ: pc += *--sp ? (int8_t)*pc : 1; break;
        case DEC: sp[-1]--; break;
        case XOR: sp--, sp[-1] ^= sp[0]; break;
        case HALT: return sp[-1];
        }
    }
}

typedef struct {
    const uint8_t *pc;
    uint64_t stack[32], *sp;
} Machine;

static void f_push(Machine *m) { *m->sp++ = *m->pc++; }
static void f_add(Machine *m) { m->sp--, m->sp[-1] += m->sp[0]; }
static void f_mul(Machine *m) { m->sp--, m->sp[-1] *= m->sp[0]; }
static void f_sub(Machine *m) { m->sp--, m->sp[-1] -= m->sp[0]; }
static void f_dup(Machine *m) { m->sp[0] = m->sp[-1], m->sp++; }
static void f_swap(Machine *m)
{
    uint64_t t = m->sp[-1];
    m->sp[-1] = m->sp[-2], m->sp[-2] = t;
}
static void f_drop(Machine *m) { m->sp--; }
static void f_over(Machine *m) { m->sp[0] = m->sp[-2], m->sp++; }
static void f_jnz(Machine *m) { m->pc += *--m->sp ? (int8_t)*m->pc : 1; }
static void f_dec(Machine *m) { m->sp[-1]--; }
static void f_xor(Machine *m) { m->sp--, m->sp[-1] ^= m->sp[0]; }

static uint64_t by_table(const uint8_t *pc)
{
    static void (*const f[])(Machine *) = {f_push, f_add, f_mul,  f_sub, f_dup, f_swap,
                                           f_drop, f_over, f_jnz, f_dec, f_xor};
    Machine m = {.pc = pc};
    m.sp = m.stack;
    for (uint8_t op; (op = *m.pc++) != HALT;)
        f[op](&m);
    return m.sp[-1];
}

int main(void)
{
    for (int i = 0; i < 20; i++) {
        digest(by_goto(program));
        digest(by_switch(program));
        digest(by_table(program));
    }
    printf("%016" PRIx64 "\n%016" PRIx64 "\n%016" PRIx64 "\n", by_goto(program), by_switch(program),
           by_table(program));
    digest_print("all");
    return 0;
}
