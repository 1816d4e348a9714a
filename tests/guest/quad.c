// Quadruple precision: long double of AArch64, computed in software, against the host's _Float128.
#include "guest.h"

typedef _Float128 Quad;

static void put(const char *what, Quad q)
{
    uint64_t u[2];
    memcpy(u, &q, 16);
    if (q != q)
        u[0] = 0, u[1] = 0x7fff800000000000u;
    printf("%s %016" PRIx64 "%016" PRIx64 "\n", what, u[1], u[0]);
}

static Quad rnd_quad(void)
{
    uint64_t u[2] = {rnd(), rnd()};
    // Exponents near those of each other, so that addition has something to do.
    u[1] = (u[1] & 0x8000ffffffffffffu) | (0x3fd0 + rnd() % 0x60) << 48;
    if (rnd() % 16 == 0)
        u[0] = 0;
    Quad q;
    memcpy(&q, u, 16);
    return q;
}

int main(void)
{
    for (int i = 0; i < 400; i++) {
        volatile Quad a = rnd_quad(), b = rnd_quad();
        put("add", a + b);
        put("sub", a - b);
        put("mul", a * b);
        put("div", a / b);
        double d = (double)a;
        float f = (float)b;
        put("from double", (Quad)d + (Quad)f);
        printf("%016" PRIx64 " %08" PRIx32 " %" PRId64 " %d %d %d %d\n", f64_bits(d), f32_bits(f),
               (int64_t)(a * 1000), (int)b, a < b, a == b, a >= b);
        put("from int", (Quad)(int64_t)rnd() + (Quad)(uint32_t)rnd() - (Quad)(uint64_t)rnd());
    }
    volatile Quad zero = 0, one = 1;
    put("inf", one / zero);
    put("nan", zero / zero);
    put("-0", -zero);
    Quad pi = 0, sign = 1;
    for (int k = 0; k < 2000; k++, sign = -sign)
        pi += sign * 4 / (2 * k + 1);
    put("pi", pi);
    char text[80];
    strfromf128(text, sizeof text, "%.33g", pi);
    puts(text);
    put("back", strtof128(text, NULL));
    put("third", strtof128("0.333333333333333333333333333333333333333333", NULL));
#ifdef __aarch64__
    // Here it is long double too.
    char same[80];
    snprintf(same, sizeof same, "%.33Lg", (long double)pi);
    puts(strcmp(text, same) == 0 ? "same text" : "other text");
#else
    puts("same text");
#endif
    return 0;
}
