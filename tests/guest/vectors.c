// Vector arithmetic through the compilers' generic vectors: integer and float lanes of every width.
#include "guest.h"

typedef int8_t I8 __attribute__((vector_size(16)));
typedef uint8_t U8 __attribute__((vector_size(16)));
typedef int16_t I16 __attribute__((vector_size(16)));
typedef uint16_t U16 __attribute__((vector_size(16)));
typedef int32_t I32 __attribute__((vector_size(16)));
typedef uint32_t U32 __attribute__((vector_size(16)));
typedef int64_t I64 __attribute__((vector_size(16)));
typedef uint64_t U64 __attribute__((vector_size(16)));
typedef float F32 __attribute__((vector_size(16)));
typedef double F64 __attribute__((vector_size(16)));

static U64 rnd_vector(void)
{
    return (U64){rnd(), rnd()};
}

#define PUT(v)                                                                                                 \
    do {                                                                                                       \
        U64 put = (U64)(v);                                                                                    \
        digest(put[0]), digest(put[1]);                                                                        \
    } while (0)

#define INTEGERS(U, I, LANES, BITS)                                                                            \
    __attribute__((noinline)) static void ops_##U(U a, U b)                                                    \
    {                                                                                                          \
        I sa = (I)a, sb = (I)b;                                                                                \
        PUT(a + b);                                                                                            \
        PUT(a - b);                                                                                            \
        PUT(a * b);                                                                                            \
        PUT(-a);                                                                                               \
        PUT(a & b);                                                                                            \
        PUT(a | ~b);                                                                                           \
        PUT(a ^ b);                                                                                            \
        PUT(a << 3);                                                                                           \
        PUT(a >> 5);                                                                                           \
        PUT(sa >> 2);                                                                                          \
        PUT(a << (b & (BITS - 1)));                                                                            \
        PUT(a >> (b & (BITS - 1)));                                                                            \
        PUT(sa >> (sb & (BITS - 1)));                                                                          \
        PUT(sa > sb);                                                                                          \
        PUT(a >= b);                                                                                           \
        PUT(a == b);                                                                                           \
        PUT((a & (U)(sa < sb)) | (b & ~(U)(sa < sb)));                                                                             \
        PUT((a & (U)(a > b)) | (b & ~(U)(a > b)));                                                                               \
        PUT((sa ^ (sa < 0)) - (sa < 0));                                                                                \
        PUT(a / (b | 1));                                                                                      \
        PUT(__builtin_shuffle(a, b, a & (2 * LANES - 1)));                                                     \
        U sum = a;                                                                                             \
        for (int i = 0; i < LANES; i++)                                                                        \
            sum[i] = (__typeof__(sum[0]))(sum[i] + b[LANES - 1 - i] + sum[i ? i - 1 : 0]);                     \
        PUT(sum);                                                                                              \
    }

INTEGERS(U8, I8, 16, 8)
INTEGERS(U16, I16, 8, 16)
INTEGERS(U32, I32, 4, 32)
INTEGERS(U64, I64, 2, 64)

__attribute__((noinline)) static void floats(F32 a, F32 b)
{
    F32 all[] = {a + b, a - b, a * b, a / b, -a, (F32)((I32)(a < b) & (I32)a)};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (int i = 0; i < 4; i++)
            digest(f32_bits(all[k][i]));
    PUT(a < b);
    PUT(a == b);
    PUT(a != b);
    PUT(a >= b);
}

__attribute__((noinline)) static void conversions(I32 a, U32 b)
{
    F32 f = __builtin_convertvector(a, F32) / 512 + __builtin_convertvector(b >> 16, F32) / 3;
    PUT(f);
    PUT(__builtin_convertvector(f, I32));
    PUT(__builtin_convertvector(__builtin_convertvector(b, F32) / 2, U32));
}

__attribute__((noinline)) static void doubles(F64 a, F64 b)
{
    F64 all[] = {a + b, a - b, a * b, a / b, -a, (F64)((I64)(a <= b) & (I64)b)};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (int i = 0; i < 2; i++)
            digest(f64_bits(all[k][i]));
    PUT(a < b);
    PUT(a == b);
}

// Loops that the compiler turns into vector code at -O3.
__attribute__((noinline)) static void loops(int n)
{
    static int32_t x[512], y[512];
    static int16_t h[512];
    static uint8_t c[512], d[512];
    static float f[512], g[512];
    static double e[512];
    for (int i = 0; i < n; i++) {
        x[i] = (int32_t)rnd(), h[i] = (int16_t)rnd(), c[i] = (uint8_t)rnd(), d[i] = (uint8_t)rnd();
        f[i] = (float)(int16_t)rnd() / 16, g[i] = (float)(int8_t)rnd();
    }
    int64_t sum = 0;
    int32_t low = INT32_MAX;
    uint32_t sad = 0, dot = 0;
    for (int i = 0; i < n; i++) {
        y[i] = (x[i] >> 3) * 5 + h[i];
        sum += x[i];
        low = x[i] < low ? x[i] : low;
        sad += (uint32_t)(c[i] > d[i] ? c[i] - d[i] : d[i] - c[i]);
        dot += (uint32_t)c[i] * d[i];
    }
    for (int i = 0; i < n; i++) {
        e[i] = (double)f[i] * 0.5 + (double)x[i];
        g[i] = f[i] > g[i] ? f[i] * g[i] : f[i] - g[i];
        h[i] = (int16_t)f[i];
        c[i] = (uint8_t)((c[i] + d[i] + 1) >> 1);
    }
    for (int i = 0; i < n; i++) {
        digest((uint32_t)y[i]);
        digest(f64_bits(e[i]));
        digest(f32_bits(g[i]));
        digest((uint16_t)h[i] | (uint64_t)c[i] << 16);
    }
    digest((uint64_t)sum ^ (uint32_t)low ^ sad ^ dot);
}

int main(void)
{
    for (int i = 0; i < 400; i++) {
        U64 a = rnd_vector(), b = rnd_vector();
        if (i % 9 == 0)
            b = a;
        ops_U8((U8)a, (U8)b);
        ops_U16((U16)a, (U16)b);
        ops_U32((U32)a, (U32)b);
        ops_U64(a, b);
        F32 x, y;
        F64 p, q;
        for (int k = 0; k < 4; k++)
            x[k] = (float)(int32_t)rnd() / 512, y[k] = f32_from((uint32_t)rnd());
        for (int k = 0; k < 2; k++)
            p[k] = rnd_double(), q[k] = rnd_double();
        conversions((I32)a, (U32)b);
        floats(x, y);
        floats(y, x);
        doubles(p, q);
    }
    digest_print("lanes");
    for (int n = 1; n < 512; n += 37)
        loops(n);
    digest_print("loops");
    return 0;
}
