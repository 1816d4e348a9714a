// Half precision: conversions and arithmetic, as storage format and (where the flags allow) as instructions.
// guest: flags=-march=armv8.2-a+fp16
#include "guest.h"

static uint16_t half_bits(_Float16 h)
{
    uint16_t u;
    memcpy(&u, &h, 2);
    return h != h ? 0x7e00 : u;
}

static _Float16 half_from(uint16_t u)
{
    _Float16 h;
    memcpy(&h, &u, 2);
    return h;
}

int main(void)
{
    for (unsigned i = 0; i < 65536; i += 3) {
        _Float16 h = half_from((uint16_t)i);
        digest(f32_bits((float)h));
        digest(f64_bits((double)h));
    }
    digest_print("widen");
    for (int i = 0; i < 20000; i++) {
        float f = f32_from((uint32_t)rnd());
        digest(half_bits((_Float16)f));
        digest(half_bits((_Float16)((float)(int32_t)rnd() / 60000)));
        digest(half_bits((_Float16)((double)(int64_t)rnd() / 3e14)));
    }
    digest_print("narrow");
    for (int i = 0; i < 20000; i++) {
        volatile _Float16 a = half_from((uint16_t)rnd()), b = half_from((uint16_t)rnd());
        volatile _Float16 r = a + b;
        digest(half_bits(r));
        r = a - b;
        digest(half_bits(r));
        r = a * b;
        digest(half_bits(r));
        r = a / b;
        digest(half_bits(r));
        r = -a;
        digest(half_bits(r));
        digest((unsigned)(a < b) | (unsigned)(a == b) << 1 | (unsigned)(a >= b) << 2);
    }
    digest_print("arithmetic");
    return 0;
}
